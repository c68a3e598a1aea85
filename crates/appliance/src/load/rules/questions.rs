//! `[[question]]` and `[[seed]]`.

mod condition;
mod limits;

use super::{super::tree::Way, Rules};
use crate::{
    Host,
    answers::{canonical, validate},
    database,
    model::Seed,
    names::{self, Mistake},
    problem::Kind,
    question::{Question, QuestionType},
    seed_value::{self, Part},
    suggest,
};
use std::collections::BTreeMap;

/// debconf's types (debconf-devel(7)).
const SEED_TYPES: [&str; 8] =
    ["string", "boolean", "select", "multiselect", "password", "note", "text", "error"];
/// Fewer characters are less than 128 bits; more are of no use.
const SECRET_LENGTHS: std::ops::RangeInclusive<u32> = 22..=200;

pub fn check(rules: &mut Rules<'_, '_>) {
    let definition = rules.definition;
    for (i, question) in definition.questions.iter().enumerate() {
        check_question(rules, &Way::to("question").index(i), question);
    }
    rules.unique("question", "name", definition.questions.iter().map(|q| q.name.as_str()));
    for (i, seed) in definition.seeds.iter().enumerate() {
        check_seed(rules, &Way::to("seed").index(i), seed);
    }
    rules.unique("seed", "question", definition.seeds.iter().map(|s| s.question.as_str()));
}

/// That each answer used is asked for.
pub fn answers_exist(rules: &mut Rules<'_, '_>, way: &Way<'_>, parts: &[Part], value: &str) {
    for name in seed_value::answers_used(parts) {
        if !rules.known.questions.contains_key(name) {
            let variable = name.replace('-', "_");
            let near = suggest::nearest(name, rules.known.questions.keys().map(String::as_str));
            let help = match near {
                Some(near) => format!("did you mean `answers.{}`?", near.replace('-', "_")),
                None => format!("ask for it: `[[question]]` with `name = \"{name}\"`"),
            };
            let at = value.find(&format!("answers.{variable}")).unwrap_or(0);
            let mistake = Mistake::at(at, format!("`answers.{variable}`: there is no such question"));
            rules.wrong(Kind::UnknownName, way, mistake.help(help));
        }
    }
}

fn check_question(rules: &mut Rules<'_, '_>, way: &Way<'_>, question: &Question) {
    rules.expect(Kind::Name, &way.key("name"), names::question(&question.name));
    rules.not_empty(&way.key("prompt"), &question.prompt);
    question.group.iter().for_each(|group| rules.not_empty(&way.key("group"), group));
    if !rules.known.is_clear(&question.name) {
        return;
    }
    choices(rules, way, question);
    if question.internal && question.generate.is_none() {
        let mistake = Mistake::new("a question that nobody is asked, and no machine answers")
            .help("write `type = \"password\"` and `generate = { length = 32 }`, or take `internal` out");
        rules.wrong(Kind::Generate, &way.key("internal"), mistake);
    }
    generate(rules, way, question);
    limits::check(rules, way, question);
    condition::check(rules, way, question);
    let answerable = !question.kind.has_choices() || !question.choices.is_empty();
    if let Some(default) = question.default.as_ref().filter(|_| answerable) {
        check_default(rules, &way.key("default"), question, default);
    }
}

fn choices(rules: &mut Rules<'_, '_>, way: &Way<'_>, question: &Question) {
    let list = way.key("choices");
    let (select, word) = (question.kind.has_choices(), question.kind.word());
    if select && question.choices.is_empty() {
        rules.wrong(
            Kind::Choice,
            way,
            Mistake::new(format!("a `{word}` without choices")).help("add `choices = [\"…\", \"…\"]`"),
        );
    }
    if !select && !question.choices.is_empty() {
        rules.wrong(
            Kind::Choice,
            &list,
            Mistake::new("choices without `type = \"select\"`").help("add the type, or take the choices out"),
        );
    }
    for (i, choice) in question.choices.iter().enumerate() {
        if choice.is_empty() || choice.trim() != choice {
            let mistake =
                Mistake::new("an empty choice, or one with blanks around it").help("write a plain word");
            rules.wrong(Kind::Choice, &list.index(i), mistake);
        } else if question.kind == QuestionType::Multiselect && choice.contains(',') {
            let mistake = Mistake::new("a choice of a `multiselect` has no comma")
                .help("the answer has one between two choices; say it without");
            rules.wrong(Kind::Choice, &list.index(i), mistake);
        } else if choice.ends_with('\\') {
            let mistake = Mistake::new("a choice that ends in a backslash cannot be offered by debconf");
            rules.wrong(Kind::Choice, &list.index(i), mistake.help("take the backslash out"));
        }
    }
    rules.unique_list(&list, &question.choices);
}

fn generate(rules: &mut Rules<'_, '_>, way: &Way<'_>, question: &Question) {
    let Some(generate) = question.generate else { return };
    let key = way.key("generate");
    if !question.is_secret() {
        let mistake = Mistake::new("only a password is generated")
            .help("add `type = \"password\"`, or give a `default`");
        return rules.wrong(Kind::Generate, &key, mistake);
    }
    if !SECRET_LENGTHS.contains(&generate.length) {
        let (least, most) = (SECRET_LENGTHS.start(), SECRET_LENGTHS.end());
        let mistake =
            Mistake::new(format!("a secret has {least} to {most} characters: {least} are 128 bits"));
        rules.wrong(
            Kind::Generate,
            &key.key("length"),
            mistake.help(format!("write `generate = {{ length = {least} }}`")),
        );
    }
}

