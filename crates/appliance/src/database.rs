//! Databases of an appliance: what follows from a `[[database]]`, the same for author's tool, installer and machine.
//!
//! Its password is an internal question: made, kept and forgotten as any secret of the appliance. With `package`,
//! [`dbconfig`] answers what dbconfig-common asks. [`Definition::complete`] writes both into the definition, so that
//! nobody later has to know databases to ask and to seed.

mod dbconfig;

use crate::{
    model::{Database, Definition, Engine},
    names::Mistake,
    question::{Generate, Question, QuestionType},
    suggest,
};

/// Characters of a password that the machine makes: more than 128 bits.
const LENGTH: u32 = 32;
/// Names that the servers have for themselves, and those that would be taken for somebody else.
const TAKEN: [&str; 12] = [
    "information_schema",
    "mariadb",
    "mysql",
    "performance_schema",
    "postgres",
    "postgresql",
    "public",
    "root",
    "sys",
    "template0",
    "template1",
    "test",
];

/// What a template and a seed know of each database: `database.NAME.host`. The password is a secret.
pub const FIELDS: [&str; 7] = ["engine", "name", "user", "host", "port", "socket", "password"];

impl Engine {
    pub const ALL: [Engine; 2] = [Engine::Mariadb, Engine::Postgresql];

    /// As it is written in a definition.
    pub fn word(self) -> &'static str {
        match self {
            Engine::Mariadb => "mariadb",
            Engine::Postgresql => "postgresql",
        }
    }

    /// Debian's packages of the server and of its client.
    pub fn packages(self) -> [&'static str; 2] {
        match self {
            Engine::Mariadb => ["mariadb-server", "mariadb-client"],
            Engine::Postgresql => ["postgresql", "postgresql-client"],
        }
    }

    /// The server's unit.
    pub fn unit(self) -> &'static str {
        match self {
            Engine::Mariadb => "mariadb.service",
            Engine::Postgresql => "postgresql.service",
        }
    }
}

impl Database {
    /// Without a name yet.
    pub fn of(engine: Engine) -> Self {
        Database {
            engine,
            name: None,
            user: None,
            password_question: None,
            charset: None,
            collation: None,
            package: None,
            dbconfig: None,
        }
    }

    /// Empty where neither `name` nor `package` is given, which is reported.
    pub fn name(&self) -> String {
        let letter = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_';
        let of_package = || self.package.iter().flat_map(|p| p.chars()).filter(letter).collect();
        self.name.clone().unwrap_or_else(of_package)
    }

    /// The user who owns it.
    pub fn user(&self) -> String {
        self.user.clone().unwrap_or_else(|| self.name())
    }

    /// The question whose secret is the user's password.
    pub fn secret(&self) -> String {
        let own = || format!("database-{}", self.name().replace('_', "-"));
        self.password_question.clone().unwrap_or_else(own)
    }

    pub fn charset(&self) -> &str {
        self.charset.as_deref().unwrap_or(match self.engine {
            Engine::Mariadb => "utf8mb4",
            Engine::Postgresql => "UTF8",
        })
    }

    pub fn collation(&self) -> &str {
        self.collation.as_deref().unwrap_or(match self.engine {
            Engine::Mariadb => "utf8mb4_unicode_ci",
            Engine::Postgresql => "C.UTF-8",
        })
    }

    /// One of [`FIELDS`], without the password.
    pub fn field(&self, field: &str) -> Option<String> {
        let fixed = match (field, self.engine) {
            ("name", _) => return Some(self.name()),
            ("user", _) => return Some(self.user()),
            ("engine", engine) => engine.word(),
            ("host", _) => "localhost",
            ("port", Engine::Mariadb) => "3306",
            ("port", Engine::Postgresql) => "5432",
            ("socket", Engine::Mariadb) => "/run/mysqld/mysqld.sock",
            ("socket", Engine::Postgresql) => "/run/postgresql",
            _ => return None,
        };
        Some(fixed.into())
    }
}

impl Definition {
    /// Writes what the databases imply into the definition: the questions for their passwords, and the seeds of those
    /// that dbconfig-common makes. What the author has written stands first, and stays. Doing it again changes nothing.
    pub fn complete(&mut self) {
        for question in self.own_secrets() {
            if !self.questions.iter().any(|q| q.name == question.name) {
                self.questions.push(question);
            }
        }
        for seed in &mut self.seeds {
            // what does not name a database of ours has been reported
            if let Ok(value) = resolve(&seed.value, &self.databases) {
                seed.value = value;
            }
        }
        for seed in self.databases.iter().flat_map(Database::seeds).collect::<Vec<_>>() {
            if !self.seeds.iter().any(|s| s.question == seed.question) {
                self.seeds.push(seed);
            }
        }
    }

