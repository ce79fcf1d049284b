//! Each equipment's JSON, kept until it changes.

use crate::{
    ground::{id::EquipmentId, limits::TAG_TEXT_BYTES_MAX, time::Wall},
    hub::tags::{table::Extent, value::TagValue, view::EquipmentView},
    wire::json::write,
};
use std::fmt::Write as _;

/// All that is neither a code nor a name, of one equipment and of one tag, with the comma behind it. The longest value is a text of control characters.
const EQUIPMENT_JSON: usize = "{'equipment_code':'','equipment_name':'','status':'disconnected','tags':{'status_tag':0,'error_tag':0,'connection':false},'last_updated':''},"
    .len()
    + STAMP_BYTES;
const TAG_JSON: usize = ",'':''".len() + ESCAPED_MAX * TAG_TEXT_BYTES_MAX;
/// What one byte of a text may become.
const ESCAPED_MAX: usize = "\\u0000".len();

/// `2025-11-03T10:30:45.123Z`
const STAMP_BYTES: usize = 24;
/// What stands behind the stamp.
const TAIL: &str = "\"}";

#[derive(Debug, Default)]
struct Fragment {
    json: String,
    /// The look that it shows; 0: none.
    look: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    by_slot: Vec<Fragment>,
    /// What is shown as the time of the last update where there was none.
    began: Option<Wall>,
    /// How many were encoded anew, in whole.
    #[cfg(test)]
    pub(super) encoded: u64,
}

impl Fragments {
    /// Somebody begins to look; the first who does so counts.
    pub(super) fn begin(&mut self, now: Wall) {
        self.began.get_or_insert(now);
    }

    /// Bytes that the JSON of so much equipment takes at most.
    pub(super) fn json_max(extent: Extent) -> usize {
        extent.equipment * EQUIPMENT_JSON + extent.tags * TAG_JSON + extent.text_bytes * ESCAPED_MAX
    }

    /// Bytes that all of it takes at most, kept; beside its own size.
    pub(super) fn memory_ceiling(extent: Extent) -> usize {
        // Texts and the table grow by doubling; what grows lies in two places for a moment.
        3 * (Self::json_max(extent) + extent.equipment * size_of::<Fragment>())
    }

    /// The equipment's JSON as of the last look, whose number is `look`.
    pub(super) fn of(&mut self, equipment: &EquipmentView<'_>, look: u64) -> &str {
        let (slot, began) = (slot(equipment.id()), self.began.unwrap_or_default());
        if self.by_slot.len() <= slot {
            self.by_slot.resize_with(slot + 1, Fragment::default);
        }
        let fragment = &mut self.by_slot[slot];
        if fragment.look == 0 || equipment.changed_in() > fragment.look {
            // Should it not get through, nothing of it is shown.
            fragment.look = 0;
            fragment.json.clear();
            encode(equipment, began, &mut fragment.json);
            #[cfg(test)]
            {
                self.encoded += 1;
            }
        } else if equipment.written_in() > fragment.look {
            // The same values once more: only the time is new.
            let stamp = fragment.json.len() - TAIL.len() - STAMP_BYTES;
            fragment.json.truncate(stamp);
            finish(equipment, began, &mut fragment.json);
        }
        fragment.look = look;
        &fragment.json
    }
}

pub(super) fn slot(id: EquipmentId) -> usize {
    id.index()
}

fn encode(equipment: &EquipmentView<'_>, began: Wall, out: &mut String) {
    out.push_str("{\"equipment_code\":");
    write::string(equipment.code(), out);
    out.push_str(",\"equipment_name\":");
    write::string(equipment.name(), out);
    let number = |flag| u8::from(flag);
    // Writing to a string does not fail.
    let _ = write!(
        out,
        ",\"status\":\"{}\",\"tags\":{{\"status_tag\":{},\"error_tag\":{},\"connection\":{}",
        equipment.status(),
        number(equipment.status_tag()),
        number(equipment.error_tag()),
        equipment.connection(),
    );
    for (name, value) in equipment.tags() {
        out.push(',');
        write::string(name, out);
        out.push(':');
        let _ = match value {
            None => write!(out, "null"),
            Some(TagValue::Bool(value)) => write!(out, "{value}"),
            Some(TagValue::I64(value)) => write!(out, "{value}"),
            // In the shortest form that reads back the same; large ones with an exponent.
            Some(TagValue::F64(value)) => write!(out, "{value:?}"),
            Some(TagValue::Text(text)) => {
                write::string(text, out);
                Ok(())
            }
        };
    }
    out.push_str("},\"last_updated\":\"");
    finish(equipment, began, out);
}

fn finish(equipment: &EquipmentView<'_>, began: Wall, out: &mut String) {
    let _ = write!(out, "{}{TAIL}", equipment.last_updated().unwrap_or(began));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ground::time::Now,
        hub::tags::{
            equipment::{Equipment, Stale},
            value::TagKind,
            writer::Tags,
        },
    };

    #[test]
    fn the_longest_json_is_as_long_as_was_said() {
        let worst = |len| "\u{1}".repeat(len);
        let equipment = Equipment::new(worst(256), worst(256), Stale::never()).tag(worst(128), TagKind::Text);
        let (tags, mut scan) = Tags::builder().equipment(equipment.room_for_tags(2)).build().unwrap();
        let id = tags.equipment(&worst(256)).unwrap();
        let extent = scan.extent_max();
        for name in [worst(127), worst(126)] {
            tags.add_tag::<str>(id, &name).unwrap();
        }
        for name in [worst(128), worst(127), worst(126)] {
            tags.set(tags.tag::<str>(id, &name).unwrap(), worst(31).as_str()).unwrap();
        }
        tags.set(id.connection(), false).unwrap();
        scan.look(Now::default());
        let mut fragments = Fragments::default();
        let len = fragments.of(&scan.view(id).unwrap(), 1).len();
        // The comma, and three characters that the names of the added tags lack.
        assert_eq!(len + 1 + 3 * ESCAPED_MAX, Fragments::json_max(extent));
    }
}
