//! Operations that end or narrow a device's rights: whose, and how far they say it had come.
//!
//! The numbers are the relay's word and change until the entry is taken. So whoever approves such an operation approves
//! it without them, and the device that signs the entry puts in what the relay tells then.

use std::borrow::Cow;

use crate::ids::DeviceId;
use crate::protocol::{Accepted, Code, Envelope, from_cbor, to_cbor};

use super::{Directory, Op, rights};

impl Op {
    /// The operation inside its approvals.
    fn inner(&self) -> Cow<'_, Op> {
        match self {
            Op::Approved { op, .. } => from_cbor(op).map_or(Cow::Borrowed(self), Cow::Owned),
            _ => Cow::Borrowed(self),
        }
    }

    /// The numbers that an operation names, if it is of this kind.
    pub fn numbers(&self) -> Option<&[Accepted]> {
        match self {
            Op::Remove { last, .. } | Op::Member { last: Some(last), .. } => Some(last),
            _ => None,
        }
    }

    /// Puts the numbers in, inside the approvals too.
    pub fn set_numbers(&mut self, numbers: Vec<Accepted>) {
        match self {
            Op::Remove { last, .. } | Op::Member { last: Some(last), .. } => *last = numbers,
            Op::Approved { op, .. } => {
                if let Ok(mut inner) = from_cbor::<Op>(op)
                    && inner.numbers().is_some()
                {
                    inner.set_numbers(numbers);
                    *op = to_cbor(&inner).into();
                }
            }
            _ => {}
        }
    }

    /// The bytes that are approved: the operation as encoded, but without numbers.
    ///
    /// # Errors
    /// `malformed` if an operation that names numbers is not in its one encoding.
    pub(super) fn approved_bytes(&self, encoded: &[u8]) -> Result<Vec<u8>, Code> {
        if self.numbers().is_none() {
            return Ok(encoded.to_vec());
        }
        if to_cbor(self) != encoded {
            return Err(Code::Malformed);
        }
        let mut bare = self.clone();
        bare.set_numbers(Vec::new());
        Ok(to_cbor(&bare))
    }
}

impl Directory {
    /// The devices whose numbers an operation must name now; `None` if it is not of this kind.
    pub fn bounded_by(&self, op: &Op) -> Option<Vec<DeviceId>> {
        let op = op.inner();
        let (member, device) = match op.as_ref() {
            Op::Remove { member, device, .. } => (member, device),
            Op::Member { member, last: Some(_), .. } => (member, &None),
            _ => return None,
        };
        let devices = self.devices_of(*member).map(|known| known.id);
        Some(devices.filter(|id| device.is_none_or(|wanted| wanted == *id)).collect())
    }

    /// The operation of an entry, taken out of its approvals.
    ///
    /// # Errors
    /// `malformed` if it has none.
    pub fn op_of(&self, entry: &Envelope) -> Result<Op, Code> {
        Ok(rights::open(self.team(), entry)?.op)
    }
}
