//! The answer of a query: all that its program wrote, at once.

use crate::frame::{self, Ended, Frame, Speaker};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manifest::Fact;

/// Bytes of all that a query says.
pub const ANSWER_LIMIT: usize = 1 << 20;
/// Rows that are asked for at a time.
pub const ROWS: u32 = 50;
/// What can be chosen in one field.
const CHOICES: usize = 2000;

/// What a query is asked for, beside its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Wanted {
    /// From 1.
    #[serde(default = "first")]
    pub page: u32,
    /// For a query with `search`: what a person has typed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub search: String,
}

/// What a query says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Data {
    pub facts: Vec<Fact>,
    pub tables: Vec<Table>,
    pub texts: Vec<Text>,
    pub choices: Vec<Choice>,
    pub warnings: Vec<String>,
    pub message: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// Rows in all; these are one page of them.
    pub total: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Text {
    pub title: Option<String>,
    pub text: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Choice {
    pub value: String,
    pub text: String,
}

impl Data {
    /// Bytes of memory that it takes, about.
    pub fn weight(&self) -> usize {
        // a text has a pointer, a length and a capacity beside it, and takes no less than a few words
        let text = |t: &String| t.len() + 48;
        let texts = |list: &[String]| list.iter().map(text).sum::<usize>() + 48;
        let facts: usize = self.facts.iter().map(|f| text(&f.label) + text(&f.value)).sum();
        let choices: usize = self.choices.iter().map(|c| text(&c.value) + text(&c.text)).sum();
        let table = |t: &Table| texts(&t.columns) + t.rows.iter().map(|r| texts(r)).sum::<usize>();
        let long: usize = self.texts.iter().map(|t| text(&t.text) + t.title.as_ref().map_or(0, text)).sum();
        let tables: usize = self.tables.iter().map(table).sum();
        facts + choices + long + tables + texts(&self.warnings) + text(&self.message)
    }
}

/// The line that the program gets.
pub fn input(wanted: &Wanted) -> String {
    let rows = ROWS;
    let mut line =
        serde_json::json!({ "v": 1, "page": wanted.page.max(1), "rows": rows, "search": wanted.search })
            .to_string();
    line.push('\n');
    line
}

/// Reads all that the program wrote. Of a table that is there as a whole, the page that was wanted stays. The error is for a person.
pub fn read(output: &[u8], wanted: &Wanted) -> Result<Data, String> {
    let breach = |line: usize, why: String| {
        format!("The plugin does not keep to the protocol: line {line} of its output {why}.")
    };
    let (mut data, mut result) = (Data::default(), None);
    let lines = output.strip_suffix(b"\n").unwrap_or(output).split(|b| *b == b'\n');
    for (number, line) in (1..).zip(lines).filter(|_| !output.is_empty()) {
        if result.is_some() {
            return Err(breach(number, "comes after the result".into()));
        }
        match frame::parse(line, Speaker::Query).map_err(|why| breach(number, why))? {
            Frame::Result { status, message, details } => result = Some((status, message, details)),
            other => data.add(other, wanted).map_err(|why| breach(number, why))?,
        }
    }
    match result {
        None => Err("The plugin's program ended without a result.".into()),
        Some((Ended::Ok, message, _)) => Ok(Data { message, ..data }),
        Some((_, message, mut details)) => {
            details.retain(|d| !d.is_empty());
            details.truncate(5);
            details.insert(0, if message.is_empty() { "The plugin has no answer.".into() } else { message });
            Err(details.join(" "))
        }
    }
}

impl Data {
    fn add(&mut self, frame: Frame, wanted: &Wanted) -> Result<(), String> {
        match frame {
            Frame::Fact { label, value } => self.facts.push(Fact { label, value }),
            Frame::Warning { message } => self.warnings.push(message),
            Frame::Text { title, text } => self.texts.push(Text { title, text }),
            Frame::Choice { value, text } => {
                if self.choices.len() >= CHOICES {
                    return Err(format!("is one choice more than {CHOICES}"));
                }
                let text = text.unwrap_or_else(|| value.clone());
                self.choices.push(Choice { value, text });
            }
            Frame::Table { rows, total: Some(_), .. } if rows.len() > ROWS as usize => {
                return Err(format!("is a page of more than {ROWS} rows"));
            }
            Frame::Table { columns, mut rows, total } => {
                let total = total.unwrap_or_else(|| {
                    let total = rows.len() as u64;
                    let from = (wanted.page.max(1) - 1) as usize * ROWS as usize;
                    rows = rows.drain(from.min(rows.len())..).take(ROWS as usize).collect();
                    total
                });
                self.tables.push(Table { columns, rows, total });
            }
            _ => {}
        }
        Ok(())
    }
}

fn first() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: &str = "{\"event\":\"result\",\"status\":\"ok\"}\n";

    #[test]
    fn a_whole_table_is_cut_into_pages_and_a_page_is_taken_as_it_is() {
        let rows: Vec<[String; 1]> = (0..120).map(|i| [i.to_string()]).collect();
        let whole = serde_json::json!({ "event": "table", "columns": ["n"], "rows": rows });
        let page =
            |n| read(format!("{whole}\n{END}").as_bytes(), &Wanted { page: n, ..Wanted::default() }).unwrap();
        assert_eq!((page(1).tables[0].rows.len(), page(1).tables[0].total), (50, 120));
        assert_eq!(page(3).tables[0].rows[0], ["100"]);
        assert!(page(4).tables[0].rows.is_empty() && page(u32::MAX).tables[0].rows.is_empty());
        let own =
            format!("{{\"event\":\"table\",\"columns\":[\"n\"],\"rows\":[[\"a\"]],\"total\":9000}}\n{END}");
        let rows = vec![["a"]; 51];
        let much = serde_json::json!({ "event": "table", "columns": ["n"], "rows": rows, "total": 60 });
        let said = read(format!("{much}\n{END}").as_bytes(), &Wanted::default()).unwrap_err();
        assert!(said.contains("more than 50 rows"), "{said}");
        let data = read(own.as_bytes(), &Wanted { page: 7, ..Wanted::default() }).unwrap();
        assert_eq!((data.tables[0].total, data.tables[0].rows.len()), (9000, 1));
    }

    #[test]
    fn what_breaks_the_protocol_is_told_with_its_line() {
        let fact = "{\"event\":\"fact\",\"label\":\"a\",\"value\":\"b\"}\n";
        for (output, says) in [
            (String::new(), "without a result"),
            (fact.into(), "without a result"),
            (format!("{fact}hello\n{END}"), "line 2 of its output is no JSON"),
            (format!("{END}{fact}"), "line 2 of its output comes after"),
            (format!("{fact}\n{END}"), "line 2"),
            ("{\"event\":\"result\",\"status\":\"failed\",\"message\":\"No wiki.\"}".into(), "No wiki."),
        ] {
            let said = read(output.as_bytes(), &Wanted::default()).unwrap_err();
            assert!(said.contains(says), "{output}: {said}");
        }
        assert_eq!(read(END.trim_end().as_bytes(), &Wanted::default()).unwrap(), Data::default());
    }
}
