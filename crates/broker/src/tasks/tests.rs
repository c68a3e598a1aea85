//! Tasks with a system manager that only pretends.

use super::*;
use broker_protocol::Ask;
use plugin::Manifest;
use std::{
    collections::BTreeSet,
    io::{Seek, Write},
    os::unix::fs::PermissionsExt,
    sync::{Arc, atomic::AtomicBool},
};

/// Remembers what was started; a unit lives until the test ends it.
#[derive(Clone, Default)]
struct Fake {
    units: Arc<Mutex<BTreeSet<String>>>,
    refuses: bool,
}

impl Starter for Fake {
    fn start(&self, id: &TaskId, properties: &[String]) -> Result<(), String> {
        assert!(properties.iter().all(|p| p.contains('=')));
        if self.refuses {
            return Err("no memory".into());
        }
        lock(&self.units).insert(id.to_string());
        Ok(())
    }
    fn lives(&self, id: &TaskId) -> bool {
        lock(&self.units).contains(id.as_str())
    }
    fn stop(&self, id: &TaskId) -> Result<(), String> {
        lock(&self.units).remove(id.as_str());
        Ok(())
    }
    fn wait(&self, _: &str, _: &[String], _: &Path) -> Result<(), String> {
        Err("no query is asked here".into())
    }
}

struct Bench {
    _folder: tempfile::TempDir,
    state: State,
    fake: Fake,
    tasks: Tasks,
}

fn bench(refuses: bool) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).unwrap();
    let fake = Fake { refuses, ..Fake::default() };
    Bench { _folder: folder, tasks: Tasks::new(state.clone(), Box::new(fake.clone())), state, fake }
}

fn order(work: Work) -> Order {
    Order { title: "Title".into(), work, by: "root".into(), action: None }
}

/// An order for the action `do` of the plugin `wiki`, run as whoever runs the test.
fn action_order(parameters: &[(&str, &str)]) -> Order {
    let uid = rustix::process::geteuid().as_raw();
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let user = passwd.lines().find(|l| l.split(':').nth(2) == Some(&uid.to_string())).unwrap();
    let text = format!(
        r#"{{"version":1,"name":"wiki","title":"Wiki","package-version":"1","actions":[{{"name":"do","title":"Do",
        "run":"do","role":"viewer","user":"{}","parameters":[{{"name":"pw","type":"password"}},{{"name":"archive","type":"file"}}]}}]}}"#,
        user.split(':').next().unwrap()
    );
    let action = Manifest::parse("wiki", &text).unwrap().actions.remove(0);
    let parameters = parameters.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let work = Work::Action { plugin: "wiki".into(), action: "do".into(), parameters };
    Order { action: Some(action), ..order(work) }
}

fn end(bench: &Bench, id: &TaskId, status: Status) {
    let result = Kind::Result { status, message: "said".into(), details: vec![] };
    log::append(&bench.tasks.folder(id), result).unwrap();
    lock(&bench.fake.units).remove(id.as_str());
}

#[test]
fn a_task_runs_until_it_has_a_result() {
    let bench = bench(false);
    let task = bench.tasks.start(order(Work::Refresh {})).unwrap();
    assert!(task.status.is_none() && task.cancellable);
    assert_eq!(bench.tasks.events(&task.id).unwrap().unwrap().1, 0);
    end(&bench, &task.id, Status::Ok);
    let task = bench.tasks.get(&task.id).unwrap().unwrap();
    assert_eq!((task.status, task.message.as_str(), task.cancellable), (Some(Status::Ok), "said", false));
    assert!(bench.tasks.cancel(&task.id).unwrap_err().message.contains("ended already"));
    let missing = TaskId::try_from("20000101-000000-00000000".to_string()).unwrap();
    assert!(bench.tasks.get(&missing).unwrap().is_none() && bench.tasks.events(&missing).unwrap().is_none());
}

#[test]
fn a_record_that_cannot_be_read_is_no_reason_to_remove_a_task() {
    let bench = bench(false);
    let task = bench.tasks.start(order(Work::Refresh {})).unwrap();
    end(&bench, &task.id, Status::Ok);
    let (later, unfinished) =
        (bench.tasks.folder(&task.id), bench.state.tasks().join("20000101-000000-00000000"));
    fs::write(later.join(record::FILE), "{\"of\":\"a later version\"}").unwrap();
    fs::create_dir(&unfinished).unwrap();
    bench.tasks.start(order(Work::Refresh {})).unwrap();
    assert!(later.exists() && !unfinished.exists());
}

