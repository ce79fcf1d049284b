//! How a client is let in.

use crate::wire::response::Response;
use std::{borrow::Cow, fmt};

/// A contract's yes to a client, from [`Contract::admit`](crate::Contract::admit), with what the answer to the upgrade says beside the
/// necessary.
///
/// ```
/// let yes = andon::Admission::new().with_header("Set-Cookie", "seen=1; HttpOnly; SameSite=Strict");
/// ```
pub struct Admission {
    /// Its headers go with the 101; the rest of it is not looked at.
    answer: Response,
}

impl Admission {
    /// Let in.
    pub fn new() -> Self {
        Self { answer: Response::new(200) }
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
        if own {
            log::warn!("the header {name} of an upgrade is the server's own: left out");
            self.answer.headers_dropped = self.answer.headers_dropped.saturating_add(1);
        } else {
            self.answer = self.answer.with_header(name, value);
        }
        self
    }

    pub(crate) fn headers_dropped(&self) -> u64 {
        self.answer.headers_dropped.into()
    }

    pub(crate) fn headers(&self) -> &[(Cow<'static, str>, Cow<'static, str>)] {
        &self.answer.headers
    }
}

impl Default for Admission {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").finish_non_exhaustive()
    }
}
