//! Every address that the page answers to, with its verb, who may use it, and what it is for programs. What is not here is refused.

use crate::web::{
    api::{Field, Route, file, get, number, one_of, post, text},
    app::App,
    assets,
    gate::{self, Access},
    pages::{
        account, audit, automatic, certificate, changes, charts, history, journal, machine, overview,
        packages, plugins, power, second_factor, services, settings, sign_in, tasks, updates,
    },
    reply::Failure,
    stream,
};
use Access::{Action, Administrator, Open, Viewer};
use axum::{Router, extract::DefaultBodyLimit, middleware::from_fn_with_state};
use broker_protocol::{
    Audit, Automatic, Changes, Entry, Installed, KeptFile, Load, MachineState, MadeSecret, Plan, Run,
    Scheduled, Service, ServiceState, Settings, Task, Unfit, Who,
};
use events::Event;
use plugin::{Manifest, query::Data};

const PAGE: Field = number("page", "Of the list as people see it; programs get all of it");
const LIST: &[Field] = &[text("q", "Words that have to be there"), PAGE];

const PACKAGES: Field =
    text("p.*", "`yes` for each package, as in `p.openssl`; without any it is all of them");

#[rustfmt::skip]
pub fn table() -> Vec<Route> {
    vec![
        get("/static/{name}", Open, assets::serve),
        get("/sign-in", Open, sign_in::show),
        post("/sign-in", Open, sign_in::enter).json::<Who>("Signs in with an account; the cookie is the session")
            .form(&[text("name", "The account's").needed(), text("password", "The account's").needed()])
            .also::<sign_in::CodeNeeded>(202),
        post("/sign-in/code", Open, sign_in::give_code).json::<Who>("Goes on with a code, where the account has a second factor")
            .form(&[text("token", "As it was given").needed(), text("code", "Of the app, or a recovery code").needed()]),
        get("/link/{token}", Open, sign_in::link),
        post("/link/{token}", Open, sign_in::redeem).json::<Who>("Signs in, once; the cookie is the session"),
        post("/sign-out", Viewer, sign_in::sign_out).json::<()>("Ends the session"),
        get("/account", Viewer, account::show).json::<account::Data>("Whose session it is, the sessions, and for administrators the accounts")
            .commands(&["account list", "session list"]),
        post("/account/sessions", Viewer, account::end).json::<()>("Ends sessions").commands(&["session end"])
            .form(&[one_of("which", &["own-others", "others", "one"], "The account's others, all others, or the one of that id").needed(),
                text("id", "A session's id")]),
        post("/account/viewers", Administrator, account::viewer).task("Lets an account look, or no more")
            .form(&[text("account", "Its name").needed(), one_of("may", &["yes", "no"], "Whether it may").needed()])
            .commands(&["account allow", "account forbid"]),
        post("/account/codes", Viewer, second_factor::begin).json::<second_factor::NewSecret>("A new secret for one's second factor"),
        post("/account/codes/confirm", Viewer, second_factor::confirm).form(&[text("code", "The first one").needed()])
            .json::<second_factor::Recovery>("Turns the second factor on; the recovery codes, this once"),
        post("/account/codes/end", Viewer, second_factor::end).json::<()>("Turns the second factor off")
            .form(&[text("code", "One of it").needed()]),
        get("/certificate", Viewer, certificate::show).json::<certificate::InUse>("The page's certificate").commands(&["certificate show"]),
        post("/certificate", Administrator, certificate::install).json::<certificate::InUse>("Takes a certificate of one's own into use")
            .form(&[file("chain", "The certificate, then those that lead to its issuer, in PEM").needed(),
                file("key", "Its private key in PEM, without a passphrase").needed()])
            .commands(&["certificate set"]),
        post("/certificate/remove", Administrator, certificate::remove).json::<certificate::InUse>("Goes back to the machine's own")
            .commands(&["certificate reset"]),
        get("/", Viewer, overview::show).json::<overview::Data>("The machine and its appliances at a glance")
            .commands(&["status"]),
        get("/updates", Viewer, updates::show).json::<updates::Data>("Updates, and what installing all of them would do")
            .query(&[PAGE]).commands(&["updates"]),
        post("/updates/refresh", Administrator, updates::refresh).task("Reads the list of packages again").commands(&["update"]),
        post("/updates/install", Administrator, updates::install).task("Installs updates")
            .form(&[PACKAGES, text("restart", "Given, the machine restarts when they are installed")]).commands(&["upgrade"]),
        post("/updates/download", Administrator, updates::download).task("Downloads updates and looks into them")
            .form(&[PACKAGES]).commands(&["download"]),
        post("/updates/repair", Administrator, updates::repair).task("Finishes an installation that was interrupted or has failed")
            .commands(&["repair"]),
        post("/updates/services", Administrator, updates::services).task("Restarts the services that run on replaced files")
            .commands(&["restart-services"]),
        get("/updates/plan", Viewer, updates::chosen).json::<Plan>("What installing some updates would do")
            .query(&[text("p", "A package; as often as there are packages")]).commands(&["updates"]),
        get("/updates/changes/{package}", Administrator, changes::show).json::<Changes>("What an update says of itself")
            .commands(&["changes"]),
        get("/updates/files", Administrator, changes::files).json::<Vec<KeptFile>>("New versions of configuration files that wait")
            .commands(&["config-files"]),
        post("/updates/files", Administrator, changes::decide).task("Decides about one of them").commands(&["config-files"])
            .form(&[text("path", "As it was given").needed(), text("seen", "As it was given").needed(),
                one_of("decision", &["adopt", "keep"], "Use the new one, or keep the present one").needed()]),
        get("/updates/history", Viewer, history::list).json::<Vec<Run>>("Every run of the package manager, newest first")
            .query(LIST).commands(&["history"]),
        get("/updates/history/{id}", Viewer, history::show).json::<history::Data>("One run with its output").commands(&["history"]),
        get("/updates/automatic", Viewer, automatic::show).json::<Automatic>("How updates are installed automatically")
            .commands(&["automatic"]),
        post("/updates/automatic", Administrator, automatic::save).task("Sets that").commands(&["automatic"])
            .form(&[one_of("install", &["security", "all", "nothing"], "Which updates").needed(), text("at", "`HH:MM`").needed(),
                text("restarts", "Given, the machine may restart"), text("restart", "`HH:MM`, when it may")]),
        get("/packages", Viewer, packages::show).json::<Vec<Installed>>("The installed packages").query(LIST).commands(&["packages"]),
        get("/services", Viewer, services::list).json::<Vec<Service>>("The services, those of appliances first")
            .query(LIST).commands(&["service list"]),
        get("/services/{unit}", Viewer, services::show).json::<ServiceState>("One service").commands(&["service show"]),
        post("/services/{unit}/{verb}", Administrator, services::start).task("Starts, stops, restarts, enables or disables it")
            .commands(&["service start", "service stop", "service restart", "service enable", "service disable"]),
        get("/log", Administrator, journal::show).json::<Vec<Entry>>("Lines of the machine's log, newest first")
            .query(journal::QUERY).commands(&["log"]),
        get("/audit", Administrator, audit::show).json::<Audit>("Who did what, when, from where, and what came of it")
            .query(audit::QUERY).commands(&["audit"]),
        get("/machine", Viewer, machine::show).json::<MachineState>("The machine with its settings").commands(&["machine show"]),
        get("/machine/charts", Viewer, charts::show).json::<Load>("How busy the machine was").commands(&["load"])
            .query(&[one_of("span", &["hour", "day", "week", "month", "year"], "How far back")]),
        post("/machine/name", Administrator, machine::name).task("Gives the machine a name").commands(&["machine set-name"])
            .form(&[text("name", "Alone, or with its domain").needed()]),
        post("/machine/zone", Administrator, machine::zone).task("Sets the time zone").commands(&["machine set-time-zone"])
            .form(&[text("zone", "As `Europe/Berlin`").needed()]),
        post("/machine/clock", Administrator, machine::clock).task("Has the clock set by the network, or not")
            .commands(&["machine set-clock"]).form(&[one_of("synchronise", &["yes", "no"], "By the network").needed()]),
        post("/machine/clean", Administrator, machine::clean).task("Removes what is not needed").commands(&["machine clean"])
            .form(&[one_of("what", &["packages", "journal", "crashes"], "Of what").needed()]),
        post("/machine/network", Administrator, machine::network).commands(&["machine set-address"])
            .task("Gives an interface other addresses, which have to be confirmed over them")
            .form(&[text("interface", "As `eth0`").needed(), one_of("method", &["dhcp", "fixed"], "Where they come from").needed(),
                text("address", "As `192.0.2.7/24`"), text("gateway", "As `192.0.2.1`"), text("servers", "Name servers, between spaces")]),
        get("/network/{id}", Open, machine::arrive),
        post("/network/{id}", Open, machine::confirm).json::<()>("Keeps the addresses that the task has set")
            .commands(&["machine confirm-address"]),
        get("/tasks", Viewer, tasks::list).json::<Vec<Task>>("The tasks, newest first").query(tasks::QUERY).commands(&["task list"]),
        get("/tasks/{id}", Viewer, tasks::show).json::<Task>("One task").commands(&["task show"]),
        get("/tasks/{id}/events", Viewer, stream::events).events::<Event>("What a task says, live, until its end")
            .query(&[number("from", "The byte to begin at")]).commands(&["task log"]),
        get("/tasks/{id}/log", Viewer, tasks::log).text("All that a task has said").commands(&["task log"]),
        post("/tasks/{id}/cancel", Administrator, tasks::cancel).json::<()>("Asks a task to stop").commands(&["task cancel"]),
        post("/tasks/{id}/secrets", Administrator, tasks::secrets).json::<Vec<MadeSecret>>("The secrets that a task has made, once")
            .commands(&["task secrets"]),
        get("/tasks/{id}/artifacts/{name}", Administrator, tasks::artifact).file("A file that a task made").commands(&["backup"]),
        get("/plugins", Viewer, plugins::list).json::<Vec<plugins::Listed>>("The plugins").commands(&["plugin list"]),
        get("/plugins/{plugin}", Viewer, plugins::show).json::<Manifest>("What a plugin can do").commands(&["plugin list"]),
        get("/plugins/{plugin}/{action}", Action, plugins::form),
        get("/plugins/{plugin}/data/{query}", Action, plugins::data::show).json::<Data>("What a query of a plugin says now")
            .query(&[number("page", "Of a long table, from 1"), text("q", "What is looked for")]).commands(&["plugin query"]),
        post("/agree/{plugin}", Administrator, plugins::agree).json::<()>("Agrees to what an upgraded plugin asks for")
            .form(&[text("asked", "What was shown, as JSON").needed()]).commands(&["plugin agree"]),
        post("/plugins/{plugin}/{action}", Action, plugins::start).task("Starts an action of a plugin")
            .form(&[file("p.*", "A parameter, as in `p.name`"), text("confirm", "`yes`, where the action asks for it")])
            .commands(&["action", "backup", "restore", "plugin run"]),
        get("/settings/{appliance}", Administrator, settings::show).json::<Settings>("An appliance's questions with their answers")
            .commands(&["settings"]),
        post("/settings/{appliance}", Administrator, settings::save).json::<settings::Saved>("Gives new answers")
            .also::<Unfit>(409).also::<Unfit>(422).commands(&["settings"])
            .form(&[text("revision", "Of the settings that were read").needed(), text("q.*", "An answer, as in `q.wiki-name`"),
                text("none.*", "Given, an optional secret is taken away")]),
        get("/power", Administrator, power::show),
        post("/power/schedule", Administrator, power::schedule).json::<Scheduled>("Has the machine go down later")
            .commands(&["restart", "shutdown"]).form(&[one_of("what", &["restart", "shutdown"], "Which").needed(),
                text("when", "`03:30` or `2026-11-24 03:30`, the machine's own time, or from now: `10min`, `2h`").needed()]),
        post("/power/schedule/cancel", Administrator, power::cancel).json::<()>("Takes that back").commands(&["restart", "shutdown"]),
        get("/power/{what}", Administrator, power::confirm),
        post("/power/{what}", Administrator, power::start).task("Restarts or shuts the machine down").commands(&["restart", "shutdown"]),
        get("/boot-id", Viewer, power::boot_id).text("Another one after each start of the machine"),
    ]
}

