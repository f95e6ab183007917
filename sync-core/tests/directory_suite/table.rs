//! Every operation, by every signer, with every set of approvals, in teams of one, two and three admins.
//!
//! What must happen is written down here in its own words, not asked of the table in the code.

use sync_core::directory::{Approval, Approver, Guest, NewDevice, Op};
use sync_core::ids::{DocId, EnvelopeId, RelayId, SpaceId};
use sync_core::protocol::{Code, Day};
use sync_core::records::{DeviceClass, PolicyProfile, Role};

use super::people::{Paper, approval, approved, device, id, keys, member, recovery};

// Members 1..3 are admins with native devices of the keys of the same number.
/// Admin 1's web device.
const WEB: u8 = 11;
/// A peer supporter, and their device.
const PEER: u8 = 20;
/// An admin who was removed, and their device.
const REMOVED: u8 = 30;
/// A peer supporter who was removed, and their device.
const REMOVED_PEER: u8 = 31;
/// Nobody's keys.
const STRANGER: u8 = 40;
/// A guest without a device.
const GUEST: u8 = 50;
/// A member without a device.
const BARE: u8 = 60;
/// The peer supporter's recovery key.
const RECOVERY: u8 = 70;
/// Used before.
const SPENT: u8 = 200;

fn team(admins: u8) -> Paper {
    let mut team = Paper::new();
    let limits = Some(Guest { until: Day(20_010), spaces: vec![3] });
    let mut guest = member(GUEST, &[Role::Responder], false);
    if let Op::Member { guest, .. } = &mut guest {
        *guest = limits;
    }
    team.enter(1, &member(PEER, &[Role::PeerSupporter], false)).unwrap();
    team.enter(1, &device(PEER, PEER, DeviceClass::Native)).unwrap();
    team.enter(1, &guest).unwrap();
    team.enter(1, &member(BARE, &[], false)).unwrap();
    let word = |team: &Paper, op: &Op| {
        let keys = keys(PEER);
        approval(team.directory.team(), [1; 16], op, Approver::Device(keys.device_id()), &keys)
    };
    let op = recovery(PEER, RECOVERY);
    let op = approved(&op, [1; 16], vec![word(&team, &op)]);
    team.enter(1, &op).unwrap();
    team.enter(1, &approved(&Op::Renew, [SPENT; 16], Vec::new())).unwrap();
    let web = device(1, WEB, DeviceClass::Web);
    team.enter_with(1, &[1], 2, &web).unwrap();
    team.enter(1, &member(REMOVED, &[], true)).unwrap();
    team.enter(1, &device(REMOVED, REMOVED, DeviceClass::Native)).unwrap();
    team.enter(1, &Op::Remove { member: id(REMOVED), device: None, last: Vec::new(), wipe: None })
        .unwrap();
    team.enter(1, &member(REMOVED_PEER, &[], false)).unwrap();
    team.enter(1, &device(REMOVED_PEER, REMOVED_PEER, DeviceClass::Native)).unwrap();
    let (member_id, last) = (id(REMOVED_PEER), Vec::new());
    team.enter(1, &Op::Remove { member: member_id, device: None, last, wipe: None }).unwrap();
    for admin in 2..=admins {
        let op = member(admin, &[], true);
        let others: Vec<u8> = (2..admin).collect();
        team.enter_with(1, &others, 10 + admin, &op).unwrap();
        team.enter(1, &device(admin, admin, DeviceClass::Native)).unwrap();
    }
    assert_eq!(team.directory.admins().count(), usize::from(admins));
    team
}

/// What an operation needs, in words of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// One admin's device.
    One,
    /// A second admin, if there is one.
    Second,
    /// It concerns this admin, whose own word does not count.
    Against(u8),
    /// One of this member's devices, or their recovery key.
    Vouched(u8),
    /// Both: the member's word and a second admin.
    VouchedAndSecond(u8),
}

fn guest_until(until: u32, spaces: &[u8]) -> Op {
    Op::Member {
        member: id(GUEST),
        roles: vec![Role::Responder],
        admin: false,
        unit: None,
        supervises: Vec::new(),
        guest: Some(Guest { until: Day(until), spaces: spaces.to_vec() }),
        last: None,
    }
}

