//! A team on paper: its directory, everybody's keys, and entries signed by whomever a test wants.

use minicbor::bytes::ByteArray;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sync_core::crypto::DeviceKeys;
use sync_core::directory::{Approval, Approver, Directory, Op, RecoveryKey, approval_to_sign};
use sync_core::ids::{DocId, EnvelopeId, MemberId, SpaceId, TeamId};
use sync_core::protocol::{Code, Day, Envelope, Header, Kind, Priority, to_cbor};
use sync_core::records::{DeviceClass, PolicyProfile, Role};

/// Keys that the same seed makes again.
pub fn keys(seed: u8) -> DeviceKeys {
    DeviceKeys::generate(&mut ChaCha20Rng::seed_from_u64(u64::from(seed)))
}

/// A member's id.
pub fn id(seed: u8) -> MemberId {
    MemberId::new([seed; 16])
}

/// A member with these roles.
pub fn member(seed: u8, roles: &[Role], admin: bool) -> Op {
    Op::Member {
        member: id(seed),
        roles: roles.to_vec(),
        admin,
        unit: None,
        supervises: Vec::new(),
        guest: None,
        last: None,
    }
}

/// The device with the keys of `keys_of`, as one of the member `seed`.
pub fn device(seed: u8, keys_of: u8, class: DeviceClass) -> Op {
    let keys = keys(keys_of);
    let (verify_key, seal_key) = (keys.verify_key().into(), keys.seal_key().into());
    Op::Device { member: id(seed), verify_key, seal_key, class, seal_key_2: None }
}

/// A member's recovery key.
pub fn recovery(seed: u8, keys_of: u8) -> Op {
    let keys = keys(keys_of);
    let (verify_key, seal_key) = (keys.verify_key().into(), keys.seal_key().into());
    let key = RecoveryKey { verify_key, seal_key, shares: Vec::new(), seal_key_2: None };
    Op::Recovery { member: id(seed), key: Some(key) }
}

/// A team on paper.
#[derive(Clone)]
pub struct Paper {
    pub directory: Directory,
    number: u64,
}

/// A header on top of a directory.
pub fn header(directory: &Directory, keys: &DeviceKeys, number: u64) -> Header {
    Header {
        kind: Kind::Directory,
        priority: Priority::First,
        schema: 0,
        record: 0,
        space: if directory.is_empty() { SpaceId::ZERO } else { directory.space() },
        doc: DocId::ZERO,
        device: keys.device_id(),
        device_seq: number,
        actor_no: 0,
        day: Day(20_000),
        directory_seq: directory.len(),
        directory_hash: directory.head(),
        body_hash: [0; 32],
    }
}

/// A signature of approval.
pub fn approval(
    team: TeamId,
    nonce: [u8; 16],
    op: &Op,
    by: Approver,
    keys: &DeviceKeys,
) -> Approval {
    let sig = keys.sign(&approval_to_sign(team, &nonce, &to_cbor(op))).into();
    Approval { by, sig }
}

/// An operation with approvals.
pub fn approved(op: &Op, nonce: [u8; 16], approvals: Vec<Approval>) -> Op {
    Op::Approved { op: to_cbor(op).into(), nonce: ByteArray::from(nonce), approvals }
}

impl Paper {
    /// A team whose first admin is member 1 with the device of keys 1.
    pub fn new() -> Paper {
        Self::founded_with(None).unwrap()
    }

    /// As [`Paper::new`], the first device with this second sealing key.
    pub fn founded_with(seal_key_2: Option<Vec<u8>>) -> Result<Paper, Code> {
        let first = keys(1);
        let body = to_cbor(&Op::Genesis {
            nonce: [7; 16].into(),
            member: id(1),
            roles: Vec::new(),
            verify_key: first.verify_key().into(),
            seal_key: first.seal_key().into(),
            profile: PolicyProfile::neutral(),
            seal_key_2: seal_key_2.map(Into::into),
        });
        let empty = Directory::new(TeamId::new([0; 32]));
        let header =
            Header { directory_hash: EnvelopeId::new([0; 32]), ..header(&empty, &first, 1) };
        let genesis = first.sign_envelope(header, body);
        let mut directory = Directory::new(TeamId::new(*genesis.id().as_bytes()));
        directory.append(&genesis)?;
        Ok(Paper { directory, number: 1 })
    }

    /// The entry of an operation, on top of the directory.
    pub fn entry(&mut self, by: u8, op: &Op) -> Envelope {
        self.number += 1;
        let keys = keys(by);
        keys.sign_envelope(header(&self.directory, &keys, self.number), to_cbor(op))
    }

    /// Enters an operation signed with these keys.
    pub fn enter(&mut self, by: u8, op: &Op) -> Result<(), Code> {
        let entry = self.entry(by, op);
        self.directory.append(&entry)
    }

    /// Enters an operation that others sign too: by the admins' devices of these keys.
    pub fn enter_with(&mut self, by: u8, others: &[u8], nonce: u8, op: &Op) -> Result<(), Code> {
        let (team, nonce) = (self.directory.team(), [nonce; 16]);
        let words = others.iter().map(|other| {
            let keys = keys(*other);
            approval(team, nonce, op, Approver::Device(keys.device_id()), &keys)
        });
        let op = approved(op, nonce, words.collect());
        self.enter(by, &op)
    }
}
