//! Answers as JSON: `{ "wiki-name": "Our Wiki" }`. The parser says whether it is JSON; where the names stand, and whether one stands
//! there twice, is seen by a walk through the text, which may rely on that.

use super::{Entry, Raw, Value};
use serde_json::Value as Json;
use std::ops::Range;

const HELP: &str = "answers look like: { \"wiki-name\": \"Our Wiki\", \"port\": 8080 }";

pub fn read(text: &str) -> Raw {
    let mut raw = Raw::default();
    match serde_json::from_str::<Json>(text) {
        Ok(Json::Object(_)) => {}
        Ok(_) => {
            raw.wrong(0..0, "no JSON object", HELP);
            return raw;
        }
        Err(error) => {
            let before: usize =
                text.split('\n').take(error.line().saturating_sub(1)).map(|l| l.len() + 1).sum();
            let at = (before + error.column().saturating_sub(1)).min(text.len());
            raw.wrong(at..at, "not JSON from here on", HELP);
            return raw;
        }
    }
    for (key, member) in members(text) {
        let parsed = (serde_json::from_str(&text[key.clone()]), serde_json::from_str(&text[member]));
        if let (Ok(name), Ok(json)) = parsed {
            raw.entries.push(Entry { name, value: value(json), place: key });
        }
    }
    raw
}

/// The names and values of the outer object of a text that is one.
fn members(text: &str) -> Vec<(Range<usize>, Range<usize>)> {
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    let (mut found, mut key, mut start) = (vec![], 0..0, 0);
    for (at, byte) in text.bytes().enumerate() {
        if quoted {
            (quoted, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
            if !quoted && depth == 1 && key.end == 0 {
                key.end = at + 1;
            }
            continue;
        }
        match byte {
            b'"' => {
                quoted = true;
                if depth == 1 && key.end == 0 {
                    key.start = at;
                }
            }
            b':' if depth == 1 => start = at + 1,
            b',' | b'}' if depth == 1 => {
                if key.end > 0 {
                    found.push((std::mem::replace(&mut key, 0..0), start..at));
                }
                depth -= usize::from(byte == b'}');
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    found
}

fn value(json: Json) -> Value {
    let text = |json: &Json| match json {
        Json::String(text) => Some(text.clone()),
        Json::Bool(yes) => Some(yes.to_string()),
        Json::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    };
    match &json {
        Json::Array(list) => match list.iter().map(text).collect() {
            Some(texts) => Value::List(texts),
            None => Value::Other("a list with something other than texts in it", "write texts in the list"),
        },
        Json::Object(_) => Value::Other("an object", "write one text"),
        Json::Null => Value::Other("null", "leave it out, or write \"\" for an empty answer"),
        one => text(one)
            .map_or(Value::Other("a number with a point", "write it in quotation marks"), Value::Text),
    }
}
