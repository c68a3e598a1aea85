//! Mistakes as text: the line, a mark below it, and what to write instead.

use appliance::{Problem, problem::printable};
use std::{fmt::Write, io::IsTerminal};

const RED: &str = "\u{1b}[1;31m";
const BLUE: &str = "\u{1b}[1;34m";
const BOLD: &str = "\u{1b}[1m";
const PLAIN: &str = "\u{1b}[0m";

/// Whether standard error takes colours (no-color.org).
pub fn colours() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    std::io::stderr().is_terminal()
        && !set("NO_COLOR")
        && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
}

/// All mistakes, an empty line after each.
pub fn text(problems: &[Problem], colours: bool) -> String {
    let mut text = String::new();
    for problem in problems {
        // a String takes everything
        let _ = one(&mut text, problem, colours);
    }
    text
}

fn one(out: &mut String, problem: &Problem, colours: bool) -> std::fmt::Result {
    let paint = |colour: &'static str| if colours { colour } else { "" };
    let (red, blue, bold, plain) = (paint(RED), paint(BLUE), paint(BOLD), paint(PLAIN));
    writeln!(out, "{red}mistake{plain}{bold}: {}{plain}", printable(&problem.message))?;
    let number = problem.line.to_string();
    let margin = " ".repeat(number.len());
    writeln!(
        out,
        "{margin}{blue}-->{plain} {}:{}:{}",
        printable(&problem.file),
        problem.line,
        problem.column
    )?;
    if let Some(snippet) = problem.snippet.as_ref().filter(|s| !s.text.is_empty()) {
        let (before, marks) = (" ".repeat(snippet.mark), "^".repeat(snippet.width));
        writeln!(out, "{margin} {blue}|{plain}")?;
        writeln!(out, "{blue}{number} |{plain} {}", snippet.text)?;
        writeln!(out, "{margin} {blue}|{plain} {before}{red}{marks}{plain}")?;
    }
    if let Some(help) = &problem.help {
        writeln!(out, "{margin} {blue}={plain} {bold}help{plain}: {}", printable(help))?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use appliance::folder::Memory;

    fn shown(definition: &str, colours: bool) -> String {
        text(&appliance::load(definition, "appliance.toml", &Memory::default()).unwrap_err(), colours)
    }

    #[test]
    fn a_mistake_is_shown_with_its_line() {
        let expect = "\
mistake: a definition has no key `filee`
  --> appliance.toml:10:2
   |
10 |  filee = \"é\"
   |  ^^^^^
   = help: did you mean `file`?

";
        let text = shown("\n\n\n\n\n\n\n\n\n\tfilee = \"é\"\n", false);
        assert!(text.ends_with(expect), "{text}");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn what_the_author_wrote_gives_the_terminal_no_orders() {
        let text = shown("\"\\u001b]0;x\\u0007\" = \"\\u202e\"\n[\"a\u{202e}b\"]\n", false);
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
        assert!(shown("x = 1", true).contains(RED));
    }
}
