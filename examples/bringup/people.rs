//! Who may come to the lesson: the people of a file, or three whom everybody may be.

use andon::{Builder, Gate, Identity, IdentityTable, Method, Now, Request, Response, RouteContext, Verdict};
use serde_json::{Map, Value};
use std::{fs, io};

/// What a file of people looks like.
pub(crate) const FORM: &str = r#"The file of --identities is JSON, one entry for each secret, which is the value of the cookie `sessionid`:

  [
    {"secret": "8d1f6a0c93b74e25a1f0c7d2e96b3458", "id": 17, "name": "김학생", "roles": ["STUDENT"]},
    {"secret": "47b0e2d95c1a4f86b3d8e07f5a29c16e", "id": 30, "name": "박강사", "roles": ["INSTRUCTOR"]}
  ]

`secret` should be random and long; `name` and `roles` may be left out. Lessons know STUDENT and INSTRUCTOR."#;

/// Demo identities: nobody's secrets, since they stand here. Each is the value of the cookie `sessionid`.
const DEMO: [(&str, &str, &str, &str); 3] = [
    ("student1", "1", "김학생", "STUDENT"),
    ("student2", "2", "이학생", "STUDENT"),
    ("instructor1", "10", "박강사", "INSTRUCTOR"),
];

pub(crate) fn demo() -> IdentityTable {
    let table = IdentityTable::new();
    for (secret, id, name, role) in DEMO {
        let person = Identity::new(id).with_name(name).with_role(role);
        table.insert(secret, person).expect("there is room for three");
    }
    table
}

/// Who is known by the cookie `sessionid`; of the demo identities only whom no proxy speaks for.
pub(crate) struct Door {
    pub(crate) known: IdentityTable,
    pub(crate) is_demo: bool,
}

impl Gate for Door {
    fn identify(&mut self, now: Now, request: &Request<'_>) -> Verdict {
        match self.known.identify(now, request) {
            Verdict::Allow(_) if self.is_demo && is_forwarded(request) => Verdict::Refuse(not_here()),
            verdict => verdict,
        }
    }

    fn same_origin(&self) -> bool {
        self.known.same_origin()
    }
}

/// Whether a proxy says that it asks for somebody else, who may be anywhere. One that says nothing of it looks like a client of this machine.
fn is_forwarded(request: &Request<'_>) -> bool {
    ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"].iter().any(|name| request.header(name).is_some())
}

fn not_here() -> Response {
    let why = "demo identities are for loopback alone, and this request comes by a proxy: start the server with --identities FILE\n";
    Response::text(403, why)
}

/// Pages under `/demo/` by which a browser becomes one of the demo identities, or nobody again. Whoever asks is believed, so they are for servers that
/// only this machine reaches.
pub(crate) fn sign_in(builder: Builder) -> Builder {
    let known = DEMO.iter().map(|&(secret, ..)| (secret, format!("sessionid={secret}")));
    let nobody = ("nobody", "sessionid=; Max-Age=0".to_owned());
    known.chain([nobody]).fold(builder, |builder, (who, cookie)| {
        let cookie = format!("{cookie}; Path=/; HttpOnly; SameSite=Lax");
        builder.route(
            Method::Get,
            format!("/demo/{who}"),
            move |_: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| {
                if is_forwarded(request) {
                    return not_here();
                }
                Response::text(303, "a demo identity: it proves nothing\n")
                    .with_header("Set-Cookie", cookie.clone())
                    .with_header("Cache-Control", "no-store")
                    .with_header("Location", "/")
            },
        )
    })
}

/// The people of a file of that [form](FORM); else what is wrong with it, and where.
pub(crate) fn read(path: &str) -> Result<IdentityTable, String> {
    let json = fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => format!("--identities {path}: it is not UTF-8, as JSON must be"),
        _ => format!("--identities {path}: cannot be read: {error}"),
    })?;
    let entries: Value = serde_json::from_str(&json)
        .map_err(|error| format!("--identities {path}: it is no JSON: {error}"))?;
    let Value::Array(entries) = entries else {
        return Err(format!("--identities {path}: expected a list of entries, [{{..}}, ..]: see --help"));
    };
    let table = IdentityTable::new();
    for (n, entry) in entries.iter().enumerate() {
        person(entry, &table).map_err(|why| format!("--identities {path}: entry {}: {why}", n + 1))?;
    }
    Ok(table)
}

/// Has the table know whom the entry is about.
fn person(entry: &Value, table: &IdentityTable) -> Result<(), String> {
    let Value::Object(entry) = entry else {
        return Err("expected an object with `secret` and `id`".into());
    };
    const NAMES: [&str; 4] = ["secret", "id", "name", "roles"];
    if let Some(name) = entry.keys().find(|name| !NAMES.contains(&name.as_str())) {
        return Err(format!("`{name}` is not known: expected `secret`, `id`, `name` and `roles`"));
    }
    let secret = text(entry, "secret")?.ok_or("`secret` is missing: expected a text, random and long")?;
    // Of what a cookie's value may have (RFC 6265, 4.1.1).
    let fits = |byte: u8| byte.is_ascii_graphic() && !br#"",;\"#.contains(&byte);
    if secret.is_empty() || !secret.bytes().all(fits) {
        return Err(
            r#"`secret`: expected visible ASCII characters other than " , ; \, since it is a cookie's value"#
                .into(),
        );
    }
    let id = entry.get("id").and_then(Value::as_i64);
    let id = id.ok_or("`id`: expected a whole number, by which lessons know people")?;
    let mut person = Identity::new(id.to_string());
    if let Some(name) = text(entry, "name")? {
        person = person.with_name(name);
    }
    let roles = match entry.get("roles") {
        None => Some(Vec::new()),
        Some(roles) => roles.as_array().and_then(|roles| roles.iter().map(Value::as_str).collect()),
    };
    let roles = roles.ok_or(r#"`roles`: expected a list of texts, such as ["STUDENT"]"#)?;
    person = roles.into_iter().fold(person, Identity::with_role);
    match table.insert(secret, person) {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err("`secret`: expected another than that of an entry before it".into()),
        Err(error) => Err(format!("`secret`: {error}")),
    }
}

fn text<'e>(entry: &'e Map<String, Value>, name: &str) -> Result<Option<&'e str>, String> {
    match entry.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{name}`: expected a text")),
    }
}
