//! `/api/guided`: guided sessions, their people, and who the client is.

use super::{
    answer,
    late::Late,
    later::{Waiting, busy, enough},
    places::Places,
};
use crate::{
    contracts::{
        feed::shapes,
        guided_sessions::{info::GuidedInfo, user},
        route::{Reply, Route, RouteContext},
    },
    ground::limits::{GUIDED_LISTED_BYTES_MAX, LISTS_MAX},
    host::{guided::GuidedSessions, handle::Handle},
    wire::{
        json::{
            fields::{list, object},
            write,
        },
        request::Request,
        response::Response,
        tag::Tag,
    },
};
use std::sync::Arc;

/// `/api/guided`
pub(super) fn all(late: Arc<Late>) -> impl Route {
    let lists = Places::new(LISTS_MAX);
    move |context: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| {
        let now = context.now.wall;
        let (handle, guided) = match door(&late, context) {
            Ok(door) => door,
            Err(refused) => return refused.into(),
        };
        let Some(place) = lists.take() else { return enough().into() };
        let waiting = Waiting::new(handle, context, request);
        // If it is not taken, it is dropped, and with it who waits.
        let _ = guided.sessions_then(move |sessions| {
            let _place = place;
            let mut shown = String::new();
            // One that becomes too long is given up.
            list(&mut shown, &sessions, |out, info| {
                if out.len() <= GUIDED_LISTED_BYTES_MAX {
                    session(out, info);
                }
            });
            if shown.len() > GUIDED_LISTED_BYTES_MAX {
                let why = "the list of all guided sessions is longer than 8 MiB: ask for each by its path, /api/guided/{code}";
                return waiting.answer(answer::fault(503, why));
            }
            let tag = Tag::of([shown.as_bytes()]);
            let mut out = String::with_capacity(shown.len() + 64);
            object(&mut out, |fields| {
                fields.quoted("timestamp", now).plain("sessions", shown);
            });
            waiting.tagged_json(tag, out);
        });
        Reply::Later
    }
}

/// `/api/guided/{code}`
pub(super) fn one(late: Arc<Late>) -> impl Route {
    move |context: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| {
        let (handle, guided) = match door(&late, context) {
            Ok(door) => door,
            Err(refused) => return refused.into(),
        };
        let code = request.param("code").unwrap_or_default();
        let waiting = Waiting::new(handle, context, request);
        // If it is not taken, it is dropped, and with it who waits.
        let _ = guided.session_then(code, move |found| match found {
            Some(info) => {
                let mut out = String::new();
                session(&mut out, &info);
                waiting.json(out);
            }
            None => waiting.answer(answer::fault(404, "there is no guided session of this code")),
        });
        Reply::Later
    }
}

/// `/api/guided/me`: also for whom no session would let in, so that a page can ask before it shows any.
pub(super) fn me() -> impl Route {
    move |context: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| {
        let mut out = String::new();
        object(&mut out, |fields| {
            fields.plain_or_null("user_id", user(context.identity).map(|(user_id, _)| user_id));
            fields.text_or_null("name", context.identity.name());
            fields.value("roles", |out| {
                list(out, context.identity.roles(), |out, role| write::string(role, out));
            });
        });
        answer::json(request, out)
    }
}

/// The answer to whom no guided session would let in.
pub(super) fn stranger() -> Response {
    answer::fault(
        403,
        "who you are is not known here: a user's id, and the role STUDENT or INSTRUCTOR, is expected",
    )
}

/// Where to ask the contract; else the answer to whom is not let in, or that nobody can be asked.
fn door<'l>(late: &'l Late, context: &RouteContext<'_>) -> Result<(&'l Handle, GuidedSessions), Response> {
    if user(context.identity).is_none() {
        return Err(stranger());
    }
    let handle = late.handle().ok_or_else(busy)?;
    let guided = handle.mounted_guided_sessions().ok_or_else(busy)?;
    Ok((handle, guided))
}

fn session(out: &mut String, info: &GuidedInfo) {
    object(out, |fields| {
        shapes::guided_session(fields, &info.session, &info.subtasks);
        fields.value("participants", |out| {
            list(out, &info.participants, |out, row| {
                shapes::participant(out, row, info.online.binary_search(&row.user_id).is_ok());
            });
        });
    });
}
