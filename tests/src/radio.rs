//! A plugin that does good and bad on request: what it does is the name of its action. Its package is made here, and installed by dpkg.

use anyhow::{Context, Result};
use exec::Program;
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt};
use testbed::Machine;

/// A probe of the sandbox from inside: what works, one word a line, as the rows of a table.
const PROBE: &str = r#"#!/usr/bin/python3
import json, os, signal, socket, sys
can = []
def attempt(name, f):
    try:
        f(); can.append(name)
    except Exception: pass
def connect(path):
    s = socket.socket(socket.AF_UNIX); s.connect(path)
def net():
    s = socket.socket(socket.AF_INET); s.settimeout(2); s.connect(("127.0.0.1", 8099))
attempt("read-secret", lambda: open("/var/lib/appliances/radio/secrets/key").read())
attempt("read-own-secret", lambda: open(os.environ["CREDENTIALS_DIRECTORY"] + "/key").read())
attempt("read-ssh", lambda: os.listdir("/etc/ssh")[0])
attempt("read-shadow", lambda: open("/etc/shadow").read()[0])
attempt("read-log", lambda: open("/var/log/apt/term.log").read()[0])
attempt("read-sessions", lambda: os.listdir("/var/lib/appliance-broker/sessions"))
attempt("write-etc", lambda: open("/etc/probe", "w").close())
attempt("write-usr", lambda: open("/usr/probe", "w").close())
attempt("write-own", lambda: open("/srv/radio/probe", "w").close())
attempt("write-record", lambda: [open(os.path.join(d, "task.json"), "a").close() for d, _, f in os.walk("/var/lib/appliance-broker/tasks") if "task.json" in f][0])
attempt("network", net)
attempt("manager", lambda: connect("/run/systemd/private"))
attempt("bus", lambda: connect("/run/dbus/system_bus_socket"))
attempt("broker", lambda: connect("/run/appliance-broker.socket"))
attempt("signal", lambda: os.kill(int(open("/run/victim.pid").read()), 0))
attempt("see-others", lambda: [p for p in os.listdir("/proc") if p.isdigit() and b"victim" in open(f"/proc/{p}/cmdline", "rb").read()][0])
attempt("mount", lambda: os.unshare(0x00020000))
print(json.dumps({"event": "table", "columns": ["can"], "rows": [[c] for c in can]}))
print(json.dumps({"event": "result", "status": "ok", "message": "probed"}), flush=True)
"#;

/// Speaks the protocol well; what it does is its action's name.
const RADIO: &str = r#"#!/usr/bin/python3
import hashlib, json, os, signal, sys, time
def say(**frame): print(json.dumps(frame), flush=True)
given = json.loads(sys.stdin.readline())
what = os.environ.get("ACTION") or os.environ["QUERY"]
evil = "\x1b[2J<b>bold</b>\u202e"
if what == "numbers":
    say(event="fact", label="Stations" + evil, value="3")
elif what == "stations":
    names = [f"station-{n}" for n in range(500) if given["search"] in f"station-{n}"]
    first = (given["page"] - 1) * given["rows"]
    say(event="table", columns=["Name"], rows=[[n] for n in names[first:first + given["rows"]]], total=len(names))
elif what == "choices":
    for n in open("/srv/radio/choices").read().split(): say(event="choice", value=n, text="Station " + n)
elif what == "hang":
    time.sleep(600)
elif what == "flood":
    while True: say(event="fact", label="x" * 1000, value="y")
elif what == "tune":
    say(event="phase", id="tune", title="Tuning" + evil)
    say(event="table", columns=["Given" + evil], rows=[[json.dumps(given["parameters"], sort_keys=True)]])
    say(event="text", title="Report", text="line one" + evil + "\nline two")
    open(os.environ["ARTIFACTS_DIRECTORY"] + "/log.txt", "w").write("heard")
    say(event="artifact", name="log.txt", title="The log")
    say(event="secret", label="Key of the station", value="correct-horse-battery")
    say(event="log", line="by mistake: correct-horse-battery")
    say(event="restart", unit="radio.service")
elif what == "spoil":
    os.chdir("/var/lib/appliance-broker/tasks")
    os.chdir(os.listdir(".")[0])
    os.rename("artifacts", "aside"); os.symlink("/etc", "artifacts")
    os.rename("events.jsonl", "said"); os.mkfifo("events.jsonl")
elif what == "slow":
    say(event="phase", id="slow", title="Slow")
    while not os.path.exists("/srv/radio/go"): time.sleep(0.1)
elif what == "receive":
    hash = hashlib.sha256()
    with open(given["parameters"]["recording"], "rb") as f:
        while piece := f.read(1 << 20): hash.update(piece)
    say(event="log", line=hash.hexdigest())
    while not os.path.exists("/srv/radio/go"): time.sleep(0.1)
