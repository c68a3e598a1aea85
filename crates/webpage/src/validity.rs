//! From when until when a certificate is good: the one thing of X.509 that we read ourselves (RFC 5280, section 4.1).

/// Seconds since 1970, of a certificate in DER. None: it is none.
pub fn of(certificate: &[u8]) -> Option<(u64, u64)> {
    let (_, certificate, _) = element(certificate, 0x30)?;
    let (_, mut rest, _) = element(certificate, 0x30)?;
    if rest.first() == Some(&0xa0) {
        rest = element(rest, 0xa0)?.2; // version
    }
    for tag in [0x02, 0x30, 0x30] {
        rest = element(rest, tag)?.2; // serial number, signature, issuer
    }
    let (_, validity, _) = element(rest, 0x30)?;
    let (from, validity) = time(validity)?;
    let (until, _) = time(validity)?;
    Some((from, until))
}

/// Tag, content and what follows of the first element, which has to have this tag (X.690, section 8.1).
fn element(bytes: &[u8], tag: u8) -> Option<(u8, &[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let count = usize::from(first & 0x7f);
        if !(1..=3).contains(&count) {
            return None;
        }
        let (digits, after) = rest.split_at_checked(count)?;
        length = digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
        rest = after;
    }
    let (content, after) = rest.split_at_checked(length)?;
    (found == tag).then_some((found, content, after))
}

/// UTCTime (`YYMMDDhhmmssZ`) or GeneralizedTime (`YYYYMMDDhhmmssZ`).
fn time(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let short = *bytes.first()? == 0x17;
    let (_, content, rest) = element(bytes, if short { 0x17 } else { 0x18 })?;
    let text = std::str::from_utf8(content).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|b| b.is_ascii_digit()) || text.len() != if short { 12 } else { 14 } {
        return None;
    }
    let (year, text) = text.split_at(if short { 2 } else { 4 });
    let year: u64 = year.parse().ok()?;
    let year = match year {
        _ if !short => year,
        0..50 => 2000 + year,
        _ => 1900 + year,
    };
    let part = |at: usize| text[at..at + 2].parse::<u64>().ok();
    let (month, day) = (part(0)?, part(2)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year < 1970 {
        return None;
    }
    Some((days(year, month, day) * 86_400 + part(4)? * 3600 + part(6)? * 60 + part(8)?, rest))
}

/// Days since 1970 (algorithm `days_from_civil` of H. Hinnant, "chrono-compatible low-level date algorithms").
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_both_kinds() {
        let utc = |text: &str| [&[0x17, text.len() as u8], text.as_bytes()].concat();
        let general = |text: &str| [&[0x18, text.len() as u8], text.as_bytes()].concat();
        assert_eq!(time(&utc("700101000000Z")).unwrap().0, 0);
        assert_eq!(time(&utc("261123074225Z")).unwrap().0, 1_795_419_745);
        assert_eq!(time(&general("20261123074225Z")).unwrap().0, 1_795_419_745);
        assert_eq!(time(&general("20600229120000Z")).unwrap().0, 2_845_281_600);
        for bad in ["261323074225Z", "2611230742Z", "26112307422xZ", "261123074225"] {
            assert_eq!(time(&utc(bad)), None, "{bad}");
        }
    }

    #[test]
    fn rubbish_is_no_certificate() {
        let mut seed = 7u32;
        for length in 0..2000 {
            let bytes: Vec<u8> = (0..length % 64)
                .map(|at| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    if at % 3 == 0 { 0x30 } else { (seed >> 24) as u8 }
                })
                .collect();
            let _ = of(&bytes);
        }
        assert_eq!(of(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(of(&[]), None);
    }
}
