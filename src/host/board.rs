//! The endpoints and the board: plain HTTP for programs and a page for people, on the server's own port. What they answer is `docs/http.md`.

mod answer;
pub(crate) mod config;
mod equipment;
mod files;
pub(super) mod late;
mod metrics;
mod overview;
mod ready;
mod shared_gate;
pub(super) mod site;
mod stats;
mod topics;

use self::{config::BoardConfig, files::FILES, late::Late, site::Site};
use super::{options::RouteOptions, route_plan::RoutePlan};
use crate::ground::error::ConfigError;
use std::sync::Arc;

/// The routes of the board at this site, and what they are told when the server starts.
pub(super) fn routes(config: BoardConfig, site: &Site) -> Result<(Vec<RoutePlan>, Arc<Late>), ConfigError> {
    let BoardConfig { title, options, monitor, device_sessions } = config;
    let late = Arc::new(Late::default());
    let shown = site.shown(monitor.as_deref(), device_sessions.as_deref())?;
    // What belongs to no mount asks for what the configuration says.
    let options = shared_gate::shared(options);
    let mut routes: Vec<RoutePlan> =
        FILES.into_iter().map(|file| RoutePlan::get(file.path, options(), files::route(file))).collect();
    routes.extend([
        RoutePlan::get("/readyz", options(), ready::route(shown.clone(), Arc::clone(&late))),
        RoutePlan::get("/metrics", options(), metrics::route(Arc::clone(&late))),
        RoutePlan::get("/api", options(), overview::route(title, shown.clone(), Arc::clone(&late))),
        RoutePlan::get("/api/stats", options(), stats::route(Arc::clone(&late))),
    ]);
    let of = |mount: &str| RouteOptions::new().of_mount(mount);
    if let Some((mount, monitor)) = shown.monitor {
        routes.push(RoutePlan::get("/api/equipment", of(&mount), equipment::route(monitor)));
    }
    if let Some(hub) = shown.hub {
        let (list, one) = (topics::list(hub.clone()), topics::one(hub.clone()));
        routes.push(RoutePlan::get("/api/topics", of(&hub.pattern), list));
        routes.push(RoutePlan::get("/api/topics/{topic}", of(&hub.pattern), one));
    }
    Ok((routes, late))
}
