//! Which pages come in, and under which names of the machine (ALL-5).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{Event, EventMask, MountOptions, Now, RefusalCause, Request, Server};
use support::{Client, echo, start, upgrade_head};

fn from_page(path: &str, host: &str, origin: &str) -> String {
    upgrade_head(path, &format!("Origin: {origin}\r\n")).replace("Host: localhost", &format!("Host: {host}"))
}

#[test]
fn a_name_that_is_not_this_machines_is_no_way_in_on_an_address_of_its_own() {
    let (server, addr) = start(Server::builder().mount("/ws", echo));
    let mut client = Client::connect(addr);
    let answer = client.ask("GET /healthz HTTP/1.1\r\nHost: evil.example:8000\r\n\r\n");
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("Host"), "{}", answer.text());
    assert_eq!(client.ask(&from_page("/ws", "evil.example", "http://evil.example")).status, 403);
    assert_eq!(client.get("/healthz").status, 200);
    let anywhere = from_page("/ws", "127.0.0.1:9", "http://anywhere.example");
    assert_eq!(client.ask(&anywhere).status, 101, "every page, by default");
    assert_eq!(server.stats().refused_host, 2);

    let builder = Server::builder().mount("/ws", echo).allow_host("plc.local");
    let (_server, addr) = start(builder);
    let mut client = Client::connect(addr);
    assert_eq!(client.get("/healthz").status, 403, "the list stands for itself");
    assert_eq!(client.ask(&from_page("/ws", "PLC.local:8000", "null")).status, 101);
}

#[test]
fn pages_of_listed_origins_come_in_and_others_get_403() {
    let gate = |_: Now, _: &Request<'_>| panic!("asked about a stranger's page");
    let options = MountOptions::new().gate(gate);
    let builder = Server::builder()
        .allow_origin("https://panel.example")
        .mount("/ws", echo)
        .mount_with("/gated", options, echo)
        .events(EventMask::REFUSALS);
    let (mut server, addr) = start(builder);
    let mut client = Client::connect(addr);
    for path in ["/ws", "/gated"] {
        let answer = client.ask(&from_page(path, "localhost", "http://panel.example"));
        assert_eq!(answer.status, 403);
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let healthz =
        |origin: &str| format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\r\n");
    assert_eq!(client.ask(&healthz("https://evil.example")).status, 403);
    assert_eq!(client.get("/healthz").status, 200, "no page");
    let answer = client.ask(&healthz("https://panel.example"));
    assert_eq!((answer.status, answer.header("vary")), (200, Some("Origin")));
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://panel.example"));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    let answer = client.ask(
        "OPTIONS /healthz HTTP/1.1\r\nHost: localhost\r\nOrigin: https://panel.example\r\n\
         Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: x-one, x-two\r\n\r\n",
    );
    assert_eq!((answer.status, answer.header("access-control-allow-methods")), (204, answer.header("allow")));
    assert_eq!(answer.header("access-control-allow-headers"), Some("x-one, x-two"));
    assert_eq!(client.ask(&from_page("/ws", "localhost", "https://PANEL.example:443")).status, 101);
    assert_eq!(server.stats().refused_origin, 3);
    let events = server.events().unwrap();
    let event = events.try_recv().unwrap();
    let Event::Refused { cause: RefusalCause::Origin, mount, .. } = event else { panic!("{event:?}") };
    assert_eq!(mount, server.mount("/ws"));
}

#[test]
fn a_mount_may_ask_for_pages_of_its_own_host() {
    let options = MountOptions::new().same_origin();
    let builder = Server::builder().mount_with("/own", options, echo).mount("/all", echo);
    let (_server, addr) = start(builder);
    for (path, origin, status) in [
        ("/own", "http://localhost:81", 403),
        ("/own", "http://evil.example", 403),
        ("/all", "http://evil.example", 101),
        ("/own", "http://localhost", 101),
    ] {
        assert_eq!(
            Client::connect(addr).ask(&from_page(path, "localhost", origin)).status,
            status,
            "{path} {origin}"
        );
    }
    assert_eq!(Client::connect(addr).ask(&upgrade_head("/own", "")).status, 101, "no browser");
    let answer =
        Client::connect(addr).ask("GET /healthz HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n\r\n");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}
