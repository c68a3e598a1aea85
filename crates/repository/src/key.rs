//! The repository's key: Ed25519 in OpenPGP's version 4, which gpgv of Debian 12 and sqv of Debian 13 both accept.

use crate::{Error, Result};
use pgp::{
    composed::{
        ArmorOptions, CleartextSignedMessage, Deserializable, KeyType, SecretKeyParamsBuilder,
        SignedPublicKey, SignedSecretKey,
    },
    crypto::hash::HashAlgorithm,
    packet::{Signature, SignatureConfig, SignatureType, Subpacket, SubpacketData},
    ser::Serialize,
    types::{KeyDetails, KeyVersion, Password, SigningKey, Timestamp, VerifyingKey},
};
use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// What can sign a Release file.
pub trait Signer {
    /// The text with its signature around it, as it comes to stand in `InRelease`. `now` is the signature's time
    /// in seconds since 1970.
    fn clearsign(&self, text: &str, now: u64) -> Result<String>;

    /// The key that checks it.
    fn public_key(&self) -> &PublicKey;
}

/// A secret key in a file of its own, without passphrase.
pub struct SecretKey {
    path: PathBuf,
    key: SignedSecretKey,
    public: PublicKey,
}

/// A key as machines get it, for apt's `Signed-By`.
#[derive(Debug, Clone)]
pub struct PublicKey(SignedPublicKey);

impl SecretKey {
    /// Makes a new key for `owner` (`Name <address>`) and writes it, armored and with mode 0600, to a file that
    /// must not exist yet.
    pub fn generate(path: &Path, owner: &str, now: u64) -> Result<Self> {
        let failed = |message: String| Error::Key { path: path.into(), message };
        let mut parameters = SecretKeyParamsBuilder::default();
        parameters
            .version(KeyVersion::V4)
            .key_type(KeyType::Ed25519Legacy)
            .can_certify(true)
            .can_sign(true)
            .created_at(Timestamp::from_secs(u32::try_from(now).unwrap_or(u32::MAX)))
            .preferred_hash_algorithms(vec![HashAlgorithm::Sha512, HashAlgorithm::Sha256].into())
            .primary_user_id(owner.into());
        let parameters = parameters.build().map_err(|e| failed(format!("cannot make a key: {e}")))?;
        let key =
            parameters.generate(rand::rngs::OsRng).map_err(|e| failed(format!("cannot make a key: {e}")))?;
        let text = key.to_armored_string(ArmorOptions::default()).map_err(|e| failed(e.to_string()))?;
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let mut file = match file {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(failed("there is a file already; a key is never overwritten".into()));
            }
            file => file.map_err(Error::io("create the key", path))?,
        };
        let write = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        if let Err(e) = write {
            // half a key is of no use to anybody
            let _ = fs::remove_file(path);
            return Err(Error::io("write the key", path)(e));
        }
        Ok(SecretKey::from_parts(path, key))
    }

    /// Reads an armored or binary secret key.
    pub fn load(path: &Path) -> Result<Self> {
        let failed = |message: &str| Error::Key { path: path.into(), message: message.into() };
        let bytes = read(path, "secret")?;
        let key = match std::str::from_utf8(&bytes) {
            Ok(text) => SignedSecretKey::from_string(text).map(|(key, _)| key),
            Err(_) => SignedSecretKey::from_bytes(bytes.as_slice()),
        };
        let key = key.map_err(|_| failed("not an OpenPGP secret key"))?;
        if key.primary_key.secret_params().is_encrypted() {
            return Err(failed("the key has a passphrase; import it into gpg and sign with gpg"));
        }
        Ok(SecretKey::from_parts(path, key))
    }

    fn from_parts(path: &Path, key: SignedSecretKey) -> Self {
        let public = PublicKey(key.to_public_key());
        SecretKey { path: path.into(), key, public }
    }
}

impl Signer for SecretKey {
    /// Signs with the newest subkey that may sign, else with the primary key.
    fn clearsign(&self, text: &str, now: u64) -> Result<String> {
        let subkeys =
            self.key.secret_subkeys.iter().filter(|s| usable(&s.signatures, s.key.created_at(), now));
        match subkeys.max_by_key(|s| s.key.created_at().as_secs()) {
            Some(subkey) => clearsign(&subkey.key, text, now),
            None => {
                let primary = &self.key.primary_key;
                let details = &self.key.details;
                let mut signatures =
                    details.users.iter().flat_map(|u| &u.signatures).chain(&details.direct_signatures);
                if !signatures.any(|s| s.key_flags().sign()) {
                    let message = "no part of this key may sign, or it has expired".into();
                    return Err(Error::Key { path: self.path.clone(), message });
                }
                clearsign(primary, text, now)
            }
        }
    }

