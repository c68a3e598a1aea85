//! The page's certificate, from the shell.

use crate::{
    cli::session::{Session, Usage},
    text,
    web::{CERTIFICATE, pages::certificate::InUse},
};
use anyhow::{Context, Result, bail};
use broker_protocol::Ask;
use clap::Subcommand;
use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};
use webpage::{network::Network, own};

#[derive(Debug, Subcommand)]
pub enum CertificateCommand {
    /// Show the certificate in use; exit status 1 when it ends within three weeks
    Show,
    /// Check a certificate of your own, and use it
    #[command(
        after_help = "Example:\n  appliance-control certificate set --chain fullchain.pem --key privkey.pem"
    )]
    Set {
        /// The certificate, then those that lead to its issuer (PEM)
        #[arg(long, value_name = "FILE")]
        chain: PathBuf,
        /// Its private key, without a passphrase (PEM)
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// Go back to the certificate that the machine made
    Reset,
}

pub fn certificate(session: &Session, command: CertificateCommand) -> Result<ExitCode> {
    let folder = Path::new(CERTIFICATE);
    match command {
        CertificateCommand::Show => {}
        CertificateCommand::Set { chain, key } => {
            let (chain, key) = (read(&chain)?, read(&key)?);
            let checked = match own::check(&chain, &key, &Network::read(), text::now()) {
                Ok(checked) => checked,
                Err(fault) => bail!(Usage(format!("nothing was changed: {fault:#}"))),
            };
            session.ask(Ask::ChangeCertificate { fingerprint: Some(checked.fingerprint.clone()) })?;
            own::install(folder, &checked)?;
        }
        CertificateCommand::Reset => {
            session.ask(Ask::ChangeCertificate { fingerprint: None })?;
            own::remove(folder)?;
        }
    }
    show(session, &InUse::read(folder).context("the page has not been started yet: make a link first")?)
}

fn read(path: &Path) -> Result<String> {
    let mut text = String::new();
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let most = own::LONGEST as u64 + 1;
    file.take(most).read_to_string(&mut text).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text)
}

fn show(session: &Session, in_use: &InUse) -> Result<ExitCode> {
    let warning = in_use.warning(text::now());
    let code = if warning.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    if session.json {
        session.print_json(in_use)?;
        return Ok(code);
    }
    let out = &mut io::stdout().lock();
    let whose = if in_use.own { "your own" } else { "made by the machine" };
    writeln!(out, "In use: {whose}, good until {}", text::date(in_use.expires))?;
    writeln!(out, "SHA-256 {}", in_use.fingerprint)?;
    if let Some(warning) = warning {
        writeln!(out, "{}", session.paint(33, &warning))?;
    }
    Ok(code)
}
