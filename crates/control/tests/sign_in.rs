//! The door and the account's page over real TLS, with a fake broker behind them.

mod client;
mod fake;

use broker_protocol::Work;
use client::{FORM, Page, Reply, certificate_for, cookie};
use fake::{ADMINISTRATOR, CSRF, VIEWER, accounts};

const JSON: &str = "Accept: application/json";

fn post(page: &Page, path: &str, headers: &[&str], form: &str) -> Reply {
    let all: Vec<&str> = [FORM].into_iter().chain(headers.iter().copied()).collect();
    page.request("POST", path, &all, form.as_bytes())
}

#[test]
fn a_password_signs_in_and_a_second_factor_is_asked_for() {
    let page = Page::start();
    let door = page.request("GET", "/sign-in", &[], b"").text();
    assert!(door.contains("name=\"password\"") && door.contains("sudo appliance-control link"));
    let signed = post(&page, "/sign-in", &[], "name=bob&password=right");
    assert_eq!((signed.status, signed.header("location")), (303, Some("/")));
    let expected = format!("__Host-appliance-session={VIEWER}; Path=/; Secure; HttpOnly; SameSite=Strict");
    assert_eq!(signed.header("set-cookie"), Some(expected.as_str()));

    let half = post(&page, "/sign-in", &[], "name=ada&password=right");
    assert!(
        half.header("set-cookie").is_none() && half.status == 200 && half.text().contains("one-time-code")
    );
    let give =
        |code: &str| post(&page, "/sign-in/code", &[], &format!("token={}&code={code}", accounts::SIGN_IN));
    let wrong = give("000000");
    assert_eq!(wrong.status, 401);
    assert!(wrong.header("set-cookie").is_none() && wrong.text().contains(accounts::SIGN_IN));
    assert!(give(accounts::CODE).header("set-cookie").unwrap().contains(ADMINISTRATOR));
    for token in ["", "made-up-token-000000000", "%22%3E%3Cscript%3Ealert(1)"] {
        let late = post(&page, "/sign-in/code", &[], &format!("token={token}&code=123456"));
        assert!(
            late.status == 401
                && late.text().contains("Begin again")
                && !late.text().contains("<script>alert")
        );
    }
}

#[test]
fn what_is_wrong_lets_nobody_in_and_shows_little() {
    let page = Page::start();
    for (form, status, says) in [
        ("name=mallory&password=right", 401, "do not fit together"),
        ("name=bob&password=wrong", 401, "do not fit together"),
        ("name=often&password=right", 429, "Try again in 60 seconds"),
        ("name=old&password=right", 403, "does not let this account in"),
        ("", 401, "do not fit together"),
        ("name=%3Cscript%3Ealert(1)&password=x", 401, "do not fit together"),
    ] {
        for headers in [&[][..], &[JSON]] {
            let reply = post(&page, "/sign-in", headers, form);
            let text = reply.text();
            assert_eq!(reply.status, status, "{form}");
            assert!(reply.header("set-cookie").is_none() && text.contains(says), "{form}: {text}");
            assert!(!text.contains("<script>alert") && !text.contains("wrong\""), "{form}: {text}");
        }
    }
    // a password in the field of the name is not shown again when it cannot be a name
    let long = "correct horse battery staple and more".replace(' ', "+");
    assert!(!post(&page, "/sign-in", &[], &format!("name={long}&password=x")).text().contains("staple"));
    // forms of other sites, and large ones
    for header in ["Origin: https://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"] {
        for (path, form) in [
            ("/sign-in", "name=bob&password=right"),
            ("/sign-in/code", "token=sign-in-that-waits-00000001&code=123456"),
        ] {
            let reply = post(&page, path, &[header], form);
            assert!(reply.status == 403 && reply.header("set-cookie").is_none(), "{path} with {header}");
        }
    }
    assert_eq!(post(&page, "/sign-in", &[], &format!("name={}", "x".repeat(5000))).status, 413);
    assert_eq!(page.request("GET", "/sign-in?name=bob&password=right", &[], b"").header("set-cookie"), None);
}

#[test]
fn json_passes_the_same_gate() {
    let page = Page::start();
    let half = post(&page, "/sign-in", &[JSON], "name=ada&password=right");
    let said: serde_json::Value = serde_json::from_slice(&half.body).unwrap();
    assert!(half.status == 202 && said["code_needed"] == accounts::SIGN_IN);
    assert!(half.header("set-cookie").is_none());
    // what the password gave opens nothing
    let token = accounts::SIGN_IN;
    for path in ["/account", "/", "/tasks"] {
        assert_eq!(page.request("GET", path, &[&cookie(token), JSON], b"").status, 401, "{path}");
    }
    let basic = "Authorization: Basic YWRhOnJpZ2h0";
    assert_eq!(page.request("GET", "/account", &[basic, JSON], b"").status, 401);
    let form = format!("token={token}&code={}", accounts::CODE);
    let signed = post(&page, "/sign-in/code", &[JSON], &form);
    let who: serde_json::Value = serde_json::from_slice(&signed.body).unwrap();
    assert!(who["name"] == "ada" && signed.header("set-cookie").is_some());
}

