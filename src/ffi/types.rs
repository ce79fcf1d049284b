//! The small things that everything is said in: texts, bytes, messages, ids.

use super::{
    fault::{Fault, null},
    status::{ANDON_STATUS_BAD_ARGUMENT, ANDON_STATUS_BAD_UTF8},
};
use crate::ground::{
    frame::{Message, Payload},
    id::{ConnId, EquipmentId, MountId, TopicId},
};
use core::{ffi::c_char, slice};

/// A text: UTF-8, its length in bytes. `data` may be NULL when `length` is 0. One that the library gives is followed by a NUL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_str {
    /// The first byte.
    pub data: *const c_char,
    /// How many bytes there are, a NUL not counted.
    pub length: usize,
}

/// Bytes of any kind. `data` may be NULL when `length` is 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_bytes {
    /// The first byte.
    pub data: *const u8,
    /// How many there are.
    pub length: usize,
}

/// How a message goes over the wire: one of `ANDON_MESSAGE_*`.
pub type andon_message_kind = i32;
/// Text, which must be UTF-8.
pub const ANDON_MESSAGE_TEXT: andon_message_kind = 1;
/// Bytes.
pub const ANDON_MESSAGE_BINARY: andon_message_kind = 2;

/// One connection. One that is over is never taken for its successor.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_conn {
    /// Its place.
    pub slot: u32,
    /// Which of those that had this place.
    pub generation: u32,
}

/// One topic.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_topic {
    /// Its place.
    pub slot: u32,
    /// Which of those that had this place.
    pub generation: u32,
}

/// One mount, in the order of mounting, from 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_mount {
    /// Its place in that order; `ANDON_MOUNT_NONE` for none.
    pub index: u32,
}

/// One record of a contract's on its way to the store. Tickets count up, from 1.
pub type andon_ticket = u64;

/// The `index` of no mount: what is told is about a route, or was not asked yet.
pub const ANDON_MOUNT_NONE: u32 = 0xFFFF_FFFF;
/// A time in milliseconds that is never over.
pub const ANDON_FOREVER: u32 = 0xFFFF_FFFF;

/// One equipment of one tag table.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_equipment {
    /// Its place.
    pub slot: u32,
    /// The table's number.
    pub generation: u32,
}

/// One tag of one equipment.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_tag {
    /// The equipment it belongs to.
    pub equipment: andon_equipment,
    /// Its place there: 0 to 2 are the three that every equipment has, `ANDON_TAG_STATUS`, `ANDON_TAG_ERROR` and `ANDON_TAG_CONNECTION`.
    pub index: u32,
}

macro_rules! ids {
    ($($c:ident $rust:ident,)*) => { $(
        impl From<$c> for $rust {
            #[inline]
            fn from(id: $c) -> Self {
                Self::from_bits(u64::from(id.generation) << 32 | u64::from(id.slot))
            }
        }

        impl From<$rust> for $c {
            fn from(id: $rust) -> Self {
                let bits = id.to_bits();
                Self { slot: bits as u32, generation: (bits >> 32) as u32 }
            }
        }
    )* };
}

ids! {
    andon_conn ConnId,
    andon_topic TopicId,
    andon_equipment EquipmentId,
}

impl From<MountId> for andon_mount {
    fn from(mount: MountId) -> Self {
        Self { index: mount.index() as u32 } // from a u16
    }
}

impl From<Option<MountId>> for andon_mount {
    fn from(mount: Option<MountId>) -> Self {
        mount.map_or(Self { index: ANDON_MOUNT_NONE }, Self::from)
    }
}

impl From<andon_mount> for MountId {
    /// One that cannot be becomes one that is not there.
    fn from(mount: andon_mount) -> Self {
        Self::from_index(u16::try_from(mount.index).unwrap_or(u16::MAX))
    }
}

impl andon_str {
    pub(super) const EMPTY: Self = Self { data: c"".as_ptr(), length: 0 };

    /// The bytes, unchecked.
    ///
    /// # Safety
    ///
    /// They can be read for as long as the slice is used.
    pub(super) unsafe fn bytes<'a>(self, what: &str) -> Result<&'a [u8], Fault> {
        // SAFETY: the caller's word.
        unsafe { andon_bytes { data: self.data.cast(), length: self.length }.read(what) }
    }

