//! Runs a transcript against the engine.

use super::{
    depot::Depot,
    guest::{Guest, Heard},
    pipe::PipeEnd,
    script::{Action, Expected, parse},
    shape::{self, Vars},
    stage::Stage,
};
use crate::{
    contracts::store::record::Record,
    engine::{Engine, command::Command, event::Event, ports::Ports},
    ground::{
        id::{ConnId, TopicId},
        time::{Now, Tick, Wall},
    },
    wire::json::{check::check, compact::compact},
};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

/// Turns that may follow upon each other before time passes; beyond this, the loop spins.
const TURNS_MAX: usize = 10_000;
/// When a transcript's time begins.
const START: Tick = Tick::from_nanos(1_000_000_000_000);
/// The same moment on the wall clock.
pub(super) const START_WALL_MS: i64 = 1_700_000_000_000;

#[derive(Debug, Default)]
struct RunnerPorts {
    events: VecDeque<Event>,
    /// The host does not read them, and there is no room for more.
    unread: bool,
    depot: Depot,
}

impl Ports for RunnerPorts {
    fn event_room(&self) -> usize {
        if self.unread { 0 } else { usize::MAX }
    }
    fn send_event(&mut self, event: Event) -> Result<(), Event> {
        if self.unread {
            return Err(event);
        }
        self.events.push_back(event);
        Ok(())
    }
    fn want_event_room(&mut self) {}
    fn send_record(&mut self, record: Record, _: usize) -> bool {
        self.depot.take(record);
        true
    }
}

struct Runner<'s> {
    stage: &'s mut dyn Stage,
    engine: Engine<PipeEnd, RunnerPorts>,
    topics: Vec<(String, TopicId)>,
    now: Tick,
    guests: BTreeMap<String, (Guest, ConnId)>,
    commands: VecDeque<Command>,
    told: VecDeque<(Tick, String)>,
    vars: Vars,
}

/// Runs the transcript `text`; an error begins with its line.
pub(super) fn run(text: &str, stage: &mut dyn Stage) -> Result<(), String> {
    let script = parse(text)?;
    let (mut ports, mut has_store) = (RunnerPorts::default(), false);
    for (line, name, value) in &script.givens {
        let given = match (name.as_str(), value.as_str()) {
            ("store", "there") => {
                has_store = true;
                Ok(())
            }
            ("store", _) => Err("there, or not given".into()),
            ("records", _) => ports.depot.given(value),
            _ => stage.given(name, value),
        };
        given.map_err(|why| format!("{line}: given {name} = {value}: {why}"))?;
    }
    let mut settings = stage.settings().map_err(|why| format!("1: {why}"))?;
    if has_store {
        // What it knows of earlier runs is the stage's affair.
        settings.store.get_or_insert_default();
    }
    let mut last = 0;
    let entropy = move || {
        last += 1;
        last
    };
    let engine = Engine::new(settings, ports, Box::new(entropy), now(START));
    let mut runner = Runner {
        topics: engine.host_topics().to_vec(),
        stage,
        engine,
        now: START,
        guests: BTreeMap::new(),
        commands: VecDeque::new(),
        told: VecDeque::new(),
        vars: Vars::new(),
    };
    let mut end = 1;
    for step in &script.steps {
        end = step.line;
        let at = START + Duration::from_millis(step.at_ms);
        let done = runner.pass_time(at).and_then(|()| runner.act(&step.action));
        done.map_err(|why| format!("{end}: @{}: {why}", step.at_ms))?;
    }
    runner.check_told_before(None).map_err(|why| format!("{end}: after the last step: {why}"))
}

fn now(tick: Tick) -> Now {
    Now { tick, wall: Wall::from_millis(START_WALL_MS + (tick - START).as_millis() as i64) }
}

fn ms(tick: Tick) -> u128 {
    (tick - START).as_millis()
}

type Done = Result<(), String>;

