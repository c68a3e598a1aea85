//! What stands on the machine's console above its login prompt (issue(5), agetty(8)): where the page is, how to know that it is the
//! right one, how to get in. No link stands there: who may make one makes it when it is wanted.

use crate::{cli::link::fingerprint, web::PORT};
use anyhow::Result;
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// `console`, on standard output, which its unit leads to a file in /run/issue.d.
pub fn print() -> Result<ExitCode> {
    write!(io::stdout(), "{}", text(fingerprint().as_deref()))?;
    Ok(ExitCode::SUCCESS)
}

/// agetty puts the address in the place of `\4`, as it is when the prompt is shown.
fn text(fingerprint: Option<&str>) -> String {
    let mut text = format!("Management page: https://\\4:{PORT}/\n");
    if let Some(fingerprint) = fingerprint {
        // a console may have 80 columns
        let (first, second) = fingerprint.split_at_checked(48).unwrap_or((fingerprint, ""));
        text += &format!("SHA-256 of its certificate:\n  {first}\n  {second}\n");
    }
    text + "Sign in there with your account, or with a link: sudo appliance-control link\n\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fits_a_console() {
        let fingerprint = ["AB"; 32].join(":");
        let said = text(Some(&fingerprint));
        assert!(said.lines().all(|line| line.len() <= 80), "{said}");
        assert_eq!(said.replace("\n  ", "").matches("AB").count(), 32);
    }
}
