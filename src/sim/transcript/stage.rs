//! What a transcript's contract needs around it.

use super::runner::START_WALL_MS;
use crate::{
    contracts::{contract::ContractFactory, gates::table::IdentityTable, store::record::Record},
    engine::{
        command::Command,
        event::{Event, EventMask},
        router::Router,
        settings::{Door, MountSettings, Settings},
    },
    ground::{
        foreign::Foreign,
        id::{MountId, TopicId},
        limits::Limits,
        time::Wall,
    },
    hub::{identity::Identity, topic::Topic},
    sim::settings,
    wire::pattern::Pattern,
};

/// Knows one contract.
pub(super) trait Stage {
    /// A setting.
    fn given(&mut self, name: &str, value: &str) -> Result<(), String>;

    /// What the engine is built from, once all settings are known.
    fn settings(&mut self) -> Result<Settings, String>;

    /// What the host does, as the commands that come of it; the error says why it is refused.
    fn host(&mut self, words: &str, topics: &[(String, TopicId)]) -> Result<Vec<Command>, String>;

    /// What the host is told, in words, which may end with JSON.
    fn event(&self, event: &Event) -> String;

    /// What was committed, in words, which may end with JSON.
    fn record(&self, record: &Record) -> String {
        format!("record {:?}", record.body)
    }
}

/// The engine's settings for contracts at their patterns.
pub(super) fn settings(
    limits: Limits,
    topics: Vec<(String, Topic)>,
    mounts: Vec<(String, Box<dyn ContractFactory>)>,
) -> Settings {
    let router = router(mounts.iter().map(|(pattern, _)| pattern.as_str()));
    let mounts = mounts.into_iter().map(|(pattern, factory)| MountSettings {
        pattern,
        factory: Foreign::new(factory),
        subprotocols: Vec::new(),
        connections_max: usize::MAX,
        refuses_while_stopping: true,
        door: Door::default(),
    });
    let mounts = mounts.collect();
    let events = EventMask::CONTRACTS;
    Settings { events, router, mounts, topics, ..settings::nothing(limits) }
}

/// Leads to mounts at these patterns.
pub(super) fn router<'p>(patterns: impl Iterator<Item = &'p str>) -> Router {
    let mut router = Router::default();
    for (index, pattern) in patterns.enumerate() {
        let (_, place) = router.place(Pattern::parse(pattern).expect("a stage knows its pattern"));
        place.mount = Some(MountId(index as u16));
    }
    router
}

/// `SUBJECT ROLE`, perhaps with `until MS` behind it.
pub(super) fn identity(words: &str) -> Result<Identity, String> {
    let mut words = words.split(' ');
    let subject = words.next().unwrap_or_default();
    let identity = Identity::new(subject).with_name(subject).with_role(words.next().unwrap_or_default());
    Ok(match words.next() {
        Some("until") => {
            let ms: i64 = words.next().and_then(|ms| ms.parse().ok()).ok_or("until MS")?;
            identity.with_expiry(Wall::from_millis(START_WALL_MS + ms))
        }
        _ => identity,
    })
}

/// What the host does to put somebody out: `removes SECRET`, `revokes SUBJECT`; `None`: something else.
pub(super) fn put_out(table: &IdentityTable, words: &str) -> Option<Result<Vec<Command>, String>> {
    match words.split_once(' ')? {
        ("removes", secret) => Some(table.remove(secret).map(|_| Vec::new()).ok_or("no such secret".into())),
        ("revokes", subject) => Some(Ok(vec![Command::Revoke { subject: subject.into() }])),
        _ => None,
    }
}
