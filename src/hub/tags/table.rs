//! All equipment, shared between the host's threads and the loop.

use super::{
    equipment::Equipment,
    error::TagDeclareError,
    handle::{Tag, TagType},
    record::Record,
    value::TagKind,
};
#[cfg(feature = "contracts")]
use crate::ground::limits::TAG_NAME_BYTES_MAX;
use crate::ground::{
    id::EquipmentId,
    limits::{EQUIPMENT_TEXT_BYTES_MAX, STALE_AFTER_MIN, TAGS_PER_EQUIPMENT_MAX},
};
use crossbeam_utils::CachePadded;
use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{
            AtomicBool, AtomicU32,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

/// Numbers the tables of the process, so that a handle of one misses in another.
static TABLES: AtomicU32 = AtomicU32::new(0);

pub(super) struct Table {
    number: u32,
    slots: Box<[OnceLock<Arc<Record>>]>,
    /// Slots that are filled, from the front.
    declared: AtomicU32,
    pub(super) source_lost: AtomicBool,
    /// Written only when the host is at fault; on a line of its own, since every write reads its neighbours.
    pub(super) strays: CachePadded<AtomicU32>,
    pub(super) declarations_refused: AtomicU32,
    /// Tags that were added to declared equipment, so that a look need not ask each.
    pub(super) tags_added: AtomicU32,
    /// Taken by those who declare and look up, and by no one else.
    declaring: Mutex<Declaring>,
}

struct Declaring {
    codes: HashMap<Arc<str>, u32>,
    /// Tags that equipment may have which is declared from now on.
    tags_max: usize,
}

/// How much equipment there is, with how many tags of its own, and bytes of all codes and names.
#[cfg(feature = "contracts")]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Extent {
    pub(crate) equipment: usize,
    pub(crate) tags: usize,
    pub(crate) text_bytes: usize,
}

