/*
 * andon: a WebSocket server inside a machine controller.
 *
 * Generated from src/ffi by build.rs: changes belong there. docs/c-api.md says once what holds for every
 * function: names, ownership, NULL, texts, threads, real time, errors, fork, exit. Each comment says the rest;
 * the statuses there stand without their ANDON_STATUS_.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef ANDON_H
#define ANDON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version --------------------------------------------------------------------------------------------- */

/** The major version that the program was compiled with. */
#define ANDON_VERSION_MAJOR 0
/** The minor version that the program was compiled with. */
#define ANDON_VERSION_MINOR 1
/** The patch version that the program was compiled with. */
#define ANDON_VERSION_PATCH 0
/**
 * The version that the program was compiled with, as `andon_version` gives it: major * 1000000 + minor * 1000
 * + patch.
 */
#define ANDON_VERSION 1000

/**
  * The version of the library that the program runs with: major * 1000000 + minor * 1000 + patch, to be
  * compared with `ANDON_VERSION`.
 *
 * Threads: any. Blocking: never. Real-time: yes. Errors: none.
 */
uint32_t andon_version(void);

/**
 * The same as a text, such as "0.1.0".
 *
 * Threads: any. Blocking: never. Ownership: static. Real-time: yes. Errors: none.
 */
const char *andon_version_text(void);

/* ---- Statuses -------------------------------------------------------------------------------------------- */

/**
 * What a call came to: 0 for success, one of `ANDON_STATUS_*` otherwise. No value is ever given another
 * meaning.
 */
typedef int32_t andon_status;

/** Success. */
#define ANDON_STATUS_OK 0
/** Outcome: no event is waiting, or none came in time. */
#define ANDON_STATUS_NO_EVENT 1
/** Outcome: the server has ended, and every event has been read. */
#define ANDON_STATUS_ENDED 2
/** Outcome: there is nothing of this name. */
#define ANDON_STATUS_NOT_FOUND 3
/** Outcome: a callback of the host's said to stop. */
#define ANDON_STATUS_CANCELLED 4
/** Caller: something that is needed is NULL. */
#define ANDON_STATUS_NULL_ARGUMENT 10
/** Caller: the pointer is to no object of this kind. */
#define ANDON_STATUS_BAD_HANDLE 11
/** Caller: a `struct_size` that cannot be, or an option that this library is too old to know. */
#define ANDON_STATUS_BAD_STRUCT_SIZE 12
/** Caller: a text that is not UTF-8. */
#define ANDON_STATUS_BAD_UTF8 13
/** Caller: a text that is not in the encoding that was named, or an encoding that is not known. */
#define ANDON_STATUS_BAD_ENCODING 14
/** Caller: a number that means nothing here. */
#define ANDON_STATUS_BAD_ARGUMENT 15
/** Caller: the configuration was started, checked or refused before: it takes no more settings. */
#define ANDON_STATUS_SPENT 16
/** Caller: no events were asked for, by `andon_config_events`. */
#define ANDON_STATUS_EVENTS_OFF 17
/** Caller: the object was made before a fork, and this is the child. */
#define ANDON_STATUS_FORKED 18
/** Caller: not on this system, or not in this build. */
#define ANDON_STATUS_NOT_SUPPORTED 19
/** Caller: the program has a Rust logger of its own, so that the server's words go there. */
#define ANDON_STATUS_LOGGER_TAKEN 20
/** Settings: the configuration contradicts itself. */
#define ANDON_STATUS_BAD_CONFIG 30
/** Settings: a text that is no JSON. */
#define ANDON_STATUS_BAD_JSON 31
/** Settings: the table is full: of equipment, or of secrets. */
#define ANDON_STATUS_TABLE_FULL 32
/** Settings: there is equipment of this code. */
#define ANDON_STATUS_CODE_TAKEN 33
/** Settings: equipment that cannot be as it is described. */
#define ANDON_STATUS_BAD_EQUIPMENT 34
/** Settings: a tag that cannot be, or is not there. */
#define ANDON_STATUS_BAD_TAG 35
/** Settings: a topic that cannot be, or finds no room. */
#define ANDON_STATUS_BAD_TOPIC 36
/** Settings: a header that cannot be part of an answer. */
#define ANDON_STATUS_BAD_HEADER 37
/** Settings: a secret or a key that cannot be used. */
#define ANDON_STATUS_BAD_CREDENTIAL 38
/** Settings: a guided session that cannot be as it is described. */
#define ANDON_STATUS_BAD_SESSION 39
/** Machine: the address cannot be listened on. */
#define ANDON_STATUS_CANNOT_LISTEN 40
/** Machine: the store cannot be opened, read or written, see the message. */
#define ANDON_STATUS_BAD_STORE 41
/** Machine: the system refused a thread or a descriptor. */
#define ANDON_STATUS_SYSTEM 42
/** Moment: too many commands, or too many bytes, wait for the loop. */
#define ANDON_STATUS_FULL 50
/** Moment: the server has stopped, or is about to. */
#define ANDON_STATUS_STOPPED 51
/** It can never be taken as it is: larger than the limits. */
#define ANDON_STATUS_REFUSED 52
/** Moment: there was no answer in time. */
#define ANDON_STATUS_TIMED_OUT 53
/**
 * Tag write: another thread is writing this equipment. Write again in the next cycle, or give each equipment
 * one writer.
 */
#define ANDON_STATUS_BUSY 60
/** Tag write: the equipment is of another table, or was never given out. */
#define ANDON_STATUS_UNKNOWN_EQUIPMENT 61
/** Tag write: the equipment has no such tag. */
#define ANDON_STATUS_UNKNOWN_TAG 62
/** Tag write: an update is of one equipment, and the tag belongs to another. */
#define ANDON_STATUS_OTHER_EQUIPMENT 63
/** Tag write: the tag holds another kind of value. */
#define ANDON_STATUS_WRONG_KIND 64
/** Tag write: the text is longer than the 31 bytes that a tag holds. */
#define ANDON_STATUS_TEXT_TOO_LONG 65
/** Tag write: more than 128 writes in one update. */
#define ANDON_STATUS_TOO_MANY_WRITES 66
/** Store: the directory of the file does not exist. */
#define ANDON_STATUS_STORE_NO_DIRECTORY 70
/** Store: this process may not write the file, or new files beside it. */
#define ANDON_STATUS_STORE_DENIED 71
/** Store: the path leads to something else than a file. */
#define ANDON_STATUS_STORE_NOT_A_FILE 72
/** Store: another server records into the file. */
#define ANDON_STATUS_STORE_IN_USE 73
/** Store: another program keeps the file locked. */
#define ANDON_STATUS_STORE_LOCKED 74
/** Store: the file is no SQLite database. */
#define ANDON_STATUS_STORE_NOT_A_DATABASE 75
/** Store: the file's tables are not those of a recording. */
#define ANDON_STATUS_STORE_NOT_A_RECORDING 76
/** Store: the file is damaged. */
#define ANDON_STATUS_STORE_CORRUPT 77
/** Store: the file was written by a newer version of this library. */
#define ANDON_STATUS_STORE_NEWER 78
/** Store: there is no room on the file's disk. */
#define ANDON_STATUS_STORE_DISK_FULL 79
/** Library: a fault in the library itself, contained. */
#define ANDON_STATUS_PANIC 90

/**
 * A status in words; for a number that is none, words that say so.
 *
 * Threads: any. Blocking: never. Ownership: static. Real-time: yes. Errors: none; never NULL.
 */
const char *andon_status_text(andon_status status);

/* ---- What went wrong ------------------------------------------------------------------------------------- */

/**
  * What the last failure on the calling thread was about: it names the culprit, what was expected and what to
  * do. Empty when there was none. Ordinary
 * outcomes and tag writes leave it as it is.
 *
  * Threads: any; each has its own. Blocking: never. Ownership: the library's, until the next failure on this
  * thread. Real-time: no. Errors: none; never NULL.
 */
const char *andon_last_error(void);

/* ---- Objects --------------------------------------------------------------------------------------------- */

/** What a server is to be: made, filled by `andon_config_*`, given to `andon_server_start`, freed. */
typedef struct andon_config andon_config;

/** A server that runs, or has been stopped. */
typedef struct andon_server andon_server;

/**
  * A tag table: equipment, each with its tags. It is made before the server, mounted by
  * `andon_config_monitor`, and written by control threads. It may outlive the server, and be freed before it,
  * once
 * nobody writes any more.
 */
typedef struct andon_tags andon_tags;

/** The sessions that were under way when it was asked for. */
typedef struct andon_device_list andon_device_list;

/** How guided sessions were when it was asked for. */
typedef struct andon_guided_list andon_guided_list;

/**
  * A place in what was recorded, from which it is read page by page: of device sessions, newest first, of the
  * samples of one, in order, or of records of the host's own contracts, oldest first. It is made by
  * `andon_server_read_sessions`, `andon_server_read_samples` or
 * `andon_server_read_records`. It may outlive the server, of which it then
 * says that it has stopped.
 */
typedef struct andon_cursor andon_cursor;

/**
  * A table of secrets that the host has given out (session cookies, tokens, keys of devices) and of whom each
  * names. It is asked by the gates that are made of it, changes at any time, and may be freed before
 * the server: its gates go on with what it holds then.
 */
typedef struct andon_identities andon_identities;

/**
 * One request: of a plain HTTP client, or of a WebSocket's opening. It lives until the callback returns, or
 * the event is released that shows it; so do the texts that it gives. It belongs to one thread.
 */
typedef struct andon_request andon_request;

/** Where a source puts what it has. It lives until the callback returns. */
typedef struct andon_buffer andon_buffer;

/**
 * An answer: made, filled, and given to the library, which takes it over. One that is not given is freed by
 * `andon_response_free`. It belongs to one thread.
 */
typedef struct andon_response andon_response;

/**
 * Where a contract says what is to be done, in order, when its callback returns. It lives until then, and
 * belongs to the server's thread. Connections and topics that are no more are passed over and counted.
 */
typedef struct andon_effects andon_effects;

/**
 * What a contract finds when it starts: the topics that the host declared. It lives until the callback
 * returns.
 */
typedef struct andon_setup andon_setup;

/** Where a contract says how a topic stands. It lives until the callback returns. */
typedef struct andon_snapshot andon_snapshot;

/**
  * A gate: made of a table of identities, of keys for tokens, or of the host's own word; told where to look;
  * perhaps chained with others; and given to mounts and routes by their options, which
 * copy it, so that it may be freed or changed right after.
 */
typedef struct andon_gate andon_gate;

/* ---- Texts, bytes, ids ----------------------------------------------------------------------------------- */

/** The `index` of no mount: what is told is about a route, or was not asked yet. */
#define ANDON_MOUNT_NONE 4294967295
/** A time in milliseconds that is never over. */
#define ANDON_FOREVER 4294967295

/** How a message goes over the wire: one of `ANDON_MESSAGE_*`. */
typedef int32_t andon_message_kind;

/**
 * A text: UTF-8, its length in bytes. `data` may be NULL when `length` is 0. One that the library gives is
 * followed by a NUL.
 */
typedef struct andon_str {
    /** The first byte. */
    const char *data;
    /** How many bytes there are, a NUL not counted. */
    size_t length;
} andon_str;

/** Bytes of any kind. `data` may be NULL when `length` is 0. */
typedef struct andon_bytes {
    /** The first byte. */
    const uint8_t *data;
    /** How many there are. */
    size_t length;
} andon_bytes;

/** One connection. One that is over is never taken for its successor. */
typedef struct andon_conn {
    /** Its place. */
    uint32_t slot;
    /** Which of those that had this place. */
    uint32_t generation;
} andon_conn;

/** One topic. */
typedef struct andon_topic {
    /** Its place. */
    uint32_t slot;
    /** Which of those that had this place. */
    uint32_t generation;
} andon_topic;

/** One mount, in the order of mounting, from 0. */
typedef struct andon_mount {
    /** Its place in that order; `ANDON_MOUNT_NONE` for none. */
    uint32_t index;
} andon_mount;

/** One record of a contract's on its way to the store. Tickets count up, from 1. */
typedef uint64_t andon_ticket;

/** One equipment of one tag table. */
typedef struct andon_equipment {
    /** Its place. */
    uint32_t slot;
    /** The table's number. */
    uint32_t generation;
} andon_equipment;

/** One tag of one equipment. */
typedef struct andon_tag {
    /** The equipment it belongs to. */
    andon_equipment equipment;
    /**
     * Its place there: 0 to 2 are the three that every equipment has, `ANDON_TAG_STATUS`, `ANDON_TAG_ERROR`
     * and `ANDON_TAG_CONNECTION`.
     */
    uint32_t index;
} andon_tag;

/** Text, which must be UTF-8. */
#define ANDON_MESSAGE_TEXT 1
/** Bytes. */
#define ANDON_MESSAGE_BINARY 2

/** A C string as a text; NULL is the empty one. */
static inline andon_str andon_text(const char *text) {
    andon_str made;
    made.data = text;
    made.length = text ? strlen(text) : 0;
    return made;
}

/** These bytes. */
static inline andon_bytes andon_bytes_of(const void *data, size_t length) {
    andon_bytes made;
    made.data = (const uint8_t *)data;
    made.length = length;
    return made;
}

/* ---- Configuration --------------------------------------------------------------------------------------- */

/** Limits. Zero means the default, which is given with each. */
typedef struct andon_limits {
    /** Set by `ANDON_LIMITS_INIT`. */
    size_t struct_size;
    /**
     * Connections at once; one more gets 503. Default: the smaller of 10,000 and the process's descriptor
     * limit less 256.
     */
    size_t connections;
    /** Connections at once from one address; one more gets 503. Default: no limit of its own. */
    size_t connections_per_address;
    /**
     * Handshakes and requests that wait for a decision of the host at once; one more gets 503. Default 256.
     */
    size_t parked;
    /** One message from a client; a larger one closes with 1009. Default 1 MiB. */
    size_t message_bytes;
    /** One frame from a client; a larger one closes with 1009. Default 1 MiB. */
    size_t frame_bytes;
    /** An HTTP request head; a larger one gets 431. Default 8 KiB. */
    size_t head_bytes;
    /** The body of an HTTP request; a larger one gets 413. Default 256 KiB. */
    size_t body_bytes;
    /**
     * All that is incomplete, of all connections; beyond it whoever holds most is closed with 1013. Default
     * 32 MiB.
     */
    size_t partial_bytes_total;
    /**
     * What one client was sent privately and has not taken; beyond it the connection is closed with 1013.
     * Default 4 MiB.
     */
    size_t outbox_bytes;
    /** The same of all clients. Default 32 MiB. */
    size_t outbox_bytes_total;
    /** Frames kept for clients that must finish them, and shared snapshots. Default 16 MiB. */
    size_t detached_bytes_total;
    /** Topics at once. Default 1,024. */
    size_t topics;
    /** All topics' logs. Default 64 MiB. */
    size_t log_bytes_total;
    /** Topics that one connection may be subscribed to. Default 16. */
    size_t subscriptions;
    /** Commands waiting for the loop; one more gets `ANDON_STATUS_FULL`. Default 4,096. */
    size_t commands;
    /** Bytes of these. Default 16 MiB. */
    size_t command_bytes;
    /** Events waiting for the host. Default 8,192. */
    size_t events;
    /** Bytes of these. Default 16 MiB. */
    size_t event_bytes;
    /** Records that the store has not answered for. Default 8,192. */
    size_t records;
    /** Bytes of these. Default 16 MiB. */
    size_t record_bytes;
    /** For a request's head, and again for its body; beyond it 408. Default 10,000. */
    uint32_t handshake_ms;
    /** How long a parked handshake or request waits for the host; beyond it 503. Default 10,000. */
    uint32_t parked_wait_ms;
    /** How long an HTTP connection may idle. Default 15,000. */
    uint32_t keep_alive_ms;
    /** After how much silence a WebSocket is pinged; `ANDON_FOREVER`: never. Default 30,000. */
    uint32_t ping_interval_ms;
    /** How long the answer to a ping may take. Default 20,000. */
    uint32_t pong_wait_ms;
    /** How long a client may take for its close frame and for what it is owed before. Default 5,000. */
    uint32_t close_wait_ms;
    /**
     * For how long records that nobody waits for are collected, so that one sync serves many. Default 50, at
     * most 1,000; 1 is next to nothing.
     */
    uint32_t record_window_ms;
} andon_limits;

