//! The committed JSON Schemas are those of the types, and say of a frame what the program says of it.

#![allow(clippy::unwrap_used, reason = "what breaks in here breaks the test")]

use plugin::frame::{self, Speaker};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

fn committed(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema").join(name)
}

#[test]
fn the_committed_schemas_are_current() {
    for (name, text) in plugin::schema::all() {
        let there = fs::read_to_string(committed(name)).unwrap_or_default();
        assert!(there == text, "{name}: run `appliance-control plugin schema docs/schema`");
    }
}

/// Enough of JSON Schema (draft 2020-12) for what the types need.
fn fits(schema: &Value, root: &Value, value: &Value) -> bool {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str)
        && !fits(root.pointer(name.trim_start_matches('#')).unwrap(), root, value)
    {
        return false;
    }
    let all = |key: &str, f: &dyn Fn(&Value) -> bool| schema.get(key).is_none_or(f);
    let list = |v: &Value| v.as_array().cloned().unwrap_or_default();
    all("oneOf", &|s| list(s).iter().filter(|s| fits(s, root, value)).count() == 1)
        && all("anyOf", &|s| list(s).iter().any(|s| fits(s, root, value)))
        && all("const", &|c| c == value)
        && all("enum", &|e| list(e).contains(value))
        && all("minimum", &|m| value.as_f64().is_none_or(|v| v >= m.as_f64().unwrap()))
        && all("maximum", &|m| value.as_f64().is_none_or(|v| v <= m.as_f64().unwrap()))
        && all("required", &|r| list(r).iter().all(|name| value.get(name.as_str().unwrap()).is_some()))
        && all("items", &|items| list(value).iter().all(|v| fits(items, root, v)))
        && all("type", &|t| {
            let types = if t.is_array() { list(t) } else { vec![t.clone()] };
            types.iter().any(|t| is(t.as_str().unwrap(), value))
        })
        && all("properties", &|properties| {
            properties.as_object().unwrap().iter().all(|(n, s)| value.get(n).is_none_or(|v| fits(s, root, v)))
        })
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        other => panic!("type {other}"),
    }
}

fn schema() -> Value {
    let (_, text) =
        plugin::schema::all().into_iter().find(|(n, _)| *n == "plugin-frame.schema.json").unwrap();
    serde_json::from_str(&text).unwrap()
}

fn parses(frame: &Value) -> bool {
    let line = frame.to_string();
    [Speaker::Action, Speaker::Query].iter().any(|s| frame::parse(line.as_bytes(), *s).is_ok())
}

fn good() -> Vec<Value> {
    vec![
        json!({ "event": "phase", "id": "a", "title": "A", "index": 1, "of": 3 }),
        json!({ "event": "progress", "percent": 40.5, "detail": "a" }),
        json!({ "event": "log", "stream": "stderr", "line": "a" }),
        json!({ "event": "warning", "message": "a" }),
        json!({ "event": "table", "columns": ["a"], "rows": [["1"], ["2"]], "total": 2 }),
        json!({ "event": "text", "title": "a", "text": "b" }),
        json!({ "event": "artifact", "name": "a.csv", "size": 1, "title": "A" }),
        json!({ "event": "secret", "label": "a", "value": "b" }),
        json!({ "event": "restart", "unit": "a.service" }),
        json!({ "event": "fact", "label": "a", "value": "b" }),
        json!({ "event": "choice", "value": "a", "text": "b" }),
        json!({ "event": "result", "status": "ok", "message": "a", "details": ["b"] }),
    ]
}

#[test]
fn every_frame_of_the_protocol_fits_the_schema() {
    let schema = schema();
    for frame in good() {
        assert!(fits(&schema, &schema, &frame) && parses(&frame), "{frame}");
    }
    let known = schema["oneOf"].as_array().unwrap().len();
    assert_eq!(known, good().len(), "a new frame needs a line here");
}

proptest! {
    /// One field of a good frame left out, or of another type: schema and program agree.
    #[test]
    fn the_schema_refuses_what_the_program_refuses(which in 0..12usize, field in 0..6usize, to in 0..7usize) {
        let mut frame = good()[which].clone();
        let fields: Vec<String> = frame.as_object().unwrap().keys().cloned().collect();
        let name = &fields[field % fields.len()];
        let others = [json!("x"), json!(5), json!(-1.5), json!(true), json!([["x", "y"]]), json!({ "a": 1 })];
        match others.get(to) {
            Some(other) => frame[name] = other.clone(),
            None => drop(frame.as_object_mut().unwrap().remove(name)),
        }
        let schema = schema();
        // what a schema of types cannot say: the width of rows
        let wide = frame["event"] == "table" && name == "rows" && frame["rows"] == json!([["x", "y"]]);
        prop_assert_eq!(fits(&schema, &schema, &frame) && !wide, parses(&frame), "{}", frame);
    }
}
