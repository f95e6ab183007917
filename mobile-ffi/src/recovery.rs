//! Recovery: what a member prepares while they have a phone, and how a new one is restored.

use std::sync::Arc;

use sync_core::engine::{self, Phone, RecoveryProof};
use sync_core::protocol::{Code, Invitation};
use sync_core::records::SpaceKind;

use crate::error::AftercallError;
use crate::phone::AftercallPhone;
use crate::values::{member_id, member_ids};
use crate::vault::{Cabinet, KeyVault};

/// What a member prints or hands out after setting up recovery. It is shown once and kept nowhere: print it, then
/// forget it.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct RecoverySheet {
    /// The code to print: 13 groups of 5 characters.
    pub code: Option<String>,
    /// A share for each holder, as text for a QR code; the holders' phones get theirs by themselves.
    pub shares: Vec<PrintedShare>,
    /// Whether it waits for an admin.
    pub waits: bool,
}

/// A share to print for its holder.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct PrintedShare {
    /// The holder.
    pub holder: String,
    /// The share.
    pub text: String,
}

/// How far a member's recovery is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum RecoveryState {
    /// There is none.
    NotSetUp,
    /// A change waits for an admin.
    Waits,
    /// A recovery key counts.
    SetUp,
    /// The last one was used: set up a new one.
    Spent,
}

/// A holder of a share.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ShareHolder {
    /// The member.
    pub member: String,
    /// Whether a phone of theirs can still open it.
    pub reachable: bool,
}

/// What a phone shows of its member's own recovery.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct RecoveryStatus {
    /// How far it is.
    pub state: RecoveryState,
    /// Who holds shares.
    pub holders: Vec<ShareHolder>,
    /// The day it was set up, as 2026-03-01.
    pub set_up: Option<String>,
    /// The day it was last tried on this phone.
    pub drilled: Option<String>,
    /// Whether it is time to try it: a quiet reminder, never a sound.
    pub drill_due: bool,
    /// The member's own kinds of spaces that it does not read.
    pub no_escrow: Vec<String>,
}

/// A change of somebody's recovery that waits for admins.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct RecoveryAsk {
    /// Whose.
    pub member: String,
    /// Whether they want no recovery key any more.
    pub drops: bool,
    /// Who is to hold shares.
    pub holders: Vec<String>,
    /// The admins who approved it so far.
    pub approved_by: Vec<String>,
    /// Whether this phone approved it already.
    pub approved_here: bool,
}

/// What a holder is shown before they hand over a share.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ShareRelease {
    /// Whose reading it restores.
    pub member: String,
    /// Their name, if they are staff.
    pub name: Option<String>,
    /// Eight words that the new phone must show too.
    pub fingerprint: String,
}

impl From<engine::RecoverySheet> for RecoverySheet {
    fn from(sheet: engine::RecoverySheet) -> Self {
        let shares = sheet.shares.iter().map(|share| PrintedShare {
            holder: share.holder.to_string(),
            text: share.text.to_string(),
        });
        RecoverySheet {
            code: sheet.code.as_ref().map(|code| code.to_string()),
            shares: shares.collect(),
            waits: sheet.waits,
        }
    }
}

impl From<engine::RecoveryStatus> for RecoveryStatus {
    fn from(status: engine::RecoveryStatus) -> Self {
        let state = match status.state {
            engine::RecoveryState::None => RecoveryState::NotSetUp,
            engine::RecoveryState::Waits => RecoveryState::Waits,
            engine::RecoveryState::SetUp => RecoveryState::SetUp,
            engine::RecoveryState::Spent => RecoveryState::Spent,
        };
        let holders = status.holders.into_iter().map(|holder| ShareHolder {
            member: holder.member.to_string(),
            reachable: holder.reachable,
        });
        let kinds = status.no_escrow.into_iter();
        RecoveryStatus {
            state,
            holders: holders.collect(),
            set_up: status.set_up.map(|day| day.to_string()),
            drilled: status.drilled.map(|day| day.to_string()),
            drill_due: status.drill_due,
            no_escrow: kinds.map(|kind| kind.policy().name.to_owned()).collect(),
        }
    }
}

