//! The endpoints and the board: plain HTTP for programs and a page for people, on the server's own port. What they answer is `docs/http.md`.

mod answer;
pub(crate) mod config;
pub(super) mod late;
mod overview;
mod shared_gate;
pub(super) mod site;
mod stats;

use self::{config::BoardConfig, late::Late, site::Site};
use super::route_plan::RoutePlan;
use crate::ground::error::ConfigError;
use std::sync::Arc;

/// The routes of the board at this site, and what they are told when the server starts.
pub(super) fn routes(config: BoardConfig, site: &Site) -> Result<(Vec<RoutePlan>, Arc<Late>), ConfigError> {
    let BoardConfig { title, options, monitor, device_sessions } = config;
    let late = Arc::new(Late::default());
    let shown = site.shown(monitor.as_deref(), device_sessions.as_deref())?;
    // What belongs to no mount asks for what the configuration says.
    let options = shared_gate::shared(options);
    let routes = vec![
        RoutePlan::get("/api", options(), overview::route(title, shown, Arc::clone(&late))),
        RoutePlan::get("/api/stats", options(), stats::route()),
    ];
    Ok((routes, late))
}
