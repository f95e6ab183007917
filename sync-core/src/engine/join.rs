//! Joining a team: a new device asks, is let in, and verifies the whole directory before it trusts it.

use crate::crypto::{self, DeviceKeys};
use crate::directory::Directory;
use crate::protocol::{Code, EnrolAnswer, EnrolRequest, EnrolState, Envelope, Invitation};
use crate::records::{DeviceClass, SpaceKind};

use super::desk::Desk;
use super::rows::{IdentityRow, JoiningRow, Rows};
use super::store::Store;
use super::{Env, Phone, Result};

/// A class as messages carry it: left out for an app.
pub(super) fn number(class: DeviceClass) -> Option<u8> {
    (class != DeviceClass::Native).then_some(class as u8)
}

impl Phone {
    /// Begins joining with an invitation: makes this device's keys. Ask with [`Phone::enrol_request`] until let in.
    ///
    /// # Errors
    /// `already_set_up` if the store holds a phone.
    pub fn start_joining(
        store: Box<dyn Store>,
        env: &mut Env<'_>,
        invitation: &Invitation,
    ) -> Result<Phone> {
        Self::start_joining_as(store, env, invitation, DeviceClass::Native)
    }

    /// As [`Phone::start_joining`], on an installation of another class.
    ///
    /// # Errors
    /// As there.
    pub fn start_joining_as(
        mut store: Box<dyn Store>,
        env: &mut Env<'_>,
        invitation: &Invitation,
        class: DeviceClass,
    ) -> Result<Phone> {
        let keys = DeviceKeys::generate(env.rng);
        let identity = IdentityRow {
            team: invitation.team,
            member: invitation.member,
            relay: invitation.relay.clone(),
            keys: keys.to_secret_bytes().to_vec().into(),
            joining: Some(JoiningRow {
                secret: invitation.secret,
                head_seq: invitation.head_seq,
                head_hash: invitation.head_hash,
                class: number(class),
                typed: None,
            }),
        };
        let mut rows = Rows(store.begin()?);
        rows.make_room()?;
        rows.put_identity(&identity)?;
        rows.commit()?;
        let directory = Directory::new(invitation.team);
        Ok(Phone::started(store, identity, keys, directory))
    }

    /// Opens a phone that was set up before.
    ///
    /// # Errors
    /// `not_set_up` if the store holds none; `store_failed` if what it holds does not verify.
    pub fn open(mut store: Box<dyn Store>) -> Result<Phone> {
        let rows = Rows(store.begin()?);
        if let Some(wiped) = rows.wiped()? {
            drop(rows);
            return Phone::started_wiped(store, wiped);
        }
        let identity = rows.identity()?.ok_or(Code::NotSetUp)?;
        let entries = rows.directory_entries()?;
        drop(rows);
        let keys = DeviceKeys::from_secret_bytes(&identity.keys).map_err(|_| Code::StoreFailed)?;
        let mut directory = Directory::new(identity.team);
        for entry in &entries {
            directory.append(entry)?;
        }
        Ok(Phone::started(store, identity, keys, directory))
    }

    /// What to ask the relay while joining.
    ///
    /// # Errors
    /// `already_set_up` once let in; `not_let_in` while a typed code's exchange is not done ([`Phone::code_request`]).
    pub fn enrol_request(&mut self) -> Result<EnrolRequest> {
        let recovery = self.desk()?.rows.voucher()?;
        let joining = self.identity.joining.as_ref().ok_or(Code::AlreadySetUp)?;
        if joining.typed.is_some() {
            return Err(Code::NotLetIn.into());
        }
        let (team, secret, class) = (self.identity.team, &joining.secret, joining.class);
        let (verify_key, seal_key) = (self.keys.verify_key(), self.keys.seal_key());
        let mut request = EnrolRequest {
            team,
            lookup: crypto::invite::lookup(secret),
            verify_key: verify_key.into(),
            seal_key: seal_key.into(),
            mac: crypto::invite::bind(
                secret,
                team,
                &verify_key,
                &self.keys.seal_bytes(),
                class.unwrap_or(0),
            ),
            class,
            proof: None,
            seal_key_2: self.keys.seal_key_2().map(Into::into),
            recovery,
        };
        request.proof = Some(self.keys.sign(&request.to_sign()).into());
        Ok(request)
    }

    /// What the inviting phone scans, so that it can let this one in without a relay. Once that phone has synced,
    /// this one completes at its own first contact with the relay.
    ///
    /// # Errors
    /// As [`Phone::enrol_request`].
    pub fn join_reply(&mut self) -> Result<String> {
        Ok(self.enrol_request()?.to_reply())
    }

    /// Takes the relay's answer. True once this device is in the verified directory, false while it is pending.
    ///
    /// # Errors
    /// `directory_forged` if the directory does not list this very device for the invited member,
    /// `directory_fork` if it does not hold the entry the invitation named.
    pub fn enrol_answer(&mut self, answer: &EnrolAnswer) -> Result<bool> {
        let joining = self.identity.joining.clone().ok_or(Code::AlreadySetUp)?;
        if answer.state == EnrolState::Pending {
            return Ok(false);
        }
        let mut directory = Directory::new(self.identity.team);
        let mut entries: Vec<Envelope> = Vec::with_capacity(answer.directory.len());
        for packed in &answer.directory {
            let entry = answer.batch.unpack(packed).map_err(|_| Code::Malformed)?;
            directory.append(&entry)?;
            entries.push(entry);
        }
        if directory.head_at(joining.head_seq) != Some(joining.head_hash) {
            return Err(Code::DirectoryFork.into());
        }
        let listed = directory.device(&self.keys.device_id()).is_some_and(|device| {
            device.member == self.identity.member
                && number(device.class) == joining.class
                && *device.verify_key == self.keys.verify_key()
                && device.seal_keys().to_bytes() == self.keys.seal_bytes()
        });
        if !listed {
            return Err(Code::DirectoryForged.into());
        }

        let mut identity = self.identity.clone();
        identity.joining = None;
        let rows = Rows(self.store.begin()?);
        let mut desk = Desk::new(rows, &identity, &self.keys, &directory);
        for (i, entry) in entries.iter().enumerate() {
            desk.rows.put_directory_entry(i as u64 + 1, entry)?;
        }
        desk.rows.put_identity(&identity)?;
        desk.open_space(SpaceKind::Directory, None)?;
        desk.note_own_recovery()?;
        desk.commit()?;
        self.identity = identity;
        self.directory = directory;
        Ok(true)
    }
}
