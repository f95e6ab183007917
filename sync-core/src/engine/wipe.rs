//! Wiping removed phones: the order, on an admin's device; obeying it, on the phone concerned.
//!
//! The order is a directory entry, so nobody but admins can give it, it names one device and concerns only one that is
//! listed no more. The phone hands over what it had not sent, erases everything in one transaction, and keeps what it
//! needs to give its signed word until a relay has it. Whatever moment its process ends, it goes on from there.

use std::collections::BTreeMap;

use crate::crypto::DeviceKeys;
use crate::directory::{Directory, Op, WipeOrder};
use crate::ids::{DeviceId, EnvelopeId, MemberId, TeamId};
use crate::protocol::{Batch, Code, Cursors, Day, SyncRequest, WipeAck, limits, wiped_to_sign};

use super::desk::Desk;
use super::rows::{IdentityRow, ItemState, OwedRow, WipedRow};
use super::store::Store;
use super::{EngineError, Env, Phone, Result};

/// Answers in a row that take nothing of what is handed over, after which the phone is wiped with it.
const MOST_IN_VAIN: i64 = 3;
/// Devices that one request asks for the words of.
const MOST_ASKED: usize = 1_000;
/// A number: answers in a row that took nothing of what is handed over.
const IN_VAIN: &str = "wipe_in_vain";

/// What followed from a relay's saying that this device was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// Its entries do not show it: nothing of it is taken, and the entries come with an answer.
    Unproven,
    /// It is removed. What it holds is kept, nothing is sent any more.
    Removed,
    /// It is to be wiped, and the next request goes on with that.
    Again,
    /// It was wiped, and there is nothing more to exchange now.
    Wiped,
}

/// What a wiped phone shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WipeState {
    /// The day on which it was wiped, by its corrected clock.
    pub day: Day,
    /// Whether a relay has its word; then it can be enrolled anew.
    pub acknowledged: bool,
}

/// A device that was removed, as an admin's phone shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedDevice {
    /// The device.
    pub id: DeviceId,
    /// Whose it was.
    pub member: MemberId,
    /// Their name, where the roster has it.
    pub name: Option<String>,
    /// The day on which it was ordered to be wiped, if it was.
    pub ordered: Option<Day>,
    /// The day on which it was wiped, by its own signed word. `None` with an order: it was not yet seen.
    pub wiped: Option<Day>,
}

impl Phone {
    /// Orders a removed device to erase what it holds. Proposed here, in force once the relay has taken the entry; the
    /// device obeys when it next calls.
    ///
    /// # Errors
    /// `not_allowed` without the `admin` capability, or while the directory lists the device; `unknown_device` if it
    /// never did.
    pub fn order_wipe(&mut self, device: DeviceId) -> Result<()> {
        let mut desk = self.desk()?;
        desk.require_admin()?;
        desk.directory.listed_at(&device).ok_or(Code::UnknownDevice)?;
        if desk.directory.removed_at(&device).is_none() {
            let why = "it is in the team: remove it, with its wipe";
            return Err(EngineError::refused_because(Code::NotAllowed, why));
        }
        if desk.directory.wipe_order(&device).is_none() {
            desk.propose_once(Op::Wipe { device })?;
        }
        desk.commit()
    }

    /// The devices that were removed, in the order in which they were.
    pub fn removed_devices(&mut self) -> Result<Vec<RemovedDevice>> {
        let desk = self.desk()?;
        let names: BTreeMap<MemberId, String> = desk.staff_names()?;
        let mut all: Vec<DeviceId> = desk.directory.removed().collect();
        all.sort_by_key(|device| (desk.directory.removed_at(device), *device));
        let mut views = Vec::with_capacity(all.len());
        for id in all {
            let Some(member) = desk.directory.owner_of(&id) else { continue };
            views.push(RemovedDevice {
                id,
                member,
                name: names.get(&member).cloned(),
                ordered: desk.directory.wipe_order(&id).map(|order| order.day),
                wiped: desk.rows.wipe_ack(id)?.map(|ack| ack.day),
            });
        }
        Ok(views)
    }

