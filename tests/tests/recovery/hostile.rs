//! Admins without the code, holders without a second share, relays with old or altered messages: none gets in.

use sync_core::crypto::{self, DeviceKeys, RecoverySecret};
use sync_core::directory::{
    Approval, Approver, Op, RecoveryKey, RecoveryProposal, approval_to_sign,
};
use sync_core::engine::RecoverySheet;
use sync_core::ids::MemberId;
use sync_core::protocol::{
    Code, Header, Kind, Priority, RecoveryShare, RecoveryVoucher, from_cbor, to_cbor,
};
use sync_core::records::DeviceClass;
use tests::World;
use tests::hostile::{Rogue, alarms, directory, entry, lie, wraps_at_relay};

use super::story::{ask, begin, begin_with_code, county, finish, invite, past, reads, set_up};

fn device_of(member: MemberId, keys: &DeviceKeys) -> Op {
    Op::Device {
        member,
        verify_key: keys.verify_key().into(),
        seal_key: keys.seal_key().into(),
        seal_key_2: keys.seal_key_2().map(Into::into),
        class: DeviceClass::Native,
    }
}

/// An operation approved by whoever holds these signatures.
fn approved(op: &Op, nonce: [u8; 16], approvals: Vec<Approval>) -> Op {
    Op::Approved { op: to_cbor(op).into(), nonce: nonce.into(), approvals }
}

fn word_of(world: &World, by: Approver, keys: &DeviceKeys, nonce: &[u8; 16], op: &Op) -> Approval {
    let message = approval_to_sign(directory(world).team(), nonce, &to_cbor(op));
    Approval { by, sig: keys.sign(&message).into() }
}

fn secret_of(sheet: &RecoverySheet) -> RecoverySecret {
    crypto::secret_of_code(sheet.code.as_ref().unwrap()).unwrap()
}

/// What every node says to an entry: the fold is the same code on relay and phones; the relay is asked too.
fn refused(world: &mut World, admin: &mut Rogue, op: &Op) -> Code {
    let mut fold = directory(world).clone();
    let entry = entry(&fold, &admin.keys, op);
    let code = fold.append(&entry).expect_err("no such entry counts");
    let result = admin.push(world, &[entry]).remove(0);
    assert_eq!(result.code, code.as_str());
    code
}

#[test]
fn an_admin_without_code_or_shares_cannot_use_or_replace_a_members_recovery() {
    let mut world = county(41);
    set_up(&mut world, true, true, &["admin"]);
    let past = past(&mut world);
    // Two admins who are one person, for all the directory knows.
    let invited = [(), ()].map(|()| tests::hostile::invite(&mut world, &[], true));
    let mut rogue = Rogue::enrol_by(&mut world, 1, &invited[0]);
    let second = Rogue::enrol_by(&mut world, 2, &invited[1]).keys;
    world.sync_all();
    let amy = world.member("amy");
    let spy = DeviceKeys::generate(&mut rogue.rng);
    let device = device_of(amy, &spy);
    assert_eq!(refused(&mut world, &mut rogue, &device), Code::NeedsApproval);
    let both = |world: &World, op: &Op, by: Approver, keys: &DeviceKeys| {
        approved(op, [7; 16], vec![word_of(world, by, keys, &[7; 16], op)])
    };
    let as_admin = Approver::Device(second.device_id());
    let op = both(&world, &device, as_admin, &second);
    assert_eq!(refused(&mut world, &mut rogue, &op), Code::NeedsApproval, "two admins");
    let op = both(&world, &device, Approver::Recovery(amy), &second);
    assert_eq!(refused(&mut world, &mut rogue, &op), Code::ApprovalInvalid, "a made-up word");

    let own = RecoverySecret::generate(&mut rogue.rng).keys(directory(&world).team(), amy);
    let key = RecoveryKey {
        verify_key: own.verify_key().into(),
        seal_key: own.seal_key().into(),
        shares: Vec::new(),
        seal_key_2: None,
    };
    for key in [Some(key), None] {
        let op = Op::Recovery { member: amy, key };
        let op = both(&world, &op, as_admin, &second);
        assert_eq!(refused(&mut world, &mut rogue, &op), Code::NeedsApproval, "not the member");
    }
    // An invitation of theirs lets a phone ask, and no more.
    let invitation = invite(&mut world, amy);
    begin(&mut world, "spy", &invitation);
    assert_eq!(ask(&mut world, "spy"), Ok(false));
    world.sync_all_but("spy");
    assert_eq!(ask(&mut world, "spy"), Ok(false));
    assert_eq!(reads(&mut world, "amy", &past), [true; 3]);
    assert!(!alarms(&mut world, "amy").contains(&Code::RecoveryUsed));
}

