//! Path patterns: what a contract or a route is mounted at.

use super::target::Path;
use crate::ground::limits::SEGMENTS_MAX;
use std::{cmp::Ordering, iter};

/// A pattern such as `/ws/sessions/{code}/`: literals, and parameters that take one whole segment each.
///
/// Literals are written decoded: `/a b` matches the path `/a%20b`. A trailing slash makes no difference,
/// neither here nor in the path.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    text: String,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone)]
enum Segment {
    /// Never empty.
    Literal(String),
    /// Its name.
    Param(String),
}

impl Pattern {
    /// Reads a pattern; the error says why it is none.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = text.strip_prefix('/').ok_or("it must begin with '/'")?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let mut segments: Vec<Segment> = Vec::new();
        // "/" has no segments; a plain split would find an empty one. "//" must find it.
        let parts = (text != "/").then(|| rest.split('/')).into_iter().flatten();
        for part in parts {
            let segment = Segment::parse(part)?;
            let taken = |other: &Segment| other.is_param() && other.text() == segment.text();
            if segment.is_param() && segments.iter().any(taken) {
                return Err("two parameters have the same name");
            }
            if segments.len() == SEGMENTS_MAX {
                const _: () = assert!(SEGMENTS_MAX == 16, "the text below says so");
                return Err("it has more than 16 segments");
            }
            segments.push(segment);
        }
        Ok(Self { text: text.to_owned(), segments })
    }

    /// The pattern as it was given.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it matches. Allocates nothing.
    pub(crate) fn is_match(&self, path: &Path<'_>) -> bool {
        self.segments.len() == path.segments().len()
            && iter::zip(&self.segments, path.segments()).all(|(segment, value)| match segment {
                Segment::Literal(literal) => literal == value,
                Segment::Param(_) => !value.is_empty(),
            })
    }

    /// The parameters and their decoded values when it matches. Allocates only then.
    pub(crate) fn matches(&self, path: &Path<'_>) -> Option<Vec<(String, String)>> {
        self.is_match(path).then(|| {
            iter::zip(&self.segments, path.segments())
                .filter(|(segment, _)| segment.is_param())
                .map(|(segment, value)| (segment.text().to_owned(), value.clone().into_owned()))
                .collect()
        })
    }

    /// Orders the more specific pattern first: at the first segment in which the two differ a literal comes
    /// before a parameter. In a list sorted by this the first match is the right one, whatever the order of
    /// mounting.
    ///
    /// The order is total: patterns that no path can match both are told apart by their text, so that sorting
    /// is well-defined. Equal means that both match exactly the same paths.
    pub(crate) fn specificity_cmp(&self, other: &Self) -> Ordering {
        let by_segment = |(a, b): (&Segment, &Segment)| match (a, b) {
            (Segment::Literal(a), Segment::Literal(b)) => a.cmp(b),
            (Segment::Literal(_), Segment::Param(_)) => Ordering::Less,
            (Segment::Param(_), Segment::Literal(_)) => Ordering::Greater,
            (Segment::Param(_), Segment::Param(_)) => Ordering::Equal,
        };
        iter::zip(&self.segments, &other.segments)
            .map(by_segment)
            .find(|order| order.is_ne())
            .unwrap_or_else(|| self.segments.len().cmp(&other.segments.len()))
    }

    /// Whether both match exactly the same paths: equal literals, and parameters, of whatever name, at the
    /// same places.
    pub(crate) fn overlaps_same(&self, other: &Self) -> bool {
        self.specificity_cmp(other).is_eq()
    }
}

impl Segment {
    fn parse(part: &str) -> Result<Self, &'static str> {
        if part.is_empty() {
            return Err("it has an empty segment ('//')");
        }
        if let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            let legal = name.bytes().all(word) && !name.starts_with(|first: char| first.is_ascii_digit());
            return if legal && !name.is_empty() {
                Ok(Self::Param(name.to_owned()))
            } else {
                Err("a parameter's name must be letters, digits and '_', and not begin with a digit")
            };
        }
        if part.contains(['{', '}']) {
            return Err("a parameter must be a whole segment, such as /{name}/");
        }
        if part.contains(['?', '#']) {
            return Err("a pattern is a path only, without '?' or '#'");
        }
        if part.contains(char::is_control) {
            return Err("it has a control character");
        }
        Ok(Self::Literal(part.to_owned()))
    }

    fn is_param(&self) -> bool {
        matches!(self, Self::Param(_))
    }

    /// The literal, or the parameter's name.
    fn text(&self) -> &str {
        match self {
            Self::Literal(text) | Self::Param(text) => text,
        }
    }
}

