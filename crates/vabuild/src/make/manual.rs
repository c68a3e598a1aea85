//! Manual pages of programs, made of what the programs say themselves: `--help`, and that of each subcommand.

use super::Error;
use std::{fmt::Write, path::Path, time::Duration};

/// Subcommands of subcommands, and no deeper.
const DEPTH: usize = 2;

/// The page of a program. `title` is the page's file name, such as `vabuild.1`; `package` stands in its foot.
pub fn page(program: &Path, title: &str, package: &str) -> Result<Vec<u8>, Error> {
    let (name, section) = title.rsplit_once('.').unwrap_or((title, "1"));
    let help = help_of(program, &[])?;
    let about = help.lines().next().unwrap_or_default().trim_end_matches('.');
    let mut page = format!(".TH {} {section} \"\" {}\n", word(&name.to_uppercase()), word(package));
    let _ = writeln!(page, ".SH NAME\n{} \\- {}\n.SH DESCRIPTION", plain(name), plain(about));
    page.push_str(&verbatim(&help));
    for words in subcommands(program, &help, &[])? {
        let whole = format!("{name} {}", words.join(" "));
        let _ = writeln!(page, ".SH {}", word(&whole));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        page.push_str(&verbatim(&help_of(program, &words)?));
    }
    Ok(page.into_bytes())
}

fn help_of(program: &Path, words: &[&str]) -> Result<String, Error> {
    let run = exec::Program::new(program).args(words).arg("--help").timeout(Duration::from_secs(20));
    let output = run.run().map_err(|e| Error::Manual { program: program.into(), source: Box::new(e) })?;
    Ok(output.text())
}

/// All subcommands, each with the words that lead to it, in the order of the help.
fn subcommands(program: &Path, help: &str, before: &[String]) -> Result<Vec<Vec<String>>, Error> {
    let mut all = vec![];
    for name in listed(help) {
        let words: Vec<String> = before.iter().cloned().chain([name.to_owned()]).collect();
        all.push(words.clone());
        if words.len() < DEPTH {
            let borrowed: Vec<&str> = words.iter().map(String::as_str).collect();
            all.extend(subcommands(program, &help_of(program, &borrowed)?, &words)?);
        }
    }
    Ok(all)
}

/// The names below `Commands:`; `help` itself says nothing new.
fn listed(help: &str) -> Vec<&str> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    // a name stands two blanks from the edge, what continues its description further in
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty() && *name != "help").collect()
}

/// Lines as they are.
fn verbatim(text: &str) -> String {
    let lines: String = text.trim_end().lines().map(|line| plain(line.trim_end()) + "\n").collect();
    format!(".nf\n{lines}.fi\n")
}

/// A line that means nothing to troff but itself.
fn plain(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-").replace('`', "\\(ga");
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
}

fn word(text: &str) -> String {
    format!("\"{}\"", plain(text).replace('"', "\\(dq"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subcommands_are_found_in_the_help() {
        let help = "About\n\nUsage: x <COMMAND>\n\nCommands:\n  add   Adds\n        and more\n  list  Lists\n  help  Help\n\nOptions:\n  -h";
        assert_eq!(listed(help), ["add", "list"]);
        assert!(listed("no commands").is_empty());
    }

    #[test]
    fn a_page_is_read_by_man_as_it_was_written() {
        let text = ".TH x\n'quoted' \\fB --option \"a\" `b`\n";
        let page = format!(".TH X 1\n.SH NAME\nx \\- y\n.SH DESCRIPTION\n{}", verbatim(text));
        let shown = exec::Program::new("groff")
            .args(["-man", "-Tascii", "-P-cbou"])
            .stdin(page)
            .run()
            .unwrap()
            .text();
        for line in text.lines() {
            assert!(shown.contains(line), "{line:?} is not in {shown}");
        }
    }
}
