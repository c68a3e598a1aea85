//! "Did you mean": the nearest of a set of known words.

/// The word that is nearest, when it is near enough to be what was meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // longer words are not worth the time, and hostile ones are long
    if word.is_empty() || word.chars().count() > 100 {
        return None;
    }
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    let near = known.into_iter().filter(|k| *k != word && k.chars().count() <= 100);
    let near = near.map(|k| (if same_letters(word, k) { 0 } else { distance(word, k) }, k));
    near.filter(|(d, _)| *d <= allowed).min_by_key(|(d, _)| *d).map(|(_, k)| k)
}

/// ", did you mean `X`?" as help, when there is something near.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, known).map(|k| format!("did you mean `{k}`?"))
}

/// Equal but for case, hyphens and underscores.
fn same_letters(a: &str, b: &str) -> bool {
    let plain = |s: &str| s.to_lowercase().replace(['-', '_'], "");
    plain(a) == plain(b)
}

/// Edits that turn one into the other; two neighbours that changed places count as one (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = vec![];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_offered_and_no_far_one() {
        let known = ["packages", "summary", "disable-sites", "url"];
        for (word, expect) in [
            ("package", Some("packages")),
            ("sumamry", Some("summary")),
            ("disable_sites", Some("disable-sites")),
            ("DisableSites", Some("disable-sites")),
            ("uri", Some("url")),
            ("banana", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expect, "{word}");
        }
    }
}
