//! What an engine is set to before anything is said.

use crate::{
    engine::{event::EventMask, settings::Settings},
    ground::limits::Limits,
};

/// An engine that serves nothing, records nothing and tells its host nothing.
pub(super) fn nothing(limits: Limits) -> Settings {
    Settings {
        limits,
        events: EventMask::NONE,
        router: Default::default(),
        access: Default::default(),
        mounts: Vec::new(),
        routes: Vec::new(),
        topics: Vec::new(),
        store: None,
        #[cfg(feature = "board")]
        feeds: Default::default(),
    }
}
