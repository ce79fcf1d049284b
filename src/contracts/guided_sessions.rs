//! Guided sessions: instructors lead students through the steps of a session, one session for each code in the path.

mod clerk;
pub(crate) mod config;
mod control;
mod inbox;
pub(crate) mod info;
mod messages;
pub(crate) mod orders;
mod participant;
mod session;
mod shadow;
#[cfg(test)]
mod tests;
pub(crate) mod texts;
mod turn;

use super::{
    admission::Admission,
    contract::{Contract, ContractFactory, Hello, Setup},
    effects::{Count, Effects, EventClass},
    store::{
        StoreError,
        guided::{GuidedRole, GuidedStatus, ParticipantRow, ParticipantStatus, SavedGuidedSession},
    },
    told::guided::GuidedEvent,
};
use crate::{
    ground::{
        close::{CloseCode, Closed},
        frame::Message,
        id::{ConnId, RecordTicket},
        limits::{
            GUIDED_NAME_BYTES_MAX, GUIDED_ORDER_BYTES_MAX, GUIDED_REPLIES_TOTAL, GUIDED_SESSION_BYTES_MAX,
            Limits,
        },
        time::Tick,
    },
    hub::identity::Identity,
    wire::response::Response,
};
use clerk::Clerk;
use config::{GuidedSession, GuidedSessionsConfig, steps_bytes};
use control::{Act, control};
use info::GuidedInfo;
use orders::{Order, Placed};
use participant::{Participant, Reply};
use session::{Audience, Session, Topics};
use shadow::{Shade, SharedShadow};
use std::{any::Any, collections::BTreeMap, sync::Arc};
use turn::Turn;

/// See the module.
#[derive(Debug)]
struct Guided {
    config: Arc<GuidedSessionsConfig>,
    /// The parameter of the path that is the session's code.
    parameter: Arc<str>,
    /// By code. Ordered, so that the same run is the same again.
    sessions: BTreeMap<Arc<str>, Session>,
    peers: BTreeMap<ConnId, Peer>,
    clerk: Clerk,
    armed: Option<Tick>,
}

/// One connection.
#[derive(Debug)]
struct Peer {
    code: Arc<str>,
    user_id: i64,
    role: GuidedRole,
}

/// Somebody who is known by name.
struct Person {
    user_id: i64,
    name: Arc<str>,
    role: GuidedRole,
}

/// Builds guided sessions of a checked configuration.
#[derive(Debug)]
pub(crate) struct GuidedFactory {
    config: Arc<GuidedSessionsConfig>,
    parameter: Arc<str>,
    shadow: SharedShadow,
}

impl GuidedFactory {
    pub(crate) fn new(parameter: &str, config: GuidedSessionsConfig) -> Self {
        Self { config: Arc::new(config), parameter: parameter.into(), shadow: SharedShadow::default() }
    }
}

impl ContractFactory for GuidedFactory {
    fn build(&mut self, setup: &mut Setup<'_>) -> Box<dyn Contract> {
        let config = &self.config;
        let clerk = Clerk::new(setup.has_store(), config.heartbeat_interval, self.shadow.clone());
        let mut guided = Guided {
            config: Arc::clone(config),
            parameter: Arc::clone(&self.parameter),
            sessions: BTreeMap::new(),
            peers: BTreeMap::new(),
            clerk,
            armed: None,
        };
        match self.shadow.sessions() {
            Some(before) => {
                for shade in before.into_values() {
                    guided.go_on(setup.effects(), shade);
                }
            }
            None => guided.begin(setup),
        }
        guided.arm(setup.effects());
        Box::new(guided)
    }

