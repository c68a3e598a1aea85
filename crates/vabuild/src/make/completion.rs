//! What shells complete of a program's command line: the scripts that the program itself writes (`completions SHELL`).

use super::Error;
use std::{path::Path, time::Duration};

/// The folders in which Debian's shells look, and the shells.
const PLACES: [(&str, &str); 3] = [
    ("/usr/share/bash-completion/completions/", "bash"),
    ("/usr/share/zsh/vendor-completions/", "zsh"),
    ("/usr/share/fish/vendor_completions.d/", "fish"),
];

/// The shell that looks for completions at this path.
pub fn shell(path: &str) -> Option<&'static str> {
    let found = PLACES.iter().find(|(folder, _)| path.starts_with(folder));
    found.map(|(_, shell)| *shell)
}

/// The program's script for a shell.
pub fn script(program: &Path, shell: &'static str) -> Result<Vec<u8>, Error> {
    let run = exec::Program::new(program).args(["completions", shell]).timeout(Duration::from_secs(20));
    let output = run.run();
    let output =
        output.map_err(|e| Error::Completions { program: program.into(), shell, source: Box::new(e) })?;
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_where_a_shell_looks_gives_its_completions() {
        assert_eq!(shell("/usr/share/bash-completion/completions/vabuild"), Some("bash"));
        assert_eq!(shell("/usr/share/zsh/vendor-completions/_vabuild"), Some("zsh"));
        assert_eq!(shell("/usr/share/fish/vendor_completions.d/vabuild.fish"), Some("fish"));
        assert_eq!(shell("/usr/bin/vabuild"), None);
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        std::fs::write(&program, "#!/bin/sh\necho \"$@\"\n").unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(script(&program, "zsh").unwrap(), b"completions zsh\n");
        assert!(script(&folder.path().join("none"), "zsh").is_err());
    }
}
