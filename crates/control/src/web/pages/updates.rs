//! Updates: what there is and what it would do, all of it or what was chosen; look again, download, install, repair.

use crate::{
    text,
    web::{
        app::App,
        gate::{Fields, Visitor},
        pages::{self, Moment, tasks::Row},
        reply::{self, Failure, Frame},
    },
};
use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    response::Response,
};
use broker_protocol::{Answer, Ask, KeptBack, Packages, Plan, Update, WhyKept, Work};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use text::harmless;

/// Updates in one page; the security updates come first.
const ROWS: usize = 60;

#[derive(Template)]
#[template(path = "updates.html")]
struct Page {
    frame: Frame,
    refreshed: Option<Moment>,
    failed_sources: Vec<Source>,
    unfinished: Vec<String>,
    reboot: Vec<String>,
    restartable: Vec<String>,
    not_alone: Vec<String>,
    kept_files: usize,
    /// Security first, then the rest; a group without updates is left out.
    groups: Vec<Group>,
    security: usize,
    total: usize,
    before: Option<usize>,
    after: Option<usize>,
    kept_back: Vec<Kept>,
    effects: Effects,
    running: Vec<Row>,
}

#[derive(Template)]
#[template(path = "plan.html")]
struct PlanPage {
    frame: Frame,
    groups: Vec<Group>,
    total: usize,
    /// What was ticked; updates that they need come with them.
    chosen: Vec<String>,
    effects: Effects,
    running: Vec<Row>,
}

struct Group {
    title: &'static str,
    updates: Vec<Update>,
}

/// What an upgrade does beside the new versions.
struct Effects {
    download: String,
    /// `12 MB more`, `3 MB less`
    disk: String,
    shortage: String,
    /// The rest in short.
    summary: String,
    removals: Vec<String>,
    conffiles: Vec<(String, String, bool)>,
    restarts: Vec<String>,
    affected: Vec<String>,
}

struct Kept {
    name: String,
    to: String,
    why: &'static str,
}

struct Source {
    name: String,
    message: String,
    fetched: Option<Moment>,
}

/// For programs.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Updates")]
pub struct Data<'a> {
    #[serde(flatten)]
    plan: &'a Plan,
    refreshed: Option<u64>,
    failed_sources: &'a [broker_protocol::FailedSource],
    unfinished: &'a [String],
    reboot_required: bool,
    reboot_reasons: &'a [String],
    outdated: &'a [broker_protocol::Outdated],
    kept_files: &'a [String],
}

#[derive(Debug, Deserialize)]
pub struct Part {
    #[serde(default)]
    page: usize,
}

/// `GET /updates`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Query(part): Query<Part>,
) -> Result<Response, Failure> {
    let (packages, tasks) = tokio::join!(pages::packages(&app, &visitor), pages::tasks(&app, &visitor));
    let (packages, tasks) = (packages?, pages::part(tasks)?.unwrap_or_default());
    let mut plan = plan(&app, &visitor, vec![]).await?;
    sort(&mut plan.updates);
    let data = Data {
        plan: &plan,
        refreshed: packages.refreshed,
        failed_sources: &packages.failed_sources,
        unfinished: &packages.unfinished,
        reboot_required: packages.reboot_required,
        reboot_reasons: &packages.reboot_reasons,
        outdated: &packages.outdated,
        kept_files: &packages.kept_files,
    };
    let last = plan.updates.len().saturating_sub(1) / ROWS;
    let number = part.page.min(last);
    let units = |alone: bool| {
        let some = packages.outdated.iter().filter(|o| o.restartable == alone);
        some.map(|o| harmless(&o.unit)).collect::<Vec<_>>()
    };
    let page = Page {
        frame: Frame::new(&visitor, "Updates", "updates"),
        refreshed: packages.refreshed.map(Moment::new),
        failed_sources: sources(&packages),
        unfinished: packages.unfinished.clone(),
        reboot: packages.reboot_reasons.iter().map(|r| harmless(r)).collect(),
        restartable: units(true),
        not_alone: units(false),
        kept_files: packages.kept_files.len(),
        groups: groups(plan.updates.iter().skip(number * ROWS).take(ROWS)),
        security: plan.updates.iter().filter(|u| u.security).count(),
        total: plan.updates.len(),
        before: number.checked_sub(1),
        after: (number < last).then_some(number + 1),
        kept_back: plan.kept_back.iter().map(kept).collect(),
        effects: effects(&plan),
        running: tasks.iter().filter(|t| t.status.is_none()).map(Row::new).collect(),
    };
    reply::page(&visitor, &data, &page)
}

