//! The exchange behind a typed code: SPAKE2 between two phones, then a key confirmed by both.
//!
//! A password of 35 bits would not withstand being tried by a machine. SPAKE2 gives each side one guess a run and an
//! eavesdropper none, so five runs a code leave an attacker 5 in 2^35. What comes out is an ordinary invitation: the
//! inviting phone seals it under the exchanged key, and from there on the new phone answers it as it would a scanned
//! one, with a MAC under a secret of 128 bits. The confirmation before the seal commits to the one key (an AEAD tag
//! alone does not), so that no answer can test several passwords at once.
//!
//! The crate keeps its state in memory only. Here a run is known by the random bytes it began with, kept in the
//! encrypted store, so that it survives the end of a process.

use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use minicbor::bytes::ByteArray;
use rand_core::{CryptoRng, TryCryptoRng, TryRng};
use sha2::Sha256;
use spake2::{Ed25519Group, Identity, Password, Spake2};
use std::convert::Infallible;
use zeroize::Zeroizing;

use crate::protocol::{CodeReply, Invitation, from_cbor, to_cbor};

use super::code::TypedCode;
use super::secret::Secret;
use super::{CryptoError, labels};

/// Random bytes a run begins with.
pub const SEED: usize = 64;

/// Randomness that was drawn before: the crate asks once, for as many bytes as were drawn.
struct Tape<'a>(&'a [u8]);

impl TryRng for Tape<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        let (taken, rest) = self
            .0
            .split_at_checked(out.len())
            .expect("a scalar takes the 64 bytes that were drawn");
        out.copy_from_slice(taken);
        self.0 = rest;
        Ok(())
    }
}

impl TryCryptoRng for Tape<'_> {}

/// Draws what a run begins with.
pub fn seed(rng: &mut dyn CryptoRng) -> Zeroizing<[u8; SEED]> {
    let mut seed = Zeroizing::new([0; SEED]);
    rng.fill_bytes(seed.as_mut_slice());
    seed
}

fn identities() -> (Identity, Identity) {
    (Identity::new(labels::CODE_INVITER), Identity::new(labels::CODE_NEW))
}

/// The new phone's message.
pub fn question(code: &TypedCode, seed: &[u8; SEED]) -> ByteArray<33> {
    let (_, message) = new_phone(code, seed);
    message
}

fn new_phone(code: &TypedCode, seed: &[u8; SEED]) -> (Spake2<Ed25519Group>, ByteArray<33>) {
    let (inviter, new) = identities();
    let password = Password::new(code.as_bytes());
    let (run, message) =
        Spake2::<Ed25519Group>::start_b_with_rng(&password, &inviter, &new, Tape(seed));
    (run, fixed(&message))
}

fn fixed(message: &[u8]) -> ByteArray<33> {
    let mut out = [0; 33];
    out.copy_from_slice(message);
    out.into()
}

/// The inviting phone's side of one run: takes the new phone's message, makes the invitation that `invite` fills in
/// with this run's secret, and seals it for whoever knows the code.
///
/// # Errors
/// `Key` if the message is none of this exchange.
pub fn reply(
    code: &TypedCode,
    rng: &mut dyn CryptoRng,
    question: &[u8; 33],
    invite: impl FnOnce(ByteArray<16>) -> Invitation,
) -> Result<CodeReply, CryptoError> {
    let (inviter, new) = identities();
    let seed = seed(rng);
    let password = Password::new(code.as_bytes());
    let (run, message) =
        Spake2::<Ed25519Group>::start_a_with_rng(&password, &inviter, &new, Tape(seed.as_slice()));
    let message = fixed(&message);
    let keys = Keys::from_exchange(run.finish(question).map_err(|_| CryptoError::Key)?);
    let place = place(code, question, &message);
    let mut sealed = to_cbor(&invite(keys.secret()));
    keys.cipher()
        .encrypt_in_place(&XNonce::default(), &place, &mut sealed)
        .expect("an invitation is below every limit of the cipher");
    let confirm = keys.confirm(&place, &sealed).finalize().into_bytes();
    let confirm: [u8; 32] = confirm.into();
    Ok(CodeReply { message, confirm: confirm.into(), sealed: sealed.into() })
}

/// The new phone's end of a run: checks that the other side knew the same code, and opens the invitation.
///
/// # Errors
/// `Seal` if the codes differ, or somebody in between took part in the exchange.
pub fn accept(
    code: &TypedCode,
    seed: &[u8; SEED],
    reply: &CodeReply,
) -> Result<Invitation, CryptoError> {
    let (run, question) = new_phone(code, seed);
    let keys =
        Keys::from_exchange(run.finish(reply.message.as_slice()).map_err(|_| CryptoError::Seal)?);
    let place = place(code, &question, &reply.message);
    keys.confirm(&place, &reply.sealed)
        .verify_slice(reply.confirm.as_slice())
        .map_err(|_| CryptoError::Seal)?;
    let mut text = Zeroizing::new(reply.sealed.to_vec());
    keys.cipher()
        .decrypt_in_place(&XNonce::default(), &place, &mut *text)
        .map_err(|_| CryptoError::Seal)?;
    let invitation: Invitation = from_cbor(&text).map_err(|_| CryptoError::Text)?;
    // The secret is the exchange's own: whoever sealed the invitation could not choose it.
    if invitation.secret == keys.secret() { Ok(invitation) } else { Err(CryptoError::Seal) }
}

/// Where a run stands: nameplate's look-up value and both messages.
fn place(code: &TypedCode, question: &[u8; 33], answer: &[u8; 33]) -> Vec<u8> {
    [code.lookup().as_slice(), question.as_slice(), answer.as_slice()].concat()
}

