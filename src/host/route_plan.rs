//! A route, as the builder was given it.

use super::options::RouteOptions;
use crate::{contracts::route::Route, ground::foreign::Foreign, wire::request::Method};

/// See the module.
pub(super) struct RoutePlan {
    pub(super) method: Method,
    pub(super) pattern: String,
    pub(super) route: Foreign<dyn Route>,
    pub(super) options: RouteOptions,
}

impl RoutePlan {
    pub(super) fn get(
        pattern: impl Into<String>,
        options: RouteOptions,
        route: impl Route + 'static,
    ) -> Self {
        Self { method: Method::Get, pattern: pattern.into(), route: Foreign::new(Box::new(route)), options }
    }
}
