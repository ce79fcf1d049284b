//! Devices that record: each starts a session and streams samples under it, and at the end all of them stop and wait to be told that
//! everything is committed. One more may press its START and STOP button meanwhile, on a schedule: an answer's time counts from when the
//! button was due, or from the answer before if that came later.
//!
//! What a device says lies ready in a buffer that it sends round and round, so that this side only copies.

use super::{
    clients::{Clients, Id, OPENED_AT_ONCE, Watch},
    latency::Latency,
    options::Options,
    parser::Message,
    reading::Reading,
    report::Report,
    server::Server,
};
use andon_bench::{clock::now_ns, frame};
use std::ops::Range;

const SECOND_NS: u64 = 1_000_000_000;
const DIFFERENT: usize = 32;
/// Bounds what is on its way, so that the depth of queues is not what is measured.
const SEND_BYTES: usize = 64 * 1024;
const PATIENCE_NS: u64 = 60 * SECOND_NS;

pub(crate) fn run(options: &Options) -> Result<Report, String> {
    let server = Server::told(options)?;
    let memory = server.and_then(Server::memory);
    let mut clients = Clients::new(options)?;
    clients.settings.send_bytes = Some(SEND_BYTES);
    let (fleet_at, button_at) = if options.yardstick {
        (options.target.at("/ws/ingest"), options.target.at("/ws/echo"))
    } else {
        (options.target.clone(), options.target.clone())
    };
    let ids = clients.open_many(&fleet_at, options.clients, OPENED_AT_ONCE)?;
    let button = if options.ask_rate > 0.0 { Some(clients.open_many(&button_at, 1, 1)?.start) } else { None };
    let mut fleet = Fleet::new(ids.clone(), button, options);
    fleet.begin(&mut clients)?;

    let start_ns = now_ns();
    let (measure_ns, mut end_ns) = options.measured_from(start_ns);
    fleet.press_ns = start_ns;
    let mut begin = None;
    while fleet.left() > 0 {
        let now = now_ns();
        if begin.is_none() && now >= measure_ns {
            begin = Some((Reading::take(server), fleet.sent()));
            end_ns = now + options.measured_ns();
            fleet.started.reset();
            fleet.ended.reset();
        }
        if !fleet.stopping && now >= end_ns {
            fleet.stop(&mut clients);
        }
        if now > end_ns + PATIENCE_NS {
            return Err(format!("{} devices were not told that their session has ended", fleet.left()));
        }
        fleet.turn(&mut clients, now);
        clients.wake_at(fleet.due_ns());
        clients.poll(100, &mut fleet);
    }
    let end = Reading::take(server);
    let (begin, sent_before) = begin.ok_or("every device was closed while warming up")?;

    let sent = fleet.sent();
    let mut report = Report::of("devices");
    report.count("clients", options.clients as u64).count("size", options.size as u64);
    begin.tell(&end, sent - sent_before, "sample", &mut report);
    report.count("sent_total", sent);
    fleet.started.tell("start", &mut report);
    fleet.ended.tell("stop", &mut report);
    if let (Some(before), Some(after)) = (memory, server.and_then(Server::memory)) {
        report.count("rss_growth_kb", after.rss_kb.saturating_sub(before.rss_kb));
    }
    report.count("errors", fleet.errors).count("closed", fleet.closed);
    Ok(report)
}

/// One device, and how far it has come.
#[derive(Default)]
struct Device {
    session: String,
    messages: Vec<u8>,
    /// Where each message ends.
    ends: Vec<usize>,
    /// In the buffer.
    at: usize,
    rounds: u64,
    /// How many messages it may have sent by now.
    allowed: u64,
    /// It has asked for the end of its session.
    asked: bool,
    /// It was told of the end, or never will be.
    over: bool,
}

impl Device {
    /// Whole messages sent.
    fn sent(&self) -> u64 {
        self.rounds * DIFFERENT as u64 + self.ends.partition_point(|&end| end <= self.at) as u64
    }

    /// Up to where in the buffer it may send now.
    fn to(&self) -> usize {
        let left = self.allowed.saturating_sub(self.rounds * DIFFERENT as u64);
        match left.min(DIFFERENT as u64) as usize {
            0 => 0,
            whole => self.ends[whole - 1],
        }
    }
}

struct Fleet {
    ids: Range<Id>,
    devices: Vec<Device>,
    size: usize,
    /// The server knows nothing of sessions: it counts samples, and echoes what the button says.
    yardstick: bool,
    /// Messages that a device sends at once, and how often; none: as fast as it can.
    batch: u64,
    step_ns: Option<u64>,
    /// The device that sends next, and when.
    next: usize,
    next_ns: u64,
    stopping: bool,
    /// The one with the button, the session it has, and when it presses next, or has pressed if it waits.
    button: Option<Id>,
    session: Option<String>,
    press_ns: u64,
    press_step_ns: u64,
    waiting: bool,
    started: Latency,
    ended: Latency,
    errors: u64,
    closed: u64,
}

