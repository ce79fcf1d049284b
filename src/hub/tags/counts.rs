//! What the tag table counted.

/// What a tag table has counted since it was built, as of the last look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TagCounts {
    /// Writes that found another thread writing the same equipment.
    pub tag_writes_busy: u64,
    /// Writes refused for what they were: too long, of another kind, for a tag that is not there.
    pub tag_writes_refused: u64,
    /// Values that were not finite, and became no value.
    pub tag_values_not_finite: u64,
    /// Writes with handles of another table, or made up.
    pub tag_handles_unknown: u64,
    /// Equipment and tags that were not declared: no room, a name taken, or not as they must be.
    pub tag_declarations_refused: u64,
    /// Times that equipment became stale.
    pub equipment_staled: u64,
}

impl TagCounts {
    pub(crate) const LEN: usize = 6;

    pub(crate) fn to_array(self) -> [u64; Self::LEN] {
        let Self {
            tag_writes_busy,
            tag_writes_refused,
            tag_values_not_finite,
            tag_handles_unknown,
            tag_declarations_refused,
            equipment_staled,
        } = self;
        [
            tag_writes_busy,
            tag_writes_refused,
            tag_values_not_finite,
            tag_handles_unknown,
            tag_declarations_refused,
            equipment_staled,
        ]
    }
}
