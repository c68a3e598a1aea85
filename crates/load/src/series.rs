//! A span of time in at most [`MOST`] points, each with the least, the mean and the most of its minutes.

use crate::{record::Record, ring::Ring};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io;

/// Points of a line.
pub const MOST: usize = 200;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Span {
    Hour,
    #[default]
    Day,
    Week,
    Month,
    Year,
}

impl Span {
    pub const ALL: [Span; 5] = [Span::Hour, Span::Day, Span::Week, Span::Month, Span::Year];

    pub fn as_str(self) -> &'static str {
        match self {
            Span::Hour => "hour",
            Span::Day => "day",
            Span::Week => "week",
            Span::Month => "month",
            Span::Year => "year",
        }
    }

    /// Minutes of a point, and points.
    pub fn shape(self) -> (u32, u32) {
        match self {
            Span::Hour => (1, 60),
            Span::Day => (10, 144),
            Span::Week => (60, 168),
            Span::Month => (4 * 60, 180),
            Span::Year => (48 * 60, 183),
        }
    }
}

impl std::str::FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Span, String> {
        let found = Span::ALL.into_iter().find(|s| s.as_str() == text);
        found.ok_or_else(|| "a span is hour, day, week, month or year".into())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Percent; so are the three below.
    Processor,
    Memory,
    Swap,
    /// Of the root file system.
    Disk,
    /// Bytes a second; so are the three below.
    Read,
    Written,
    Received,
    Sent,
}

impl Measure {
    pub const ALL: [Measure; 8] = [
        Measure::Processor,
        Measure::Memory,
        Measure::Swap,
        Measure::Disk,
        Measure::Read,
        Measure::Written,
        Measure::Received,
        Measure::Sent,
    ];

    pub fn is_share(self) -> bool {
        matches!(self, Measure::Processor | Measure::Memory | Measure::Swap | Measure::Disk)
    }

    fn of(self, record: &Record) -> f64 {
        let share = |hundredths: u16| f64::from(hundredths) / 100.0;
        match self {
            Measure::Processor => share(record.processor),
            Measure::Memory => share(record.memory),
            Measure::Swap => share(record.swap),
            Measure::Disk => share(record.disk),
            Measure::Read => record.read.into(),
            Measure::Written => record.written.into(),
            Measure::Received => record.received.into(),
            Measure::Sent => record.sent.into(),
        }
    }
}

/// Least, mean, most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Band(pub f64, pub f64, pub f64);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    pub measure: Measure,
    /// Of the last minutes; none when nobody has looked.
    pub now: Option<f64>,
    /// Of the whole span.
    pub whole: Option<Band>,
    /// None where nobody has looked.
    pub points: Vec<Option<Band>>,
}

/// The load over a span that ends now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Load {
    pub span: Span,
    /// Seconds since 1970 at which the first point begins.
    pub begin: u64,
    /// Seconds of a point.
    pub step: u64,
    pub lines: Vec<Line>,
}

/// How old the newest record may be to be called now, in minutes.
const NOW: u32 = 3;

/// What the file has of the span that ends at `now` (seconds since 1970); without a file, gaps.
pub fn read(ring: Option<&Ring>, span: Span, now: u64) -> io::Result<Load> {
    let now = (now / 60) as u32;
    let (step, points) = span.shape();
    let begin = (now / step).saturating_sub(points - 1);
    let mut gathered = vec![[Gathered::default(); Measure::ALL.len()]; points as usize];
    let mut newest = None;
    if let Some(ring) = ring {
        ring.each(begin * step, now, |record| {
            let point = (record.minute / step - begin) as usize;
            for (slot, measure) in gathered[point].iter_mut().zip(Measure::ALL) {
                slot.add(measure.of(record));
            }
            newest = Some(*record);
        })?;
    }
    let newest = newest.filter(|r| now - r.minute < NOW);
    let line = |(i, measure): (usize, Measure)| {
        let mut whole = Gathered::default();
        gathered.iter().for_each(|point| whole.join(&point[i]));
        Line {
            measure,
            now: newest.map(|r| measure.of(&r)),
            whole: whole.band(measure),
            points: gathered.iter().map(|point| point[i].band(measure)).collect(),
        }
    };
    let lines = Measure::ALL.into_iter().enumerate().map(line).collect();
    Ok(Load { span, begin: u64::from(begin * step) * 60, step: u64::from(step) * 60, lines })
}