    /// Whether this phone was wiped by order of its team, and whether the team knows.
    pub fn wiped(&self) -> Option<WipeState> {
        let row = self.wiped.as_ref()?;
        Some(WipeState { day: row.day, acknowledged: row.owed.is_none() })
    }

    /// The relay's address.
    ///
    /// # Errors
    /// `device_wiped` once a wiped phone owes no relay anything.
    pub fn relay(&self) -> Result<&str> {
        if self.wiped.as_ref().is_some_and(|row| row.owed.is_none()) {
            self.refuse_wiped()?;
        }
        Ok(&self.identity.relay)
    }

    pub(super) fn refuse_wiped(&self) -> Result<()> {
        match &self.wiped {
            Some(row) => {
                Err(EngineError::refused_because(Code::DeviceWiped, format!("on {}", row.day)))
            }
            None => Ok(()),
        }
    }

    /// A wiped phone as it is when its process begins.
    pub(super) fn started_wiped(store: Box<dyn Store>, row: WipedRow) -> Result<Phone> {
        let keys = match &row.owed {
            Some(owed) => DeviceKeys::from_secret_bytes(&owed.keys),
            // Nobody's: nothing is signed any more.
            None => DeviceKeys::from_secret_bytes(&[1; 64]),
        };
        let keys = keys.map_err(|_| Code::StoreFailed)?;
        let team = row.owed.as_ref().map_or(TeamId::new([0; 32]), |owed| owed.team);
        let identity = wiped_identity(&row);
        let mut phone = Phone::started(store, identity, keys, Directory::new(team));
        phone.wiped = Some(row);
        Ok(phone)
    }

    /// Erases everything if that is ordered and nothing is left to hand over.
    pub(super) fn wipe_if_due(&mut self, env: &mut Env<'_>) -> Result<()> {
        if self.wiped.is_some() {
            return Ok(());
        }
        let desk = self.desk()?;
        match desk.own_wipe() {
            Some(order) if desk.has_handed_over()? => {
                drop(desk);
                self.erase(env, order)
            }
            _ => Ok(()),
        }
    }

    fn erase(&mut self, env: &mut Env<'_>, order: WipeOrder) -> Result<()> {
        crate::crash_point!("phone.wipe.before_begin");
        let keys = self.keys.without_sealing(env.rng);
        let mut desk = self.desk()?;
        let day = desk.today(env.now)?;
        let offset_ms = desk.token_time(env.now)?.0.saturating_sub(env.now.0);
        let owed = OwedRow {
            team: desk.identity.team,
            relay: desk.identity.relay.clone(),
            keys: keys.to_secret_bytes().to_vec().into(),
            order: order.id,
        };
        let row = WipedRow { day, owed: Some(owed) };
        desk.rows.erase_all()?;
        desk.rows.put_wiped(&row)?;
        desk.rows.put_number("token_offset_ms", offset_ms)?;
        crate::crash_point!("phone.wipe.before_commit");
        desk.commit()?;
        crate::crash_point!("phone.wipe.after_commit");
        self.identity = wiped_identity(&row);
        self.directory = Directory::new(self.identity.team);
        (self.keys, self.wiped) = (keys, Some(row));
        (self.asked, self.meeting) = (None, None);
        self.store.scrub()?;
        crate::crash_point!("phone.wipe.after_scrub");
        Ok(())
    }

    /// A wiped phone's word, in a request that asks nothing. Only what was erased from the files too is told.
    ///
    /// # Errors
    /// `device_wiped` if the team has it already.
    pub(super) fn wiped_request(&mut self, env: &mut Env<'_>) -> Result<SyncRequest> {
        self.store.scrub()?;
        let Some(WipedRow { day, owed: Some(owed) }) = &self.wiped else {
            self.refuse_wiped()?;
            return Err(Code::DeviceWiped.into());
        };
        let (device, order, day) = (self.keys.device_id(), owed.order, *day);
        let sig = self.keys.sign(&wiped_to_sign(owed.team, device, order, day)).into();
        Ok(SyncRequest {
            team: owed.team,
            device,
            now: env.now,
            digest: Cursors::default().digest().into(),
            cursors: None,
            high: Vec::new(),
            batch: Batch::new(),
            push: Vec::new(),
            max_bytes: limits::DEFAULT_MAX_BYTES,
            invites: Vec::new(),
            recovery: None,
            vouched: None,
            codes: None,
            ask_accepted: None,
            cosign: None,
            withdrawn: None,
            wiped: Some(WipeAck { device, order, day, sig }),
            ask_wiped: None,
            healing: None,
            audit_after: None,
        })
    }

