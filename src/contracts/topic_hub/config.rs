//! What a topic hub is to be.

use crate::{
    ground::limits::{HUB_CAP_DEFAULT, HUB_NAME_BYTES_MAX, HUB_TOPICS_MAX, LOG_BYTES_DEFAULT},
    hub::topic::{SnapshotSource, Topic},
    wire::pattern::only_parameter,
};
use std::time::Duration;

/// What matters about a topic of a hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TopicClass {
    /// What is true now: a slow client is led to the newest value of every key.
    State,
    /// What happened: a client that is too slow for it is closed with 1013, since a gap would be worse.
    Stream,
}

#[cfg(feature = "board")]
impl TopicClass {
    /// As it is written in JSON.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Stream => "stream",
        }
    }
}

/// Which topics are sent once more when they were quiet for the poll interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HubResend {
    /// Those of [`TopicClass::State`].
    State,
    /// All of them: the last entry of a stream comes again, too.
    All,
    /// None; the host is asked to refresh them all the same.
    None,
}

/// How a client is refused whose topic is unknown or full, or who comes while the server stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HubRefuse {
    /// With HTTP 403.
    Http,
    /// The WebSocket is accepted and closed at once: 1003 unknown, 1008 full, 1001 stopping.
    Close,
}

/// Settings of a topic hub, for [`Builder::topic_hub`](crate::Builder::topic_hub), which checks them.
///
/// ```
/// use andon::{TopicClass, TopicHubConfig};
///
/// // The nine topics there are by default, one more, and what robots say shown under status as well.
/// let config = TopicHubConfig::new().topic("doors", TopicClass::State).mirror("robots", "status");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct TopicHubConfig {
    pub(crate) topics: Vec<HubTopic>,
    cap: usize,
    /// Of single topics.
    caps: Vec<(String, usize)>,
    pub(crate) ping_interval: Option<Duration>,
    pub(crate) poll_interval: Option<Duration>,
    pub(crate) resend: HubResend,
    pub(crate) refuse: HubRefuse,
    /// From, to.
    pub(crate) mirrors: Vec<(String, String)>,
    pub(crate) log_bytes: usize,
}

/// One topic of a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HubTopic {
    pub(crate) name: String,
    pub(crate) class: TopicClass,
}

/// The topics of the deployed hubs.
const DEFAULT_TOPICS: [(&str, TopicClass); 9] = [
    ("robots", TopicClass::State),
    ("tables", TopicClass::State),
    ("events", TopicClass::Stream),
    ("orders", TopicClass::Stream),
    ("status", TopicClass::State),
    ("systemlogs", TopicClass::Stream),
    ("customers", TopicClass::State),
    ("inventory", TopicClass::State),
    ("video_streams", TopicClass::State),
];

impl Default for TopicHubConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl TopicHubConfig {
    /// The nine topics robots, tables, events, orders, status, systemlogs, customers, inventory and `video_streams`; of these, events, orders and
    /// systemlogs are streams.
    pub fn new() -> Self {
        DEFAULT_TOPICS.into_iter().fold(Self::empty(), |config, (name, class)| config.topic(name, class))
    }

    /// No topic yet.
    pub fn empty() -> Self {
        Self {
            topics: Vec::new(),
            cap: HUB_CAP_DEFAULT,
            caps: Vec::new(),
            ping_interval: Some(Duration::from_secs(30)),
            poll_interval: Some(Duration::from_secs(10)),
            resend: HubResend::State,
            refuse: HubRefuse::Http,
            mirrors: Vec::new(),
            log_bytes: LOG_BYTES_DEFAULT,
        }
    }

    /// With this topic, or with another class for one that is there. A name is 1 to 64 lower case letters, digits, `_`,
    /// `-` and `.`. At most 1,024 topics.
    pub fn topic(mut self, name: impl Into<String>, class: TopicClass) -> Self {
        let name = name.into();
        match self.topics.iter_mut().find(|topic| topic.name == name) {
            Some(topic) => topic.class = class,
            None => self.topics.push(HubTopic { name, class }),
        }
        self
    }

