//! Who wrapped an epoch's key for whom, as far as the log says: the wraps of others cannot be opened here.
//!
//! 'w' || space || epoch || device → for each signer: device || 1 if the receiver says that it does not fit.
//! 'q' || space || epoch || signer → (): a wrap for this device that does not fit, not yet asked for again.

use crate::ids::{DeviceId, EpochId, SpaceId};
use crate::protocol::AskedKey;

use super::super::store::Table;
use super::{Result, Rows, damaged, key};

const ENTRY: usize = 17;

fn wrapped_key(space: SpaceId, epoch: EpochId, device: DeviceId) -> Vec<u8> {
    key(&[b"w", space.as_bytes(), epoch.as_bytes(), device.as_bytes()])
}

impl Rows<'_> {
    /// Whether an epoch's key has been wrapped for a device, by a signer whose wrap it has not complained of.
    pub fn is_wrapped(&self, space: SpaceId, epoch: EpochId, device: DeviceId) -> Result<bool> {
        let row = self.0.get(Table::Keys, &wrapped_key(space, epoch, device))?.unwrap_or_default();
        Ok(row.chunks_exact(ENTRY).any(|entry| entry.last() == Some(&0)))
    }

    /// The devices for which an epoch's key has been wrapped, by whomever.
    pub fn wrapped(&self, space: SpaceId, epoch: EpochId) -> Result<Vec<DeviceId>> {
        let prefix = key(&[b"w", space.as_bytes(), epoch.as_bytes()]);
        let rows = self.all(Table::Keys, &prefix)?;
        let device = |key: &[u8]| DeviceId::from_slice(&key[prefix.len()..]).map_err(|_| damaged());
        rows.iter().map(|(key, _)| device(key)).collect()
    }

    /// Whether this signer wrapped an epoch's key for a device.
    pub fn has_wrapped(
        &self,
        space: SpaceId,
        epoch: EpochId,
        device: DeviceId,
        by: DeviceId,
    ) -> Result<bool> {
        let row = self.0.get(Table::Keys, &wrapped_key(space, epoch, device))?.unwrap_or_default();
        Ok(row.chunks_exact(ENTRY).any(|entry| entry.starts_with(by.as_bytes())))
    }

    /// Notes a wrap.
    pub fn put_wrapped(
        &mut self,
        space: SpaceId,
        epoch: EpochId,
        device: DeviceId,
        by: DeviceId,
    ) -> Result<()> {
        self.note_wrapped(space, epoch, device, by, false)
    }

    /// Notes that a device says of a wrap that it does not fit: it counts no more.
    pub fn put_unfit(
        &mut self,
        space: SpaceId,
        epoch: EpochId,
        device: DeviceId,
        by: DeviceId,
    ) -> Result<()> {
        self.note_wrapped(space, epoch, device, by, true)
    }

    fn note_wrapped(
        &mut self,
        space: SpaceId,
        epoch: EpochId,
        device: DeviceId,
        by: DeviceId,
        unfit: bool,
    ) -> Result<()> {
        let place = wrapped_key(space, epoch, device);
        let mut row = self.0.get(Table::Keys, &place)?.unwrap_or_default();
        let known = row.chunks_exact_mut(ENTRY).find(|entry| entry.starts_with(by.as_bytes()));
        match known.map(|entry| &mut entry[ENTRY - 1]) {
            // What was called unfit once stays so.
            Some(flag) => *flag |= u8::from(unfit),
            None => row.extend_from_slice(&key(&[by.as_bytes(), &[u8::from(unfit)]])),
        }
        self.0.put(Table::Keys, &place, &row)
    }

    /// Notes that a wrap for this device does not fit.
    pub fn put_ask(&mut self, space: SpaceId, ask: AskedKey) -> Result<()> {
        let place = key(&[b"q", space.as_bytes(), ask.epoch.as_bytes(), ask.by.as_bytes()]);
        self.0.put(Table::Keys, &place, &[])
    }

    /// Takes what is to be asked for again.
    pub fn take_asks(&mut self, space: SpaceId) -> Result<Vec<AskedKey>> {
        let mut asks = Vec::new();
        for (place, _) in self.all(Table::Keys, &key(&[b"q", space.as_bytes()]))? {
            self.0.delete(Table::Keys, &place)?;
            let rest = place.get(17..).and_then(|rest| rest.split_at_checked(16));
            let (epoch, by) = rest.ok_or_else(damaged)?;
            asks.push(AskedKey {
                epoch: EpochId::from_slice(epoch).map_err(|_| damaged())?,
                by: DeviceId::from_slice(by).map_err(|_| damaged())?,
            });
        }
        Ok(asks)
    }
}
