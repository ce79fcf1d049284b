//! What a server is to be, collected call by call.

use super::{
    callback::Context,
    fault::{Fault, bad},
    guard::{Outcome, enter},
    object::{Head, Object, give, look, put, take_back},
    options::{self, Options},
    sink::{Sink, speak_to},
    status::{ANDON_STATUS_SPENT, andon_status},
    types::{ANDON_FOREVER, andon_str, array},
};
use crate::{
    engine::event::EventMask,
    ground::limits::Limits,
    host::{builder::Builder, config::Config, server::Server},
    runtime::thread::SchedulingPolicy,
};
use core::ffi::c_void;
use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// What a server is to be: made, filled by `andon_config_*`, given to `andon_server_start`, freed.
#[cfg_attr(feature = "ffi", repr(C))] // Not seen by cbindgen, for which it is opaque.
pub struct andon_config {
    head: Head,
    /// Locked for the moment of one call.
    state: Mutex<State>,
}

enum State {
    Open(Box<Draft>),
    /// Checked: nothing can be changed any more.
    Built(Box<Config>, Option<Arc<Sink>>),
    Spent,
}

/// What is collected.
struct Draft {
    builder: Builder,
    on_start: Option<Hook>,
    sink: Option<Arc<Sink>>,
}

type Hook = Box<dyn FnOnce() + Send>;

impl Draft {
    fn build(self) -> Result<(Config, Option<Arc<Sink>>), Fault> {
        let Self { mut builder, on_start, sink } = self;
        if on_start.is_some() || sink.is_some() {
            let sink = sink.clone();
            builder = builder.on_thread_start(move || {
                speak_to(sink);
                if let Some(on_start) = on_start {
                    on_start();
                }
            });
        }
        Ok((builder.build()?, sink))
    }
}

// SAFETY: its layout is C's, and its head comes first.
unsafe impl Object for andon_config {
    const MARK: u32 = u32::from_be_bytes(*b"conf");
    const NAME: &'static str = "andon_config";
}

/// Limits. Zero means the default, which is given with each.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_limits {
    /// Set by `ANDON_LIMITS_INIT`.
    pub struct_size: usize,
    /// Connections at once; one more gets 503. Default: the smaller of 10,000 and the process's descriptor limit less 256.
    pub connections: usize,
    /// Connections at once from one address; one more gets 503. Default: no limit of its own.
    pub connections_per_address: usize,
    /// Handshakes and requests that wait for a decision of the host at once; one more gets 503. Default 256.
    pub parked: usize,
    /// One message from a client; a larger one closes with 1009. Default 1 MiB.
    pub message_bytes: usize,
    /// One frame from a client; a larger one closes with 1009. Default 1 MiB.
    pub frame_bytes: usize,
    /// An HTTP request head; a larger one gets 431. Default 8 KiB.
    pub head_bytes: usize,
    /// The body of an HTTP request; a larger one gets 413. Default 256 KiB.
    pub body_bytes: usize,
    /// All that is incomplete, of all connections; beyond it whoever holds most is closed with 1013. Default 32 MiB.
    pub partial_bytes_total: usize,
    /// What one client was sent privately and has not taken; beyond it the connection is closed with 1013. Default 4 MiB.
    pub outbox_bytes: usize,
    /// The same of all clients. Default 32 MiB.
    pub outbox_bytes_total: usize,
    /// Frames kept for clients that must finish them, and shared snapshots. Default 16 MiB.
    pub detached_bytes_total: usize,
    /// Topics at once. Default 1,024.
    pub topics: usize,
    /// All topics' logs. Default 64 MiB.
    pub log_bytes_total: usize,
    /// Topics that one connection may be subscribed to. Default 16.
    pub subscriptions: usize,
    /// Commands waiting for the loop; one more gets `ANDON_STATUS_FULL`. Default 4,096.
    pub commands: usize,
    /// Bytes of these. Default 16 MiB.
    pub command_bytes: usize,
    /// Events waiting for the host. Default 8,192.
    pub events: usize,
    /// Bytes of these. Default 16 MiB.
    pub event_bytes: usize,
    /// Records that the store has not answered for. Default 8,192.
    pub records: usize,
    /// Bytes of these. Default 16 MiB.
    pub record_bytes: usize,
    /// For a request's head, and again for its body; beyond it 408. Default 10,000.
    pub handshake_ms: u32,
    /// How long a parked handshake or request waits for the host; beyond it 503. Default 10,000.
    pub parked_wait_ms: u32,
    /// How long an HTTP connection may idle. Default 15,000.
    pub keep_alive_ms: u32,
    /// After how much silence a WebSocket is pinged; `ANDON_FOREVER`: never. Default 30,000.
    pub ping_interval_ms: u32,
    /// How long the answer to a ping may take. Default 20,000.
    pub pong_wait_ms: u32,
    /// How long a client may take for its close frame and for what it is owed before. Default 5,000.
    pub close_wait_ms: u32,
    /// For how long records that nobody waits for are collected, so that one sync serves many. Default 50, at most 1,000; 1 is next to nothing.
    pub record_window_ms: u32,
}

