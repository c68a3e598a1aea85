//! Good and bad plugins, each a shell script.

use super::*;
use std::thread;

/// Runs a script; the events it gave and how it ended.
fn run_script(script: &str) -> (Vec<Kind>, Outcome) {
    run_cancelled(script, |_| false)
}

/// The same; cancelled after the first event of which `when` says so.
fn run_cancelled(script: &str, when: impl Fn(&Kind) -> bool) -> (Vec<Kind>, Outcome) {
    let (mut events, cancel) = (vec![], AtomicBool::new(false));
    let parameters = BTreeMap::from([("name".to_string(), "it's \"me\"".to_string())]);
    let outcome = run(
        Program::new("sh").args(["-c", script]),
        &parameters,
        Listener {
            event: &mut |kind| {
                if when(&kind) {
                    cancel.store(true, Ordering::Relaxed);
                }
                events.push(kind);
            },
            artifact: &mut |name| if name == "there" { Ok(7) } else { Err(format!("no file {name}")) },
            cancel: &cancel,
            stop_time: Duration::from_millis(300),
        },
    );
    (events, outcome)
}

const OK: &str = r#"echo '{"event":"result","status":"ok","message":"done"}'"#;

#[test]
fn a_good_plugin_is_heard() {
    let (events, outcome) = run_script(&format!(
        r#"read -r line; echo "$line" >&2
        echo '{{"event":"phase","id":"a","title":"A"}}'
        echo '{{"event":"artifact","name":"there","size":1}}'; {OK}"#
    ));
    assert_eq!(outcome, Outcome { status: Status::Ok, message: "done".into(), details: vec![] });
    assert!(events.contains(&Kind::Artifact { name: "there".into(), size: 7, title: None }));
    let line = r#"{"parameters":{"name":"it's \"me\""}}"#.to_string();
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
        (format!("{OK}; {OK}"), "after the result"),
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
    let cancel = AtomicBool::new(false);
    let listener =
        Listener { event: &mut |_| {}, artifact: &mut |_| Ok(0), cancel: &cancel, stop_time: STOP_TIME };
    let outcome = run(Program::new("/no/such"), &BTreeMap::new(), listener);
    assert!(outcome.status == Status::Failed && outcome.message.contains("/no/such"));
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
    let (cancel, mut count, mut waited) = (AtomicBool::new(false), 0u64, false);
    let listener = Listener {
        event: &mut |_| {
            count += 1;
            if count == 1 {
                thread::park_timeout(Duration::from_millis(500));
                // it would have ended by now, were its output swallowed without bounds
                waited = !over.exists();
            }
        },
        artifact: &mut |_| Ok(0),
        cancel: &cancel,
        stop_time: STOP_TIME,
    };
    let script =
        format!("head -c 50000000 /dev/zero | tr '\\0' x | fold -w 1000 >&2; touch {}; {OK}", over.display());
    let outcome = run(Program::new("sh").args(["-c", &script]), &BTreeMap::new(), listener);
    assert_eq!(outcome.status, Status::Ok);
    assert!(waited && over.exists() && count >= 50_000, "{waited} {count}");
}
