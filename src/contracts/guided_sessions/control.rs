//! An instructor, or the host in an instructor's place, controls a session.

use super::{
    clerk::Clerk,
    messages,
    session::{Audience, Session},
    texts::GuidedTexts,
};
use crate::{
    contracts::{
        effects::{Effects, EventClass},
        store::guided::{GuidedRecord, GuidedStatus, StepAction, StepControl},
        told::guided::GuidedEvent,
    },
    ground::id::ConnId,
    wire::json::object::Fault,
};
use std::sync::Arc;

/// Who does what.
pub(super) struct Act<'a> {
    /// The connection that it came by; `None`: the host.
    pub(super) conn: Option<ConnId>,
    /// `None`: the host.
    pub(super) user_id: Option<i64>,
    pub(super) name: Arc<str>,
    pub(super) action: StepAction,
    pub(super) subtask_id: Option<i64>,
    pub(super) message: &'a str,
}

/// Carries an act out: everybody is told, and it is logged, also where nothing changes by it. After the end nothing but the end is said again.
pub(super) fn control(
    fx: &mut Effects,
    clerk: &mut Clerk,
    texts: &GuidedTexts,
    session: &mut Session,
    act: Act<'_>,
) -> Result<(), Fault> {
    let Act { conn, user_id, name, action, subtask_id, message } = act;
    if session.is_over() && action != StepAction::EndStep {
        return Err(Fault::of_message(texts.over.as_ref()));
    }
    let before = session.row.clone();
    let said = match action {
        StepAction::StartStep => {
            let subtask = subtask_id.and_then(|id| session.subtask(id)).ok_or_else(unknown_subtask)?;
            let said = messages::step_changed(subtask);
            session.row.current_subtask = subtask_id;
            said
        }
        StepAction::Pause | StepAction::Resume | StepAction::EndStep => {
            let (status, text) = match action {
                StepAction::Pause => (GuidedStatus::Paused, &texts.paused),
                StepAction::Resume => (GuidedStatus::InProgress, &texts.resumed),
                _ => (GuidedStatus::Ended, &texts.ended),
            };
            session.row.status = status;
            if status == GuidedStatus::Ended {
                session.row.ended_at.get_or_insert(fx.now().wall);
            }
            messages::session_status_changed(status, text)
        }
    };
    session.say(fx, Audience::All, &said);
    if session.row != before {
        clerk.session(fx, session);
        session.show(fx);
    }
    let act = StepControl {
        code: Arc::clone(&session.row.code),
        subtask_id,
        instructor_id: user_id,
        instructor_name: name,
        action,
        message: message.into(),
    };
    clerk.log(fx, GuidedRecord::StepControl(Box::new(act.clone())));
    fx.event(EventClass::Lossless, 0, conn, GuidedEvent::Controlled(Arc::new(act)));
    Ok(())
}

pub(super) fn unknown_subtask() -> Fault {
    Fault::of_field("subtask_id", "\"subtask_id\" must be the id of a subtask of this session")
}
