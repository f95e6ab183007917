//! Operations that end or narrow a device's rights: whose, and how far they say it had come.

use crate::ids::DeviceId;
use crate::protocol::{Accepted, Code, Envelope};

use super::{Directory, Op, rights};

impl Op {
    /// The numbers that an operation names, if it is of this kind.
    pub fn numbers(&self) -> Option<&[Accepted]> {
        match self {
            Op::Remove { last, .. } | Op::Member { last: Some(last), .. } => Some(last),
            _ => None,
        }
    }

    /// Puts the numbers in.
    pub fn set_numbers(&mut self, numbers: Vec<Accepted>) {
        match self {
            Op::Remove { last, .. } | Op::Member { last: Some(last), .. } => *last = numbers,
            _ => {}
        }
    }
}

impl Directory {
    /// The devices whose numbers an operation must name now; `None` if it is not of this kind.
    pub fn bounded_by(&self, op: &Op) -> Option<Vec<DeviceId>> {
        let (member, device) = match op {
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
