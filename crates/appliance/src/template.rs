//! Templates of the appliance's files: minijinja with strict undefined, bounded in time and size.
//!
//! A template knows `answers.NAME` (answers that are no secret, hyphens as underscores), `secrets.NAME` (the
//! others), `database.NAME.user` (and what else [`database::FIELDS`] has, the password where secrets are known), `host.name` (and `fqdn`, `domain`, `address`, `timezone`), `appliance.name` and `appliance.version`; anything else is
//! an error. The answer to a question that is not asked is empty; that to a `multiselect` is a list. It may include, extend and import other files of the definition's folder by fixed names.
//! Beside minijinja's filters there are `shell` (quoted for a POSIX shell) and `tojson`, whose strings are
//! Python's and JavaScript's as well. Nothing is escaped unless a filter does it. A block's line end and the
//! blanks before it are no output.

mod scan;

pub use scan::{Finding, Reference, Scan, scan};

use crate::{
    Host, database, host,
    model::Database,
    question::{Question, chosen},
};
use minijinja::{
    AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value, context, syntax::SyntaxConfig,
};
use std::collections::{BTreeMap, BTreeSet};

/// A longer template is refused unread: it is somebody's data, not a configuration file.
pub const SIZE_LIMIT: u64 = 1 << 20;
/// Steps of minijinja's machine: some 0.1 s.
const FUEL: u64 = 1_000_000;

/// What a template may know.
#[derive(Clone, Default)]
pub struct Context {
    pub host: Host,
    pub appliance_name: String,
    pub appliance_version: String,
    /// By the questions' names; what is no secret.
    pub answers: BTreeMap<String, String>,
    /// By the questions' names. Empty for a file that others may read.
    pub secrets: BTreeMap<String, String>,
    /// The questions whose answers are lists.
    pub lists: BTreeSet<String>,
    pub databases: Vec<Database>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// minijinja's message; it names variables, never their values.
    #[error("{file}:{line}: {message}")]
    Template { file: String, line: usize, message: String },
}

/// The roots a template knows.
pub const ROOTS: [&str; 5] = ["answers", "secrets", "database", "host", "appliance"];

/// Renders the template `name`. `read` gives the text of a file of the definition's folder, asked for `name` and all
/// that it includes; None is "no such file".
pub fn render(
    name: &str,
    read: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    context: &Context,
) -> Result<String, Error> {
    let mut environment = environment();
    environment.set_loader(move |name| Ok(read(name)));
    let variables = |map: &BTreeMap<String, String>| -> BTreeMap<String, Value> {
        let value = |name: &str, text: &str| match context.lists.contains(name) {
            true => chosen(text).map(str::to_owned).collect::<Vec<_>>().into(),
            false => Value::from(text),
        };
        map.iter().map(|(k, v)| (k.replace('-', "_"), value(k, v))).collect()
    };
    let values = context! {
        host => Value::from_pairs(host::FIELDS.map(|f| (f, context.host.field(f).unwrap_or_default().to_owned()))),
        appliance => context! { name => &context.appliance_name, version => &context.appliance_version },
        answers => variables(&context.answers),
        secrets => variables(&context.secrets),
        database => Value::from_pairs(context.databases.iter().map(|d| (d.name(), fields(d, &context.secrets)))),
    };
    let template = environment.get_template(name).map_err(|e| error(name, &e))?;
    template.render(values).map_err(|e| error(name, &e))
}

/// Of a database; the password where it may be known.
fn fields(database: &Database, secrets: &BTreeMap<String, String>) -> Value {
    let value = |field: &'static str| match field {
        "password" => secrets.get(&database.secret()).cloned(),
        other => database.field(other),
    };
    Value::from_pairs(database::FIELDS.into_iter().filter_map(|field| Some((field, value(field)?))))
}

/// Where a question's answer is found in templates: `answers.x` or `secrets.x`.
pub fn variable(question: &Question) -> String {
    let root = if question.is_secret() { "secrets" } else { "answers" };
    format!("{root}.{}", question.variable())
}

/// The environment that templates are rendered and checked in.
pub(crate) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_syntax(syntax());
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(50);
    environment.add_filter("shell", |text: String| format!("'{}'", text.replace('\'', r"'\''")));
    environment
}

pub(crate) fn syntax() -> SyntaxConfig {
    let mut syntax = SyntaxConfig::builder();
    syntax.keep_trailing_newline(true).trim_blocks(true).lstrip_blocks(true);
    syntax.build().unwrap_or_default()
}

/// A message of one line with the place; never a value, for it may be a secret.
fn error(name: &str, error: &minijinja::Error) -> Error {
    let mut innermost = error;
    // an error in an included file is the source of the including one's
    while let Some(inner) =
        std::error::Error::source(innermost).and_then(|s| s.downcast_ref::<minijinja::Error>())
    {
        innermost = inner;
    }
    let file = innermost.name().unwrap_or(name).to_owned();
    Error::Template { file, line: innermost.line().unwrap_or(1), message: message(innermost) }
}

