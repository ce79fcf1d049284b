use super::{
    check::check,
    compact::compact,
    object::{Object, quoted},
    oracle::compare,
    write,
};
use crate::ground::limits::JSON_DEPTH_MAX;

fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

#[test]
fn faults_say_where_and_what() {
    for (text, line, column, what) in [
        ("", 1, 1, "ends within a value"),
        ("{\"a\":1", 1, 6, "ends within an object"),
        ("{\"a\" 1}", 1, 6, "expected `:`"),
        ("{\n  \"이름\": oops\n}", 2, 9, "expected value"),
        ("[1,\n2,]", 2, 3, "expected value"),
        ("[1] x", 1, 5, "trailing characters"),
        ("[01]", 1, 3, "invalid number"),
        ("\"\u{1}\"", 1, 2, "control character"),
    ] {
        let fault = check(text).unwrap_err();
        assert!(fault.what.contains(what), "{text:?}: {fault}");
        assert_eq!((fault.line, fault.column), (line, column), "{text:?}: {fault}");
    }
    let shown = check("[1,]").unwrap_err().to_string();
    assert_eq!(shown, "line 1, column 4: expected value");
}

#[test]
fn nesting_is_bounded_and_the_place_is_told() {
    assert_eq!(check(&nested(JSON_DEPTH_MAX)), Ok(()));
    let fault = check(&format!("[\n{}]", nested(JSON_DEPTH_MAX))).unwrap_err();
    assert_eq!((fault.line, fault.column), (2, JSON_DEPTH_MAX));
    assert!(fault.what.contains("128"), "{fault}");
    // What is wrong before it is told instead.
    let fault = check(&format!("[1 {}]", nested(JSON_DEPTH_MAX))).unwrap_err();
    assert!(fault.column == 4 && fault.what.contains("`,`"), "{fault}");
    // Brackets in strings are none.
    assert_eq!(check(&format!("\"\\\"{}\"", nested(500))), Ok(()));
    let deep = format!("{{\"type\":\"ping\",\"data\":{}}}", nested(JSON_DEPTH_MAX));
    assert!(Object::read(&deep, ["type"]).unwrap_err().message.contains("128"));
}

