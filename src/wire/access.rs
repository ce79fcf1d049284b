//! From which pages, and under which names, the server may be reached.

/// The allow-lists. Without a list of origins every page may; without one of hosts every name may, except on a listener that only this machine
/// reaches: there the names of this machine, since a page of a stranger can have its own name point to it (DNS rebinding).
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    /// `scheme://host[:port]` in lower case.
    origins: Option<Vec<String>>,
    /// A name, with or without a port, in lower case.
    hosts: Option<Vec<String>>,
}

/// The names that this machine has for itself.
const OF_THIS_MACHINE: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Why a request does not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Foreign {
    Host,
    Origin,
}

impl Foreign {
    /// What to say to who asks, or to who runs the server.
    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::Host => {
                "the server is not reached under this name; whoever runs it may allow the Host that was sent"
            }
            Self::Origin => {
                "pages of this origin may not use this; whoever runs the server may allow the Origin"
            }
        }
    }
}

impl Access {
    /// Allows an origin, `scheme://host[:port]`. The error says what is wrong with it.
    pub(crate) fn allow_origin(&mut self, origin: &str) -> Result<(), &'static str> {
        let (scheme, host) = origin
            .split_once("://")
            .ok_or("an origin is a scheme, a host and perhaps a port, as in https://panel.example:8443")?;
        if scheme.is_empty() || host.is_empty() || !host.bytes().all(in_host) {
            return Err("an origin is a scheme, a host and perhaps a port, without a path");
        }
        self.origins.get_or_insert_default().push(bare(origin));
        Ok(())
    }

    /// Allows a host, `name` or `name:port`. The error says what is wrong with it.
    pub(crate) fn allow_host(&mut self, host: &str) -> Result<(), &'static str> {
        if host.is_empty() || !host.bytes().all(in_host) {
            return Err("a host is a name or an address, and perhaps a port, as in panel.example:8000");
        }
        self.hosts.get_or_insert_default().push(host.to_ascii_lowercase());
        Ok(())
    }

    /// Whether a request with these headers may come in. `local`: by a listener that only this machine reaches; `same`: only pages of this very
    /// host and those that are listed may use what it asks for.
    pub(crate) fn judge(
        &self,
        host: Option<&str>,
        origin: Option<&str>,
        local: bool,
        same: bool,
    ) -> Result<(), Foreign> {
        // Only HTTP/1.0 may come without one, and no browser does.
        if let Some(host) = host
            && !self.knows_host(&host.to_ascii_lowercase(), local)
        {
            return Err(Foreign::Host);
        }
        // Whoever is no browser sends none.
        let Some(origin) = origin else { return Ok(()) };
        let listed = self.lists(origin);
        let fine = match (&self.origins, same) {
            (None, false) => true,
            (_, true) => listed || host.is_some_and(|host| is_same(origin, host)),
            (Some(_), false) => listed,
        };
        if fine { Ok(()) } else { Err(Foreign::Origin) }
    }

    /// What `Access-Control-Allow-Origin` says to a page of this origin that was let in, and whether it may bring its cookies.
    pub(crate) fn cors<'o>(&self, origin: &'o str) -> Option<(&'o str, bool)> {
        match &self.origins {
            None => Some(("*", false)),
            Some(_) if self.lists(origin) => Some((origin, true)),
            Some(_) => None,
        }
    }

    fn lists(&self, origin: &str) -> bool {
        self.origins.as_ref().is_some_and(|origins| origins.contains(&bare(origin)))
    }

    fn knows_host(&self, host: &str, local: bool) -> bool {
        let name = without_port(host);
        match &self.hosts {
            None => !local || OF_THIS_MACHINE.contains(&name),
            Some(hosts) => hosts.iter().any(|known| known == host || known == name),
        }
    }
}

/// An origin in lower case, without the port that its scheme has anyway.
fn bare(origin: &str) -> String {
    let origin = origin.to_ascii_lowercase();
    let port = if origin.starts_with("https:") || origin.starts_with("wss:") { ":443" } else { ":80" };
    origin.strip_suffix(port).map(str::to_owned).unwrap_or(origin)
}

