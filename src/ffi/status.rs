//! What a call came to, in numbers that never change, and in words.

use crate::hub::tags::error::TagWriteError;
use core::ffi::{CStr, c_char};

/// What a call came to: 0 for success, one of `ANDON_STATUS_*` otherwise. No value is ever given another meaning.
pub type andon_status = i32;

/// Success.
pub const ANDON_STATUS_OK: andon_status = 0;

/// Outcome: no event is waiting, or none came in time.
pub const ANDON_STATUS_NO_EVENT: andon_status = 1;
/// Outcome: the server has ended, and every event has been read.
pub const ANDON_STATUS_ENDED: andon_status = 2;
/// Outcome: there is nothing of this name.
pub const ANDON_STATUS_NOT_FOUND: andon_status = 3;
/// Outcome: a callback of the host's said to stop.
pub const ANDON_STATUS_CANCELLED: andon_status = 4;

/// Caller: something that is needed is NULL.
pub const ANDON_STATUS_NULL_ARGUMENT: andon_status = 10;
/// Caller: the pointer is to no object of this kind.
pub const ANDON_STATUS_BAD_HANDLE: andon_status = 11;
/// Caller: a `struct_size` that cannot be, or an option that this library is too old to know.
pub const ANDON_STATUS_BAD_STRUCT_SIZE: andon_status = 12;
/// Caller: a text that is not UTF-8.
pub const ANDON_STATUS_BAD_UTF8: andon_status = 13;
/// Caller: a text that is not in the encoding that was named, or an encoding that is not known.
pub const ANDON_STATUS_BAD_ENCODING: andon_status = 14;
/// Caller: a number that means nothing here.
pub const ANDON_STATUS_BAD_ARGUMENT: andon_status = 15;
/// Caller: the configuration was started, checked or refused before: it takes no more settings.
pub const ANDON_STATUS_SPENT: andon_status = 16;
/// Caller: no events were asked for, by `andon_config_events`.
pub const ANDON_STATUS_EVENTS_OFF: andon_status = 17;
/// Caller: the object was made before a fork, and this is the child.
pub const ANDON_STATUS_FORKED: andon_status = 18;
/// Caller: not on this system, or not in this build.
pub const ANDON_STATUS_NOT_SUPPORTED: andon_status = 19;
/// Caller: the program has a Rust logger of its own, so that the server's words go there.
pub const ANDON_STATUS_LOGGER_TAKEN: andon_status = 20;

/// Settings: the configuration contradicts itself.
pub const ANDON_STATUS_BAD_CONFIG: andon_status = 30;
/// Settings: a text that is no JSON.
pub const ANDON_STATUS_BAD_JSON: andon_status = 31;
/// Settings: the table is full: of equipment, or of secrets.
pub const ANDON_STATUS_TABLE_FULL: andon_status = 32;
/// Settings: there is equipment of this code.
pub const ANDON_STATUS_CODE_TAKEN: andon_status = 33;
/// Settings: equipment that cannot be as it is described.
pub const ANDON_STATUS_BAD_EQUIPMENT: andon_status = 34;
/// Settings: a tag that cannot be, or is not there.
pub const ANDON_STATUS_BAD_TAG: andon_status = 35;
/// Settings: a topic that cannot be, or finds no room.
pub const ANDON_STATUS_BAD_TOPIC: andon_status = 36;
/// Settings: a header that cannot be part of an answer.
pub const ANDON_STATUS_BAD_HEADER: andon_status = 37;
/// Settings: a secret or a key that cannot be used.
pub const ANDON_STATUS_BAD_CREDENTIAL: andon_status = 38;
/// Settings: a guided session that cannot be as it is described.
pub const ANDON_STATUS_BAD_SESSION: andon_status = 39;

/// Machine: the address cannot be listened on.
pub const ANDON_STATUS_CANNOT_LISTEN: andon_status = 40;
/// Machine: the store cannot be opened, read or written, see the message.
pub const ANDON_STATUS_BAD_STORE: andon_status = 41;
/// Machine: the system refused a thread or a descriptor.
pub const ANDON_STATUS_SYSTEM: andon_status = 42;

/// Moment: too many commands, or too many bytes, wait for the loop.
pub const ANDON_STATUS_FULL: andon_status = 50;
/// Moment: the server has stopped, or is about to.
pub const ANDON_STATUS_STOPPED: andon_status = 51;
/// It can never be taken as it is: larger than the limits.
pub const ANDON_STATUS_REFUSED: andon_status = 52;
/// Moment: there was no answer in time.
pub const ANDON_STATUS_TIMED_OUT: andon_status = 53;

