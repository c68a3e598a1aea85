//! What is said to the servers. Names were checked (`appliance::database::name`), and are quoted all the same.

use appliance::model::{Database, Engine};

/// A text as both servers read it in quotes; [`quiet`] lets MariaDB take a backslash for what it means to PostgreSQL.
fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

fn name(engine: Engine, name: &str) -> String {
    match engine {
        Engine::Mariadb => format!("`{}`", name.replace('`', "``")),
        Engine::Postgresql => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// Backslashes mean nothing, and no log of the server's gets the password.
fn quiet(engine: Engine) -> &'static str {
    match engine {
        Engine::Mariadb => "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES', SESSION sql_log_off = 1;\n",
        Engine::Postgresql => {
            "SET standard_conforming_strings = on;\nSET log_statement = 'none';\n\
             SET log_min_duration_statement = -1;\nSET log_min_error_statement = 'panic';\n\
             SET client_min_messages = 'warning';\n"
        }
    }
}

/// Rows: `database` with its comment, `user`, `rights` when the user may do everything with the database.
pub fn look(database: &Database) -> String {
    let (name, user) = (text(&database.name()), text(&database.user()));
    match database.engine {
        Engine::Mariadb => format!(
            "SELECT 'database', SCHEMA_COMMENT FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {name};\n\
             SELECT 'user' FROM mysql.user WHERE User = {user} AND Host = 'localhost';\n\
             SELECT 'rights' FROM mysql.db WHERE User = {user} AND Host = 'localhost' AND Create_priv = 'Y' \
             AND REPLACE(Db, CONCAT(CHAR(92), '_'), '_') = {name};\n"
        ),
        Engine::Postgresql => format!(
            "SELECT 'database', shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = {name};\n\
             SELECT 'user' FROM pg_roles WHERE rolname = {user};\n\
             SELECT 'rights' FROM pg_database d, pg_roles r WHERE datname = {name} AND rolname = {user} \
             AND NOT rolsuper AND has_database_privilege(r.oid, d.oid, 'CREATE');\n"
        ),
    }
}

/// How many tables the database has that its user is connected to.
pub fn tables(engine: Engine) -> &'static str {
    match engine {
        Engine::Mariadb => {
            "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE();\n"
        }
        Engine::Postgresql => {
            "SELECT COUNT(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema');\n"
        }
    }
}

/// Makes database and user as far as they are not `present`, and sets the password and the rights.
pub fn make(database: &Database, password: &str, mark: &str, present: (bool, bool)) -> String {
    let engine = database.engine;
    let (name, user) = (self::name(engine, &database.name()), database.user());
    let (password, mark) = (text(password), text(mark));
    let (charset, collation) = (database.charset(), database.collation());
    let mut script = quiet(engine).to_owned();
    match engine {
        Engine::Mariadb => {
            let user = format!("{}@'localhost'", text(&user));
            // in a grant, `_` stands for any character
            let granted = name.replace('_', "\\_");
            script += &format!("CREATE USER IF NOT EXISTS {user};\n");
            script += &format!("ALTER USER {user} IDENTIFIED BY {password};\n");
            // before the database: who finds one finds its user with rights on it, whenever this was cut off
            script += &format!("GRANT ALL PRIVILEGES ON {granted}.* TO {user};\n");
            if !present.0 {
                script += &format!(
                    "CREATE DATABASE {name} CHARACTER SET {} COLLATE {} COMMENT {mark};\n",
                    text(charset),
                    text(collation)
                );
            }
        }
        Engine::Postgresql => {
            let user = self::name(engine, &user);
            if !present.1 {
                script += &format!("CREATE ROLE {user};\n");
            }
            script += &format!("ALTER ROLE {user} LOGIN PASSWORD {password};\n");
            if !present.0 {
                script += &format!(
                    "CREATE DATABASE {name} OWNER {user} ENCODING {} LC_COLLATE {collation} LC_CTYPE {collation} \
                     TEMPLATE template0;\n",
                    text(charset),
                    collation = text(collation)
                );
                script += &format!("COMMENT ON DATABASE {name} IS {mark};\n");
            }
        }
    }
    script
}

/// MariaDB: how the database was made, as the clauses that make it so again.
pub fn as_made(database: &Database) -> String {
    format!(
        "SELECT CONCAT('CHARACTER SET ', QUOTE(DEFAULT_CHARACTER_SET_NAME), ' COLLATE ', QUOTE(DEFAULT_COLLATION_NAME), \
         ' COMMENT ', QUOTE(SCHEMA_COMMENT)) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {};\n",
        text(&database.name())
    )
}

/// MariaDB: the database without content. Its user's rights outlive it.
pub fn make_anew(database: &Database, as_made: &str) -> String {
    let name = name(database.engine, &database.name());
    format!("DROP DATABASE {name};\nCREATE DATABASE {name} {as_made};\n")
}

pub fn drop(engine: Engine, database: &str) -> String {
    let name = name(engine, database);
    match engine {
        Engine::Mariadb => format!("DROP DATABASE {name};\n"),
        Engine::Postgresql => format!("DROP DATABASE {name} WITH (FORCE);\n"),
    }
}

/// PostgreSQL: takes the content out of the database, all or nothing. Whoever is connected is sent away.
pub fn clear(database: &Database) -> String {
    let (name, as_text) = (name(database.engine, &database.name()), text(&database.name()));
    format!(
        "\\connect {name}\nSET client_min_messages = 'warning';\n\
         SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = {as_text} AND pid <> pg_backend_pid();\n\
         BEGIN;\n\
         DO $$ DECLARE one text; BEGIN\n\
         FOR one IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP\n\
         EXECUTE format('DROP SCHEMA %I CASCADE', one);\nEND LOOP; END $$;\n\
         SELECT count(lo_unlink(oid)) FROM pg_largeobject_metadata;\n\
         CREATE SCHEMA public AUTHORIZATION pg_database_owner;\nGRANT USAGE ON SCHEMA public TO PUBLIC;\n\
         COMMIT;\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(engine: &str) -> Database {
        toml::from_str(&format!("engine = '{engine}'\nname = 'my_wiki'\nuser = 'wiki'")).unwrap()
    }

    #[test]
    fn a_password_stays_a_text_whatever_is_in_it() {
        for engine in ["mariadb", "postgresql"] {
            let script = make(&database(engine), "it's; \\' DROP", "appliance wiki", (false, false));
            assert!(script.contains("'it''s; \\'' DROP'"), "{script}");
        }
        let script = make(&database("mariadb"), "x", "m", (true, true));
        assert!(
            script.contains("ON `my\\_wiki`.* TO 'wiki'@'localhost'") && !script.contains("CREATE DATABASE")
        );
        let script = make(&database("postgresql"), "x", "m", (true, true));
        assert!(!script.contains("CREATE"), "{script}");
    }
}
