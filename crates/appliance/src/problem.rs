//! A mistake in a definition: where it is, what is wrong, what to write instead.

mod source;

pub use source::Source;

use serde::Serialize;
use std::fmt;

/// One mistake, complete in itself: it can be shown without the file at hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Problem {
    /// Stays the same between versions, for programs.
    pub kind: Kind,
    pub file: String,
    /// Counted from 1; 0 when the mistake has no line (a file that cannot be read).
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    pub message: String,
    /// What to write instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    #[serde(skip)]
    pub snippet: Option<Snippet>,
}

/// The line with the mistake, ready for a terminal: no control characters, cut when it is very long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    pub text: String,
    /// Characters of `text` before the mark.
    pub mark: usize,
    /// Characters marked, at least 1.
    pub width: usize,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Kinds of mistakes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Kind { $($(#[$doc])* $name),* }
        impl Kind {
            pub const ALL: &[Kind] = &[$(Kind::$name),*];
        }
    };
}

kinds! {
    /// No UTF-8, or too large.
    Text,
    /// No TOML.
    Syntax,
    UnknownKey,
    MissingKey,
    /// Text where a number belongs, and the like.
    Type,
    /// Not one of the values there are.
    Value,
    /// A name in a form that it must not have.
    Name,
    Version,
    Summary,
    Maintainer,
    Address,
    Relation,
    Duplicate,
    Path,
    Mode,
    /// A user that nobody makes.
    Owner,
    /// Two keys of which one, and only one, must be there.
    Either,
    MissingFile,
    NotExecutable,
    /// A named file that is none: a folder, a pipe, a link that leaves the folder, too large.
    BadFile,
    /// A template that does not parse.
    Template,
    /// A name that a template or a value uses and nobody set.
    UnknownName,
    /// Templates that include each other in a circle.
    Cycle,
    /// A secret where others can read it.
    Secret,
    Seed,
    Choice,
    Generate,
    Action,
    Archive,
    Empty,
    /// A po file that cannot be used.
    Translation,
    /// A package that the release does not have.
    MissingPackage,
}

impl Problem {
    /// `kind` as in JSON: `unknown-key`.
    pub fn kind_name(&self) -> String {
        let name = format!("{:?}", self.kind);
        let mut text = String::new();
        for (i, c) in name.chars().enumerate() {
            if c.is_uppercase() && i > 0 {
                text.push('-');
            }
            text.extend(c.to_lowercase());
        }
        text
    }
}

/// `file:line:column: message; help`, in one line, with control characters made visible.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", printable(&self.file))?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        write!(f, " {}", printable(&self.message))?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "; {}", printable(help)))
    }
}

/// Text with everything escaped that a terminal could take for an order: control characters, and the marks that turn
/// the direction of writing around.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{2028}' | '\u{2029}');
        if c.is_control() || turns { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}