/// What the exchanged key yields. Used for one message each way.
struct Keys(Zeroizing<Vec<u8>>);

impl Keys {
    fn from_exchange(key: Vec<u8>) -> Self {
        Self(Zeroizing::new(key))
    }

    fn derive(&self, label: &[u8], out: &mut [u8]) {
        Hkdf::<Sha256>::new(None, &self.0)
            .expand(label, out)
            .expect("16 and 32 bytes are lengths that HKDF can give");
    }

    /// The invitation's secret.
    fn secret(&self) -> ByteArray<16> {
        let mut secret = [0; 16];
        self.derive(labels::CODE_SECRET, &mut secret);
        secret.into()
    }

    /// One key, one message: hence the zero nonce.
    fn cipher(&self) -> XChaCha20Poly1305 {
        let mut key = Secret::zero();
        self.derive(labels::CODE_SEAL, key.as_mut_bytes());
        XChaCha20Poly1305::new(key.as_bytes().into())
    }

    fn confirm(&self, place: &[u8], sealed: &[u8]) -> Hmac<Sha256> {
        let mut key = Secret::zero();
        self.derive(labels::CODE_CONFIRM, key.as_mut_bytes());
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key.as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(place);
        mac.update(sealed);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{flipped, rng};
    use super::*;
    use crate::ids::{EnvelopeId, MemberId, TeamId};
    use crate::protocol::Timestamp;

    fn code(text: &str) -> TypedCode {
        TypedCode::parse(text).expect("a code")
    }

    fn invitation(secret: ByteArray<16>) -> Invitation {
        Invitation {
            relay: "http://relay.example".into(),
            team: TeamId::new([1; 32]),
            head_seq: 3,
            head_hash: EnvelopeId::new([2; 32]),
            member: MemberId::new([3; 16]),
            secret,
            expires: Timestamp(5),
        }
    }

    fn run(here: &str, there: &str) -> (Result<Invitation, CryptoError>, CodeReply) {
        let rng = &mut rng(1);
        let seed = seed(rng);
        let asked = question(&code(there), &seed);
        let reply = reply(&code(here), rng, &asked, invitation).expect("a message");
        (accept(&code(there), &seed, &reply), reply)
    }

    #[test]
    fn two_phones_with_one_code_share_an_invitation_with_a_secret_of_its_own() {
        let (one, _) = run("ABC-DEFG-HJK", "ABC-DEFG-HJK");
        let one = one.expect("the same code");
        assert_eq!(one.team, TeamId::new([1; 32]));
        assert_ne!(*one.secret, [0; 16]);
        // Another run of the same code has another secret.
        let rng = &mut rng(9);
        let seed = seed(rng);
        let asked = question(&code("ABC-DEFG-HJK"), &seed);
        let reply = reply(&code("ABC-DEFG-HJK"), rng, &asked, invitation).expect("a message");
        let two = accept(&code("ABC-DEFG-HJK"), &seed, &reply).expect("the same code");
        assert_ne!(one.secret, two.secret);
    }

    #[test]
    fn a_wrong_code_opens_nothing_whichever_character_differs() {
        for wrong in ["ABC-DEFG-HJM", "ABC-0EFG-HJK", "ABD-DEFG-HJK"] {
            assert_eq!(run("ABC-DEFG-HJK", wrong).0, Err(CryptoError::Seal), "{wrong}");
        }
    }

    #[test]
    fn a_reply_with_one_bit_changed_opens_nothing() {
        let mut rng = rng(4);
        let seed = seed(&mut rng);
        let code = code("ABC-DEFG-HJK");
        let genuine =
            reply(&code, &mut rng, &question(&code, &seed), invitation).expect("a message");
        for (bit, bytes) in flipped(genuine.message.as_slice()) {
            let message: [u8; 33] = bytes.try_into().expect("33 bytes");
            let other = CodeReply { message: message.into(), ..genuine.clone() };
            assert!(accept(&code, &seed, &other).is_err(), "message bit {bit}");
        }
        for (bit, bytes) in flipped(genuine.confirm.as_slice()) {
            let confirm: [u8; 32] = bytes.try_into().expect("32 bytes");
            let other = CodeReply { confirm: confirm.into(), ..genuine.clone() };
            assert!(accept(&code, &seed, &other).is_err(), "confirmation bit {bit}");
        }
        for (bit, bytes) in flipped(&genuine.sealed) {
            let other = CodeReply { sealed: bytes.into(), ..genuine.clone() };
            assert!(accept(&code, &seed, &other).is_err(), "sealed bit {bit}");
        }
        assert!(accept(&code, &seed, &genuine).is_ok());
    }

    #[test]
    fn a_run_goes_on_from_its_seed_and_messages_tell_nothing_of_the_code() {
        let mut rng = rng(6);
        let (one, two) = (seed(&mut rng), seed(&mut rng));
        let code = code("ABC-DEFG-HJK");
        assert_eq!(question(&code, &one), question(&code, &one));
        assert_ne!(question(&code, &one), question(&code, &two));
        // The inviting side's own form of message, and bytes that are no point.
        assert_eq!(reply(&code, &mut rng, &[0x41; 33], invitation).err(), Some(CryptoError::Key));
        // About half of all encodings are no point of the curve.
        let no_points = (0..32).filter(|number| {
            let mut message = [0; 33];
            (message[0], message[1]) = (0x42, *number);
            reply(&code, &mut rng, &message, invitation) == Err(CryptoError::Key)
        });
        assert!((4..28).contains(&no_points.count()));
    }
}