elif what == "send":
    hash = hashlib.sha256()
    with open(os.environ["ARTIFACTS_DIRECTORY"] + "/recording", "wb") as f:
        for n in range(int(given["parameters"]["mib"])):
            piece = n.to_bytes(8, "big") * (1 << 17)
            hash.update(piece); f.write(piece)
    say(event="artifact", name="recording")
    say(event="log", line=hash.hexdigest())
    while not os.path.exists("/srv/radio/go"): time.sleep(0.1)
elif what == "garbage":
    print("\x1b[2J no frame", flush=True); time.sleep(600)
elif what == "elsewhere":
    say(event="restart", unit="cron.service"); time.sleep(60)
say(event="result", status="ok", message="done " + what)
"#;

pub fn action(name: &str, more: Value) -> Value {
    let mut action = json!({ "name": name, "title": format!("Do {name}"), "run": "radio", "role": "administrator", "user": "nobody",
        "writable": ["/srv/radio"] });
    let fields = action.as_object_mut().map(|o| (o, more.as_object().cloned().unwrap_or_default()));
    fields.into_iter().for_each(|(object, more)| object.extend(more));
    action
}

fn query(name: &str, more: Value) -> Value {
    let mut query = json!({ "name": name, "title": format!("Look at {name}"), "run": "radio", "user": "nobody", "cache": 0 });
    let fields = query.as_object_mut().map(|o| (o, more.as_object().cloned().unwrap_or_default()));
    fields.into_iter().for_each(|(object, more)| object.extend(more));
    query
}

pub fn manifest(name: &str, version: &str, actions: Vec<Value>) -> Value {
    json!({
        "version": 1, "name": name, "title": format!("The {name}"), "package-version": version, "services": ["radio.service"],
        "cards": [{ "title": "Numbers", "query": "numbers" }, { "title": "About", "facts": [{ "label": "Frequency", "value": "100.1" }] }],
        "queries": [query("numbers", json!({})), query("stations", json!({ "search": true })), query("choices", json!({})),
                    query("hang", json!({ "timeout": 2 })), query("flood", json!({ "role": "administrator" }))],
        "actions": actions,
    })
}

pub fn actions() -> Vec<Value> {
    let station = json!([{ "name": "station", "type": "select", "choices-from": "choices" },
        { "name": "note", "type": "text", "optional": true }, { "name": "loud", "type": "boolean" },
        { "name": "bands", "type": "multiselect", "choices": ["am", "fm"], "optional": true }]);
    vec![
        action(
            "tune",
            json!({ "parameters": station, "restarts": ["radio.service"], "confirm": "Everybody will hear it." }),
        ),
        action("slow", json!({ "timeout": 600, "memory": 64 })),
        action("garbage", json!({})),
        action("spoil", json!({ "user": "root" })),
        action("elsewhere", json!({ "restarts": ["radio.service"] })),
        action("receive", json!({ "parameters": [{ "name": "recording", "type": "file" }] })),
        action("send", json!({ "parameters": [{ "name": "mib", "type": "number", "min": 1 }] })),
        action("probe", json!({ "run": "probe" })),
        action("probe-root", json!({ "run": "probe", "user": "root" })),
        action(
            "probe-given",
            json!({ "run": "probe", "user": "root", "network": true, "secrets": ["key"], "readable": ["/etc/ssh"] }),
        ),
    ]
}

/// The package of a plugin, in the machine's /root.
pub fn package(machine: &Machine, name: &str, version: &str, manifest: &Value) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let tree = folder.path().join("tree");
    let write = |path: String, text: &str, mode| -> Result<()> {
        let file = tree.join(path);
        fs::create_dir_all(file.parent().context("no folder")?)?;
        fs::write(&file, text)?;
        Ok(fs::set_permissions(&file, fs::Permissions::from_mode(mode))?)
    };
    let programs = format!("usr/lib/appliance-control/plugins/{name}");
    write(format!("usr/share/appliance-control/plugins/{name}.json"), &manifest.to_string(), 0o644)?;
    write(format!("{programs}/radio"), RADIO, 0o755)?;
    write(format!("{programs}/probe"), PROBE, 0o755)?;
    let control = format!(
        "Package: appliance-control-{name}\nVersion: {version}\nArchitecture: all\nMaintainer: A Test <test@example.org>\nDescription: of a test\n"
    );
    write("DEBIAN/control".into(), &control, 0o644)?;
    let deb = machine.root().join(format!("root/{name}-{version}.deb"));
    Program::new("dpkg-deb").args(["--root-owner-group", "-b"]).arg(&tree).arg(&deb).run()?;
    machine.run(&["dpkg", "-i", &format!("/root/{name}-{version}.deb")])?;
    Ok(())
}
