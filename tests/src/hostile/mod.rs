//! Adversaries for tests: an enrolled phone that obeys nothing, and a relay that lies.
//!
//! Both hold genuine keys: the phone's were let in by the real enrolment, the relay's are read from its
//! database. What they make is well signed, so that it is refused for what it is and not for how it was faked.

mod relay;

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sync_core::crypto::{self, DeviceKeys, DocumentKey, EpochSecret, SealKeys, SenderKey, token};
use sync_core::directory::{Directory, Op};
use sync_core::doc::{self, Edit};
use sync_core::engine::NewMember;
use sync_core::ids::{ActorId, DeviceId, DocId, EpochId, MemberId, SpaceId};
use sync_core::protocol::{
    Batch, Code, Cosign, Day, EnrolRequest, Envelope, Header, Invitation, Kind, Packed, Priority,
    PushResult, SpaceBody, SpaceOwner, Suite, SyncRequest, SyncResponse, Verdict, from_cbor,
    to_cbor,
};
use sync_core::records::{DocType, Role, SpaceKind};

pub use relay::{
    RelayState, alarms, as_before_keys, directory, directory_entries, lie, made_epochs,
    open_answer, open_space, readers_let_in, relay_keys, relay_state, sign_answer, take,
    wraps_at_relay,
};

use crate::messages::empty_request;
use crate::{ORIGIN, World, pack};

/// An enrolled phone that obeys nothing.
pub struct Rogue {
    /// Its genuine keys.
    pub keys: DeviceKeys,
    /// Whose phone it is.
    pub member: MemberId,
    /// Its randomness.
    pub rng: ChaCha20Rng,
    numbers: BTreeMap<SpaceId, u64>,
}

/// Enters a member and invites a device of theirs; nobody has answered yet.
pub fn invite(world: &mut World, roles: &[Role], admin: bool) -> Invitation {
    let new = NewMember { roles: roles.to_vec(), admin, ..NewMember::default() };
    let member = world.on("admin", |phone, env| phone.add_member(env, new)).expect("entered");
    world.sync("admin");
    let invitation = world.on("admin", |phone, env| phone.invite(env, member)).expect("invited");
    world.sync("admin");
    invitation
}

/// Answers an invitation with these public keys, whoever holds their secrets, and lets the admin's phone decide. A
/// second sealing key is that of suite 2.
pub fn answer_invitation(
    world: &mut World,
    invitation: &Invitation,
    verify_key: [u8; 32],
    seal_key: [u8; 32],
    seal_key_2: Option<&[u8]>,
) {
    let team = invitation.team;
    let both = SealKeys { first: &seal_key, second: seal_key_2 }.to_bytes();
    let request = EnrolRequest {
        team,
        lookup: crypto::invite::lookup(&invitation.secret),
        verify_key: verify_key.into(),
        seal_key: seal_key.into(),
        mac: crypto::invite::bind(&invitation.secret, team, &verify_key, &both, 0),
        class: None,
        proof: None,
        seal_key_2: seal_key_2.map(|key| key.to_vec().into()),
        recovery: None,
    };
    world.relay.enrol(&pack(&to_cbor(&request))).expect("the relay takes the answer");
    world.sync("admin");
}

/// The keys of a device that was set up before there was suite 2.
pub fn old_keys(rng: &mut ChaCha20Rng) -> DeviceKeys {
    let bytes = DeviceKeys::generate(rng).to_secret_bytes();
    DeviceKeys::from_secret_bytes(&bytes[..64]).expect("keys without suite 2")
}

impl Rogue {
    /// Enrols a new member's phone whose keys the test holds: the keys of both suites, as every phone has them.
    pub fn enrol(world: &mut World, seed: u64, roles: &[Role], admin: bool) -> Rogue {
        let invitation = invite(world, roles, admin);
        Self::enrol_by(world, seed, &invitation)
    }

    /// Somebody with these keys, listed or not.
    pub fn with_keys(keys: DeviceKeys, member: MemberId, seed: u64) -> Rogue {
        let rng = ChaCha20Rng::seed_from_u64(seed);
        Rogue { keys, member, rng, numbers: BTreeMap::new() }
    }

    /// As [`Rogue::enrol`], a phone that was set up before there was suite 2.
    pub fn enrol_old(world: &mut World, seed: u64, roles: &[Role], admin: bool) -> Rogue {
        let invitation = invite(world, roles, admin);
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let keys = old_keys(&mut rng);
        Self::enrol_with(world, keys, rng, &invitation)
    }

    /// Enrols a phone whose keys the test holds by an invitation that was made before.
    pub fn enrol_by(world: &mut World, seed: u64, invitation: &Invitation) -> Rogue {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let keys = DeviceKeys::generate(&mut rng);
        Self::enrol_with(world, keys, rng, invitation)
    }