pub fn router(app: &App) -> Router {
    let mut router = Router::new();
    for route in table() {
        let guard = from_fn_with_state((app.clone(), route.access), gate::inner);
        router = router.route(route.path, route.handler.layer(guard));
    }
    router
        .method_not_allowed_fallback(async || Failure::Method)
        .fallback(async || Failure::missing())
        // the gate limits forms itself, and files have no limit but the disk
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(app.clone(), gate::outer))
        .with_state(app.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole surface, so that what grows shows in a diff.
    #[test]
    fn the_surface() {
        let lines: Vec<String> =
            table().iter().map(|r| format!("{:5}{:32}{:?}", r.verb, r.path, r.access)).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        GET  /static/{name}                  Open
        GET  /sign-in                        Open
        POST /sign-in                        Open
        POST /sign-in/code                   Open
        GET  /link/{token}                   Open
        POST /link/{token}                   Open
        POST /sign-out                       Viewer
        GET  /account                        Viewer
        POST /account/sessions               Viewer
        POST /account/viewers                Administrator
        POST /account/codes                  Viewer
        POST /account/codes/confirm          Viewer
        POST /account/codes/end              Viewer
        GET  /certificate                    Viewer
        POST /certificate                    Administrator
        POST /certificate/remove             Administrator
        GET  /                               Viewer
        GET  /updates                        Viewer
        POST /updates/refresh                Administrator
        POST /updates/install                Administrator
        POST /updates/download               Administrator
        POST /updates/repair                 Administrator
        POST /updates/services               Administrator
        GET  /updates/plan                   Viewer
        GET  /updates/changes/{package}      Administrator
        GET  /updates/files                  Administrator
        POST /updates/files                  Administrator
        GET  /updates/history                Viewer
        GET  /updates/history/{id}           Viewer
        GET  /updates/automatic              Viewer
        POST /updates/automatic              Administrator
        GET  /packages                       Viewer
        GET  /services                       Viewer
        GET  /services/{unit}                Viewer
        POST /services/{unit}/{verb}         Administrator
        GET  /log                            Administrator
        GET  /audit                          Administrator
        GET  /machine                        Viewer
        GET  /machine/charts                 Viewer
        POST /machine/name                   Administrator
        POST /machine/zone                   Administrator
        POST /machine/clock                  Administrator
        POST /machine/clean                  Administrator
        POST /machine/network                Administrator
        GET  /network/{id}                   Open
        POST /network/{id}                   Open
        GET  /tasks                          Viewer
        GET  /tasks/{id}                     Viewer
        GET  /tasks/{id}/events              Viewer
        GET  /tasks/{id}/log                 Viewer
        POST /tasks/{id}/cancel              Administrator
        POST /tasks/{id}/secrets             Administrator
        GET  /tasks/{id}/artifacts/{name}    Administrator
        GET  /plugins                        Viewer
        GET  /plugins/{plugin}               Viewer
        GET  /plugins/{plugin}/{action}      Action
        GET  /plugins/{plugin}/data/{query}  Action
        POST /agree/{plugin}                 Administrator
        POST /plugins/{plugin}/{action}      Action
        GET  /settings/{appliance}           Administrator
        POST /settings/{appliance}           Administrator
        GET  /power                          Administrator
        POST /power/schedule                 Administrator
        POST /power/schedule/cancel          Administrator
        GET  /power/{what}                   Administrator
        POST /power/{what}                   Administrator
        GET  /boot-id                        Viewer
        ");
    }
}