    /// Its sessions with their steps and people, in the contract and in the shadow; what is on its way to the store; what the host has ordered.
    fn memory_ceiling(&self, limits: &Limits) -> usize {
        // A tree's nodes are half full at worst, and so is what grows by doubling.
        const SLACK: usize = 2;
        let config = &self.config;
        let people = config.sessions_max.saturating_mul(config.participants_max);
        let person =
            size_of::<(i64, Participant)>() + size_of::<(i64, ParticipantRow)>() + GUIDED_NAME_BYTES_MAX;
        // As it was configured, and as it is.
        let session =
            size_of::<(Arc<str>, Session)>() + size_of::<(Arc<str>, Shade)>() + 2 * GUIDED_SESSION_BYTES_MAX;
        // A line grows by doubling, and so does what is written.
        let replies = 2 * GUIDED_REPLIES_TOTAL * (size_of::<Reply>() + config.reply_bytes_max());
        let rows = people.saturating_add(2 * config.sessions_max);
        let words = config.words_bytes_max + GUIDED_NAME_BYTES_MAX;
        people
            .saturating_mul(person)
            .saturating_add(config.sessions_max.saturating_mul(session))
            .saturating_add(replies)
            .saturating_add(Clerk::memory_ceiling(2 * limits.records + rows, rows, words))
            .saturating_add(limits.connections_max() * size_of::<(ConnId, Peer)>())
            .saturating_mul(SLACK)
            .saturating_add(limits.record_bytes)
            .saturating_add(GUIDED_ORDER_BYTES_MAX)
    }
}

impl Contract for Guided {
    fn admit(&mut self, fx: &mut Effects, _peer: ConnId, hello: &Hello<'_>) -> Result<Admission, Response> {
        let refused = |why| Err(Response::text(403, why));
        let Some(person) = Person::of(hello) else {
            return refused("who you are is not known here");
        };
        let Some(session) = hello.request.param(&self.parameter).and_then(|code| self.sessions.get(code))
        else {
            return refused("there is no such session");
        };
        if !self.has_room(session, person.user_id) {
            fx.count(Count::Bound);
            return refused("the session is full");
        }
        Ok(Admission::new())
    }

    fn opened(&mut self, fx: &mut Effects, conn: ConnId, hello: &Hello<'_>) {
        let code = hello.request.param(&self.parameter).unwrap_or_default();
        let found = self.sessions.get(code).zip(Person::of(hello));
        // What was admitted may be gone by now.
        let Some((_, person)) = found.filter(|(session, who)| self.has_room(session, who.user_id)) else {
            fx.close(conn, CloseCode::POLICY, "the session is gone or full");
            return;
        };
        let session = self.sessions.get_mut(code).expect("it was found above");
        let Person { user_id, name, role } = person;
        if hello.identity.name().is_some_and(|whole| whole.len() > name.len()) {
            fx.count(Count::Bound);
        }
        let code = Arc::clone(&session.row.code);
        let who = session.participants.entry(user_id).or_insert_with(|| {
            Participant::new(ParticipantRow {
                code: Arc::clone(&code),
                user_id,
                user_name: Arc::clone(&name),
                role,
                status: ParticipantStatus::Waiting,
                current_subtask: None,
                last_active_at: fx.now().wall,
            })
        });
        who.connections += 1;
        who.row.last_active_at = fx.now().wall;
        (who.row.user_name, who.row.role) = (Arc::clone(&name), role);
        if who.connections == 1 {
            who.becomes(ParticipantStatus::Waiting);
            // Before this one listens: it is for the others.
            session.say(fx, Audience::All, &messages::participant_joined(user_id, &name, role));
            let event = GuidedEvent::Joined { code: Arc::clone(&code), user_id, user_name: name, role };
            fx.event(EventClass::Lossless, 0, Some(conn), event);
        }
        fx.subscribe_from_now(conn, session.topics.of(role));
        self.peers.insert(conn, Peer { code, user_id, role });
        self.with_turn(fx, conn, |turn, _| turn.settle());
        self.arm(fx);
    }

    fn message(&mut self, fx: &mut Effects, conn: ConnId, message: Message<'_>) {
        self.with_turn(fx, conn, |turn, peer| {
            if turn.line_is_full() {
                turn.fx.count(Count::Bound);
                turn.fx.count(Count::Ignored);
                return;
            }
            turn.message(conn, peer.role, message);
        });
        self.arm(fx);
    }

