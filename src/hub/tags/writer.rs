//! The host's side: writes for control threads, declarations for the rest.

use super::{
    builder::TagsBuilder,
    equipment::{Equipment, EquipmentStatus},
    error::{TagDeclareError, TagWriteError},
    handle::{Tag, TagType, TagWrite},
    table::Table,
};
use crate::ground::{id::EquipmentId, time::Wall};
use std::sync::{Arc, atomic::Ordering::Relaxed};

/// The host's end of a tag table, for any number of threads.
///
/// **Writing** ([`set`](Self::set), [`set_at`](Self::set_at), [`update`](Self::update), [`update_at`](Self::update_at), [`set_status`](Self::set_status), [`touch`](Self::touch),
/// [`source_lost`](Self::source_lost), [`source_back`](Self::source_back)) is for real-time threads: no lock, no allocation, no system call, no clock, no retry, no panic, and some tens of
/// nanoseconds, whatever readers and other writers do. Every write, of an equal value too, proves that the host is alive. Two threads that write the *same* equipment at the same moment do not wait for each other: one of
/// them gets [`TagWriteError::Busy`]. So give each equipment one writer.
///
/// **Declaring and looking up** allocate, and wait for others who do: not for real-time threads.
///
/// ```
/// use andon::{Equipment, EquipmentStatus, Stale, TagKind, Tags};
/// use std::time::Duration;
///
/// let press = Equipment::new("PRESS-01", "프레스 1호", Stale::after(Duration::from_secs(2)))
///     .tag("speed", TagKind::F64)
///     .tag("recipe", TagKind::Text);
/// let (tags, mut scan) = Tags::builder().equipment(press).build()?;
///
/// // Once, at start:
/// let press = tags.equipment("PRESS-01").expect("declared above");
/// let speed = tags.tag::<f64>(press, "speed")?;
/// let recipe = tags.tag::<str>(press, "recipe")?;
///
/// // In the control cycle; the handles are plain values:
/// tags.set(speed, 31.5)?;
/// tags.update(press, &[press.status_tag().to(true), speed.to(32.0), recipe.to("A-7")])?;
///
/// // On the reader's side:
/// scan.look(andon::Now::default());
/// let view = scan.view(press).expect("seen by the look");
/// assert_eq!(view.status(), EquipmentStatus::Running);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Tags {
    pub(super) table: Arc<Table>,
}

impl Tags {
    /// A table to be described.
    pub fn builder() -> TagsBuilder {
        TagsBuilder::default()
    }

    /// Writes one tag; the equipment's other tags keep their values.
    ///
    /// Threads: any; one writer per equipment at a time, else `Busy`. Blocking: never. Real-time: yes.
    pub fn set<T: TagType + ?Sized>(&self, tag: Tag<T>, value: T::Given<'_>) -> Result<(), TagWriteError> {
        self.write(tag.equipment(), None, &[tag.to(value)])
    }

    /// As [`set`](Self::set), of a value that is from `time`: what is shown as the equipment's last update, until the next write.
    pub fn set_at<T: TagType + ?Sized>(
        &self,
        time: Wall,
        tag: Tag<T>,
        value: T::Given<'_>,
    ) -> Result<(), TagWriteError> {
        self.write(tag.equipment(), Some(time), &[tag.to(value)])
    }

