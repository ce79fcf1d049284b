//! The stage of guided sessions, at `/ws/sessions/{code}/`.
//!
//! A session is given as `given session = CODE, STEPS`, with `, instructors ID ID` behind it where only those may control it; so many steps have the ids from 1
//! on, and titles of their numbers. What the store knows is given as `given saved session = CODE, STEPS, STATUS, STEP` and `given saved participant = CODE, USER, NAME,
//! ROLE, STATUS, STEP`. A person comes with a cookie `sessionid=student1`, `student2`, .. (users 1, 2, .., named `Student 1`, ..), `instructor10`, .., or
//! `admin1` and `guest`, who are neither.
//!
//! Its host `creates CODE, STEPS`, `starts CODE STEP WORDS`, `pauses CODE`, `resumes CODE`, `ends CODE`, `sends CODE USER JSON`, `sends CODE ROLE JSON`,
//! `lists` (it is told `lists JSON` for each session) and `breaks the contract` (which panics over it). With `given events = told` it is told `event KIND JSON`.

use super::{
    handled::{Act, HandledFactory},
    stage::{self, Stage},
};
use crate::{
    contracts::{
        contract::{Contract, ContractFactory, Hello, Setup},
        effects::{Effects, EventClass},
        gate::{Gate, Verdict},
        guided_sessions::{
            GuidedFactory,
            config::{GuidedSession, GuidedSessionsConfig, parameter},
            info::GuidedInfo,
            orders::{Order, OrderDesk},
            texts::GuidedTexts,
        },
        store::{
            guided::{
                GuidedRecord, GuidedRole, GuidedSessionRow, GuidedStatus, ParticipantRow, ParticipantStatus,
                SavedGuidedSession, StepAction, StepControl, Subtask,
            },
            record::{Record, RecordBody},
        },
        told::{EventBody, guided::GuidedEvent},
    },
    engine::{
        command::Command,
        event::{Event, EventMask},
        settings::Settings,
    },
    ground::{
        foreign::Foreign,
        frame::Message,
        id::{ConnId, MountId, TopicId},
        limits::Limits,
        time::{Now, Wall},
    },
    hub::identity::Identity,
    wire::request::Request,
};
use serde_json::json;
use std::{any::Any, fmt::Display, time::Duration};

const PATTERN: &str = "/ws/sessions/{code}/";

/// See the module.
#[derive(Debug, Default)]
pub(super) struct GuidedStage {
    config: GuidedSessionsConfig,
    saved: Vec<SavedGuidedSession>,
    limits: Limits,
    desk: Option<OrderDesk>,
    /// A path at which something else stands, which says so.
    beside: Option<String>,
    /// The host asks for events.
    events: bool,
}

/// Has the contract list its sessions, and tells the host.
fn list(contract: &mut dyn Contract, fx: &mut Effects) {
    let (tell, told) = std::sync::mpsc::channel();
    let list = Order::List(Box::new(move |all| tell.send(all).expect("it is waited for")));
    let desk = OrderDesk::new(&GuidedSessionsConfig::new());
    contract.command(fx, Box::new(desk.place(list).expect("there is room")));
    for info in told.recv().expect("it is told at once") {
        fx.event(EventClass::Lossless, 0, None, listed(&info).as_str());
    }
}

/// What stands beside it.
struct Beside;