impl Table {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            number: TABLES.fetch_add(1, Relaxed),
            slots: (0..capacity).map(|_| OnceLock::new()).collect(),
            declared: AtomicU32::new(0),
            source_lost: AtomicBool::new(false),
            strays: CachePadded::new(AtomicU32::new(0)),
            declarations_refused: AtomicU32::new(0),
            tags_added: AtomicU32::new(0),
            declaring: Mutex::new(Declaring {
                codes: HashMap::with_capacity(capacity),
                tags_max: TAGS_PER_EQUIPMENT_MAX,
            }),
        }
    }

    /// Bytes of a table of so much equipment, without the records.
    pub(super) fn bytes_for(capacity: usize) -> usize {
        // A hash table is at most 7/8 full, in powers of two, with a byte of control and some more for each bucket.
        let buckets = (capacity * 8 / 7 + 1).next_power_of_two().max(4);
        size_of::<Self>()
            + capacity * size_of::<OnceLock<Arc<Record>>>()
            + buckets * (size_of::<(Arc<str>, u32)>() + 1)
            + 64
    }

    pub(super) fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// How much equipment is declared. What it counts can be read.
    pub(super) fn declared(&self) -> usize {
        // Acquire: pairs with the release in `declare`.
        self.declared.load(Acquire) as usize
    }

    pub(super) fn id(&self, slot: u32) -> EquipmentId {
        EquipmentId::new(slot, self.number)
    }

    pub(super) fn slot(&self, slot: usize) -> Option<&Arc<Record>> {
        self.slots.get(slot)?.get()
    }

    /// The equipment's record, if the handle is of this table.
    pub(super) fn record(&self, id: EquipmentId) -> Option<&Record> {
        (id.generation == self.number).then_some(())?;
        self.slot(id.index()).map(Arc::as_ref)
    }

    fn declaring(&self) -> MutexGuard<'_, Declaring> {
        // Nothing in there is ever half done.
        self.declaring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of it, once all room is filled.
    #[cfg(feature = "contracts")]
    pub(super) fn extent_max(&self) -> Extent {
        let tags_later = self.declaring().tags_max;
        let mut extent = Extent { equipment: self.capacity(), ..Extent::default() };
        for slot in &self.slots {
            let (tags, text_bytes) = match slot.get() {
                Some(record) => record.extent_max(),
                None => (tags_later, 2 * EQUIPMENT_TEXT_BYTES_MAX + tags_later * TAG_NAME_BYTES_MAX),
            };
            extent.tags += tags;
            extent.text_bytes += text_bytes;
        }
        extent
    }

    /// Bounds the tags of what is declared from now on.
    pub(super) fn bound_tags(&self, tags_max: usize) {
        self.declaring().tags_max = tags_max;
    }

    /// Counts what was refused.
    fn counted<T>(&self, outcome: Result<T, TagDeclareError>) -> Result<T, TagDeclareError> {
        if outcome.is_err() {
            self.declarations_refused.fetch_add(1, Relaxed);
        }
        outcome
    }

    pub(super) fn declare(&self, equipment: &Equipment) -> Result<EquipmentId, TagDeclareError> {
        self.counted(self.try_declare(equipment))
    }

    fn try_declare(&self, equipment: &Equipment) -> Result<EquipmentId, TagDeclareError> {
        let mut declaring = self.declaring();
        check(equipment, declaring.tags_max)?;
        let code = equipment.code.as_str();
        if declaring.codes.contains_key(code) {
            return Err(TagDeclareError::CodeTaken { code: code.to_owned() });
        }
        let slot = self.declared.load(Relaxed); // only changed under the lock
        let full = || TagDeclareError::Full { capacity: self.capacity() };
        let room = self.slots.get(slot as usize).ok_or_else(full)?;
        let code: Arc<str> = code.into();
        let record = Record::new(equipment, Arc::clone(&code));
        for (name, kind) in &equipment.tags {
            record.add(name, *kind).map_err(|why| bad_tag(&record, name, why))?;
        }
        room.set(Arc::new(record)).map_err(|_| full())?;
        declaring.codes.insert(code, slot);
        // Release: whoever counts the slot finds it filled.
        self.declared.store(slot + 1, Release);
        Ok(self.id(slot))
    }

    pub(super) fn add_tag(
        &self,
        equipment: EquipmentId,
        name: &str,
        kind: TagKind,
    ) -> Result<u16, TagDeclareError> {
        let add = || {
            let _declaring = self.declaring(); // one at a time
            let record = self.record(equipment).ok_or(TagDeclareError::UnknownEquipment)?;
            let index = record.add(name, kind).map_err(|why| bad_tag(record, name, why))?;
            // Release: pairs with the acquire of the look that then finds the tag.
            self.tags_added.fetch_add(1, Release);
            Ok(index)
        };
        self.counted(add())
    }

    pub(super) fn find(&self, code: &str) -> Option<EquipmentId> {
        let slot = self.declaring().codes.get(code).copied();
        slot.map(|slot| self.id(slot))
    }

    pub(super) fn find_tag<T: TagType + ?Sized>(
        &self,
        equipment: EquipmentId,
        name: &str,
    ) -> Result<Tag<T>, TagDeclareError> {
        let record = self.record(equipment).ok_or(TagDeclareError::UnknownEquipment)?;
        match record.find(name) {
            Some((index, kind)) if kind == T::KIND => Ok(Tag::of(equipment, index)),
            Some((_, kind)) => Err(bad_tag(
                record,
                name,
                match kind {
                    TagKind::Bool => "it holds bool: ask for a tag::<bool>",
                    TagKind::I64 => "it holds i64: ask for a tag::<i64>",
                    TagKind::F64 => "it holds f64: ask for a tag::<f64>",
                    TagKind::Text => "it holds text: ask for a tag::<str>",
                },
            )),
            None => Err(bad_tag(record, name, "it is not declared")),
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("number", &self.number)
            .field("declared", &self.declared())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

fn check(equipment: &Equipment, tags_max: usize) -> Result<(), TagDeclareError> {
    let bad = |why| Err(TagDeclareError::BadEquipment { code: equipment.code.clone(), why });
    if equipment.code.is_empty() || equipment.code.len() > EQUIPMENT_TEXT_BYTES_MAX {
        return bad("its code must have 1 to 256 bytes");
    }
    if equipment.name.len() > EQUIPMENT_TEXT_BYTES_MAX {
        return bad("its name must have up to 256 bytes");
    }
    if equipment.stale.0.is_some_and(|deadline| deadline < STALE_AFTER_MIN) {
        return bad("its deadline must be at least 100 ms, or Stale::never()");
    }
    if equipment.tags_max() > TAGS_PER_EQUIPMENT_MAX {
        return bad("it can have up to 64 tags, those it has room for included");
    }
    if equipment.tags_max() > tags_max {
        return bad("it has more tags than the table's builder made room for with room");
    }
    Ok(())
}

fn bad_tag(record: &Record, tag: &str, why: &'static str) -> TagDeclareError {
    TagDeclareError::BadTag { code: record.code.as_ref().to_owned(), tag: tag.to_owned(), why }
}
