//! Where answers are given in advance: the command line, a file, the environment, systemd's credentials, cloud-init's user data.

use crate::{
    cli::Arguments,
    failure::{Exit, Failure, Result, fail},
    progress::Progress,
};
use anyhow::Context;
use appliance::{
    Problem,
    answers::{
        Origin, Source, canonical,
        given::{self, Given},
    },
    names::Mistake,
    problem::{Kind, Source as Text, printable},
    question::Question,
};
use debconf::Selection;
use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

const VARIABLE: &str = "VAINSTALL_ANSWER_";
/// systemd's credentials of the whole machine, when this is no unit of its own (systemd.exec(5)).
const SYSTEM_CREDENTIALS: &str = "/run/credentials/@system";
/// Where cloud-init keeps what the machine was started with: merged from all parts, and as it came.
const USER_DATA: [&str; 2] =
    ["/var/lib/cloud/instance/cloud-config.txt", "/var/lib/cloud/instance/user-data.txt"];

/// What was given in advance.
#[derive(Default)]
pub struct Explicit {
    /// By precedence, the first first.
    pub sources: Vec<Source>,
    /// What is wrong with the files.
    pub problems: Vec<Problem>,
    /// The administrator's answers to other packages' questions.
    pub foreign: Vec<Selection>,
}

impl Explicit {
    /// Whether somebody has given this machine answers to begin with.
    pub fn came_with_the_machine(&self) -> bool {
        let machines = |s: &&Source| matches!(s.origin, Origin::Credentials | Origin::UserData);
        self.sources.iter().filter(machines).any(|s| !s.answers.is_empty())
    }

    fn add(&mut self, origin: Origin, given: Given) {
        self.sources.push(given.source(origin));
        self.problems.extend(given.problems);
        self.foreign.extend(given.foreign);
    }
}

pub fn explicit(arguments: &Arguments, appliance: &str, questions: &[Question]) -> Result<Explicit> {
    let mut explicit = Explicit::default();
    let set = Source::new(Origin::CommandLine, command_line(&arguments.set)?);
    explicit.sources.push(canonical_source(set, questions));
    if let Some(path) = &arguments.answers {
        let name = path.display().to_string();
        explicit.add(Origin::File(name.clone()), given::read(&read(path)?, &name, appliance, questions));
    }
    let environment = environment(env::vars_os(), questions, &mut explicit.problems);
    explicit.sources.push(canonical_source(Source::new(Origin::Environment, environment), questions));
    let own = env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    // what came with the machine is for its installation: later answers are not taken back by it
    let machines = (!arguments.reconfigure).then(|| PathBuf::from(SYSTEM_CREDENTIALS));
    if let Some(folder) = own.or(machines) {
        credentials(&folder, appliance, questions, &mut explicit)?;
    }
    for path in USER_DATA.map(Path::new) {
        if path.exists() && !arguments.reconfigure {
            let given =
                given::read_user_data(&read(path)?, &path.display().to_string(), appliance, questions);
            explicit.add(Origin::UserData, given);
            break;
        }
    }
    Ok(explicit)
}

/// What others could read, and answers that are not needed.
pub fn warn(arguments: &Arguments, explicit: &Explicit, questions: &[Question], progress: &mut Progress) {
    let secret = |name: &str| questions.iter().any(|q| q.name == name && q.is_secret());
    for source in &explicit.sources {
        let told = source.answers.iter().filter(|(_, answer)| !answer.is_empty());
        let secrets = told.map(|(name, _)| name).filter(|n| secret(n));
        match &source.origin {
            Origin::CommandLine => secrets.for_each(|name| {
                progress.warn(format!(
                    "{name} was given on the command line, where others can read it; --answers is better"
                ));
            }),
            Origin::File(path) if secrets.count() > 0 => {
                let file = arguments.answers.as_ref().and_then(|p| p.metadata().ok());
                if file.is_some_and(|m| m.permissions().mode() & 0o044 != 0) {
                    progress.warn(format!(
                        "{} holds a password and others can read it: chmod 600",
                        printable(path)
                    ));
                }
            }
            _ => {}
        }
    }
}

/// `VAINSTALL_ANSWER_WIKI_NAME`
pub fn variable(question: &Question) -> String {
    format!("{VARIABLE}{}", question.variable().to_uppercase())
}

fn canonical_source(mut source: Source, questions: &[Question]) -> Source {
    for (name, answer) in &mut source.answers {
        if let Some(question) = questions.iter().find(|q| q.name == *name) {
            *answer = canonical(question, answer);
        }
    }
    source
}

fn command_line(set: &[String]) -> Result<BTreeMap<String, String>> {
    let mut answers = BTreeMap::new();
    for given in set {
        let Some((name, answer)) = given.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            // it may be half a secret: not repeated
            return fail(Exit::Input, "--set takes QUESTION=ANSWER, such as --set wiki-name='Our Wiki'");
        };
        if answers.insert(name.to_owned(), answer.to_owned()).is_some() {
            return fail(Exit::Input, format!("--set gives two answers to {}", printable(name)));
        }
    }
    Ok(answers)
}

