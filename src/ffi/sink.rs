//! Where a server's words go.
//!
//! The `log` crate knows one logger for the whole program (in a C program: for this library). It passes each word on to the sink of the server whose thread says it; a thread
//! that belongs to no server, to all of them.

use super::{
    callback::Context,
    fault::Fault,
    status::ANDON_STATUS_LOGGER_TAKEN,
    types::{Texts, andon_str},
};
use core::ffi::c_void;
use log::{LevelFilter, Log, Metadata, Record};
use std::{
    cell::{Cell, RefCell},
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
};

/// The host's callback: a context, the level as in `ANDON_LOG_*`, and the words.
type Write = unsafe extern "C" fn(*mut c_void, i32, andon_str);

/// One server's.
pub(super) struct Sink {
    level: LevelFilter,
    write: Write,
    context: Context,
}

impl Sink {
    pub(super) fn new(level: LevelFilter, write: Write, context: Context) -> Arc<Self> {
        let sink = Arc::new(Self { level, write, context });
        let mut sinks = SINKS.lock().unwrap_or_else(PoisonError::into_inner);
        sinks.retain(|sink| sink.strong_count() > 0);
        sinks.push(Arc::downgrade(&sink));
        log::set_max_level(log::max_level().max(level));
        sink
    }
}

/// Those that there are. Locked for the moment of a look, and by words of threads that belong to no server.
static SINKS: Mutex<Vec<Weak<Sink>>> = Mutex::new(Vec::new());

thread_local! {
    /// The sink of the server that this thread belongs to, or works for now.
    static OWN: RefCell<Option<Arc<Sink>>> = const { RefCell::new(None) };
    /// Whether a callback runs on this thread.
    static IS_TOLD: Cell<bool> = const { Cell::new(false) };
}

/// What this thread says from now on is this server's; gives what was before.
pub(super) fn speak_to(sink: Option<Arc<Sink>>) -> Option<Arc<Sink>> {
    OWN.try_with(|own| own.replace(sink)).ok().flatten()
}

struct Dispatcher;

pub(super) fn install() -> Result<(), Fault> {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    if *INSTALLED.get_or_init(|| log::set_logger(&Dispatcher).is_ok()) {
        return Ok(());
    }
    let why = "the program has a Rust logger of its own: what the server says goes there";
    Err(Fault::new(ANDON_STATUS_LOGGER_TAKEN, why))
}

impl Log for Dispatcher {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        // A thread that is ending says nothing more.
        if IS_TOLD.try_with(|told| told.replace(true)).unwrap_or(true) {
            return;
        }
        let own = OWN.try_with(|own| own.borrow().clone()).ok().flatten();
        let sinks = match own {
            Some(own) => vec![own],
            None => {
                let sinks = SINKS.lock().unwrap_or_else(PoisonError::into_inner);
                sinks.iter().filter_map(Weak::upgrade).collect()
            }
        };
        for sink in sinks.iter().filter(|sink| record.level() <= sink.level) {
            let mut texts = Texts::default();
            let message = texts.lend(&record.args().to_string());
            // SAFETY: the host gave both for this; the text lives until it returns.
            unsafe { (sink.write)(sink.context.get(), record.level() as i32, message) };
        }
        drop(sinks);
        let _ = IS_TOLD.try_with(|told| told.set(false));
    }

    fn flush(&self) {}
}
