use super::*;
use proptest::prelude::*;

/// Answers with what it was told to, and keeps what it was asked.
#[derive(Default)]
struct Person {
    says: VecDeque<Answered>,
    seen: Vec<(String, Vec<Asked>, bool)>,
    bars: Vec<(u8, String)>,
}

impl Frontend for Person {
    fn ask(&mut self, title: &str, questions: &[Asked], back: bool) -> io::Result<Answered> {
        self.seen.push((title.into(), questions.to_vec(), back));
        self.says.pop_front().ok_or_else(|| io::Error::other("nobody there"))
    }
    fn progress(&mut self, percent: u8, doing: &str) {
        self.bars.push((percent, doing.into()));
    }
}

fn talk(lines: &str, person: &mut Person) -> io::Result<String> {
    let mut replies = vec![];
    serve(&mut lines.as_bytes(), &mut replies, person)?;
    Ok(String::from_utf8(replies).unwrap())
}

fn values(values: &[&str]) -> Answered {
    Answered::Values(values.iter().map(|v| v.to_string()).collect())
}

// as debconf 1.5.91 sends it for postfix
const POSTFIX: &str = "\
CAPB
CAPB backup
TITLE Postfix Configuration
DATA postfix/main_mailer_type type select
DATA postfix/main_mailer_type description General mail configuration type:
DATA postfix/main_mailer_type extended_description Please select one.\\n\\n No configuration:
DATA postfix/main_mailer_type choices No configuration, Internet Site, Odd\\, one
SET postfix/main_mailer_type Internet Site
INPUT high postfix/main_mailer_type
GO
GET postfix/main_mailer_type
";

#[test]
fn a_question_arrives_whole_and_its_answer_goes_back() {
    let mut person = Person { says: [values(&["Odd, one"])].into(), ..Person::default() };
    let replies = talk(POSTFIX, &mut person).unwrap();
    assert_eq!(replies.lines().last(), Some("0 Odd, one"));
    let (title, asked, back) = &person.seen[0];
    assert_eq!((title.as_str(), back), ("Postfix Configuration", &true));
    assert_eq!(asked[0].choices, ["No configuration", "Internet Site", "Odd, one"]);
    assert_eq!(asked[0].extended, "Please select one.\n\n No configuration:");
    assert_eq!((asked[0].priority.as_str(), asked[0].default.as_str()), ("high", "Internet Site"));
}

#[test]
fn questions_of_one_template_are_told_apart_by_what_was_substituted() {
    let one = |package: &str| {
        format!(
            "DATA dbconfig-common/mysql/app-pass type password\nDATA dbconfig-common/mysql/app-pass description Password for {package}:\n\
             SUBST dbconfig-common/mysql/app-pass pkg {package}\nINPUT high dbconfig-common/mysql/app-pass\n"
        )
    };
    let get = "GET dbconfig-common/mysql/app-pass\n";
    let mut person = Person { says: [values(&["one", "two"])].into(), ..Person::default() };
    let replies = talk(&format!("{}{}GO\n{get}{get}", one("a"), one("b")), &mut person).unwrap();
    assert!(replies.ends_with("0 one\n0 two\n"), "{replies}");
    let packages: Vec<&str> = person.seen[0].1.iter().map(|q| q.variables["pkg"].as_str()).collect();
    assert_eq!(packages, ["a", "b"]);
}

#[test]
fn back_is_for_scripts_that_can_and_an_answer_is_one_line() {
    let mut person =
        Person { says: [Answered::Back, values(&["No configuration"])].into(), ..Person::default() };
    let replies = talk(POSTFIX, &mut person).unwrap();
    // a script that cannot go back after all wants its answer, and the person is asked once more
    assert!(replies.ends_with("30 backup\n0 No configuration\n"), "{replies}");
    assert_eq!(person.seen.iter().map(|(_, _, back)| *back).collect::<Vec<_>>(), [true, false]);
    let cannot = POSTFIX.replace("CAPB backup\n", "");
    let mut person = Person { says: [Answered::Back].into(), ..Person::default() };
    assert!(talk(&cannot, &mut person).is_err());
    let mut person = Person { says: [values(&["two\nlines"])].into(), ..Person::default() };
    assert!(talk(POSTFIX, &mut person).is_err());
}

#[test]
fn with_nobody_there_nothing_is_answered() {
    let mut replies = vec![];
    let result = serve(&mut POSTFIX.as_bytes(), &mut replies, &mut Person::default());
    assert!(result.is_err());
    // a reply for each line before GO, none for GO
    assert_eq!(replies.iter().filter(|b| **b == b'\n').count(), 9);
}

#[test]
fn a_bar_of_the_script_is_told_in_percent() {
    let mut person = Person::default();
    let lines = "DATA a/b type text\nDATA a/b description Making it\nPROGRESS START 0 4 a/b\nPROGRESS STEP 3\nPROGRESS SET 99\nPROGRESS STOP\n";
    talk(lines, &mut person).unwrap();
    assert_eq!(person.bars, [(0, "Making it".into()), (75, "Making it".into()), (100, "Making it".into())]);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(lines in prop::collection::vec("(DATA|SET|SUBST|INPUT|GO|GET|CAPB|PROGRESS|TITLE)?[ -~]{0,40}", 0..30)) {
        let _ = talk(&(lines.join("\n") + "\n"), &mut Person { says: [values(&[])].into(), ..Person::default() });
    }
}
