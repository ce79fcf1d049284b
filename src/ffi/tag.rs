//! Tag writes: what control threads call in every cycle. No text is made here, nothing allocates, locks or asks the system.

use super::{
    guard::enter_real_time,
    object::find,
    status::{
        ANDON_STATUS_BAD_ARGUMENT, ANDON_STATUS_BAD_UTF8, ANDON_STATUS_NULL_ARGUMENT, ANDON_STATUS_OK,
        ANDON_STATUS_TEXT_TOO_LONG, andon_status, of_tag_write,
    },
    tags::{
        ANDON_KIND_BOOL, ANDON_KIND_F64, ANDON_KIND_I64, ANDON_KIND_STATUS, ANDON_KIND_TEXT, andon_tag_kind,
        andon_tags,
    },
    types::{andon_equipment, andon_str, andon_tag},
};
use crate::{
    ground::{limits::TAG_TEXT_BYTES_MAX, time::Wall},
    hub::tags::{
        equipment::EquipmentStatus,
        error::TagWriteError,
        handle::{TagId, TagWrite},
        value::TagValue,
        writer::Tags,
    },
};
use core::{iter, slice};

/// What equipment is doing, where the host knows better than its tags tell: one of `ANDON_EQUIPMENT_*`.
pub type andon_equipment_status = i32;
/// As its tags tell. The default.
pub const ANDON_EQUIPMENT_BY_TAGS: andon_equipment_status = 0;
/// At work.
pub const ANDON_EQUIPMENT_RUNNING: andon_equipment_status = 1;
/// Ready.
pub const ANDON_EQUIPMENT_IDLE: andon_equipment_status = 2;
/// Stopped.
pub const ANDON_EQUIPMENT_STOPPED: andon_equipment_status = 3;
/// At fault.
pub const ANDON_EQUIPMENT_ERROR: andon_equipment_status = 4;
/// Nothing is known of it.
pub const ANDON_EQUIPMENT_DISCONNECTED: andon_equipment_status = 5;

/// The value of an `andon_tag_write`; its kind says which member.
#[repr(C)]
#[derive(Clone, Copy)]
pub union andon_tag_value {
    /// Of `ANDON_KIND_BOOL`: false is 0, all else is true.
    pub boolean: u8,
    /// Of `ANDON_KIND_I64` and `ANDON_KIND_STATUS`.
    pub i64: i64,
    /// Of `ANDON_KIND_F64`.
    pub f64: f64,
    /// Of `ANDON_KIND_TEXT`.
    pub text: andon_str,
}

/// One write of `andon_tags_update`. Its size is fixed for ever.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_tag_write {
    /// Which tag; of `ANDON_KIND_STATUS` only its equipment counts.
    pub tag: andon_tag,
    /// What `value` holds: one of `ANDON_KIND_*`.
    pub kind: andon_tag_kind,
    /// The value.
    pub value: andon_tag_value,
}

/// Writes one tag of kind `ANDON_KIND_BOOL`; the equipment's other tags keep their values.
///
/// Threads: any, one writer for each equipment. Blocking: never. Real-time: yes. Errors, by status alone: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BUSY`, `UNKNOWN_EQUIPMENT`, `UNKNOWN_TAG`, `WRONG_KIND`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_tag_set_bool(
    tags: *const andon_tags,
    tag: andon_tag,
    value: bool,
) -> andon_status {
    // SAFETY: the caller's word, see docs/c-api.md.
    unsafe { write(tags, |tags| set(tags, tag, TagValue::Bool(value))) }
}

/// Writes one tag of kind `ANDON_KIND_I64`. All else as `andon_tag_set_bool`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_tag_set_i64(
    tags: *const andon_tags,
    tag: andon_tag,
    value: i64,
) -> andon_status {
    // SAFETY: the caller's word.
    unsafe { write(tags, |tags| set(tags, tag, TagValue::I64(value))) }
}

/// Writes one tag of kind `ANDON_KIND_F64`. What is not finite becomes no value, and is counted. All else as `andon_tag_set_bool`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_tag_set_f64(
    tags: *const andon_tags,
    tag: andon_tag,
    value: f64,
) -> andon_status {
    // SAFETY: the caller's word.
    unsafe { write(tags, |tags| set(tags, tag, TagValue::F64(value))) }
}

/// Writes one tag of kind `ANDON_KIND_TEXT`: UTF-8 of up to 31 bytes. All else as `andon_tag_set_bool`; besides `BAD_UTF8`, `TEXT_TOO_LONG`, and `BAD_ARGUMENT` for a length that no text can have. `value` is copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_tag_set_text(
    tags: *const andon_tags,
    tag: andon_tag,
    value: andon_str,
) -> andon_status {
    // SAFETY: the caller's word.
    unsafe { write(tags, |tags| set(tags, tag, TagValue::Text(text(value)?))) }
}