/** How the system schedules the server's thread: one of `ANDON_POLICY_*`. */
typedef int32_t andon_policy;

/** What the server's thread is to be. Zero means the default. */
typedef struct andon_thread_options {
    /** Set by `ANDON_THREAD_OPTIONS_INIT`. */
    size_t struct_size;
    /** Its name; the system may cut it. Default "andon". */
    andon_str name;
    /**
     * The processors that it may run on, `processors_count` numbers. Default: those of the thread that starts
     * the server. A controller that pins its control thread should set this.
     */
    const uint32_t *processors;
    /** How many there are. */
    size_t processors_count;
    /** One of `ANDON_POLICY_*`. */
    andon_policy policy;
    /** For `ANDON_POLICY_FIFO` and `ANDON_POLICY_ROUND_ROBIN`: 1 to 99. */
    int32_t priority;
    /** Called once on the thread before it serves, with `context`. May be NULL. */
    void (*on_start)(void *context);
    /** For `on_start` and `drop`. */
    void *context;
    /** Called when `context` is not used any more. May be NULL. */
    void (*drop)(void *context);
} andon_thread_options;

/** Time-sharing, also when a real-time thread starts the server. The default. */
#define ANDON_POLICY_ORDINARY 0
/** Whatever the thread that starts the server has. */
#define ANDON_POLICY_INHERIT 1
/** SCHED_FIFO, with a priority. */
#define ANDON_POLICY_FIFO 2
/** SCHED_RR, with a priority. */
#define ANDON_POLICY_ROUND_ROBIN 3

/**
  * Makes a configuration with nothing in it. The server needs an address, by `andon_config_listen`; all else
  * has defaults.
 *
  * Threads: any. Blocking: never. Ownership: the caller's, until `andon_config_free`. Real-time: no. Errors:
  * `NULL_ARGUMENT`.
 */
andon_status andon_config_new(andon_config **config);

/**
  * Frees a configuration, started or not. NULL is nothing to be freed. A server that was started from it is
  * not concerned.
 *
  * Threads: any, but nobody may use it any more. Blocking: never. Real-time: no. Errors: none; see
  * `andon_last_error` for a pointer that was none.
 */
void andon_config_free(andon_config *config);

/**
  * Listens on `IP:PORT`, such as `"0.0.0.0:8000"` or `"[::1]:8000"`; port 0 takes a free one, see
  * `andon_server_port`. May be called several times.
 *
 * Threads: any. Blocking: never. Ownership: `address` is copied. Real-time: no.
 * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `BAD_UTF8`, `SPENT`; an address that is none is told by the start.
 */
andon_status andon_config_listen(andon_config *config,
                                 andon_str address);

/**
 * Sets the limits; those that are zero keep their defaults.
 *
 * Threads: any. Blocking: never. Ownership: copied. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `BAD_STRUCT_SIZE`, `SPENT`; limits that contradict each other are
  * told by the start.
 */
andon_status andon_config_limits(andon_config *config,
                                 const andon_limits *limits);

/**
 * Asks for events: the sum of `ANDON_EVENTS_*`. None by default.
 *
  * Threads: any. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `SPENT`,
  * `BAD_ARGUMENT` for a bit that means nothing.
 */
andon_status andon_config_events(andon_config *config,
                                 uint32_t mask);

/**
  * Lets in pages of this origin, `scheme://host[:port]`, and from then on no others. May be called several
  * times. Default: every page.
 *
 * Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: as `andon_config_listen`.
 */
andon_status andon_config_allow_origin(andon_config *config,
                                       andon_str origin);

/**
  * Lets in requests to this host, `name` or `name:port`, and from then on to no others. May be called several
  * times. Default: every host; on an address that only
 * this machine reaches, its own names.
 *
 * Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: as `andon_config_listen`.
 */
andon_status andon_config_allow_host(andon_config *config,
                                     andon_str host);

/**
 * Whether `GET /healthz` answers 200 while the server serves. Default yes.
 *
 * Threads: any. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `SPENT`.
 */
andon_status andon_config_healthz(andon_config *config, bool serve);

/**
 * How long `andon_server_free` waits for clients, if the server was not stopped before. Default 2,000.
 *
 * Threads: any. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `SPENT`.
 */
andon_status andon_config_stop_timeout(andon_config *config, uint32_t timeout_ms);

/**
  * The kernel's send buffer of each connection, in bytes: a smaller one gives slow clients fresher values.
  * Default: the kernel's choice.
 *
 * Threads: any. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `SPENT`.
 */
andon_status andon_config_send_buffer(andon_config *config,
                                      size_t bytes);

/**
 * What the server's thread is to be: its name, processors, policy, a hook.
 *
  * Threads: any. Blocking: never. Ownership: copied; `context` is the library's until `drop`, if the call
  * succeeds. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ARGUMENT`, `SPENT`; what the
  * system refuses is told by the start.
 */
andon_status andon_config_thread(andon_config *config,
                                 const andon_thread_options *options);

/**
  * Checks everything, and gives the most memory that the server will allocate, in bytes, whatever its clients
  * do. Callbacks' own memory, the kernel's buffers and the thread's
 * stack are not counted. From then on the configuration takes no more settings.
 *
  * Threads: any. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `SPENT`, `BAD_CONFIG`
  * with the reason.
 */
andon_status andon_config_memory_ceiling(andon_config *config,
                                         size_t *bytes);

/** What `ANDON_LIMITS_INIT` is: the size set, and all else zero. */
static inline andon_limits andon_limits_init(void) {
    andon_limits made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}
#define ANDON_LIMITS_INIT andon_limits_init()

/** What `ANDON_THREAD_OPTIONS_INIT` is: the size set, and all else zero. */
static inline andon_thread_options andon_thread_options_init(void) {
    andon_thread_options made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}
#define ANDON_THREAD_OPTIONS_INIT andon_thread_options_init()

/* ---- Mounts ---------------------------------------------------------------------------------------------- */

/** Settings of one mount. Zero means the default. */
typedef struct andon_mount_options {
    /** Set by `ANDON_MOUNT_OPTIONS_INIT`. */
    size_t struct_size;
    /** Takes at most this many connections; one more gets 503. Default: as many as the server. */
    size_t connections;
    /** The subprotocols that it speaks, `subprotocols_count` of them. Default: none. */
    const andon_str *subprotocols;
    /** How many there are. */
    size_t subprotocols_count;
    /**
     * Lets in only pages of the same host, those of origins that are listed, and clients that are no
     * browsers. For mounts that know clients by a cookie, and the default where the gate looks for one.
     */
    bool same_origin;
    /**
     * While the server stops, a contract is asked about newcomers all the same, so as to refuse them in its
     * own words.
     */
    bool refuses_while_stopping;
    /**
     * Each client waits for the host, or, with a `gate`, each whom that does not know: an event of
     * `ANDON_EVENT_ASKED` tells of it, which `andon_server_let_in`, `andon_server_let_in_as` or
     * `andon_server_refuse` answers. Needs `ANDON_EVENTS_ASKS`.
     */
    bool asks;
    /** Lets in pages of every origin, or of every listed one, although the gate looks for cookies. */
    bool any_origin;
    /** Who may come in, copied. Default: everybody. */
    const andon_gate *gate;
    /**
     * Lets in only who has one of these roles, `roles_count` of them; others get 403. Needs a gate, or
     * `asks`. Default: no role is demanded.
     */
    const andon_str *roles;
    /** How many there are. */
    size_t roles_count;
} andon_mount_options;

/** What `ANDON_MOUNT_OPTIONS_INIT` is: the size set, and all else zero. */
static inline andon_mount_options andon_mount_options_init(void) {
    andon_mount_options made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}
#define ANDON_MOUNT_OPTIONS_INIT andon_mount_options_init()

/* ---- Server ---------------------------------------------------------------------------------------------- */

/** How a server stopped: one of `ANDON_STOPPED_*`. */
typedef int32_t andon_stopped;

/** Every client was told, took what it was owed, and is closed; every lossless event was read. */
#define ANDON_STOPPED_CLEAN 0
/** Time ran out: a client was cut off, or events were dropped. */
#define ANDON_STOPPED_FORCED 1
/** A callback does not return: the thread was left behind. The library must not be unloaded any more. */
#define ANDON_STOPPED_ABANDONED 2
/** Called from a callback: the stop is under way, and complete when another thread says so. */
#define ANDON_STOPPED_REQUESTED 3

/**
  * Starts a server. When this returns, it listens. The configuration is spent, whatever the outcome, and
  * still to be freed.
 *
  * Threads: any. Blocking: for the system, to make a thread. Ownership: the server is the caller's, until
  * `andon_server_free`. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `SPENT`, `BAD_CONFIG`, `CANNOT_LISTEN`, `BAD_STORE`,
  * `SYSTEM`; the message names what is wrong.
 */
andon_status andon_server_start(andon_config *config,
                                andon_server **server);

/**
  * Stops the server: contracts say their last words, clients are closed with 1001, and have until the timeout
  * to take both. Called again, it tells the same. The handle stays valid: see docs/c-api.md.
 * From a callback it only requests the stop. `stopped` may be NULL.
 *
  * Threads: any; also in an `atexit` handler. Blocking: up to the timeout and some seconds, for threads to
  * end. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`.
 */
andon_status andon_server_stop(const andon_server *server,
                               uint32_t timeout_ms,
                               andon_stopped *stopped);

/**
  * Stops the server if that was not done, and frees it. NULL is nothing to be freed; in a child of a fork
  * nothing happens.
 *
  * Threads: any but the server's own, and nobody may use the server any more. Blocking: as
  * `andon_server_stop`, with the timeout of `andon_config_stop_timeout`. Real-time: no.
 * Errors: none; see `andon_last_error` for a pointer that was none.
 */
void andon_server_free(andon_server *server);

/**
  * The port that the server listens on: of the address given first (`index` 0), or of another. 0: there is no
  * such address.
 *
 * Threads: any. Blocking: never. Real-time: no. Errors: 0, see `andon_last_error`.
 */
uint16_t andon_server_port(const andon_server *server,
                           size_t index);

/**
 * The mount at this pattern, as it was given to the configuration.
 *
  * Threads: any. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`,
  * `NOT_FOUND`.
 */
andon_status andon_server_mount(const andon_server *server,
                                andon_str pattern,
                                andon_mount *mount);

/**
  * Sends one message to one client, in order with everything else it gets. One that is gone by then is
  * counted, and no error.
 *
  * Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`,
  * `FORKED`, `BAD_UTF8`, `BAD_ARGUMENT`, `FULL`, `STOPPED`, `REFUSED`.
 */
andon_status andon_server_send(const andon_server *server,
                               andon_conn conn,
                               andon_message_kind kind,
                               andon_bytes message);

/**
 * Sends one message ahead of everything that still waits for this client. All else as `andon_server_send`.
 */
andon_status andon_server_send_urgent(const andon_server *server,
                                      andon_conn conn,
                                      andon_message_kind kind,
                                      andon_bytes message);

/**
  * Closes a client, after everything that was sent to it before. Good codes are 1000, 1001, 1008 and 4000 to
  * 4999; a reason longer than 123 bytes is cut.
 *
  * Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`,
  * `FORKED`, `BAD_UTF8`, `BAD_ARGUMENT` for a code that may not be sent, `FULL`, `STOPPED`.
 */
andon_status andon_server_close(const andon_server *server,
                                andon_conn conn,
                                uint16_t code,
                                andon_str reason);

/**
 * Closes every client whose identity has this subject with 1008.
 *
  * Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`,
  * `FORKED`, `BAD_UTF8`, `FULL`, `STOPPED`.
 */
andon_status andon_server_revoke(const andon_server *server,
                                 andon_str subject);

/**
 * How many numbers there are in the statistics. It grows with versions.
 *
 * Threads: any. Blocking: never. Real-time: yes. Errors: none.
 */
size_t andon_stats_count(void);

/**
  * The name of one of them, such as "connections"; NULL beyond the last. A name keeps its meaning, not its
  * place: look for the name once.
 *
 * Threads: any. Blocking: never. Ownership: static. Real-time: no. Errors: NULL.
 */
const char *andon_stats_name(size_t index);

/**
  * Copies the statistics, of the end of the loop's last turn, into `values`: the first `count` of them;
  * places beyond the last get 0. Also after a stop.
 *
 * Threads: any. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`.
 */
andon_status andon_server_stats(const andon_server *server,
                                uint64_t *values,
                                size_t count);

/* ---- What device sessions tell --------------------------------------------------------------------------- */

/** How a device's session is, or how it ended: one of `ANDON_SESSION_*`. */
typedef int32_t andon_session_status;

/** A device's session, as it is told and recorded. */
typedef struct andon_session {
    /** Its id. */
    andon_str id;
    /** The device's id. */
    andon_str device;
    /** One of `ANDON_SESSION_*`. */
    andon_session_status status;
    /** When it began, by the server's clock. */
    int64_t started_at_ms;
    /** When it ended, by the server's clock; 0: it is under way. */
    int64_t ended_at_ms;
    /**
     * The timestamp of the message that began it, as the client wrote the number; empty when it wrote none.
     */
    andon_str client_started_at;
    /** The timestamp of the message that ended it. */
    andon_str client_ended_at;
    /** Samples filed under it. */
    uint64_t sample_count;
} andon_session;

/** What a device has sent, as it is told and recorded. */
typedef struct andon_sample {
    /** The session that it belongs to; empty: to none. */
    andon_str session;
    /** Its number there, from 1; 0 without a session. */
    uint64_t seq;
    /** The device's id. */
    andon_str device;
    /** When, by the server's clock. */
    int64_t received_at_ms;
    /** The message, verbatim. */
    andon_str payload;
} andon_sample;

/** Of `ANDON_EVENT_DEVICE_REGISTERED`. */
typedef struct andon_event_registered {
    /** Where. */
    andon_mount mount;
    /** The connection that said so. */
    andon_conn conn;
    /** The device's id. */
    andon_str device;
    /** The whole message, verbatim: whatever else the device says of itself. */
    andon_str message;
} andon_event_registered;

/** Of `ANDON_EVENT_SESSION_CREATED` and `ANDON_EVENT_SESSION_ENDED`. */
typedef struct andon_event_session {
    /** Where. */
    andon_mount mount;
    /** The session. */
    andon_session session;
} andon_event_session;

/** Of `ANDON_EVENT_SAMPLE`. */
typedef struct andon_event_sample {
    /** Where. */
    andon_mount mount;
    /** The sample. */
    andon_sample sample;
} andon_event_sample;

/** It is under way. */
#define ANDON_SESSION_ACTIVE 1
/** The client ended it. */
#define ANDON_SESSION_COMPLETED 2
/** The device began another. */
#define ANDON_SESSION_AUTO_ENDED 3
/** Its connection ended. */
#define ANDON_SESSION_DISCONNECTED 4
/** No data came for too long. */
#define ANDON_SESSION_TIMEOUT 5
/** The server stopped. */
#define ANDON_SESSION_STOPPED 6
/** The host ended it. */
#define ANDON_SESSION_ENDED_BY_HOST 7
/** The server ended without a word; it was found open afterwards. */
#define ANDON_SESSION_INTERRUPTED 8

/* ---- What guided sessions tell --------------------------------------------------------------------------- */

/** What a person is in a guided session: one of `ANDON_ROLE_*`. */
typedef int32_t andon_role;

/** What is done with a guided session: one of `ANDON_STEP_*`. */
typedef int32_t andon_step_action;

/** Of `ANDON_EVENT_GUIDED_JOINED`. */
typedef struct andon_event_joined {
    /** Where. */
    andon_mount mount;
    /** One of `ANDON_ROLE_*`. */
    andon_role role;
    /** The session's code. */
    andon_str code;
    /** Who. */
    int64_t user_id;
    /** The name for people. */
    andon_str user_name;
} andon_event_joined;

/** Of `ANDON_EVENT_GUIDED_LEFT`. */
typedef struct andon_event_left {
    /** Where. */
    andon_mount mount;
    /** The session's code. */
    andon_str code;
    /** Who. */
    int64_t user_id;
} andon_event_left;

