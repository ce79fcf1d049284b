//! How a client is let in.

use crate::wire::response::Response;
use std::{borrow::Cow, fmt};

/// A contract's yes to a client, from [`Contract::admit`](crate::Contract::admit), with what the answer to the upgrade says beside the
/// necessary.
///
/// ```
/// let yes = andon::Admission::new().with_header("Set-Cookie", "seen=1; HttpOnly; SameSite=Strict");
/// ```
#[derive(Default)]
pub struct Admission {
    answer: Option<Response>,
}

impl Admission {
    /// Let in.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more header in the 101 answer, as [`Response::with_header`]. `Upgrade` and `Sec-WebSocket-*` are the server's own.
    #[must_use]
    pub fn with_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        let name = name.into();
        let own = name.get(..14).is_some_and(|start| start.eq_ignore_ascii_case("sec-websocket-"))
            || name.eq_ignore_ascii_case("upgrade");
        let mut answer = self.answer.take().unwrap_or_else(|| Response::new(200));
        if own {
            log::warn!("the header {name} of an upgrade is the server's own: left out");
            answer.headers_dropped = answer.headers_dropped.saturating_add(1);
        } else {
            answer = answer.with_header(name, value);
        }
        self.answer = Some(answer);
        self
    }

    pub(crate) fn headers_dropped(&self) -> u64 {
        self.answer.as_ref().map_or(0, |answer| answer.headers_dropped.into())
    }

    pub(crate) fn headers(&self) -> &[(Cow<'static, str>, Cow<'static, str>)] {
        self.answer.as_ref().map_or(&[], |answer| &answer.headers)
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").finish_non_exhaustive()
    }
}
