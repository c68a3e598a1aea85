//! The wiki's plugin: every action of it used for real, and looked at from where it matters, which is the wiki.
//!
//! With VAT_SCREENSHOTS=FOLDER in the environment it leaves pictures of the page there.

use anyhow::{Context, Result, ensure};
use exec::Program;
use scenarios::{
    client::Client,
    lab, machine_with_tools,
    page::{sign_in, url, watch},
    vainstall,
    wiki::Wiki,
};
use serde_json::Value;
use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};
use testbed::{Machine, browser::Browser};

const ADMIN: &str = "Zwölf große Käse'\"$x";
const ADA: &str = "a password of hers";
const SOON: Duration = Duration::from_secs(60);
const DATA: &str = "/var/lib/moin/wiki/data/default";

#[test]
fn all_that_a_wikis_owner_does_in_the_page() -> Result<()> {
    let (dist, lab) = lab()?;
    let mut machine = machine_with_tools(&lab, &dist, "owner")?;
    install(&machine)?;
    the_programs_own_tests(&machine)?;
    let browser = Browser::start(1280, 900, false)?;
    sign_in(&machine, &browser)?;
    people(&machine, &browser)?;
    settings(&machine, &browser)?;
    pages_go_out_and_come_back(&machine, &browser)?;
    what_is_no_file_of_pages_changes_nothing(&machine)?;
    the_index_is_built_anew(&machine)?;
    damage_is_named_and_repaired(&machine)?;
    pictures(&machine)?;
    maintenance(&mut machine)
}

fn install(machine: &Machine) -> Result<()> {
    let answers =
        format!("wiki-name: Family\nadmin-name: köchin\nadmin-password: '{}'\n", ADMIN.replace('\'', "''"));
    fs::write(machine.root().join("root/answers.yaml"), answers)?;
    machine.sh("chmod 600 /root/answers.yaml")?;
    vainstall(machine, &["moinmoin", "--answers", "/root/answers.yaml"]).run()?;
    machine.sh("rm /root/answers.yaml").map(drop)
}

/// The modules' tests, with the wiki's Python and MoinMoin.
fn the_programs_own_tests(machine: &Machine) -> Result<()> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../appliances/moinmoin/tests");
    Program::new("cp").arg("-r").arg(tests).arg(machine.root().join("srv/tests")).run()?;
    let run = "cd /srv/tests && PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/usr/lib/moin/python setpriv --reuid=moin --regid=moin --clear-groups \
               python3 -m unittest --buffer 2>&1";
    let said = machine.sh(run)?;
    let count =
        said.split("Ran ").nth(1).and_then(|rest| rest.split(' ').next()).and_then(|n| n.parse::<u32>().ok());
    ensure!(count.is_some_and(|n| n >= 15), "{said}");
    Ok(())
}

/// What an action said and did.
struct Acted {
    done: bool,
    id: String,
    events: Vec<Value>,
}

