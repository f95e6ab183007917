//! Whether a removed device obeyed the order to be wiped: its own word alone tells, to the relay and to admins' phones.

use crate::crypto;
use crate::protocol::{WipeAck, wiped_to_sign};

use super::Directory;

impl Directory {
    /// Whether this is the device's own word that it obeyed the order it was given.
    pub fn is_genuine_wipe(&self, ack: &WipeAck) -> bool {
        let WipeAck { device, order, day, sig } = ack;
        let ordered = self.wipe_order(device).is_some_and(|given| given.id == *order);
        let key = self.key_of(device).filter(|_| ordered);
        let message = wiped_to_sign(self.team(), *device, *order, *day);
        key.is_some_and(|key| crypto::verify(key, &message, sig))
    }
}
