//! A desk: one transaction over everything a phone holds. All work of the engine happens at one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::crypto::{DeviceKeys, RecoveryKeys, SenderKey};
use crate::directory::{DeviceAt, Directory};
use crate::ids::{DeviceId, DocId, EnvelopeId, SpaceId};
use crate::protocol::{Code, Day, Envelope, Header, Kind, Priority, RowData, Timestamp};

use super::rows::{IdentityRow, Rows, SpaceRow};
use super::{EngineError, Env, Result};

/// What a piece of work has at hand.
pub(super) struct Desk<'a> {
    pub rows: Rows<'a>,
    pub identity: &'a IdentityRow,
    pub keys: &'a DeviceKeys,
    pub directory: Cow<'a, Directory>,
    /// Sender keys opened at this desk, by the envelope that announced them.
    pub senders: BTreeMap<EnvelopeId, SenderKey>,
    /// The recovery key this phone is restored with, once it was looked for.
    pub recovering: Option<Option<RecoveryKeys>>,
    /// The rows of the items that are being received.
    pub row_data: BTreeMap<EnvelopeId, RowData>,
}

/// What distinguishes one envelope of this device from another, before it is numbered and signed.
pub(super) struct Slip {
    pub kind: Kind,
    pub priority: Priority,
    pub space: SpaceId,
    pub doc: DocId,
    pub schema: u16,
    pub record: u16,
    pub actor_no: u16,
}

impl Slip {
    /// A slip for an envelope that concerns the space itself.
    pub fn structure(kind: Kind, space: SpaceId) -> Self {
        Self {
            kind,
            priority: Priority::Structure,
            space,
            doc: DocId::ZERO,
            schema: 0,
            record: 0,
            actor_no: 0,
        }
    }
}

impl<'a> Desk<'a> {
    pub fn new(
        rows: Rows<'a>,
        identity: &'a IdentityRow,
        keys: &'a DeviceKeys,
        directory: &'a Directory,
    ) -> Self {
        let directory = Cow::Borrowed(directory);
        let (senders, row_data) = (BTreeMap::new(), BTreeMap::new());
        Self { rows, identity, keys, directory, senders, recovering: None, row_data }
    }
}

impl Desk<'_> {
    pub fn device(&self) -> DeviceId {
        self.keys.device_id()
    }

    /// This device must be enrolled for what follows.
    pub fn require_enrolled(&self) -> Result<()> {
        self.listed().map(drop)
    }

    /// This device as the directory lists it.
    pub fn listed(&self) -> Result<DeviceAt<'_>> {
        match self.directory.device(&self.device()) {
            Some(device) => Ok(device),
            None if self.is_removed() => Err(Code::DeviceRemoved.into()),
            None if self.identity.joining.is_some() => Err(Code::NotLetIn.into()),
            None => Err(Code::NotSetUp.into()),
        }
    }

    /// The time by the last offset a relay attested, and whether there is one.
    pub fn corrected(&self, now: Timestamp) -> Result<(Timestamp, bool)> {
        let offset = self.rows.number("attested_offset_ms")?;
        Ok((now.plus_ms(offset.unwrap_or(0)), offset.is_some()))
    }

    /// Today, by the last offset a relay attested.
    pub fn today(&self, now: Timestamp) -> Result<Day> {
        Ok(self.corrected(now)?.0.day())
    }

    pub fn space_row(&self, space: SpaceId) -> Result<SpaceRow> {
        self.rows.space(space)?.ok_or_else(|| EngineError::refused(Code::WrongSpace))
    }

    /// The next header of this device in a space; takes its number.
    pub fn next_header(&mut self, env: &Env<'_>, slip: &Slip) -> Result<Header> {
        let mut row = self.space_row(slip.space)?;
        row.device_seq += 1;
        self.rows.put_space(&row)?;
        self.header(env, slip, row.device_seq)
    }

    /// A header with a given number.
    pub fn header(&self, env: &Env<'_>, slip: &Slip, device_seq: u64) -> Result<Header> {
        Ok(Header {
            kind: slip.kind,
            priority: slip.priority,
            schema: slip.schema,
            record: slip.record,
            space: slip.space,
            doc: slip.doc,
            device: self.device(),
            device_seq,
            actor_no: slip.actor_no,
            day: self.today(env.now)?,
            directory_seq: self.directory.len(),
            directory_hash: self.directory.head(),
            body_hash: [0; 32],
        })
    }

    /// Keeps a signed envelope of this device and puts it into the outbox, unless it is to stay here.
    pub fn post(&mut self, space: SpaceId, envelope: &Envelope) -> Result<()> {
        let stays = self.stays_here(space)?;
        self.post_or_keep(space, envelope, stays)
    }

    /// As [`Desk::post`], where it is known whether it stays here.
    pub fn post_or_keep(&mut self, space: SpaceId, envelope: &Envelope, stays: bool) -> Result<()> {
        self.rows.put_envelope(envelope)?;
        if stays {
            self.stay_here(space, envelope)?;
        } else {
            self.send(space, envelope)?;
        }
        crate::crash_point!("phone.record.between_envelopes");
        Ok(())
    }

    pub fn commit(self) -> Result<()> {
        Ok(self.rows.commit()?)
    }

    /// Makes what a person recorded durable.
    pub fn commit_recorded(self) -> Result<()> {
        crate::crash_point!("phone.record.before_commit");
        self.commit()?;
        crate::crash_point!("phone.record.after_commit");
        Ok(())
    }
}
