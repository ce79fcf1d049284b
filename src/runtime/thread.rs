//! Starting a thread inside somebody else's process: it takes no signals, inherits no real-time priority, and is what
//! was asked for or does not start.

use crate::ground::foreign::{self, Foreign};
use std::{fmt, io, thread};

/// How the operating system schedules a thread of the server.
///
/// The real-time policies need a privilege (on Linux CAP_SYS_NICE or RLIMIT_RTPRIO); without it the server does not
/// start. They are rarely worth it: the loop serves the network, and a tag write never waits for it. A loop that
/// outranks the threads that call it should not share its processors with them: while such a thread is kept from
/// finishing the hand-over of a command, the loop spins for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SchedulingPolicy {
    /// Time-sharing, also when the thread that starts the server is a real-time thread: its priority is not
    /// inherited. The default.
    #[default]
    Ordinary,
    /// Whatever the thread that starts the server has.
    Inherit,
    /// Real time, first in, first out (`SCHED_FIFO`), with this priority: 1 to 99 on Linux.
    Fifo(u8),
    /// Real time, in turns among equals (`SCHED_RR`), with this priority: 1 to 99 on Linux.
    RoundRobin(u8),
}

/// What a thread is to be.
#[derive(Default)]
pub(crate) struct ThreadSettings {
    /// The name that debuggers show. Linux keeps its first 15 bytes.
    pub(crate) name: String,
    /// The processors it may run on, all of them available. `None`: those of the thread that starts it.
    pub(crate) affinity: Option<Vec<usize>>,
    pub(crate) policy: SchedulingPolicy,
    /// Runs on the thread before anything else of ours, already under these settings.
    pub(crate) on_start: Option<Foreign<dyn FnOnce() + Send>>,
}

impl fmt::Debug for ThreadSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, affinity, policy, on_start } = self;
        f.debug_struct("ThreadSettings")
            .field("name", name)
            .field("affinity", affinity)
            .field("policy", policy)
            .field("on_start", &on_start.is_some())
            .finish()
    }
}

/// Runs `body` on a thread of its own, from whose first instruction on all asynchronous signals are blocked: a host's
/// handler is for the host's threads. Those that a thread raises by its own fault (SIGSEGV and its like) are not.
///
/// Returns when the settings are in force, or with an error that names the one that is not; `body` then never runs.
/// Does not wait for the start hook. If the hook panics, that is logged and the thread goes on.
pub(crate) fn spawn(
    settings: ThreadSettings,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<thread::JoinHandle<()>> {
    let ThreadSettings { name, affinity, policy, on_start } = settings;
    if name.contains('\0') {
        // The standard library would panic.
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a thread's name contains a NUL"));
    }
    let (report, reported) = crossbeam_channel::bounded(1);
    let started = {
        let name = name.clone();
        move || {
            let applied = apply(&name, policy, affinity.as_deref());
            let is_usable = applied.is_ok();
            // Who receives it waits for nothing else.
            let _ = report.send(applied);
            drop(report);
            if is_usable {
                if let Some(hook) = on_start {
                    run_hook(&name, hook);
                }
                body();
            }
        }
    };
    let thread = {
        let _blocked = signals::Blocked::new()?;
        thread::Builder::new().name(name.clone()).spawn(started)?
    };
    let applied = reported.recv().unwrap_or_else(|_| {
        Err(io::Error::other(format!("thread {name:?} ended before its settings were in force")))
    });
    match applied {
        Ok(()) => Ok(thread),
        Err(error) => {
            // It is on its way out already.
            let _ = thread.join();
            Err(error)
        }
    }
}

fn run_hook(name: &str, hook: Foreign<dyn FnOnce() + Send>) {
    // What the hook may have left half done is the host's, and we never look at it.
    if foreign::call(hook.into_inner()).is_err() {
        log::error!("the start hook of thread {name:?} panicked; the thread goes on");
    }
}

/// Puts the calling thread under the settings.
fn apply(name: &str, policy: SchedulingPolicy, affinity: Option<&[usize]>) -> io::Result<()> {
    scheduling::set(policy).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::PermissionDenied => "; real-time policies need a privilege",
            _ => "",
        };
        name_it(&error, format_args!("cannot schedule thread {name:?} as {policy:?}{hint}"))
    })?;
    if let Some(processors) = affinity {
        affinity::set(processors).map_err(|error| {
            name_it(&error, format_args!("cannot bind thread {name:?} to the processors {processors:?}"))
        })?;
    }
    Ok(())
}

