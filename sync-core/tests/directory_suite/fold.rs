//! What the folded directory answers, now and for every earlier length.

use sync_core::directory::{Accepted, Directory, NewDevice, Op, RecoveryKey};
use sync_core::ids::{DocId, EnvelopeId, SpaceId};
use sync_core::protocol::{Code, Day};
use sync_core::records::{DeviceClass, Role};

use super::people::{Paper, device, header, id, keys, member};

#[test]
fn a_removed_device_has_no_standing_from_its_removal_on_and_had_one_before() {
    let mut team = Paper::new();
    team.enter(1, &member(2, &[Role::PeerSupporter], false)).unwrap();
    team.enter(1, &device(2, 2, DeviceClass::Native)).unwrap();
    let (peer, space) = (keys(2).device_id(), SpaceId::new([5; 16]));
    let before = team.directory.len();
    let last = vec![Accepted { device: peer, space, device_seq: 7 }];
    team.enter(1, &Op::Remove { member: id(2), device: None, last, wipe: None }).unwrap();
    let directory = &team.directory;
    assert!(directory.device(&peer).is_none() && directory.member(&id(2)).is_none());
    assert!(directory.device_at(&peer, before).is_some());
    assert_eq!(directory.removed_at(&peer), Some(before + 1));
    let bound: Vec<(u64, u64)> = directory.bounds(&peer, space).map(|b| (b.seq, b.last)).collect();
    assert_eq!(bound, [(before + 1, 7)]);
    let elsewhere = directory.bounds(&peer, SpaceId::new([6; 16])).next().unwrap();
    assert_eq!(elsewhere.last, 0, "a space not named has nothing");
    assert_eq!(team.enter(1, &device(2, 3, DeviceClass::Native)), Err(Code::NeedsApproval));
    team.enter(1, &member(2, &[], false)).unwrap();
    assert_eq!(team.enter(1, &device(2, 2, DeviceClass::Native)), Err(Code::NeedsApproval));
}

#[test]
fn entries_extend_the_head_and_nothing_else() {
    let mut team = Paper::new();
    let late = team.entry(1, &Op::Renew);
    team.enter(1, &Op::Renew).unwrap();
    assert_eq!(team.directory.append(&late), Err(Code::DirectoryBehind));
    let mut head = header(&team.directory, &keys(1), 90);
    head.directory_hash = EnvelopeId::new([4; 32]);
    let forked = keys(1).sign_envelope(head, sync_core::protocol::to_cbor(&Op::Renew));
    assert_eq!(team.directory.append(&forked), Err(Code::DirectoryFork));
    let mut elsewhere = header(&team.directory, &keys(1), 91);
    elsewhere.space = SpaceId::new([4; 16]);
    let elsewhere = keys(1).sign_envelope(elsewhere, sync_core::protocol::to_cbor(&Op::Renew));
    assert_eq!(team.directory.append(&elsewhere), Err(Code::DirectoryForged));
    let mut broken = team.entry(1, &Op::Renew);
    broken.sig[3] ^= 1;
    assert_eq!(team.directory.append(&broken), Err(Code::DirectoryForged));
    assert_eq!(team.directory.len(), 2);
    let other = Directory::new(sync_core::ids::TeamId::new([1; 32]));
    assert_eq!(other.head_at(0), Some(EnvelopeId::new([0; 32])));
}

#[test]
fn a_batch_of_devices_is_all_or_none_and_each_its_members_first() {
    let mut team = Paper::new();
    for seed in [2, 3] {
        team.enter(1, &member(seed, &[], false)).unwrap();
    }
    let new = |member: u8, keys_of: u8| NewDevice {
        member: id(member),
        verify_key: keys(keys_of).verify_key().into(),
        seal_key: keys(keys_of).seal_key().into(),
        class: DeviceClass::Native,
        seal_key_2: None,
    };
    for (devices, code) in [
        (vec![new(2, 2), new(2, 3)], Code::DeviceExists),
        (vec![new(2, 2), new(3, 2)], Code::DeviceExists),
        (vec![new(2, 2), new(1, 3)], Code::DeviceExists),
        (vec![new(2, 2), new(9, 3)], Code::NoSuchMember),
        (vec![new(2, 2), new(3, 1)], Code::DeviceExists),
    ] {
        assert_eq!(team.enter(1, &Op::Devices { devices }), Err(code));
        assert!(team.directory.device(&keys(2).device_id()).is_none());
    }
    team.enter(1, &Op::Devices { devices: vec![new(2, 2), new(3, 3)] }).unwrap();
    assert_eq!(team.directory.devices().count(), 3);
}