/** Of `ANDON_EVENT_GUIDED_STEP_COMPLETED`. */
typedef struct andon_event_step_completed {
    /** Where. */
    andon_mount mount;
    /** It was the last one: the participant is through. */
    bool completed;
    /** The session's code. */
    andon_str code;
    /** Who. */
    int64_t user_id;
    /** What. */
    int64_t subtask_id;
} andon_event_step_completed;

/** Of `ANDON_EVENT_GUIDED_PROGRESS`. */
typedef struct andon_event_progress {
    /** Where. */
    andon_mount mount;
    /** Whether a subtask was named. */
    bool has_subtask;
    /** The session's code. */
    andon_str code;
    /** Who. */
    int64_t user_id;
    /** With what. */
    int64_t subtask_id;
    /** How it goes, in the client's words. */
    andon_str status;
} andon_event_progress;

/** Of `ANDON_EVENT_GUIDED_HELP_REQUESTED`. */
typedef struct andon_event_help {
    /** Where. */
    andon_mount mount;
    /** Whether a subtask was named. */
    bool has_subtask;
    /** The session's code. */
    andon_str code;
    /** Who. */
    int64_t user_id;
    /** With what. */
    int64_t subtask_id;
    /** In the participant's own words. */
    andon_str message;
} andon_event_help;

/** Of `ANDON_EVENT_GUIDED_CONTROLLED`. */
typedef struct andon_event_controlled {
    /** Where. */
    andon_mount mount;
    /** One of `ANDON_STEP_*`. */
    andon_step_action action;
    /** The session's code. */
    andon_str code;
    /** Whether a subtask was named. */
    bool has_subtask;
    /** It was the host, and no instructor. */
    bool by_host;
    /** The subtask that it is about. */
    int64_t subtask_id;
    /** Who. */
    int64_t instructor_id;
    /** The name for people. */
    andon_str instructor_name;
    /** In the instructor's own words. */
    andon_str message;
} andon_event_controlled;

/** Takes part. */
#define ANDON_ROLE_STUDENT 1
/** Leads. */
#define ANDON_ROLE_INSTRUCTOR 2
/** A step is begun. */
#define ANDON_STEP_START 1
/** The session is paused. */
#define ANDON_STEP_PAUSE 2
/** The session goes on. */
#define ANDON_STEP_RESUME 3
/** The session is ended. */
#define ANDON_STEP_END 4

/* ---- Events ---------------------------------------------------------------------------------------------- */

/** For `andon_config_events`: `ANDON_EVENT_OPENED` and `ANDON_EVENT_CLOSED`. */
#define ANDON_EVENTS_CONNECTIONS 1
/** For `andon_config_events`: `ANDON_EVENT_ASKED`. */
#define ANDON_EVENTS_ASKS 2
/** For `andon_config_events`: what contracts tell. */
#define ANDON_EVENTS_CONTRACTS 4
/** For `andon_config_events`: `ANDON_EVENT_MOUNT_RETIRED` and `ANDON_EVENT_STORE`. */
#define ANDON_EVENTS_HEALTH 8
/** For `andon_config_events`: `ANDON_EVENT_REFUSED`. */
#define ANDON_EVENTS_REFUSALS 16
/** For `andon_config_events`: all of them. */
#define ANDON_EVENTS_ALL 31

/**
 * What an event is about, and which member of its union is filled: one of `ANDON_EVENT_*`. Later versions may
 * have more: pass over what you do not know.
 */
typedef int32_t andon_event_kind;

/** Who or what ended a connection: one of `ANDON_CLOSED_*`. */
typedef int32_t andon_close_cause;

/** Why a connection or request was refused: one of `ANDON_REFUSED_*`. */
typedef int32_t andon_refusal_cause;

/** What becomes of a contract's event while the host does not keep up: one of `ANDON_CLASS_*`. */
typedef int32_t andon_event_class;

/** Of `ANDON_EVENT_OPENED`. */
typedef struct andon_event_opened {
    /** The connection. */
    andon_conn conn;
    /** Where. */
    andon_mount mount;
    /** The client's address and port. */
    andon_str peer;
    /** The path as it was asked for, cut after 256 bytes. */
    andon_str path;
    /** Who it is; empty when anonymous. */
    andon_str subject;
    /** The name for people; empty when anonymous. */
    andon_str name;
    /** What was agreed on; empty when nothing was. */
    andon_str subprotocol;
} andon_event_opened;

/** Of `ANDON_EVENT_CLOSED`. */
typedef struct andon_event_closed {
    /** The connection. */
    andon_conn conn;
    /** Where. */
    andon_mount mount;
    /** One of `ANDON_CLOSED_*`. */
    andon_close_cause cause;
    /** The close code; 1006 when no close frame passed. */
    uint16_t code;
} andon_event_closed;

/** Of `ANDON_EVENT_ASKED`. */
typedef struct andon_event_asked {
    /** The connection, for the answer. */
    andon_conn conn;
    /** The mount that it asks for; none: a route. */
    andon_mount mount;
    /** The request, for `andon_request_*`, until the event is released. */
    const andon_request *request;
} andon_event_asked;

/** Of `ANDON_EVENT_CONTRACT`. */
typedef struct andon_event_contract {
    /** Where. */
    andon_mount mount;
    /** One of `ANDON_CLASS_*`. */
    andon_event_class event_class;
    /** What a newer one replaces, of `ANDON_CLASS_STATE`. */
    uint64_t key;
    /** Whether it is about a connection. */
    bool has_conn;
    /** That connection. */
    andon_conn conn;
    /** How `body` is to be read. */
    andon_message_kind body_kind;
    /** What the contract said. */
    andon_bytes body;
} andon_event_contract;

/** Of `ANDON_EVENT_HUB_REFRESH`. */
typedef struct andon_event_refresh {
    /** Where. */
    andon_mount mount;
    /** The topic's name. */
    andon_str topic;
} andon_event_refresh;

/** Of `ANDON_EVENT_STALENESS`. */
typedef struct andon_event_staleness {
    /** Where. */
    andon_mount mount;
    /** Which. */
    andon_equipment equipment;
    /** Its code. */
    andon_str code;
    /** Whether it is stale now. */
    bool stale;
} andon_event_staleness;

/** Of `ANDON_EVENT_MOUNT_RETIRED`. */
typedef struct andon_event_retired {
    /** Where. */
    andon_mount mount;
} andon_event_retired;

/** Of `ANDON_EVENT_STORE`. */
typedef struct andon_event_store {
    /** Whether it works. */
    bool up;
    /** What it said when it went down. */
    andon_str why;
} andon_event_store;

/** Of `ANDON_EVENT_REFUSED`. */
typedef struct andon_event_refused {
    /** One of `ANDON_REFUSED_*`. */
    andon_refusal_cause cause;
    /** The mount that was asked for, if any. */
    andon_mount mount;
    /** The client's address and port. */
    andon_str peer;
} andon_event_refused;

/** What an event tells; its kind says which member. */
typedef union andon_event_data {
    /** Of `ANDON_EVENT_OPENED`. */
    andon_event_opened opened;
    /** Of `ANDON_EVENT_CLOSED`. */
    andon_event_closed closed;
    /** Of `ANDON_EVENT_ASKED`. */
    andon_event_asked asked;
    /** Of `ANDON_EVENT_CONTRACT`. */
    andon_event_contract contract;
    /** Of `ANDON_EVENT_HUB_REFRESH`. */
    andon_event_refresh refresh;
    /** Of `ANDON_EVENT_STALENESS`. */
    andon_event_staleness staleness;
    /** Of `ANDON_EVENT_MOUNT_RETIRED`. */
    andon_event_retired retired;
    /** Of `ANDON_EVENT_STORE`. */
    andon_event_store store;
    /** Of `ANDON_EVENT_REFUSED`. */
    andon_event_refused refused;
    /** Of `ANDON_EVENT_DEVICE_REGISTERED`. */
    andon_event_registered registered;
    /** Of `ANDON_EVENT_SESSION_CREATED` and `ANDON_EVENT_SESSION_ENDED`. */
    andon_event_session session;
    /** Of `ANDON_EVENT_SAMPLE`. */
    andon_event_sample sample;
    /** Of `ANDON_EVENT_GUIDED_JOINED`. */
    andon_event_joined joined;
    /** Of `ANDON_EVENT_GUIDED_LEFT`. */
    andon_event_left left;
    /** Of `ANDON_EVENT_GUIDED_STEP_COMPLETED`. */
    andon_event_step_completed step_completed;
    /** Of `ANDON_EVENT_GUIDED_PROGRESS`. */
    andon_event_progress progress;
    /** Of `ANDON_EVENT_GUIDED_HELP_REQUESTED`. */
    andon_event_help help;
    /** Of `ANDON_EVENT_GUIDED_CONTROLLED`. */
    andon_event_controlled controlled;
    /** Room for what later kinds carry. */
    uint64_t reserved[32];
} andon_event_data;

/**
 * One event: made by `ANDON_EVENT_INIT`, filled by `andon_server_next_event`, ended by `andon_event_release`.
 */
typedef struct andon_event {
    /** Set by `ANDON_EVENT_INIT`. */
    size_t struct_size;
    /** The library's own: what holds the texts. */
    void *owner;
    /** What it is about. */
    andon_event_kind kind;
    /** What it tells. */
    union andon_event_data data;
} andon_event;

/** No event: what was released or not yet filled. */
#define ANDON_EVENT_NONE 0
/** A WebSocket was opened: `opened`. */
#define ANDON_EVENT_OPENED 1
/** A WebSocket is over: `closed`. */
#define ANDON_EVENT_CLOSED 2
/** A client waits for the host: `asked`. Answer by `andon_server_let_in` or `andon_server_refuse`. */
#define ANDON_EVENT_ASKED 3
/** A contract of the host's own said something: `contract`. */
#define ANDON_EVENT_CONTRACT 4
/** A topic of a hub should be published as it is now: `refresh`. */
#define ANDON_EVENT_HUB_REFRESH 5
/** Equipment went stale, or is written again: `staleness`. */
#define ANDON_EVENT_STALENESS 6
/** A contract failed too often, and its mount answers 404 from now on: `retired`. */
#define ANDON_EVENT_MOUNT_RETIRED 7
/** The store went down, or answers again: `store`. */
#define ANDON_EVENT_STORE 8
/** A connection or request was refused: `refused`. */
#define ANDON_EVENT_REFUSED 9
/** Something that the C interface has no words for; of this version, nothing. */
#define ANDON_EVENT_OTHER 10
/** A device has said who it is: `registered`. */
#define ANDON_EVENT_DEVICE_REGISTERED 11
/** A device's session has begun: `session`. */
#define ANDON_EVENT_SESSION_CREATED 12
/** A sample of a device has arrived: `sample`. */
#define ANDON_EVENT_SAMPLE 13
/**
 * A device's session has ended: `session`. Samples that were on their way may still come, and what it
 * recorded may not be committed yet.
 */
#define ANDON_EVENT_SESSION_ENDED 14
/** Somebody has come to a guided session, by a first connection: `joined`. */
#define ANDON_EVENT_GUIDED_JOINED 15
/** Somebody is gone from a guided session, with the last connection: `left`. */
#define ANDON_EVENT_GUIDED_LEFT 16
/** A participant has completed a step: `step_completed`. */
#define ANDON_EVENT_GUIDED_STEP_COMPLETED 17
/** A participant has told of progress in the words of older clients: `progress`. */
#define ANDON_EVENT_GUIDED_PROGRESS 18
/** A participant asks for help: `help`. */
#define ANDON_EVENT_GUIDED_HELP_REQUESTED 19
/** An instructor, or the host, has controlled a guided session: `controlled`. */
#define ANDON_EVENT_GUIDED_CONTROLLED 20
/** The client's close frame. */
#define ANDON_CLOSED_PEER 1
/** The connection broke without one. */
#define ANDON_CLOSED_LOST 2
/** The client broke the protocol or a size limit. */
#define ANDON_CLOSED_FAULT 3
/** The contract. */
#define ANDON_CLOSED_CONTRACT 4
/** The host. */
#define ANDON_CLOSED_HOST 5
/** The host revoked the identity. */
#define ANDON_CLOSED_REVOKED 6
/** The identity expired. */
#define ANDON_CLOSED_EXPIRED 7
/** The server stops. */
#define ANDON_CLOSED_SHUTDOWN 8
/** No answer to a ping or to a close frame. */
#define ANDON_CLOSED_TIMEOUT 9
/** The client reads too slowly. */
#define ANDON_CLOSED_TOO_SLOW 10
/** A memory budget was spent, and this connection held the most of it. */
#define ANDON_CLOSED_OVERLOAD 11
/** The contract failed. */
#define ANDON_CLOSED_PANIC 12
/** As many connections as there may be. */
#define ANDON_REFUSED_CONNECTIONS 1
/** As many from this address as there may be. */
#define ANDON_REFUSED_ADDRESS 2
/** As many as the mount takes. */
#define ANDON_REFUSED_MOUNT 3
/** As many undecided handshakes as there may be. */
#define ANDON_REFUSED_PARKED 4
/** The host that it asked for is none of the server's. */
#define ANDON_REFUSED_HOST 5
/** The page that it is may not come in. */
#define ANDON_REFUSED_ORIGIN 6
/** A gate or the host said no. */
#define ANDON_REFUSED_GATE 7
/** The contract said no. */
#define ANDON_REFUSED_CONTRACT 8
/** The server stops. */
#define ANDON_REFUSED_STOPPING 9
/** Never lost: the connections that cause such events are not read meanwhile. */
#define ANDON_CLASS_LOSSLESS 1
/** A newer one of the same key replaces it. */
#define ANDON_CLASS_STATE 2
/** Dropped, and counted. */
#define ANDON_CLASS_NOTICE 3

/** What `ANDON_EVENT_INIT` is: the size set, and all else zero. */
static inline andon_event andon_event_init(void) {
    andon_event made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}
#define ANDON_EVENT_INIT andon_event_init()

/* ---- Events are read ------------------------------------------------------------------------------------- */

/**
  * The next event, waiting up to `timeout_ms` for it: 0 never waits, `ANDON_FOREVER` has no limit. Each event
  * goes to one of the threads that read. Release it by `andon_event_release`.
 *
  * Threads: any. Blocking: up to the timeout. Ownership: what the event points to is the event's. Real-time:
  * no: it may wake the loop, or spin for a moment.
  * Errors: `NO_EVENT` and `ENDED`, which are outcomes; `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`,
  * `BAD_STRUCT_SIZE`, `EVENTS_OFF`.
 */
andon_status andon_server_next_event(const andon_server *server,
                                     uint32_t timeout_ms,
                                     andon_event *event);

/**
  * Releases what an event owns, and makes it one of kind `ANDON_EVENT_NONE`, to be filled again. NULL, or an
  * event that holds nothing, is nothing to be released.
 *
 * Threads: any; one at a time for one event. Blocking: never. Real-time: no. Errors: none.
 */
void andon_event_release(andon_event *event);

/**
  * A descriptor that is readable while events wait, and when the server has ended: for the host's own `poll`,
  * `select` or `epoll`, and nothing else. A call of `andon_server_next_event` that finds none
 * clears it. Not on Windows.
 *
  * Threads: any. Blocking: never. Ownership: the server's, which closes it when it is freed. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `EVENTS_OFF`, `SYSTEM`, `NOT_SUPPORTED`.
 */
andon_status andon_server_event_fd(const andon_server *server,
                                   int32_t *descriptor);

/* ---- Encodings ------------------------------------------------------------------------------------------- */

/** What a text is written in: one of `ANDON_ENCODING_*`. */
typedef int32_t andon_encoding;

/** UTF-8. The default. */
#define ANDON_ENCODING_UTF8 0
/**
 * CP949, which EUC-KR is a part of. In a build without the feature `cp949` it is answered with
 * `NOT_SUPPORTED`.
 */
#define ANDON_ENCODING_CP949 1

/* ---- Tag table: equipment and tags are declared ---------------------------------------------------------- */

/** The `index` of every equipment's `status_tag`: whether it runs. */
#define ANDON_TAG_STATUS 0
/** The `index` of every equipment's `error_tag`: whether it is at fault. */
#define ANDON_TAG_ERROR 1
/** The `index` of every equipment's `connection`: whether the host has contact with it. */
#define ANDON_TAG_CONNECTION 2

