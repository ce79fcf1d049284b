//! The builder: everything a host may choose, checked once.

#[cfg(feature = "board")]
use super::board::{
    self,
    config::BoardConfig,
    site::{self, Site},
};
use super::{
    config::Config,
    options::{MountOptions, RouteOptions},
    route_plan::RoutePlan,
    server::Server,
};
#[cfg(feature = "contracts")]
use super::{guided_plan::GuidedPlan, hub_plan::HubPlan};
#[cfg(feature = "board")]
use crate::contracts::equipment_monitor::EquipmentMonitor;
#[cfg(feature = "contracts")]
use crate::contracts::{
    device_sessions::{DeviceSessionsFactory, config::DeviceSessionsConfig},
    guided_sessions::config::GuidedSessionsConfig,
    topic_hub::config::TopicHubConfig,
};
#[cfg(feature = "board")]
use crate::{contracts::feed::Feed, engine::feeds::Feeds};
use crate::{
    contracts::{
        contract::ContractFactory,
        gate::Gate,
        route::{Reply, Route, RouteContext},
        store::Store,
    },
    engine::{
        event::EventMask,
        router::Router,
        settings::{Entrance, MountSettings, RouteSettings, Settings},
    },
    ground::{
        error::{ConfigError, StartError},
        foreign::Foreign,
        id::MountId,
        limits::{
            CONNECTIONS_DEFAULT, CONNECTIONS_MAX, DESCRIPTORS_SPARED, EVENTS_MIN, LOG_BYTES_MIN, Limits,
            RECORD_WINDOW_MAX, ROUTES_MAX,
        },
    },
    hub::topic::{SnapshotSource, Topic},
    runtime::{
        descriptors,
        thread::{SchedulingPolicy, ThreadSettings},
    },
    wire::{
        access::Access,
        pattern::Pattern,
        request::{Method, Request},
        response::Response,
    },
};
use core::net::SocketAddr;
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

    /// Checks everything.
    #[allow(unused_mut, reason = "without the built-in contracts")]
    pub fn build(mut self) -> Result<Config, ConfigError> {
        #[cfg(feature = "contracts")]
        let (hub, guided) = (self.mount_hub()?, self.mount_guided()?);
        #[cfg(feature = "contracts")]
        for (_, pattern, config) in &self.device_sessions {
            let bad = |why| ConfigError::BadMount { pattern: pattern.clone(), why };
            config.check().map_err(bad)?;
        }
        #[cfg(feature = "board")]
        let site = Site {
            monitors: std::mem::take(&mut self.monitors),
            hub: hub.as_ref().map(|plan| site::Hub {
                pattern: plan.pattern.clone(),
                topics: plan.config.topics.iter().map(|topic| (topic.name.clone(), topic.class)).collect(),
            }),
            devices: (self.device_sessions.iter())
                .map(|(_, pattern, config)| site::Sessions {
                    pattern: pattern.clone(),
                    copy_bytes_max: config.copy_bytes_max(),
                    one_bytes_max: config.json_bytes_max(),
                })
                .collect(),
            guided: guided.as_ref().map(|plan| site::Sessions {
                pattern: plan.pattern.clone(),
                copy_bytes_max: plan.config.copy_bytes_max(),
                one_bytes_max: plan.config.json_bytes_max(),
            }),
        };
        let limits = self.checked_limits()?;
        let addresses = parse_addresses(&self.listen)?;
        let topics = check_topics(&self.topics, &limits)?;
        let mut access = Access::default();
        for origin in &self.origins {
            access.allow_origin(origin).map_err(|why| bad_name("allow_origin", origin, why))?;
        }
        for host in &self.hosts {
            access.allow_host(host).map_err(|why| bad_name("allow_host", host, why))?;
        }
        let mut router = Router::default();
        let mut routes = Vec::new();
        let mut mounts = Vec::new();
        for (index, plan) in self.mounts.into_iter().enumerate() {
            let (there, place) = router.place(parse_pattern(&plan.pattern)?);
            if place.mount.is_some() {
                return Err(taken(plan.pattern, there.as_str()));
            }
            let id = u16::try_from(index).unwrap_or(u16::MAX);
            place.mount = Some(MountId(id));
            for name in plan.options.subprotocols.iter().chain(plan.options.door.subprotocols()) {
                let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
                if name.is_empty() || !name.bytes().all(token) {
                    return Err(ConfigError::BadLimit {
                        name: "subprotocol",
                        why: "a name must be one word of letters, digits and !#$%&'*+-.^_`|~",
                    });
                }
            }
            mounts.push(MountSettings {
                pattern: plan.pattern,
                factory: plan.factory,
                door: plan.options.door.checked()?,
                subprotocols: plan.options.subprotocols,
                connections_max: plan.options.connections.unwrap_or(usize::MAX),
                refuses_while_stopping: plan.options.refuses_while_stopping,
            });
        }
        let mut plans = self.routes;
        let own = plans.iter().any(|plan| plan.pattern.trim_end_matches('/') == "/healthz");
        if self.healthz && !own {
            plans.push(RoutePlan::get("/healthz", RouteOptions::default(), healthz));
        }
        #[cfg(feature = "board")]
        let (board, feeds) = match self.board {
            None => (None, Feeds::default()),
            Some(config) => {
                let (routes, late, feeds) = board::routes(config, &site)?;
                plans.extend(routes);
                (Some(late), feeds_of(feeds, &mounts)?)
            }
        };
        for plan in plans {
            let (there, place) = router.place(parse_pattern(&plan.pattern)?);
            if place.routes.iter().any(|(method, _)| *method == plan.method) {
                return Err(taken(plan.pattern, there.as_str()));
            }
            place.routes.push((plan.method, routes.len()));
            let entrance = match plan.options.checked()? {
                (None, door) => Entrance::Own(door),
                (Some(mount), _) => Entrance::Mount(mounted_at(&mounts, mount)?),
            };
            routes.push(RouteSettings { route: plan.route, entrance });
        }
        if router.len() > ROUTES_MAX {
            return Err(ConfigError::BadLimit { name: "mounts and routes", why: "there are more than 256" });
        }
        Ok(Config {
            addresses,
            send_buffer_bytes: self.send_buffer_bytes,
            stop_timeout: self.stop_timeout,
            store: self.store,
            thread: ThreadSettings {
                name: self.thread_name,
                affinity: self.affinity,
                policy: self.policy,
                on_start: self.on_start,
            },
            settings: Settings {
                limits,
                events: self.events,
                router,
                access,
                mounts,
                routes,
                topics,
                store: None,
                #[cfg(feature = "board")]
                feeds,
            },
            #[cfg(feature = "contracts")]
            device_sessions: self.device_sessions.into_iter().map(|(id, ..)| id).collect(),
            #[cfg(feature = "contracts")]
            hub,
            #[cfg(feature = "contracts")]
            guided,
            #[cfg(feature = "board")]
            board,
        })
    }

    /// Turns the topic hub into a mount and its topics.
    #[cfg(feature = "contracts")]
    fn mount_hub(&mut self) -> Result<Option<HubPlan>, ConfigError> {
        let mut hubs = std::mem::take(&mut self.hubs);
        let Some((hub, options)) = hubs.pop() else { return Ok(None) };
        if !hubs.is_empty() {
            let why = "a server has one topic hub at most".into();
            return Err(ConfigError::BadTopicHub { pattern: hub.pattern, why });
        }
        // As a pattern it is looked at with all others.
        parse_pattern(&hub.pattern)?;
        let (factory, topics) = hub.check()?;
        self.topics.extend(topics);
        let options = options.refuses_while_stopping();
        self.mounts.push(MountPlan { pattern: hub.pattern.clone(), factory: Foreign::new(factory), options });
        Ok(Some(hub))
    }

    /// Turns guided sessions into a mount.
    #[cfg(feature = "contracts")]
    fn mount_guided(&mut self) -> Result<Option<GuidedPlan>, ConfigError> {
        let mut plans = std::mem::take(&mut self.guided);
        let Some((plan, options)) = plans.pop() else { return Ok(None) };
        if !plans.is_empty() {
            let why = "a server has one mount of guided sessions at most: give all sessions to that".into();
            return Err(ConfigError::BadMount { pattern: plan.pattern, why });
        }
        // As a pattern it is looked at with all others.
        parse_pattern(&plan.pattern)?;
        let factory = Foreign::new(plan.check()?);
        let options = options.same_origin();
        self.mounts.push(MountPlan { pattern: plan.pattern.clone(), factory, options });
        Ok(Some(plan))
    }

    /// Checks everything and starts the server. When this returns, it listens.
    pub fn start(self) -> Result<Server, StartError> {
        self.build()?.start()
    }

    fn checked_limits(&self) -> Result<Limits, ConfigError> {
        let bad = |name, why| Err(ConfigError::BadLimit { name, why });
        let mut limits = self.limits.clone();
        let connections = self.connections.or(limits.connections).unwrap_or_else(connections_default);
        limits.connections = Some(connections);
        let Limits { message_bytes, frame_bytes, outbox_bytes, .. } = limits;
        if connections == 0 || connections > CONNECTIONS_MAX {
            return bad("connections", "it must be from 1 to 1,048,576");
        }
        if limits.connections_per_address == 0 {
            return bad("connections_per_address", "it must be at least 1");
        }
        if frame_bytes == 0 || frame_bytes > message_bytes {
            return bad("frame_bytes", "it must be at least 1 and at most message_bytes");
        }
        if message_bytes > 1 << 30 {
            return bad("message_bytes", "it must be at most 1 GiB");
        }
        // Fragments are assembled beside the frame that is being received, and grow by doubling.
        if limits.partial_bytes_total / 4 < message_bytes {
            return bad(
                "partial_bytes_total",
                "it must be at least four times message_bytes, or one large message would be shed",
            );
        }
        if limits.head_bytes < 1_024 || limits.head_bytes > 1 << 20 {
            return bad("head_bytes", "it must be from 1 KiB to 1 MiB");
        }
        if limits.body_bytes > limits.partial_bytes_total / 4 {
            return bad("body_bytes", "it must be at most a quarter of partial_bytes_total");
        }
        if outbox_bytes < 16 << 10 {
            return bad("outbox_bytes", "it must be at least 16 KiB");
        }
        if limits.outbox_bytes_total < outbox_bytes {
            return bad("outbox_bytes_total", "it must be at least outbox_bytes");
        }
        if limits.subscriptions == 0 || limits.subscriptions > 1_024 {
            return bad("subscriptions", "it must be from 1 to 1,024");
        }
        if limits.log_bytes_total < LOG_BYTES_MIN && limits.topics > 0 {
            return bad("log_bytes_total", "it must be at least 64 KiB, the size of the smallest log");
        }
        if limits.commands == 0 || limits.command_bytes == 0 {
            return bad("commands", "commands and command_bytes must be at least 1");
        }
        if limits.events < EVENTS_MIN {
            return bad("events", "it must be at least 256");
        }
        if limits.event_bytes < 64 << 10 {
            return bad("event_bytes", "it must be at least 64 KiB");
        }
        if limits.records == 0 || limits.record_bytes == 0 {
            return bad("records", "records and record_bytes must be at least 1");
        }
        if limits.record_window > RECORD_WINDOW_MAX {
            return bad("record_window", "it must be at most 1 s");
        }
        for (name, wait) in [
            ("handshake", limits.handshake),
            ("parked_wait", limits.parked_wait),
            ("keep_alive", limits.keep_alive),
            ("pong_wait", limits.pong_wait),
            ("close_wait", limits.close_wait),
            ("ping_interval", limits.ping_interval.unwrap_or(Duration::from_secs(1))),
        ] {
            if wait < Duration::from_millis(1) {
                return bad(name, "it must be at least 1 ms");
            }
        }
        Ok(limits)
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

/// As many as the process has descriptors for, up to a sensible number.
fn connections_default() -> usize {
    let Some(descriptors) = descriptors::soft_limit() else { return CONNECTIONS_DEFAULT };
    let spared = descriptors.saturating_sub(DESCRIPTORS_SPARED);
    // A process with fewer than 256 descriptors still gets some connections: half of what it has.
    CONNECTIONS_DEFAULT.min(spared.max(descriptors / 2)).max(1)
}

fn healthz(_: &RouteContext<'_>, _: &Request<'_>, _: &[u8]) -> Reply {
    Response::text(200, "ok\n").with_header("Cache-Control", "no-store").into()
}

fn parse_addresses(texts: &[String]) -> Result<Vec<SocketAddr>, ConfigError> {
    if texts.is_empty() {
        return Err(ConfigError::NoAddress);
    }
    let parse = |text: &String| text.parse().map_err(|_| ConfigError::BadAddress { given: text.clone() });
    texts.iter().map(parse).collect()
}

fn parse_pattern(pattern: &str) -> Result<Pattern, ConfigError> {
    Pattern::parse(pattern).map_err(|why| ConfigError::BadPattern { pattern: pattern.into(), why })
}

fn bad_name(setting: &'static str, given: &str, why: &'static str) -> ConfigError {
    ConfigError::BadName { setting, given: given.into(), why }
}

fn taken(pattern: String, by: &str) -> ConfigError {
    ConfigError::PatternTaken { pattern, by: by.into() }
}

/// What the event streams tell of, by the mounts that it comes from.
#[cfg(feature = "board")]
fn feeds_of(plan: board::FeedPlan, mounts: &[MountSettings]) -> Result<Feeds, ConfigError> {
    let of = |feed: Option<(String, Feed)>| match feed {
        Some((pattern, feed)) => Ok(Some((mounted_at(mounts, pattern)?, feed))),
        None => Ok(None),
    };
    let monitors = plan.monitors.into_iter().map(|pattern| mounted_at(mounts, pattern));
    let mut monitors = monitors.collect::<Result<Vec<_>, _>>()?;
    // The stream stands behind another door: it tells of the monitor only what everybody may know.
    let shown = monitors.first().and_then(|id| mounts.get(id.index()));
    if !shown.is_some_and(|mount| mount.door.is_open()) {
        monitors.clear();
    }
    Ok(Feeds::new(of(plan.devices)?, of(plan.guided)?, monitors))
}

/// The mount at this pattern, written as it was mounted.
fn mounted_at(mounts: &[MountSettings], pattern: String) -> Result<MountId, ConfigError> {
    match mounts.iter().position(|mount| mount.pattern == pattern) {
        // There are no more mounts than have a number, or the configuration is refused.
        Some(index) => Ok(MountId(u16::try_from(index).unwrap_or(u16::MAX))),
        None => {
            let why =
                "a route belongs to it, but nothing is mounted there: name the pattern as it was mounted"
                    .into();
            Err(ConfigError::BadMount { pattern, why })
        }
    }
}

fn check_topics(topics: &[(String, Topic)], limits: &Limits) -> Result<Vec<(String, Topic)>, ConfigError> {
    let mut bytes = 0;
    for (index, (name, topic)) in topics.iter().enumerate() {
        let bad = |why| Err(ConfigError::BadTopic { name: name.clone(), why });
        if topics[..index].iter().any(|(other, _)| other == name) {
            return Err(ConfigError::TopicTaken { name: name.clone() });
        }
        if let Err(why) = topic.check() {
            return bad(why);
        }
        if topic.source == SnapshotSource::Contract {
            return bad("its snapshot would come from a contract, but the host declares it");
        }
        bytes += topic.log_bytes;
        if bytes > limits.log_bytes_total {
            return bad(
                "the logs of the topics exceed log_bytes_total: raise it, or give topics smaller logs",
            );
        }
        if index >= limits.topics {
            return bad("there are more topics than the limit `topics` allows: raise it");
        }
    }
    Ok(topics.to_vec())
}
