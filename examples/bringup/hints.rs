//! What there is to try, one line for each thing.

use andon::Server;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Whom the lesson knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum People {
    /// Whoever says that they are.
    Demo,
    OfFile,
    Nobody,
}

/// An address of the server that a client on this machine can use.
pub(crate) fn reachable(server: &Server) -> SocketAddr {
    let mut address = server.local_addrs()[0];
    if address.ip().is_unspecified() {
        let here: IpAddr = if address.is_ipv4() { [127, 0, 0, 1].into() } else { Ipv6Addr::LOCALHOST.into() };
        address.set_ip(here);
    }
    address
}

/// What a client calls the server by: its address, unless it answers to other names only.
pub(crate) fn called(at: SocketAddr, allowed: &[String]) -> String {
    let here = [at.to_string(), at.ip().to_string(), "localhost".to_owned()];
    match allowed.first().filter(|_| !allowed.iter().any(|name| here.contains(name))) {
        Some(name) if name.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) => {
            name.clone()
        }
        Some(name) => format!("{name}:{}", at.port()),
        None => at.to_string(),
    }
}

/// Lines for a shell begin with four spaces and the program's name, lines for a browser's console with what they say there.
pub(crate) fn hints(at: &str, people: People) -> String {
    let lesson = match people {
        People::Demo => demo_lesson(at),
        People::OfFile => format!(
            "  a lesson, for the people of --identities
    websocat -H='Cookie: sessionid=SECRET' ws://{at}/ws/sessions/TEST001/"
        ),
        People::Nobody => "  /ws/sessions/TEST001/ answers 403: the demo identities are for loopback addresses only, and not with --allow-host; give --identities"
            .into(),
    };
    format!(
        r#"the board: http://{at}/
try, in a shell (Python: pip install websockets) or in the browser's console on a page of this server:
  the equipment monitor
    new WebSocket("ws://{at}/ws/monitor").onmessage = ({{ data }}) => console.log(data)
    websocat 'ws://{at}/ws/monitor?mode=changes'
  the topic hub
    python3 -c 'import websockets.sync.client as w; [print(m) for m in w.connect("ws://{at}/ws/robots")]'
  device sessions
    echo '{{"type":"session_start","deviceId":"AMR_001"}}' | websocat -n ws://{at}/ws/device
    python3 -c 'import websockets.sync.client as w; c = w.connect("ws://{at}/ws/device"); c.send("{{\"type\":\"session_start\",\"deviceId\":\"AMR_002\"}}"); print(c.recv())'
{lesson}"#
    )
}

fn demo_lesson(at: &str) -> String {
    let lesson = format!("ws://{at}/ws/sessions/TEST001/");
    format!(
        r#"  a lesson, for demo identities, which prove nothing and are there on loopback addresses only (sessionid=student1, student2, instructor1)
    echo '{{"type":"join","data":{{}}}}' | websocat -n -H='Cookie: sessionid=student1' {lesson}
  in a browser http://{at}/demo/instructor1 makes you the instructor (student1, student2, nobody); then, in its console
    (lesson = new WebSocket("{lesson}")).onopen = () => lesson.send('{{"type":"next_step","data":{{"subtask_id":2}}}}')"#
    )
}
