//! Rows about wiping: what a wiped phone still holds, and the words of wiped devices on an admin's phone.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::ids::{DeviceId, EnvelopeId, TeamId};
use crate::protocol::{Code, Day, WipeAck};

use super::super::store::StoreError;
use super::{Rows, Table, key};

type Result<T> = std::result::Result<T, StoreError>;

/// Rows read at once while everything is erased.
const PAGE: usize = 500;

/// All that a wiped phone holds.
#[derive(Clone, Encode, Decode)]
pub(in crate::engine) struct WipedRow {
    /// The day on which it was wiped.
    #[n(0)]
    pub day: Day,
    /// What it needs to give its word, until a relay has it.
    #[n(1)]
    pub owed: Option<OwedRow>,
}

/// What a wiped phone needs to give the team its word.
#[derive(Clone, Encode, Decode)]
pub(in crate::engine) struct OwedRow {
    #[n(0)]
    pub team: TeamId,
    #[n(1)]
    pub relay: String,
    /// Keys that sign as the device and open nothing.
    #[n(2)]
    pub keys: ByteVec,
    #[n(3)]
    pub order: EnvelopeId,
}

impl Drop for OwedRow {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut *self.keys);
    }
}

impl Rows<'_> {
    // ---- wiped → what a wiped phone holds
    pub fn wiped(&self) -> Result<Option<WipedRow>> {
        self.read(Table::Meta, b"wiped")
    }

    pub fn put_wiped(&mut self, row: &WipedRow) -> Result<()> {
        self.write(Table::Meta, b"wiped", row)
    }

    /// Deletes every row of every table.
    pub fn erase_all(&mut self) -> Result<()> {
        for table in Table::ALL {
            loop {
                let rows = self.0.scan(table, &[], None, PAGE)?;
                if rows.is_empty() {
                    break;
                }
                for (key, _) in rows {
                    self.0.delete(table, &key)?;
                }
            }
        }
        Ok(())
    }

    /// Makes room for a phone to be set up here: nothing was, or what was is wiped and its team knows.
    ///
    /// # Errors
    /// `already_set_up`; `device_wiped` while a wiped phone's word has not reached its team.
    pub fn make_room(&mut self) -> super::super::Result<()> {
        if self.identity()?.is_some() {
            return Err(Code::AlreadySetUp.into());
        }
        match self.wiped()? {
            Some(WipedRow { owed: Some(_), .. }) => Err(Code::DeviceWiped.into()),
            Some(_) => Ok(self.0.delete(Table::Meta, b"wiped")?),
            None => Ok(()),
        }
    }

    // ---- wiped/ || device → its word
    pub fn wipe_ack(&self, device: DeviceId) -> Result<Option<WipeAck>> {
        self.read(Table::Meta, &key(&[b"wiped/", device.as_bytes()]))
    }

    pub fn put_wipe_ack(&mut self, ack: &WipeAck) -> Result<()> {
        self.write(Table::Meta, &key(&[b"wiped/", ack.device.as_bytes()]), ack)
    }
}