#[test]
fn compacting_touches_nothing_but_whitespace_between_tokens() {
    let text = "\n{ \"a b\" : [ 1.50e+02 ,\t-0, \" \\\" \\\\\" , \"\\u00e9 \" ] ,\r\n\"\" : {} }  ";
    let mut out = String::from(">");
    compact(text, &mut out);
    assert_eq!(out, r#">{"a b":[1.50e+02,-0," \" \\","\u00e9 "],"":{}}"#);
}

#[test]
fn fields_are_found_by_name_and_the_last_one_counts() {
    let text = r#" {"type":"old", "x":{"type":"inner"}, "\u0074ype" : "p\u0069ng","data": 1.50 ,"\ud800":"\udc00"} "#;
    let object = Object::read(text, ["type", "data", "none"]).unwrap();
    assert_eq!(object.string("type").unwrap().unwrap(), "ping");
    assert_eq!(object.number("data"), Ok(Some("1.50")));
    assert_eq!((object.raw("none"), object.string("none")), (None, Ok(None)));
}

#[test]
fn errors_name_the_field_and_what_was_expected() {
    let read = |text| Object::read(text, ["type"]).and_then(|object| object.required_string("type"));
    for (text, field, words) in [
        ("{}", Some("type"), "\"type\" is missing: a string is expected"),
        (r#"{"type":5}"#, Some("type"), "\"type\" must be a string, not a number"),
        (r#"{"type":"x","type":null}"#, Some("type"), "\"type\" must be a string, not null"),
        (r#"{"type":"\ud83d"}"#, Some("type"), "half a surrogate pair"),
        ("[]", None, "a message must be a JSON object, not an array"),
        (" \"hi\"", None, "not a string"),
        ("hello", None, "invalid JSON: expected value"),
        ("5 5", None, "invalid JSON: trailing characters"),
        (r#"{"type":"x"} y"#, None, "invalid JSON: trailing characters"),
        (r#"{"type":"x""#, None, "invalid JSON: the text ends within an object"),
    ] {
        let fault = read(text).unwrap_err();
        assert_eq!(fault.field, field, "{text}: {fault:?}");
        assert!(fault.message.contains(words), "{text}: {fault:?}");
    }
    let not_a_number = Object::read(r#"{"t":"1"}"#, ["t"]).unwrap().number("t").unwrap_err();
    assert!(not_a_number.message.contains("\"t\" must be a number, not a string"));
    assert_eq!(read(r#"{"type":"\ud83d\ude00"}"#).unwrap(), "😀");
}

#[test]
fn strings_are_borrowed_unless_escaped() {
    let object = Object::read(r#"{"a":"plain","b":"es\tcaped"}"#, ["a", "b"]).unwrap();
    assert!(matches!(object.string("a"), Ok(Some(std::borrow::Cow::Borrowed("plain")))));
    assert!(matches!(object.string("b"), Ok(Some(std::borrow::Cow::Owned(text))) if text == "es\tcaped"));
}

#[test]
fn whole_numbers_and_objects_are_read_out_of_objects() {
    let text = r#"{"a":-7,"b":1.0,"c":"1","d":null,"e":9223372036854775808,"f":{"g":{"h":1}},"i":[]}"#;
    let object = Object::read(text, ["a", "b", "c", "d", "e", "f", "i", "none"]).unwrap();
    assert_eq!(object.integer("a"), Ok(Some(-7)));
    assert_eq!((object.integer("d"), object.integer("none")), (Ok(None), Ok(None)));
    for (name, why) in [("b", "not \"1.0\""), ("c", "not a string"), ("e", "not \"9223372036854775808\"")] {
        let fault = object.integer(name).unwrap_err();
        assert_eq!(fault.field, Some(name));
        assert!(fault.message.contains("a whole number") && fault.message.contains(why), "{fault:?}");
    }
    assert_eq!(object.object("f", ["g"]).unwrap().raw("g"), Some(r#"{"h":1}"#));
    assert_eq!(object.object("none", ["g"]).unwrap().raw("g"), None);
    assert_eq!(object.object("d", ["g"]).unwrap().raw("g"), None);
    assert_eq!(object.object("i", ["g"]).unwrap_err().message, "\"i\" must be an object, not an array");
}

#[test]
fn quotes_of_a_client_are_cut() {
    assert_eq!(quoted("short"), "\"short\"");
    let long = quoted(&"é".repeat(100));
    assert_eq!(long, format!("\"{}...\"", "é".repeat(32)));
}

#[test]
fn written_strings_are_read_back() {
    let mut rng = fastrand::Rng::with_seed(11);
    for _ in 0..2_000 {
        let text: String = (0..rng.usize(..20))
            .map(|_| match rng.u8(..4) {
                0 => char::from(rng.u8(..0x20)),
                1 => ['"', '\\', '/', '\u{7f}', '\u{2028}'][rng.usize(..5)],
                _ => rng.char(..),
            })
            .collect();
        let mut out = String::from("[");
        write::string(&text, &mut out);
        assert_eq!(check(&out[1..]), Ok(()), "{out}");
        assert_eq!(serde_json::from_str::<String>(&out[1..]).unwrap(), text);
    }
}

/// Pieces that make JSON, and make it wrong.
const PIECES: [&str; 34] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"type\"",
    "\"data\"",
    "\"",
    "\\",
    "\\u0074",
    "\\ud800",
    "\\n",
    "0",
    "1",
    "-",
    ".",
    "e",
    "+",
    " ",
    "\n",
    "true",
    "null",
    "fals",
    "é",
    "\u{0}",
    "\"x\"",
    "{\"type\":",
    "}}",
    "1.5e3",
    "\"\\u0064ata\":",
    "\"a\\\"b\"",
    "[]",
    "{}",
];

fn valid(rng: &mut fastrand::Rng, depth: usize, out: &mut String) {
    let space = |rng: &mut fastrand::Rng, out: &mut String| {
        out.push_str(["", "", "", " ", "\n\t", "\r\n "][rng.usize(..6)]);
    };
    space(rng, out);
    match rng.u8(..if depth > 4 { 4 } else { 7 }) {
        0 => out.push_str(
            ["0", "-1", "1.50", "2e10", "-0.0E-7", "123456789012345678901234567890"][rng.usize(..6)],
        ),
        1 => out.push_str(["true", "false", "null"][rng.usize(..3)]),
        2 => out.push_str(["\"\"", "\"a b\"", "\"\\u0041\"", "\"\\udfff\"", "\"é\\\\\""][rng.usize(..5)]),
        3 => out.push_str("[]"),
        4 => {
            out.push('[');
            for i in 0..rng.usize(1..4) {
                out.push_str(if i > 0 { "," } else { "" });
                valid(rng, depth + 1, out);
            }
            out.push(']');
        }
        _ => {
            out.push('{');
            for i in 0..rng.usize(..4) {
                out.push_str(if i > 0 { "," } else { "" });
                space(rng, out);
                out.push_str(
                    ["\"type\"", "\"data\"", "\"\\u0074ype\"", "\"x\"", "\"\\ud800\"", "\"da\\u0074a\""]
                        [rng.usize(..6)],
                );
                space(rng, out);
                out.push(':');
                valid(rng, depth + 1, out);
            }
            // An object with members cannot end in a comma, so an empty one stands for none.
            out.push('}');
        }
    }
    space(rng, out);
}

#[test]
fn the_quick_parser_is_as_good_as_the_slow_one() {
    for seed in 0..6_000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut text = String::new();
        if rng.u8(..3) == 0 {
            for _ in 0..rng.usize(..12) {
                text.push_str(PIECES[rng.usize(..PIECES.len())]);
            }
        } else {
            valid(&mut rng, 0, &mut text);
            if rng.bool() {
                for _ in 0..rng.usize(1..3) {
                    let at = rng.usize(..=text.len());
                    if !text.is_char_boundary(at) {
                        continue;
                    }
                    match rng.u8(..3) {
                        0 => text.truncate(at),
                        1 => text.insert_str(at, PIECES[rng.usize(..PIECES.len())]),
                        _ => text.insert_str(at, &nested(rng.usize(..140))),
                    }
                }
            }
        }
        compare(&text);
    }
}
