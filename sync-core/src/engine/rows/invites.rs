//! Rows of letting devices in: invitations, runs of typed codes, vouchers, and which devices nobody has checked yet.

use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::ids::{DeviceId, MemberId};
use crate::protocol::{CodeReply, Timestamp, VouchedDevice, limits};

use super::{Result, Rows, damaged, key};
use crate::engine::store::Table;

/// How an invitation is handed over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(in crate::engine) enum Way {
    /// By QR code or link.
    #[default]
    #[n(0)]
    Link,
    /// Printed, one of a batch.
    #[n(1)]
    Batch,
    /// By a typed code.
    #[n(2)]
    Code,
    /// What one run of a typed code's exchange yielded.
    #[n(3)]
    Run,
}

/// A try of a typed code, and what this device answered.
#[derive(Debug, Clone, Encode, Decode)]
pub(in crate::engine) struct TryRow {
    #[n(0)]
    pub message: ByteArray<33>,
    #[n(1)]
    pub reply: CodeReply,
    /// Whether the relay has no answer yet.
    #[n(2)]
    pub wanted: bool,
}

/// An invitation made here. Holds its secret until it is used or over.
#[derive(Clone, Encode, Decode)]
pub(in crate::engine) struct InviteRow {
    /// The secret; of a typed code its characters, then zeros.
    #[n(0)]
    pub secret: ByteArray<16>,
    #[n(1)]
    pub member: MemberId,
    /// When it was made, by this phone's own clock.
    #[n(2)]
    pub made: Timestamp,
    #[n(3)]
    #[cbor(default)]
    pub way: Way,
    /// The batch it belongs to; of a run, its code's look-up value.
    #[n(4)]
    pub group: Option<ByteArray<16>>,
    /// Who answered it.
    #[n(5)]
    pub device: Option<DeviceId>,
    /// Ended without an answer.
    #[n(6)]
    #[cbor(default)]
    pub over: bool,
    #[n(7)]
    #[cbor(default)]
    pub tries: Vec<TryRow>,
}

impl InviteRow {
    pub fn new(secret: [u8; 16], member: MemberId, made: Timestamp, way: Way) -> Self {
        let (group, device, over, tries) = (None, None, false, Vec::new());
        Self { secret: secret.into(), member, made, way, group, device, over, tries }
    }

    /// How long it may be answered.
    pub fn life_ms(&self) -> i64 {
        match self.way {
            Way::Batch => limits::BATCH_LIFE_MS,
            Way::Link | Way::Code | Way::Run => limits::INVITE_LIFE_MS,
        }
    }

    /// Milliseconds the invitation has left, `None` once it has ended. A clock that was set back since it was made
    /// counts as no time passed; the relay, whose clock is its own, ends it in time.
    pub fn left_ms(&self, now: Timestamp) -> Option<i64> {
        let age_ms = now.0.saturating_sub(self.made.0).max(0);
        let stands = self.device.is_none() && !self.over && age_ms <= self.life_ms();
        stands.then(|| self.life_ms() - age_ms)
    }

    /// It can be answered no more: its secret goes.
    pub fn close(&mut self, device: Option<DeviceId>) {
        zeroize::Zeroize::zeroize(&mut *self.secret);
        self.tries.iter_mut().for_each(|tried| tried.wanted = false);
        self.device = device;
        self.over = device.is_none();
    }
}

impl Drop for InviteRow {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut *self.secret);
    }
}

/// On a joining phone: the code that was typed, and what its exchange began with.
#[derive(Clone, Encode, Decode)]
pub(in crate::engine) struct TypedRow {
    #[n(0)]
    pub code: ByteVec,
    #[n(1)]
    pub seed: ByteVec,
    /// The other phone has another code: this run is over.
    #[n(2)]
    pub wrong: bool,
}

impl Drop for TypedRow {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut *self.code);
        zeroize::Zeroize::zeroize(&mut *self.seed);
    }
}

/// A further device of this member's that this device vouched for.
#[derive(Debug, Clone, Encode, Decode)]
pub(in crate::engine) struct VouchRow {
    #[n(0)]
    pub vouched: VouchedDevice,
    /// Whether the relay has it.
    #[n(1)]
    pub told: bool,
}

