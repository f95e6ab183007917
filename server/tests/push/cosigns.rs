//! Operations that wait for further signatures: what of them is kept, and how much of a request is checked.

use sync_core::directory::approval_to_sign;
use sync_core::protocol::{Approval, Approver, Cosign};

use super::*;

fn word(team: &Team, by: Approver, signer: &Hand, nonce: u8, op: &[u8]) -> Approval {
    let message = approval_to_sign(team.id(), &[nonce; 16], op);
    Approval { by, sig: signer.keys.sign(&message).into() }
}

fn proposal(team: &Team, nonce: u8) -> Cosign {
    let op = to_cbor(&Op::Renew);
    let by = Approver::Device(team.admin.keys.device_id());
    let approvals = vec![word(team, by, &team.admin, nonce, &op)];
    Cosign { nonce: [nonce; 16].into(), op: op.into(), approvals, declined: Vec::new() }
}

fn send(station: &Station, team: &mut Team, cosigns: Vec<Cosign>) -> Vec<Cosign> {
    let mut request = team.pushing(&team.admin, &[]);
    request.cosign = Some(cosigns);
    station.send(&mut team.admin, &request).unwrap().cosign.unwrap_or_default()
}

#[test]
fn a_word_that_nobody_gave_is_kept_neither_with_a_new_proposal_nor_with_a_known_one() {
    let (station, mut team, amy) = staffed(60);
    let forged = |team: &Team, op: &[u8]| {
        word(team, Approver::Device(amy.keys.device_id()), &team.admin, 1, op)
    };
    let sound = proposal(&team, 1);
    let mut with_a_lie = sound.clone();
    with_a_lie.approvals.push(forged(&team, &sound.op));
    for _ in 0..2 {
        assert_eq!(
            send(&station, &mut team, vec![with_a_lie.clone()]),
            std::slice::from_ref(&sound)
        );
    }
    let mut true_word = sound.clone();
    let by = Approver::Device(amy.keys.device_id());
    true_word.approvals.push(word(&team, by, &amy, 1, &sound.op));
    assert_eq!(send(&station, &mut team, vec![true_word.clone()]), [true_word]);
    let mut unsigned = proposal(&team, 2);
    unsigned.approvals[0].sig[7] ^= 1;
    assert_eq!(send(&station, &mut team, vec![unsigned]).len(), 1);
}

#[test]
fn a_request_has_a_bounded_number_of_its_signatures_checked() {
    let (station, mut team, _) = staffed(61);
    let mut many = Vec::new();
    for nonce in 0..30 {
        let mut cosign = proposal(&team, nonce);
        let filler = cosign.approvals[0].clone();
        cosign.approvals.extend(std::iter::repeat_n(filler, 15));
        many.push(cosign);
    }
    assert_eq!(send(&station, &mut team, many).len(), 16);
    let honest = (0..30).map(|nonce| proposal(&team, nonce)).collect();
    assert_eq!(send(&station, &mut team, honest).len(), 30);
}