/** How much a tag table has room for. */
typedef struct andon_tags_options {
    /** Set by `ANDON_TAGS_OPTIONS_INIT`. */
    size_t struct_size;
    /** Equipment. Default 64, at most 65,536. */
    size_t equipment;
    /** Tags of each, beside the three that each has. Default and most: 64. */
    size_t tags_each;
} andon_tags_options;

/** What a tag holds: one of `ANDON_KIND_*`. */
typedef int32_t andon_tag_kind;

/** One tag of equipment that is declared. */
typedef struct andon_tag_options {
    /** 1 to 128 bytes, unlike those of the equipment's other tags. */
    andon_str name;
    /** One of `ANDON_KIND_BOOL`, `ANDON_KIND_I64`, `ANDON_KIND_F64`, `ANDON_KIND_TEXT`. */
    andon_tag_kind kind;
} andon_tag_options;

/** One equipment that is declared. */
typedef struct andon_equipment_options {
    /** Set by `ANDON_EQUIPMENT_OPTIONS_INIT`. */
    size_t struct_size;
    /** What it is known by: 1 to 256 bytes of UTF-8, unlike that of any other. */
    andon_str code;
    /** For people: up to 256 bytes of UTF-8. */
    andon_str name;
    /** Its tags, `tags_count` of them. */
    const andon_tag_options *tags;
    /** How many there are. */
    size_t tags_count;
    /** Room for tags that are added later, by `andon_equipment_add_tag`. */
    size_t room_for_tags;
    /**
     * After how long without a write it is shown as disconnected: at least 100. There is no default, since
     * only the host knows how often it writes; `ANDON_FOREVER`: never.
     */
    uint32_t stale_after_ms;
    /** The encoding of `code`, `name` and the names of tags: one of `ANDON_ENCODING_*`. */
    andon_encoding encoding;
} andon_equipment_options;

/** True or false. */
#define ANDON_KIND_BOOL 1
/** A whole number, `int64_t`. */
#define ANDON_KIND_I64 2
/** A number, `double`; what is not finite becomes no value. */
#define ANDON_KIND_F64 3
/** A text of up to 31 bytes. */
#define ANDON_KIND_TEXT 4
/** In an `andon_tag_write` only: the equipment's status, one of `ANDON_EQUIPMENT_*`, in `i64`. */
#define ANDON_KIND_STATUS 5

/**
 * Makes a tag table. `options` may be NULL.
 *
  * Threads: any. Blocking: never. Ownership: the caller's, until `andon_tags_free`. Real-time: no. Errors:
  * `NULL_ARGUMENT`, `BAD_STRUCT_SIZE`, `TABLE_FULL` for more room than there can be.
 */
andon_status andon_tags_new(const andon_tags_options *options,
                            andon_tags **tags);

/**
  * Frees a tag table, or rather the host's end of it: a monitor that shows it goes on. NULL is nothing to be
  * freed.
 *
  * Threads: any, but nobody may use it any more. Blocking: never. Real-time: no. Errors: none; see
  * `andon_last_error` for a pointer that was none.
 */
void andon_tags_free(andon_tags *tags);

/**
  * Declares equipment, also while the server runs. Its code, name and tags come in the encoding that
  * `options` says.
 *
 * Threads: any. Blocking: for others who declare or look up. Ownership: all is copied. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ENCODING`,
  * `BAD_ARGUMENT`, `TABLE_FULL`, `CODE_TAKEN`, `BAD_EQUIPMENT`, `BAD_TAG`.
 */
andon_status andon_tags_declare(const andon_tags *tags,
                                const andon_equipment_options *options,
                                andon_equipment *equipment);

/**
 * Adds a tag to equipment that has room for it.
 *
 * Threads: any. Blocking: for others who declare or look up. Ownership: copied. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `BAD_ENCODING`, `BAD_ARGUMENT`, `BAD_TAG`,
  * `UNKNOWN_EQUIPMENT`.
 */
andon_status andon_equipment_add_tag(const andon_tags *tags,
                                     andon_equipment equipment,
                                     andon_str name,
                                     andon_encoding encoding,
                                     andon_tag_kind tag_kind,
                                     andon_tag *tag);

/**
 * The equipment of this code.
 *
  * Threads: any. Blocking: for others who declare or look up. Real-time: no. Errors: `NULL_ARGUMENT`,
  * `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `BAD_ENCODING`, `NOT_FOUND`.
 */
andon_status andon_tags_equipment(const andon_tags *tags,
                                  andon_str code,
                                  andon_encoding encoding,
                                  andon_equipment *equipment);

/**
 * The equipment's tag of this name and kind.
 *
  * Threads: any. Blocking: never. Real-time: no, in that it compares names. Errors: `NULL_ARGUMENT`,
  * `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `BAD_ENCODING`, `BAD_ARGUMENT`, `UNKNOWN_EQUIPMENT`, `BAD_TAG`.
 */
andon_status andon_equipment_tag(const andon_tags *tags,
                                 andon_equipment equipment,
                                 andon_str name,
                                 andon_encoding encoding,
                                 andon_tag_kind tag_kind,
                                 andon_tag *tag);

/** What `ANDON_TAGS_OPTIONS_INIT` is: the size set, and all else zero. */
static inline andon_tags_options andon_tags_options_init(void) {
    andon_tags_options made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}
#define ANDON_TAGS_OPTIONS_INIT andon_tags_options_init()

/** What `ANDON_EQUIPMENT_OPTIONS_INIT` is: the size set, and all else zero. */
static inline andon_equipment_options andon_equipment_options_init(void) {
    andon_equipment_options made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}
#define ANDON_EQUIPMENT_OPTIONS_INIT andon_equipment_options_init()

/* ---- Tag writes, for real-time threads ------------------------------------------------------------------- */

/** The value of an `andon_tag_write`; its kind says which member. */
typedef union andon_tag_value {
    /** Of `ANDON_KIND_BOOL`: false is 0, all else is true. */
    uint8_t boolean;
    /** Of `ANDON_KIND_I64` and `ANDON_KIND_STATUS`. */
    int64_t i64;
    /** Of `ANDON_KIND_F64`. */
    double f64;
    /** Of `ANDON_KIND_TEXT`. */
    andon_str text;
} andon_tag_value;

/** One write of `andon_tags_update`. Its size is fixed for ever. */
typedef struct andon_tag_write {
    /** Which tag; of `ANDON_KIND_STATUS` only its equipment counts. */
    andon_tag tag;
    /** What `value` holds: one of `ANDON_KIND_*`. */
    andon_tag_kind kind;
    /** The value. */
    union andon_tag_value value;
} andon_tag_write;

/** What equipment is doing, where the host knows better than its tags tell: one of `ANDON_EQUIPMENT_*`. */
typedef int32_t andon_equipment_status;

/** As its tags tell. The default. */
#define ANDON_EQUIPMENT_BY_TAGS 0
/** At work. */
#define ANDON_EQUIPMENT_RUNNING 1
/** Ready. */
#define ANDON_EQUIPMENT_IDLE 2
/** Stopped. */
#define ANDON_EQUIPMENT_STOPPED 3
/** At fault. */
#define ANDON_EQUIPMENT_ERROR 4
/** Nothing is known of it. */
#define ANDON_EQUIPMENT_DISCONNECTED 5

/**
 * Writes one tag of kind `ANDON_KIND_BOOL`; the equipment's other tags keep their values.
 *
  * Threads: any, one writer for each equipment. Blocking: never. Real-time: yes. Errors, by status alone:
  * `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BUSY`, `UNKNOWN_EQUIPMENT`, `UNKNOWN_TAG`, `WRONG_KIND`.
 */
andon_status andon_tag_set_bool(const andon_tags *tags,
                                andon_tag tag,
                                bool value);

/** Writes one tag of kind `ANDON_KIND_I64`. All else as `andon_tag_set_bool`. */
andon_status andon_tag_set_i64(const andon_tags *tags, andon_tag tag, int64_t value);

/**
 * Writes one tag of kind `ANDON_KIND_F64`. What is not finite becomes no value, and is counted. All else as
 * `andon_tag_set_bool`.
 */
andon_status andon_tag_set_f64(const andon_tags *tags,
                               andon_tag tag,
                               double value);

/**
 * Writes one tag of kind `ANDON_KIND_TEXT`: UTF-8 of up to 31 bytes. All else as `andon_tag_set_bool`;
 * besides `BAD_UTF8`, `TEXT_TOO_LONG`, and `BAD_ARGUMENT` for a length that no text can have. `value` is
 * copied.
 */
andon_status andon_tag_set_text(const andon_tags *tags,
                                andon_tag tag,
                                andon_str value);

/**
 * As `andon_tag_set_bool`, of a value that is from `time_ms`, which is shown as the equipment's last update
 * until its next write.
 */
andon_status andon_tag_set_bool_at(const andon_tags *tags,
                                   int64_t time_ms,
                                   andon_tag tag,
                                   bool value);

/** As `andon_tag_set_i64`, of a value that is from `time_ms`. */
andon_status andon_tag_set_i64_at(const andon_tags *tags, int64_t time_ms, andon_tag tag, int64_t value);

/** As `andon_tag_set_f64`, of a value that is from `time_ms`. */
andon_status andon_tag_set_f64_at(const andon_tags *tags, int64_t time_ms, andon_tag tag, double value);

/** As `andon_tag_set_text`, of a value that is from `time_ms`. */
andon_status andon_tag_set_text_at(const andon_tags *tags, int64_t time_ms, andon_tag tag, andon_str value);

/**
  * Writes up to 128 times to one equipment, as one: no client sees some of it without the rest. Of two writes
  * of one tag the later counts. A fault in one, and nothing is written.
 *
 * Threads: any, one writer for each equipment. Blocking: never. Ownership: copied. Real-time: yes.
  * Errors, by status alone: as the single writes; besides `OTHER_EQUIPMENT`, `TOO_MANY_WRITES`,
  * `BAD_ARGUMENT` for a kind or a status that is none, and for `writes` that are not aligned.
 */
andon_status andon_tags_update(const andon_tags *tags,
                               andon_equipment equipment,
                               const andon_tag_write *writes,
                               size_t count);

/**
 * As `andon_tags_update`, of values that are from `time_ms`, which is shown as the equipment's last update
 * until its next write.
 */
andon_status andon_tags_update_at(const andon_tags *tags,
                                  int64_t time_ms,
                                  andon_equipment equipment,
                                  const andon_tag_write *writes,
                                  size_t count);

/**
 * Says what equipment is doing, where the host knows better than its tags tell: one of `ANDON_EQUIPMENT_*`.
 *
  * Threads: any, one writer for each equipment. Blocking: never. Real-time: yes. Errors, by status alone:
  * `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_ARGUMENT`, `BUSY`, `UNKNOWN_EQUIPMENT`.
 */
andon_status andon_tags_set_status(const andon_tags *tags,
                                   andon_equipment equipment,
                                   andon_equipment_status status);

/**
 * Changes nothing, and proves that the host is alive.
 *
  * Threads: any, one writer for each equipment. Blocking: never. Real-time: yes. Errors, by status alone:
  * `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BUSY`, `UNKNOWN_EQUIPMENT`.
 */
andon_status andon_tags_touch(const andon_tags *tags,
                              andon_equipment equipment);

/**
  * Says that the host has lost the source of its values, a fieldbus for example. Clients are told; equipment
  * is shown as it was written.
 *
  * Threads: any. Blocking: never. Real-time: yes. Errors, by status alone: `NULL_ARGUMENT`, `BAD_HANDLE`,
  * `FORKED`.
 */
andon_status andon_tags_source_lost(const andon_tags *tags);

/** Says that the source is back. All else as `andon_tags_source_lost`. */
andon_status andon_tags_source_back(const andon_tags *tags);

/* ---- Topics ---------------------------------------------------------------------------------------------- */

/** What matters about a topic: one of `ANDON_TOPIC_*`. */
typedef int32_t andon_topic_class;

/** What befalls a client that lags: one of `ANDON_LAG_*`. */
typedef int32_t andon_lag;

/** What a newcomer gets first: one of `ANDON_SNAPSHOT_*`. */
typedef int32_t andon_snapshot_source;

/** What a topic is. */
typedef struct andon_topic_options {
    /** Set by `ANDON_TOPIC_OPTIONS_INIT`. */
    size_t struct_size;
    /** One of `ANDON_TOPIC_*`. Must be set. */
    andon_topic_class topic_class;
    /** One of `ANDON_LAG_*`. */
    andon_lag lag;
    /** One of `ANDON_SNAPSHOT_*`. */
    andon_snapshot_source snapshot;
    /**
     * What slow clients have not taken yet; a quarter of it is the largest message. Default 1 MiB, at least
     * 64 KiB.
     */
    size_t log_bytes;
} andon_topic_options;

/** What is true now: a newcomer gets the newest value, a slow client is led to it. */
#define ANDON_TOPIC_STATE 1
/** What happened: a client that is too slow for it is closed with 1013. */
#define ANDON_TOPIC_STREAM 2
/** As the topic's class says. */
#define ANDON_LAG_DEFAULT 0
/** It is led to the newest snapshot. */
#define ANDON_LAG_CONFLATE 1
/** It goes on with the newest message. */
#define ANDON_LAG_SKIP 2
/** It is closed with 1013. */
#define ANDON_LAG_DISCONNECT 3
/** As the topic's class says: the last message of a state, nothing of a stream. */
#define ANDON_SNAPSHOT_DEFAULT 0
/** Nothing. */
#define ANDON_SNAPSHOT_NONE 1
/** The last message. */
#define ANDON_SNAPSHOT_LAST 2
/** The latest of every key. */
#define ANDON_SNAPSHOT_KEYED 3
/** What the contract's `snapshot` says. Only for topics that a contract declares. */
#define ANDON_SNAPSHOT_CONTRACT 4

/**
 * Declares a topic that the host publishes to, and that contracts find by its name.
 *
  * Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`,
  * `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ARGUMENT`, `SPENT`; what contradicts itself is told by the
  * start.
 */
andon_status andon_config_topic(andon_config *config,
                                andon_str name,
                                const andon_topic_options *options);

/**
 * The topic of this name that was declared in the configuration.
 *
  * Threads: any. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`,
  * `NOT_FOUND`.
 */
andon_status andon_server_topic(const andon_server *server,
                                andon_str name,
                                andon_topic *topic);

/**
  * Publishes a message to every subscriber of a topic. The newest value of a state topic is always taken,
  * however busy the loop is: it replaces one that the loop has not come to. Entries of a stream are
 * queued, or refused as `FULL`.
 *
  * Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`,
  * `FORKED`, `BAD_UTF8`, `BAD_ARGUMENT`, `FULL`, `STOPPED`, `REFUSED` when it is too large.
 */
andon_status andon_server_publish(const andon_server *server,
                                  andon_topic topic,
                                  andon_message_kind kind,
                                  andon_bytes message);

/**
 * Publishes the newest value of one key of a topic with `ANDON_SNAPSHOT_KEYED`: newcomers get the latest of
 * every key. All else as `andon_server_publish`.
 */
andon_status andon_server_publish_key(const andon_server *server,
                                      andon_topic topic,
                                      andon_str key,
                                      andon_message_kind kind,
                                      andon_bytes message);

/**
 * Forgets a key: newcomers do not hear of it any more. Those who are there are not told.
 *
  * Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`,
  * `FORKED`, `BAD_UTF8`, `FULL`, `STOPPED`.
 */
andon_status andon_server_forget_key(const andon_server *server,
                                     andon_topic topic,
                                     andon_str key);

/** What `ANDON_TOPIC_OPTIONS_INIT` is: the size set, and all else zero. */
static inline andon_topic_options andon_topic_options_init(void) {
    andon_topic_options made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}
#define ANDON_TOPIC_OPTIONS_INIT andon_topic_options_init()

/* ---- Topic hub ------------------------------------------------------------------------------------------- */

/** One topic of a hub. */
typedef struct andon_hub_topic {
    /** Lower case letters, digits, `_`, `-` and `.`, up to 64. */
    andon_str name;
    /** `ANDON_TOPIC_STATE` or `ANDON_TOPIC_STREAM`. */
    andon_topic_class topic_class;
    /** At most this many connections; 0: as the hub's `cap_per_topic`. */
    size_t cap;
} andon_hub_topic;

