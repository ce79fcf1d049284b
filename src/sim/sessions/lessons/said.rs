//! What the contract says of guided sessions, held against what must come.

use super::{
    super::{flat::string, tables::Tables, witness::Said},
    Check, ERROR, Lessons,
};
use crate::{
    contracts::{
        store::{
            guided::{GuidedRecord, GuidedRole, ParticipantRow},
            record::RecordBody,
        },
        told::{EventBody, guided::GuidedEvent},
    },
    ground::{id::TopicId, time::Wall},
};

impl Lessons {
    pub(super) fn check_said(&mut self, said: &[Said]) -> Check {
        let (mut sends, mut publishes, mut events) = (Vec::new(), Vec::new(), Vec::new());
        for one in said {
            match one {
                Said::Send(to, text) => {
                    let is_error = string(text, "type") == Some(ERROR);
                    sends.push((*to, if is_error { ERROR.to_owned() } else { text.clone() }));
                }
                Said::Publish(topic, text) => publishes.push((*topic, text.clone())),
                Said::Event(EventBody::Guided(event)) => events.push(GuidedEvent::clone(event)),
                Said::Subscribe(conn, topic) => {
                    let (code, user) = &self.peers[conn];
                    let (code, role) = (code.clone(), self.lessons[code].people[user].row.role);
                    self.bind(&code, role, *topic)?;
                }
                Said::Close(conn) => return Err(format!("{conn} is closed")),
                Said::Event(_) | Said::Record { .. } => {}
            }
        }
        if sends != self.due.sends || events != self.due.events || publishes.len() != self.due.publishes.len()
        {
            return Err(format!("said is {sends:?} {publishes:?} {events:?}, and due was {:?}", self.due));
        }
        let due = self.due.publishes.clone();
        for ((topic, text), (code, role, expected)) in publishes.into_iter().zip(due) {
            if text != expected {
                return Err(format!("published is {text}, not {expected}"));
            }
            self.bind(&code, role, topic)?;
        }
        Ok(())
    }

    /// A topic is that of a role in a session, and of no other.
    fn bind(&mut self, code: &str, role: GuidedRole, topic: TopicId) -> Check {
        let bound = self.lessons.iter().flat_map(|(code, lesson)| {
            let roles = [GuidedRole::Student, GuidedRole::Instructor];
            roles.into_iter().zip(lesson.topics).filter_map(move |(role, bound)| Some((code, role, bound?)))
        });
        for (of, of_role, bound) in bound {
            if (bound == topic) != (of == code && of_role == role) {
                return Err(format!(
                    "{topic} is that of the {of_role}s of {of}, not of the {role}s of {code}"
                ));
            }
        }
        if let Some(lesson) = self.lessons.get_mut(code) {
            lesson.topics[usize::from(role == GuidedRole::Instructor)] = Some(topic);
        }
        Ok(())
    }

    pub(super) fn check_records(&mut self, said: &[Said], wall: Wall) -> Check {
        let mut due = std::mem::take(&mut self.due.logs);
        let fresh = due.clone();
        for said in said {
            let Said::Record { body: RecordBody::Guided(body), at, .. } = said else { continue };
            match body {
                GuidedRecord::Session(row) => {
                    let known = self.lessons.get(&*row.code).map(|lesson| &lesson.row);
                    if known != Some(&**row) {
                        return Err(format!("recorded is {row:?}, and it is {known:?}"));
                    }
                }
                GuidedRecord::Participant(row) => self.check_row(row)?,
                GuidedRecord::StepControl(_) | GuidedRecord::HelpRequest { .. } => {
                    let log = (at.unwrap_or(wall), body.clone());
                    if let Some(at) = due.iter().position(|due| *due == log) {
                        due.remove(at);
                    } else if !self.logs.contains(&log) {
                        return Err(format!("recorded is what never happened: {log:?}"));
                    }
                }
                GuidedRecord::Subtasks { .. } | GuidedRecord::StepCompletion { .. } => {}
            }
        }
        if !due.is_empty() && self.has_store {
            return Err(format!("was not recorded: {due:?}"));
        }
        self.logs.extend(fresh);
        Ok(())
    }

    /// A participant's row is as it is, or as a step that waits will make it.
    fn check_row(&self, row: &ParticipantRow) -> Check {
        let Some(person) = self.lessons.get(&*row.code).and_then(|lesson| lesson.people.get(&row.user_id))
        else {
            return Err(format!("recorded is {row:?}, and there is nobody"));
        };
        let good = match person.waiting().last().copied() {
            None => person.row == *row,
            Some(id) => row.current_subtask == Some(id),
        };
        if good { Ok(()) } else { Err(format!("recorded is {row:?}, and it is {person:?}")) }
    }

    /// A step that is confirmed is in the store, and the row that it led to.
    pub(super) fn check_confirmed(&mut self, tables: &Tables) -> Check {
        for step in std::mem::take(&mut self.due.confirmed) {
            *self.confirmed.entry(step.clone()).or_default() += 1;
            if self.has_store {
                self.check_kept(&step, tables)?;
                let (code, user, id) = step;
                let row = tables.people.get(&(code.clone(), user));
                let person = &self.lessons[&code].people[&user];
                let later = |known: i64| known == id || person.may_have_done(known);
                if !row.and_then(|row| row.current_subtask).is_some_and(later) {
                    return Err(format!("confirmed is step {id} of {user}, and the store has {row:?}"));
                }
            }
        }
        Ok(())
    }

    pub(super) fn check_kept(&self, step: &(String, i64, i64), tables: &Tables) -> Check {
        let is_it = |record: &GuidedRecord| match record {
            GuidedRecord::StepCompletion { code, user_id, subtask_id } => {
                (&**code, *user_id, *subtask_id) == (&*step.0, step.1, step.2)
            }
            _ => false,
        };
        let kept = tables.logs.iter().filter(|(_, record)| is_it(record)).count();
        let told = self.confirmed.get(step).copied().unwrap_or_default();
        if kept < told {
            return Err(format!("confirmed {told} times, and {kept} times in the store: {step:?}"));
        }
        Ok(())
    }
}
