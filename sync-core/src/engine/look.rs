//! Looking: what the phone shows. Nothing here writes.

use std::collections::BTreeMap;

use crate::directory::Op;
use crate::doc;
use crate::ids::{DocId, EnvelopeId, MemberId};
use crate::protocol::{Code, Timestamp, from_cbor};
use crate::records::{RECORDS, Value, view};

use super::desk::Desk;
use super::record::{Part, record_type};
use super::rows::ItemState;
use super::{DocumentHeads, Draft, MemberView, Phone, RecordView, Result, Status};

impl Phone {
    /// What this phone is, and how much it still has to send.
    pub fn status(&mut self) -> Result<Status> {
        let desk = self.desk()?;
        let waiting = desk.rows.outbox(usize::MAX)?.len() + desk.rows.proposals()?.len();
        Ok(Status {
            team: desk.identity.team,
            device: desk.device(),
            member: desk.identity.member,
            relay: desk.identity.relay.clone(),
            enrolled: desk.directory.device(&desk.device()).is_some(),
            directory_seq: desk.directory.len(),
            pending: waiting as u64,
            backup: desk.has_backup()?,
            shut: desk.shut_now()?,
            grace: desk.grace()?,
        })
    }

    /// The team's members, with names where the roster has them.
    pub fn members(&mut self) -> Result<Vec<MemberView>> {
        let desk = self.desk()?;
        let names = desk.staff_names()?;
        let mut members: BTreeMap<MemberId, MemberView> = desk
            .directory
            .members()
            .map(|(id, member)| {
                let has_device = desk.directory.devices_of(id).next().is_some();
                let view = MemberView {
                    id,
                    name: names.get(&id).cloned(),
                    roles: member.roles.clone(),
                    admin: member.admin,
                    has_device,
                    waits: false,
                    guest: member.guest.clone(),
                };
                (id, view)
            })
            .collect();
        for proposal in desk.rows.proposals()? {
            if let Op::Member { member, roles, admin, guest, .. } = proposal.op {
                let view = MemberView {
                    id: member,
                    name: names.get(&member).cloned(),
                    roles,
                    admin,
                    has_device: members.get(&member).is_some_and(|known| known.has_device),
                    waits: false,
                    guest,
                };
                members.insert(member, view);
            }
        }
        for (_, row) in desk.rows.cosigns()?.into_iter().filter(|(_, row)| row.mine) {
            let Ok(Op::Member { member, roles, admin, guest, .. }) = from_cbor(&row.cosign.op)
            else {
                continue;
            };
            let (name, has_device) = (row.name, false);
            let entered =
                MemberView { id: member, name, roles, admin, has_device, waits: true, guest };
            members.entry(member).or_insert(entered);
        }
        Ok(members.into_values().collect())
    }

    /// One record.
    ///
    /// # Errors
    /// `no_such_record`.
    pub fn show(&mut self, record: DocId) -> Result<RecordView> {
        let desk = self.desk()?;
        desk.record_view(record)
    }

    /// Records of a kind (`None`: every kind), by kind and id, strictly after `after`, at most `limit`.
    ///
    /// # Errors
    /// `no_such_record` if there is no such kind, or `after` is no record.
    pub fn list(
        &mut self,
        kind: Option<&str>,
        after: Option<DocId>,
        limit: usize,
    ) -> Result<Vec<RecordView>> {
        let kinds = match kind {
            Some(kind) => vec![record_type(kind)?],
            None => RECORDS.to_vec(),
        };
        let desk = self.desk()?;
        // The page before ended within a kind: that one goes on, later ones begin, earlier ones are done.
        let ended = after.map(|root| desk.open_record(root)).transpose()?.map(|(record, _)| record);
        let begun = ended.and_then(|ended| kinds.iter().position(|kind| kind.name == ended.name));
        let mut views = Vec::new();
        for (i, record) in kinds.iter().enumerate().skip(begun.unwrap_or(0)) {
            let after = after.filter(|_| Some(i) == begun);
            let room = limit - views.len();
            for root in desk.rows.roots(record.parts[0].number, after, room)? {
                views.push(desk.record_view(root)?);
            }
        }
        Ok(views)
    }

    /// Envelopes that were refused or set aside; nothing that was typed is lost.
    pub fn drafts(&mut self) -> Result<Vec<Draft>> {
        let desk = self.desk()?;
        let drafts = desk.rows.drafts()?;
        Ok(drafts
            .into_iter()
            .map(|(id, row)| Draft {
                id,
                record: row.record,
                code: Code::from_name(&row.code).unwrap_or(Code::Internal),
                values: serde_json::from_str::<BTreeMap<String, Value>>(&row.values)
                    .unwrap_or_default(),
                own: row.own,
            })
            .collect())
    }

