//! Every bound of the crate: the fixed ones as constants, the ones a host may set in [`Limits`].
//!
//! Relations between bounds are asserted beside them, with the reason.

use std::time::Duration;

/// What may be set, with what happens at each bound. The defaults suit a controller with a few thousand
/// watchers; [`Builder::start`](crate::Builder::start) refuses values that contradict each other.
///
/// Sizes are in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at once, parked and half-open ones included. One more gets 503. Default `None`: the smaller of
    /// 10,000 and the process's descriptor limit less 256, as it is when the configuration is built;
    /// [`Config::limits`](crate::Config::limits) tells the number.
    pub connections: Option<usize>,
    /// Connections at once from one IP address; one more gets 503. Default: no limit of its own.
    pub connections_per_address: usize,
    /// Handshakes waiting for a decision of the host at once; one more gets 503. Default 256.
    pub parked: usize,
    /// The payload of one message from a client, over all its fragments; a larger one closes the connection with 1009.
    /// Default 1 MiB.
    pub message_bytes: usize,
    /// The payload of one frame from a client; a larger one closes with 1009. Default 1 MiB.
    pub frame_bytes: usize,
    /// An HTTP request head; a larger one gets 431. Default 8 KiB.
    pub head_bytes: usize,
    /// The body of an HTTP request to a route; a larger one gets 413. Default 256 KiB.
    pub body_bytes: usize,
    /// Incomplete frames, messages, heads and bodies of all connections together; when it is spent the
    /// connection that holds the most is closed with 1013. Default 32 MiB.
    pub partial_bytes_total: usize,
    /// What one client has been sent privately and not taken, with some 30 bytes for each message; beyond it the connection is
    /// closed with 1013. Reading from a client stops at a quarter of it, so that a client cannot reach it by asking, if it
    /// is at least twice what one answer to one message may be. Default 4 MiB.
    pub outbox_bytes: usize,
    /// The same over all connections; beyond it the connection that asks for more is closed with 1013.
    /// Default 32 MiB.
    pub outbox_bytes_total: usize,
    /// Bytes kept outside of the topic logs for clients that must finish a frame after the log has left it behind or their
    /// subscription has ended, and for shared snapshots. Beyond it such a client is closed with 1013, or dropped within its frame. Default 16 MiB.
    pub detached_bytes_total: usize,
    /// Topics at once, those of contracts included. Default 1,024.
    pub topics: usize,
    /// Bytes of all topic logs together; a topic that does not fit is refused. The latest values by key of all topics may take as much again; a
    /// key or a longer value that does not fit is refused. Default 64 MiB.
    pub log_bytes_total: usize,
    /// Topics that one connection may be subscribed to. Default 16.
    pub subscriptions: usize,
    /// Commands from the host waiting for the loop; one more is handed back as full. As many again may wait for a mount whose
    /// contract must not be called because the host does not take its events. Default 4,096.
    pub commands: usize,
    /// Payload bytes of the commands waiting. Default 16 MiB.
    pub command_bytes: usize,
    /// Events waiting for the host. Default 8,192. What happens at the bound depends on the event's class.
    pub events: usize,
    /// Bytes of the events waiting. Default 16 MiB.
    pub event_bytes: usize,
    /// Records that the store has and has not answered for; when no more than one message may need is left, connections whose contract records are not
    /// read, for at most 10 s. Default 8,192.
    pub records: usize,
    /// Payload bytes of these. With twice [`message_bytes`](Self::message_bytes) or more every message finds room. Default 16 MiB.
    pub record_bytes: usize,
    /// How long a batch of records may wait for more before it goes to the store, when nobody waits for one of them. A batch that is full, with
    /// 1,000 records or half of `records` or `record_bytes`, does not wait. At most 1 s. Default 50 ms.
    pub record_window: Duration,
    /// From accept to the end of the request head, and again for a request's body; beyond it 408. Default 10 s.
    pub handshake: Duration,
    /// How long a parked handshake waits for the host; beyond it 503. Default 10 s.
    pub parked_wait: Duration,
    /// How long an HTTP connection may idle between requests. Default 15 s.
    pub keep_alive: Duration,
    /// A WebSocket connection that was silent for this long is pinged (`None`: never). Default 30 s.
    pub ping_interval: Option<Duration>,
    /// How long after a ping the peer must have sent something; beyond it the connection is dropped. It is looked at when this time has
    /// passed, so a longer one than `ping_interval` becomes the period of pings. Default 20 s.
    pub pong_wait: Duration,
    /// How long the peer may take to answer our close frame, to take what is owed to it before, or to take
    /// the next bytes of an HTTP answer; and how long a client that has hung up while it could not be read is kept, unless that is for the store's sake:
    /// then until it is read, as it is at the latest when the store is given up. Default 5 s.
    pub close_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: None,
            connections_per_address: usize::MAX,
            parked: 256,
            message_bytes: 1 << 20,
            frame_bytes: 1 << 20,
            head_bytes: 8 << 10,
            body_bytes: 256 << 10,
            partial_bytes_total: 32 << 20,
            outbox_bytes: 4 << 20,
            outbox_bytes_total: 32 << 20,
            detached_bytes_total: 16 << 20,
            topics: 1_024,
            log_bytes_total: 64 << 20,
            subscriptions: 16,
            commands: 4_096,
            command_bytes: 16 << 20,
            events: 8_192,
            event_bytes: 16 << 20,
            records: 8_192,
            record_bytes: 16 << 20,
            record_window: Duration::from_millis(50),
            handshake: Duration::from_secs(10),
            parked_wait: Duration::from_secs(10),
            keep_alive: Duration::from_secs(15),
            ping_interval: Some(Duration::from_secs(30)),
            pong_wait: Duration::from_secs(20),
            close_wait: Duration::from_secs(5),
        }
    }
}

