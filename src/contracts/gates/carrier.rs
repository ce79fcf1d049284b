//! Where a credential is looked for, and what is said to who shows none that counts.

use crate::{
    contracts::gate::Verdict,
    hub::identity::Identity,
    wire::{request::Request, response::Response},
};
use std::{borrow::Cow, fmt, sync::Arc};

/// The cookie of a session, as the frameworks name it that most web applications are made with.
pub(super) const SESSION_COOKIE: &str = "sessionid";
/// The subprotocol behind which a client lists its token.
pub(super) const BEARER_SUBPROTOCOL: &str = "andon.bearer";

/// One place in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Carrier {
    Cookie(Box<str>),
    Bearer,
    Query(Box<str>),
    Subprotocol,
}

impl Carrier {
    /// What stands there, if anything does.
    fn find<'r>(&self, request: &Request<'r>) -> Option<Cow<'r, str>> {
        match self {
            Self::Cookie(name) => request.cookie(name).map(Cow::Borrowed),
            Self::Bearer => request.header_all("authorization").find_map(bearer_token).map(Cow::Borrowed),
            Self::Query(name) => request.query(name),
            Self::Subprotocol => {
                let mut offered = request
                    .header_all("sec-websocket-protocol")
                    .flat_map(|line| line.split(','))
                    .map(str::trim_ascii);
                offered.find(|name| *name == BEARER_SUBPROTOCOL)?;
                offered.next().map(Cow::Borrowed)
            }
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cookie(name) => write!(f, "the cookie {name}"),
            Self::Bearer => f.write_str("'Authorization: Bearer'"),
            Self::Query(name) => write!(f, "the query parameter {name}"),
            Self::Subprotocol => write!(f, "a token behind the subprotocol {BEARER_SUBPROTOCOL}"),
        }
    }
}

/// The token of an `Authorization` header, if its scheme is Bearer (RFC 6750, 2.1), in whatever case.
fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_ascii())
}

/// What a gate makes of one credential.
#[derive(Debug)]
pub(super) enum Credential {
    Of(Identity),
    /// It is one of this gate, and not good any more, or not yet.
    Bad,
    /// Another gate may know better.
    Unknown,
}

/// The places that count, in the order in which they are looked at, and how who shows nothing right there is refused.
#[derive(Debug, Clone, Default)]
pub(super) struct Carriers {
    places: Vec<Carrier>,
    /// Of `WWW-Authenticate`: then 401, else 403.
    challenge: Option<Arc<str>>,
}

impl Carriers {
    pub(super) fn add(&mut self, place: Carrier) {
        if !self.places.contains(&place) {
            self.places.push(place);
        }
    }

    pub(super) fn challenge(&mut self, challenge: &str) {
        self.challenge = Some(challenge.into());
    }

    /// What is to be said of a request, when `judge` says what each credential is that it shows: the first good one counts.
    pub(super) fn verdict(&self, request: &Request<'_>, judge: impl Fn(&str) -> Credential) -> Verdict {
        let mut verdict = None;
        for shown in self.shown(request) {
            match judge(&shown) {
                Credential::Of(identity) => return Verdict::Allow(identity),
                Credential::Bad => verdict = Some(Verdict::Refuse(self.not_good())),
                Credential::Unknown => {
                    verdict.get_or_insert_with(|| Verdict::Unknown(self.not_good()));
                }
            }
        }
        verdict.unwrap_or_else(|| Verdict::Absent(self.nothing_shown()))
    }

    /// The credentials that a request shows.
    fn shown<'c, 'r>(&'c self, request: &'c Request<'r>) -> impl Iterator<Item = Cow<'r, str>> + 'c {
        self.places.iter().filter_map(|place| place.find(request)).filter(|shown| !shown.is_empty())
    }

    pub(super) fn same_origin(&self) -> bool {
        self.places.iter().any(|place| matches!(place, Carrier::Cookie(_)))
    }

    pub(super) fn subprotocols(&self) -> Vec<String> {
        let speaks = self.places.contains(&Carrier::Subprotocol);
        if speaks { vec![BEARER_SUBPROTOCOL.to_owned()] } else { Vec::new() }
    }

