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

use crate::ids::{DeviceId, TeamId, first_16};
use crate::protocol::limits::TOKEN_LIFE_S;
use crate::protocol::{Code, Timestamp};

use super::device::{device_id, verify as verify_sig};
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

#[cfg(test)]
mod tests {
    use super::super::testing::rng;
    use super::*;

    const NOW: Timestamp = Timestamp(1_770_000_000_500);
    const IAT: i64 = 1_770_000_000;
    const BODY: &[u8] = b"the request";

    fn keys() -> DeviceKeys {
        DeviceKeys::generate(&mut rng(1))
    }

    fn aud() -> String {
        audience("https://relay.example", TeamId::new([1; 32]))
    }

    fn check(token: &str, now: Timestamp) -> Result<Claims, Code> {
        verify(token, &keys().verify_key(), &aud(), BODY, now)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1000)
    }

    /// A token with a good signature of the device over whatever header and claims.
    fn signed(header: &str, claims: &str) -> String {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let sig = keys().sign(text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(sig))
    }

    /// Good claims, with `from` replaced.
    fn claims(from: &str, to: &str) -> String {
        let good = format!(
            r#"{{"iss":"{}","aud":"{}","iat":{IAT},"exp":{},"jti":"{}","bh":"{}"}}"#,
            URL_SAFE_NO_PAD.encode(keys().device_id().as_bytes()),
            aud(),
            IAT + 120,
            URL_SAFE_NO_PAD.encode([7; 16]),
            body_claim(BODY),
        );
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    }

    #[test]
    fn a_token_is_accepted_and_says_who_and_when() {
        let token = mint(&keys(), &aud(), BODY, NOW, &mut rng(2));
        assert_eq!(issuer(&token), Ok(keys().device_id()));
        let claims = check(&token, NOW).expect("accepted");
        assert_eq!(claims.device, keys().device_id());
        assert_eq!((claims.iat, claims.exp), (IAT, IAT + 120));
        let other = mint(&keys(), &aud(), BODY, NOW, &mut rng(3));
        assert_ne!(check(&other, NOW).expect("accepted").jti, claims.jti);
        assert!(token.len() < 430, "{}", token.len());
    }

    #[test]
    fn only_one_header_is_accepted() {
        assert!(check(&signed(HEADER, &claims("", "")), NOW).is_ok(), "the case itself is good");
        let headers = [
            r#"{"alg":"none","typ":"JWT"}"#,
            r#"{"alg":"None","typ":"JWT"}"#,
            r#"{"alg":"HS256","typ":"JWT"}"#,
            r#"{"alg":"ES256","typ":"JWT"}"#,
            r#"{"alg":"RS256","typ":"JWT"}"#,
            r#"{"alg":"Ed25519","typ":"JWT"}"#,
            r#"{"typ":"JWT","alg":"EdDSA"}"#,
            r#"{"alg":"EdDSA"}"#,
            r#"{"alg":"EdDSA","typ":"at+jwt"}"#,
            r#"{"alg":"EdDSA","typ":"jwt"}"#,
            r#"{"alg":"EdDSA","typ":"JWT","x5c":["AA"]}"#,
            r#"{"alg":"EdDSA","typ":"JWT","kid":"1"}"#,
            r#"{"alg":"EdDSA","typ":"JWT","jku":"https://evil.example/keys"}"#,
            r#"{"alg":"EdDSA","typ":"JWT","x5u":"https://evil.example/cert"}"#,
            r#"{"alg":"EdDSA","typ":"JWT","jwk":{"kty":"OKP","crv":"Ed25519","x":"AA"}}"#,
            r#"{"alg":"EdDSA","typ":"JWT","crit":["exp"]}"#,
            r#"{"alg":"EdDSA", "typ":"JWT"}"#,
            "",
        ];
        for header in headers {
            let token = signed(header, &claims("", ""));
            assert_eq!(check(&token, NOW), Err(Code::TokenInvalid), "{header}");
            assert_eq!(issuer(&token), Err(Code::TokenInvalid), "{header}");
        }
    }

    #[test]
    fn a_mac_under_the_public_key_is_no_signature() {
        use hmac::{Hmac, KeyInit, Mac};
        for header in [HEADER, r#"{"alg":"HS256","typ":"JWT"}"#] {
            let text = format!(
                "{}.{}",
                URL_SAFE_NO_PAD.encode(header),
                URL_SAFE_NO_PAD.encode(claims("", ""))
            );
            let mut mac =
                Hmac::<Sha256>::new_from_slice(&keys().verify_key()).expect("any key length");
            mac.update(text.as_bytes());
            let tag = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
            for sig in ["", &tag] {
                assert_eq!(check(&format!("{text}.{sig}"), NOW), Err(Code::TokenInvalid));
            }
        }
    }

    #[test]
    fn claims_that_are_missing_foreign_double_or_wrong_are_refused() {
        let iss = format!(r#""iss":"{}","#, URL_SAFE_NO_PAD.encode(keys().device_id().as_bytes()));
        let exp = format!(r#""exp":{},"#, IAT + 120);
        let bad = [
            claims(&iss, ""),
            claims(&iss, &iss.repeat(2)),
            claims(&iss, &format!(r#""iss":"{}","#, URL_SAFE_NO_PAD.encode([9; 16]))),
            claims(&iss, r#""iss":"","#),
            claims(&exp, ""),
            claims(&exp, &format!(r#"{exp}"nbf":0,"#)),
            claims(&exp, &format!(r#""exp":{},"#, IAT + 121)),
            claims(&exp, &format!(r#""exp":{},"#, IAT + 3600)),
            claims(&exp, &format!(r#""exp":{IAT},"#)),
            claims(&exp, &format!(r#""exp":{},"#, IAT - 1)),
            claims(&exp, r#""exp":9223372036854775807,"#),
            claims(&exp, &format!(r#""exp":{}.5,"#, IAT + 60)),
            claims(&exp, &format!(r#""exp":"{}","#, IAT + 60)),
            claims(&format!(r#""iat":{IAT}"#), r#""iat":-9223372036854775808"#),
            claims(&URL_SAFE_NO_PAD.encode([7; 16]), "AA"),
            "[]".into(),
            "".into(),
        ];
        for claims in bad {
            let refused = check(&signed(HEADER, &claims), NOW);
            assert_eq!(refused, Err(Code::TokenInvalid), "{claims}");
        }
    }

    #[test]
    fn an_audience_that_is_missing_or_more_than_one_and_a_not_before_are_refused() {
        let (aud, one) = (format!(r#""aud":"{}","#, aud()), aud());
        for (from, to) in [
            (aud.as_str(), String::new()),
            (&aud, r#""aud":null,"#.to_owned()),
            (&aud, format!(r#""aud":["{one}"],"#)),
            (&aud, format!(r#""aud":["{one}","another"],"#)),
            (&aud, aud.repeat(2)),
            (&aud, format!(r#"{aud}"nbf":{},"#, IAT + 86_400)),
            (&aud, format!(r#"{aud}"nbf":{},"#, IAT - 60)),
            (&aud, format!(r#"{aud}"sub":"somebody","#)),
        ] {
            let refused = check(&signed(HEADER, &claims(from, &to)), NOW);
            assert_eq!(refused, Err(Code::TokenInvalid), "{to}");
        }
    }

    #[test]
    fn a_token_is_good_for_one_relay_team_body_and_device() {
        let token = mint(&keys(), &aud(), BODY, NOW, &mut rng(2));
        let key = keys().verify_key();
        let refused = |key: &[u8; 32], aud: &str, body: &[u8]| {
            assert_eq!(verify(&token, key, aud, body, NOW), Err(Code::TokenInvalid));
        };
        refused(&key, &audience("https://relay.other", TeamId::new([1; 32])), BODY);
        refused(&key, &audience("https://relay.example", TeamId::new([2; 32])), BODY);
        refused(&key, "", BODY);
        refused(&key, &aud(), b"the request, swapped");
        refused(&DeviceKeys::generate(&mut rng(9)).verify_key(), &aud(), BODY);
    }

    #[test]
    fn times_alone_are_told_apart() {
        let token = mint(&keys(), &aud(), BODY, NOW, &mut rng(2));
        assert!(check(&token, at(IAT - 60)).is_ok(), "a phone that runs a minute ahead");
        assert_eq!(check(&token, at(IAT - 61)), Err(Code::TokenExpired));
        assert!(check(&token, at(IAT + 119)).is_ok());
        assert_eq!(check(&token, at(IAT + 120)), Err(Code::TokenExpired));
        let wrong_body = verify(&token, &keys().verify_key(), &aud(), b"", at(IAT + 999));
        assert_eq!(wrong_body, Err(Code::TokenInvalid), "times are looked at last");
    }

    #[test]
    fn clocks_wrong_by_decades_break_nothing() {
        for now in [Timestamp(-1), Timestamp(0), Timestamp(i64::MIN), Timestamp(i64::MAX)] {
            let token = mint(&keys(), &aud(), BODY, now, &mut rng(2));
            assert_eq!(check(&token, NOW), Err(Code::TokenExpired));
            assert!(check(&token, now).is_ok());
        }
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let token = mint(&keys(), &aud(), BODY, NOW, &mut rng(2));
        for i in 0..token.len() {
            for other in ["A", "B", ".", "=", "é"] {
                if token[i..].starts_with(other) {
                    continue;
                }
                let changed = [&token[..i], other, &token[i + 1..]].concat();
                assert_eq!(check(&changed, NOW), Err(Code::TokenInvalid), "{i}");
            }
            assert_eq!(check(&token[..i], NOW), Err(Code::TokenInvalid), "cut to {i}");
        }
        assert_eq!(check(&format!("{token}A"), NOW), Err(Code::TokenInvalid));
    }

    #[test]
    fn a_token_longer_than_any_of_ours_is_not_read() {
        let aud = "a".repeat(200);
        let token = mint(&keys(), &aud, BODY, NOW, &mut rng(2));
        let refused = verify(&token, &keys().verify_key(), &aud, BODY, NOW);
        assert_eq!(refused, Err(Code::TokenInvalid), "{}", token.len());
        assert_eq!(issuer(&token), Err(Code::TokenInvalid));
    }
}