/** What is published to one topic is published to another as well. */
typedef struct andon_hub_mirror {
    /** The topic that is published to. */
    andon_str from;
    /** The one that gets it as well, of `ANDON_TOPIC_STATE`. */
    andon_str to;
} andon_hub_mirror;

/**
 * Which topics are sent once more when nothing was published to them for a while: one of
 * `ANDON_HUB_RESEND_*`.
 */
typedef int32_t andon_hub_resend;

/** What a topic hub is to be. Zero means the default. */
typedef struct andon_hub_options {
    /** Set by `ANDON_HUB_OPTIONS_INIT`. */
    size_t struct_size;
    /**
     * Its topics, `topics_count` of them. Default: robots, tables, events, orders, status, systemlogs,
     * customers, inventory and video_streams.
     */
    const andon_hub_topic *topics;
    /** How many there are. */
    size_t topics_count;
    /** Mirrors, `mirrors_count` of them. Default: none. */
    const andon_hub_mirror *mirrors;
    /** How many there are. */
    size_t mirrors_count;
    /** At most this many connections on each topic. Default 1,024. */
    size_t cap_per_topic;
    /** The log of each topic. Default 1 MiB. */
    size_t log_bytes;
    /** How often every client is pinged by a message; `ANDON_FOREVER`: never. Default 30,000. */
    uint32_t ping_interval_ms;
    /**
     * After how long a topic with subscribers that nothing was published to is refreshed, see
     * `ANDON_EVENT_HUB_REFRESH`; `ANDON_FOREVER`: never. Default 10,000.
     */
    uint32_t poll_interval_ms;
    /** One of `ANDON_HUB_RESEND_*`. */
    andon_hub_resend resend;
    /** Whether clients that are refused are let in and closed at once, rather than answered with 403. */
    bool refuse_by_close;
} andon_hub_options;

/** Those of `ANDON_TOPIC_STATE`. The default. */
#define ANDON_HUB_RESEND_STATE 0
/** All: the last entry of a stream comes again, too. */
#define ANDON_HUB_RESEND_ALL 1
/** None; the host is asked to refresh them all the same. */
#define ANDON_HUB_RESEND_NONE 2

/**
  * Mounts a topic hub at a path with one parameter, such as "/ws/{topic}". A server has one at most.
  * `options` and `mount` may be NULL.
 *
 * Threads: any. Blocking: never. Ownership: copied. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ARGUMENT`, `SPENT`;
  * what contradicts itself is told by the start.
 */
andon_status andon_config_hub(andon_config *config,
                              andon_str pattern,
                              const andon_hub_options *options,
                              const andon_mount_options *mount);

/**
  * Publishes JSON to everyone on a topic of the hub, and to those who come later until the next one. An empty
  * `key` is the topic itself; else who comes later gets the latest of every key.
 *
 * Threads: any. Blocking: never. Ownership: copied. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `BAD_JSON` with line and column, `NOT_FOUND`
  * with the topics there are, `FULL` of a stream only, `STOPPED`, `REFUSED`.
 */
andon_status andon_hub_publish(const andon_server *server,
                               andon_str topic,
                               andon_str key,
                               andon_str json);

/**
 * Forgets a key: who comes later does not hear of it. Those who are there are not told.
 *
 * Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: as `andon_hub_publish`.
 */
andon_status andon_hub_forget(const andon_server *server, andon_str topic, andon_str key);

/** What `ANDON_HUB_OPTIONS_INIT` is: the size set, and all else zero. */
static inline andon_hub_options andon_hub_options_init(void) {
    andon_hub_options made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}
#define ANDON_HUB_OPTIONS_INIT andon_hub_options_init()

/* ---- Equipment monitor ----------------------------------------------------------------------------------- */

/** How an equipment monitor behaves. Zero means the default. */
typedef struct andon_monitor_options {
    /** Set by `ANDON_MONITOR_OPTIONS_INIT`. */
    size_t struct_size;
    /** How often everyone who asks for nothing else gets everything. Default 1,000, at least 10. */
    uint32_t period_ms;
    /**
     * Sends changes as they are seen to clients of `mode=changes` that name no rate, at most once in this
     * time. Default: they get them each period.
     */
    uint32_t on_change_ms;
    /** How often the table is looked at for `on_change_ms`. Default 2. */
    uint32_t scan_every_ms;
    /** Different views at once; whoever asks for one more gets 503. Default and most: 64. */
    size_t views;
} andon_monitor_options;

/**
  * Mounts a tag table at a path, such as "/ws/monitor". The same table may be mounted at several. `options`
  * and `mount` may be NULL.
 *
 * Threads: any. Blocking: never. Ownership: copied; the table stays the caller's. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `SPENT`; a pattern that
  * cannot be is told by the start.
 */
andon_status andon_config_monitor(andon_config *config,
                                  andon_str pattern,
                                  const andon_tags *tags,
                                  const andon_monitor_options *options,
                                  const andon_mount_options *mount);

/** What `ANDON_MONITOR_OPTIONS_INIT` is: the size set, and all else zero. */
static inline andon_monitor_options andon_monitor_options_init(void) {
    andon_monitor_options made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}
#define ANDON_MONITOR_OPTIONS_INIT andon_monitor_options_init()

/* ---- Device sessions ------------------------------------------------------------------------------------- */

/** Whether a device that registers is given a provisional session id: one of `ANDON_REGISTER_SESSION_*`. */
typedef int32_t andon_register_session;

/** What becomes of a `session_start` of a device that has an active session: one of `ANDON_ON_ACTIVE_*`. */
typedef int32_t andon_on_active;

/** What device sessions are to be. Zero means the default. */
typedef struct andon_devices_options {
    /** Set by `ANDON_DEVICES_OPTIONS_INIT`. */
    size_t struct_size;
    /** One of `ANDON_REGISTER_SESSION_*`. */
    andon_register_session register_session;
    /** One of `ANDON_ON_ACTIVE_*`. */
    andon_on_active on_active;
    /**
     * How long a session may be without data before it ends; `ANDON_FOREVER`: for ever. Default 1,800,000.
     */
    uint32_t idle_timeout_ms;
    /** How long after its end a session takes data that was on its way. Default 60,000. */
    uint32_t late_window_ms;
    /**
     * Sessions take no data after their end; `late_window_ms` and `recent_sessions` are then not looked at.
     */
    bool no_late_data;
    /** `session_ended` does not wait until everything of the session is committed. */
    bool early_ack;
    /**
     * Types of messages that are expected as data, beside sensor_data, sensorData and data;
     * `data_types_count` of them.
     */
    const andon_str *data_types;
    /** How many there are. */
    size_t data_types_count;
    /** How many ended sessions of a device take late data. Default 4, at most 16. */
    size_t recent_sessions;
    /** How many devices may be known at once. Default 10,000. */
    size_t devices;
    /** How many devices one connection may speak for. Default 256. */
    size_t devices_per_connection;
    /**
     * Bytes of a device's id, and of a session's that a client names: those that are given out have 20.
     * Default 128, at most 1,024.
     */
    size_t id_bytes;
    /** How many replies to one device may wait for the store. Default 8, at most 64. */
    size_t pending_replies;
    /** How many ends of sessions that the store refused are kept. Default 10,000. */
    size_t ends_kept;
} andon_devices_options;

/** A session under way. */
typedef struct andon_device {
    /** The session's id. */
    andon_str session;
    /** The device's id. */
    andon_str device;
    /** When it began, by the server's clock. */
    int64_t started_at_ms;
    /** Samples so far. */
    uint64_t sample_count;
    /** The connection with which it ends. */
    andon_conn holder;
} andon_device;

/** Unless it declares a client version of at least 1.1.0. The default. */
#define ANDON_REGISTER_SESSION_AUTO 0
/** Always. */
#define ANDON_REGISTER_SESSION_ALWAYS 1
/** Never. */
#define ANDON_REGISTER_SESSION_NEVER 2
/** The active session ends, and the new one begins. The default. */
#define ANDON_ON_ACTIVE_END_PREVIOUS 0
/** It is refused. */
#define ANDON_ON_ACTIVE_REJECT 1

/**
  * Mounts device sessions at a path, such as "/ws/device". The host hears of them by
  * `ANDON_EVENT_DEVICE_REGISTERED`, `ANDON_EVENT_SESSION_CREATED`, `ANDON_EVENT_SAMPLE` and
  * `ANDON_EVENT_SESSION_ENDED`, which need `ANDON_EVENTS_CONTRACTS`; what they record goes to
 * the store. `options` and `mount` may be NULL.
 *
 * Threads: any. Blocking: never. Ownership: copied. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ARGUMENT`, `SPENT`;
  * what is out of its range is told by the start.
 */
andon_status andon_config_devices(andon_config *config,
                                  andon_str pattern,
                                  const andon_devices_options *options,
                                  const andon_mount_options *mount);

/**
  * Ends a session, as `ANDON_SESSION_ENDED_BY_HOST`; its client is told. Nothing happens to one that is not
  * under way.
 *
 * Threads: any. Blocking: never. Ownership: copied. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `NOT_FOUND` for a mount that is none of
  * device sessions, `FULL`, `STOPPED`.
 */
andon_status andon_devices_end_session(const andon_server *server,
                                       andon_mount mount,
                                       andon_str session);

/**
  * Asks for the sessions under way, in the order of their devices' ids, and waits for the loop to tell, at
  * most `timeout_ms`.
 *
  * Threads: any but the server's own, which would wait for itself. Blocking: up to the timeout. Ownership:
  * the list is the caller's, until `andon_device_list_free`. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `NOT_FOUND` for a mount that is none of device sessions,
  * `TIMED_OUT`, `FULL`, `STOPPED`.
 */
andon_status andon_devices_sessions(const andon_server *server,
                                    andon_mount mount,
                                    uint32_t timeout_ms,
                                    andon_device_list **list);

/**
 * What a list holds: an array of `count` sessions.
 *
  * Threads: any. Blocking: never. Ownership: the list's; it all lives until `andon_device_list_free`.
  * Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`.
 */
andon_status andon_device_list_items(const andon_device_list *list,
                                     const andon_device **items,
                                     size_t *count);

/**
 * Frees a list and all that it holds. NULL is nothing to be freed.
 *
  * Threads: any, but nobody may use it any more. Blocking: never. Real-time: no. Errors: none; see
  * `andon_last_error` for a pointer that was none.
 */
void andon_device_list_free(andon_device_list *list);

/** What `ANDON_DEVICES_OPTIONS_INIT` is: the size set, and all else zero. */
static inline andon_devices_options andon_devices_options_init(void) {
    andon_devices_options made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}
#define ANDON_DEVICES_OPTIONS_INIT andon_devices_options_init()

/* ---- Guided sessions ------------------------------------------------------------------------------------- */

/** One step of a guided session. */
typedef struct andon_subtask {
    /** Its id, as clients name it. */
    int64_t id;
    /** Its place among the others; those of the same place are in the order of the array. */
    int64_t order_index;
    /** Its title. */
    andon_str title;
    /** What is to be done, such as "CLICK". */
    andon_str target_action;
    /** What is to be read about it. */
    andon_str guide_text;
    /** What is to be said about it; empty: nothing. */
    andon_str voice_guide_text;
} andon_subtask;

/** One guided session. */
typedef struct andon_guided_session {
    /** Its code, as in the path. */
    andon_str code;
    /** Its steps, `subtasks_count` of them. */
    const andon_subtask *subtasks;
    /** How many there are. */
    size_t subtasks_count;
    /** Who may control it, `instructors_count` ids of users. None: every instructor. */
    const int64_t *instructors;
    /** How many there are. */
    size_t instructors_count;
} andon_guided_session;

/** What people read in guided sessions. An empty text means the default, which is Korean. */
typedef struct andon_guided_texts {
    /** Set by `ANDON_GUIDED_TEXTS_INIT`. */
    size_t struct_size;
    /** To who has joined. */
    andon_str joined;
    /** To who has completed a step. */
    andon_str step_completed;
    /** To all, when the session is paused. */
    andon_str paused;
    /** To all, when it goes on. */
    andon_str resumed;
    /** To all, when it is ended. */
    andon_str ended;
    /** To who asks for what is another's to do. */
    andon_str denied;
    /** To who wants to change something in a session that has ended. */
    andon_str over;
    /** To whose completed step the store has refused. */
    andon_str not_stored;
} andon_guided_texts;

/** What guided sessions are to be. Zero means the default. */
typedef struct andon_guided_options {
    /** Set by `ANDON_GUIDED_OPTIONS_INIT`. */
    size_t struct_size;
    /** Sessions from the start, `sessions_count` of them. Default: none. */
    const andon_guided_session *sessions;
    /** How many there are. */
    size_t sessions_count;
    /** What people read. NULL: the defaults. */
    const andon_guided_texts *texts;
    /** At most this many sessions. Default 64. */
    size_t sessions_max;
    /** At most this many people known to each session. Default 512. */
    size_t participants;
    /** What people write is at most so long, in bytes. Default 2 KiB. */
    size_t words_bytes;
    /** The log of each of a session's two topics; a quarter of it is the largest message. Default 128 KiB. */
    size_t log_bytes;
    /**
     * A participant's row is recorded at most this often for nothing but the time at which something was
     * heard, 10 to 1,000. Default 1,000.
     */
    uint32_t heartbeat_interval_ms;
} andon_guided_options;

/**
  * Mounts guided sessions at a path with one parameter, the session's code, such as "/ws/sessions/{code}/". A
  * server has one such mount at most. People are known by the mount's gate: the subject is the user's id, an
  * integer, and
  * the role is STUDENT or INSTRUCTOR; without a gate everybody gets 403. It is always for pages of the same
  * origin. `options` and `mount` may be NULL.
 *
 * Threads: any. Blocking: never. Ownership: all is copied. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `SPENT`; a session that
  * cannot be, or what is out of its range, is told by the start.
 */
andon_status andon_config_guided(andon_config *config,
                                 andon_str pattern,
                                 const andon_guided_options *options,
                                 const andon_mount_options *mount);

/**
  * Makes a session while the server runs. One of this code that there is gets these steps and instructors,
  * and stays as it is otherwise; one that has ended begins anew.
 *
 * Threads: any. Blocking: never. Ownership: all is copied. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `NOT_FOUND` without such a mount,
  * `BAD_SESSION` with the reason, `FULL`, `STOPPED`.
 */
andon_status andon_guided_create(const andon_server *server,
                                 const andon_guided_session *session);

/**
  * Begins a step: everybody is told. `message` goes to the log. For a session that there is not, or that has
  * ended, it is passed over and counted in `messages_ignored`, as all that follows.
 *
  * Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`,
  * `FORKED`, `BAD_UTF8`, `NOT_FOUND` without such a mount, `REFUSED` for a message that is too long, `FULL`,
  * `STOPPED`.
 */
andon_status andon_guided_start_step(const andon_server *server,
                                     andon_str code,
                                     int64_t subtask_id,
                                     andon_str message);

/** Pauses a session: everybody is told. All else as `andon_guided_start_step`. */
andon_status andon_guided_pause(const andon_server *server, andon_str code);

/** Has a session go on: everybody is told. All else as `andon_guided_start_step`. */
andon_status andon_guided_resume(const andon_server *server, andon_str code);

/** Ends a session: everybody is told, and stays connected. All else as `andon_guided_start_step`. */
andon_status andon_guided_end(const andon_server *server, andon_str code);

/**
 * Sends JSON to all connections of one user in a session. At most a quarter of `log_bytes`.
 *
  * Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: as `andon_guided_start_step`;
  * `BAD_JSON` with line and column.
 */
andon_status andon_guided_send_to(const andon_server *server,
                                  andon_str code,
                                  int64_t user_id,
                                  andon_str json);

/**
 * Sends JSON to everybody of one role, one of `ANDON_ROLE_*`, in a session.
 *
  * Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: as `andon_guided_send_to`;
  * `BAD_ARGUMENT`.
 */
andon_status andon_guided_send_to_role(const andon_server *server, andon_str code, andon_role role, andon_str json);

/** What `ANDON_GUIDED_TEXTS_INIT` is: the size set, and all else zero. */
static inline andon_guided_texts andon_guided_texts_init(void) {
    andon_guided_texts made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}
