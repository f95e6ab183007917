//! What a device hands back to a relay that lost it: judged at the row it had, and put right where the relay's own
//! copy is damaged.
//!
//! A row that a device tells is a claim. It is taken no earlier than its envelope's own directory length, no later
//! than the directory here and today; what a device whose rights ended or narrowed had written before is told by its
//! numbers, as everywhere ([`gates::judged_at`]).

use sync_core::crypto;
use sync_core::directory::Directory;
use sync_core::protocol::{
    Code, Envelope, Kind, RowData, SealedBody, SenderBody, WrapBody, from_cbor,
};

use crate::crash_point;
use crate::store::audit::Entry;
use crate::store::items::Position;
use crate::store::mend::{self, Stored};
use crate::store::{StoreError, audit, documents, purged};

use super::outcome::Outcome;
use super::push::Push;

impl Push<'_> {
    /// Whether an envelope is handed back, so that it may come from whoever holds it.
    pub(super) fn is_carried(&self, envelope: &Envelope) -> bool {
        self.carried.contains_key(&envelope.id())
    }

    /// The directory length of the row an envelope gets. Where its rights are judged follows from it:
    /// [`gates::judged_at`].
    pub(super) fn row_length(&self, envelope: &Envelope) -> u64 {
        self.row_of(envelope).directory_seq
    }

    /// The row an envelope gets.
    pub(super) fn row_of(&self, envelope: &Envelope) -> RowData {
        let (length, today) = (self.directory.len(), self.now.day());
        match self.carried.get(&envelope.id()) {
            // An entry's row names the directory that it made.
            Some(told) if envelope.header.kind == Kind::Directory => {
                RowData { directory_seq: length, row_day: told.row_day.min(today) }
            }
            Some(told) => RowData {
                directory_seq: told.directory_seq.max(envelope.header.directory_seq).min(length),
                row_day: told.row_day.min(today),
            },
            None => RowData { directory_seq: length, row_day: today },
        }
    }

    /// What stands against the row a device tells: that it names more of the directory than is here.
    pub(super) fn check_carried(&self, envelope: &Envelope) -> Result<(), Code> {
        match self.carried.get(&envelope.id()) {
            Some(told) if told.directory_seq > self.directory.len() => Err(Code::DirectoryBehind),
            _ => Ok(()),
        }
    }

    /// An envelope that has a row: a genuine copy puts a damaged one right.
    pub(super) fn mend_known(&mut self, envelope: &Envelope) -> Result<(), StoreError> {
        // What was erased for good is no damage.
        if !self.is_carried(envelope) || self.is_purged(envelope)? {
            return Ok(());
        }
        let Some(row) = mend::by_id(self.tx, self.team, envelope.id())? else { return Ok(()) };
        if is_sound(&row, &self.directory) {
            // Noted as damaged, it is not, or not any more.
            return mend::forget_damaged(self.tx, row.id);
        }
        let header = &envelope.header;
        let is_change = header.kind == Kind::Change;
        // Its document is merged anew, which is work: what is too much for one request is asked for again.
        if !is_genuine(envelope, &self.directory) || (is_change && !self.may_try()) {
            return Ok(());
        }
        mend::put_bytes(self.tx, &row, envelope)?;
        if is_change && row.code.is_empty() && self.mended.insert((header.space, header.doc)) {
            self.tried += documents::size(self.tx, header.space, header.doc)?;
        }
        crash_point!("relay.push.after_mend");
        let entry = Entry::done(Some(self.device), "item.mend", row.id);
        audit::append(self.tx, self.team, &entry, self.now)
    }

    /// An envelope whose number another row has: if nobody wrote that one, this one takes its place once it has
    /// passed the gates. What was set aside or erased is not damaged, so it gives way to nothing.
    pub(super) fn mend_place(
        &mut self,
        envelope: &Envelope,
    ) -> Result<Option<Outcome>, StoreError> {
        let header = &envelope.header;
        if !self.is_carried(envelope) || header.kind == Kind::Directory {
            return Ok(None);
        }
        let number = (header.space, header.device, header.device_seq);
        let Some(row) = mend::by_number(self.tx, self.team, number)? else { return Ok(None) };
        let is_its_own = (row.kind, row.doc) == (header.kind as u8, header.doc);
        if !is_its_own
            || !row.code.is_empty()
            || purged::is_purged(self.tx, row.space, row.doc)?
            || is_sound(&row, &self.directory)
        {
            return Ok(None);
        }
        self.replacing = Some(envelope.id());
        let judged = self.judge(envelope);
        self.replacing = None;
        if judged?.is_err() {
            return Ok(None);
        }
        match self.check_body(envelope)? {
            Ok(()) => {}
            Err(Code::MissingAncestor) => {
                return Ok(Some(Outcome::Waiting(Code::MissingAncestor)));
            }
            Err(Code::Overloaded) => return Ok(Some(Outcome::Retry(Code::Overloaded))),
            Err(_) => return Ok(None),
        }
        let data = self.row_of(envelope);
        let chain = mend::replace(self.tx, &row, envelope, data)?;
        crash_point!("relay.push.after_mend");
        // What is remembered of the log's end is no longer true.
        self.spaces.remove(&row.space);
        self.rechained = true;
        let entry = Entry::done(Some(self.device), "item.mend", envelope.id());
        audit::append(self.tx, self.team, &entry, self.now)?;
        Ok(Some(Outcome::Stored(Position { seq: row.seq, chain, code: String::new() })))
    }

    /// What stands against the body of an envelope that takes a row's place. A change that its document holds already
    /// changes nothing there.
    fn check_body(&mut self, envelope: &Envelope) -> Result<Result<(), Code>, StoreError> {
        let body = &envelope.body;
        let is_shaped = match envelope.header.kind {
            Kind::Change => {
                return Ok(match self.admit(&[envelope])? {
                    Ok(admitted) => {
                        self.keep_merged(envelope, admitted);
                        Ok(())
                    }
                    Err(code) => Err(code),
                });
            }
            Kind::Sealed => from_cbor::<SealedBody>(body).is_ok(),
            Kind::Sender => from_cbor::<SenderBody>(body).is_ok(),
            Kind::Wrap => from_cbor::<WrapBody>(body).is_ok(),
            _ => true,
        };
        Ok(if is_shaped { Ok(()) } else { Err(Code::Malformed) })
    }
}

/// Whether a row's bytes are what its author signed. Whether they count is judged elsewhere and may change; that they
/// are genuine does not.
pub(super) fn is_sound(row: &Stored, directory: &Directory) -> bool {
    row.envelope.as_ref().is_some_and(|envelope| {
        // An entry was judged by the directory itself, at the length before its row.
        envelope.header.kind == Kind::Directory || is_genuine(envelope, directory)
    })
}

/// Whether an envelope bears its author's signature, whoever they are by now.
fn is_genuine(envelope: &Envelope, directory: &Directory) -> bool {
    let key = directory.key_of(&envelope.header.device);
    key.is_some_and(|key| crypto::verify_envelope(key, envelope))
}
