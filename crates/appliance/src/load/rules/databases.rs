//! `[[database]]`: names that are safe in SQL, a password that is one, a package that is the appliance's.

use super::{super::tree::Way, Rules};
use crate::{
    database,
    model::Database,
    names::{self, Mistake},
    problem::Kind,
    suggest,
};

pub fn check(rules: &mut Rules<'_, '_>) {
    let definition = rules.definition;
    for (i, database) in definition.databases.iter().enumerate() {
        check_one(rules, &Way::to("database").index(i), database);
    }
    let names: Vec<String> = definition.databases.iter().map(Database::name).collect();
    for (i, name) in names.iter().enumerate().filter(|(i, name)| names[..*i].contains(name)) {
        let mistake = Mistake::new(format!("there is a database `{name}` already"))
            .help("give each a name of its own: templates know it by that");
        rules.wrong(Kind::Duplicate, &Way::to("database").index(i).key("name"), mistake);
    }
}

fn check_one(rules: &mut Rules<'_, '_>, way: &Way<'_>, database: &Database) {
    match (&database.name, &database.package) {
        (None, None) => {
            let mistake = Mistake::new("a database without a name").help("add `name = \"…\"`");
            rules.wrong(Kind::Empty, way, mistake);
        }
        (Some(name), _) => {
            rules.expect(Kind::Name, &way.key("name"), database::name(name));
        }
        (None, Some(_)) => {
            let made = database::name(&database.name());
            let made = made.map_err(|m| m.help("add `name = \"…\"`: the package's name makes none"));
            rules.expect(Kind::Name, &way.key("package"), made);
        }
    }
    if let Some(user) = &database.user {
        rules.expect(Kind::Name, &way.key("user"), database::name(user));
    }
    for (key, text) in [("charset", &database.charset), ("collation", &database.collation)] {
        if let Some(text) = text {
            rules.expect(Kind::Value, &way.key(key), database::charset(text));
        }
        if let (Some(_), Some(package)) = (text, &database.package) {
            let mistake =
                Mistake::new(format!("{package} makes the database, and chooses the `{key}` itself"));
            rules.wrong(Kind::Either, &way.key(key), mistake.help("take it out"));
        }
    }
    if let Some(package) = &database.package {
        rules.expect(Kind::Name, &way.key("package"), names::package(package));
    }
    if let Some(prefix) = &database.dbconfig {
        rules.expect(Kind::Name, &way.key("dbconfig"), database::dbconfig_name(prefix));
        if database.package.is_none() {
            let mistake = Mistake::new("`dbconfig` without `package`");
            let help = "name the package that dbconfig-common asks for, or take it out";
            rules.wrong(Kind::Either, &way.key("dbconfig"), mistake.help(help));
        }
    }
    if let Some(question) = &database.password_question
        && let Err(mistake) = password(rules, question)
    {
        rules.wrong(Kind::UnknownName, &way.key("password-question"), mistake);
    }
}

fn password(rules: &Rules<'_, '_>, question: &str) -> Result<(), Mistake> {
    match rules.known.questions.get(question) {
        Some(Some(true) | None) => Ok(()),
        Some(Some(false)) => Err(Mistake::new(format!("the answer to `{question}` is no secret"))
            .help("write `type = \"password\"` at the question")),
        None => {
            let names = rules.definition.questions.iter().map(|q| q.name.as_str());
            let help = suggest::did_you_mean(question, names);
            let help = help.unwrap_or_else(|| "leave it out: the machine makes a password".into());
            Err(Mistake::new(format!("there is no question `{question}`")).help(help))
        }
    }
}