    fn closed(&mut self, fx: &mut Effects, conn: ConnId, _how: Closed) {
        self.with_turn(fx, conn, |turn, peer| {
            let Some(who) = turn.session.participants.get_mut(&peer.user_id) else { return };
            who.connections = who.connections.saturating_sub(1);
            if who.connections == 0 {
                who.becomes(ParticipantStatus::Disconnected);
                let left = messages::participant_left(peer.user_id, &who.row.user_name);
                turn.session.say(turn.fx, Audience::All, &left);
                let event = GuidedEvent::Left { code: Arc::clone(&peer.code), user_id: peer.user_id };
                turn.fx.event(EventClass::Lossless, 0, Some(conn), event);
            }
            turn.settle();
        });
        self.peers.remove(&conn);
        self.arm(fx);
    }

    fn command(&mut self, fx: &mut Effects, command: Box<dyn Any + Send>) {
        match command.downcast::<Placed>() {
            Ok(placed) => self.carry_out(fx, placed.order),
            Err(_) => {
                log::warn!("guided sessions do not know this command: use GuidedSessions");
                fx.count(Count::Ignored);
            }
        }
        self.arm(fx);
    }

    fn deadline(&mut self, fx: &mut Effects) {
        self.clerk.work(fx, &mut self.sessions, false);
        self.armed = None;
        self.arm(fx);
    }

    fn recorded(&mut self, fx: &mut Effects, ticket: RecordTicket, outcome: Result<(), &StoreError>) {
        if let Some((code, user_id)) = self.clerk.recorded(fx, ticket, outcome)
            && let Some(session) = self.sessions.get_mut(&code)
            && let Some(who) = session.participants.get_mut(&user_id)
        {
            who.answered(ticket, outcome.is_err());
            let (clerk, config) = (&mut self.clerk, &*self.config);
            Turn { fx, clerk, config, session, user_id }.settle();
        }
        if outcome.is_ok() {
            self.clerk.work(fx, &mut self.sessions, true);
        }
        self.arm(fx);
    }

    /// There are no last words; what waits for its time is recorded now.
    fn shutdown(&mut self, fx: &mut Effects) {
        self.clerk.hurry(fx, &mut self.sessions);
        self.arm(fx);
    }
}

impl Guided {
    /// The sessions that are configured, with what the store knows of them, and those that only the store knows, unless they have ended.
    fn begin(&mut self, setup: &mut Setup<'_>) {
        let (config, saved) = (Arc::clone(&self.config), setup.guided_sessions());
        let fx = setup.effects();
        let now = fx.now().wall;
        for plan in &config.sessions {
            let Some(topics) = self.topics(fx, &plan.code) else { continue };
            let mut session = Session::new(plan, topics, now);
            if let Some(known) = saved.iter().find(|known| *known.session.code == *plan.code) {
                session.row = known.session.clone();
                self.restore(fx, &mut session, current(known));
            }
            self.enter(fx, session);
        }
        for known in saved.iter().filter(|known| known.session.status != GuidedStatus::Ended) {
            if self.sessions.contains_key(&known.session.code) {
                continue;
            }
            let is_large = steps_bytes(&known.subtasks) > GUIDED_SESSION_BYTES_MAX;
            if is_large || self.sessions.len() >= config.sessions_max {
                let why = if is_large { "its steps are too long" } else { "raise sessions_max" };
                log::error!("session {:?} of the store has no room: {why}", known.session.code);
                fx.count(Count::Bound);
                continue;
            }
            let Some(topics) = self.topics(fx, &known.session.code) else { continue };
            let mut session = Session {
                row: known.session.clone(),
                subtasks: Arc::clone(&known.subtasks),
                instructors: Arc::default(),
                participants: BTreeMap::new(),
                topics,
            };
            self.restore(fx, &mut session, current(known));
            self.enter(fx, session);
        }
    }

