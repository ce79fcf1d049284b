//! What was recorded, for the host's threads.

use crate::{
    contracts::store::{
        StoreError,
        device::{DeviceSample, SessionRow},
        reader::{Page, Position, Query, StoreReader},
        record::Record,
        session_filter::{SessionFilter, SessionPosition},
    },
    ground::{
        foreign::{self, Panicked},
        limits::{READ_PAGE_ROWS, READ_WAIT},
    },
    runtime::{
        reactor::Board,
        reader::{Job, NotTaken, Reads},
    },
};
use crossbeam_channel::RecvTimeoutError;
use std::{fmt, sync::Arc, time::Duration, vec};

/// Why something recorded was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// 64 reads wait already: try again later. Counted in [`Stats::reads_refused`](crate::Stats::reads_refused).
    Busy,
    /// The server has stopped.
    Stopped,
    /// There was no answer in time, see [`Recordings::with_timeout`].
    TimedOut,
    /// The store could not read, or does not know how to.
    Store(StoreError),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("too many reads of recordings wait already: try again later"),
            Self::Stopped => f.write_str("the server has stopped: read the recording before that"),
            Self::TimedOut => {
                f.write_str("the recording was not read in time: its disk is slow, or many wait")
            }
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {}

/// Reads back what was recorded, from any thread, while the server runs. Cheap to clone.
///
/// A thread of the server's reads, a page at a time: neither the loop nor what is being recorded waits for it. The methods whose names end in `_then` do not wait
/// either, and suit a [`Route`](crate::Route): they give the page to a callback on the reader's thread, exactly once, unless they return an error; that thread serves all readers, so a callback
/// only passes on what it gets. The others wait for a page at a time, at most for a timeout; they are for threads of the host's, not for contracts, routes and callbacks.
///
/// ```
/// use andon::{MemoryStore, Server, SessionFilter};
///
/// let server = Server::builder().listen("127.0.0.1:0").store(MemoryStore::new(1_000)).start()?;
/// let recordings = server.recordings().expect("a store that can be read");
/// for session in recordings.sessions(SessionFilter::new().device("AMR_001")) {
///     let session = session?;
///     let mut csv = Vec::new();
///     recordings.export_csv(&session.id, 0, &mut csv)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Recordings {
    reads: Reads,
    board: Arc<Board>,
    timeout: Duration,
}

impl Recordings {
    pub(super) fn new(reads: Reads, board: Arc<Board>) -> Self {
        Self { reads, board, timeout: READ_WAIT }
    }

    /// The same, but waiting for a page at most so long. Default 10 s.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The device session of this id.
    pub fn session(&self, id: &str) -> Result<Option<SessionRow>, ReadError> {
        self.wait(|then| self.session_then(id, then))
    }

    /// Device sessions, newest first.
    pub fn sessions(&self, filter: SessionFilter) -> Recorded<SessionRow> {
        let (recordings, mut after) = (self.clone(), None);
        Recorded::new(move || {
            let page = recordings.sessions_page(&filter, after.as_ref())?;
            after = page.last().map(SessionRow::position).or(after.take());
            Ok(page)
        })
    }

    /// The samples of a device session in the order of their numbers, behind the number `after_seq`; from the first on: 0.
    pub fn samples(&self, session: &str, after_seq: u64) -> Recorded<DeviceSample> {
        let (recordings, session, mut after) = (self.clone(), session.to_owned(), after_seq);
        Recorded::new(move || {
            let page = recordings.samples_page(&session, after)?;
            after = page.last().and_then(|sample| sample.place.as_ref()).map_or(after, |(_, seq)| *seq);
            Ok(page)
        })
    }

    /// Records of contracts of the host's, oldest first. Where a page ends is told by [`records_then`](Self::records_then).
    pub fn records(&self, query: Query) -> Recorded<Record> {
        let (recordings, mut after) = (self.clone(), None);
        Recorded::new(move || {
            let page = recordings.records_page(&query, after)?;
            after = page.end.or(after);
            Ok(page.records)
        })
    }

    /// Gives the device session of this id to `then`.
    pub fn session_then(
        &self,
        id: &str,
        then: impl FnOnce(Result<Option<SessionRow>, ReadError>) + Send + 'static,
    ) -> Result<(), ReadError> {
        let id = id.to_owned();
        self.ask(move |reader| reader.session(&id), then)
    }

    /// Gives a page of device sessions to `then`: the newest, or those behind an earlier one ([`SessionRow::position`]). None: there are no more.
    pub fn sessions_then(
        &self,
        filter: &SessionFilter,
        after: Option<&SessionPosition>,
        then: impl FnOnce(Result<Vec<SessionRow>, ReadError>) + Send + 'static,
    ) -> Result<(), ReadError> {
        let (filter, after) = (filter.clone(), after.cloned());
        self.ask(move |reader| reader.sessions(&filter, after.as_ref()), then)
    }

