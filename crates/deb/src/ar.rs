//! The outer container of a `.deb`: ar(5) with plain names, as deb(5) wants it.

use std::io;

pub const MAGIC: &[u8; 8] = b"!<arch>\n";
pub const HEADER: usize = 60;

/// A member's header; after the content comes a line feed when its size is odd.
pub fn header(name: &str, mtime: u64, size: u64) -> io::Result<[u8; HEADER]> {
    let text = format!("{name:<16}{mtime:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, "100644");
    text.as_bytes().try_into().map_err(|_| io::Error::other("larger than an ar archive can hold (9.3 GiB)"))
}

/// Name and size of the member; `None` when this is no header.
pub fn parse(header: &[u8; HEADER]) -> Option<(&str, u64)> {
    let number = std::str::from_utf8(&header[48..58]).ok()?.trim_end();
    if &header[58..] != b"`\n" || number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let name = std::str::from_utf8(&header[..16]).ok()?.trim_end();
    Some((name.strip_suffix('/').unwrap_or(name), number.parse().ok()?))
}
