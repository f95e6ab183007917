//! What a phone keeps about recovery: its own waiting change, those of others that wait for its admin, and what
//! it is being restored with.

use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::ids::{DeviceId, MemberId};
use crate::protocol::RecoveryVoucher;

use super::super::store::Table;
use super::{Result, Rows, SecretName, damaged, key};

const MINE: &[u8] = b"recovery_mine";
const VOUCHER: &[u8] = b"recovery_voucher";
const ASKED: &[u8] = b"recovery_asked/";
const CARRIED: &[u8] = b"recovery_carried/";

/// A change of this member's recovery key that waits for admins.
#[derive(Debug, Clone, Encode, Decode)]
pub(in crate::engine) struct MyProposal {
    /// The encoded `approved` operation.
    #[n(0)]
    pub proposal: ByteVec,
    /// Its nonce.
    #[n(1)]
    pub nonce: ByteArray<16>,
    /// The key's id; `None` where the key is to be dropped.
    #[n(2)]
    pub key: Option<DeviceId>,
}

impl Rows<'_> {
    pub fn my_proposal(&self) -> Result<Option<MyProposal>> {
        self.read(Table::Meta, MINE)
    }

    pub fn put_my_proposal(&mut self, row: &MyProposal) -> Result<()> {
        self.write(Table::Meta, MINE, row)
    }

    pub fn delete_my_proposal(&mut self) -> Result<()> {
        self.0.delete(Table::Meta, MINE)
    }

    /// The recovery key's word for this phone, while it joins.
    pub fn voucher(&self) -> Result<Option<RecoveryVoucher>> {
        self.read(Table::Meta, VOUCHER)
    }

    pub fn put_voucher(&mut self, voucher: &RecoveryVoucher) -> Result<()> {
        self.write(Table::Meta, VOUCHER, voucher)
    }

    pub fn delete_voucher(&mut self) -> Result<()> {
        self.0.delete(Table::Meta, VOUCHER)
    }

    /// Changes that wait for an admin, by member.
    pub fn asked(&self) -> Result<Vec<(MemberId, Vec<u8>)>> {
        self.by_member(ASKED)
    }

    pub fn put_asked(&mut self, member: MemberId, proposal: &[u8]) -> Result<()> {
        self.0.put(Table::Meta, &key(&[ASKED, member.as_bytes()]), proposal)
    }

    pub fn delete_asked(&mut self, member: MemberId) -> Result<()> {
        self.0.delete(Table::Meta, &key(&[ASKED, member.as_bytes()]))
    }

    /// Changes that this admin approved and that need another admin, by member.
    pub fn carried(&self) -> Result<Vec<(MemberId, Vec<u8>)>> {
        self.by_member(CARRIED)
    }

    pub fn put_carried(&mut self, member: MemberId, proposal: &[u8]) -> Result<()> {
        self.0.put(Table::Meta, &key(&[CARRIED, member.as_bytes()]), proposal)
    }

    pub fn delete_carried(&mut self, member: MemberId) -> Result<()> {
        self.0.delete(Table::Meta, &key(&[CARRIED, member.as_bytes()]))
    }

    pub fn forget_recovering(&mut self) -> Result<()> {
        self.delete_secret(&SecretName::Recovering)
    }

    fn by_member(&self, prefix: &[u8]) -> Result<Vec<(MemberId, Vec<u8>)>> {
        self.all(Table::Meta, prefix)?
            .into_iter()
            .map(|(key, value)| {
                let member = key.get(prefix.len()..).ok_or_else(damaged)?;
                Ok((MemberId::from_slice(member).map_err(|_| damaged())?, value))
            })
            .collect()
    }
}