/// As `andon_tag_set_bool`, of a value that is from `time_ms`, which is shown as the equipment's last update until its next write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_tag_set_bool_at(
    tags: *const andon_tags,
    time_ms: i64,
    tag: andon_tag,
    value: bool,
) -> andon_status {
    // SAFETY: the caller's word.
    unsafe { write(tags, |tags| set_at(tags, time_ms, tag, TagValue::Bool(value))) }
}

/// As `andon_tag_set_i64`, of a value that is from `time_ms`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_tag_set_i64_at(
    tags: *const andon_tags,
    time_ms: i64,
    tag: andon_tag,
    value: i64,
) -> andon_status {
    // SAFETY: the caller's word.
    unsafe { write(tags, |tags| set_at(tags, time_ms, tag, TagValue::I64(value))) }
}

/// As `andon_tag_set_f64`, of a value that is from `time_ms`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_tag_set_f64_at(
    tags: *const andon_tags,
    time_ms: i64,
    tag: andon_tag,
    value: f64,
) -> andon_status {
    // SAFETY: the caller's word.
    unsafe { write(tags, |tags| set_at(tags, time_ms, tag, TagValue::F64(value))) }
}

/// As `andon_tag_set_text`, of a value that is from `time_ms`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_tag_set_text_at(
    tags: *const andon_tags,
    time_ms: i64,
    tag: andon_tag,
    value: andon_str,
) -> andon_status {
    // SAFETY: the caller's word.
    unsafe { write(tags, |tags| set_at(tags, time_ms, tag, TagValue::Text(text(value)?))) }
}

/// Writes up to 128 times to one equipment, as one: no client sees some of it without the rest. Of two writes of one tag the later counts. A fault in one, and nothing is written.
///
/// Threads: any, one writer for each equipment. Blocking: never. Ownership: copied. Real-time: yes.
/// Errors, by status alone: as the single writes; besides `OTHER_EQUIPMENT`, `TOO_MANY_WRITES`, `BAD_ARGUMENT` for a kind or a status that is none, and for `writes` that are not aligned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_tags_update(
    tags: *const andon_tags,
    equipment: andon_equipment,
    writes: *const andon_tag_write,
    count: usize,
) -> andon_status {
    // SAFETY: the caller's word.
    unsafe { write(tags, |tags| tags.write_each(equipment.into(), None, several(writes, count)?)) }
}

/// As `andon_tags_update`, of values that are from `time_ms`, which is shown as the equipment's last update until its next write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_tags_update_at(
    tags: *const andon_tags,
    time_ms: i64,
    equipment: andon_equipment,
    writes: *const andon_tag_write,
    count: usize,
) -> andon_status {
    // SAFETY: the caller's word.
    unsafe {
        write(tags, |tags| {
            let at = Some(Wall::from_millis(time_ms));
            tags.write_each(equipment.into(), at, several(writes, count)?)
        })
    }
}

/// Says what equipment is doing, where the host knows better than its tags tell: one of `ANDON_EQUIPMENT_*`.
///
/// Threads: any, one writer for each equipment. Blocking: never. Real-time: yes. Errors, by status alone: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_ARGUMENT`, `BUSY`, `UNKNOWN_EQUIPMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_tags_set_status(
    tags: *const andon_tags,
    equipment: andon_equipment,
    status: andon_equipment_status,
) -> andon_status {
    // SAFETY: the caller's word.
    unsafe { write(tags, |tags| Ok(tags.set_status(equipment.into(), equipment_status(status.into())?)?)) }
}

/// Changes nothing, and proves that the host is alive.
///
/// Threads: any, one writer for each equipment. Blocking: never. Real-time: yes. Errors, by status alone: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BUSY`, `UNKNOWN_EQUIPMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_tags_touch(
    tags: *const andon_tags,
    equipment: andon_equipment,
) -> andon_status {
    // SAFETY: the caller's word.
    unsafe { write(tags, |tags| Ok(tags.touch(equipment.into())?)) }
}

/// Says that the host has lost the source of its values, a fieldbus for example. Clients are told; equipment is shown as it was written.
///
/// Threads: any. Blocking: never. Real-time: yes. Errors, by status alone: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_tags_source_lost(tags: *const andon_tags) -> andon_status {
    // SAFETY: the caller's word.
    unsafe {
        write(tags, |tags| {
            tags.source_lost();
            Ok(())
        })
    }
}

/// Says that the source is back. All else as `andon_tags_source_lost`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_tags_source_back(tags: *const andon_tags) -> andon_status {
    // SAFETY: the caller's word.
    unsafe {
        write(tags, |tags| {
            tags.source_back();
            Ok(())
        })
    }
}

/// Why a write was refused.
struct Refused(andon_status);

impl From<TagWriteError> for Refused {
    #[inline]
    fn from(error: TagWriteError) -> Self {
        Self(of_tag_write(error))
    }
}

