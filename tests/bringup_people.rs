//! Whom the bring-up server's lesson knows: demo identities, or the people of a file.
#![cfg(all(unix, feature = "board", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::{fs, process::Command};
use support::{
    Client,
    bringup::{Folder, bringup, end, parsed},
    example, upgrade_head,
};

const TEST001: &str = "/ws/sessions/TEST001/";

fn shown(cookie: &str) -> String {
    upgrade_head(TEST001, &format!("Cookie: {cookie}\r\n"))
}

/// What stands in the source would be a way in for everybody who can reach the address.
#[test]
fn the_demo_identities_are_for_loopback_alone() {
    // With a name of its own there is a proxy, which reaches a loopback address for others.
    for flags in [["--listen", "0.0.0.0:0"], ["--allow-host", "localhost"]] {
        let running = bringup(&flags);
        assert_eq!(Client::connect(running.addr).ask(&shown("sessionid=instructor1")).status, 403);
        assert_eq!(Client::connect(running.addr).get("/demo/instructor1").status, 404);
        let said = end(running);
        assert!(said.contains("loopback addresses only") && !said.contains("instructor1"), "{said}");
    }
    let running = bringup(&["--allow-host", "plant.example"]);
    let port = running.addr.port();
    let said = end(running);
    let at = format!("ws://plant.example:{port}/ws/monitor");
    assert!(said.contains(&at), "what is to be tried is called what it answers to: {said}");
}

/// A proxy on this machine that says `Host: 127.0.0.1:8000`, as many do, comes in like a client of this machine; but it says that it asks for another.
#[test]
fn no_proxy_speaks_for_demo_identities() {
    let running = bringup(&[]);
    for header in
        ["X-Forwarded-For: 192.0.2.7", "Forwarded: for=192.0.2.7", "Via: 1.1 proxy", "X-Real-IP: 192.0.2.7"]
    {
        let page = format!("GET /demo/instructor1 HTTP/1.1\r\nHost: {}\r\n{header}\r\n\r\n", running.addr);
        let cookie = format!("Cookie: sessionid=instructor1\r\n{header}\r\n");
        for request in [page, upgrade_head(TEST001, &cookie)] {
            let answer = Client::connect(running.addr).ask(&request);
            assert_eq!((answer.status, answer.header("set-cookie")), (403, None), "{request}");
            assert!(answer.text().contains("--identities"), "{}", answer.text());
        }
    }
    let folder = Folder::new("identities-proxy");
    let file = folder.file("people.json");
    fs::write(&file, r#"[{"secret": "k3J9x0pQ7v", "id": 17, "roles": ["STUDENT"]}]"#).unwrap();
    let running = bringup(&["--identities", &file]);
    let known = upgrade_head(TEST001, "Cookie: sessionid=k3J9x0pQ7v\r\nX-Forwarded-For: 192.0.2.7\r\n");
    assert_eq!(Client::connect(running.addr).ask(&known).status, 101, "people of a file come from anywhere");
}

/// A browser becomes somebody by a link, and nobody again.
#[test]
fn a_browser_signs_in_by_a_link() {
    let running = bringup(&[]);
    for (who, cookie) in [
        ("student1", "sessionid=student1"),
        ("student2", "sessionid=student2"),
        ("instructor1", "sessionid=instructor1"),
        ("nobody", "sessionid=; Max-Age=0"),
    ] {
        let answer = Client::connect(running.addr).get(&format!("/demo/{who}"));
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
        let expected = format!("{cookie}; Path=/; HttpOnly; SameSite=Lax");
        assert_eq!(answer.header("set-cookie"), Some(&*expected));
        assert_eq!(
            answer.header("cache-control"),
            Some("no-store"),
            "or the next one would not be asked for"
        );
        let (sent, _) = cookie.split_once(';').unwrap_or((cookie, ""));
        let status = if who == "nobody" { 403 } else { 101 };
        assert_eq!(Client::connect(running.addr).ask(&shown(sent)).status, status, "{who}");
    }
    assert_eq!(Client::connect(running.addr).get("/demo/principal").status, 404);
}

/// They come from everywhere, and the demo identities are off.
#[test]
fn a_file_says_who_may_come() {
    let folder = Folder::new("identities");
    let file = folder.file("people.json");
    let people = r#"[{"secret": "k3J9x0pQ7v", "id": 17, "name": "김학생", "roles": ["STUDENT"]},
        {"secret": "9fQm2LsT4c", "id": 30, "name": "박강사", "roles": ["INSTRUCTOR"]}, {"secret": "guest", "id": 1}]"#;
    fs::write(&file, people).unwrap();
    let running = bringup(&["--identities", &file, "--listen", "0.0.0.0:0"]);
    let mut instructor = Client::connect(running.addr);
    assert_eq!(instructor.ask(&shown("sessionid=9fQm2LsT4c")).status, 101);
    let mut student = Client::connect(running.addr);
    assert_eq!(student.ask(&shown("sessionid=k3J9x0pQ7v")).status, 101);
    let came = parsed(&instructor.take_text());
    assert_eq!((&came["user_id"], &came["role"]), (&17.into(), &"STUDENT".into()));
    for cookie in ["sessionid=student1", "sessionid=instructor1", "sessionid=guest"] {
        assert_eq!(Client::connect(running.addr).ask(&shown(cookie)).status, 403, "{cookie}");
    }
    assert_eq!(Client::connect(running.addr).get("/demo/instructor1").status, 404);
    let said = end(running);
    assert!(said.contains("for the people of --identities") && !said.contains("instructor1"), "{said}");
}

