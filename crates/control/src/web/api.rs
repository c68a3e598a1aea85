//! What a route is, beside its handler: enough for the description of the API and to find the same thing on the command line.
//!
//! The table in [`crate::web::routes`] is the only place where this is said. docs/openapi.json is made from it, and tests hold every
//! route to its right, its description and its subcommand.

use crate::web::{app::App, gate::Access};
use axum::{
    handler::Handler,
    routing::{self, MethodRouter},
};
use broker_protocol::Task;
use schemars::JsonSchema;

/// One line of the table.
pub struct Route {
    pub verb: &'static str,
    pub path: &'static str,
    pub access: Access,
    pub handler: MethodRouter<App>,
    /// In a few words; empty for what is for people alone.
    pub summary: &'static str,
    pub gives: Gives,
    /// What may stand behind `?`.
    pub query: Vec<Field>,
    /// What the form holds, beside `csrf`.
    pub form: Vec<Field>,
    /// The subcommands that do the same.
    pub commands: &'static [&'static str],
    /// Further answers that are no errors like all others.
    #[cfg(test)]
    also: Vec<(u16, schema::Maker)>,
}

/// What comes back to who asks for `application/json`.
#[derive(Clone, Copy)]
pub enum Gives {
    /// A page all the same.
    Page,
    Json(schema::Maker),
    /// Server-sent events; the data of each has this shape.
    Events(schema::Maker),
    Text,
    File,
}

/// A field of a form or of a query. One whose name ends with `*` stands for all that begin so.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub name: &'static str,
    pub kind: FieldKind,
    pub needed: bool,
    pub what: &'static str,
}

#[derive(Debug, Clone, Copy)]
pub enum FieldKind {
    Text,
    Number,
    OneOf(&'static [&'static str]),
    /// Text, or a file in a form of `multipart/form-data`.
    File,
}

pub const fn text(name: &'static str, what: &'static str) -> Field {
    Field { name, kind: FieldKind::Text, needed: false, what }
}

pub const fn number(name: &'static str, what: &'static str) -> Field {
    Field { name, kind: FieldKind::Number, needed: false, what }
}

pub const fn one_of(name: &'static str, values: &'static [&'static str], what: &'static str) -> Field {
    Field { name, kind: FieldKind::OneOf(values), needed: false, what }
}

pub const fn file(name: &'static str, what: &'static str) -> Field {
    Field { name, kind: FieldKind::File, needed: false, what }
}

impl Field {
    pub const fn needed(self) -> Field {
        Field { needed: true, ..self }
    }
}

pub fn get<T: 'static>(path: &'static str, access: Access, handler: impl Handler<T, App>) -> Route {
    route("GET", path, access, routing::get(handler))
}

pub fn post<T: 'static>(path: &'static str, access: Access, handler: impl Handler<T, App>) -> Route {
    route("POST", path, access, routing::post(handler))
}

fn route(verb: &'static str, path: &'static str, access: Access, handler: MethodRouter<App>) -> Route {
    Route {
        verb,
        path,
        access,
        handler,
        summary: "",
        gives: Gives::Page,
        query: vec![],
        form: vec![],
        commands: &[],
        #[cfg(test)]
        also: vec![],
    }
}

impl Route {
    /// Gives a `T` as JSON.
    pub fn json<T: JsonSchema>(self, summary: &'static str) -> Route {
        Route { summary, gives: Gives::Json(schema::maker::<T>()), ..self }
    }
    /// Starts a task.
    pub fn task(self, summary: &'static str) -> Route {
        self.json::<Task>(summary)
    }
    pub fn events<T: JsonSchema>(self, summary: &'static str) -> Route {
        Route { summary, gives: Gives::Events(schema::maker::<T>()), ..self }
    }
    pub fn text(self, summary: &'static str) -> Route {
        Route { summary, gives: Gives::Text, ..self }
    }
    pub fn file(self, summary: &'static str) -> Route {
        Route { summary, gives: Gives::File, ..self }
    }
    pub fn query(self, query: &[Field]) -> Route {
        Route { query: query.to_vec(), ..self }
    }
    pub fn form(self, form: &[Field]) -> Route {
        Route { form: form.to_vec(), ..self }
    }
    /// Gives a `T` with that status, too.
    #[cfg_attr(not(test), allow(unused_mut, reason = "only the description knows of it"))]
    pub fn also<T: JsonSchema>(mut self, _status: u16) -> Route {
        #[cfg(test)]
        self.also.push((_status, schema::maker::<T>()));
        self
    }
    /// The subcommands that do this, as `task list`.
    pub fn commands(self, commands: &'static [&'static str]) -> Route {
        Route { commands, ..self }
    }
}

/// What describes a type. The program that is shipped describes nothing, so there it is nothing.
#[cfg(not(test))]
mod schema {
    #[derive(Clone, Copy)]
    pub struct Maker;
    #[allow(clippy::extra_unused_type_parameters, reason = "the other one uses it")]
    pub fn maker<T>() -> Maker {
        Maker
    }
}
#[cfg(test)]
mod schema {
    pub type Maker = fn(&mut schemars::SchemaGenerator) -> schemars::Schema;
    pub fn maker<T: schemars::JsonSchema>() -> Maker {
        |generator| generator.subschema_for::<T>()
    }
}

#[cfg(test)]
mod document;
#[cfg(test)]
mod parity;
