//! What was chosen becomes a configuration, or an error that says what cannot be.

#[cfg(feature = "contracts")]
use super::MountPlan;
use super::{Builder, limits::check_topics};
#[cfg(feature = "board")]
use crate::host::board::{
    self,
    site::{self, Site},
};
use crate::host::{config::Config, options::RouteOptions, route_plan::RoutePlan};
#[cfg(feature = "board")]
use crate::{contracts::feed::Feed, engine::feeds::Feeds};
use crate::{
    contracts::route::{Reply, RouteContext},
    engine::{
        router::Router,
        settings::{Entrance, MountSettings, RouteSettings, Settings},
    },
    ground::{error::ConfigError, id::MountId, limits::ROUTES_MAX},
    runtime::thread::ThreadSettings,
    wire::{access::Access, pattern::Pattern, request::Request, response::Response},
};
#[cfg(feature = "contracts")]
use crate::{
    ground::foreign::Foreign,
    host::{guided_plan::GuidedPlan, hub_plan::HubPlan},
};
use core::net::SocketAddr;

impl Builder {
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