#define ANDON_GUIDED_TEXTS_INIT andon_guided_texts_init()

/** What `ANDON_GUIDED_OPTIONS_INIT` is: the size set, and all else zero. */
static inline andon_guided_options andon_guided_options_init(void) {
    andon_guided_options made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}
#define ANDON_GUIDED_OPTIONS_INIT andon_guided_options_init()

/* ---- How guided sessions are ----------------------------------------------------------------------------- */

/** How a guided session is: one of `ANDON_GUIDED_*`. */
typedef int32_t andon_guided_status;

/** How a participant is: one of `ANDON_PARTICIPANT_*`. */
typedef int32_t andon_participant_status;

/** Who takes part in a guided session, or did. */
typedef struct andon_participant {
    /** Who. */
    int64_t user_id;
    /** The name for people. */
    andon_str user_name;
    /** One of `ANDON_ROLE_*`. */
    andon_role role;
    /** One of `ANDON_PARTICIPANT_*`. */
    andon_participant_status status;
    /** Whether a step was completed. */
    bool has_subtask;
    /** The step that was completed last. */
    int64_t current_subtask;
    /** When something was heard last. */
    int64_t last_active_at_ms;
} andon_participant;

/** One guided session, as it is. */
typedef struct andon_guided_info {
    /** Its code. */
    andon_str code;
    /** One of `ANDON_GUIDED_*`. */
    andon_guided_status status;
    /** Whether a step was begun. */
    bool has_subtask;
    /** The step that was begun last. */
    int64_t current_subtask;
    /** When it was created. */
    int64_t created_at_ms;
    /** When it was ended; 0: it was not. */
    int64_t ended_at_ms;
    /** Its steps in their order, `subtasks_count` of them. */
    const andon_subtask *subtasks;
    /** How many there are. */
    size_t subtasks_count;
    /** Its people by id, `participants_count` of them. */
    const andon_participant *participants;
    /** How many there are. */
    size_t participants_count;
} andon_guided_info;

/** Under way. */
#define ANDON_GUIDED_IN_PROGRESS 1
/** Paused. */
#define ANDON_GUIDED_PAUSED 2
/** Over. */
#define ANDON_GUIDED_ENDED 3
/** Connected, and has not joined. */
#define ANDON_PARTICIPANT_WAITING 1
/** Has joined. */
#define ANDON_PARTICIPANT_ACTIVE 2
/** Has completed the last step. */
#define ANDON_PARTICIPANT_COMPLETED 3
/** Has no connection. */
#define ANDON_PARTICIPANT_DISCONNECTED 4

/**
  * Asks how all guided sessions are, with whatever was commanded before on this thread, and waits for the
  * loop to tell, at most `timeout_ms`.
 *
  * Threads: any but the server's own, which would wait for itself. Blocking: up to the timeout. Ownership:
  * the list is the caller's, until `andon_guided_list_free`. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `NOT_FOUND` without such a mount, `TIMED_OUT`, `FULL`,
  * `STOPPED`.
 */
andon_status andon_guided_sessions(const andon_server *server,
                                   uint32_t timeout_ms,
                                   andon_guided_list **list);

/**
 * What a list holds: an array of `count` sessions.
 *
  * Threads: any. Blocking: never. Ownership: the list's; it all lives until `andon_guided_list_free`.
  * Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`.
 */
andon_status andon_guided_list_items(const andon_guided_list *list,
                                     const andon_guided_info **items,
                                     size_t *count);

/**
 * Frees a list and all that it holds. NULL is nothing to be freed.
 *
  * Threads: any, but nobody may use it any more. Blocking: never. Real-time: no. Errors: none; see
  * `andon_last_error` for a pointer that was none.
 */
void andon_guided_list_free(andon_guided_list *list);

/* ---- Recorder -------------------------------------------------------------------------------------------- */

/** What an acknowledged record survives: one of `ANDON_DURABILITY_*`. */
typedef int32_t andon_durability;

/**
 * How a SQLite file is recorded into. Zero means the default. For how long records are collected is a limit,
 * `record_window_ms`.
 */
typedef struct andon_sqlite_options {
    /** Set by `ANDON_SQLITE_OPTIONS_INIT`. */
    size_t struct_size;
    /**
     * Deletes what ended longer ago than so many seconds. Default: nothing for its age. What is under way is
     * never deleted.
     */
    uint64_t keep_for_s;
    /**
     * Deletes the oldest while what the file holds takes more than so many bytes. Default: it grows without a
     * bound.
     */
    uint64_t keep_bytes;
    /** One of `ANDON_DURABILITY_*`. */
    andon_durability durability;
    /** How long another program's lock is waited for, before the store counts as down. Default 1,000. */
    uint32_t busy_wait_ms;
} andon_sqlite_options;

/** The power failing, the system dying, the process dying. The default. */
#define ANDON_DURABILITY_POWER_LOSS 0
/**
 * The process dying. When the power fails the last seconds may be missing, but the file stays whole. Faster,
 * and kinder to flash memory.
 */
#define ANDON_DURABILITY_PROCESS_END 1

/**
  * Opens a SQLite file, or makes a new one in a directory that exists, for the server to record into.
  * Sessions that an earlier run has left active become interrupted. The file is the configuration's, and the
  * server's after it. `options` may be NULL. When the store
  * goes down or answers again, `ANDON_EVENT_STORE` tells. A program with a SQLite of its own must not open
  * this file by it while the server runs: read by `andon_server_read_*`, or from another process.
 *
 * Threads: any. Blocking: for the disk. Ownership: copied. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ARGUMENT`, `SPENT`;
  * of the file, which is then unchanged: `STORE_NO_DIRECTORY`, `STORE_DENIED`, `STORE_NOT_A_FILE`,
  * `STORE_IN_USE`, `STORE_LOCKED`, `STORE_NOT_A_DATABASE`, `STORE_NOT_A_RECORDING`, `STORE_CORRUPT`,
  * `STORE_NEWER`, `STORE_DISK_FULL`, `BAD_STORE` for all else, each with a message that names the path and
  * what to do; `NOT_SUPPORTED` in a build without SQLite.
 */
andon_status andon_config_store_sqlite(andon_config *config,
                                       andon_str path,
                                       const andon_sqlite_options *options);

/**
 * Keeps the newest `records` in memory, for tests and for what need not outlive the process.
 *
  * Threads: any. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`,
  * `BAD_ARGUMENT` for none, `SPENT`.
 */
andon_status andon_config_store_memory(andon_config *config,
                                       size_t records);

/** What `ANDON_SQLITE_OPTIONS_INIT` is: the size set, and all else zero. */
static inline andon_sqlite_options andon_sqlite_options_init(void) {
    andon_sqlite_options made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}
#define ANDON_SQLITE_OPTIONS_INIT andon_sqlite_options_init()

/* ---- Recordings ------------------------------------------------------------------------------------------ */

/** What is read of a recording, and how. Zero means the default. */
typedef struct andon_read_options {
    /** Set by `ANDON_READ_OPTIONS_INIT`. */
    size_t struct_size;
    /** Sessions: of this device alone. Default: of all. */
    andon_str device;
    /** Sessions: of this status alone, one of `ANDON_SESSION_*`. Default: of all. */
    andon_session_status status;
    /** How long a page is waited for. Default 10,000. */
    uint32_t timeout_ms;
    /** Sessions and records: at most so many in a page. Default and most: 256. */
    size_t page_rows;
    /**
     * Samples: those behind this number. Records: those behind this place, which `andon_cursor_position`
     * gave. Default: from the first on.
     */
    uint64_t after_seq;
} andon_read_options;

/** A record of a contract of the host's own. */
typedef struct andon_record {
    /** What it belongs to, as the contract said. */
    andon_str stream;
    /** Whom it belongs to there. */
    andon_str key;
    /** When it happened, by the server's clock, or as the contract said. */
    int64_t time_ms;
    /** What was recorded, verbatim. */
    andon_bytes payload;
} andon_record;

/** How samples are written: one of `ANDON_EXPORT_*`. */
typedef int32_t andon_export_format;

/** A JSON object in a line for each sample, with seq, received_at, device_id and payload. */
#define ANDON_EXPORT_JSON_LINES 1
/**
  * The columns seq, received_at, device_id and payload, quoted as RFC 4180 says; their names come first,
  * unless it goes on where an earlier export ended. An apostrophe
 * stands before a text that a spreadsheet would take for a formula, as an id that a device chose may be one.
 */
#define ANDON_EXPORT_CSV 2

/**
 * Begins to read device sessions, newest first. `options` may be NULL.
 *
  * Threads: any. Blocking: never. Ownership: the cursor is the caller's, until `andon_cursor_free`.
  * Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ARGUMENT`,
  * `NOT_FOUND` without a store that can be read.
 */
andon_status andon_server_read_sessions(const andon_server *server,
                                        const andon_read_options *options,
                                        andon_cursor **cursor);

/**
 * Begins to read the samples of one device session, in order. `options` may be NULL.
 *
  * Threads: any. Blocking: never. Ownership: the cursor is the caller's, until `andon_cursor_free`.
  * Real-time: no. Errors: as `andon_server_read_sessions`.
 */
andon_status andon_server_read_samples(const andon_server *server,
                                       andon_str session,
                                       const andon_read_options *options,
                                       andon_cursor **cursor);

/**
  * Begins to read what contracts of the host's own have recorded under one key of one stream, oldest first.
  * `contract` is the pattern of their mount, as `andon_config_contract` was given it. `options` may be NULL.
 *
  * Threads: any. Blocking: never. Ownership: the cursor is the caller's, until `andon_cursor_free`.
  * Real-time: no. Errors: as `andon_server_read_sessions`.
 */
andon_status andon_server_read_records(const andon_server *server,
                                       andon_str contract,
                                       andon_str stream,
                                       andon_str key,
                                       const andon_read_options *options,
                                       andon_cursor **cursor);

/**
  * Reads the next page of sessions: an array of `count`, at least one while there are more. A page that
  * failed can be asked for again.
 *
  * Threads: any but the server's own; one at a time for one cursor. Blocking: for the disk, up to the
  * timeout. Ownership: the cursor's; it all lives until the next page is asked for. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_ARGUMENT` for a cursor of something else, `FULL`
  * when too many read, `TIMED_OUT`, `STOPPED`, `BAD_STORE` with what the store said.
 */
andon_status andon_cursor_next_sessions(andon_cursor *cursor,
                                        const andon_session **sessions,
                                        size_t *count);

/**
  * Reads the next page of samples: an array of `count`, at least one while there are more. Asked again after
  * the last, it gives what has come since.
 *
  * Threads: any but the server's own; one at a time for one cursor. Blocking: for the disk, up to the
  * timeout. Ownership: the cursor's; it all lives until the next page is asked for. Real-time: no.
 * Errors: as `andon_cursor_next_sessions`; `BAD_ARGUMENT` for a cursor of something else.
 */
andon_status andon_cursor_next_samples(andon_cursor *cursor,
                                       const andon_sample **samples,
                                       size_t *count);

/**
  * Reads the next page of records: an array of `count`, at least one while there are more. Asked again after
  * the last, it gives what has come since.
 *
  * Threads: any but the server's own; one at a time for one cursor. Blocking: for the disk, up to the
  * timeout. Ownership: the cursor's; it all lives until the next page is asked for. Real-time: no.
 * Errors: as `andon_cursor_next_sessions`; `BAD_ARGUMENT` for a cursor of something else.
 */
andon_status andon_cursor_next_records(andon_cursor *cursor,
                                       const andon_record **records,
                                       size_t *count);

/**
  * The place behind what a cursor of samples or of records has read last, for `after_seq` of another, also in
  * a later run of the server: the number of a sample, or the place of a record. 0: it has read none.
 *
  * Threads: any. Blocking: for a page that is being read. Real-time: no. Errors: `NULL_ARGUMENT`,
  * `BAD_HANDLE`, `FORKED`, `BAD_ARGUMENT` for a cursor of sessions.
 */
andon_status andon_cursor_position(const andon_cursor *cursor,
                                   uint64_t *position);

/**
 * Frees a cursor and its last page. NULL is nothing to be freed.
 *
  * Threads: any, but nobody may use it any more. Blocking: never. Real-time: no. Errors: none; see
  * `andon_last_error` for a pointer that was none.
 */
void andon_cursor_free(andon_cursor *cursor);

/**
  * Writes the samples of a device session behind the number `after_seq` (0: all), by `write`, which is given
  * whole lines and says whether to go on. `last_seq` is the number of the last sample that `write` took,
  * behind which another export can go on; it is written
 * also when this one ends early, and may be NULL.
 *
  * Threads: any but the server's own; `write` is called on it. Blocking: for the disk, up to 10 s for each
  * page. Ownership: what `write` is given lives until it returns. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `BAD_ARGUMENT`, `NOT_FOUND` without a store
  * that can be read, `CANCELLED` when `write` said so, `FULL`, `TIMED_OUT`, `STOPPED`, `BAD_STORE`.
 */
andon_status andon_server_export(const andon_server *server,
                                 andon_str session,
                                 andon_export_format format,
                                 uint64_t after_seq,
                                 bool (*write)(void *context, andon_bytes lines),
                                 void *context,
                                 uint64_t *last_seq);

/** What `ANDON_READ_OPTIONS_INIT` is: the size set, and all else zero. */
static inline andon_read_options andon_read_options_init(void) {
    andon_read_options made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}
#define ANDON_READ_OPTIONS_INIT andon_read_options_init()

/* ---- Identities ------------------------------------------------------------------------------------------ */

/** A fact about somebody, by name. */
typedef struct andon_claim {
    /** Its name. */
    andon_str name;
    /** What it says. */
    andon_str value;
} andon_claim;

/** Who somebody is. */
typedef struct andon_identity {
    /** Set by `ANDON_IDENTITY_INIT`. */
    size_t struct_size;
    /** What it is known by: a user's id, a device's. Needed. */
    andon_str subject;
    /** For people. Default: the subject. */
    andon_str name;
    /** What it may be, `roles_count` of them. Default: nothing. */
    const andon_str *roles;
    /** How many there are. */
    size_t roles_count;
    /** Facts that contracts may want, `claims_count` of them. Default: none. */
    const andon_claim *claims;
    /** How many there are. */
    size_t claims_count;
    /**
     * When it ends, in milliseconds since 1970: its WebSockets are closed with 1008 then. Default 0: never.
     */
    int64_t expires_at_ms;
} andon_identity;

/**
  * Makes an empty table. Where secrets are looked for is said of each gate that is made of it, by
  * `andon_gate_new_identities`.
 *
  * Threads: any. Blocking: never. Ownership: the caller's, until `andon_identities_free`. Real-time: no.
  * Errors: `NULL_ARGUMENT`.
 */
andon_status andon_identities_new(andon_identities **identities);

/**
 * Frees a table, or rather the host's end of it. NULL is nothing to be freed.
 *
  * Threads: any, but nobody may use it any more. Blocking: never. Real-time: no. Errors: none; see
  * `andon_last_error` for a pointer that was none.
 */
void andon_identities_free(andon_identities *identities);

/**
  * Has a secret of 1 to 4,096 bytes name somebody from now on, whomever it named before. Secrets should be
  * random and long: 16 bytes of the system's randomness or more, written as text.
 *
  * Threads: any, also while the server runs. Blocking: for others who change the table; the server never
  * waits for it. Ownership: copied. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ARGUMENT` without a
  * subject, `BAD_CREDENTIAL` for a secret that cannot be, `TABLE_FULL`. No message shows a secret.
 */
andon_status andon_identities_insert(const andon_identities *identities,
                                     andon_str secret,
                                     const andon_identity *identity);

/**
  * Takes a secret away: whoever shows it from now on is refused. Who is in stays in until
  * `andon_server_revoke`, called behind this, so that nobody slips in between.
 *
  * Threads: any, also while the server runs. Blocking: for others who change the table. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `NOT_FOUND` when it names nobody.
 */
andon_status andon_identities_remove(const andon_identities *identities,
                                     andon_str secret);

/**
  * Takes every secret away that names this subject, and gives how many there were. `removed` may be NULL. It
  * looks at the whole table.
 *
  * Threads: any, also while the server runs. Blocking: for others who change the table. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`.
 */
