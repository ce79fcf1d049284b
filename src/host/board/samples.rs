//! `/api/sessions/{id}/samples`: what was recorded of a session, a page at a time at the pace of the client.

use super::{
    answer,
    late::Late,
    later::Waiting,
    places::{Place, Places},
    sessions::unknown,
};
use crate::{
    contracts::{
        route::{Reply, Route, RouteContext},
        store::{StoreError, device::DeviceSample},
    },
    ground::{id::ConnId, limits::DOWNLOADS_MAX},
    host::{
        export::ExportFormat,
        handle::Handle,
        recordings::{ReadError, Recordings},
    },
    wire::{
        request::Request,
        response::{BodyStream, Pulled},
    },
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    vec,
};

pub(super) fn route(late: Arc<Late>) -> impl Route {
    let downloads = Places::new(DOWNLOADS_MAX);
    move |context: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| {
        let wish = match Wish::of(request) {
            Ok(wish) => wish,
            Err(why) => return answer::fault(400, why).into(),
        };
        let (Some(handle), Some(recordings)) = (late.handle(), late.recordings()) else {
            let why = "nothing is recorded here that can be read: the server has no store, or one that is not read back";
            return answer::fault(404, why).into();
        };
        let Some(place) = downloads.take() else {
            handle.refused_read();
            let why = "as many downloads run as may: wait for one, or try again later";
            return answer::fault(503, why).with_header("Retry-After", "1").into();
        };
        begin(Waiting::new(handle, context, request), recordings.clone(), wish, place);
        Reply::Later
    }
}

/// What is asked for.
struct Wish {
    session: String,
    format: ExportFormat,
    after: u64,
}

impl Wish {
    fn of(request: &Request<'_>) -> Result<Self, &'static str> {
        let format = match request.query("format").as_deref() {
            None | Some("jsonl") => ExportFormat::JsonLines,
            Some("csv") => ExportFormat::Csv,
            Some(_) => return Err("\"format\" must be jsonl or csv"),
        };
        let after = match request.query("after") {
            None => 0,
            Some(number) => number.parse().map_err(|_| "\"after\" must be the number of a sample, or 0")?,
        };
        Ok(Self { session: request.param("id").unwrap_or_default().to_owned(), format, after })
    }
}

/// Looks whether there is such a session, and reads its first page: what fails here still is an answer of its own.
fn begin(waiting: Waiting, recordings: Recordings, wish: Wish, place: Place) {
    let reader = recordings.clone();
    // If a question is not taken, it is dropped, and with it who waits.
    let _ = recordings.session_then(&wish.session.clone(), move |found| match found {
        Ok(Some(_)) => {
            let next = reader.clone();
            let _ = reader.samples_then(&wish.session.clone(), wish.after, move |page| match page {
                Ok(page) => stream(waiting, next, wish, place, page),
                Err(why) => waiting.unread(&why),
            });
        }
        Ok(None) => waiting.answer(unknown()),
        Err(ReadError::Store(why @ StoreError::Rejected(_))) => {
            waiting.answer(answer::fault(404, &format!("the recording cannot be read: {why}")));
        }
        Err(why) => waiting.unread(&why),
    });
}

fn stream(waiting: Waiting, recordings: Recordings, wish: Wish, place: Place, page: Vec<DeviceSample>) {
    let Wish { session, format, after } = wish;
    let (content_type, ending) = match format {
        ExportFormat::Csv => ("text/csv; charset=utf-8", "csv"),
        ExportFormat::JsonLines => ("application/x-ndjson", "jsonl"),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let name: String = session.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    let download = Download {
        handle: waiting.handle().clone(),
        conn: waiting.conn(),
        recordings,
        session,
        format,
        after,
        line: if after == 0 { format.header().to_owned() } else { String::new() },
        page: page.into_iter(),
        answer: Arc::default(),
        _place: place,
    };
    let response = answer::stream(content_type, download)
        .with_header("Content-Disposition", format!("attachment; filename=\"{name}.{ending}\""));
    waiting.answer(response);
}

/// One download. It holds a page, and asks for the next when that is sent.
struct Download {
    handle: Handle,
    conn: ConnId,
    recordings: Recordings,
    session: String,
    format: ExportFormat,
    /// The number of the last sample that was sent.
    after: u64,
    /// What is written before the next sample.
    line: String,
    page: vec::IntoIter<DeviceSample>,
    answer: Arc<Mutex<Asked>>,
    _place: Place,
}

/// What has become of the question for the next page.
#[derive(Debug, Default)]
enum Asked {
    #[default]
    Not,
    Underway,
    Answered(Result<Vec<DeviceSample>, ReadError>),
}

impl Download {
    fn ask(&self) -> Result<(), ReadError> {
        let (answer, handle, conn) = (Arc::clone(&self.answer), self.handle.clone(), self.conn);
        *lock(&self.answer) = Asked::Underway;
        self.recordings.samples_then(&self.session, self.after, move |page| {
            *lock(&answer) = Asked::Answered(page);
            handle.resume_own(conn);
        })
    }
}

fn lock(asked: &Mutex<Asked>) -> MutexGuard<'_, Asked> {
    asked.lock().unwrap_or_else(PoisonError::into_inner)
}

impl BodyStream for Download {
    fn pull(&mut self, room: usize, out: &mut Vec<u8>) -> Pulled {
        while out.len() < room {
            if let Some(sample) = self.page.next() {
                self.format.write(&sample, &mut self.line);
                out.extend_from_slice(self.line.as_bytes());
                self.line.clear();
                self.after = sample.place.map_or(self.after, |(_, seq)| seq);
                continue;
            }
            // Taken out unless it is still to come, under one lock: the reader's thread may be about to answer.
            let asked = {
                let mut asked = lock(&self.answer);
                if matches!(*asked, Asked::Underway) {
                    return Pulled::Wait;
                }
                std::mem::take(&mut *asked)
            };
            let page = match asked {
                Asked::Answered(page) => page,
                Asked::Not | Asked::Underway => match self.ask() {
                    Ok(()) => return Pulled::Wait,
                    Err(why) => Err(why),
                },
            };
            match page {
                Ok(page) if page.is_empty() => {
                    // The header of a file without samples.
                    out.extend_from_slice(self.line.as_bytes());
                    return Pulled::End;
                }
                Ok(page) => self.page = page.into_iter(),
                // Cut short, so that the client can tell: it can go on behind the last number that it got.
                Err(why) => {
                    log::warn!("a download of {} ends after sample {}: {why}", self.session, self.after);
                    return Pulled::Abort;
                }
            }
        }
        Pulled::More
    }
}
