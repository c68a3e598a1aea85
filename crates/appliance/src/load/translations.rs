//! The files `po/LANGUAGE.po`: their texts become the questions' translations.

use super::report::Report;
use crate::{
    Definition, Folder,
    folder::Entry,
    names::Mistake,
    po,
    problem::{Kind, Source},
    question::{QuestionType, Translation},
};

const FOLDER: &str = "po";

pub fn add(definition: &mut Definition, folder: &dyn Folder, report: &mut Report<'_>) {
    if definition.questions.is_empty() {
        return;
    }
    for name in folder.names(FOLDER).iter().filter(|n| n.ends_with(".po")) {
        let path = format!("{FOLDER}/{name}");
        let shown = match report.source.name.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{path}"),
            None => path.clone(),
        };
        let whole = |mistake| Source::new(&shown, "").problem(Kind::Translation, 0..0, mistake);
        let Some(language) = po::language(name) else {
            let mistake =
                Mistake::new("its name is no language").help("name it de.po, pt_BR.po, sr@latin.po");
            report.push(whole(mistake));
            continue;
        };
        let text = match text(folder, &path) {
            Ok(text) => text,
            Err(why) => {
                report.push(whole(Mistake::new(why)));
                continue;
            }
        };
        match po::parse(&text) {
            Ok(catalog) => {
                for question in &mut definition.questions {
                    let mut translation = catalog.translation(question);
                    // a comma would be taken for the end of a choice
                    if question.kind == QuestionType::Multiselect
                        && translation.choices.iter().any(|c| c.contains(','))
                    {
                        translation.choices.clear();
                        let message =
                            format!("a translated choice of the multiselect `{}` has a comma", question.name);
                        report.push(whole(Mistake::new(message).help("say it without")));
                    }
                    if translation != Translation::default() {
                        question.translations.insert(language.to_owned(), translation);
                    }
                }
            }
            Err(wrong) => {
                let source = Source::new(&shown, &text);
                for (place, mistake) in wrong {
                    report.push(source.problem(Kind::Translation, place, mistake));
                }
            }
        }
    }
}

fn text(folder: &dyn Folder, path: &str) -> Result<String, String> {
    match folder.entry(path) {
        Entry::File { size, .. } if size <= po::SIZE_LIMIT => {}
        Entry::File { .. } => return Err(format!("larger than {} KiB", po::SIZE_LIMIT / 1024)),
        _ => return Err("no regular file".into()),
    }
    let bytes = folder.read(path, po::SIZE_LIMIT)?;
    String::from_utf8(bytes)
        .map_err(|_| "a byte that is no UTF-8: convert it with msgconv --to-code=UTF-8".into())
}