/// Tag write: another thread is writing this equipment. Write again in the next cycle, or give each equipment one writer.
pub const ANDON_STATUS_BUSY: andon_status = 60;
/// Tag write: the equipment is of another table, or was never given out.
pub const ANDON_STATUS_UNKNOWN_EQUIPMENT: andon_status = 61;
/// Tag write: the equipment has no such tag.
pub const ANDON_STATUS_UNKNOWN_TAG: andon_status = 62;
/// Tag write: an update is of one equipment, and the tag belongs to another.
pub const ANDON_STATUS_OTHER_EQUIPMENT: andon_status = 63;
/// Tag write: the tag holds another kind of value.
pub const ANDON_STATUS_WRONG_KIND: andon_status = 64;
/// Tag write: the text is longer than the 31 bytes that a tag holds.
pub const ANDON_STATUS_TEXT_TOO_LONG: andon_status = 65;
/// Tag write: more than 128 writes in one update.
pub const ANDON_STATUS_TOO_MANY_WRITES: andon_status = 66;

/// Store: the directory of the file does not exist.
pub const ANDON_STATUS_STORE_NO_DIRECTORY: andon_status = 70;
/// Store: this process may not write the file, or new files beside it.
pub const ANDON_STATUS_STORE_DENIED: andon_status = 71;
/// Store: the path leads to something else than a file.
pub const ANDON_STATUS_STORE_NOT_A_FILE: andon_status = 72;
/// Store: another server records into the file.
pub const ANDON_STATUS_STORE_IN_USE: andon_status = 73;
/// Store: another program keeps the file locked.
pub const ANDON_STATUS_STORE_LOCKED: andon_status = 74;
/// Store: the file is no SQLite database.
pub const ANDON_STATUS_STORE_NOT_A_DATABASE: andon_status = 75;
/// Store: the file's tables are not those of a recording.
pub const ANDON_STATUS_STORE_NOT_A_RECORDING: andon_status = 76;
/// Store: the file is damaged.
pub const ANDON_STATUS_STORE_CORRUPT: andon_status = 77;
/// Store: the file was written by a newer version of this library.
pub const ANDON_STATUS_STORE_NEWER: andon_status = 78;
/// Store: there is no room on the file's disk.
pub const ANDON_STATUS_STORE_DISK_FULL: andon_status = 79;

/// Library: a fault in the library itself, contained.
pub const ANDON_STATUS_PANIC: andon_status = 90;

/// A status in words; for a number that is none, words that say so.
///
/// Threads: any. Blocking: never. Ownership: static. Real-time: yes. Errors: none; never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn andon_status_text(status: andon_status) -> *const c_char {
    text(status).as_ptr()
}

