//! Whatever people do and however the store fares, what is confirmed is committed, replies keep their order, and in the end the store knows how
//! things are.

use super::{
    GuidedFactory,
    config::{GuidedSession, GuidedSessionsConfig},
    info::GuidedInfo,
    orders::{Order, OrderDesk},
};
use crate::{
    contracts::{
        contract::{Contract, ContractFactory, Hello, Setup},
        effects::{Effect, Effects},
        store::{
            StoreError,
            guided::{GuidedRecord, GuidedSessionRow, ParticipantRow, Subtask},
            record::RecordBody,
        },
    },
    ground::{
        close::{CloseCause, CloseCode, Closed},
        frame::{Message, Payload},
        id::{ConnId, RecordTicket},
        limits::{GUIDED_REPLIES_MAX, GUIDED_REPLIES_TOTAL},
        time::{Now, Tick, Wall},
    },
    hub::identity::Identity,
    wire::{owned::OwnedRequest, request::Method},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

const USERS: u64 = 3;
const STEPS: i64 = 3;

/// A contract between people and a store, all driven by one seed.
struct Lesson {
    contract: Box<dyn Contract>,
    config: GuidedSessionsConfig,
    fx: Effects,
    millis: u64,
    deadline: Option<Tick>,
    records: VecDeque<(RecordTicket, GuidedRecord)>,
    /// What is committed.
    session: Option<GuidedSessionRow>,
    participants: BTreeMap<i64, ParticipantRow>,
    completions: BTreeMap<(i64, i64), usize>,
    /// What was asked and is not answered, by user.
    asked: BTreeMap<u64, VecDeque<String>>,
    confirmed: BTreeMap<(i64, i64), usize>,
    /// The step that was confirmed last, by user.
    newest: BTreeMap<i64, i64>,
    /// The steps that were refused since.
    refused: BTreeMap<i64, Vec<i64>>,
}

fn peer(user: u64, nth: u64) -> ConnId {
    ConnId::from_bits(user * 10 + nth)
}

/// The last user leads.
fn identity(user: u64) -> Identity {
    Identity::new(user.to_string()).with_role(if user == USERS { "INSTRUCTOR" } else { "STUDENT" })
}

impl Lesson {
    fn new() -> Self {
        let session =
            (1..=STEPS).fold(GuidedSession::new("A"), |session, id| session.subtask(Subtask::new(id, "")));
        let config = GuidedSessionsConfig::new().session(session);
        let mut fx = Effects::for_test(Now::default());
        let mut factory = GuidedFactory::new("code", config.clone());
        let contract = factory.build(&mut Setup::for_test(&mut fx, &[]).with_store(&[]));
        let mut lesson = Self {
            contract,
            config,
            fx,
            millis: 0,
            deadline: None,
            records: VecDeque::new(),
            session: None,
            participants: BTreeMap::new(),
            completions: BTreeMap::new(),
            asked: BTreeMap::new(),
            confirmed: BTreeMap::new(),
            newest: BTreeMap::new(),
            refused: BTreeMap::new(),
        };
        lesson.look();
        lesson
    }

    /// Carries out what the contract said, and checks it.
    fn look(&mut self) {
        for effect in self.fx.drain() {
            match effect {
                Effect::Record { ticket, body: RecordBody::Guided(record), .. } => {
                    self.records.push_back((ticket, record));
                }
                Effect::Arm { at } => self.deadline = at,
                Effect::Send { to, message: Payload::Text(text), .. } => self.heard(to.to_bits() / 10, &text),
                _ => {}
            }
        }
    }

    /// A private message is the answer to the oldest request of that user.
    fn heard(&mut self, user: u64, text: &str) {
        let asked = self.asked.get_mut(&user).and_then(VecDeque::pop_front).expect("somebody asked");
        if let Some(step) = text.strip_prefix("{\"type\":\"step_complete_confirmed\",\"subtask_id\":") {
            let key = (user as i64, step[..1].parse().unwrap());
            let confirmed = self.confirmed.entry(key).or_default();
            *confirmed += 1;
            assert!(self.completions.get(&key) >= Some(confirmed), "{text} is not committed");
            assert_eq!(self.participants[&key.0].current_subtask, Some(key.1), "nor is the row");
            assert_eq!(asked, format!("step {}", key.1));
            self.newest.insert(key.0, key.1);
            self.refused.remove(&key.0);
        } else if let Some(beat) = text.strip_prefix("{\"type\":\"heartbeat_ack\",\"timestamp\":") {
            assert_eq!(asked, format!("beat {}", beat.trim_end_matches('}')));
        } else {
            assert!(text.starts_with("{\"type\":\"error\""), "{text}");
            let step = asked.strip_prefix("step ").and_then(|step| step.parse().ok());
            self.refused.entry(user as i64).or_default().push(step.expect("nothing else is refused"));
        }
    }

    fn comes(&mut self, user: u64, nth: u64) {
        let who = identity(user);
        let (contract, fx) = (&mut self.contract, &mut self.fx);
        OwnedRequest::new(Method::Get, "/A").with_param("code", "A").with(|request| {
            contract.opened(fx, peer(user, nth), &Hello::new(request, &who));
        });
        self.look();
    }

    fn goes(&mut self, user: u64, nth: u64) {
        let how = Closed { cause: CloseCause::Lost, code: CloseCode::ABNORMAL };
        self.contract.closed(&mut self.fx, peer(user, nth), how);
        self.look();
    }

    fn says(&mut self, user: u64, nth: u64, asked: Option<String>, text: &str) {
        self.asked.entry(user).or_default().extend(asked);
        self.contract.message(&mut self.fx, peer(user, nth), Message::Text(text));
        self.look();
    }

    /// The store answers for its oldest record.
    fn answer(&mut self, works: bool) {
        let Some((ticket, record)) = self.records.pop_front() else { return };
        let down = StoreError::Down("a full disk".into());
        if works {
            match record {
                GuidedRecord::Session(row) => self.session = Some(*row),
                GuidedRecord::Participant(row) => drop(self.participants.insert(row.user_id, *row)),
                GuidedRecord::StepCompletion { user_id, subtask_id, .. } => {
                    *self.completions.entry((user_id, subtask_id)).or_default() += 1;
                }
                _ => {}
            }
        }
        self.contract.recorded(&mut self.fx, ticket, if works { Ok(()) } else { Err(&down) });
        self.look();
        // A crash now would lose nothing that was confirmed: a row tells of that step, or of a later one, be it that its completion alone was
        // refused.
        for (user_id, row) in &self.participants {
            let later = self.asked.get(&(*user_id as u64)).into_iter().flatten();
            let later = later.filter_map(|asked| asked.strip_prefix("step ")?.parse().ok());
            let refused = self.refused.get(user_id).into_iter().flatten().copied();
            let mut later = later.chain(refused);
            let is_newest = row.current_subtask == self.newest.get(user_id).copied();
            assert!(is_newest || later.any(|step: i64| Some(step) == row.current_subtask), "{row:?}");
        }
    }

    fn pass(&mut self, millis: u64) {
        self.millis += millis;
        let now = Now {
            tick: Tick::from_nanos(self.millis * 1_000_000),
            wall: Wall::from_millis(self.millis as i64),
        };
        self.fx.set_now(now);
        if self.deadline.is_some_and(|at| at <= now.tick) {
            self.deadline = None;
            self.contract.deadline(&mut self.fx);
            self.look();
        }
    }

    fn list(&mut self) -> GuidedInfo {
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = Arc::clone(&told);
        let order = Order::List(Box::new(move |all| *tell.lock().unwrap() = all));
        let placed = OrderDesk::new(&self.config).place(order).ok().unwrap();
        self.contract.command(&mut self.fx, Box::new(placed));
        told.lock().unwrap().pop().unwrap()
    }
}

fn play(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut lesson = Lesson::new();
    let mut open = Vec::new();
    let mut beats = 0;
    for _ in 0..rng.usize(1..300) {
        let (user, nth) = (rng.u64(1..=USERS), rng.u64(0..2));
        let is_open = open.contains(&(user, nth));
        match rng.u8(0..10) {
            0 if is_open => {
                open.retain(|one| *one != (user, nth));
                lesson.goes(user, nth);
            }
            _ if !is_open => {
                open.push((user, nth));
                lesson.comes(user, nth);
            }
            1 | 2 if lesson.asked.get(&user).is_none_or(|asked| asked.len() < 10) => {
                beats += 1;
                let text = format!(r#"{{"type":"heartbeat","data":{{"timestamp":{beats}}}}}"#);
                lesson.says(user, nth, Some(format!("beat {beats}")), &text);
            }
            3 | 4 if user < USERS && lesson.asked.get(&user).is_none_or(|asked| asked.len() < 10) => {
                let step = rng.i64(1..=STEPS);
                let text = format!(r#"{{"type":"step_complete","data":{{"subtask_id":{step}}}}}"#);
                lesson.says(user, nth, Some(format!("step {step}")), &text);
            }
            5 if user == USERS => {
                let kind = ["pause_session", "resume_session"][rng.usize(..2)];
                lesson.says(user, nth, None, &format!(r#"{{"type":"{kind}"}}"#));
            }
            6 => lesson.pass(rng.u64(1..1_500)),
            7..=9 => lesson.answer(rng.u8(0..4) > 0),
            _ => {}
        }
    }
    // The store works from now on.
    for _ in 0..1_000 {
        if lesson.records.is_empty() && lesson.deadline.is_none() {
            break;
        }
        lesson.answer(true);
        lesson.pass(100);
    }
    assert!(lesson.records.is_empty() && lesson.deadline.is_none(), "it never comes to rest");
    assert!(lesson.asked.values().all(VecDeque::is_empty), "not answered: {:?}", lesson.asked);
    let known = lesson.list();
    assert_eq!(lesson.session.as_ref(), Some(&known.session));
    assert!(lesson.participants.values().eq(&known.participants), "{:?}", lesson.participants);
}

#[test]
fn in_the_end_the_store_knows_how_things_are() {
    for seed in 0..500 {
        // Shown when it fails.
        println!("seed {seed}");
        play(seed);
    }
}

/// Where all that may wait does, a step that cannot is refused, what need not wait is answered, and what would wait behind others is passed over.
#[test]
fn what_waits_for_all_is_bounded() {
    let mut lesson = Lesson::new();
    let step = |lesson: &mut Lesson, user| {
        let text = r#"{"type":"step_complete","data":{"subtask_id":1}}"#;
        lesson.says(user, 0, Some("step 1".into()), text);
    };
    let beat = |lesson: &mut Lesson, user, asked: bool| {
        let text = r#"{"type":"heartbeat","data":{"timestamp":7}}"#;
        lesson.says(user, 0, asked.then(|| "beat 7".into()), text);
    };
    let users = 10..10 + (GUIDED_REPLIES_TOTAL / GUIDED_REPLIES_MAX) as u64;
    for user in users.clone() {
        lesson.comes(user, 0);
        step(&mut lesson, user);
        for _ in 1..GUIDED_REPLIES_MAX - usize::from(user == 10) {
            beat(&mut lesson, user, true);
        }
    }
    let late = users.end;
    lesson.comes(late, 0);
    // The last one that can wait.
    step(&mut lesson, late);
    beat(&mut lesson, late, false);
    lesson.comes(late + 1, 0);
    step(&mut lesson, late + 1);
    beat(&mut lesson, late + 1, true);
    assert!(lesson.asked[&(late + 1)].is_empty(), "refused, and answered");
    beat(&mut lesson, 10, false);
    while !lesson.records.is_empty() {
        lesson.answer(true);
    }
    assert!(lesson.asked.values().all(VecDeque::is_empty), "not answered: {:?}", lesson.asked);
    step(&mut lesson, late + 1);
    assert!(!lesson.asked[&(late + 1)].is_empty(), "there is room again");
}
