//! Answers as YAML: `wiki-name: Our Wiki`. An answer is the text as it stands there, so `8080`, `0123` and `no` stay what was written.

use super::{Entry, Raw, Value};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::ops::Range;

const HELP: &str = "an answer looks like: wiki-name: \"Our Wiki\"";

/// Where in the document an event stands.
struct Walk<'a> {
    text: &'a str,
    /// Byte of each character, for the parser counts characters.
    offsets: Vec<usize>,
    events: Vec<(Event<'a>, Span)>,
    next: usize,
}

/// The answers in the mapping below these keys; nothing when one of them is not there.
pub fn read(text: &str, below: &[&str]) -> Raw {
    let mut raw = Raw::default();
    let offsets: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut events = vec![];
    for event in Parser::new_from_str(text) {
        match event {
            Ok((Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _)) => {}
            Ok((Event::DocumentEnd | Event::StreamEnd, _)) => break,
            Ok(event) => events.push(event),
            Err(error) => {
                let at = offsets.get(error.marker().index()).copied().unwrap_or(text.len());
                raw.wrong(at..at, "not YAML from here on", HELP);
                return raw;
            }
        }
    }
    let mut walk = Walk { text, offsets, events, next: 0 };
    walk.mapping(below, &mut raw);
    raw
}

impl<'a> Walk<'a> {
    fn mapping(&mut self, below: &[&str], raw: &mut Raw) {
        match self.take() {
            // nothing but comments
            None => return,
            Some((Event::MappingStart(..), _)) => {}
            Some((Event::Scalar(text, ScalarStyle::Plain, ..), _)) if is_null(&text) => return,
            Some((_, place)) => return raw.wrong(place, "no answers with their names", HELP),
        }
        while let Some((event, place)) = self.take() {
            let name = match event {
                Event::MappingEnd => return,
                Event::Scalar(text, ..) => text.into_owned(),
                other => {
                    self.skip(&other);
                    self.value();
                    raw.wrong(place, "a name that is no text", HELP);
                    continue;
                }
            };
            match below.split_first() {
                Some((wanted, rest)) if *wanted == name => self.mapping(rest, raw),
                Some(_) => drop(self.value()),
                None => {
                    let value = self.value();
                    raw.entries.push(Entry { name, value, place });
                }
            }
        }
    }

    fn value(&mut self) -> Value {
        let Some((event, _)) = self.take() else { return EMPTY };
        match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) if is_null(&text) => EMPTY,
            Event::Scalar(text, ..) => Value::Text(text.into_owned()),
            Event::SequenceStart(..) => {
                let (mut list, mut sound) = (vec![], true);
                while let Some((event, _)) = self.take() {
                    match event {
                        Event::SequenceEnd => break,
                        Event::Scalar(text, ..) => list.push(text.into_owned()),
                        other => {
                            self.skip(&other);
                            sound = false;
                        }
                    }
                }
                if sound {
                    Value::List(list)
                } else {
                    Value::Other("a list with something other than texts in it", HELP)
                }
            }
            Event::Alias(_) => Value::Other("a reference to another place", "write the answer itself"),
            other => {
                self.skip(&other);
                Value::Other("a mapping", "write one text")
            }
        }
    }

    /// To the end of what has just begun.
    fn skip(&mut self, first: &Event<'_>) {
        let step = |event: &Event<'_>| match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => 1i64,
            Event::MappingEnd | Event::SequenceEnd => -1,
            _ => 0,
        };
        let mut depth = step(first);
        while depth > 0
            && let Some((event, _)) = self.take()
        {
            depth += step(&event);
        }
    }

    fn take(&mut self) -> Option<(Event<'a>, Range<usize>)> {
        let (event, span) = self.events.get(self.next)?.clone();
        self.next += 1;
        let byte = |index: usize| self.offsets.get(index).copied().unwrap_or(self.text.len());
        Some((event, byte(span.start.index())..byte(span.end.index())))
    }
}

const EMPTY: Value = Value::Other("empty", "leave it out, or write \"\" for an empty answer");

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}
