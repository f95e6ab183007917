//! Envelopes within a space: rights and policy first, then what their kind asks for.

use std::sync::Arc;

use sync_core::directory::SpaceInfo;
use sync_core::gates;
use sync_core::protocol::{
    Code, Envelope, Kind, SealedBody, SenderBody, WrapBody, from_cbor, limits,
};
use sync_core::records::SpaceKind;

use crate::store::{StoreError, documents, spaces};

use super::outcome::Outcome;
use super::push::Push;

impl Push<'_> {
    pub(super) fn take_item(&mut self, envelope: &Envelope) -> Result<Outcome, StoreError> {
        if self.is_purged(envelope)? {
            return Ok(Outcome::Purged);
        }
        let info = match self.judge(envelope)? {
            Ok(info) => info,
            Err(Judged::Aside(info, code)) => return self.quarantine(info.id, envelope, code),
            Err(Judged::Not(outcome)) => return Ok(outcome),
        };
        match envelope.header.kind {
            Kind::Change => self.take_change(envelope),
            Kind::Sealed => self.take_sealed(envelope),
            Kind::Reader | Kind::Epoch => self.take_structure(info, envelope),
            Kind::Sender => self.take_shaped::<SenderBody>(envelope),
            Kind::Wrap => self.take_shaped::<WrapBody>(envelope),
            Kind::Purge => self.take_purge(&info, envelope),
            // The write right is denied for every other kind, so none of them comes this far.
            _ => self.quarantine(info.id, envelope, Code::NotAllowed),
        }
    }

    /// Author, count, space, right and policy: everything but the body.
    pub(super) fn judge(
        &mut self,
        envelope: &Envelope,
    ) -> Result<Result<SpaceInfo, Judged>, StoreError> {
        let directory = Arc::clone(&self.directory);
        let author = match self.author(envelope, &directory)? {
            Ok(author) => author,
            Err(outcome) => return Ok(Err(Judged::Not(outcome))),
        };
        let Some(info) = self.space_for(envelope.header.space, author.member)? else {
            return Ok(Err(Judged::Not(Outcome::Waiting(Code::WrongSpace))));
        };
        // The directory's log holds entries and nothing else, so that its length is the directory's.
        if info.kind() == SpaceKind::Directory {
            return Ok(Err(Judged::Not(Outcome::Refused(Code::WrongSpace))));
        }
        let at = self.row_length(envelope);
        let judged = gates::check_right(envelope, &author, &info, self.row_of(envelope).row_day)
            .and_then(|()| gates::check_policy(envelope, &directory))
            .and_then(|()| gates::judged_at(&directory, &envelope.header, envelope.id(), at))
            .and_then(|at| gates::check_readers(envelope, &directory, at, &info))
            .and_then(|()| self.check_carried(envelope));
        Ok(match judged {
            Ok(()) => Ok(info),
            Err(Code::DirectoryBehind) => Err(Judged::Not(Outcome::Retry(Code::DirectoryBehind))),
            Err(code) => Err(Judged::Aside(info, code)),
        })
    }

    /// A reader is let in, or the space's key is replaced.
    fn take_structure(
        &mut self,
        mut info: SpaceInfo,
        envelope: &Envelope,
    ) -> Result<Outcome, StoreError> {
        if let Err(code) = info.apply(envelope) {
            return self.quarantine(info.id, envelope, code);
        }
        if info.readers().len() > limits::MAX_READERS {
            return self.quarantine(info.id, envelope, Code::TooLarge);
        }
        spaces::update(self.tx, self.team, &info)?;
        let space = info.id;
        if let Some(row) = self.spaces.get_mut(&space) {
            row.info = info;
        }
        self.store(space, envelope)
    }

    /// A sealed change: its shape and number are all that can be judged.
    fn take_sealed(&mut self, envelope: &Envelope) -> Result<Outcome, StoreError> {
        let header = &envelope.header;
        let (space, doc, device) = (header.space, header.doc, header.device);
        if from_cbor::<SealedBody>(&envelope.body).is_err() {
            return self.quarantine(space, envelope, Code::Malformed);
        }
        match documents::get(self.tx, space, doc)? {
            Some(row) if row.record != header.record => {
                return self.quarantine(space, envelope, Code::SchemaViolation);
            }
            Some(_) => {}
            None => documents::put(self.tx, space, doc, header.record, None)?,
        }
        if self.is_full(envelope)? {
            return self.quarantine(space, envelope, Code::DocumentFull);
        }
        documents::count_change(self.tx, space, doc, device)?;
        self.store(space, envelope)
    }

    /// Whether the author's device may write no more to this document.
    pub(super) fn is_full(&self, envelope: &Envelope) -> Result<bool, StoreError> {
        let header = &envelope.header;
        let changes = documents::changes_of(self.tx, header.space, header.doc, header.device)?;
        Ok(changes >= limits::MAX_CHANGES_PER_DEVICE)
    }

    fn take_shaped<T: for<'b> minicbor::Decode<'b, ()>>(
        &mut self,
        envelope: &Envelope,
    ) -> Result<Outcome, StoreError> {
        match from_cbor::<T>(&envelope.body) {
            Ok(_) => self.store(envelope.header.space, envelope),
            Err(_) => self.quarantine(envelope.header.space, envelope, Code::Malformed),
        }
    }
}

/// Why an envelope goes no further.
pub(super) enum Judged {
    /// Set aside in this space's log.
    Aside(SpaceInfo, Code),
    /// Given no position.
    Not(Outcome),
}