#[test]
fn whoever_has_the_code_can_have_a_device_listed_and_nothing_else() {
    let mut world = county(42);
    let sheet = set_up(&mut world, false, true, &["admin"]);
    let mut rogue = Rogue::enrol(&mut world, 1, &[], true);
    world.sync_all();
    let (amy, bo) = (world.member("amy"), world.member("bo"));
    let keys = secret_of(&sheet).keys(directory(&world).team(), amy);
    let word = |world: &World, op: &Op| {
        let message = approval_to_sign(directory(world).team(), &[8; 16], &to_cbor(op));
        let sig = keys.approve(&message).unwrap().into();
        approved(op, [8; 16], vec![Approval { by: Approver::Recovery(amy), sig }])
    };
    let own = RecoverySecret::generate(&mut rogue.rng).keys(directory(&world).team(), amy);
    let key = RecoveryKey {
        verify_key: own.verify_key().into(),
        seal_key: own.seal_key().into(),
        shares: Vec::new(),
        seal_key_2: None,
    };
    let spy = DeviceKeys::generate(&mut rogue.rng);
    for op in [
        Op::Recovery { member: amy, key: Some(key) },
        Op::Recovery { member: amy, key: None },
        Op::Remove { member: amy, device: None, last: Vec::new(), wipe: None },
        Op::Renew,
        device_of(bo, &spy),
    ] {
        let op = word(&world, &op);
        assert_eq!(refused(&mut world, &mut rogue, &op), Code::ApprovalInvalid);
    }
    let op = word(&world, &device_of(amy, &spy));
    let listed = entry(directory(&world), &rogue.keys, &op);
    assert_eq!(directory(&world).clone().append(&listed), Ok(()), "a device of hers, once");
    // The entry spends the key: from it on its word counts for nothing.
    let mut fold = directory(&world).clone();
    fold.append(&listed).unwrap();
    let other = DeviceKeys::generate(&mut rogue.rng);
    let message = approval_to_sign(fold.team(), &[9; 16], &to_cbor(&device_of(amy, &other)));
    let by = Approver::Recovery(amy);
    let again = vec![Approval { by, sig: keys.approve(&message).unwrap().into() }];
    let again = approved(&device_of(amy, &other), [9; 16], again);
    let entry = entry(&fold, &rogue.keys, &again);
    assert_eq!(fold.append(&entry), Err(Code::ApprovalInvalid));
}

