//! Reads the control part of a `.deb` and checks its frame, in one pass and bounded memory.
//!
//! The input is any reader, so that the caller can hash what goes by. Nothing that a file says about itself
//! is believed: sizes are compared with what is there, the control part is bounded, every error names the file.

use crate::{Error, Member, Paragraph, Result, ar, tape, xz};
use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

/// The control part may unpack to no more than this; the largest in Debian has some megabytes of `md5sums`.
const CONTROL_LIMIT: u64 = 64 << 20;
/// No control paragraph is larger.
const PARAGRAPH_LIMIT: u64 = 1 << 20;

/// What [`control`] found.
#[derive(Debug, Clone)]
pub struct Control {
    pub paragraph: Paragraph,
    /// The members that were asked for, in their order.
    pub members: Vec<Member>,
}

/// Reads the control paragraph of the package at `path`, and the control members with these names.
///
/// The whole frame is checked: a package that was cut off, or has something behind its end, is refused.
pub fn control_of(path: &Path, members: &[&str]) -> Result<Control> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let length = file.metadata().map_err(Error::io("open", path))?.len();
    control(&mut BufReader::new(file), length, path, members)
}

/// The same from a reader that gives `length` bytes; `path` is for messages. Reads up to the content of the
/// data member, which is left unread: the rest of the input is that content and its padding.
pub fn control(input: &mut impl Read, length: u64, path: &Path, members: &[&str]) -> Result<Control> {
    let mut frame = Frame { input, length, at: 0 };
    frame.control(members).map_err(|error| match error {
        Broken::Frame(message) => Error::Archive { file: path.into(), message },
        Broken::Control(error) => {
            Error::Archive { file: path.into(), message: format!("its control file: {error}") }
        }
        Broken::Input(source) => match source.kind() {
            io::ErrorKind::UnexpectedEof => {
                Error::Archive { file: path.into(), message: "it ends too early; it may be cut off".into() }
            }
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
                Error::Archive { file: path.into(), message: source.to_string() }
            }
            _ => Error::Io { operation: "read", path: path.into(), source },
        },
    })
}

enum Broken {
    Frame(String),
    Control(Error),
    Input(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Broken::Input(error)
    }
}

struct Frame<'a, R> {
    input: &'a mut R,
    length: u64,
    at: u64,
}

impl<R: Read> Frame<'_, R> {
    fn control(&mut self, wanted: &[&str]) -> Result<Control, Broken> {
        let mut magic = [0; 8];
        self.exact(&mut magic)?;
        if &magic != ar::MAGIC {
            return Err(Broken::Frame("it is no ar archive".into()));
        }
        let (name, size) = self.header()?;
        if name != "debian-binary" || size > 64 {
            return Err(Broken::Frame("its first member is not debian-binary".into()));
        }
        let mut version = vec![0; size as usize];
        self.exact(&mut version)?;
        self.skip(size % 2)?;
        if !version.starts_with(b"2.") {
            return Err(Broken::Frame("its format is not 2.x".into()));
        }
        let (name, size) = self.after_private("control.tar")?;
        let control = self.unpack(&name, size, wanted)?;
        self.after_private("data.tar")?;
        Ok(control)
    }

    /// The next member that is not private (deb(5): a name with `_` in front), whose name must begin so.
    /// The data member must reach to the end of the file.
    fn after_private(&mut self, begin: &str) -> Result<(String, u64), Broken> {
        loop {
            let (name, size) = self.header()?;
            if name.starts_with('_') {
                self.skip(size + size % 2)?;
                continue;
            }
            if !name.starts_with(begin) {
                return Err(Broken::Frame(format!("where {begin} should be is `{}`", name.escape_debug())));
            }
            let left = self.length.saturating_sub(self.at);
            if size > left {
                return Err(Broken::Frame(format!(
                    "{} bytes are missing at its end; it is cut off",
                    size - left
                )));
            }
            if begin == "data.tar" && left - size > size % 2 {
                return Err(Broken::Frame("something follows its data".into()));
            }
            return Ok((name, size));
        }
    }

    fn unpack(&mut self, name: &str, size: u64, wanted: &[&str]) -> Result<Control, Broken> {
        let mut member = self.input.take(size);
        let Some(mut tar) = xz::decoder(name, &mut member)? else {
            return Err(Broken::Frame(format!("the compression of {name} is not known; gz, xz and zst are")));
        };
        let mut paragraph = None;
        let mut members = vec![];
        tape::each_file(&mut tar, CONTROL_LIMIT, |name, mode, content| {
            if name == "control" && paragraph.is_none() {
                let mut text = vec![];
                content.take(PARAGRAPH_LIMIT + 1).read_to_end(&mut text)?;
                if text.len() as u64 > PARAGRAPH_LIMIT {
                    let message = "its control file is larger than 1 MiB, which no package needs";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
                paragraph = Some(text);
            } else if wanted.contains(&name) {
                let mut bytes = vec![];
                content.read_to_end(&mut bytes)?;
                members.push(Member { name: name.into(), content: bytes, mode });
            }
            Ok(paragraph.is_none() || members.len() < wanted.len())
        })?;
        drop(tar);
        let left = member.limit() + size % 2;
        self.at += size - member.limit();
        self.skip(left)?;
        let text = paragraph.ok_or_else(|| Broken::Frame("it has no control file".into()))?;
        let text =
            String::from_utf8(text).map_err(|_| Broken::Frame("its control file is not UTF-8".into()))?;
        Ok(Control { paragraph: Paragraph::parse(&text).map_err(Broken::Control)?, members })
    }

    fn header(&mut self) -> Result<(String, u64), Broken> {
        let mut header = [0; ar::HEADER];
        self.exact(&mut header)?;
        let (name, size) =
            ar::parse(&header).ok_or_else(|| Broken::Frame("one of its member headers is broken".into()))?;
        Ok((name.to_string(), size))
    }

    fn exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.input.read_exact(bytes)
    }

    fn skip(&mut self, count: u64) -> io::Result<()> {
        self.at = self.at.saturating_add(count);
        match io::copy(&mut self.input.take(count), &mut io::sink())? == count {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
