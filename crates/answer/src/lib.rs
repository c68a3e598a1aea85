//! What an answer looks like: the types that the questions of an appliance and the parameters of a plugin's actions share, so that
//! both are held to one set of rules, with one set of words.
//!
//! * [`Form`]: a type with its limits; [`forms`]: whether an answer fits
//! * [`parameter`]: a field with such a type
//! * [`pattern`]: patterns of answers, as `grep -E` knows them
//! * [`lines`]: a text of several lines in one
//!
//! This crate is pure.

pub mod forms;
mod kind;
pub mod lines;
pub mod parameter;
pub mod pattern;

pub use forms::{canonical, chosen, validate};
pub use kind::QuestionType;
pub use lines::{in_lines, in_one_line};
pub use parameter::{Parameter, ParameterType};

/// A type with what limits it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Form<'a> {
    pub kind: QuestionType,
    /// For `select` and `multiselect`.
    pub choices: &'a [String],
    /// An empty answer fits.
    pub optional: bool,
    /// For `number` and `port`.
    pub min: Option<i64>,
    pub max: Option<i64>,
    /// For `string` and `password`, in characters.
    pub min_length: Option<u32>,
    pub max_length: Option<u32>,
    /// For `string` and `password`, see [`pattern`].
    pub pattern: Option<&'a str>,
    /// Goes after "must be".
    pub pattern_hint: Option<&'a str>,
}

/// What is wrong with a value: where in it, what, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Bytes from the value's beginning.
    pub at: usize,
    pub message: String,
    pub help: Option<String>,
}

impl Mistake {
    pub fn new(message: impl Into<String>) -> Self {
        Self::at(0, message)
    }
    pub fn at(at: usize, message: impl Into<String>) -> Self {
        Mistake { at, message: message.into(), help: None }
    }
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