    /// A session goes on where the contract before this one was, all of whose connections are gone. What the store was to know may be lost with
    /// it, so it is told everything again.
    fn go_on(&mut self, fx: &mut Effects, shade: Shade) {
        let Some(topics) = self.topics(fx, &shade.row.code) else { return };
        let mut session = Session {
            row: shade.row,
            subtasks: shade.subtasks,
            instructors: shade.instructors,
            participants: BTreeMap::new(),
            topics,
        };
        self.restore(fx, &mut session, shade.participants.into_values());
        for who in session.participants.values_mut() {
            who.filed = None;
        }
        // Everybody who was there has been closed.
        let code = Arc::clone(&session.row.code);
        self.enter(fx, session);
        if let Some(session) = self.sessions.get_mut(&code) {
            session.participants.values_mut().for_each(|who| who.show(fx));
        }
    }

    fn restore(&self, fx: &mut Effects, session: &mut Session, rows: impl Iterator<Item = ParticipantRow>) {
        for row in rows {
            if session.participants.len() >= self.config.participants_max {
                log::error!("session {:?} has no room for all it knew: raise participants", session.row.code);
                fx.count(Count::Bound);
                return;
            }
            session.participants.insert(row.user_id, Participant::restored(row));
        }
    }

    /// A session is there from now on.
    fn enter(&mut self, fx: &mut Effects, mut session: Session) {
        self.clerk.session(fx, &session);
        self.clerk.subtasks(fx, &session);
        for who in session.participants.values_mut() {
            self.clerk.restored(fx, who);
        }
        session.show(fx);
        self.sessions.insert(Arc::clone(&session.row.code), session);
    }

    fn topics(&self, fx: &mut Effects, code: &str) -> Option<Topics> {
        let topic = self.config.topic();
        let students = fx.declare(&format!("students of {code}"), topic);
        let outcome = students.and_then(|students| {
            let instructors = fx.declare(&format!("instructors of {code}"), topic);
            let instructors = instructors.inspect_err(|_| fx.retire(students))?;
            Ok(Topics { students, instructors })
        });
        outcome
            .inspect_err(|why| {
                log::error!("session {code:?} is not there, for want of a topic: {why}");
                fx.count(Count::Bound);
            })
            .ok()
    }

    fn has_room(&self, session: &Session, user_id: i64) -> bool {
        session.participants.len() < self.config.participants_max
            || session.participants.contains_key(&user_id)
    }

