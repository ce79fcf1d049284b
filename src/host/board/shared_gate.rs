//! One gate before several routes.

use crate::{
    contracts::gate::{Gate, Verdict},
    ground::{foreign::Foreign, time::Now},
    host::options::RouteOptions,
    wire::request::Request,
};
use std::sync::{Arc, Mutex, PoisonError};

/// Asked on the loop's thread only, one request at a time, so that nobody ever waits for it.
#[derive(Clone)]
struct SharedGate(Arc<Mutex<Foreign<dyn Gate>>>);

impl Gate for SharedGate {
    fn identify(&mut self, now: Now, request: &Request<'_>) -> Verdict {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).identify(now, request)
    }
}

/// Makes options like these, as often as they are needed.
pub(super) fn shared(mut options: RouteOptions) -> impl Fn() -> RouteOptions {
    let gate = options.take_gate().map(|gate| SharedGate(Arc::new(Mutex::new(gate))));
    move || options.again(gate.clone())
}
