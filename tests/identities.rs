//! Who may come in, over real sockets: tables of identities, chains, roles, revocation, and what a page of a stranger may not do.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use andon::{
    AskHost, Decision, Event, EventMask, Gate, Handle, Identity, IdentityTable, Method, MountOptions,
    RefusalCause, Response, RouteContext, RouteOptions, Server, Setup,
};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};
use support::{Answer, Client, PATIENCE, Script, start, upgrade_head};

/// A contract that tells each client, first of all, who it is and by which subprotocol.
fn tell(_: &mut Setup<'_>) -> Script {
    Script::new().opened(|fx, peer, hello| {
        let who = hello.identity.subject().unwrap_or("anonymous");
        fx.send(peer, &format!("{who} {}", hello.subprotocol.unwrap_or("-")));
    })
}

/// A route that says who asks.
fn whoami(context: &RouteContext<'_>, _: &andon::Request<'_>, _: &[u8]) -> Response {
    Response::text(200, context.identity.subject().unwrap_or("anonymous").to_owned())
}

fn gated(gate: impl Gate + 'static) -> MountOptions {
    MountOptions::new().gate(gate)
}

/// Asks for a WebSocket with these header lines.
#[track_caller]
fn ask(addr: SocketAddr, path: &str, lines: &str) -> (Client, Answer) {
    let mut client = Client::connect(addr);
    client.send(upgrade_head(path, lines));
    let answer = client.answer_head();
    (client, answer)
}

#[track_caller]
fn open(addr: SocketAddr, path: &str, lines: &str, expected: &str) -> Client {
    let (mut client, answer) = ask(addr, path, lines);
    assert_eq!(answer.status, 101, "{}", answer.head);
    client.expect_text(expected);
    client
}

#[track_caller]
fn refused(addr: SocketAddr, path: &str, lines: &str) -> Answer {
    let mut client = Client::connect(addr);
    let answer = client.ask(&upgrade_head(path, lines));
    assert_eq!(answer.status, 403, "{}", answer.head);
    answer
}

fn table() -> IdentityTable {
    let table = IdentityTable::new();
    table.insert("s-17", Identity::new("17").with_role("STUDENT")).unwrap();
    table.insert("s-99", Identity::new("99").with_role("INSTRUCTOR")).unwrap();
    table
}

#[test]
fn one_table_serves_mounts_and_routes_by_the_places_that_each_chooses() {
    let table = table();
    let (_server, addr) = start(
        Server::builder()
            .mount_with("/cookie", gated(table.clone().cookies()), tell)
            .mount_with("/token", gated(table.clone().bearer().query("token")), tell)
            .mount_with("/offer", gated(table.clone().subprotocol()).subprotocol("chat"), tell)
            .route_with_gate(Method::Get, "/who", table.clone().bearer().challenge("Bearer"), whoami),
    );
    open(addr, "/cookie", "Cookie: theme=dark\r\ncookie: sessionid=s-17\r\n", "17 -");
    open(addr, "/token", "Authorization: Bearer s-99\r\n", "99 -");
    open(addr, "/token?token=s%2D17", "", "17 -");
    for (path, lines) in [
        ("/cookie", ""),
        ("/cookie", "Cookie: sessionid=nobody\r\n"),
        ("/cookie", "Authorization: Bearer s-17\r\n"),
        ("/cookie?token=s-17", ""),
        ("/token", "Cookie: sessionid=s-17\r\n"),
    ] {
        let answer = refused(addr, path, lines);
        assert!(!answer.text().contains("s-17") && !answer.text().contains("nobody"), "{}", answer.text());
    }
    assert!(refused(addr, "/cookie", "").text().contains("the cookie sessionid"), "it says what is expected");

    let mut client = Client::connect(addr);
    let mut who = |lines: &str| client.ask(&format!("GET /who HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n"));
    let answer = who("Authorization: Bearer s-17\r\n");
    assert_eq!((answer.status, answer.text()), (200, "17"));
    let answer = who("");
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")));
}

