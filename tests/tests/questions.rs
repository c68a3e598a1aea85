//! What packages ask, and whether an appliance answers it: found by really installing Debian's packages.

use anyhow::{Context, Result};
use scenarios::{Dist, definitions};
use serde_json::Value;
use std::{collections::BTreeMap, path::Path};

fn json(dist: &Dist, arguments: &[&str]) -> Result<(Option<i32>, Value, String)> {
    let output = dist.program("vabuild").args(arguments).arg("--json").output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let value =
        serde_json::from_slice(&output.stdout).with_context(|| format!("no JSON; it said: {said}"))?;
    Ok((output.status.code(), value, said))
}

#[test]
fn every_question_of_packages_that_nobody_prepared_is_found() -> Result<()> {
    let dist = Dist::find()?;
    let (status, found, said) = json(&dist, &["questions", "postfix", "slapd"])?;
    assert_eq!((status, found["complete"].as_bool()), (Some(0), Some(true)), "{said}");
    let questions = found["questions"].as_array().context("no questions")?;
    let by_name: BTreeMap<&str, &Value> =
        questions.iter().filter_map(|q| Some((q["name"].as_str()?, q))).collect();
    let asked = |name: &str| by_name[name]["asked"]["priority"].as_str();
    assert_eq!(asked("postfix/main_mailer_type"), Some("high"));
    assert_eq!(asked("postfix/protocols"), Some("low"));
    assert_eq!(asked("slapd/password1"), Some("high"));
    // in its templates, and not asked of a fresh machine
    assert_eq!(asked("slapd/move_old_database"), None);
    let kind = by_name["postfix/main_mailer_type"];
    assert_eq!((kind["type"].as_str(), kind["package"].as_str()), (Some("select"), Some("postfix")));
    assert!(kind["choices"].as_array().is_some_and(|c| c.contains(&"Internet Site".into())), "{kind}");
    // as it was offered: computed on the machine, not the template's
    assert_eq!(by_name["postfix/mailname"]["default"], "rehearsal.example.test");

    let seeds = dist.program("vabuild").args(["questions", "slapd", "--seeds"]).run()?.text();
    assert!(seeds.contains("question = \"slapd/password1\"") && seeds.contains("generate"), "{seeds}");

    let wrong = dist.program("vabuild").args(["questions", "postfixx"]).output()?;
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(wrong.status.code() == Some(2) && said.contains("did you mean `postfix`"), "{said}");
    Ok(())
}

/// A copy of a definition with texts in it replaced.
fn altered(folder: &Path, name: &str, definition: &str, changes: &[(&str, &str)]) -> Result<String> {
    let copy = definitions::altered(definition, changes, &folder.join(name))?;
    Ok(copy.display().to_string())
}

#[test]
fn the_coverage_of_a_definition_is_measured_and_published() -> Result<()> {
    let (dist, folder) = (Dist::find()?, tempfile::tempdir()?);
    let relay = altered(folder.path(), "relay", "mail-relay", &[])?;
    let (status, checked, said) = json(&dist, &["check", &relay, "--install"])?;
    assert_eq!(
        (status, checked["mistakes"].as_array().map(Vec::len)),
        (Some(0), Some(0)),
        "{checked} {said}"
    );
    let coverage = &checked["coverage"][0]["coverage"];
    let asked = coverage["asked"].as_u64().context("no coverage")?;
    assert!(asked >= 2 && coverage["answered"].as_u64() == Some(asked), "{coverage}");

    let (out, repository) = (folder.path().join("out"), folder.path().join("repository"));
    definitions::build(&dist, Path::new(&relay), &out)?;
    definitions::publish(&dist, &repository, &out)?;
    let list = dist.program("vabuild").args(["repository", "list"]).arg(&repository).run()?.text();
    assert!(
        list.contains(&format!("mail-relay-appliance 1.0 all (question coverage {asked}/{asked})")),
        "{list}"
    );
    Ok(())
}

