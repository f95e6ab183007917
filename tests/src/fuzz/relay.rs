//! What an enrolled phone that obeys nothing does to a relay, and a relay that lies to a phone.

use std::cell::RefCell;

use rand_chacha::rand_core::Rng as _;
use sync_core::doc::Edit;
use sync_core::engine::{Store as _, Table};
use sync_core::ids::DocId;
use sync_core::protocol::{Kind, SignedAnswer, Verdict, answer_to_sign, to_cbor};
use sync_core::records::{DocType, FieldOp, PolicyProfile, Role, Scalar, SpaceKind, Value};
use sync_core::store::MemoryStore;

use super::Stage;
use super::script::{alter, alter_change, choose};
use crate::failing::rows;
use crate::hostile::{Rogue, open_answer, open_space, relay_keys, relay_state, take};
use crate::{World, pack};

/// A team at work, with a phone that obeys nothing among them.
struct Scene {
    world: World,
    rogue: Rogue,
    theirs: DocId,
}

const LASTS: usize = 200;

thread_local! {
    static PUSHED: RefCell<Stage<Scene>> = const { Stage::lasting(LASTS) };
    static REQUEST: RefCell<Stage<Scene>> = const { Stage::lasting(LASTS) };
    static ANSWER: RefCell<Stage<Asking>> = const { Stage::lasting(LASTS) };
}

fn scene() -> Scene {
    let staff = [("amy", Role::PeerSupporter)];
    let mut world = World::staffed(9, PolicyProfile::neutral(), &staff);
    let theirs = world.incident("amy");
    world.contact("amy", 40);
    let rogue = Rogue::enrol(&mut world, 99, &[Role::PeerSupporter], false);
    world.sync_all();
    Scene { world, rogue, theirs }
}

impl Scene {
    /// Whatever was done, amy goes on working and her record is as it was.
    fn goes_on(&mut self) {
        let severity = Value::Int(3);
        self.world.edit("amy", self.theirs, &[("severity", severity.clone())]);
        self.world.sync("amy");
        assert_eq!(self.world.shown("amy", self.theirs, "severity"), Some(severity));
        let at_relay = relay_state(&self.world);
        let place = at_relay.iter().find(|((_, doc), _)| doc == self.theirs.as_bytes());
        assert!(place.is_some_and(|(_, (fields, _))| fields.contains("severity")));
        self.world.edit("amy", self.theirs, &[("severity", Value::Int(2))]);
        self.world.sync("amy");
    }
}

/// A change altered in its body, signed by a phone that is in the team: stored only if it is sound.
pub fn pushed(bytes: &[u8]) {
    let (number, script) = choose(bytes);
    PUSHED.with_borrow_mut(|stage| {
        stage.on(scene, |scene| {
            let part = DocType::by_number(10).expect("incidents");
            let space = open_space(&scene.world, SpaceKind::Operations, None);
            let mut doc = [7; 16];
            scene.rogue.rng.fill_bytes(&mut doc);
            let doc = DocId::new(doc);
            let fields = [
                FieldOp::Put("area".into(), Scalar::Str("north".into())),
                FieldOp::Put("type.failed_rescue".into(), Scalar::Bool(true)),
                FieldOp::Put("occurred_end".into(), Scalar::Int(1_772_000_000_000)),
            ];
            let edit = Edit::Fields(&fields);
            let sound = scene.rogue.change(&scene.world, (space, doc), part, None, &edit);
            let mut header = sound.header;
            // Some under another device's or record's name.
            if number % 8 == 1 {
                header.record = header.record.wrapping_add(number as u16);
            }
            if number % 8 == 2 {
                header.kind = Kind::Sealed;
            }
            let body = alter_change(&sound.body, script);
            let envelope = scene.rogue.keys.sign_envelope(header, body);
            if let Ok(response) = scene.rogue.exchange(&scene.world, &[envelope]) {
                let verdict = response.results.first().map(|result| result.verdict);
                if verdict == Some(Verdict::Stored) && header.record == 10 {
                    scene.world.sync("amy");
                    let opens = scene.world.on("amy", |phone, _| phone.show(doc));
                    assert!(opens.is_ok(), "what the relay stored, a phone shows");
                }
            }
            scene.goes_on();
        });
    });
}

/// A request altered anywhere, with a genuine token for it.
pub fn request(bytes: &[u8]) {
    let (packed, script) = choose(bytes);
    REQUEST.with_borrow_mut(|stage| {
        stage.on(scene, |scene| {
            let (body, _) = scene.world.request("amy");
            let genuine = crate::unpack(&body);
            // Half of them inside, half of them as they travel.
            let body =
                if packed % 2 == 0 { pack(&alter(&genuine, script)) } else { alter(&body, script) };
            let token =
                scene.world.on("amy", |phone, env| phone.token(env, &body)).expect("a token");
            let _ = scene.world.relay.sync(&token, &body);
            let _ = scene.world.relay.reconcile(&token, &body);
            let _ = scene.world.relay.enrol(&body);
            scene.goes_on();
        });
    });
}

/// A phone that is given answers, and what it holds before each.
struct Asking {
    scene: Scene,
    before: Vec<(Table, Vec<u8>, Vec<u8>)>,
}

impl Asking {
    fn new() -> Self {
        let mut world = World::staffed(9, PolicyProfile::neutral(), &[("bo", Role::PeerSupporter)]);
        let mut store = MemoryStore::new();
        world.join_on("amy", &[Role::PeerSupporter], Box::new(store.clone()));
        let theirs = world.incident("amy");
        world.contact("amy", 40);
        world.sync_all();
        // Something for the phone to send, and something to fetch.
        world.contact("amy", 20);
        world.edit("bo", theirs, &[("severity", Value::Int(3))]);
        world.incident("bo");
        world.sync("bo");
        let rogue = Rogue::with_keys(relay_keys(&world), world.member("bo"), 9);
        let before = rows(&mut store);
        Asking { scene: Scene { world, rogue, theirs }, before }
    }

    fn put_back(&mut self) {
        let mut store = MemoryStore::new();
        let mut tx = store.begin().expect("an empty store");
        for (table, key, value) in &self.before {
            tx.put(*table, key, value).expect("room");
        }
        tx.commit().expect("kept");
        self.scene.world.reopen("amy", || Box::new(store));
    }
}

/// An answer altered anywhere, signed by the relay: the phone takes it or refuses it, and what it holds stays open.
pub fn answer(bytes: &[u8]) {
    ANSWER.with_borrow_mut(|stage| {
        stage.on(Asking::new, |asking| {
            asking.put_back();
            let Scene { world, rogue: relay, theirs } = &mut asking.scene;
            let (body, token) = world.request("amy");
            let answer = world.relay.sync(&token, &body).expect("a genuine request");
            let (_, response) = open_answer(&answer);
            let answer = alter(&to_cbor(&response), bytes);
            let sig = relay.keys.sign(&answer_to_sign(&body, &answer)).into();
            let signed = to_cbor(&SignedAnswer { answer: answer.into(), sig });
            let _ = take(world, "amy", &body, &signed);
            let theirs = *theirs;
            let shown = world.on("amy", |phone, _| phone.show(theirs));
            assert!(shown.is_ok(), "no relay takes away what a phone holds: {shown:?}");
            // What it says next can still be asked and answered.
            let _ = world.try_request("amy");
        });
    });
}
