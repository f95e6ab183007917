//! Rows of healing: spaces to be reconciled, envelopes to hand back, items without a genuine copy, strange relays,
//! and the audit log as far as it is known here.

use minicbor::{Decode, Encode};

use crate::ids::{Chain, EnvelopeId, IncarnationId, RelayId, SpaceId};
use crate::protocol::{AuditHead, AuditRow, RowData};

use super::super::store::Table;
use super::{Result, Rows, damaged, key};

/// An item of the log of which the relay gave no genuine copy.
#[derive(Debug, Clone, Encode, Decode)]
pub(in crate::engine) struct HoleRow {
    #[n(0)]
    pub space: SpaceId,
    #[n(1)]
    pub seq: u64,
    /// The row as the log's chain has it.
    #[n(2)]
    pub row: RowData,
}

/// A relay that no admin has listed, and how far its directory was read.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(in crate::engine) struct StrangerRow {
    #[n(0)]
    pub relay: RelayId,
    #[n(1)]
    pub incarnation: IncarnationId,
    #[n(2)]
    pub seq: u64,
    #[n(3)]
    pub chain: Chain,
}

/// The highest audit head seen of one incarnation of a relay.
#[derive(Debug, Clone, Encode, Decode)]
pub(in crate::engine) struct AuditPin {
    #[n(0)]
    pub relay: RelayId,
    #[n(1)]
    pub incarnation: IncarnationId,
    #[n(2)]
    pub head: AuditHead,
}

/// In which part of the queue an envelope is handed back: what others depend on first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine) enum Turn {
    Directory = 0,
    Purge = 1,
    Rest = 2,
}

const MARK: &[u8] = b"heal/";
const AGAIN: &[u8] = b"again/";
const HOLE: &[u8] = b"hole/";
const AUDIT: &[u8] = b"audit/";

fn day_name(seq: u64) -> String {
    format!("directory_day/{seq}")
}

impl Rows<'_> {
    // ---- marks: "heal/" || space → items already told
    pub fn mark(&mut self, space: SpaceId, told: u64) -> Result<()> {
        self.write(Table::Meta, &key(&[MARK, space.as_bytes()]), &told)
    }

    pub fn unmark(&mut self, space: SpaceId) -> Result<()> {
        self.0.delete(Table::Meta, &key(&[MARK, space.as_bytes()]))
    }

    /// Spaces to be reconciled, with the number of items that an earlier page told.
    pub fn marks(&self) -> Result<Vec<(SpaceId, u64)>> {
        self.all(Table::Meta, MARK)?
            .iter()
            .map(|(key, value)| {
                let space = SpaceId::from_slice(&key[MARK.len()..]).map_err(|_| damaged())?;
                Ok((space, crate::protocol::from_cbor(value).map_err(|_| damaged())?))
            })
            .collect()
    }

    pub fn has_marks(&self) -> Result<bool> {
        Ok(!self.0.scan(Table::Meta, MARK, None, 1)?.is_empty())
    }

    // ---- queue: "again/" || turn || counter → id
    pub fn queue_again(&mut self, turn: Turn, id: EnvelopeId) -> Result<()> {
        let number = self.next("again")?;
        let place = key(&[AGAIN, &[turn as u8], &number.to_be_bytes()]);
        self.0.put(Table::Meta, &place, id.as_bytes())
    }

    /// What is to be handed back, in order: (place, id), at most `limit`.
    pub fn queued(&self, limit: usize) -> Result<Vec<(Vec<u8>, EnvelopeId)>> {
        let rows = self.0.scan(Table::Meta, AGAIN, None, limit)?;
        rows.into_iter()
            .map(|(place, id)| Ok((place, EnvelopeId::from_slice(&id).map_err(|_| damaged())?)))
            .collect()
    }

    /// Whether no directory entry and no purge is queued: what decides who may read and what is erased.
    pub fn owes_no_order(&self) -> Result<bool> {
        let first = self.queued(1)?;
        Ok(first
            .first()
            .is_none_or(|(place, _)| place.get(AGAIN.len()) == Some(&(Turn::Rest as u8))))
    }

    pub fn unqueue(&mut self, place: &[u8]) -> Result<()> {
        self.0.delete(Table::Meta, place)
    }

    // ---- holes: "hole/" || id
    pub fn put_hole(&mut self, id: EnvelopeId, row: &HoleRow) -> Result<()> {
        self.write(Table::Meta, &key(&[HOLE, id.as_bytes()]), row)
    }

    pub fn hole(&self, id: EnvelopeId) -> Result<Option<HoleRow>> {
        self.read(Table::Meta, &key(&[HOLE, id.as_bytes()]))
    }

    pub fn delete_hole(&mut self, id: EnvelopeId) -> Result<()> {
        self.0.delete(Table::Meta, &key(&[HOLE, id.as_bytes()]))
    }

    pub fn holes(&self, limit: usize) -> Result<Vec<EnvelopeId>> {
        self.0
            .scan(Table::Meta, HOLE, None, limit)?
            .iter()
            .map(|(key, _)| EnvelopeId::from_slice(&key[HOLE.len()..]).map_err(|_| damaged()))
            .collect()
    }

    // ---- strangers
    pub fn stranger(&self) -> Result<Option<StrangerRow>> {
        self.read(Table::Meta, b"stranger")
    }

    pub fn put_stranger(&mut self, row: &StrangerRow) -> Result<()> {
        self.write(Table::Meta, b"stranger", row)
    }

    pub fn forget_stranger(&mut self) -> Result<()> {
        self.0.delete(Table::Meta, b"stranger")
    }

    // ---- days of directory rows
    pub fn directory_day(&self, seq: u64) -> Result<Option<i64>> {
        self.number(&day_name(seq))
    }

    pub fn put_directory_day(&mut self, seq: u64, day: u32) -> Result<()> {
        self.put_number(&day_name(seq), i64::from(day))
    }

    // ---- audit: "audit_pin"; "audit/" || seq → row
    pub fn audit_pin(&self) -> Result<Option<AuditPin>> {
        self.read(Table::Meta, b"audit_pin")
    }

    pub fn put_audit_pin(&mut self, row: &AuditPin) -> Result<()> {
        self.write(Table::Meta, b"audit_pin", row)
    }

    pub fn put_audit_row(&mut self, row: &AuditRow) -> Result<()> {
        self.write(Table::Meta, &key(&[AUDIT, &row.seq.to_be_bytes()]), row)
    }

    pub fn audit_rows(&self) -> Result<Vec<AuditRow>> {
        self.all(Table::Meta, AUDIT)?
            .iter()
            .map(|(_, bytes)| crate::protocol::from_cbor(bytes).map_err(|_| damaged()))
            .collect()
    }

    pub fn forget_audit_rows(&mut self) -> Result<()> {
        for (key, _) in self.all(Table::Meta, AUDIT)? {
            self.0.delete(Table::Meta, &key)?;
        }
        Ok(())
    }
}
