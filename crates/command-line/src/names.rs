//! Completions that know the names of things on the machine: what stands after `service restart`, say.
//!
//! The scripts that clap makes know subcommands and options. Around them comes what a program of ours prints for an argument: a command
//! that lists names, one a line. Names only ever become words to choose from: no shell reads them as anything else.

use clap::Command;
use clap_complete::Shell;
use std::fmt::Write;

/// A kind of argument, by its id in the command line's description, and the command that lists what it may be.
#[derive(Debug, Clone, Copy)]
pub struct Names {
    pub argument: &'static str,
    pub command: &'static str,
}

/// The script with the names in it.
pub fn add(shell: Shell, command: &Command, script: String, names: &[Names]) -> String {
    let program = command.get_name();
    match shell {
        Shell::Bash => bash(program, command, script, names),
        Shell::Zsh => zsh(program, script, names),
        Shell::Fish => fish(program, command, script, names),
        _ => script,
    }
}

/// `service restart`, …: the subcommands that take the argument.
fn places(command: &Command, before: &str, argument: &str, found: &mut Vec<String>) {
    for sub in command.get_subcommands() {
        let path = format!("{before}{}", sub.get_name());
        if sub.get_positionals().any(|a| a.get_id() == argument) {
            found.push(path.clone());
        }
        places(sub, &format!("{path} "), argument, found);
    }
}

fn with_places<'a>(command: &Command, names: &'a [Names]) -> Vec<(&'a Names, Vec<String>)> {
    let of = |names: &'a Names| {
        let mut found = vec![];
        places(command, "", names.argument, &mut found);
        (names, found)
    };
    names.iter().map(of).filter(|(_, places)| !places.is_empty()).collect()
}

fn bash(program: &str, command: &Command, mut script: String, names: &[Names]) -> String {
    let function = format!("_{}_names", program.replace('-', "_"));
    let generated = script.split("()").next().unwrap_or_default().to_owned();
    let _ = write!(
        script,
        "\n{function}() {{\n    {generated} \"$@\"\n    local word name said=\"\"\n    \
         for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n        [[ $word == -* ]] || said+=\"$word \"\n    done\n    \
         case \"$said\" in\n"
    );
    for (names, places) in with_places(command, names) {
        let patterns: Vec<String> = places.iter().map(|p| format!("\"{p} \"*")).collect();
        let _ = write!(
            script,
            "        {})\n            while IFS= read -r name; do\n                \
             [[ $name == \"$2\"* ]] && COMPREPLY+=(\"$name\")\n            done < <({})\n            ;;\n",
            patterns.join(" | "),
            names.command
        );
    }
    let _ = writeln!(script, "    esac\n}}\ncomplete -F {function} -o bashdefault -o default {program}");
    script
}

fn zsh(program: &str, script: String, names: &[Names]) -> String {
    let function = |argument: &str| format!("_{}_{argument}", program.replace('-', "_"));
    let (head, mut body) =
        script.split_once('\n').map(|(h, b)| (h.to_owned(), b.to_owned())).unwrap_or_default();
    let mut functions = String::new();
    for names in names {
        let function = function(names.argument);
        // what clap writes for an argument of which it knows nothing, with and without a text that explains it
        let lines = body.lines().map(|line| match is_of(line, names.argument) {
            true => line.replace(":_default'", &format!(":{function}'")),
            false => line.to_owned(),
        });
        body = lines.map(|line| line + "\n").collect();
        let _ = write!(
            functions,
            "\n{function}() {{\n    local -a names\n    names=(${{(f)\"$({})\"}})\n    compadd -a names\n}}\n",
            names.command
        );
    }
    format!("{head}\n{functions}{body}")
}

/// `':unit -- A service:_default'`, `'*::packages:_default'`
fn is_of(line: &str, argument: &str) -> bool {
    let line = line.trim_start().trim_start_matches(['\'', '*', ':']);
    let rest = line.strip_prefix(argument).unwrap_or("x");
    rest.starts_with(':') || rest.starts_with(" -- ")
}

fn fish(program: &str, command: &Command, mut script: String, names: &[Names]) -> String {
    for (names, places) in with_places(command, names) {
        for place in places {
            let seen: Vec<String> =
                place.split(' ').map(|word| format!("__fish_seen_subcommand_from {word}")).collect();
            let _ = writeln!(
                script,
                "complete -c {program} -n \"{}\" -f -a \"({})\"",
                seen.join("; and "),
                names.command
            );
        }
    }
    script
}
