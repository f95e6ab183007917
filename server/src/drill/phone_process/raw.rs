//! What a modified phone pushes: records its own checks would refuse, and changes no app would write.
//!
//! Everything is signed with the device's real key and numbered as its next envelope, and goes to the relay
//! in a real request, so that what is refused is the thing itself.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use sync_core::crypto::DeviceKeys;
use sync_core::directory::open_space_id;
use sync_core::doc::{self, Edit};
use sync_core::engine::{EngineError, Env, Forgery, Phone, TextEdit};
use sync_core::ids::{ActorId, DocId, EnvelopeId, SpaceId};
use sync_core::protocol::{
    Batch, Code, Cursors, Envelope, Kind, SignedAnswer, SyncRequest, SyncResponse, Timestamp,
    Verdict, actor_id, from_cbor, to_cbor,
};
use sync_core::records::{
    DocType, FieldOp, RecordType, Scalar, SpaceKind, Value, session_text_key,
};

use crate::drill::http;
use crate::drill::script::HostileCase;
use crate::phone::{Failure, refs};

use super::{At, Device, Done, Running, Trouble};

impl Device {
    /// Records past the phone's own checks and syncs; the relay's code for it is the answer.
    pub(super) fn push_record(
        &mut self,
        now: Timestamp,
        kind: &str,
        fields: &BTreeMap<String, Value>,
    ) -> Done {
        let (running, mut at) = self.running(now)?;
        running.push_unchecked(&mut at, |phone, env| phone.record(env, kind, fields).map(|_| ()))
    }

    /// Writes into a session note past the phone's own checks and syncs; the relay's code for it is the answer.
    pub(super) fn push_note(
        &mut self,
        now: Timestamp,
        record: Option<&str>,
        phase: &str,
        edit: &TextEdit,
    ) -> Done {
        let (running, mut at) = self.running(now)?;
        let record = match record {
            Some(record) => record.parse()?,
            None => running.own_session(&mut at, phase)?,
        };
        running.push_unchecked(&mut at, |phone, env| phone.write(env, record, phase, edit))
    }

    /// Pushes a hostile change of the record named, or else of one that never comes to be; the relay's code is the answer.
    pub(super) fn push_hostile(
        &mut self,
        now: Timestamp,
        case: HostileCase,
        record: Option<&str>,
    ) -> Done {
        let (running, mut at) = self.running(now)?;
        running.link.sync(&mut running.phone, &mut at).map_err(Failure::from)?;
        let target = match record {
            Some(record) => running.target(record.parse()?)?,
            None if case == HostileCase::RepeatedSequence => running.own_target(&mut at)?,
            None => running.new_target(&mut at)?,
        };
        let envelope = forge(&mut running.phone, &mut at.env(), &target, case)?;
        let (verdict, code) = running.push_one(&mut at.env(), &envelope)?;
        if matches!(verdict, Verdict::Quarantined | Verdict::Stored) {
            running.phone.drill_spent(target.space, 1)?;
        }
        match verdict {
            Verdict::Stored | Verdict::Duplicate => Ok(json!({ "taken": true })),
            _ => Err(code.into()),
        }
    }
}

/// A document to attack.
struct Target {
    space: SpaceId,
    doc: DocId,
    part: &'static DocType,
    saved: Option<Vec<u8>>,
}

