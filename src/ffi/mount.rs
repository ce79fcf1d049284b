//! Mounts: what holds for a path, whatever is mounted there.

use super::{
    fault::{Fault, bad},
    gate::{self, AnyGate, andon_gate},
    options::{self, Options},
    types::{andon_str, array},
};
use crate::{contracts::gate::Gate, host::options::MountOptions};

/// Settings of one mount. Zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_mount_options {
    /// Set by `ANDON_MOUNT_OPTIONS_INIT`.
    pub struct_size: usize,
    /// Takes at most this many connections; one more gets 503. Default: as many as the server.
    pub connections: usize,
    /// The subprotocols that it speaks, `subprotocols_count` of them. Default: none.
    pub subprotocols: *const andon_str,
    /// How many there are.
    pub subprotocols_count: usize,
    /// Lets in only pages of the same host, those of origins that are listed, and clients that are no browsers. For mounts that know clients by a cookie, and the default where the gate looks for one.
    pub same_origin: bool,
    /// While the server stops, a contract is asked about newcomers all the same, so as to refuse them in its own words.
    pub refuses_while_stopping: bool,
    /// Each client waits for the host, or, with a `gate`, each whom that does not know: an event of `ANDON_EVENT_ASKED` tells of it, which `andon_server_let_in`, `andon_server_let_in_as` or `andon_server_refuse` answers. Needs `ANDON_EVENTS_ASKS`.
    pub asks: bool,
    /// Lets in pages of every origin, or of every listed one, although the gate looks for cookies.
    pub any_origin: bool,
    /// Who may come in, copied. Default: everybody.
    pub gate: *const andon_gate,
    /// Lets in only who has one of these roles, `roles_count` of them; others get 403. Needs a gate, or `asks`. Default: no role is demanded.
    pub roles: *const andon_str,
    /// How many there are.
    pub roles_count: usize,
}

// SAFETY: the size first; null, numbers and false are zeros.
unsafe impl Options for andon_mount_options {
    const NAME: &'static str = "andon_mount_options";
}

/// Which pages may ask, where that is not left to the gate.
pub(super) enum PageRule {
    SameOrigin,
    AnyOrigin,
}

pub(super) fn page_rule(same_origin: bool, any_origin: bool) -> Result<Option<PageRule>, Fault> {
    match (same_origin, any_origin) {
        (true, true) => Err(bad("same_origin and any_origin contradict each other: set one of them at most")),
        (true, false) => Ok(Some(PageRule::SameOrigin)),
        (false, true) => Ok(Some(PageRule::AnyOrigin)),
        (false, false) => Ok(None),
    }
}

/// The options of a mount.
///
/// # Safety
///
/// As [`options::read`], and what they point to can be read.
pub(super) unsafe fn mount_options(given: *const andon_mount_options) -> Result<MountOptions, Fault> {
    // SAFETY: the caller's word.
    let given = unsafe { options::read(given) }?;
    let mut made = MountOptions::new();
    if given.connections != 0 {
        made = made.connections(given.connections);
    }
    // SAFETY: the caller's word.
    for name in unsafe { array(given.subprotocols, given.subprotocols_count, "subprotocols") }? {
        // SAFETY: the caller's word.
        made = made.subprotocol(unsafe { name.read("the subprotocol") }?);
    }
    made = match page_rule(given.same_origin, given.any_origin)? {
        Some(PageRule::SameOrigin) => made.same_origin(),
        Some(PageRule::AnyOrigin) => made.any_origin(),
        None => made,
    };
    if given.refuses_while_stopping {
        made = made.refuses_while_stopping();
    }
    // SAFETY: the caller's word.
    made = match (unsafe { gate::copy(given.gate) }?, given.asks) {
        (None, false) => made,
        (None, true) => made.gate(AnyGate::Ask),
        (Some(gate), false) => made.gate(gate),
        (Some(gate), true) => made.gate(gate.or(AnyGate::Ask)),
    };
    // SAFETY: the caller's word.
    for role in unsafe { array(given.roles, given.roles_count, "roles") }? {
        // SAFETY: the caller's word.
        made = made.role(unsafe { role.read("the role") }?);
    }
    Ok(made)
}
