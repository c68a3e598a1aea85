//! The second factor: codes of an authenticator app (TOTP, RFC 6238) and recovery codes, for each account that wants it.
//!
//! The app's secret has to be kept as it is, readable by root alone. Recovery codes are 80 random bits, so their SHA-256
//! is enough. A code counts once: the step of the last one is kept, and nothing up to it is taken again.

use crate::state::{self, State};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use std::{fs, io};

/// Seconds of one code.
const STEP: u64 = 30;
/// Clocks differ: the code before and the one after count, too.
const SKEW: u64 = 1;
/// Bytes of a secret (RFC 4226, section 4, R6: 160 bits).
const SECRET: usize = 20;
/// Recovery codes at one time.
const RECOVERY: usize = 10;
/// Bytes of a recovery code: 16 letters.
const RECOVERY_BYTES: usize = 10;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// An account's file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// Base32; in force.
    secret: Option<String>,
    /// When it came into force, in seconds since 1970.
    since: u64,
    /// The step of the last code that was taken.
    step: u64,
    /// Base32; waits for its first code.
    new: Option<String>,
    /// SHA-256 of those that were not used.
    recovery: Vec<String>,
}

/// The second factors of a state folder. Callers take turns: who looks and who writes must be the same.
pub struct SecondFactors<'a>(pub &'a State);

/// What is told of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub since: u64,
    pub recovery: usize,
}

impl SecondFactors<'_> {
    pub fn of(&self, account: &str) -> io::Result<Option<Told>> {
        let kept = self.read(account)?;
        Ok(kept.secret.map(|_| Told { since: kept.since, recovery: kept.recovery.len() }))
    }

    /// A new secret, of no effect until it is confirmed. Callers see to it that none is in force: that one is turned off first, with a code.
    pub fn begin(&self, account: &str) -> io::Result<String> {
        let mut bytes = [0; SECRET];
        getrandom::fill(&mut bytes).map_err(|e| io::Error::other(e.to_string()))?;
        let secret = base32(&bytes);
        let kept = Kept { new: Some(secret.clone()), ..self.read(account)? };
        self.write(account, &kept)?;
        Ok(secret)
    }

    /// The new secret comes into force with its first code; gives the recovery codes. None: a wrong code, or nothing to confirm.
    pub fn confirm(&self, account: &str, code: &str, now: u64) -> io::Result<Option<Vec<String>>> {
        let kept = self.read(account)?;
        let Some(secret) = kept.new else { return Ok(None) };
        let Some(step) = step_of(&secret, code, now, 0) else { return Ok(None) };
        let codes = (0..RECOVERY).map(|_| recovery_code()).collect::<io::Result<Vec<_>>>()?;
        let recovery = codes.iter().map(|code| state::hash(&plain(code))).collect();
        self.write(account, &Kept { secret: Some(secret), since: now, step, new: None, recovery })?;
        Ok(Some(codes))
    }

    /// Whether the code is one of the account's, which it is once.
    pub fn take(&self, account: &str, code: &str, now: u64) -> io::Result<bool> {
        let mut kept = self.read(account)?;
        let Some(secret) = &kept.secret else { return Ok(false) };
        if let Some(step) = step_of(secret, code, now, kept.step) {
            kept.step = step;
        } else {
            let hash = state::hash(&plain(code));
            let Some(at) = kept.recovery.iter().position(|known| *known == hash) else { return Ok(false) };
            kept.recovery.remove(at);
        }
        self.write(account, &kept)?;
        Ok(true)
    }

    pub fn remove(&self, account: &str) -> io::Result<()> {
        match fs::remove_file(self.0.second_factor(account)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    /// A file that cannot be understood is an error: it would be a second factor that is not asked for.
    fn read(&self, account: &str) -> io::Result<Kept> {
        match fs::read(self.0.second_factor(account)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Kept::default()),
            Err(e) => Err(e),
        }
    }

    fn write(&self, account: &str, kept: &Kept) -> io::Result<()> {
        state::write(&self.0.second_factor(account), &serde_json::to_vec(kept)?)
    }
}

/// `otpauth://totp/…` as authenticator apps read it from a picture; `host` is a host name, `account` an account's.
pub fn link(secret: &str, account: &str, host: &str) -> String {
    let host: String = host.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')).collect();
    format!("otpauth://totp/{host}:{account}?secret={secret}&issuer={host}")
}

/// The step that the code belongs to, if it is near now and after `last`.
fn step_of(secret: &str, code: &str, now: u64, last: u64) -> Option<u64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let key = from_base32(secret)?;
    let at = now / STEP;
    (at.saturating_sub(SKEW)..=at + SKEW)
        .filter(|step| *step > last)
        .find(|step| code_at(&key, *step) == code)
}