fn texts(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

#[uniffi::export]
impl AftercallPhone {
    /// Begins to join with an invitation's link and the member's printed code; then call `ask_to_join` until it says
    /// true. A mistyped code makes nothing, and the error says which group is wrong.
    #[uniffi::constructor]
    pub fn recover_with_code(
        path: String,
        vault: Arc<dyn KeyVault>,
        link: String,
        code: String,
    ) -> Result<Arc<Self>, AftercallError> {
        let invitation =
            Invitation::from_link(&link).map_err(|_| AftercallError::from(Code::InviteUnknown))?;
        sync_core::crypto::secret_of_code(&code).map_err(engine::EngineError::from)?;
        Self::around(|env| {
            let (store, vault) = Cabinet::make(&path, vault, env.rng)?.open(&path, true)?;
            Ok(Phone::recover_with_code(store, vault, env, &invitation, &code)?)
        })
    }

    /// Makes a recovery key: for three holders, any two of whom restore it, with a printed code, or both.
    pub fn make_recovery(
        &self,
        holders: Vec<String>,
        printed: bool,
    ) -> Result<RecoverySheet, AftercallError> {
        let holders = member_ids(&holders)?;
        let three = match holders.len() {
            0 => None,
            _ => Some(<[_; 3]>::try_from(holders).map_err(|_| {
                AftercallError::bad_value("shares have three holders, or there are none")
            })?),
        };
        self.with(|phone, env| phone.make_recovery(env, three, printed)).map(Into::into)
    }

    /// Asks for the recovery key to be dropped.
    pub fn drop_recovery(&self) -> Result<(), AftercallError> {
        self.with(|phone, env| phone.drop_recovery(env))
    }

    /// How far this member's recovery is set up.
    pub fn recovery_status(&self) -> Result<RecoveryStatus, AftercallError> {
        self.with(|phone, env| phone.recovery_status(env.now)).map(Into::into)
    }

    /// Tries whether the printed code would work. Changes nothing.
    pub fn drill_code(&self, code: String) -> Result<(), AftercallError> {
        self.with(|phone, env| phone.recovery_drill(env, RecoveryProof::Code(&code)))
    }

    /// Tries whether these shares would work. Changes nothing.
    pub fn drill_shares(&self, shares: Vec<String>) -> Result<(), AftercallError> {
        let shares = texts(&shares);
        self.with(|phone, env| phone.recovery_drill(env, RecoveryProof::Shares(&shares)))
    }

    /// Chooses whether the recovery key reads the member's own spaces of a kind, `personal` or `care`. Show
    /// `no_escrow_warning` before turning it off.
    pub fn set_escrow(&self, space: String, on: bool) -> Result<(), AftercallError> {
        let kind = match space.as_str() {
            "personal" => SpaceKind::Personal,
            "care" => SpaceKind::Care,
            _ => return Err(AftercallError::bad_value("the space is personal or care")),
        };
        self.with(|phone, env| phone.set_escrow(env, kind, on))
    }

    /// Whose recovery waits for admins. For admins.
    pub fn recovery_asks(&self) -> Result<Vec<RecoveryAsk>, AftercallError> {
        let asks = self.look(|phone| phone.recovery_asks())?.into_iter();
        let names = |ids: Vec<sync_core::ids::MemberId>| -> Vec<String> {
            ids.iter().map(ToString::to_string).collect()
        };
        Ok(asks
            .map(|ask| RecoveryAsk {
                member: ask.member.to_string(),
                drops: ask.key.is_none(),
                holders: names(ask.holders),
                approved_by: names(ask.approved_by),
                approved_here: ask.approved_here,
            })
            .collect())
    }

    /// Approves a member's recovery. True if no other admin is needed. For admins.
    pub fn approve_recovery(&self, member: String) -> Result<bool, AftercallError> {
        let member = member_id(&member)?;
        self.look(|phone| phone.approve_recovery(member))
    }

    /// The text by which holders hand their shares to this phone. Holds no secret.
    pub fn recovery_request(&self) -> Result<String, AftercallError> {
        self.look(|phone| Ok(phone.recovery_request().to_text()))
    }

    /// Eight words of this phone's keys: holders compare them with what their phones show.
    pub fn recovery_fingerprint(&self) -> Result<String, AftercallError> {
        self.look(|phone| Ok(phone.fingerprint()))
    }

    /// Whom a request for a share is for. Show it, with the fingerprint, before releasing.
    pub fn share_release(&self, request: String) -> Result<ShareRelease, AftercallError> {
        let shown = self.look(|phone| phone.share_release(&request))?;
        Ok(ShareRelease {
            member: shown.member.to_string(),
            name: shown.name,
            fingerprint: shown.fingerprint,
        })
    }

    /// Hands this phone's share over: a text or QR code that only the asking phone opens.
    pub fn release_share(&self, request: String) -> Result<String, AftercallError> {
        self.with(|phone, env| phone.release_share(env, &request))
    }

    /// Gives a joining phone two shares.
    pub fn recover_with_shares(&self, shares: Vec<String>) -> Result<(), AftercallError> {
        let shares = texts(&shares);
        self.with(|phone, env| phone.recover_with_shares(env, &shares))
    }

    /// Gives a joining phone the code again, as when another one was refused.
    pub fn use_recovery_code(&self, code: String) -> Result<(), AftercallError> {
        self.with(|phone, env| phone.use_recovery_code(env, &code))
    }

    /// Goes on joining with a newer invitation for the same member.
    pub fn renew_joining(&self, link: String) -> Result<(), AftercallError> {
        let invitation =
            Invitation::from_link(&link).map_err(|_| AftercallError::from(Code::InviteUnknown))?;
        self.look(|phone| phone.renew_joining(&invitation))
    }
}

/// What a member is told before they keep a space from their recovery key.
#[uniffi::export]
pub fn no_escrow_warning() -> String {
    engine::NO_ESCROW_WARNING.to_owned()
}
