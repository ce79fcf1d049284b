//! What is in the file.

use super::*;
use andon::{
    GuidedRecord, GuidedRole, GuidedSessionRow, GuidedStatus, ParticipantRow, ParticipantStatus,
    SavedGuidedSession, StepAction, StepControl, StoreError, Subtask,
};

/// REC-1, REC-2, REC-3, REC-4, REC-6: people query these tables, so names and order are fixed.
#[test]
fn tables_and_columns_are_named_as_agreed() {
    let folder = Folder::new();
    folder.open();
    for (table, columns) in [
        (
            "sessions",
            "session_id, device_id, status, started_at, ended_at, client_started_at, client_ended_at, \
             sample_count",
        ),
        ("samples", "session_id, seq, device_id, received_at, payload"),
        ("guided_sessions", "session_code, status, current_subtask, created_at, ended_at"),
        ("subtasks", "session_code, id, title, order_index, target_action, guide_text, voice_guide_text"),
        ("participants", "session_code, user_id, user_name, role, status, current_subtask, last_active_at"),
        (
            "step_controls",
            "id, session_code, subtask_id, instructor_id, instructor_name, action, message, created_at",
        ),
        ("step_completions", "id, session_code, user_id, subtask_id, created_at"),
        ("help_requests", "id, session_code, user_id, subtask_id, message, created_at"),
        ("records", "id, contract, stream, key, at, payload"),
    ] {
        let found = query(&folder.file(), &format!("SELECT name FROM pragma_table_info('{table}')"));
        assert_eq!(found.join(", "), columns, "{table}");
    }
    let keys = "SELECT m.name, p.name FROM sqlite_schema m, pragma_table_info(m.name) p
                WHERE m.type = 'table' AND p.pk = 1 AND m.name IN ('sessions', 'guided_sessions') ORDER BY 1";
    assert_eq!(query(&folder.file(), keys), ["guided_sessions|session_code", "sessions|session_id"]);
}

#[test]
fn a_session_is_recorded_from_its_start_to_its_end() {
    let folder = Folder::new();
    let mut store = folder.open();
    let begun = SessionRow { client_started_at: Some("1703123456789".into()), ..session("session_1", 1) };
    commit(&mut store, &[device(DeviceRecord::SessionStarted(Arc::new(begun.clone())))]);
    let sessions = "SELECT * FROM sessions";
    assert_eq!(
        query(&folder.file(), sessions),
        ["session_1|AMR_001|active|1000||1703123456789||0"],
        "at once, for another process"
    );
    let over = SessionRow {
        status: SessionStatus::Completed,
        ended_at: Some(Wall::from_millis(9_000)),
        client_ended_at: Some("1.70e12".into()),
        sample_count: 2,
        ..begun
    };
    commit(
        &mut store,
        &[sample("session_1", 1), sample("session_1", 2), device(DeviceRecord::SessionEnded(Arc::new(over)))],
    );
    assert_eq!(
        query(&folder.file(), sessions),
        ["session_1|AMR_001|completed|1000|9000|1703123456789|1.70e12|2"]
    );
    assert_eq!(
        query(&folder.file(), "SELECT * FROM samples"),
        [
            r#"session_1|1|AMR_001|1000|{"type":"sensor_data","n":1}"#,
            r#"session_1|2|AMR_001|2000|{"type":"sensor_data","n":2}"#,
        ]
    );
    assert_eq!(query(&folder.file(), "SELECT typeof(client_started_at) FROM sessions"), ["integer"]);
    is_whole(&folder.file());
}

/// Of a session whose end nobody saw, the store knows better how many samples there are.
#[test]
fn samples_of_an_interrupted_session_are_counted() {
    let folder = Folder::new();
    let mut store = folder.open();
    let batch = [
        sample("session_1", 1),
        sample("session_1", 2),
        ended("session_1", 0, 5, SessionStatus::Interrupted, 99),
    ];
    commit(&mut store, &batch);
    assert_eq!(query(&folder.file(), "SELECT status, sample_count FROM sessions"), ["interrupted|2"]);
}

#[test]
fn samples_without_a_session_are_counted_by_device_also_in_the_next_run() {
    let folder = Folder::new();
    for _ in 0..2 {
        let mut store = folder.open();
        commit(&mut store, &[unassigned("A", 1), unassigned("B", 2), unassigned("A", 3)]);
    }
    let sql = "SELECT device_id, seq, session_id IS NULL FROM samples ORDER BY device_id, seq";
    assert_eq!(query(&folder.file(), sql), ["A|1|1", "A|2|1", "A|3|1", "A|4|1", "B|1|1", "B|2|1"]);
}