    /// At most this many connections on each topic, 1 at least; one more is refused as [`refuse`](Self::refuse) says. Default 1,024.
    pub fn cap_per_topic(mut self, connections: usize) -> Self {
        self.cap = connections;
        self
    }

    /// At most this many connections on one topic, 1 at least; the last word counts. Default: as [`cap_per_topic`](Self::cap_per_topic).
    pub fn cap_of(mut self, topic: impl Into<String>, connections: usize) -> Self {
        self.caps.push((topic.into(), connections));
        self
    }

    /// How often every client is pinged by a message, counted from the start of the server; `None`: never. At least 1 ms. Default 30 s.
    pub fn ping_interval(mut self, interval: Option<Duration>) -> Self {
        self.ping_interval = interval;
        self
    }

    /// After how long a topic with subscribers that nothing was published to is refreshed: the host is asked for it, by
    /// [`HubEvent::Refresh`](crate::HubEvent::Refresh), and it is sent once more as [`resend`](Self::resend) says. `None`: never. At least
    /// 1 ms. Default 10 s.
    pub fn poll_interval(mut self, interval: Option<Duration>) -> Self {
        self.poll_interval = interval;
        self
    }

    /// Which topics are sent once more then. Default [`HubResend::State`].
    pub fn resend(mut self, which: HubResend) -> Self {
        self.resend = which;
        self
    }

    /// How clients are refused. Default [`HubRefuse::Http`].
    pub fn refuse(mut self, how: HubRefuse) -> Self {
        self.refuse = how;
        self
    }

    /// What is published to `from` is published to `to` as well, as its own message. `to` must be another topic, and a state topic. Default: no mirrors.
    pub fn mirror(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.mirrors.push((from.into(), to.into()));
        self
    }

    /// The log of each topic, see [`Topic::with_log_bytes`]. A quarter of it is the largest message. At least 64 KiB. Default 1 MiB.
    pub fn log_bytes(mut self, bytes: usize) -> Self {
        self.log_bytes = bytes;
        self
    }

    /// What is wrong with it, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.topics.is_empty() || self.topics.len() > HUB_TOPICS_MAX {
            return Err(format!("a hub has from 1 to {HUB_TOPICS_MAX} topics: add one by topic(..)"));
        }
        for HubTopic { name, .. } in &self.topics {
            let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b);
            if name.is_empty() || name.len() > HUB_NAME_BYTES_MAX || !name.bytes().all(legal) {
                return Err(format!(
                    "{name:?} is no topic's name: use 1 to {HUB_NAME_BYTES_MAX} lower case letters, digits, '_', '-' and '.'"
                ));
            }
            if self.cap_for(name) == 0 {
                return Err(format!("topic {name:?} may have no connection: its cap must be at least 1"));
            }
        }
        if let Some((name, _)) = self.caps.iter().find(|(name, _)| self.find(name).is_none()) {
            return Err(format!("there is no topic {name:?} to be capped: {}", self.known()));
        }
        for (index, (from, to)) in self.mirrors.iter().enumerate() {
            for name in [from, to] {
                if self.find(name).is_none() {
                    return Err(format!(
                        "the mirror of {from:?} to {to:?} needs a topic {name:?}: {}",
                        self.known()
                    ));
                }
            }
            if from == to {
                return Err(format!("topic {from:?} cannot be its own mirror"));
            }
            if self.find(to).is_some_and(|topic| topic.class == TopicClass::Stream) {
                return Err(format!(
                    "{to:?} cannot be a mirror: it is a stream, and a mirror must never be full"
                ));
            }
            if self.mirrors[..index].contains(&(from.clone(), to.clone())) {
                return Err(format!("{from:?} is mirrored to {to:?} twice"));
            }
        }
        for (what, interval) in [("ping_interval", self.ping_interval), ("poll_interval", self.poll_interval)]
        {
            if interval.is_some_and(|interval| interval < Duration::from_millis(1)) {
                return Err(format!("{what} must be at least 1 ms"));
            }
        }
        Ok(())
    }

    /// How many connections a topic takes: the last word counts.
    pub(crate) fn cap_for(&self, topic: &str) -> usize {
        self.caps.iter().rev().find(|(name, _)| name == topic).map_or(self.cap, |(_, cap)| *cap)
    }

    fn find(&self, name: &str) -> Option<&HubTopic> {
        self.topics.iter().find(|topic| topic.name == name)
    }

    /// The topics there are, in words.
    fn known(&self) -> String {
        let names: Vec<_> = self.topics.iter().map(|topic| topic.name.as_str()).collect();
        format!("there are {}", names.join(", "))
    }

    /// The host's topics of a hub at `pattern`.
    pub(crate) fn host_topics(&self, pattern: &str) -> Vec<(String, Topic)> {
        self.topics
            .iter()
            .map(|HubTopic { name, class, .. }| {
                let topic = match class {
                    TopicClass::State => Topic::state(),
                    TopicClass::Stream => Topic::stream(),
                };
                let topic = topic.with_snapshot(SnapshotSource::Keyed).with_log_bytes(self.log_bytes);
                (host_name(pattern, name), topic)
            })
            .collect()
    }
}

