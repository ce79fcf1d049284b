//! Each equipment's JSON, kept until it changes.

use crate::{
    ground::{id::EquipmentId, time::Wall},
    hub::tags::{value::TagValue, view::EquipmentView},
    wire::json::write,
};
use std::fmt::Write as _;

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
#[derive(Debug)]
pub(super) struct Fragments {
    by_slot: Vec<Fragment>,
    /// What is shown as the time of the last update where there was none.
    began: Wall,
    /// How many were encoded anew, in whole.
    #[cfg(test)]
    pub(super) encoded: u64,
}

impl Fragments {
    pub(super) fn new(began: Wall) -> Self {
        Self {
            by_slot: Vec::new(),
            began,
            #[cfg(test)]
            encoded: 0,
        }
    }

    /// The equipment's JSON as of the last look, whose number is `look`.
    pub(super) fn of(&mut self, equipment: &EquipmentView<'_>, look: u64) -> &str {
        let slot = slot(equipment.id());
        if self.by_slot.len() <= slot {
            self.by_slot.resize_with(slot + 1, Fragment::default);
        }
        let fragment = &mut self.by_slot[slot];
        if fragment.look == 0 || equipment.changed_in() > fragment.look {
            fragment.json.clear();
            encode(equipment, self.began, &mut fragment.json);
            #[cfg(test)]
            {
                self.encoded += 1;
            }
        } else if equipment.written_in() > fragment.look {
            // The same values once more: only the time is new.
            let stamp = fragment.json.len() - TAIL.len() - STAMP_BYTES;
            fragment.json.truncate(stamp);
            finish(equipment, self.began, &mut fragment.json);
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
