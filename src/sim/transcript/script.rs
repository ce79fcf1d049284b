//! A transcript, read.

use super::shape;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Connects {
        who: String,
        path: String,
        /// The `Cookie` header that it sends, if any.
        cookie: Option<String>,
        status: u16,
    },
    /// Text, with its `$NAME`s.
    Sends {
        who: String,
        text: String,
    },
    SendsBinary {
        who: String,
        bytes: Vec<u8>,
    },
    Hears {
        who: String,
        what: Expected,
    },
    Closes {
        who: String,
        code: u16,
        reason: Option<String>,
    },
    Leaves {
        who: String,
    },
    Drops {
        who: String,
    },
    Stalls {
        who: String,
    },
    Reads {
        who: String,
    },
    /// In the words of the stage; refused with these words, if any.
    Host {
        words: String,
        refused: Option<String>,
    },
    Event {
        words: String,
        json: Option<String>,
    },
    /// What the store does from now on.
    Store {
        words: String,
    },
    ServerStops,
    Quiet,
}

/// A message that a client is to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expected {
    Json(String),
    Raw(String),
}

#[derive(Debug)]
pub(super) struct Step {
    pub(super) line: usize,
    pub(super) at_ms: u64,
    pub(super) action: Action,
}

#[derive(Debug, Default)]
pub(super) struct Script {
    /// Line, name and value.
    pub(super) givens: Vec<(usize, String, String)>,
    pub(super) steps: Vec<Step>,
}

/// The comments that a transcript begins with.
pub(super) fn story(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map_while(|line| line.strip_prefix('#')).map(str::trim)
}

/// Reads a transcript; an error begins with its line.
pub(super) fn parse(text: &str) -> Result<Script, String> {
    let mut script = Script::default();
    if story(text).next().is_none() {
        return Err("1: a transcript begins with its story, in lines that begin with #".into());
    }
    for (index, whole) in text.lines().enumerate() {
        let line = index + 1;
        let code = whole.find("  #").map_or(whole, |comment| &whole[..comment]).trim();
        if code.is_empty() || code.starts_with('#') {
            continue;
        }
        let fail = |what: &str| Err(format!("{line}: {what}: {code}"));
        if let Some(given) = code.strip_prefix("given ") {
            if !script.steps.is_empty() {
                return fail("what is given comes before the first step");
            }
            let Some((name, value)) = given.split_once('=') else { return fail("no = in it") };
            script.givens.push((line, name.trim().to_owned(), value.trim().to_owned()));
            continue;
        }
        let Some((at, rest)) = code.strip_prefix('@').and_then(|code| code.split_once(' ')) else {
            return fail("neither a comment, nor given, nor a step that begins with @ and a time");
        };
        let Ok(at_ms) = at.parse() else { return fail("the time is no number of milliseconds") };
        if script.steps.last().is_some_and(|last| last.at_ms > at_ms) {
            return fail("earlier than the step before it");
        }
        match action(rest.trim()) {
            Some(action) => script.steps.push(Step { line, at_ms, action }),
            None => return fail("not understood"),
        }
    }
    Ok(script)
}

fn action(text: &str) -> Option<Action> {
    if let Some(told) = text.strip_prefix("! ") {
        let (words, json) = match told.find('{') {
            Some(at) => (&told[..at], Some(shape::as_json(&told[at..]))),
            None => (told, None),
        };
        return Some(Action::Event { words: words.trim().to_owned(), json });
    }
    if let Some(does) = text.strip_prefix("host ") {
        let (words, refused) = match does.split_once(" -> refused ") {
            Some((words, refused)) => (words, Some(refused.trim().to_owned())),
            None => (does, None),
        };
        return Some(Action::Host { words: words.trim().to_owned(), refused });
    }
    if let Some(words) = text.strip_prefix("store ") {
        return Some(Action::Store { words: words.trim().to_owned() });
    }
    match text {
        "server stops" => return Some(Action::ServerStops),
        "quiet" => return Some(Action::Quiet),
        _ => {}
    }
    let (who, rest) = text.split_once(' ')?;
    let named = who.starts_with(|c: char| c.is_ascii_uppercase());
    let who = named.then(|| who.to_owned())?;
    let (verb, object) = rest.split_once(' ').unwrap_or((rest, ""));
    let object = object.trim();
    Some(match (verb, object) {
        ("connects", path) => {
            let (path, status) = path.split_once(" -> ").unwrap_or((path, "101"));
            let (path, cookie) = match path.split_once(" with cookie ") {
                Some((path, cookie)) => (path, Some(cookie.trim().to_owned())),
                None => (path, None),
            };
            Action::Connects {
                who,
                path: path.trim().to_owned(),
                cookie,
                status: status.trim().parse().ok()?,
            }
        }
        (">", text) => Action::Sends { who, text: text.strip_prefix("raw: ").unwrap_or(text).to_owned() },
        ("<", text) => {
            let what = match text.strip_prefix("raw: ") {
                Some(raw) => Expected::Raw(raw.to_owned()),
                None => Expected::Json(shape::as_json(text)),
            };
            Action::Hears { who, what }
        }
        ("sends", binary) => {
            let hex = binary.strip_prefix("binary ")?;
            let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
            let bytes = hex.as_bytes().chunks(2).map(byte).collect::<Option<_>>()?;
            Action::SendsBinary { who, bytes }
        }
        ("closes", how) => {
            let (code, reason) = how.split_once(' ').map_or((how, None), |(code, why)| (code, Some(why)));
            Action::Closes { who, code: code.parse().ok()?, reason: reason.map(str::to_owned) }
        }
        ("leaves", "") => Action::Leaves { who },
        ("drops", "") => Action::Drops { who },
        ("stalls", "") => Action::Stalls { who },
        ("reads", "") => Action::Reads { who },
        _ => return None,
    })
}
