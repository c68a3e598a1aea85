//! Answers as TOML: `wiki-name = "Our Wiki"`.

use super::{Entry, Raw, Value};
use toml::de::{DeTable, DeValue};

const QUOTED: &str = "write it in quotation marks";

pub fn read(text: &str) -> Raw {
    let mut raw = Raw::default();
    if let Some(at) = crate::load::too_deep(text) {
        raw.wrong(at..at + 1, "nested too deeply", "an answer is a text or a list of texts");
        return raw;
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        // the parser's own words are fixed ones
        let message = format!("not TOML: {}", error.message());
        raw.wrong(error.span().unwrap_or(0..0), message, "an answer looks like: wiki-name = \"Our Wiki\"");
    }
    raw.entries = table
        .get_ref()
        .iter()
        .map(|(key, node)| Entry {
            name: key.get_ref().to_string(),
            value: value(node.get_ref()),
            place: key.span(),
        })
        .collect();
    raw.entries.sort_by_key(|e| e.place.start);
    raw
}

fn value(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::Array(list) => {
            let texts: Option<Vec<String>> = list.iter().map(|node| text(node.get_ref())).collect();
            texts.map_or(Value::Other("a list with something other than texts in it", QUOTED), Value::List)
        }
        DeValue::Table(_) => Value::Other("a table", "write one answer in one line: name = \"…\""),
        DeValue::Float(_) => Value::Other("a number with a point", QUOTED),
        DeValue::Datetime(_) => Value::Other("a date", QUOTED),
        one => text(one).map_or(Value::Other("too large a number", QUOTED), Value::Text),
    }
}

fn text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Boolean(yes) => Some(yes.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n.to_string())
        }
        _ => None,
    }
}