#[test]
fn sessions_and_the_second_factor_are_on_the_accounts_page() {
    let page = Page::start();
    let viewer = page.get("/account", VIEWER).text();
    assert!(viewer.contains("Set it up") && !viewer.contains("Who may sign in"), "{viewer}");
    let ada = page.get("/account", ADMINISTRATOR).text();
    for part in ["2 recovery codes", "Few recovery codes", "This one", "from 192.0.2.7", "it has expired"] {
        assert!(ada.contains(part), "{part}: {ada}");
    }
    assert!(!ada.contains("<script>alert"));
    let post = |path: &str, form: &str| page.post(path, ADMINISTRATOR, &format!("csrf={CSRF}&{form}"));
    assert_eq!(post("/account/sessions", "").status, 400);
    for form in ["which=one&id=00000003", "which=own-others", "which=others"] {
        assert_eq!(post("/account/sessions", form).header("location"), Some("/account"), "{form}");
    }
    assert_eq!(post("/account/viewers", "account=eve").status, 400);
    assert_eq!(post("/account/viewers", "account=eve&may=yes").status, 303);
    let started = page.fake.state(|s| s.started.pop());
    assert_eq!(started, Some(Work::Viewer { account: "eve".into(), may: true }));

    let begun = post("/account/codes", "").text();
    assert!(begun.contains("JBSW Y3DP EHPK 3PXP") && begun.contains("<svg class=\"qr\""), "{begun}");
    assert!(begun.contains("otpauth://totp/wiki:bob?secret="));
    assert_eq!(post("/account/codes/confirm", "code=1").status, 400);
    let codes = post("/account/codes/confirm", &format!("code={}", accounts::CODE));
    assert!(
        codes.text().contains("abcd-efgh-ijkl-mno9") && codes.header("cache-control") == Some("no-store")
    );
    assert_eq!(post("/account/codes/end", "code=1").status, 400);
    assert_eq!(post("/account/codes/end", &format!("code={}", accounts::CODE)).status, 303);
}

#[test]
fn a_certificate_is_checked_before_it_is_taken_and_served_at_once() {
    let page = Page::start();
    let upload = |chain: &str, key: &str, csrf: &str| {
        let boundary = "b0undary";
        let part = |name: &str, file: &str, content: &str| {
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n"
            )
        };
        let body = part("csrf", "", csrf)
            + &part("chain", "; filename=\"chain.pem\"", chain)
            + &part("key", "; filename=\"key.pem\"", key)
            + &format!("--{boundary}--\r\n");
        let kind = format!("Content-Type: multipart/form-data; boundary={boundary}");
        page.request("POST", "/certificate", &[&cookie(ADMINISTRATOR), &kind], body.as_bytes())
    };
    let shown = page.get("/certificate", ADMINISTRATOR).text();
    assert!(shown.contains("Made by the machine"), "{shown}");
    let refused = upload("rubbish <b>", "rubbish", CSRF);
    assert!(refused.text().contains("Nothing was changed") && !refused.text().contains("rubbish"));
    let (chain, key) = certificate_for("wiki");
    assert_eq!(upload(&chain, &key, "wrong").status, 403);
    assert!(upload(&chain, &certificate_for("wiki").1, CSRF).text().contains("does not belong"));
    let (stranger, its_key) = certificate_for("evil.example");
    assert!(upload(&stranger, &its_key, CSRF).text().contains("none of this machine"));
    let before = page.shown();
    assert_eq!(page.shown(), before);
    assert_eq!(upload(&chain, &key, CSRF).status, 303);
    let after = page.shown();
    assert_ne!(after, before, "the new one is not shown");
    let json = page.request("GET", "/certificate", &[&cookie(ADMINISTRATOR), JSON], b"").text();
    assert!(json.contains("\"own\":true"), "{json}");
    let overview = page.get("/", ADMINISTRATOR).text();
    assert!(overview.contains("The certificate of this page expires in"), "{overview}");
    assert_eq!(page.post("/certificate/remove", ADMINISTRATOR, &format!("csrf={CSRF}")).status, 303);
    assert_eq!(page.shown(), before);
}