fn environment(
    variables: impl Iterator<Item = (OsString, OsString)>,
    questions: &[Question],
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, String> {
    let mut answers = BTreeMap::new();
    for (name, value) in variables {
        let Some(upper) = name.to_str().and_then(|n| n.strip_prefix(VARIABLE)) else { continue };
        let known = questions.iter().find(|q| q.variable().to_uppercase() == upper);
        let question = known.map_or_else(|| upper.to_lowercase().replace('_', "-"), |q| q.name.clone());
        match value.into_string() {
            Ok(value) => drop(answers.insert(question, value)),
            Err(_) => {
                let mistake = Mistake::new(format!("the value of {VARIABLE}{upper} is no UTF-8"));
                let mistake = mistake.help("set it as UTF-8");
                problems.push(Text::new("the environment", "").problem(Kind::Text, 0..0, mistake));
            }
        }
    }
    answers
}

/// `vainstall.NAME.QUESTION` holds one answer, `vainstall.NAME` and `vainstall.answers` a file of them.
fn credentials(
    folder: &Path,
    appliance: &str,
    questions: &[Question],
    explicit: &mut Explicit,
) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    let mut names: Vec<String> = entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect();
    names.sort();
    let prefix = format!("vainstall.{appliance}.");
    let mut single = Source::new(Origin::Credentials, BTreeMap::new());
    for name in &names {
        let Some(question) = name.strip_prefix(&prefix) else { continue };
        let bytes = read(&folder.join(name))?;
        match String::from_utf8(bytes) {
            Ok(text) => {
                let text = text.strip_suffix('\n').unwrap_or(&text).to_owned();
                single.answers.insert(question.to_owned(), text);
            }
            Err(_) => {
                let mistake = Mistake::new("this is no UTF-8").help("write it as UTF-8");
                let source = format!("the credential {name}");
                explicit.problems.push(Text::new(&source, "").problem(Kind::Text, 0..0, mistake));
            }
        }
    }
    explicit.sources.push(canonical_source(single, questions));
    for name in [format!("vainstall.{appliance}"), "vainstall.answers".to_owned()] {
        if names.contains(&name) {
            let source = format!("the credential {name}");
            let given = given::read(&read(&folder.join(&name))?, &source, appliance, questions);
            explicit.add(Origin::Credentials, given);
        }
    }
    Ok(())
}

/// At most one byte more than what is refused as too large.
fn read(path: &Path) -> Result<Vec<u8>> {
    use std::io::Read;
    let limit = given::SIZE_LIMIT as u64 + 1;
    let mut bytes = vec![];
    let read = fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    let read = read.with_context(|| format!("cannot read the answers in {}", path.display()));
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => Err(Failure { exit: Exit::Input, ..error.into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    fn questions() -> Vec<Question> {
        let question = |name: &str| Question { name: name.into(), ..Question::default() };
        vec![question("wiki-name"), question("port")]
    }

    #[test]
    fn the_first_equals_sign_parts_name_and_answer() {
        let set = command_line(&["a=b=c".into(), "empty=".into()]).unwrap();
        assert_eq!((set["a"].as_str(), set["empty"].as_str()), ("b=c", ""));
        assert!(command_line(&["a=1".into(), "a=2".into()]).is_err());
        assert!(!command_line(&["hunter2".into()]).unwrap_err().message().contains("hunter2"));
    }

    #[test]
    fn variables_find_their_questions_and_broken_ones_are_named() {
        let variables = [
            ("VAINSTALL_ANSWER_WIKI_NAME", b"ours".to_vec()),
            ("VAINSTALL_ANSWER_GONE_ONE", b"x".to_vec()),
            ("VAINSTALL_ANSWER_PORT", b"\xff".to_vec()),
            ("PATH", b"/bin".to_vec()),
        ];
        let variables = variables.map(|(n, v)| (OsString::from(n), OsString::from_vec(v)));
        let mut problems = vec![];
        let answers = environment(variables.into_iter(), &questions(), &mut problems);
        assert_eq!(answers.keys().collect::<Vec<_>>(), ["gone-one", "wiki-name"]);
        assert!(problems[0].to_string().contains("VAINSTALL_ANSWER_PORT is no UTF-8"), "{}", problems[0]);
    }

    #[test]
    fn credentials_come_as_single_answers_and_as_files() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text).unwrap();
        write("vainstall.wiki.port", b"81\n");
        write("vainstall.wiki", b"port = 82\nwiki-name = \"ours\"\n");
        write("vainstall.answers", b"nonsense\n");
        write("vainstall.other.port", b"83");
        write("vainstall.wiki.wiki-name", b"\xff");
        let mut explicit = Explicit::default();
        credentials(folder.path(), "wiki", &questions(), &mut explicit).unwrap();
        let values: Vec<_> = explicit.sources.iter().map(|s| s.answers.get("port").cloned()).collect();
        assert_eq!(values, [Some("81".into()), Some("82".into()), None]);
        let problems: Vec<String> = explicit.problems.iter().map(|p| p.to_string()).collect();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("the credential vainstall.wiki.wiki-name:"), "{problems:?}");
        assert!(problems[1].starts_with("the credential vainstall.answers:1:"), "{problems:?}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let failure = read(Path::new("/no/such/file")).unwrap_err();
        assert_eq!(failure.exit, Exit::Input);
        assert!(failure.message().contains("/no/such/file"));
    }
}
