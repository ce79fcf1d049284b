//! The stage of everything at once: a topic hub at `/ws/{topic}`, mounted first, an equipment monitor at `/ws/monitor`, device sessions at `/ws/device` and guided sessions at
//! `/ws/sessions/{code}/`.
//!
//! What is given, and what the host does, begins with `hub`, `monitor`, `device` or `guided`, and goes on as in the stage of that contract. Clocks that would speak by themselves are still
//! unless they are given. All know who shows the cookie `sessionid`, a secret that was `given secret SECRET = SUBJECT ROLE`; guided sessions take nobody else, the others also
//! who shows none. The host `removes SECRET` and `revokes SUBJECT`. With `given events = shown` it is told what the contracts tell it, as in their stages, `event store down WORDS` and `event store well`.

use super::{
    device_sessions::DeviceStage,
    equipment_monitor::MonitorStage,
    guided_sessions::GuidedStage,
    stage::{self, Stage},
    topic_hub::HubStage,
};
use crate::{
    contracts::{
        gate::Gate,
        gates::table::IdentityTable,
        store::record::{Record, RecordBody},
        told::EventBody,
    },
    engine::{
        command::Command,
        event::{Event, EventMask},
        settings::{Door, Settings},
    },
    ground::{
        foreign::Foreign,
        id::{MountId, TopicId},
    },
};

/// The contracts in the order of their mounts.
const HUB: usize = 0;
const MONITOR: usize = 1;
const DEVICE: usize = 2;
const GUIDED: usize = 3;
const NAMES: [&str; 4] = ["hub", "monitor", "device", "guided"];

/// See the module.
pub(super) struct JointStage {
    stages: [Box<dyn Stage>; 4],
    people: IdentityTable,
    events: EventMask,
}

impl Default for JointStage {
    fn default() -> Self {
        let mut stages: [Box<dyn Stage>; 4] = [
            Box::<HubStage>::default(),
            Box::<MonitorStage>::default(),
            Box::<DeviceStage>::default(),
            Box::<GuidedStage>::default(),
        ];
        for (at, name, value) in [
            (HUB, "ping_interval", "never"),
            (HUB, "poll_interval", "never"),
            (MONITOR, "period", "60000"),
            (DEVICE, "idle_timeout", "never"),
        ] {
            stages[at].given(name, value).expect("a setting of that stage");
        }
        Self { stages, people: IdentityTable::new().cookies(), events: EventMask::NONE }
    }
}

/// Which contract `words` speak of, and what of it.
fn addressed(words: &str) -> Result<(usize, &str), String> {
    let (name, rest) = words.split_once(' ').unwrap_or((words, ""));
    let at = NAMES.iter().position(|known| *known == name);
    at.map(|at| (at, rest)).ok_or_else(|| format!("begin with one of {NAMES:?}: {words}"))
}

impl Stage for JointStage {
    fn given(&mut self, name: &str, value: &str) -> Result<(), String> {
        if name == "events" && value == "shown" {
            self.events = EventMask::CONTRACTS | EventMask::HEALTH;
            return Ok(());
        }
        if let Some(secret) = name.strip_prefix("secret ") {
            let added = self.people.insert(secret, stage::identity(value)?);
            return added.map(drop).map_err(|error| error.to_string());
        }
        let (at, name) = addressed(name)?;
        self.stages[at].given(name, value)
    }

    fn settings(&mut self) -> Result<Settings, String> {
        let mut joint: Option<Settings> = None;
        for stage in &mut self.stages {
            let settings = stage.settings()?;
            match &mut joint {
                None => joint = Some(settings),
                Some(joint) => {
                    joint.mounts.extend(settings.mounts);
                    joint.topics.extend(settings.topics);
                    joint.store = joint.store.take().or(settings.store);
                }
            }
        }
        let mut joint = joint.expect("there are stages");
        joint.router = stage::router(joint.mounts.iter().map(|mount| mount.pattern.as_str()));
        joint.events = self.events;
        for (at, mount) in joint.mounts.iter_mut().enumerate() {
            let gate: Box<dyn Gate> = match at {
                GUIDED => Box::new(self.people.clone()),
                _ => Box::new(self.people.clone().optional()),
            };
            mount.door = Door { gate: Some(Foreign::new(gate)), ..Door::default() };
        }
        Ok(joint)
    }

    fn host(&mut self, words: &str, topics: &[(String, TopicId)]) -> Result<Vec<Command>, String> {
        if let Some(done) = stage::put_out(&self.people, words) {
            return done;
        }
        let (at, words) = addressed(words)?;
        let mut commands = self.stages[at].host(words, topics)?;
        for command in &mut commands {
            // By itself, each is the first.
            if let Command::Contract { mount, .. } = command {
                *mount = MountId(at as u16);
            }
        }
        Ok(commands)
    }

    fn event(&self, event: &Event) -> String {
        let of = match event {
            Event::Contract { body: EventBody::Hub(_), .. } => HUB,
            Event::Contract { body: EventBody::Monitor(_), .. } => MONITOR,
            Event::Contract { body: EventBody::Device(_), .. } => DEVICE,
            Event::Contract { body: EventBody::Guided(_), .. } => GUIDED,
            Event::Store { up: true, .. } => return "event store well".into(),
            Event::Store { why, .. } => return format!("event store down {why}"),
            other => return format!("{other:?}"),
        };
        self.stages[of].event(event)
    }

    fn record(&self, record: &Record) -> String {
        let of = if matches!(record.body, RecordBody::Guided(_)) { GUIDED } else { DEVICE };
        self.stages[of].record(record)
    }
}
