//! A text of several lines in one, for what knows lines only.

/// A text with `%0A` for each line end, `%09` for a tab, `%5C` for a backslash and `%25` for a percent sign: debconf's values have
/// one line, and its database takes a backslash before an `n` for a line end.
pub fn in_one_line(text: &str) -> String {
    text.replace('%', "%25").replace('\\', "%5C").replace('\n', "%0A").replace('\t', "%09")
}

/// The text that [`in_one_line`] was made of. A percent sign before anything else is one.
pub fn in_lines(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        let (meant, length) = match rest.as_bytes().get(at + 1..at + 3) {
            Some(b"0A" | b"0a") => ('\n', 3),
            Some(b"09") => ('\t', 3),
            Some(b"25") => ('%', 3),
            Some(b"5C" | b"5c") => ('\\', 3),
            _ => ('%', 1),
        };
        text.push(meant);
        rest = &rest[at + length..];
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_text_comes_back_from_its_line(text in "[a05AC%\\\\n\n\t ]*|\\PC*") {
            let line = in_one_line(&text);
            prop_assert!(!line.contains(['\n', '\t']));
            prop_assert_eq!(in_lines(&line), text);
        }
    }

    #[test]
    fn a_lone_percent_sign_stays() {
        assert_eq!(in_lines("100% of %0b%"), "100% of %0b%");
    }
}
