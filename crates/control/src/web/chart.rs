//! Lines over time, drawn as SVG on the server. What a chart says to the eye it also says in words, for those who do not see it. Pure.

use crate::text;
use broker_protocol::{Band, Line, Load, Measure, Span};
use std::fmt::Write;

/// Units from the bottom to the top.
const HEIGHT: f64 = 100.0;

/// A chart, ready for its template.
#[derive(Debug, PartialEq)]
pub struct Chart {
    /// For the ids of its parts.
    pub id: &'static str,
    pub title: &'static str,
    /// What the top is, e.g. `100 %`.
    pub top: String,
    /// Units from left to right.
    pub width: usize,
    pub lines: Vec<Drawn>,
    /// What stands below: how long ago the left end and the middle are.
    pub ago: [&'static str; 2],
    /// What it shows, in words.
    pub words: String,
}

/// A line with what it was between.
#[derive(Debug, PartialEq)]
pub struct Drawn {
    pub class: &'static str,
    pub name: &'static str,
    /// Path data (SVG 2, chapter 9): from the least to the most; empty where these are one.
    pub band: String,
    /// Path data of the means.
    pub mean: String,
    pub now: String,
    pub words: String,
}

/// What is drawn together: id, title, and the lines with their names.
type Group = (&'static str, &'static str, &'static [(Measure, &'static str)]);

const GROUPS: &[Group] = &[
    ("processor", "Processor", &[(Measure::Processor, "Busy")]),
    ("memory", "Memory", &[(Measure::Memory, "Memory"), (Measure::Swap, "Swap")]),
    ("disk", "Disk", &[(Measure::Disk, "Used")]),
    ("network", "Network", &[(Measure::Received, "Received"), (Measure::Sent, "Sent")]),
    ("transfer", "Disk traffic", &[(Measure::Read, "Read"), (Measure::Written, "Written")]),
];

/// All charts, or the first so many.
pub fn charts(load: &Load, most: usize) -> Vec<Chart> {
    GROUPS.iter().take(most).map(|group| chart(load, group)).collect()
}

/// Whether anybody has looked at all.
pub fn is_empty(load: &Load) -> bool {
    load.lines.iter().all(|line| line.whole.is_none())
}

/// `now 12 %, 5 % on average, between 1 % and 80 %`
pub fn words(line: &Line) -> String {
    let value = |v: f64| value(line.measure, v);
    let Some(Band(least, mean, most)) = line.whole else { return "not measured".into() };
    let now = line.now.map_or(String::new(), |v| format!("now {}, ", value(v)));
    format!("{now}{} on average, between {} and {}", value(mean), value(least), value(most))
}

/// `12 %`, `1.4 MB/s`
pub fn value(measure: Measure, value: f64) -> String {
    match measure.is_share() {
        true if value > 0.0 && value < 9.95 => format!("{value:.1} %"),
        true => format!("{value:.0} %"),
        false => format!("{}/s", text::size(value as u64)),
    }
}

