//! Some of the corpus, chosen for variety and short time. `cargo xtask corpus` tries all of it.

use anyhow::{Result, ensure};
use scenarios::{corpus, lab};

fn usable(name: &str) -> Result<()> {
    let (dist, lab) = lab()?;
    for entry in corpus::entries(&[name.to_owned()])? {
        let outcome = entry.try_out(&dist, &lab);
        let failure = outcome.failure.unwrap_or_default();
        ensure!(failure.is_empty(), "{name} is not usable: {failure}");
    }
    Ok(())
}

#[test]
fn a_directory_answers() -> Result<()> {
    usable("slapd")
}

#[test]
fn mail_is_delivered() -> Result<()> {
    usable("postfix")
}

#[test]
fn a_repository_is_cloned() -> Result<()> {
    usable("gitolite3")
}

/// Its package marks its questions as never seen and asks them in mid-install.
#[test]
fn a_new_file_is_noticed() -> Result<()> {
    usable("tripwire")
}
