//! Good and bad plugins, each a shell script.

use super::*;
use std::thread;

/// Keeps what it hears; cancels after the first event of which `when` says so.
struct Ears<F: Fn(&Kind) -> bool> {
    events: Vec<Kind>,
    secrets: Vec<String>,
    when: F,
    cancelled: bool,
}

impl<F: Fn(&Kind) -> bool> Listener for Ears<F> {
    fn event(&mut self, kind: Kind) {
        self.cancelled |= (self.when)(&kind);
        self.events.push(kind);
    }
    fn artifact(&mut self, name: &str) -> Result<u64, String> {
        if name == "there" { Ok(7) } else { Err(format!("no file {name}")) }
    }
    fn secret(&mut self, _: &str, value: &str) -> Result<(), String> {
        self.secrets.push(value.into());
        Ok(())
    }
    fn restart(&mut self, unit: &str) -> Result<String, String> {
        if unit == "a.service" { Ok(format!("{unit} was restarted")) } else { Err("not asked for".into()) }
    }
    fn cancelled(&self) -> bool {
        self.cancelled
    }
}

const TIME: Time = Time { most: Duration::from_secs(60), stop: Duration::from_millis(300) };

/// Runs a script; the events it gave and how it ended.
fn run_script(script: &str) -> (Vec<Kind>, Outcome) {
    run_cancelled(script, |_| false)
}

/// The same; cancelled after the first event of which `when` says so.
fn run_cancelled(script: &str, when: impl Fn(&Kind) -> bool) -> (Vec<Kind>, Outcome) {
    let mut ears = Ears { events: vec![], secrets: vec![], when, cancelled: false };
    let parameters = BTreeMap::from([("name".to_string(), "it's \"me\"".to_string())]);
    let outcome = run(Program::new("sh").args(["-c", script]), &parameters, TIME, &mut ears);
    (ears.events, outcome)
}

const OK: &str = r#"echo '{"event":"result","status":"ok","message":"done"}'"#;

#[test]
fn a_good_plugin_is_heard() {
    let (events, outcome) = run_script(&format!(
        r#"read -r line; echo "$line" >&2
        echo '{{"event":"phase","id":"a","title":"A"}}'
        echo '{{"event":"artifact","name":"there","size":1}}'; {OK}"#
    ));
    assert_eq!(
        outcome,
        Outcome { status: Status::Ok, message: "done".into(), details: vec![], breach: false }
    );
    assert!(events.contains(&Kind::Artifact { name: "there".into(), size: 7, title: None }));
    let line = r#"{"parameters":{"name":"it's \"me\""},"v":1}"#.to_string();
    assert!(events.contains(&Kind::Log { stream: Stream::Stderr, line }));
}