    /// A relay has this phone's word: what it was needed for goes too.
    pub(super) fn wipe_acknowledged(&mut self, env: &mut Env<'_>) -> Result<()> {
        let Some(WipedRow { day, owed: Some(_) }) = self.wiped else { return Ok(()) };
        let row = WipedRow { day, owed: None };
        crate::crash_point!("phone.wipe.before_forgetting");
        let mut desk = self.any_desk()?;
        desk.rows.erase_all()?;
        desk.rows.put_wiped(&row)?;
        desk.commit()?;
        self.keys = DeviceKeys::generate(env.rng);
        self.identity = wiped_identity(&row);
        self.wiped = Some(row);
        self.store.scrub()?;
        crate::crash_point!("phone.wipe.after_forgetting");
        Ok(())
    }
}

/// Nobody of no team, with the relay's address while there is something to tell it.
fn wiped_identity(row: &WipedRow) -> IdentityRow {
    let owed = row.owed.as_ref();
    IdentityRow {
        team: owed.map_or(TeamId::new([0; 32]), |owed| owed.team),
        member: MemberId::new([0; 16]),
        relay: owed.map(|owed| owed.relay.clone()).unwrap_or_default(),
        keys: Vec::new().into(),
        joining: None,
    }
}

impl Desk<'_> {
    /// The order by which this very device is to be wiped: only one that is removed.
    pub fn own_wipe(&self) -> Option<WipeOrder> {
        let order = self.directory.wipe_order(&self.device());
        order.filter(|_| self.is_removed())
    }

    /// Whether a relay has what was not sent here, or has no room for it, or will not say.
    fn has_handed_over(&self) -> Result<bool> {
        let in_vain = self.rows.number(IN_VAIN)?.unwrap_or(0);
        Ok(in_vain >= MOST_IN_VAIN || self.rows.outbox(1)?.is_empty())
    }

    /// Takes out of the outbox what a relay says it has dealt with.
    pub fn note_heard(&mut self, heard: &[EnvelopeId]) -> Result<()> {
        let mut any = false;
        for id in heard {
            if let Some(item) = self.rows.item(*id)?
                && item.state == ItemState::Outbox
            {
                self.settle(*id, item, ItemState::Refused)?;
                any = true;
            }
        }
        let in_vain = self.rows.number(IN_VAIN)?.unwrap_or(0);
        Ok(self.rows.put_number(IN_VAIN, if any { 0 } else { in_vain + 1 })?)
    }

    /// The devices whose words that they were wiped this admin's device lacks.
    pub fn wipes_unanswered(&self) -> Result<Vec<DeviceId>> {
        let mut lacking = Vec::new();
        if self.require_admin().is_err() {
            return Ok(lacking);
        }
        for device in self.directory.removed() {
            let ordered = self.directory.wipe_order(&device).is_some();
            if ordered && lacking.len() < MOST_ASKED && self.rows.wipe_ack(device)?.is_none() {
                lacking.push(device);
            }
        }
        Ok(lacking)
    }

    /// Takes words of wiped devices that their own keys signed; anything else says nothing.
    pub fn take_wiped(&mut self, told: &[WipeAck]) -> Result<()> {
        for ack in told.iter().take(MOST_ASKED) {
            if self.directory.is_genuine_wipe(ack) && self.rows.wipe_ack(ack.device)?.is_none() {
                self.rows.put_wipe_ack(ack)?;
            }
        }
        Ok(())
    }
}
