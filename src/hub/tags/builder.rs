//! What a tag table is to be, before it is.

use super::{
    equipment::{Equipment, Stale},
    error::TagDeclareError,
    record::Record,
    scan::TagScan,
    table::Table,
    writer::Tags,
};
use crate::ground::limits::{
    EQUIPMENT_MAX, EQUIPMENT_TEXT_BYTES_MAX, TAG_NAME_BYTES_MAX, TAGS_PER_EQUIPMENT_MAX,
};
use std::sync::Arc;

/// Collects the equipment of a tag table. [`build`](Self::build) checks it; until then no method fails.
#[derive(Debug, Clone, Default)]
#[must_use = "a builder does nothing until build is called"]
pub struct TagsBuilder {
    equipment: Vec<Equipment>,
    room: usize,
    room_tags: usize,
}

impl TagsBuilder {
    /// With this equipment.
    pub fn equipment(mut self, equipment: Equipment) -> Self {
        self.equipment.push(equipment);
        self
    }

    /// With room for this much equipment to be declared later, of up to `tags_each` tags, those included that it has room for; up to 64. Default: none.
    pub fn room(mut self, equipment: usize, tags_each: usize) -> Self {
        self.room = equipment;
        self.room_tags = tags_each.min(TAGS_PER_EQUIPMENT_MAX);
        self
    }

    fn capacity(&self) -> usize {
        self.equipment.len().saturating_add(self.room)
    }

    /// Bytes that the table and its reader will take at most, once all room is filled. Of what [`build`](Self::build) refuses for its size: no bound.
    pub fn memory_ceiling(&self) -> usize {
        let sane = |equipment: &Equipment| equipment.tags_max() <= TAGS_PER_EQUIPMENT_MAX;
        if self.capacity() > EQUIPMENT_MAX || !self.equipment.iter().all(sane) {
            return usize::MAX;
        }
        let longest = "-".repeat(EQUIPMENT_TEXT_BYTES_MAX);
        let later = Equipment::new(longest.clone(), longest, Stale::never()).room_for_tags(self.room_tags);
        Table::bytes_for(self.capacity())
            + TagScan::bytes_for(self.capacity())
            + self.equipment.iter().map(bytes_of).sum::<usize>()
            + self.room * bytes_of(&later)
    }

    /// The table: the host's end and the reader's.
    pub fn build(self) -> Result<(Tags, TagScan), TagDeclareError> {
        let (capacity, ceiling) = (self.capacity(), self.memory_ceiling());
        if capacity > EQUIPMENT_MAX {
            return Err(TagDeclareError::Full { capacity: EQUIPMENT_MAX });
        }
        let table = Arc::new(Table::new(capacity));
        for equipment in &self.equipment {
            table.declare(equipment)?;
        }
        table.bound_tags(self.room_tags);
        let scan = TagScan::new(Arc::clone(&table), ceiling);
        Ok((Tags { table }, scan))
    }
}

/// What one equipment takes, all its room filled.
fn bytes_of(equipment: &Equipment) -> usize {
    // A shared record lies behind two counts, padded to its alignment; so does its code, behind two words.
    let counts = align_of::<Record>() + 2 * size_of::<usize>();
    let tag_names: usize = equipment.tags.iter().map(|(name, _)| name.len()).sum();
    counts
        + Record::bytes_for(equipment)
        + equipment.code.len().next_multiple_of(size_of::<usize>())
        + equipment.name.len()
        + tag_names
        + equipment.room * TAG_NAME_BYTES_MAX
}
