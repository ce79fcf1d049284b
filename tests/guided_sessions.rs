//! Guided sessions from the host's side, over real sockets. What they do on the wire is in `tests/transcripts/guided_sessions/`.
#![cfg(feature = "contracts")]

mod support;

use andon::{
    Builder, ConfigError, Event, EventBody, EventMask, Events, GuidedError, GuidedEvent, GuidedRecord,
    GuidedRole, GuidedSession, GuidedSessionRow, GuidedSessions, GuidedSessionsConfig, GuidedStatus,
    Identity, MountOptions, Now, ParticipantRow, ParticipantStatus, Record, RecordBody, Request, Response,
    SavedGuidedSession, Server, Setup, StepAction, Store, StoreError, Subtask, Verdict, Wall,
};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use support::{Client, PATIENCE, Script, eventually, start, stats_until, upgrade_head};

const GUIDED: &str = "/ws/sessions/{code}/";

/// Whom the cookie `who` names: `USER-ROLE`.
fn gate(_: Now, request: &Request<'_>) -> Verdict {
    match request.cookie("who").and_then(|who| who.split_once('-')) {
        Some((user, role)) => {
            Verdict::Allow(Identity::new(user).with_name(format!("User {user}")).with_role(role))
        }
        None => Verdict::Refuse(Response::text(403, "who are you?")),
    }
}

fn config() -> GuidedSessionsConfig {
    GuidedSessionsConfig::new().session(session("TEST001"))
}

fn session(code: &str) -> GuidedSession {
    GuidedSession::new(code).subtask(Subtask::new(1, "One")).subtask(Subtask::new(2, "Two").voice("Go on"))
}

fn guided(config: GuidedSessionsConfig) -> Builder {
    Server::builder().guided_sessions_with(GUIDED, MountOptions::new().gate(gate), config)
}

#[track_caller]
fn open(addr: SocketAddr, code: &str, who: &str) -> Client {
    let mut client = Client::connect(addr);
    let head = upgrade_head(&format!("/ws/sessions/{code}/"), &format!("Cookie: who={who}\r\n"));
    assert_eq!(client.ask(&head).status, 101);
    client
}

fn sessions(server: &Server) -> GuidedSessions {
    server.guided_sessions(GUIDED).expect("mounted")
}

#[track_caller]
fn next(events: &Events) -> GuidedEvent {
    match events.recv_timeout(PATIENCE) {
        Ok(Event::Contract { body: EventBody::Guided(event), .. }) => *event,
        other => panic!("{other:?}"),
    }
}

/// A store that remembers guided sessions, as a database does.
#[derive(Clone, Default)]
struct Archive(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    sessions: BTreeMap<String, GuidedSessionRow>,
    subtasks: BTreeMap<String, Arc<[Subtask]>>,
    participants: BTreeMap<(String, i64), ParticipantRow>,
    completions: Vec<(i64, i64)>,
    controls: Vec<StepAction>,
}

impl Store for Archive {
    fn commit(&mut self, batch: &[Record]) -> Result<(), StoreError> {
        let mut kept = self.0.lock().unwrap();
        for record in batch {
            let RecordBody::Guided(body) = &record.body else { panic!("{record:?}") };
            match body.clone() {
                GuidedRecord::Session(row) => drop(kept.sessions.insert(row.code.to_string(), *row)),
                GuidedRecord::Subtasks { code, subtasks } => {
                    kept.subtasks.insert(code.to_string(), subtasks);
                }
                GuidedRecord::Participant(row) => {
                    kept.participants.insert((row.code.to_string(), row.user_id), *row);
                }
                GuidedRecord::StepCompletion { user_id, subtask_id, .. } => {
                    kept.completions.push((user_id, subtask_id));
                }
                GuidedRecord::StepControl(act) => kept.controls.push(act.action),
                _ => {}
            }
        }
        Ok(())
    }

    fn guided_sessions(&mut self) -> Result<Vec<SavedGuidedSession>, StoreError> {
        let kept = self.0.lock().unwrap();
        let saved = kept.sessions.iter().map(|(code, row)| SavedGuidedSession {
            session: row.clone(),
            subtasks: kept.subtasks[code].clone(),
            participants: kept.participants.values().filter(|who| *who.code == **code).cloned().collect(),
        });
        Ok(saved.collect())
    }
}