    /// To who shows nothing.
    fn nothing_shown(&self) -> Response {
        if self.places.is_empty() {
            return self.refuse(
                "nobody can be known here: whoever runs the server has not said where the gate is to look\n",
            );
        }
        let places: Vec<_> = self.places.iter().map(Carrier::to_string).collect();
        self.refuse(format!("nothing says who asks: expected {}\n", places.join(", or ")))
    }

    /// To who shows something that is not good, or not any more: which of them is for nobody but the host to know.
    fn not_good(&self) -> Response {
        self.refuse("what says who asks is not valid, or not any more\n")
    }

    fn refuse(&self, words: impl Into<Cow<'static, str>>) -> Response {
        match &self.challenge {
            None => Response::text(403, words),
            Some(challenge) => {
                Response::text(401, words).with_header("WWW-Authenticate", challenge.to_string())
            }
        }
    }
}

/// The methods by which a gate with a field `carriers` is told where to look.
macro_rules! carried {
    () => {
        /// Also looks for the cookie `sessionid`, the first of that name. What is guarded is then by default for pages of the same host only, see
        /// [`MountOptions::same_origin`](crate::MountOptions::same_origin).
        #[must_use]
        pub fn cookies(self) -> Self {
            self.cookie(crate::contracts::gates::carrier::SESSION_COOKIE)
        }

        /// The same with the cookie of another name, which must match exactly. A value in double quotes is taken without them, and never percent-decoded.
        #[must_use]
        pub fn cookie(mut self, name: impl Into<String>) -> Self {
            let name = name.into().into_boxed_str();
            self.carriers.add(crate::contracts::gates::carrier::Carrier::Cookie(name));
            self
        }

        /// Also looks at `Authorization: Bearer`. Browsers cannot send it with a WebSocket.
        #[must_use]
        pub fn bearer(mut self) -> Self {
            self.carriers.add(crate::contracts::gates::carrier::Carrier::Bearer);
            self
        }

        /// Also looks at the query, as in `/ws?token=...`, percent-decoded. Proxies and servers in front write URLs to their logs, so this is for tokens that
        /// are soon worth nothing, or for networks without any.
        #[must_use]
        pub fn query(mut self, name: impl Into<String>) -> Self {
            let name = name.into().into_boxed_str();
            self.carriers.add(crate::contracts::gates::carrier::Carrier::Query(name));
            self
        }

        /// Also looks at the subprotocols that are offered: what comes behind `andon.bearer` is the token, as in
        /// `new WebSocket(url, ["andon.bearer", token])`, which is the one header that a browser's page can write. The server agrees on `andon.bearer`, or
        /// on a subprotocol of the mount if that is offered as well, and never repeats the token. A token is then one word, without commas.
        #[must_use]
        pub fn subprotocol(mut self) -> Self {
            self.carriers.add(crate::contracts::gates::carrier::Carrier::Subprotocol);
            self
        }

        /// Refuses with 401 and this `WWW-Authenticate`, such as `Bearer realm="line 7"`. Default: 403.
        #[must_use]
        pub fn challenge(mut self, challenge: &str) -> Self {
            self.carriers.challenge(challenge);
            self
        }
    };
}
pub(super) use carried;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{owned::OwnedRequest, request::Method, response::Body};

    fn shown(places: &[Carrier], request: OwnedRequest) -> Vec<String> {
        let mut carriers = Carriers::default();
        places.iter().for_each(|place| carriers.add(place.clone()));
        request.with(|request| carriers.shown(request).map(Cow::into_owned).collect())
    }

    fn get(target: &str) -> OwnedRequest {
        OwnedRequest::new(Method::Get, target)
    }

    #[test]
    fn bearers() {
        for (line, expected) in [
            ("Bearer abc", Some("abc")),
            ("bEARER   abc ", Some("abc")),
            ("Basic abc", None),
            ("Bearer", None),
            ("Bearer ", None),
            ("Bearerabc", None),
            ("abc", None),
        ] {
            let request = get("/").with_header("Authorization", line);
            let expected: Vec<_> = expected.into_iter().collect();
            assert_eq!(shown(&[Carrier::Bearer], request), expected, "{line:?}");
        }
        let two = get("/").with_header("Authorization", "Basic x").with_header("authorization", "Bearer y");
        assert_eq!(shown(&[Carrier::Bearer], two), ["y"]);
    }

    #[test]
    fn subprotocols_carry_the_token_behind_the_name() {
        for (lines, expected) in [
            (&["andon.bearer, a.b.c"][..], Some("a.b.c")),
            (&["chat,andon.bearer,a.b.c,other"], Some("a.b.c")),
            (&["andon.bearer", "a.b.c"], Some("a.b.c")),
            (&["a.b.c, andon.bearer"], None),
            (&["Andon.Bearer, a.b.c"], None),
            (&["andon.bearer"], None),
            (&["andon.bearer,,a"], None),
        ] {
            let request = lines
                .iter()
                .fold(get("/"), |request, line| request.with_header("Sec-WebSocket-Protocol", *line));
            let expected: Vec<_> = expected.into_iter().collect();
            assert_eq!(shown(&[Carrier::Subprotocol], request), expected, "{lines:?}");
        }
    }

    #[test]
    fn places_are_looked_at_in_their_order_and_nothing_is_nothing() {
        let places = [Carrier::Query("t".into()), Carrier::Cookie("sid".into()), Carrier::Bearer];
        let request =
            |target| get(target).with_header("Cookie", "sid=c").with_header("Authorization", "Bearer b");
        assert_eq!(shown(&places, request("/?t=q%20q")), ["q q", "c", "b"]);
        assert_eq!(shown(&places, request("/?t=")), ["c", "b"]);
        assert_eq!(
            shown(&places[1..2], get("/?sid=1").with_header("Cookie", "SID=1; xsid=2; sid=")),
            [""; 0]
        );
    }

    #[test]
    fn refusals_say_what_was_expected_and_how_to_be_known() {
        let text = |carriers: &Carriers| match carriers.nothing_shown().body {
            Body::Whole(text) => String::from_utf8(text.into_owned()).unwrap(),
            Body::Stream(_) => unreachable!("it is a text"),
        };
        let mut carriers = Carriers::default();
        assert!(text(&carriers).contains("has not said where"));
        carriers.add(Carrier::Cookie("sid".into()));
        carriers.add(Carrier::Subprotocol);
        let expected = "expected the cookie sid, or a token behind the subprotocol andon.bearer";
        assert!(text(&carriers).contains(expected));
        assert!(carriers.same_origin() && carriers.subprotocols() == ["andon.bearer"]);
        assert_eq!((carriers.nothing_shown().status(), carriers.not_good().status()), (403, 403));
        carriers.challenge("Bearer realm=\"a\"");
        assert_eq!((carriers.nothing_shown().status(), carriers.not_good().status()), (401, 401));
    }

    /// Cookies as RFC 6265 has servers read them, done slowly.
    fn naive(lines: &[String], name: &str) -> Option<String> {
        for pair in lines.join(";").split(';') {
            let chars: Vec<char> = pair.chars().collect();
            let Some(at) = chars.iter().position(|c| *c == '=') else { continue };
            let blank = |c: char| c == ' ' || c == '\t';
            let text = |chars: &[char]| chars.iter().collect::<String>().trim_matches(blank).to_owned();
            if text(&chars[..at]) != name {
                continue;
            }
            let value = text(&chars[at + 1..]);
            let quoted = value.len() > 1 && value.starts_with('"') && value.ends_with('"');
            return Some(if quoted { value[1..value.len() - 1].to_owned() } else { value });
        }
        None
    }

    #[test]
    fn cookies_are_read_as_a_naive_reader_does() {
        const PARTS: [&str; 13] =
            ["sid", "sid", "xsid", "SID", "=", "=", ";", "; ", " ", "\t", "\"", "v%20", "가"];
        for seed in 0..20_000 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let lines: Vec<String> = (0..rng.usize(0..4))
                .map(|_| (0..rng.usize(0..10)).map(|_| PARTS[rng.usize(..PARTS.len())]).collect())
                .collect();
            let request = lines.iter().fold(get("/"), |request, line| request.with_header("Cookie", line));
            let found = request.with(|request| request.cookie("sid").map(str::to_owned));
            assert_eq!(found, naive(&lines, "sid"), "seed {seed}: {lines:?}");
        }
    }
}