#[test]
fn one_task_of_the_package_manager_at_a_time() {
    let bench = bench(false);
    let first = bench.tasks.start(order(Work::Refresh {})).unwrap();
    let refusal = bench
        .tasks
        .start(order(Work::Upgrade { packages: vec![], restart: false }))
        .map(|t| t.id)
        .unwrap_err();
    assert!(refusal.reason == Reason::Busy && refusal.message.contains(first.id.as_str()));
    end(&bench, &first.id, Status::Failed);
    bench.tasks.start(order(Work::Upgrade { packages: vec![], restart: false })).unwrap();
    assert_eq!(bench.tasks.list().unwrap().iter().filter(|t| t.status.is_none()).count(), 1);
}

#[test]
fn an_upgrade_is_stopped_or_goes_on_and_one_of_the_two_wins() {
    let bench = bench(false);
    let begin = || bench.tasks.start(order(Work::Upgrade { packages: vec![], restart: false })).unwrap();
    let cancellable = |id| bench.tasks.get(id).unwrap().unwrap().cancellable;
    let lives = |id: &TaskId| lock(&bench.fake.units).contains(id.as_str());
    // it still fetches
    let first = begin();
    assert!(first.cancellable);
    bench.tasks.cancel(&first.id).unwrap();
    assert!(!Record::decide(&bench.tasks.folder(&first.id)).unwrap() && !lives(&first.id));
    end(&bench, &first.id, Status::Cancelled);
    // it has begun to install
    let second = begin();
    assert!(Record::decide(&bench.tasks.folder(&second.id)).unwrap());
    assert!(bench.tasks.cancel(&second.id).unwrap_err().message.contains("half installed"));
    assert!(lives(&second.id) && !cancellable(&second.id));
    end(&bench, &second.id, Status::Ok);
    // of an earlier version, which does not ask before it installs
    let third = begin();
    let folder = bench.tasks.folder(&third.id);
    Record { stoppable: false, ..Record::load(&folder).unwrap().unwrap() }.save(&folder).unwrap();
    assert!(bench.tasks.cancel(&third.id).is_err() && lives(&third.id) && !cancellable(&third.id));
}

