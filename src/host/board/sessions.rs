//! `/api/sessions`: device sessions, those under way as the contract knows them and those recorded, each once.

use super::{
    answer,
    late::Late,
    later::{Waiting, busy, enough},
    places::Places,
};
use crate::{
    contracts::{
        device_sessions::command::SessionInfo,
        feed::shapes::SessionShape,
        route::{Reply, Route, RouteContext},
        store::{
            StoreError,
            device::{SessionRow, SessionStatus},
            session_filter::{SessionFilter, SessionPosition},
        },
    },
    ground::{
        limits::{LISTS_MAX, SESSIONS_SHOWN_DEFAULT, SESSIONS_SHOWN_MAX},
        time::Wall,
    },
    host::{
        device::DeviceSessions,
        handle::Handle,
        recordings::{ReadError, Recordings},
    },
    wire::{
        json::fields::{list, object},
        request::Request,
        response::Response,
        tag::Tag,
    },
};
use std::{collections::HashMap, sync::Arc};

/// `/api/sessions`
pub(super) fn all(pattern: String, late: Arc<Late>) -> impl Route {
    let lists = Places::new(LISTS_MAX);
    move |context: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| {
        let wish = match Wish::of(request) {
            Ok(wish) => wish,
            Err(why) => return answer::fault(400, why).into(),
        };
        let (now, recordings) = (context.now.wall, late.recordings().cloned());
        let (handle, devices) = match door(&pattern, &late) {
            Ok(door) => door,
            Err(busy) => return busy.into(),
        };
        let Some(place) = lists.take() else { return enough().into() };
        let waiting = Waiting::new(handle, context, request);
        // If it is not taken, it is dropped, and with it who waits.
        let _ = devices.sessions_then(move |sessions| {
            let listing = Listing::new(now, wish, sessions);
            // What is kept of them is a page. What is read beside it has a bound of its own.
            drop(place);
            match recordings {
                Some(recordings) => listing.read(waiting, recordings),
                None => listing.answer(waiting),
            }
        });
        Reply::Later
    }
}

/// `/api/sessions/{id}`
pub(super) fn one(pattern: String, late: Arc<Late>) -> impl Route {
    move |context: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| {
        let id = request.param("id").unwrap_or_default().to_owned();
        let recordings = late.recordings().cloned();
        let (handle, devices) = match door(&pattern, &late) {
            Ok(door) => door,
            Err(busy) => return busy.into(),
        };
        let waiting = Waiting::new(handle, context, request);
        // If it is not taken, it is dropped, and with it who waits.
        let _ = devices.session_then(&id.clone(), move |session| {
            if let Some(session) = session {
                return waiting.json(text(of_active(&session)));
            }
            let Some(recordings) = recordings else { return waiting.answer(unknown()) };
            // If it is not taken, it is dropped, and with it who waits.
            let _ = recordings.session_then(&id, move |found| match found {
                Ok(Some(row)) => waiting.json(text(SessionShape::of_row(&row))),
                Ok(None) | Err(ReadError::Store(StoreError::Rejected(_))) => waiting.answer(unknown()),
                Err(why) => waiting.unread(&why),
            });
        });
        Reply::Later
    }
}

pub(super) fn unknown() -> Response {
    answer::fault(404, "there is no device session of this id")
}

/// Where to ask the contract; else the answer that nobody can be asked.
fn door<'l>(pattern: &str, late: &'l Late) -> Result<(&'l Handle, DeviceSessions), Response> {
    let handle = late.handle().ok_or_else(busy)?;
    let devices = handle.device_sessions(pattern).ok_or_else(busy)?;
    Ok((handle, devices))
}

fn of_active(session: &SessionInfo) -> SessionShape<'_> {
    SessionShape {
        id: &session.id,
        device: &session.device,
        status: SessionStatus::Active,
        started_at: session.started_at,
        ended_at: None,
        sample_count: session.sample_count,
    }
}

fn text(session: SessionShape<'_>) -> String {
    let mut out = String::new();
    session.write(&mut out);
    out
}

/// Which sessions are asked for.
#[derive(Debug)]
struct Wish {
    filter: SessionFilter,
    limit: usize,
    after: Option<SessionPosition>,
}