    /// What is installed and running before the rest: the author's packages and the databases' servers, each once.
    pub fn before(&self) -> Vec<String> {
        let named = self.appliance.iter().flat_map(|a| a.before.iter().map(String::as_str));
        once(named.chain(self.databases.iter().map(|d| d.engine.packages()[0])))
    }

    /// Relations that the definition implies beside its `packages`.
    pub fn implied_packages(&self) -> Vec<String> {
        let before = self.before();
        let clients = self.databases.iter().map(|d| d.engine.packages()[1]);
        let mut all = once(before.iter().map(String::as_str).chain(clients));
        all.retain(|p| !self.appliance.iter().any(|a| a.packages.contains(p)));
        all
    }

    fn own_secrets(&self) -> Vec<Question> {
        let own = self.databases.iter().filter(|d| d.password_question.is_none());
        let question = |database: &Database| Question {
            name: database.secret(),
            prompt: format!("Password of the database user {}", database.user()),
            kind: QuestionType::Password,
            generate: Some(Generate { length: LENGTH }),
            internal: true,
            ..Question::default()
        };
        own.map(question).collect()
    }
}

fn once<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut all: Vec<String> = vec![];
    for name in names {
        if !all.iter().any(|a| a == name) {
            all.push(name.into());
        }
    }
    all
}

/// The value of a seed with `{{ database.NAME.FIELD }}` as text, and its password as the answer to a question. Other
/// placeholders stay.
pub fn resolve(value: &str, databases: &[Database]) -> Result<String, Mistake> {
    let (mut text, mut rest) = (String::new(), value);
    while let Some((before, inside)) = rest.split_once("{{") {
        let Some((inside, after)) = inside.split_once("}}") else { break };
        text.push_str(before);
        match inside.trim().strip_prefix("database.") {
            Some(path) => {
                let at = value.len() - rest.len() + before.len();
                text.push_str(&field_of(path, databases).map_err(|m| Mistake { at, ..m })?);
            }
            None => text.push_str(&format!("{{{{{inside}}}}}")),
        }
        rest = after;
    }
    Ok(text + rest)
}

fn field_of(path: &str, databases: &[Database]) -> Result<String, Mistake> {
    let database = known(path, databases)?;
    let field = path.rsplit('.').next().unwrap_or_default();
    let password = || format!("{{{{ answers.{} }}}}", database.secret().replace('-', "_"));
    Ok(database.field(field).unwrap_or_else(password))
}

/// The database of `NAME.FIELD`, when it has such a field.
pub fn known<'d>(path: &str, databases: &'d [Database]) -> Result<&'d Database, Mistake> {
    let wrong = |help: String| Err(Mistake::new(format!("`database.{path}` is not known here")).help(help));
    let (name, field) = path.split_once('.').unwrap_or((path, ""));
    let Some(database) = databases.iter().find(|d| d.name() == name) else {
        let names: Vec<String> = databases.iter().map(Database::name).collect();
        return wrong(match suggest::nearest(name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `database.{near}.{field}`?"),
            None => format!("declare it: `[[database]]` with `name = \"{name}\"`"),
        });
    };
    if FIELDS.contains(&field) {
        return Ok(database);
    }
    wrong(match suggest::nearest(field, FIELDS) {
        Some(near) => format!("did you mean `database.{name}.{near}`?"),
        None => format!("a database has {}", FIELDS.join(", ")),
    })
}

/// A name of a database or of its user that needs no quotes with either server, and is nobody else's.
pub fn name(name: &str) -> Result<(), Mistake> {
    let help = "use lower case letters, digits and single `_`, a letter first, at most 32 characters";
    let wrong = |at| Mistake::at(at, "not a name of a database or its user").help(help);
    if let Some(at) = name.find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit() && c != '_') {
        return Err(wrong(at));
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || name.len() > 32 {
        return Err(wrong(0));
    }
    // it becomes the name of a question
    if name.ends_with('_') || name.contains("__") {
        return Err(wrong(0));
    }
    if TAKEN.contains(&name) || name.starts_with("pg_") {
        return Err(
            Mistake::new("the servers use this name themselves").help("name it after the application")
        );
    }
    Ok(())
}

/// A character set or a collation: `utf8mb4`, `C.UTF-8`.
pub fn charset(text: &str) -> Result<(), Mistake> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-.@".contains(c);
    match text.len() {
        1..=64 if text.chars().all(fits) => Ok(()),
        _ => Err(Mistake::new("not a name of a character set or a collation")
            .help("write one such as `utf8mb4`, `utf8mb4_unicode_ci`, `UTF8` or `C.UTF-8`")),
    }
}