// SAFETY: numbers, the size first.
unsafe impl Options for andon_limits {
    const NAME: &'static str = "andon_limits";
}

/// How the system schedules the server's thread: one of `ANDON_POLICY_*`.
pub type andon_policy = i32;
/// Time-sharing, also when a real-time thread starts the server. The default.
pub const ANDON_POLICY_ORDINARY: andon_policy = 0;
/// Whatever the thread that starts the server has.
pub const ANDON_POLICY_INHERIT: andon_policy = 1;
/// SCHED_FIFO, with a priority.
pub const ANDON_POLICY_FIFO: andon_policy = 2;
/// SCHED_RR, with a priority.
pub const ANDON_POLICY_ROUND_ROBIN: andon_policy = 3;

/// What the server's thread is to be. Zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_thread_options {
    /// Set by `ANDON_THREAD_OPTIONS_INIT`.
    pub struct_size: usize,
    /// Its name; the system may cut it. Default "andon".
    pub name: andon_str,
    /// The processors that it may run on, `processors_count` numbers. Default: those of the thread that starts the server. A controller that pins its control thread should set this.
    pub processors: *const u32,
    /// How many there are.
    pub processors_count: usize,
    /// One of `ANDON_POLICY_*`.
    pub policy: andon_policy,
    /// For `ANDON_POLICY_FIFO` and `ANDON_POLICY_ROUND_ROBIN`: 1 to 99.
    pub priority: i32,
    /// Called once on the thread before it serves, with `context`. May be NULL.
    pub on_start: Option<unsafe extern "C" fn(context: *mut c_void)>,
    /// For `on_start` and `drop`.
    pub context: *mut c_void,
    /// Called when `context` is not used any more. May be NULL.
    pub drop: Option<unsafe extern "C" fn(context: *mut c_void)>,
}

// SAFETY: the size first; null pointers, numbers and no functions are zeros.
unsafe impl Options for andon_thread_options {
    const NAME: &'static str = "andon_thread_options";
}

/// Makes a configuration with nothing in it. The server needs an address, by `andon_config_listen`; all else has defaults.
///
/// Threads: any. Blocking: never. Ownership: the caller's, until `andon_config_free`. Real-time: no. Errors: `NULL_ARGUMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_new(config: *mut *mut andon_config) -> andon_status {
    enter(|| {
        let state = Mutex::new(State::Open(Box::new(Draft {
            builder: Server::builder(),
            on_start: None,
            sink: None,
        })));
        // SAFETY: the caller's word, see docs/c-api.md.
        unsafe { give(|| Ok(andon_config { head: Head::of::<andon_config>(), state }), config) }
    })
}

/// Frees a configuration, started or not. NULL is nothing to be freed. A server that was started from it is not concerned.
///
/// Threads: any, but nobody may use it any more. Blocking: never. Real-time: no. Errors: none; see `andon_last_error` for a pointer that was none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_free(config: *mut andon_config) {
    enter(|| {
        // SAFETY: the caller's word.
        unsafe { take_back(config) }.map(drop)
    });
}

/// Listens on `IP:PORT`, such as `"0.0.0.0:8000"` or `"[::1]:8000"`; port 0 takes a free one, see `andon_server_port`. May be called several times.
///
/// Threads: any. Blocking: never. Ownership: `address` is copied. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `BAD_UTF8`, `SPENT`; an address that is none is told by the start.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_listen(config: *mut andon_config, address: andon_str) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let address = unsafe { address.read("the address") }?;
        // SAFETY: the caller's word.
        unsafe { change(config, |builder| builder.listen(address)) }
    })
}

/// Sets the limits; those that are zero keep their defaults.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `BAD_STRUCT_SIZE`, `SPENT`; limits that contradict each other are told by the start.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_limits(
    config: *mut andon_config,
    limits: *const andon_limits,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let limits = limits_of(&unsafe { options::need(limits) }?);
        // SAFETY: the caller's word.
        unsafe { change(config, |builder| builder.limits(limits)) }
    })
}

