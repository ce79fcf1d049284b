//! The stage of the topic hub, at `/ws/{topic}`.
//!
//! Its host `publishes TOPIC JSON`, `publishes TOPIC key KEY JSON`, `publishes TOPIC N messages of SIZE` (filled up to about that many bytes) and
//! `forgets TOPIC key KEY`. It is told `event refresh TOPIC`.

use super::stage::{self, Stage};
use crate::{
    contracts::{
        contract::{Contract, ContractFactory, Hello, Setup},
        effects::Effects,
        told::{EventBody, HubEvent},
        topic_hub::{
            config::{HubRefuse, HubResend, TopicClass, TopicHubConfig, parameter},
            factory,
            publications::Publications,
        },
    },
    engine::{command::Command, event::Event, settings::Settings},
    ground::{
        frame::Message,
        id::{ConnId, TopicId},
        limits::Limits,
    },
};
use std::time::Duration;

const PATTERN: &str = "/ws/{topic}";

/// See the module.
#[derive(Debug, Default)]
pub(super) struct HubStage {
    config: TopicHubConfig,
    /// A path at which another contract stands, which says so.
    beside: Option<String>,
}

/// What stands beside the hub: it says so.
struct Beside;

impl Contract for Beside {
    fn opened(&mut self, fx: &mut Effects, peer: ConnId, _: &Hello<'_>) {
        fx.send(peer, r#"{"beside":true}"#);
    }
    fn message(&mut self, _: &mut Effects, _: ConnId, _: Message<'_>) {}
}

fn interval(value: &str) -> Result<Option<Duration>, String> {
    match value {
        "never" => Ok(None),
        ms => ms.parse().map(|ms| Some(Duration::from_millis(ms))).map_err(|_| "no number of ms".into()),
    }
}

impl Stage for HubStage {
    fn given(&mut self, name: &str, value: &str) -> Result<(), String> {
        let number = || value.parse::<usize>().map_err(|error| error.to_string());
        let config = self.config.clone();
        self.config = match name {
            "topics" => value.split(',').try_fold(TopicHubConfig::empty(), |config, topic| {
                match topic.trim().split_once(' ') {
                    Some((name, "(state)")) => Ok(config.topic(name, TopicClass::State)),
                    Some((name, "(stream)")) => Ok(config.topic(name, TopicClass::Stream)),
                    _ => Err("NAME (state), NAME (stream)".to_owned()),
                }
            })?,
            "cap_per_topic" => config.cap_per_topic(number()?),
            "ping_interval" => config.ping_interval(interval(value)?),
            "poll_interval" => config.poll_interval(interval(value)?),
            "log_bytes" => config.log_bytes(number()?),
            "resend" => config.resend(match value {
                "state" => HubResend::State,
                "all" => HubResend::All,
                "none" => HubResend::None,
                _ => return Err("state, all or none".into()),
            }),
            "refuse" => config.refuse(match value {
                "http" => HubRefuse::Http,
                "close" => HubRefuse::Close,
                _ => return Err("http or close".into()),
            }),
            "mirror" => {
                let (from, to) = value.split_once(" to ").ok_or("TOPIC to TOPIC")?;
                config.mirror(from, to)
            }
            "beside" => {
                self.beside = Some(value.to_owned());
                config
            }
            _ => match name.strip_prefix("cap of ") {
                Some(topic) => config.cap_of(topic, number()?),
                None => return Err("no such setting".into()),
            },
        };
        Ok(())
    }

    fn settings(&mut self) -> Result<Settings, String> {
        self.config.check()?;
        let hub = factory(PATTERN, parameter(PATTERN)?, self.config.clone());
        let mut mounts: Vec<(String, Box<dyn ContractFactory>)> = vec![(PATTERN.into(), Box::new(hub))];
        if let Some(path) = &self.beside {
            mounts.push((path.clone(), Box::new(|_: &mut Setup<'_>| Beside)));
        }
        Ok(stage::settings(Limits::default(), self.config.host_topics(PATTERN), mounts))
    }

    fn host(&mut self, words: &str, topics: &[(String, TopicId)]) -> Result<Vec<Command>, String> {
        let id_of = |name: &str| topics.iter().find(|(n, _)| n == name).map(|(_, id)| *id);
        let hub = Publications::new(PATTERN, &self.config, id_of).ok_or("a topic is missing")?;
        let not_understood = || format!("not understood: {words}");
        let (verb, rest) = words.split_once(' ').ok_or_else(not_understood)?;
        let (topic, rest) = rest.split_once(' ').ok_or_else(not_understood)?;
        let publish = |key: &str, json: &str| {
            let made = hub.of(topic, key, json).map_err(|error| error.to_string())?;
            let command = |p: crate::contracts::topic_hub::publications::Publication| Command::Publish {
                topic: p.topic,
                key: Some(p.key.into()),
                payload: p.text.into(),
            };
            Ok(made.into_iter().map(command).collect())
        };
        match (verb, rest.split_once(' ')) {
            ("publishes", Some(("key", rest))) => {
                let (key, json) = rest.split_once(' ').ok_or_else(not_understood)?;
                publish(key, json)
            }
            ("publishes", Some((count, rest))) if rest.starts_with("messages of ") => {
                let count: usize = count.parse().map_err(|_| not_understood())?;
                let size = rest["messages of ".len()..].parse().map_err(|_| not_understood())?;
                let mut commands = Vec::new();
                for n in 1..=count {
                    commands
                        .append(&mut publish("", &format!(r#"{{"n":{n},"fill":"{}"}}"#, "x".repeat(size)))?);
                }
                Ok(commands)
            }
            ("publishes", _) => publish("", rest),
            ("forgets", Some(("key", key))) => {
                let keys = hub.keys(topic, key).map_err(|error| error.to_string())?;
                Ok(keys.into_iter().map(|(topic, key)| Command::Forget { topic, key: key.into() }).collect())
            }
            _ => Err(not_understood()),
        }
    }

    fn event(&self, event: &Event) -> String {
        match event {
            Event::Contract { body: EventBody::Hub(HubEvent::Refresh { topic }), .. } => {
                format!("event refresh {topic}")
            }
            other => format!("{other:?}"),
        }
    }
}