impl Limits {
    /// [`connections`](Self::connections) as a number: what the builder found, or the most that it would.
    pub(crate) fn connections_max(&self) -> usize {
        self.connections.unwrap_or(CONNECTIONS_DEFAULT)
    }

    /// Commands of the server itself that may wait for the loop: an answer to each parked request, and more for each download.
    pub(crate) fn own_commands(&self) -> usize {
        if cfg!(feature = "board") { self.parked + DOWNLOADS_MAX } else { 0 }
    }
}

/// The default for `connections`, where there are descriptors enough.
pub(crate) const CONNECTIONS_DEFAULT: usize = 10_000;
/// The most connections a server can be set to: far beyond what one loop serves, and far below what a slot number holds.
pub(crate) const CONNECTIONS_MAX: usize = 1 << 20;
/// Connection slots are allocated in chunks of this many and never moved.
pub(crate) const SLOT_CHUNK: usize = 256;
/// Descriptors that are left to the host: an accepted socket whose number comes within this distance of the
/// process's limit is closed again.
pub(crate) const DESCRIPTORS_RESERVED: usize = 64;
/// The default for `connections` leaves this many descriptors to the host.
pub(crate) const DESCRIPTORS_SPARED: usize = 256;
const _: () = assert!(DESCRIPTORS_RESERVED < DESCRIPTORS_SPARED);

/// The loop's one read buffer.
pub(crate) const READ_BUFFER_BYTES: usize = 256 << 10;
/// What a connection may read in one turn before the others get theirs.
pub(crate) const READ_BYTES_PER_CONNECTION: usize = READ_BUFFER_BYTES;
/// What all connections may read in one turn before it goes to its writes; what is done to answer requests counts like what is read.
pub(crate) const READ_BYTES_PER_TURN: usize = 8 * READ_BYTES_PER_CONNECTION;
/// An incomplete frame up to this size is put before the next read, so that both are parsed in one go; a
/// larger one is completed where it lies.
pub(crate) const PREFIX_BYTES_MAX: usize = 16 << 10;
const _: () = assert!(PREFIX_BYTES_MAX < READ_BUFFER_BYTES / 2, "a read must have room behind the prefix");

