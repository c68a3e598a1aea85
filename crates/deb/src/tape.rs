//! The inner container of a `.deb`: tar as GNU tar writes it, the one dialect that every dpkg reads.

use std::io::{self, Read, Write};

pub const BLOCK: usize = 512;
const LONG_NAME: &str = "././@LongLink";

/// What a header says of an entry.
#[derive(Debug, Clone)]
pub struct Header<'a> {
    pub name: &'a str,
    /// `0` file, `2` symbolic link, `5` directory.
    pub kind: u8,
    pub link: &'a str,
    pub mode: u32,
    pub size: u64,
    pub mtime: u64,
    pub owner: (&'a str, u32),
    pub group: (&'a str, u32),
}

/// Writes the header, with the extra entries that long names need.
pub fn write_header(out: &mut impl Write, header: &Header) -> io::Result<()> {
    for (text, kind) in [(header.link, b'K'), (header.name, b'L')] {
        if text.len() > 100 {
            let size = text.len() as u64 + 1;
            let root = ("root", 0);
            let long = Header {
                name: LONG_NAME,
                kind,
                link: "",
                mode: 0o644,
                size,
                mtime: 0,
                owner: root,
                group: root,
            };
            out.write_all(&block(&long))?;
            out.write_all(text.as_bytes())?;
            out.write_all(&[0])?;
            pad(out, size)?;
        }
    }
    out.write_all(&block(header))
}

/// Fills the last block of an entry of that size.
pub fn pad(out: &mut impl Write, size: u64) -> io::Result<()> {
    out.write_all(&[0; BLOCK][..padding(size)])
}

/// The two empty blocks at the end, filled up to a record as tar does.
pub fn finish(out: &mut impl Write, written: u64) -> io::Result<()> {
    const RECORD: u64 = 20 * BLOCK as u64;
    let end = (written + 2 * BLOCK as u64).div_ceil(RECORD) * RECORD;
    io::copy(&mut io::repeat(0).take(end - written), out).map(|_| ())
}

/// How many bytes header and content of that entry take in the archive.
pub fn entry_size(name: &str, link: &str, size: u64) -> u64 {
    let long = |text: &str| if text.len() > 100 { BLOCK as u64 + blocks(text.len() as u64 + 1) } else { 0 };
    BLOCK as u64 + blocks(size) + long(name) + long(link)
}

fn blocks(size: u64) -> u64 {
    size.div_ceil(BLOCK as u64) * BLOCK as u64
}

fn padding(size: u64) -> usize {
    (blocks(size) - size) as usize
}

fn block(header: &Header) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    put(&mut block[..100], header.name.as_bytes());
    octal(&mut block[100..108], u64::from(header.mode));
    octal(&mut block[108..116], u64::from(header.owner.1));
    octal(&mut block[116..124], u64::from(header.group.1));
    octal(&mut block[124..136], header.size);
    octal(&mut block[136..148], header.mtime);
    block[156] = header.kind;
    put(&mut block[157..257], header.link.as_bytes());
    block[257..265].copy_from_slice(b"ustar  \0");
    put(&mut block[265..297], header.owner.0.as_bytes());
    put(&mut block[297..329], header.group.0.as_bytes());
    let sum = checksum(&block);
    octal(&mut block[148..155], sum);
    block[155] = b' ';
    block
}

/// The sum of the header's bytes with blanks in the place of the sum itself.
fn checksum(block: &[u8; BLOCK]) -> u64 {
    let sum = |part: &[u8]| part.iter().map(|b| u64::from(*b)).sum::<u64>();
    sum(&block[..148]) + 8 * u64::from(b' ') + sum(&block[156..])
}

fn put(place: &mut [u8], bytes: &[u8]) {
    let len = bytes.len().min(place.len());
    place[..len].copy_from_slice(&bytes[..len]);
}

/// Octal digits up to the last byte, which stays zero. Sizes are bounded by the caller.
fn octal(place: &mut [u8], number: u64) {
    let digits = place.len() - 1;
    put(place, format!("{number:0digits$o}").as_bytes());
}

/// Walks over the files of an archive. `file` gets each one's name, mode and content; `false` ends the walk.
///
/// Names are given without `./`. Content is bounded by `limit` bytes for all files together.
pub fn each_file(
    input: &mut impl Read,
    mut limit: u64,
    mut file: impl FnMut(&str, u32, &mut dyn Read) -> io::Result<bool>,
) -> io::Result<()> {
    let broken = |message: &str| io::Error::new(io::ErrorKind::InvalidData, message.to_string());
    let mut block = [0; BLOCK];
    loop {
        input.read_exact(&mut block)?;
        if block.iter().all(|b| *b == 0) {
            return Ok(());
        }
        if number(&block[148..156]) != Some(checksum(&block)) {
            return Err(broken("a tar header's checksum is wrong"));
        }
        let size = number(&block[124..136]).ok_or_else(|| broken("a tar header's size is no number"))?;
        limit = limit.checked_sub(size).ok_or_else(|| broken("its control part is unreasonably large"))?;
        let mut content = input.take(size);
        if matches!(block[156], b'0' | 0) {
            let name = block[..100].split(|b| *b == 0).next().unwrap_or_default();
            let name = std::str::from_utf8(name).map_err(|_| broken("a name is not UTF-8"))?;
            let mode = number(&block[100..108]).unwrap_or(0o644) as u32 & 0o7777;
            if !file(name.strip_prefix("./").unwrap_or(name), mode, &mut content)? {
                return Ok(());
            }
        }
        let left = content.limit() + padding(size) as u64;
        if io::copy(&mut input.take(left), &mut io::sink())? != left {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// An octal number, ended by a blank or zero.
fn number(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches([' ', '\0']);
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}