/// Whether a page of this origin came from this host.
fn is_same(origin: &str, host: &str) -> bool {
    let origin = bare(origin);
    let scheme = origin.split_once("://").map_or("", |(scheme, _)| scheme);
    !scheme.is_empty() && bare(&format!("{scheme}://{host}")) == origin
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // Not the last part of an address in brackets.
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

fn in_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:[]%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(origins: &[&str], hosts: &[&str]) -> Access {
        let mut access = Access::default();
        origins.iter().for_each(|origin| access.allow_origin(origin).unwrap());
        hosts.iter().for_each(|host| access.allow_host(host).unwrap());
        access
    }

    #[test]
    fn without_lists_everyone_may_but_strange_names_of_this_machine() {
        let access = Access::default();
        for host in ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]", "[::1]:8000"] {
            assert_eq!(access.judge(Some(host), Some("http://evil.example"), true, false), Ok(()), "{host}");
        }
        for host in
            ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "[::2]"]
        {
            assert_eq!(access.judge(Some(host), None, true, false), Err(Foreign::Host), "{host}");
            assert_eq!(access.judge(Some(host), None, false, false), Ok(()), "{host}");
        }
        assert_eq!(access.judge(None, None, true, false), Ok(()), "HTTP/1.0");
        assert_eq!(access.cors("http://a.example"), Some(("*", false)));
    }

    #[test]
    fn listed_origins_may_and_those_without_one() {
        let access = listing(&["https://Panel.example", "http://localhost:3001"], &[]);
        let judge = |origin| access.judge(Some("plc:8000"), origin, false, false);
        for origin in ["https://panel.example", "HTTPS://PANEL.EXAMPLE:443", "http://localhost:3001"] {
            assert_eq!(judge(Some(origin)), Ok(()), "{origin}");
            assert_eq!(access.cors(origin), Some((origin, true)));
        }
        for origin in [
            "http://panel.example",
            "https://panel.example:8443",
            "http://localhost",
            "null",
            "",
            "http://plc:8000",
        ] {
            assert_eq!(judge(Some(origin)), Err(Foreign::Origin), "{origin}");
            assert_eq!(access.cors(origin), None);
        }
        assert_eq!(judge(None), Ok(()), "no browser");
    }

    #[test]
    fn who_asks_for_the_same_host_gets_that_and_those_listed() {
        for (access, listed) in [(Access::default(), false), (listing(&["http://other"], &[]), true)] {
            let judge = |host, origin| access.judge(Some(host), Some(origin), false, true).is_ok();
            assert!(
                judge("plc", "http://plc")
                    && judge("plc:80", "http://PLC")
                    && judge("plc:8000", "http://plc:8000")
            );
            assert!(
                judge("plc", "https://plc:443") && !judge("plc", "http://plc:8000") && !judge("plc", "null")
            );
            assert_eq!(judge("plc", "http://other"), listed);
            assert!(access.judge(Some("plc"), None, false, true).is_ok());
        }
    }

    #[test]
    fn listed_hosts_are_the_only_ones_on_every_listener() {
        let access = listing(&[], &["plc.local", "10.0.0.1:8000", "[fe80::1]"]);
        let judge = |host| access.judge(Some(host), None, true, false);
        for host in ["plc.local", "PLC.local:9", "10.0.0.1:8000", "[fe80::1]:8000"] {
            assert_eq!(judge(host), Ok(()), "{host}");
        }
        for host in ["localhost", "10.0.0.1", "10.0.0.1:80", "[fe80::2]"] {
            assert_eq!(judge(host), Err(Foreign::Host), "{host}");
        }
    }

    #[test]
    fn what_is_no_origin_or_host_is_an_error() {
        for origin in ["", "panel.example", "https://", "://a", "https://a/b", "https://a b"] {
            assert!(Access::default().allow_origin(origin).is_err(), "{origin}");
        }
        for host in ["", "http://a", "a/b", "a b"] {
            assert!(Access::default().allow_host(host).is_err(), "{host}");
        }
    }
}
