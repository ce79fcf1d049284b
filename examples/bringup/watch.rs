//! What the server tells its host, at a rate that a person can read.

use andon::{DeviceEvent, Event, EventBody, Events, GuidedEvent};
use std::{
    io::Write,
    time::{Duration, Instant},
};

const LINES_PER_SECOND: u32 = 10;

/// Says what matters, until the server has stopped.
pub(crate) fn watch(events: &Events) {
    let mut quiet = Quiet { since: Instant::now(), said: 0, unsaid: 0 };
    events.iter().filter_map(|event| words(&event)).for_each(|words| quiet.say(&words));
    quiet.own_up();
}

/// What is to be said of an event, if anything.
fn words(event: &Event) -> Option<String> {
    Some(match event {
        Event::Contract { body: EventBody::Device(event), .. } => match event {
            DeviceEvent::SessionCreated(session) => format!("{} begins {}", session.device, session.id),
            DeviceEvent::SessionEnded(session) => {
                format!("{} is {} after {} samples", session.id, session.status, session.sample_count)
            }
            _ => return None,
        },
        Event::Contract { body: EventBody::Guided(event), .. } => match &**event {
            GuidedEvent::Controlled(act) => {
                let step = act.subtask_id.map(|id| format!(" {id}")).unwrap_or_default();
                format!("{}: {} by {}{step}", act.code, act.action, act.instructor_name)
            }
            GuidedEvent::HelpRequested { code, user_id, message, .. } => {
                format!("{code}: user {user_id} needs help: {message}")
            }
            _ => return None,
        },
        Event::Store { up: false, why, .. } => format!("the store is down: {why}"),
        Event::Store { .. } => "the store is well again".into(),
        Event::MountRetired { mount, .. } => format!("{mount:?} has failed too often, and is out of service"),
        _ => return None,
    })
}

/// Leaves out what comes too fast, and says how much that was.
struct Quiet {
    since: Instant,
    said: u32,
    unsaid: u64,
}

impl Quiet {
    fn say(&mut self, words: &str) {
        if self.since.elapsed() >= Duration::from_secs(1) {
            self.own_up();
            (self.since, self.said) = (Instant::now(), 0);
        }
        if self.said == LINES_PER_SECOND {
            self.unsaid += 1;
            return;
        }
        self.said += 1;
        print(words);
    }

    fn own_up(&mut self) {
        if self.unsaid > 0 {
            print(&format!("and {} more", self.unsaid));
            self.unsaid = 0;
        }
    }
}

/// Clients' words may hold anything: control characters would speak to the terminal. That nobody listens any more is no reason to stop.
fn print(words: &str) {
    let words: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let _ = writeln!(std::io::stdout(), "{words}");
}
