//! A relay that is killed without warning while phones push, again and again: what it had acknowledged is there
//! afterwards, at the number and with the chain it told, and what was sent twice is there once.
//!
//! The relay is the built program in its own process, killed by the system; what it acknowledged is kept here,
//! outside of it. `AFTERCALL_KILLS` says how often it is killed, 200 times if it says nothing.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use server::serve::system_now;
use sync_core::client::HttpClient;
use sync_core::doc::Edit;
use sync_core::ids::{Chain, DocId, EnvelopeId, SpaceId};
use sync_core::protocol::{
    Batch, Day, Envelope, PushResult, SignedAnswer, SyncResponse, Verdict, from_cbor, next_chain,
};
use sync_core::records::{DocType, FieldOp, PolicyProfile, Role, Scalar, SpaceKind};
use tests::hostile::{Rogue, open_space};
use tests::program::{printed, program};
use tests::terminal::Relay;
use tests::{ORIGIN, World, often};

/// Requests that each phone has ready when the relay starts, and records in each.
const REQUESTS: usize = 4;
const RECORDS_EACH: usize = 2;

/// A phone that sends the same records until it is told what became of them.
struct Sending {
    rogue: Rogue,
    unanswered: VecDeque<Vec<Envelope>>,
}

/// Everything that was ever acknowledged: where it stands in the log.
type Acknowledged = BTreeMap<EnvelopeId, (u64, [u8; 32])>;

struct Scene {
    world: World,
    folder: tempfile::TempDir,
    operations: SpaceId,
    phones: Vec<Sending>,
    acknowledged: Acknowledged,
    rng: ChaCha20Rng,
}

fn incident_part() -> &'static DocType {
    DocType::by_number(10).unwrap()
}

impl Scene {
    fn new() -> Scene {
        let mut world = World::new(77, PolicyProfile::neutral());
        // The program has no clock but the machine's.
        world.wait_minutes((system_now().0 - world.now().0) / 60_000);
        world.sync("admin");
        let roles = [Role::PeerSupporter];
        let phones = (0..2).map(|n| Rogue::enrol(&mut world, 770 + n, &roles, false));
        let phones = phones
            .collect::<Vec<_>>()
            .into_iter()
            .map(|rogue| Sending { rogue, unanswered: VecDeque::new() })
            .collect();
        let folder = tempfile::tempdir().unwrap();
        world.while_stopped(|from, _| copy(from, folder.path()));
        let operations = open_space(&world, SpaceKind::Operations, None);
        let rng = ChaCha20Rng::seed_from_u64(78);
        Scene { world, folder, operations, phones, acknowledged: Acknowledged::new(), rng }
    }

    /// Gives every phone something to send, old things first.
    fn prepare(&mut self) {
        for phone in &mut self.phones {
            while phone.unanswered.len() < REQUESTS {
                let records = (0..RECORDS_EACH).map(|_| {
                    let mut doc = [0; 16];
                    self.rng.fill_bytes(&mut doc);
                    let fields = [
                        FieldOp::Put("area".into(), Scalar::Str("north".into())),
                        FieldOp::Put("type.failed_rescue".into(), Scalar::Bool(true)),
                        FieldOp::Put("occurred_end".into(), Scalar::Int(1_772_000_000_000)),
                    ];
                    let place = (self.operations, DocId::new(doc));
                    phone.rogue.change(
                        &self.world,
                        place,
                        incident_part(),
                        None,
                        &Edit::Fields(&fields),
                    )
                });
                phone.unanswered.push_back(records.collect());
            }
        }
    }

    /// Genuine requests for what each phone has to send, in order.
    fn requests(&mut self) -> Vec<Vec<(Vec<u8>, String)>> {
        self.world.wait_minutes((system_now().0 - self.world.now().0) / 60_000);
        let world = &self.world;
        let of = |phone: &mut Sending| {
            let asked = phone.unanswered.iter().map(|records| {
                let mut batch = Batch::new();
                let push = records.iter().map(|envelope| batch.pack(envelope)).collect();
                phone.rogue.request(world, batch, push)
            });
            asked.collect()
        };
        self.phones.iter_mut().map(of).collect()
    }

    /// Starts the relay, lets the phones push, kills it after this many answers and a moment, and notes what it
    /// had answered by then. Says whether it was at work when it died.
    fn round(&mut self, answers: usize, moment: Duration) -> bool {
        self.prepare();
        let requests = self.requests();
        let relay = Relay::start_in(self.folder.path(), ORIGIN);
        let (told, hears) = mpsc::channel();
        let pushing: Vec<_> = requests
            .into_iter()
            .enumerate()
            .map(|(phone, requests)| {
                let (url, told) = (relay.url.clone(), told.clone());
                thread::spawn(move || push(&url, requests, phone, &told))
            })
            .collect();
        drop(told);
        let mut heard: Vec<_> = hears.iter().take(answers).collect();
        thread::sleep(moment);
        drop(relay);
        heard.extend(hears.iter());
        pushing.into_iter().for_each(|thread| thread.join().unwrap());
        let all: usize = self.phones.iter().map(|phone| phone.unanswered.len()).sum();
        let answered = heard.len();
        heard.into_iter().for_each(|(phone, results)| self.note(phone, &results));
        answered < all
    }

