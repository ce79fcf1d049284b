//! Guided sessions, as the builder was given them.

use crate::{
    contracts::{
        contract::ContractFactory,
        guided_sessions::{
            GuidedFactory,
            config::{GuidedSessionsConfig, parameter},
            orders::OrderDesk,
        },
    },
    ground::{error::ConfigError, id::MountId},
};
use std::sync::Arc;

/// See the module.
pub(crate) struct GuidedPlan {
    pub(super) pattern: String,
    pub(super) config: GuidedSessionsConfig,
}

impl GuidedPlan {
    pub(super) fn check(&self) -> Result<Box<dyn ContractFactory>, ConfigError> {
        let Self { pattern, config } = self;
        let bad = |why| ConfigError::BadMount { pattern: pattern.clone(), why };
        let parameter = parameter(pattern).map_err(bad)?;
        config.check().map_err(bad)?;
        Ok(Box::new(GuidedFactory::new(parameter, config.clone())))
    }

    /// Where the host's commands go, once the mounts have their ids.
    pub(super) fn desk(&self, mounts: &[String]) -> Option<(MountId, Arc<OrderDesk>)> {
        let index = mounts.iter().position(|mount| *mount == self.pattern)?;
        Some((MountId(u16::try_from(index).ok()?), Arc::new(OrderDesk::new(&self.config))))
    }
}
