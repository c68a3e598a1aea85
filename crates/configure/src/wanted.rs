//! The desired state: what a definition and its answers say this machine shall be.

use crate::{
    Error, Installed, Result,
    apache::{self, What},
    database,
    knowledge::{Knowledge, dummies},
    validate,
};
use appliance::{
    model::{File, Step, Unit, User},
    template,
};
use std::{
    fs,
    path::{Component, Path, PathBuf},
};

/// One thing that shall be so, in the order of work.
#[derive(Clone)]
pub enum Wanted {
    User(User),
    Folder {
        path: PathBuf,
        owner: String,
        group: Option<String>,
        mode: u32,
        data: bool,
        /// Named by the definition; a parent made on the way is left as it is once it is there.
        named: bool,
    },
    File {
        path: PathBuf,
        content: Content,
        owner: String,
        group: Option<String>,
        mode: u32,
        once: bool,
    },
    Database(database::Wanted),
    Step(Step),
    Apache(What),
    Unit(Unit),
}

/// What a file shall hold.
#[derive(Clone)]
pub enum Content {
    Open(Vec<u8>),
    /// Has secrets: is never shown. None when the secrets were not read.
    Secret(Option<Vec<u8>>),
}

/// All that is wanted. With `secrets` the knowledge holds the real ones; without, files that need them have no content.
pub fn wanted(installed: &Installed, knowledge: &Knowledge, secrets: bool) -> Result<Vec<Wanted>> {
    let definition = &installed.definition;
    let mut all: Vec<Wanted> = definition.users.iter().cloned().map(Wanted::User).collect();
    let mut folders: Vec<Wanted> = vec![];
    for directory in &definition.directories {
        folders.push(Wanted::Folder {
            path: directory.path.clone().into(),
            owner: directory.owner.clone(),
            group: directory.group.clone(),
            mode: mode(installed, &directory.mode)?,
            data: directory.data,
            named: true,
        });
    }
    let paths =
        definition.directories.iter().map(|d| &d.path).chain(definition.files.iter().map(|f| &f.path));
    for parent in paths.flat_map(|p| parents(Path::new(p))) {
        if !folders.iter().any(|f| f.path() == Some(&parent)) {
            folders.push(Wanted::Folder {
                path: parent,
                owner: "root".into(),
                group: None,
                mode: 0o755,
                data: false,
                named: false,
            });
        }
    }
    // a folder before what lies in it
    folders.sort_by_key(|f| f.path().map(|p| p.components().count()));
    all.extend(folders);
    for file in &definition.files {
        all.push(Wanted::File {
            path: file.path.clone().into(),
            content: content(installed, knowledge, file, secrets)?,
            owner: file.owner.clone(),
            group: file.group.clone(),
            mode: mode(installed, &file.mode)?,
            once: file.once,
        });
    }
    all.extend(definition.databases.iter().map(|database| {
        let password = if secrets { knowledge.secrets.get(&database.secret()).cloned() } else { None };
        let mark = format!("appliance {}", installed.appliance.name);
        Wanted::Database(database::Wanted { database: database.clone(), mark, password })
    }));
    let (late, early): (Vec<_>, Vec<_>) = definition.steps.iter().cloned().partition(|s| s.after_units);
    all.extend(early.into_iter().map(Wanted::Step));
    all.extend(definition.apache.iter().flat_map(apache::wanted).map(Wanted::Apache));
    all.extend(definition.units.iter().cloned().map(Wanted::Unit));
    all.extend(late.into_iter().map(Wanted::Step));
    Ok(all)
}

impl Wanted {
    /// The path of a folder or file.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Wanted::Folder { path, .. } | Wanted::File { path, .. } => Some(path),
            _ => None,
        }
    }

    /// As [`crate::record::Thing::key`].
    pub fn key(&self) -> String {
        match self {
            Wanted::User(user) => format!("user {}", user.name),
            Wanted::Folder { path, .. } => format!("folder {}", path.display()),
            Wanted::File { path, .. } => format!("file {}", path.display()),
            Wanted::Database(database) => database.key(),
            Wanted::Step(step) => format!("step {}", step.name),
            Wanted::Apache(what) => what.to_string(),
            Wanted::Unit(unit) => format!("unit {}", unit.name),
        }
    }
}

fn parents(path: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = path.ancestors().skip(1).map(Path::to_path_buf).collect();
    all.retain(|p| matches!(p.components().next_back(), Some(Component::Normal(_))));
    all
}

fn content(installed: &Installed, knowledge: &Knowledge, file: &File, secrets: bool) -> Result<Content> {
    if let Some(source) = &file.source {
        let path = installed.folder.join(source);
        return fs::read(&path).map(Content::Open).map_err(Error::io("read", path));
    }
    let name = file.template.as_deref().unwrap_or_default();
    let mode = mode(installed, &file.mode)?;
    let render = |secrets| {
        let mut context = knowledge.context(installed);
        context.secrets = secrets;
        let folder = installed.folder.clone();
        let read = move |name: &str| {
            validate::is_inside(name).then(|| fs::read_to_string(folder.join(name)).ok())?
        };
        template::render(name, read, &context)
            .map_err(|e| Error::Definition { path: installed.folder.join(name), message: e.to_string() })
    };
    if mode & 0o007 != 0 {
        return render(Default::default()).map(|text| Content::Open(text.into_bytes()));
    }
    let (one, other) = (render(dummies(installed, "one"))?, render(dummies(installed, "other"))?);
    match (one == other, secrets) {
        (true, _) => Ok(Content::Open(one.into_bytes())),
        (false, false) => Ok(Content::Secret(None)),
        (false, true) => {
            render(knowledge.secrets.clone()).map(|text| Content::Secret(Some(text.into_bytes())))
        }
    }
}

fn mode(installed: &Installed, text: &str) -> Result<u32> {
    appliance::names::mode(text)
        .map_err(|e| Error::Definition { path: installed.folder.join("definition.json"), message: e.message })
}
