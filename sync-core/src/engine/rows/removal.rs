//! Rows of an admin's device about removals: numbers the relay told, and what was set aside.

use crate::ids::DeviceId;
use crate::protocol::{Accepted, SetAside};

use super::{Result, Rows, Table, key};

impl Rows<'_> {
    // ---- accepted/ || device → numbers by space, while a proposal needs them
    pub fn accepted(&self, device: DeviceId) -> Result<Option<Vec<Accepted>>> {
        self.read(Table::Meta, &key(&[b"accepted/", device.as_bytes()]))
    }

    pub fn put_accepted(&mut self, device: DeviceId, numbers: &[Accepted]) -> Result<()> {
        self.write(Table::Meta, &key(&[b"accepted/", device.as_bytes()]), &numbers)
    }

    /// Forgets the numbers of all other devices.
    pub fn keep_accepted_of(&mut self, devices: &[DeviceId]) -> Result<()> {
        for (place, _) in self.all(Table::Meta, b"accepted/")? {
            let wanted = devices.iter().any(|device| place.ends_with(device.as_bytes()));
            if !wanted {
                self.0.delete(Table::Meta, &place)?;
            }
        }
        Ok(())
    }

    // ---- set_aside → what came after a removal, as the relay last told
    pub fn set_aside(&self) -> Result<Vec<SetAside>> {
        Ok(self.read(Table::Meta, b"set_aside")?.unwrap_or_default())
    }

    pub fn put_set_aside(&mut self, items: &[SetAside]) -> Result<()> {
        if self.set_aside()? == items {
            return Ok(());
        }
        self.write(Table::Meta, b"set_aside", &items)
    }
}
