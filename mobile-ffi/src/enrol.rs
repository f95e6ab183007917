//! Letting phones in by other ways than a link, and looking at who is in.

use std::sync::Arc;

use sync_core::engine::{self, Phone};
use sync_core::records::DeviceClass;

use crate::error::AftercallError;
use crate::phone::AftercallPhone;
use crate::values::{device_id, member_id, member_ids};
use crate::vault::{Cabinet, KeyVault};

/// An invitation to be printed.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct PrintedInvitation {
    /// Whose phone it is for.
    pub member: String,
    /// The link, as a QR code. It is a secret.
    pub link: String,
}

/// An invitation made on this phone, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct InvitationState {
    /// Whose phone it is for.
    pub member: String,
    /// `unclaimed`, `claimed` or `ended`.
    pub state: String,
    /// Milliseconds it has left, 0 once it is claimed or ended.
    pub left_ms: i64,
    /// Whether it is handed over as a typed code.
    pub typed: bool,
    /// Whether it is one of a printed batch.
    pub batch: bool,
    /// Tries of a typed code so far, of five.
    pub tries: u32,
}

/// A device that the directory lists.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct TeamDevice {
    /// The device: a hash of its key, to be compared on both phones.
    pub id: String,
    /// Whose it is.
    pub member: String,
    /// `native`, `web`, `console` or `station`.
    pub device_class: String,
    /// Whether it is this phone.
    pub is_this_phone: bool,
    /// Whether its member had another device before it.
    pub further: bool,
    /// False while somebody should compare its id on both phones.
    pub checked: bool,
}

#[uniffi::export]
impl AftercallPhone {
    /// Begins to join with a typed code; then call `ask_to_join` until it says true. `relay`: the address that the
    /// inviting phone shows beside the code.
    #[uniffi::constructor]
    pub fn start_joining_by_code(
        path: String,
        vault: Arc<dyn KeyVault>,
        relay: String,
        code: String,
    ) -> Result<Arc<Self>, AftercallError> {
        Self::around(|env| {
            let (store, vault) = Cabinet::make(&path, vault, env.rng)?.open(&path, true)?;
            let class = DeviceClass::Native;
            Ok(Phone::start_joining_by_code(store, vault, env, &relay, &code, class)?)
        })
    }

    /// Types a code again, after `ask_to_join` said `code_wrong`.
    pub fn retype_code(&self, code: String) -> Result<(), AftercallError> {
        self.with(|phone, env| phone.try_code(env, &code))
    }

    /// What the inviting phone scans to let this one in without a relay. It is no secret.
    pub fn join_reply(&self) -> Result<String, AftercallError> {
        self.look(|phone| phone.join_reply())
    }

    /// Lets in the phone whose reply was scanned; returns its device. It completes by itself once this phone has synced.
    pub fn accept_reply(&self, reply: String) -> Result<String, AftercallError> {
        self.with(|phone, env| phone.accept_reply(env, &reply)).map(|device| device.to_string())
    }

    /// Makes an invitation of ten characters to be typed: 15 minutes, one use, five tries. It is a secret. For another
    /// phone of one's own, name oneself.
    pub fn invite_by_code(&self, member: String) -> Result<String, AftercallError> {
        let member = member_id(&member)?;
        self.with(|phone, env| phone.invite_by_code(env, member)).map(|code| code.to_string())
    }

    /// Makes invitations to be printed, for 72 hours and one use each. For admins.
    pub fn invite_batch(
        &self,
        members: Vec<String>,
    ) -> Result<Vec<PrintedInvitation>, AftercallError> {
        let members = member_ids(&members)?;
        let batch = self.with(|phone, env| phone.invite_batch(env, &members))?;
        let printed = batch
            .iter()
            .map(|one| PrintedInvitation { member: one.member.to_string(), link: one.to_link() });
        Ok(printed.collect())
    }

    /// The invitations made on this phone in the last 30 days, newest first.
    pub fn invites(&self) -> Result<Vec<InvitationState>, AftercallError> {
        let all = self.with(|phone, env| phone.invites(env))?;
        Ok(all.into_iter().map(Into::into).collect())
    }

    /// The team's devices, in the order in which they came.
    pub fn devices(&self) -> Result<Vec<TeamDevice>, AftercallError> {
        Ok(self.look(|phone| phone.devices())?.into_iter().map(Into::into).collect())
    }

    /// Notes that somebody compared a device's id on both phones.
    pub fn mark_checked(&self, device: String) -> Result<(), AftercallError> {
        let device = device_id(&device)?;
        self.look(|phone| phone.mark_checked(device))
    }
}

impl From<engine::InviteView> for InvitationState {
    fn from(view: engine::InviteView) -> Self {
        Self {
            member: view.member.to_string(),
            state: view.state.as_str().to_owned(),
            left_ms: view.left_ms,
            typed: view.typed,
            batch: view.batch,
            tries: u32::try_from(view.tries).unwrap_or(u32::MAX),
        }
    }
}

impl From<engine::DeviceView> for TeamDevice {
    fn from(view: engine::DeviceView) -> Self {
        Self {
            id: view.id.to_string(),
            member: view.member.to_string(),
            device_class: view.class.as_str().to_owned(),
            is_this_phone: view.this,
            further: view.further,
            checked: view.checked,
        }
    }
}
