//! A second signer: gpg, for keys that have a passphrase or live in hardware.

use crate::{Error, PublicKey, Result, Signer};
use exec::Program;
use std::path::{Path, PathBuf};

/// A key in the caller's gpg.
pub struct GpgSigner {
    id: String,
    home: Option<PathBuf>,
    public: PublicKey,
}

impl GpgSigner {
    /// Looks the key up by fingerprint, key id or address.
    pub fn new(id: &str) -> Result<Self> {
        GpgSigner::look_up(id, None)
    }

    /// The same with keys from another folder than gpg's usual one.
    pub fn with_home(id: &str, home: &Path) -> Result<Self> {
        GpgSigner::look_up(id, Some(home.into()))
    }

    fn look_up(id: &str, home: Option<PathBuf>) -> Result<Self> {
        let exported = gpg(home.as_deref()).args(["--export", "--", id]).run()?;
        let public = PublicKey::parse(&exported.stdout).ok_or_else(|| Error::Key {
            path: Path::new("gpg").into(),
            message: format!("it has no public key for `{id}`; `gpg --list-secret-keys` shows those it has"),
        })?;
        Ok(GpgSigner { id: id.into(), home, public })
    }
}

impl Signer for GpgSigner {
    /// gpg sets the signature's time from its own clock.
    fn clearsign(&self, text: &str, _now: u64) -> Result<String> {
        let program = gpg(self.home.as_deref()).args([
            "--local-user",
            &self.id,
            "--digest-algo",
            "SHA512",
            "--clearsign",
        ]);
        Ok(program.stdin(text).run()?.text())
    }

    fn public_key(&self) -> &PublicKey {
        &self.public
    }
}

/// With what gpg needs of the caller's environment to find its keys and ask for the passphrase.
fn gpg(home: Option<&Path>) -> Program {
    let mut program = Program::new("gpg").args(["--quiet", "--no-tty", "--batch", "--yes"]);
    for name in ["HOME", "GNUPGHOME", "GPG_TTY", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY"] {
        if let Some(value) = std::env::var_os(name) {
            program = program.env(name, value);
        }
    }
    match home {
        Some(home) => program.env("GNUPGHOME", home),
        None => program,
    }
}
