//! Templates of the appliance's files: minijinja with strict undefined, bounded in time and size.
//!
//! A template knows `answers.NAME` (answers that are no secret, hyphens as underscores), `secrets.NAME` (the
//! others), `host.name`, `host.fqdn`, `host.address`, `appliance.name` and `appliance.version`; anything else is
//! an error. It may include, extend and import other files of the definition's folder by fixed names.
//! Beside minijinja's filters there are `shell` (quoted for a POSIX shell) and `tojson`, whose strings are
//! Python's and JavaScript's as well. Nothing is escaped unless a filter does it. A block's line end and the
//! blanks before it are no output.

mod scan;

pub use scan::{Finding, Reference, Scan, scan};

use crate::{Host, question::Question};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, context, syntax::SyntaxConfig};
use std::collections::BTreeMap;

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
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// minijinja's message; it names variables, never their values.
    #[error("{file}:{line}: {message}")]
    Template { file: String, line: usize, message: String },
}

/// The roots a template knows.
pub const ROOTS: [&str; 4] = ["answers", "secrets", "host", "appliance"];

/// Renders the template `name`. `read` gives the text of a file of the definition's folder, asked for `name` and all
/// that it includes; None is "no such file".
pub fn render(
    name: &str,
    read: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    context: &Context,
) -> Result<String, Error> {
    let mut environment = environment();
    environment.set_loader(move |name| Ok(read(name)));
    let variables = |map: &BTreeMap<String, String>| -> BTreeMap<String, String> {
        map.iter().map(|(k, v)| (k.replace('-', "_"), v.clone())).collect()
    };
    let values = context! {
        host => context! { name => &context.host.name, fqdn => &context.host.fqdn, address => &context.host.address },
        appliance => context! { name => &context.appliance_name, version => &context.appliance_version },
        answers => variables(&context.answers),
        secrets => variables(&context.secrets),
    };
    let template = environment.get_template(name).map_err(|e| error(name, &e))?;
    template.render(values).map_err(|e| error(name, &e))
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
