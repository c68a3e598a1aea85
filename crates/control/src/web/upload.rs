//! Forms with files: read while they come in, each file straight into the descriptor that the broker opened for it.
//! Memory does not grow with the file, and the disk does not fill up. The broker keeps an upload for as long as its
//! descriptor is held: until the task has started, and no longer when the browser goes away.

use crate::web::{
    app::App,
    gate::{Fields, Visitor},
    pages::plugins::PREFIX,
    reply::Failure,
};
use axum::{
    body::Bytes,
    extract::{FromRequest, Multipart, Request, multipart::Field},
};
use broker_protocol::{Answer, Ask};
use plugin::{
    copy,
    manifest::{Parameter, ParameterType},
};
use std::{fs::File, time::Duration};
use tokio::{io::AsyncWriteExt, time::timeout};

/// A browser that sends nothing for so long has gone.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of all fields that are no files together.
const TEXT_LIMIT: usize = 64 << 10;
/// Bytes between two looks at how much room the disk has.
const LOOK_EVERY: usize = 8 << 20;

/// A form that was read: the value of a file parameter is the upload's id.
pub struct Form {
    pub fields: Fields,
    /// To be held until the task has started.
    pub held: Vec<File>,
}

/// Reads the form. The proof (`csrf`) has to come first: before it, nothing is written anywhere.
pub async fn read(
    app: &App,
    visitor: &Visitor,
    parameters: &[Parameter],
    request: Request,
) -> Result<Form, Failure> {
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| broken())?;
    let (mut fields, mut held) = (Fields::default(), vec![]);
    let mut left = TEXT_LIMIT;
    let mut proved = false;
    while let Some(mut field) = patient(form.next_field()).await? {
        let name = field.name().unwrap_or_default().to_owned();
        let parameter = name.strip_prefix(PREFIX).and_then(|name| parameters.iter().find(|p| p.name == name));
        let is_file = parameter.is_some_and(|p| p.kind == ParameterType::File);
        if !proved {
            let token = if name == "csrf" { text(&mut field, &mut left).await? } else { String::new() };
            if !visitor.proves(&token) {
                return Err(Failure::NotFromHere);
            }
            proved = true;
        } else if is_file {
            if let Some((id, file)) = store(app, visitor, &mut field).await? {
                fields.0.insert(name, id);
                held.push(file);
            }
        } else {
            let value = text(&mut field, &mut left).await?;
            fields.0.insert(name, value);
        }
    }
    if proved { Ok(Form { fields, held }) } else { Err(Failure::NotFromHere) }
}

async fn text(field: &mut Field<'_>, left: &mut usize) -> Result<String, Failure> {
    let mut value = vec![];
    while let Some(chunk) = patient(field.chunk()).await? {
        *left = left.checked_sub(chunk.len()).ok_or(Failure::TooLarge)?;
        value.extend_from_slice(&chunk);
    }
    String::from_utf8(value).map_err(|_| broken())
}

/// None when no file was chosen.
async fn store(
    app: &App,
    visitor: &Visitor,
    field: &mut Field<'_>,
) -> Result<Option<(String, File)>, Failure> {
    let mut next: Option<Bytes> = patient(field.chunk()).await?.filter(|c| !c.is_empty());
    if next.is_none() {
        return Ok(None);
    }
    let (Answer::Upload { id }, Some(descriptor)) = app.ask(&visitor.caller, Ask::CreateUpload {}).await?
    else {
        return Err(Failure::strange());
    };
    let held = File::from(descriptor);
    let full = |e: std::io::Error| {
        Failure::Failed(format!("The upload could not be stored: {e}. Nothing was started."))
    };
    let mut file = tokio::fs::File::from_std(held.try_clone().map_err(full)?);
    let mut unseen = LOOK_EVERY;
    while let Some(chunk) = next {
        unseen += chunk.len();
        if unseen >= LOOK_EVERY {
            copy::room(&held).map_err(full)?;
            unseen = 0;
        }
        file.write_all(&chunk).await.map_err(full)?;
        next = patient(field.chunk()).await?;
    }
    file.flush().await.map_err(full)?;
    Ok(Some((id, held)))
}

async fn patient<T, E>(next: impl Future<Output = Result<T, E>>) -> Result<T, Failure> {
    timeout(PATIENCE, next).await.map_err(|_| broken())?.map_err(|_| broken())
}

fn broken() -> Failure {
    Failure::Invalid("The upload broke off, or is no form. Nothing was started.".into())
}
