use super::*;
use crate::wire::{owned::OwnedRequest, request::Method};
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto::rust_crypto::DEFAULT_PROVIDER};
use std::collections::BTreeMap;

const SECRET: &str = "a secret of tests, known to all who read this";
const RSA_PRIVATE: &str = include_str!("../../../../tests/keys/test-only-rsa-private.pem");
const RSA_PUBLIC: &str = include_str!("../../../../tests/keys/test-only-rsa-public.pem");
const EC_PRIVATE: &str = include_str!("../../../../tests/keys/test-only-ec-private.pem");
const EC_PUBLIC: &str = include_str!("../../../../tests/keys/test-only-ec-public.pem");
const ED_PRIVATE: &str = include_str!("../../../../tests/keys/test-only-ed-private.pem");
const ED_PUBLIC: &str = include_str!("../../../../tests/keys/test-only-ed-public.pem");
const VECTORS: &str = include_str!("../../../../tests/keys/vectors.txt");

/// In seconds.
const NOW: i64 = 1_700_000_000;

fn keys() -> [JwtKey; 4] {
    [
        JwtKey::hs256(SECRET).unwrap(),
        JwtKey::rs256(RSA_PUBLIC).unwrap(),
        JwtKey::es256(EC_PUBLIC).unwrap(),
        JwtKey::eddsa(ED_PUBLIC).unwrap(),
    ]
}

fn vectors() -> BTreeMap<&'static str, &'static str> {
    VECTORS.lines().map(|line| line.split_once(' ').unwrap()).collect()
}

fn gate(keys: impl IntoIterator<Item = JwtKey>) -> JwtGate {
    JwtGate::new(keys).unwrap().leeway(Duration::ZERO)
}

fn hs256() -> JwtGate {
    gate([JwtKey::hs256(SECRET).unwrap()])
}

fn sign_as(algorithm: Algorithm, key: &EncodingKey, header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signer = (DEFAULT_PROVIDER.signer_factory)(&algorithm, key).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signer.try_sign(signed.as_bytes()).unwrap()))
}

/// Signed with [`SECRET`].
fn sign(header: &str, claims: &str) -> String {
    sign_as(Algorithm::HS256, &EncodingKey::from_secret(SECRET.as_bytes()), header, claims)
}