fn chart(load: &Load, (id, title, names): &Group) -> Chart {
    let line = |measure: Measure| load.lines.iter().find(|l| l.measure == measure);
    let lines: Vec<(&Line, &'static str)> =
        names.iter().filter_map(|(m, name)| Some((line(*m)?, *name))).collect();
    // a machine without swap has no line of it
    let lines: Vec<_> = lines
        .into_iter()
        .filter(|(l, _)| l.measure != Measure::Swap || l.whole.is_some_and(|b| b.2 > 0.0))
        .collect();
    let most = lines.iter().filter_map(|(l, _)| l.whole).map(|b| b.2).fold(0.0, f64::max);
    let share = lines.iter().all(|(l, _)| l.measure.is_share());
    let top = if share { 100.0 } else { nice(most) };
    let measure = lines.first().map_or(Measure::Processor, |(l, _)| l.measure);
    let drawn: Vec<Drawn> =
        lines.iter().zip(["a", "b"]).map(|((l, name), class)| draw(l, name, class, top)).collect();
    let words: Vec<String> = match drawn.as_slice() {
        [one] => vec![one.words.clone()],
        more => more.iter().map(|d| format!("{}: {}", d.name, d.words)).collect(),
    };
    Chart {
        id,
        title,
        top: value(measure, top),
        width: lines.first().map_or(1, |(l, _)| l.points.len()),
        lines: drawn,
        ago: ago(load.span),
        words: words.join(". "),
    }
}

fn draw(line: &Line, name: &'static str, class: &'static str, top: f64) -> Drawn {
    let y = |v: f64| (HEIGHT - v / top * HEIGHT).round().clamp(0.0, HEIGHT) as i32;
    let (mut band, mut mean) = (String::new(), String::new());
    for (at, run) in runs(&line.points) {
        let of = |part: fn(&Band) -> f64| run.iter().map(|b| y(part(b))).collect::<Vec<i32>>();
        let (least, middle, most) = (of(|b| b.0), of(|b| b.1), of(|b| b.2));
        path(&mut mean, at, &middle);
        if run.len() == 1 {
            mean += "h1";
        } else if least != most {
            path(&mut band, at, &most);
            let _ = write!(band, "V{}", least[least.len() - 1]);
            let back: Vec<i32> = least.into_iter().rev().collect();
            steps(&mut band, &back, -1);
            band.push('z');
        }
    }
    let now = line.now.map(|v| value(line.measure, v)).unwrap_or_default();
    Drawn { class, name, band, mean, now, words: words(line) }
}

/// Points without a gap between them, and where they begin.
fn runs(points: &[Option<Band>]) -> Vec<(usize, Vec<Band>)> {
    let mut runs: Vec<(usize, Vec<Band>)> = vec![];
    for (at, band) in points.iter().enumerate().filter_map(|(at, band)| Some((at, (*band)?))) {
        match runs.last_mut() {
            Some((begin, run)) if *begin + run.len() == at => run.push(band),
            _ => runs.push((at, vec![band])),
        }
    }
    runs
}

fn path(into: &mut String, at: usize, heights: &[i32]) {
    let _ = write!(into, "M{at} {}", heights[0]);
    steps(into, heights, 1);
}

/// From point to point, relative, as short as it can be said: level stretches are one step.
fn steps(into: &mut String, heights: &[i32], direction: i32) {
    let (mut level, mut last) = (0, ' ');
    let flush = |into: &mut String, level: &mut i32, last: &mut char| {
        if *level != 0 {
            let _ = write!(into, "h{}", *level * direction);
            (*level, *last) = (0, 'h');
        }
    };
    for pair in heights.windows(2) {
        let change = pair[1] - pair[0];
        if change == 0 {
            level += 1;
            continue;
        }
        flush(into, &mut level, &mut last);
        let begin = if last == 'l' { if direction > 0 { " " } else { "" } } else { "l" };
        let between = if change < 0 { "" } else { " " };
        let _ = write!(into, "{begin}{direction}{between}{change}");
        last = 'l';
    }
    flush(into, &mut level, &mut last);
}

/// 1, 2 or 5 with zeros: not less than the value.
fn nice(value: f64) -> f64 {
    let mut unit = 1000.0;
    loop {
        for step in [1.0, 2.0, 5.0] {
            if step * unit >= value {
                return step * unit;
            }
        }
        unit *= 10.0;
    }
}

fn ago(span: Span) -> [&'static str; 2] {
    match span {
        Span::Hour => ["1 hour ago", "30 min ago"],
        Span::Day => ["1 day ago", "12 hours ago"],
        Span::Week => ["1 week ago", "3½ days ago"],
        Span::Month => ["30 days ago", "15 days ago"],
        Span::Year => ["1 year ago", "6 months ago"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(measure: Measure, points: Vec<Option<Band>>) -> Line {
        let most = points.iter().flatten().map(|b| b.2).fold(0.0, f64::max);
        Line { measure, now: Some(12.0), whole: Some(Band(1.0, 5.0, most)), points }
    }

    #[test]
    fn a_line_is_drawn_and_said() {
        let (low, high) = (Band(0.0, 10.0, 20.0), Band(40.0, 50.0, 60.0));
        let points =
            vec![Some(low), Some(low), Some(low), Some(high), None, Some(high), None, Some(low), Some(high)];
        let drawn = draw(&line(Measure::Processor, points), "Busy", "a", 100.0);
        assert_eq!(drawn.mean, "M0 90h2l1-40M5 50h1M7 90l1-40");
        assert_eq!(drawn.band, "M0 80h2l1-40V60l-1 40h-2zM7 80l1-40V60l-1 40z");
        assert_eq!(drawn.words, "now 12 %, 5.0 % on average, between 1.0 % and 60 %");
        let flat = Band(7.0, 7.0, 7.0);
        let drawn = draw(&line(Measure::Sent, vec![Some(flat); 60]), "Sent", "b", 10.0);
        assert_eq!((drawn.mean.as_str(), drawn.band.as_str()), ("M0 30h59", ""));
    }

    #[test]
    fn a_scale_is_a_round_number() {
        for (value, expect) in
            [(0.0, 1000.0), (1500.0, 2000.0), (2001.0, 5000.0), (51e6, 100e6), (4.2e9, 5e9)]
        {
            assert_eq!(nice(value), expect);
        }
    }

    /// The worst that a machine can do: every point differs from the one before.
    #[test]
    fn a_year_of_a_restless_machine_is_small() {
        let points: Vec<Option<Band>> = (0..183)
            .map(|n| Some(if n % 2 == 0 { Band(0.0, 1.0, 2.0) } else { Band(90.0, 95.0, 100.0) }))
            .collect();
        let lines = Measure::ALL.map(|m| line(m, points.clone()));
        let load = Load { span: Span::Year, begin: 0, step: 172_800, lines: lines.into() };
        let bytes: usize =
            charts(&load, 9).iter().flat_map(|c| &c.lines).map(|l| l.band.len() + l.mean.len()).sum();
        assert!(bytes < 28_000, "{bytes}");
    }
}
