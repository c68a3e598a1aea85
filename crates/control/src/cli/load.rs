//! How busy the machine was.

use crate::{
    cli::{
        session::{Session, strange},
        show::table,
    },
    web::chart::value,
};
use anyhow::Result;
use broker_protocol::{Answer, Ask, Band, Line, Measure, Span};
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// Columns of a terminal that a line's course takes.
const WIDTH: usize = 48;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// `load [--span SPAN]`
pub fn load(session: &Session, span: Span) -> Result<ExitCode> {
    let Answer::Load(load) = session.ask(Ask::Load { span })? else { return Err(strange()) };
    if session.json {
        session.print_json(&load)?;
        return Ok(ExitCode::SUCCESS);
    }
    let out = &mut io::stdout().lock();
    let seen: Vec<&Line> = load.lines.iter().filter(|l| l.whole.is_some()).collect();
    if seen.is_empty() {
        writeln!(out, "Nothing measured yet: the machine looks once a minute.")?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<String>> = seen.iter().map(|line| row(line)).collect();
    let course = format!("Course of the {}", span.as_str());
    table(session, out, &["", "Now", "Least", "Average", "Most", &course], &rows)?;
    Ok(ExitCode::SUCCESS)
}

fn row(line: &Line) -> Vec<String> {
    let of = |v: Option<f64>| v.map_or("-".into(), |v| value(line.measure, v));
    let whole = line.whole;
    vec![
        name(line.measure).into(),
        of(line.now),
        of(whole.map(|b| b.0)),
        of(whole.map(|b| b.1)),
        of(whole.map(|b| b.2)),
        course(line),
    ]
}

fn name(measure: Measure) -> &'static str {
    match measure {
        Measure::Processor => "Processor",
        Measure::Memory => "Memory",
        Measure::Swap => "Swap",
        Measure::Disk => "Disk used",
        Measure::Read => "Disk read",
        Measure::Written => "Disk written",
        Measure::Received => "Network received",
        Measure::Sent => "Network sent",
    }
}

/// The means as bars, the highest of a rate as a full one; blanks where nobody has looked.
fn course(line: &Line) -> String {
    let top = if line.measure.is_share() { 100.0 } else { line.whole.map_or(1.0, |b| b.2).max(1.0) };
    let mut bars = String::new();
    for column in 0..WIDTH {
        let part = |n: usize| n * line.points.len() / WIDTH;
        let points =
            &line.points[part(column)..part(column + 1).max(part(column) + 1).min(line.points.len())];
        let means: Vec<f64> = points.iter().flatten().map(|Band(_, mean, _)| *mean).collect();
        bars.push(match means.len() {
            0 => ' ',
            count => {
                let mean = means.iter().sum::<f64>() / count as f64;
                BARS[((mean / top * BARS.len() as f64) as usize).min(BARS.len() - 1)]
            }
        });
    }
    bars
}
