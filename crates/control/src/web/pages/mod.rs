//! The handlers, one file per page.

pub mod account;
pub mod audit;
pub mod automatic;
pub mod certificate;
pub mod changes;
pub mod charts;
pub mod history;
pub mod journal;
pub mod machine;
pub mod overview;
pub mod packages;
pub mod plugins;
pub mod power;
pub mod second_factor;
pub mod services;
pub mod settings;
pub mod sign_in;
pub mod tasks;
pub mod updates;

pub use crate::text::percent;

use crate::{
    text,
    web::{
        app::App,
        gate::Visitor,
        reply::{self, Failure},
    },
};
use axum::response::Response;
use broker_protocol::{Answer, Ask, Packages, Task, Work};

/// A moment, for `<time>`: what a machine reads and what a person reads where the script does not run.
#[derive(Debug)]
pub struct Moment {
    pub iso: String,
    pub text: String,
    pub ago: String,
}

impl Moment {
    pub fn new(seconds: u64) -> Moment {
        Moment { iso: text::iso(seconds), text: text::date(seconds), ago: text::ago(seconds, text::now()) }
    }
}

async fn tasks(app: &App, visitor: &Visitor) -> Result<Vec<Task>, Failure> {
    match app.ask(&visitor.caller, Ask::Tasks {}).await?.0 {
        Answer::Tasks(tasks) => Ok(tasks),
        _ => Err(Failure::strange()),
    }
}

async fn packages(app: &App, visitor: &Visitor) -> Result<Packages, Failure> {
    match app.ask(&visitor.caller, Ask::Packages {}).await?.0 {
        Answer::Packages(packages) => Ok(packages),
        _ => Err(Failure::strange()),
    }
}

/// Starts a task and goes to its page.
async fn start(app: &App, visitor: &Visitor, work: Work) -> Result<Response, Failure> {
    let Answer::Task(task) = app.ask(&visitor.caller, Ask::Start { work }).await?.0 else {
        return Err(Failure::strange());
    };
    let page = format!("/tasks/{}", task.id);
    Ok(reply::done(visitor, &task, &page))
}

/// A part of a page that could not be made: the rest of the page is worth showing. Who is not signed in, and a broker
/// that is away, concern the whole page.
fn part<T>(result: Result<T, Failure>) -> Result<Result<T, String>, Failure> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(
            Failure::Failed(why)
            | Failure::Busy(why)
            | Failure::Invalid(why)
            | Failure::NotFound(why)
            | Failure::Forbidden(why),
        ) => Ok(Err(why)),
        Err(whole) => Err(whole),
    }
}
