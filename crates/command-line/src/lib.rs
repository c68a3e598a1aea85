//! What comes out of the description of a command line, the same way for all programs: completions and the manual page.

use std::io::{self, Write};

pub use clap_complete::Shell;

/// The completion script for a shell. In memory first: clap panics when whoever reads has gone.
pub fn completions(shell: Shell, mut command: clap::Command) -> Vec<u8> {
    let (name, mut script) = (command.get_name().to_owned(), vec![]);
    clap_complete::generate(shell, &mut command, name, &mut script);
    script
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

    #[test]
    fn every_shell_has_its_script() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = String::from_utf8(completions(shell, command())).unwrap();
            assert!(script.contains("program") && script.contains("list"), "{shell}");
        }
    }
}
