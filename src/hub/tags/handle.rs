//! Handles: plain numbers, checked when they are used.

use super::{
    equipment::EquipmentStatus,
    value::{TagKind, TagValue},
};
use crate::ground::id::EquipmentId;
use std::{fmt, hash, marker::PhantomData};

/// The places of the tags that every equipment has, before its own.
pub(super) const STATUS_TAG: u16 = 0;
pub(super) const ERROR_TAG: u16 = 1;
pub(super) const CONNECTION: u16 = 2;
pub(super) const FIRST_OWN: u16 = 3;
/// Their names, in that order. No other tag may have one of them.
pub(super) const BUILT_IN: [&str; FIRST_OWN as usize] = ["status_tag", "error_tag", "connection"];

impl EquipmentId {
    /// Its `status_tag`: whether it runs. False until something else is written.
    pub const fn status_tag(self) -> Tag<bool> {
        Tag::of(self, STATUS_TAG)
    }

    /// Its `error_tag`: whether it is at fault. False until something else is written.
    pub const fn error_tag(self) -> Tag<bool> {
        Tag::of(self, ERROR_TAG)
    }

    /// Its `connection`: whether the host has contact with it. True until something else is written; shown as false before the first write of
    /// anything, and when the equipment is stale.
    pub const fn connection(self) -> Tag<bool> {
        Tag::of(self, CONNECTION)
    }
}

/// One tag of one equipment, of whatever type. Two plain numbers, for those who keep handles outside of Rust; [`Tag`] knows its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TagId {
    equipment: EquipmentId,
    index: u16,
}

impl TagId {
    /// The tag with this place in the equipment's list. One that is not there names nothing.
    pub const fn new(equipment: EquipmentId, index: u16) -> Self {
        Self { equipment, index }
    }

    /// The equipment it belongs to.
    pub const fn equipment(self) -> EquipmentId {
        self.equipment
    }

    /// Its place in the equipment's list; the three that every equipment has come first.
    pub const fn index(self) -> u16 {
        self.index
    }

    /// A write of a value whose type only the table can check.
    pub const fn to_value(self, value: TagValue<'_>) -> TagWrite<'_> {
        TagWrite { equipment: self.equipment, change: Change::Tag(self.index, value) }
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for bool {}
    impl Sealed for i64 {}
    impl Sealed for f64 {}
    impl Sealed for str {}
}

/// The types of tags: `bool`, `i64`, `f64` and `str`.
pub trait TagType: sealed::Sealed {
    /// The kind that it is declared with.
    const KIND: TagKind;
    /// What is written to it: the type itself, or `&str`.
    type Given<'a>: Into<TagValue<'a>>;
}

impl TagType for bool {
    const KIND: TagKind = TagKind::Bool;
    type Given<'a> = bool;
}

impl TagType for i64 {
    const KIND: TagKind = TagKind::I64;
    type Given<'a> = i64;
}

impl TagType for f64 {
    const KIND: TagKind = TagKind::F64;
    type Given<'a> = f64;
}

impl TagType for str {
    const KIND: TagKind = TagKind::Text;
    type Given<'a> = &'a str;
}

/// One tag of one equipment, of type `T`: `bool`, `i64`, `f64` or `str`. A plain value to be kept and copied by any thread.
pub struct Tag<T: ?Sized> {
    id: TagId,
    /// Shares nothing with a `T`, so it is `Send` and `Sync` whatever that is.
    kind: PhantomData<fn(&T)>,
}

impl<T: ?Sized> Tag<T> {
    pub(super) const fn of(equipment: EquipmentId, index: u16) -> Self {
        Self { id: TagId::new(equipment, index), kind: PhantomData }
    }

    /// The tag, without its type.
    pub const fn id(self) -> TagId {
        self.id
    }

    /// The equipment it belongs to.
    pub const fn equipment(self) -> EquipmentId {
        self.id.equipment
    }
}

impl<T: TagType + ?Sized> Tag<T> {
    /// A write of `value`, for [`Tags::update`](crate::Tags::update).
    pub fn to(self, value: T::Given<'_>) -> TagWrite<'_> {
        self.id.to_value(value.into())
    }
}

// Derived, these would ask the same of `T`.
impl<T: ?Sized> Clone for Tag<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Tag<T> {}

impl<T: ?Sized> PartialEq for Tag<T> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl<T: ?Sized> Eq for Tag<T> {}

impl<T: ?Sized> hash::Hash for Tag<T> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl<T: ?Sized> fmt::Debug for Tag<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

/// One change of one equipment, for [`Tags::update`](crate::Tags::update). Made by [`Tag::to`], [`TagWrite::status`] and [`TagId::to_value`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TagWrite<'a> {
    pub(super) equipment: EquipmentId,
    pub(super) change: Change<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Change<'a> {
    Tag(u16, TagValue<'a>),
    Status(Option<EquipmentStatus>),
}

impl TagWrite<'_> {
    /// The equipment's status, where the host knows better than its tags tell; `None` leaves it to them again.
    pub const fn status(equipment: EquipmentId, status: Option<EquipmentStatus>) -> Self {
        Self { equipment, change: Change::Status(status) }
    }
}
