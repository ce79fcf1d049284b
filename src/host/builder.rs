//! The builder: everything a host may choose, checked once.

mod configuration;
mod limits;

#[cfg(feature = "board")]
use super::board::config::BoardConfig;
#[cfg(feature = "contracts")]
use super::{guided_plan::GuidedPlan, hub_plan::HubPlan};
use super::{
    options::{MountOptions, RouteOptions},
    route_plan::RoutePlan,
    server::Server,
};
#[cfg(feature = "board")]
use crate::contracts::equipment_monitor::EquipmentMonitor;
use crate::{
    contracts::{contract::ContractFactory, gate::Gate, route::Route, store::Store},
    engine::event::EventMask,
    ground::{error::StartError, foreign::Foreign, limits::Limits},
    hub::topic::Topic,
    runtime::thread::SchedulingPolicy,
    wire::request::Method,
};
#[cfg(feature = "contracts")]
use crate::{
    contracts::{
        device_sessions::{DeviceSessionsFactory, config::DeviceSessionsConfig},
        guided_sessions::config::GuidedSessionsConfig,
        topic_hub::config::TopicHubConfig,
    },
    ground::id::MountId,
};
#[cfg(feature = "board")]
use std::any::Any;
use std::{fmt, time::Duration};

struct MountPlan {
    pattern: String,
    factory: Foreign<dyn ContractFactory>,
    options: MountOptions,
}

/// Collects what a server is to be. [`build`](Self::build) checks it and [`start`](Self::start) starts it; until then nothing happens,
/// and no method fails.
#[must_use = "a builder does nothing until start is called"]
pub struct Builder {
    listen: Vec<String>,
    mounts: Vec<MountPlan>,
    routes: Vec<RoutePlan>,
    topics: Vec<(String, Topic)>,
    limits: Limits,
    #[cfg(feature = "contracts")]
    hubs: Vec<(HubPlan, MountOptions)>,
    #[cfg(feature = "contracts")]
    guided: Vec<(GuidedPlan, MountOptions)>,
    /// Pattern and settings of each, to be checked; they are mounted already.
    #[cfg(feature = "contracts")]
    device_sessions: Vec<(MountId, String, DeviceSessionsConfig)>,
    /// Those that are mounted.
    #[cfg(feature = "board")]
    monitors: Vec<(String, EquipmentMonitor)>,
    #[cfg(feature = "board")]
    board: Option<BoardConfig>,
    connections: Option<usize>,
    events: EventMask,
    store: Option<Foreign<dyn Store>>,
    healthz: bool,
    origins: Vec<String>,
    hosts: Vec<String>,
    stop_timeout: Duration,
    send_buffer_bytes: Option<usize>,
    thread_name: String,
    affinity: Option<Vec<usize>>,
    policy: SchedulingPolicy,
    on_start: Option<Foreign<dyn FnOnce() + Send>>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            mounts: Vec::new(),
            routes: Vec::new(),
            topics: Vec::new(),
            limits: Limits::default(),
            #[cfg(feature = "contracts")]
            hubs: Vec::new(),
            #[cfg(feature = "contracts")]
            guided: Vec::new(),
            #[cfg(feature = "contracts")]
            device_sessions: Vec::new(),
            #[cfg(feature = "board")]
            monitors: Vec::new(),
            #[cfg(feature = "board")]
            board: None,
            connections: None,
            events: EventMask::NONE,
            store: None,
            healthz: true,
            origins: Vec::new(),
            hosts: Vec::new(),
            stop_timeout: Duration::from_secs(2),
            send_buffer_bytes: None,
            thread_name: "andon".into(),
            affinity: None,
            policy: SchedulingPolicy::default(),
            on_start: None,
        }
    }
}

