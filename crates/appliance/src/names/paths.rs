//! Paths on the machine, paths in the definition's folder, and modes.

use super::Mistake;

/// A path on the machine: absolute, normalised, printable, no placeholder.
pub fn machine_path(path: &str) -> Result<(), Mistake> {
    plain(path)?;
    if !path.starts_with('/') {
        return Err(Mistake::new("a path on the machine is absolute").help(format!("write `/{path}`")));
    }
    if path == "/" {
        return Err(
            Mistake::new("the root folder belongs to everybody").help("name a folder or file below it")
        );
    }
    segments(&path[1..], 1)
}

/// A path in the definition's folder: relative, normalised, never out of the folder.
pub fn folder_path(path: &str) -> Result<(), Mistake> {
    plain(path)?;
    if path.starts_with('/') {
        return Err(Mistake::new("a path in the definition's folder is relative").help(
            "copy the file into the folder and write its path from there, such as `files/apache.conf`",
        ));
    }
    segments(path, 0)
}

/// A mode as chmod(1) takes it: three or four octal digits.
pub fn mode(mode: &str) -> Result<u32, Mistake> {
    let octal = (3..=4).contains(&mode.len()) && mode.bytes().all(|b| (b'0'..=b'7').contains(&b));
    match u32::from_str_radix(mode, 8) {
        Ok(bits) if octal => Ok(bits),
        _ => Err(Mistake::new("not a mode")
            .help("write octal digits as chmod takes them, such as `0644` or `0755`")),
    }
}

fn plain(path: &str) -> Result<(), Mistake> {
    if path.is_empty() {
        return Err(Mistake::new("an empty path"));
    }
    if path.len() > 1024 {
        return Err(Mistake::new("a path of more than 1024 bytes"));
    }
    match path.find(|c: char| c.is_control()) {
        Some(at) => Err(Mistake::at(at, "a path with control characters")),
        None => Ok(()),
    }
}

fn segments(path: &str, offset: usize) -> Result<(), Mistake> {
    let mut at = offset;
    for segment in path.split('/') {
        match segment {
            ".." => {
                return Err(
                    Mistake::at(at, "a path with `..`").help("write the path itself, without going up")
                );
            }
            "" | "." => {
                return Err(Mistake::at(at, "a path with an empty part or `.`")
                    .help("write it without a slash at the end, without `//` and `./`"));
            }
            _ if segment.len() > 255 => return Err(Mistake::at(at, "a file name of more than 255 bytes")),
            _ => at += segment.len() + 1,
        }
    }
    Ok(())
}