impl Running {
    /// Does something that the phone's own checks might refuse, and syncs.
    fn push_unchecked(
        &mut self,
        at: &mut At<'_>,
        work: impl FnOnce(&mut Phone, &mut Env<'_>) -> Result<(), EngineError>,
    ) -> Done {
        let before: BTreeSet<EnvelopeId> = self.phone.drafts()?.iter().map(|d| d.id).collect();
        sync_core::drill::set_modified(true);
        let done = work(&mut self.phone, &mut at.env());
        sync_core::drill::set_modified(false);
        done?;
        self.link.sync(&mut self.phone, at).map_err(Failure::from)?;
        let drafts = self.phone.drafts()?;
        match drafts.iter().find(|draft| !before.contains(&draft.id)) {
            Some(draft) => Err(draft.code.into()),
            None => Ok(json!({ "taken": true })),
        }
    }

    /// An intervention of this device's own that has the phase.
    fn own_session(&mut self, at: &mut At<'_>, phase: &str) -> Result<DocId, Trouble> {
        let kinds = ["defusing", "cisd", "one_on_one", "sfa", "trim_assessment"];
        let kind = kinds.into_iter().find(|kind| session_text_key(kind, phase).is_some());
        let kind = kind.ok_or_else(|| Trouble::Broken("no phase has that name".into()))?;
        let fields = BTreeMap::from([("kind".to_owned(), Value::Text(kind.into()))]);
        Ok(self.phone.record(&mut at.env(), "intervention", &fields)?)
    }

    fn target(&mut self, doc: DocId) -> Result<Target, Trouble> {
        match self.phone.drill_document(doc)? {
            Some((space, part, saved)) => Ok(Target { space, doc, part, saved: Some(saved) }),
            None => Err(Code::NoSuchRecord.into()),
        }
    }

    /// An intervention that nobody has: its first change is the hostile one, so nothing of it remains anywhere.
    fn new_target(&mut self, at: &mut At<'_>) -> Result<Target, Trouble> {
        let team = self.phone.status()?.team;
        let space = open_space_id(team, SpaceKind::Operations, None);
        let intervention = RecordType::by_name("intervention").ok_or(Code::NoSuchRecord)?;
        let doc = DocId::random(at.rng);
        Ok(Target { space, doc, part: intervention.parts[0], saved: None })
    }

    /// A record that this device alone wrote, with one change. If it has none, a task that was called off, for
    /// itself: it lies in its member's own caseload, which no other member is served.
    fn own_target(&mut self, at: &mut At<'_>) -> Result<Target, Trouble> {
        for kind in ["incident", "intervention"] {
            for record in refs::all_records(&mut self.phone, Some(kind))? {
                let target = self.target(record.id)?;
                let actor = actor_id(self.phone.status()?.device, target.doc, 1);
                if repeated(&target, actor).is_ok() {
                    return Ok(target);
                }
            }
        }
        let text = |text: &str| Value::Text(text.into());
        let fields = BTreeMap::from([
            ("kind".to_owned(), text("call")),
            ("due_at".to_owned(), text(&at.now.to_string())),
            ("assignee".to_owned(), text(&self.phone.status()?.member.to_string())),
            ("state".to_owned(), text("cancelled")),
        ]);
        let doc = self.phone.record(&mut at.env(), "follow_up_task", &fields)?;
        self.link.sync(&mut self.phone, at).map_err(Failure::from)?;
        self.target(doc)
    }

    /// One envelope in a request of its own.
    fn push_one(
        &mut self,
        env: &mut Env<'_>,
        envelope: &Envelope,
    ) -> Result<(Verdict, Code), Trouble> {
        let status = self.phone.status()?;
        let mut batch = Batch::new();
        let push = vec![batch.pack(envelope)];
        let request = SyncRequest {
            team: status.team,
            device: status.device,
            now: env.now,
            digest: Cursors::default().digest().into(),
            cursors: None,
            high: Vec::new(),
            batch,
            push,
            max_bytes: 0,
            invites: Vec::new(),
            recovery: None,
            vouched: None,
            codes: None,
            ask_accepted: None,
            cosign: None,
            withdrawn: None,
            wiped: None,
            ask_wiped: None,
            healing: None,
            audit_after: None,
        };
        let broken = |what: &str| Trouble::Broken(format!("the hostile request failed: {what}"));
        let body = zstd::bulk::compress(&to_cbor(&request), 3)
            .map_err(|_| broken("it cannot be compressed"))?;
        let token = format!("Bearer {}", self.phone.token(env, &body)?);
        let address = self.connect.trim_start_matches("http://").parse();
        let headers = [("authorization", token.as_str()), ("content-type", "application/zstd")];
        let message = http::request("POST", "/v1/sync", &headers, body);
        let answer = http::exchange(address.map_err(|_| broken("no address"))?, &message)
            .map_err(|_| Trouble::from(Code::NetworkDown))?;
        if answer.status() != Some(200) {
            let refusal: Json = serde_json::from_slice(&answer.body).unwrap_or_default();
            let code = refusal["code"].as_str().and_then(Code::from_name);
            return Err(code.unwrap_or(Code::Internal).into());
        }
        let signed: SignedAnswer = answer
            .inflated()
            .and_then(|bytes| from_cbor(&bytes).ok())
            .ok_or_else(|| broken("the answer cannot be read"))?;
        let response: SyncResponse =
            from_cbor(&signed.answer).map_err(|_| broken("the answer cannot be read"))?;
        let result = response.results.first().ok_or_else(|| broken("there is no result"))?;
        Ok((result.verdict, Code::from_name(&result.code).unwrap_or(Code::Internal)))
    }
}

/// An honest change of the target by this actor, to begin with.
fn change(target: &Target, actor: ActorId) -> Result<Vec<u8>, Trouble> {
    let puts = [
        ("location_kind", Scalar::Str("neutral".into())),
        ("tz_offset_min", Scalar::Int(7)),
        ("priority", Scalar::Int(3)),
    ];
    let put = puts.into_iter().find(|(name, _)| target.part.field(name).is_some());
    let put = put.map(|(name, value)| FieldOp::Put(name.into(), value));
    doc::author(target.saved.as_deref(), target.part, actor, &Edit::Fields(put.as_slice()))
        .ok()
        .flatten()
        .ok_or_else(|| Trouble::Broken("the record cannot be attacked so".into()))
}

/// The hostile envelope of a case.
fn forge(
    phone: &mut Phone,
    env: &mut Env<'_>,
    target: &Target,
    case: HostileCase,
) -> Result<Envelope, Trouble> {
    // A fresh actor, whose first change is number 1; only what repeats needs the one that wrote before.
    let actor_no = if case == HostileCase::RepeatedSequence { 1 } else { 900 };
    let forgery = |doc| Forgery {
        kind: Kind::Change,
        space: target.space,
        doc,
        part: target.part,
        actor_no,
        body: &[],
    };
    let header = phone.drill_header(env, &forgery(target.doc))?;
    let honest = change(target, header.actor())?;
    let body = match case {
        HostileCase::CompressedChunk => compressed(&honest)?,
        HostileCase::WrongActor => change(target, ActorId::random(env.rng))?,
        HostileCase::RepeatedSequence => repeated(target, header.actor())?,
        HostileCase::Truncated => honest[..honest.len() - 10].to_vec(),
        HostileCase::HostileColumns => hostile_columns(&honest)?,
        HostileCase::OtherDocument => {
            let elsewhere = DocId::random(env.rng);
            let other = phone.drill_header(env, &forgery(elsewhere))?;
            change(target, other.actor())?
        }
        HostileCase::UnknownDevice => {
            let keys = DeviceKeys::generate(env.rng);
            let mut header = header;
            header.device = keys.device_id();
            header.device_seq = 1;
            let body = change(target, header.actor())?;
            return Ok(keys.sign_envelope(header, body));
        }
    };
    Ok(phone.drill_sign(header, body))
}

/// Where the contents of a change chunk begin: behind magic, checksum, type and length.
fn contents(chunk: &[u8]) -> Result<usize, Trouble> {
    let length = chunk.iter().skip(9).position(|byte| byte & 0x80 == 0);
    length.map(|length| 9 + length + 1).ok_or_else(|| Trouble::Broken("no change chunk".into()))
}

fn leb128(mut number: usize) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            out.push(byte);
            return out;
        }
        out.push(byte | 0x80);
    }
}

