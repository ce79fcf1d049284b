//! The topic hub: many topics under one path, each client on one of them.

pub(crate) mod config;
mod envelope;
pub(crate) mod publications;

use super::{
    admission::Admission,
    contract::{Contract, ContractFactory, Hello, Setup},
    effects::{Count, Effects, EventClass},
    told::HubEvent,
};
use crate::{
    ground::{
        close::{CloseCode, Closed},
        frame::Message,
        id::{ConnId, TopicId},
        time::Tick,
    },
    wire::{
        json::object::{Fault, Object, quoted},
        request::Request,
        response::Response,
    },
};
use config::{HubRefuse, HubResend, TopicClass, TopicHubConfig, host_name};
use std::{collections::BTreeMap, sync::Arc};

/// See the module.
#[derive(Debug)]
struct Hub {
    config: Arc<TopicHubConfig>,
    /// The parameter of the path that names the topic.
    parameter: Arc<str>,
    /// In the order of the configuration.
    topics: Vec<HubTopic>,
    /// Who is on which topic. Ordered, so that the same run is the same again.
    peers: BTreeMap<ConnId, usize>,
    started: Tick,
    /// The next ping, while there is anybody to be pinged.
    next_ping: Option<Tick>,
    stopping: bool,
}

#[derive(Debug)]
struct HubTopic {
    id: TopicId,
    subscribers: usize,
    cap: usize,
    /// The first subscriber came, or it was refreshed: it is quiet from then on, or since it was published to.
    quiet_since: Tick,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    UnknownTopic,
    Full,
    Stopping,
}

/// Builds the hub at `pattern`, of a checked configuration whose topics the host has declared.
pub(crate) fn factory(
    pattern: &str,
    parameter: &str,
    config: TopicHubConfig,
) -> impl ContractFactory + use<> {
    let (pattern, parameter) = (pattern.to_owned(), Arc::<str>::from(parameter));
    let config = Arc::new(config);
    move |setup: &mut Setup<'_>| {
        let started = setup.effects().now().tick;
        let topics = config.topics.iter().map(|topic| HubTopic {
            id: setup.topic(&host_name(&pattern, &topic.name)).expect("the builder declares a hub's topics"),
            subscribers: 0,
            cap: config.cap_for(&topic.name),
            quiet_since: started,
        });
        Hub {
            topics: topics.collect(),
            config: Arc::clone(&config),
            parameter: Arc::clone(&parameter),
            peers: BTreeMap::new(),
            started,
            next_ping: None,
            stopping: false,
        }
    }
}

impl Contract for Hub {
    fn admit(&mut self, fx: &mut Effects, _peer: ConnId, hello: &Hello<'_>) -> Result<Admission, Response> {
        match self.place(hello.request) {
            Err(refusal) if self.config.refuse == HubRefuse::Http => {
                if refusal == Refusal::Full {
                    fx.count(Count::Bound);
                }
                Err(Response::text(403, refusal.words()))
            }
            _ => Ok(Admission::new()),
        }
    }

    fn opened(&mut self, fx: &mut Effects, peer: ConnId, hello: &Hello<'_>) {
        match self.place(hello.request) {
            Ok(at) => {
                self.peers.insert(peer, at);
                let now = fx.now().tick;
                let topic = &mut self.topics[at];
                topic.subscribers += 1;
                if topic.subscribers == 1 {
                    topic.quiet_since = now;
                }
                fx.subscribe(peer, topic.id);
                self.arm(fx);
            }
            Err(refusal) => {
                let (code, reason) = match refusal {
                    Refusal::UnknownTopic => (CloseCode::UNSUPPORTED, ""),
                    Refusal::Full => (CloseCode::POLICY, refusal.words()),
                    Refusal::Stopping => (CloseCode::GOING_AWAY, refusal.words()),
                };
                if refusal == Refusal::Full {
                    fx.count(Count::Bound);
                }
                fx.close(peer, code, reason);
            }
        }
    }

    fn message(&mut self, fx: &mut Effects, peer: ConnId, message: Message<'_>) {
        // Somebody who is being closed.
        let Some(&at) = self.peers.get(&peer) else { return };
        let topic = &self.config.topics[at].name;
        match reply(topic, message) {
            Ok(Some(pong)) => fx.send(peer, &pong),
            Ok(None) => {}
            Err(fault) => {
                fx.count(Count::Refused);
                fx.send(peer, &envelope::error(topic, &fault));
            }
        }
    }

    fn closed(&mut self, fx: &mut Effects, peer: ConnId, _how: Closed) {
        if let Some(at) = self.peers.remove(&peer) {
            self.topics[at].subscribers -= 1;
            self.arm(fx);
        }
    }

    fn deadline(&mut self, fx: &mut Effects) {
        let now = fx.now().tick;
        if self.next_ping.is_some_and(|at| at <= now) {
            // Those that were missed, by a loop that was held up, are not made up for.
            self.next_ping = None;
            let ping = envelope::ping(now);
            for topic in self.topics.iter().filter(|topic| topic.subscribers > 0) {
                fx.notice(topic.id, &ping);
            }
        }
        for at in 0..self.topics.len() {
            if self.quiet_due(fx, at).is_some_and(|due| due <= now) {
                self.topics[at].quiet_since = now;
                self.refresh(fx, at);
            }
        }
        self.arm(fx);
    }