    fn enrol_with(
        world: &mut World,
        keys: DeviceKeys,
        rng: ChaCha20Rng,
        invitation: &Invitation,
    ) -> Rogue {
        let second = keys.seal_key_2();
        let (verify_key, seal_key) = (keys.verify_key(), keys.seal_key());
        answer_invitation(world, invitation, verify_key, seal_key, second.as_deref());
        let listed = directory(world).device(&keys.device_id()).expect("it was let in");
        assert_eq!(listed.seal_keys().second, second.as_deref(), "with the keys it has");
        Rogue { keys, member: invitation.member, rng, numbers: BTreeMap::new() }
    }

    /// The device.
    pub fn device(&self) -> DeviceId {
        self.keys.device_id()
    }

    /// The next header of this device in a space.
    pub fn header(&mut self, world: &World, kind: Kind, space: SpaceId) -> Header {
        let number = self.numbers.entry(space).or_default();
        *number += 1;
        let directory = directory(world);
        Header {
            kind,
            priority: priority_of(kind),
            schema: 0,
            record: 0,
            space,
            doc: DocId::ZERO,
            device: self.keys.device_id(),
            device_seq: *number,
            actor_no: 0,
            day: world.now().day(),
            directory_seq: directory.len(),
            directory_hash: directory.head(),
            body_hash: [0; 32],
        }
    }

    /// An envelope that concerns a space itself.
    pub fn structure(
        &mut self,
        world: &World,
        kind: Kind,
        space: SpaceId,
        body: Vec<u8>,
    ) -> Envelope {
        let header = self.header(world, kind, space);
        self.keys.sign_envelope(header, body)
    }

    /// A header of a document, as an app would write it.
    pub fn document(
        &mut self,
        world: &World,
        kind: Kind,
        space: SpaceId,
        doc: DocId,
        part: &DocType,
    ) -> Header {
        let header = self.header(world, kind, space);
        Header { schema: part.schema, record: part.number, doc, actor_no: 1, ..header }
    }

    /// An open change, written over `base` by the actor this device is entitled to.
    pub fn change(
        &mut self,
        world: &World,
        (space, doc): (SpaceId, DocId),
        part: &'static DocType,
        base: Option<&[u8]>,
        edit: &Edit<'_>,
    ) -> Envelope {
        let header = self.document(world, Kind::Change, space, doc, part);
        let change = doc::author(base, part, header.actor(), edit).expect("an edit");
        self.keys.sign_envelope(header, change.expect("it changes something"))
    }

    /// A sealed space, announced by this device with a key of its own making.
    pub fn space(&mut self, world: &World, body: &SpaceBody) -> Envelope {
        let body = to_cbor(body);
        let mut header = self.header(world, Kind::Space, SpaceId::ZERO);
        header.device_seq = 1;
        header.day.0 += self.numbers[&SpaceId::ZERO] as u32;
        header.set_body(&body);
        header.space = header.derived_space();
        self.numbers.insert(header.space, 1);
        self.keys.sign_envelope(header, body)
    }

    /// A genuine request that pushes these envelopes: body and token.
    pub fn request(&mut self, world: &World, batch: Batch, push: Vec<Packed>) -> (Vec<u8>, String) {
        let empty = self.empty_request(world);
        self.sealed_request(world, &SyncRequest { batch, push, ..empty })
    }

    fn empty_request(&self, world: &World) -> SyncRequest {
        empty_request(directory(world).team(), self.device(), world.now())
    }

    /// Sends a genuine request that says what is put into it, and reads the whole answer.
    pub fn ask(
        &mut self,
        world: &World,
        say: impl FnOnce(&mut SyncRequest),
    ) -> Result<SyncResponse, Code> {
        let mut request = self.empty_request(world);
        say(&mut request);
        let (body, token) = self.sealed_request(world, &request);
        let answer = world.relay.sync(&token, &body).map_err(|refusal| refusal.code)?;
        Ok(open_answer(&answer).1)
    }

    /// Any request, compressed, with a token for it.
    pub fn sealed_request(&mut self, world: &World, request: &SyncRequest) -> (Vec<u8>, String) {
        let body = pack(&to_cbor(request));
        let token = self.token(world, &body);
        (body, token)
    }

    /// A genuine token for any bytes.
    pub fn token(&mut self, world: &World, body: &[u8]) -> String {
        let audience = token::audience(ORIGIN, directory(world).team());
        token::mint(&self.keys, &audience, body, world.now(), &mut self.rng)
    }

    /// Pushes envelopes and reads the whole answer.
    pub fn exchange(&mut self, world: &World, push: &[Envelope]) -> Result<SyncResponse, Code> {
        self.ask(world, |request| {
            request.push = push.iter().map(|envelope| request.batch.pack(envelope)).collect();
        })
    }

