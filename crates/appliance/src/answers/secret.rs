//! Secrets made on the machine.

/// No 0 O 1 l I: 57 characters, 5.83 bits each, so that 22 of them are 128 bits.
const ALPHABET: &[u8; 57] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

#[derive(Debug, thiserror::Error)]
#[error("the machine gave no random bytes: {0}")]
pub struct SecretError(pub String);

/// A secret of so many characters, each equally likely. `random` fills a buffer with random bytes.
pub fn generate(
    length: u32,
    random: &mut dyn FnMut(&mut [u8]) -> Result<(), SecretError>,
) -> Result<String, SecretError> {
    // bytes from 228 on would make some characters likelier than others
    let fair = (256 / ALPHABET.len() * ALPHABET.len()) as u8;
    let length = length as usize;
    let mut secret = String::with_capacity(length);
    let mut rounds = 0;
    while secret.len() < length {
        let mut bytes = [0; 64];
        random(&mut bytes)?;
        rounds += 1;
        if rounds > 16 + length {
            return Err(SecretError("the source repeats itself".into()));
        }
        let fitting =
            bytes.iter().filter(|b| **b < fair).map(|b| ALPHABET[*b as usize % ALPHABET.len()] as char);
        let wanted = length - secret.len();
        secret.extend(fitting.take(wanted));
    }
    Ok(secret)
}