/// What the host calls a hub's topic.
pub(crate) fn host_name(pattern: &str, topic: &str) -> String {
    format!("{pattern}#{topic}")
}

/// The one parameter of a hub's pattern.
pub(crate) fn parameter(pattern: &str) -> Result<&str, String> {
    only_parameter(pattern)
        .ok_or_else(|| "a hub needs a path with exactly one parameter, the topic, such as /ws/{topic}".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_nine_topics() {
        let config = TopicHubConfig::new();
        assert_eq!(config.check(), Ok(()));
        let topics = config.host_topics("/ws/{topic}");
        assert_eq!(topics.len(), 9);
        let is_stream = |name: &str| {
            let (_, topic) = topics.iter().find(|(n, _)| n == &host_name("/ws/{topic}", name)).unwrap();
            topic.lag == crate::hub::topic::Lag::Disconnect
        };
        let streams: Vec<_> = DEFAULT_TOPICS.iter().map(|(name, _)| *name).filter(|n| is_stream(n)).collect();
        assert_eq!(streams, ["events", "orders", "systemlogs"]);
        assert!(topics.iter().all(|(_, topic)| topic.source == SnapshotSource::Keyed));
        let changed = config.topic("orders", TopicClass::State);
        assert_eq!(changed.topics.len(), 9, "a class can be changed");
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_reason() {
        let new = TopicHubConfig::new;
        for (config, why) in [
            (TopicHubConfig::empty(), "from 1 to"),
            (new().topic("Robots", TopicClass::State), "lower case"),
            (new().topic("", TopicClass::State), "lower case"),
            (new().topic("a/b", TopicClass::State), "lower case"),
            (new().topic("x".repeat(65), TopicClass::State), "lower case"),
            (new().cap_per_topic(0), "cap"),
            (new().cap_of("robots", 0), "\"robots\""),
            (new().cap_of("doors", 5), "no topic \"doors\""),
            (new().mirror("robots", "doors"), "needs a topic \"doors\": there are robots, "),
            (new().mirror("doors", "status"), "needs a topic \"doors\""),
            (new().mirror("robots", "robots"), "its own mirror"),
            (new().mirror("robots", "orders"), "a stream"),
            (new().mirror("robots", "status").mirror("robots", "status"), "twice"),
            (new().ping_interval(Some(Duration::ZERO)), "ping_interval"),
            (new().poll_interval(Some(Duration::from_nanos(1))), "poll_interval"),
        ] {
            let error = config.check().unwrap_err();
            assert!(error.contains(why), "{why}: {error}");
        }
    }

    #[test]
    fn a_hub_has_one_parameter() {
        assert_eq!(parameter("/ws/{topic}/"), Ok("topic"));
        for bad in ["/ws/topic", "/{a}/{b}", "/"] {
            assert!(parameter(bad).unwrap_err().contains("exactly one parameter"));
        }
    }
}
