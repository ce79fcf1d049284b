//! What the server counted. One list, so that the struct, its names and its array form cannot differ.

macro_rules! stats {
    ($($(#[doc = $doc:literal])* $field:ident,)*) => {
        /// What a server has counted since it started (counters), and how things stand (gauges; their docs say
        /// "now"). A copy, taken without disturbing the loop; the fields are those of the end of its last turn.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[non_exhaustive]
        pub struct Stats {
            $($(#[doc = $doc])* pub $field: u64,)*
        }

        impl Stats {
            /// The fields' names, in the order of [`to_array`](Self::to_array).
            pub const NAMES: &'static [&'static str] = &[$(stringify!($field)),*];
            /// What each field counts, as its documentation says.
            #[cfg(feature = "board")]
            pub(crate) const HELP: &'static [&'static str] = &[$(concat!($($doc),*)),*];
            pub(crate) const LEN: usize = Self::NAMES.len();

            /// The fields' values, in the order of [`NAMES`](Self::NAMES).
            pub fn to_array(&self) -> [u64; Self::LEN] {
                [$(self.$field),*]
            }

            pub(crate) fn from_array(values: [u64; Self::LEN]) -> Self {
                let [$($field),*] = values;
                Self { $($field),* }
            }
        }
    };
}

stats! {
    /// Connections in any phase, now.
    connections,
    /// WebSocket connections that are open, now.
    open,
    /// Handshakes and requests waiting for a decision of the host, now.
    parked,
    /// Bytes of incomplete frames, messages, heads and bodies, now.
    partial_bytes,
    /// Bytes owed privately to clients, now.
    outbox_bytes,
    /// Bytes kept outside of the logs for clients that must finish a frame, and shared snapshots, now.
    detached_bytes,
    /// Bytes allocated for topic logs, now.
    log_bytes,
    /// Commands of the host that the loop has not taken, now.
    commands_waiting,
    /// Payload bytes of these, now.
    command_bytes_waiting,
    /// Lossless events that found no room in the host's queue, now.
    events_held,
    /// What these take, in bytes, now.
    event_bytes_held,
    /// Records that the store has and has not answered for, now.
    records_waiting,
    /// Payload bytes of these, now.
    record_bytes_waiting,
    /// Refusals of records that their contracts have not been told, now.
    refusals_waiting,
    /// Whether the store cannot store anything, or has not answered for 10 s: 1 or 0, now.
    store_down,
    /// Event streams of the board that are open, now.
    feed_streams,

    /// TCP connections accepted.
    accepted,
    /// Connections refused with 503 because `connections` were there.
    refused_connections,
    /// Connections refused with 503 because their address had `connections_per_address`.
    refused_address,
    /// Connections closed at once because the process had hardly any descriptors left.
    refused_descriptors,
    /// Upgrades refused with 503 because the mount was full.
    refused_mount,
    /// Upgrades refused with 503 because the host did not take the lossless events that the mount makes.
    refused_paused,
    /// Requests refused with 403 for the host that they named.
    refused_host,
    /// Requests refused with 403 for the origin of their page.
    refused_origin,
    /// Handshakes refused with 503 because `parked` were waiting.
    refused_parked,
    /// Parked handshakes and requests that the host did not decide or answer in time.
    parked_expired,
    /// Requests, whole or begun, that were refused with 503 because the server was stopping.
    refused_stopping,
    /// Times a listener rested because descriptors had run out.
    accept_backoffs,

    /// HTTP requests with a valid head, upgrades included.
    requests,
    /// Answers with 400: a malformed request.
    answered_400,
    /// Answers with 403: a gate, an origin or a contract refused.
    answered_403,
    /// Answers with 404: no such path.
    answered_404,
    /// Answers with 405: the path knows other methods.
    answered_405,
    /// Answers with 408: the head or body came too slowly.
    answered_408,
    /// Answers with 413: the body was too large.
    answered_413,
    /// Answers with 426: a plain request where a WebSocket is spoken, or another version of it.
    answered_426,
    /// Answers with 431: the head was too large.
    answered_431,
    /// Answers with 503: some cap was reached.
    answered_503,
    /// Answers with any other status.
    answered_other,
    /// Headers of answers that were left out because HTTP does not allow them, or there were too many.
    headers_dropped,
    /// Connections dropped because they went on sending after the answer that ended them.
    lingers_cut,
    /// Streamed answers that were cut short by their source.
    streams_aborted,
    /// Event streams of the board refused with 503 because as many were open as may be, or the server was stopping.
    feed_refused,
    /// Times that an event stream was told of a gap: its client came back too late, or was too slow.
    feed_gaps,
    /// Newest samples that event streams were not told of: they were too large, or there were too many sessions.
    feed_samples_dropped,

    /// Upgrades to a WebSocket.
    opened,
    /// WebSocket connections that ended, for whatever cause.
    closed,
    /// ... by the peer's close frame.
    closed_peer,
    /// ... by a reset or end of stream.
    closed_lost,
    /// ... for breaking the protocol or a size limit (1002, 1003, 1007, 1009).
    closed_fault,
    /// ... by their contract.
    closed_contract,
    /// ... by the host.
    closed_host,
    /// ... because the host revoked the identity (1008).
    closed_revoked,
    /// ... because the identity had expired (1008).
    closed_expired,
    /// ... because the server stopped (1001).
    closed_shutdown,
    /// ... for not answering a ping or a close frame.
    closed_timeout,
    /// ... for reading too slowly (1013).
    closed_too_slow,
    /// ... for holding the most of a spent budget (1013).
    closed_overload,
    /// ... because the contract panicked (1011).
    closed_panic,

    /// Reads from sockets.
    reads,
    /// Bytes read.
    bytes_in,
    /// Messages received.
    messages_in,
    /// Writes to sockets.
    writes,
    /// Bytes that sockets accepted.
    bytes_out,
    /// Frames queued privately.
    frames_private,
    /// Pings sent by the server.
    pings,

    /// Frames appended to topic logs.
    published,
    /// Bytes appended to topic logs.
    published_bytes,
    /// Topics refused because the limits on topics or on log bytes were reached.
    topics_refused,
    /// Messages refused because they do not fit their topic's log or key table.
    publish_refused,
    /// Frames that a slow client of a state topic never got, because it was led to the newest.
    conflated,
    /// Frames that a slow client of a skipping topic never got.
    skipped,
    /// Clients closed because they lagged behind on a topic whose policy is to disconnect.
    lag_disconnects,
    /// Clients dropped within a frame, because the rest of it could neither stay in its log nor be kept aside.
    frames_torn,
    /// Shared snapshots made.
    snapshots,

    /// Commands taken from the host.
    commands,
    /// Values of state topics replaced by newer ones before the loop took them.
    publish_conflated,
    /// Commands handed back to the host because too many, or too many bytes, were waiting.
    commands_refused,
    /// Commands for a connection, topic or mount that is no more, or that the server's end has overtaken.
    commands_stale,
    /// Effects of contracts on a connection or topic that is no more.
    effects_stale,

    /// Events handed to the host.
    events,
    /// State events replaced by newer ones of the same key before the host took them.
    events_conflated,
    /// Events that still waited for room in the host's queue when the server ended; lossless ones only if the stop was forced. And lossless events that a
    /// contract said where no pausing helps, beyond what may be held.
    events_dropped,
    /// Notices dropped because the host's queue was full.
    notices_dropped,
    /// Times a connection was not read any further for a while: the host or the store did not keep up, or it was
    /// parked, or its answer waited for more, and it had sent as much ahead as is kept.
    pauses,

    /// Records committed.
    records,
    /// Records that the store refused.
    records_failed,
    /// Records refused before they reached the store: it was down, its queue was full, there is none, or they are too large.
    records_refused,
    /// Records whose contracts had not been told what became of them when the server ended: the stop was forced. The store is still offered them, once.
    records_unanswered,
    /// Reads of recordings handed back to the host because too many were waiting.
    reads_refused,

    /// Messages that contracts left without an answer on purpose.
    messages_ignored,
    /// Messages that contracts answered with an error.
    messages_refused,
    /// Times a bound of a contract was reached.
    contract_bounds,
    /// Messages of unexpected types that device sessions took for data.
    messages_untyped,
    /// Samples of devices that belonged to no session.
    samples_unassigned,
    /// Samples of devices that the store refused.
    samples_lost,
    /// Writes to a tag table that found another thread writing the same equipment. This and the next five are what [`TagCounts`](crate::TagCounts) tells, of
    /// the tables that contracts show, as of their last look.
    tag_writes_busy,
    /// Writes to a tag table refused for what they were: too long, of another kind, for a tag that is not there.
    tag_writes_refused,
    /// Values that were not finite, and became no value.
    tag_values_not_finite,
    /// Writes with handles of another tag table, or made up.
    tag_handles_unknown,
    /// Equipment and tags that were not declared: no room, a name taken, or not as they must be.
    tag_declarations_refused,
    /// Times that equipment became stale.
    equipment_staled,
    /// Panics of contracts, gates, routes and body streams that were caught, and those of any object of the host that the loop dropped.
    contract_panics,
    /// Mounts retired for panicking too often.
    mounts_retired,
    /// Turns of the loop.
    turns,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn array_form_keeps_the_order_of_the_names() {
        let mut values = [0; Stats::LEN];
        let at = Stats::NAMES.iter().position(|&name| name == "conflated").unwrap();
        values[at] = 3;
        assert_eq!(Stats::from_array(values).conflated, 3);
        assert_eq!(Stats { conflated: 3, ..Stats::default() }.to_array(), values);
    }
}
