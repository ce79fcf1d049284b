//! A lesson of three steps.

use andon::{GuidedSession, GuidedSessionsConfig, Subtask};

pub(crate) fn config() -> GuidedSessionsConfig {
    let step = |id, title, guide| Subtask::new(id, title).guide("CLICK", guide);
    let lesson = GuidedSession::new("TEST001")
        .subtask(step(1, "Step 1: Open Settings", "Please open the settings"))
        .subtask(step(2, "Step 2: Enable Notifications", "Please enable notifications"))
        .subtask(step(3, "Step 3: Go Back", "Please go back"));
    GuidedSessionsConfig::new().session(lesson)
}
