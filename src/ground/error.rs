//! Errors, sorted by whose fault they are. Wire faults are not here: they are answers and close codes.

use std::{fmt, io};

/// Why a configuration was refused. The fault is the host program's; nothing has been started.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// No address to listen on was given.
    NoAddress,
    /// Text that is no `IP:PORT`.
    BadAddress {
        /// The text.
        given: String,
    },
    /// A path pattern that cannot be matched.
    BadPattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Two mounts, or two routes for one method, on patterns that match the same paths.
    PatternTaken {
        /// The pattern given second.
        pattern: String,
        /// The one that was there before.
        by: String,
    },
    /// Two topics of one name.
    TopicTaken {
        /// The name.
        name: String,
    },
    /// A topic whose numbers contradict each other or do not fit the limits.
    BadTopic {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A built-in contract that cannot be as it is described.
    BadMount {
        /// Its pattern.
        pattern: String,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// A topic hub that cannot be as it is described.
    BadTopicHub {
        /// Its pattern.
        pattern: String,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// An origin or a host that is none.
    BadName {
        /// The setting of the builder.
        setting: &'static str,
        /// What was given.
        given: String,
        /// What is expected.
        why: &'static str,
    },
    /// A limit that makes no sense, alone or beside another.
    BadLimit {
        /// The field of [`Limits`](crate::Limits), or the setting of the builder.
        name: &'static str,
        /// What is wrong with it, and what would be right.
        why: &'static str,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("no address to listen on: call listen(\"127.0.0.1:8000\") first"),
            Self::BadAddress { given } => {
                write!(f, "{given:?} is not an address: give IP:PORT, such as 127.0.0.1:8000 or [::1]:8000")
            }
            Self::BadPattern { pattern, why } => write!(f, "bad path pattern {pattern:?}: {why}"),
            Self::PatternTaken { pattern, by } => {
                write!(f, "{pattern:?} matches the same paths as {by:?}: give one of them another path")
            }
            Self::TopicTaken { name } => {
                write!(f, "two topics are named {name:?}: give one of them another name")
            }
            Self::BadTopic { name, why } => write!(f, "topic {name:?}: {why}"),
            Self::BadMount { pattern, why } => write!(f, "mount {pattern:?}: {why}"),
            Self::BadTopicHub { pattern, why } => write!(f, "topic hub {pattern:?}: {why}"),
            Self::BadName { setting, given, why } => write!(f, "{setting} {given:?}: {why}"),
            Self::BadLimit { name, why } => write!(f, "setting {name}: {why}"),
        }
    }
}

impl std::error::Error for ConfigError {}

/// Why a server did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration contradicts itself.
    Config(ConfigError),
    /// An address could not be listened on: taken by another program, not of this machine, or privileged.
    Listen {
        /// The address.
        address: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The store cannot tell what it knows from earlier runs.
    Store {
        /// Its own words.
        why: String,
    },
    /// The operating system refused something that every server needs: a thread, a poll descriptor.
    System {
        /// What was asked for.
        what: &'static str,
        /// What it said.
        source: io::Error,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Listen { address, source } => {
                let hint = match source.kind() {
                    io::ErrorKind::AddrInUse => {
                        ": another program listens there; stop it, or choose another port (port 0 takes any free one)"
                    }
                    io::ErrorKind::AddrNotAvailable => {
                        ": the address is not one of this machine; 0.0.0.0 or [::] takes all of them"
                    }
                    io::ErrorKind::PermissionDenied => {
                        ": ports below 1024 need a privilege; choose a higher one"
                    }
                    _ => "",
                };
                write!(f, "cannot listen on {address}{hint} ({source})")
            }
            Self::Store { why } => write!(f, "the store cannot be read: {why}"),
            Self::System { what, source } => write!(f, "cannot {what} ({source})"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            Self::Store { .. } => None,
            Self::Listen { source, .. } | Self::System { source, .. } => Some(source),
        }
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

/// A command that was not taken, with the thing that was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError<T> {
    /// Too many commands, or too many bytes, wait for the loop: try again later, or slow down.
    Full(T),
    /// The server has stopped, or is about to and this could not reach anybody any more.
    Stopped(T),
    /// It can never be taken as it is: larger than the limits, or for a topic that does not exist.
    Refused(T, &'static str),
}

impl<T> SendError<T> {
    /// What was handed over, back again.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(thing) | Self::Stopped(thing) | Self::Refused(thing, _) => thing,
        }
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("the server's command queue is full: try again later"),
            Self::Stopped(_) => f.write_str("the server has stopped"),
            Self::Refused(_, why) => write!(f, "refused: {why}"),
        }
    }
}

impl<T: fmt::Debug> std::error::Error for SendError<T> {}

/// Why a header cannot be part of an answer. It names the header, never the value, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderError {
    /// The name is no token: letters, digits and ``!#$%&'*+-.^_`|~``.
    Name(String),
    /// The value has a line break or another control character in it.
    Value(String),
    /// The server writes it itself: `Content-Length`, `Transfer-Encoding`, `Connection` or `Date`.
    Own(String),
    /// The answer has 64 headers already.
    TooMany(String),
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => {
                write!(f, "{name:?} is no name of a header: give one word of letters, digits and dashes")
            }
            Self::Value(name) => {
                write!(f, "the value of {name} has a control character in it: encode or remove it")
            }
            Self::Own(name) => write!(f, "the server writes {name} itself: leave it out"),
            Self::TooMany(name) => write!(f, "{name} is one too many: an answer has at most 64 headers"),
        }
    }
}

impl std::error::Error for HeaderError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_culprit_and_the_way_out() {
        let taken = StartError::Listen {
            address: "127.0.0.1:8000".into(),
            source: io::Error::from(io::ErrorKind::AddrInUse),
        };
        let text = taken.to_string();
        assert!(text.contains("127.0.0.1:8000") && text.contains("port 0"), "{text}");
        let path = ConfigError::PatternTaken { pattern: "/ws/{a}".into(), by: "/ws/{b}".into() };
        assert!(path.to_string().contains("/ws/{a}") && path.to_string().contains("/ws/{b}"));
    }
}
