//! Taking phones and members out of the team, and what they sent afterwards. For admins.

use sync_core::ids::EnvelopeId;
use sync_core::protocol::SetAside;
use sync_core::records::RecordType;

use crate::error::AftercallError;
use crate::phone::AftercallPhone;
use crate::values::{device_id, member_id};

/// Something that came after its device was removed.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct LateItem {
    /// The item, for `release`.
    pub id: String,
    /// The removed device.
    pub device: String,
    /// The kind of record, if it is one.
    pub kind: Option<String>,
    /// When it came, in milliseconds since 1970 by the relay's clock.
    pub at_ms: i64,
}

#[uniffi::export]
impl AftercallPhone {
    /// Takes a member out of the team, with every device. In force once this phone has synced; an admin's removal
    /// waits for another admin, if there is one.
    pub fn remove_member(&self, member: String) -> Result<(), AftercallError> {
        let member = member_id(&member)?;
        self.look(|phone| phone.remove_member(member))
    }

    /// Takes one device out of the team; as `remove_member`.
    pub fn remove_device(&self, device: String) -> Result<(), AftercallError> {
        let device = device_id(&device)?;
        self.look(|phone| phone.remove_device(device))
    }

    /// What came after its device was removed, as the relay last told.
    pub fn quarantined(&self) -> Result<Vec<LateItem>, AftercallError> {
        Ok(self.look(|phone| phone.quarantined())?.into_iter().map(Into::into).collect())
    }

    /// Lets such items count after all.
    pub fn release(&self, items: Vec<String>) -> Result<(), AftercallError> {
        let ids: Result<Vec<EnvelopeId>, _> = items.iter().map(|item| item.parse()).collect();
        let ids =
            ids.map_err(|_| AftercallError::bad_value("an item's id is 64 hexadecimal digits"))?;
        self.look(|phone| phone.release(&ids))
    }
}

impl From<SetAside> for LateItem {
    fn from(item: SetAside) -> Self {
        Self {
            id: item.id.to_string(),
            device: item.device.to_string(),
            kind: RecordType::of_part(item.record).map(|kind| kind.name.to_owned()),
            at_ms: item.at.0,
        }
    }
}
