//! docs/openapi.json, from the table of routes and the types that their answers are made of (OpenAPI 3.1).

use super::{Field, FieldKind, Gives, Route};
use crate::web::{
    gate::{Access, COOKIE},
    routes,
};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
const ABOUT: &str = "What the management page of a machine with appliances does, for programs: the same addresses as the pages, \
     asked with `Accept: application/json`. docs/api.md tells how to sign in and how to follow a task.";
/// What stands in an address.
const PARTS: &[(&str, &str)] = &[
    ("action", "An action of the plugin"),
    ("appliance", "An appliance's name"),
    ("id", "A task's id, or that of a run of the package manager"),
    ("name", "A file that the task made"),
    ("package", "A package's name"),
    ("plugin", "A plugin's name, which is its appliance's"),
    ("query", "A query of the plugin"),
    ("token", "What stands in a sign-in link"),
    ("unit", "A service, as `apache2.service`"),
    ("verb", "`start`, `stop`, `restart`, `enable` or `disable`"),
    ("what", "`restart` or `shutdown`"),
];

fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|s| {
        s.meta_schema = None;
        s.definitions_path = "/components/schemas".into();
    });
    let mut generator = settings.into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes::table().iter().filter(|r| !matches!(r.gives, Gives::Page)) {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.verb.to_lowercase()] = operation(route, &mut generator);
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Error".into(), error());
    let refused = json!({
        "description": "Nothing was done.",
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } }
    });
    let mut schemas = Value::Object(schemas);
    plain(&mut schemas);
    json!({
        "openapi": "3.1.0",
        "info": { "title": "appliance-control", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" } },
        "servers": [{ "url": "https://{host}:8080", "variables": { "host": { "default": "localhost" } } }],
        "security": [{ "session": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": { "Refused": refused },
            "securitySchemes": { "session": { "type": "apiKey", "in": "cookie", "name": COOKIE } },
        },
    })
}

/// Descriptions are doc comments: without what leads to other comments, and on one line.
fn plain(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = text.replace("[`", "`").replace("`]", "`").replace('\n', " ");
            }
            map.values_mut().for_each(plain);
        }
        Value::Array(list) => list.iter_mut().for_each(plain),
        _ => {}
    }
}

fn error() -> Value {
    json!({
        "type": "object",
        "description": "Why not: in a few words, and in full for a person.",
        "properties": { "error": { "type": "string" }, "message": { "type": "string" } },
        "required": ["error", "message"],
    })
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    responses.insert("200".into(), answer(route.gives, generator));
    for (status, maker) in &route.also {
        let schema = maker(generator);
        let content = json!({ "application/json": { "schema": schema } });
        responses.insert(status.to_string(), json!({ "description": "See there.", "content": content }));
    }
    responses.insert("default".into(), json!({ "$ref": "#/components/responses/Refused" }));
    let mut parameters: Vec<Value> = parts(route.path).map(part).collect();
    parameters.extend(route.query.iter().map(query));
    if matches!(route.gives, Gives::Events(_)) {
        parameters.push(json!({
            "name": "Last-Event-ID", "in": "header", "schema": { "type": "integer" },
            "description": "The last event that was heard: what came after it is sent.",
        }));
    }
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "responses": responses,
        "x-role": role(route.access),
    });
    if !route.commands.is_empty() {
        let commands: Vec<String> = route.commands.iter().map(|c| format!("appliance-control {c}")).collect();
        operation["x-commands"] = json!(commands);
    }
    if route.access == Access::Open {
        operation["security"] = json!([]);
    } else if route.verb == "POST" {
        parameters.push(json!({
            "name": "X-CSRF-Token", "in": "header", "schema": { "type": "string" },
            "description": "The session's `csrf`. It may be the form's field `csrf` instead.",
        }));
    }
    if route.verb == "POST" && !route.form.is_empty() {
        operation["requestBody"] = body(&route.form);
    }
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    operation
}