fn check_default(rules: &mut Rules<'_, '_>, way: &Way<'_>, question: &Question, default: &str) {
    if question.is_secret() {
        let mistake = Mistake::new("a secret in the definition is a secret in a public package")
            .help("write `generate = { length = 22 }` instead");
        return rules.wrong(Kind::Secret, way, mistake);
    }
    let parts = match seed_value::parse(default) {
        Ok(parts) => parts,
        Err(mistake) => return rules.wrong(Kind::UnknownName, way, mistake),
    };
    for name in seed_value::answers_used(&parts) {
        if let Err(mistake) = earlier(rules, question, name) {
            return rules.wrong(Kind::UnknownName, way, mistake);
        }
    }
    if question.kind == QuestionType::Text && !parts.iter().all(|p| matches!(p, Part::Text(_))) {
        let mistake = Mistake::new("the default of a `text` is fixed").help("take the placeholder out");
        return rules.wrong(Kind::UnknownName, way, mistake);
    }
    let host = Host {
        name: "wiki".into(),
        fqdn: "wiki.example.org".into(),
        domain: "example.org".into(),
        address: "192.0.2.1".into(),
        timezone: "Europe/Berlin".into(),
    };
    let uses_answers = seed_value::answers_used(&parts).next().is_some();
    // what others answer is not known before
    if uses_answers {
        return;
    }
    let example = seed_value::render(&parts, &host, &BTreeMap::new()).unwrap_or_default();
    let example = canonical(question, &example);
    // whether the machine's own name fits is known on the machine only
    let fixed = parts.iter().all(|p| matches!(p, Part::Text(_)));
    if let Err(why) = validate(question, &example)
        && (fixed || question.kind != QuestionType::Domain)
    {
        let near = suggest::nearest(&example, question.choices.iter().map(String::as_str));
        let help = near.map_or_else(
            || "write a default that is a valid answer".into(),
            |n| format!("did you mean `{n}`?"),
        );
        rules.wrong(
            Kind::Choice,
            way,
            Mistake::new(format!("the default is no valid answer: it {why}")).help(help),
        );
    }
}

/// A question that is asked before this one, and whose answer can be used in a line of text that others may read.
fn earlier<'r>(rules: &'r Rules<'_, '_>, question: &Question, name: &str) -> Result<&'r Question, Mistake> {
    let place = |name: &str| rules.definition.questions.iter().position(|q| q.name == name);
    let variable = name.replace('-', "_");
    let Some(found) = place(name) else {
        let names = rules.definition.questions.iter().map(|q| q.name.as_str());
        let help = suggest::did_you_mean(name, names).unwrap_or_else(|| "ask for it before".into());
        return Err(Mistake::new(format!("there is no question `{name}`")).help(help));
    };
    if place(&question.name).is_none_or(|own| found >= own) {
        let mistake = Mistake::new(format!("`{name}` is not asked before `{}`", question.name));
        return Err(mistake.help(format!("move the question `{name}` up")));
    }
    let found = &rules.definition.questions[found];
    match found.kind {
        QuestionType::Password => {
            Err(Mistake::new(format!("`{variable}` is a secret: it cannot be used here")))
        }
        QuestionType::Text => {
            Err(Mistake::new(format!("`{variable}` has several lines: it cannot be used here")))
        }
        _ => Ok(found),
    }
}

fn check_seed(rules: &mut Rules<'_, '_>, way: &Way<'_>, seed: &Seed) {
    rules.expect(Kind::Name, &way.key("package"), names::package(&seed.package));
    rules.expect(Kind::Seed, &way.key("question"), names::debconf_question(&seed.question));
    if let Some(template) = &seed.template {
        rules.expect(Kind::Seed, &way.key("template"), names::debconf_question(template));
    }
    if !SEED_TYPES.contains(&seed.kind.as_str()) {
        let near = suggest::did_you_mean(&seed.kind, SEED_TYPES);
        let help = near.unwrap_or_else(|| format!("debconf has {}", SEED_TYPES.join(", ")));
        rules.wrong(
            Kind::Seed,
            &way.key("type"),
            Mistake::new(format!("`{}` is no type of debconf's", seed.kind)).help(help),
        );
    }
    let value = way.key("value");
    let resolved = database::resolve(&seed.value, &rules.definition.databases);
    let parts = match resolved.and_then(|text| seed_value::parse(&text)) {
        Ok(parts) => parts,
        Err(mistake) => return rules.wrong(Kind::UnknownName, &value, mistake),
    };
    answers_exist(rules, &value, &parts, &seed.value);
    let text = |name: &&str| {
        rules.definition.questions.iter().any(|q| q.name == **name && q.kind == QuestionType::Text)
    };
    if let Some(name) = seed_value::answers_used(&parts).find(text) {
        let mistake = Mistake::new(format!("the answer to `{name}` has several lines, a seed has one"));
        return rules.wrong(Kind::Seed, &value, mistake.help("ask for a `string`"));
    }
    let fixed = parts.iter().all(|p| matches!(p, Part::Text(_)));
    match seed.kind.as_str() {
        "boolean" if fixed && !matches!(seed.value.as_str(), "true" | "false") => {
            let mistake = Mistake::new("a boolean is `true` or `false`")
                .help("write `value = \"true\"` or `value = \"false\"`");
            rules.wrong(Kind::Seed, &value, mistake);
        }
        "password" if fixed && !seed.value.is_empty() => {
            let mistake = Mistake::new("a secret in the definition is a secret in a public package").help(
                "ask for it: `[[question]]` with `type = \"password\"`, and write `{{ answers.NAME }}` here",
            );
            rules.wrong(Kind::Secret, &value, mistake);
        }
        _ => {}
    }
}