    /// The text.
    ///
    /// # Safety
    ///
    /// As [`bytes`](Self::bytes).
    pub(super) unsafe fn read<'a>(self, what: &str) -> Result<&'a str, Fault> {
        // SAFETY: the caller's word.
        text(unsafe { self.bytes(what) }?, what)
    }
}

fn text<'a>(bytes: &'a [u8], what: &str) -> Result<&'a str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        Fault::new(ANDON_STATUS_BAD_UTF8, format!("{what} is not UTF-8: see its byte {at}"))
    })
}

impl andon_bytes {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), length: bytes.len() }
    }

    /// The bytes.
    ///
    /// # Safety
    ///
    /// They can be read for as long as the slice is used.
    pub(super) unsafe fn read<'a>(self, what: &str) -> Result<&'a [u8], Fault> {
        if self.length == 0 {
            return Ok(&[]);
        }
        if self.data.is_null() {
            return Err(null(what));
        }
        if self.length > isize::MAX as usize {
            return Err(Fault::new(ANDON_STATUS_BAD_ARGUMENT, format!("the length of {what} cannot be")));
        }
        // SAFETY: not null, of a length that can be, and the caller's word.
        Ok(unsafe { slice::from_raw_parts(self.data, self.length) })
    }

    /// A message of this kind.
    ///
    /// # Safety
    ///
    /// As [`read`](Self::read).
    pub(super) unsafe fn message<'a>(self, kind: andon_message_kind) -> Result<Message<'a>, Fault> {
        // SAFETY: the caller's word.
        let bytes = unsafe { self.read("the message") }?;
        match kind {
            ANDON_MESSAGE_TEXT => text(bytes, "the message").map(Message::Text),
            ANDON_MESSAGE_BINARY => Ok(Message::Binary(bytes)),
            _ => Err(Fault::new(
                ANDON_STATUS_BAD_ARGUMENT,
                format!("{kind} is no kind of message: give ANDON_MESSAGE_TEXT or ANDON_MESSAGE_BINARY"),
            )),
        }
    }
}

/// How a message is told to C.
pub(super) fn kind_of(message: Message<'_>) -> andon_message_kind {
    match message {
        Message::Text(_) => ANDON_MESSAGE_TEXT,
        Message::Binary(_) => ANDON_MESSAGE_BINARY,
    }
}

/// What an array argument holds.
///
/// # Safety
///
/// Null, or so many values that can be read for as long as the slice is used.
pub(super) unsafe fn array<'a, T>(first: *const T, count: usize, what: &str) -> Result<&'a [T], Fault> {
    if count == 0 {
        return Ok(&[]);
    }
    if first.is_null() {
        return Err(null(what));
    }
    if !first.is_aligned() || count > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(Fault::new(ANDON_STATUS_BAD_ARGUMENT, format!("{what} cannot be an array of {count}")));
    }
    // SAFETY: checked as far as it can be; the rest is the caller's word.
    Ok(unsafe { slice::from_raw_parts(first, count) })
}

/// Writes an array and its length; NULL for one without values.
///
/// # Safety
///
/// Both are null or can be written.
pub(super) unsafe fn put_array<T>(
    values: &[T],
    first: *mut *const T,
    count: *mut usize,
) -> Result<(), Fault> {
    if first.is_null() || count.is_null() {
        return Err(null(if first.is_null() { "items" } else { "count" }));
    }
    let start = if values.is_empty() { core::ptr::null() } else { values.as_ptr() };
    // SAFETY: checked, and the caller's word.
    unsafe {
        first.write(start);
        count.write(values.len());
    }
    Ok(())
}

/// Texts that are lent to C, each with its NUL, for as long as this lives.
#[derive(Default)]
pub(super) struct Texts(Vec<Box<[u8]>>);

impl Texts {
    pub(super) fn lend(&mut self, text: &str) -> andon_str {
        if text.is_empty() {
            return andon_str::EMPTY;
        }
        let mut bytes = Vec::with_capacity(text.len() + 1);
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
        let bytes = bytes.into_boxed_slice();
        // What the box holds stays where it is.
        let lent = andon_str { data: bytes.as_ptr().cast(), length: text.len() };
        self.0.push(bytes);
        lent
    }

    pub(super) fn lend_bytes(&mut self, bytes: Box<[u8]>) -> andon_bytes {
        let lent = andon_bytes::of(&bytes);
        self.0.push(bytes);
        lent
    }

    pub(super) fn lend_payload(&mut self, payload: &Payload) -> andon_bytes {
        self.lend_bytes(payload.as_message().as_bytes().into())
    }
}
