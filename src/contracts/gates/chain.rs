//! Gates made of gates.

use crate::{
    contracts::gate::{Gate, Verdict},
    ground::time::Now,
    hub::identity::Identity,
    wire::request::Request,
};

/// Two gates, of which the first that knows what is shown decides: [`Gate::or`].
#[derive(Debug, Clone)]
pub struct Or<A, B> {
    pub(crate) first: A,
    pub(crate) next: B,
}

impl<A: Gate, B: Gate> Gate for Or<A, B> {
    fn identify(&mut self, now: Now, request: &Request<'_>) -> Verdict {
        let first = self.first.identify(now, request);
        if !matches!(first, Verdict::Absent(_) | Verdict::Unknown(_)) {
            return first;
        }
        match (first, self.next.identify(now, request)) {
            // The first has something to say: either that something wrong was shown, or, where nothing was, what it had expected.
            (first, Verdict::Absent(_)) => first,
            (_, next) => next,
        }
    }

    fn subprotocols(&self) -> Vec<String> {
        let mut both = self.first.subprotocols();
        both.extend(self.next.subprotocols());
        both
    }

    fn same_origin(&self) -> bool {
        self.first.same_origin() || self.next.same_origin()
    }
}

/// A gate that lets in who shows it nothing: [`Gate::optional`].
#[derive(Debug, Clone)]
pub struct Optional<G> {
    pub(crate) gate: G,
}

impl<G: Gate> Gate for Optional<G> {
    fn identify(&mut self, now: Now, request: &Request<'_>) -> Verdict {
        match self.gate.identify(now, request) {
            Verdict::Absent(_) => Verdict::Allow(Identity::ANONYMOUS),
            said => said,
        }
    }

    fn subprotocols(&self) -> Vec<String> {
        self.gate.subprotocols()
    }

    fn same_origin(&self) -> bool {
        self.gate.same_origin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{owned::OwnedRequest, request::Method, response::Response};

    /// What a gate says of a request, in a word.
    fn word(gate: &mut impl Gate) -> String {
        let request = OwnedRequest::new(Method::Get, "/");
        match request.with(|request| gate.identify(Now::default(), request)) {
            Verdict::Allow(identity) => identity.subject().unwrap_or("anonymous").to_owned(),
            Verdict::Refuse(response) => format!("refuse {}", response.status()),
            Verdict::Ask => "ask".into(),
            Verdict::Absent(response) => format!("absent {}", response.status()),
            Verdict::Unknown(response) => format!("unknown {}", response.status()),
        }
    }

    fn says(word: &'static str, status: u16) -> impl Gate {
        move |_: Now, _: &Request<'_>| match word {
            "allow" => Verdict::Allow(Identity::new("someone")),
            "refuse" => Verdict::Refuse(Response::new(status)),
            "ask" => Verdict::Ask,
            "absent" => Verdict::Absent(Response::new(status)),
            _ => Verdict::Unknown(Response::new(status)),
        }
    }

    #[test]
    fn the_first_gate_that_knows_decides() {
        for (first, next, both) in [
            ("allow", "refuse", "someone"),
            ("refuse", "allow", "refuse 401"),
            ("ask", "allow", "ask"),
            ("absent", "allow", "someone"),
            ("unknown", "allow", "someone"),
            ("unknown", "ask", "ask"),
            ("absent", "refuse", "refuse 402"),
            ("absent", "absent", "absent 401"),
            ("unknown", "absent", "unknown 401"),
            ("absent", "unknown", "unknown 402"),
            ("unknown", "unknown", "unknown 402"),
        ] {
            assert_eq!(word(&mut says(first, 401).or(says(next, 402))), both, "{first}, {next}");
        }
    }

    #[test]
    fn an_optional_gate_lets_in_who_shows_nothing_and_nobody_else() {
        for (said, expected) in [
            ("absent", "anonymous"),
            ("unknown", "unknown 401"),
            ("refuse", "refuse 401"),
            ("allow", "someone"),
            ("ask", "ask"),
        ] {
            assert_eq!(word(&mut says(said, 401).optional()), expected);
        }
        assert_eq!(word(&mut says("unknown", 401).or(says("absent", 402)).optional()), "unknown 401");
    }
}
