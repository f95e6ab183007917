//! Changes of a document, altered, with a right checksum: what is admitted can be loaded, and honest phones write on.

use std::cell::RefCell;

use sync_core::doc::{self, Edit};
use sync_core::gates::{Candidate, admit_changes};
use sync_core::ids::{DeviceId, DocId, EnvelopeId, SpaceId};
use sync_core::protocol::{Day, Header, Kind, Priority};
use sync_core::records::{DocType, FieldOp, Scalar};

use super::script::{alter_change, choose};

const PHASE: &str = "defusing.exploration";
/// The open half of a contact, its sealed half, and a session note.
const NUMBERS: [u16; 3] = [30, 31, 21];

/// A document, a change that it admits, and what an honest device writes afterwards.
struct Scene {
    part: &'static DocType,
    saved: Vec<u8>,
    header: Header,
    change: Vec<u8>,
    next: Edit<'static>,
}

thread_local! {
    static SCENES: RefCell<Vec<Scene>> = const { RefCell::new(Vec::new()) };
}

fn header(number: u16, device: u8) -> Header {
    let sealed = DocType::by_number(number).is_some_and(DocType::is_sealed);
    Header {
        kind: if sealed { Kind::Sealed } else { Kind::Change },
        priority: Priority::Open,
        schema: 1,
        record: number,
        space: SpaceId::new([1; 16]),
        doc: DocId::new([2; 16]),
        device: DeviceId::new([device; 16]),
        device_seq: 1,
        actor_no: 0,
        day: Day(20_000),
        directory_seq: 1,
        directory_hash: EnvelopeId::new([3; 32]),
        body_hash: [0; 32],
    }
}

fn put(key: &str, value: Scalar) -> FieldOp {
    FieldOp::Put(key.into(), value)
}

fn text(value: &str) -> Scalar {
    Scalar::Str(value.into())
}

/// Two edits before, the one that is altered, the one after.
fn edits(number: u16) -> [Edit<'static>; 4] {
    let fields = |ops: Vec<FieldOp>| Edit::Fields(ops.leak());
    match number {
        21 => [
            Edit::Text { key: PHASE, at: 0, delete: 0, insert: "🙂 Calm at the end." },
            Edit::Text { key: PHASE, at: 6, delete: 3, insert: " 🚑" },
            Edit::Text { key: PHASE, at: 4, delete: 5, insert: "nm, ßé" },
            Edit::Text { key: PHASE, at: 1, delete: 1, insert: "🙂" },
        ],
        30 => [
            fields(vec![put("mode", text("phone")), put("day", Scalar::Int(20_000))]),
            fields(vec![put("mode", text("text"))]),
            fields(vec![put("on_duty", Scalar::Bool(true)), FieldOp::Delete("day".into())]),
            fields(vec![put("contact_number", text("first"))]),
        ],
        _ => [
            fields(vec![
                put("issues.grief", Scalar::Bool(true)),
                put("travel_min", Scalar::Int(9)),
            ]),
            fields(vec![put("issues.anxiety", Scalar::Bool(true))]),
            fields(vec![
                put("duration_min", Scalar::Int(30)),
                FieldOp::Delete("issues.grief".into()),
            ]),
            fields(vec![put("travel_min", Scalar::Int(7))]),
        ],
    }
}

fn admit(
    part: &'static DocType,
    base: Option<&[u8]>,
    header: &Header,
    change: &[u8],
) -> Option<Vec<u8>> {
    let admission = admit_changes(base, part, &[Candidate { header, change }]);
    let document = admission.document;
    if admission.results[0].is_err() {
        assert_eq!(
            document.as_ref().map(|d| d.saved.as_slice()),
            base,
            "a refusal leaves no trace"
        );
        return None;
    }
    let document = document.expect("an admitted change makes a document");
    assert_eq!(doc::heads(&document.saved), Ok(document.heads), "what was admitted loads again");
    assert_eq!(doc::flatten(&document.saved), Ok(document.flat), "and says the same");
    Some(document.saved)
}

fn write(
    part: &'static DocType,
    base: Option<&[u8]>,
    device: u8,
    edit: &Edit<'_>,
) -> (Header, Vec<u8>) {
    let header = header(part.number, device);
    let change = doc::author(base, part, header.actor(), edit).expect("the edit fits");
    (header, change.expect("it changes something"))
}

impl Scene {
    fn of(number: u16) -> Scene {
        let part = DocType::by_number(number).expect("a known type");
        let [first, second, altered, next] = edits(number);
        let mut saved = None;
        for (device, edit) in [(1, &first), (2, &second)] {
            let (header, change) = write(part, saved.as_deref(), device, edit);
            saved = admit(part, saved.as_deref(), &header, &change);
        }
        let saved = saved.expect("honest changes are admitted");
        let (header, change) = write(part, Some(&saved), 3, &altered);
        Scene { part, saved, header, change, next }
    }
}

/// The target.
pub fn change(bytes: &[u8]) {
    let (which, script) = choose(bytes);
    SCENES.with_borrow_mut(|scenes| {
        if scenes.is_empty() {
            scenes.extend(NUMBERS.map(Scene::of));
        }
        let scene = &scenes[which % scenes.len()];
        let change = alter_change(&scene.change, script);
        let Some(after) = admit(scene.part, Some(&scene.saved), &scene.header, &change) else {
            return;
        };
        let (header, next) = write(scene.part, Some(&after), 4, &scene.next);
        assert!(
            admit(scene.part, Some(&after), &header, &next).is_some(),
            "honest phones write on"
        );
    });
}