impl Wish {
    fn of(request: &Request<'_>) -> Result<Self, &'static str> {
        let mut filter = SessionFilter::new();
        filter.device = request.query("device").map(|device| device.into_owned());
        if let Some(name) = request.query("status") {
            let status = SessionStatus::of_name(&name);
            filter.status = Some(status.ok_or(
                "\"status\" must be one of active, completed, auto_ended, disconnected, timeout, stopped, ended_by_host and interrupted",
            )?);
        }
        let limit = match request.query("limit") {
            None => SESSIONS_SHOWN_DEFAULT,
            Some(number) => (number.parse().ok())
                .filter(|limit| (1..=SESSIONS_SHOWN_MAX).contains(limit))
                .ok_or("\"limit\" must be a number from 1 to 256")?,
        };
        let after = match request.query("after") {
            None => None,
            Some(place) => {
                Some(position(&place).ok_or("\"after\" must be the \"next\" of an earlier answer")?)
            }
        };
        Ok(Self { filter, limit, after })
    }

    /// Whether a session under way is asked for.
    fn takes(&self, session: &SessionInfo) -> bool {
        self.filter.device.as_ref().is_none_or(|device| **device == *session.device)
            && self.filter.status.is_none_or(|status| status == SessionStatus::Active)
            && self.after.as_ref().is_none_or(|after| place(session) < *after)
    }
}

fn place(session: &SessionInfo) -> SessionPosition {
    SessionPosition { started_at: session.started_at, id: Arc::clone(&session.id) }
}

/// What `next` says: the place of a session, behind which others are looked for.
fn position(text: &str) -> Option<SessionPosition> {
    let (millis, id) = text.split_once('_')?;
    Some(SessionPosition { started_at: Wall::from_millis(millis.parse().ok()?), id: id.into() })
}

/// One page that is being put together.
#[derive(Debug)]
struct Listing {
    now: Wall,
    wish: Wish,
    /// Sessions under way by their ids: those asked for, and of those as many as a page takes and one more.
    active: HashMap<Arc<str>, SessionInfo>,
    /// What was read so far.
    rows: Vec<SessionRow>,
}

impl Listing {
    fn new(now: Wall, wish: Wish, sessions: Vec<SessionInfo>) -> Self {
        let mut active: Vec<_> = sessions.into_iter().filter(|session| wish.takes(session)).collect();
        active.sort_unstable_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
        active.truncate(wish.limit + 1);
        let active = active.into_iter().map(|session| (Arc::clone(&session.id), session)).collect();
        Self { now, wish, active, rows: Vec::new() }
    }

    /// Reads until there is one more than is shown, which tells that there is a next page, or no more.
    fn read(self, waiting: Waiting, recordings: Recordings) {
        let missing = (self.wish.limit + 1).saturating_sub(self.rows.len());
        let filter = self.wish.filter.clone().with_limit(missing);
        let after = self.rows.last().map(SessionRow::position).or_else(|| self.wish.after.clone());
        let next = recordings.clone();
        // If it is not taken, it is dropped, and with it who waits.
        let _ = recordings.sessions_then(&filter, after.as_ref(), move |page| match page {
            Ok(page) => {
                let mut listing = self;
                let over = page.is_empty();
                listing.rows.extend(page);
                if over || listing.rows.len() > listing.wish.limit {
                    listing.answer(waiting);
                } else {
                    listing.read(waiting, next);
                }
            }
            // A store that cannot read sessions back: those under way are all there is.
            Err(ReadError::Store(StoreError::Rejected(_))) => self.answer(waiting),
            Err(why) => waiting.unread(&why),
        });
    }

    /// Each session once; of one under way the contract knows better how many samples it has.
    fn answer(self, waiting: Waiting) {
        let recorded = self.rows.iter().filter(|row| !self.active.contains_key(&row.id));
        let recorded = recorded.map(|row| (row.position(), SessionShape::of_row(row)));
        let active = self.active.values().map(|session| (place(session), of_active(session)));
        let mut all: Vec<_> = recorded.chain(active).collect();
        all.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
        let more = all.len() > self.wish.limit;
        all.truncate(self.wish.limit);
        let next =
            all.last().filter(|_| more).map(|(at, _)| format!("{}_{}", at.started_at.as_millis(), at.id));
        let mut sessions = String::new();
        list(&mut sessions, all, |out, (_, session)| session.write(out));
        let tag = Tag::of([next.as_deref().unwrap_or_default().as_bytes(), sessions.as_bytes()]);
        let mut out = String::with_capacity(sessions.len() + 128);
        object(&mut out, |fields| {
            fields.quoted("timestamp", self.now).text_or_null("next", next.as_deref());
            fields.plain("sessions", sessions);
        });
        waiting.tagged_json(tag, out);
    }
}