/// Browsers fail a connection when none of the subprotocols that they offer is agreed on.
#[test]
fn a_token_among_the_subprotocols_is_agreed_on_without_being_repeated() {
    let (_server, addr) = start(
        Server::builder()
            .mount_with("/gated", gated(table().subprotocol()).subprotocol("chat"), tell)
            .mount("/open", tell),
    );
    for (offered, agreed) in [
        ("andon.bearer, s-17", "andon.bearer"),
        ("andon.bearer, s-17, chat", "chat"),
        ("chat, andon.bearer, s-17", "chat"),
        ("andon.bearer, s-17, unheard-of", "andon.bearer"),
    ] {
        let (mut client, answer) = ask(addr, "/gated", &format!("Sec-WebSocket-Protocol: {offered}\r\n"));
        assert_eq!((answer.status, answer.header("sec-websocket-protocol")), (101, Some(agreed)));
        assert!(!answer.head.contains("s-17"), "{}", answer.head);
        client.expect_text(&format!("17 {agreed}"));
    }
    refused(addr, "/gated", "Sec-WebSocket-Protocol: andon.bearer, nobody\r\n");
    refused(addr, "/gated", "Sec-WebSocket-Protocol: chat\r\n");
    let (_, answer) = ask(addr, "/open", "Sec-WebSocket-Protocol: andon.bearer, s-17\r\n");
    assert_eq!(answer.header("sec-websocket-protocol"), None, "nobody there speaks it");
}

#[test]
fn what_knows_clients_by_a_cookie_is_by_default_for_pages_of_its_own_host() {
    let cookies = || table().cookies();
    let (server, addr) = start(
        Server::builder()
            .allow_origin("http://panel.example")
            .mount_with("/cookie", gated(cookies()), tell)
            .mount_with("/optional", gated(table().bearer().or(cookies()).optional()), tell)
            .route_with_gate(Method::Post, "/who", cookies(), whoami)
            .route_with(Method::Post, "/any", RouteOptions::new().gate(cookies()).any_origin(), whoami),
    );
    let line = |origin: &str| format!("Cookie: sessionid=s-17\r\nOrigin: {origin}\r\n");
    for path in ["/cookie", "/optional"] {
        open(addr, path, &line("http://localhost"), "17 -");
        open(addr, path, &line("http://panel.example"), "17 -");
        open(addr, path, "Cookie: sessionid=s-17\r\n", "17 -");
        refused(addr, path, &line("http://evil.example"));
    }
    let post = |path: &str, origin: &str| {
        let request = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", line(origin));
        Client::connect(addr).ask(&request).status
    };
    assert_eq!(post("/who", "http://localhost"), 200);
    assert_eq!(post("/who", "http://evil.example"), 403);
    drop(server);

    // Without a list, everyone may use what asks for no cookie, or what says so.
    let (_server, addr) = start(
        Server::builder()
            .mount_with("/cookie", gated(cookies()), tell)
            .mount_with("/any", gated(cookies()).any_origin(), tell)
            .mount_with("/bearer", gated(table().bearer()), tell)
            .route_with(Method::Post, "/any", RouteOptions::new().gate(cookies()).any_origin(), whoami),
    );
    refused(addr, "/cookie", &line("http://evil.example"));
    open(addr, "/any", &line("http://evil.example"), "17 -");
    open(addr, "/bearer", "Authorization: Bearer s-17\r\nOrigin: http://evil.example\r\n", "17 -");
    let request = format!("POST /any HTTP/1.1\r\nHost: localhost\r\n{}\r\n", line("http://evil.example"));
    assert_eq!(Client::connect(addr).ask(&request).status, 200);
}

#[test]
fn roles_are_demanded_of_mounts_and_routes() {
    let table = table().cookies();
    table.insert("s-1", Identity::new("1").with_role("ADMIN")).unwrap();
    let instructors = || gated(table.clone()).role("INSTRUCTOR").role("ADMIN");
    let (mut server, addr) = start(
        Server::builder().events(EventMask::REFUSALS).mount_with("/steer", instructors(), tell).route_with(
            Method::Get,
            "/steer",
            RouteOptions::new().gate(table.clone()).role("INSTRUCTOR"),
            whoami,
        ),
    );
    let events = server.events().unwrap();
    open(addr, "/steer", "Cookie: sessionid=s-99\r\n", "99 -");
    open(addr, "/steer", "Cookie: sessionid=s-1\r\n", "1 -");
    let answer = refused(addr, "/steer", "Cookie: sessionid=s-17\r\n");
    assert!(answer.text().contains("role"), "{}", answer.text());
    let mount = server.handle().mount("/steer");
    match events.recv_timeout(PATIENCE).unwrap() {
        Event::Refused { cause: RefusalCause::Gate, mount: told, .. } => assert_eq!(told, mount),
        other => panic!("{other:?}"),
    }
    let get = |secret: &str| {
        let lines = format!("GET /steer HTTP/1.1\r\nHost: localhost\r\nCookie: sessionid={secret}\r\n\r\n");
        Client::connect(addr).ask(&lines).status
    };
    assert_eq!((get("s-99"), get("s-17"), get("s-1")), (200, 403, 403));
    let nobody = Server::builder().listen("127.0.0.1:0").mount_with("/", MountOptions::new().role("X"), tell);
    assert!(nobody.build().unwrap_err().to_string().contains("give the options a gate"));
}

