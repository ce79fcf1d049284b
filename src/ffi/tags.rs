//! The tag table: equipment and its tags, declared and found.

use super::{
    encoding::{andon_encoding, decode},
    fault::{Fault, bad, not_found},
    guard::enter,
    object::{Head, Object, give, look, put, take_back},
    options::{self, Options},
    status::andon_status,
    types::{ANDON_FOREVER, andon_equipment, andon_str, andon_tag, array},
};
#[cfg(feature = "contracts")]
use crate::contracts::equipment_monitor::EquipmentMonitor;
use crate::ground::id::EquipmentId;
use crate::hub::tags::{
    equipment::{Equipment, Stale},
    error::TagDeclareError,
    handle::TagId,
    value::TagKind,
    writer::Tags,
};
use std::time::Duration;

/// A tag table: equipment, each with its tags. It is made before the server, mounted by `andon_config_monitor`, and written by control threads. It may outlive the server, and be freed before it, once
/// nobody writes any more.
#[cfg_attr(feature = "ffi", repr(C))] // Not seen by cbindgen, for which it is opaque.
pub struct andon_tags {
    head: Head,
    pub(super) tags: Tags,
    /// What shows the table, cloned for each place where it is mounted.
    #[cfg(feature = "contracts")]
    pub(super) monitor: EquipmentMonitor,
}

// SAFETY: its layout is C's, and its head comes first.
unsafe impl Object for andon_tags {
    const MARK: u32 = u32::from_be_bytes(*b"tags");
    const NAME: &'static str = "andon_tags";
}

/// What a tag holds: one of `ANDON_KIND_*`.
pub type andon_tag_kind = i32;
/// True or false.
pub const ANDON_KIND_BOOL: andon_tag_kind = 1;
/// A whole number, `int64_t`.
pub const ANDON_KIND_I64: andon_tag_kind = 2;
/// A number, `double`; what is not finite becomes no value.
pub const ANDON_KIND_F64: andon_tag_kind = 3;
/// A text of up to 31 bytes.
pub const ANDON_KIND_TEXT: andon_tag_kind = 4;
/// In an `andon_tag_write` only: the equipment's status, one of `ANDON_EQUIPMENT_*`, in `i64`.
pub const ANDON_KIND_STATUS: andon_tag_kind = 5;

/// The `index` of every equipment's `status_tag`: whether it runs.
pub const ANDON_TAG_STATUS: u32 = 0;
/// The `index` of every equipment's `error_tag`: whether it is at fault.
pub const ANDON_TAG_ERROR: u32 = 1;
/// The `index` of every equipment's `connection`: whether the host has contact with it.
pub const ANDON_TAG_CONNECTION: u32 = 2;

// The numbers of tags are those of the table.
const _: () = {
    let equipment = EquipmentId::from_bits(0);
    assert!(equipment.status_tag().id().index() as u32 == ANDON_TAG_STATUS);
    assert!(equipment.error_tag().id().index() as u32 == ANDON_TAG_ERROR);
    assert!(equipment.connection().id().index() as u32 == ANDON_TAG_CONNECTION);
};

/// How much a tag table has room for.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_tags_options {
    /// Set by `ANDON_TAGS_OPTIONS_INIT`.
    pub struct_size: usize,
    /// Equipment. Default 64, at most 65,536.
    pub equipment: usize,
    /// Tags of each, beside the three that each has. Default and most: 64.
    pub tags_each: usize,
}

// SAFETY: numbers, the size first.
unsafe impl Options for andon_tags_options {
    const NAME: &'static str = "andon_tags_options";
}

/// One tag of equipment that is declared.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_tag_options {
    /// 1 to 128 bytes, unlike those of the equipment's other tags.
    pub name: andon_str,
    /// One of `ANDON_KIND_BOOL`, `ANDON_KIND_I64`, `ANDON_KIND_F64`, `ANDON_KIND_TEXT`.
    pub kind: andon_tag_kind,
}

