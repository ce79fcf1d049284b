//! The layout of every struct of the header, as C sees it and as Rust does: `tests/c_header.rs` writes down what the C compiler says, and here is what Rust says.
#![cfg(all(test, target_arch = "x86_64", feature = "contracts"))]

use super::{
    board::*, config::*, contract::*, device_event::*, devices::*, event::*, guided::*, guided_event::*,
    guided_list::*, hub::*, identities::*, jwt::*, logging::*, monitor::*, mount::*, recording::*,
    response::*, store::*, tag::*, tags::*, topic::*, types::*,
};
use std::collections::BTreeMap;

macro_rules! sizes {
    ($($name:ident,)*) => { [$((stringify!($name), size_of::<$name>())),*] };
}

#[test]
fn structs_are_as_large_in_rust_as_in_c() {
    let rust = sizes![
        andon_board_options,
        andon_bytes,
        andon_claim,
        andon_conn,
        andon_contract,
        andon_device,
        andon_devices_options,
        andon_equipment,
        andon_equipment_options,
        andon_event,
        andon_event_asked,
        andon_event_closed,
        andon_event_contract,
        andon_event_controlled,
        andon_event_data,
        andon_event_help,
        andon_event_joined,
        andon_event_left,
        andon_event_opened,
        andon_event_progress,
        andon_event_refresh,
        andon_event_refused,
        andon_event_registered,
        andon_event_retired,
        andon_event_sample,
        andon_event_session,
        andon_event_staleness,
        andon_event_step_completed,
        andon_event_store,
        andon_guided_info,
        andon_guided_options,
        andon_guided_session,
        andon_guided_texts,
        andon_hub_mirror,
        andon_hub_options,
        andon_hub_topic,
        andon_identity,
        andon_jwt_key,
        andon_jwt_options,
        andon_limits,
        andon_log_options,
        andon_monitor_options,
        andon_mount,
        andon_mount_options,
        andon_participant,
        andon_read_options,
        andon_record,
        andon_route,
        andon_sample,
        andon_session,
        andon_sqlite_options,
        andon_str,
        andon_stream,
        andon_subtask,
        andon_tag,
        andon_tag_options,
        andon_tag_value,
        andon_tag_write,
        andon_tags_options,
        andon_thread_options,
        andon_topic,
        andon_topic_options,
    ];
    let c: BTreeMap<&str, usize> = include_str!("../../tests/c/abi-x86_64.txt")
        .lines()
        .filter_map(|line| line.strip_prefix("sizeof ")?.split_once(' '))
        .map(|(name, size)| (name, size.parse().unwrap()))
        .collect();
    assert_eq!(c, rust.into_iter().collect());
}