#[test]
fn holds_releases_and_wipes_are_answered_for_their_length() {
    let mut team = Paper::new();
    let (space, doc, item) = (SpaceId::new([5; 16]), DocId::new([6; 16]), EnvelopeId::new([7; 32]));
    team.enter(1, &Op::Hold { space, doc, held: true }).unwrap();
    team.enter(1, &Op::Hold { space, doc, held: false }).unwrap();
    team.enter(1, &Op::Release { items: vec![item] }).unwrap();
    let directory = &team.directory;
    let held: Vec<bool> = (1..=3).map(|seq| directory.is_held(space, doc, seq)).collect();
    assert_eq!(held, [false, true, false]);
    assert!(!directory.has_released(&item, 3) && directory.has_released(&item, 4));
    let own = keys(1).device_id();
    assert_eq!(team.enter(1, &Op::Wipe { device: own }), Err(Code::NotAllowed), "it is listed");
    assert_eq!(team.directory.wipe_order(&own), None);
}

#[test]
fn a_wipe_concerns_removed_devices_alone_and_the_first_order_for_one_stands() {
    let mut team = Paper::new();
    for member_no in [2, 3] {
        team.enter(1, &member(member_no, &[], false)).unwrap();
        team.enter(1, &device(member_no, member_no, DeviceClass::Native)).unwrap();
    }
    let (own, other) = (keys(2).device_id(), keys(3).device_id());
    let wipe = Some(true);
    team.enter(1, &Op::Remove { member: id(2), device: None, last: Vec::new(), wipe }).unwrap();
    let order = team.directory.wipe_order(&own).unwrap();
    assert_eq!(order.id, team.directory.head());
    team.enter(1, &Op::Wipe { device: own }).unwrap();
    assert_eq!(team.directory.wipe_order(&own), Some(order), "it acknowledges the first");
    assert_eq!(team.directory.wipe_order(&other), None);
    assert_eq!(team.enter(1, &Op::Wipe { device: other }), Err(Code::NotAllowed));
    // Its keys are never listed again, so that no old order ever meets a listed device.
    team.enter(1, &member(4, &[], false)).unwrap();
    assert_eq!(team.enter(1, &device(4, 2, DeviceClass::Native)), Err(Code::DeviceExists));
}

#[test]
fn the_day_of_the_last_entry_is_told_beside_the_latest_day() {
    let mut team = Paper::new();
    let mut ahead = header(&team.directory, &keys(1), 50);
    ahead.day = Day(30_000);
    let ahead = keys(1).sign_envelope(ahead, sync_core::protocol::to_cbor(&Op::Renew));
    team.directory.append(&ahead).unwrap();
    team.enter(1, &Op::Renew).unwrap();
    assert_eq!((team.directory.signed(), team.directory.last_day()), (Day(30_000), Day(20_000)));
}

#[test]
fn a_listing_whose_second_sealing_key_nothing_can_be_sealed_to_is_refused() {
    let genuine = keys(2).seal_key_2().expect("keys of today have one");
    // Too short, too long, another suite's; ML-KEM coefficients beyond its modulus.
    let short = genuine[..genuine.len() - 1].to_vec();
    let long = [genuine.as_slice(), &[0]].concat();
    let other = keys(2).seal_key().to_vec();
    let beyond = [&[0xff; 1_184], &genuine[1_184..]].concat();
    let mut team = Paper::new();
    for seed in [2, 3] {
        team.enter(1, &member(seed, &[], false)).unwrap();
    }
    let listings = |key: Option<Vec<u8>>| {
        let seal_key_2 = key.map(Into::into);
        let (verify_key, seal_key) = (keys(2).verify_key().into(), keys(2).seal_key().into());
        let class = DeviceClass::Native;
        let new = NewDevice {
            member: id(2),
            verify_key,
            seal_key,
            class,
            seal_key_2: seal_key_2.clone(),
        };
        let batch = Op::Devices { devices: vec![new] };
        let own =
            RecoveryKey { verify_key, seal_key, shares: vec![], seal_key_2: seal_key_2.clone() };
        let recovery = Op::Recovery { member: id(1), key: Some(own) };
        [Op::Device { member: id(2), verify_key, seal_key, class, seal_key_2 }, batch, recovery]
    };
    for (at, key) in [Vec::new(), short, long, other, beyond].into_iter().enumerate() {
        for op in listings(Some(key.clone())) {
            assert_eq!(team.enter(1, &op), Err(Code::Malformed), "key {at}");
        }
        assert_eq!(Paper::founded_with(Some(key)).err(), Some(Code::Malformed), "key {at}");
    }
    assert_eq!(team.directory.devices().count(), 1);
    assert!(Paper::founded_with(Some(genuine.clone())).is_ok());
    for (op, at) in listings(Some(genuine)).into_iter().zip(0..) {
        let mut team = team.clone();
        assert_eq!(team.enter(1, &op), Ok(()), "listing {at}");
    }
}
