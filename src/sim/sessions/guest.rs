//! A client of either kind: what it says and makes of what it is told, over one connection after another.

use super::visitor::Visitor;
use std::fmt;

/// Knows one contract's words.
pub(super) trait Voice: fmt::Debug {
    /// Where it connects, up to the number of the connection.
    fn path(&mut self) -> String;

    /// What it says next; `number` is that of the message, and in it. `foreign`: the id of anybody's device session.
    fn speak(&mut self, number: u64, foreign: Option<&str>) -> String;

    fn hear(&mut self, text: &str);
}

/// See the module.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) voice: Box<dyn Voice>,
    pub(super) visitor: Option<Visitor>,
    /// Connections that it has left behind, and that are there yet.
    pub(super) behind: Vec<Visitor>,
}

impl Guest {
    pub(super) fn new(voice: impl Voice + 'static) -> Self {
        Self { voice: Box::new(voice), visitor: None, behind: Vec::new() }
    }

    /// All its connections.
    pub(super) fn visitors(&mut self) -> impl Iterator<Item = &mut Visitor> {
        self.behind.iter_mut().chain(&mut self.visitor)
    }

    /// Whether it may connect: it never has, or that is over.
    pub(super) fn is_away(&self) -> bool {
        self.visitor
            .as_ref()
            .is_none_or(|visitor| !visitor.is_open() && (visitor.status.is_some() || visitor.is_over()))
    }

    /// It has a new connection.
    pub(super) fn moves(&mut self, visitor: Visitor) {
        self.behind.extend(self.visitor.replace(visitor));
    }
}