impl Fleet {
    fn new(ids: Range<Id>, button: Option<Id>, options: &Options) -> Self {
        let bursts = options.rate / options.batch as f64;
        Self {
            devices: ids.clone().map(|_| Device::default()).collect(),
            ids,
            size: options.size,
            yardstick: options.yardstick,
            batch: options.batch,
            step_ns: options.paced.then_some((1e9 / bursts) as u64),
            next: 0,
            next_ns: 0,
            stopping: false,
            button,
            session: None,
            press_ns: u64::MAX,
            press_step_ns: (1e9 / options.ask_rate.max(1e-3)) as u64,
            waiting: false,
            started: Latency::new(),
            ended: Latency::new(),
            errors: 0,
            closed: 0,
        }
    }

    /// Every device registers and starts a session; those that are to be fast begin.
    fn begin(&mut self, clients: &mut Clients) -> Result<(), String> {
        if self.yardstick {
            self.devices.iter_mut().for_each(|device| device.session = "session_0123456789ab".to_owned());
        }
        for id in self.ids.clone().chain(self.button).filter(|_| !self.yardstick) {
            let device = name(id);
            let register =
                format!(r#"{{"type":"device_register","deviceId":"{device}","clientVersion":"1.1.0"}}"#);
            clients.send(id, frame::TEXT, register.as_bytes());
        }
        for id in self.ids.clone().filter(|_| !self.yardstick) {
            clients.send(id, frame::TEXT, start(id).as_bytes());
        }
        let began_ns = now_ns();
        while self.devices.iter().any(|device| device.session.is_empty()) {
            clients.poll(100, self);
            if self.closed + self.errors > 0 || now_ns() > began_ns + PATIENCE_NS {
                return Err("not every device was given a session".to_owned());
            }
        }
        for id in self.ids.clone() {
            self.load(clients, id);
            if self.step_ns.is_none() {
                self.devices[id - self.ids.start].allowed = u64::MAX;
                clients.want_room(id, true);
            }
        }
        self.next_ns = now_ns();
        Ok(())
    }

    /// Lays ready what a device says.
    fn load(&mut self, clients: &mut Clients, id: Id) {
        let device = &mut self.devices[id - self.ids.start];
        for nth in 0..DIFFERENT {
            let sample = sample(self.size, &name(id), &device.session, nth);
            let mask = clients.mask();
            frame::put_masked(&mut device.messages, frame::TEXT, &sample, mask);
            device.ends.push(device.messages.len());
        }
    }

    /// Devices that are neither told of the end of their session nor closed.
    fn left(&self) -> usize {
        self.devices.iter().filter(|device| !device.over).count()
    }

    /// Whole messages sent, by all.
    fn sent(&self) -> u64 {
        self.devices.iter().map(Device::sent).sum()
    }

    /// Every device finishes the message it is in, and stops.
    fn stop(&mut self, clients: &mut Clients) {
        self.stopping = true;
        for id in self.ids.clone() {
            let device = &mut self.devices[id - self.ids.start];
            let whole = device.sent();
            let inside = !device.ends.contains(&device.at) && device.at > 0;
            device.allowed = whole + u64::from(inside);
            clients.want_room(id, true);
        }
    }

    /// When something is due.
    fn due_ns(&self) -> u64 {
        let burst = if self.step_ns.is_some() && !self.stopping { self.next_ns } else { u64::MAX };
        let press =
            if self.button.is_some() && !self.waiting && !self.stopping { self.press_ns } else { u64::MAX };
        burst.min(press)
    }

    fn turn(&mut self, clients: &mut Clients, now: u64) {
        while let Some(step_ns) = self.step_ns.filter(|_| !self.stopping && self.next_ns <= now) {
            let id = self.ids.start + self.next;
            self.devices[self.next].allowed += self.batch;
            self.next = (self.next + 1) % self.devices.len();
            self.next_ns += step_ns;
            self.push(clients, id);
        }
        if let Some(id) = self.button.filter(|_| !self.waiting && !self.stopping && self.press_ns <= now) {
            self.waiting = true;
            let press = match &self.session {
                None => start(id),
                Some(session) => stop(id, session),
            };
            clients.send(id, frame::TEXT, press.as_bytes());
        }
    }

    /// A device sends what it may.
    fn push(&mut self, clients: &mut Clients, id: Id) {
        let device = &mut self.devices[id - self.ids.start];
        loop {
            let to = device.to();
            if device.at >= to {
                if self.stopping && !device.asked {
                    device.asked = true;
                    let last = if self.yardstick { "Q".to_owned() } else { stop(id, &device.session) };
                    clients.send(id, frame::TEXT, last.as_bytes());
                } else {
                    clients.want_room(id, false);
                }
                return;
            }
            let taken = clients.write(id, &device.messages[device.at..to]);
            device.at += taken;
            if device.at == device.messages.len() {
                device.at = 0;
                device.rounds += 1;
            }
            // After a round it is another client's turn.
            if taken == 0 || (device.at == 0 && !self.stopping) {
                return clients.want_room(id, true);
            }
        }
    }

    /// The one with the button has its answer.
    fn pressed(&mut self, session: Option<String>) {
        let now = now_ns();
        let took = now.saturating_sub(self.press_ns);
        if session.is_some() {
            self.started.record(took)
        } else {
            self.ended.record(took)
        }
        self.session = session;
        self.waiting = false;
        // Nobody starts a session before the one before has ended: a commit that takes longer than a step is counted once, as the end's.
        self.press_ns = (self.press_ns + self.press_step_ns).max(now);
    }
}

impl Watch for Fleet {
    fn writable(&mut self, clients: &mut Clients, id: Id) {
        if self.ids.contains(&id) && !self.devices[id - self.ids.start].asked {
            self.push(clients, id);
        } else {
            clients.want_room(id, false);
        }
    }

