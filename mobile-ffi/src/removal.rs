//! Taking phones and members out of the team, and what they sent afterwards. For admins.

use sync_core::engine;
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

/// A device that was removed.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct RemovedDevice {
    /// The device.
    pub id: String,
    /// Whose it was.
    pub member: String,
    /// Their name, where it is known.
    pub name: Option<String>,
    /// The day, as `2026-03-01`, on which it was ordered to be wiped; none: it was not.
    pub wipe_ordered_on: Option<String>,
    /// The day on which it was wiped, by its own signed word; none after an order: not yet seen since then.
    pub wiped_on: Option<String>,
}

/// That this phone was wiped.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct WipeState {
    /// The day, as `2026-03-01`.
    pub day: String,
    /// Whether the team knows.
    pub acknowledged: bool,
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

    /// Takes a member out of the team, and orders every device of theirs to erase what it holds when it next calls. One
    /// entry; in force as `remove_member` says.
    pub fn remove_and_wipe_member(&self, member: String) -> Result<(), AftercallError> {
        let member = member_id(&member)?;
        self.look(|phone| phone.remove_and_wipe_member(member))
    }

    /// Takes one device out of the team, and orders it to erase what it holds; as `remove_and_wipe_member`.
    pub fn remove_and_wipe_device(&self, device: String) -> Result<(), AftercallError> {
        let device = device_id(&device)?;
        self.look(|phone| phone.remove_and_wipe_device(device))
    }

    /// Orders a device that was removed before to erase what it holds.
    pub fn order_wipe(&self, device: String) -> Result<(), AftercallError> {
        let device = device_id(&device)?;
        self.look(|phone| phone.order_wipe(device))
    }

    /// The devices that were removed, and which of them were wiped, in the order in which they were removed.
    pub fn removed_devices(&self) -> Result<Vec<RemovedDevice>, AftercallError> {
        Ok(self.look(|phone| phone.removed_devices())?.into_iter().map(Into::into).collect())
    }

    /// Whether this very phone was wiped by order of its team: show it plainly. Every other call is refused with
    /// `device_wiped` then, but `sync`, which tells the team while it does not know. Once it knows, delete the database
    /// and destroy its key; after that, or in its place, the phone can join anew.
    pub fn wiped(&self) -> Result<Option<WipeState>, AftercallError> {
        Ok(self.look(|phone| Ok(phone.wiped()))?.map(Into::into))
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

impl From<engine::RemovedDevice> for RemovedDevice {
    fn from(view: engine::RemovedDevice) -> Self {
        Self {
            id: view.id.to_string(),
            member: view.member.to_string(),
            name: view.name,
            wipe_ordered_on: view.ordered.map(|day| day.to_string()),
            wiped_on: view.wiped.map(|day| day.to_string()),
        }
    }
}

impl From<engine::WipeState> for WipeState {
    fn from(state: engine::WipeState) -> Self {
        Self { day: state.day.to_string(), acknowledged: state.acknowledged }
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