/// One equipment that is declared.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct andon_equipment_options {
    /// Set by `ANDON_EQUIPMENT_OPTIONS_INIT`.
    pub struct_size: usize,
    /// What it is known by: 1 to 256 bytes of UTF-8, unlike that of any other.
    pub code: andon_str,
    /// For people: up to 256 bytes of UTF-8.
    pub name: andon_str,
    /// Its tags, `tags_count` of them.
    pub tags: *const andon_tag_options,
    /// How many there are.
    pub tags_count: usize,
    /// Room for tags that are added later, by `andon_equipment_add_tag`.
    pub room_for_tags: usize,
    /// After how long without a write it is shown as disconnected: at least 100. There is no default, since only the host knows how often it writes; `ANDON_FOREVER`: never.
    pub stale_after_ms: u32,
    /// The encoding of `code`, `name` and the names of tags: one of `ANDON_ENCODING_*`.
    pub encoding: andon_encoding,
}

// SAFETY: the size first; numbers and null pointers are zeros.
unsafe impl Options for andon_equipment_options {
    const NAME: &'static str = "andon_equipment_options";
}

/// Makes a tag table. `options` may be NULL.
///
/// Threads: any. Blocking: never. Ownership: the caller's, until `andon_tags_free`. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_STRUCT_SIZE`, `TABLE_FULL` for more room than there can be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_tags_new(
    options: *const andon_tags_options,
    tags: *mut *mut andon_tags,
) -> andon_status {
    enter(|| {
        let or = |given, otherwise| if given == 0 { otherwise } else { given };
        // SAFETY: the caller's word, see docs/c-api.md.
        let options = unsafe { options::read(options) }?;
        let make = || {
            let (tags, scan) =
                Tags::builder().room(or(options.equipment, 64), or(options.tags_each, 64)).build()?;
            #[cfg(not(feature = "contracts"))]
            drop(scan);
            Ok(andon_tags {
                head: Head::of::<andon_tags>(),
                tags,
                #[cfg(feature = "contracts")]
                monitor: EquipmentMonitor::new(scan),
            })
        };
        // SAFETY: the caller's word.
        unsafe { give(make, tags) }
    })
}

/// Frees a tag table, or rather the host's end of it: a monitor that shows it goes on. NULL is nothing to be freed.
///
/// Threads: any, but nobody may use it any more. Blocking: never. Real-time: no. Errors: none; see `andon_last_error` for a pointer that was none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_tags_free(tags: *mut andon_tags) {
    enter(|| {
        // SAFETY: the caller's word.
        unsafe { take_back(tags) }.map(drop)
    });
}

/// Declares equipment, also while the server runs. Its code, name and tags come in the encoding that `options` says.
///
/// Threads: any. Blocking: for others who declare or look up. Ownership: all is copied. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_STRUCT_SIZE`, `BAD_UTF8`, `BAD_ENCODING`, `BAD_ARGUMENT`, `TABLE_FULL`, `CODE_TAKEN`, `BAD_EQUIPMENT`, `BAD_TAG`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_tags_declare(
    tags: *const andon_tags,
    options: *const andon_equipment_options,
    equipment: *mut andon_equipment,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (tags, options) = unsafe { (look(tags)?, options::need(options)?) };
        let stale = match options.stale_after_ms {
            0 => {
                return Err(bad(
                    "stale_after_ms is not set: say after how long without a write equipment is stale, or ANDON_FOREVER",
                ));
            }
            ANDON_FOREVER => Stale::never(),
            after => Stale::after(Duration::from_millis(after.into())),
        };
        // SAFETY: the caller's word.
        let code = unsafe { decode(options.code, options.encoding, "the code") }?;
        // SAFETY: the caller's word.
        let name = unsafe { decode(options.name, options.encoding, "the name") }?;
        let mut declared = Equipment::new(code, name, stale).room_for_tags(options.room_for_tags);
        // SAFETY: the caller's word.
        for tag in unsafe { array(options.tags, options.tags_count, "tags") }? {
            // SAFETY: the caller's word.
            let name = unsafe { decode(tag.name, options.encoding, "the tag's name") }?;
            declared = declared.tag(name, kind(tag.kind)?);
        }
        let made = tags.tags.declare(declared)?;
        // SAFETY: the caller's word.
        unsafe { put(equipment, "equipment", made.into()) }
    })
}

