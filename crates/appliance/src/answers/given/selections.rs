//! Answers as debconf's selections: what `debconf-get-selections` prints and preseed files hold.

use super::{Entry, Raw, Value};
use debconf::selections::{self, KINDS};
use std::collections::BTreeSet;

const HELP: &str = "a line looks like: PACKAGE PACKAGE/QUESTION string ANSWER";

pub fn is_type(word: &str) -> bool {
    KINDS.contains(&word)
}

pub fn read(text: &str, appliance: &str) -> Raw {
    let mut raw = Raw::default();
    let own = format!("{appliance}-appliance-seed/");
    let mut first = BTreeSet::new();
    for line in selections::parse(text) {
        let place = line.place;
        match line.selection {
            Err(error) => raw.wrong(place, error.to_string(), HELP),
            Ok(selection) => match selection.question.strip_prefix(&own) {
                Some(name) => {
                    let value = Value::Debconf(selection.value);
                    raw.entries.push(Entry { name: name.into(), value, place });
                }
                None => {
                    let name = selection.question.clone();
                    if !first.insert(name.clone()) {
                        let message = format!("`{name}` is answered a second time");
                        raw.wrong(place, message, "keep one of the lines");
                        continue;
                    }
                    raw.foreign.push(selection);
                }
            },
        }
    }
    raw
}