#[test]
fn an_old_recovery_entry_or_proposal_that_is_replayed_changes_nothing() {
    let mut world = county(43);
    let holders = ["bo", "cleo", "dee"].map(|name| world.member(name));
    let amy = world.member("amy");
    let old = world.on("amy", |phone, env| phone.make_recovery(env, Some(holders), true)).unwrap();
    let request = world.on("amy", |phone, env| phone.sync_request(env)).unwrap();
    let proposal = request.recovery.unwrap().remove(0);
    world.sync("amy");
    super::story::approve(&mut world, &["admin"]);
    let entries = tests::hostile::directory_entries(&world);
    let listed = entries.last().unwrap().clone();
    let new = set_up(&mut world, false, true, &["admin"]);
    let mut rogue = Rogue::enrol(&mut world, 1, &[], true);
    world.sync_all();

    // The entry itself, the operation in a new entry, and the key under a fresh approval.
    assert!(directory(&world).clone().append(&listed).is_err());
    let op: Op = from_cbor(&listed.body).unwrap();
    assert_eq!(refused(&mut world, &mut rogue, &op), Code::ApprovalInvalid, "its nonce was used");
    let Op::Approved { op, .. } = &op else { panic!("an approved operation") };
    let Ok(Op::Recovery { key, .. }) = from_cbor::<Op>(op) else { panic!("a recovery key") };
    let again = RecoveryProposal::new(amy, key, [5; 16]).to_op();
    assert_eq!(
        RecoveryProposal::read(directory(&world), &to_cbor(&again)),
        Err(Code::RecoverySpent)
    );
    // The relay serves the old proposal to admins as if it waited.
    lie(&mut world, "admin", |response| response.recovery = Some(vec![proposal.clone()])).unwrap();
    assert!(world.on("admin", |phone, _| phone.recovery_asks()).unwrap().is_empty());
    let refused = world.on("admin", |phone, _| phone.approve_recovery(amy)).unwrap_err();
    assert_eq!(refused.code(), Code::RecoveryNone);
    let listed = directory(&world).recovery(&amy).map(RecoveryKey::id);
    assert_eq!(listed, Some(new.key));
    assert!(directory(&world).is_spent_recovery(&amy, &old.key));
}

#[test]
fn a_share_holder_who_has_the_relays_disk_has_one_share_and_nothing_else() {
    let mut world = county(44);
    let rogue = Rogue::enrol(&mut world, 1, &[sync_core::records::Role::Chaplain], false);
    world.sync_all();
    let holders = [rogue.member, world.member("bo"), world.member("cleo")];
    let sheet =
        world.on("amy", |phone, env| phone.make_recovery(env, Some(holders), true)).unwrap();
    world.sync("amy");
    super::story::approve(&mut world, &["admin"]);
    let past = past(&mut world);
    let (team, amy) = (directory(&world).team(), world.member("amy"));
    // Everything of the directory is at the relay, sealed shares too.
    let key = directory(&world).recovery(&amy).unwrap().clone();
    let mut opened = Vec::new();
    for (at, share) in key.shares.iter().enumerate() {
        for index in 1..=3 {
            let about = RecoveryShare {
                team,
                member: amy,
                key: key.id(),
                index,
                value: [0; 32].into(),
                checks: key.shares.iter().map(|share| share.check).collect(),
            };
            for wrap in &share.sealed {
                if let Ok(share) = crypto::open_share(&about, &wrap.sealed, &rogue.keys) {
                    opened.push((at, share));
                }
            }
        }
    }
    assert_eq!(opened.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0], "their own");
    let share = opened.remove(0).1;
    let tried = crypto::combine_shares(&[share.clone(), share.clone()]);
    assert_eq!(tried.err(), Some(crypto::ShareError::TooFew));
    // Renumbered copies of it fit no check.
    for index in [2, 3] {
        let mut forged = share.clone();
        forged.index = index;
        let tried = crypto::combine_shares(&[share.clone(), forged]);
        assert_eq!(tried.err(), Some(crypto::ShareError::Wrong { index }));
    }
    assert!(wraps_at_relay(&world, sheet.key) >= 3, "what the key reads is there, and closed");
    assert_eq!(reads(&mut world, "amy", &past), [true; 3]);
}

