//! A naive model of guided sessions, after the requirements: it is told what the contract is told, works out what must come of it, and compares.

use super::{
    flat::{number, string},
    tables::Tables,
    truth::Truth,
    witness::{Call, Said},
};
use crate::{
    contracts::{
        store::{
            guided::{
                GuidedRecord, GuidedRole, GuidedSessionRow, GuidedStatus, ParticipantRow, ParticipantStatus,
                StepAction, StepControl, Subtask,
            },
            record::RecordBody,
        },
        told::{EventBody, guided::GuidedEvent},
    },
    ground::{
        id::{ConnId, RecordTicket, TopicId},
        limits::GUIDED_REPLIES_MAX,
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

    // ---- beginnings ----------------------------------------------------------------------------------

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
        let (kept, lost): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.logs).into_iter().partition(|log| tables.logs.contains(log));
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

    // ---- what is said to the contract ----------------------------------------------------------------

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

    fn message(&mut self, conn: ConnId, text: &str, wall: Wall, said: &[Said]) -> Check {
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

    fn command(&mut self, words: &str, wall: Wall) {
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

    // ---- what the contract says ----------------------------------------------------------------------

    fn check_said(&mut self, said: &[Said]) -> Check {
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

    fn check_records(&mut self, said: &[Said], wall: Wall) -> Check {
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
    fn check_confirmed(&mut self, tables: &Tables) -> Check {
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

    fn check_kept(&self, step: &(String, i64, i64), tables: &Tables) -> Check {
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

    // ---- at rest -------------------------------------------------------------------------------------

    /// What the host's list must say: by session its row, and the rows of its people.
    pub(super) fn check_listed(&self, listed: Vec<(GuidedSessionRow, Vec<ParticipantRow>)>) -> Check {
        let rows = |lesson: &Lesson| lesson.people.values().map(|person| person.row.clone()).collect();
        let mut due: Vec<_> =
            self.lessons.values().map(|lesson| (lesson.row.clone(), rows(lesson))).collect();
        let mut listed = listed;
        if !self.has_store {
            // Nobody has seen when the contract before, which has panicked, last wrote down who was heard when.
            for row in due.iter_mut().chain(&mut listed).flat_map(|(_, rows): &mut (_, Vec<_>)| rows) {
                row.last_active_at = Wall::from_millis(0);
            }
        }
        if listed == due { Ok(()) } else { Err(format!("listed is {listed:?}, not {due:?}")) }
    }

    /// The engine is gone: what the store has is all there is.
    pub(super) fn lost_power(&mut self, tables: &Tables) -> Check {
        (self.stopping, self.cut_short, self.peers) = (false, false, BTreeMap::new());
        if !self.has_store {
            self.logs.clear();
            return Ok(());
        }
        for step in self.confirmed.keys() {
            self.check_kept(step, tables)?;
        }
        for (code, lesson) in &self.lessons {
            for (user, person) in &lesson.people {
                let Some(id) = person.row.current_subtask else { continue };
                let row = tables.people.get(&(code.clone(), *user));
                let kept = row.and_then(|row| row.current_subtask);
                if kept != Some(id) && !kept.is_some_and(|kept| person.may_have_done(kept)) {
                    return Err(format!("the store has {row:?} of {person:?}"));
                }
            }
        }
        self.logs.retain(|log| tables.logs.contains(log));
        self.lost.retain(|log| tables.logs.contains(log));
        Ok(())
    }

    /// Nothing is under way: is everything where it belongs?
    pub(super) fn check_rest(&self, tables: &Tables) -> Check {
        let rows_count = self.has_store && !self.cut_short;
        for (code, lesson) in &self.lessons {
            for (user, person) in &lesson.people {
                if !person.line.is_empty() {
                    return Err(format!("{user} was never answered: {person:?}"));
                }
                let is_there = self.peers.values().any(|peer| *peer == (code.clone(), *user));
                let status = person.row.status;
                if status != ParticipantStatus::Completed
                    && is_there == (status == ParticipantStatus::Disconnected)
                {
                    return Err(format!("there: {is_there}, and it is {person:?}"));
                }
                let row = tables.people.get(&(code.clone(), *user));
                if rows_count && row != Some(&person.row) && !tables.was_rejected(&person.row) {
                    return Err(format!("the store has {row:?} of {person:?}"));
                }
            }
            let row = tables.lessons.get(code);
            if rows_count && row != Some(&lesson.row) && !tables.was_rejected(&lesson.row) {
                return Err(format!("the store has {row:?} of {:?}", lesson.row));
            }
        }
        if !self.has_store {
            return Ok(());
        }
        for step in self.confirmed.keys() {
            self.check_kept(step, tables)?;
        }
        if self.cut_short {
            return Ok(());
        }
        for (log, times) in counted(&self.logs) {
            let kept = tables.logs.iter().filter(|kept| *kept == log).count();
            if kept < times && !tables.was_rejected(&log.1) && !self.lost.contains(log) {
                return Err(format!("happened {times} times, and {kept} times in the store: {log:?}"));
            }
        }
        for (log, times) in counted(&tables.logs) {
            let happened = self.logs.iter().chain(&self.lost).filter(|known| *known == log).count();
            if happened < times && !is_completion(&log.1) {
                return Err(format!("happened {happened} times, and {times} times in the store: {log:?}"));
            }
        }
        Ok(())
    }
}

/// Each log, and how often there is one like it.
fn counted(logs: &[(Wall, GuidedRecord)]) -> impl Iterator<Item = (&(Wall, GuidedRecord), usize)> {
    logs.iter().map(|log| (log, logs.iter().filter(|other| *other == log).count()))
}

fn is_completion(log: &GuidedRecord) -> bool {
    matches!(log, GuidedRecord::StepCompletion { .. })
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