andon_status andon_identities_remove_subject(const andon_identities *identities,
                                             andon_str subject,
                                             size_t *removed);

/**
 * How many secrets the table has.
 *
  * Threads: any. Blocking: for others who change the table. Real-time: no. Errors: `NULL_ARGUMENT`,
  * `BAD_HANDLE`, `FORKED`.
 */
andon_status andon_identities_count(const andon_identities *identities,
                                    size_t *count);

/** What `ANDON_IDENTITY_INIT` is: the size set, and all else zero. */
static inline andon_identity andon_identity_init(void) {
    andon_identity made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}
#define ANDON_IDENTITY_INIT andon_identity_init()

/* ---- Requests -------------------------------------------------------------------------------------------- */

/**
 * The method, such as "GET"; empty for NULL.
 *
 * Threads: the callback's. Blocking: never. Real-time: no. Errors: an empty text.
 */
andon_str andon_request_method(const andon_request *request);

/**
 * The path as sent, without the query.
 *
 * Threads: the callback's. Blocking: never. Real-time: no. Errors: an empty text.
 */
andon_str andon_request_path(const andon_request *request);

/**
 * The client's address and port.
 *
 * Threads: the callback's. Blocking: never. Real-time: no. Errors: an empty text.
 */
andon_str andon_request_peer(const andon_request *request);

/**
 * Who asks: the subject of its identity; empty when anonymous.
 *
 * Threads: the callback's. Blocking: never. Real-time: no. Errors: an empty text.
 */
andon_str andon_request_subject(const andon_request *request);

/**
 * The name of who asks, for people; empty when anonymous.
 *
 * Threads: the callback's. Blocking: never. Real-time: no. Errors: an empty text.
 */
andon_str andon_request_name(const andon_request *request);

/**
 * Whether who asks has this role. No: also for NULL, and for a text that is none.
 *
 * Threads: the callback's. Blocking: never. Real-time: no. Errors: false.
 */
bool andon_request_has_role(const andon_request *request, andon_str role);

/**
 * A claim of who asks, by name.
 *
 * Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_UTF8`, `NOT_FOUND`.
 */
andon_status andon_request_claim(const andon_request *request, andon_str name, andon_str *value);

/**
 * The subprotocol that was agreed on; empty when none was.
 *
 * Threads: the callback's. Blocking: never. Real-time: no. Errors: an empty text.
 */
andon_str andon_request_subprotocol(const andon_request *request);

/**
 * What a parameter of the pattern matched, decoded: "code" of "/ws/sessions/{code}".
 *
 * Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_UTF8`, `NOT_FOUND`.
 */
andon_status andon_request_param(const andon_request *request, andon_str name, andon_str *value);

/**
 * The first value of a key of the query, decoded.
 *
 * Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_UTF8`, `NOT_FOUND`.
 */
andon_status andon_request_query(const andon_request *request, andon_str name, andon_str *value);

/**
 * The first value of a header, whatever the case of its name.
 *
 * Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_UTF8`, `NOT_FOUND`.
 */
andon_status andon_request_header(const andon_request *request, andon_str name, andon_str *value);

/**
 * The cookie of exactly this name.
 *
 * Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_UTF8`, `NOT_FOUND`.
 */
andon_status andon_request_cookie(const andon_request *request, andon_str name, andon_str *value);

/**
 * How many connections are subscribed to a topic; 0 when it is no more. Only within a route's `handle`.
 *
 * Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_ARGUMENT`.
 */
andon_status andon_request_subscribers(const andon_request *request, andon_topic topic, size_t *count);

/**
  * One of the messages that a newcomer to a topic gets, by its place from 0: its last message, or the latest
  * of every key. Behind the last one `NOT_FOUND`, and when the topic is no more, or only its contract can
  * say. Only within a route's `handle`; what it gives lives until that returns.
 *
  * Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_ARGUMENT`,
  * `NOT_FOUND`.
 */
andon_status andon_request_newest(const andon_request *request,
                                  andon_topic topic,
                                  size_t index,
                                  andon_message_kind *kind,
                                  andon_bytes *data);

/* ---- Answers and routes ---------------------------------------------------------------------------------- */

/** What the source of a streamed answer says: one of `ANDON_PULLED_*`. */
typedef int32_t andon_pulled;

/** The source of a streamed answer. */
typedef struct andon_stream {
    /** Set by `ANDON_STREAM_INIT`. */
    size_t struct_size;
    /** For `pull` and `drop`. */
    void *context;
    /**
     * Appends up to about `room` bytes, by `andon_buffer_append`, and gives one of `ANDON_PULLED_*`. On the
     * server's thread; it must not wait.
     */
    andon_pulled (*pull)(void *context, size_t room, andon_buffer *out);
    /** Called when `context` is not used any more. May be NULL. */
    void (*drop)(void *context);
} andon_stream;

/** What a route is made of. */
typedef struct andon_route {
    /** Set by `ANDON_ROUTE_INIT`. */
    size_t struct_size;
    /** For `handle` and `drop`. */
    void *context;
    /**
     * Answers a request with its whole body: gives an answer, which is taken over, or NULL, and calls
     * `andon_server_answer` for `conn` later, from any thread. On the server's thread; it must not wait.
     */
    andon_response *(*handle)(void *context, andon_conn conn, const andon_request *request, andon_bytes body);
    /** Called when `context` is not used any more. May be NULL. */
    void (*drop)(void *context);
    /** Who may ask, copied. Default: everybody. */
    const andon_gate *gate;
    /**
     * Lets in only who has one of these roles, `roles_count` of them; others get 403. Needs a gate. Default:
     * no role is demanded.
     */
    const andon_str *roles;
    /** How many there are. */
    size_t roles_count;
    /** As `andon_mount_options.same_origin`. */
    bool same_origin;
    /** As `andon_mount_options.any_origin`. */
    bool any_origin;
    /**
     * The pattern of a mount, as it was mounted: asks of clients what that mount asks, instead of all the
     * above. Default: none.
     */
    andon_str of_mount;
} andon_route;

/** There may be more right away. */
#define ANDON_PULLED_MORE 1
/** Nothing for now: asked again after `andon_server_resume`. */
#define ANDON_PULLED_WAIT 2
/** That was all. */
#define ANDON_PULLED_END 3
/** The source failed: the answer is cut short, so that the client can tell. */
#define ANDON_PULLED_ABORT 4

/**
 * Makes an answer without headers or body. The status is 200 to 599.
 *
  * Threads: any. Blocking: never. Ownership: the caller's, until it is given or freed. Real-time: no. Errors:
  * `NULL_ARGUMENT`, `BAD_ARGUMENT`.
 */
andon_status andon_response_new(uint16_t status,
                                andon_response **response);

/**
 * Adds a header. The server writes `Content-Length`, `Transfer-Encoding`, `Connection` and `Date` itself.
 *
  * Threads: one. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`,
  * `FORKED`, `BAD_UTF8`, `BAD_HEADER`.
 */
andon_status andon_response_header(andon_response *response,
                                   andon_str name,
                                   andon_str value);

/**
 * Sets the body, and the header `Content-Type`.
 *
  * Threads: one. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`,
  * `FORKED`, `BAD_UTF8`, `BAD_HEADER`.
 */
andon_status andon_response_body(andon_response *response,
                                 andon_str content_type,
                                 andon_bytes body);

/**
 * Sets a body that is made while it is sent, at the client's pace, and the header `Content-Type`.
 *
  * Threads: one. Blocking: never. Ownership: copied; `context` is the library's until `drop`, if the call
  * succeeds. Real-time: no.
 * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_HEADER`.
 */
andon_status andon_response_stream(andon_response *response,
                                   andon_str content_type,
                                   const andon_stream *stream);

/**
 * Frees an answer that was not given to the library. NULL is nothing to be freed.
 *
  * Threads: one. Blocking: never. Real-time: no. Errors: none; see `andon_last_error` for a pointer that was
  * none.
 */
void andon_response_free(andon_response *response);

/**
 * Adds to what the source of a streamed answer has. Only from within `pull`.
 *
 * Threads: the callback's. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`.
 */
andon_status andon_buffer_append(andon_buffer *buffer, andon_bytes bytes);

/**
  * Serves requests of one method, such as "GET", to a path pattern, such as "/api/robots/{id}". HEAD is
  * answered from GET, OPTIONS by itself.
 *
  * Threads: any. Blocking: never. Ownership: copied; `context` is the library's until `drop`, if the call
  * succeeds. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ARGUMENT`, `SPENT`; a
  * pattern that cannot be, and a role without a gate, are told by the start.
 */
andon_status andon_config_route(andon_config *config,
                                andon_str method,
                                andon_str pattern,
                                const andon_route *route);

/** What `ANDON_STREAM_INIT` is: the size set, and all else zero. */
static inline andon_stream andon_stream_init(void) {
    andon_stream made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}
#define ANDON_STREAM_INIT andon_stream_init()

/** What `ANDON_ROUTE_INIT` is: the size set, and all else zero. */
static inline andon_route andon_route_init(void) {
    andon_route made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}
#define ANDON_ROUTE_INIT andon_route_init()

/* ---- Those who wait for the host ------------------------------------------------------------------------- */

/**
  * Lets in a client that waits for the host, told of by `ANDON_EVENT_ASKED`, as someone known by `subject`,
  * or anonymously if that is empty. `name` is for people and may be empty. One that comes too late misses,
 * and is counted.
 *
  * Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`,
  * `FORKED`, `BAD_UTF8`, `FULL`, `STOPPED`.
 */
andon_status andon_server_let_in(const andon_server *server,
                                 andon_conn conn,
                                 andon_str subject,
                                 andon_str name);

/**
 * The same as somebody with roles, claims or an expiry.
 *
  * Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: as `andon_server_let_in`;
  * `BAD_STRUCT_SIZE`, `BAD_ARGUMENT` without a subject.
 */
andon_status andon_server_let_in_as(const andon_server *server,
                                    andon_conn conn,
                                    const andon_identity *identity);

/**
 * Refuses a client that waits for the host, with an answer; 403 is the usual one.
 *
  * Threads: any. Blocking: never. Ownership: the answer is taken over, whatever the outcome. Real-time: no.
  * Errors: as `andon_server_let_in`.
 */
andon_status andon_server_refuse(const andon_server *server,
                                 andon_conn conn,
                                 andon_response *response);

/**
 * Answers a request whose route gave no answer at once. One that comes too late misses, and is counted.
 *
  * Threads: any. Blocking: never. Ownership: the answer is taken over, whatever the outcome. Real-time: no.
  * Errors: as `andon_server_let_in`.
 */
andon_status andon_server_answer(const andon_server *server,
                                 andon_conn conn,
                                 andon_response *response);

/**
 * The source of a streamed answer has more: it is pulled again.
 *
  * Threads: any. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `FULL`,
  * `STOPPED`.
 */
andon_status andon_server_resume(const andon_server *server, andon_conn conn);

/* ---- The board and its endpoints ------------------------------------------------------------------------- */

/** How a board is served. Zero means the default. */
typedef struct andon_board_options {
    /** Set by `ANDON_BOARD_OPTIONS_INIT`. */
    size_t struct_size;
    /** What the page calls the place that it shows. Default "andon". */
    andon_str title;
    /**
     * Who may ask for what belongs to no mount: the page itself, /readyz, /metrics, /api and /api/stats.
     * Copied. Default: everybody.
     */
    const andon_gate *gate;
    /** As `andon_route.roles`. */
    const andon_str *roles;
    /** How many there are. */
    size_t roles_count;
    /** As `andon_mount_options.same_origin`. */
    bool same_origin;
    /** As `andon_mount_options.any_origin`. */
    bool any_origin;
    /** As `andon_route.of_mount`, for what belongs to no mount by itself. */
    andon_str of_mount;
    /** The pattern of the monitor whose equipment is shown. Default: the first. */
    andon_str monitor;
    /** The pattern of the device sessions that are shown. Default: the first. */
    andon_str devices;
} andon_board_options;

/**
  * Serves the board: a page for people at "/", and plain HTTP for programs, as docs/http.md says. What shows
  * a mount asks of its clients what the mount asks. `options` may be NULL.
 *
 * Threads: any. Blocking: never. Ownership: copied. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ARGUMENT`, `SPENT`,
  * `NOT_SUPPORTED`; a path that is taken, and a pattern at which nothing fit is mounted, are told by the
  * start.
 */
andon_status andon_config_board(andon_config *config,
                                const andon_board_options *options);

/** What `ANDON_BOARD_OPTIONS_INIT` is: the size set, and all else zero. */
static inline andon_board_options andon_board_options_init(void) {
    andon_board_options made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}
#define ANDON_BOARD_OPTIONS_INIT andon_board_options_init()

/* ---- Contracts of the host's own ------------------------------------------------------------------------- */

/**
 * The callbacks of a contract. Only `message` is needed. All run on the server's thread, one at a time, and
 * must not wait. What they are given lives until they return.
 */
typedef struct andon_contract {
    /** Set by `ANDON_CONTRACT_INIT`. */
    size_t struct_size;
    /** The first argument of each. */
    void *context;
    /**
     * The server starts, before any client: declare topics, arm the deadline. It may run after
     * `andon_server_start` has returned.
     */
    void (*start)(void *context, andon_effects *effects, const andon_setup *setup);
    /**
     * A client asks to be let in: NULL lets it in, an answer refuses it and is taken over. Nothing can be
     * sent to it yet.
     */
    andon_response *(*admit)(void *context, andon_effects *effects, andon_conn conn, const andon_request *request);
    /** The WebSocket is open. */
    void (*opened)(void *context, andon_effects *effects, andon_conn conn, const andon_request *request);
    /** A message arrived. */
    void (*message)(void *context, andon_effects *effects, andon_conn conn, andon_message_kind kind, andon_bytes message);
    /** The connection is over: exactly once for each that was opened. */
    void (*closed)(void *context, andon_effects *effects, andon_conn conn, andon_close_cause cause, uint16_t code);
    /** The host sent a command, by `andon_server_command`. */
    void (*command)(void *context, andon_effects *effects, uint64_t code, andon_bytes data);
    /** The deadline set by `andon_effects_arm` may have passed. */
    void (*deadline)(void *context, andon_effects *effects);
    /**
     * Somebody needs to know how things stand in a topic declared with `ANDON_SNAPSHOT_CONTRACT`: a newcomer,
     * or a client that was too slow.
     */
    void (*snapshot)(void *context, andon_snapshot *out, andon_topic topic, bool newcomer);
    /**
      * A client is too slow for a topic declared with `ANDON_SNAPSHOT_CONTRACT` and `ANDON_LAG_CONFLATE`: it
      * never gets the messages from `first` up to, and without, `end`,
     * counted from 0 since the topic was declared. What is added to `out` comes to it before the snapshot.
     */
    void (*gap)(void *context, andon_snapshot *out, andon_topic topic, uint64_t first, uint64_t end);
    /** The server stops: a last word to the clients. */
    void (*shutdown)(void *context, andon_effects *effects);
    /** Called when `context` is not used any more. May be NULL. */
    void (*drop)(void *context);
    /**
      * What became of a record of this contract's: `OK` when it is committed, as safe as the store makes it;
      * `BAD_STORE` when the store could not commit it for too long, and `REFUSED` when it never will,
      * with why in words. Tickets come back in the order in which they were given out, unless the store has
      * been given up, or refusals pile up: then new ones are refused at once.
     */
    void (*recorded)(void *context, andon_effects *effects, andon_ticket ticket, andon_status outcome, andon_str why);
} andon_contract;

/**
 * Mounts a contract at a path pattern, such as "/ws/cells/{code}". `mount` may be NULL.
 *
  * Threads: any. Blocking: never. Ownership: copied; `context` is the library's until `drop`, if the call
  * succeeds. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `SPENT`; a pattern that
  * cannot be is told by the start.
 */
andon_status andon_config_contract(andon_config *config,
                                   andon_str pattern,
                                   const andon_contract *contract,
                                   const andon_mount_options *mount);

/**
  * Gives a contract of the host's own a command, for its `command`: a number and bytes that mean what the two
  * agree on.
 *
  * Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`,
  * `FORKED`, `FULL`, `STOPPED`. For a mount that is not there, or no contract of the host's: counted, and no
  * error.
 */
andon_status andon_server_command(const andon_server *server,
                                  andon_mount mount,
                                  uint64_t code,
                                  andon_bytes data);