#[test]
fn a_removed_members_recovery_key_no_longer_counts_nor_reads() {
    let mut world = county(45);
    let sheet = set_up(&mut world, false, true, &["admin"]);
    let past = past(&mut world);
    world.sync_all();
    let amy = world.member("amy");
    let invitation = invite(&mut world, amy);
    world.on("admin", |phone, _| phone.remove_member(amy)).unwrap();
    world.sync("admin");
    assert!(directory(&world).member(&amy).is_none(), "removed");
    drop(world.devices.remove("amy"));
    world.sync_all();
    assert_eq!(directory(&world).recovery(&amy), None);
    let wraps = wraps_at_relay(&world, sheet.key);
    let bo = world.member("bo");
    world.on("bo", |phone, env| phone.assign(env, past.session, &[bo])).unwrap();
    let copy = world.record("bo", "intervention", &[("kind", tests::text("defusing"))]);
    world.on("bo", |phone, env| phone.assign(env, copy, &[bo])).unwrap();
    world.write("bo", copy, "exploration", 0, "after amy left");
    world.sync_all();
    assert_eq!(wraps_at_relay(&world, sheet.key), wraps, "nothing is wrapped for it any more");
    begin(&mut world, "amy2", &invitation);
    let code = sheet.code.as_ref().unwrap();
    world.on("amy2", |phone, env| phone.use_recovery_code(env, code)).unwrap();
    assert_eq!(ask(&mut world, "amy2"), Err(Code::RecoverySpent));
}

#[test]
fn a_holder_whose_phone_is_gone_is_shown_to_the_member_and_cannot_hand_over() {
    let mut world = county(51);
    set_up(&mut world, true, false, &["admin"]);
    let mut rogue = Rogue::enrol(&mut world, 1, &[], true);
    world.sync_all();
    let bo = world.member("bo");
    let phone = world.on("bo", |phone, _| phone.status()).unwrap().device;
    let op = Op::Remove { member: bo, device: Some(phone), last: Vec::new(), wipe: None };
    let removal = entry(directory(&world), &rogue.keys, &op);
    assert_eq!(rogue.push(&world, &[removal])[0].code, "");
    drop(world.devices.remove("bo"));
    world.sync_all();
    let status = super::story::status(&mut world, "amy");
    let reachable = |member| {
        status.holders.iter().find(|holder| holder.member == member).map(|holder| holder.reachable)
    };
    assert_eq!(reachable(bo), Some(false));
    assert_eq!(reachable(world.member("cleo")), Some(true));
}

#[test]
fn a_relay_that_alters_moves_or_drops_a_recovery_keys_word_lets_nobody_else_in() {
    let mut world = county(46);
    let sheet = set_up(&mut world, false, true, &["admin"]);
    let past = past(&mut world);
    let amy = world.member("amy");
    begin_with_code(&mut world, "amy2", sheet.code.as_ref().unwrap()).unwrap();
    assert_eq!(ask(&mut world, "amy2"), Ok(false));
    let relay = tests::hostile::relay_keys(&world);
    let before = directory(&world).len();
    // The word for other keys than those the invitation's secret vouches for.
    let swap = |voucher: &mut RecoveryVoucher| {
        voucher.op = to_cbor(&device_of(amy, &relay)).into();
    };
    lie(&mut world, "admin", |response| {
        let voucher = response.pending[0].recovery.as_mut().expect("the word travels along");
        swap(voucher);
    })
    .unwrap();
    assert!(alarms(&mut world, "admin").contains(&Code::RecoveryWrong));
    // The word of somebody else's key, well signed.
    let team = directory(&world).team();
    let own = RecoverySecret::generate(&mut rng()).keys(team, amy);
    lie(&mut world, "admin", |response| {
        let pending = &mut response.pending[0];
        let voucher = pending.recovery.as_mut().expect("the word travels along");
        let message = approval_to_sign(team, &voucher.nonce, &voucher.op);
        voucher.verify_key = own.verify_key().into();
        voucher.sig = own.approve(&message).unwrap().into();
    })
    .unwrap();
    // And none at all: the device waits.
    lie(&mut world, "admin", |response| response.pending[0].recovery = None).unwrap();
    assert_eq!(directory(&world).len(), before, "nobody was listed");
    finish_after(&mut world);
    assert_eq!(reads(&mut world, "amy2", &past), [true; 3], "the honest word still counts");
}