/// Adds a tag to equipment that has room for it.
///
/// Threads: any. Blocking: for others who declare or look up. Ownership: copied. Real-time: no.
/// Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `BAD_ENCODING`, `BAD_ARGUMENT`, `BAD_TAG`, `UNKNOWN_EQUIPMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_equipment_add_tag(
    tags: *const andon_tags,
    equipment: andon_equipment,
    name: andon_str,
    encoding: andon_encoding,
    tag_kind: andon_tag_kind,
    tag: *mut andon_tag,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (tags, name) = unsafe { (look(tags)?, decode(name, encoding, "the tag's name")?) };
        let id = equipment.into();
        let made = match kind(tag_kind)? {
            TagKind::Bool => tags.tags.add_tag::<bool>(id, &name)?.id(),
            TagKind::I64 => tags.tags.add_tag::<i64>(id, &name)?.id(),
            TagKind::F64 => tags.tags.add_tag::<f64>(id, &name)?.id(),
            TagKind::Text => tags.tags.add_tag::<str>(id, &name)?.id(),
        };
        // SAFETY: the caller's word.
        unsafe { put(tag, "tag", made.into()) }
    })
}

/// The equipment of this code.
///
/// Threads: any. Blocking: for others who declare or look up. Real-time: no. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `BAD_ENCODING`, `NOT_FOUND`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_tags_equipment(
    tags: *const andon_tags,
    code: andon_str,
    encoding: andon_encoding,
    equipment: *mut andon_equipment,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (tags, code) = unsafe { (look(tags)?, decode(code, encoding, "the code")?) };
        let found = tags.tags.equipment(&code);
        let found =
            found.ok_or_else(|| not_found(format!("there is no equipment {code:?} in this table")))?;
        // SAFETY: the caller's word.
        unsafe { put(equipment, "equipment", found.into()) }
    })
}

/// The equipment's tag of this name and kind.
///
/// Threads: any. Blocking: never. Real-time: no, in that it compares names. Errors: `NULL_ARGUMENT`, `BAD_HANDLE`, `FORKED`, `BAD_UTF8`, `BAD_ENCODING`, `BAD_ARGUMENT`, `UNKNOWN_EQUIPMENT`, `BAD_TAG`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn andon_equipment_tag(
    tags: *const andon_tags,
    equipment: andon_equipment,
    name: andon_str,
    encoding: andon_encoding,
    tag_kind: andon_tag_kind,
    tag: *mut andon_tag,
) -> andon_status {
    enter(|| {
        // SAFETY: the caller's word.
        let (tags, name) = unsafe { (look(tags)?, decode(name, encoding, "the tag's name")?) };
        let found = find(&tags.tags, equipment, &name, kind(tag_kind)?)?;
        // SAFETY: the caller's word.
        unsafe { put(tag, "tag", found.into()) }
    })
}

fn find(
    tags: &Tags,
    equipment: andon_equipment,
    name: &str,
    kind: TagKind,
) -> Result<TagId, TagDeclareError> {
    let id = equipment.into();
    Ok(match kind {
        TagKind::Bool => tags.tag::<bool>(id, name)?.id(),
        TagKind::I64 => tags.tag::<i64>(id, name)?.id(),
        TagKind::F64 => tags.tag::<f64>(id, name)?.id(),
        TagKind::Text => tags.tag::<str>(id, name)?.id(),
    })
}

impl From<TagId> for andon_tag {
    fn from(tag: TagId) -> Self {
        Self { equipment: tag.equipment().into(), index: tag.index().into() }
    }
}

impl From<andon_tag> for TagId {
    /// An index that cannot be becomes one that is not there.
    #[inline]
    fn from(tag: andon_tag) -> Self {
        TagId::new(tag.equipment.into(), u16::try_from(tag.index).unwrap_or(u16::MAX))
    }
}

fn kind(given: andon_tag_kind) -> Result<TagKind, Fault> {
    match given {
        ANDON_KIND_BOOL => Ok(TagKind::Bool),
        ANDON_KIND_I64 => Ok(TagKind::I64),
        ANDON_KIND_F64 => Ok(TagKind::F64),
        ANDON_KIND_TEXT => Ok(TagKind::Text),
        _ => Err(bad(format!("{given} is no kind of tag: give ANDON_KIND_BOOL, _I64, _F64 or _TEXT"))),
    }
}
