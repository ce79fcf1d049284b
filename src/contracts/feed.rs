//! What the event streams of the board tell: what happens, numbered, and the newest samples.
//!
//! A feed learns from the engine what contracts say, whether or not the host wants to hear it, and keeps it for all streams alike: a stream is a
//! place in it and nothing more. Everything here happens on the loop's thread, so that the lock is never waited for.

mod newest;
mod ring;
pub(crate) mod shapes;
mod stream;

use super::told::{EventBody, MonitorEvent, device::DeviceEvent, guided::GuidedEvent, news::News};
use crate::{
    ground::{
        id::ConnId,
        limits::{
            FEED_BEAT, FEED_BYTES_MAX, FEED_HAPPENINGS_MAX, FEED_SAMPLE_BYTES_MAX, FEED_SAMPLE_PERIOD,
            FEED_SAMPLES_BYTES_MAX, FEED_SESSIONS_MAX, FEED_STREAMS_MAX,
        },
        time::{Now, Tick, Wall},
    },
    wire::{json::fields::object, response::Pulled},
};
use newest::Newest;
use ring::Ring;
use shapes::{SessionShape, event};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};
pub(crate) use stream::FeedStream;

/// A feed, shared by the engine that tells it, the routes that open streams, and the streams.
#[derive(Debug, Clone, Default)]
pub(crate) struct Feed(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// How many streams there are: so that a sample that nobody wants costs one look. Guards nothing, hence relaxed; so do the counts.
    watchers: AtomicUsize,
    refused: AtomicU64,
    gaps: AtomicU64,
    samples_dropped: AtomicU64,
    state: Mutex<State>,
}

/// What a feed has counted, for [`Stats`](crate::Stats).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FeedCounts {
    pub(crate) streams: u64,
    pub(crate) refused: u64,
    pub(crate) gaps: u64,
    pub(crate) samples_dropped: u64,
}

#[derive(Debug)]
struct State {
    /// When the server began to tell: another time means that the numbers have begun anew.
    started_at: Wall,
    happenings: Ring,
    newest: Newest,
    /// When samples were let out last.
    released_at: Option<Tick>,
    /// By their numbers, which are never used again.
    watchers: BTreeMap<u64, Watcher>,
    last_watcher: u64,
    /// How often a comment was due, and when the next is.
    beats: u64,
    beat_at: Tick,
    /// There is something that no stream has been woken for.
    news: bool,
    /// The server stops: streams end behind what they still have to say.
    over: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            started_at: Wall::default(),
            happenings: Ring::new(),
            newest: Newest::default(),
            released_at: None,
            watchers: BTreeMap::new(),
            last_watcher: 0,
            beats: 0,
            beat_at: Tick::ZERO,
            news: false,
            over: false,
        }
    }
}

/// Where a stream stands.
#[derive(Debug)]
struct Watcher {
    conn: ConnId,
    /// When it came; `None` once it was greeted.
    greets: Option<Wall>,
    /// The number of the happening that it gets next.
    next: u64,
    /// The stamp of the sample that it was sent last.
    stamp: u64,
    /// The comments that it was sent.
    beats: u64,
    /// It has taken all there was.
    waits: bool,
}

impl Feed {
    /// Bytes that a feed takes at its bounds, its tables included.
    pub(crate) const BYTES_MAX: usize = FEED_BYTES_MAX
        + FEED_SAMPLES_BYTES_MAX
        // One of each, as it is written, and as it replaces another.
        + 2 * (FEED_BYTES_MAX + FEED_SAMPLE_BYTES_MAX)
        + FEED_HAPPENINGS_MAX * 64
        + FEED_SESSIONS_MAX * 512
        + FEED_STREAMS_MAX * 2 * size_of::<(u64, Watcher)>();

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server starts.
    pub(crate) fn begin(&self, now: Now) {
        self.lock().started_at = now.wall;
    }

