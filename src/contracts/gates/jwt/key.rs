//! Keys that tokens are verified with, each bound to one algorithm.

use crate::ground::limits::{HS256_SECRET_BYTES_MIN, JWT_KEYS_MAX, RSA_MODULUS_BYTES_MIN};
use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto::rust_crypto::DEFAULT_PROVIDER, errors::Error};
use std::fmt;

/// A key for [`JwtGate`](crate::JwtGate), with the one algorithm that it verifies: a token's header chooses among keys, never how a key is used.
///
/// Public keys are given as PEM (`BEGIN PUBLIC KEY`, and for RSA also `BEGIN RSA PUBLIC KEY`) or as the DER within the former.
#[derive(Clone)]
pub struct JwtKey {
    id: Option<Box<str>>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl JwtKey {
    /// A secret shared with who signs, for HS256: at least 32 bytes (RFC 7518, 3.2), which should be random.
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, JwtKeyError> {
        let secret = secret.as_ref();
        if secret.len() < HS256_SECRET_BYTES_MIN {
            return Err(JwtKeyError::Unusable {
                algorithm: "HS256",
                expected: "a secret of at least 32 bytes",
            });
        }
        Ok(Self { id: None, algorithm: Algorithm::HS256, key: DecodingKey::from_secret(secret) })
    }

    /// The public key of an RSA pair, of 2,048 to 4,096 bits, for RS256.
    pub fn rs256(public_key: impl AsRef<[u8]>) -> Result<Self, JwtKeyError> {
        let unusable = || JwtKeyError::Unusable {
            algorithm: "RS256",
            expected: "an RSA public key of 2,048 to 4,096 bits, as PEM or as the DER of its SubjectPublicKeyInfo",
        };
        let key = parse(public_key.as_ref(), DecodingKey::from_rsa_pem).ok_or_else(unusable)?;
        let bytes = key.try_get_as_bytes().map_err(|_| unusable())?;
        let (modulus, _) =
            (DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key)(bytes).map_err(|_| unusable())?;
        if modulus.len() < RSA_MODULUS_BYTES_MIN {
            return Err(unusable());
        }
        Ok(Self { id: None, algorithm: Algorithm::RS256, key })
    }

    /// The public key of a pair on the curve P-256, for ES256.
    pub fn es256(public_key: impl AsRef<[u8]>) -> Result<Self, JwtKeyError> {
        let unusable = || JwtKeyError::Unusable {
            algorithm: "ES256",
            expected: "a public key on the curve P-256, as PEM or as the DER of its SubjectPublicKeyInfo",
        };
        let key = parse(public_key.as_ref(), DecodingKey::from_ec_pem).ok_or_else(unusable)?;
        // Making a verifier reads the point.
        let made = (DEFAULT_PROVIDER.verifier_factory)(&Algorithm::ES256, &key);
        made.map_err(|_| unusable())?;
        Ok(Self { id: None, algorithm: Algorithm::ES256, key })
    }

    /// The public key of a pair on the curve Ed25519, for EdDSA.
    pub fn eddsa(public_key: impl AsRef<[u8]>) -> Result<Self, JwtKeyError> {
        let unusable = || JwtKeyError::Unusable {
            algorithm: "EdDSA",
            expected: "an Ed25519 public key, as PEM or as the DER of its SubjectPublicKeyInfo",
        };
        let key = parse(public_key.as_ref(), DecodingKey::from_ed_pem).ok_or_else(unusable)?;
        // What makes verifiers takes the length for granted.
        if key.try_get_as_bytes().map_or(0, <[u8]>::len) != 32 {
            return Err(unusable());
        }
        let made = (DEFAULT_PROVIDER.verifier_factory)(&Algorithm::EdDSA, &key);
        made.map_err(|_| unusable())?;
        Ok(Self { id: None, algorithm: Algorithm::EdDSA, key })
    }

    /// With the id (`kid`) by which tokens name it. It is then tried only for tokens that name it or no key at all; one without an id is tried for all.
    #[must_use]
    pub fn with_id(self, id: &str) -> Self {
        Self { id: Some(id.into()), ..self }
    }

    /// Whether a token that says so is to be tried with this key.
    pub(super) fn is_meant(&self, algorithm: &str, id: Option<&str>) -> bool {
        let of_id = self.id.is_none() || id.is_none() || self.id.as_deref() == id;
        of_id && self.algorithm() == algorithm
    }

    /// Whether it was the other half of this key that made `signature`.
    pub(super) fn verifies(&self, signed: &str, signature: &Vec<u8>) -> bool {
        // By name and not as the default of the process, which another crate of the host may want to be another.
        let verifier = (DEFAULT_PROVIDER.verifier_factory)(&self.algorithm, &self.key);
        verifier.is_ok_and(|verifier| verifier.verify(signed.as_bytes(), signature).is_ok())
    }

    fn algorithm(&self) -> &'static str {
        match self.algorithm {
            Algorithm::HS256 => "HS256",
            Algorithm::RS256 => "RS256",
            Algorithm::ES256 => "ES256",
            // No other is made here.
            _ => "EdDSA",
        }
    }
}