fn text(status: andon_status) -> &'static CStr {
    match status {
        ANDON_STATUS_OK => c"success",
        ANDON_STATUS_NO_EVENT => c"no event is waiting",
        ANDON_STATUS_ENDED => c"the server has ended, and every event was read",
        ANDON_STATUS_NOT_FOUND => c"there is nothing of this name",
        ANDON_STATUS_CANCELLED => c"a callback said to stop",
        ANDON_STATUS_NULL_ARGUMENT => c"something that is needed is NULL",
        ANDON_STATUS_BAD_HANDLE => c"the pointer is to no object of this kind",
        ANDON_STATUS_BAD_STRUCT_SIZE => c"a struct's size, or an option that this library does not know",
        ANDON_STATUS_BAD_UTF8 => c"a text is not UTF-8",
        ANDON_STATUS_BAD_ENCODING => c"a text is not in the encoding that was named",
        ANDON_STATUS_BAD_ARGUMENT => c"a number means nothing here",
        ANDON_STATUS_SPENT => c"the configuration takes no more settings",
        ANDON_STATUS_EVENTS_OFF => c"no events were asked for",
        ANDON_STATUS_FORKED => c"the object belongs to the parent process",
        ANDON_STATUS_NOT_SUPPORTED => c"not supported on this system or in this build",
        ANDON_STATUS_LOGGER_TAKEN => c"the program has a Rust logger of its own",
        ANDON_STATUS_BAD_CONFIG => c"the configuration contradicts itself",
        ANDON_STATUS_BAD_JSON => c"a text is no JSON",
        ANDON_STATUS_TABLE_FULL => c"the table is full",
        ANDON_STATUS_CODE_TAKEN => c"there is equipment of this code",
        ANDON_STATUS_BAD_EQUIPMENT => c"equipment that cannot be",
        ANDON_STATUS_BAD_TAG => c"a tag that cannot be, or is not there",
        ANDON_STATUS_BAD_TOPIC => c"a topic that cannot be, or finds no room",
        ANDON_STATUS_BAD_HEADER => c"a header that cannot be part of an answer",
        ANDON_STATUS_BAD_CREDENTIAL => c"a secret or a key that cannot be used",
        ANDON_STATUS_BAD_SESSION => c"a guided session that cannot be",
        ANDON_STATUS_CANNOT_LISTEN => c"the address cannot be listened on",
        ANDON_STATUS_BAD_STORE => c"the store cannot be opened, read or written",
        ANDON_STATUS_SYSTEM => c"the system refused a thread or a descriptor",
        ANDON_STATUS_FULL => c"the server's command queue is full",
        ANDON_STATUS_STOPPED => c"the server has stopped",
        ANDON_STATUS_REFUSED => c"it can never be taken as it is",
        ANDON_STATUS_TIMED_OUT => c"there was no answer in time",
        ANDON_STATUS_BUSY => c"another thread is writing this equipment",
        ANDON_STATUS_UNKNOWN_EQUIPMENT => c"no such equipment in this table",
        ANDON_STATUS_UNKNOWN_TAG => c"the equipment has no such tag",
        ANDON_STATUS_OTHER_EQUIPMENT => c"the tag belongs to other equipment",
        ANDON_STATUS_WRONG_KIND => c"the tag holds another kind of value",
        ANDON_STATUS_TEXT_TOO_LONG => c"the text is longer than a tag holds",
        ANDON_STATUS_TOO_MANY_WRITES => c"too many writes in one update",
        ANDON_STATUS_STORE_NO_DIRECTORY => c"the directory of the file does not exist",
        ANDON_STATUS_STORE_DENIED => c"this process may not write the file, or new files beside it",
        ANDON_STATUS_STORE_NOT_A_FILE => c"the path leads to something else than a file",
        ANDON_STATUS_STORE_IN_USE => c"another server records into the file",
        ANDON_STATUS_STORE_LOCKED => c"another program keeps the file locked",
        ANDON_STATUS_STORE_NOT_A_DATABASE => c"the file is no SQLite database",
        ANDON_STATUS_STORE_NOT_A_RECORDING => c"the file's tables are not those of a recording",
        ANDON_STATUS_STORE_CORRUPT => c"the file is damaged",
        ANDON_STATUS_STORE_NEWER => c"the file was written by a newer version of this library",
        ANDON_STATUS_STORE_DISK_FULL => c"there is no room on the file's disk",
        ANDON_STATUS_PANIC => c"a fault in the library itself",
        _ => c"no status of this library",
    }
}

/// Without words: this is a real-time thread's.
pub(super) fn of_tag_write(error: TagWriteError) -> andon_status {
    match error {
        TagWriteError::Busy => ANDON_STATUS_BUSY,
        TagWriteError::UnknownEquipment => ANDON_STATUS_UNKNOWN_EQUIPMENT,
        TagWriteError::UnknownTag => ANDON_STATUS_UNKNOWN_TAG,
        TagWriteError::OtherEquipment => ANDON_STATUS_OTHER_EQUIPMENT,
        TagWriteError::WrongKind { .. } => ANDON_STATUS_WRONG_KIND,
        TagWriteError::TextTooLong { .. } => ANDON_STATUS_TEXT_TOO_LONG,
        TagWriteError::TooManyWrites { .. } => ANDON_STATUS_TOO_MANY_WRITES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// The numbers of the statuses are a promise, and each has words of its own.
    #[test]
    fn every_status_has_words() {
        let source = include_str!("status.rs");
        let mut numbers = BTreeMap::new();
        for line in source.lines() {
            let Some(rest) = line.strip_prefix("pub const ANDON_STATUS_") else { continue };
            let (name, number) = rest.split_once(": andon_status = ").unwrap();
            let number: andon_status = number.trim_end_matches(';').parse().unwrap();
            assert_eq!(numbers.insert(number, name), None, "{name} has the number of another");
            assert_ne!(text(number), text(-1), "{name} has no words");
        }
        assert!(numbers.len() > 30);
    }
}