fn name_it(error: &io::Error, what: fmt::Arguments<'_>) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

#[cfg(unix)]
mod signals {
    use std::{io, mem::MaybeUninit, ptr};

    /// A thread gets these for what it did itself. While blocked they would kill the process instead of reaching the
    /// host's crash handler.
    const SYNCHRONOUS: &[libc::c_int] = &[
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGFPE,
        libc::SIGILL,
        libc::SIGABRT,
        libc::SIGTRAP,
        libc::SIGSYS,
        #[cfg(any(
            target_vendor = "apple",
            target_os = "freebsd",
            target_os = "netbsd",
            target_os = "openbsd"
        ))]
        libc::SIGEMT,
    ];

    /// All asynchronous signals are blocked on this thread, and on every thread that it starts, until this is dropped.
    pub(super) struct Blocked {
        previous: libc::sigset_t,
    }

    impl Blocked {
        #[allow(unsafe_code)]
        pub(super) fn new() -> io::Result<Self> {
            let mut set = MaybeUninit::<libc::sigset_t>::uninit();
            let mut previous = MaybeUninit::<libc::sigset_t>::uninit();
            // SAFETY: `sigfillset` initialises the set that the calls after it use; all pointers are to valid sets.
            // The C library leaves its own signals (thread cancellation, `setuid`) out of such a set.
            let error = unsafe {
                libc::sigfillset(set.as_mut_ptr());
                for &signal in SYNCHRONOUS {
                    libc::sigdelset(set.as_mut_ptr(), signal);
                }
                libc::pthread_sigmask(libc::SIG_SETMASK, set.as_ptr(), previous.as_mut_ptr())
            };
            if error != 0 {
                let error = io::Error::from_raw_os_error(error);
                return Err(super::name_it(&error, format_args!("cannot block signals")));
            }
            // SAFETY: the call has succeeded, so it has written the previous mask.
            Ok(Self { previous: unsafe { previous.assume_init() } })
        }
    }

    impl Drop for Blocked {
        fn drop(&mut self) {
            // SAFETY: a valid set, which was this thread's mask before. The type is not named outside of `spawn`, so
            // it is dropped on the thread that made it.
            #[allow(unsafe_code)]
            let error = unsafe {
                libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.previous, ptr::null_mut())
            };
            debug_assert_eq!(error, 0, "the only failure is a bad first argument");
        }
    }
}

#[cfg(not(unix))]
mod signals {
    /// No such signals.
    pub(super) struct Blocked;

    impl Blocked {
        pub(super) fn new() -> std::io::Result<Self> {
            Ok(Self)
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_vendor = "apple"))]
mod scheduling {
    use std::{io, mem::MaybeUninit};

    use super::SchedulingPolicy;

    /// Schedules the calling thread by `wanted`.
    pub(super) fn set(wanted: SchedulingPolicy) -> io::Result<()> {
        let (policy, priority) = match wanted {
            SchedulingPolicy::Inherit => return Ok(()),
            SchedulingPolicy::Ordinary => (libc::SCHED_OTHER, 0),
            SchedulingPolicy::Fifo(priority) => (libc::SCHED_FIFO, priority),
            SchedulingPolicy::RoundRobin(priority) => (libc::SCHED_RR, priority),
        };
        let (inherited, mut param) = current()?;
        let is_real_time = matches!(inherited, libc::SCHED_FIFO | libc::SCHED_RR);
        if wanted == SchedulingPolicy::Ordinary && !is_real_time {
            // Ordinary in kind. Batch or idle scheduling was given to the whole process by somebody who meant it.
            return Ok(());
        }
        param.sched_priority = libc::c_int::from(priority);
        // SAFETY: the thread is this one, and `param` is a valid `sched_param`.
        #[allow(unsafe_code)]
        let error = unsafe { libc::pthread_setschedparam(libc::pthread_self(), policy, &raw const param) };
        checked(error)
    }

    fn current() -> io::Result<(libc::c_int, libc::sched_param)> {
        let mut policy = 0;
        let mut param = MaybeUninit::<libc::sched_param>::zeroed();
        // SAFETY: the thread is this one, and both pointers are to places for what is written there.
        #[allow(unsafe_code)]
        let error =
            unsafe { libc::pthread_getschedparam(libc::pthread_self(), &raw mut policy, param.as_mut_ptr()) };
        checked(error)?;
        // SAFETY: it was zero, which is a valid value of all its fields, and has been written over since.
        #[allow(unsafe_code)]
        let param = unsafe { param.assume_init() };
        Ok((policy, param))
    }

    /// These calls return their error instead of setting `errno`.
    fn checked(error: libc::c_int) -> io::Result<()> {
        if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_vendor = "apple")))]
mod scheduling {
    use std::io;

    use super::SchedulingPolicy;