impl fmt::Debug for JwtKey {
    /// The id and the algorithm; never the key, which may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

/// A public key in either form.
fn parse(given: &[u8], from_pem: fn(&[u8]) -> Result<DecodingKey, Error>) -> Option<DecodingKey> {
    if given.trim_ascii_start().starts_with(b"-----BEGIN") {
        // A private key would be read as well, but it must not lie where it is not needed.
        let private = given.windows(11).any(|window| window == b"PRIVATE KEY");
        return if private { None } else { from_pem(given).ok() };
    }
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(given));
    from_pem(pem.as_bytes()).ok()
}

/// Why a [`JwtGate`](crate::JwtGate) cannot be made of what it was given. The fault is the host's. It never shows a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JwtKeyError {
    /// What was given is no key for this algorithm.
    Unusable {
        /// The algorithm.
        algorithm: &'static str,
        /// What it needs.
        expected: &'static str,
    },
    /// No key at all was given, or more than 16.
    Count,
}

impl fmt::Display for JwtKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable { algorithm, expected } => {
                write!(f, "no key for {algorithm}: expected {expected}")
            }
            Self::Count => write!(f, "a gate for tokens needs from 1 to {JWT_KEYS_MAX} keys"),
        }
    }
}

impl std::error::Error for JwtKeyError {}

#[cfg(test)]
mod tests {
    use super::*;

    const RSA: &str = include_str!("../../../../tests/keys/test-only-rsa-public.pem");
    const RSA_PKCS1: &str = include_str!("../../../../tests/keys/test-only-rsa-public-pkcs1.pem");
    const RSA_1024: &str = include_str!("../../../../tests/keys/test-only-rsa-1024-public.pem");
    const RSA_PRIVATE: &str = include_str!("../../../../tests/keys/test-only-rsa-private.pem");
    const EC: &str = include_str!("../../../../tests/keys/test-only-ec-public.pem");
    const ED: &str = include_str!("../../../../tests/keys/test-only-ed-public.pem");

    fn der(pem: &str) -> Vec<u8> {
        let digits: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        STANDARD.decode(digits).unwrap()
    }

    #[test]
    fn keys_are_taken_as_pem_and_as_der() {
        for made in [
            JwtKey::rs256(RSA),
            JwtKey::rs256(RSA_PKCS1),
            JwtKey::rs256(der(RSA)),
            JwtKey::es256(EC),
            JwtKey::es256(der(EC)),
            JwtKey::eddsa(ED),
            JwtKey::eddsa(der(ED)),
            JwtKey::hs256([7; 32]),
        ] {
            let key = made.unwrap();
            assert!(!format!("{key:?}").contains('7'), "{key:?}");
        }
    }

    #[test]
    fn what_is_no_key_says_what_was_expected() {
        let off_curve = {
            let mut der = der(EC);
            *der.last_mut().unwrap() ^= 1;
            der
        };
        // The same as an Ed25519 key, with 31 bytes.
        let mut short = der(ED);
        short.pop();
        (short[1], short[10]) = (short[1] - 1, short[10] - 1);
        for (made, words) in [
            (JwtKey::hs256([7; 31]), "at least 32 bytes"),
            (JwtKey::rs256(EC), "RSA public key"),
            (JwtKey::rs256(RSA_1024), "2,048"),
            (JwtKey::rs256(RSA_PRIVATE), "RSA public key"),
            (JwtKey::rs256("secret"), "PEM"),
            (JwtKey::rs256(""), "PEM"),
            (JwtKey::es256(RSA), "P-256"),
            (JwtKey::es256(off_curve), "P-256"),
            (JwtKey::es256(ED), "P-256"),
            (JwtKey::eddsa(EC), "Ed25519"),
            (JwtKey::eddsa(short), "Ed25519"),
            (JwtKey::eddsa(&EC[..90]), "Ed25519"),
        ] {
            let error = made.expect_err(words).to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
