//! What clients and the host ask of guided sessions, and what must come of it.

use super::{
    super::{
        flat::{number, string},
        witness::Said,
    },
    Check, ERROR, Lesson, Lessons, Owed, What, fresh, progress, step,
};
use crate::{
    contracts::{
        store::guided::{
            GuidedRecord, GuidedRole, GuidedStatus, ParticipantStatus, StepAction, StepControl, Subtask,
        },
        told::guided::GuidedEvent,
    },
    ground::{id::ConnId, limits::GUIDED_REPLIES_MAX, time::Wall},
};
use std::{collections::BTreeMap, sync::Arc};

impl Lessons {
    pub(super) fn message(&mut self, conn: ConnId, text: &str, wall: Wall, said: &[Said]) -> Check {
        let (code, user) = self.peers.get(&conn).cloned().ok_or_else(|| format!("{conn} is not open"))?;
        let person = self.person(&code, user).ok_or("nobody speaks")?;
        // The bound for all together is for more people than there are here.
        if person.line.len() >= GUIDED_REPLIES_MAX {
            return Ok(());
        }
        person.row.last_active_at = wall;
        match self.answer(&code, user, text, wall, said) {
            Some(What::Said(text)) if text.is_empty() => {}
            answer => {
                let what = answer.unwrap_or_else(|| What::Said(ERROR.into()));
                let person = self.person(&code, user).ok_or("nobody speaks")?;
                person.line.push_back(Owed { to: conn, what });
            }
        }
        self.settle(&code, user);
        Ok(())
    }

