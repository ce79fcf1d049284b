//! What comes of a host's word: one message for the topic, and one for each of its mirrors.

use super::{
    config::{TopicHubConfig, host_name},
    envelope,
};
use crate::{
    ground::id::TopicId,
    wire::json::check::{JsonFault, check},
};
use std::fmt;

/// Why a topic hub did not take something.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HubError {
    /// It is no JSON, or nested too deep.
    InvalidJson(JsonFault),
    /// The hub has no such topic.
    #[non_exhaustive]
    UnknownTopic {
        /// What was asked for.
        topic: String,
        /// The topics there are, separated by commas.
        known: String,
    },
    /// Too many commands, or too many bytes, wait for the loop: try again later, or slow down. Never for a state topic.
    Full,
    /// The server has stopped.
    Stopped,
    /// It can never be taken as it is.
    Refused(&'static str),
}

impl fmt::Display for HubError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidJson(fault) => write!(f, "invalid JSON at {fault}"),
            Self::UnknownTopic { topic, known } => {
                write!(f, "there is no topic {topic:?}; there are {known}")
            }
            Self::Full => f.write_str("the server's command queue is full: try again later"),
            Self::Stopped => f.write_str("the server has stopped"),
            Self::Refused(why) => write!(f, "refused: {why}"),
        }
    }
}

impl std::error::Error for HubError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::InvalidJson(fault) => Some(fault),
            _ => None,
        }
    }
}

/// The topics of a hub, as publishers need them.
#[derive(Debug)]
pub(crate) struct Publications {
    entries: Box<[Entry]>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    id: TopicId,
    /// Indices of its mirrors.
    mirrors: Vec<usize>,
}

/// One message to be published.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Publication {
    pub(crate) topic: TopicId,
    pub(crate) key: String,
    pub(crate) text: String,
}

impl Publications {
    /// Of a checked configuration; `id_of` finds the host's topics.
    pub(crate) fn new(
        pattern: &str,
        config: &TopicHubConfig,
        id_of: impl Fn(&str) -> Option<TopicId>,
    ) -> Option<Self> {
        let entry = |name: &String| {
            let to = config.mirrors.iter().filter(|(from, _)| from == name).map(|(_, to)| to);
            let index = |to: &String| config.topics.iter().position(|topic| topic.name == *to);
            let mirrors = to.filter_map(index).collect();
            Some(Entry { name: name.clone(), id: id_of(&host_name(pattern, name))?, mirrors })
        };
        let entries = config.topics.iter().map(|topic| entry(&topic.name)).collect::<Option<_>>()?;
        Some(Self { entries })
    }

    /// The messages for a topic and its mirrors, the topic's own first.
    pub(crate) fn of(&self, topic: &str, key: &str, json: &str) -> Result<Vec<Publication>, HubError> {
        let source = self.find(topic)?;
        check(json).map_err(HubError::InvalidJson)?;
        let places = self.places(source, key);
        Ok(places
            .map(|(entry, key)| Publication {
                topic: entry.id,
                key,
                text: envelope::update(&entry.name, json),
            })
            .collect())
    }

    /// Where a key of a topic is kept: in the topic, and in its mirrors.
    pub(crate) fn keys(&self, topic: &str, key: &str) -> Result<Vec<(TopicId, String)>, HubError> {
        let source = self.find(topic)?;
        Ok(self.places(source, key).map(|(entry, key)| (entry.id, key)).collect())
    }

    fn places<'a>(
        &'a self,
        source: &'a Entry,
        key: &'a str,
    ) -> impl Iterator<Item = (&'a Entry, String)> + 'a {
        // No topic's name holds a '=', so a mirrored key is no other's.
        let mirrors =
            source.mirrors.iter().map(move |&at| (&self.entries[at], format!("{}={key}", source.name)));
        std::iter::once((source, format!("={key}"))).chain(mirrors)
    }

    fn find(&self, topic: &str) -> Result<&Entry, HubError> {
        self.entries.iter().find(|entry| entry.name == topic).ok_or_else(|| {
            let known: Vec<_> = self.entries.iter().map(|entry| entry.name.as_str()).collect();
            HubError::UnknownTopic { topic: topic.to_owned(), known: known.join(", ") }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publications() -> Publications {
        let config = TopicHubConfig::new().mirror("robots", "status").mirror("robots", "tables");
        let id_of = |name: &str| Some(TopicId::new(name.len() as u32, 1));
        Publications::new("/ws/{topic}", &config, id_of).unwrap()
    }

    #[test]
    fn a_mirrored_key_is_no_own_key() {
        let hub = publications();
        let made = hub.of("robots", "7", "[1]").unwrap();
        let (keys, texts): (Vec<_>, Vec<_>) = made.into_iter().map(|p| (p.key, p.text)).unzip();
        assert_eq!(keys, ["=7", "robots=7", "robots=7"]);
        assert_eq!(texts[1], r#"{"type":"update","topic":"status","data":[1]}"#);
        // The nearest that an own key can come.
        let own = hub.of("status", "robots=7", "[1]").unwrap();
        assert_eq!(own[0].key, "=robots=7");
        assert_eq!(own.len(), 1, "mirrors are not mirrored");
        assert_eq!(hub.keys("robots", "7").unwrap().len(), 3);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let hub = publications();
        let unknown = hub.of("Robots", "", "{}").unwrap_err().to_string();
        assert!(unknown.contains("\"Robots\"") && unknown.contains("robots, tables, events"), "{unknown}");
        let invalid = hub.of("robots", "", "{\"a\":\n}").unwrap_err();
        assert_eq!(invalid.to_string(), "invalid JSON at line 2, column 1: expected value");
        assert!(std::error::Error::source(&invalid).is_some());
    }
}