impl Acted {
    fn message(&self) -> String {
        let result = self.events.iter().find(|e| e["event"] == "result");
        result.map(ToString::to_string).unwrap_or_default()
    }
    /// The cells of all its tables.
    fn rows(&self) -> Vec<Vec<String>> {
        let tables = self.events.iter().filter(|e| e["event"] == "table");
        let rows = tables.flat_map(|table| table["rows"].as_array().cloned().unwrap_or_default());
        let cells = |row: Value| row.as_array().into_iter().flatten().map(text).collect();
        rows.map(cells).collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn act(machine: &Machine, name: &str, arguments: &[&str]) -> Result<Acted> {
    let control = || machine.program("appliance-control").arg("--json");
    let task = control().args(["action", "moinmoin", name, "--no-wait"]).args(arguments).run()?.text();
    let id = text(&serde_json::from_str::<Value>(&task)?["id"]);
    let output = control().args(["task", "log", &id, "--follow"]).output()?;
    let said = output.text();
    let events: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    ensure!(!events.is_empty(), "{name}: {said}{}", String::from_utf8_lossy(&output.stderr));
    Ok(Acted { done: output.success(), id, events })
}

/// An action that has to end well.
fn done(machine: &Machine, name: &str, arguments: &[&str]) -> Result<Acted> {
    let acted = act(machine, name, arguments)?;
    ensure!(acted.done, "{name} {arguments:?}: {:?}", acted.events);
    Ok(acted)
}

/// The first file that the task made, on the machine.
fn artifact(machine: &Machine, acted: &Acted) -> Result<PathBuf> {
    let folder = format!("/var/lib/appliance-broker/tasks/{}/artifacts", acted.id);
    let entry = fs::read_dir(machine.root().join(folder.trim_start_matches('/')))?
        .next()
        .context("it made no file")??;
    Ok(Path::new(&folder).join(entry.file_name()))
}

fn signs_in(machine: &Machine, name: &str, password: &str) -> Result<bool> {
    Wiki::on(machine)?.sign_in(name, password)
}

fn people(machine: &Machine, browser: &Browser) -> Result<()> {
    browser.open(&url(machine, "/plugins/moinmoin/create-user"))?;
    browser.fill("input[name='p.name']", "Ada")?;
    browser.fill("input[name='p.email']", "ada@example.org")?;
    browser.fill("input[name='p.password']", ADA)?;
    browser.click("form[action$=create-user] button")?;
    watch(browser, "")?;
    let ada = Wiki::on(machine)?;
    assert!(ada.sign_in("Ada", ADA)?);
    assert_eq!(ada.get("/+admin/superuser")?.status, 403);

    done(machine, "disable-user", &["--set", "user=Ada"])?;
    assert!(!ada.get("/Home")?.ok()?.body.contains("moin-logout"), "who was signed in still is");
    assert!(!signs_in(machine, "Ada", ADA)?, "a disabled account signs in");
    let users = machine.sh("appliance-control --json plugin query moinmoin users")?;
    assert!(users.contains("ada@example.org") && users.contains("disabled"), "{users}");
    done(machine, "enable-user", &["--set", "user=Ada"])?;
    assert!(signs_in(machine, "Ada", ADA)?);

    done(machine, "make-administrator", &["--set", "user=Ada"])?;
    let ada = Wiki::on(machine)?;
    assert!(ada.sign_in("Ada", ADA)?);
    assert_eq!(ada.get("/+admin/superuser")?.status, 200, "she is no administrator");
    done(machine, "unmake-administrator", &["--set", "user=Ada"])?;
    assert_eq!(ada.get("/+admin/superuser")?.status, 403, "she is still an administrator");

    let password = a_new_password(machine, browser)?;
    assert!(!ada.get("/Home")?.ok()?.body.contains("moin-logout"), "who was signed in still is");
    assert!(!signs_in(machine, "Ada", ADA)? && signs_in(machine, "Ada", &password)?);
    let kept = machine
        .program("grep")
        .args(["-rlF", "-e", &password, "/var/lib/appliance-broker", "/var/log", "/run"])
        .output()?;
    assert_eq!(kept.text(), "", "the password is kept");

    // without a password one is made; the administrator of the settings stays one
    let made =
        done(machine, "create-user", &["--set", "name=Grace Ö'Brien", "--set", "email=grace@example.org"])?;
    let secrets: Value =
        serde_json::from_str(&machine.sh(&format!("appliance-control --json task secrets {}", made.id))?)?;
    assert!(signs_in(machine, "Grace Ö'Brien", &text(&secrets[0]["value"]))?, "{secrets}");
    for (action, set, why) in [
        ("create-user", "name=Ada", "already"),
        ("create-user", "name=../<script>", "Invalid user name"),
        ("create-user", "name=AdminGroup", "Invalid user name"),
        ("disable-user", "user=köchin", "whom the settings name"),
        ("unmake-administrator", "user=köchin", "whom the settings name"),
        ("unmake-administrator", "user=Ada", "is no administrator"),
    ] {
        let email: &[&str] = if action == "create-user" { &["--set", "email=x@example.org"] } else { &[] };
        let refused = act(machine, action, &[&["--set", set], email].concat())?;
        assert!(!refused.done && refused.message().contains(why), "{action} {set}: {}", refused.message());
    }
    assert!(!act(machine, "disable-user", &["--set", "user=Nobody"]).is_ok_and(|acted| acted.done));
    Ok(())
}

/// Resets Ada's password in the page, and reads the new one there, once.
fn a_new_password(machine: &Machine, browser: &Browser) -> Result<String> {
    browser.open(&url(machine, "/plugins/moinmoin/reset-password"))?;
    browser.script("document.querySelector('[name=\"p.user\"]').value = 'Ada'; return 1")?;
    browser.click("form[action$=reset-password] button")?;
    watch(browser, "")?;
    let task = browser.url()?;
    browser.click_text("Show")?;
    browser.wait_for_text("Password of Ada", SOON)?;
    let shown = browser.script("return document.querySelector('pre.command code').textContent")?;
    browser.open(&task)?;
    assert!(!browser.text()?.contains("A secret was made"), "it is shown again");
    Ok(text(&shown))
}

fn settings(machine: &Machine, browser: &Browser) -> Result<()> {
    let wiki = Wiki::on(machine)?;
    assert!(wiki.sign_in("köchin", ADMIN)?);
    wiki.write("Startseite", "= Willkommen =\n")?;
    let stranger = Wiki::on(machine)?;
    assert_eq!(stranger.get("/+register")?.status, 404);
    browser.open(&url(machine, "/settings/moinmoin"))?;
    for (question, answer) in [("theme", "modernized"), ("language", "German"), ("registration", "everybody")]
    {
        browser.script(&format!("document.getElementById('q-{question}').value = '{answer}'; return 1"))?;
    }
    browser.replace("#q-front-page", "Startseite")?;
    browser.replace("#q-wiki-name", "Familie")?;
    browser.click_text("Save and apply")?;
    watch(browser, "front-page changes")?;
    assert_eq!(stranger.title()?, "Startseite - Familie");
    let page = stranger.get("/Startseite")?.ok()?.body;
    assert!(
        page.contains("/_themes/modernized/") && page.contains("Anmelden") && page.contains("Willkommen"),
        "{page}"
    );
    assert!(stranger.get("/+register")?.ok()?.body.contains("register_username"), "nobody can register");

    let wrong = machine.shell("appliance-control settings moinmoin front-page=/x theme=fancy 2>&1")?;
    assert!(
        wrong.status.code() == Some(2) && wrong.text().contains("must be one of topside"),
        "{}",
        wrong.text()
    );
    vainstall(machine, &["--reconfigure", "moinmoin", "--set", "theme=focus", "--set", "language=English"])
        .run()?;
    machine.sh(
        "appliance-control settings moinmoin front-page=Home registration=administrators wiki-name=Family",
    )?;
    let page = stranger.get("/Home")?.ok()?.body;
    assert!(page.contains("/_themes/focus/") && !page.contains("Anmelden"), "{page}");
    assert_eq!(stranger.get("/+register")?.status, 404);
    Ok(())
}

fn pages_go_out_and_come_back(machine: &Machine, browser: &Browser) -> Result<()> {
    let wiki = Wiki::on(machine)?;
    assert!(wiki.sign_in("köchin", ADMIN)?);
    wiki.write("Rezepte", "= Spätzle =\nMit wenig Emmentaler.\n")?;
    wiki.write("Rezepte", "= Spätzle =\nMit viel Bergkäse. [[Startseite]]\n")?;
    let xml = artifact(machine, &done(machine, "export-xml", &[])?)?;
    let file = format!("file={}", xml.display());
    let whole = fs::read_to_string(machine.root().join(xml.strip_prefix("/")?))?;
    assert!(
        whole.contains("Emmentaler") && whole.contains("Bergkäse") && !whole.contains("argon2"),
        "{whole}"
    );

    let one = artifact(machine, &done(machine, "export-xml", &["--set", "page=Rezepte"])?)?;
    let one = fs::read_to_string(machine.root().join(one.strip_prefix("/")?))?;
    assert!(one.contains("Emmentaler") && !one.contains("Willkommen"), "{one}");

    // one page as HTML, downloaded in the browser
    browser.open(&url(machine, "/plugins/moinmoin"))?;
    browser.wait_for_text("In the last 30 days", SOON)?;
    browser.fill("form[action$=export-html] input[name='p.page']", "Rezepte")?;
    browser.click("form[action$=export-html] button")?;
    watch(browser, "")?;
    browser.click(".artifacts a")?;
    let archive = browser.wait_for_download(SOON)?;
    let list = Program::new("python3").args(["-m", "zipfile", "-l"]).arg(&archive).run()?.text();
    assert!(list.contains("pages/Rezepte-") && !list.contains("Startseite"), "{list}");
    let all = artifact(machine, &done(machine, "export-html", &[])?)?;
    let read = "import re,sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); n=[n for n in z.namelist() if 'Rezepte-' in n][0]; print(z.read(n).decode())";
    let html = machine.run(&["python3", "-c", read, &all.to_string_lossy()])?.text();
    assert!(html.contains("viel Bergkäse") && html.contains("href=\"../pages/Startseite-"), "{html}");
    let missing = act(machine, "export-xml", &["--set", "page=Nowhere"])?;
    assert!(!missing.done && missing.message().contains("no page Nowhere"), "{}", missing.message());

    // what is the same stays; what was deleted comes back; what has changed gets a revision on top
    let same = done(machine, "import", &["--file", &file])?;
    assert!(same.rows().iter().all(|row| row[1] == "the same already"), "{:?}", same.rows());
    wiki.delete("Rezepte")?;
    wiki.write("Startseite", "= Anders =\n")?;
    let rows = done(machine, "import", &["--file", &file])?.rows();
    let said =
        |page: &str| rows.iter().find(|row| row[0] == page).map(|row| row[1].clone()).unwrap_or_default();
    assert_eq!(said("Rezepte"), "was deleted, is back with a new revision");
    assert!(said("Startseite").starts_with("a new revision"), "{rows:?}");
    assert!(wiki.get("/Rezepte")?.ok()?.body.contains("Bergkäse"), "the page is not back");
    assert!(wiki.get("/Startseite")?.ok()?.body.contains("Willkommen"));
    assert!(wiki.finds("Bergk%C3%A4se", "Rezepte")?, "the search does not find what was imported");
    let kept = machine.sh(&format!("grep -l Anders {DATA}/data/*"))?;
    assert!(!kept.trim().is_empty(), "what the import replaced is gone");

    // on a wiki that has never had it, a page comes with its whole history
    machine.sh(&format!("cd {DATA}/meta && rm $(grep -l Rezepte *)"))?;
    done(machine, "rebuild-index", &[])?;
    assert_eq!(wiki.get("/Rezepte")?.status, 404);
    let rows = done(machine, "import", &["--file", &file])?.rows();
    assert!(rows.iter().any(|row| row[0] == "Rezepte" && row[1] == "new, with 2 revisions"), "{rows:?}");
    assert!(wiki.get("/Rezepte")?.ok()?.body.contains("Bergkäse"));
    // of an import that was cut off between a page's revisions, the rest
    machine
        .sh(&format!("cd {DATA}/meta && rm $(grep -l Rezepte * | xargs grep -lE '\"rev_number\": ?2')"))?;
    let rows = done(machine, "import", &["--file", &file])?.rows();
    assert!(
        rows.iter().any(|row| row[0] == "Rezepte" && row[1].starts_with("1 revision that it")),
        "{rows:?}"
    );
    assert!(wiki.get("/Rezepte")?.ok()?.body.contains("Bergkäse"));
    wiki.write("Rezepte", "= Spätzle =\nMit Gruyère.\n")
}

fn what_is_no_file_of_pages_changes_nothing(machine: &Machine) -> Result<()> {
    let before = machine.sh(&format!("ls {DATA}/meta {DATA}/data | sha256sum"))?;
    let bomb = "<!DOCTYPE wiki [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]><wiki format=\"1\">&b;</wiki>";
    let page = |name: &str, item: &str| {
        let meta = format!(
            "{{\"name\":[\"{name}\"],\"namespace\":\"\",\"itemid\":\"{item}\",\"revid\":\"{}\",\"mtime\":1700000000,\"size\":1,\
             \"contenttype\":\"text/plain;charset=utf-8\",\"sha1\":\"11f6ad8ec52a2984abaafd7c3b516503785c2072\"}}",
            "a".repeat(32)
        );
        format!(
            "<wiki format=\"1\"><page><revision><meta>{meta}</meta><text>x</text></revision></page></wiki>"
        )
    };
    let item = "b".repeat(32);
    let (cut, leads_out) = (&page("Good", &item)[..300], page("../../etc/passwd", &item));
    for (content, why) in
        [(bomb, "document type"), (&leads_out, "is . or .."), (cut, "unclosed token"), ("PK", "syntax error")]
    {
        fs::write(machine.root().join("root/bad.xml"), content)?;
        let refused = act(machine, "import", &["--file", "file=/root/bad.xml"])?;
        assert!(!refused.done && refused.message().contains(why), "{why}: {}", refused.message());
        assert!(refused.message().contains("Nothing was changed"), "{}", refused.message());
    }
    assert_eq!(machine.sh(&format!("ls {DATA}/meta {DATA}/data | sha256sum"))?, before);

    // a page that pretends to be the administrator's account
    let find = "import glob,json; m=[json.load(open(f)) for f in glob.glob('/var/lib/moin/wiki/data/userprofiles/meta/*')]; \
                print([m['itemid'] for m in m if m['name']==['köchin']][0])";
    let account = machine.run(&["python3", "-c", find])?.text();
    fs::write(machine.root().join("root/bad.xml"), page("Pretender", account.trim()))?;
    done(machine, "import", &["--file", "file=/root/bad.xml"])?;
    assert!(signs_in(machine, "köchin", ADMIN)?, "the account has gone");
    Wiki::on(machine)?.get("/Pretender")?.ok().map(drop)
}

fn the_index_is_built_anew(machine: &Machine) -> Result<()> {
    let wiki = Wiki::on(machine)?;
    machine.sh("rm -r /var/lib/moin/wiki/index/*")?;
    assert_ne!(wiki.get("/Rezepte")?.status, 200, "the wiki needs no index?");
    done(machine, "rebuild-index", &[])?;
    assert!(wiki.get("/Rezepte")?.ok()?.body.contains("Gruyère"));
    assert!(wiki.finds("Gruy%C3%A8re", "Rezepte")?, "the search does not find what is there");
    // a damaged one, whose parts are of no use to anybody
    machine.sh("for f in /var/lib/moin/wiki/index/*; do head -c 100 /dev/urandom > $f; done")?;
    done(machine, "rebuild-index", &[])?;
    assert!(wiki.finds("Gruy%C3%A8re", "Rezepte")?);
    assert!(signs_in(machine, "köchin", ADMIN)?);
    Ok(())
}

fn damage_is_named_and_repaired(machine: &Machine) -> Result<()> {
    let whole = done(machine, "check-storage", &[])?;
    assert!(whole.message().contains("is whole"), "{}", whole.message());
    let newest = |page: &str| {
        let find = format!(
            "import glob,json; m=[json.load(open(f)) for f in glob.glob('{DATA}/meta/*')]; \
             m=max((m for m in m if m['name']==['{page}']), key=lambda m: m['mtime']); print(m['revid'], m['dataid'])"
        );
        let said = machine.run(&["python3", "-c", &find])?.text();
        let (revid, dataid) = said.trim().split_once(' ').context("no such page")?;
        anyhow::Ok((revid.to_owned(), dataid.to_owned()))
    };
    // of one page the metadata is cut off, of another the data of the newest revision is gone
    let (startseite, recipe) = (newest("Startseite")?, newest("Rezepte")?);
    machine.sh(&format!("cd {DATA} && truncate -s 20 meta/{} && rm data/{}", startseite.0, recipe.1))?;
    let checked = done(machine, "check-storage", &[])?;
    let damage = |page: &str| {
        checked.rows().into_iter().find(|row| row[0] == page).map(|row| row.join(" | ")).unwrap_or_default()
    };
    assert!(damage("Startseite").contains("again from the search index"), "{:?}", checked.rows());
    assert!(damage("Rezepte").contains("move it aside"), "{:?}", checked.rows());
    assert_eq!(
        machine.sh(&format!("stat -c %s {DATA}/meta/{}", startseite.0))?.trim(),
        "20",
        "the check has changed something"
    );

    let repaired = done(machine, "repair-storage", &[])?;
    assert!(repaired.message().contains("/var/lib/moin/damaged/"), "{}", repaired.message());
    machine.sh(&format!("ls /var/lib/moin/damaged/*/default/meta/{}", recipe.0))?;
    assert!(done(machine, "check-storage", &[])?.message().contains("is whole"));
    let wiki = Wiki::on(machine)?;
    assert!(wiki.get("/Startseite")?.ok()?.body.contains("Willkommen"), "the repaired page is not there");
    assert!(wiki.get("/Rezepte")?.ok()?.body.contains("Bergkäse"), "the revision before is not back");
    assert!(wiki.finds("Bergk%C3%A4se", "Rezepte")?);
    Ok(())
}

fn maintenance(machine: &mut Machine) -> Result<()> {
    done(machine, "maintenance-on", &["--set", "message=We move <house>.\nBack on Monday."])?;
    closed(machine)?;
    machine.run(&["appliance-configure", "health", "moinmoin"])?;
    machine.sh("appliance-control backup moinmoin -o /root/wiki.backup")?;
    machine.reboot()?;
    closed(machine)?;
    let figures = machine.sh("appliance-control plugin query moinmoin figures")?;
    assert!(figures.contains("Maintenance") && figures.contains("Revisions"), "{figures}");
    done(machine, "maintenance-off", &[])?;
    assert!(Wiki::on(machine)?.get("/Rezepte")?.ok()?.body.contains("Bergkäse"));
    // a backup that was made in between brings the pages back, and no maintenance
    machine.sh("appliance-control restore moinmoin /root/wiki.backup")?;
    Wiki::on(machine)?.get("/Rezepte")?.ok().map(drop)
}

/// A visitor is told to come again, and why.
fn closed(machine: &Machine) -> Result<()> {
    for path in ["/", "/Rezepte", "/+login"] {
        let page = format!("http://{}{path}", machine.address);
        let answer = Client::new()?.ask(&["--include", &page])?;
        assert_eq!(answer.status, 503, "{path}: {}", answer.body);
        assert!(
            answer.body.contains("Retry-After: 600") && answer.body.contains("We move &lt;house&gt;."),
            "{}",
            answer.body
        );
    }
    Ok(())
}

/// Pictures of the page, when they are asked for.
fn pictures(machine: &Machine) -> Result<()> {
    let Some(folder) = env::var_os("VAT_SCREENSHOTS").map(PathBuf::from) else { return Ok(()) };
    for (ending, width, height, dark) in
        [("", 1280, 900, false), ("-dark", 1280, 900, true), ("-phone", 390, 844, false)]
    {
        let browser = Browser::start(width, height, dark)?;
        sign_in(machine, &browser)?;
        browser.open(&url(machine, "/plugins/moinmoin"))?;
        browser.wait_for_text("In the last 30 days", SOON)?;
        browser.screenshot(&folder.join(format!("wiki{ending}.png")))?;
    }
    let browser = Browser::start(1280, 900, false)?;
    sign_in(machine, &browser)?;
    browser.open(&url(machine, "/plugins/moinmoin/data/users"))?;
    browser.wait_for_text("ada@example.org", SOON)?;
    browser.screenshot(&folder.join("wiki-accounts.png"))
}
