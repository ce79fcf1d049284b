//! The board and its endpoints.

use super::{
    config::andon_config,
    gate::andon_gate,
    guard::enter,
    options::{self, Options},
    status::andon_status,
    types::andon_str,
};

/// How a board is served. Zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_board_options {
    /// Set by `ANDON_BOARD_OPTIONS_INIT`.
    pub struct_size: usize,
    /// What the page calls the place that it shows. Default "andon".
    pub title: andon_str,
    /// Who may ask for what belongs to no mount: the page itself, /readyz, /metrics, /api and /api/stats. Copied. Default: everybody.
    pub gate: *const andon_gate,
    /// As `andon_route.roles`.
    pub roles: *const andon_str,
    /// How many there are.
    pub roles_count: usize,
    /// As `andon_mount_options.same_origin`.
    pub same_origin: bool,
    /// As `andon_mount_options.any_origin`.
    pub any_origin: bool,
    /// As `andon_route.of_mount`, for what belongs to no mount by itself.
    pub of_mount: andon_str,
    /// The pattern of the monitor whose equipment is shown. Default: the first.
    pub monitor: andon_str,
    /// The pattern of the device sessions that are shown. Default: the first.
    pub devices: andon_str,
}

// SAFETY: the size first; null, numbers, false and empty texts are zeros.
unsafe impl Options for andon_board_options {
    const NAME: &'static str = "andon_board_options";
}

/// Serves the board: a page for people at "/", and plain HTTP for programs, as docs/http.md says. What shows a mount asks of its clients what the mount asks. `options` may be NULL.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ARGUMENT`, `SPENT`, `NOT_SUPPORTED`; a path that is taken, and a pattern at which nothing fit is mounted, are told by the start.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_board(
    config: *mut andon_config,
    options: *const andon_board_options,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word, see docs/c-api.md.
        let given = unsafe { options::read(options) }?;
        // SAFETY: the caller's word.
        unsafe { made::serve(config, &given) }
    })
}

#[cfg(feature = "board")]
mod made {
    use super::{andon_board_options, andon_config};
    use crate::{
        ffi::{
            config::change,
            guard::Outcome,
            response::{Asking, route_options},
        },
        host::board::config::BoardConfig,
    };

    /// # Safety
    ///
    /// As the function that is called from C.
    pub(super) unsafe fn serve(config: *mut andon_config, given: &andon_board_options) -> Outcome {
        let &andon_board_options { gate, roles, roles_count, same_origin, any_origin, of_mount, .. } = given;
        // SAFETY: the caller's word.
        let asked = unsafe {
            route_options(&Asking { gate, roles, roles_count, same_origin, any_origin, of_mount })
        }?;
        // SAFETY: the caller's word.
        let (title, monitor, devices) = unsafe {
            (given.title.read("the title")?, given.monitor.read("monitor")?, given.devices.read("devices")?)
        };
        let mut made = BoardConfig::new().options(asked);
        if !title.is_empty() {
            made = made.title(title);
        }
        if !monitor.is_empty() {
            made = made.monitor(monitor);
        }
        if !devices.is_empty() {
            made = made.device_sessions(devices);
        }
        // SAFETY: the caller's word.
        unsafe { change(config, |builder| builder.board(made)) }
    }
}

#[cfg(not(feature = "board"))]
mod made {
    use super::{andon_board_options, andon_config};
    use crate::ffi::{fault::Fault, guard::Outcome, status::ANDON_STATUS_NOT_SUPPORTED};

    /// # Safety
    ///
    /// None is needed: nothing is looked at.
    pub(super) unsafe fn serve(_: *mut andon_config, _: &andon_board_options) -> Outcome {
        let why = "this build has no board: build the library with its feature board";
        Err(Fault::new(ANDON_STATUS_NOT_SUPPORTED, why))
    }
}