/// `GET /updates/plan?p=NAME&p=NAME`: the same for what was chosen.
pub async fn chosen(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Query(fields): Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let mut names: Vec<String> =
        fields.into_iter().filter(|(name, _)| name == "p").map(|(_, value)| value).collect();
    names.sort();
    names.dedup();
    let asked = plan(&app, &visitor, names.clone());
    let (plan, tasks) = tokio::join!(asked, pages::tasks(&app, &visitor));
    let (mut plan, tasks) = (plan?, pages::part(tasks)?.unwrap_or_default());
    sort(&mut plan.updates);
    let page = PlanPage {
        frame: Frame::new(&visitor, "Install updates?", "updates"),
        groups: groups(plan.updates.iter()),
        total: plan.updates.len(),
        chosen: names,
        effects: effects(&plan),
        running: tasks.iter().filter(|t| t.status.is_none()).map(Row::new).collect(),
    };
    reply::page(&visitor, &plan, &page)
}

async fn plan(app: &App, visitor: &Visitor, packages: Vec<String>) -> Result<Plan, Failure> {
    match app.ask(&visitor.caller, Ask::Plan { packages }).await?.0 {
        Answer::Plan(plan) => Ok(plan),
        _ => Err(Failure::strange()),
    }
}

fn sort(updates: &mut [Update]) {
    updates.sort_by(|a, b| b.security.cmp(&a.security).then_with(|| a.name.cmp(&b.name)));
}

/// For a person; a program gets apt's words.
fn groups<'a>(updates: impl Iterator<Item = &'a Update>) -> Vec<Group> {
    let shown = updates.map(|u| Update { origin: text::origin(&u.origin), ..u.clone() });
    let (security, normal): (Vec<Update>, Vec<Update>) = shown.partition(|u| u.security);
    let all = [("Security updates", security), ("Other updates", normal)];
    all.into_iter().filter(|(_, u)| !u.is_empty()).map(|(title, updates)| Group { title, updates }).collect()
}

fn effects(plan: &Plan) -> Effects {
    let bytes = text::size(plan.disk.unsigned_abs());
    let count = |count: usize, one: &str, more: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {more}")),
    };
    let summary = [
        count(plan.restarts.len(), "service restarts", "services restart"),
        count(plan.affected.len(), "service goes on with old files", "services go on with old files"),
        count(plan.conffiles.len(), "configuration file is kept", "configuration files are kept"),
    ];
    Effects {
        summary: summary.into_iter().flatten().collect::<Vec<_>>().join(", "),
        download: text::size(plan.download),
        disk: match plan.disk {
            0 => String::new(),
            grows if grows > 0 => format!("{bytes} more on the disk"),
            _ => format!("{bytes} less on the disk"),
        },
        shortage: plan.shortage.clone().unwrap_or_default(),
        removals: plan.removals.clone(),
        conffiles: plan.conffiles.iter().map(|c| (harmless(&c.path), c.package.clone(), c.removed)).collect(),
        restarts: plan.restarts.iter().map(|u| harmless(u)).collect(),
        affected: plan.affected.iter().map(|u| harmless(u)).collect(),
    }
}

/// Why a package is left out, for a person.
pub fn why(why: WhyKept) -> &'static str {
    match why {
        WhyKept::Held => {
            "on hold: somebody has decided on this machine that it stays (apt-mark unhold lets it go)"
        }
        WhyKept::Phased => "handed out step by step: this machine's turn comes in the next days",
        WhyKept::Blocked => "it would need other packages to be removed, or some that cannot be installed",
    }
}

fn kept(package: &KeptBack) -> Kept {
    Kept { name: package.name.clone(), to: package.to.clone(), why: why(package.why) }
}

fn sources(packages: &Packages) -> Vec<Source> {
    let shown = packages.failed_sources.iter().map(|s| Source {
        name: harmless(&s.source),
        message: harmless(&s.message),
        fetched: s.fetched.map(Moment::new),
    });
    shown.collect()
}

/// `POST /updates/refresh`
pub async fn refresh(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Failure> {
    pages::start(&app, &visitor, Work::Refresh {}).await
}

/// `POST /updates/install`: all, or those that have a field `p.NAME`; with `restart` the machine restarts then.
pub async fn install(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    fields: Option<Extension<Fields>>,
) -> Result<Response, Failure> {
    let fields = fields.map(|Extension(fields)| fields).unwrap_or_default();
    let restart = fields.0.contains_key("restart");
    pages::start(&app, &visitor, Work::Upgrade { packages: names(&fields), restart }).await
}

/// `POST /updates/download`
pub async fn download(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    fields: Option<Extension<Fields>>,
) -> Result<Response, Failure> {
    let fields = fields.map(|Extension(fields)| fields).unwrap_or_default();
    pages::start(&app, &visitor, Work::Download { packages: names(&fields) }).await
}

fn names(fields: &Fields) -> Vec<String> {
    fields.0.keys().filter_map(|name| name.strip_prefix("p.").map(str::to_owned)).collect()
}

/// `POST /updates/repair`
pub async fn repair(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Failure> {
    pages::start(&app, &visitor, Work::Repair {}).await
}

/// `POST /updates/services`
pub async fn services(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Failure> {
    pages::start(&app, &visitor, Work::RestartServices {}).await
}