/// Bytes of a client's path that [`Event::Opened`](crate::Event::Opened) tells.
pub(crate) const CLIENT_PATH_MAX: usize = 256;

/// Secrets in one table of identities.
pub(crate) const IDENTITIES_MAX: usize = 65_536;
/// A table of identities is replaced in parts, so that a change of one copies this share of it.
pub(crate) const IDENTITY_SHARDS: usize = 64;
/// A secret in a table of identities: what a request head of the default size can show, and not all of that.
pub(crate) const SECRET_BYTES_MAX: usize = 4_096;
/// Keys of one gate for tokens: each may be tried for a token that names none.
#[cfg(feature = "jwt")]
pub(crate) const JWT_KEYS_MAX: usize = 16;

/// Gates that one chain of the C interface is made of: copying one must not take long, whatever is made of it.
#[cfg(feature = "ffi")]
pub(crate) const GATE_CHAIN_MAX: usize = 16;
/// How far the clock of who signs tokens and ours may be apart.
#[cfg(feature = "jwt")]
pub(crate) const JWT_LEEWAY_DEFAULT: Duration = Duration::from_secs(10);
/// A secret for HS256: as long as its hash (RFC 7518, 3.2).
#[cfg(feature = "jwt")]
pub(crate) const HS256_SECRET_BYTES_MIN: usize = 32;
/// The modulus of a key for RS256: 2,048 bits (RFC 7518, 3.3).
#[cfg(feature = "jwt")]
pub(crate) const RSA_MODULUS_BYTES_MIN: usize = 256;
/// Request headers.
pub(crate) const HEADERS_MAX: usize = 64;
/// What a chunked request body may carry besides its data, in all: chunk extensions and trailers, which are read and
/// thrown away. Clients send none; the bound keeps a body of few bytes from going on for ever.
pub(crate) const CHUNK_EXTRA_BYTES_MAX: usize = 16 << 10;
/// Arrays and objects within each other in a JSON text.
#[cfg(feature = "contracts")]
pub(crate) const JSON_DEPTH_MAX: usize = 128;
/// Bytes of a client's own text that an error message quotes.
#[cfg(feature = "contracts")]
pub(crate) const QUOTE_BYTES_MAX: usize = 64;
/// The kernel asks a peer that has been silent for this long whether it is there, for those phases of a connection that have no
/// deadline of their own: a streamed answer whose source has nothing to say.
pub(crate) const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
/// How often it asks until it gives up.
pub(crate) const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);

/// Path segments of a pattern.
pub(crate) const SEGMENTS_MAX: usize = 16;
/// Mounts and routes together.
pub(crate) const ROUTES_MAX: usize = 256;
/// Headers of an answer.
pub(crate) const ANSWER_HEADERS_MAX: usize = 64;
/// What a connection may send ahead while it is parked, or its answer waits for more.
pub(crate) const PARKED_BYTES_MAX: usize = 16 << 10;
const _: () =
    assert!(PARKED_BYTES_MAX <= READ_BUFFER_BYTES, "what a parked client sends ahead fits one read");
/// What is read and thrown away after an answer that ends a connection, so that the answer is not lost to a
/// reset.
pub(crate) const LINGER_BYTES_MAX: usize = 256 << 10;

