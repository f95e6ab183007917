//! Device-signed request tokens: JWTs with one accepted header, `{"alg":"EdDSA","typ":"JWT"}`, byte for byte.
//!
//! There is no token endpoint and no key of the relay in it: a device signs each request itself. A token
//! that names another algorithm, or brings a key or a place to fetch one from, has another header and is
//! refused before it is read further. That a token is used once (`jti`), and that its device is still
//! listed, is checked by the relay; a token is no more than a minute or two old by itself.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{DeviceId, TeamId};
use crate::protocol::limits::TOKEN_LIFE_S;
use crate::protocol::{Code, Timestamp};

use super::device::{device_id, first_16, verify as verify_sig};
use super::{DeviceKeys, labels};

const HEADER: &str = r#"{"alg":"EdDSA","typ":"JWT"}"#;
/// How far a phone's clock may run ahead, in seconds.
const LEEWAY_S: i64 = 60;
/// Longer than any token that [`mint`] makes.
const MAX_LEN: usize = 512;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The device that signed (iss; base64url).
    pub device: DeviceId,
    /// Issued at, seconds since 1970.
    pub iat: i64,
    /// Expires, seconds since 1970; at most 120 s after `iat`.
    pub exp: i64,
    /// Unique id.
    pub jti: [u8; 16],
}

/// The claims as they stand in the token: these, in this order, and no others.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
    jti: String,
    bh: String,
}

/// The audience: base64url of SHA-256("aud v1" || origin || 0 || team)\[..16\], short because it travels with every request.
pub fn audience(origin: &str, team: TeamId) -> String {
    let mut hash = Sha256::new();
    hash.update(labels::AUDIENCE);
    hash.update(origin.as_bytes());
    hash.update([0]);
    hash.update(team.as_bytes());
    URL_SAFE_NO_PAD.encode(first_16(hash))
}

/// A token for one request body.
pub fn mint(
    keys: &DeviceKeys,
    audience: &str,
    body: &[u8],
    now: Timestamp,
    rng: &mut dyn CryptoRng,
) -> String {
    let mut jti = [0; 16];
    rng.fill_bytes(&mut jti);
    let iat = now.seconds();
    let payload = Payload {
        iss: URL_SAFE_NO_PAD.encode(keys.device_id().as_bytes()),
        aud: audience.into(),
        iat,
        exp: iat.saturating_add(TOKEN_LIFE_S),
        jti: URL_SAFE_NO_PAD.encode(jti),
        bh: body_claim(body),
    };
    let json = serde_json::to_vec(&payload).expect("strings and numbers always serialise");
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(json));
    let sig = keys.sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(sig))
}

/// Reads a token's issuer without trusting it, to look its key up.
///
/// # Errors
/// `token_invalid` for anything that is not shaped like a token of ours.
pub fn issuer(token: &str) -> Result<DeviceId, Code> {
    let parts = Parts::split(token)?;
    parts.payload()?.device()
}

/// Checks signature, audience, body and times (60 s of leeway for a fast phone clock).
///
/// # Errors
/// `token_expired` when only the times are wrong, `token_invalid` for everything else.
pub fn verify(
    token: &str,
    verify_key: &[u8; 32],
    audience: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<Claims, Code> {
    let parts = Parts::split(token)?;
    if !verify_sig(verify_key, parts.signed.as_bytes(), &parts.sig) {
        return Err(Code::TokenInvalid);
    }
    let payload = parts.payload()?;
    let device = payload.device()?;
    let life = payload.exp.checked_sub(payload.iat).ok_or(Code::TokenInvalid)?;
    if device != device_id(verify_key)
        || payload.aud != audience
        || payload.bh != body_claim(body)
        || !(1..=TOKEN_LIFE_S).contains(&life)
    {
        return Err(Code::TokenInvalid);
    }
    let jti = decode(&payload.jti)?;
    let now = now.seconds();
    if payload.iat > now.saturating_add(LEEWAY_S) || payload.exp <= now {
        return Err(Code::TokenExpired);
    }
    Ok(Claims { device, iat: payload.iat, exp: payload.exp, jti })
}

/// A token's parts, with the header already found to be the one accepted.
struct Parts<'a> {
    /// Header and claims as they are signed.
    signed: &'a str,
    claims: &'a str,
    sig: [u8; 64],
}

impl<'a> Parts<'a> {
    fn split(token: &'a str) -> Result<Self, Code> {
        if token.len() > MAX_LEN {
            return Err(Code::TokenInvalid);
        }
        let (signed, sig) = token.rsplit_once('.').ok_or(Code::TokenInvalid)?;
        let (header, claims) = signed.split_once('.').ok_or(Code::TokenInvalid)?;
        if header != URL_SAFE_NO_PAD.encode(HEADER) {
            return Err(Code::TokenInvalid);
        }
        Ok(Self { signed, claims, sig: decode(sig)? })
    }

    fn payload(&self) -> Result<Payload, Code> {
        let json = URL_SAFE_NO_PAD.decode(self.claims).map_err(|_| Code::TokenInvalid)?;
        serde_json::from_slice(&json).map_err(|_| Code::TokenInvalid)
    }
}

impl Payload {
    fn device(&self) -> Result<DeviceId, Code> {
        decode(&self.iss).map(DeviceId::new)
    }
}

fn decode<const N: usize>(text: &str) -> Result<[u8; N], Code> {
    URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(Code::TokenInvalid)
}

/// The claim that ties a token to its request.
fn body_claim(body: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(body);
    URL_SAFE_NO_PAD.encode(first_16(hash))
}
