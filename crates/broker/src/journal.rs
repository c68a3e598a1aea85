//! The machine's journal, through journalctl(1).

use crate::{handle::refusal, services};
use broker_protocol::{
    Entry, JournalFilter, Reason, Refusal,
    services::{From, MOST_ENTRIES},
};
use exec::Program;
use serde_json::Value;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(20);
/// Characters of one message.
const LONGEST: usize = 4000;
const LONGEST_TEXT: usize = 200;

/// Newest first.
pub fn read(filter: &JournalFilter) -> Result<Vec<Entry>, Refusal> {
    let program = Program::new("journalctl").args(arguments(filter)?).timeout(TIMEOUT);
    let failed = |why: &str| {
        refusal(Reason::Failed, format!("The journal cannot be read: {}.", why.trim_end_matches('.')))
    };
    let output = program.output().map_err(|e| failed(&e.to_string()))?;
    // with a text to look for and nothing found it ends with 1 and says nothing
    if !output.success() && !output.stderr.is_empty() {
        return Err(failed(output.tail(1).concat().trim()));
    }
    let mut entries: Vec<Entry> = output.text().lines().filter_map(entry).collect();
    if matches!(filter.from, Some(From::After(_))) {
        entries.reverse();
    }
    Ok(entries)
}

fn arguments(filter: &JournalFilter) -> Result<Vec<String>, Refusal> {
    let wrong = |message: &str| refusal(Reason::Invalid, message.into());
    let fields = "--output-fields=MESSAGE,PRIORITY,_SYSTEMD_UNIT,UNIT,SYSLOG_IDENTIFIER";
    let mut arguments = vec!["--no-pager".into(), "--quiet".into(), "--output=json".into(), fields.into()];
    if !(1..=MOST_ENTRIES).contains(&filter.lines) {
        return Err(wrong(&format!("1 to {MOST_ENTRIES} lines at a time.")));
    }
    if let Some(unit) = &filter.unit {
        services::named(unit)?;
        arguments.push(format!("--unit={unit}"));
    }
    if let Some(priority) = filter.priority {
        if priority > 7 {
            return Err(wrong("A priority is a number from 0 (emergency) to 7 (debug)."));
        }
        arguments.push(format!("--priority={priority}"));
    }
    arguments.extend(filter.since.map(|at| format!("--since=@{at}")));
    arguments.extend(filter.until.map(|at| format!("--until=@{at}")));
    if let Some(text) = filter.text.as_deref().filter(|t| !t.is_empty()) {
        if text.chars().count() > LONGEST_TEXT || text.chars().any(char::is_control) {
            return Err(wrong("The text to look for is too long, or has characters that are none."));
        }
        arguments.extend([format!("--grep={}", literally(text)), "--case-sensitive=no".into()]);
    }
    let cursor = |cursor: &String| {
        let good = |b: u8| b.is_ascii_alphanumeric() || b"=;-".contains(&b);
        match cursor.len() <= 256 && cursor.bytes().all(good) {
            true => Ok(cursor.clone()),
            false => Err(wrong("This place in the journal is none.")),
        }
    };
    match &filter.from {
        // from a cursor on, journalctl counts the lines in the direction that it reads in
        Some(From::After(at)) => arguments.push(format!("--after-cursor={}", cursor(at)?)),
        Some(From::Before(at)) => {
            arguments.extend([format!("--after-cursor={}", cursor(at)?), "--reverse".into()]);
        }
        None => arguments.push("--reverse".into()),
    }
    arguments.push(format!("--lines={}", filter.lines));
    Ok(arguments)
}

/// For journalctl a text is a pattern (pcre2pattern(3)), where a backslash takes any other character's meaning.
fn literally(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || c == ' ' || !c.is_ascii();
    text.chars().flat_map(|c| (!plain(c)).then_some('\\').into_iter().chain([c])).collect()
}

fn entry(line: &str) -> Option<Entry> {
    let value: Value = serde_json::from_str(line).ok()?;
    let text = |name: &str| match value.get(name) {
        Some(Value::String(text)) => text.clone(),
        // not UTF-8, or with control characters: its bytes
        Some(Value::Array(bytes)) => {
            let bytes = bytes.iter().filter_map(|b| u8::try_from(b.as_u64()?).ok());
            String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).into_owned()
        }
        _ => String::new(),
    };
    let at: u64 = text("__REALTIME_TIMESTAMP").parse().ok()?;
    // of what the system manager says about a unit, UNIT is that unit
    let unit = Some(text("UNIT")).filter(|u| !u.is_empty()).unwrap_or_else(|| text("_SYSTEMD_UNIT"));
    Some(Entry {
        at: at / 1000,
        priority: text("PRIORITY").parse().ok().filter(|p| *p <= 7).unwrap_or(6),
        unit,
        identifier: text("SYSLOG_IDENTIFIER"),
        message: text("MESSAGE").chars().take(LONGEST).collect(),
        cursor: text("__CURSOR"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut JournalFilter)) -> Result<Vec<String>, Refusal> {
        let mut filter = JournalFilter { lines: 10, ..JournalFilter::default() };
        change(&mut filter);
        arguments(&filter)
    }

    #[test]
    fn what_is_looked_for_is_text_and_never_an_option() {
        let has = |list: Vec<String>, argument: &str| assert!(list.iter().any(|a| a == argument), "{list:?}");
        has(with(|f| f.text = Some("a.b (c)*".into())).unwrap(), "--grep=a\\.b \\(c\\)\\*");
        has(with(|f| f.unit = Some("apache2.service".into())).unwrap(), "--unit=apache2.service");
        has(with(|f| f.from = Some(From::After("s=1;i=2".into()))).unwrap(), "--after-cursor=s=1;i=2");
        has(with(|f| f.from = Some(From::Before("s=1;i=2".into()))).unwrap(), "--reverse");
        assert!(with(|f| f.unit = Some("--flush".into())).is_err());
        assert!(with(|f| f.unit = Some("*.service".into())).is_err());
        assert!(with(|f| f.text = Some("a\nb".into())).is_err());
        assert!(with(|f| f.from = Some(From::After("s=1 --flush".into()))).is_err());
        assert!(with(|f| f.priority = Some(8)).is_err());
        assert!(with(|f| f.lines = MOST_ENTRIES + 1).is_err() && with(|f| f.lines = 0).is_err());
    }

    #[test]
    fn entries_with_text_and_with_bytes() {
        let line = r#"{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1764000000123456","MESSAGE":[72,105,255],"PRIORITY":"3","UNIT":"a.service","_SYSTEMD_UNIT":"init.scope","SYSLOG_IDENTIFIER":"systemd"}"#;
        let entry = super::entry(line).unwrap();
        assert_eq!((entry.at, entry.priority, entry.unit.as_str()), (1_764_000_000_123, 3, "a.service"));
        assert_eq!(entry.message, "Hi\u{fffd}");
        assert_eq!(super::entry(r#"{"__REALTIME_TIMESTAMP":"1000","MESSAGE":null}"#).unwrap().priority, 6);
        assert_eq!(super::entry("no json"), None);
    }
}