/// Asks for events: the sum of `ANDON_EVENTS_*`. None by default.
///
/// Threads: any. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `SPENT`, `BAD_ARGUMENT` for a bit that means nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_events(config: *mut andon_config, mask: u32) -> andon_status {
    enter(|| {
        let known = EventMask::from_bits(mask);
        if known.bits() != mask {
            let unknown = mask & !known.bits();
            return Err(bad(format!("the event mask has bits that mean nothing: {unknown:#x}")));
        }
        // SAFETY: the caller's word.
        unsafe { change(config, |builder| builder.events(known)) }
    })
}

/// Lets in pages of this origin, `scheme://host[:port]`, and from then on no others. May be called several times. Default: every page.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: as `andon_config_listen`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_allow_origin(
    config: *mut andon_config,
    origin: andon_str,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let origin = unsafe { origin.read("the origin") }?;
        // SAFETY: the caller's word.
        unsafe { change(config, |builder| builder.allow_origin(origin)) }
    })
}

/// Lets in requests to this host, `name` or `name:port`, and from then on to no others. May be called several times. Default: every host; on an address that only
/// this machine reaches, its own names.
///
/// Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: as `andon_config_listen`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_allow_host(config: *mut andon_config, host: andon_str) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let host = unsafe { host.read("the host") }?;
        // SAFETY: the caller's word.
        unsafe { change(config, |builder| builder.allow_host(host)) }
    })
}

/// Whether `GET /healthz` answers 200 while the server serves. Default yes.
///
/// Threads: any. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `SPENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_healthz(config: *mut andon_config, serve: bool) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        unsafe { change(config, |builder| builder.healthz(serve)) }
    })
}

/// How long `andon_server_free` waits for clients, if the server was not stopped before. Default 2,000.
///
/// Threads: any. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `SPENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_stop_timeout(
    config: *mut andon_config,
    timeout_ms: u32,
) -> andon_status {
    enter(|| {
        let timeout = Duration::from_millis(timeout_ms.into());
        // SAFETY: the caller's word.
        unsafe { change(config, |builder| builder.stop_timeout(timeout)) }
    })
}

/// The kernel's send buffer of each connection, in bytes: a smaller one gives slow clients fresher values. Default: the kernel's choice.
///
/// Threads: any. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `SPENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_send_buffer(config: *mut andon_config, bytes: usize) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        unsafe { change(config, |builder| builder.send_buffer_bytes(bytes)) }
    })
}

/// What the server's thread is to be: its name, processors, policy, a hook.
///
/// Threads: any. Blocking: never. Ownership: copied; `context` is the library's until `drop`, if the call succeeds. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ARGUMENT`, `SPENT`; what the system refuses is told by the start.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_thread(
    config: *mut andon_config,
    options: *const andon_thread_options,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let options = unsafe { options::need(options) }?;
        // SAFETY: the caller's word.
        let name = unsafe { options.name.read("the thread's name") }?;
        // SAFETY: the caller's word.
        let processors = unsafe { array(options.processors, options.processors_count, "processors") }?;
        let processors: Vec<usize> = processors.iter().map(|&processor| processor as usize).collect();
        let priority = || match u8::try_from(options.priority) {
            Ok(priority @ 1..=99) => Ok(priority),
            _ => Err(bad(format!("the priority {} cannot be: give 1 to 99", options.priority))),
        };
        let policy = match options.policy {
            ANDON_POLICY_ORDINARY => SchedulingPolicy::Ordinary,
            ANDON_POLICY_INHERIT => SchedulingPolicy::Inherit,
            ANDON_POLICY_FIFO => SchedulingPolicy::Fifo(priority()?),
            ANDON_POLICY_ROUND_ROBIN => SchedulingPolicy::RoundRobin(priority()?),
            other => return Err(bad(format!("{other} is no policy: give one of ANDON_POLICY_*"))),
        };
        let set = |mut draft: Draft| {
            draft.builder = draft.builder.thread_policy(policy);
            if !name.is_empty() {
                draft.builder = draft.builder.thread_name(name);
            }
            if !processors.is_empty() {
                draft.builder = draft.builder.thread_affinity(processors);
            }
            if let Some(on_start) = options.on_start {
                let context = Context::new(options.context, options.drop);
                // SAFETY: the host gave both for this.
                draft.on_start = Some(Box::new(move || unsafe { on_start(context.get()) }));
            }
            draft
        };
        // SAFETY: the caller's word.
        unsafe { change_draft(config, set) }
    })
}

/// Checks everything, and gives the most memory that the server will allocate, in bytes, whatever its clients do. Callbacks' own memory, the kernel's buffers and the thread's
/// stack are not counted. From then on the configuration takes no more settings.
///
/// Threads: any. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `SPENT`, `BAD_CONFIG` with the reason.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_config_memory_ceiling(
    config: *mut andon_config,
    bytes: *mut usize,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let mut state = lock(unsafe { look(config) }?);
        if let State::Open(_) = *state {
            let State::Open(draft) = mem::replace(&mut *state, State::Spent) else { return Err(spent()) };
            let (built, sink) = draft.build()?;
            *state = State::Built(Box::new(built), sink);
        }
        let State::Built(built, _) = &*state else { return Err(spent()) };
        // SAFETY: the caller's word.
        unsafe { put(bytes, "bytes", built.memory_ceiling()) }
    })
}

