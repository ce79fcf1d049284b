//! What the engine needs from outside, besides bytes: a place for events and one for records.

use super::event::Event;
use crate::contracts::store::record::Record;

/// The engine's outlets. None of these may wait.
pub(crate) trait Ports {
    /// How many events fit.
    fn event_room(&self) -> usize;

    /// Hands an event to the host. On failure it comes back.
    fn send_event(&mut self, event: Event) -> Result<(), Event>;

    /// The engine waits for room in the outlet: the driver must call [`Engine::run`](super::Engine::run) when there is some.
    fn want_event_room(&mut self);

    /// Hands a record and its [weight](Record::weight_bytes) to the store, which never has more of them than [`Limits`](crate::Limits) says. False
    /// when there is none any more.
    fn send_record(&mut self, record: Record, weight_bytes: usize) -> bool;
}
