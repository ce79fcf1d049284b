//! Who may come in: three kinds of clients at one door.
//!
//!     cargo run --example identities
//!
//! It prints what to try. Panels sign in at the web application, which gives them a cookie; apps bring a token that the school's server has signed; whoever has
//! neither is asked about, here on the main thread.

use andon::{
    AskHost, ConnId, Contract, Decision, Effects, Event, EventMask, Gate, Hello, Identity, IdentityTable,
    JwtGate, JwtKey, Message, MountOptions, Response, Server, Setup,
};

/// Of course not a secret: it stands here.
const SECRET: &str = "the secret of an example, in its source";
/// `{"sub":"17","name":"이순신","roles":["STUDENT"],"exp":32503680000}`, signed with it by HS256.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxNyIsIm5hbWUiOiLsnbTsiJzsi6AiLCJyb2xlcyI6WyJTVFVERU5UIl0sImV4cCI6MzI1MDM2ODAwMDB9.YRqvr8U10p_A2CQyaujOndtXRzk5ZqsprT3mdg2tCrw";

/// Greets everybody by name.
struct Greeter;

impl Contract for Greeter {
    fn opened(&mut self, fx: &mut Effects, peer: ConnId, hello: &Hello<'_>) {
        let who = hello.identity;
        let roles: Vec<_> = who.roles().collect();
        fx.send(peer, &format!("hello {}, {}", who.name().unwrap_or("whoever you are"), roles.join(" and ")));
    }
    fn message(&mut self, fx: &mut Effects, peer: ConnId, message: Message<'_>) {
        fx.send(peer, message);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The table is the host's: its clones change it at any time, from any thread. To put somebody out: `table.remove(secret)`, then `handle.revoke(subject)`.
    let table = IdentityTable::new();
    table.insert("panel-7-s3cret", Identity::new("panel-7").with_role("PANEL"))?;
    // Tokens that somebody else signs. A browser's page can show one only behind the subprotocol `andon.bearer`.
    let tokens = JwtGate::new([JwtKey::hs256(SECRET)?])?;
    // The first that knows what is shown decides. The cookie makes this a door for pages of its own host; the panels here have others.
    let door = table.clone().cookies().or(tokens.bearer().subprotocol()).or(AskHost);
    let options = MountOptions::new().gate(door).any_origin();

    let mut server = Server::builder()
        .listen("127.0.0.1:8000")
        .events(EventMask::ASKS)
        .mount_with("/ws", options, |_: &mut Setup<'_>| Greeter)
        .start()?;
    println!("in the console of a browser, on any http:// page:");
    println!(
        "  show = (...offer) => new WebSocket('ws://127.0.0.1:8000/ws', offer).onmessage = (m) => console.log(m.data)"
    );
    println!("  show('andon.bearer', '{TOKEN}')");
    println!("  show()");
    println!("with websocat: websocat -H='Cookie: sessionid=panel-7-s3cret' ws://127.0.0.1:8000/ws");

    let (handle, events) = (server.handle(), server.events().expect("taken once"));
    for event in events.iter() {
        let Event::Asked { conn, request, .. } = event else { continue };
        // This may take its time: nobody waits for it but the client, for at most 10 s.
        let decision = if request.peer.ip().is_loopback() {
            Decision::Allow(Identity::new("guest").with_role("GUEST"))
        } else {
            Decision::Refuse(Response::text(403, "guests come from this machine\n"))
        };
        println!("{request:?}: {decision:?}"); // shows neither cookies nor tokens
        handle.decide(conn, decision)?;
    }
    Ok(())
}