    fn shutdown(&mut self, fx: &mut Effects) {
        self.stopping = true;
        // To each privately: a topic would skip it for who lags.
        let word = envelope::shutdown();
        for &peer in self.peers.keys() {
            fx.send(peer, &word);
        }
        fx.arm(None);
    }
}

impl Hub {
    /// The topic that a request is for, if there is room on it.
    fn place(&self, request: &Request<'_>) -> Result<usize, Refusal> {
        let name = request.param(&self.parameter);
        let at = self.config.topics.iter().position(|topic| Some(topic.name.as_str()) == name);
        let at = at.ok_or(Refusal::UnknownTopic)?;
        if self.stopping {
            return Err(Refusal::Stopping);
        }
        let topic = &self.topics[at];
        if topic.subscribers < topic.cap { Ok(at) } else { Err(Refusal::Full) }
    }

    /// When a topic has been quiet for too long.
    fn quiet_due(&self, fx: &Effects, at: usize) -> Option<Tick> {
        let topic = &self.topics[at];
        let poll = self.config.poll_interval.filter(|_| topic.subscribers > 0)?;
        let published = fx.published_at(topic.id).unwrap_or_default();
        Some(topic.quiet_since.max(published) + poll)
    }

    /// The fallback for an update that was missed.
    fn refresh(&self, fx: &mut Effects, at: usize) {
        let (topic, spec) = (&self.topics[at], &self.config.topics[at]);
        let body = HubEvent::Refresh { topic: spec.name.as_str().into() };
        fx.event(EventClass::State, at as u64, None, body);
        let again = match self.config.resend {
            HubResend::State => spec.class == TopicClass::State,
            HubResend::All => true,
            HubResend::None => false,
        };
        if again {
            fx.republish(topic.id);
        }
    }

    fn arm(&mut self, fx: &mut Effects) {
        let now = fx.now().tick;
        let interval = self.config.ping_interval.filter(|_| !self.peers.is_empty());
        self.next_ping = interval.map(|interval| match self.next_ping {
            Some(at) => at,
            None => now.next_beat(self.started, interval),
        });
        let quiet = (0..self.topics.len()).filter_map(|at| self.quiet_due(fx, at));
        let due = quiet.chain(self.next_ping).min();
        fx.arm(due.filter(|_| !self.stopping));
    }
}

impl Refusal {
    fn words(self) -> &'static str {
        match self {
            Self::UnknownTopic => "Unknown topic",
            Self::Full => "Too many connections",
            Self::Stopping => "Server is shutting down",
        }
    }
}

/// What a client's message is answered with.
fn reply(topic: &str, message: Message<'_>) -> Result<Option<String>, Fault> {
    let Message::Text(text) = message else {
        return Err(Fault::of_message("a message must be JSON in a text frame, not binary"));
    };
    let object = Object::read(text, ["type", "topic", "data"])?;
    let kind = object.required_string("type")?;
    match &*kind {
        // Whatever its topic, and with or without data.
        "pong" => Ok(None),
        "ping" => {
            object.string("topic")?;
            Ok(Some(envelope::pong(topic, object.raw("data"))))
        }
        "update" | "error" | "shutdown" => Err(Fault::of_field(
            "type",
            format!("only the server sends \"{kind}\": expected \"ping\" or \"pong\""),
        )),
        _ => Err(Fault::of_field(
            "type",
            format!("unknown type {}: expected \"ping\" or \"pong\"", quoted(&kind)),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contracts::effects::Effect,
        ground::{close::CloseCause, time::Now},
        hub::identity::Identity,
        wire::{owned::OwnedRequest, request::Method},
    };

    /// A deadline that nobody needs would wake the loop for nothing.
    #[test]
    fn nothing_is_armed_when_nobody_is_there() {
        let mut fx = Effects::for_test(Now::default());
        let config = TopicHubConfig::empty().topic("a", TopicClass::State);
        let topics: Vec<_> = config
            .host_topics("/{t}")
            .into_iter()
            .map(|(name, topic)| (name, fx.declare("a", topic).unwrap()))
            .collect();
        let mut hub = factory("/{t}", "t", config).build(&mut Setup::for_test(&mut fx, &topics));
        assert!(!fx.drain().iter().any(|effect| matches!(effect, Effect::Arm { .. })));
        let (peer, who) = (ConnId::from_bits(1), Identity::ANONYMOUS);
        let armed = |fx: &mut Effects| match fx.drain().pop() {
            Some(Effect::Arm { at }) => at,
            other => panic!("{other:?}"),
        };
        OwnedRequest::new(Method::Get, "/a").with_param("t", "a").with(|request| {
            hub.opened(&mut fx, peer, &Hello::new(request, &who));
        });
        assert!(armed(&mut fx).is_some());
        let how = Closed { cause: CloseCause::Lost, code: CloseCode::ABNORMAL };
        hub.closed(&mut fx, peer, how);
        assert_eq!(armed(&mut fx), None);
    }
}
