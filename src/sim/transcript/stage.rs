//! What a transcript's contract needs around it.

use crate::{
    contracts::{contract::ContractFactory, store::record::Record},
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
    },
    hub::topic::Topic,
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
    let mut router = Router::default();
    let mounts = mounts.into_iter().enumerate().map(|(index, (pattern, factory))| {
        let (_, place) = router.place(Pattern::parse(&pattern).expect("a stage knows its pattern"));
        place.mount = Some(MountId(index as u16));
        MountSettings {
            pattern,
            factory: Foreign::new(factory),
            subprotocols: Vec::new(),
            connections_max: usize::MAX,
            refuses_while_stopping: true,
            door: Door::default(),
        }
    });
    let mounts = mounts.collect();
    let events = EventMask::CONTRACTS;
    Settings {
        limits,
        events,
        router,
        access: Default::default(),
        mounts,
        routes: Vec::new(),
        topics,
        store: None,
    }
}