/// Taken from the mailbox in one turn.
pub(crate) const COMMANDS_PER_TURN: usize = 1_024;
/// Accepted from one listener in one turn.
pub(crate) const ACCEPTS_PER_TURN: usize = 64;
/// Connections that are read again in one turn after the host or the store has kept up.
pub(crate) const RESUMES_PER_TURN: usize = 1_024;
/// Deadlines run in one turn.
pub(crate) const DEADLINES_PER_TURN: usize = 1_024;
/// Bytes written to one connection in one turn.
pub(crate) const WRITE_BYTES_PER_TURN: usize = 256 << 10;
/// Emptied outboxes that are kept for the next connection that needs one.
pub(crate) const SPARE_OUTBOXES: usize = 256;
/// An answer up to this size is queued whatever else is queued.
pub(crate) const SHORT_ANSWER_BYTES: usize = 1 << 10;
/// Bytes of messages, keys and close reasons that one call of a contract may say: what their 32-bit places reach.
pub(crate) const EFFECTS_BYTES_MAX: usize = u32::MAX as usize;
/// What is kept of the memory that one call of a contract took to say what it wants, for the next: of its words, and of their bytes.
pub(crate) const EFFECTS_KEPT_BYTES: usize = 64 << 10;
/// A streamed answer is pulled when less than this is queued.
pub(crate) const STREAM_BYTES: usize = 64 << 10;
/// The longest close reason: a control frame's 125 bytes less the code.
pub(crate) const CLOSE_REASON_MAX: usize = 123;
/// Slices in one vectored write.
pub(crate) const IO_SLICES_MAX: usize = 32;
const _: () =
    assert!(IO_SLICES_MAX >= 4, "a write must hold a begun frame, an urgent one and a log's two halves");
/// Private writes of one turn, in the same units as a slice of a fan-out: what is left over goes on in the next.
pub(crate) const PRIVATE_UNITS_PER_TURN: usize = 512;
/// One slice of a fan-out, in units of one write each plus one for every 8 KiB; then the loop polls.
pub(crate) const FANOUT_SLICE_UNITS: usize = 192;

/// Connections beyond the cap that are let in only to be told so with 503.
pub(crate) const REFUSAL_SLOTS: usize = 64;

/// A topic's log is at least this large, so that small messages get a useful history.
pub(crate) const LOG_BYTES_MIN: usize = 64 << 10;
/// The default size of a topic's log.
pub(crate) const LOG_BYTES_DEFAULT: usize = 1 << 20;
const _: () = assert!(LOG_BYTES_MIN <= LOG_BYTES_DEFAULT);
const _: () = assert!(
    LOG_BYTES_MIN / 4 >= 16 << 10,
    "a message of 16 KiB must fit the smallest log, a quarter of which it may take"
);
/// Frames that a log indexes at most.
pub(crate) const LOG_FRAMES_MAX: usize = 64 << 10;
/// Keys of one keyed topic.
pub(crate) const KEYS_PER_TOPIC_MAX: usize = 16 << 10;
/// What a key's latest value takes beside its bytes: its places in two tables that grow by doubling, and two allocations.
pub(crate) const KEY_COST_BYTES: usize = 192;
/// Bytes of one topic's latest values by key.
pub(crate) const KEYED_BYTES_MAX: usize = 4 << 20;

/// Equipment that a tag table can be built for.
pub(crate) const EQUIPMENT_MAX: usize = 64 << 10;
/// Tags that one equipment can have, beside the three that each has. A write copies all of them, so it bounds what a write takes.
pub(crate) const TAGS_PER_EQUIPMENT_MAX: usize = 64;
/// Writes in one update.
pub(crate) const UPDATE_WRITES_MAX: usize = 128;
const _: () = assert!(
    UPDATE_WRITES_MAX >= TAGS_PER_EQUIPMENT_MAX + 4,
    "an update may write every tag of an equipment, the three that each has, and its status"
);
/// Bytes of a text in a tag.
pub(crate) const TAG_TEXT_BYTES_MAX: usize = 31;
/// Bytes of an equipment's code, and of its name.
pub(crate) const EQUIPMENT_TEXT_BYTES_MAX: usize = 256;
/// Bytes of a tag's name.
pub(crate) const TAG_NAME_BYTES_MAX: usize = 128;
/// The shortest deadline after which equipment counts as stale.
pub(crate) const STALE_AFTER_MIN: Duration = Duration::from_millis(100);
/// Times in the shortest of these deadlines that the loop looks whether anything was written.
pub(crate) const STALE_LOOKS: u32 = 4;
const _: () =
    assert!(STALE_AFTER_MIN.as_millis() / STALE_LOOKS as u128 >= 20, "or the loop would do little else");
