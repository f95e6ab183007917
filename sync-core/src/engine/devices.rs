//! The team's devices as a phone shows them: whose, of what class, and whether somebody looked at the fingerprint.

use crate::ids::{DeviceId, MemberId};
use crate::protocol::Code;
use crate::records::DeviceClass;

use super::{Phone, Result};

/// A listed device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceView {
    /// The device. Its id is a hash of its key: two people compare it on both phones.
    pub id: DeviceId,
    /// Whose it is.
    pub member: MemberId,
    /// What kind of installation it is.
    pub class: DeviceClass,
    /// Whether it is this phone.
    pub this: bool,
    /// Whether its member had another device before it.
    pub further: bool,
    /// False for a device that this phone let in by a typed code, or was told of as a further one, until somebody
    /// compared fingerprints. Known to this phone only.
    pub checked: bool,
}

impl Phone {
    /// The devices that the directory lists, in the order in which they came.
    pub fn devices(&mut self) -> Result<Vec<DeviceView>> {
        let desk = self.desk()?;
        let mut devices: Vec<_> = desk.directory.devices().collect();
        devices.sort_by_key(|device| (desk.directory.listed_at(&device.id), device.id));
        let mut views: Vec<DeviceView> = Vec::with_capacity(devices.len());
        for device in devices {
            let added = desk.rows.has_alarm(Code::DeviceAdded, &device.id.to_string())?;
            views.push(DeviceView {
                id: device.id,
                member: device.member,
                class: device.class,
                this: device.id == desk.device(),
                further: views.iter().any(|earlier| earlier.member == device.member),
                checked: !added && !desk.rows.is_unchecked(device.id)?,
            });
        }
        Ok(views)
    }

    /// Notes that somebody compared a device's fingerprint on both phones.
    ///
    /// # Errors
    /// `unknown_device` if the directory lists no such device.
    pub fn mark_checked(&mut self, device: DeviceId) -> Result<()> {
        let mut desk = self.desk_of_person()?;
        desk.directory.device(&device).ok_or(Code::UnknownDevice)?;
        desk.rows.set_unchecked(device, false)?;
        desk.rows.lower(Code::DeviceAdded, &device.to_string())?;
        desk.commit()
    }
}