fn answer(gives: Gives, generator: &mut SchemaGenerator) -> Value {
    let (kind, schema) = match gives {
        Gives::Json(maker) => ("application/json", json!(maker(generator))),
        Gives::Events(maker) => (
            "text/event-stream",
            json!({
                "type": "string",
                "description": "Server-sent events; `id` is where to go on, `data` is:",
                "contentMediaType": "application/json",
                "contentSchema": maker(generator),
            }),
        ),
        Gives::Text => ("text/plain", json!({ "type": "string" })),
        Gives::File => ("application/octet-stream", json!({})),
        Gives::Page => ("text/html", json!({ "type": "string" })),
    };
    json!({ "description": "Done, or begun.", "content": { kind: { "schema": schema } } })
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|p| p.strip_prefix('{')?.strip_suffix('}'))
}

fn part(name: &str) -> Value {
    let what = PARTS.iter().find(|(part, _)| *part == name).map(|(_, what)| *what);
    let what = what.unwrap_or_else(|| panic!("say in PARTS what {{{name}}} is"));
    json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" }, "description": what })
}

fn query(field: &Field) -> Value {
    json!({
        "name": field.name, "in": "query", "required": field.needed,
        "schema": field_schema(field), "description": field.what,
    })
}

fn field_schema(field: &Field) -> Value {
    match field.kind {
        FieldKind::Text => json!({ "type": "string" }),
        FieldKind::Number => json!({ "type": "integer", "minimum": 0 }),
        FieldKind::OneOf(values) => json!({ "enum": values }),
        FieldKind::File => json!({}),
    }
}

fn body(fields: &[Field]) -> Value {
    let (mut properties, mut patterns) = (Map::new(), Map::new());
    for field in fields {
        let mut schema = field_schema(field);
        schema["description"] = json!(field.what);
        match field.name.strip_suffix('*') {
            Some(start) => patterns.insert(format!("^{}", start.replace('.', "\\.")), schema),
            None => properties.insert(field.name.into(), schema),
        };
    }
    let mut schema = json!({ "type": "object", "properties": properties });
    if !patterns.is_empty() {
        schema["patternProperties"] = json!(patterns);
    }
    let needed: Vec<&str> = fields.iter().filter(|f| f.needed).map(|f| f.name).collect();
    if !needed.is_empty() {
        schema["required"] = json!(needed);
    }
    let mut content = json!({ "application/x-www-form-urlencoded": { "schema": schema } });
    if fields.iter().any(|f| matches!(f.kind, FieldKind::File)) {
        content["multipart/form-data"] = json!({ "schema": schema });
    }
    json!({ "content": content })
}

/// `GET /tasks/{id}/log` → `get-tasks-id-log`
fn operation_id(route: &Route) -> String {
    let words = route.path.split(['/', '{', '}']).filter(|w| !w.is_empty());
    std::iter::once(route.verb.to_lowercase()).chain(words.map(str::to_owned)).collect::<Vec<_>>().join("-")
}

fn role(access: Access) -> &'static str {
    match access {
        Access::Open => "nobody",
        Access::Viewer => "viewer",
        Access::Administrator => "administrator",
        Access::Action => "the action's own",
    }
}

/// `UPDATE_DOCS=1 cargo test -p control --lib openapi` writes it.
#[test]
fn the_committed_openapi_document_is_current() {
    let text = format!("{:#}\n", document());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PATH, &text).unwrap();
    }
    let committed = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(committed == text, "run: UPDATE_DOCS=1 cargo test -p control --lib openapi");
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() {
    let document = document();
    fn walk(value: &Value, root: &Value) {
        if let Some(target) = value.get("$ref").and_then(Value::as_str) {
            assert!(root.pointer(&target[1..]).is_some(), "{target}");
        }
        match value {
            Value::Object(map) => map.values().for_each(|v| walk(v, root)),
            Value::Array(list) => list.iter().for_each(|v| walk(v, root)),
            _ => {}
        }
    }
    walk(&document, &document);
    let mut ids: Vec<String> = routes::table().iter().map(operation_id).collect();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}