    fn message(&mut self, _: &mut Clients, id: Id, message: Message<'_>) {
        let text = String::from_utf8_lossy(message.beginning);
        let session = || field(&text, "sessionId").unwrap_or_default().to_owned();
        match field(&text, "type") {
            None if self.yardstick && self.ids.contains(&id) => self.devices[id - self.ids.start].over = true,
            Some("session_start") => self.pressed(Some("session_0123456789ab".to_owned())),
            Some("session_end") => self.pressed(None),
            Some("session_created") if Some(id) == self.button => self.pressed(Some(session())),
            Some("session_created") => self.devices[id - self.ids.start].session = session(),
            Some("session_ended") if Some(id) == self.button => self.pressed(None),
            Some("session_ended") => self.devices[id - self.ids.start].over = true,
            Some("device_registered") => {}
            _ => self.errors += 1,
        }
    }

    fn closed(&mut self, _: &mut Clients, id: Id, _: &str) {
        self.closed += 1;
        if self.ids.contains(&id) {
            self.devices[id - self.ids.start].over = true;
        }
    }
}

fn name(id: Id) -> String {
    format!("AMR_{id:05}")
}

fn start(id: Id) -> String {
    format!(r#"{{"type":"session_start","deviceId":"{}","timestamp":1703123456789}}"#, name(id))
}

fn stop(id: Id, session: &str) -> String {
    format!(
        r#"{{"type":"session_end","deviceId":"{}","sessionId":"{session}","timestamp":1703123456789}}"#,
        name(id)
    )
}

/// A string of a flat object, as the server writes it.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let at = text.find(&format!("\"{name}\":\""))? + name.len() + 4;
    text[at..].split('"').next()
}

/// What a sensor of a mobile robot says, padded to `size` bytes.
fn sample(size: usize, device: &str, session: &str, nth: usize) -> Vec<u8> {
    let mut sample = format!(
        r#"{{"type":"sensor_data","deviceId":"{device}","sessionId":"{session}","timestamp":17031234{nth:05},"temp":{}.{},"note":""}}"#,
        20 + nth % 9,
        nth % 10,
    )
    .into_bytes();
    let note = sample.len() - 2;
    sample.splice(note..note, std::iter::repeat_n(b'n', size.saturating_sub(sample.len())));
    sample
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_have_their_size_and_answers_are_read() {
        let sample = sample(160, "AMR_00001", "session_0123456789ab", 7);
        assert_eq!(sample.len(), 160);
        let text = String::from_utf8(sample).unwrap();
        assert_eq!(
            (field(&text, "type"), field(&text, "sessionId")),
            (Some("sensor_data"), Some("session_0123456789ab"))
        );
        assert_eq!(field(&text, "none"), None);
    }

    #[test]
    fn a_device_sends_as_many_as_it_may() {
        let mut device = Device { ends: (1..=DIFFERENT).map(|nth| nth * 10).collect(), ..Device::default() };
        assert_eq!((device.to(), device.sent()), (0, 0));
        device.allowed = DIFFERENT as u64 + 2;
        assert_eq!(device.to(), DIFFERENT * 10);
        (device.rounds, device.at) = (1, 0);
        assert_eq!((device.to(), device.sent()), (20, DIFFERENT as u64));
        device.at = 15;
        assert_eq!(device.sent(), DIFFERENT as u64 + 1);
    }
}
