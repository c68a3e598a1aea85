//! What comes out of the description of a command line, the same way for all programs: completions and the manual page.

pub mod names;

use std::io::{self, Write};

pub use clap_complete::Shell;
pub use names::Names;

/// The completion script for a shell. In memory first: clap panics when whoever reads has gone. What is hidden is not in it.
pub fn completions(shell: Shell, command: clap::Command, names: &[Names]) -> Vec<u8> {
    let mut command = visible(command);
    let (name, mut script) = (command.get_name().to_owned(), vec![]);
    clap_complete::generate(shell, &mut command, name, &mut script);
    match String::from_utf8(script) {
        Ok(script) => names::add(shell, &command, script, names).into_bytes(),
        Err(odd) => odd.into_bytes(),
    }
}

/// The same command line without what is for ourselves only.
fn visible(command: clap::Command) -> clap::Command {
    let arguments: Vec<clap::Arg> = command.get_arguments().filter(|a| !a.is_hide_set()).cloned().collect();
    let subs = command.get_subcommands().filter(|s| !s.is_hide_set()).cloned().map(visible);
    // names are for ever in clap; this runs once, and its program ends
    let for_ever = |text: &str| -> &'static str { text.to_owned().leak() };
    let mut shown = clap::Command::new(for_ever(command.get_name()))
        .args(arguments)
        .subcommands(subs.collect::<Vec<_>>())
        .subcommand_required(command.is_subcommand_required_set());
    if let Some(about) = command.get_about() {
        shown = shown.about(about.clone());
    }
    if let Some(version) = command.get_version() {
        shown = shown.version(for_ever(version));
    }
    shown
}

/// One page (man(7)): the program, then each subcommand with its options in a section of its own.
pub fn manual(command: clap::Command) -> io::Result<Vec<u8>> {
    let mut page = vec![];
    let command = command.disable_help_subcommand(true);
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    sections(&command, command.get_name(), &mut page)?;
    Ok(page)
}

fn sections(command: &clap::Command, name: &str, page: &mut Vec<u8>) -> io::Result<()> {
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
        let name = format!("{name} {}", sub.get_name());
        writeln!(page, ".SH \"{}\"", name.to_uppercase())?;
        let man = clap_mangen::Man::new(sub.clone().disable_help_subcommand(true).bin_name(&name));
        man.render_synopsis_section(page)?;
        man.render_description_section(page)?;
        man.render_options_section(page)?;
        man.render_extra_section(page)?;
        sections(sub, &name, page)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Arg, Command as Grammar};

    fn command() -> Grammar {
        let list = Grammar::new("list").about("Lists tasks").arg(Arg::new("all").long("all"));
        let hidden = Grammar::new("serve").hide(true);
        Grammar::new("program").subcommand(Grammar::new("task").subcommand(list)).subcommand(hidden)
    }

    #[test]
    fn the_page_names_every_subcommand_but_hidden_ones() {
        let page = String::from_utf8(manual(command()).unwrap()).unwrap();
        assert!(page.contains(".SH \"PROGRAM TASK LIST\"") && page.contains("Lists tasks"), "{page}");
        assert!(page.contains("all") && !page.contains("serve") && !page.contains("HELP\""), "{page}");
    }

    fn script(shell: Shell) -> String {
        let unit = Arg::new("unit").help("A service");
        let service = Grammar::new("service").subcommand(Grammar::new("stop").arg(unit));
        let secret = Arg::new("socket").long("socket").hide(true);
        let names = [Names { argument: "unit", command: "printf 'a.service\\nb$(touch x).service\\n'" }];
        let command = command().name("our-program").subcommand(service).arg(secret);
        String::from_utf8(completions(shell, command, &names)).unwrap()
    }

    #[test]
    fn every_shell_has_its_script_with_nothing_hidden_in_it() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell);
            assert!(script.contains("our-program") && script.contains("list"), "{shell}");
            assert!(!script.contains("serve ") && !script.contains("serve)"), "{shell}:\n{script}");
            assert!(!script.contains("socket"), "{shell}:\n{script}");
            assert!(script.contains("a.service"), "{shell} knows no names:\n{script}");
        }
        assert!(script(Shell::Zsh).contains(":_our_program_unit'"), "{}", script(Shell::Zsh));
    }

    #[test]
    fn bash_offers_names_and_runs_nothing_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let tried = script(Shell::Bash)
            + "\ntry() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); COMPREPLY=();\n\
               _our_program_names our-program \"${@: -1}\" \"${@: -2:1}\"; echo \"= ${COMPREPLY[*]}\"; }\n\
               try our-program service stop ''\ntry our-program service stop a\ntry our-program ser\n";
        let output = exec::Program::new("bash").dir(folder.path()).arg("-c").arg(tried).run().unwrap().text();
        let lines: Vec<&str> = output.lines().filter(|l| l.starts_with('=')).collect();
        assert!(lines[0].ends_with("a.service b$(touch x).service"), "{output}");
        assert_eq!(lines[1..], ["= a.service", "= service"]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
