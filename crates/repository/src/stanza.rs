//! One package in the index: its control paragraph, where it lies and its hash.

use crate::parallel;
use deb::{Paragraph, Version};
use std::cmp::Ordering;

/// A published package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    pub name: String,
    pub version: Version,
    pub architecture: String,
    /// Relative to the repository, as `pool/main/…`.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// In hexadecimal digits.
    pub sha256: String,
    pub seeds: Option<Seeds>,
    /// Of the questions that are asked while an appliance is installed, how many it answers: `12/12`.
    pub coverage: Option<String>,
}

/// The seeds beside a metapackage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seeds {
    pub path: String,
    pub size: u64,
    pub sha256: String,
}

/// A package with its text in the index, which ends with a line end.
#[derive(Debug, Clone)]
pub struct Stanza {
    pub package: Package,
    pub text: String,
}

impl Package {
    /// Whether both stand for the same version of the same package.
    pub fn is_same_version(&self, other: &Package) -> bool {
        self.order(other) == Ordering::Equal
    }

    /// By name, then version, then architecture.
    pub fn order(&self, other: &Package) -> Ordering {
        self.name
            .cmp(&other.name)
            .then_with(|| self.version.cmp(&other.version))
            .then_with(|| self.architecture.cmp(&other.architecture))
    }
}

/// An index is read in pieces of at least that many bytes, several at a time.
const PIECE: usize = 1 << 18;

/// What is read back from an index.
const FIELDS: [&str; 10] = [
    "Package",
    "Version",
    "Architecture",
    "Filename",
    "Size",
    "SHA256",
    "Seeds",
    "Seeds-Size",
    "Seeds-SHA256",
    COVERAGE,
];

impl Stanza {
    /// Makes the text of a package from its control paragraph.
    pub fn new(package: Package, mut control: Paragraph) -> Self {
        // what is said of the file is said by the repository: no package brings seeds or hashes of its own choice
        for name in ["Seeds", "Seeds-Size", "Seeds-SHA256", "MD5sum", "SHA1", "SHA512"] {
            control.remove(name);
        }
        let mut put = |name: &str, value: &str| {
            control.remove(name);
            control.set(name, value);
        };
        put("Filename", &package.path);
        put("Size", &package.size.to_string());
        put("SHA256", &package.sha256);
        if let Some(seeds) = &package.seeds {
            put("Seeds", &seeds.path);
            put("Seeds-Size", &seeds.size.to_string());
            put("Seeds-SHA256", &seeds.sha256);
        }
        Stanza { package, text: control.to_string() }
    }

    /// Reads an index as this crate writes it; the message says which package is broken.
    pub fn parse_all(index: &str) -> Result<Vec<Stanza>, String> {
        let pieces = pieces(index);
        let parse = |piece: &str| {
            let texts =
                piece.split("\n\n").map(|text| text.trim_matches('\n')).filter(|text| !text.is_empty());
            texts.map(Stanza::parse).collect::<Result<Vec<_>, _>>()
        };
        let parsed = parallel::each(&pieces, || (), |(), piece| Ok(parse(piece))).unwrap_or_default();
        let parsed: Vec<Vec<Stanza>> = parsed.into_iter().collect::<Result<_, _>>()?;
        Ok(parsed.into_iter().flatten().collect())
    }

    /// Only the fields that are needed are looked at: an index may hold thousands of packages.
    fn parse(text: &str) -> Result<Stanza, String> {
        let mut found = [None; FIELDS.len()];
        for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
            // without regard to case (Policy 5.1), as the package's own control file was read
            if let Some(at) = FIELDS.iter().position(|field| field.eq_ignore_ascii_case(name)) {
                found[at].get_or_insert(value.trim());
            }
        }
        let field = |name: &str| FIELDS.iter().position(|field| *field == name).and_then(|at| found[at]);
        let name = field("Package").unwrap_or_default();
        let needed = |field_name: &str| {
            field(field_name).ok_or_else(|| format!("the package `{name}` has no field {field_name}"))
        };
        let number =
            |text: &str| text.parse().map_err(|_| format!("the package `{name}`: `{text}` is no size"));
        let seeds = match field("Seeds") {
            Some(path) => Some(Seeds {
                path: path.into(),
                size: number(needed("Seeds-Size")?)?,
                sha256: needed("Seeds-SHA256")?.into(),
            }),
            None => None,
        };
        let package = Package {
            name: needed("Package")?.into(),
            version: needed("Version")?.parse().map_err(|e| format!("the package `{name}`: {e}"))?,
            architecture: needed("Architecture")?.into(),
            path: needed("Filename")?.into(),
            size: number(needed("Size")?)?,
            sha256: needed("SHA256")?.into(),
            seeds,
            coverage: field(COVERAGE).and_then(coverage),
        };
        let mut line_ended = String::with_capacity(text.len() + 1);
        line_ended.push_str(text);
        line_ended.push('\n');
        Ok(Stanza { package, text: line_ended })
    }
}

