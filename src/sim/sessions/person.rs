//! A student or an instructor.

use super::guest::Voice;

/// See the module.
#[derive(Debug)]
pub(super) struct Person {
    user: i64,
    is_instructor: bool,
    code: &'static str,
    rng: fastrand::Rng,
}

impl Person {
    pub(super) fn new(rng: &mut fastrand::Rng) -> Self {
        let is_instructor = rng.u8(0..4) == 0;
        let user = if is_instructor { rng.i64(10..13) } else { rng.i64(1..6) };
        Self { user, is_instructor, code: ["A", "A", "B", "C"][rng.usize(0..4)], rng: rng.fork() }
    }
}

impl Voice for Person {
    fn path(&mut self) -> String {
        let role = if self.is_instructor { 'i' } else { 's' };
        format!("/ws/sessions/{}/?u={role}{}&", self.code, self.user)
    }

    fn speak(&mut self, number: u64, _: Option<&str>) -> String {
        let rng = &mut self.rng;
        let subtask = match rng.u8(0..10) {
            0 => String::new(),
            1 => r#","subtask_id":99"#.to_owned(),
            _ => format!(r#","subtask_id":{}"#, rng.u8(1..4)),
        };
        let kind = match (rng.u8(0..100), self.is_instructor) {
            (0..15, _) => "join",
            (15..40, _) => {
                return format!(r#"{{"type":"heartbeat","data":{{"timestamp":17{number:06}.50}}}}"#);
            }
            (40..42, _) => return r#"{"type":"heartbeat","data":{}}"#.into(),
            (42, _) => "dance",
            (43, _) => return "no json".into(),
            (44..75, false) | (44..46, true) => "step_complete",
            (75..82, false) => "progress_update",
            (82..90, false) => "request_help",
            (90..94, false) => "help_request",
            (46..65, true) | (94..96, false) => "next_step",
            (65..80, true) | (96..98, false) => "pause_session",
            (80..98, true) => "resume_session",
            _ => "end_session",
        };
        format!(r#"{{"type":"{kind}","data":{{"message":"m{number}"{subtask}}}}}"#)
    }

    fn hear(&mut self, _: &str) {}
}
