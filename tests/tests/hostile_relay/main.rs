//! A relay that lies, with the real relay's key and database: phones refuse, raise the right alarm, lose nothing,
//! and go on once an honest relay answers again.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod directory;
mod log;
mod verdicts;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sync_core::crypto::{DeviceKeys, EpochSecret};
use sync_core::directory::Op;
use sync_core::engine::NewMember;
use sync_core::ids::{Chain, DocId, EnvelopeId, MemberId, RelayId, SpaceId};
use sync_core::protocol::{
    Code, Day, Envelope, EpochBody, Kind, Priority, PushResult, ReaderBody, SpaceBody, SpaceItem,
    SpaceItems, SpaceOwner, Suite, SyncRequest, SyncResponse, Timestamp, Verdict, WrapBody,
    from_cbor, next_chain, to_cbor,
};
use sync_core::records::{DeviceClass, PolicyProfile, Role, SpaceKind, Value};
use tests::hostile::{
    Rogue, alarms, directory, entry, lie, open_answer, open_space, relay_keys, sign_answer, take,
};
use tests::messages::empty_response;
use tests::{World, text, unpack};

fn county() -> World {
    let staff =
        [("amy", Role::PeerSupporter), ("bo", Role::FacilitatorMhp), ("cleo", Role::Coordinator)];
    World::staffed(7, PolicyProfile::neutral(), &staff)
}

/// What a phone would push next, without sending it.
fn pushed(world: &mut World, name: &str) -> Vec<Envelope> {
    let (body, _) = world.request(name);
    let request: SyncRequest = from_cbor(&unpack(&body)).unwrap();
    request.push.iter().map(|packed| request.batch.unpack(packed).unwrap()).collect()
}

fn pending(world: &mut World, name: &str) -> u64 {
    world.on(name, |phone, _| phone.status()).unwrap().pending
}

/// Recomputes the chain of a log page after it was altered.
fn rechain(response: &mut SyncResponse, at: usize, from: Chain, start: u64) {
    let batch = response.batch.clone();
    let items = &mut response.spaces[at];
    items.chain = items.items.iter().fold(from, |chain, item| match item {
        SpaceItem::Envelope { directory_seq, row_day, packed } => {
            next_chain(chain, batch.claimed_id(packed).unwrap(), *directory_seq, *row_day)
        }
        SpaceItem::Own { directory_seq, row_day, id }
        | SpaceItem::Stub { directory_seq, row_day, id, .. } => {
            next_chain(chain, *id, *directory_seq, *row_day)
        }
    });
    items.seq = start + items.items.len() as u64;
}

/// Where a phone stands in a space's log.
fn cursor(world: &mut World, name: &str, space: SpaceId) -> (u64, Chain) {
    world.on(name, |phone, _| phone.drill_cursor(space)).unwrap()
}

/// Serves one envelope as the next item of a space's log.
fn serve(
    world: &mut World,
    name: &str,
    space: SpaceId,
    envelope: &Envelope,
) -> Result<sync_core::engine::SyncOutcome, Code> {
    let (seq, chain) = cursor(world, name, space);
    let (directory_seq, row_day) = (directory(world).len(), world.now().day());
    lie(world, name, |response| {
        let packed = response.batch.pack(envelope);
        response.spaces.retain(|items| items.space != space);
        response.spaces.push(SpaceItems {
            space,
            items: vec![SpaceItem::Envelope { directory_seq, row_day, packed }],
            seq: seq + 1,
            chain: next_chain(chain, envelope.id(), directory_seq, row_day),
            more: false,
        });
    })
}

/// A sealed space announced with these keys, whoever they belong to, and the secret of its first epoch.
fn forged_space(
    world: &World,
    keys: &DeviceKeys,
    kind: SpaceKind,
    owner: SpaceOwner,
    readers: &[MemberId],
) -> Envelope {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let (_, public) = EpochSecret::generate(Suite::X25519, &mut rng);
    let body = to_cbor(&SpaceBody {
        kind: kind as u8,
        owner,
        readers: readers.to_vec(),
        suite: Suite::X25519,
        epoch_key: public.into(),
        wraps: Vec::new(),
    });
    let mut header = sync_core::protocol::Header {
        kind: Kind::Space,
        priority: Priority::Structure,
        schema: 0,
        record: 0,
        space: SpaceId::ZERO,
        doc: DocId::ZERO,
        device: keys.device_id(),
        device_seq: 1,
        actor_no: 0,
        day: world.now().day(),
        directory_seq: directory(world).len(),
        directory_hash: directory(world).head(),
        body_hash: [0; 32],
    };
    header.set_body(&body);
    header.space = header.derived_space();
    keys.sign_envelope(header, body)
}