    /// A contract has said this to the host.
    pub(crate) fn heard(&self, body: &EventBody) {
        match body {
            EventBody::Device(DeviceEvent::Sample(sample)) => {
                if self.0.watchers.load(Relaxed) > 0 {
                    let dropped = self.lock().newest.take(sample);
                    self.0.samples_dropped.fetch_add(dropped, Relaxed);
                }
            }
            EventBody::Device(DeviceEvent::Registered { device, .. }) => {
                self.of_device("device_registered", device)
            }
            EventBody::Device(DeviceEvent::SessionCreated(row)) => {
                self.happens("session_started", |out| SessionShape::of_row(row).write(out));
            }
            EventBody::Device(DeviceEvent::SessionEnded(row)) => {
                self.lock().newest.forget(&row.id);
                self.happens("session_ended", |out| SessionShape::of_row(row).write(out));
            }
            EventBody::Guided(event) => {
                // What else they say comes as news, whole.
                if let GuidedEvent::HelpRequested { code, user_id, subtask_id, message } = &**event {
                    self.happens("help", |out| {
                        object(out, |fields| {
                            fields.text("code", code).plain("user_id", user_id);
                            fields.plain_or_null("subtask_id", *subtask_id).text("message", message);
                        });
                    });
                }
            }
            EventBody::Monitor(MonitorEvent::Staleness { code, stale, .. }) => {
                self.happens("equipment", |out| {
                    object(out, |fields| {
                        fields.text("equipment_code", code).plain("stale", stale);
                    });
                });
            }
            EventBody::Hub(_) | EventBody::Custom(_) => {}
        }
    }

    /// A contract has told this to whoever watches.
    pub(crate) fn told(&self, news: &News) {
        match news {
            News::DeviceLeft { device } => self.of_device("device_left", device),
            News::Session { row, subtasks } => {
                self.happens("guided_session", |out| {
                    object(out, |fields| shapes::guided_session(fields, row, subtasks));
                });
            }
            News::Participant { row, online } => {
                self.happens("participant", |out| {
                    object(out, |fields| {
                        fields.text("code", &row.code);
                        fields.value("participant", |out| shapes::participant(out, row, *online));
                    });
                });
            }
        }
    }

    /// The store went down, or answers again.
    pub(crate) fn store(&self, healthy: bool, reason: &str) {
        self.happens("store", |out| {
            let reason = Some(reason).filter(|_| !healthy);
            object(out, |fields| {
                fields.plain("healthy", healthy).text_or_null("reason", reason);
            });
        });
    }

    fn of_device(&self, name: &str, device: &str) {
        self.happens(name, |out| {
            object(out, |fields| {
                fields.text("device_id", device);
            });
        });
    }

    fn happens(&self, name: &str, data: impl FnOnce(&mut String)) {
        let mut state = self.lock();
        state.happenings.push(|number| event(Some(number), name, data));
        state.news = true;
    }

    /// A stream for a connection, behind the happening of number `last` if it has been here before. `None`: there are as many as may be, or the
    /// server stops.
    pub(crate) fn open(&self, conn: ConnId, last: Option<u64>, now: Now) -> Option<FeedStream> {
        let mut state = self.lock();
        if state.over || state.watchers.len() >= FEED_STREAMS_MAX {
            self.0.refused.fetch_add(1, Relaxed);
            return None;
        }
        if state.watchers.is_empty() {
            state.beat_at = now.tick + FEED_BEAT;
        }
        state.last_watcher += 1;
        let watcher = Watcher {
            conn,
            greets: Some(now.wall),
            next: last.map_or(state.happenings.end(), |last| last.saturating_add(1)),
            stamp: state.newest.last_stamp(),
            beats: state.beats,
            waits: false,
        };
        let number = state.last_watcher;
        state.watchers.insert(number, watcher);
        self.0.watchers.store(state.watchers.len(), Relaxed);
        Some(FeedStream::new(self.clone(), number))
    }

    /// A stream is gone.
    fn close(&self, number: u64) {
        let mut state = self.lock();
        state.watchers.remove(&number);
        self.0.watchers.store(state.watchers.len(), Relaxed);
        if state.watchers.is_empty() {
            state.newest.clear();
        }
    }