/// Every function above: its body is a closure of its own, and so becomes a part of it, which halves what a write costs.
///
/// # Safety
///
/// As [`find`].
#[inline(always)]
unsafe fn write(tags: *const andon_tags, body: impl FnOnce(&Tags) -> Result<(), Refused>) -> andon_status {
    enter_real_time(move || {
        // SAFETY: the caller's word.
        match unsafe { find(tags) }.map_err(Refused).and_then(|tags| body(&tags.tags)) {
            Ok(()) => ANDON_STATUS_OK,
            Err(Refused(status)) => status,
        }
    })
}

#[inline(always)]
fn set(tags: &Tags, tag: andon_tag, value: TagValue<'_>) -> Result<(), Refused> {
    tags.write_each(tag.equipment.into(), None, iter::once(Ok(TagId::from(tag).to_value(value))))
}

fn set_at(tags: &Tags, time_ms: i64, tag: andon_tag, value: TagValue<'_>) -> Result<(), Refused> {
    let write = TagId::from(tag).to_value(value);
    Ok(tags.update_at(Wall::from_millis(time_ms), tag.equipment.into(), &[write])?)
}

/// The writes of an update.
///
/// # Safety
///
/// `writes` are `count` that can be read.
#[inline(always)]
unsafe fn several<'a>(
    writes: *const andon_tag_write,
    count: usize,
) -> Result<impl ExactSizeIterator<Item = Result<TagWrite<'a>, Refused>>, Refused> {
    if count > 0 && writes.is_null() {
        return Err(Refused(ANDON_STATUS_NULL_ARGUMENT));
    }
    if count > 0 && !writes.is_aligned() {
        return Err(Refused(ANDON_STATUS_BAD_ARGUMENT));
    }
    // SAFETY: each is one of what the caller says can be read. More than an update takes are refused by their number, before one is read.
    Ok((0..count).map(move |at| unsafe { write_of(&*writes.add(at)) }))
}

/// # Safety
///
/// The member of its value is the one that its kind says, and what that points to can be read.
#[inline]
unsafe fn write_of(given: &andon_tag_write) -> Result<TagWrite<'_>, Refused> {
    // SAFETY: of plain numbers any bytes are a value; of a text, the caller's word.
    let value = unsafe {
        match given.kind {
            ANDON_KIND_BOOL => TagValue::Bool(given.value.boolean != 0),
            ANDON_KIND_I64 => TagValue::I64(given.value.i64),
            ANDON_KIND_F64 => TagValue::F64(given.value.f64),
            ANDON_KIND_TEXT => TagValue::Text(text(given.value.text)?),
            ANDON_KIND_STATUS => {
                let status = equipment_status(given.value.i64)?;
                return Ok(TagWrite::status(given.tag.equipment.into(), status));
            }
            _ => return Err(Refused(ANDON_STATUS_BAD_ARGUMENT)),
        }
    };
    Ok(TagId::from(given.tag).to_value(value))
}

/// # Safety
///
/// The text can be read.
#[inline]
unsafe fn text<'a>(given: andon_str) -> Result<&'a str, Refused> {
    if given.length == 0 {
        return Ok("");
    }
    if given.data.is_null() {
        return Err(Refused(ANDON_STATUS_NULL_ARGUMENT));
    }
    if given.length > isize::MAX as usize {
        return Err(Refused(ANDON_STATUS_BAD_ARGUMENT));
    }
    // Before it is read through, which would take as long as it is.
    if given.length > TAG_TEXT_BYTES_MAX {
        return Err(Refused(ANDON_STATUS_TEXT_TOO_LONG));
    }
    // SAFETY: not null, of a length that can be, and the caller's word.
    let bytes = unsafe { slice::from_raw_parts(given.data.cast::<u8>(), given.length) };
    std::str::from_utf8(bytes).map_err(|_| Refused(ANDON_STATUS_BAD_UTF8))
}

fn equipment_status(given: i64) -> Result<Option<EquipmentStatus>, Refused> {
    Ok(match i32::try_from(given) {
        Ok(ANDON_EQUIPMENT_BY_TAGS) => None,
        Ok(ANDON_EQUIPMENT_RUNNING) => Some(EquipmentStatus::Running),
        Ok(ANDON_EQUIPMENT_IDLE) => Some(EquipmentStatus::Idle),
        Ok(ANDON_EQUIPMENT_STOPPED) => Some(EquipmentStatus::Stopped),
        Ok(ANDON_EQUIPMENT_ERROR) => Some(EquipmentStatus::Error),
        Ok(ANDON_EQUIPMENT_DISCONNECTED) => Some(EquipmentStatus::Disconnected),
        _ => return Err(Refused(ANDON_STATUS_BAD_ARGUMENT)),
    })
}

const _: () = assert!(size_of::<andon_tag_write>() <= 40, "programs make arrays of it");