/// As --help shows it, so does the README, and it is what is read.
#[test]
fn the_form_of_a_file_is_the_same_everywhere() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (_, form) = readme.split_once("```json\n").unwrap();
    let form = form.split("```").next().unwrap();
    let help = Command::new(example("bringup")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap().replace("\n  ", "\n");
    assert!(help.contains(form), "{help}");
    let folder = Folder::new("identities-form");
    fs::write(folder.file("people.json"), form).unwrap();
    let running = bringup(&["--identities", &folder.file("people.json")]);
    assert_eq!(
        Client::connect(running.addr).ask(&shown("sessionid=47b0e2d95c1a4f86b3d8e07f5a29c16e")).status,
        101
    );
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let folder = Folder::new("identities-wrong");
    let file = folder.file("people.json");
    for (json, words) in [
        ("[", "it is no JSON: EOF while parsing a list at line 1 column 1"),
        (r#"{"secret": "a"}"#, "expected a list of entries, [{..}, ..]: see --help"),
        ("[[]]", "entry 1: expected an object with `secret` and `id`"),
        (
            r#"[{"secret": "a", "id": 1}, {"id": 2}]"#,
            "entry 2: `secret` is missing: expected a text, random and long",
        ),
        (r#"[{"secret": 1, "id": 1}]"#, "entry 1: `secret`: expected a text"),
        (
            r#"[{"secret": "a b", "id": 1}]"#,
            r#"entry 1: `secret`: expected visible ASCII characters other than " , ; \, since it is a cookie's value"#,
        ),
        (
            r#"[{"secret": "a", "id": "x"}]"#,
            "entry 1: `id`: expected a whole number, by which lessons know people",
        ),
        (r#"[{"secret": "a", "id": 1, "name": 2}]"#, "entry 1: `name`: expected a text"),
        (
            r#"[{"secret": "a", "id": 1, "roles": "STUDENT"}]"#,
            r#"entry 1: `roles`: expected a list of texts, such as ["STUDENT"]"#,
        ),
        (
            r#"[{"secret": "a", "id": 1, "role": "STUDENT"}]"#,
            "entry 1: `role` is not known: expected `secret`, `id`, `name` and `roles`",
        ),
        (
            r#"[{"secret": "a", "id": 1}, {"secret": "a", "id": 2}]"#,
            "entry 2: `secret`: expected another than that of an entry before it",
        ),
    ] {
        fs::write(&file, json).unwrap();
        let output = Command::new(example("bringup")).args(["--identities", &file]).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(complaint.trim_end(), format!("bringup: --identities {file}: {words}"));
        assert_eq!(output.status.code(), Some(2));
    }
    let output = Command::new(example("bringup")).args(["--identities", "/nowhere"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("--identities /nowhere: cannot be read: "));
    assert_eq!(output.status.code(), Some(2));
}