/// Six digits (RFC 4226, section 5.3).
fn code_at(key: &[u8], step: u64) -> String {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key) else { return String::new() };
    mac.update(&step.to_be_bytes());
    let sum = mac.finalize().into_bytes();
    let at = usize::from(sum[19] & 0xf);
    let number = u32::from_be_bytes([sum[at], sum[at + 1], sum[at + 2], sum[at + 3]]) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// `abcd-efgh-ijkl-mnop`
fn recovery_code() -> io::Result<String> {
    let mut bytes = [0; RECOVERY_BYTES];
    getrandom::fill(&mut bytes).map_err(|e| io::Error::other(e.to_string()))?;
    let letters = base32(&bytes).to_ascii_lowercase();
    let parts: Vec<String> =
        letters.as_bytes().chunks(4).map(|c| String::from_utf8_lossy(c).into()).collect();
    Ok(parts.join("-"))
}

/// A recovery code as it may be typed.
fn plain(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// RFC 4648, section 6, without padding: of a multiple of 5 bytes there is none.
fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut bits, mut count) = (0u32, 0);
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            text.push(ALPHABET[(bits >> count & 31) as usize] as char);
        }
        bits &= (1 << count) - 1;
    }
    text
}

fn from_base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut count) = (vec![], 0u32, 0);
    for letter in text.bytes() {
        bits = bits << 5 | ALPHABET.iter().position(|l| *l == letter)? as u32;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// The code of a secret at a time, as the app shows it.
    pub fn code(secret: &str, now: u64) -> String {
        code_at(&from_base32(secret).unwrap(), now / STEP)
    }

    #[test]
    fn the_codes_of_the_standard() {
        // RFC 6238, appendix B, the last six of its eight digits
        let key = b"12345678901234567890";
        for (time, expect) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_at(key, time / STEP), expect, "{time}");
        }
        // RFC 4648, section 10
        assert_eq!(base32(b"fooba"), "MZXW6YTB");
        assert_eq!(from_base32(&base32(key)).unwrap(), key);
        assert_eq!(from_base32("a1"), None);
    }

    #[test]
    fn a_code_counts_once_and_only_near_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let factors = SecondFactors(&state);
        let now = 1_800_000_000;
        assert!(!factors.take("ada", "000000", now).unwrap());
        let secret = factors.begin("ada").unwrap();
        // not in force yet
        assert_eq!(factors.of("ada").unwrap(), None);
        assert!(!factors.take("ada", &code(&secret, now), now).unwrap());
        assert_eq!(factors.confirm("ada", &code(&secret, now + 90), now).unwrap(), None);
        let codes = factors.confirm("ada", &code(&secret, now), now).unwrap().unwrap();
        assert_eq!(factors.of("ada").unwrap(), Some(Told { since: now, recovery: 10 }));
        // the code that confirmed it is used up, and so is each that was taken, and what came before it
        assert!(!factors.take("ada", &code(&secret, now), now).unwrap());
        let later = now + 60;
        let spaced = code(&secret, later).replace(char::from(code(&secret, later).as_bytes()[3]), "x");
        assert!(!factors.take("ada", &spaced, later).unwrap());
        assert!(factors.take("ada", &format!(" {} ", code(&secret, later)), later).unwrap());
        assert!(!factors.take("ada", &code(&secret, later), later).unwrap());
        assert!(!factors.take("ada", &code(&secret, later - 30), later).unwrap());
        assert!(!factors.take("ada", &code(&secret, later + 90), later).unwrap());
        for wrong in ["", "0", "00000000", "------"] {
            assert!(!factors.take("ada", wrong, later).unwrap(), "{wrong}");
        }
        // recovery codes, as they may be typed
        assert!(factors.take("ada", &codes[0].to_uppercase().replace('-', " "), later).unwrap());
        assert!(!factors.take("ada", &codes[0], later).unwrap());
        assert!(!factors.take("bob", &codes[1], later).unwrap());
        assert_eq!(factors.of("ada").unwrap().unwrap().recovery, 9);
        let kept = fs::read_to_string(state.second_factor("ada")).unwrap();
        assert!(codes.iter().all(|code| !kept.contains(code.as_str()) && !kept.contains(&plain(code))));
        factors.remove("ada").unwrap();
        assert_eq!(factors.of("ada").unwrap(), None);
    }

    #[test]
    fn a_damaged_file_is_no_way_past_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        fs::write(state.second_factor("ada"), "{").unwrap();
        assert!(SecondFactors(&state).of("ada").is_err());
    }

    #[test]
    fn the_link_holds_nothing_strange() {
        let link = link("ABC", "ada", "wiki&secret=x.example");
        assert_eq!(link, "otpauth://totp/wikisecretx.example:ada?secret=ABC&issuer=wikisecretx.example");
    }
}