impl Runner<'_> {
    /// Up to and with what is due at `to`.
    fn pass_time(&mut self, to: Tick) -> Done {
        while let Some(due) = self.engine.next_deadline().filter(|due| *due <= to) {
            self.now = self.now.max(due);
            self.settle()?;
        }
        self.now = to;
        self.settle()?;
        self.check_told_before(Some(to))
    }

    /// Everything that was said before `then` (`None`: ever) is in the transcript.
    fn check_told_before(&self, then: Option<Tick>) -> Done {
        let missed = |at: &Tick| then.is_none_or(|then| *at < then);
        for (name, (guest, _)) in &self.guests {
            if let Some((at, what)) = guest.heard.front().filter(|(at, _)| missed(at)) {
                return Err(format!("{name} got at @{}, what is not in the transcript: {what}", ms(*at)));
            }
        }
        match self.told.front().filter(|(at, _)| missed(at)) {
            Some((at, what)) => {
                Err(format!("the host was told at @{}, what is not in the transcript: {what}", ms(*at)))
            }
            None => Ok(()),
        }
    }

    /// Runs turns until nothing happens any more.
    fn settle(&mut self) -> Done {
        for _ in 0..TURNS_MAX {
            self.engine.begin(now(self.now));
            let mut busy = false;
            while let Some(answer) = self.engine.ports_mut().depot.answer() {
                if let Some(record) = &answer.shown {
                    self.told.push_back((self.now, self.stage.record(record)));
                }
                self.engine.recorded(answer.ticket, answer.outcome.as_ref().copied());
                busy = true;
            }
            for (guest, id) in self.guests.values_mut() {
                let mut pipe = guest.pipe.borrow_mut();
                let (readable, writable) =
                    (std::mem::take(&mut pipe.readable), std::mem::take(&mut pipe.writable));
                drop(pipe);
                busy |= readable || writable;
                if readable {
                    self.engine.readable(id.slot, false);
                }
                if writable {
                    self.engine.writable(id.slot);
                }
            }
            while self.engine.takes_commands()
                && let Some(command) = self.commands.pop_front()
            {
                self.engine.command(command);
                busy = true;
            }
            self.engine.run();
            while let Some(event) = self.engine.ports_mut().events.pop_front() {
                self.told.push_back((self.now, self.stage.event(&event)));
            }
            for (guest, _) in self.guests.values_mut() {
                guest.listen(self.now);
                // It may have answered, or made room.
                busy |= guest.pipe.borrow().readable || guest.pipe.borrow().writable;
            }
            if !busy && !self.engine.has_work() && self.commands.is_empty() {
                return Ok(());
            }
        }
        Err("the server never comes to rest".into())
    }

    fn guest(&mut self, who: &str) -> Result<&mut Guest, String> {
        self.guests.get_mut(who).map(|(guest, _)| guest).ok_or(format!("{who} has not connected"))
    }

    fn act(&mut self, action: &Action) -> Done {
        match action {
            Action::Connects { who, path, cookie, status } => {
                self.connect(who, path, cookie.as_deref(), *status)
            }
            Action::Sends { who, text } => {
                let text = shape::fill_in(text, &self.vars);
                self.guest(who)?.send(1, text.as_bytes());
                self.settle()
            }
            Action::SendsBinary { who, bytes } => {
                self.guest(who)?.send(2, bytes);
                self.settle()
            }
            Action::Hears { who, what } => self.expect_message(who, what),
            Action::Closes { who, code, reason } => self.expect_close(who, *code, reason.as_deref()),
            Action::Leaves { who } => {
                self.guest(who)?.leave();
                self.settle()
            }
            Action::Drops { who } => {
                self.guest(who)?.drop_out();
                self.settle()
            }
            Action::Stalls { who } => {
                self.guest(who)?.pipe.borrow_mut().stalled = true;
                Ok(())
            }
            Action::Reads { who } => {
                self.guest(who)?.pipe.borrow_mut().stalled = false;
                let now = self.now;
                self.guest(who)?.listen(now);
                self.settle()
            }
            Action::Host { words, refused } => self.host(words, refused.as_deref()),
            Action::Event { words, json } => self.expect_event(words, json.as_deref()),
            Action::Store { words } => {
                if let Some(why) = self.engine.ports_mut().depot.told(words)? {
                    self.engine.begin(now(self.now));
                    self.engine.store_down(why.into());
                }
                self.settle()
            }
            Action::ServerStops => {
                self.engine.begin(now(self.now));
                self.engine.stop();
                self.settle()
            }
            Action::Quiet => Ok(()),
        }
    }

    fn connect(&mut self, who: &str, path: &str, cookie: Option<&str>, expected: u16) -> Done {
        if let Some((old, _)) = self.guests.get(who)
            && !old.heard.is_empty()
        {
            return Err(format!("{who} still has messages of its last connection"));
        }
        let (guest, end) = Guest::connect(path, cookie);
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4_000);
        self.engine.begin(now(self.now));
        let id = self.engine.admit(end, address, false).ok_or("the server has no room for it")?;
        self.guests.insert(who.to_owned(), (guest, id));
        self.settle()?;
        match self.guest(who)?.status {
            Some(status) if status == expected => Ok(()),
            Some(status) => Err(format!("expected the answer {expected}, got {status}")),
            None => Err(format!("expected the answer {expected}, got none")),
        }
    }

    fn host(&mut self, words: &str, refused: Option<&str>) -> Done {
        if let "stops reading" | "reads again" = words {
            self.engine.ports_mut().unread = words == "stops reading";
            return self.settle();
        }
        let words = shape::fill_in(words, &self.vars);
        match (self.stage.host(&words, &self.topics), refused) {
            (Ok(commands), None) => {
                self.commands.extend(commands);
                self.settle()
            }
            (Ok(_), Some(why)) => Err(format!("expected the host to be refused {why}, it was not")),
            (Err(why), Some(expected)) if why.contains(expected) => Ok(()),
            (Err(why), Some(expected)) => {
                Err(format!("expected the host to be refused {expected}, got {why}"))
            }
            (Err(why), None) => Err(format!("the host is refused: {why}")),
        }
    }

    /// The next thing that a client got, which it got now.
    fn next_heard(&mut self, who: &str, expected: &str) -> Result<Heard, String> {
        match self.guest(who)?.heard.pop_front() {
            Some((_, what)) => Ok(what),
            None => Err(format!("expected {who} to get {expected}, got nothing")),
        }
    }

    fn expect_message(&mut self, who: &str, expected: &Expected) -> Done {
        let (Expected::Json(words) | Expected::Raw(words)) = expected;
        let heard = self.next_heard(who, words)?;
        let wrong = |why: String| Err(format!("expected {who} to get {words}, got {heard} ({why})"));
        let Heard::Text(text) = &heard else { return wrong("another kind".into()) };
        match expected {
            Expected::Raw(raw) if raw == text => Ok(()),
            Expected::Raw(_) => wrong("other text".into()),
            Expected::Json(pattern) => {
                if let Err(why) = check(text) {
                    return wrong(why.to_string());
                }
                let mut compacted = String::new();
                compact(text, &mut compacted);
                if compacted != *text {
                    return wrong("it is not compact".into());
                }
                shape::compare(pattern, text, &mut self.vars).or_else(wrong)
            }
        }
    }

    fn expect_close(&mut self, who: &str, code: u16, reason: Option<&str>) -> Done {
        let expected = format!("closed {code} {}", reason.unwrap_or_default());
        let heard = self.next_heard(who, &expected)?;
        match &heard {
            Heard::Closed(got, why) if *got == code && reason.is_none_or(|reason| reason == why) => Ok(()),
            _ => Err(format!("expected {who} to be {expected}, got {heard}")),
        }
    }

    fn expect_event(&mut self, words: &str, json: Option<&str>) -> Done {
        let expected = format!("{words} {}", json.unwrap_or_default());
        let Some((_, told)) = self.told.pop_front() else {
            return Err(format!("expected the host to be told {expected}, got nothing"));
        };
        let (got_words, got_json) = match told.find('{') {
            Some(at) => (told[..at].trim(), Some(&told[at..])),
            None => (told.trim(), None),
        };
        let wrong = |why: String| Err(format!("expected the host to be told {expected}, got {told} ({why})"));
        match (json, got_json) {
            _ if words != got_words => wrong("other words".into()),
            (None, None) => Ok(()),
            (Some(pattern), Some(got)) => shape::compare(pattern, got, &mut self.vars).or_else(wrong),
            _ => wrong("other words".into()),
        }
    }
}
