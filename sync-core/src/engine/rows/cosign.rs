//! Directory operations that wait for further signatures: `cosign/` || id → row, and what was taken back.

use minicbor::{Decode, Encode};

use crate::directory::Op;
use crate::engine::NewMember;
use crate::engine::store::Table;
use crate::ids::{MemberId, ProposalId};
use crate::protocol::{Cosign, Timestamp, from_cbor};

use super::{Result, Rows, damaged, key};

const PLACE: &[u8] = b"cosign/";

/// An operation that waits for further signatures.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(in crate::engine) struct CosignRow {
    #[n(0)]
    pub cosign: Cosign,
    /// Whether this device proposed it.
    #[n(1)]
    pub mine: bool,
    /// When it was proposed here, by corrected time.
    #[n(2)]
    pub made: Option<Timestamp>,
    /// Whether the relay was heard to know all of it.
    #[n(3)]
    pub told: bool,
    /// Whether this member refused it.
    #[n(4)]
    pub refused: bool,
    /// Whether this device has proposed the complete entry.
    #[n(5)]
    pub entering: bool,
    /// Name and unit of the new member for the roster, once entered.
    #[n(6)]
    pub name: Option<String>,
    #[n(7)]
    pub unit: Option<String>,
    /// Length of the directory when this device last proposed the complete entry: one that was refused is not proposed
    /// again before the directory has changed.
    #[n(8)]
    pub tried: Option<u64>,
}

impl CosignRow {
    pub fn new(cosign: Cosign) -> Self {
        let (mine, told, refused, entering) = (false, false, false, false);
        let (made, name, unit, tried) = (None, None, None, None);
        Self { cosign, mine, made, told, refused, entering, name, unit, tried }
    }

    /// The member whom the operation enters or changes.
    pub fn member(&self) -> Option<MemberId> {
        match from_cbor(&self.cosign.op) {
            Ok(Op::Member { member, .. }) => Some(member),
            _ => None,
        }
    }

    /// The name a member will have once entered, if this is their row.
    pub fn name_of(&self, member: &MemberId) -> Option<&String> {
        self.name.as_ref().filter(|_| self.member() == Some(*member))
    }

    /// What the roster is to say of the new member.
    pub fn named(&self) -> Option<NewMember> {
        let name = self.name.clone()?;
        Some(NewMember { name: Some(name), unit: self.unit.clone(), ..NewMember::default() })
    }
}

impl Rows<'_> {
    pub fn cosign(&self, id: ProposalId) -> Result<Option<CosignRow>> {
        self.read(Table::Meta, &key(&[PLACE, id.as_bytes()]))
    }

    pub fn put_cosign(&mut self, id: ProposalId, row: &CosignRow) -> Result<()> {
        self.write(Table::Meta, &key(&[PLACE, id.as_bytes()]), row)
    }

    pub fn delete_cosign(&mut self, id: ProposalId) -> Result<()> {
        self.0.delete(Table::Meta, &key(&[PLACE, id.as_bytes()]))
    }

    pub fn cosigns(&self) -> Result<Vec<(ProposalId, CosignRow)>> {
        self.all(Table::Meta, PLACE)?
            .iter()
            .map(|(place, row)| {
                let id = place.get(PLACE.len()..).ok_or_else(damaged)?;
                let id = ProposalId::from_slice(id).map_err(|_| damaged())?;
                Ok((id, from_cbor(row).map_err(|_| damaged())?))
            })
            .collect()
    }

    /// Proposals taken back here, until the relay no longer lists them.
    pub fn withdrawn(&self) -> Result<Vec<ProposalId>> {
        Ok(self.read(Table::Meta, b"withdrawn")?.unwrap_or_default())
    }

    pub fn put_withdrawn(&mut self, ids: &[ProposalId]) -> Result<()> {
        self.write(Table::Meta, b"withdrawn", &ids)
    }
}
