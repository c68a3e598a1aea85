//! `appliance-configure list`

use crate::{Machine, installed};
use anyhow::Result;
use serde::Serialize;
use std::process::ExitCode;

#[derive(Serialize)]
struct Line {
    name: String,
    version: String,
    summary: String,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub fn run(machine: &Machine, json: bool) -> Result<ExitCode> {
    let mut lines = vec![];
    for (name, installed) in installed::list(machine)? {
        lines.push(match installed {
            Ok(i) => {
                let url = i.url(machine);
                Line { name, version: i.appliance.version, summary: i.appliance.summary, url, error: None }
            }
            Err(e) => {
                let (version, summary, url) = Default::default();
                Line { name, version, summary, url, error: Some(e.to_string()) }
            }
        });
    }
    if json {
        println!("{}", serde_json::to_string(&lines)?);
    }
    for line in lines.iter().filter(|_| !json) {
        match &line.error {
            None => {
                let parts = [&line.url, &line.summary].into_iter().filter(|part| !part.is_empty());
                let rest: String = parts.map(|part| format!("  {part}")).collect();
                println!("{} {}{rest}", line.name, line.version);
            }
            Some(error) => println!("{}  {error}", line.name),
        }
    }
    Ok(if lines.iter().all(|l| l.error.is_none()) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
