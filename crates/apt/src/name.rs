//! Names of packages (Policy 5.6.1), checked before they become arguments.

use crate::Error;

/// Whether it is a package's name, with or without an architecture (`libc6:amd64`).
pub fn is_package_name(text: &str) -> bool {
    let (name, architecture) = text.split_once(':').unwrap_or((text, "any"));
    let alnum = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    bytes.len() >= 2
        && bytes.len() <= 200
        && alnum(bytes[0])
        && bytes.iter().all(|&b| alnum(b) || matches!(b, b'+' | b'-' | b'.'))
        // apt-get reads a trailing + or - as "install" or "remove": `g++` is a name, `bash-` would remove bash
        && !bytes.ends_with(b"-")
        && !architecture.is_empty()
        && architecture.bytes().all(|b| alnum(b) || b == b'-')
}

/// The error names the first that is none.
pub fn check<S: AsRef<str>>(names: &[S]) -> Result<(), Error> {
    match names.iter().find(|n| !is_package_name(n.as_ref())) {
        None => Ok(()),
        Some(bad) => Err(Error::BadName(bad.as_ref().to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_pass() {
        for good in ["g++", "libc6:amd64", "0ad", "moinmoin-appliance", "libstdc++6", "python3.13"] {
            assert!(is_package_name(good), "{good}");
        }
        for bad in
            ["", "a", "-y", "bash-", "a b", "A1", "a/b", "a=1", "../x.deb", "a1:", "a1:b:c", "a;b", "é1"]
        {
            assert!(!is_package_name(bad), "{bad}");
        }
    }
}
