//! What there is to be shown: the mounts of the built-in contracts, as the builder was given them.

use crate::{
    contracts::{equipment_monitor::EquipmentMonitor, topic_hub::config::TopicClass},
    ground::error::ConfigError,
};

/// Each kind in the order of mounting.
#[derive(Default)]
pub(crate) struct Site {
    pub(crate) monitors: Vec<(String, EquipmentMonitor)>,
    pub(crate) hub: Option<Hub>,
    pub(crate) devices: Vec<Sessions>,
    pub(crate) guided: Option<Sessions>,
}

/// Device sessions, or guided ones.
#[derive(Clone)]
pub(crate) struct Sessions {
    pub(crate) pattern: String,
    /// Bytes of a copy of all that are under way.
    pub(crate) copy_bytes_max: usize,
    /// Bytes of one of them as JSON.
    pub(crate) one_bytes_max: usize,
}

/// The topic hub.
#[derive(Clone)]
pub(crate) struct Hub {
    pub(crate) pattern: String,
    pub(crate) topics: Vec<(String, TopicClass)>,
}

/// What a board shows of it: of each kind one.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) monitor: Option<(String, EquipmentMonitor)>,
    pub(super) hub: Option<Hub>,
    pub(super) devices: Option<Sessions>,
    pub(super) guided: Option<Sessions>,
}

impl Site {
    /// The first of each kind, or that at the pattern given.
    pub(super) fn shown(&self, monitor: Option<&str>, devices: Option<&str>) -> Result<Shown, ConfigError> {
        let at = |kind: &str, pattern: &str| ConfigError::BadMount {
            pattern: pattern.into(),
            why: format!(
                "the board is to show it, but no {kind} is mounted there: name the pattern as it was mounted"
            ),
        };
        let monitor = match monitor {
            None => self.monitors.first(),
            Some(pattern) => {
                let found = self.monitors.iter().find(|(mounted, _)| mounted == pattern);
                Some(found.ok_or_else(|| at("equipment monitor", pattern))?)
            }
        };
        let devices = match devices {
            None => self.devices.first(),
            Some(pattern) => {
                let found = self.devices.iter().find(|mounted| mounted.pattern == pattern);
                Some(found.ok_or_else(|| at("device sessions", pattern))?)
            }
        };
        let (hub, guided) = (self.hub.clone(), self.guided.clone());
        Ok(Shown { monitor: monitor.cloned(), hub, devices: devices.cloned(), guided })
    }
}
