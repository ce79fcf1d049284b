//! Sessions and people as JSON: what the event streams say of them, and what is answered about them.

use crate::{
    contracts::store::{
        device::{DeviceSample, SessionRow, SessionStatus},
        guided::{GuidedSessionRow, ParticipantRow, Subtask},
    },
    ground::time::Wall,
    wire::json::{
        fields::{Fields, list, object},
        write,
    },
};
use std::fmt::Write as _;

/// A device session, recorded or under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionShape<'a> {
    pub(crate) id: &'a str,
    pub(crate) device: &'a str,
    pub(crate) status: SessionStatus,
    pub(crate) started_at: Wall,
    pub(crate) ended_at: Option<Wall>,
    pub(crate) sample_count: u64,
}

impl<'a> SessionShape<'a> {
    pub(crate) fn of_row(row: &'a SessionRow) -> Self {
        Self {
            id: &row.id,
            device: &row.device,
            status: row.status,
            started_at: row.started_at,
            ended_at: row.ended_at,
            sample_count: row.sample_count,
        }
    }

    pub(crate) fn write(self, out: &mut String) {
        object(out, |fields| {
            fields
                .text("session_id", self.id)
                .text("device_id", self.device)
                .text("status", self.status.as_str())
                .quoted("started_at", self.started_at)
                .quoted_or_null("ended_at", self.ended_at)
                .plain("sample_count", self.sample_count);
        });
    }
}

/// A guided session, without its braces and its people.
pub(crate) fn guided_session(fields: &mut Fields<'_>, row: &GuidedSessionRow, subtasks: &[Subtask]) {
    fields
        .text("code", &row.code)
        .text("status", row.status.as_str())
        .plain_or_null("current_subtask", row.current_subtask)
        .value("subtasks", |out| {
            list(out, subtasks, |out, subtask| {
                object(out, |fields| {
                    let guide = Some(&*subtask.guide_text).filter(|text| !text.is_empty());
                    fields.plain("id", subtask.id).text("title", &subtask.title).text_or_null("guide", guide);
                });
            });
        });
}

/// Somebody in a guided session.
pub(crate) fn participant(out: &mut String, row: &ParticipantRow, online: bool) {
    object(out, |fields| {
        fields
            .plain("user_id", row.user_id)
            .text("name", &row.user_name)
            .text("role", row.role.as_str())
            .text("status", row.status.as_str())
            .plain("online", online)
            .plain_or_null("completed_subtask", row.current_subtask);
    });
}

/// One event of a stream; of a happening with its number.
pub(super) fn event(number: Option<u64>, name: &str, data: impl FnOnce(&mut String)) -> String {
    let mut out = String::with_capacity(192);
    // Writing to a string does not fail.
    if let Some(number) = number {
        let _ = writeln!(out, "id: {number}");
    }
    let _ = write!(out, "event: {name}\ndata: ");
    data(&mut out);
    out.push_str("\n\n");
    out
}

/// The newest sample of a session.
pub(super) fn sample_event(sample: &DeviceSample) -> String {
    event(None, "sample", |out| {
        let (session, number) =
            sample.place.as_ref().map_or(("", 0), |(session, number)| (&**session, *number));
        out.reserve(sample.payload.len());
        object(out, |fields| {
            fields
                .text("session_id", session)
                .text("device_id", &sample.device)
                .plain("sample_count", number)
                // A line break would end the event's line; in JSON it can only stand between tokens.
                .value("payload", |out| write::in_one_line(&sample.payload, out));
        });
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::store::guided::{GuidedRole, GuidedStatus, ParticipantStatus};

    #[test]
    fn shapes_are_as_they_are_described() {
        let row = SessionRow {
            id: "session_1".into(),
            device: "A\"1".into(),
            status: SessionStatus::AutoEnded,
            started_at: Wall::from_millis(0),
            ended_at: None,
            client_started_at: None,
            client_ended_at: None,
            sample_count: 12,
        };
        let mut out = String::new();
        SessionShape::of_row(&row).write(&mut out);
        assert_eq!(
            out,
            r#"{"session_id":"session_1","device_id":"A\"1","status":"auto_ended","started_at":"1970-01-01T00:00:00.000Z","ended_at":null,"sample_count":12}"#
        );
        let row = GuidedSessionRow {
            code: "T".into(),
            status: GuidedStatus::Paused,
            current_subtask: Some(2),
            created_at: Wall::from_millis(0),
            ended_at: None,
        };
        let steps = [Subtask::new(1, "a"), Subtask::new(2, "b").guide("CLICK", "here")];
        out.clear();
        object(&mut out, |fields| guided_session(fields, &row, &steps));
        assert_eq!(
            out,
            r#"{"code":"T","status":"PAUSED","current_subtask":2,"subtasks":[{"id":1,"title":"a","guide":null},{"id":2,"title":"b","guide":"here"}]}"#
        );
        let row = ParticipantRow {
            code: "T".into(),
            user_id: 7,
            user_name: "Anna".into(),
            role: GuidedRole::Student,
            status: ParticipantStatus::Active,
            current_subtask: None,
            last_active_at: Wall::from_millis(0),
        };
        out.clear();
        participant(&mut out, &row, true);
        assert_eq!(
            out,
            r#"{"user_id":7,"name":"Anna","role":"STUDENT","status":"ACTIVE","online":true,"completed_subtask":null}"#
        );
    }

    #[test]
    fn a_sample_stands_in_one_line() {
        let sample = DeviceSample {
            place: Some(("s".into(), 3)),
            device: "A".into(),
            received_at: Wall::from_millis(0),
            payload: "{\r\n\"a\": 1.50}".into(),
        };
        assert_eq!(
            sample_event(&sample),
            "event: sample\ndata: {\"session_id\":\"s\",\"device_id\":\"A\",\"sample_count\":3,\"payload\":{  \"a\": 1.50}}\n\n"
        );
    }
}