fn token(claims: &str) -> String {
    sign(r#"{"alg":"HS256"}"#, claims)
}

fn judge_at(gate: &JwtGate, at_ms: i64, token: &str) -> Result<Identity, Fault> {
    gate.judge(Wall::from_millis(at_ms), token)
}

fn judge(gate: &JwtGate, token: &str) -> Result<Identity, Fault> {
    judge_at(gate, NOW * 1_000, token)
}

#[test]
fn tokens_of_another_maker_are_read_for_each_algorithm() {
    let gate = gate(keys()).issuer("school").audience("andon").claim("shift").claim("none");
    let vectors = vectors();
    assert_eq!(vectors.len(), 4);
    for (algorithm, token) in &vectors {
        let identity = judge(&gate, token).unwrap_or_else(|fault| panic!("{algorithm}: {fault:?}"));
        assert_eq!((identity.subject(), identity.name()), (Some("17"), Some("이순신")));
        assert_eq!(identity.roles().collect::<Vec<_>>(), ["STUDENT", "TUTOR"]);
        assert_eq!(identity.claims().collect::<Vec<_>>(), [("shift", "3")]);
        assert_eq!(identity.expires(), Some(Wall::from_millis(32_503_680_000_000)));
        // Each byte counts.
        for at in (0..token.len()).step_by(7) {
            let mut broken = token.as_bytes().to_vec();
            broken[at] = if broken[at] == b'A' { b'B' } else { b'A' };
            let broken = String::from_utf8(broken).unwrap();
            assert!(judge(&gate, &broken).is_err(), "{algorithm} at {at}");
        }
    }
}

/// RFC 7515, A.1 and A.3.
#[test]
fn the_tokens_of_the_rfc_are_read() {
    const PAYLOAD: &str =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let hmac = JwtKey::hs256(URL_SAFE_NO_PAD.decode(secret).unwrap()).unwrap();
    let mut der = STANDARD.decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE").unwrap();
    for half in ["f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"]
    {
        der.extend(URL_SAFE_NO_PAD.decode(half).unwrap());
    }
    let gate = gate([hmac, JwtKey::es256(der).unwrap()]).subject_claim("iss");
    for (header, signature) in [
        ("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        (
            "eyJhbGciOiJFUzI1NiJ9",
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
    ] {
        let token = format!("{header}.{PAYLOAD}.{signature}");
        let identity = judge_at(&gate, 1_300_819_379_999, &token).unwrap();
        assert_eq!(identity.subject(), Some("joe"));
        assert_eq!(judge_at(&gate, 1_300_819_380_000, &token), Err(Fault::Bad("it has expired")));
    }
}

#[test]
fn a_key_verifies_its_own_algorithm_and_no_other() {
    let vectors = vectors();
    for (at, key) in keys().into_iter().enumerate() {
        let gate = gate([key]).audience("andon");
        for (other, algorithm) in ["HS256", "RS256", "ES256", "EdDSA"].into_iter().enumerate() {
            assert_eq!(judge(&gate, vectors[algorithm]).is_ok(), at == other, "{algorithm}");
        }
    }
    let claims = r#"{"sub":"17","exp":2000000000}"#;
    // The public keys, as everybody knows them, taken for secrets of HS256; and what was signed by one algorithm, called another.
    for public in [RSA_PUBLIC, EC_PUBLIC, ED_PUBLIC] {
        let secret = EncodingKey::from_secret(public.as_bytes());
        for name in ["HS256", "RS256", "ES256", "EdDSA"] {
            let header = format!(r#"{{"alg":"{name}"}}"#);
            let forged = sign_as(Algorithm::HS256, &secret, &header, claims);
            assert!(matches!(judge(&gate(keys()), &forged), Err(Fault::Foreign(_))), "{name}");
        }
    }
    let rsa = EncodingKey::from_rsa_pem(RSA_PRIVATE.as_bytes()).unwrap();
    let longer = sign_as(Algorithm::RS512, &rsa, r#"{"alg":"RS512"}"#, claims);
    assert!(judge(&gate(keys()), &longer).is_err(), "RS512 is not among the algorithms");
    for name in ["none", "None", "NONE", "", "HS384", "hs256"] {
        for signature in [String::new(), token(claims).rsplit_once('.').unwrap().1.to_owned()] {
            let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{name}"}}"#));
            let bare = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims));
            assert!(judge(&gate(keys()), &bare).is_err(), "{name:?}");
        }
    }
    let twice = sign(r#"{"alg":"HS256","alg":"none"}"#, claims);
    assert!(judge(&hs256(), &twice).is_err(), "of two the last counts");
}

#[test]
fn a_token_is_tried_with_the_key_that_it_names() {
    let ec = EncodingKey::from_ec_pem(EC_PRIVATE.as_bytes()).unwrap();
    let ed = EncodingKey::from_ed_pem(ED_PRIVATE.as_bytes()).unwrap();
    let claims = r#"{"sub":"17","exp":2000000000}"#;
    let old = || JwtKey::hs256("another secret of tests, of last year").unwrap().with_id("2025");
    let new = || JwtKey::hs256(SECRET).unwrap().with_id("2026");
    let named = |id: &str| sign(&format!(r#"{{"alg":"HS256","kid":"{id}"}}"#), claims);
    let rotating = gate([old(), new()]);
    assert!(judge(&rotating, &named("2026")).is_ok());
    assert!(judge(&rotating, &token(claims)).is_ok(), "without a name each is tried");
    for id in ["2025", "2027", ""] {
        assert!(matches!(judge(&rotating, &named(id)), Err(Fault::Foreign(_))), "{id}");
    }
    let nameless = gate([old(), JwtKey::hs256(SECRET).unwrap()]);
    assert!(judge(&nameless, &named("2027")).is_ok(), "a key without an id is tried for all");
    let mixed = gate([
        JwtKey::es256(EC_PUBLIC).unwrap().with_id("a"),
        JwtKey::eddsa(ED_PUBLIC).unwrap().with_id("a"),
    ]);
    assert!(judge(&mixed, &sign_as(Algorithm::ES256, &ec, r#"{"alg":"ES256","kid":"a"}"#, claims)).is_ok());
    assert!(judge(&mixed, &sign_as(Algorithm::EdDSA, &ed, r#"{"alg":"EdDSA","kid":"a"}"#, claims)).is_ok());
    assert!(judge(&mixed, &sign(r#"{"alg":"HS256","kid":7}"#, claims)).is_err());
}

#[test]
fn time_is_the_servers_to_the_millisecond() {
    let exp = token(r#"{"sub":"1","exp":1700000000}"#);
    let nbf = token(r#"{"sub":"1","exp":2000000000,"nbf":1700000000.5}"#);
    for leeway in [0, 10_000] {
        let gate = hs256().leeway(Duration::from_millis(leeway as u64));
        let end = NOW * 1_000 + leeway;
        let identity = judge_at(&gate, end - 1, &exp).unwrap();
        assert_eq!(
            identity.expires(),
            Some(Wall::from_millis(end)),
            "it is good for as long as it was taken"
        );
        assert_eq!(judge_at(&gate, end, &exp), Err(Fault::Bad("it has expired")));
        let begin = NOW * 1_000 + 500 - leeway;
        assert!(judge_at(&gate, begin, &nbf).is_ok());
        assert_eq!(judge_at(&gate, begin - 1, &nbf), Err(Fault::Bad("it is not in force yet")));
    }
    let endless = token(r#"{"sub":"1"}"#);
    assert_eq!(judge(&hs256(), &endless), Err(Fault::Bad("it has no exp")));
    assert_eq!(judge(&hs256().without_expiry(), &endless).unwrap().expires(), None);
    assert!(
        judge_at(&hs256().without_expiry(), NOW * 1_000, &exp).is_err(),
        "one that has it must keep to it"
    );
    for odd in [r#""2000000000""#, "null", "true", "[]", "-1", "-1e300"] {
        let odd = token(&format!(r#"{{"sub":"1","exp":{odd}}}"#));
        assert!(matches!(judge(&hs256(), &odd), Err(Fault::Bad(_))), "{odd}");
        assert!(judge(&hs256().without_expiry(), &odd).is_err());
    }
    let for_ever = token(r#"{"sub":"1","exp":1e300}"#);
    let without_end = hs256().leeway(Duration::MAX);
    assert_eq!(judge(&without_end, &for_ever).unwrap().expires(), Some(Wall::from_millis(i64::MAX)));
}

#[test]
fn audiences_and_issuers_are_kept_apart() {
    let foreign = |result: Result<Identity, Fault>| matches!(result, Err(Fault::Foreign(_)));
    let with = |claims: &str| token(&format!(r#"{{"sub":"1","exp":2000000000{claims}}}"#));
    let ours = hs256().audience("a").audience("b");
    assert!(judge(&ours, &with(r#","aud":"b""#)).is_ok());
    assert!(judge(&ours, &with(r#","aud":["x","a"]"#)).is_ok());
    for claims in ["", r#","aud":"x""#, r#","aud":["x"]"#, r#","aud":[]"#, r#","aud":"A""#] {
        assert!(foreign(judge(&ours, &with(claims))), "{claims}");
    }
    assert!(judge(&hs256(), &with("")).is_ok());
    assert!(foreign(judge(&hs256(), &with(r#","aud":"x""#))), "it is for somebody else");
    assert!(judge(&ours, &with(r#","aud":7"#)).is_err());
    let from = hs256().issuer("i").issuer("j");
    assert!(judge(&from, &with(r#","iss":"j""#)).is_ok());
    for claims in ["", r#","iss":"x""#] {
        assert!(foreign(judge(&from, &with(claims))), "{claims}");
    }
}

#[test]
fn claims_become_the_identity() {
    let gate =
        hs256().subject_claim("user_id").name_claim("user_name").roles_claim("role").claim("line").claim("x");
    let of = |claims: &str| judge(&gate, &token(&format!(r#"{{"exp":2000000000,{claims}}}"#)));
    let identity =
        of(r#""user_id":17,"user_name":"a\u0020b","role":"STUDENT","line":"\"7\"","x":1e2,"y":1"#).unwrap();
    assert_eq!((identity.subject(), identity.name()), (Some("17"), Some("a b")));
    assert_eq!(identity.roles().collect::<Vec<_>>(), ["STUDENT"]);
    assert_eq!(identity.claims().collect::<Vec<_>>(), [("line", "\"7\""), ("x", "1e2")]);
    assert_eq!(of(r#""user_id":"u""#).unwrap().name(), Some("u"));
    for claims in [
        r#""sub":"1""#,
        r#""user_id":"""#,
        r#""user_id":null"#,
        r#""user_id":"1","role":7"#,
        r#""user_id":"1","role":["a",7]"#,
        r#""user_id":"1","user_name":{}"#,
        r#""user_id":"1","line":[1]"#,
    ] {
        assert!(matches!(of(claims), Err(Fault::Bad(_))), "{claims}");
    }
}

#[test]
fn what_is_no_token_is_none() {
    let good = token(r#"{"sub":"1","exp":2000000000}"#);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    for wrong in [
        String::new(),
        ".".into(),
        "..".into(),
        "a.b.c".into(),
        signed.into(),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}="),
        format!("{good} "),
        format!("{header}.{payload}.{payload}.{signature}"),
        format!("{header}..{signature}"),
        format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode("[]")),
    ] {
        assert!(matches!(judge(&hs256(), &wrong), Err(Fault::Foreign(_))), "{wrong}");
    }
    assert!(matches!(judge(&hs256(), &token("[]")), Err(Fault::Bad(_))));
    let critical = sign(r#"{"alg":"HS256","crit":["b64"],"b64":false}"#, r#"{"sub":"1","exp":2000000000}"#);
    assert_eq!(judge(&hs256(), &critical), Err(Fault::Foreign("it demands an extension")));
    assert_eq!(JwtGate::new([]).unwrap_err(), JwtKeyError::Count);
    let key = JwtKey::hs256(SECRET).unwrap();
    assert_eq!(JwtGate::new(vec![key.clone(); JWT_KEYS_MAX + 1]).unwrap_err(), JwtKeyError::Count);
    assert!(JwtGate::new(vec![key; JWT_KEYS_MAX]).is_ok());
}

/// Parts that mean something, put together at random: whatever comes of it is judged, and none of it is let in.
#[test]
fn whatever_is_shown_is_judged() {
    let parts = [
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"ES256","kid":"a"}"#,
        r#"{"alg":"EdDSA"}"#,
        r#"{"alg":"RS256","kid":null}"#,
        r#"{"sub":"1","exp":2000000000}"#,
        "[[[[",
        "",
        "{\"a\":\"\\ud800\"}",
        "\u{0}",
    ];
    let gate = gate(keys());
    for seed in 0..2_000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut token = String::new();
        for part in 0..rng.usize(0..5) {
            token += if part > 0 && rng.u8(..) > 5 { "." } else { "" };
            match rng.u8(..4) {
                0 => token.extend((0..rng.usize(0..100)).map(|_| rng.char(..))),
                // As long as some signatures are.
                1 => {
                    let bytes: Vec<_> = (0..[32, 64, 256][rng.usize(..3)]).map(|_| rng.u8(..)).collect();
                    token += &URL_SAFE_NO_PAD.encode(bytes);
                }
                _ => token += &URL_SAFE_NO_PAD.encode(parts[rng.usize(..parts.len())]),
            }
        }
        assert!(judge(&gate, &token).is_err(), "seed {seed}: {token}");
    }
}

#[test]
fn verdicts_tell_bad_tokens_from_unknown_ones() {
    let good = token(r#"{"sub":"1","exp":2000000000}"#);
    let expired = token(r#"{"sub":"1","exp":1}"#);
    let verdict = |cookie: &str, query: &str| {
        let request = OwnedRequest::new(Method::Get, &format!("/?t={query}"))
            .with_header("Cookie", format!("sessionid={cookie}"));
        let now = Now { wall: Wall::from_millis(NOW * 1_000), ..Now::default() };
        request.with(|request| hs256().cookies().query("t").identify(now, request))
    };
    assert!(matches!(verdict("", ""), Verdict::Absent(_)));
    assert!(matches!(verdict("x", ""), Verdict::Unknown(_)));
    assert!(matches!(verdict(&expired, "x"), Verdict::Refuse(_)));
    assert!(matches!(verdict("x", &expired), Verdict::Refuse(_)));
    assert!(matches!(verdict(&expired, &good), Verdict::Allow(_)));
    assert!(!format!("{:?}", hs256().cookies()).contains("secret of tests"));
}