fn rng() -> rand_chacha::ChaCha20Rng {
    <rand_chacha::ChaCha20Rng as rand_chacha::rand_core::SeedableRng>::seed_from_u64(5)
}

fn finish_after(world: &mut World) {
    world.sync("admin");
    assert_eq!(ask(world, "amy2"), Ok(true));
    world.sync_all();
}

#[test]
fn a_recovery_key_that_nobody_can_seal_to_or_that_is_a_device_is_never_listed() {
    let mut world = county(47);
    // The sole admin's own signature is all that their own key needs, so nothing else refuses it.
    let (team, member) = (directory(&world).team(), world.member("admin"));
    let own = RecoverySecret::generate(&mut rng()).keys(team, member);
    let amys = world.on("amy", |phone, _| phone.recovery_request());
    let cases = [
        (own.verify_key(), own.seal_key(), Ok(())),
        (own.verify_key(), [0; 32], Err(Code::Malformed)),
        (amys.verify_key.into(), own.seal_key(), Err(Code::RecoverySpent)),
    ];
    for (verify_key, seal_key, expected) in cases {
        let shares = Vec::new();
        let (verify_key, seal_key) = (verify_key.into(), seal_key.into());
        let op = Op::Recovery {
            member,
            key: Some(RecoveryKey { verify_key, seal_key, shares, seal_key_2: None }),
        };
        let mut fold = directory(&world).clone();
        let unsigned = entry(&fold, &DeviceKeys::generate(&mut rng()), &op);
        let device = world.on("admin", |phone, _| phone.status()).unwrap().device;
        let header = Header { device, ..unsigned.header };
        let signed = world.on("admin", |phone, _| phone.drill_sign(header, unsigned.body));
        assert_eq!(fold.append(&signed), expected);
    }
}

#[test]
fn what_a_recovery_key_signs_counts_nowhere_but_as_an_approval() {
    let mut world = county(50);
    let sheet = set_up(&mut world, false, true, &["admin"]);
    let past = past(&mut world);
    let amy = world.member("amy");
    let thief = secret_of(&sheet).keys(directory(&world).team(), amy).drill_thief();
    assert_eq!(thief.device_id(), sheet.key);
    let spy = DeviceKeys::generate(&mut rng());
    let forged = entry(directory(&world), &thief, &device_of(amy, &spy));
    assert_eq!(directory(&world).clone().append(&forged), Err(Code::DirectoryForged));
    // An envelope in a space that it reads, at the gates of every node, and a request of its own.
    let header = Header { kind: Kind::Wrap, priority: Priority::Structure, ..forged.header };
    let wrap = sync_core::protocol::WrapBody { keys: Vec::new(), asks: None, escrow: Some(false) };
    let wrap = thief.sign_envelope(header, to_cbor(&wrap));
    let directory = directory(&world);
    let judged = sync_core::gates::authenticate(&wrap, directory, directory.len());
    assert_eq!(judged.err(), Some(Code::UnknownDevice));
    let mut stranger = Rogue::with_keys(thief, amy, 9);
    let refused = stranger.exchange(&world, &[wrap]).map(drop);
    assert!(matches!(refused, Err(Code::UnknownDevice | Code::TokenInvalid)), "{refused:?}");
    assert_eq!(reads(&mut world, "amy", &past), [true; 3]);
}