    /// Gives a page of a device session's samples to `then`: at most 256, behind the number `after_seq`. None: there are no more now.
    pub fn samples_then(
        &self,
        session: &str,
        after_seq: u64,
        then: impl FnOnce(Result<Vec<DeviceSample>, ReadError>) + Send + 'static,
    ) -> Result<(), ReadError> {
        let session = session.to_owned();
        self.ask(move |reader| reader.samples(&session, after_seq, READ_PAGE_ROWS), then)
    }

    /// Gives a page of records of contracts of the host's to `then`: the oldest, or those behind the end of an earlier page.
    pub fn records_then(
        &self,
        query: &Query,
        after: Option<Position>,
        then: impl FnOnce(Result<Page, ReadError>) + Send + 'static,
    ) -> Result<(), ReadError> {
        let query = query.clone();
        self.ask(move |reader| reader.page(&query, after), then)
    }

    /// A page of device sessions, as [`sessions_then`](Self::sessions_then) gives it; waits for it.
    pub(crate) fn sessions_page(
        &self,
        filter: &SessionFilter,
        after: Option<&SessionPosition>,
    ) -> Result<Vec<SessionRow>, ReadError> {
        self.wait(|then| self.sessions_then(filter, after, then))
    }

    /// A page of a device session's samples, as [`samples_then`](Self::samples_then) gives it; waits for it.
    pub(crate) fn samples_page(&self, session: &str, after_seq: u64) -> Result<Vec<DeviceSample>, ReadError> {
        self.wait(|then| self.samples_then(session, after_seq, then))
    }

    /// A page of records, as [`records_then`](Self::records_then) gives it; waits for it.
    pub(crate) fn records_page(&self, query: &Query, after: Option<Position>) -> Result<Page, ReadError> {
        self.wait(|then| self.records_then(query, after, then))
    }

    fn ask<T>(
        &self,
        read: impl FnOnce(&mut dyn StoreReader) -> Result<T, StoreError> + Send + 'static,
        then: impl FnOnce(Result<T, ReadError>) + Send + 'static,
    ) -> Result<(), ReadError> {
        let job = Job::new(move |reader| {
            then(match reader {
                None => Err(ReadError::Stopped),
                Some(reader) => foreign::call(|| read(reader))
                    .unwrap_or_else(|Panicked| Err(StoreError::Rejected("the store panicked".into())))
                    .map_err(ReadError::Store),
            });
        });
        self.reads.push(job).map_err(|why| match why {
            NotTaken::Ended => ReadError::Stopped,
            NotTaken::Full => {
                self.board.refused_read();
                ReadError::Busy
            }
        })
    }

    /// Asks for something and waits for it.
    fn wait<T: Send + 'static>(
        &self,
        ask: impl FnOnce(Answer<T>) -> Result<(), ReadError>,
    ) -> Result<T, ReadError> {
        let (tell, told) = crossbeam_channel::bounded(1);
        ask(Box::new(move |answer| {
            // Who has stopped waiting is not told.
            let _ = tell.try_send(answer);
        }))?;
        told.recv_timeout(self.timeout).unwrap_or_else(|error| {
            Err(match error {
                RecvTimeoutError::Timeout => ReadError::TimedOut,
                RecvTimeoutError::Disconnected => ReadError::Stopped,
            })
        })
    }
}

type Answer<T> = Box<dyn FnOnce(Result<T, ReadError>) + Send>;
type NextPage<T> = Box<dyn FnMut() -> Result<Vec<T>, ReadError> + Send>;

/// What was recorded, one after the other, read a page at a time. Ends with the first error.
pub struct Recorded<T> {
    next_page: Option<NextPage<T>>,
    page: vec::IntoIter<T>,
}

impl<T> Recorded<T> {
    fn new(next_page: impl FnMut() -> Result<Vec<T>, ReadError> + Send + 'static) -> Self {
        Self { next_page: Some(Box::new(next_page)), page: Vec::new().into_iter() }
    }
}

impl<T> Iterator for Recorded<T> {
    type Item = Result<T, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(one) = self.page.next() {
            return Some(Ok(one));
        }
        match self.next_page.as_mut()?() {
            Ok(page) if page.is_empty() => self.next_page = None,
            Ok(page) => self.page = page.into_iter(),
            Err(error) => {
                self.next_page = None;
                return Some(Err(error));
            }
        }
        self.page.next().map(Ok)
    }
}

impl<T> std::iter::FusedIterator for Recorded<T> {}

impl<T> fmt::Debug for Recorded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorded").field("read", &self.page.len()).finish_non_exhaustive()
    }
}
