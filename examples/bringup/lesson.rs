//! A lesson of three steps, and the people who may come to it.

use andon::{GuidedSession, GuidedSessionsConfig, Identity, IdentityTable, Subtask};
use std::net::SocketAddr;

/// What is said where nobody is known.
pub(crate) const NOBODY: &str =
    "  /ws/sessions/TEST001/ answers 403: the demo identities are for loopback addresses only";

/// Demo identities: nobody's secrets, since they stand here. Each is the value of the cookie `sessionid`.
pub(crate) fn demo_people() -> IdentityTable {
    let people = [
        ("student1", "1", "김학생", "STUDENT"),
        ("student2", "2", "이학생", "STUDENT"),
        ("instructor1", "10", "박강사", "INSTRUCTOR"),
    ];
    let table = IdentityTable::new();
    for (secret, id, name, role) in people {
        let person = Identity::new(id).with_name(name).with_role(role);
        table.insert(secret, person).expect("there is room for three");
    }
    table
}

pub(crate) fn config() -> GuidedSessionsConfig {
    let step = |id, title, guide| Subtask::new(id, title).guide("CLICK", guide);
    let lesson = GuidedSession::new("TEST001")
        .subtask(step(1, "Step 1: Open Settings", "Please open the settings"))
        .subtask(step(2, "Step 2: Enable Notifications", "Please enable notifications"))
        .subtask(step(3, "Step 3: Go Back", "Please go back"));
    GuidedSessionsConfig::new().session(lesson)
}

/// As a student, and as the instructor: with websocat, and in a browser's console on a page of the server's own, which alone may show its cookies.
pub(crate) fn how_to_try(address: SocketAddr) -> String {
    let lesson = format!("ws://{address}/ws/sessions/TEST001/");
    format!(
        "with demo identities (sessionid=student1, student2, instructor1), which are there on loopback addresses only:
  echo '{{\"type\":\"join\",\"data\":{{}}}}' | websocat -n -H 'Cookie: sessionid=student1' {lesson}
  document.cookie = \"sessionid=instructor1\"; (lesson = new WebSocket(\"{lesson}\")).onopen = () => lesson.send('{{\"type\":\"next_step\",\"data\":{{\"subtask_id\":2}}}}')
  (the last on a page of the server's own, such as http://{address}/healthz: browsers show cookies to nobody else)"
    )
}
