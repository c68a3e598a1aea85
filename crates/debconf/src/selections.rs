//! Answers given in advance, one a line: `OWNER QUESTION TYPE VALUE`, as debconf-set-selections(1) reads them.

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The package that asks.
    pub owner: String,
    pub question: String,
    /// debconf's type: string, boolean, select, multiselect, password, note, text, title.
    pub kind: String,
    pub value: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{what} of the answer to {question:?} is no single word")]
    Word { what: &'static str, question: String },
    /// The value is left out: it may be a secret.
    #[error(
        "the answer to {question} has a line end or ends in a backslash, which debconf-set-selections cannot take"
    )]
    Value { question: String },
}

impl Selection {
    /// The line with its line end. The value arrives exactly as it is here, or it is an error.
    pub fn to_line(&self) -> Result<String, Error> {
        let question = &self.question;
        for (what, word) in [("owner", &self.owner), ("question", question), ("type", &self.kind)] {
            if word.is_empty()
                || word.contains(|c: char| c.is_whitespace() || c.is_control())
                || word.starts_with('#')
            {
                return Err(Error::Word { what, question: question.clone() });
            }
        }
        // a final backslash joins the next line to this one, a final carriage return is dropped
        if self.value.contains(['\n', '\0']) || self.value.ends_with(['\\', '\r']) {
            return Err(Error::Value { question: question.clone() });
        }
        Ok(format!("{} {question} {} {}\n", self.owner, self.kind, self.value))
    }
}

/// All lines, for the standard input of debconf-set-selections(1).
pub fn write(selections: &[Selection]) -> Result<String, Error> {
    selections.iter().map(Selection::to_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(owner: &str, question: &str, value: &str) -> Result<String, Error> {
        let word = |w: &str| w.to_owned();
        Selection { owner: word(owner), question: word(question), kind: word("string"), value: word(value) }
            .to_line()
    }

    #[test]
    fn a_line_is_what_debconf_set_selections_reads() {
        assert_eq!(
            line("postfix", "postfix/mailname", "a b").unwrap(),
            "postfix postfix/mailname string a b\n"
        );
        assert_eq!(line("postfix", "postfix/mailname", "").unwrap(), "postfix postfix/mailname string \n");
    }

    #[test]
    fn nothing_becomes_a_second_line() {
        for value in ["a\nb c string d", "a\\", "a\r", "a\0"] {
            let error = line("p", "p/q", value).unwrap_err();
            assert_eq!(error, Error::Value { question: "p/q".into() });
        }
        assert!(line("#p", "p/q", "x").is_err());
        assert!(line("p", "p/q r", "x").is_err());
        assert!(line("", "p/q", "x").is_err());
    }
}
