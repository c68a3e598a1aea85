//! What administrators have agreed to: a file for each plugin, with what it asked for then.
//!
//! Who installs a package is root, and trusts it; so what a plugin asks for at first is agreed to. An upgrade may come by
//! itself, and its owner may not have looked: what it asks for beyond that waits for an administrator, and none of the plugin's programs starts
//! until then. What it does not ask for any more is forgotten, and would have to be agreed to again.

use crate::{
    handle::refusal,
    state::{self, State},
};
use broker_protocol::{Asking, Reason, Refusal};
use plugin::{
    Manifest,
    load::Plugins,
    wants::{Want, more},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

/// What each plugin asks for beyond what was agreed to. Remembers plugins that are new, forgets those that are gone.
pub fn look(
    state: &State,
    manifests: &Path,
    plugins: &Plugins,
) -> io::Result<BTreeMap<String, BTreeSet<Want>>> {
    for name in state::names(&state.consents())? {
        // one that is faulty for now is still there
        if !manifests.join(&name).exists() {
            fs::remove_file(state.consents().join(&name))?;
        }
    }
    let mut asking = BTreeMap::new();
    for manifest in &plugins.good {
        let wanted = manifest.wants();
        let open = match agreed(state, &manifest.name)? {
            None => BTreeSet::new(),
            Some(agreed) if agreed == wanted => continue,
            Some(agreed) => more(&wanted, &agreed),
        };
        if open.is_empty() {
            keep(state, &manifest.name, &wanted)?;
        } else {
            asking.insert(manifest.name.clone(), open);
        }
    }
    Ok(asking)
}

/// The same for the page.
pub fn asking(open: BTreeMap<String, BTreeSet<Want>>) -> Vec<Asking> {
    let asking =
        |(plugin, more): (String, BTreeSet<Want>)| Asking { plugin, more: more.into_iter().collect() };
    open.into_iter().map(asking).collect()
}

/// Refuses to start anything of a plugin that asks for more.
pub fn check(open: &BTreeMap<String, BTreeSet<Want>>, plugin: &str) -> Result<(), Refusal> {
    let Some(more) = open.get(plugin) else { return Ok(()) };
    let words: Vec<String> = more.iter().map(Want::words).collect();
    let message = format!(
        "The plugin `{plugin}` asks for more than before: {}. An administrator has to agree first: on its page, or with \
         `appliance-control plugin agree {plugin}`.",
        words.join("; ")
    );
    Err(refusal(Reason::Invalid, message))
}

/// Agrees to all that the plugin asks for, if that is what was shown.
pub fn agree(
    state: &State,
    open: &BTreeMap<String, BTreeSet<Want>>,
    manifest: &Manifest,
    shown: &[Want],
) -> Result<(), Refusal> {
    let shown: BTreeSet<Want> = shown.iter().cloned().collect();
    match open.get(&manifest.name) {
        None => Ok(()),
        Some(more) if *more == shown => keep(state, &manifest.name, &manifest.wants())
            .map_err(|e| refusal(Reason::Failed, format!("What was agreed to cannot be kept: {e}."))),
        Some(_) => Err(refusal(
            Reason::Busy,
            "The plugin was upgraded again since you looked, and asks for something else. Look again.".into(),
        )),
    }
}

fn path(state: &State, plugin: &str) -> PathBuf {
    state.consents().join(format!("{plugin}.json"))
}

/// None when nothing is known of the plugin.
fn agreed(state: &State, plugin: &str) -> io::Result<Option<BTreeSet<Want>>> {
    match fs::read(path(state, plugin)) {
        // one that cannot be read agrees to nothing
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).unwrap_or_default())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn keep(state: &State, plugin: &str, wants: &BTreeSet<Want>) -> io::Result<()> {
    state::write(&path(state, plugin), &serde_json::to_vec(wants)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plugin::manifest::Action;

    #[test]
    fn more_than_before_waits_for_a_yes_to_exactly_that() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path().join("state")).unwrap();
        let manifests = folder.path().join("plugins");
        fs::create_dir(&manifests).unwrap();
        fs::write(manifests.join("wiki.json"), "{}").unwrap();
        let plugin = |writable: &[&str], network| Manifest {
            name: "wiki".into(),
            actions: vec![Action {
                user: "moin".into(),
                writable: writable.iter().map(ToString::to_string).collect(),
                network,
                ..Action::default()
            }],
            ..Manifest::default()
        };
        let look = |manifest: &Manifest| {
            super::look(&state, &manifests, &Plugins { good: vec![manifest.clone()], faulty: vec![] })
                .unwrap()
        };
        let (first, second) = (plugin(&["/srv/a"], false), plugin(&["/srv/a", "/srv/b"], true));
        assert!(look(&first).is_empty() && look(&first).is_empty());
        let open = look(&second);
        assert!(check(&open, "wiki").unwrap_err().message.contains("write to /srv/b, as moin"));
        assert!(check(&open, "other").is_ok());
        let shown: Vec<Want> = open["wiki"].iter().cloned().collect();
        assert_eq!(agree(&state, &open, &second, &shown[..1]).unwrap_err().reason, Reason::Busy);
        agree(&state, &open, &second, &shown).unwrap();
        assert!(look(&second).is_empty());
        // less is taken at once, and the way back is more again
        assert!(look(&first).is_empty());
        assert!(!look(&second).is_empty());
        // removed and installed anew
        fs::remove_file(manifests.join("wiki.json")).unwrap();
        super::look(&state, &manifests, &Plugins::default()).unwrap();
        fs::write(manifests.join("wiki.json"), "{}").unwrap();
        assert!(look(&second).is_empty());
    }
}