/// Topics of one topic hub.
#[cfg(feature = "contracts")]
pub(crate) const HUB_TOPICS_MAX: usize = 1_024;
/// Bytes of the name of a hub's topic.
#[cfg(feature = "contracts")]
pub(crate) const HUB_NAME_BYTES_MAX: usize = 64;
/// Connections of one topic of a hub, unless it is set otherwise.
#[cfg(feature = "contracts")]
pub(crate) const HUB_CAP_DEFAULT: usize = 1_024;

/// Events of one turn that are handed to the host together, behind the turn's writes; more go ahead of these.
pub(crate) const EVENTS_PER_WAKE: usize = 64;
/// Room in the outlet that is left to lossless events. Below it, connections that feed them are not read, and events of the other classes
/// wait or are dropped.
pub(crate) const EVENTS_RESERVED: usize = 128;
/// The smallest outlet: the reserve, and as much again for the rest.
pub(crate) const EVENTS_MIN: usize = 2 * EVENTS_RESERVED;
const _: () = assert!(EVENTS_RESERVED < EVENTS_MIN, "state events and notices would never find room");
/// Lossless events that find no room in the outlet, where the pausing of connections does not prevent it (at their ends, at a stop), may take as
/// much again as those in it, and this much for each connection.
pub(crate) const BACKLOG_BYTES_PER_CONNECTION: usize = 512;
/// Keys of state events that may wait, beside two for each connection.
pub(crate) const STATE_KEYS_MAX: usize = 16 << 10;

/// A contract that panics this often within [`PANIC_WINDOW`] is retired.
pub(crate) const PANICS_MAX: usize = 3;
/// See [`PANICS_MAX`].
pub(crate) const PANIC_WINDOW: Duration = Duration::from_secs(60);

/// How long a listener rests when descriptors have run out.
pub(crate) const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);
/// How long a store may take to answer for a batch, before records are refused and those who make them are read again.
pub(crate) const STORE_WAIT: Duration = Duration::from_secs(10);

/// How long a stop keeps clients open whose contract waits for the store, so as to tell them what it has committed.
pub(crate) const LAST_WORDS_WAIT: Duration = Duration::from_secs(1);
/// How much longer than its timeout a stop waits for the loop to say that it has ended.
pub(crate) const SPARE_STOP_TIME: Duration = Duration::from_millis(500);
/// How long a stop waits for a thread to return once it has nothing left to do; a store may be at a disk.
pub(crate) const WORKER_STOP_TIME: Duration = Duration::from_secs(5);
const _: () =
    assert!(STORE_RETRY.as_millis() < STORE_WAIT.as_millis(), "it must be tried before it is given up");
/// How long a store that is down is left alone before it is tried again.
pub(crate) const STORE_RETRY: Duration = Duration::from_millis(100);
/// The longest window in which records are collected.
pub(crate) const RECORD_WINDOW_MAX: Duration = Duration::from_secs(1);
const _: () = assert!(
    RECORD_WINDOW_MAX.as_millis() * 5 <= STORE_WAIT.as_millis(),
    "a store must not be given up for a batch that it has not been offered"
);
/// A store that has committed something tidies up this long after it last did, and one that has not, after this long.
pub(crate) const TEND_BUSY: Duration = Duration::from_secs(5);
/// See [`TEND_BUSY`].
pub(crate) const TEND_IDLE: Duration = Duration::from_secs(60);
/// One that has more to do goes on as soon as nothing is to be committed, and after this long if there is.
pub(crate) const TEND_MORE: Duration = Duration::from_millis(100);
/// Reads of recordings that may wait for the reader's thread.
pub(crate) const READS_MAX: usize = 64;
/// How long a thread of the host's waits for a page, unless it is set otherwise.
pub(crate) const READ_WAIT: Duration = Duration::from_secs(10);
/// Samples in one page.
pub(crate) const READ_PAGE_ROWS: usize = 256;
/// A page of a SQLite store that is as heavy as this ends, however few it has.
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
pub(crate) const READ_PAGE_BYTES: usize = 1 << 20;
/// Rows that a SQLite store deletes at once while it tidies up.
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
pub(crate) const TEND_ROWS_MAX: usize = 2_000;
/// Pages that it gives back to the file system at once.
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
pub(crate) const VACUUM_PAGES: u64 = 256;
/// Free pages that it keeps, since they are soon used again.
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
pub(crate) const FREE_PAGES_KEPT: u64 = 256;
/// A write-ahead log beyond this is cut by force.
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
pub(crate) const RECORD_LOG_BYTES_MAX: u64 = 64 << 20;
/// What is taken from the recorder in one turn: the outcomes of batches, or of single records, and that the store is down.
pub(crate) const REPORTS_PER_TURN: usize = 64;
/// Records in one batch to the store.
pub(crate) const RECORD_BATCH_MAX: usize = 1_000;
/// Records that one message of a client gives rise to at most, in the contracts there are: a session that ends, one that begins, its first sample; and one more.
pub(crate) const RECORDS_PER_MESSAGE: usize = 4;
/// Bytes of one of these, beside the message itself.
pub(crate) const RECORD_SPARE_BYTES: usize = 4 << 10;
/// Refusals of records that may wait to be told at once: with more, a connection is not read any further before they are.
pub(crate) const REFUSALS_MAX: usize = 1_024;