    /// What a request is answered with; nothing is the empty text; `None`: an error.
    fn answer(&mut self, code: &str, user: i64, text: &str, wall: Wall, said: &[Said]) -> Option<What> {
        let kind = string(text, "type").filter(|_| text.starts_with('{'))?;
        let subtask = number(text, "subtask_id").and_then(|id| id.parse::<i64>().ok());
        let lesson = self.lessons.get_mut(code)?;
        let over = lesson.row.status == GuidedStatus::Ended;
        let unknown = |id: i64| lesson.steps.iter().all(|step| step.id != id);
        let is_unknown = subtask.is_some_and(unknown);
        let person = lesson.people.get_mut(&user)?;
        let row = &person.row;
        let (name, role) = (Arc::clone(&row.user_name), row.role);
        let silence = Some(What::Said(String::new()));
        let id_or_null = subtask.map_or("null".to_owned(), |id| id.to_string());
        match (kind, role) {
            ("join", _) => {
                person.becomes(ParticipantStatus::Active);
                let text = format!(
                    r#"{{"type":"join_confirmed","session_code":"{code}","user_id":{user},"message":"세션에 참가했습니다"}}"#
                );
                Some(What::Said(text))
            }
            ("heartbeat", _) => {
                let timestamp = number(text, "timestamp")?;
                Some(What::Said(format!(r#"{{"type":"heartbeat_ack","timestamp":{timestamp}}}"#)))
            }
            _ if over && kind != "end_session" => None,
            ("step_complete", GuidedRole::Student) => {
                let id = subtask.filter(|_| !is_unknown)?;
                let tickets = said.iter().filter_map(|said| match said {
                    Said::Record { ticket, awaited: true, .. } => Some(*ticket),
                    _ => None,
                });
                let last = lesson.steps.last().is_some_and(|step| step.id == id);
                Some(What::Step { id, last, tickets: tickets.collect(), refused: false })
            }
            ("progress_update", GuidedRole::Student) if !is_unknown => {
                let status = string(text, "status").unwrap_or("completed");
                let text = progress(user, &name, &id_or_null, status);
                self.due.publishes.push((code.into(), GuidedRole::Instructor, text));
                let (code, status) = (code.into(), status.into());
                self.due.events.push(GuidedEvent::Progress {
                    code,
                    user_id: user,
                    subtask_id: subtask,
                    status,
                });
                silence
            }
            ("request_help" | "help_request", GuidedRole::Student) if !is_unknown => {
                let message = string(text, "message").unwrap_or_default();
                let text = format!(
                    r#"{{"type":"help_requested","user_id":{user},"user_name":"{name}","subtask_id":{id_or_null},"message":"{message}"}}"#
                );
                self.due.publishes.push((code.into(), GuidedRole::Instructor, text));
                let log = GuidedRecord::HelpRequest {
                    code: code.into(),
                    user_id: user,
                    subtask_id: subtask,
                    message: message.into(),
                };
                self.due.logs.push((wall, log));
                let (code, message) = (code.into(), message.into());
                self.due.events.push(GuidedEvent::HelpRequested {
                    code,
                    user_id: user,
                    subtask_id: subtask,
                    message,
                });
                silence
            }
            (_, GuidedRole::Instructor) => {
                if !lesson.instructors.is_empty() && !lesson.instructors.contains(&user) {
                    return None;
                }
                let action = match kind {
                    "next_step" => StepAction::StartStep,
                    "pause_session" => StepAction::Pause,
                    "resume_session" => StepAction::Resume,
                    "end_session" => StepAction::EndStep,
                    _ => return None,
                };
                let message = string(text, "message").unwrap_or_default();
                let subtask = subtask.filter(|_| action == StepAction::StartStep);
                self.control(code, Some(user), name, action, subtask, message, wall).then_some(())?;
                silence
            }
            _ => None,
        }
    }

    /// Whether it is done.
    #[allow(clippy::too_many_arguments, reason = "who does what, when, in what words")]
    fn control(
        &mut self,
        code: &str,
        user: Option<i64>,
        name: Arc<str>,
        action: StepAction,
        subtask: Option<i64>,
        message: &str,
        wall: Wall,
    ) -> bool {
        let Some(lesson) = self.lessons.get_mut(code) else { return false };
        if lesson.row.status == GuidedStatus::Ended && action != StepAction::EndStep {
            return false;
        }
        let changed = |status, text| {
            format!(r#"{{"type":"session_status_changed","status":"{status}","message":"{text}"}}"#)
        };
        let text = match action {
            StepAction::StartStep => {
                let Some(id) = subtask.filter(|id| lesson.steps.iter().any(|step| step.id == *id)) else {
                    return false;
                };
                lesson.row.current_subtask = Some(id);
                format!(
                    r#"{{"type":"step_changed","subtask":{{"id":{id},"title":"Step {id}","order_index":{id},"target_action":"CLICK","guide_text":"Please do {id}","voice_guide_text":null}}}}"#
                )
            }
            StepAction::Pause => {
                lesson.row.status = GuidedStatus::Paused;
                changed("PAUSED", "세션이 일시정지되었습니다")
            }
            StepAction::Resume => {
                lesson.row.status = GuidedStatus::InProgress;
                changed("IN_PROGRESS", "세션이 재개되었습니다")
            }
            StepAction::EndStep => {
                lesson.row.status = GuidedStatus::Ended;
                lesson.row.ended_at.get_or_insert(wall);
                changed("ENDED", "세션이 종료되었습니다")
            }
        };
        self.due.say_to_all(code, text);
        let act = StepControl {
            code: code.into(),
            subtask_id: subtask,
            instructor_id: user,
            instructor_name: name,
            action,
            message: message.into(),
        };
        self.due.logs.push((wall, GuidedRecord::StepControl(Box::new(act.clone()))));
        self.due.events.push(GuidedEvent::Controlled(Arc::new(act)));
        true
    }

    pub(super) fn command(&mut self, words: &str, wall: Wall) {
        let words: Vec<_> = words.split(' ').collect();
        let host = "host".into();
        match words[..] {
            ["starts", code, id] => {
                self.control(code, None, host, StepAction::StartStep, id.parse().ok(), "", wall);
            }
            ["pauses", code] => drop(self.control(code, None, host, StepAction::Pause, None, "", wall)),
            ["resumes", code] => drop(self.control(code, None, host, StepAction::Resume, None, "", wall)),
            ["closes", code] => drop(self.control(code, None, host, StepAction::EndStep, None, "", wall)),
            ["creates", code, steps] => {
                let steps = (1..=steps.parse().unwrap_or_default()).map(step).collect();
                self.create(code, steps, wall);
            }
            _ => {}
        }
    }

    fn create(&mut self, code: &str, steps: Arc<[Subtask]>, wall: Wall) {
        let Some(lesson) = self.lessons.get_mut(code) else {
            let lesson = Lesson {
                row: fresh(code, wall),
                steps,
                instructors: Vec::new(),
                people: BTreeMap::new(),
                topics: [None; 2],
            };
            self.lessons.insert(code.to_owned(), lesson);
            return;
        };
        (lesson.steps, lesson.instructors) = (steps, Vec::new());
        if lesson.row.status == GuidedStatus::Ended {
            lesson.row = fresh(code, wall);
            lesson.people.retain(|_, person| !person.conns.is_empty() || !person.line.is_empty());
            for person in lesson.people.values_mut() {
                (person.row.current_subtask, person.row.last_active_at) = (None, wall);
                person.row.status = match person.conns.is_empty() {
                    true => ParticipantStatus::Disconnected,
                    false => ParticipantStatus::Waiting,
                };
            }
        }
    }
}
