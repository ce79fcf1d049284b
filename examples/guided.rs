//! A lesson of three steps, with students and an instructor who are known by a cookie.
//!
//!     cargo run --release --example guided
//!
//! Be a student, with any WebSocket client that can send a header:
//!
//!     websocat -H='Cookie: sessionid=student1' ws://127.0.0.1:8000/ws/sessions/TEST001/
//!     {"type":"join","data":{}}
//!     {"type":"step_complete","data":{"subtask_id":1}}
//!
//! and, in another terminal, `sessionid=instructor10`, who hears of that and says `{"type":"next_step","data":{"subtask_id":2}}`.

mod common;

use andon::{
    Event, EventBody, EventMask, GuidedEvent, GuidedSession, GuidedSessionsConfig, Identity, MountOptions,
    Now, Request, Response, Server, Subtask, Verdict,
};
use std::{process::ExitCode, thread};

/// Who may come in. A program of yours looks the cookie up where it keeps whom it has logged in.
fn identify(_: Now, request: &Request<'_>) -> Verdict {
    let person =
        |id: &str, name: &str, role: &str| Verdict::Allow(Identity::new(id).with_name(name).with_role(role));
    match request.cookie("sessionid") {
        Some("student1") => person("1", "김학생", "STUDENT"),
        Some("student2") => person("2", "이학생", "STUDENT"),
        Some("instructor10") => person("10", "박강사", "INSTRUCTOR"),
        _ => Verdict::Refuse(Response::text(403, "log in first\n")),
    }
}

fn lesson() -> GuidedSession {
    let step = |id, title, guide| Subtask::new(id, title).guide("CLICK", guide);
    GuidedSession::new("TEST001")
        .subtask(step(1, "Step 1: Open Settings", "Please open the settings"))
        .subtask(step(2, "Step 2: Enable Notifications", "Please enable notifications"))
        .subtask(step(3, "Step 3: Go back", "Please go back").voice("Go back, and you are done"))
}

/// What the host hears. It could answer by `server.guided_sessions(..)`, and act as an instructor does.
fn say(event: &GuidedEvent) -> String {
    match event {
        GuidedEvent::Joined { user_name, role, .. } => format!("{user_name} ({role}) has come"),
        GuidedEvent::Left { user_id, .. } => format!("user {user_id} has gone"),
        GuidedEvent::StepCompleted { user_id, subtask_id, completed, .. } => {
            let through = if *completed { ", and is through" } else { "" };
            format!("user {user_id} has completed step {subtask_id}{through}")
        }
        GuidedEvent::HelpRequested { user_id, message, .. } => {
            format!("user {user_id} needs help: {message}")
        }
        GuidedEvent::Controlled(act) => format!("{}: {}", act.instructor_name, act.action),
        other => format!("{other:?}"),
    }
}

fn main() -> ExitCode {
    let listen = common::listen_flags("guided", "a lesson of three steps", "127.0.0.1:8000");
    let mut builder = Server::builder()
        .guided_sessions_with(
            "/ws/sessions/{code}/",
            MountOptions::new().gate(identify),
            GuidedSessionsConfig::new().session(lesson()),
        )
        .events(EventMask::CONTRACTS);
    for address in listen {
        builder = builder.listen(address);
    }
    let mut server = builder.start();
    if let Some(events) = server.as_mut().ok().and_then(Server::events) {
        thread::spawn(move || {
            for event in events.iter() {
                if let Event::Contract { body: EventBody::Guided(event), .. } = event {
                    println!("{}", say(&event));
                }
            }
        });
    }
    let address = server.as_ref().ok().map(|server| server.local_addrs()[0].to_string()).unwrap_or_default();
    let hint = format!("try: websocat -H='Cookie: sessionid=student1' ws://{address}/ws/sessions/TEST001/");
    common::serve_saying("guided", server, &hint)
}
