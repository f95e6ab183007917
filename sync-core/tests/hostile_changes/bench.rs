//! A document and the devices that write to it, as a gate sees them.

use sync_core::doc::{self, Edit};
use sync_core::gates::{Admission, Candidate, admit_changes};
use sync_core::ids::{DeviceId, DocId, EnvelopeId, SpaceId};
use sync_core::protocol::{Code, Day, Header, Kind, Priority};
use sync_core::records::{DocType, FieldOp, Flat, Scalar};

/// The open half of a contact.
pub const CONTACT: u16 = 30;
/// The sealed half of a contact.
pub const DETAIL: u16 = 31;
/// A session note with its texts.
pub const NOTE: u16 = 21;

/// The text that tests type into.
pub const PHASE: &str = "defusing.exploration";

/// A document type.
pub fn doc_type(number: u16) -> &'static DocType {
    DocType::by_number(number).expect("a known type")
}

/// The header of a device's envelope.
pub fn header(number: u16, device: u8, actor_no: u16) -> Header {
    Header {
        kind: if doc_type(number).is_sealed() { Kind::Sealed } else { Kind::Change },
        priority: Priority::Open,
        schema: 1,
        record: number,
        space: SpaceId::new([1; 16]),
        doc: DocId::new([2; 16]),
        device: DeviceId::new([device; 16]),
        device_seq: 1,
        actor_no,
        day: Day(20_000),
        directory_seq: 1,
        directory_hash: EnvelopeId::new([3; 32]),
        body_hash: [0; 32],
    }
}

/// One node's copy of a document.
#[derive(Clone)]
pub struct Copy {
    pub number: u16,
    pub saved: Option<Vec<u8>>,
}

/// A change and the header it came under.
#[derive(Clone)]
pub struct Sent {
    pub header: Header,
    pub change: Vec<u8>,
}

impl Copy {
    pub fn new(number: u16) -> Self {
        Self { number, saved: None }
    }

    /// Writes a change as an honest device, without applying it.
    pub fn author(&self, device: u8, edit: &Edit<'_>) -> Sent {
        let header = header(self.number, device, 0);
        let change =
            doc::author(self.saved.as_deref(), doc_type(self.number), header.actor(), edit)
                .expect("the edit fits")
                .expect("the edit changes something");
        Sent { header, change }
    }

    /// Writes and admits a change.
    pub fn write(&mut self, device: u8, edit: &Edit<'_>) -> Sent {
        let sent = self.author(device, edit);
        assert_eq!(self.take(std::slice::from_ref(&sent)), [Ok(())]);
        sent
    }

    pub fn put(&mut self, device: u8, key: &str, value: &str) -> Sent {
        let op = FieldOp::Put(key.into(), Scalar::Str(value.into()));
        self.write(device, &Edit::Fields(&[op]))
    }

    pub fn type_at(&mut self, device: u8, at: usize, delete: usize, insert: &str) -> Sent {
        self.write(device, &Edit::Text { key: PHASE, at, delete, insert })
    }

    /// Lets changes through the gate.
    pub fn admit(&self, sent: &[Sent]) -> Admission {
        let candidates: Vec<_> =
            sent.iter().map(|one| Candidate { header: &one.header, change: &one.change }).collect();
        admit_changes(self.saved.as_deref(), doc_type(self.number), &candidates)
    }

    /// Lets changes through the gate and keeps the document that comes back.
    pub fn take(&mut self, sent: &[Sent]) -> Vec<Result<(), Code>> {
        let admission = self.admit(sent);
        if let Some(document) = admission.document {
            assert_eq!(doc::heads(&document.saved), Ok(document.heads));
            assert_eq!(doc::flatten(&document.saved), Ok(document.flat));
            self.saved = Some(document.saved);
        }
        admission.results
    }

    /// The verdict on one change, after checking that a refusal leaves the document as it was.
    pub fn verdict(&self, sent: &Sent) -> Result<(), Code> {
        let admission = self.admit(std::slice::from_ref(sent));
        let verdict = admission.results[0];
        if verdict.is_err() {
            match (&self.saved, &admission.document) {
                (None, None) => {}
                (Some(base), Some(after)) => assert_eq!(base, &after.saved),
                _ => panic!("a document appeared or vanished"),
            }
        } else {
            let after = admission.document.expect("an admitted change makes a document");
            assert_eq!(doc::heads(&after.saved), Ok(after.heads));
        }
        verdict
    }

    pub fn flat(&self) -> Flat {
        doc::flatten(self.saved.as_ref().expect("something was written")).expect("loads")
    }

    pub fn heads(&self) -> Vec<[u8; 32]> {
        doc::heads(self.saved.as_ref().expect("something was written")).expect("loads")
    }
}

impl Sent {
    /// The same header over other bytes.
    pub fn with(&self, change: Vec<u8>) -> Self {
        Self { header: self.header, change }
    }
}
