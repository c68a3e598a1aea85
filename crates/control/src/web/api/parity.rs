//! One definition serves page, API and command line: what one of them can do, the others can.

use super::Gives;
use crate::{cli, web::routes};
use clap::CommandFactory;
use std::collections::BTreeSet;

/// Commands that are no request of the page's, each with the reason.
const ON_THE_MACHINE_ONLY: &[(&str, &str)] = &[
    ("link", "only root on the machine lets somebody in"),
    ("account reset-codes", "only root on the machine lets somebody in without his second factor"),
    ("console", "is what the machine's console says"),
    ("plugin check", "for who writes a plugin"),
    ("plugin schema", "for who writes a plugin"),
    ("completions", "for the shell"),
    ("man", "for the shell"),
    ("serve", "is the page"),
];
/// Routes without a command, each with the reason.
const IN_THE_PAGE_ONLY: &[(&str, &str)] = &[
    ("POST /link/{token}", "signs a browser in; root needs no session"),
    ("POST /sign-in", "signs a browser in; root needs no session"),
    ("POST /sign-in/code", "signs a browser in; root needs no session"),
    ("POST /account/codes", "a second factor belongs to the account that is signed in"),
    ("POST /account/codes/confirm", "a second factor belongs to the account that is signed in"),
    ("POST /account/codes/end", "a second factor belongs to the account that is signed in"),
    ("POST /sign-out", "root has no session to end"),
    ("GET /boot-id", "tells the browser that the machine is back"),
];

#[test]
fn every_route_has_its_command_and_every_command_its_route() {
    let commands = leaves(&cli::Arguments::command(), "");
    let mut reached = BTreeSet::new();
    for route in routes::table() {
        let name = format!("{} {}", route.verb, route.path);
        let alone = IN_THE_PAGE_ONLY.iter().any(|(n, _)| *n == name);
        for command in route.commands {
            assert!(commands.contains(*command), "{name}: there is no command `{command}`");
            reached.insert((*command).to_owned());
        }
        if route.verb != "GET" || !matches!(route.gives, Gives::Page) {
            assert!(!route.summary.is_empty(), "{name}: say in the table what it does and gives");
            assert!(route.commands.is_empty() == alone, "{name}: name its command, or why it has none");
        }
    }
    for (name, _) in ON_THE_MACHINE_ONLY {
        assert!(commands.contains(*name) && reached.insert((*name).into()), "{name} is told of twice");
    }
    let missing: Vec<_> = commands.difference(&reached).collect();
    assert!(missing.is_empty(), "no route does what these do: {missing:?}");
}

/// `task list`, `packages` …: the subcommands that do something.
fn leaves(command: &clap::Command, before: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for sub in command.get_subcommands().filter(|s| s.get_name() != "help") {
        let name = format!("{before}{}", sub.get_name());
        if sub.has_subcommands() {
            found.extend(leaves(sub, &format!("{name} ")));
        } else {
            found.insert(name);
        }
    }
    found
}
