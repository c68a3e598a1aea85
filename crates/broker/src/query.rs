//! Live data: a query's program is run in its sandbox while somebody waits, and what it says is kept for a moment.
//!
//! There is no task and no record. Input and output are files in memory ([`State::memory`]), because the system manager
//! that starts the program gives it files: the output's size is bounded by the kernel (RLIMIT_FSIZE), its time by the unit.

use crate::{
    handle::refusal,
    peer,
    state::{self, State},
    tasks::starter::Starter,
};
use broker_protocol::{Reason, Refusal};
use plugin::{
    manifest::{Manifest, PROGRAMS, Query},
    query::{self, ANSWER_LIMIT, Data, Wanted},
    sandbox::{self, ANSWERS, Needs},
};
use rustix::fs::OFlags;
use std::{
    collections::BTreeMap,
    fs, io,
    io::{Read, Write},
    path::Path,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Queries that run at one time: of everybody, and of one plugin, so that one which hangs leaves room for the others.
const MOST: usize = 8;
const MOST_OF_ONE: usize = 5;
/// Bytes of answers that are kept, about.
const KEPT: usize = 8 << 20;
/// Bytes of an answer's place, whatever it says.
const SMALLEST: usize = 4 << 10;
/// Characters of what a person looks for.
const SEARCH: usize = 200;

/// Plugin, query, and what is wanted of it.
type Key = (String, String, Wanted);

#[derive(Default)]
pub struct Queries {
    /// By plugin.
    running: Mutex<BTreeMap<String, usize>>,
    kept: Mutex<BTreeMap<Key, (Instant, Answer)>>,
}

/// A failure is kept as well: the program that failed slowly is not run for everybody who looks.
type Answer = Result<Data, String>;

impl Queries {
    /// What the query says. `keep` is false while an action of the plugin changes things.
    pub fn ask(
        &self,
        (state, starter): (&State, &dyn Starter),
        (manifest, query): (&Manifest, &Query),
        wanted: &Wanted,
        keep: bool,
    ) -> Result<Data, Refusal> {
        let search = wanted.search.chars().filter(|c| !c.is_control()).take(SEARCH);
        let search = if query.search { search.collect() } else { String::new() };
        let wanted = Wanted { page: wanted.page.max(1), search };
        let key = (manifest.name.clone(), query.name.clone(), wanted.clone());
        let fresh = Duration::from_secs(query.kept().into());
        let known =
            self.lock().get(&key).filter(|(at, _)| keep && at.elapsed() < fresh).map(|(_, d)| d.clone());
        let failed = |why: String| refusal(Reason::Failed, format!("“{}”: {why}", query.title));
        if let Some(answer) = known {
            return answer.map_err(failed);
        }
        let place = Place::take(&self.running, &manifest.name)?;
        let answer = run(state, starter, manifest, query, &wanted);
        drop(place);
        if keep && !fresh.is_zero() {
            self.keep(key, answer.clone());
        }
        answer.map_err(failed)
    }

    fn keep(&self, key: Key, answer: Answer) {
        let weight = |answer: &Answer| SMALLEST + answer.as_ref().map_or_else(String::len, Data::weight);
        let mut kept = self.lock();
        kept.retain(|_, (at, _)| at.elapsed() < Duration::from_secs(3600));
        let heavy = kept.values().map(|(_, answer)| weight(answer)).sum::<usize>() + weight(&answer);
        if heavy > KEPT {
            kept.clear();
        }
        if weight(&answer) <= KEPT {
            kept.insert(key, (Instant::now(), answer));
        }
    }

    /// Something of this plugin changes.
    pub fn forget(&self, plugin: &str) {
        self.lock().retain(|(name, ..), _| name != plugin);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Key, (Instant, Answer)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One place among the queries that run.
struct Place<'a>(&'a Mutex<BTreeMap<String, usize>>, &'a str);

impl<'a> Place<'a> {
    fn take(running: &'a Mutex<BTreeMap<String, usize>>, plugin: &'a str) -> Result<Place<'a>, Refusal> {
        let mut now = running.lock().unwrap_or_else(PoisonError::into_inner);
        let busy = |what: String| Err(refusal(Reason::Busy, format!("{what}. Try again in a moment.")));
        if now.values().sum::<usize>() >= MOST {
            return busy(format!("{MOST} queries run already"));
        }
        let own = now.entry(plugin.to_owned()).or_default();
        if *own >= MOST_OF_ONE {
            return busy(format!("{MOST_OF_ONE} queries of `{plugin}` run already"));
        }
        *own += 1;
        Ok(Place(running, plugin))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = now.get_mut(self.1) {
            *own -= 1;
        }
        now.retain(|_, count| *count > 0);
    }
}

fn run(
    state: &State,
    starter: &dyn Starter,
    manifest: &Manifest,
    query: &Query,
    wanted: &Wanted,
) -> Result<Data, String> {
    let broken = |e: io::Error| format!("the machine cannot keep the answer: {e}.");
    let id = state::random(8).map_err(broken)?;
    let folder = state.queries().join(&id);
    state::make_folder(&folder).map_err(broken)?;
    let answer = in_folder(&folder, &id, starter, manifest, query, wanted);
    let _ = fs::remove_dir_all(&folder);
    answer
}

fn in_folder(
    folder: &Path,
    id: &str,
    starter: &dyn Starter,
    manifest: &Manifest,
    query: &Query,
    wanted: &Wanted,
) -> Result<Data, String> {
    let broken = |e: io::Error| format!("the machine cannot keep the answer: {e}.");
    let user = peer::user(&query.user).map_err(broken)?;
    let user =
        user.ok_or_else(|| format!("it runs as user `{}`, who is not on this machine.", query.user))?;
    let program = Path::new(PROGRAMS).join(&manifest.name).join(&query.run);
    let mut input = state::new_file(&folder.join("in"), OFlags::WRONLY).map_err(broken)?;
    input.write_all(query::input(wanted).as_bytes()).map_err(broken)?;
    for name in ["out", "err"] {
        state::new_file(&folder.join(name), OFlags::WRONLY).map_err(broken)?;
    }
    let ran = starter.wait(
        &format!("appliance-query-{id}.service"),
        &properties(folder, manifest, query, &user),
        &program,
    );
    let read = |name: &str| -> io::Result<Vec<u8>> {
        let mut bytes = vec![];
        fs::File::open(folder.join(name))?.take(ANSWER_LIMIT as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let output = read("out").map_err(broken)?;
    if output.len() >= ANSWER_LIMIT {
        return Err(format!("it says more than {} MiB.", ANSWER_LIMIT >> 20));
    }
    match (query::read(&output, wanted), ran) {
        (Ok(data), Ok(())) => Ok(data),
        (Ok(_), Err(_)) => Err("it has an answer, but its program failed.".into()),
        (Err(why), Ok(())) => Err(why),
        (Err(why), Err(end)) => {
            let said = read("err").unwrap_or_default();
            let last = String::from_utf8_lossy(&said).lines().last().unwrap_or_default().to_owned();
            let unsaid = output.is_empty();
            let why = if unsaid {
                format!("its program did not end well, or not within {} s.", query.time())
            } else {
                why
            };
            Err([why, last]
                .into_iter()
                .chain(unsaid.then_some(end))
                .filter(|t| !t.is_empty())
                .collect::<Vec<_>>()
                .join(" "))
        }
    }
}

fn properties(folder: &Path, manifest: &Manifest, query: &Query, user: &peer::User) -> Vec<String> {
    let folder = folder.display();
    let mut list: Vec<String> = vec![
        format!("Description=Query {} of {}", query.name, manifest.name),
        "Type=oneshot".into(),
        format!("TimeoutStartSec={}s", query.time()),
        "TimeoutStopSec=2s".into(),
        "KillMode=control-group".into(),
        format!("LimitFSIZE={ANSWER_LIMIT}"),
        format!("User={}", user.name),
        format!("Group={}", user.gid),
        "SupplementaryGroups=".into(),
        "WorkingDirectory=/".into(),
        "UMask=0077".into(),
        format!("StandardInput=file:{folder}/in"),
        format!("StandardOutput=file:{folder}/out"),
        format!("StandardError=file:{folder}/err"),
        format!("TemporaryFileSystem={}:mode=0700", crate::STATE),
        "InaccessiblePaths=-/run/appliance-broker".into(),
    ];
    for (name, value) in [
        ("LC_ALL", "C.UTF-8"),
        ("HOME", &user.home),
        ("USER", &user.name),
        ("LOGNAME", &user.name),
        ("APPLIANCE", &manifest.name),
        ("QUERY", &query.name),
    ] {
        list.push(format!("Environment={name}={value}"));
    }
    for name in &query.secrets {
        list.push(format!("LoadCredential={name}:{ANSWERS}/{}/secrets/{name}", manifest.name));
    }
    list.extend(sandbox::properties(&Needs::from(query)));
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use broker_protocol::TaskId;
    use plugin::query::Text;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Answers in the program's place.
    struct Says(String, AtomicUsize);
    impl Starter for Says {
        fn start(&self, _: &TaskId, _: &[String]) -> Result<(), String> {
            Ok(())
        }
        fn lives(&self, _: &TaskId) -> bool {
            false
        }
        fn stop(&self, _: &TaskId) -> Result<(), String> {
            Ok(())
        }
        fn wait(&self, _: &str, properties: &[String], _: &Path) -> Result<(), String> {
            self.1.fetch_add(1, Ordering::SeqCst);
            let out = properties.iter().find_map(|p| p.strip_prefix("StandardOutput=file:")).unwrap();
            fs::write(out, &self.0).unwrap();
            Ok(())
        }
    }

    #[test]
    fn an_answer_is_given_again_for_a_moment_and_nothing_stays_behind() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let query = Query { name: "q".into(), user: "root".into(), cache: Some(3600), ..Query::default() };
        let manifest = Manifest { name: "wiki".into(), queries: vec![query.clone()], ..Manifest::default() };
        let says = Says(
            "{\"event\":\"result\",\"status\":\"ok\",\"message\":\"yes\"}\n".into(),
            AtomicUsize::new(0),
        );
        let queries = Queries::default();
        let ask = |keep| queries.ask((&state, &says), (&manifest, &query), &Wanted::default(), keep).unwrap();
        assert_eq!(ask(true).message, "yes");
        assert_eq!((ask(true).message.as_str(), says.1.load(Ordering::SeqCst)), ("yes", 1));
        ask(false);
        queries.forget("wiki");
        ask(true);
        assert_eq!(says.1.load(Ordering::SeqCst), 3);
        assert_eq!(fs::read_dir(state.queries()).unwrap().count(), 0);
        let bad = Says("x".repeat(ANSWER_LIMIT), AtomicUsize::new(0));
        queries.forget("wiki");
        let said = queries.ask((&state, &bad), (&manifest, &query), &Wanted::default(), true).unwrap_err();
        assert!(said.message.contains("1 MiB"), "{}", said.message);
        // a failure is kept as well
        let said = queries.ask((&state, &bad), (&manifest, &query), &Wanted::default(), true).unwrap_err();
        assert!(said.message.contains("1 MiB") && bad.1.load(Ordering::SeqCst) == 1, "{}", said.message);
        assert!(queries.running.lock().unwrap().is_empty());
    }

    #[test]
    fn what_is_kept_is_bounded_by_its_size() {
        let queries = Queries::default();
        let key = |n: u32| ("wiki".to_owned(), n.to_string(), Wanted::default());
        let text = |bytes| Text { title: None, text: "x".repeat(bytes) };
        let data = |bytes| Ok(Data { texts: vec![text(bytes)], ..Data::default() });
        (0..20).for_each(|n| queries.keep(key(n), data(1 << 20)));
        assert!((1..8).contains(&queries.lock().len()));
        queries.keep(key(99), data(KEPT));
        assert!(queries.lock().is_empty());
        (0..100).for_each(|n| queries.keep(key(n), data(10)));
        assert_eq!(queries.lock().len(), 100);
    }

    #[test]
    fn a_plugin_that_hangs_leaves_room_for_others() {
        let running = Mutex::default();
        let taken: Vec<_> = (0..MOST_OF_ONE).map(|_| Place::take(&running, "a").unwrap()).collect();
        assert!(Place::take(&running, "a").is_err_and(|r| r.message.contains("`a`")));
        let others: Vec<_> = ["b", "b", "c"].map(|p| Place::take(&running, p).unwrap()).into();
        assert!(Place::take(&running, "e").is_err());
        drop((taken, others));
        assert!(running.lock().unwrap().is_empty());
    }
}
