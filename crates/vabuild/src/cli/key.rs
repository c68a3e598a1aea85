//! `vabuild key`

use crate::exit::Failure;
use anyhow::{Context, Result};
use repository::{PublicKey, SecretKey, Signer};
use std::{io::Write, os::unix::fs::OpenOptionsExt, path::PathBuf};

/// Makes the key that signs a repository
///
/// The secret key is written with mode 0600 and without a passphrase, and no file is ever overwritten. Machines get
/// the public key, as the file that apt's sources name with Signed-By.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  vabuild key --name 'Example appliances <appliances@example.org>' \
    --output repository.secret --public repository.asc\n  vabuild key --from repository.secret --public repository.asc")]
pub struct Arguments {
    /// Whose key it is, best with an address: Name <address>
    #[arg(long, required_unless_present = "from", conflicts_with = "from")]
    name: Option<String>,
    /// Where the secret key goes
    #[arg(short, long, value_name = "FILE", required_unless_present = "from", conflicts_with = "from")]
    output: Option<PathBuf>,
    /// Take the key from this file instead of making one
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Where the public key goes; standard output when not given
    #[arg(long, value_name = "FILE")]
    public: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let secret = match (&arguments.from, &arguments.output, &arguments.name) {
        (Some(from), _, _) => SecretKey::load(from)?,
        (None, Some(output), Some(name)) => {
            if name.is_empty() || name.contains(char::is_control) {
                return Err(Failure::bad_input("--name is one line of text").into());
            }
            SecretKey::generate(output, name, super::now())?
        }
        _ => return Err(Failure::bad_input("give --name and --output, or --from").into()),
    };
    write_public(secret.public_key(), arguments)?;
    eprintln!("fingerprint {}", secret.public_key().fingerprint());
    Ok(())
}

fn write_public(key: &PublicKey, arguments: &Arguments) -> Result<()> {
    let text = key.armored()?;
    let Some(path) = &arguments.public else {
        return std::io::stdout().write_all(text.as_bytes()).context("cannot write the public key");
    };
    let failed = || format!("cannot write the public key to {}", path.display());
    let file = std::fs::File::options().write(true).create_new(true).mode(0o644).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).with_context(failed)
}
