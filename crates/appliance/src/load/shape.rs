//! The shape: every key known, every value of its type, nothing missing. Compared with the JSON Schema, so the
//! model's types are the only place where the shape is written down.

use super::{
    report::Report,
    tree::{Entry, Node, Value},
};
use crate::{names::Mistake, problem::Kind, suggest};
use serde_json::Value as Json;
use std::ops::Range;

/// The key whose text may have several lines.
const LONG_TEXT: &str = "description";

/// Reports what does not fit and takes it out of the tree, with a hole in the place of what has to be there, so that the
/// rest can be read and checked further.
pub fn check(root: &mut Node, report: &mut Report<'_>) {
    let schema = crate::schema::schema();
    Walk { schema: &schema, report }.node(root, &schema, "");
}

struct Walk<'a, 'b> {
    schema: &'a Json,
    report: &'a mut Report<'b>,
}

impl<'a> Walk<'a, '_> {
    /// Whether the value can stay.
    fn node(&mut self, node: &mut Node, schema: &'a Json, key: &str) -> bool {
        let schema = self.resolve(schema);
        if let Some(choices) = choices(schema) {
            return self.choice(node, &choices, key);
        }
        if let Some(either) = schema.get("anyOf").and_then(Json::as_array) {
            return self.either(node, either, key);
        }
        let wanted = schema.get("type").and_then(Json::as_str).unwrap_or("object");
        match (&mut node.value, wanted) {
            (Value::Table(_), "object") => {
                self.table(node, schema, key);
                true
            }
            (Value::Array(nodes), "array") => {
                let items = schema.get("items").unwrap_or(&Json::Null);
                nodes.retain_mut(|n| self.node(n, items, key));
                true
            }
            (Value::Text(_), "string") => self.text(node, key),
            (Value::Boolean(_), "boolean") => true,
            (Value::Integer(number), "integer") => {
                let number = *number;
                self.integer(node, number, schema, key)
            }
            _ => {
                self.report.add(Kind::Type, &node.place, wrong_type(node, wanted, schema, key));
                false
            }
        }
    }

    /// One of several shapes, told apart by the value's own.
    fn either(&mut self, node: &mut Node, either: &'a [Json], key: &str) -> bool {
        let own = match node.value {
            Value::Table(_) => "object",
            Value::Array(_) => "array",
            Value::Text(_) => "string",
            _ => "",
        };
        let shapes: Vec<&'a Json> = either.iter().map(|s| self.resolve(s)).collect();
        let kind = |s: &Json| s.get("type").and_then(Json::as_str).unwrap_or("object").to_owned();
        if let Some(shape) = shapes.iter().find(|s| kind(s) == own) {
            return self.node(node, shape, key);
        }
        let named = shapes.iter().map(|s| match kind(s).as_str() {
            "string" => "text",
            "array" => "a list",
            _ => "a table",
        });
        let named = named.collect::<Vec<_>>().join(" or ");
        let mistake = Mistake::new(format!("`{key}` is {named}, this is {}", kind_of(node)));
        self.report.add(Kind::Type, &node.place, mistake.help("write it in quotation marks"));
        false
    }

    fn resolve(&self, schema: &'a Json) -> &'a Json {
        let mut schema = schema;
        while let Some(name) =
            schema.get("$ref").and_then(Json::as_str).and_then(|r| r.strip_prefix("#/$defs/"))
        {
            match self.schema.get("$defs").and_then(|d| d.get(name)) {
                Some(target) => schema = target,
                None => break,
            }
        }
        schema
    }

    fn table(&mut self, node: &mut Node, schema: &'a Json, name: &str) {
        let place = node.place.clone();
        let Value::Table(entries) = &mut node.value else { return };
        let properties = schema.get("properties").and_then(Json::as_object);
        let others = schema.get("additionalProperties").filter(|s| s.is_object());
        let required = schema.get("required").and_then(Json::as_array).into_iter().flatten();
        let mut missing: Vec<&str> = required.filter_map(Json::as_str).collect();
        entries.retain_mut(|entry| {
            let Some(schema) = properties.and_then(|p| p.get(&entry.key)).or(others) else {
                let known = properties.into_iter().flatten().map(|(k, _)| k.as_str());
                self.report.add(Kind::UnknownKey, &entry.key_place, unknown_key(&entry.key, name, known));
                return false;
            };
            if self.node(&mut entry.node, schema, &entry.key) {
                missing.retain(|m| *m != entry.key);
                return true;
            }
            if missing.contains(&entry.key.as_str()) {
                missing.retain(|m| *m != entry.key);
                entry.node = hole(entry.node.place.clone(), self.resolve(schema));
                return true;
            }
            false
        });
        for key in missing {
            let schema = properties.and_then(|p| p.get(key)).unwrap_or(&Json::Null);
            self.report.add(Kind::MissingKey, &place, missing_key(key, name, schema));
            let node = hole(place.clone(), self.resolve(schema));
            entries.push(Entry { key: key.into(), key_place: place.clone(), node });
        }
    }

    fn choice(&mut self, node: &Node, choices: &[&str], key: &str) -> bool {
        let all = || format!("write one of {}", quoted(choices));
        let mistake = match node.text() {
            Some(text) if choices.contains(&text) => return true,
            Some(text) => Mistake::new(format!("`{text}` is not a `{key}` that there is"))
                .help(suggest::nearest(text, choices.iter().copied()).map_or_else(all, |near| {
                    format!("did you mean `{near}`? There are {}", quoted(choices))
                })),
            None => Mistake::new(format!("`{key}` is text, this is {}", kind_of(node))).help(all()),
        };
        let kind = if node.text().is_some() { Kind::Value } else { Kind::Type };
        self.report.add(kind, &node.place, mistake);
        false
    }

    /// Control characters are wrong everywhere: they would reach terminals, debconf and configuration files.
    fn text(&mut self, node: &Node, key: &str) -> bool {
        let text = node.text().unwrap_or_default();
        let wrong = |c: char| c.is_control() && !(key == LONG_TEXT && matches!(c, '\n' | '\t'));
        let Some((at, c)) = text.char_indices().find(|(_, c)| wrong(*c)) else { return true };
        let mistake = match c {
            '\n' | '\r' => Mistake::at(at, format!("`{key}` is one line of text"))
                .help(format!("write it in one line; only `{LONG_TEXT}` may have several")),
            c => Mistake::at(at, format!("a control character (U+{:04X}) in `{key}`", u32::from(c)))
                .help("take it out"),
        };
        self.report.add_in_text(Kind::Text, node, mistake);
        false
    }

    fn integer(&mut self, node: &Node, number: Option<i64>, schema: &Json, key: &str) -> bool {
        let (least, most) = match schema.get("format").and_then(Json::as_str) {
            Some("uint16") => (0, i64::from(u16::MAX)),
            Some("uint32") => (0, i64::from(u32::MAX)),
            Some("int64") => (i64::MIN, i64::MAX),
            _ => (0, i64::MAX),
        };
        if number.is_some_and(|n| (least..=most).contains(&n)) {
            return true;
        }
        let mistake = Mistake::new(format!("`{key}` is a number from {least} to {most}"));
        self.report.add(Kind::Value, &node.place, mistake);
        false
    }
}

