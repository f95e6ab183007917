//! Changes of the directory that wait for another admin's signature.

use sync_core::engine::ProposalView;
use sync_core::ids::ProposalId;

use crate::error::AftercallError;
use crate::phone::AftercallPhone;

/// A change that waits for a further signature.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct WaitingChange {
    /// Its name, for `approve`, `decline` and `withdraw`.
    pub id: String,
    /// Who proposes it.
    pub by: String,
    /// Their name, if the roster has it.
    pub by_name: Option<String>,
    /// What would change, in words: show all of it before it is signed.
    pub what: String,
    /// Whether this phone proposed it.
    pub mine: bool,
    /// Whether this phone's member is asked for a signature.
    pub waits_for_me: bool,
    /// Whether it is complete and entered with the next sync.
    pub entering: bool,
    /// Members who refused it.
    pub declined: Vec<String>,
}

#[uniffi::export]
impl AftercallPhone {
    /// The changes that wait and concern this phone's member.
    pub fn approvals(&self) -> Result<Vec<WaitingChange>, AftercallError> {
        Ok(self.look(|phone| phone.approvals())?.into_iter().map(Into::into).collect())
    }

    /// Signs a change as `approvals` shows it. In effect once this phone has synced.
    pub fn approve(&self, change: String) -> Result<(), AftercallError> {
        let id = change_id(&change)?;
        self.with(|phone, env| phone.approve(env, id))
    }

    /// Refuses a change; its admin is told.
    pub fn decline(&self, change: String) -> Result<(), AftercallError> {
        let id = change_id(&change)?;
        self.look(|phone| phone.decline(id))
    }

    /// Takes back a change that this phone proposed.
    pub fn withdraw(&self, change: String) -> Result<(), AftercallError> {
        let id = change_id(&change)?;
        self.look(|phone| phone.withdraw(id))
    }
}

fn change_id(text: &str) -> Result<ProposalId, AftercallError> {
    text.parse().map_err(|_| AftercallError::bad_value("a change's id is 32 hexadecimal digits"))
}

impl From<ProposalView> for WaitingChange {
    fn from(view: ProposalView) -> Self {
        Self {
            id: view.id.to_string(),
            by: view.by.to_string(),
            by_name: view.by_name,
            what: view.what,
            mine: view.mine,
            waits_for_me: view.waits_for_me,
            entering: view.entering,
            declined: view.declined.iter().map(ToString::to_string).collect(),
        }
    }
}