/// All or nothing; and what cannot be is refused for good, not tried for ever.
#[test]
fn a_batch_with_a_record_that_cannot_be_leaves_nothing() {
    let folder = Folder::new();
    let mut store = folder.open();
    commit(&mut store, &[started("session_1", 0), sample("session_1", 1)]);
    for poison in [started("session_1", 5), sample("session_1", 1), sample("session_1", u64::MAX)] {
        let batch = [custom("k", 1, b"neighbour"), poison];
        assert!(matches!(store.commit(&batch), Err(StoreError::Rejected(_))));
    }
    assert!(query(&folder.file(), "SELECT * FROM records").is_empty());
    commit(&mut store, &[custom("k", 1, b"neighbour")]);
    let records = query(&folder.file(), "SELECT contract, stream, key, at, payload FROM records");
    assert_eq!(records, ["/ws|stream|k|1000|neighbour"]);
}

/// REC-6: text can be read where it is, and whatever else a contract of the host's records is kept.
#[test]
fn bytes_that_are_no_text_stay_bytes() {
    let folder = Folder::new();
    commit(&mut folder.open(), &[custom("k", 1, &[0xff, 0]), custom("k", 2, b"text")]);
    let kinds = query(&folder.file(), "SELECT typeof(payload), hex(payload) FROM records");
    assert_eq!(kinds, ["blob|FF00", "text|74657874"]);
}

fn saved() -> SavedGuidedSession {
    let subtask = |id, order_index, voice: Option<&str>| Subtask {
        id,
        title: format!("단계 {id}"),
        order_index,
        target_action: "CLICK".into(),
        guide_text: "guide".into(),
        voice_guide_text: voice.map(str::to_owned),
    };
    let participant = |user_id, role, status| ParticipantRow {
        code: "ABC123".into(),
        user_id,
        user_name: "김철수".into(),
        role,
        status,
        current_subtask: Some(7),
        last_active_at: Wall::from_millis(5_000),
    };
    SavedGuidedSession {
        session: GuidedSessionRow {
            code: "ABC123".into(),
            status: GuidedStatus::Paused,
            current_subtask: Some(7),
            created_at: Wall::from_millis(1_000),
            ended_at: None,
        },
        subtasks: [subtask(9, 2, None), subtask(7, 1, Some("voice"))].into(),
        participants: vec![
            participant(20, GuidedRole::Instructor, ParticipantStatus::Active),
            participant(10, GuidedRole::Student, ParticipantStatus::Waiting),
        ],
    }
}

fn guided(record: GuidedRecord) -> Record {
    Record::new("/ws/sessions/{code}", Wall::from_millis(8_000), record)
}

fn whole(saved: &SavedGuidedSession) -> Vec<Record> {
    let subtasks = Arc::clone(&saved.subtasks);
    let mut records = vec![
        guided(GuidedRecord::Session(Box::new(saved.session.clone()))),
        guided(GuidedRecord::Subtasks { code: Arc::clone(&saved.session.code), subtasks }),
    ];
    records.extend(
        saved.participants.iter().map(|row| guided(GuidedRecord::Participant(Box::new(row.clone())))),
    );
    records
}

/// GUI-13: what a restart finds is what was recorded last.
#[test]
fn guided_sessions_are_found_again() {
    let folder = Folder::new();
    let mut last = saved();
    {
        let mut store = folder.open();
        commit(&mut store, &whole(&last));
        last.session.status = GuidedStatus::InProgress;
        last.session.current_subtask = Some(9);
        last.subtasks = last.subtasks.iter().rev().cloned().collect();
        last.participants[0].status = ParticipantStatus::Disconnected;
        commit(&mut store, &whole(&last));
    }
    assert_eq!(folder.open().guided_sessions(), Ok(vec![last]));
}

#[test]
fn every_act_of_a_guided_session_is_kept() {
    let folder = Folder::new();
    let control = |action| {
        guided(GuidedRecord::StepControl(Box::new(StepControl {
            code: "ABC123".into(),
            subtask_id: Some(7),
            instructor_id: Some(20),
            instructor_name: "김".into(),
            action,
            message: "m".into(),
        })))
    };
    let completion =
        || guided(GuidedRecord::StepCompletion { code: "ABC123".into(), user_id: 10, subtask_id: 7 });
    let help = guided(GuidedRecord::HelpRequest {
        code: "ABC123".into(),
        user_id: 10,
        subtask_id: None,
        message: "도와주세요".into(),
    });
    let acts = [
        control(StepAction::StartStep),
        control(StepAction::Pause),
        control(StepAction::Pause),
        completion(),
        completion(),
        help,
    ];
    commit(&mut folder.open(), &acts);
    let file = folder.file();
    assert_eq!(
        query(&file, "SELECT * FROM step_controls"),
        [
            "1|ABC123|7|20|김|START_STEP|m|8000",
            "2|ABC123|7|20|김|PAUSE|m|8000",
            "3|ABC123|7|20|김|PAUSE|m|8000",
        ]
    );
    assert_eq!(query(&file, "SELECT * FROM step_completions"), ["1|ABC123|10|7|8000", "2|ABC123|10|7|8000"]);
    assert_eq!(query(&file, "SELECT * FROM help_requests"), ["1|ABC123|10||도와주세요|8000"]);
}
