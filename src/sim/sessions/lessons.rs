//! A naive model of guided sessions, after the requirements: it is told what the contract is told, works out what must come of it, and compares.

mod asked;
mod kept;
mod said;

use super::{
    tables::Tables,
    truth::Truth,
    witness::{Call, Said},
};
use crate::{
    contracts::{
        store::{
            guided::{
                GuidedRecord, GuidedRole, GuidedSessionRow, GuidedStatus, ParticipantRow, ParticipantStatus,
                Subtask,
            },
            record::RecordBody,
        },
        told::guided::GuidedEvent,
    },
    ground::{
        id::{ConnId, RecordTicket, TopicId},
        time::Wall,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

type Check = Result<(), String>;

/// Stands for any message that is an error.
const ERROR: &str = "error";

/// A session that is there from the start.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) code: &'static str,
    pub(super) steps: i64,
    pub(super) instructors: Vec<i64>,
}

/// A reply that waits.
#[derive(Debug)]
struct Owed {
    to: ConnId,
    what: What,
}

#[derive(Debug)]
enum What {
    Said(String),
    Step { id: i64, last: bool, tickets: Vec<RecordTicket>, refused: bool },
}

#[derive(Debug)]
struct Person {
    row: ParticipantRow,
    conns: BTreeSet<ConnId>,
    line: VecDeque<Owed>,
    /// Steps that were refused, or of which it was never said what became of them, because the contract was gone.
    unsettled: BTreeSet<i64>,
}

#[derive(Debug)]
struct Lesson {
    row: GuidedSessionRow,
    steps: Arc<[Subtask]>,
    instructors: Vec<i64>,
    people: BTreeMap<i64, Person>,
    /// Of students and of instructors.
    topics: [Option<TopicId>; 2],
}

/// See the module.
#[derive(Debug)]
pub(super) struct Lessons {
    plans: Vec<Plan>,
    has_store: bool,
    lessons: BTreeMap<String, Lesson>,
    peers: BTreeMap<ConnId, (String, i64)>,
    /// Controls and calls for help.
    logs: Vec<(Wall, GuidedRecord)>,
    /// Those that were on their way when the contract panicked, of which nobody knows whether they arrived.
    lost: Vec<(Wall, GuidedRecord)>,
    /// Steps whose completion a client was told.
    confirmed: BTreeMap<(String, i64, i64), usize>,
    stopping: bool,
    /// The store has refused something while the server stopped: there is no time to file it again.
    cut_short: bool,
    due: Due,
}

/// What must come of the call that is judged.
#[derive(Debug, Default)]
struct Due {
    sends: Vec<(ConnId, String)>,
    /// To a session's students, and to its instructors.
    publishes: Vec<(String, GuidedRole, String)>,
    events: Vec<GuidedEvent>,
    logs: Vec<(Wall, GuidedRecord)>,
    confirmed: Vec<(String, i64, i64)>,
}

pub(super) fn step(id: i64) -> Subtask {
    Subtask::new(id, format!("Step {id}")).guide("CLICK", format!("Please do {id}"))
}

pub(super) fn judge(truth: &mut Truth, call: Call<'_>, said: &[Said]) -> Check {
    let wall = truth.now.wall;
    let Truth { lessons: model, tables, .. } = truth;
    model.due = Due::default();
    model.take(call, wall, said, tables)?;
    model.check_said(said)?;
    model.check_records(said, wall)?;
    model.check_confirmed(tables)
}

impl Lessons {
    pub(super) fn new(plans: Vec<Plan>, has_store: bool) -> Self {
        Self {
            plans,
            has_store,
            lessons: BTreeMap::new(),
            peers: BTreeMap::new(),
            logs: Vec::new(),
            lost: Vec::new(),
            confirmed: BTreeMap::new(),
            stopping: false,
            cut_short: false,
            due: Due::default(),
        }
    }

    fn take(&mut self, call: Call<'_>, wall: Wall, said: &[Said], tables: &Tables) -> Check {
        match call {
            Call::Built { anew: false } => self.begin(wall, tables),
            Call::Built { anew: true } => self.go_on(said, tables),
            Call::Opened { conn, subject, name, role, code, .. } => {
                let user = subject.and_then(|subject| subject.parse().ok());
                let role = role.ok_or_else(|| format!("{conn} has no role"))?;
                self.opened(conn, code, user.unwrap_or_default(), name, role, wall)?;
            }
            Call::Message { conn, text } => self.message(conn, text, wall, said)?,
            Call::Closed(conn) => self.closed(conn),
            Call::Command(words) => self.command(words, wall),
            Call::Deadline => {}
            Call::Recorded { ticket, committed, .. } => {
                self.cut_short |= self.stopping && !committed;
                self.recorded(ticket, committed);
            }
            Call::Shutdown => self.stopping = true,
        }
        Ok(())
    }

    fn begin(&mut self, wall: Wall, tables: &Tables) {
        self.lessons.clear();
        let saved = tables.lessons.values().filter(|_| self.has_store).cloned();
        let mut saved: BTreeMap<_, _> = saved.map(|row| (row.code.to_string(), row)).collect();
        for plan in self.plans.clone() {
            let row = saved.remove(plan.code).unwrap_or_else(|| fresh(plan.code, wall));
            let steps = (1..=plan.steps).map(step).collect();
            self.enter(row, steps, plan.instructors, tables);
        }
        for (code, row) in saved.into_iter().filter(|(_, row)| row.status != GuidedStatus::Ended) {
            let steps = tables.subtasks.get(&code).cloned().unwrap_or_default();
            self.enter(row, steps, Vec::new(), tables);
        }
    }

    fn enter(
        &mut self,
        row: GuidedSessionRow,
        steps: Arc<[Subtask]>,
        instructors: Vec<i64>,
        tables: &Tables,
    ) {
        // Who was heard last before the session began took part in an earlier one of its code.
        let is_one = |person: &ParticipantRow| {
            person.code == row.code && person.last_active_at >= row.created_at && self.has_store
        };
        let theirs = tables.people.iter().filter(|(_, person)| is_one(person));
        let people = theirs.map(|((_, user), row)| (*user, Person::absent(row.clone())));
        let lesson =
            Lesson { steps, instructors, people: people.collect(), topics: [None; 2], row: row.clone() };
        self.lessons.insert(row.code.to_string(), lesson);
    }

    /// The contract before has panicked, and everybody is gone. When somebody was heard last is what it has recorded last.
    fn go_on(&mut self, said: &[Said], tables: &Tables) {
        let (kept, lost) = kept::divided(std::mem::take(&mut self.logs), &tables.logs);
        self.logs = kept;
        self.lost.extend(lost);
        self.peers.clear();
        for lesson in self.lessons.values_mut() {
            lesson.topics = [None; 2];
            for person in lesson.people.values_mut() {
                person.conns.clear();
                person.unsettled.extend(person.waiting());
                person.line.clear();
                person.becomes(ParticipantStatus::Disconnected);
            }
        }
        for said in said {
            if let Said::Record { body: RecordBody::Guided(GuidedRecord::Participant(row)), .. } = said
                && let Some(lesson) = self.lessons.get_mut(&*row.code)
                && let Some(person) = lesson.people.get_mut(&row.user_id)
            {
                person.row.last_active_at = person.row.last_active_at.min(row.last_active_at);
            }
        }
    }

    fn opened(
        &mut self,
        conn: ConnId,
        code: &str,
        user: i64,
        name: &str,
        role: GuidedRole,
        wall: Wall,
    ) -> Check {
        let lesson =
            self.lessons.get_mut(code).ok_or_else(|| format!("no session {code}, and somebody is in"))?;
        let person = lesson.people.entry(user).or_insert_with(|| {
            Person::absent(ParticipantRow {
                code: code.into(),
                user_id: user,
                user_name: name.into(),
                role,
                status: ParticipantStatus::Waiting,
                current_subtask: None,
                last_active_at: wall,
            })
        });
        person.conns.insert(conn);
        (person.row.last_active_at, person.row.user_name, person.row.role) = (wall, name.into(), role);
        if person.conns.len() == 1 {
            person.becomes(ParticipantStatus::Waiting);
            let text = format!(
                r#"{{"type":"participant_joined","user_id":{user},"user_name":"{name}","role":"{role}"}}"#
            );
            self.due.say_to_all(code, text);
            let (code, user_name) = (code.into(), name.into());
            self.due.events.push(GuidedEvent::Joined { code, user_id: user, user_name, role });
        }
        self.peers.insert(conn, (code.to_owned(), user));
        self.settle(code, user);
        Ok(())
    }

    fn closed(&mut self, conn: ConnId) {
        let Some((code, user)) = self.peers.remove(&conn) else { return };
        let Some(person) = self.person(&code, user) else { return };
        person.conns.remove(&conn);
        if person.conns.is_empty() {
            person.becomes(ParticipantStatus::Disconnected);
            let name = Arc::clone(&person.row.user_name);
            // Also while the server stops: who is there yet is on its way out, and it does no harm.
            let text = format!(r#"{{"type":"participant_left","user_id":{user},"user_name":"{name}"}}"#);
            self.due.say_to_all(&code, text);
            self.due.events.push(GuidedEvent::Left { code: code.as_str().into(), user_id: user });
        }
        self.settle(&code, user);
    }

    fn person(&mut self, code: &str, user: i64) -> Option<&mut Person> {
        self.lessons.get_mut(code)?.people.get_mut(&user)
    }

    fn recorded(&mut self, ticket: RecordTicket, committed: bool) {
        let mut whose = None;
        for (code, lesson) in &mut self.lessons {
            for (user, person) in &mut lesson.people {
                for owed in &mut person.line {
                    if let What::Step { tickets, refused, .. } = &mut owed.what
                        && tickets.contains(&ticket)
                    {
                        tickets.retain(|of| *of != ticket);
                        *refused |= !committed;
                        whose = Some((code.clone(), *user));
                    }
                }
            }
        }
        if let Some((code, user)) = whose {
            self.settle(&code, user);
        }
    }

    /// Says what waits for nothing any more.
    fn settle(&mut self, code: &str, user: i64) {
        let Some(lesson) = self.lessons.get_mut(code) else { return };
        let Some(person) = lesson.people.get_mut(&user) else { return };
        while let Some(owed) = person.line.front() {
            let waits = matches!(&owed.what, What::Step { tickets, .. } if !tickets.is_empty());
            if waits {
                return;
            }
            let Some(Owed { to, what }) = person.line.pop_front() else { return };
            let text = match what {
                What::Said(text) => text,
                What::Step { id, refused: true, .. } => {
                    // The row that it was to lead to may have been committed, and the power fail before that is put right.
                    person.unsettled.insert(id);
                    ERROR.into()
                }
                What::Step { id, last: completed, .. } => {
                    person.row.current_subtask = Some(id);
                    if completed {
                        person.row.status = ParticipantStatus::Completed;
                    }
                    let text = progress(user, &person.row.user_name, &id.to_string(), "completed");
                    self.due.publishes.push((code.into(), GuidedRole::Instructor, text));
                    self.due.events.push(GuidedEvent::StepCompleted {
                        code: code.into(),
                        user_id: user,
                        subtask_id: id,
                        completed,
                    });
                    self.due.confirmed.push((code.to_owned(), user, id));
                    format!(
                        r#"{{"type":"step_complete_confirmed","subtask_id":{id},"message":"단계를 완료했습니다"}}"#
                    )
                }
            };
            self.due.sends.push((to, text));
        }
    }
}

fn fresh(code: &str, wall: Wall) -> GuidedSessionRow {
    GuidedSessionRow {
        code: code.into(),
        status: GuidedStatus::InProgress,
        current_subtask: None,
        created_at: wall,
        ended_at: None,
    }
}

fn progress(user: i64, name: &str, id: &str, status: &str) -> String {
    format!(
        r#"{{"type":"progress_updated","user_id":{user},"user_name":"{name}","subtask_id":{id},"status":"{status}"}}"#
    )
}

impl Due {
    fn say_to_all(&mut self, code: &str, text: String) {
        self.publishes.push((code.into(), GuidedRole::Student, text.clone()));
        self.publishes.push((code.into(), GuidedRole::Instructor, text));
    }
}

impl Person {
    /// As it was known: without a connection.
    fn absent(row: ParticipantRow) -> Self {
        let mut person =
            Self { row, conns: BTreeSet::new(), line: VecDeque::new(), unsettled: BTreeSet::new() };
        person.becomes(ParticipantStatus::Disconnected);
        person
    }

    /// Steps that wait.
    fn waiting(&self) -> Vec<i64> {
        let steps = self.line.iter().filter_map(|owed| match owed.what {
            What::Step { id, .. } => Some(id),
            What::Said(_) => None,
        });
        steps.collect()
    }

    /// Whether the store may have it as the last step that was completed, though nobody was told.
    fn may_have_done(&self, id: i64) -> bool {
        self.unsettled.contains(&id) || self.waiting().contains(&id)
    }

    /// Who is through stays so.
    fn becomes(&mut self, status: ParticipantStatus) {
        if self.row.status != ParticipantStatus::Completed {
            self.row.status = status;
        }
    }
}
