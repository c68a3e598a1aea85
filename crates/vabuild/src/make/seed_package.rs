//! `NAME-appliance-seed`: asks the appliance's questions and answers those of other packages, before any of them
//! is configured.
//!
//! All of it is done by `config`, which debconf runs three times: with preconfiguration (apt-utils) before anything is unpacked,
//! in this package's `preinst` (which only has to source confmodule) where that did not happen, and in its
//! `postinst`. Whatever was answered before is left alone each time. `Priority: important` and `Pre-Depends: debconf` bring the
//! package to the front of apt's order.

use super::{Error, control, shell};
use appliance::{
    Definition,
    model::Appliance,
    question::{Question, QuestionType},
    seed_value::{self, Part},
    seeds::SeedsFile,
};
use deb::{Deb, Member};
use debconf::{Template, templates};
use std::fmt::Write;

const CONFIG: &str = include_str!("scripts/config.sh");
const HOST: &str = include_str!("scripts/host.sh");

/// The name of the package.
pub fn name(appliance: &Appliance) -> String {
    format!("{}-appliance-seed", appliance.name)
}

/// The package without its documents.
pub fn make(
    definition: &Definition,
    appliance: &Appliance,
    seeds: &SeedsFile,
    date: u64,
) -> Result<Deb, Error> {
    let package = name(appliance);
    let mut paragraph = control::of_appliance(appliance, &package, "admin");
    paragraph.set("Priority", "important");
    paragraph.set("Pre-Depends", "debconf (>= 0.5) | debconf-2.0");
    let synopsis = format!("questions and seeds of the {} appliance", appliance.name);
    let text = format!(
        "This package asks what {0}-appliance has to know, and answers the questions of\nother packages in advance, \
         so that they are installed as the appliance needs them.\nAn answer that was given before is never changed.\n\n\
         It is an empty package: its scripts do the work. It is installed together with\n{0}-appliance \
         and is of no use without it.",
        appliance.name
    );
    paragraph.set("Description", control::description(&synopsis, &text));
    let mut deb = Deb::new(paragraph, date);
    deb.files.extend(control::overrides(&package, LINTIAN));
    deb.members = vec![
        Member::script("config", config(definition, appliance)?),
        Member::file("templates", templates::write(&questions(definition, &package))?),
        Member::script("preinst", PREINST),
        Member::script("postinst", postinst(appliance)),
        Member::script("postrm", POSTRM),
        Member::file("seeds", seeds.to_json()?),
    ];
    Ok(deb)
}

const LINTIAN: [(&str, &str); 2] = [
    ("unknown-control-file [seeds]", "What installers have to know before anything is unpacked."),
    ("unused-debconf-template *", "The script names its questions by a variable."),
];

const PREINST: &str = r#"#!/bin/sh
set -e

# Where nothing was preconfigured (no apt-utils), sourcing confmodule runs `config` now: the packages that are
# answered in advance are not configured yet.
if [ "$1" = install ]; then
    . /usr/share/debconf/confmodule
    db_stop
fi
"#;

const POSTRM: &str = r#"#!/bin/sh
set -e

if [ "$1" = purge ] && [ -e /usr/share/debconf/confmodule ]; then
    . /usr/share/debconf/confmodule
    db_purge
fi
"#;

fn postinst(appliance: &Appliance) -> String {
    format!(
        r#"#!/bin/sh
set -e
. /usr/share/debconf/confmodule

# After dpkg-reconfigure the appliance takes the new answers at once.
if [ "$1" = configure ] && [ -n "${{DEBCONF_RECONFIGURE:-}}" ] &&
    [ -e /usr/share/appliances/{name}/definition.json ] && command -v appliance-configure >/dev/null; then
    appliance-configure apply {name} --debconf
fi
db_stop
"#,
        name = appliance.name
    )
}

/// The templates of the appliance's questions, and of the message about an answer that cannot be used.
fn questions(definition: &Definition, package: &str) -> Vec<Template> {
    let mut templates: Vec<Template> = definition.questions.iter().map(|q| template(q, package)).collect();
    if !templates.is_empty() {
        templates.push(Template {
            // an underscore: no question's name has one
            name: format!("{package}/not_valid"),
            kind: "error".into(),
            description: "This answer cannot be used".into(),
            extended: "${reason}".into(),
            ..Template::default()
        });
    }
    templates
}

fn template(question: &Question, package: &str) -> Template {
    let fixed = shell::default_parts(question).into_iter().all(|part| matches!(part, Part::Text(_)));
    Template {
        name: format!("{package}/{}", question.name),
        kind: question.kind.debconf().into(),
        default: question.default.clone().filter(|_| fixed && question.kind != QuestionType::Password),
        choices: question.choices.iter().map(|choice| templates::literal(choice)).collect(),
        description: templates::literal(&prompt(question)),
        extended: extended(question),
    }
}