#[test]
fn a_bad_end_is_a_failure_that_says_so() {
    for (script, says) in [
        ("echo oops >&2; exit 3".to_string(), "status 3 without a result"),
        ("kill -9 $$".into(), "signal 9 without a result"),
        ("true".into(), "status 0 without a result"),
        (format!("{OK}; exit 1"), "reported success, but"),
        (format!("echo hello; {OK}"), "standard error"),
        (format!("{OK}; {OK}"), "line 2 of its output comes after the result"),
        (r#"echo '{"event":"restart","unit":"b.service"}'; sleep 9"#.into(), "not asked for"),
        (format!(r#"echo '{{"event":"artifact","name":"gone","size":1}}'; {OK}"#), "no file gone"),
        (format!("head -c 3000000 /dev/zero | tr '\\0' x; echo; {OK}"), "longer than"),
        (format!("printf '\\377\\n'; {OK}"), "UTF-8"),
        (format!("printf '{{\"event\":\"later\"}}\\n'; {OK}"), "update appliance-control"),
        ("printf '{\"event\":\"result\",\"status\":\"ok\"'".into(), "no JSON"),
    ] {
        let (_, outcome) = run_script(&script);
        assert_eq!(outcome.status, Status::Failed, "{script}");
        assert!(outcome.message.contains(says), "{script}: {}", outcome.message);
    }
    assert_eq!(run_script("echo oops >&2; exit 3").1.details, ["oops"]);
    let own = r#"echo '{"event":"result","status":"failed","message":"no such user"}'; exit 1"#;
    assert_eq!(run_script(own).1.message, "no such user");
}

#[test]
fn a_missing_program_is_a_failure() {
    let mut ears = Ears { events: vec![], secrets: vec![], when: |_: &Kind| false, cancelled: false };
    let outcome = run(Program::new("/no/such"), &BTreeMap::new(), TIME, &mut ears);
    assert!(outcome.status == Status::Failed && outcome.message.contains("/no/such"));
}

#[test]
fn a_secret_goes_to_its_keeper_and_into_no_event() {
    let mut ears = Ears { events: vec![], secrets: vec![], when: |_: &Kind| false, cancelled: false };
    let script = format!(r#"echo '{{"event":"secret","label":"Key","value":"hunter22"}}'; {OK}"#);
    let outcome = run(Program::new("sh").args(["-c", &script]), &BTreeMap::new(), TIME, &mut ears);
    assert_eq!((outcome.status, ears.secrets.as_slice()), (Status::Ok, &["hunter22".to_owned()][..]));
    assert_eq!(ears.events, [Kind::Secret { label: "Key".into() }]);
}

#[test]
fn a_line_that_was_to_keep_a_secret_stays_out_of_the_log() {
    for line in [
        r#"{"event":"secret","value":"hunter22"}"#.to_owned(),
        r#"{"v":9,"event":"secret","label":"Key","value":"hunter22"}"#.into(),
        r#"{"event":"secret","label":"Key","value":"hunter22""#.into(),
        r#"{"event":"secret","label":"hunter22","value":22222222}"#.into(),
        format!(r#"{{"event":"secret","label":"Key","value":"hunter22{}"}}"#, "x".repeat(5000)),
    ] {
        let (events, outcome) = run_script(&format!("echo '{line}'; {OK}"));
        let said = format!("{events:?} {outcome:?}");
        assert!(outcome.breach && !said.contains("hunter22") && !said.contains("22222222"), "{said}");
    }
}

/// Has no room.
struct Full(Ears<fn(&Kind) -> bool>);

impl Listener for Full {
    fn event(&mut self, kind: Kind) {
        self.0.event(kind);
    }
    fn artifact(&mut self, name: &str) -> Result<u64, String> {
        self.0.artifact(name)
    }
    fn secret(&mut self, label: &str, value: &str) -> Result<(), String> {
        self.0.secret(label, value)
    }
    fn restart(&mut self, unit: &str) -> Result<String, String> {
        self.0.restart(unit)
    }
    fn cancelled(&self) -> bool {
        false
    }
    fn full(&self) -> bool {
        true
    }
}

#[test]
fn a_program_that_fills_the_disk_is_stopped() {
    let mut full = Full(Ears { events: vec![], secrets: vec![], when: |_| false, cancelled: false });
    let outcome = run(Program::new("sleep").arg("60"), &BTreeMap::new(), TIME, &mut full);
    assert!(outcome.status == Status::Failed && outcome.message.contains("disk"), "{}", outcome.message);
}

#[test]
fn a_breach_ends_the_run_and_so_does_the_clock() {
    let garbage = "while :; do echo garbage; done";
    let (events, outcome) = run_script(garbage);
    assert!(outcome.message.contains("line 1 of its output is no JSON"), "{}", outcome.message);
    assert_eq!(events.len(), 1);
    let time = Time { most: Duration::from_millis(200), ..TIME };
    let mut ears = Ears { events: vec![], secrets: vec![], when: |_: &Kind| false, cancelled: false };
    let outcome = run(Program::new("sleep").arg("60"), &BTreeMap::new(), time, &mut ears);
    assert!(outcome.status == Status::Failed && outcome.message.contains("within"), "{}", outcome.message);
}

#[test]
fn one_long_line_is_one_line() {
    let (events, _) = run_script(&format!("head -c 300000 /dev/zero | tr '\\0' x; echo; {OK}"));
    assert_eq!(events.len(), 1, "{}", events.len());
}

#[test]
fn progress_is_thinned_out_but_its_end_is_not() {
    let script = format!(
        r#"i=0; while [ $i -lt 500 ]; do echo '{{"event":"progress","percent":1,"detail":""}}'; i=$((i+1)); done
        echo '{{"event":"progress","percent":100,"detail":""}}'; {OK}"#
    );
    let started = Instant::now();
    let (events, outcome) = run_script(&script);
    assert_eq!(outcome.status, Status::Ok);
    assert!(events.len() as u128 <= 3 + started.elapsed().as_millis() / 200, "{}", events.len());
    assert!(matches!(events.last(), Some(Kind::Progress { percent, .. }) if *percent == 100.0));
}

#[test]
fn cancelling_is_asking_first_and_killing_then() {
    let started = |kind: &Kind| matches!(kind, Kind::Phase { .. });
    let phase = r#"echo '{"event":"phase","id":"a","title":"A"}'"#;
    let polite = format!("trap 'echo cleaned >&2; exit 1' TERM; {phase}; while :; do sleep 0.05; done");
    let (events, outcome) = run_cancelled(&polite, started);
    assert_eq!((outcome.status, outcome.message.as_str()), (Status::Cancelled, "It was cancelled."));
    assert!(events.contains(&Kind::Log { stream: Stream::Stderr, line: "cleaned".into() }));
    let deaf = format!("trap '' TERM; {phase}; while :; do sleep 0.05; done");
    assert!(run_cancelled(&deaf, started).1.message.contains("was killed"));
    let finished =
        format!("trap '{}; exit 0' TERM; {phase}; while :; do sleep 0.05; done", OK.replace('\'', "'\\''"));
    assert_eq!(run_cancelled(&finished, started).1.status, Status::Ok);
}

#[test]
fn children_left_behind_do_not_keep_the_run() {
    let started = Instant::now();
    let (_, outcome) = run_script(&format!("sleep 60 & {OK}"));
    assert_eq!(outcome.status, Status::Ok);
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_program_that_closes_its_streams_is_still_waited_for() {
    let started = Instant::now();
    let (_, outcome) = run_script(&format!("{OK}; exec >&- 2>&-; sleep 0.5; exit 4"));
    assert!(outcome.message.contains("status 4") && started.elapsed() > Duration::from_millis(400));
}

#[test]
fn a_flood_waits_for_its_listener() {
    let folder = tempfile::tempdir().unwrap();
    let over = folder.path().join("over");
    struct Slow<'a>(&'a std::path::Path, u64, bool);
    impl Listener for Slow<'_> {
        fn event(&mut self, _: Kind) {
            self.1 += 1;
            if self.1 == 1 {
                thread::park_timeout(Duration::from_millis(500));
                // it would have ended by now, were its output swallowed without bounds
                self.2 = !self.0.exists();
            }
        }
        fn artifact(&mut self, _: &str) -> Result<u64, String> {
            Ok(0)
        }
        fn secret(&mut self, _: &str, _: &str) -> Result<(), String> {
            Ok(())
        }
        fn restart(&mut self, _: &str) -> Result<String, String> {
            Ok(String::new())
        }
        fn cancelled(&self) -> bool {
            false
        }
    }
    let script =
        format!("head -c 50000000 /dev/zero | tr '\\0' x | fold -w 1000 >&2; touch {}; {OK}", over.display());
    let mut slow = Slow(&over, 0, false);
    let outcome = run(Program::new("sh").args(["-c", &script]), &BTreeMap::new(), Time::default(), &mut slow);
    let Slow(_, count, waited) = slow;
    assert_eq!(outcome.status, Status::Ok);
    assert!(waited && over.exists() && count >= 50_000, "{waited} {count}");
}