impl Contract for Beside {
    fn opened(&mut self, fx: &mut Effects, peer: ConnId, _: &Hello<'_>) {
        fx.send(peer, r#"{"beside":true}"#);
    }
    fn message(&mut self, _: &mut Effects, _: ConnId, _: Message<'_>) {}
}

/// Whom a cookie stands for.
fn identify(_: Now, request: &Request<'_>) -> Verdict {
    let cookie = request.cookie("sessionid").unwrap_or_default();
    let at = cookie.find(|c: char| c.is_ascii_digit()).unwrap_or(cookie.len());
    let (role, id) = cookie.split_at(at);
    let named = |title: &str| Identity::new(id).with_name(format!("{title} {id}"));
    match role {
        "student" => Verdict::Allow(named("Student").with_role("STUDENT")),
        "instructor" => Verdict::Allow(named("Instructor").with_role("INSTRUCTOR")),
        // Known, but nobody to these sessions.
        "admin" => Verdict::Allow(named("Admin").with_role("ADMIN")),
        "guest" => Verdict::Allow(Identity::new("guest").with_role("STUDENT")),
        _ => Verdict::Allow(Identity::ANONYMOUS),
    }
}

fn wrong(error: impl Display) -> String {
    error.to_string()
}

fn step(id: i64) -> Subtask {
    Subtask::new(id, format!("Step {id}")).guide("CLICK", format!("Please do {id}"))
}

/// `CODE, STEPS[, instructors ID ID]`.
fn session(words: &str) -> Result<GuidedSession, String> {
    let mut parts = words.split(", ");
    let mut next = || parts.next().ok_or("CODE, STEPS[, instructors ID ID]");
    let (code, steps) = (next()?, next()?.parse::<i64>().map_err(wrong)?);
    let session = (1..=steps).fold(GuidedSession::new(code), |session, id| session.subtask(step(id)));
    let ids = match parts.next() {
        None => "",
        Some(rest) => rest.strip_prefix("instructors ").ok_or("instructors ID ID")?,
    };
    ids.split_whitespace().try_fold(session, |session, id| Ok(session.instructor(id.parse().map_err(wrong)?)))
}

fn optional(word: &str) -> Result<Option<i64>, String> {
    if word == "none" { Ok(None) } else { word.parse().map(Some).map_err(wrong) }
}

impl GuidedStage {
    fn save(&mut self, words: &str) -> Result<(), String> {
        let parts: Vec<_> = words.split(", ").collect();
        let [code, steps, status, current] = parts[..] else {
            return Err("CODE, STEPS, STATUS, STEP".into());
        };
        let status = GuidedStatus::of_name(status).ok_or("no such status")?;
        let ended_at = (status == GuidedStatus::Ended).then(|| Wall::from_millis(2_000));
        self.saved.push(SavedGuidedSession {
            session: GuidedSessionRow {
                code: code.into(),
                status,
                current_subtask: optional(current)?,
                created_at: Wall::from_millis(1_000),
                ended_at,
            },
            subtasks: (1..=steps.parse().map_err(wrong)?).map(step).collect(),
            participants: Vec::new(),
        });
        Ok(())
    }

    fn save_participant(&mut self, words: &str) -> Result<(), String> {
        let parts: Vec<_> = words.split(", ").collect();
        let [code, user, name, role, status, current] = parts[..] else {
            return Err("CODE, USER, NAME, ROLE, STATUS, STEP".into());
        };
        let session = self.saved.iter_mut().find(|saved| *saved.session.code == *code);
        session.ok_or("no such session")?.participants.push(ParticipantRow {
            code: code.into(),
            user_id: user.parse().map_err(wrong)?,
            user_name: name.into(),
            role: GuidedRole::of_name(role).ok_or("no such role")?,
            status: ParticipantStatus::of_name(status).ok_or("no such status")?,
            current_subtask: optional(current)?,
            last_active_at: Wall::from_millis(1_500),
        });
        Ok(())
    }
}

impl Stage for GuidedStage {
    fn given(&mut self, name: &str, value: &str) -> Result<(), String> {
        let number = || value.parse::<usize>().map_err(wrong);
        let config = self.config.clone();
        self.config = match name {
            "session" => config.session(session(value)?),
            "sessions_max" => config.sessions_max(number()?),
            "participants" => config.participants(number()?),
            "words_bytes" => config.words_bytes(number()?),
            "log_bytes" => config.log_bytes(number()?),
            "heartbeat_interval" => config.heartbeat_interval(Duration::from_millis(number()? as u64)),
            "texts" if value == "english" => config.texts(
                GuidedTexts::default()
                    .joined("You are in")
                    .step_completed("Well done")
                    .paused("Paused")
                    .resumed("Resumed")
                    .ended("The end")
                    .denied("Not yours to do")
                    .over("It has ended")
                    .not_stored("Could not be stored"),
            ),
            "saved session" => return self.save(value),
            "saved participant" => return self.save_participant(value),
            "log_bytes_total" => {
                self.limits.log_bytes_total = number()?;
                config
            }
            "events" => {
                self.events = value == "told";
                config
            }
            "beside" => {
                self.beside = Some(value.to_owned());
                config
            }
            _ => return Err("no such setting".into()),
        };
        Ok(())
    }

    fn settings(&mut self) -> Result<Settings, String> {
        self.config.check()?;
        self.desk = Some(OrderDesk::new(&self.config));
        let factory = HandledFactory(GuidedFactory::new(parameter(PATTERN)?, self.config.clone()));
        let mut mounts: Vec<(String, Box<dyn ContractFactory>)> = vec![(PATTERN.into(), Box::new(factory))];
        if let Some(path) = &self.beside {
            mounts.push((path.clone(), Box::new(|_: &mut Setup<'_>| Beside)));
        }
        let mut settings = stage::settings(self.limits.clone(), Vec::new(), mounts);
        let gate: Box<dyn Gate> = Box::new(identify);
        settings.mounts[0].door.gate = Some(Foreign::new(gate));
        settings.mounts[0].refuses_while_stopping = false;
        if !self.events {
            settings.events = EventMask::NONE;
        }
        if !self.saved.is_empty() {
            settings.store = Some(self.saved.clone());
        }
        Ok(settings)
    }

    fn host(&mut self, words: &str, _: &[(String, TopicId)]) -> Result<Vec<Command>, String> {
        let desk = self.desk.as_ref().expect("the settings were made before the first step");
        let command = |command: Box<dyn Any + Send>| {
            Ok(vec![Command::Contract { mount: MountId(0), command: Foreign::new(command) }])
        };
        let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
        let (code, more) = rest.split_once(' ').unwrap_or((rest, ""));
        let control = |action, subtask_id, message: &str| {
            let (code, message) = (code.to_owned(), message.to_owned());
            Order::Control { code, action, subtask_id, message }
        };
        let order = match verb {
            "breaks" => return command(Box::new(Act::BREAK)),
            "lists" => return command(Box::new(Act(list))),
            "creates" => Order::Create(session(rest)?),
            "starts" => {
                let (step, message) = more.split_once(' ').unwrap_or((more, ""));
                control(StepAction::StartStep, Some(step.parse().map_err(wrong)?), message)
            }
            "pauses" => control(StepAction::Pause, None, more),
            "resumes" => control(StepAction::Resume, None, more),
            "ends" => control(StepAction::EndStep, None, more),
            "sends" => {
                let (to, json) = more.split_once(' ').ok_or("sends CODE TO JSON")?;
                let (code, text) = (code.to_owned(), desk.text(json).map_err(wrong)?);
                match GuidedRole::of_name(to) {
                    Some(role) => Order::SendToRole { code, role, text },
                    None => Order::SendTo { code, user_id: to.parse().map_err(wrong)?, text },
                }
            }
            _ => return Err(format!("not understood: {words}")),
        };
        command(Box::new(desk.place(order).map_err(wrong)?))
    }

    fn event(&self, event: &Event) -> String {
        match event {
            Event::Contract { body: EventBody::Guided(event), .. } => told(event),
            Event::Contract { body: EventBody::Custom(payload), .. } => {
                String::from_utf8_lossy(payload.as_message().as_bytes()).into_owned()
            }
            other => format!("{other:?}"),
        }
    }

    fn record(&self, record: &Record) -> String {
        let RecordBody::Guided(body) = &record.body else { return format!("{record:?}") };
        let (kind, json) = match body {
            GuidedRecord::Session(row) => ("session", session_json(row)),
            GuidedRecord::Subtasks { code, subtasks } => {
                let ids: Vec<_> = subtasks.iter().map(|subtask| subtask.id).collect();
                ("subtasks", json!({"code": &**code, "ids": ids}))
            }
            GuidedRecord::Participant(row) => ("participant", participant_json(row)),
            GuidedRecord::StepControl(act) => {
                let mut json = act_json(act);
                json["at"] = record.at.as_millis().into();
                ("control", json)
            }
            GuidedRecord::StepCompletion { code, user_id, subtask_id } => {
                let json = json!({"code": &**code, "user": user_id, "subtask": subtask_id, "at": record.at.as_millis()});
                ("completion", json)
            }
            GuidedRecord::HelpRequest { code, user_id, subtask_id, message } => {
                let json = json!({
                    "code": &**code, "user": user_id, "subtask": subtask_id, "message": &**message,
                    "at": record.at.as_millis(),
                });
                ("help", json)
            }
        };
        format!("record {kind} {json}")
    }
}

fn told(event: &GuidedEvent) -> String {
    let (kind, json) = match event {
        GuidedEvent::Joined { code, user_id, user_name, role } => {
            let json = json!({"code": &**code, "user": user_id, "name": &**user_name, "role": role.as_str()});
            ("joined", json)
        }
        GuidedEvent::Left { code, user_id } => ("left", json!({"code": &**code, "user": user_id})),
        GuidedEvent::StepCompleted { code, user_id, subtask_id, completed } => (
            "completed",
            json!({"code": &**code, "user": user_id, "subtask": subtask_id, "through": completed}),
        ),
        GuidedEvent::Progress { code, user_id, subtask_id, status } => (
            "progress",
            json!({"code": &**code, "user": user_id, "subtask": subtask_id, "status": &**status}),
        ),
        GuidedEvent::HelpRequested { code, user_id, subtask_id, message } => {
            ("help", json!({"code": &**code, "user": user_id, "subtask": subtask_id, "message": &**message}))
        }
        GuidedEvent::Controlled(act) => ("controlled", act_json(act)),
    };
    format!("event {kind} {json}")
}

fn session_json(row: &GuidedSessionRow) -> serde_json::Value {
    json!({
        "code": &*row.code, "status": row.status.as_str(), "step": row.current_subtask,
        "created": row.created_at.as_millis(), "ended": row.ended_at.map(Wall::as_millis),
    })
}

fn participant_json(row: &ParticipantRow) -> serde_json::Value {
    json!({
        "code": &*row.code, "user": row.user_id, "name": &*row.user_name, "role": row.role.as_str(),
        "status": row.status.as_str(), "step": row.current_subtask, "active": row.last_active_at.as_millis(),
    })
}

fn act_json(act: &StepControl) -> serde_json::Value {
    json!({
        "code": &*act.code, "action": act.action.as_str(), "subtask": act.subtask_id, "by": act.instructor_id,
        "name": &*act.instructor_name, "message": &*act.message,
    })
}

fn listed(info: &GuidedInfo) -> String {
    let people: Vec<_> = info
        .participants
        .iter()
        .map(|who| format!("{} {} {}", who.user_id, who.status, who.current_subtask.unwrap_or_default()))
        .collect();
    let steps = info.subtasks.len();
    let json = json!({
        "code": &*info.session.code, "status": info.session.status.as_str(), "step": info.session.current_subtask,
        "steps": steps, "people": people,
    });
    format!("lists {json}")
}