fn operations(admins: u8) -> Vec<(&'static str, Op, Rule)> {
    use Rule::{Against, One, Second, Vouched, VouchedAndSecond};
    let batch = |members: &[(u8, u8)]| Op::Devices {
        devices: members
            .iter()
            .map(|(member, keys_of)| NewDevice {
                member: id(*member),
                verify_key: keys(*keys_of).verify_key().into(),
                seal_key: keys(*keys_of).seal_key().into(),
                class: DeviceClass::Native,
                seal_key_2: None,
            })
            .collect(),
    };
    let removal = |member, wipe| {
        let member = id(member);
        Op::Remove { member, device: None, last: Vec::new(), wipe }
    };
    let remove = |member| removal(member, None);
    let mut all = vec![
        ("a responder", member(99, &[Role::Responder], false), One),
        ("a staff member", member(99, &[Role::Coordinator], false), Second),
        ("an admin", member(99, &[], true), Second),
        ("a wider role", member(PEER, &[Role::PeerSupporter, Role::Chaplain], false), Second),
        ("a peer made admin", member(PEER, &[Role::PeerSupporter], true), Second),
        ("a narrower role", member(PEER, &[], false), One),
        (
            "a role beside staff",
            member(PEER, &[Role::PeerSupporter, Role::RelayOperator], false),
            One,
        ),
        ("a longer guest", guest_until(20_011, &[3]), Second),
        ("a wider guest", guest_until(20_010, &[3, 2]), Second),
        ("a guest for good", member(GUEST, &[Role::Responder], false), Second),
        ("a shorter guest", guest_until(20_009, &[3]), One),
        ("a first device", device(BARE, 61, DeviceClass::Native), One),
        ("first devices", batch(&[(BARE, 61), (GUEST, 51)]), One),
        ("a further device", device(PEER, 21, DeviceClass::Native), Vouched(PEER)),
        ("a peer removed", remove(PEER), One),
        ("a recovery key", recovery(PEER, 71), VouchedAndSecond(PEER)),
        ("no recovery key", Op::Recovery { member: id(PEER), key: None }, VouchedAndSecond(PEER)),
        ("a release", Op::Release { items: vec![EnvelopeId::new([1; 32])] }, One),
        ("a wipe", Op::Wipe { device: keys(REMOVED_PEER).device_id() }, One),
        ("a wipe of an admin's", Op::Wipe { device: keys(REMOVED).device_id() }, Against(REMOVED)),
        ("a peer removed and wiped", removal(PEER, Some(true)), One),
        ("a hold", Op::Hold { space: SpaceId::new([1; 16]), doc: DocId::ZERO, held: true }, One),
        ("a policy", Op::Policy { profile: PolicyProfile::neutral() }, Second),
        ("a relay", Op::Relay { relay: RelayId::new([9; 32]) }, One),
        ("a renewal", Op::Renew, One),
    ];
    for admin in 1..=admins {
        all.push(("an admin removed", remove(admin), Against(admin)));
        all.push(("an admin removed and wiped", removal(admin, Some(true)), Against(admin)));
        all.push(("an admin no more", member(admin, &[], false), Against(admin)));
        let device = Some(keys(admin).device_id());
        let one = Op::Remove { member: id(admin), device, last: Vec::new(), wipe: None };
        all.push(("an admin's device removed", one, Against(admin)));
    }
    all
}

/// Further signatures under an entry: by the keys, as genuine or not.
const SIGNATURES: &[(&str, &[u8], bool)] = &[
    ("none", &[], true),
    ("the first admin", &[1], true),
    ("a second admin", &[2], true),
    ("a third admin", &[3], true),
    ("a second admin twice", &[2, 2], true),
    ("the second and the third", &[2, 3], true),
    ("the first admin's web device", &[WEB], true),
    ("the peer's device", &[PEER], true),
    ("the peer's recovery key", &[RECOVERY], true),
    ("the peer and a second admin", &[PEER, 2], true),
    ("the peer's recovery key and a second admin", &[RECOVERY, 2], true),
    ("a removed admin", &[REMOVED], false),
    ("a stranger", &[STRANGER], false),
    ("a second admin and a stranger", &[2, STRANGER], false),
];

fn owner(key: u8) -> u8 {
    match key {
        WEB => 1,
        RECOVERY => PEER,
        other => other,
    }
}

fn word(team: &Paper, nonce: [u8; 16], op: &Op, key: u8) -> Approval {
    let by = match key {
        RECOVERY => Approver::Recovery(id(PEER)),
        device => Approver::Device(keys(device).device_id()),
    };
    approval(team.directory.team(), nonce, op, by, &keys(key))
}