#[test]
fn nobody_but_the_member_and_admins_hands_the_relay_a_change_of_their_key() {
    let mut world = county(48);
    let mut rogue = Rogue::enrol(&mut world, 1, &[sync_core::records::Role::Chaplain], false);
    world.sync_all();
    let amy = world.member("amy");
    world.on("amy", |phone, env| phone.make_recovery(env, None, true)).unwrap();
    let genuine = world.on("amy", |phone, env| phone.sync_request(env)).unwrap().recovery.unwrap();
    // A stranger's own wish for amy, and amy's wish in a stranger's hands.
    let key = RecoverySecret::generate(&mut rogue.rng).keys(directory(&world).team(), amy);
    let key = RecoveryKey {
        verify_key: key.verify_key().into(),
        seal_key: key.seal_key().into(),
        shares: Vec::new(),
        seal_key_2: None,
    };
    let mut forged = RecoveryProposal::new(amy, Some(key), [4; 16]);
    let by = Approver::Device(rogue.device());
    let sig = rogue.keys.sign(&forged.to_sign(directory(&world))).into();
    forged.approve(directory(&world), Approval { by, sig });
    let forged = to_cbor(&forged.to_op()).into();
    for change in [forged, genuine[0].clone(), vec![0xff; 9].into(), vec![0; 200_000].into()] {
        rogue.ask(&world, |request| request.recovery = Some(vec![change])).unwrap();
    }
    world.sync("admin");
    assert!(world.on("admin", |phone, _| phone.recovery_asks()).unwrap().is_empty());
    world.sync("amy");
    world.sync("admin");
    assert_eq!(world.on("admin", |phone, _| phone.recovery_asks()).unwrap().len(), 1);
}

#[test]
fn the_relay_obtains_neither_secret_nor_share_nor_code() {
    let mut world = county(49);
    let sheet = set_up(&mut world, true, true, &["admin"]);
    past(&mut world);
    let secret = secret_of(&sheet).to_secret_bytes().to_vec();
    let mut canaries = vec![secret, sheet.code.as_ref().unwrap().as_bytes().to_vec()];
    for share in &sheet.shares {
        let sync_core::protocol::HandedShare::Printed(printed) =
            sync_core::protocol::HandedShare::from_text(&share.text).unwrap()
        else {
            panic!("a printed share")
        };
        canaries.push(printed.value.to_vec());
        canaries.push(share.text.as_bytes().to_vec());
    }
    canaries.push(super::story::NOTE.as_bytes().to_vec());
    begin_with_code(&mut world, "amy2", sheet.code.as_ref().unwrap()).unwrap();
    finish(&mut world, "amy2");
    for canary in &canaries {
        assert!(!world.stands_at_relay(canary), "a secret is there");
    }
    let keys = secret_of(&sheet).keys(directory(&world).team(), world.member("amy2"));
    assert!(world.stands_at_relay(&keys.verify_key()), "what is there is found");
}

#[test]
fn a_change_of_a_recovery_key_whose_bytes_say_more_than_is_shown_is_not_offered() {
    let mut world = county(52);
    let rogue = Rogue::enrol(&mut world, 1, &[], false);
    world.sync_all();
    let shown = to_cbor(&Op::Recovery { member: rogue.member, key: None });
    // The same operation with one field more than this program knows: [11, [member, none, 7]].
    let mut hidden = shown.clone();
    let at = hidden.iter().skip(1).position(|byte| matches!(byte, 0x81 | 0x82)).unwrap() + 1;
    if hidden[at] == 0x81 {
        hidden.push(0xf6);
    }
    hidden[at] = 0x83;
    hidden.push(0x07);
    let read = |world: &World, op: &[u8]| {
        let message = approval_to_sign(directory(world).team(), &[6; 16], op);
        let sig = rogue.keys.sign(&message).into();
        let approvals = vec![Approval { by: Approver::Device(rogue.device()), sig }];
        let op = Op::Approved { op: op.to_vec().into(), nonce: [6; 16].into(), approvals };
        RecoveryProposal::read(directory(world), &to_cbor(&op)).map(|proposal| proposal.key)
    };
    assert_eq!(from_cbor::<Op>(&hidden).ok(), from_cbor::<Op>(&shown).ok(), "read alike");
    assert_eq!(read(&world, &shown), Ok(None));
    assert_eq!(read(&world, &hidden), Err(Code::Malformed));
}