/** What `ANDON_CONTRACT_INIT` is: the size set, and all else zero. */
static inline andon_contract andon_contract_init(void) {
    andon_contract made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}
#define ANDON_CONTRACT_INIT andon_contract_init()

/* ---- Within a contract's callbacks ----------------------------------------------------------------------- */

/**
 * The mount that starts.
 *
 * Threads: the callback's. Blocking: never. Real-time: no. Errors: `ANDON_MOUNT_NONE` for NULL.
 */
andon_mount andon_setup_mount(const andon_setup *setup);

/**
 * The topic of this name that was declared by `andon_config_topic`.
 *
 * Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_UTF8`, `NOT_FOUND`.
 */
andon_status andon_setup_topic(const andon_setup *setup, andon_str name, andon_topic *topic);

/**
  * The time at which the callback runs, in nanoseconds of the monotonic clock that `andon_effects_arm` speaks
  * of.
 *
 * Threads: the callback's. Blocking: never. Real-time: no. Errors: 0 for NULL.
 */
uint64_t andon_effects_now(const andon_effects *effects);

/**
 * The same on the wall clock, in milliseconds since 1970.
 *
 * Threads: the callback's. Blocking: never. Real-time: no. Errors: 0 for NULL.
 */
int64_t andon_effects_time_ms(const andon_effects *effects);

/**
 * Sends one message to one client, in order with everything else it gets.
 *
  * Threads: the callback's. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`,
  * `BAD_UTF8`, `BAD_ARGUMENT`.
 */
andon_status andon_effects_send(andon_effects *effects,
                                andon_conn conn,
                                andon_message_kind kind,
                                andon_bytes message);

/**
 * Sends one message ahead of everything that still waits for this client. All else as `andon_effects_send`.
 */
andon_status andon_effects_send_urgent(andon_effects *effects,
                                       andon_conn conn,
                                       andon_message_kind kind,
                                       andon_bytes message);

/**
 * Publishes a message to every subscriber of a topic. It is encoded once, however many there are.
 *
  * Threads: the callback's. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`,
  * `BAD_UTF8`, `BAD_ARGUMENT`.
 */
andon_status andon_effects_publish(andon_effects *effects,
                                   andon_topic topic,
                                   andon_message_kind kind,
                                   andon_bytes message);

/**
 * Publishes the newest value of one key of a topic with `ANDON_SNAPSHOT_KEYED`. All else as
 * `andon_effects_publish`.
 */
andon_status andon_effects_publish_key(andon_effects *effects,
                                       andon_topic topic,
                                       andon_str key,
                                       andon_message_kind kind,
                                       andon_bytes message);

/**
 * Publishes a message that is never taken for the topic's newest value: a ping, a remark. All else as
 * `andon_effects_publish`.
 */
andon_status andon_effects_notice(andon_effects *effects,
                                  andon_topic topic,
                                  andon_message_kind kind,
                                  andon_bytes message);

/**
  * Publishes the topic's snapshot to all its subscribers once more: its last message, or the latest of every
  * key. Nothing happens where there is none.
 *
 * Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`.
 */
andon_status andon_effects_republish(andon_effects *effects,
                                     andon_topic topic);

/**
 * Subscribes a client to what comes from now on, without a snapshot. All else as `andon_effects_subscribe`.
 */
andon_status andon_effects_subscribe_from_now(andon_effects *effects, andon_conn conn, andon_topic topic);

/**
 * Subscribes a client, beginning with the topic's snapshot if it has one. Twice is once.
 *
 * Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`.
 */
andon_status andon_effects_subscribe(andon_effects *effects, andon_conn conn, andon_topic topic);

/**
 * Ends a subscription.
 *
 * Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`.
 */
andon_status andon_effects_unsubscribe(andon_effects *effects, andon_conn conn, andon_topic topic);

/**
 * Closes a client, after everything that was sent and published to it before.
 *
  * Threads: the callback's. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`,
  * `BAD_UTF8`, `BAD_ARGUMENT` for a code that may not be sent.
 */
andon_status andon_effects_close(andon_effects *effects,
                                 andon_conn conn,
                                 uint16_t code,
                                 andon_str reason);

/**
  * Tells the host something, as an `ANDON_EVENT_CONTRACT`. `event_class` is one of `ANDON_CLASS_*`; `key`
  * says which earlier one an `ANDON_CLASS_STATE` replaces; `about` is the connection it is about, or NULL.
 *
  * Threads: the callback's. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`,
  * `BAD_UTF8`, `BAD_ARGUMENT`.
 */
andon_status andon_effects_event(andon_effects *effects,
                                 andon_event_class event_class,
                                 uint64_t key,
                                 const andon_conn *about,
                                 andon_message_kind kind,
                                 andon_bytes body);

/**
  * Asks for a call of `deadline` in so many milliseconds; `ANDON_FOREVER` asks for none. A contract has one
  * deadline: the last word counts.
 *
 * Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`.
 */
andon_status andon_effects_arm(andon_effects *effects,
                               uint32_t after_ms);

/**
 * Declares a topic of the contract's own. The name is for people and logs.
 *
  * Threads: the callback's. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`,
  * `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ARGUMENT`, `BAD_TOPIC` with the reason.
 */
andon_status andon_effects_declare(andon_effects *effects,
                                   andon_str name,
                                   const andon_topic_options *options,
                                   andon_topic *topic);

/**
 * Ends a topic and every subscription to it.
 *
 * Threads: the callback's. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`.
 */
andon_status andon_effects_retire(andon_effects *effects, andon_topic topic);

/**
  * Records something in the contract's own words: bytes, under a key of a stream, such as a table and whom it
  * is about. `recorded` of the contract tells by the ticket when it is committed, which is
  * waited for, or that it was refused. `ticket` may be NULL. What was recorded is read back by
  * `andon_server_read_records`.
 *
  * Threads: the callback's. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`,
  * `BAD_UTF8`; that there is no store, or no room, is told by `recorded`.
 */
andon_status andon_effects_record(andon_effects *effects,
                                  andon_str stream,
                                  andon_str key,
                                  andon_bytes payload,
                                  andon_ticket *ticket);

/**
 * Records something that nobody waits for: the store may take some time (`record_window_ms` of
 * `andon_limits`) to collect more. All else as `andon_effects_record`.
 */
andon_status andon_effects_file(andon_effects *effects,
                                andon_str stream,
                                andon_str key,
                                andon_bytes payload,
                                andon_ticket *ticket);

/**
 * Records something that happened at another time than now, such as what the store has refused before; nobody
 * waits for it. All else as `andon_effects_record`.
 */
andon_status andon_effects_file_at(andon_effects *effects,
                                   int64_t time_ms,
                                   andon_str stream,
                                   andon_str key,
                                   andon_bytes payload,
                                   andon_ticket *ticket);

/**
 * Adds a message to a snapshot.
 *
  * Threads: the callback's. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`,
  * `BAD_UTF8`, `BAD_ARGUMENT`.
 */
andon_status andon_snapshot_add(andon_snapshot *snapshot,
                                andon_message_kind kind,
                                andon_bytes message);

/* ---- Gates ----------------------------------------------------------------------------------------------- */

/**
  * Makes a gate that knows clients by the secrets of a table. It looks nowhere yet: see `andon_gate_cookie`,
  * `andon_gate_bearer`, `andon_gate_query`, `andon_gate_subprotocol`.
 *
  * Threads: any. Blocking: never. Ownership: the caller's, until `andon_gate_free`; the table's secrets are
  * shared. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`.
 */
andon_status andon_gate_new_identities(const andon_identities *identities,
                                       andon_gate **gate);

/**
  * Makes a gate that asks the host about everybody: an event of `ANDON_EVENT_ASKED` tells of each, which
  * `andon_server_let_in`, `andon_server_let_in_as` or `andon_server_refuse` answers. Needs
  * `ANDON_EVENTS_ASKS`. As the
 * next of a chain it asks about those whom the gates before it do not know.
 *
  * Threads: any. Blocking: never. Ownership: the caller's, until `andon_gate_free`. Real-time: no. Errors:
  * `NULL_ARGUMENT`.
 */
andon_status andon_gate_new_asking(andon_gate **gate);

/**
 * Frees a gate. Mounts and routes that were given it have their own. NULL is nothing to be freed.
 *
  * Threads: any, but nobody may use it any more. Blocking: never. Real-time: no. Errors: none; see
  * `andon_last_error` for a pointer that was none.
 */
void andon_gate_free(andon_gate *gate);

/**
  * Also looks for the cookie of exactly this name; an empty one stands for "sessionid". What is guarded is
  * then by default for pages of the same host only, unless its options say `any_origin`. A gate looks at its
  * places in the order in which they were
 * named, and the first that shows somebody counts.
 *
  * Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`,
  * `FORKED`, `BAD_UTF8`, `BAD_ARGUMENT` for a gate that asks or is a chain already: name the places of its
  * parts.
 */
andon_status andon_gate_cookie(andon_gate *gate,
                               andon_str name);

/**
 * Also looks at `Authorization: Bearer`. Browsers cannot send it with a WebSocket.
 *
 * Threads: any. Blocking: never. Real-time: no. Errors: as `andon_gate_cookie`.
 */
andon_status andon_gate_bearer(andon_gate *gate);

/**
  * Also looks at a key of the query, as in "/ws?token=...", percent-decoded. Servers in front write URLs to
  * their logs, so this is for tokens that are soon worth nothing.
 *
  * Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: as `andon_gate_cookie`;
  * `BAD_ARGUMENT` also for an empty name.
 */
andon_status andon_gate_query(andon_gate *gate,
                              andon_str name);

/**
  * Also looks behind the subprotocol "andon.bearer", as in `new WebSocket(url, ["andon.bearer", token])`: the
  * one header that a browser's page can write.
 *
 * Threads: any. Blocking: never. Real-time: no. Errors: as `andon_gate_cookie`.
 */
andon_status andon_gate_subprotocol(andon_gate *gate);

/**
 * Refuses with 401 and this `WWW-Authenticate`, such as `Bearer realm="line 7"`. Default: 403.
 *
  * Threads: any. Blocking: never. Ownership: copied. Real-time: no. Errors: as `andon_gate_cookie`;
  * `BAD_HEADER` for what cannot be a header.
 */
andon_status andon_gate_challenge(andon_gate *gate,
                                  andon_str challenge);

/**
  * Has a gate leave to `next` whom it does not know and who shows it nothing: it is a chain from then on. At
  * most 16 gates make one.
 *
  * Threads: any. Blocking: never. Ownership: `next` is copied, and stays the caller's. Real-time: no. Errors:
  * `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_ARGUMENT` for too many.
 */
andon_status andon_gate_or(andon_gate *gate,
                           const andon_gate *next);

/**
  * Has a gate let in, as nobody in particular, who shows it nothing. Who shows something wrong is still
  * refused.
 *
  * Threads: any. Blocking: never. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`,
  * `BAD_ARGUMENT` when it is made of 16 already.
 */
andon_status andon_gate_optional(andon_gate *gate);

/* ---- Tokens ---------------------------------------------------------------------------------------------- */

/** How a token is signed: one of `ANDON_JWT_*`. */
typedef int32_t andon_jwt_algorithm;

/** A key, bound to the one algorithm that it verifies. */
typedef struct andon_jwt_key {
    /** One of `ANDON_JWT_*`. */
    andon_jwt_algorithm algorithm;
    /**
     * The secret or the public key. Private keys are refused: they must not lie where they are not needed.
     */
    andon_bytes key;
    /** The `kid` by which tokens name it. Empty: none, and it is tried for all. */
    andon_str id;
} andon_jwt_key;

/** Which tokens are taken, and what is read of them. Zero means the default. */
typedef struct andon_jwt_options {
    /** Set by `ANDON_JWT_OPTIONS_INIT`. */
    size_t struct_size;
    /** Keys, `keys_count` of them: 1 to 16. */
    const andon_jwt_key *keys;
    /** How many there are. */
    size_t keys_count;
    /**
     * Only what one of these has issued (`iss`), `issuers_count` of them. Default: whoever has signed with
     * one of the keys.
     */
    const andon_str *issuers;
    /** How many there are. */
    size_t issuers_count;
    /**
     * Only what is for one of these (`aud`), `audiences_count` of them. Default: only what does not say for
     * whom it is.
     */
    const andon_str *audiences;
    /** How many there are. */
    size_t audiences_count;
    /** Claims that are passed on to contracts, `claims_count` of them. Default: none. */
    const andon_str *claims;
    /** How many there are. */
    size_t claims_count;
    /** The claim that becomes the subject. Default "sub". */
    andon_str subject_claim;
    /** The claim that becomes the name. Default "name". */
    andon_str name_claim;
    /** The claim that becomes the roles. Default "roles". */
    andon_str roles_claim;
    /** How far the clocks may be apart. Default 10,000; 1 is next to nothing. */
    uint32_t leeway_ms;
    /** Takes tokens without an `exp` as well. */
    bool without_expiry;
} andon_jwt_options;

/** By a secret that is shared with who signs, of at least 32 bytes. */
#define ANDON_JWT_HS256 1
/** By an RSA key of 2,048 to 4,096 bits, whose public half is given as PEM or DER. */
#define ANDON_JWT_RS256 2
/** By a key on the curve P-256, whose public half is given as PEM or DER. */
#define ANDON_JWT_ES256 3
/** By a key on the curve Ed25519, whose public half is given as PEM or DER. */
#define ANDON_JWT_EDDSA 4

/**
  * Makes a gate that knows clients by tokens (JWT, RFC 7519) that were signed with one of these keys. It
  * looks nowhere yet, as one of `andon_gate_new_identities`. The identity ends with its token.
 *
  * Threads: any. Blocking: never. Ownership: all is copied; the gate is the caller's, until
  * `andon_gate_free`. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ARGUMENT`, `BAD_CREDENTIAL` for a key that is
  * none, or no key at all; `NOT_SUPPORTED` in a build without tokens. No message shows a key.
 */
andon_status andon_gate_new_jwt(const andon_jwt_options *options,
                                andon_gate **gate);

/** What `ANDON_JWT_OPTIONS_INIT` is: the size set, and all else zero. */
static inline andon_jwt_options andon_jwt_options_init(void) {
    andon_jwt_options made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}
#define ANDON_JWT_OPTIONS_INIT andon_jwt_options_init()

/* ---- Logging --------------------------------------------------------------------------------------------- */

/** How much a word matters: one of `ANDON_LOG_*`. */
typedef int32_t andon_log_level;

/** Where a server's words go. */
typedef struct andon_log_options {
    /** Set by `ANDON_LOG_OPTIONS_INIT`. */
    size_t struct_size;
    /** One of `ANDON_LOG_*`: that level, and those that matter more. Default `ANDON_LOG_WARN`. */
    andon_log_level level;
    /** For `write` and `drop`. */
    void *context;
    /**
     * Called for each word: mostly on the server's thread, sometimes on threads that call the library, also
     * at once. It must not wait; what the library is asked to say from within is not said.
     */
    void (*write)(void *context, andon_log_level level, andon_str message);
    /**
     * Called when `context` is not used any more: when the server was freed and its thread has ended. May be
     * NULL.
     */
    void (*drop)(void *context);
} andon_log_options;

/** Something is lost or broken. */
#define ANDON_LOG_ERROR 1
/** Something is not as it should be. */
#define ANDON_LOG_WARN 2
/** Good to know. */
#define ANDON_LOG_INFO 3
/** For those who look for a fault. */
#define ANDON_LOG_DEBUG 4
/** Everything. */
#define ANDON_LOG_TRACE 5

/**
 * Gives the server's words to a callback. Without this nothing is said.
 *
  * Threads: any. Blocking: never. Ownership: copied; `context` is the library's until `drop`, if the call
  * succeeds. Real-time: no.
  * Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_ARGUMENT`, `SPENT`,
  * `LOGGER_TAKEN`.
 */
andon_status andon_config_log(andon_config *config,
                              const andon_log_options *options);

/** What `ANDON_LOG_OPTIONS_INIT` is: the size set, and all else zero. */
static inline andon_log_options andon_log_options_init(void) {
    andon_log_options made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}
#define ANDON_LOG_OPTIONS_INIT andon_log_options_init()

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ANDON_H */