/// What serde accepts in the place of a value.
fn hole(place: Range<usize>, schema: &Json) -> Node {
    let first = choices(schema).and_then(|c| c.first().map(|c| (*c).to_owned()));
    let value = match schema.get("type").and_then(Json::as_str) {
        Some("array") => Value::Array(vec![]),
        Some("integer") => Value::Integer(Some(0)),
        Some("boolean") => Value::Boolean(false),
        Some("object") => Value::Table(vec![]),
        _ => Value::Text(first.unwrap_or_default()),
    };
    Node { place, value, is_hole: true }
}

/// The values of an enumeration, as schemars writes it with and without descriptions.
fn choices(schema: &Json) -> Option<Vec<&str>> {
    if let Some(Json::Array(values)) = schema.get("enum") {
        return Some(values.iter().filter_map(Json::as_str).collect());
    }
    let variants = schema.get("oneOf")?.as_array()?;
    let mut all = vec![];
    for variant in variants {
        all.extend(variant.get("const").and_then(Json::as_str));
        all.extend(
            variant.get("enum").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str),
        );
    }
    Some(all)
}

fn unknown_key<'a>(key: &str, table: &str, known: impl Iterator<Item = &'a str>) -> Mistake {
    let known: Vec<&str> = known.collect();
    let place = if table.is_empty() { "a definition".into() } else { format!("`{table}`") };
    let help = suggest::did_you_mean(key, known.iter().copied());
    Mistake::new(format!("{place} has no key `{key}`"))
        .help(help.unwrap_or_else(|| format!("there are {}", quoted(&known))))
}

fn missing_key(key: &str, table: &str, schema: &Json) -> Mistake {
    let example = match schema.get("type").and_then(Json::as_str) {
        Some("array") => "[\"…\"]",
        Some("integer") => "1",
        Some("boolean") => "true",
        Some("object") => "{ … }",
        _ => "\"…\"",
    };
    let meaning = schema.get("description").and_then(Json::as_str).unwrap_or_default();
    let meaning = meaning.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    let colon = if meaning.is_empty() { "" } else { ": " };
    Mistake::new(format!("`{table}` lacks the key `{key}`"))
        .help(format!("add `{key} = {example}`{colon}{meaning}"))
}

fn wrong_type(node: &Node, wanted: &str, schema: &Json, key: &str) -> Mistake {
    let of_tables = schema.get("items").is_some_and(|i| i.get("$ref").is_some());
    let wanted_name = match wanted {
        "string" => "text",
        "array" if of_tables => "a list of tables",
        "array" => "a list",
        "boolean" => "`true` or `false`",
        "integer" => "a whole number",
        _ => "a table",
    };
    let mistake = Mistake::new(format!("`{key}` is {wanted_name}, this is {}", kind_of(node)));
    match (wanted, &node.value) {
        ("string", Value::Integer(_) | Value::Float | Value::Boolean(_) | Value::Date) => {
            mistake.help("write it in quotation marks")
        }
        ("array", Value::Text(text)) if !of_tables => mistake.help(format!("write `{key} = [\"{text}\"]`")),
        ("array", Value::Table(_)) => mistake.help(format!("write `[[{key}]]`, once for each")),
        ("object", Value::Array(_)) => mistake.help(format!("write `[{key}]`: there is only one")),
        ("boolean", Value::Text(text)) if matches!(text.as_str(), "true" | "false") => {
            mistake.help(format!("write `{text}` without quotation marks"))
        }
        ("integer", Value::Text(text)) if text.parse::<u32>().is_ok() => {
            mistake.help(format!("write `{text}` without quotation marks"))
        }
        _ => mistake,
    }
}

fn kind_of(node: &Node) -> &'static str {
    match node.value {
        Value::Table(_) => "a table",
        Value::Array(_) => "a list",
        Value::Text(_) => "text",
        Value::Integer(_) => "a whole number",
        Value::Boolean(_) => "`true` or `false`",
        Value::Float => "a number with a point",
        Value::Date => "a date",
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")
}