    /// Real-time policies are refused; a thread is whatever the system makes it.
    pub(super) fn set(wanted: SchedulingPolicy) -> io::Result<()> {
        match wanted {
            SchedulingPolicy::Ordinary | SchedulingPolicy::Inherit => Ok(()),
            SchedulingPolicy::Fifo(_) | SchedulingPolicy::RoundRobin(_) => {
                Err(io::Error::new(io::ErrorKind::Unsupported, "not supported on this system"))
            }
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod affinity {
    use std::{io, mem::MaybeUninit};

    const SET_BYTES: usize = size_of::<libc::cpu_set_t>();

    /// Binds the calling thread to `processors`.
    #[allow(unsafe_code)]
    pub(super) fn set(processors: &[usize]) -> io::Result<()> {
        let refused = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        if processors.is_empty() {
            return refused("none is given");
        }
        // SAFETY: a plain array of integers, for which zero is a valid value: the empty set.
        let mut wanted: libc::cpu_set_t = unsafe { MaybeUninit::zeroed().assume_init() };
        for &processor in processors {
            if processor >= SET_BYTES * 8 {
                return refused("a number is too large");
            }
            // SAFETY: `processor` is within the set, as checked.
            unsafe { libc::CPU_SET(processor, &mut wanted) };
        }
        let mut granted = wanted;
        // SAFETY: both calls concern this thread and get a valid set and its size.
        let failed = unsafe {
            libc::sched_setaffinity(0, SET_BYTES, &raw const wanted) != 0
                || libc::sched_getaffinity(0, SET_BYTES, &raw mut granted) != 0
        };
        if failed {
            return Err(io::Error::last_os_error());
        }
        // The kernel leaves out, without a word, what does not exist or is forbidden to the process.
        // SAFETY: both are valid sets.
        if !unsafe { libc::CPU_EQUAL(&wanted, &granted) } {
            return refused("not all of them are available to this process");
        }
        Ok(())
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod affinity {
    use std::io;

    pub(super) fn set(_: &[usize]) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "not supported on this system"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn named(name: &str) -> ThreadSettings {
        ThreadSettings { name: name.into(), ..ThreadSettings::default() }
    }

    /// Spawns a thread and returns what `probe` returns on it.
    fn on_thread<T: Send + 'static>(
        settings: ThreadSettings,
        probe: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let (tx, rx) = mpsc::channel();
        let thread = spawn(settings, move || tx.send(probe()).unwrap())?;
        thread.join().unwrap();
        Ok(rx.recv().unwrap())
    }

    #[test]
    fn has_its_name() {
        let name = on_thread(named("andon-loop"), || thread::current().name().map(str::to_owned)).unwrap();
        assert_eq!(name.as_deref(), Some("andon-loop"));
        assert_eq!(spawn(named("a\0b"), || {}).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn the_hook_runs_first_and_may_panic() {
        let (tx, rx) = mpsc::channel();
        let hook_tx = tx.clone();
        let settings = ThreadSettings {
            on_start: Some(Foreign::new(Box::new(move || {
                hook_tx.send((thread::current().id(), "hook")).unwrap();
                std::panic::resume_unwind(Box::new("as a host's hook may"));
            }))),
            ..named("hooked")
        };
        let thread = spawn(settings, move || tx.send((thread::current().id(), "body")).unwrap()).unwrap();
        let id = thread.thread().id();
        thread.join().unwrap();
        assert_eq!(rx.iter().collect::<Vec<_>>(), [(id, "hook"), (id, "body")]);
    }

    #[cfg(unix)]
    mod masks {
        use std::{mem::MaybeUninit, ptr};

        use super::*;

        /// The signals blocked on this thread, having blocked `more`.
        #[allow(unsafe_code)]
        fn blocked(more: &[libc::c_int]) -> Vec<libc::c_int> {
            let mut set = MaybeUninit::uninit();
            // SAFETY: `set` is initialised by the first call, and then written over by the last.
            unsafe {
                libc::sigemptyset(set.as_mut_ptr());
                for &signal in more {
                    libc::sigaddset(set.as_mut_ptr(), signal);
                }
                libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut());
                libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), set.as_mut_ptr());
                (1..32).filter(|&signal| libc::sigismember(set.as_ptr(), signal) == 1).collect()
            }
        }

        #[test]
        fn takes_no_asynchronous_signals() {
            let blocked = on_thread(named("masked"), || blocked(&[])).unwrap();
            // The system never blocks these two, whoever asks.
            let never = [libc::SIGKILL, libc::SIGSTOP];
            let own_fault = [
                libc::SIGSEGV,
                libc::SIGBUS,
                libc::SIGFPE,
                libc::SIGILL,
                libc::SIGABRT,
                libc::SIGTRAP,
                libc::SIGSYS,
            ];
            for signal in never.into_iter().chain(own_fault) {
                assert!(!blocked.contains(&signal), "{signal} in {blocked:?}");
            }
            if cfg!(target_os = "linux") {
                assert_eq!(blocked.len(), 31 - never.len() - own_fault.len(), "{blocked:?}");
            }
            for signal in
                [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGPIPE, libc::SIGALRM, libc::SIGCHLD]
            {
                assert!(blocked.contains(&signal), "{signal} not in {blocked:?}");
            }
        }

        #[test]
        fn the_starting_threads_mask_stays() {
            let before = blocked(&[libc::SIGUSR1, libc::SIGSEGV]);
            assert!(before.contains(&libc::SIGUSR1) && before.contains(&libc::SIGSEGV));
            spawn(named("kept"), || {}).unwrap().join().unwrap();
            assert_eq!(blocked(&[]), before);
            let settings = ThreadSettings { affinity: Some(Vec::new()), ..named("refused") };
            spawn(settings, || {}).unwrap_err();
            assert_eq!(blocked(&[]), before);
            // What happens when the thread itself is not to be had.
            drop(signals::Blocked::new().unwrap());
            assert_eq!(blocked(&[]), before);
        }
    }

    #[cfg(target_os = "linux")]
    mod linux {
        use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

        use super::*;

        /// The processors this thread may run on, as the kernel writes them.
        fn processors() -> String {
            let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
            line.trim().to_owned()
        }

        /// The kernel's idea of this thread's policy and real-time priority.
        fn scheduled() -> (libc::c_int, libc::c_int) {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            // Counted from behind the name, which may hold anything: fields 40 and 41 of proc(5).
            let (_, fields) = stat.rsplit_once(')').unwrap();
            let fields: Vec<_> = fields.split_whitespace().collect();
            (fields[38].parse().unwrap(), fields[37].parse().unwrap())
        }

        #[test]
        fn the_kernel_knows_the_name() {
            let comm = || std::fs::read_to_string("/proc/thread-self/comm").unwrap();
            assert_eq!(on_thread(named("longer-than-fifteen"), comm).unwrap(), "longer-than-fif\n");
        }

        #[test]
        fn runs_on_the_processors_given() {
            let allowed = processors();
            let first = allowed.split([',', '-']).next().unwrap().to_owned();
            let settings = ThreadSettings { affinity: Some(vec![first.parse().unwrap()]), ..named("bound") };
            assert_eq!(on_thread(settings, processors).unwrap(), first);
            assert_eq!(on_thread(named("free"), processors).unwrap(), allowed);
            assert_eq!(processors(), allowed);
        }

        #[test]
        fn processors_that_cannot_be_had_are_an_error() {
            static RAN: AtomicBool = AtomicBool::new(false);
            // The last of these would be granted in part: one processor is there, the other is not.
            let first: usize = processors().split([',', '-']).next().unwrap().parse().unwrap();
            for affinity in [vec![], vec![1_023], vec![usize::MAX], vec![first, 1_023]] {
                let listed = format!("{affinity:?}");
                let settings = ThreadSettings { affinity: Some(affinity), ..named("astray") };
                let error = spawn(settings, || RAN.store(true, SeqCst)).unwrap_err();
                let text = error.to_string();
                assert!(text.contains("\"astray\"") && text.contains(&listed), "{text}");
            }
            assert!(!RAN.load(SeqCst));
        }

        #[test]
        fn a_real_time_priority_is_given_but_not_inherited() {
            let real_time = |policy| ThreadSettings { policy, ..named("real-time") };
            let probe = || {
                let policies = [SchedulingPolicy::Ordinary, SchedulingPolicy::Inherit];
                let children = policies
                    .map(|policy| on_thread(ThreadSettings { policy, ..named("child") }, scheduled).unwrap());
                (scheduled(), children)
            };
            let cases = [
                (SchedulingPolicy::Fifo(3), (libc::SCHED_FIFO, 3)),
                (SchedulingPolicy::RoundRobin(2), (libc::SCHED_RR, 2)),
            ];
            for (policy, expected) in cases {
                match on_thread(real_time(policy), probe) {
                    Ok(got) => assert_eq!(got, (expected, [(libc::SCHED_OTHER, 0), expected])),
                    Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                        assert!(error.to_string().contains("privilege"), "{error}");
                        println!("skipped: a_real_time_priority_is_given_but_not_inherited: {error}");
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }

        #[test]
        fn a_priority_that_does_not_exist_is_an_error() {
            let settings = ThreadSettings { policy: SchedulingPolicy::Fifo(100), ..named("too-high") };
            let error = spawn(settings, || {}).unwrap_err();
            assert!(error.to_string().contains("Fifo(100)"), "{error}");
        }
    }
}