    fn note(&mut self, phone: usize, results: &[PushResult]) {
        let sent = self.phones[phone].unanswered.pop_front().unwrap();
        assert_eq!(results.len(), sent.len());
        for (result, envelope) in results.iter().zip(&sent) {
            assert_eq!(result.id, envelope.id());
            assert!(matches!(result.verdict, Verdict::Stored | Verdict::Duplicate), "{result:?}");
            let place = (result.seq, *result.chain.as_bytes());
            let before = self.acknowledged.insert(result.id, place);
            assert!(
                before.is_none_or(|before| before == place),
                "it stands where it was told to stand"
            );
        }
    }

    /// Sends everything that was ever acknowledged once more.
    fn check(&mut self, all: &[Vec<Vec<Envelope>>]) {
        let before = self.acknowledged.clone();
        let relay = Relay::start_in(self.folder.path(), ORIGIN);
        for (phone, sent) in all.iter().enumerate() {
            // Tokens last for two minutes.
            for some in sent.chunks(50) {
                self.phones.iter_mut().for_each(|phone| phone.unanswered.clear());
                self.phones[phone].unanswered = some.iter().cloned().collect();
                let requests = self.requests().swap_remove(phone);
                let (told, hears) = mpsc::channel();
                push(&relay.url, requests, phone, &told);
                drop(told);
                let heard: Vec<_> = hears.iter().collect();
                assert_eq!(heard.len(), some.len());
                for (phone, results) in heard {
                    let known = |result: &PushResult| result.verdict == Verdict::Duplicate;
                    assert!(results.iter().all(known), "{results:?}");
                    self.note(phone, &results);
                }
            }
        }
        assert_eq!(before, self.acknowledged);
    }
}

impl Scene {
    /// Reads the log of the space as it lies in the relay's file: whole, chained, everything acknowledged in its
    /// place, and a coordinator's row for each record.
    fn read_log(&self) {
        let database = rusqlite::Connection::open(self.folder.path().join("relay.db")).unwrap();
        let of = self.operations.as_bytes();
        let log = "SELECT id, seq, directory_seq, row_day, chain FROM items WHERE space = ?1 ORDER BY seq";
        let mut statement = database.prepare(log).unwrap();
        let mut rows = statement.query([of]).unwrap();
        let (mut chain, mut found) = (Chain::EMPTY, Acknowledged::new());
        while let Some(row) = rows.next().unwrap() {
            let id = EnvelopeId::new(row.get(0).unwrap());
            let seq = row.get::<_, i64>(1).unwrap().cast_unsigned();
            let length = row.get::<_, i64>(2).unwrap().cast_unsigned();
            chain = next_chain(chain, id, length, Day(row.get(3).unwrap()));
            assert_eq!((seq, *chain.as_bytes()), (found.len() as u64 + 1, row.get(4).unwrap()));
            found.insert(id, (seq, *chain.as_bytes()));
        }
        assert!(self.acknowledged.iter().all(|(id, place)| found.get(id) == Some(place)));
        let shown: i64 = database
            .query_row("SELECT count(*) FROM records WHERE space = ?1", [of], |row| row.get(0))
            .unwrap();
        assert_eq!(shown, found.len() as i64);
    }
}

fn copy(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// Sends requests one after the other until one is not answered.
fn push(
    url: &str,
    requests: Vec<(Vec<u8>, String)>,
    phone: usize,
    told: &Sender<(usize, Vec<PushResult>)>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = HttpClient::new(url).unwrap();
    for (body, token) in requests {
        let Ok(answer) = runtime.block_on(client.sync(&token, body)) else { return };
        let signed: SignedAnswer = from_cbor(&answer).unwrap();
        let response: SyncResponse = from_cbor(&signed.answer).unwrap();
        told.send((phone, response.results)).unwrap();
    }
}

#[test]
fn a_relay_killed_while_it_works_has_kept_what_it_acknowledged_and_nothing_twice() {
    let mut scene = Scene::new();
    let (rounds, mut at_work) = (often("AFTERCALL_KILLS", 200), 0);
    let mut all = vec![Vec::new(); scene.phones.len()];
    for _ in 0..rounds {
        let answers = scene.rng.next_u32() as usize % (REQUESTS * scene.phones.len());
        let moment = Duration::from_micros(u64::from(scene.rng.next_u32() % 6_000));
        scene.prepare();
        let ready: Vec<_> = scene.phones.iter().map(|phone| phone.unanswered.clone()).collect();
        at_work += u32::from(scene.round(answers, moment));
        for ((all, ready), phone) in all.iter_mut().zip(ready).zip(&scene.phones) {
            let answered = ready.len() - phone.unanswered.len();
            all.extend(ready.into_iter().take(answered));
        }
    }
    assert!(at_work * 4 >= rounds * 3, "it died at work in {at_work} of {rounds} rounds");
    scene.check(&all);
    let audit = Command::new(program())
        .args(["verify", "--audit", "--data"])
        .arg(scene.folder.path())
        .output()
        .unwrap();
    assert!(audit.status.success(), "{}", printed(&audit.stderr));
    scene.read_log();
}
