//! Plain HTTP on the same port: routes.

use crate::{
    ground::{
        counters::Stats,
        frame::Payload,
        id::{ConnId, TopicId},
        time::Now,
    },
    hub::{board::Board, identity::Identity},
    wire::{request::Request, response::Response},
};

/// What surrounds a request to a route. While the server stops no route is asked: the engine answers 503 itself.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct RouteContext<'a> {
    /// The time.
    pub now: Now,
    /// The connection: for [`Handle::answer`](crate::Handle::answer) and [`Handle::resume`](crate::Handle::resume).
    pub conn: ConnId,
    /// Who asks, as the route's gate decided; anonymous without one.
    pub identity: &'a Identity,
    /// What the server has counted.
    pub stats: &'a Stats,
    /// When the server started.
    pub began: Now,
    pub(crate) topics: Option<Topics<'a>>,
}

/// The topics, as a route sees them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Topics<'a> {
    pub(crate) board: &'a Board,
    /// Those of the host.
    pub(crate) names: &'a [(String, TopicId)],
}

impl<'a> RouteContext<'a> {
    /// What surrounds a request in a test of a route.
    pub fn new(now: Now, conn: ConnId, identity: &'a Identity, stats: &'a Stats) -> Self {
        Self { now, conn, identity, stats, began: Now::default(), topics: None }
    }

    /// The topic of this name that the host declared in the builder.
    pub fn topic(&self, name: &str) -> Option<TopicId> {
        self.topics?.names.iter().find(|(n, _)| n == name).map(|(_, id)| *id)
    }

    /// What a newcomer to this topic gets: its last message, the latest of every key, or nothing. `None`: the topic is no more, or only its contract can say.
    pub fn newest(&self, topic: TopicId) -> Option<Vec<Payload>> {
        self.topics?.board.newest(topic)
    }

    /// How many connections are subscribed to this topic; 0 when it is no more.
    pub fn subscribers(&self, topic: TopicId) -> usize {
        self.topics.map_or(0, |topics| topics.board.subscribers(topic))
    }
}

/// A route's answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reply {
    /// This one, now.
    Now(Response),
    /// Later: the host calls [`Handle::answer`](crate::Handle::answer) for [`RouteContext::conn`] from any thread before
    /// [`Limits::parked_wait`](crate::Limits::parked_wait) has passed; else the client gets 503.
    Later,
}

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        Reply::Now(response)
    }
}

/// Answers the requests to one path and method. Runs on the loop thread and must not wait; what takes time is for
/// [`Reply::Later`], what is large for [`Response::stream`].
///
/// Any closure `FnMut(&RouteContext, &Request, &[u8]) -> impl Into<Reply>` is one. A panic is answered with 500, unless the
/// program is built with `panic = "abort"`.
pub trait Route: Send {
    /// A request with its whole body.
    fn handle(&mut self, context: &RouteContext<'_>, request: &Request<'_>, body: &[u8]) -> Reply;
}

impl<F, R> Route for F
where
    F: FnMut(&RouteContext<'_>, &Request<'_>, &[u8]) -> R + Send,
    R: Into<Reply>,
{
    fn handle(&mut self, context: &RouteContext<'_>, request: &Request<'_>, body: &[u8]) -> Reply {
        self(context, request, body).into()
    }
}