    /// The crisis numbers of the team's profile: label → number. They need no connection.
    pub fn crisis_numbers(&mut self) -> Result<BTreeMap<String, String>> {
        Ok(self.directory.profile().map(|p| p.crisis_numbers.clone()).unwrap_or_default())
    }

    /// The team's policy profile, once the directory is here.
    pub fn profile(&self) -> Option<&crate::records::PolicyProfile> {
        self.directory.profile()
    }

    /// The time by the last offset a relay attested; false if there was none yet, so that a shown state is uncertain.
    pub fn corrected(&mut self, now: Timestamp) -> Result<(Timestamp, bool)> {
        self.desk()?.corrected(now)
    }

    /// The heads of every document, by (space, document), for comparing devices.
    pub fn heads(&mut self) -> Result<DocumentHeads> {
        let desk = self.desk()?;
        let mut heads = BTreeMap::new();
        for (space, doc, row) in desk.rows.documents_of(None)? {
            if let Some(saved) = row.saved {
                heads.insert((space, doc), doc::heads(&saved)?);
            }
        }
        Ok(heads)
    }

    /// What waits to be sent, in the order in which it leaves, with the record it belongs to.
    pub fn outbox(&mut self) -> Result<Vec<(EnvelopeId, Option<DocId>)>> {
        let desk = self.desk()?;
        let rows = desk.rows.outbox(usize::MAX)?;
        rows.into_iter().map(|(id, doc)| Ok((id, desk.rows.root_of(doc)?))).collect()
    }
}

/// How far a record's own changes have come.
#[derive(Default)]
struct Whereabouts {
    /// One waits to be sent.
    unsent: bool,
    /// One stays on this phone.
    kept: bool,
}

impl Desk<'_> {
    /// Whether the relay has everything that this phone wrote of these parts.
    pub fn is_stored(&self, parts: &[Part]) -> Result<bool> {
        let found = self.whereabouts(parts)?;
        Ok(!found.unsent && !found.kept)
    }

    /// Asked of a record's own changes, so that a page takes as long however much waits or stays here.
    fn whereabouts(&self, parts: &[Part]) -> Result<Whereabouts> {
        let mut found = Whereabouts::default();
        for part in parts {
            for id in self.rows.changes(part.space, part.doc)? {
                match self.rows.item(id)?.map(|item| item.state) {
                    Some(ItemState::Outbox) => found.unsent = true,
                    Some(ItemState::Kept) => found.kept = true,
                    _ => {}
                }
            }
        }
        Ok(found)
    }

    /// Names of staff by member, from the roster.
    pub fn staff_names(&self) -> Result<BTreeMap<MemberId, String>> {
        let staff = record_type("staff")?;
        let mut names = BTreeMap::new();
        for root in self.rows.roots(staff.parts[0].number, None, usize::MAX)? {
            let (record, parts) = self.open_record(root)?;
            let values = self.values_of(record, &parts)?;
            if let (Some(Value::Text(id)), Some(Value::Text(name))) =
                (values.get("member"), values.get("display_name"))
                && let Ok(id) = id.parse()
            {
                names.insert(id, name.clone());
            }
        }
        Ok(names)
    }

    fn record_view(&self, record: DocId) -> Result<RecordView> {
        let (record_type, parts) = self.open_record(record)?;
        let first = parts.first().ok_or(Code::NoSuchRecord)?;
        let flats = self.flats_of(&parts)?;
        let found = self.whereabouts(&parts)?;
        let closed = |part: &&Part| part.doc_type.is_sealed() && part.flat.is_none();
        let shut = parts.iter().find(closed).map(|_| self.shut_now()).transpose()?.flatten();
        let stored = !found.unsent && !found.kept;
        let mut fields = match view(record_type, &flats) {
            own if has_same(&own) => self.session_said(record)?,
            own => own,
        };
        if record_type.name == "support_request"
            && let Some(state) = self.request_state(first.space, &fields, stored)?
            && let Some(shown) = fields.get_mut("state")
        {
            shown.value = Value::Text(state.as_str().to_owned());
        }
        Ok(RecordView {
            shut,
            id: self.rows.root_of(record)?.unwrap_or(first.doc),
            kind: record_type.name,
            space: first.space,
            fields,
            unreadable: parts
                .iter()
                .filter(|part| part.flat.is_none())
                .map(|part| part.doc_type.name)
                .collect(),
            stored,
            only_here: found.kept,
        })
    }
}

/// Whether somebody confirmed that other records are of the same session.
fn has_same(said: &BTreeMap<String, crate::records::FieldView>) -> bool {
    matches!(said.get("same_as").map(|field| &field.value), Some(Value::Set(set)) if !set.is_empty())
}
