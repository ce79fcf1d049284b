//! Names for things that come and go.
//!
//! Every id carries the generation of its slot, so an id kept too long misses instead of hitting the
//! thing that came to live in the same slot.

use std::fmt;

macro_rules! generational {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name {
            pub(crate) slot: u32,
            pub(crate) generation: u32,
        }

        impl $name {
            pub(crate) const fn new(slot: u32, generation: u32) -> Self {
                Self { slot, generation }
            }

            /// The id as one number: the generation in the upper half, the slot in the lower.
            pub const fn to_bits(self) -> u64 {
                (self.generation as u64) << 32 | self.slot as u64
            }

            /// The id that [`to_bits`](Self::to_bits) turned into `bits`. Any number is a valid id; one
            /// that was never given out simply names nothing.
            pub const fn from_bits(bits: u64) -> Self {
                Self { slot: bits as u32, generation: (bits >> 32) as u32 }
            }

            pub(crate) const fn index(self) -> usize {
                self.slot as usize
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}.{}"), self.slot, self.generation)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self, f)
            }
        }
    };
}

generational!(
    /// One connection. Ids of closed connections are never taken for their successors.
    ConnId,
    "conn"
);
generational!(
    /// One topic: declared in the builder, or by a contract while it runs.
    TopicId,
    "topic"
);

generational!(
    /// One equipment of a tag table, which keeps it for ever. Its generation is the table's number within the process, so that a handle of another table misses.
    EquipmentId,
    "equipment"
);

/// One mount (a contract at a path), in the order of mounting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MountId(pub(crate) u16);

impl MountId {
    /// The mount with this place in the order of mounting. One that is not there names nothing.
    pub const fn from_index(index: u16) -> Self {
        Self(index)
    }

    /// The mount's place in the order of mounting, from 0.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One record on its way to the store, as returned by
/// [`Effects::record`](crate::Effects::record) and given back to
/// [`Contract::recorded`](crate::Contract::recorded). Tickets count up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordTicket(pub(crate) u64);

impl RecordTicket {
    /// The ticket's number: 1 for the first of a run of the server.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The ticket with this number. One that was not given out names nothing.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_round_trip() {
        let id = ConnId::new(7, 0xdead_beef);
        assert_eq!(ConnId::from_bits(id.to_bits()), id);
        assert_eq!(format!("{id}"), "conn7.3735928559");
    }
}