/// The index in parts of some length, none of them ending inside a paragraph.
fn pieces(index: &str) -> Vec<&str> {
    let mut pieces = vec![];
    let mut rest = index;
    let end = |rest: &str| rest.as_bytes().get(PIECE..)?.windows(2).position(|two| two == b"\n\n");
    while let Some(end) = end(rest) {
        let (piece, next) = rest.split_at(PIECE + end + 2);
        pieces.push(piece);
        rest = next;
    }
    pieces.push(rest);
    pieces
}

/// The field of a metapackage with its question coverage.
pub const COVERAGE: &str = "Question-Coverage";

/// Two numbers; whatever else a package says there is nobody's coverage.
pub fn coverage(text: &str) -> Option<String> {
    let number = |part: &str| (part.len() <= 9).then(|| part.parse::<u32>().ok()).flatten();
    let (answered, asked) = text.trim().split_once('/')?;
    let (answered, asked) = (number(answered)?, number(asked)?);
    (answered <= asked).then(|| format!("{answered}/{asked}"))
}

/// Where a package lies in the pool: `pool/main/m/moin/moin_2.0_all.deb`, by the source's name as in Debian.
pub fn pool_path(control: &Paragraph, name: &str, version: &Version, architecture: &str) -> String {
    let source = control.get("Source").and_then(|source| source.split_whitespace().next()).unwrap_or(name);
    let source = if deb::relation::is_package_name(source) { source } else { name };
    let prefix = if source.starts_with("lib") && source.len() > 3 { &source[..4] } else { &source[..1] };
    let component = crate::COMPONENT;
    format!("pool/{component}/{prefix}/{source}/{name}_{}_{architecture}.deb", version.without_epoch())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_package_agree() {
        let version: Version = "1:2.0-1".parse().unwrap();
        let control = Paragraph::parse("Package: libab\nVersion: 1:2.0-1\nSource: libx (2.0)\nArchitecture: all\nSize: 1\nDescription: a\n b\n .\n c\n").unwrap();
        let path = pool_path(&control, "libab", &version, "all");
        assert_eq!(path, "pool/main/libx/libx/libab_2.0-1_all.deb");
        let seeds = Some(Seeds { path: path.replace(".deb", ".seeds"), size: 2, sha256: "cd".into() });
        let package = Package {
            name: "libab".into(),
            version,
            architecture: "all".into(),
            path,
            size: 7,
            sha256: "ab".into(),
            seeds,
            coverage: None,
        };
        let stanza = Stanza::new(package, control);
        let again = Stanza::parse_all(&format!("{}\n{}\n", stanza.text, stanza.text)).unwrap();
        assert_eq!((again.len(), &again[1].package, &again[1].text), (2, &stanza.package, &stanza.text));
        assert!(Stanza::parse_all("Package: x\n").unwrap_err().contains("`x` has no field"));
        let many = format!("{}\n", stanza.text.replace("Description: a", "Description: ä")).repeat(5000);
        assert!(pieces(&many).len() > 2 && pieces(&many).concat() == many);
        assert_eq!(Stanza::parse_all(&many).unwrap().len(), 5000);
    }

    #[test]
    fn a_package_says_nothing_of_its_own_file() {
        let text = "package: a\nVERSION: 1\nArchitecture: all\nSeeds: ../x\nseeds-size: 1\nSeeds-SHA256: cd\nSHA512: ef\n";
        let package = Package {
            name: "a".into(),
            version: "1".parse().unwrap(),
            architecture: "all".into(),
            path: "pool/main/a/a/a_1_all.deb".into(),
            size: 7,
            sha256: "ab".into(),
            seeds: None,
            coverage: None,
        };
        let stanza = Stanza::new(package.clone(), Paragraph::parse(text).unwrap());
        assert!(!stanza.text.to_lowercase().contains("seeds") && !stanza.text.contains("SHA512"));
        assert_eq!(Stanza::parse_all(&stanza.text).unwrap()[0].package, package);
    }
}