/// Some minutes' values.
#[derive(Debug, Clone, Copy, Default)]
struct Gathered {
    count: u32,
    sum: f64,
    least: f64,
    most: f64,
}

impl Gathered {
    fn add(&mut self, value: f64) {
        self.join(&Gathered { count: 1, sum: value, least: value, most: value });
    }

    fn join(&mut self, other: &Gathered) {
        if other.count == 0 {
            return;
        }
        let first = self.count == 0;
        self.least = if first { other.least } else { self.least.min(other.least) };
        self.most = if first { other.most } else { self.most.max(other.most) };
        self.sum += other.sum;
        self.count += other.count;
    }

    fn band(&self, measure: Measure) -> Option<Band> {
        // as fine as what was measured
        let round = |v: f64| if measure.is_share() { (v * 100.0).round() / 100.0 } else { v.round() };
        let mean = round(self.sum / f64::from(self.count.max(1)));
        (self.count > 0).then(|| {
            Band(round(self.least), mean.clamp(round(self.least), round(self.most)), round(self.most))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::MINUTES;
    use proptest::prelude::*;

    #[test]
    fn a_span_fits_its_points() {
        for span in Span::ALL {
            let (step, points) = span.shape();
            assert!(points as usize <= MOST && step * points <= MINUTES, "{span:?}");
            assert_eq!(span.as_str().parse(), Ok(span));
        }
        assert!("decade".parse::<Span>().is_err());
    }

    proptest! {
        /// Every minute of the span is in its point, and no other is in any.
        #[test]
        fn points_hold_their_minutes(
            which in 0..5usize,
            now in 29_000_000u32..29_400_000,
            ago in prop::collection::btree_map(0..600_000u32, 0..10_001u16, 0..60),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let ring = Ring::open(&folder.path().join("minutes")).unwrap();
            let (span, mut kept) = (Span::ALL[which], vec![]);
            for (ago, processor) in ago.iter().rev() {
                let record = Record { minute: now - ago, processor: *processor, ..Record::default() };
                ring.put(&record).unwrap();
                kept.retain(|k: &Record| k.minute % MINUTES != record.minute % MINUTES);
                kept.push(record);
            }
            let load = read(Some(&ring), span, u64::from(now) * 60 + 59).unwrap();
            let (line, (step, points)) = (&load.lines[0], span.shape());
            prop_assert_eq!(line.points.len(), points as usize);
            for (i, point) in line.points.iter().enumerate() {
                let begin = (load.begin / 60) as u32 + i as u32 * step;
                let values: Vec<f64> = kept.iter().filter(|r| r.minute >= begin && r.minute < begin + step && r.minute <= now)
                    .map(|r| f64::from(r.processor) / 100.0).collect();
                let Some(Band(least, mean, most)) = point else {
                    prop_assert!(values.is_empty());
                    continue;
                };
                prop_assert_eq!(values.iter().copied().reduce(f64::min), Some(*least));
                prop_assert_eq!(values.iter().copied().reduce(f64::max), Some(*most));
                prop_assert!((values.iter().sum::<f64>() / values.len() as f64 - mean).abs() < 0.01);
            }
            prop_assert_eq!(line.now.is_some(), kept.iter().any(|r| now - r.minute < NOW));
        }
    }

    #[test]
    fn without_a_file_there_are_gaps() {
        let load = read(None, Span::Year, 1_764_000_000).unwrap();
        assert!(load.lines.iter().all(|l| l.whole.is_none() && l.points.iter().all(Option::is_none)));
        assert!(load.begin + load.step * 183 > 1_764_000_000);
    }
}
