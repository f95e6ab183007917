//! The rule that tells what a removed or narrowed device wrote before from what came after, as a table.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sync_core::crypto::DeviceKeys;
use sync_core::directory::{Directory, Op};
use sync_core::gates;
use sync_core::ids::{DocId, EnvelopeId, MemberId, SpaceId, TeamId};
use sync_core::protocol::{Accepted, Code, Day, Envelope, Header, Kind, Priority, to_cbor};
use sync_core::records::{DeviceClass, PolicyProfile, Role};

struct Founder {
    keys: DeviceKeys,
    directory: Directory,
}

fn header(keys: &DeviceKeys, space: SpaceId, number: u64, seen: (u64, EnvelopeId)) -> Header {
    Header {
        kind: Kind::Directory,
        priority: Priority::First,
        schema: 0,
        record: 0,
        space,
        doc: DocId::ZERO,
        device: keys.device_id(),
        device_seq: number,
        actor_no: 0,
        day: Day(20_000),
        directory_seq: seen.0,
        directory_hash: seen.1,
        body_hash: [0; 32],
    }
}

impl Founder {
    fn new() -> Founder {
        let keys = DeviceKeys::generate(&mut ChaCha20Rng::seed_from_u64(1));
        let body = to_cbor(&Op::Genesis {
            nonce: [1; 16].into(),
            member: MemberId::new([1; 16]),
            roles: Vec::new(),
            verify_key: keys.verify_key().into(),
            seal_key: keys.seal_key().into(),
            profile: PolicyProfile::neutral(),
            seal_key_2: None,
        });
        let none = (0, EnvelopeId::new([0; 32]));
        let genesis = keys.sign_envelope(header(&keys, SpaceId::ZERO, 1, none), body);
        let mut directory = Directory::new(TeamId::new(*genesis.id().as_bytes()));
        directory.append(&genesis).unwrap();
        Founder { keys, directory }
    }

    fn enter(&mut self, op: &Op) {
        let entry = tests::hostile::entry(&self.directory, &self.keys, op);
        self.directory.append(&entry).unwrap();
    }
}

#[test]
fn history_counts_up_to_the_accepted_number_and_later_items_only_when_released() {
    let mut founder = Founder::new();
    let theirs = DeviceKeys::generate(&mut ChaCha20Rng::seed_from_u64(2));
    let (member, space, other) =
        (MemberId::new([2; 16]), SpaceId::new([3; 16]), SpaceId::new([4; 16]));
    let device = theirs.device_id();
    let roles = |roles: &[Role], last| Op::Member {
        member,
        roles: roles.to_vec(),
        admin: false,
        unit: None,
        supervises: Vec::new(),
        guest: None,
        last,
    };
    let last = |device_seq| vec![Accepted { device, space, device_seq }];
    founder.enter(&roles(&[Role::PeerSupporter], None)); // 2
    founder.enter(&Op::Device {
        member,
        verify_key: theirs.verify_key().into(),
        seal_key: theirs.seal_key().into(),
        class: DeviceClass::Native,
        seal_key_2: None,
    }); // 3
    founder.enter(&roles(&[], Some(last(5)))); // 4: narrowed at number 5
    let write = |founder: &Founder, space, number, seen: u64| -> Envelope {
        let seen = (seen, founder.directory.head_at(seen).unwrap());
        theirs.sign_envelope(header(&theirs, space, number, seen), vec![number as u8])
    };
    let released = write(&founder, space, 12, 4);
    founder.enter(&Op::Remove { member, device: None, last: last(9), wipe: None }); // 5: removed at number 9
    founder.enter(&Op::Release { items: vec![released.id()] }); // 6

    let after = Err(Code::AfterRemoval);
    let wide = Ok(vec![Role::PeerSupporter]);
    let narrow = Ok(Vec::new());
    // Space, number, directory the author had seen, row's directory, and the author's roles where it is judged.
    for (place, number, seen, row, expected) in [
        (space, 1, 3, 3, &wide),   // accepted before anything happened
        (space, 5, 3, 3, &wide),   // the last number before the narrowing
        (space, 5, 3, 6, &wide),   // the same, pushed again to a relay that lost it
        (space, 3, 4, 6, &narrow), // a free number below it, used by one who had seen the narrowing
        (space, 6, 3, 4, &narrow), // written before the narrowing was seen, but not accepted before it
        (space, 6, 3, 3, &narrow), // the same, with an old row state claimed for it
        (space, 9, 4, 6, &narrow), // the last number before the removal
        (space, 10, 4, 5, &after),
        (space, 10, 4, 3, &after),  // back-dated
        (space, 1, 5, 6, &after),   // whoever had seen the removal wrote after it
        (other, 1, 3, 6, &after),   // nothing was accepted in that space
        (space, 12, 4, 6, &narrow), // released
    ] {
        let envelope = match number {
            12 => released.clone(),
            _ => write(&founder, place, number, seen),
        };
        let author = gates::authenticate(&envelope, &founder.directory, row);
        let found = author.map(|author| author.standing.roles.clone());
        assert_eq!(&found, expected, "number {number}, seen {seen}, row {row}");
    }
    // Whose word it is comes first: a removed device's key still tells a forgery.
    let forged = Envelope { sig: [7; 64], ..write(&founder, space, 10, 4) };
    let found = gates::authenticate(&forged, &founder.directory, 5).map(|author| author.id);
    assert_eq!(found, Err(Code::BadSignature));
}