#[test]
fn mistakes_say_what_to_do() {
    let on = || Server::builder().listen("127.0.0.1:0");
    for (builder, why) in [
        (on().guided_sessions("/ws/sessions", config()), "exactly one parameter"),
        (on().guided_sessions(GUIDED, config().session(session("TEST001"))), "two sessions are \"TEST001\""),
        (
            on().guided_sessions(GUIDED, config()).guided_sessions("/b/{code}", config()),
            "one mount of guided",
        ),
        (on().guided_sessions("ws/{code}", config()), "begin with '/'"),
        (
            on().guided_sessions(GUIDED, config())
                .mount("/ws/sessions/{other}", |_: &mut Setup<'_>| Script::new()),
            "same paths",
        ),
    ] {
        let error = builder.build().expect_err(why).to_string();
        assert!(error.contains(why), "{error}");
    }
    let bad = on().guided_sessions(GUIDED, config().participants(0)).build();
    assert!(matches!(bad, Err(ConfigError::BadMount { pattern, .. }) if pattern == GUIDED));
    let (server, _) = start(Server::builder());
    assert!(server.guided_sessions(GUIDED).is_none());
}

#[test]
fn a_lesson_is_told_to_the_host_in_its_order() {
    fn check<T: Send + Sync + Clone>() {}
    check::<GuidedSessions>();
    let (mut server, addr) = start(guided(config()).events(EventMask::CONTRACTS));
    let events = server.events().unwrap();
    let mut student = open(addr, "TEST001", "2-STUDENT");
    let (code, name): (Arc<str>, Arc<str>) = ("TEST001".into(), "User 2".into());
    let joined =
        GuidedEvent::Joined { code: code.clone(), user_id: 2, user_name: name, role: GuidedRole::Student };
    assert_eq!(next(&events), joined);
    let mut teacher = open(addr, "TEST001", "10-INSTRUCTOR");
    assert!(matches!(next(&events), GuidedEvent::Joined { user_id: 10, .. }));
    student.expect_text(
        r#"{"type":"participant_joined","user_id":10,"user_name":"User 10","role":"INSTRUCTOR"}"#,
    );
    student.text(r#"{"type":"join","data":{}}"#);
    student.expect_text(
        r#"{"type":"join_confirmed","session_code":"TEST001","user_id":2,"message":"세션에 참가했습니다"}"#,
    );
    teacher.text(r#"{"type":"next_step","data":{"subtask_id":2,"message":"now"}}"#);
    let step = r#"{"type":"step_changed","subtask":{"id":2,"title":"Two","order_index":2,"target_action":"","guide_text":"","voice_guide_text":"Go on"}}"#;
    student.expect_text(step);
    teacher.expect_text(step);
    let GuidedEvent::Controlled(act) = next(&events) else { panic!() };
    assert_eq!((act.action, act.instructor_id, &*act.message), (StepAction::StartStep, Some(10), "now"));
    student.text(r#"{"type":"step_complete","data":{"subtask_id":2}}"#);
    student
        .expect_text(r#"{"type":"step_complete_confirmed","subtask_id":2,"message":"단계를 완료했습니다"}"#);
    teacher.expect_text(
        r#"{"type":"progress_updated","user_id":2,"user_name":"User 2","subtask_id":2,"status":"completed"}"#,
    );
    let done = GuidedEvent::StepCompleted { code: code.clone(), user_id: 2, subtask_id: 2, completed: true };
    assert_eq!(next(&events), done);
    student.reset();
    teacher.expect_text(r#"{"type":"participant_left","user_id":2,"user_name":"User 2"}"#);
    assert_eq!(next(&events), GuidedEvent::Left { code, user_id: 2 });
}

#[test]
fn the_host_takes_part() {
    let (server, addr) = start(guided(config()));
    let host = server.handle().guided_sessions("/ws/sessions/{code}").expect("a slash makes no difference");
    host.create(session("NEW")).unwrap();
    host.start_step("NEW", 1, "").unwrap();
    let known = host.sessions(PATIENCE).unwrap();
    assert_eq!(known.iter().map(|info| &*info.session.code).collect::<Vec<_>>(), ["NEW", "TEST001"]);
    assert_eq!((known[0].session.current_subtask, known[0].subtasks.len()), (Some(1), 2));
    let mut student = open(addr, "NEW", "2-STUDENT");
    let mut twin = open(addr, "NEW", "2-STUDENT");
    host.send_to("NEW", 2, r#"{ "hint": 1.0 }"#).unwrap();
    host.send_to_role("NEW", GuidedRole::Instructor, "1").unwrap();
    host.send_to_role("NEW", GuidedRole::Student, "2").unwrap();
    host.pause("NEW").unwrap();
    host.resume("NEW").unwrap();
    host.end("NEW").unwrap();
    for client in [&mut student, &mut twin] {
        client.expect_text(r#"{"hint":1.0}"#);
        client.expect_text("2");
        for status in ["PAUSED", "IN_PROGRESS", "ENDED"] {
            assert!(client.take_text().contains(&format!("\"status\":\"{status}\"")));
        }
    }
    let known = host.sessions(PATIENCE).unwrap();
    assert_eq!(known[0].session.status, GuidedStatus::Ended);
    assert_eq!(known[0].participants[0].status, ParticipantStatus::Waiting);

    assert!(
        matches!(host.send_to("NEW", 2, "{oops"), Err(GuidedError::InvalidJson(fault)) if fault.column == 2)
    );
    assert!(matches!(host.create(GuidedSession::new("a/b")), Err(GuidedError::BadSession(_))));
    let large = format!("\"{}\"", "x".repeat(64 << 10));
    assert!(matches!(host.send_to("NEW", 2, &large), Err(GuidedError::Refused(_))));
    host.pause("NOWHERE").unwrap();
    let counted = |stats: &andon::Stats| (stats.messages_ignored, stats.commands_refused) == (1, 1);
    stats_until(&server.handle(), "what was passed over, and the session that was none", counted);
    drop((student, twin));
    server.stop(PATIENCE);
    assert_eq!(host.pause("TEST001"), Err(GuidedError::Stopped));
    assert_eq!(host.sessions(Duration::ZERO), Err(GuidedError::Stopped));
}

/// A name is for people: what is longer than anybody reads is cut, and counted.
#[test]
fn a_name_without_end_is_cut() {
    let gate = |_: Now, _: &Request<'_>| {
        Verdict::Allow(Identity::new("2").with_name("긴".repeat(100)).with_role("STUDENT"))
    };
    let builder = Server::builder();
    let (server, addr) =
        start(builder.guided_sessions_with(GUIDED, MountOptions::new().gate(gate), config()));
    let _student = open(addr, "TEST001", "2-STUDENT");
    let known = sessions(&server).sessions(PATIENCE).unwrap();
    assert_eq!(&*known[0].participants[0].user_name, "긴".repeat(85));
    stats_until(&server.handle(), "it is counted", |stats| stats.contract_bounds == 1);
}

/// Strangers are kept out, also those who come with a page of somebody else's and the victim's cookie.
#[test]
fn only_who_is_known_comes_in() {
    let (_server, addr) = start(guided(config()));
    let path = "/ws/sessions/TEST001/";
    for (more, status) in [
        ("", 403),
        ("Cookie: who=x-STUDENT\r\n", 403),
        ("Cookie: who=2-TEACHER\r\n", 403),
        ("Cookie: who=2-STUDENT\r\nOrigin: http://elsewhere\r\n", 403),
        ("Cookie: a=b\r\nCookie: who=2-STUDENT\r\nOrigin: http://localhost\r\n", 101),
    ] {
        assert_eq!(Client::connect(addr).ask(&upgrade_head(path, more)).status, status, "{more}");
    }
}

/// What is confirmed is committed; the next server goes on from it.
#[test]
fn a_restart_goes_on_from_what_was_committed() {
    let archive = Archive::default();
    let (server, addr) = start(guided(config()).store(archive.clone()));
    let host = sessions(&server);
    host.create(session("NEW")).unwrap();
    host.create(session("OVER")).unwrap();
    host.end("OVER").unwrap();
    host.pause("TEST001").unwrap();
    host.start_step("TEST001", 2, "").unwrap();
    let mut student = open(addr, "TEST001", "2-STUDENT");
    student.text(r#"{"type":"step_complete","data":{"subtask_id":2}}"#);
    student
        .expect_text(r#"{"type":"step_complete_confirmed","subtask_id":2,"message":"단계를 완료했습니다"}"#);
    {
        let kept = archive.0.lock().unwrap();
        assert_eq!(kept.completions, [(2, 2)]);
        let row = &kept.participants[&("TEST001".to_owned(), 2)];
        assert_eq!((row.current_subtask, row.status), (Some(2), ParticipantStatus::Completed));
        assert_eq!(kept.controls, [StepAction::EndStep, StepAction::Pause, StepAction::StartStep]);
    }
    let mut other = open(addr, "TEST001", "3-STUDENT");
    other.text(r#"{"type":"join"}"#);
    assert!(other.take_text().contains("join_confirmed"));
    drop((student, other));
    server.stop(PATIENCE);
    assert_eq!(
        archive.0.lock().unwrap().participants[&("TEST001".to_owned(), 3)].status,
        ParticipantStatus::Disconnected
    );

    let (server, addr) = start(guided(config()).store(archive));
    let known = sessions(&server).sessions(PATIENCE).unwrap();
    let codes: Vec<_> = known.iter().map(|info| &*info.session.code).collect();
    assert_eq!(codes, ["NEW", "TEST001"], "what had ended does not come back by itself");
    let lesson = &known[1];
    assert_eq!((lesson.session.status, lesson.session.current_subtask), (GuidedStatus::Paused, Some(2)));
    let people: Vec<_> = lesson.participants.iter().map(|who| (who.user_id, who.status)).collect();
    assert_eq!(people, [(2, ParticipantStatus::Completed), (3, ParticipantStatus::Disconnected)]);
    assert!(lesson.session.created_at > Wall::default());
    open(addr, "NEW", "2-STUDENT");
}

/// A code may be used again: what people did under it before is over, also for the next server.
#[test]
fn who_took_part_in_an_earlier_session_of_a_code_is_not_taken_over() {
    let archive = Archive::default();
    let (server, addr) = start(guided(config()).store(archive.clone()));
    let host = sessions(&server);
    let _stays = open(addr, "TEST001", "3-STUDENT");
    let mut goes = open(addr, "TEST001", "2-STUDENT");
    goes.text(r#"{"type":"step_complete","data":{"subtask_id":2}}"#);
    assert!(goes.take_text().contains("step_complete_confirmed"));
    let heard = archive.0.lock().unwrap().participants[&("TEST001".to_owned(), 2)].last_active_at;
    drop(goes);
    stats_until(&server.handle(), "one has left", |stats| stats.open == 1);
    eventually("the clock goes on", || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        now.as_millis() > heard.as_millis() as u128
    });
    host.end("TEST001").unwrap();
    host.create(session("TEST001")).unwrap();
    let people = |server: &Server| -> Vec<_> {
        let known = sessions(server).sessions(PATIENCE).unwrap();
        known[0].participants.iter().map(|who| (who.user_id, who.status)).collect()
    };
    assert_eq!(people(&server), [(3, ParticipantStatus::Waiting)]);
    server.stop(PATIENCE);
    let (server, _) = start(guided(config()).store(archive));
    assert_eq!(people(&server), [(3, ParticipantStatus::Disconnected)]);
}

#[test]
fn its_memory_is_counted() {
    let ceiling = |config| {
        let builder = Server::builder().listen("127.0.0.1:0").guided_sessions(GUIDED, config);
        builder.build().unwrap().memory_ceiling()
    };
    let few = ceiling(config().participants(10));
    let more = ceiling(config().participants(1_010));
    // 64 sessions, and a row in the table and one in the shadow.
    assert!(more - few > 64 * 1_000 * 2 * size_of::<ParticipantRow>(), "{few} {more}");
}