/// What the configuration was, to be started, and where its words go. Nothing is left in it.
///
/// # Safety
///
/// As [`look`].
pub(super) unsafe fn take(config: *mut andon_config) -> Result<(Config, Option<Arc<Sink>>), Fault> {
    // SAFETY: the caller's word.
    let mut state = lock(unsafe { look(config) }?);
    match mem::replace(&mut *state, State::Spent) {
        State::Open(draft) => draft.build(),
        State::Built(built, sink) => Ok((*built, sink)),
        State::Spent => Err(spent()),
    }
}

/// Changes a configuration that may still be changed.
///
/// # Safety
///
/// As [`look`].
pub(super) unsafe fn change(config: *mut andon_config, change: impl FnOnce(Builder) -> Builder) -> Outcome {
    // SAFETY: the caller's word.
    unsafe { change_draft(config, |draft| Draft { builder: change(draft.builder), ..draft }) }
}

/// Has the server's words go to this sink.
///
/// # Safety
///
/// As [`look`].
pub(super) unsafe fn log_to(config: *mut andon_config, sink: impl FnOnce() -> Arc<Sink>) -> Outcome {
    // SAFETY: the caller's word.
    unsafe { change_draft(config, |draft| Draft { sink: Some(sink()), ..draft }) }
}

/// # Safety
///
/// As [`look`].
unsafe fn change_draft(config: *mut andon_config, change: impl FnOnce(Draft) -> Draft) -> Outcome {
    // SAFETY: the caller's word.
    let mut state = lock(unsafe { look(config) }?);
    match mem::replace(&mut *state, State::Spent) {
        State::Open(draft) => {
            *state = State::Open(Box::new(change(*draft)));
            Ok(())
        }
        other => {
            *state = other;
            Err(spent())
        }
    }
}

fn limits_of(given: &andon_limits) -> Limits {
    let mut limits = Limits::default();
    if given.connections != 0 {
        limits.connections = Some(given.connections);
    }
    let bound = |to: &mut usize, given: usize| {
        if given != 0 {
            *to = given;
        }
    };
    bound(&mut limits.connections_per_address, given.connections_per_address);
    bound(&mut limits.parked, given.parked);
    bound(&mut limits.message_bytes, given.message_bytes);
    bound(&mut limits.frame_bytes, given.frame_bytes);
    bound(&mut limits.head_bytes, given.head_bytes);
    bound(&mut limits.body_bytes, given.body_bytes);
    bound(&mut limits.partial_bytes_total, given.partial_bytes_total);
    bound(&mut limits.outbox_bytes, given.outbox_bytes);
    bound(&mut limits.outbox_bytes_total, given.outbox_bytes_total);
    bound(&mut limits.detached_bytes_total, given.detached_bytes_total);
    bound(&mut limits.topics, given.topics);
    bound(&mut limits.log_bytes_total, given.log_bytes_total);
    bound(&mut limits.subscriptions, given.subscriptions);
    bound(&mut limits.commands, given.commands);
    bound(&mut limits.command_bytes, given.command_bytes);
    bound(&mut limits.events, given.events);
    bound(&mut limits.event_bytes, given.event_bytes);
    bound(&mut limits.records, given.records);
    bound(&mut limits.record_bytes, given.record_bytes);
    let wait = |to: &mut Duration, given: u32| {
        if given != 0 {
            *to = Duration::from_millis(given.into());
        }
    };
    wait(&mut limits.handshake, given.handshake_ms);
    wait(&mut limits.parked_wait, given.parked_wait_ms);
    wait(&mut limits.keep_alive, given.keep_alive_ms);
    wait(&mut limits.pong_wait, given.pong_wait_ms);
    wait(&mut limits.close_wait, given.close_wait_ms);
    wait(&mut limits.record_window, given.record_window_ms);
    limits.ping_interval = match given.ping_interval_ms {
        0 => limits.ping_interval,
        ANDON_FOREVER => None,
        given => Some(Duration::from_millis(given.into())),
    };
    limits
}

fn lock(config: &andon_config) -> std::sync::MutexGuard<'_, State> {
    config.state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spent() -> Fault {
    Fault::new(
        ANDON_STATUS_SPENT,
        "the configuration was started, checked or refused before: make another for what is still to be set",
    )
}