fn expected(admins: u8, signer: u8, rule: Rule, by: &[u8], genuine: bool) -> Result<(), Code> {
    if !(1..=admins).contains(&signer) {
        return Err(Code::DirectoryForged);
    }
    let unknown = by.iter().any(|key| (1..=3).contains(key) && *key > admins);
    // A recovery key's word counts for a new device of its member, and for nothing else.
    let misplaced = by.contains(&RECOVERY) && !matches!(rule, Rule::Vouched(_));
    if !genuine || unknown || misplaced {
        return Err(Code::ApprovalInvalid);
    }
    let mut signed: Vec<u8> =
        by.iter().filter(|key| (1..=admins).contains(*key)).copied().collect();
    signed.push(signer);
    signed.sort_unstable();
    signed.dedup();
    let enough = |without: Option<u8>| {
        let counted = signed.iter().filter(|admin| Some(**admin) != without).count();
        // Whoever was removed is not among them any more.
        let concerned = without.is_some_and(|admin| admin <= admins);
        let there = usize::from(admins) - usize::from(concerned);
        counted >= there.clamp(1, 2)
    };
    let vouched = |member: u8| by.iter().chain([&signer]).any(|key| owner(*key) == member);
    let fine = match rule {
        Rule::One => true,
        Rule::Second => enough(None),
        Rule::Against(admin) => enough(Some(admin)),
        Rule::Vouched(member) => vouched(member),
        Rule::VouchedAndSecond(member) => vouched(member) && enough(None),
    };
    if fine { Ok(()) } else { Err(Code::NeedsApproval) }
}

#[test]
fn every_operation_takes_exactly_the_signatures_that_the_table_asks_for() {
    let mut judged = 0;
    for admins in 1..=3 {
        let team = team(admins);
        for (name, op, rule) in operations(admins) {
            for signer in [1, 2, 3, WEB, PEER, REMOVED, STRANGER] {
                for (by, signatures, genuine) in SIGNATURES {
                    let words = signatures.iter().map(|key| word(&team, [3; 16], &op, *key));
                    let mut team = team.clone();
                    let (length, head) = (team.directory.len(), team.directory.head());
                    let entry = approved(&op, [3; 16], words.collect());
                    let found = team.enter(signer, &entry);
                    let must = expected(admins, signer, rule, signatures, *genuine);
                    let case = format!("{admins} admins: {name} by {signer}, approved by {by}");
                    assert_eq!(found, must, "{case}");
                    if found.is_err() {
                        assert_eq!((team.directory.len(), team.directory.head()), (length, head));
                    }
                    if signatures.is_empty() {
                        let mut bare = self::team(admins);
                        assert_eq!(bare.enter(signer, &op), must, "{case}, as it is");
                    }
                    judged += 1;
                }
            }
        }
    }
    assert!(judged > 6_000, "{judged}");
}

#[test]
fn an_approval_counts_once_for_its_own_bytes_nonce_and_team_only() {
    let op = member(99, &[Role::Coordinator], false);
    let other = member(98, &[Role::Coordinator], false);
    let team = team(2);
    let genuine = word(&team, [3; 16], &op, 2);
    let mut elsewhere = Paper::new();
    elsewhere.enter(1, &Op::Renew).unwrap();
    let by = Approver::Device(keys(2).device_id());
    let foreign = sync_core::ids::TeamId::new([8; 32]);
    let wrong = [
        approved(&other, [3; 16], vec![genuine.clone()]),
        approved(&op, [4; 16], vec![genuine.clone()]),
        approved(&op, [3; 16], vec![approval(foreign, [3; 16], &op, by, &keys(2))]),
        approved(&op, [3; 16], vec![approval(team.directory.team(), [3; 16], &op, by, &keys(1))]),
        approved(&op, [SPENT; 16], vec![word(&team, [SPENT; 16], &op, 2)]),
    ];
    for entry in wrong {
        assert_eq!(team.clone().enter(1, &entry), Err(Code::ApprovalInvalid));
    }
    let mut team = team;
    let entry = approved(&op, [3; 16], vec![genuine]);
    assert_eq!(team.enter(1, &entry), Ok(()));
    assert_eq!(team.enter(1, &entry), Err(Code::ApprovalInvalid), "the nonce is spent");
    assert_eq!(team.enter(2, &entry), Err(Code::ApprovalInvalid), "for every admin");
    for inner in [
        approved(&op, [5; 16], Vec::new()),
        Op::Genesis {
            nonce: [7; 16].into(),
            member: id(1),
            roles: Vec::new(),
            verify_key: keys(1).verify_key().into(),
            seal_key: keys(1).seal_key().into(),
            profile: PolicyProfile::neutral(),
            seal_key_2: None,
        },
    ] {
        assert_eq!(team.enter(1, &approved(&inner, [6; 16], Vec::new())), Err(Code::Malformed));
    }
}