    fn with_turn(&mut self, fx: &mut Effects, conn: ConnId, act: impl FnOnce(&mut Turn<'_>, &Peer)) {
        // Somebody who is being closed has no peer.
        if let Some(peer) = self.peers.get(&conn)
            && let Some(session) = self.sessions.get_mut(&peer.code)
        {
            let (clerk, config) = (&mut self.clerk, &*self.config);
            let mut turn = Turn { fx, clerk, config, session, user_id: peer.user_id };
            act(&mut turn, peer);
        }
    }

    fn carry_out(&mut self, fx: &mut Effects, order: Order) {
        match order {
            Order::Create(plan) => self.create(fx, &plan),
            Order::Control { code, action, subtask_id, message } => {
                let (clerk, texts, message) = (&mut self.clerk, &self.config.texts, &*message);
                let act = Act { conn: None, user_id: None, name: "host".into(), action, subtask_id, message };
                let done = match self.sessions.get_mut(code.as_str()) {
                    Some(session) => control(fx, clerk, texts, session, act).map_err(|fault| fault.message),
                    None => Err("there is no such session".into()),
                };
                if let Err(why) = done {
                    log::warn!("the host cannot {action} session {code:?}: {why}");
                    fx.count(Count::Ignored);
                }
            }
            Order::SendTo { code, user_id, text } => {
                let theirs = |peer: &Peer| *peer.code == *code && peer.user_id == user_id;
                for (&conn, _) in self.peers.iter().filter(|(_, peer)| theirs(peer)) {
                    fx.send(conn, &text);
                }
            }
            Order::SendToRole { code, role, text } => {
                if let Some(session) = self.sessions.get(code.as_str()) {
                    session.say(fx, Audience::Of(role), &text);
                }
            }
            Order::List(tell) => tell(self.sessions.values().map(info).collect()),
            #[cfg(feature = "board")]
            Order::Find { code, tell } => tell(self.sessions.get(code.as_str()).map(info)),
        }
    }

    fn create(&mut self, fx: &mut Effects, plan: &GuidedSession) {
        let now = fx.now().wall;
        if let Some(session) = self.sessions.get_mut(plan.code.as_str()) {
            let anew = Session::new(plan, session.topics, now);
            (session.subtasks, session.instructors) = (anew.subtasks, anew.instructors);
            let over = session.is_over();
            if over {
                session.begin_anew(now);
                self.clerk.begun_anew(session);
            }
            self.clerk.subtasks(fx, session);
            if over {
                self.clerk.session(fx, session);
            }
            session.show(fx);
            if over {
                for who in session.participants.values_mut() {
                    self.clerk.participant(fx, who);
                    who.show(fx);
                }
            }
            return;
        }
        let topics = if self.sessions.len() < self.config.sessions_max {
            self.topics(fx, &plan.code)
        } else {
            let freed = self.make_room();
            if freed.is_none() {
                log::error!("session {:?} is refused: raise sessions_max, or end one", plan.code);
                fx.count(Count::Bound);
            }
            freed
        };
        if let Some(topics) = topics {
            self.enter(fx, Session::new(plan, topics, now));
        }
    }

    /// Forgets the session that ended first, of those that everybody has left and the store knows of. Its topics, to which nobody listens, are free.
    fn make_room(&mut self) -> Option<Topics> {
        let can_go = |session: &&Session| {
            session.is_over() && session.is_empty() && !self.clerk.owes(&session.row.code)
        };
        let over = self.sessions.values().filter(can_go);
        let code = over.min_by_key(|session| session.row.ended_at).map(|s| Arc::clone(&s.row.code))?;
        self.clerk.forget(&code);
        self.sessions.remove(&code).map(|session| session.topics)
    }

    fn arm(&mut self, fx: &mut Effects) {
        let due = self.clerk.deadline();
        if due != self.armed {
            self.armed = due;
            fx.arm(due);
        }
    }
}

impl Person {
    /// Whom the gate has made out: an integer for a subject, and one of the two roles.
    fn of(hello: &Hello<'_>) -> Option<Self> {
        let identity = hello.identity;
        let (user_id, role) = user(identity)?;
        let name = identity.name().unwrap_or_default();
        let cut = (0..=name.len().min(GUIDED_NAME_BYTES_MAX)).rev().find(|&at| name.is_char_boundary(at));
        Some(Self { user_id, name: name[..cut.unwrap_or(0)].into(), role })
    }
}

/// Which user somebody is, and in which role; `None`: nobody who is let in.
pub(crate) fn user(identity: &Identity) -> Option<(i64, GuidedRole)> {
    let user_id = identity.subject()?.parse().ok()?;
    let roles = [GuidedRole::Instructor, GuidedRole::Student];
    let role = roles.into_iter().find(|role| identity.has_role(role.as_str()))?;
    Some((user_id, role))
}

/// Who takes part, of all whom the store knows: a code may have been used before.
fn current(saved: &SavedGuidedSession) -> impl Iterator<Item = ParticipantRow> {
    let since = saved.session.created_at;
    saved.participants.iter().filter(move |row| row.last_active_at >= since).cloned()
}

fn info(session: &Session) -> GuidedInfo {
    let online = session.participants.iter().filter(|(_, who)| who.connections > 0);
    GuidedInfo {
        session: session.row.clone(),
        subtasks: Arc::clone(&session.subtasks),
        participants: session.participants.values().map(|who| who.row.clone()).collect(),
        online: online.map(|(user_id, _)| *user_id).collect(),
    }
}
