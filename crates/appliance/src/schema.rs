//! The JSON Schema of `appliance.toml`, from the model's types and their doc comments.

use crate::Definition;
use serde_json::Value;

/// The schema, for editors and for the check of a definition's shape. TOML has no null, so it knows none either.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Definition).to_value();
    without_null(&mut schema);
    schema
}

/// The schema as a file: the same bytes for the same model.
pub fn text() -> String {
    format!("{:#}\n", schema())
}

fn without_null(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|t| t != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".into(), only);
                }
            }
            if let Some(Value::Array(any)) = map.get_mut("anyOf") {
                any.retain(|s| s.get("type").is_none_or(|t| t != "null"));
                if let [Value::Object(only)] = any.as_slice() {
                    let only = only.clone();
                    map.remove("anyOf");
                    map.extend(only);
                }
            }
            if map.get("default").is_some_and(Value::is_null) {
                map.remove("default");
            }
            map.values_mut().for_each(without_null);
        }
        Value::Array(list) => list.iter_mut().for_each(without_null),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_schema_is_current() {
        let committed = include_str!("../../../docs/schema/appliance.schema.json");
        assert!(committed == super::text(), "run: vabuild schema > docs/schema/appliance.schema.json");
    }

    #[test]
    fn the_schema_explains_every_table_and_knows_no_null() {
        let text = super::text();
        assert!(!text.contains("null"));
        for part in
            ["\"question\"", "What is asked, in one line", "\"additionalProperties\": false", "\"boolean\""]
        {
            assert!(text.contains(part), "{part}");
        }
    }
}