#[test]
fn what_nobody_answers_and_what_cannot_work_is_named_all_at_once() -> Result<()> {
    let (dist, folder) = (Dist::find()?, tempfile::tempdir()?);
    let bad = altered(
        folder.path(),
        "bad",
        "mail-relay",
        &[
            ("[\"postfix\"]", "[\"postfix\", \"slapd\"]"),
            (
                "type = \"select\"\nvalue = \"Internet with smarthost\"",
                "type = \"select\"\nvalue = \"Smarthost\"",
            ),
            (
                "question = \"postfix/root_address\"",
                "question = \"postfix/root_address\"\ntype = \"boolean\"",
            ),
            ("question = \"postfix/relayhost\"", "question = \"postfix/relay_host\""),
            ("value = \"{{ answers.root_address }}\"", "value = \"true\""),
        ],
    )?;
    let (status, checked, said) = json(&dist, &["check", &bad, "--install"])?;
    assert_eq!(status, Some(2), "{said}");
    let mistakes = checked["mistakes"].as_array().context("no mistakes")?;
    let told: Vec<String> =
        mistakes.iter().map(|m| format!("{}: {} {}", m["line"], m["message"], m["help"])).collect();
    for expected in [
        "slapd asks slapd/password1 at priority high and nobody answers",
        "slapd asks slapd/password2 at priority high and nobody answers",
        "`Smarthost` is not among the choices of postfix/main_mailer_type",
        "postfix/root_address is a string, not a boolean",
        "postfix has no question postfix/relay_host",
    ] {
        assert!(told.iter().any(|t| t.contains(expected)), "{expected:?} is not told, but {told:#?}");
    }
    let coverage = &checked["coverage"][0]["coverage"];
    assert!(coverage["answered"].as_u64() < coverage["asked"].as_u64(), "{coverage}");

    // two appliances for one machine, without installing anything
    let other = altered(
        folder.path(),
        "other",
        "mail-relay",
        &[("name = \"mail-relay\"", "name = \"other-relay\"")],
    )?;
    let relay = altered(folder.path(), "relay", "mail-relay", &[])?;
    let both = dist.program("vabuild").args(["check", "--offline", &relay, &other]).output()?;
    let said = String::from_utf8_lossy(&both.stderr).into_owned();
    assert!(both.status.code() == Some(2) && said.contains("postfix/mailname"), "{said}");
    Ok(())
}

#[test]
fn servers_come_first_and_what_misses_them_neither_fails_nor_hides_a_question() -> Result<()> {
    let (dist, folder) = (Dist::find()?, tempfile::tempdir()?);
    // answered are the questions of what comes first, too
    let changes = [(
        "[\"postfix\"]",
        "[\"postfix\"]\nbefore = [\"postfix\"]\npackage-users = [\"postfix\", \"postdorp\"]",
    )];
    let relay = altered(folder.path(), "relay", "mail-relay", &changes)?;
    let (_, checked, said) = json(&dist, &["check", &relay, "--install"])?;
    let mistakes = checked["mistakes"].as_array().context("no mistakes")?;
    assert_eq!(mistakes.len(), 1, "{mistakes:#?} {said}");
    let told = format!("{} {}", mistakes[0]["message"], mistakes[0]["help"]);
    assert!(told.contains("no package makes the user or group `postdorp`"), "{told}");
    assert!(told.contains("did you mean `postdrop`?"), "{told}");
    let coverage = &checked["coverage"][0]["coverage"];
    assert!(coverage["asked"].as_u64() >= Some(2) && coverage["asked"] == coverage["answered"], "{coverage}");

    // dbconfig-common finds no server to talk to
    for (engine, part) in [("mariadb", "mysql"), ("postgresql", "pgsql")] {
        let changes =
            [("roundcube-mysql", &*format!("roundcube-{part}")), ("\"mariadb\"", &*format!("\"{engine}\""))];
        let webmail = altered(folder.path(), engine, "webmail", &changes)?;
        let (status, checked, said) = json(&dist, &["check", &webmail, "--install"])?;
        let mistakes = checked["mistakes"].as_array().map(Vec::len);
        assert_eq!((status, mistakes), (Some(0), Some(0)), "{engine}: {checked} {said}");
        let coverage = &checked["coverage"][0]["coverage"];
        assert!(
            coverage["asked"].as_u64() >= Some(1) && coverage["asked"] == coverage["answered"],
            "{coverage}"
        );
        assert!(said.contains("no database server runs in a rehearsal"), "{said}");
    }
    let changes = [("[[database]]\nengine = \"mariadb\"\npackage = \"roundcube\"\n", "")];
    let unseeded = altered(folder.path(), "unseeded", "webmail", &changes)?;
    let (status, checked, said) = json(&dist, &["check", &unseeded, "--install"])?;
    assert_eq!(status, Some(2), "{said}");
    let told = checked["mistakes"].to_string();
    assert!(told.contains("asks roundcube/dbconfig-install at priority high and nobody answers"), "{told}");
    Ok(())
}

#[test]
fn without_root_or_network_it_says_so() -> Result<()> {
    let (dist, folder) = (Dist::find()?, tempfile::tempdir()?);
    let nobody = dist.program("vabuild").args(["questions", "postfix"]).user(65534, 65534).output()?;
    let said = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert!(nobody.status.code() == Some(3) && said.contains("sudo"), "{said}");
    let unreachable = dist
        .program("vabuild")
        .env("XDG_CACHE_HOME", folder.path())
        .args(["questions", "postfix", "--mirror", "http://127.0.0.1:9/debian"])
        .output()?;
    let said = String::from_utf8_lossy(&unreachable.stderr).into_owned();
    assert!(unreachable.status.code() == Some(4) && said.contains("127.0.0.1:9"), "{said}");
    Ok(())
}
