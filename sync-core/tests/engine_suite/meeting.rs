//! The messages of two phones that meet, frozen: each is written out here beside what a phone says.

use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};
use sync_core::crypto::{self, labels};
use sync_core::ids::{DeviceId, EnvelopeId, TeamId};
use sync_core::protocol::{from_cbor, to_cbor};
use sync_core::records::Role;

use super::frozen::Folder;
use super::team::Team;

const WIRE: Folder = Folder("wire");

/// A message as docs/wire.md has it.
#[derive(Debug, PartialEq, Encode, Decode)]
struct Message {
    #[n(0)]
    step: u8,
    #[n(1)]
    team: TeamId,
    #[n(2)]
    device: DeviceId,
    #[n(3)]
    challenge: ByteArray<16>,
    #[n(4)]
    echo: Option<ByteArray<16>>,
    #[n(5)]
    seq: u64,
    #[n(6)]
    head: EnvelopeId,
    #[n(7)]
    after: u64,
    #[n(8)]
    entries: Vec<ByteVec>,
}

#[derive(Debug, PartialEq, Encode, Decode)]
struct Signed {
    #[n(0)]
    message: ByteVec,
    #[n(1)]
    sig: ByteArray<64>,
}

/// The bytes written out here are the frozen ones, and what a phone says has their form: read here and written again
/// it is the same, and its signature is over what stands here.
#[test]
fn what_phones_say_when_they_meet_is_frozen() {
    let hello = Message {
        step: 1,
        team: TeamId::new([0x99; 32]),
        device: DeviceId::new([0x33; 16]),
        challenge: [0x1b; 16].into(),
        echo: None,
        seq: 3,
        head: EnvelopeId::new([0x44; 32]),
        after: 0,
        entries: Vec::new(),
    };
    WIRE.check_message("meet_hello", &hello);
    let signed = Signed { message: to_cbor(&hello).into(), sig: [0x17; 64].into() };
    WIRE.check_message("meet_signed", &signed);
    WIRE.check("meet_signing_input", &[labels::MEET, &signed.message].concat());
    let (echo, entries) = (Some([0x1b; 16].into()), vec![vec![7; 5].into()]);
    let challenge = [0x1c; 16].into();
    let answer = Message { step: 2, challenge, echo, after: 2, entries, ..hello };
    WIRE.check_message("meet_answer", &answer);
    WIRE.check_message("meet_finish", &Message { step: 3, ..answer });

    let mut team = Team::new();
    team.join("amy", &[Role::PeerSupporter], false);
    let hello = team.on("admin", |phone, env| phone.meet_hello(env)).unwrap();
    let answer = team.on("amy", |phone, env| phone.meet_answer(env, &hello)).unwrap();
    let met = team.on("admin", |phone, env| phone.meet_finish(env, &answer)).unwrap();
    let finish = met.send.expect("the other hears it too");
    for (step, said) in (1..).zip([hello, answer, finish]) {
        let signed: Signed = from_cbor(&said).unwrap();
        let message: Message = from_cbor(&signed.message).unwrap();
        assert_eq!(message.step, step);
        assert_eq!(to_cbor(&message), *signed.message, "step {step} has no further field");
        assert_eq!(to_cbor(&signed), said, "step {step} has no further field");
        let key = *team.phones["amy"].phone.directory().key_of(&message.device).unwrap();
        let signs = [labels::MEET, &signed.message].concat();
        assert!(crypto::verify(&key, &signs, &signed.sig), "step {step}");
    }
}
