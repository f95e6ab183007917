//! The backup switch: what a member records for themself stays on the phone unless they turn backup on.
//!
//! It concerns the member's `personal` space and nothing else. Copies shown to others live in `shared` spaces
//! and are sent whatever the switch says.

use crate::ids::SpaceId;
use crate::protocol::{Envelope, Kind};
use crate::records::SpaceKind;

use super::desk::Desk;
use super::rows::{ItemRow, ItemState};
use super::store::Table;
use super::{Phone, Result};

const SWITCH: &str = "personal_backup";

impl Phone {
    /// Turns the backup of this member's own check-ins on or off. Off at first.
    ///
    /// On: everything recorded so far joins the outbox, sealed as ever. Off: what was not sent yet stays here;
    /// what the relay has, it keeps.
    ///
    /// # Errors
    /// `locked` or `write_only` while the phone is not unlocked.
    pub fn set_backup(&mut self, on: bool) -> Result<()> {
        let mut desk = self.desk_of_person()?;
        desk.rows.put_number(SWITCH, i64::from(on))?;
        if on {
            for id in desk.rows.take_kept()? {
                let (Some(envelope), Some(item)) = (desk.rows.envelope(id)?, desk.rows.item(id)?)
                else {
                    continue;
                };
                // What the relay turned out to have is not sent again.
                if item.state == ItemState::Kept {
                    desk.send(item.space, &envelope)?;
                }
            }
        } else {
            desk.call_back()?;
        }
        desk.commit()
    }
}

impl Desk<'_> {
    /// Whether the backup of the member's own space is on.
    pub fn has_backup(&self) -> Result<bool> {
        Ok(self.rows.number(SWITCH)?.unwrap_or(0) != 0)
    }

    /// Whether what is written into a space is to stay on this phone.
    pub fn stays_here(&self, space: SpaceId) -> Result<bool> {
        let row = self.rows.space(space)?;
        let own = row.is_some_and(|row| row.info.kind() == SpaceKind::Personal);
        Ok(own && !self.has_backup()?)
    }

    /// Notes an envelope as staying on this phone.
    pub fn stay_here(&mut self, space: SpaceId, envelope: &Envelope) -> Result<()> {
        self.rows.keep(envelope.id(), envelope.header.doc)?;
        let row = ItemRow { state: ItemState::Kept, space, seq: 0, outbox: None, row: None };
        Ok(self.rows.put_item(envelope.id(), &row)?)
    }

    /// Puts an envelope into the outbox.
    pub fn send(&mut self, space: SpaceId, envelope: &Envelope) -> Result<()> {
        let place = self.rows.push_outbox(envelope)?;
        let (state, outbox) = (ItemState::Outbox, Some(place.into()));
        let row = ItemRow { state, space, seq: 0, outbox, row: None };
        Ok(self.rows.put_item(envelope.id(), &row)?)
    }

    /// Takes unsent envelopes of the member's own space out of the outbox; but for orders to erase what the relay has.
    /// What only this phone has is erased here at once.
    fn call_back(&mut self) -> Result<()> {
        let mut orders = Vec::new();
        for (id, _) in self.rows.outbox(usize::MAX)? {
            let (Some(item), Some(envelope)) = (self.rows.item(id)?, self.rows.envelope(id)?)
            else {
                continue;
            };
            let (space, doc) = (item.space, envelope.header.doc);
            let is_order = envelope.header.kind == Kind::Purge;
            if !self.stays_here(space)? || (is_order && self.is_at_relay(space, doc)?) {
                continue;
            }
            if let Some(place) = &item.outbox {
                self.rows.0.delete(Table::Outbox, place)?;
            }
            self.stay_here(space, &envelope)?;
            orders.extend(is_order.then_some((space, doc)));
        }
        for (space, doc) in orders {
            self.carry_out(space, doc)?;
        }
        Ok(())
    }
}