#[test]
fn a_host_is_asked_about_those_whom_the_table_does_not_know_and_its_word_needs_the_role_too() {
    let options = gated(table().cookies().or(AskHost)).role("STUDENT");
    let builder = Server::builder().events(EventMask::ASKS).mount_with("/", options, tell);
    let (mut server, addr) = start(builder);
    let (handle, events) = (server.handle(), server.events().unwrap());
    open(addr, "/", "Cookie: sessionid=s-17\r\n", "17 -");
    for (secret, role, status) in [("new", "STUDENT", 101), ("other", "COOK", 403)] {
        let mut client = Client::connect(addr);
        client.send(upgrade_head("/?q=s3cret", &format!("Cookie: sessionid={secret}\r\n")));
        let Event::Asked { conn, request, .. } = events.recv_timeout(PATIENCE).unwrap() else { panic!() };
        assert_eq!(request.with(|request| request.cookie("sessionid").map(str::to_owned)).unwrap(), secret);
        let shown = format!("{request:?}");
        assert!(!shown.contains(secret) && !shown.contains("s3cret"), "{shown}");
        handle.decide(conn, Decision::Allow(Identity::new("20").with_role(role))).unwrap();
        assert_eq!(client.answer_head().status, status);
    }
}

/// What puts somebody out: the secret first, then who is in.
fn put_out(table: &IdentityTable, handle: &Handle, secret: &str) {
    let identity = table.remove(secret).expect("it was there");
    handle.revoke(identity.subject().unwrap()).unwrap();
}

#[test]
fn who_is_revoked_is_closed_and_stays_out() {
    let table = table().cookies();
    let (server, addr) = start(Server::builder().mount_with("/", gated(table.clone()), tell));
    let handle = server.handle();
    let mut student = open(addr, "/", "Cookie: sessionid=s-17\r\n", "17 -");
    let mut instructor = open(addr, "/", "Cookie: sessionid=s-99\r\n", "99 -");
    put_out(&table, &handle, "s-17");
    assert_eq!(student.expect_close(1008), "the identity is revoked");
    refused(addr, "/", "Cookie: sessionid=s-17\r\n");
    table.insert("s-18", Identity::new("17")).unwrap();
    open(addr, "/", "Cookie: sessionid=s-18\r\n", "17 -");
    put_out(&table, &handle, "s-99");
    instructor.expect_close(1008);
    assert_eq!(table.remove_subject("17"), 1);
    refused(addr, "/", "Cookie: sessionid=s-18\r\n");
}

/// The table changes while handshakes are looked up in it: whoever was always in it always comes in, whoever never was never does.
#[test]
fn a_table_changes_while_clients_come_in() {
    let table = table().cookies();
    let (_server, addr) = start(Server::builder().mount_with("/", gated(table.clone()), tell));
    let over = Arc::new(AtomicBool::new(false));
    let writer = std::thread::spawn({
        let (table, over) = (table.clone(), Arc::clone(&over));
        move || {
            let mut rounds = 0_u64;
            while !over.load(SeqCst) || rounds < 1_000 {
                let secret = format!("t{}", rounds % 300);
                table.insert(&secret, Identity::new("passing")).unwrap();
                table.remove(&secret).unwrap();
                rounds += 1;
            }
        }
    });
    for _ in 0..100 {
        open(addr, "/", "Cookie: sessionid=s-17\r\n", "17 -");
        refused(addr, "/", "Cookie: sessionid=never\r\n");
    }
    over.store(true, SeqCst);
    writer.join().unwrap();
    assert_eq!(table.len(), 2);
}

