//! What the engine is built from: a configuration that cannot be wrong any more.

use super::{command::Command, event::EventMask, router::Router};
use crate::{
    contracts::{
        contract::{Contract, ContractFactory},
        gate::Gate,
        route::Route,
        store::guided::SavedGuidedSession,
    },
    ground::{
        foreign::Foreign,
        id::{ConnId, MountId, TopicId},
        limits::{Limits, PANIC_WINDOW, PANICS_MAX},
        time::Tick,
    },
    hub::{identity::Identity, topic::Topic},
    wire::access::Access,
};
use std::{collections::VecDeque, fmt, sync::Arc};

/// See the module.
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    pub(crate) events: EventMask,
    pub(crate) router: Router,
    pub(crate) access: Access,
    pub(crate) mounts: Vec<MountSettings>,
    pub(crate) routes: Vec<RouteSettings>,
    pub(crate) topics: Vec<(String, Topic)>,
    /// The guided sessions that the store knows; none without a store, when records are refused.
    pub(crate) store: Option<Vec<SavedGuidedSession>>,
    /// What the event streams of the board tell.
    #[cfg(feature = "board")]
    pub(crate) feeds: super::feeds::Feeds,
}

/// One mount, as configured.
pub(crate) struct MountSettings {
    pub(crate) pattern: String,
    pub(crate) factory: Foreign<dyn ContractFactory>,
    pub(crate) door: Door,
    pub(crate) subprotocols: Vec<String>,
    pub(crate) connections_max: usize,
    /// The contract words the refusal of whoever comes while the server stops.
    pub(crate) refuses_while_stopping: bool,
}

/// One route, as configured.
pub(crate) struct RouteSettings {
    pub(crate) route: Foreign<dyn Route>,
    pub(crate) entrance: Entrance,
}

/// Whose door a route stands behind.
pub(crate) enum Entrance {
    Own(Door),
    /// That of this mount, to which the route belongs; once the mount is retired the route is gone as well.
    Mount(MountId),
}

impl Entrance {
    /// The mount that the route belongs to.
    pub(crate) fn mount(&self) -> Option<MountId> {
        match self {
            Self::Own(_) => None,
            Self::Mount(mount) => Some(*mount),
        }
    }
}

/// Who may come in at a mount or a route.
#[derive(Default)]
pub(crate) struct Door {
    /// `None`: everyone, and nobody in particular.
    pub(crate) gate: Option<Foreign<dyn Gate>>,
    /// What the gate speaks; agreed on when none of the mount's own is offered.
    pub(crate) subprotocols: Vec<String>,
    /// One of these is needed, if there are any.
    pub(crate) roles: Vec<String>,
    /// Only pages of the same host, and of listed origins, may use it.
    pub(crate) same_origin: bool,
}

impl Door {
    /// Whether it lets everybody in.
    #[cfg(feature = "board")]
    pub(crate) fn is_open(&self) -> bool {
        self.gate.is_none() && self.roles.is_empty() && !self.same_origin
    }

    /// Whether this identity has a role that is demanded.
    pub(crate) fn admits(&self, identity: &Identity) -> bool {
        self.roles.is_empty() || self.roles.iter().any(|role| identity.has_role(role))
    }
}

/// One mount, at work.
pub(crate) struct Mount {
    pub(crate) settings: MountSettings,
    /// Its pattern, as its records carry it.
    pub(crate) name: Arc<str>,
    /// `None` while it is being built, and when it is retired.
    pub(crate) contract: Option<Foreign<dyn Contract>>,
    pub(crate) connections: usize,
    pub(crate) deadline: Option<Tick>,
    /// It has told the host something lossless, so it must pause when the host does not keep up.
    pub(crate) feeds_host: bool,
    /// It has recorded something, so it must pause when the store does not keep up.
    pub(crate) feeds_store: bool,
    /// Records that its contract waits for.
    pub(crate) awaited: usize,
    /// The topics it declared.
    pub(crate) topics: Vec<TopicId>,
    /// Connections that are not read because it must pause, in the order in which that began; and some that are gone.
    pub(crate) paused: VecDeque<ConnId>,
    /// Commands that wait because it must pause.
    pub(crate) held: VecDeque<Command>,
    panics: VecDeque<Tick>,
}

impl Mount {
    pub(crate) fn new(settings: MountSettings) -> Self {
        Self {
            name: settings.pattern.as_str().into(),
            settings,
            contract: None,
            connections: 0,
            deadline: None,
            feeds_host: false,
            feeds_store: false,
            awaited: 0,
            topics: Vec::new(),
            paused: VecDeque::new(),
            held: VecDeque::new(),
            panics: VecDeque::new(),
        }
    }

    /// A panic happened. True when it was one too many.
    pub(crate) fn panicked(&mut self, now: Tick) -> bool {
        self.panics.push_back(now);
        while self.panics.front().is_some_and(|&at| now - at > PANIC_WINDOW) {
            self.panics.pop_front();
        }
        self.panics.len() >= PANICS_MAX
    }
}

impl fmt::Debug for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mount")
            .field("pattern", &self.settings.pattern)
            .field("connections", &self.connections)
            .field("retired", &self.contract.is_none())
            .finish_non_exhaustive()
    }
}
