//! Whether a password is right: asked of PAM, in a process of its own.
//!
//! PAM's modules are libraries of others, so none of them runs in the broker. Its socket `/run/appliance-account.socket`
//! starts `appliance-account` for one question ([`main`]): a unit with its own confinement, which a module may crash or
//! fill without harm to anybody. That program starts pamtester(1), Debian's way to ask PAM, with the account's name as
//! an argument, which is the name of an account that exists, and the password on standard input.

use crate::accounts::is_name;
use broker_protocol::Secret;
use exec::Program;
use serde::{Deserialize, Serialize};
use std::{
    io::{self, Read, Write},
    net::IpAddr,
    os::unix::net::UnixStream,
    process::ExitCode,
    time::Duration,
};

/// Root's alone; each connection is one question to one process.
const SOCKET: &str = "/run/appliance-account.socket";
/// The service in /etc/pam.d.
const SERVICE: &str = "appliance-control";
/// Bytes of a password (PAM_MAX_RESP_SIZE is 512).
pub const LONGEST_PASSWORD: usize = 500;
/// Bytes of a question, and of its answer.
const LONGEST: u64 = 8 << 10;
/// Modules wait up to 3 s after a wrong password (pam_fail_delay(3)); some ask the network.
const PAM_TIME: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(20);

/// What PAM says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Right,
    Wrong,
    /// The password is right, and the account is not let in: expired, or its password has to be changed first.
    NotNow,
    /// PAM gave no answer: a module crashed, or there is none.
    Broken,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    account: String,
    password: Secret,
    from: Option<IpAddr>,
}

/// Who knows whether a password is right.
pub trait Check: Send + Sync {
    fn check(&self, account: &str, password: &Secret, from: Option<IpAddr>) -> io::Result<Verdict>;
}

/// The machine's PAM.
pub struct Pam;

impl Check for Pam {
    fn check(&self, account: &str, password: &Secret, from: Option<IpAddr>) -> io::Result<Verdict> {
        let mut stream = UnixStream::connect(SOCKET)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let question = Question { account: account.into(), password: password.clone(), from };
        let mut line = serde_json::to_vec(&question)?;
        line.push(b'\n');
        stream.write_all(&line)?;
        let mut answer = vec![];
        stream.take(LONGEST).read_to_end(&mut answer)?;
        Ok(serde_json::from_slice(&answer).unwrap_or(Verdict::Broken))
    }
}

/// Whether PAM can be asked with it: its prompt is answered with one line.
pub fn is_password(password: &Secret) -> bool {
    let text = &password.0;
    !text.is_empty() && text.len() <= LONGEST_PASSWORD && !text.chars().any(char::is_control)
}

/// The whole program `appliance-account`: one question on standard input, its answer on standard output.
pub fn main() -> ExitCode {
    let verdict = match question() {
        Ok(question) => ask(&question),
        Err(error) => {
            eprintln!("<3>appliance-account: {error}");
            return ExitCode::from(2);
        }
    };
    let said = serde_json::to_string(&verdict).unwrap_or_default();
    match io::stdout().write_all(said.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE, // nobody waits any more
    }
}

fn question() -> Result<Question, &'static str> {
    let mut line = String::new();
    let mut input = io::BufReader::new(io::stdin().lock().take(LONGEST));
    io::BufRead::read_line(&mut input, &mut line).map_err(|_| "no question arrived")?;
    let question: Question = serde_json::from_str(&line).map_err(|_| "this is no question")?;
    if !is_name(&question.account) || !is_password(&question.password) {
        return Err("this is no account's name, or no password");
    }
    Ok(question)
}

fn ask(question: &Question) -> Verdict {
    let mut program = Program::new("pamtester").timeout(PAM_TIME).own_group();
    if let Some(from) = question.from {
        program = program.arg(format!("-Irhost={from}"));
    }
    let program = program
        .args(["--", SERVICE, &question.account, "authenticate", "acct_mgmt"])
        .stdin(format!("{}\n", question.password.0));
    match program.output() {
        Ok(output) => verdict(output.status.code(), &output.text()),
        Err(error) => {
            eprintln!("<3>appliance-account: PAM could not be asked: {error}");
            Verdict::Broken
        }
    }
}

/// pamtester tells each operation that went well on standard output, and ends with 1 at the first that did not.
fn verdict(code: Option<i32>, said: &str) -> Verdict {
    let authenticated = said.lines().any(|line| line.trim_end().ends_with("successfully authenticated"));
    match code {
        Some(0) if authenticated => Verdict::Right,
        Some(1) if authenticated => Verdict::NotNow,
        Some(1) => Verdict::Wrong,
        _ => {
            eprintln!("<3>appliance-account: PAM's process was ended, or has failed ({code:?})");
            Verdict::Broken
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_both_answers_let_in() {
        let authenticated = "Password: pamtester: successfully authenticated\n";
        for (code, said, expect) in [
            (Some(0), format!("{authenticated}pamtester: account management done.\n"), Verdict::Right),
            (Some(1), authenticated.to_owned(), Verdict::NotNow),
            (Some(1), String::new(), Verdict::Wrong),
            (Some(0), String::new(), Verdict::Broken),
            (None, authenticated.to_owned(), Verdict::Broken),
        ] {
            assert_eq!(verdict(code, &said), expect, "{code:?} {said}");
        }
    }

    #[test]
    fn a_password_is_one_line() {
        let is = |text: &str| is_password(&Secret(text.into()));
        assert!(is("correct horse") && is("pässwörd") && is(&"x".repeat(LONGEST_PASSWORD)));
        assert!(!is("") && !is("a\nb") && !is("a\0b") && !is(&"x".repeat(LONGEST_PASSWORD + 1)));
        let question = Question { account: "ada".into(), password: Secret("hunter22".into()), from: None };
        assert!(!format!("{:?}", question.password).contains("hunter22"));
    }
}