/// Different views of one equipment monitor.
#[cfg(feature = "contracts")]
pub(crate) const MONITOR_VIEWS_MAX: usize = 64;
/// The shortest period of a monitor.
#[cfg(feature = "contracts")]
pub(crate) const MONITOR_PERIOD_MIN: Duration = Duration::from_millis(10);
/// Full messages that a view's log holds, when they are small, and when they are large.
#[cfg(feature = "contracts")]
pub(crate) const MONITOR_MESSAGES_HELD: usize = 16;
/// The same of messages larger than [`MONITOR_MESSAGE_LARGE`].
#[cfg(feature = "contracts")]
pub(crate) const MONITOR_LARGE_HELD: usize = 5;
#[cfg(feature = "contracts")]
const _: () = assert!(MONITOR_LARGE_HELD > 4, "a message is at most a quarter of its log");
/// A full message of a monitor that counts as large.
#[cfg(feature = "contracts")]
pub(crate) const MONITOR_MESSAGE_LARGE: usize = 128 << 10;
/// What a view's full message may grow by beside half of itself.
#[cfg(feature = "contracts")]
pub(crate) const MONITOR_MESSAGE_SPARE: usize = 1 << 10;
/// How long a view that nobody watches is kept for those who come back.
#[cfg(feature = "contracts")]
pub(crate) const MONITOR_VIEW_LINGER: Duration = Duration::from_secs(10);
/// A newcomer's look at the tag table is shared by all who come within this time.
#[cfg(feature = "contracts")]
pub(crate) const MONITOR_LOOK_SHARED: Duration = Duration::from_millis(2);

/// Shorter answers of endpoints are not worth compressing, and longer ones would hold the loop up for too long.
#[cfg(feature = "board")]
pub(crate) const GZIP_BYTES_MIN: usize = 1 << 10;
/// See [`GZIP_BYTES_MIN`].
#[cfg(feature = "board")]
pub(crate) const GZIP_BYTES_MAX: usize = 1 << 20;
/// Compressing a byte takes as much of a turn as reading so many.
#[cfg(feature = "board")]
pub(crate) const GZIP_EFFORT: usize = 8;
/// Messages of one topic in the list of all: of a topic with more of them, the list shows none.
#[cfg(feature = "board")]
pub(crate) const TOPIC_LISTED_BYTES_MAX: usize = 64 << 10;

