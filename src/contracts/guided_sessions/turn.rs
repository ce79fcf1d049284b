//! One participant's turn: a request is answered, or the store's answer for one.

use super::{
    clerk::Clerk,
    config::GuidedSessionsConfig,
    control::{Act, control, unknown_subtask},
    inbox::{Asked, Details, Kind},
    messages,
    participant::{Participant, Reply, Step, What},
    session::{Audience, Session},
};
use crate::{
    contracts::{
        effects::{Count, Effects, EventClass},
        store::guided::{GuidedRecord, GuidedRole, ParticipantStatus, StepAction},
        told::guided::GuidedEvent,
    },
    ground::{
        frame::Message,
        id::ConnId,
        limits::{GUIDED_REPLIES_MAX, GUIDED_REPLIES_TOTAL},
    },
    wire::json::object::Fault,
};
use std::sync::Arc;

/// See the module.
pub(super) struct Turn<'a> {
    pub(super) fx: &'a mut Effects,
    pub(super) clerk: &'a mut Clerk,
    pub(super) config: &'a GuidedSessionsConfig,
    pub(super) session: &'a mut Session,
    pub(super) user_id: i64,
}

impl Turn<'_> {
    fn who(&mut self) -> &mut Participant {
        self.session.participants.get_mut(&self.user_id).expect("a turn is a participant's")
    }

    /// A message has come on one of the participant's connections.
    pub(super) fn message(&mut self, conn: ConnId, role: GuidedRole, message: Message<'_>) {
        let now = self.fx.now().wall;
        self.who().row.last_active_at = now;
        if let Err(fault) = self.answer(conn, role, message) {
            self.fx.count(Count::Refused);
            self.reply(conn, messages::error(&fault.message));
        }
        self.settle();
    }

    fn answer(&mut self, conn: ConnId, role: GuidedRole, message: Message<'_>) -> Result<(), Fault> {
        let texts = &self.config.texts;
        let asked = Asked::read(message)?;
        let may = match asked.kind {
            Kind::Control(_) => self.session.may_control(self.user_id),
            _ => true,
        };
        if !may || !asked.kind.is_for(role) {
            return Err(Fault::of_message(texts.denied.as_ref()));
        }
        let details = asked.details(self.config.words_bytes_max)?;
        match asked.kind {
            Kind::Join => {
                let who = self.who();
                who.becomes(ParticipantStatus::Active);
                let text = messages::join_confirmed(&who.row, &texts.joined);
                self.reply(conn, text);
            }
            Kind::Heartbeat => self.reply(conn, messages::heartbeat_ack(details.timestamp()?)),
            Kind::StepComplete => self.step_complete(conn, &details)?,
            Kind::Progress => self.progress(conn, &details)?,
            Kind::Help => self.help(conn, &details)?,
            Kind::Control(action) => {
                let subtask_id = match action {
                    StepAction::StartStep => Some(details.required_subtask_id()?),
                    _ => None,
                };
                let name = Arc::clone(&self.who().row.user_name);
                let (user_id, message) = (Some(self.user_id), &*details.message()?);
                let act = Act { conn: Some(conn), user_id, name, action, subtask_id, message };
                control(self.fx, self.clerk, texts, self.session, act)?;
            }
        }
        Ok(())
    }

    /// Nothing is changed by participants after the end.
    fn under_way(&self) -> Result<(), Fault> {
        if self.session.is_over() { Err(Fault::of_message(self.config.texts.over.as_ref())) } else { Ok(()) }
    }

    /// The subtask that is meant, if one is, which must be one of the session's.
    fn meant(&self, details: &Details<'_>) -> Result<Option<i64>, Fault> {
        match details.subtask_id()? {
            Some(id) if self.session.subtask(id).is_none() => Err(unknown_subtask()),
            id => Ok(id),
        }
    }

    fn step_complete(&mut self, conn: ConnId, details: &Details<'_>) -> Result<(), Fault> {
        self.under_way()?;
        let subtask_id = details.required_subtask_id()?;
        self.meant(details)?;
        let completes = self.session.is_last(subtask_id);
        if self.who().line.is_empty() && self.clerk.waiting >= GUIDED_REPLIES_TOTAL {
            self.fx.count(Count::Bound);
            return Err(Fault::of_message(self.config.texts.not_stored.as_ref()));
        }
        let mut step = Step { subtask_id, completes, tickets: [None; 2], refused: false };
        if self.clerk.has_store() {
            let who = self.session.participants.get_mut(&self.user_id).expect("a turn is a participant's");
            step.tickets = self.clerk.step(self.fx, who, subtask_id, completes);
        }
        self.wait(conn, What::Step(step));
        Ok(())
    }

    fn progress(&mut self, conn: ConnId, details: &Details<'_>) -> Result<(), Fault> {
        self.under_way()?;
        let (subtask_id, status) = (self.meant(details)?, details.status()?);
        let row = &self.who().row;
        let (code, user_id) = (Arc::clone(&row.code), row.user_id);
        let told = messages::progress_updated(row, subtask_id, &status);
        self.session.say(self.fx, Audience::Of(GuidedRole::Instructor), &told);
        let event = GuidedEvent::Progress { code, user_id, subtask_id, status: (*status).into() };
        self.fx.event(EventClass::Lossless, 0, Some(conn), event);
        Ok(())
    }

    fn help(&mut self, conn: ConnId, details: &Details<'_>) -> Result<(), Fault> {
        self.under_way()?;
        let (subtask_id, message) = (self.meant(details)?, details.message()?);
        let row = &self.who().row;
        let (code, user_id) = (Arc::clone(&row.code), row.user_id);
        let told = messages::help_requested(row, subtask_id, &message);
        self.session.say(self.fx, Audience::Of(GuidedRole::Instructor), &told);
        let record = GuidedRecord::HelpRequest {
            code: Arc::clone(&code),
            user_id,
            subtask_id,
            message: (*message).into(),
        };
        self.clerk.log(self.fx, record);
        let event = GuidedEvent::HelpRequested { code, user_id, subtask_id, message: (*message).into() };
        self.fx.event(EventClass::Lossless, 0, Some(conn), event);
        Ok(())
    }

    /// Behind the replies that wait, if any do.
    fn reply(&mut self, conn: ConnId, text: String) {
        if self.who().line.is_empty() {
            self.fx.send(conn, &text);
            return;
        }
        self.wait(conn, What::Ready(text));
    }

    fn wait(&mut self, to: ConnId, what: What) {
        self.who().line.push_back(Reply { to, what });
        self.clerk.waiting += 1;
    }

    /// Whether nothing more can wait behind what does already.
    pub(super) fn line_is_full(&mut self) -> bool {
        let waiting = self.who().line.len();
        waiting >= GUIDED_REPLIES_MAX || (waiting > 0 && self.clerk.waiting >= GUIDED_REPLIES_TOTAL)
    }

    /// Says what waits no longer, and records how the participant is now.
    pub(super) fn settle(&mut self) {
        while let Some(reply) = self.who().next_reply() {
            self.clerk.waiting -= 1;
            let text = match reply.what {
                What::Ready(text) => text,
                What::Step(step) if step.refused => {
                    self.who().filed = None;
                    self.fx.count(Count::Refused);
                    messages::error(&self.config.texts.not_stored)
                }
                What::Step(step) => self.completed(reply.to, &step),
            };
            self.fx.send(reply.to, &text);
        }
        let who = self.session.participants.get_mut(&self.user_id).expect("a turn is a participant's");
        self.clerk.participant(self.fx, who);
        who.show(self.fx);
    }

    /// A step is completed, and, where there is a store, committed: instructors and the host never hear of what a crash can lose.
    fn completed(&mut self, conn: ConnId, step: &Step) -> String {
        let Step { subtask_id, completes, .. } = *step;
        let who = self.session.participants.get_mut(&self.user_id).expect("a turn is a participant's");
        who.completes(subtask_id, completes);
        self.clerk.completed(who);
        let told = messages::progress_updated(&who.row, Some(subtask_id), "completed");
        let (code, user_id) = (Arc::clone(&who.row.code), who.row.user_id);
        self.session.say(self.fx, Audience::Of(GuidedRole::Instructor), &told);
        let event = GuidedEvent::StepCompleted { code, user_id, subtask_id, completed: completes };
        self.fx.event(EventClass::Lossless, 0, Some(conn), event);
        messages::step_complete_confirmed(subtask_id, &self.config.texts.step_completed)
    }
}
