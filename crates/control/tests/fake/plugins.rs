//! A plugin with something of everything, and what it says.

use broker_protocol::{Answer, Ask, Asking, MadeSecret};
use plugin::{
    manifest::{Action, Card, Fact, Manifest, Parameter, ParameterType, Query, Role},
    query::{Choice, Data, Table, Text},
    wants::Want,
};

const HOSTILE: &str = "<script>alert(7)</script>\u{1b}]0;owned\u{7}";

/// What can be asked about plugins; none when it is something else.
pub fn answer(ask: &Ask) -> Option<Answer> {
    Some(match ask {
        Ask::Plugins {} => Answer::Plugins(vec![manifest()]),
        Ask::Asking {} => Answer::Asking(vec![Asking { plugin: "moinmoin".into(), more: more() }]),
        Ask::Query { .. } => Answer::Data(Box::new(data())),
        Ask::Agree { .. } => Answer::Done,
        Ask::Reveal { .. } => {
            Answer::Secrets(vec![MadeSecret { label: format!("Password {HOSTILE}"), value: HOSTILE.into() }])
        }
        _ => return None,
    })
}

fn more() -> Vec<Want> {
    manifest().wants().into_iter().filter(|want| want.words().contains("network")).collect()
}

fn data() -> Data {
    let fact = |label: &str, value: &str| Fact { label: label.into(), value: value.into() };
    let choice = |value: &str, text: String| Choice { value: value.into(), text };
    Data {
        facts: vec![fact("Pages", "1204"), fact("Size", "80.2 MB"), fact(HOSTILE, HOSTILE)],
        tables: vec![Table {
            columns: vec!["Name".into(), "Address".into(), HOSTILE.into()],
            rows: (0..50)
                .map(|n| vec![format!("user{n}"), "ada@example.org".into(), HOSTILE.into()])
                .collect(),
            total: 120,
        }],
        texts: vec![Text { title: Some(HOSTILE.into()), text: format!("two\nlines {HOSTILE}") }],
        choices: vec![choice("ada", "Ada Lovelace".into()), choice("eve", HOSTILE.into())],
        warnings: vec![HOSTILE.into()],
        message: HOSTILE.into(),
    }
}

pub fn manifest() -> Manifest {
    let action = |name: &str, title: &str, description: &str| Action {
        name: name.into(),
        title: title.into(),
        description: Some(description.into()),
        run: name.into(),
        user: "root".into(),
        ..Action::default()
    };
    let parameter = |name: &str, kind| Parameter { name: name.into(), kind, ..Parameter::default() };
    let mut restore = action("restore", "Restore", "Puts the wiki back as it was when a backup was made.");
    restore.parameters = vec![parameter("archive", ParameterType::File)];
    restore.confirm = Some("Everything that was written since the backup will be gone.".into());
    let mut user = action("create-user", "Create a wiki user", "The user can sign in at the wiki at once.");
    user.parameters = vec![
        parameter("name", ParameterType::String),
        parameter("email", ParameterType::Email),
        parameter("password", ParameterType::Password),
        parameter("send-mail", ParameterType::Boolean),
    ];
    let backup = action(
        "backup",
        "Back up",
        "Saves the wiki’s pages, users and settings into one file, which you can download.",
    );
    let query = |name: &str, title: &str| Query {
        name: name.into(),
        title: title.into(),
        run: name.into(),
        user: "moin".into(),
        ..Query::default()
    };
    let mut tune = action("tune", "Tune", "One field of each kind.");
    tune.parameters = vec![
        parameter("user", ParameterType::Select),
        parameter("note", ParameterType::Text),
        parameter("parts", ParameterType::Multiselect),
        parameter("since", ParameterType::Number),
        Parameter { optional: true, ..parameter("host", ParameterType::Hostname) },
    ];
    tune.parameters[0].choices_from = Some("users".into());
    tune.parameters[2].choices = vec!["pages".into(), "drafts".into()];
    tune.writable = vec!["/var/lib/moin".into()];
    tune.network = true;
    Manifest {
        version: 1,
        name: "moinmoin".into(),
        title: "MoinMoin wiki".into(),
        package_version: "1.0".into(),
        services: vec!["apache2.service".into()],
        cards: vec![
            Card { title: "Numbers".into(), query: Some("numbers".into()), ..Card::default() },
            Card {
                title: "About".into(),
                facts: vec![Fact { label: "Data".into(), value: "/var/lib/moin".into() }],
                text: Some("Written in Python.\nMade of pages.".into()),
                query: None,
            },
        ],
        queries: vec![
            query("numbers", "The wiki in numbers"),
            Query { search: true, role: Role::Administrator, ..query("users", "Accounts") },
        ],
        actions: vec![backup, restore, user, tune],
    }
}
