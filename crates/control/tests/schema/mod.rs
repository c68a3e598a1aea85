//! Whether a value is what a JSON Schema says, for the keywords that docs/openapi.json uses; any other one breaks the test.

#![allow(clippy::unwrap_used, reason = "what breaks in here breaks the test")]

use serde_json::Value;

/// Says nothing about the value.
const WORDS: &[&str] = &["title", "description", "default", "format", "examples"];

/// `root` is the document that `$ref` leads into. What does not fit, with its place.
pub fn fits(value: &Value, schema: &Value, root: &Value, at: &str) -> Result<(), String> {
    let Value::Object(keywords) = schema else {
        return if *schema == Value::Bool(false) { Err(format!("{at}: must not be there")) } else { Ok(()) };
    };
    for (keyword, says) in keywords {
        let holds = match keyword.as_str() {
            "$ref" => {
                let target = says.as_str().and_then(|s| root.pointer(s.strip_prefix('#')?));
                fits(value, target.unwrap_or_else(|| panic!("{says} leads nowhere")), root, at)?;
                true
            }
            "type" => match says {
                Value::Array(types) => types.iter().any(|t| is(value, t)),
                one => is(value, one),
            },
            "enum" => says.as_array().unwrap().contains(value),
            "const" => says == value,
            "allOf" => {
                says.as_array().unwrap().iter().try_for_each(|s| fits(value, s, root, at))?;
                true
            }
            "anyOf" => says.as_array().unwrap().iter().any(|s| fits(value, s, root, at).is_ok()),
            "oneOf" => {
                says.as_array().unwrap().iter().filter(|s| fits(value, s, root, at).is_ok()).count() == 1
            }
            "minimum" => value.as_f64().is_none_or(|v| v >= says.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|v| v <= says.as_f64().unwrap()),
            "minItems" => value.as_array().is_none_or(|v| v.len() as u64 >= says.as_u64().unwrap()),
            "maxItems" => value.as_array().is_none_or(|v| v.len() as u64 <= says.as_u64().unwrap()),
            // the one pattern is that of a task's id
            "pattern" => {
                value.as_str().is_none_or(|v| broker_protocol::TaskId::try_from(v.to_owned()).is_ok())
            }
            "required" => {
                let names = says.as_array().unwrap();
                value.as_object().is_none_or(|o| names.iter().all(|n| o.contains_key(n.as_str().unwrap())))
            }
            "items" => {
                let mut list = value.as_array().into_iter().flatten().enumerate();
                list.try_for_each(|(n, item)| fits(item, says, root, &format!("{at}/{n}")))?;
                true
            }
            "prefixItems" => {
                let list = value.as_array().into_iter().flatten().zip(says.as_array().unwrap());
                for (n, (item, says)) in list.enumerate() {
                    fits(item, says, root, &format!("{at}/{n}"))?;
                }
                true
            }
            "properties" => {
                for (name, part) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = says.get(name) {
                        fits(part, schema, root, &format!("{at}/{name}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = keywords.get("properties");
                for (name, part) in value.as_object().into_iter().flatten() {
                    if known.and_then(|k| k.get(name)).is_none() {
                        fits(part, says, root, &format!("{at}/{name}"))?;
                    }
                }
                true
            }
            word if WORDS.contains(&word) => true,
            other => panic!("the test does not know the keyword {other}"),
        };
        if !holds {
            return Err(format!("{at}: {value} does not fit {keyword} {says}"));
        }
    }
    Ok(())
}

fn is(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other} is no type"),
    }
}