#[test]
fn of_many_who_start_at_once_one_wins() {
    let bench = bench(false);
    let started: usize = std::thread::scope(|scope| {
        let start = || usize::from(bench.tasks.start(order(Work::Restart {})).is_ok());
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert_eq!(started, 1);
}

#[test]
fn a_task_whose_unit_is_gone_was_interrupted() {
    let bench = bench(false);
    let task = bench.tasks.start(order(Work::Refresh {})).unwrap();
    lock(&bench.fake.units).clear();
    let seen = bench.tasks.get(&task.id).unwrap().unwrap();
    assert!(seen.status == Some(Status::Failed) && seen.message.contains("interrupted"), "{}", seen.message);
    // who follows the file learns it too, and it is said once
    bench.tasks.list().unwrap();
    let text = fs::read_to_string(bench.tasks.folder(&task.id).join(log::FILE)).unwrap();
    assert_eq!(text.matches("interrupted").count(), 1);
    // another boot: whatever unit has the name now is not the task's
    let task = bench.tasks.start(order(Work::Refresh {})).unwrap();
    let folder = bench.tasks.folder(&task.id);
    let record = Record { boot: "other".into(), ..Record::load(&folder).unwrap().unwrap() };
    record.save(&folder).unwrap();
    assert!(bench.tasks.get(&task.id).unwrap().unwrap().message.contains("machine was restarted"));
}

#[test]
fn a_unit_that_cannot_start_is_a_failed_task() {
    let bench = bench(true);
    let task = bench.tasks.start(order(Work::Refresh {})).unwrap();
    assert!(task.status == Some(Status::Failed) && task.message.contains("no memory"));
}

#[test]
fn passwords_and_uploads_go_to_the_task_only() {
    let bench = bench(false);
    let (id, fd) = upload::create(&bench.state).unwrap();
    let mut page = File::from(fd);
    page.write_all(b"archive").unwrap();
    let task = bench.tasks.start(action_order(&[("pw", "hunter22"), ("archive", &id)])).unwrap();
    let folder = bench.tasks.folder(&task.id);
    assert!(!fs::read_to_string(folder.join(record::FILE)).unwrap().contains("hunter22"));
    assert!(!serde_json::to_string(&task).unwrap().contains("hunter22"));
    let values: BTreeMap<String, String> =
        serde_json::from_slice(&fs::read(folder.join(record::SECRETS)).unwrap()).unwrap();
    assert_eq!(
        (values["pw"].as_str(), values["archive"].as_str()),
        ("hunter22", "/run/appliance-task/uploads/archive")
    );
    // the page still has its descriptor: what the action gets cannot be written to through it
    let record = Record::load(&folder).unwrap().unwrap();
    let mut log = log::Log::open(&folder).unwrap();
    upload::take_over(&folder, &record, &AtomicBool::new(false), &mut log).unwrap();
    page.rewind().unwrap();
    page.write_all(b"altered").unwrap();
    page.set_len(3).unwrap();
    let given = folder.join("uploads/archive");
    assert_eq!(fs::read(&given).unwrap(), b"archive");
    assert_eq!(given.metadata().unwrap().permissions().mode() & 0o777, 0o400);
    assert_eq!(fs::read_dir(folder.join("came")).unwrap().count(), 0);
    // the same upload serves no second task, and an order that fails leaves nothing
    end(&bench, &task.id, Status::Ok);
    let before = bench.tasks.list().unwrap().len();
    assert_eq!(
        bench.tasks.start(action_order(&[("pw", "x"), ("archive", &id)])).unwrap_err().reason,
        Reason::NotFound
    );
    assert_eq!(bench.tasks.list().unwrap().len(), before);
}

#[test]
fn old_tasks_go_and_so_do_replaced_artifacts() {
    let bench = bench(false);
    let record = Record::new(&action_order(&[])).unwrap();
    for number in 0..KEEP + 5 {
        let id = TaskId::try_from(format!("2026{:04}-000000-00000000", number)).unwrap();
        let folder = bench.tasks.folder(&id);
        fs::create_dir_all(folder.join("artifacts")).unwrap();
        fs::write(folder.join("artifacts/a"), "1").unwrap();
        fs::write(folder.join(log::FILE), "").unwrap();
        Record { id: id.clone(), ..record.clone() }.save(&folder).unwrap();
        end(&bench, &id, Status::Ok);
    }
    fs::create_dir(bench.state.tasks().join("20260101-000000-ffffffff")).unwrap();
    let running = bench.tasks.start(order(Work::Refresh {})).unwrap();
    let list = bench.tasks.list().unwrap();
    assert_eq!((list.len(), &list[0].id), (KEEP, &running.id));
    assert_eq!(list.iter().filter(|t| !t.artifacts.is_empty()).count(), KEEP_ARTIFACTS);
    assert_eq!(state::names(&bench.state.tasks()).unwrap().len(), KEEP);
    let newest = &list[1];
    assert!(bench.tasks.artifact(&newest.id, "a").unwrap().is_some());
    for name in ["../task.json", "..", "b", ""] {
        assert!(bench.tasks.artifact(&newest.id, name).unwrap().is_none(), "{name}");
    }
}

#[test]
fn an_id_never_leaves_the_folder() {
    for id in ["../../etc", "20260101-000000-0000000g", "", "20260101-000000-00000000/.."] {
        let line = serde_json::json!({ "ask": "task", "id": id }).to_string();
        assert!(serde_json::from_str::<Ask>(&line).is_err());
    }
}

#[test]
fn a_program_that_spoils_its_folder_gives_nothing_away_and_stops_nobody() {
    let bench = bench(false);
    let task = bench.tasks.start(action_order(&[])).unwrap();
    let folder = bench.tasks.folder(&task.id);
    fs::remove_dir_all(folder.join("artifacts")).unwrap();
    std::os::unix::fs::symlink("/etc", folder.join("artifacts")).unwrap();
    fs::remove_file(folder.join(log::FILE)).unwrap();
    let kind = rustix::fs::FileType::Fifo;
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, folder.join(log::FILE), kind, mode, 0).unwrap();
    assert!(bench.tasks.artifact(&task.id, "passwd").unwrap().is_none());
    assert!(bench.tasks.events(&task.id).unwrap().is_none());
    let running = bench.tasks.get(&task.id).unwrap().unwrap();
    assert!(running.status.is_none() && running.artifacts.is_empty());
    lock(&bench.fake.units).clear();
    assert_eq!(bench.tasks.get(&task.id).unwrap().unwrap().status, Some(Status::Failed));
    assert!(bench.tasks.events(&task.id).unwrap().is_some());
    bench.tasks.start(order(Work::Refresh {})).unwrap();
}
