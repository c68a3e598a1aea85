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
    answers::canonical,
    model::Appliance,
    question::{OneOrMany, Question, QuestionType, Test, Translation, When, pages},
    seed_value::{self, Part},
    seeds::SeedsFile,
};
use deb::{Deb, Member};
use debconf::{Template, templates, templates::Translated};
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

/// The templates of the appliance's questions and of their groups' titles, and of the message about answers that cannot be used.
fn questions(definition: &Definition, package: &str) -> Vec<Template> {
    let mut templates: Vec<Template> = definition.questions.iter().map(|q| template(q, package)).collect();
    for (index, page) in pages(&definition.questions).iter().enumerate() {
        let first = page.questions.first().and_then(|i| definition.questions.get(*i));
        if let (Some(group), Some(first)) = (&page.group, first) {
            templates.push(title(group, first, &format!("{package}/title_{}", index + 1)));
        }
    }
    if !definition.questions.is_empty() {
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
    let default = question.default.clone().filter(|_| fixed && question.kind != QuestionType::Password);
    let choices = |choices: &[String]| choices.iter().map(|choice| templates::literal(choice)).collect();
    let translation = |(language, words): (&String, &Translation)| {
        let description = words.prompt.as_ref().unwrap_or(&question.prompt);
        let extended = words.description.as_ref().or(question.description.as_ref());
        let translated = Translated {
            description: templates::literal(&prompt(question, description)),
            extended: extended_text(question, extended),
            choices: choices(&words.choices),
        };
        (language.clone(), translated)
    };
    Template {
        name: format!("{package}/{}", question.name),
        kind: question.kind.debconf().into(),
        default: default.map(|d| question.to_debconf(&canonical(question, &d))),
        choices: choices(&question.choices),
        description: templates::literal(&prompt(question, &question.prompt)),
        extended: extended_text(question, question.description.as_ref()),
        translations: question.translations.iter().map(translation).collect(),
    }
}

fn title(group: &str, first: &Question, name: &str) -> Template {
    let translation = |(language, words): (&String, &Translation)| {
        let description = templates::literal(words.group.as_ref()?);
        Some((language.clone(), Translated { description, ..Translated::default() }))
    };
    Template {
        name: name.into(),
        kind: "title".into(),
        description: templates::literal(group),
        translations: first.translations.iter().filter_map(translation).collect(),
        ..Template::default()
    }
}

/// What is said about the question, and where a line is typed `${default}`, which `config` fills in.
fn extended_text(question: &Question, description: Option<&String>) -> String {
    let text = templates::literal(description.map_or("", String::as_str));
    match question.kind {
        QuestionType::Boolean | QuestionType::Select | QuestionType::Multiselect | QuestionType::Password => {
            text
        }
        QuestionType::Text => format!("{text} (%0A: a new line.) ${{default}}").trim_start().to_owned(),
        _ => format!("{text} ${{default}}").trim_start().to_owned(),
    }
}

/// A prompt ends in a colon or, for yes or no, in a question mark (Developer's Reference 6.5.4.2).
fn prompt(question: &Question, text: &str) -> String {
    let text = text.trim_end();
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

/// The functions of each question and of each page, and the way through them.
fn ask_all(script: &mut String, questions: &[Question]) {
    if questions.is_empty() {
        return;
    }
    for index in 0..questions.len() {
        script.push_str(&functions(questions, index));
    }
    let pages = pages(questions);
    let titled = pages.iter().any(|page| page.group.is_some());
    for (index, page) in pages.iter().enumerate() {
        let numbers: Vec<String> = page.questions.iter().map(|i| (i + 1).to_string()).collect();
        let title = match (&page.group, titled) {
            (Some(_), _) => format!("db_settitle \"$package/title_{}\"; ", index + 1),
            (None, true) => "db_title \"$appliance\"; ".into(),
            (None, false) => String::new(),
        };
        let _ = writeln!(script, "page_{}() {{ {title}show_page {}; }}", index + 1, numbers.join(" "));
    }
    let _ = writeln!(script, "\nask_all {}\n", pages.len());
}

/// `question_N` and `wanted_N`.
pub(super) fn functions(questions: &[Question], index: usize) -> String {
    let question = &questions[index];
    let number = index + 1;
    let parts = shell::default_parts(question);
    let computed = parts.iter().any(|part| !matches!(part, Part::Text(_)));
    let default = if question.is_secret() { "''".into() } else { shell::value(&parts) };
    let default = match question.kind {
        QuestionType::Text => {
            shell::quote(&question.to_debconf(question.default.as_deref().unwrap_or_default()))
        }
        _ => default,
    };
    let number_of = |value: Option<i64>| value.map(|v| v.to_string()).unwrap_or_default();
    let text = |text: &Option<String>| shell::quote(text.as_deref().unwrap_or_default());
    let mut script = format!("question_{number}() {{\n");
    if question.kind.has_choices() {
        let _ = writeln!(script, "    {}", choices(question));
    }
    let _ = writeln!(
        script,
        "    name={} type={} variable={} prompt={}\n    empty={} length={} computed={} internal={} default={default}\n    \
         min={} max={} min_length={} max_length={} pattern={} hint={}\n}}",
        shell::quote(&question.name),
        question.kind.word(),
        question.variable(),
        shell::quote(&prompt(question, &question.prompt)),
        if question.optional { "may" } else { "must" },
        question.generate.map_or(0, |secret| secret.length),
        if computed { "yes" } else { "no" },
        if question.internal { "yes" } else { "no" },
        number_of(question.min),
        number_of(question.max),
        number_of(question.min_length.map(i64::from)),
        number_of(question.max_length.map(i64::from)),
        text(&question.pattern),
        text(&question.pattern_hint),
    );
    let _ = writeln!(script, "wanted_{number}() {{ {}; }}", condition(questions, question));
    script
}

/// The condition as a command: [`When::holds`] in shell.
fn condition(questions: &[Question], question: &Question) -> String {
    let Some(when) = &question.when else { return ":".into() };
    let found = questions.iter().position(|q| q.name == when.question());
    let Some((index, on)) = found.map(|i| (i + 1, &questions[i])) else { return "false".into() };
    let answer = format!("${}", shell::variable(&on.name));
    let several = on.kind == QuestionType::Multiselect;
    let among = |words: &OneOrMany| {
        let pattern = |word: &String| match several {
            true => format!("*{}*", shell::quote(&format!(", {word}, "))),
            false => shell::quote(word),
        };
        // nothing chosen is no choice
        let words = words.all().iter().filter(|w| !several || !w.is_empty());
        let patterns: Vec<String> = words.map(pattern).collect();
        patterns.join(" | ")
    };
    let answered = if several { format!("\", {answer}, \"") } else { format!("\"{answer}\"") };
    let nothing = |words: &OneOrMany| words.all().iter().all(|w| several && w.is_empty());
    let test = match when {
        When::Yes(_) if on.kind == QuestionType::Boolean => format!("[ \"{answer}\" = true ]"),
        When::Yes(_) => format!("[ -n \"{answer}\" ]"),
        When::Test(Test { is: Some(words), .. }) if nothing(words) => "false".into(),
        When::Test(Test { not: Some(words), .. }) if nothing(words) => ":".into(),
        When::Test(Test { is: Some(words), .. }) => {
            format!("case {answered} in {}) ;; *) false ;; esac", among(words))
        }
        When::Test(Test { not: Some(words), .. }) => {
            format!("case {answered} in {}) false ;; esac", among(words))
        }
        When::Test(_) => ":".into(),
    };
    format!("[ \"$asked_{index}\" = yes ] && {test}")
}

/// The function that knows the choices of a question.
pub(super) fn choices(question: &Question) -> String {
    let choices: Vec<String> = question.choices.iter().map(|choice| shell::quote(choice)).collect();
    let choices = if choices.is_empty() { "''".into() } else { choices.join(" | ") };
    format!("is_choice() {{ case $1 in {choices}) ;; *) return 1 ;; esac; }}")
}
