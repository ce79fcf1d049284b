//! Where a server's events come out.

use super::{fault::Fault, status::ANDON_STATUS_EVENTS_OFF};
use crate::host::event::Events;

/// The events, if any were asked for.
pub(super) struct Inbox(Option<Events>);

impl Inbox {
    pub(super) fn new(events: Option<Events>) -> Self {
        Self(events)
    }

    pub(super) fn events(&self) -> Result<&Events, Fault> {
        self.0.as_ref().ok_or_else(|| {
            Fault::new(
                ANDON_STATUS_EVENTS_OFF,
                "no events were asked for: call andon_config_events before the start",
            )
        })
    }
}