impl Rows<'_> {
    pub fn put_invite(&mut self, lookup: &[u8; 16], row: &InviteRow) -> Result<()> {
        self.write(Table::Invites, lookup, row)
    }

    pub fn invite(&self, lookup: &[u8; 16]) -> Result<Option<InviteRow>> {
        self.read(Table::Invites, lookup)
    }

    pub fn delete_invite(&mut self, lookup: &[u8; 16]) -> Result<()> {
        self.0.delete(Table::Invites, lookup)
    }

    pub fn invites(&self) -> Result<Vec<([u8; 16], InviteRow)>> {
        self.all(Table::Invites, &[])?
            .iter()
            .map(|(lookup, row)| {
                let lookup = lookup.as_slice().try_into().map_err(|_| damaged())?;
                Ok((lookup, crate::protocol::from_cbor(row).map_err(|_| damaged())?))
            })
            .collect()
    }

    // ---- vouchers: "vouch/" || device
    pub fn put_vouch(&mut self, device: DeviceId, row: &VouchRow) -> Result<()> {
        self.write(Table::Meta, &key(&[b"vouch/", device.as_bytes()]), row)
    }

    pub fn delete_vouch(&mut self, device: DeviceId) -> Result<()> {
        self.0.delete(Table::Meta, &key(&[b"vouch/", device.as_bytes()]))
    }

    pub fn vouches(&self) -> Result<Vec<(DeviceId, VouchRow)>> {
        self.all(Table::Meta, b"vouch/")?
            .iter()
            .map(|(place, row)| {
                let device = DeviceId::from_slice(&place[6..]).map_err(|_| damaged())?;
                Ok((device, crate::protocol::from_cbor(row).map_err(|_| damaged())?))
            })
            .collect()
    }

    // ---- unchecked: "unchecked/" || device
    pub fn set_unchecked(&mut self, device: DeviceId, unchecked: bool) -> Result<()> {
        let place = key(&[b"unchecked/", device.as_bytes()]);
        match unchecked {
            true => self.0.put(Table::Meta, &place, &[]),
            false => self.0.delete(Table::Meta, &place),
        }
    }

    pub fn is_unchecked(&self, device: DeviceId) -> Result<bool> {
        Ok(self.0.get(Table::Meta, &key(&[b"unchecked/", device.as_bytes()]))?.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{from_cbor, to_cbor};

    /// The row before there were ways to hand an invitation over.
    #[derive(Encode)]
    struct Before {
        #[n(0)]
        secret: ByteArray<16>,
        #[n(1)]
        member: MemberId,
        #[n(2)]
        made: Timestamp,
    }

    #[test]
    fn an_invitation_of_an_earlier_app_reads_as_a_link() {
        let (secret, member, made) = ([1; 16], MemberId::new([2; 16]), Timestamp(3));
        let before = to_cbor(&Before { secret: secret.into(), member, made });
        let row: InviteRow = from_cbor(&before).expect("reads");
        assert_eq!((*row.secret, row.member, row.made), (secret, member, made));
        assert_eq!((row.way, row.left_ms(made)), (Way::Link, Some(limits::INVITE_LIFE_MS)));
    }

    #[test]
    fn a_used_or_ended_invitation_holds_no_secret_and_has_no_time_left() {
        let new = || InviteRow::new([1; 16], MemberId::new([2; 16]), Timestamp(0), Way::Batch);
        assert_eq!(new().left_ms(Timestamp(0)), Some(limits::BATCH_LIFE_MS));
        assert_eq!(new().left_ms(Timestamp(limits::BATCH_LIFE_MS + 1)), None);
        assert_eq!(new().left_ms(Timestamp(-5)), Some(limits::BATCH_LIFE_MS), "a clock set back");
        for device in [None, Some(DeviceId::new([3; 16]))] {
            let mut row = new();
            row.close(device);
            assert_eq!((*row.secret, row.left_ms(Timestamp(0))), ([0; 16], None));
            assert_eq!(row.over, device.is_none());
        }
    }
}