/// Guided sessions of one mount, unless it says otherwise.
#[cfg(feature = "contracts")]
pub(crate) const GUIDED_SESSIONS_DEFAULT: usize = 64;
/// People known to one guided session, unless its mount says otherwise.
#[cfg(feature = "contracts")]
pub(crate) const GUIDED_PARTICIPANTS_DEFAULT: usize = 512;
/// Steps of one guided session.
#[cfg(feature = "contracts")]
pub(crate) const GUIDED_SUBTASKS_MAX: usize = 256;
/// One guided session with the texts of its steps.
#[cfg(feature = "contracts")]
pub(crate) const GUIDED_SESSION_BYTES_MAX: usize = 128 << 10;
/// Instructors that one guided session names.
#[cfg(feature = "contracts")]
pub(crate) const GUIDED_INSTRUCTORS_MAX: usize = 64;
/// A guided session's code.
#[cfg(feature = "contracts")]
pub(crate) const GUIDED_CODE_BYTES_MAX: usize = 128;
/// A participant's name: what is longer is cut.
#[cfg(feature = "contracts")]
pub(crate) const GUIDED_NAME_BYTES_MAX: usize = 256;
/// What people write in guided sessions (a call for help, a remark on a step), unless their mount says otherwise.
#[cfg(feature = "contracts")]
pub(crate) const GUIDED_WORDS_BYTES_DEFAULT: usize = 2 << 10;
/// The log of each of a guided session's two topics, unless its mount says otherwise.
#[cfg(feature = "contracts")]
pub(crate) const GUIDED_LOG_BYTES_DEFAULT: usize = 128 << 10;
/// What a message of guided sessions takes beside the words in it.
#[cfg(feature = "contracts")]
pub(crate) const GUIDED_MESSAGE_SPARE: usize = 256;
/// Replies to one participant that wait for the store.
#[cfg(feature = "contracts")]
pub(crate) const GUIDED_REPLIES_MAX: usize = 64;
/// The same to all participants of one mount.
#[cfg(feature = "contracts")]
pub(crate) const GUIDED_REPLIES_TOTAL: usize = 4_096;
/// Entries of logs that the store has refused and that are kept to be filed again.
#[cfg(feature = "contracts")]
pub(crate) const GUIDED_LOGS_KEPT_MAX: usize = 1_024;
/// Records that are filed in one call for being due, and for having been refused.
#[cfg(feature = "contracts")]
pub(crate) const GUIDED_FILED_MAX: usize = 64;
/// How often a store that refuses is tried again.
#[cfg(feature = "contracts")]
pub(crate) const GUIDED_RETRY: Duration = Duration::from_secs(1);
/// How often a participant's row is recorded for nothing but its time.
#[cfg(feature = "contracts")]
pub(crate) const GUIDED_HEARTBEAT: Duration = Duration::from_secs(1);
/// Bytes of what the host wants of guided sessions, waiting for the loop.
#[cfg(feature = "contracts")]
pub(crate) const GUIDED_ORDER_BYTES_MAX: usize = 4 << 20;
/// Devices that device sessions know at once, unless it is set otherwise.
#[cfg(feature = "contracts")]
pub(crate) const DEVICES_DEFAULT: usize = 10_000;
/// The most that this can be set to.
#[cfg(feature = "contracts")]
pub(crate) const DEVICES_MAX: usize = 1 << 20;
/// Devices that one connection speaks for, unless it is set otherwise.
#[cfg(feature = "contracts")]
pub(crate) const DEVICES_PER_CONNECTION_DEFAULT: usize = 256;
/// Bytes of a device's id, unless it is set otherwise.
#[cfg(feature = "contracts")]
pub(crate) const DEVICE_ID_BYTES_DEFAULT: usize = 128;
/// The most that this can be set to.
#[cfg(feature = "contracts")]
pub(crate) const DEVICE_ID_BYTES_MAX: usize = 1_024;
/// Characters of a timestamp that is echoed.
#[cfg(feature = "contracts")]
pub(crate) const DEVICE_TIMESTAMP_BYTES_MAX: usize = 32;
/// Ended sessions of a device that take late data, unless it is set otherwise.
#[cfg(feature = "contracts")]
pub(crate) const DEVICE_RECENT_DEFAULT: usize = 4;
/// The most that this can be set to.
#[cfg(feature = "contracts")]
pub(crate) const DEVICE_RECENT_MAX: usize = 16;
/// Replies to one device that wait for the store, unless it is set otherwise.
#[cfg(feature = "contracts")]
pub(crate) const DEVICE_REPLIES_DEFAULT: usize = 8;
/// The most that this can be set to.
#[cfg(feature = "contracts")]
pub(crate) const DEVICE_REPLIES_MAX: usize = 64;
/// Ends of sessions that the store refused and that are kept for later, unless it is set otherwise: all devices may leave at once, with a switch that fails.
#[cfg(feature = "contracts")]
pub(crate) const DEVICE_ENDS_KEPT_DEFAULT: usize = 10_000;
/// How long after a refusal one of these is tried again, if nothing else is recorded.
#[cfg(feature = "contracts")]
pub(crate) const DEVICE_REFILE_AFTER: Duration = Duration::from_secs(10);
/// Ends of sessions that are on their way to the store at once while the server stops, unless half of what may be is less.
#[cfg(feature = "contracts")]
pub(crate) const DEVICE_STOP_ENDS_MAX: usize = 512;
/// Times in a row that the store may refuse all of these, before none of them is filed again.
#[cfg(feature = "contracts")]
pub(crate) const DEVICE_STOP_TRIES: u32 = 3;
/// Types that data of devices may have.
#[cfg(feature = "contracts")]
pub(crate) const DEVICE_DATA_TYPES_MAX: usize = 32;
/// Bytes of the name of such a type.
#[cfg(feature = "contracts")]
pub(crate) const DEVICE_DATA_TYPE_BYTES_MAX: usize = 64;
/// Event streams of one feed at once.
#[cfg(feature = "board")]
pub(crate) const FEED_STREAMS_MAX: usize = 64;
/// Happenings that a client may have missed when it comes back, and still gets.
#[cfg(feature = "board")]
pub(crate) const FEED_HAPPENINGS_MAX: usize = 1_024;
/// Bytes of these, as they are sent.
#[cfg(feature = "board")]
pub(crate) const FEED_BYTES_MAX: usize = 1 << 20;
/// Sessions of which the newest sample is kept for those who watch.
#[cfg(feature = "board")]
pub(crate) const FEED_SESSIONS_MAX: usize = 1_024;
/// A sample that is shown to those who watch.
#[cfg(feature = "board")]
pub(crate) const FEED_SAMPLE_BYTES_MAX: usize = 64 << 10;
/// Bytes of all these.
#[cfg(feature = "board")]
pub(crate) const FEED_SAMPLES_BYTES_MAX: usize = 4 << 20;
#[cfg(feature = "board")]
const _: () = assert!(
    4 * FEED_SAMPLE_BYTES_MAX <= FEED_SAMPLES_BYTES_MAX,
    "large samples must not push out all others, nor themselves"
);
/// How often newest samples are let out at most.
#[cfg(feature = "board")]
pub(crate) const FEED_SAMPLE_PERIOD: Duration = Duration::from_millis(250);
/// How often a comment says that an event stream is alive.
#[cfg(feature = "board")]
pub(crate) const FEED_BEAT: Duration = Duration::from_secs(15);
/// Downloads of recorded samples at once: each holds a page.
pub(crate) const DOWNLOADS_MAX: usize = 16;
/// The list of all guided sessions with their people.
#[cfg(feature = "board")]
pub(crate) const GUIDED_LISTED_BYTES_MAX: usize = 8 << 20;
/// Lists of device sessions, and of guided ones, that their contract is asked for at once: for each it copies all that are under way, on the loop.
#[cfg(feature = "board")]
pub(crate) const LISTS_MAX: usize = 16;
/// Sessions in one answer, unless it is asked otherwise.
#[cfg(feature = "board")]
pub(crate) const SESSIONS_SHOWN_DEFAULT: usize = 100;
/// The most that can be asked for.
#[cfg(feature = "board")]
pub(crate) const SESSIONS_SHOWN_MAX: usize = 256;