/// What is said about the question, and where a line is typed `${default}`, which `config` fills in.
fn extended(question: &Question) -> String {
    let text = templates::literal(question.description.as_deref().unwrap_or_default());
    match question.kind {
        QuestionType::Boolean | QuestionType::Select | QuestionType::Password => text,
        _ => format!("{text} ${{default}}").trim_start().to_owned(),
    }
}

/// A prompt ends in a colon or, for yes or no, in a question mark (Developer's Reference 6.5.4.2).
fn prompt(question: &Question) -> String {
    let text = question.prompt.trim_end();
    let end = if question.kind == QuestionType::Boolean { "?" } else { ":" };
    if text.ends_with([':', '?']) { text.to_owned() } else { format!("{text}{end}") }
}

/// The script that asks and answers.
pub(super) fn config(definition: &Definition, appliance: &Appliance) -> Result<String, Error> {
    let seeds = definition
        .seeds
        .iter()
        .map(|s| seed_value::parse(&s.value).map_err(|m| Error::value(&s.question, m)));
    let seeds: Vec<Vec<Part>> = seeds.collect::<Result<_, _>>()?;
    let mut script = asking(definition, appliance, &seeds, "");
    for (seed, parts) in definition.seeds.iter().zip(&seeds) {
        let template = seed.template.as_ref().unwrap_or(&seed.question);
        let words = [&seed.question, &seed.kind, template].map(|word| shell::quote(word)).join(" ");
        let _ = writeln!(script, "# {}\nseed {words} {}", shell::comment(&seed.package), shell::value(parts));
    }
    Ok(script)
}

/// The metapackage's `config`: who types `dpkg-reconfigure NAME-appliance` is asked the seed package's questions.
pub(super) fn config_of_metapackage(definition: &Definition, appliance: &Appliance) -> String {
    asking(definition, appliance, &[], "[ \"$1\" = reconfigure ] || exit 0\n")
}

/// The script up to where all questions are answered; `guard` stands before everything.
fn asking(definition: &Definition, appliance: &Appliance, seeds: &[Vec<Part>], guard: &str) -> String {
    let mut script = format!(
        "#!/bin/sh\n# Asks the questions of {name}-appliance and answers those of other packages in advance.\nset -e\n{guard}\
         . /usr/share/debconf/confmodule\ndb_version 2.0\ndb_capb backup\n\nappliance={name}\npackage={package}\n",
        name = appliance.name,
        package = name(appliance),
    );
    script.push_str(CONFIG);
    script.push('\n');
    let defaults = definition.questions.iter().flat_map(shell::default_parts);
    let parts = seeds.iter().flatten().cloned().chain(defaults);
    if parts.into_iter().any(|p| matches!(p, Part::Host(_))) {
        script.push_str(HOST);
        script.push('\n');
    }
    ask_all(&mut script, &definition.questions);
    script
}

/// One function for each question, and the way through them, forwards and back.
fn ask_all(script: &mut String, questions: &[Question]) {
    if questions.is_empty() {
        return;
    }
    for (index, question) in questions.iter().enumerate() {
        let _ = writeln!(script, "ask_{}() {{", index + 1);
        if question.kind == QuestionType::Select {
            let _ = writeln!(script, "    {}", choices(question));
        }
        let parts = shell::default_parts(question);
        let computed = parts.iter().any(|part| !matches!(part, Part::Text(_)));
        let default = if computed { shell::value(&parts) } else { "''".into() };
        let _ = writeln!(
            script,
            "    ask {} {} {} {} {} {default} || return 1\n    {}=$answer\n}}",
            shell::quote(&question.name),
            question.kind.word(),
            if question.needs_answer() { "critical" } else { "high" },
            if question.optional { "may" } else { "must" },
            question.generate.map_or(0, |secret| secret.length),
            shell::variable(&question.name),
        );
    }
    let _ = writeln!(
        script,
        "\nstep=1\nwhile [ \"$step\" -le {} ]; do\n    if \"ask_$step\"; then step=$((step + 1))\n    \
         elif [ \"$step\" -gt 1 ]; then step=$((step - 1)); fi\ndone\n",
        questions.len()
    );
}

/// The function that knows the choices of a question.
pub(super) fn choices(question: &Question) -> String {
    let choices: Vec<String> = question.choices.iter().map(|choice| shell::quote(choice)).collect();
    let choices = if choices.is_empty() { "''".into() } else { choices.join(" | ") };
    format!("is_choice() {{ case $1 in {choices}) ;; *) return 1 ;; esac; }}")
}
