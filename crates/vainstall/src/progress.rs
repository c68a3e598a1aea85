//! Progress: a bar, plain lines, or events as JSON Lines.

use crate::page::Page;
use appliance::problem::printable;
use events::{Event, Kind, Status, Stream};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Moves, and leaves one line for each stage.
    Bar,
    /// Each line of the package manager too.
    Plain,
    /// Events, see the crate `events`.
    Json,
}

impl Style {
    pub fn for_this_terminal() -> Self {
        if io::stderr().is_terminal() { Style::Bar } else { Style::Plain }
    }
}

/// Where the work tells how it is going.
pub struct Progress {
    style: Style,
    /// Standard output is kept for the ending's JSON.
    to_stderr: bool,
    bar: Option<(ProgressBar, String, Instant)>,
    /// Tells it too.
    page: Option<Page>,
}

impl Progress {
    pub fn new(style: Style, to_stderr: bool) -> Self {
        Progress { style, to_stderr, bar: None, page: None }
    }

    /// Tells everything on the page, too.
    pub fn show_on(&mut self, page: Page) {
        self.page = Some(page);
    }

    pub fn page(&self) -> Option<&Page> {
        self.page.as_ref()
    }

    pub fn style(&self) -> Style {
        self.style
    }

    pub fn say(&mut self, kind: Kind) {
        if let Some(page) = &self.page {
            page.board().hear(&kind);
        }
        match self.style {
            Style::Json => self.line(Event::new(now(), kind).to_line().trim_end()),
            Style::Plain => self.plain(kind),
            Style::Bar => self.moving(kind),
        }
    }

    pub fn phase(&mut self, index: u32, id: &str, title: &str) {
        self.say(Kind::Phase { id: id.into(), title: title.into(), index: Some(index), of: Some(5) });
    }

    pub fn warn(&mut self, message: impl Into<String>) {
        self.say(Kind::Warning { message: message.into() });
    }

    /// Something found or done, worth a line.
    pub fn note(&mut self, line: impl Into<String>) {
        let line = line.into();
        let log = Kind::Log { stream: Stream::Stdout, line: line.clone() };
        self.say(log);
        if self.style == Style::Bar {
            self.above(&format!("      {}", harmless(&line)));
        }
    }

    /// Takes the bar away, for a question or the ending.
    pub fn pause(&mut self) {
        if let Some((bar, title, since)) = self.bar.take() {
            bar.finish_and_clear();
            eprintln!("{title} ({:.1} s)", since.elapsed().as_secs_f64());
        }
    }

    fn plain(&mut self, kind: Kind) {
        match kind {
            Kind::Phase { title, index, of, .. } => self.line(&headline(&title, index, of)),
            // a number that moves is nothing for a log
            Kind::Progress { .. } => {}
            Kind::Log { line, .. } => self.line(&format!("      {}", harmless(&line))),
            Kind::Warning { message } => self.line(&format!("warning: {}", harmless(&message))),
            Kind::Artifact { .. } | Kind::Table { .. } | Kind::Text { .. } | Kind::Secret { .. } => {}
            Kind::Result { .. } => {}
        }
    }

    fn moving(&mut self, kind: Kind) {
        match kind {
            Kind::Phase { title, index, of, .. } => {
                self.pause();
                let headline = headline(&title, index, of);
                let bar = ProgressBar::new(1000);
                bar.set_style(spinner());
                bar.set_prefix(headline.clone());
                bar.enable_steady_tick(Duration::from_millis(100));
                self.bar = Some((bar, headline, Instant::now()));
            }
            Kind::Progress { percent, detail } => {
                if let Some((bar, ..)) = &self.bar {
                    bar.set_style(measured());
                    bar.set_position((percent * 10.0) as u64);
                    bar.set_message(harmless(&detail));
                }
            }
            Kind::Warning { message } => self.above(&format!("warning: {}", harmless(&message))),
            Kind::Log { .. }
            | Kind::Artifact { .. }
            | Kind::Table { .. }
            | Kind::Text { .. }
            | Kind::Secret { .. } => {}
            Kind::Result { status, .. } => {
                if status == Status::Ok {
                    self.pause();
                } else if let Some((bar, title, _)) = self.bar.take() {
                    bar.finish_and_clear();
                    eprintln!("{title}: failed");
                }
            }
        }
    }

    fn above(&self, line: &str) {
        match &self.bar {
            Some((bar, ..)) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// Nobody reading any more is no reason to stop the work.
    fn line(&self, line: &str) {
        let _ =
            if self.to_stderr { writeln!(io::stderr(), "{line}") } else { writeln!(io::stdout(), "{line}") };
    }
}

/// What packages say, without orders to the terminal.
pub fn harmless(line: &str) -> String {
    printable(&line.replace('\t', "    "))
}

fn headline(title: &str, index: Option<u32>, of: Option<u32>) -> String {
    match (index, of) {
        (Some(index), Some(of)) => format!("[{index}/{of}] {title}"),
        _ => title.into(),
    }
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{prefix} {spinner} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn measured() -> ProgressStyle {
    ProgressStyle::with_template("{prefix} [{bar:30}] {percent:>3} % {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