/// The one parameter of a pattern; `None` where there is none, or another.
#[cfg(feature = "contracts")]
pub(crate) fn only_parameter(pattern: &str) -> Option<&str> {
    let mut names = pattern.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.next().filter(|_| names.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    fn params(pattern_text: &str, path: &str) -> Option<String> {
        let params = pattern(pattern_text).matches(&Path::decode(path).unwrap())?;
        Some(params.iter().map(|(name, value)| format!("{name}={value};")).collect())
    }

    #[test]
    fn matching() {
        for (pattern, path, expected) in [
            ("/", "/", Some("")),
            ("/", "/a", None),
            ("/", "//", None),
            ("/ws", "/ws", Some("")),
            ("/ws", "/ws/", Some("")),
            ("/ws/", "/ws", Some("")),
            ("/ws/", "/ws//", None),
            ("/ws/", "//ws", None),
            ("/ws", "/WS", None),
            ("/ws", "/ws/a", None),
            ("/ws", "/", None),
            ("/ws/sessions/{code}/", "/ws/sessions/AB12", Some("code=AB12;")),
            ("/ws/sessions/{code}/", "/ws/sessions/a%2Fb%20c/", Some("code=a/b c;")),
            ("/ws/sessions/{code}/", "/ws/sessions/", None),
            ("/ws/sessions/{code}/", "/ws/sessions//", None),
            ("/{a}/x/{_b2}", "/1/x/2", Some("a=1;_b2=2;")),
            ("/a b/ü%", "/a%20b/%c3%bc%25", Some("")),
            ("/{only}", "/", None),
        ] {
            assert_eq!(params(pattern, path).as_deref(), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn deep_paths_match_nothing() {
        let sixteen = "/{p}".to_owned() + &"/x".repeat(SEGMENTS_MAX - 1);
        let path = "/x".repeat(SEGMENTS_MAX);
        assert!(params(&sixteen, &path).is_some());
        for more in 1..4 {
            assert!(params(&sixteen, &(path.clone() + &"/x".repeat(more))).is_none());
        }
        assert!(Pattern::parse(&(sixteen + "/y")).unwrap_err().contains("16"));
    }

    #[test]
    fn bad_patterns_say_why() {
        for (text, why) in [
            ("", "begin with"),
            ("ws", "begin with"),
            ("//", "empty segment"),
            ("/a//b", "empty segment"),
            ("/a//", "empty segment"),
            ("/{}", "name"),
            ("/{1a}", "name"),
            ("/{a-b}", "name"),
            ("/{ä}", "name"),
            ("/x{a}", "whole segment"),
            ("/{a}{b}", "name"),
            ("/{a", "whole segment"),
            ("/{a}/{a}", "same name"),
            ("/ws?x=1", "'?'"),
            ("/a\nb", "control"),
        ] {
            let error = Pattern::parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn the_first_match_of_a_sorted_list_is_the_most_specific() {
        let texts = ["/{a}/{b}", "/a/{b}", "/{a}/b", "/a/b", "/{a}", "/a", "/", "/a/b/c", "/a/{x}/c"];
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..50 {
            let mut patterns: Vec<_> = texts.iter().map(|text| pattern(text)).collect();
            random.shuffle(&mut patterns);
            patterns.sort_by(Pattern::specificity_cmp);
            for (path, expected) in [
                ("/a/b", "/a/b"),
                ("/a/z", "/a/{b}"),
                ("/z/b", "/{a}/b"),
                ("/z/z", "/{a}/{b}"),
                ("/a", "/a"),
                ("/z", "/{a}"),
                ("/", "/"),
                ("/a/b/c", "/a/b/c"),
                ("/a/z/c", "/a/{x}/c"),
            ] {
                let path = Path::decode(path).unwrap();
                let first = patterns.iter().find(|pattern| pattern.is_match(&path)).unwrap();
                assert_eq!(first.as_str(), expected);
            }
        }
    }

    #[test]
    fn same_paths_are_told() {
        assert!(pattern("/a/{x}").overlaps_same(&pattern("/a/{y}/")));
        assert!(pattern("/").overlaps_same(&pattern("/")));
        for (a, b) in [("/a/{x}", "/a/x"), ("/a", "/a/{x}"), ("/a", "/b"), ("/{x}/a", "/a/{x}")] {
            assert!(!pattern(a).overlaps_same(&pattern(b)), "{a} {b}");
        }
    }
}
