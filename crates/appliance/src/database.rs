//! Databases of an appliance: what follows from a `[[database]]`, the same for author's tool, installer and machine.

use crate::{
    model::{Database, Definition, Engine},
    names::{self, Mistake},
    question::{Generate, Question, QuestionType},
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

/// What a template knows of each database: `database.NAME.host`. The password is a secret.
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
    /// The user who owns it.
    pub fn user(&self) -> &str {
        self.user.as_deref().unwrap_or(&self.name)
    }

    /// The question whose secret is the user's password.
    pub fn secret(&self) -> String {
        self.password_question
            .clone()
            .unwrap_or_else(|| format!("{}-{}", self.engine.word(), self.name.replace('_', "-")))
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
    pub fn field(&self, field: &str) -> Option<&str> {
        Some(match (field, self.engine) {
            ("engine", engine) => engine.word(),
            ("name", _) => &self.name,
            ("user", _) => self.user(),
            ("host", _) => "localhost",
            ("port", Engine::Mariadb) => "3306",
            ("port", Engine::Postgresql) => "5432",
            ("socket", Engine::Mariadb) => "/run/mysqld/mysqld.sock",
            ("socket", Engine::Postgresql) => "/run/postgresql",
            _ => return None,
        })
    }
}

impl Definition {
    /// What is installed and running before the rest: the author's packages and the databases' servers, each once.
    pub fn before(&self) -> Vec<String> {
        let mut all = self.appliance.as_ref().map(|a| a.before.clone()).unwrap_or_default();
        for database in &self.databases {
            let [server, _] = database.engine.packages();
            if !all.iter().any(|p| p == server) {
                all.push(server.into());
            }
        }
        all
    }

    /// Relations that the definition implies beside its `packages`.
    pub fn implied_packages(&self) -> Vec<String> {
        let mut all = self.before();
        for client in self.databases.iter().map(|d| d.engine.packages()[1]) {
            if !all.iter().any(|p| p == client) {
                all.push(client.into());
            }
        }
        let named = self.appliance.as_ref().map(|a| a.packages.as_slice()).unwrap_or_default();
        all.retain(|p| !named.contains(p));
        all
    }

    /// Secrets that nobody is asked for: the machine makes them, and keeps them as it does those of questions.
    pub fn own_secrets(&self) -> Vec<Question> {
        let own = self.databases.iter().filter(|d| d.password_question.is_none());
        let question = |database: &Database| Question {
            name: database.secret(),
            prompt: format!("Password of the database user {}", database.user()),
            kind: QuestionType::Password,
            generate: Some(Generate { length: LENGTH }),
            ..Question::default()
        };
        own.map(question).collect()
    }
}

/// A name of a database or of its user that needs no quotes with either server, and is nobody else's.
pub fn name(name: &str) -> Result<(), Mistake> {
    let help = "use lower case letters, digits and `_`, a letter first, at most 32 characters";
    let wrong = |at| Mistake::at(at, "not a name of a database or its user");
    if let Some(at) = name.find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit() && c != '_') {
        return Err(wrong(at).help(help));
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || name.len() > 32 {
        return Err(wrong(0).help(help));
    }
    if TAKEN.contains(&name) || name.starts_with("pg_") {
        return Err(Mistake::new("the servers use this name themselves").help("name it after the application"));
    }
    // it becomes the name of the secret
    names::question(&format!("x-{}", name.replace('_', "-")))
        .map_err(|_| wrong(0).help("write no `_` at the end, nor two side by side"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_be_more_than_a_name_is_refused() {
        for sound in ["guestbook", "wiki_2", "a"] {
            assert!(name(sound).is_ok(), "{sound}");
        }
        for bad in [
            "", "Wiki", "2wiki", "wi-ki", "wi`ki", "wi'ki", "wi\\ki", "wi ki", "_x", "x_", "a__b", "root", "postgres",
            "pg_x", "mysql", "x\n", &"x".repeat(33),
        ] {
            assert!(name(bad).is_err(), "{bad}");
        }
        assert!(charset("utf8mb4").is_ok() && charset("C.UTF-8").is_ok());
        assert!(charset("x' --").is_err() && charset("").is_err());
    }

    #[test]
    fn servers_and_clients_come_by_themselves_and_once() {
        let toml = "[appliance]\nname = 'x'\nversion = '1'\nsummary = 'x'\nmaintainer = 'x'\nurl = ''\n\
            packages = ['php', 'mariadb-client']\nbefore = ['redis-server']\n\
            [[database]]\nengine = 'mariadb'\nname = 'one'\n[[database]]\nengine = 'mariadb'\nname = 'two'\n\
            password-question = 'pw'\n";
        let definition: Definition = toml::from_str(toml).unwrap();
        assert_eq!(definition.before(), ["redis-server", "mariadb-server"]);
        assert_eq!(definition.implied_packages(), ["redis-server", "mariadb-server"]);
        let own = definition.own_secrets();
        assert_eq!(own.iter().map(|q| q.name.as_str()).collect::<Vec<_>>(), ["mariadb-one"]);
        assert_eq!(definition.databases[1].secret(), "pw");
    }
}
