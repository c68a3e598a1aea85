//! A certificate that the owner brings, in the place of the one that the machine makes.
//!
//! `own.pem` beside the machine's `identity.pem`, in the same shape. It is checked before it is taken: key, dates,
//! names. The one of before stays as `previous.pem` until the new one has served a browser, and is what is shown if the new one
//! cannot be read after all; the machine's own is always there behind both.

use crate::{
    certificate::{self, Identity},
    folder::Folder,
    network::Network,
    server, validity,
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self,
        client::verify_server_name,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
        server::ParsedCertificate,
        sign::CertifiedKey,
    },
};

/// Certificates in one chain.
const MOST: usize = 10;
/// Bytes of a chain, and of a key.
pub const LONGEST: usize = 32 << 10;
const FILE: &str = "own.pem";
const PREVIOUS: &str = "previous.pem";

/// A certificate with its key that was checked.
pub struct Checked {
    pem: String,
    pub fingerprint: String,
    /// Seconds since 1970.
    pub expires: u64,
    /// The names and addresses of this machine that it is for.
    pub names: Vec<String>,
}

/// Whether it can be this page's, now. The error is for a person.
pub fn check(chain: &str, key: &str, network: &Network, now: u64) -> Result<Checked> {
    ensure!(chain.len() <= LONGEST && key.len() <= LONGEST, "this is too long to be a certificate, or a key");
    let certificates = CertificateDer::pem_slice_iter(chain.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .ok()
        .filter(|list| (1..=MOST).contains(&list.len()))
        .context("there is no certificate in it; it begins with -----BEGIN CERTIFICATE-----")?;
    let Ok(private) = PrivateKeyDer::from_pem_slice(key.as_bytes()) else {
        bail!("there is no private key in it that can be used: it has to be in PEM, without a passphrase");
    };
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(certificates.clone(), private.clone_key(), &provider)
        .context("the key does not belong to the first certificate, or is of a kind that is not supported")?;
    let leaf = &certificates[0];
    let (from, expires) = validity::of(leaf).context("the first certificate cannot be read")?;
    ensure!(from <= now, "the certificate is not valid yet; is the machine’s clock right?");
    ensure!(now < expires, "the certificate has expired");
    let names = names(leaf, network).context("the first certificate cannot be read")?;
    if names.is_empty() {
        bail!(
            "the certificate is for none of this machine’s names ({}). An administrator adds the name it is for, one a line, to {}",
            network.hosts().join(", "),
            crate::network::FURTHER_NAMES
        );
    }
    let pem = format!("Expires: {expires}\n{}\n{}\n", only("CERTIFICATE", chain), key.trim());
    let identity = certificate::parse(pem.as_bytes()).context("the parts do not make a whole")?;
    Ok(Checked { fingerprint: identity.fingerprint(), pem, expires, names })
}

/// The blocks of this kind, and nothing that stands between them.
fn only(kind: &str, pem: &str) -> String {
    let (begin, end) = (format!("-----BEGIN {kind}-----"), format!("-----END {kind}-----"));
    let mut inside = false;
    let lines = pem.lines().filter(|line| {
        inside |= line.trim() == begin;
        let keep = inside;
        inside &= line.trim() != end;
        keep
    });
    lines.map(str::trim).collect::<Vec<_>>().join("\n")
}

fn names(certificate: &CertificateDer<'_>, network: &Network) -> Result<Vec<String>> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    let addresses = network.addresses.iter().map(ToString::to_string);
    let all = network.names.iter().cloned().chain(addresses);
    let fits = |name: &String| {
        ServerName::try_from(name.as_str()).is_ok_and(|name| verify_server_name(&parsed, &name).is_ok())
    };
    Ok(all.filter(fits).collect())
}

/// Takes it into use with the next connection.
pub fn install(folder: &Path, checked: &Checked) -> Result<()> {
    let folder = Folder::open(folder)?;
    let _turn = folder.turn_soon()?;
    let present = folder.read(FILE).ok().flatten();
    if let Some(bytes) = present.filter(|bytes| certificate::parse(bytes).is_ok()) {
        folder.write(PREVIOUS, &bytes).context("cannot keep the certificate of before")?;
    }
    folder.write(FILE, checked.pem.as_bytes())
}

/// Back to the one that the machine made. False when that is in use as it is.
pub fn remove(folder: &Path) -> Result<bool> {
    let folder = Folder::open(folder)?;
    let _turn = folder.turn_soon()?;
    Ok(folder.remove(PREVIOUS)? | folder.remove(FILE)?)
}

/// What is in use, and whether the owner brought it.
pub fn in_use(folder: &Path) -> Result<(Identity, bool)> {
    let folder = Folder::open(folder)?;
    for name in [FILE, PREVIOUS] {
        match brought(&folder, name) {
            Ok(Some(identity)) => return Ok((identity, true)),
            Ok(None) => {}
            Err(error) => eprintln!("<4>{} is not used: {error:#}", folder.path().join(name).display()),
        }
    }
    Ok((Identity::made(&folder)?, false))
}

fn brought(folder: &Folder, name: &str) -> Result<Option<Identity>> {
    folder.read(name)?.map(|bytes| certificate::parse(&bytes)).transpose()
}

/// A certificate that is shown while the one of before is still there.
pub(crate) struct Trial {
    folder: PathBuf,
    fingerprint: String,
}

impl Trial {
    /// A browser has taken it. Where it is the new one, the one of before is not needed any more.
    pub(crate) fn served(&self) {
        let ended = || -> Result<()> {
            let folder = Folder::open(&self.folder)?;
            let _turn = folder.turn_now()?;
            if brought(&folder, FILE)?.is_some_and(|own| own.fingerprint() == self.fingerprint) {
                folder.remove(PREVIOUS)?;
            }
            Ok(())
        };
        // the next connection tries it again
        let _ = ended();
    }
}

/// The certificate in use of a folder, looked at before each connection.
pub struct Own {
    folder: PathBuf,
    acceptor: TlsAcceptor,
    /// Of what the acceptor shows.
    fingerprint: String,
    /// The folder's last change that was seen.
    changed: Option<SystemTime>,
}

impl Own {
    /// The folder has the machine's own certificate already.
    pub fn open(folder: &Path) -> Result<Own> {
        let changed = changed(folder);
        let (fingerprint, acceptor) = acceptor(folder)?;
        Ok(Own { folder: folder.into(), acceptor, fingerprint, changed })
    }

    /// For the next connection; with the trial that it is, if it is one.
    pub(crate) fn now(&mut self) -> (TlsAcceptor, Option<Trial>) {
        let changed = changed(&self.folder);
        if changed != self.changed {
            self.changed = changed;
            match acceptor(&self.folder) {
                Ok((fingerprint, acceptor)) => (self.fingerprint, self.acceptor) = (fingerprint, acceptor),
                Err(error) => eprintln!("<4>the certificate of before stays in use: {error:#}"),
            }
        }
        let tried = Folder::open(&self.folder).is_ok_and(|folder| folder.has(PREVIOUS));
        let trial = || Trial { folder: self.folder.clone(), fingerprint: self.fingerprint.clone() };
        (self.acceptor.clone(), tried.then(trial))
    }
}

fn acceptor(folder: &Path) -> Result<(String, TlsAcceptor)> {
    let (identity, _) = in_use(folder)?;
    Ok((identity.fingerprint(), server::tls(identity)?))
}

fn changed(folder: &Path) -> Option<SystemTime> {
    fs::metadata(folder).and_then(|m| m.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};
    use std::time::Duration;

    const NOW: u64 = 1_795_419_745;
    const DAY: u64 = 86_400;

    fn network() -> Network {
        Network {
            names: vec!["wiki".into(), "wiki.example.org".into()],
            addresses: vec!["10.0.0.7".parse().unwrap()],
        }
    }

    /// Certificate and key for these names, valid between these times.
    fn made(names: &[&str], from: u64, until: u64) -> (String, String) {
        let mut params =
            CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        let date = |seconds| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
        (params.not_before, params.not_after) = (date(from), date(until));
        let key = KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn key_dates_and_names_have_to_fit() {
        let (good, key) = made(&["wiki.example.org", "10.0.0.7"], NOW - DAY, NOW + 90 * DAY);
        let checked = check(&good, &key, &network(), NOW).unwrap();
        assert_eq!((checked.expires, checked.names.len()), (NOW + 90 * DAY, 2));
        let text = format!("# a file of mine\n{good}\n# its issuer\n{good}");
        assert!(!check(&text, &key, &network(), NOW).unwrap().pem.contains("mine"));
        let (_, other) = made(&["wiki"], NOW, NOW + DAY);
        let wrong = |chain: &str, key: &str, now: u64| match check(chain, key, &network(), now) {
            Ok(_) => panic!("it was taken"),
            Err(error) => format!("{error:#}"),
        };
        assert!(wrong(&good, &other, NOW).contains("does not belong"));
        assert!(wrong(&good, &key, NOW + 91 * DAY).contains("has expired"));
        assert!(wrong(&good, &key, NOW - 2 * DAY).contains("not valid yet"));
        assert!(wrong(&key, &key, NOW).contains("no certificate"));
        assert!(wrong(&good, &good, NOW).contains("no private key"));
        assert!(wrong("", "", NOW).contains("no certificate"));
        let (stranger, key) = made(&["evil.example"], NOW - DAY, NOW + DAY);
        assert!(wrong(&stranger, &key, NOW).contains("wiki.example.org"), "the machine's names are told");
        let wild = made(&["*.example.org"], NOW - DAY, NOW + DAY);
        assert_eq!(check(&wild.0, &wild.1, &network(), NOW).unwrap().names, ["wiki.example.org"]);
    }

    #[test]
    fn the_one_of_before_stays_until_the_new_one_has_served() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        certificate::ensure(folder, &network(), NOW).unwrap();
        let shown = || in_use(folder).unwrap().0.fingerprint();
        let machines = shown();
        let mut own = Own::open(folder).unwrap();
        assert!(own.now().1.is_none());
        let new = || {
            let (chain, key) = made(&["wiki"], NOW - DAY, NOW + DAY);
            check(&chain, &key, &network(), NOW).unwrap()
        };
        let (first, second) = (new(), new());
        install(folder, &first).unwrap();
        assert_eq!((shown(), in_use(folder).unwrap().1), (first.fingerprint.clone(), true));
        install(folder, &second).unwrap();
        assert_eq!(shown(), second.fingerprint);
        let trial = own.now().1.unwrap();
        // cut off in the middle of a write that was none of ours
        fs::write(folder.join(FILE), "Expires: 1\n-----BEGIN").unwrap();
        assert_eq!(shown(), first.fingerprint);
        // neither a connection with the one of before ends it, nor one with what is not there any more
        trial.served();
        Own::open(folder).unwrap().now().1.unwrap().served();
        assert_eq!(shown(), first.fingerprint);
        install(folder, &second).unwrap();
        Own::open(folder).unwrap().now().1.unwrap().served();
        let mut own = Own::open(folder).unwrap();
        assert!(own.now().1.is_none() && shown() == second.fingerprint);
        assert!(remove(folder).unwrap() && !remove(folder).unwrap());
        assert_eq!(shown(), machines);
    }

    #[test]
    fn one_changes_it_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let (chain, key) = made(&["wiki"], NOW - DAY, NOW + DAY);
        let new = check(&chain, &key, &network(), NOW).unwrap();
        let turn = Folder::open(folder).unwrap().turn().unwrap();
        assert!(format!("{:#}", install(folder, &new).unwrap_err()).contains("try it again"));
        assert!(remove(folder).is_err());
        drop(turn);
        install(folder, &new).unwrap();
    }
}