#[cfg(feature = "contracts")]
#[test]
fn the_built_in_contracts_stand_behind_a_gate_like_any_other() {
    use andon::{EquipmentMonitor, Tags, TopicHubConfig};
    let table = table().cookies();
    let options = || gated(table.clone()).role("INSTRUCTOR");
    let (_tags, scan) = Tags::builder().build().unwrap();
    let (_server, addr) =
        start(Server::builder().topic_hub_with("/ws/{topic}", options(), TopicHubConfig::new()).mount_with(
            "/ws/monitor",
            options(),
            EquipmentMonitor::new(scan),
        ));
    for path in ["/ws/robots", "/ws/monitor"] {
        assert_eq!(ask(addr, path, "Cookie: sessionid=s-99\r\n").1.status, 101);
        for cookie in ["", "Cookie: sessionid=s-17\r\n", "Cookie: sessionid=nobody\r\n"] {
            refused(addr, path, cookie);
        }
    }
}

#[cfg(feature = "jwt")]
mod tokens {
    use super::*;
    use andon::{JwtGate, JwtKey};
    use std::{fs, path::Path};

    fn file(name: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys").join(name);
        fs::read_to_string(path).unwrap()
    }

    fn gate() -> JwtGate {
        let keys = [
            JwtKey::hs256("a secret of tests, known to all who read this").unwrap(),
            JwtKey::rs256(file("test-only-rsa-public.pem")).unwrap(),
            JwtKey::es256(file("test-only-ec-public.pem")).unwrap(),
            JwtKey::eddsa(file("test-only-ed-public.pem")).unwrap(),
        ];
        JwtGate::new(keys).unwrap().issuer("school").audience("andon")
    }

    #[test]
    fn come_in_by_every_place_and_algorithm() {
        let options = gated(gate().cookie("jwt").bearer().query("t").subprotocol()).role("TUTOR");
        let (_server, addr) = start(Server::builder().mount_with("/ws", options, tell).route_with(
            Method::Get,
            "/who",
            RouteOptions::new().gate(gate().bearer()).role("STUDENT"),
            whoami,
        ));
        for line in file("vectors.txt").lines() {
            let (_, token) = line.split_once(' ').unwrap();
            open(addr, "/ws", &format!("Cookie: jwt={token}\r\n"), "17 -");
            open(addr, "/ws", &format!("Authorization: Bearer {token}\r\n"), "17 -");
            open(addr, &format!("/ws?t={token}"), "", "17 -");
            let offer = format!("Sec-WebSocket-Protocol: andon.bearer, {token}\r\n");
            open(addr, "/ws", &offer, "17 andon.bearer");
            let request =
                format!("GET /who HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
            assert_eq!(Client::connect(addr).ask(&request).text(), "17");
            let answer = refused(addr, "/ws", &format!("Authorization: Bearer {token}x\r\n"));
            assert!(!answer.text().contains(token), "{}", answer.text());
        }
    }

    /// A table, then tokens, then the host: the first that knows what is shown decides.
    #[test]
    fn stand_in_a_chain_with_a_table_and_the_host() {
        let chain = table().cookies().or(gate().bearer()).or(AskHost);
        let builder = Server::builder().events(EventMask::ASKS).mount_with("/", gated(chain), tell);
        let (mut server, addr) = start(builder);
        let (handle, events) = (server.handle(), server.events().unwrap());
        let vectors = file("vectors.txt");
        let token = vectors.lines().find_map(|line| line.strip_prefix("ES256 ")).unwrap();
        open(addr, "/", "Cookie: sessionid=s-99\r\n", "99 -");
        open(addr, "/", &format!("Cookie: sessionid=stale\r\nAuthorization: Bearer {token}\r\n"), "17 -");
        let mut client = Client::connect(addr);
        client.send(upgrade_head("/", "Authorization: Bearer something-else\r\n"));
        let Event::Asked { conn, .. } = events.recv_timeout(PATIENCE).unwrap() else { panic!() };
        handle.decide(conn, Decision::Allow(Identity::new("guest"))).unwrap();
        assert_eq!(client.answer_head().status, 101);
        client.expect_text("guest -");
    }
}