/// What dbconfig-common's questions of a package begin with: a package's name, with words behind slashes.
pub fn dbconfig_name(text: &str) -> Result<(), Mistake> {
    let mut words = text.split('/');
    let package = words.next().unwrap_or_default();
    let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b));
    crate::names::package(package.split('_').next().unwrap_or_default())?;
    match words.all(word) {
        true => Ok(()),
        false => Err(Mistake::new("not what dbconfig-common's questions begin with")
            .help("`debconf-show PACKAGE` prints them: write what stands before `/dbconfig-install`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_be_more_than_a_name_is_refused() {
        for sound in ["guestbook", "wiki_2", "a"] {
            assert!(name(sound).is_ok(), "{sound}");
        }
        for bad in [
            "",
            "Wiki",
            "2wiki",
            "wi-ki",
            "wi`ki",
            "wi'ki",
            "wi\\ki",
            "wi ki",
            "_x",
            "x_",
            "a__b",
            "root",
            "postgres",
            "pg_x",
            "mysql",
            "x\n",
            &"x".repeat(33),
        ] {
            assert!(name(bad).is_err(), "{bad}");
        }
        assert!(charset("utf8mb4").is_ok() && charset("C.UTF-8").is_ok());
        assert!(charset("x' --").is_err() && charset("").is_err());
        assert!(
            dbconfig_name("redmine/instances/default").is_ok()
                && dbconfig_name("zabbix-server-mysql").is_ok()
        );
        assert!(dbconfig_name("../x").is_err() && dbconfig_name("a/../b").is_err());
        assert!(dbconfig_name("ab/$(x)").is_err() && dbconfig_name("ab/").is_err());
    }

    fn definition() -> Definition {
        let toml = "[appliance]\nname = 'x'\nversion = '1'\nsummary = 'x'\nmaintainer = 'x'\nurl = ''\n\
            packages = ['php', 'mariadb-client', 'roundcube']\nbefore = ['redis-server']\n\
            [[database]]\nengine = 'mariadb'\nname = 'one_two'\n[[database]]\nengine = 'mariadb'\nname = 'two'\n\
            password-question = 'pw'\n[[database]]\nengine = 'postgresql'\npackage = 'round-cube'\n\
            [[seed]]\npackage = 'php'\nquestion = 'php/x'\nvalue = '{{host.name}}:{{ database.one_two.password }}'\n\
            [[seed]]\npackage = 'round-cube'\nquestion = 'round-cube/pgsql/method'\nvalue = 'Unix socket'\n";
        toml::from_str(toml).unwrap()
    }

    #[test]
    fn servers_and_clients_come_by_themselves_and_once() {
        let definition = definition();
        assert_eq!(definition.before(), ["redis-server", "mariadb-server", "postgresql"]);
        let implied = ["redis-server", "mariadb-server", "postgresql", "postgresql-client"];
        assert_eq!(definition.implied_packages(), implied);
    }

    #[test]
    fn passwords_are_questions_that_nobody_is_asked_and_the_authors_seeds_stay() {
        let mut definition = definition();
        definition.complete();
        let names: Vec<&str> = definition.questions.iter().map(|q| q.name.as_str()).collect();
        assert_eq!(names, ["database-one-two", "database-roundcube"]);
        assert!(definition.questions.iter().all(|q| q.internal && q.generate.is_some()));
        assert_eq!(definition.seeds[0].value, "{{host.name}}:{{ answers.database_one_two }}");
        let methods: Vec<&str> = definition
            .seeds
            .iter()
            .filter(|s| s.question == "round-cube/pgsql/method")
            .map(|s| s.value.as_str())
            .collect();
        assert_eq!(methods, ["Unix socket"]);
        let once = definition.clone();
        definition.complete();
        assert_eq!(definition, once);
    }

    #[test]
    fn a_placeholder_of_no_database_is_a_mistake_with_its_place() {
        let databases = definition().databases;
        let value = |text: &str| resolve(text, &databases);
        assert_eq!(value("{{ database.two.user }}@{{ database.two.host }}").unwrap(), "two@localhost");
        assert_eq!(value("{{ database.two.password }}").unwrap(), "{{ answers.pw }}");
        for (text, at, help) in [
            ("x {{ database.tow.user }}", 2, "did you mean `database.two.user`?"),
            ("{{ host.name }}{{ database.two.pasword }}", 15, "did you mean `database.two.password`?"),
            ("{{ database.two }}", 0, "a database has engine"),
            ("{{ database.elsewhere.name }}", 0, "declare it"),
        ] {
            let mistake = value(text).unwrap_err();
            assert!(mistake.at == at && mistake.help.clone().unwrap().contains(help), "{text}: {mistake:?}");
        }
    }
}
