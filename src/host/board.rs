//! The endpoints and the board: plain HTTP for programs and a page for people, on the server's own port. What they answer is `docs/http.md`.

mod answer;
mod ceiling;
pub(crate) mod config;
mod equipment;
mod events;
mod files;
mod guided;
pub(super) mod late;
mod later;
mod metrics;
mod overview;
mod places;
mod ready;
mod samples;
mod script;
mod sessions;
mod shared_gate;
pub(super) mod site;
mod stats;
mod topics;

use self::{
    ceiling::Ceiling,
    config::BoardConfig,
    late::Late,
    site::{Sessions, Site},
};
use super::{options::RouteOptions, route_plan::RoutePlan};
use crate::{contracts::feed::Feed, ground::error::ConfigError};
use std::sync::Arc;

/// What the event streams tell of, by the patterns of the mounts that it comes from.
pub(super) struct FeedPlan {
    pub(super) devices: Option<(String, Feed)>,
    pub(super) guided: Option<(String, Feed)>,
    /// The one that is shown, and then the others that show the same table.
    pub(super) monitors: Vec<String>,
}

/// The routes of the board at this site, what they are told when the server starts, and what the event streams tell of.
pub(super) fn routes(
    config: BoardConfig,
    site: &Site,
) -> Result<(Vec<RoutePlan>, Arc<Late>, FeedPlan), ConfigError> {
    let BoardConfig { title, options, monitor, device_sessions } = config;
    let shown = site.shown(monitor.as_deref(), device_sessions.as_deref())?;
    // A recording does not say by which mount a session came in, so that its door could not be asked.
    let shows_recordings = site.devices.len() <= 1;
    let late = Arc::new(Late::new(Ceiling::of(&shown), shows_recordings));
    // What belongs to no mount asks for what the configuration says.
    let options = shared_gate::shared(options);
    let mut routes: Vec<RoutePlan> = files::all(&overview::lasting(&title, &shown))
        .into_iter()
        .map(|file| RoutePlan::get(file.path, options(), files::route(file)))
        .collect();
    routes.extend([
        RoutePlan::get("/readyz", options(), ready::route(shown.clone(), Arc::clone(&late))),
        RoutePlan::get("/metrics", options(), metrics::route(Arc::clone(&late))),
        RoutePlan::get("/api", options(), overview::route(title, shown.clone(), Arc::clone(&late))),
        RoutePlan::get("/api/stats", options(), stats::route(Arc::clone(&late))),
    ]);
    let of = |mount: &str| RouteOptions::new().of_mount(mount);
    let mut feeds = FeedPlan { devices: None, guided: None, monitors: Vec::new() };
    if let Some((mount, monitor)) = shown.monitor {
        let others =
            site.monitors.iter().filter(|(other, same)| *other != mount && same.is_same_table(&monitor));
        feeds.monitors =
            std::iter::once(mount.clone()).chain(others.map(|(other, _)| other.clone())).collect();
        routes.push(RoutePlan::get("/api/equipment", of(&mount), equipment::route(monitor)));
    }
    if let Some(hub) = shown.hub {
        let (list, one) = (topics::all(hub.clone()), topics::one(hub.clone()));
        routes.push(RoutePlan::get("/api/topics", of(&hub.pattern), list));
        routes.push(RoutePlan::get("/api/topics/{topic}", of(&hub.pattern), one));
    }
    if let Some(Sessions { pattern: mount, .. }) = shown.devices {
        let (feed, name) = (Feed::default(), || mount.clone());
        routes.extend([
            RoutePlan::get("/api/sessions", of(&mount), sessions::all(name(), Arc::clone(&late))),
            RoutePlan::get("/api/sessions/{id}", of(&mount), sessions::one(name(), Arc::clone(&late))),
            RoutePlan::get("/api/sessions/{id}/samples", of(&mount), samples::route(Arc::clone(&late))),
            RoutePlan::get("/api/events", of(&mount), events::of_devices(feed.clone())),
        ]);
        feeds.devices = Some((mount, feed));
    }
    if let Some(Sessions { pattern: mount, .. }) = shown.guided {
        let feed = Feed::default();
        routes.extend([
            RoutePlan::get("/api/guided", of(&mount), guided::all(Arc::clone(&late))),
            RoutePlan::get("/api/guided/{code}", of(&mount), guided::one(Arc::clone(&late))),
            RoutePlan::get("/api/guided/events", of(&mount), events::of_guided(feed.clone())),
            RoutePlan::get("/api/guided/me", of(&mount), guided::me()),
        ]);
        feeds.guided = Some((mount, feed));
    }
    Ok((routes, late, feeds))
}