    /// Writes several tags of one equipment, its status among them, as one: no reader sees some of them without the others. Of two writes of one
    /// tag the later counts. A fault in one of them, and nothing is written.
    ///
    /// Threads: any; one writer per equipment at a time, else `Busy`. Blocking: never. Real-time: yes; up to 128 writes.
    pub fn update(&self, equipment: EquipmentId, writes: &[TagWrite<'_>]) -> Result<(), TagWriteError> {
        self.write(equipment, None, writes)
    }

    /// As [`update`](Self::update), of values that are from `time`: what is shown as the equipment's last update, until the next write.
    pub fn update_at(
        &self,
        time: Wall,
        equipment: EquipmentId,
        writes: &[TagWrite<'_>],
    ) -> Result<(), TagWriteError> {
        self.write(equipment, Some(time), writes)
    }

    /// Says the equipment's status where the host knows better than its tags tell; `None` leaves it to them again. Stale equipment is shown as
    /// disconnected all the same.
    ///
    /// Threads: any; one writer per equipment at a time, else `Busy`. Blocking: never. Real-time: yes.
    pub fn set_status(
        &self,
        equipment: EquipmentId,
        status: Option<EquipmentStatus>,
    ) -> Result<(), TagWriteError> {
        self.write(equipment, None, &[TagWrite::status(equipment, status)])
    }

    /// Changes nothing, and proves that the host is alive.
    ///
    /// Threads: any; one writer per equipment at a time, else `Busy`. Blocking: never. Real-time: yes.
    pub fn touch(&self, equipment: EquipmentId) -> Result<(), TagWriteError> {
        self.write(equipment, None, &[])
    }

    fn write(
        &self,
        equipment: EquipmentId,
        at: Option<Wall>,
        writes: &[TagWrite<'_>],
    ) -> Result<(), TagWriteError> {
        self.write_each(equipment, at, writes.iter().map(|write| Ok(*write)))
    }

    /// As [`update_at`](Self::update_at), of writes that are made while they are written; the first that fails ends it, and nothing is written.
    #[inline(always)] // A caller that knows the kind of what it writes pays for no other.
    pub(crate) fn write_each<'a, E: From<TagWriteError>>(
        &self,
        equipment: EquipmentId,
        at: Option<Wall>,
        writes: impl ExactSizeIterator<Item = Result<TagWrite<'a>, E>>,
    ) -> Result<(), E> {
        match self.table.record(equipment) {
            Some(record) => record.write(equipment, at, writes),
            None => {
                self.table.strays.fetch_add(1, Relaxed);
                Err(TagWriteError::UnknownEquipment.into())
            }
        }
    }

    /// Says that the host has lost the source of its values, a fieldbus for example. Clients are told; equipment is shown as it was written.
    ///
    /// Threads: any. Blocking: never. Real-time: yes. Only the newest of lost and back counts.
    pub fn source_lost(&self) {
        self.table.source_lost.store(true, Relaxed);
    }

    /// Says that the source is back.
    ///
    /// Threads: any. Blocking: never. Real-time: yes.
    pub fn source_back(&self) {
        self.table.source_lost.store(false, Relaxed);
    }

    /// Declares more equipment, within the room that the builder made. It is there for readers from their next look on.
    ///
    /// Threads: any. Blocking: for others who declare or look up. Real-time: no.
    pub fn declare(&self, equipment: Equipment) -> Result<EquipmentId, TagDeclareError> {
        self.table.declare(&equipment)
    }

    /// Declares one more tag, within the equipment's [room for tags](Equipment::room_for_tags).
    ///
    /// Threads: any. Blocking: for others who declare or look up. Real-time: no.
    pub fn add_tag<T: TagType + ?Sized>(
        &self,
        equipment: EquipmentId,
        name: &str,
    ) -> Result<Tag<T>, TagDeclareError> {
        Ok(Tag::of(equipment, self.table.add_tag(equipment, name, T::KIND)?))
    }

    /// The equipment of this code.
    ///
    /// Threads: any. Blocking: for others who declare or look up. Real-time: no.
    pub fn equipment(&self, code: &str) -> Option<EquipmentId> {
        self.table.find(code)
    }

    /// The equipment's tag of this name, if it holds a `T`.
    ///
    /// Threads: any. Blocking: never. Real-time: no, in that it compares names.
    pub fn tag<T: TagType + ?Sized>(
        &self,
        equipment: EquipmentId,
        name: &str,
    ) -> Result<Tag<T>, TagDeclareError> {
        self.table.find_tag(equipment, name)
    }
}