impl Server {
    /// A builder with nothing in it yet.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// Listens on `IP:PORT`, such as `0.0.0.0:8000` or `[::1]:8000`. Port 0 takes a free one, see
    /// [`Server::local_addrs`]. May be called several times. Host names are not looked up.
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen.push(address.into());
        self
    }

    /// Mounts a contract at a path pattern: literals and `{parameters}` that take one segment each, such as
    /// `/ws/sessions/{code}`. A literal beats a parameter, whatever the order of mounting; a trailing slash makes no difference.
    pub fn mount(self, pattern: impl Into<String>, factory: impl ContractFactory + 'static) -> Self {
        self.mount_with(pattern, MountOptions::default(), factory)
    }

    /// As [`mount`](Self::mount), with options.
    pub fn mount_with(
        mut self,
        pattern: impl Into<String>,
        options: MountOptions,
        factory: impl ContractFactory + 'static,
    ) -> Self {
        let pattern = pattern.into();
        #[cfg(feature = "board")]
        if let Some(monitor) = (&factory as &dyn Any).downcast_ref::<EquipmentMonitor>() {
            self.monitors.push((pattern.clone(), monitor.clone()));
        }
        self.mounts.push(MountPlan { pattern, factory: Foreign::new(Box::new(factory)), options });
        self
    }

    /// Serves plain HTTP requests of one method to a path pattern. HEAD is answered from GET, OPTIONS by itself, and a method that the path does not
    /// know with 405. A route and a contract may share a pattern: the contract gets the upgrades.
    pub fn route(self, method: Method, pattern: impl Into<String>, route: impl Route + 'static) -> Self {
        self.route_with(method, pattern, RouteOptions::default(), route)
    }

    /// As [`route`](Self::route), with a gate.
    pub fn route_with_gate(
        self,
        method: Method,
        pattern: impl Into<String>,
        gate: impl Gate + 'static,
        route: impl Route + 'static,
    ) -> Self {
        self.route_with(method, pattern, RouteOptions::new().gate(gate), route)
    }

    /// As [`route`](Self::route), with options.
    pub fn route_with(
        mut self,
        method: Method,
        pattern: impl Into<String>,
        options: RouteOptions,
        route: impl Route + 'static,
    ) -> Self {
        let (pattern, route) = (pattern.into(), Foreign::<dyn Route>::new(Box::new(route)));
        self.routes.push(RoutePlan { method, pattern, route, options });
        self
    }

    /// Serves the board, a page at `/` that shows people how things are, and plain HTTP for programs: `/readyz`, `/metrics` and `/api`. `docs/http.md` says what each answers. Each
    /// asks of its clients what the mount asks to which it belongs. A path of these that is a route's already does not build.
    #[cfg(feature = "board")]
    pub fn board(mut self, config: BoardConfig) -> Self {
        self.board = Some(config);
        self
    }

    /// Whether `GET /healthz` answers 200 while the server serves; while it stops, it gets 503 as any request. Default yes.
    pub fn healthz(mut self, serve: bool) -> Self {
        self.healthz = serve;
        self
    }

    /// Lets in pages of this origin, `scheme://host[:port]`; may be called several times. From then on pages of others get 403, on WebSockets and on routes. Who sends no
    /// `Origin` (what is no browser) is let in. The list is also what cross-origin requests to routes are answered by (CORS). Default: every page.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// Lets in requests to this host, `name` or `name:port`, as they say in their `Host`; may be called several times. From then on requests to others get 403, so that
    /// no stranger's name can be pointed at the server (DNS rebinding). Default: every host; but on an address that only this machine reaches, `localhost`,
    /// `127.0.0.1` and `[::1]`.
    pub fn allow_host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into());
        self
    }

    /// Declares a topic that the host publishes to. Contracts find it by [`Setup::topic`](crate::Setup::topic), the host by
    /// [`Server::topic`].
    pub fn topic(mut self, name: impl Into<String>, topic: Topic) -> Self {
        self.topics.push((name.into(), topic));
        self
    }

    /// Mounts a topic hub at a path pattern with one parameter, such as `/ws/{topic}`: clients get the news of the topic they ask for, and the host
    /// publishes through [`Server::topic_hub`]. A server has one at most.
    #[cfg(feature = "contracts")]
    pub fn topic_hub(self, pattern: impl Into<String>, config: TopicHubConfig) -> Self {
        self.topic_hub_with(pattern, MountOptions::default(), config)
    }

    /// As [`topic_hub`](Self::topic_hub), with options.
    #[cfg(feature = "contracts")]
    pub fn topic_hub_with(
        mut self,
        pattern: impl Into<String>,
        options: MountOptions,
        config: TopicHubConfig,
    ) -> Self {
        self.hubs.push((HubPlan { pattern: pattern.into(), config }, options));
        self
    }

    /// Mounts device sessions at a path pattern, such as `/ws/device`: devices stay connected, and collect data in sessions that they begin and end. The host hears of
    /// them by [`DeviceEvent`](crate::DeviceEvent)s, and speaks to them through [`Server::device_sessions`]. What they record goes to the [`store`](Self::store).
    #[cfg(feature = "contracts")]
    pub fn device_sessions(self, pattern: impl Into<String>, config: DeviceSessionsConfig) -> Self {
        self.device_sessions_with(pattern, MountOptions::default(), config)
    }

    /// As [`device_sessions`](Self::device_sessions), with options.
    #[cfg(feature = "contracts")]
    pub fn device_sessions_with(
        mut self,
        pattern: impl Into<String>,
        options: MountOptions,
        config: DeviceSessionsConfig,
    ) -> Self {
        let pattern = pattern.into();
        // The number of a mount too many does not matter: it is refused.
        let id = MountId(u16::try_from(self.mounts.len()).unwrap_or(u16::MAX));
        self.device_sessions.push((id, pattern.clone(), config.clone()));
        self.mount_with(pattern, options, DeviceSessionsFactory::new(config))
    }

    /// Mounts guided sessions at a path pattern with one parameter, the session's code, such as `/ws/sessions/{code}/`: instructors lead students through
    /// steps, and the host takes part through [`Server::guided_sessions`]. A server has one such mount at most. They know people by what a gate says of them (the
    /// subject of the [`Identity`](crate::Identity) is the user's id, an integer, and its role is STUDENT or INSTRUCTOR), so without one, as here, everybody
    /// gets 403: see [`guided_sessions_with`](Self::guided_sessions_with).
    #[cfg(feature = "contracts")]
    pub fn guided_sessions(self, pattern: impl Into<String>, config: GuidedSessionsConfig) -> Self {
        self.guided_sessions_with(pattern, MountOptions::default(), config)
    }

    /// As [`guided_sessions`](Self::guided_sessions), with options, a [gate](MountOptions::gate) above all. Since people are known by a cookie, it is always
    /// [for pages of the same origin](MountOptions::same_origin).
    #[cfg(feature = "contracts")]
    pub fn guided_sessions_with(
        mut self,
        pattern: impl Into<String>,
        options: MountOptions,
        config: GuidedSessionsConfig,
    ) -> Self {
        self.guided.push((GuidedPlan { pattern: pattern.into(), config }, options));
        self
    }

    /// Replaces the limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets [`Limits::connections`] alone, whatever [`limits`](Self::limits) says before or after.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.connections = Some(connections);
        self
    }

    /// Which events are made for the host. Default none; see [`Server::events`].
    pub fn events(mut self, mask: EventMask) -> Self {
        self.events = mask;
        self
    }

    /// Where records go. Default nowhere: contracts that record are told so.
    pub fn store(mut self, store: impl Store + 'static) -> Self {
        self.store = Some(Foreign::new(Box::new(store)));
        self
    }

    /// How long dropping the server waits for clients to take their goodbye. Default 2 s.
    pub fn stop_timeout(mut self, timeout: Duration) -> Self {
        self.stop_timeout = timeout;
        self
    }

    /// The kernel's send buffer for each connection, in bytes. Smaller means that a slow client gets fresher values (the kernel keeps
    /// what it has accepted, however stale), at the price of more wake-ups. Default: the kernel's choice, up to some MiB.
    pub fn send_buffer_bytes(mut self, bytes: usize) -> Self {
        self.send_buffer_bytes = Some(bytes);
        self
    }

    /// The name of the loop's thread, cut to what the system takes (15 bytes on Linux). Default `andon`.
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.thread_name = name.into();
        self
    }

    /// The processors that the loop may run on. Default: those of the thread that starts the server. A controller that pins its
    /// control thread should set this, or the loop shares that one core.
    pub fn thread_affinity(mut self, cpus: impl Into<Vec<usize>>) -> Self {
        self.affinity = Some(cpus.into());
        self
    }

    /// The scheduling policy of the loop's thread. Default [`SchedulingPolicy::Ordinary`], even when a real-time thread starts the server.
    pub fn thread_policy(mut self, policy: SchedulingPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Runs once on the loop's thread before it serves: for the host's own thread registration. A panic in it is caught and logged.
    pub fn on_thread_start(mut self, hook: impl FnOnce() + Send + 'static) -> Self {
        self.on_start = Some(Foreign::new(Box::new(hook)));
        self
    }

    /// Checks everything and starts the server. When this returns, it listens.
    pub fn start(self) -> Result<Server, StartError> {
        self.build()?.start()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("listen", &self.listen)
            .field("mounts", &self.mounts.iter().map(|plan| &plan.pattern).collect::<Vec<_>>())
            .field("topics", &self.topics)
            .finish_non_exhaustive()
    }
}