    /// Appends what is new to a stream, until there is no room.
    fn fill(&self, number: u64, room: usize, out: &mut Vec<u8>) -> Pulled {
        let mut state = self.lock();
        let State { started_at, happenings, newest, watchers, beats, over, .. } = &mut *state;
        let Some(watcher) = watchers.get_mut(&number) else { return Pulled::End };
        let missed = !happenings.reaches(watcher.next);
        if let Some(wall) = watcher.greets.take() {
            // What comes with a number is where a client goes on that comes back: not behind a gap that it has not been told.
            let number = watcher.next.saturating_sub(1);
            let greeting = event(Some(number).filter(|_| !missed), "hello", |out| {
                object(out, |fields| {
                    fields.quoted("timestamp", wall).quoted("started_at", *started_at);
                    fields.plain("last", happenings.end() - 1);
                });
            });
            out.extend_from_slice(b"retry: 3000\n");
            out.extend_from_slice(greeting.as_bytes());
        }
        if missed {
            let last = happenings.end() - 1;
            let gap = event(Some(last), "gap", |out| {
                object(out, |fields| {
                    fields.plain("last", last);
                });
            });
            out.extend_from_slice(gap.as_bytes());
            watcher.next = happenings.end();
            self.0.gaps.fetch_add(1, Relaxed);
        }
        loop {
            if let Some(text) = happenings.get(watcher.next) {
                out.extend_from_slice(text.as_bytes());
                watcher.next += 1;
            } else if let Some((stamp, text)) = newest.behind(watcher.stamp) {
                out.extend_from_slice(text.as_bytes());
                watcher.stamp = stamp;
            } else if watcher.beats != *beats {
                out.extend_from_slice(b":\n\n");
                watcher.beats = *beats;
            } else if *over {
                return Pulled::End;
            } else {
                watcher.waits = true;
                return Pulled::Wait;
            }
            if out.len() >= room {
                return Pulled::More;
            }
        }
    }

    /// When [`turn`](Self::turn) is to be called at the latest.
    pub(crate) fn next_deadline(&self) -> Option<Tick> {
        if self.0.watchers.load(Relaxed) == 0 {
            return None;
        }
        let state = self.lock();
        let release = state.newest.has_fresh().then(|| state.release_at());
        release.into_iter().chain([state.beat_at]).min()
    }

    /// Lets out what is due, and collects the connections whose streams have something to say again.
    pub(crate) fn turn(&self, now: Tick, woken: &mut Vec<ConnId>) {
        if self.0.watchers.load(Relaxed) == 0 {
            return;
        }
        let mut state = self.lock();
        if state.newest.has_fresh() && state.release_at() <= now {
            state.released_at = Some(now);
            let dropped = state.newest.release();
            self.0.samples_dropped.fetch_add(dropped, Relaxed);
            state.news = true;
        }
        if state.beat_at <= now {
            state.beats += 1;
            state.beat_at = now + FEED_BEAT;
            state.news = true;
        }
        if std::mem::take(&mut state.news) {
            let waiting = state.watchers.values_mut().filter(|watcher| watcher.waits);
            woken.extend(waiting.map(|watcher| {
                watcher.waits = false;
                watcher.conn
            }));
        }
    }

    /// Whether streams wait that have something to say.
    pub(crate) fn has_news(&self) -> bool {
        self.0.watchers.load(Relaxed) > 0 && self.lock().news
    }

    /// The server stops: streams end when they have told all.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        (state.over, state.news) = (true, true);
    }

    pub(crate) fn counts(&self) -> FeedCounts {
        let shared = &*self.0;
        FeedCounts {
            streams: shared.watchers.load(Relaxed) as u64,
            refused: shared.refused.load(Relaxed),
            gaps: shared.gaps.load(Relaxed),
            samples_dropped: shared.samples_dropped.load(Relaxed),
        }
    }
}

impl State {
    /// When samples may be let out next.
    fn release_at(&self) -> Tick {
        self.released_at.map_or(Tick::ZERO, |at| at + FEED_SAMPLE_PERIOD)
    }
}

#[cfg(test)]
mod tests;
