//! The TLS certificate of a page: self-signed, ECDSA P-256, for this machine's names and addresses. One that is kept is
//! made at the first start and made anew a month before it ends.
//!
//! Key and certificate stand in one file, so that one rename(2) replaces both and no reader ever sees a pair that does
//! not match.

use crate::{folder::Folder, network::Network};
use anyhow::{Context, Result, bail};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
};
use sha2::{Digest, Sha256};
use std::{fs, path::Path, time::Duration};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

const FILE: &str = "identity.pem";
const DAY: u64 = 86_400;
/// Browsers refuse server certificates that live longer than 398 days.
const LIFE: u64 = 397 * DAY;
const RENEW_BEFORE: u64 = 30 * DAY;

/// A certificate with its key.
pub struct Identity {
    pub certificate: CertificateDer<'static>,
    /// What leads from it to one that browsers know; the machine's own leads nowhere.
    pub intermediates: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
    /// Seconds since 1970.
    pub expires: u64,
}

impl Identity {
    /// SHA-256 of the certificate, as browsers show it: `AB:CD:…`.
    pub fn fingerprint(&self) -> String {
        let hex: Vec<String> = Sha256::digest(&self.certificate).iter().map(|b| format!("{b:02X}")).collect();
        hex.join(":")
    }

    /// The certificate, then what leads from it to one that browsers know.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        [std::slice::from_ref(&self.certificate), self.intermediates.as_slice()].concat()
    }

    /// What is there, without making anything.
    pub fn read(folder: &Path) -> Result<Identity> {
        Identity::made(&Folder::open(folder)?)
    }

    pub(crate) fn made(folder: &Folder) -> Result<Identity> {
        let path = folder.path().join(FILE);
        let text = folder.read(FILE)?.with_context(|| format!("there is no {}", path.display()))?;
        parse(&text)
            .with_context(|| format!("{} is damaged: remove it, and it is made again", path.display()))
    }
}

/// The identity in `folder`, made first where there is none, or none that is good for another month. Two processes
/// that start together get the same one.
pub fn ensure(folder: &Path, network: &Network, now: u64) -> Result<Identity> {
    let usable = |i: &Identity| now + RENEW_BEFORE < i.expires;
    if let Some(identity) = Identity::read(folder).ok().filter(usable) {
        return Ok(identity);
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let folder = Folder::open(folder)?;
    let _turn = folder.turn()?;
    if let Some(identity) = Identity::made(&folder).ok().filter(usable) {
        return Ok(identity);
    }
    folder.write(FILE, pem(network, now)?.as_bytes())?;
    Identity::made(&folder)
}

/// For one run: kept nowhere.
pub fn make(network: &Network, now: u64) -> Result<Identity> {
    parse(pem(network, now)?.as_bytes())
}

fn pem(network: &Network, now: u64) -> Result<String> {
    let mut subjects = network.names.clone();
    subjects.push("localhost".into());
    subjects.extend(network.addresses.iter().map(|a| a.to_string()));
    subjects.extend(["127.0.0.1".into(), "::1".into()]);
    // what cannot stand in a certificate is left out: a host name may hold characters that DNS does not know
    subjects.retain(|s| CertificateParams::new(vec![s.clone()]).is_ok());
    let mut params = CertificateParams::new(subjects).context("cannot describe the certificate")?;
    let date = |seconds| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
    let expires = (now + LIFE) / DAY * DAY;
    // a day back: the clock of the machine in front of the person may be late
    (params.not_before, params.not_after) = (date(now - DAY.min(now)), date(expires));
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, network.names.first().map_or("appliance", |n| n.as_str()));
    params.distinguished_name.push(DnType::OrganizationName, "Virtual appliance");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().context("cannot make a key")?;
    let certificate = params.self_signed(&key).context("cannot sign the certificate")?;
    // readers of PEM skip what stands before the first block (RFC 7468, section 2)
    Ok(format!("Expires: {expires}\n{}{}", certificate.pem(), key.serialize_pem()))
}

pub(crate) fn parse(pem: &[u8]) -> Result<Identity> {
    let head = pem.split(|b| *b == b'\n').next().unwrap_or_default();
    let expires = std::str::from_utf8(head).ok().and_then(|l| l.strip_prefix("Expires: ")?.parse().ok());
    let Some(expires) = expires else { bail!("its first line does not say when it expires") };
    let mut chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?.into_iter();
    Ok(Identity {
        certificate: chain.next().context("no certificate in it")?,
        intermediates: chain.collect(),
        key: PrivateKeyDer::from_pem_slice(pem).context("no key in it")?,
        expires,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn network() -> Network {
        Network {
            names: vec!["wiki".into(), "bad name\u{e9}".into()],
            addresses: vec!["10.0.0.7".parse().unwrap()],
        }
    }

    #[test]
    fn it_is_made_once_kept_and_renewed() {
        let folder = tempfile::tempdir().unwrap();
        let now = 1_795_419_745;
        let all: Vec<String> = std::thread::scope(|scope| {
            let made = || ensure(folder.path(), &network(), now).unwrap().fingerprint();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(made)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(all.iter().all(|f| *f == all[0] && f.len() == 95));
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(ensure(folder.path(), &network(), now + 360 * DAY).unwrap().fingerprint(), all[0]);
        let renewed = ensure(folder.path(), &network(), now + 370 * DAY).unwrap();
        assert_ne!(renewed.fingerprint(), all[0]);
        assert!(renewed.expires > now + 700 * DAY);
    }

    #[test]
    fn a_damaged_file_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "Expires: 99999999999\n-----BEGIN").unwrap();
        assert!(Identity::read(folder.path()).is_err());
        assert!(ensure(folder.path(), &network(), 1_795_419_745).is_ok());
    }
}