    fn public_key(&self) -> &PublicKey {
        &self.public
    }
}

/// Whether a subkey with these binding signatures may sign at that time.
fn usable(signatures: &[Signature], created: Timestamp, now: u64) -> bool {
    let revoked = signatures.iter().any(|s| s.typ() == Some(SignatureType::SubkeyRevocation));
    let lives = |s: &Signature| {
        let lifetime = s.key_expiration_time().map_or(0, |lifetime| u64::from(lifetime.as_secs()));
        lifetime == 0 || u64::from(created.as_secs()) + lifetime > now
    };
    !revoked && signatures.iter().any(|s| s.key_flags().sign() && lives(s))
}

/// The file of a key; a name that leads nowhere is the caller's mistake.
fn read(path: &Path, which: &str) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let message =
                format!("there is no {which} key; `vabuild key` makes a pair, once for a repository");
            Error::Key { path: path.into(), message }
        }
        _ => Error::io("read the key", path)(error),
    })
}

fn clearsign(key: &impl SigningKey, text: &str, now: u64) -> Result<String> {
    let sign = || -> pgp::errors::Result<String> {
        let mut config = SignatureConfig::v4(SignatureType::Text, key.algorithm(), HashAlgorithm::Sha512);
        let created = Timestamp::from_secs(u32::try_from(now).unwrap_or(u32::MAX));
        config.hashed_subpackets = vec![
            Subpacket::regular(SubpacketData::SignatureCreationTime(created))?,
            Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
        ];
        config.unhashed_subpackets =
            vec![Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id()))?];
        let message = CleartextSignedMessage::new(text, config, key, &Password::empty())?;
        message.to_armored_string(ArmorOptions::default())
    };
    sign().map_err(|e| Error::Sign(e.to_string()))
}

impl PublicKey {
    /// Reads an armored or binary public key.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = read(path, "public")?;
        PublicKey::parse(&bytes)
            .ok_or_else(|| Error::Key { path: path.into(), message: "not an OpenPGP key".into() })
    }

    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let key = match std::str::from_utf8(bytes) {
            Ok(text) => SignedPublicKey::from_string(text).map(|(key, _)| key),
            Err(_) => SignedPublicKey::from_bytes(bytes),
        };
        key.ok().map(PublicKey)
    }

    /// In hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        format!("{:X}", self.0.fingerprint())
    }

    /// For a file `.asc`.
    pub fn armored(&self) -> Result<String> {
        self.0.to_armored_string(ArmorOptions::default()).map_err(|e| Error::Sign(e.to_string()))
    }

    /// For a file `.gpg`.
    pub fn binary(&self) -> Result<Vec<u8>> {
        self.0.to_bytes().map_err(|e| Error::Sign(e.to_string()))
    }

    /// The text inside `InRelease` when this key signed it, with plain line ends. Nothing outside the signed part
    /// is given back.
    pub fn verify(&self, signed: &str) -> Option<String> {
        let (message, _) = CleartextSignedMessage::from_string(signed).ok()?;
        let text = message.signed_text();
        let signed_by = |key: &dyn Fn(&Signature) -> bool| message.signatures().iter().any(key);
        let primary = signed_by(&|s| verify_with(s, &self.0.primary_key, &text));
        let subkey = self.0.public_subkeys.iter().any(|subkey| {
            subkey.signatures.iter().any(|s| s.key_flags().sign())
                && signed_by(&|s| verify_with(s, &subkey.key, &text))
        });
        (primary || subkey).then(|| text.replace("\r\n", "\n"))
    }
}

fn verify_with(signature: &Signature, key: &impl VerifyingKey, text: &str) -> bool {
    signature.verify(key, text.as_bytes()).is_ok()
}

/// The text inside a signature that nobody checks: for showing, never for believing.
pub fn unverified(signed: &str) -> Option<String> {
    let (message, _) = CleartextSignedMessage::from_string(signed).ok()?;
    Some(message.signed_text().replace("\r\n", "\n"))
}
