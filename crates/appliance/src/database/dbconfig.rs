//! What dbconfig-common asks for a package, answered from a `[[database]]`.
//!
//! The questions are made for each package from templates of dbconfig-common's (`dbconfig-common/mysql/app-pass` becomes
//! `roundcube/mysql/app-pass`). Whether the database goes with the package (`purge`) is asked when it is removed, and
//! is not answered in advance.

use crate::model::{Database, Engine, Seed};

impl Engine {
    /// As dbconfig-common calls it.
    pub fn dbconfig(self) -> &'static str {
        match self {
            Engine::Mariadb => "mysql",
            Engine::Postgresql => "pgsql",
        }
    }
}

impl Database {
    /// What dbconfig-common's questions for its package begin with; none when it is the appliance's own database.
    pub fn dbconfig(&self) -> Option<&str> {
        self.package.as_ref().map(|package| self.dbconfig.as_deref().unwrap_or(package))
    }

    /// The answers for dbconfig-common; none when it is the appliance's own database.
    pub fn seeds(&self) -> Vec<Seed> {
        let (Some(package), Some(prefix)) = (&self.package, self.dbconfig()) else { return vec![] };
        let seed = |(name, kind, value): (String, &str, String)| Seed {
            package: package.clone(),
            question: format!("{prefix}/{name}"),
            kind: kind.into(),
            value,
            template: Some(format!("dbconfig-common/{name}")),
        };
        self.answers().into_iter().map(seed).collect()
    }

    /// Question without the package, type, value.
    fn answers(&self) -> Vec<(String, &'static str, String)> {
        let engine = self.engine.dbconfig();
        let password = format!("{{{{ answers.{} }}}}", self.secret().replace('-', "_"));
        let mut all: Vec<(String, &str, String)> = vec![
            ("dbconfig-install".into(), "boolean", "true".into()),
            ("dbconfig-upgrade".into(), "boolean", "true".into()),
            ("database-type".into(), "select", engine.into()),
            ("db/dbname".into(), "string", self.name()),
            ("db/app-user".into(), "string", format!("{}@localhost", self.user())),
            (format!("{engine}/app-pass"), "password", password.clone()),
            ("app-password-confirm".into(), "password", password),
        ];
        let own: &[(&str, &'static str, &str)] = match self.engine {
            // the server knows root by the user who runs the client, without a password
            Engine::Mariadb => &[
                ("mysql/method", "select", "Unix socket"),
                ("mysql/admin-user", "string", "root"),
                ("mysql/admin-pass", "password", ""),
            ],
            // through the socket the user would have to be one of the machine's
            Engine::Postgresql => &[
                ("pgsql/method", "select", "TCP/IP"),
                ("remote/host", "select", "localhost"),
                ("pgsql/authmethod-admin", "select", "ident"),
                ("pgsql/authmethod-user", "select", "password"),
                ("pgsql/admin-user", "string", "postgres"),
            ],
        };
        all.extend(own.iter().map(|(name, kind, value)| ((*name).into(), *kind, (*value).into())));
        all
    }
}