/// The same change as a compressed chunk, which Automerge would inflate without limit.
fn compressed(chunk: &[u8]) -> Result<Vec<u8>, Trouble> {
    let at = contents(chunk)?;
    let failed = |_| Trouble::Broken("the change cannot be compressed".into());
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&chunk[at..]).map_err(failed)?;
    let deflated = encoder.finish().map_err(failed)?;
    Ok([&chunk[..8], &[2], leb128(deflated.len()).as_slice(), &deflated].concat())
}

/// A chunk of these contents with the checksum that belongs to it.
fn with_checksum(contents: &[u8]) -> Vec<u8> {
    let hashed = [&[1], leb128(contents.len()).as_slice(), contents].concat();
    let checksum = Sha256::digest(&hashed);
    [&[0x85, 0x6f, 0x4a, 0x83], &checksum[..4], &hashed].concat()
}

/// Well-formed, checksum right, but its last column ends in an action that does not exist.
fn hostile_columns(chunk: &[u8]) -> Result<Vec<u8>, Trouble> {
    let mut contents = chunk[contents(chunk)?..].to_vec();
    // The action column (specification 0x42) of one operation is a run of one: 7f, action.
    let found = contents.windows(2).rposition(|pair| pair == [0x7f, 0x01]);
    let at = found.ok_or_else(|| Trouble::Broken("no action column was found".into()))?;
    contents[at + 1] = 0x3f;
    Ok(with_checksum(&contents))
}

/// A second change of an actor that says it is the first.
fn repeated(target: &Target, actor: ActorId) -> Result<Vec<u8>, Trouble> {
    let second = change(target, actor)?;
    let mut contents = second[contents(&second)?..].to_vec();
    // Contents: dependencies, then the actor (length and bytes), then its sequence number.
    let found = contents.windows(16).position(|window| window == actor.as_bytes());
    match found.and_then(|at| contents.get_mut(at + 16)) {
        Some(number) if *number == 2 => *number = 1,
        _ => return Err(Trouble::Broken("the record is not one this device made".into())),
    }
    Ok(with_checksum(&contents))
}