/// minijinja's message without its place.
pub(crate) fn message(error: &minijinja::Error) -> String {
    match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => "takes too long: a loop that is too large".into(),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(files: &[(&str, &str)]) -> Result<String, Error> {
        let files: BTreeMap<String, String> = files.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let context = Context {
            host: Host {
                name: "h".into(),
                fqdn: "h.d".into(),
                domain: "d".into(),
                address: "1.2.3.4".into(),
                timezone: "Etc/UTC".into(),
            },
            appliance_name: "wiki".into(),
            appliance_version: "1.0".into(),
            answers: BTreeMap::from([
                ("wiki-name".into(), "Ada's <\"Wiki\">".into()),
                ("extra-parts".into(), "blog, mail".into()),
            ]),
            secrets: BTreeMap::from([("admin-password".into(), "pw".into())]),
            lists: ["extra-parts".to_owned()].into(),
            databases: vec![
                toml::from_str("engine = 'mariadb'\nname = 'wiki'\npassword-question = 'admin-password'")
                    .unwrap(),
            ],
        };
        render("main", move |name| files.get(name).cloned(), &context)
    }

    #[test]
    fn files_are_rendered_as_they_are_written() {
        for (text, expect) in [
            ("{{ host.name }} {{ host.fqdn }} {{ host.address }}\n", "h h.d 1.2.3.4\n"),
            ("{{ appliance.name }} {{ appliance.version }}", "wiki 1.0"),
            ("{{ answers.wiki_name }}", "Ada's <\"Wiki\">"),
            ("{{ host.domain }} {{ host.timezone }}", "d Etc/UTC"),
            ("{{ answers.extra_parts | join('+') }} {{ 'ail' in answers.extra_parts }}", "blog+mail False"),
            ("{{ answers.wiki_name | shell }}", r#"'Ada'\''s <"Wiki">'"#),
            ("{{ secrets.admin_password }}", "pw"),
            (
                "{{ database.wiki.user }}:{{ database.wiki.password }}@{{ database.wiki.socket }}",
                "wiki:pw@/run/mysqld/mysqld.sock",
            ),
            ("a\n  {% if true %}\nb\n  {% endif %}\nc\n", "a\nb\nc\n"),
            ("[{% include 'part' %}]", "[part of h]"),
        ] {
            assert_eq!(
                rendered(&[("main", text), ("part", "part of {{ host.name }}")]).unwrap(),
                expect,
                "{text}"
            );
        }
        let quoted = rendered(&[("main", "{{ answers.wiki_name | tojson }}")]).unwrap();
        assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), "Ada's <\"Wiki\">");
    }

    #[test]
    fn an_error_names_its_place_and_no_value() {
        for (files, expect) in [
            (&[("main", "\n{{ answers.gone }}")][..], "main:2: undefined value"),
            (&[("main", "{% include 'part' %}"), ("part", "\n\n{{ nobody }}")], "part:3: undefined value"),
            (&[("main", "{{ host.nmae }}")], "main:1: undefined value"),
            (&[("main", "{% if %}")], "main:1: syntax error"),
            (&[("main", "\n{% include 'gone' %}")], "main:2: template not found"),
            (&[], "main:1: template not found"),
            (&[("main", "{% include 'main' %}")], "main:1:"),
            (
                &[("main", "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}")],
                "takes too long",
            ),
            (&[("main", "{{ secrets.admin_password | nofilter }}")], "unknown filter"),
        ] {
            let error = rendered(files).unwrap_err().to_string();
            assert!(error.contains(expect) && !error.contains("pw"), "{expect}: {error}");
        }
    }

    #[test]
    fn a_scan_finds_names_and_templates_with_their_places() {
        let text = "{% from \"m\" import quote %}{% set x = 1 %}{{ quote(answers.a_b, to=host.name) }}{{ x }}\n\
            {% for name in range(3) %}{{ name }}{{ loop.index }}{% endfor %}{{ answers[\"c\"] | default(secrets) }}{{ nobody }}\
            {{ database.a.user }}{{ database['a'].password }}{{ database }}";
        let found = scan("t", text);
        let names: Vec<&str> = found.references.iter().map(|r| &text[r.place.clone()]).collect();
        assert_eq!(
            names,
            [
                "answers.a_b",
                "host.name",
                "answers[\"c\"]",
                "secrets",
                "nobody",
                "database.a.user",
                "database['a'].password",
                "database"
            ]
        );
        assert_eq!(found.references[6].field.as_deref(), Some("a.password"));
        assert_eq!(found.references[2].field.as_deref(), Some("c"));
        assert_eq!(found.templates, [("m".to_owned(), 8..11)]);
        assert_eq!(found.findings, []);
        assert_eq!(scan("t", "a\n  {% endif %}").findings[0].place, 4..15);
    }
}
