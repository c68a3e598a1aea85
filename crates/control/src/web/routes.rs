//! Every address that the page answers to, with its verb and who may use it. What is not here is refused.

use crate::web::{
    app::App,
    assets,
    gate::{self, Access},
    pages::{
        automatic, changes, history, journal, overview, packages, plugins, power, services, settings,
        sign_in, tasks, updates,
    },
    reply::Failure,
    stream,
};
use Access::{Action, Administrator, Open, Viewer};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    handler::Handler,
    middleware::from_fn_with_state,
    routing::{self, MethodRouter},
};

/// One line of the table.
pub struct Route {
    pub verb: &'static str,
    pub path: &'static str,
    pub access: Access,
    handler: MethodRouter<App>,
}

#[rustfmt::skip]
pub fn table() -> Vec<Route> {
    vec![
        get("/static/{name}", Open, assets::serve),
        get("/sign-in", Open, sign_in::show),
        get("/link/{token}", Open, sign_in::link),
        post("/link/{token}", Open, sign_in::redeem),
        post("/sign-out", Viewer, sign_in::sign_out),
        get("/", Viewer, overview::show),
        get("/updates", Viewer, updates::show),
        post("/updates/refresh", Administrator, updates::refresh),
        post("/updates/install", Administrator, updates::install),
        post("/updates/download", Administrator, updates::download),
        post("/updates/repair", Administrator, updates::repair),
        post("/updates/services", Administrator, updates::services),
        get("/updates/plan", Viewer, updates::chosen),
        get("/updates/changes/{package}", Administrator, changes::show),
        get("/updates/files", Administrator, changes::files),
        post("/updates/files", Administrator, changes::decide),
        get("/updates/history", Viewer, history::list),
        get("/updates/history/{id}", Viewer, history::show),
        get("/updates/automatic", Viewer, automatic::show),
        post("/updates/automatic", Administrator, automatic::save),
        get("/packages", Viewer, packages::show),
        get("/services", Viewer, services::list),
        get("/services/{unit}", Viewer, services::show),
        post("/services/{unit}/{verb}", Administrator, services::start),
        get("/log", Administrator, journal::show),
        get("/tasks", Viewer, tasks::list),
        get("/tasks/{id}", Viewer, tasks::show),
        get("/tasks/{id}/events", Viewer, stream::events),
        get("/tasks/{id}/log", Viewer, tasks::log),
        post("/tasks/{id}/cancel", Administrator, tasks::cancel),
        get("/tasks/{id}/artifacts/{name}", Administrator, tasks::artifact),
        get("/plugins/{plugin}", Viewer, plugins::show),
        get("/plugins/{plugin}/{action}", Action, plugins::form),
        post("/plugins/{plugin}/{action}", Action, plugins::start),
        get("/settings/{appliance}", Administrator, settings::show),
        post("/settings/{appliance}", Administrator, settings::save),
        get("/power", Administrator, power::show),
        get("/power/{what}", Administrator, power::confirm),
        post("/power/{what}", Administrator, power::start),
        get("/boot-id", Viewer, power::boot_id),
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

fn get<T: 'static>(path: &'static str, access: Access, handler: impl Handler<T, App>) -> Route {
    Route { verb: "GET", path, access, handler: routing::get(handler) }
}

fn post<T: 'static>(path: &'static str, access: Access, handler: impl Handler<T, App>) -> Route {
    Route { verb: "POST", path, access, handler: routing::post(handler) }
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
        GET  /link/{token}                   Open
        POST /link/{token}                   Open
        POST /sign-out                       Viewer
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
        GET  /tasks                          Viewer
        GET  /tasks/{id}                     Viewer
        GET  /tasks/{id}/events              Viewer
        GET  /tasks/{id}/log                 Viewer
        POST /tasks/{id}/cancel              Administrator
        GET  /tasks/{id}/artifacts/{name}    Administrator
        GET  /plugins/{plugin}               Viewer
        GET  /plugins/{plugin}/{action}      Action
        POST /plugins/{plugin}/{action}      Action
        GET  /settings/{appliance}           Administrator
        POST /settings/{appliance}           Administrator
        GET  /power                          Administrator
        GET  /power/{what}                   Administrator
        POST /power/{what}                   Administrator
        GET  /boot-id                        Viewer
        ");
    }
}
