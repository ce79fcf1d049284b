//! What device sessions tell the host.

use crate::contracts::store::device::{DeviceSample, SessionRow};
use std::sync::Arc;

/// What device sessions tell. All of it is lossless, and in the order in which it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceEvent {
    /// A device has said who it is.
    Registered {
        /// Its id.
        device: Arc<str>,
        /// The whole message, verbatim: whatever else the device says of itself.
        message: Box<str>,
    },
    /// A session has begun.
    SessionCreated(Arc<SessionRow>),
    /// A sample has arrived.
    Sample(Arc<DeviceSample>),
    /// A session has ended. Samples that were on their way may still come, and count on.
    SessionEnded(Arc<SessionRow>),
}

impl DeviceEvent {
    /// Bytes that it takes beside its own size.
    pub(super) fn weight_bytes(&self) -> usize {
        match self {
            Self::Registered { device, message } => device.len() + message.len(),
            Self::SessionCreated(row) | Self::SessionEnded(row) => row.weight_bytes(),
            Self::Sample(sample) => sample.weight_bytes(),
        }
    }
}