    /// As an admin's phone: signs the entry of every change that waits for a second admin.
    pub fn cosign(&mut self, world: &mut World) {
        let waiting = self.exchange(world, &[]).expect("an answer").cosign.unwrap_or_default();
        let space = directory(world).space();
        for Cosign { op, nonce, approvals, .. } in waiting {
            let op = to_cbor(&Op::Approved { op, nonce, approvals });
            let entry = self.structure(world, Kind::Directory, space, op);
            assert_eq!(self.push(world, &[entry])[0].verdict, Verdict::Stored, "it is entered");
        }
        world.sync("admin");
    }

    /// Pushes envelopes and reads their results.
    pub fn push(&mut self, world: &World, push: &[Envelope]) -> Vec<PushResult> {
        self.exchange(world, push).expect("the request itself is genuine").results
    }
}

/// A sealed space of this device's making, with every key of it.
pub struct Keyed {
    /// The space.
    pub space: SpaceId,
    suite: Suite,
    epoch: EpochId,
    sender: SenderKey,
}

impl Rogue {
    /// Makes a sealed space whose key is wrapped for every device of its readers, and a sender key in it.
    pub fn keyed_space(
        &mut self,
        world: &World,
        kind: SpaceKind,
        owner: SpaceOwner,
        readers: &[MemberId],
    ) -> (Keyed, Vec<Envelope>) {
        let suite = Suite::X25519;
        let (secret, public) = EpochSecret::generate(suite, &mut self.rng);
        let (zero, directory) = (EpochId::new([0; 16]), directory(world));
        let mut wraps = Vec::new();
        for device in readers.iter().flat_map(|member| directory.devices_of(*member)) {
            let (id, key) = (device.id, device.seal_keys());
            wraps.push(secret.wrap_for(zero, &public, id, key, &mut self.rng).expect("wraps"));
        }
        let body = SpaceBody {
            kind: kind as u8,
            owner,
            readers: readers.to_vec(),
            suite,
            epoch_key: public.clone().into(),
            wraps,
        };
        let made = self.space(world, &body);
        let space = made.header.space;
        let epoch = EpochId::from_slice(&made.id().as_bytes()[..16]).expect("16 bytes");
        let sender = SenderKey::generate(&mut self.rng);
        let sealed =
            sender.seal(suite, space, epoch, &public, self.device(), &mut self.rng).expect("seals");
        let announced = self.structure(world, Kind::Sender, space, to_cbor(&sealed));
        (Keyed { space, suite, epoch, sender }, vec![made, announced])
    }

    /// A sender key of this device in the first epoch of somebody else's space, made from what is public.
    pub fn keyed_in(&mut self, world: &World, space: SpaceId) -> (Keyed, Envelope) {
        let made = made_epochs(world, space).remove(0);
        let body: SpaceBody = from_cbor(&made.body).expect("a space");
        let epoch = EpochId::from_slice(&made.id().as_bytes()[..16]).expect("16 bytes");
        let sender = SenderKey::generate(&mut self.rng);
        let (suite, device) = (body.suite, self.device());
        let sealed = sender.seal(suite, space, epoch, &body.epoch_key, device, &mut self.rng);
        let sealed = to_cbor(&sealed.expect("seals"));
        let announced = self.structure(world, Kind::Sender, space, sealed);
        (Keyed { space, suite, epoch, sender }, announced)
    }

    /// Seals any bytes as a change of a document.
    pub fn sealed(
        &mut self,
        world: &World,
        keyed: &Keyed,
        doc: DocId,
        part: &DocType,
        change: impl FnOnce(ActorId) -> Vec<u8>,
    ) -> Envelope {
        let header = self.document(world, Kind::Sealed, keyed.space, doc, part);
        let (suite, epoch, actor) = (keyed.suite, keyed.epoch, header.actor());
        let key = DocumentKey::generate(&mut self.rng);
        let wrapped = Some(key.wrap(&keyed.sender, doc, actor));
        let change = change(actor);
        let body =
            crypto::seal_change(&header, suite, epoch, &key, wrapped, &change, &mut self.rng);
        self.keys.sign_envelope(header, to_cbor(&body))
    }
}

fn priority_of(kind: Kind) -> Priority {
    match kind {
        Kind::Change => Priority::Open,
        Kind::Sealed => Priority::Sealed,
        Kind::Space | Kind::Reader | Kind::Epoch | Kind::Sender | Kind::Wrap => Priority::Structure,
        _ => Priority::First,
    }
}

/// A directory entry on top of the head, signed with these keys.
pub fn entry(directory: &Directory, keys: &DeviceKeys, op: &Op) -> Envelope {
    let header = Header {
        kind: Kind::Directory,
        priority: Priority::First,
        schema: 0,
        record: 0,
        space: directory.space(),
        doc: DocId::ZERO,
        device: keys.device_id(),
        device_seq: 1_000 + directory.len(),
        actor_no: 0,
        day: Day(20_000),
        directory_seq: directory.len(),
        directory_hash: directory.head(),
        body_hash: [0; 32],
    };
    keys.sign_envelope(header, to_cbor(op))
}
