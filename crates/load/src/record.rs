//! What is kept of one minute.

/// Bytes of a record. It divides the size of a disk's sector, so a power cut leaves a record whole or as it was.
pub const SIZE: usize = 32;

/// Means over one minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Record {
    /// Minutes since 1970.
    pub minute: u32,
    /// Of all processors, in hundredths of a percent; so are the three below.
    pub processor: u16,
    pub memory: u16,
    /// 0 where there is no swap.
    pub swap: u16,
    /// Of the root file system.
    pub disk: u16,
    /// Bytes a second; so are the three below.
    pub read: u32,
    pub written: u32,
    pub received: u32,
    pub sent: u32,
}

impl Record {
    pub fn to_bytes(self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        let parts: [&[u8]; 9] = [
            &self.minute.to_le_bytes(),
            &self.processor.to_le_bytes(),
            &self.memory.to_le_bytes(),
            &self.swap.to_le_bytes(),
            &self.disk.to_le_bytes(),
            &self.read.to_le_bytes(),
            &self.written.to_le_bytes(),
            &self.received.to_le_bytes(),
            &self.sent.to_le_bytes(),
        ];
        let mut at = 0;
        for part in parts {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        let sum = sum(&bytes[..at]);
        bytes[at..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// None when these bytes are no record: never written, or garbage.
    pub fn from_bytes(bytes: &[u8; SIZE]) -> Option<Record> {
        let short = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let long = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if sum(&bytes[..SIZE - 4]) != long(SIZE - 4) {
            return None;
        }
        Some(Record {
            minute: long(0),
            processor: short(4),
            memory: short(6),
            swap: short(8),
            disk: short(10),
            read: long(12),
            written: long(16),
            received: long(20),
            sent: long(24),
        })
    }
}

/// Tells a record from anything else; nobody is kept from forging one. FNV-1a over words of 4 bytes instead of bytes, folded: a year of
/// them is read for one page. What begins it changes with the format.
pub(crate) fn sum(bytes: &[u8]) -> u32 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325 ^ 1;
    for word in bytes.chunks(4) {
        let word = word.iter().rev().fold(0u32, |word, byte| word << 8 | u32::from(*byte));
        hash = (hash ^ u64::from(word)).wrapping_mul(0x0000_0100_0000_01b3);
        hash ^= hash >> 29;
    }
    (hash ^ hash >> 32) as u32
}
