//! Making a team, opening a phone, letting members and their devices in.

use std::collections::HashMap;
use std::sync::Arc;

use sync_core::engine::{self, Phone};
use sync_core::protocol::{Code, Invitation};
use sync_core::records::{PolicyProfile, Role};

use crate::error::AftercallError;
use crate::phone::AftercallPhone;
use crate::values::member_id;
use crate::vault::{Cabinet, KeyVault};

/// What a new team starts with. Its policy is the neutral one; nothing in it is legal advice.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NewTeam {
    /// The relay's address, as `https://relay.example`.
    pub relay: String,
    /// The admin who makes it.
    pub admin: NewMember,
    /// Crisis numbers by label. Empty: the placeholder of the neutral policy, which says so.
    pub crisis_numbers: HashMap<String, String>,
}

/// A member to be entered.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NewMember {
    /// The name staff are shown by; none for plain responders.
    pub name: Option<String>,
    /// Field roles, as `peer_supporter`.
    pub roles: Vec<String>,
    /// Whether their devices may change the directory.
    pub admin: bool,
    /// Their unit.
    pub unit: Option<String>,
    /// Units they supervise.
    pub supervises: Vec<String>,
}

/// A member as the phone shows them.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct TeamMember {
    /// Their id.
    pub id: String,
    /// Their name, if they are staff.
    pub name: Option<String>,
    /// Field roles.
    pub roles: Vec<String>,
    /// Whether their devices may change the directory.
    pub admin: bool,
    /// Whether a device of theirs is enrolled.
    pub has_device: bool,
}

impl NewMember {
    fn read(self) -> Result<engine::NewMember, AftercallError> {
        let roles: Option<Vec<Role>> =
            self.roles.iter().map(|name| Role::from_name(name)).collect();
        let names: Vec<&str> = Role::ALL.into_iter().map(Role::as_str).collect();
        let roles = roles.ok_or_else(|| {
            AftercallError::bad_value(&format!("a role is one of {}", names.join(", ")))
        })?;
        Ok(engine::NewMember {
            name: self.name,
            roles,
            admin: self.admin,
            unit: self.unit,
            supervises: self.supervises,
            guest: None,
        })
    }
}

impl From<engine::MemberView> for TeamMember {
    fn from(view: engine::MemberView) -> Self {
        TeamMember {
            id: view.id.to_string(),
            name: view.name,
            roles: view.roles.into_iter().map(|role| role.as_str().to_owned()).collect(),
            admin: view.admin,
            has_device: view.has_device,
        }
    }
}

#[uniffi::export]
impl AftercallPhone {
    /// Makes a team on this phone. `vault`: the phone's key store; the key of the database is drawn here, wrapped
    /// there, and kept wrapped beside the database. The phone is unlocked.
    #[uniffi::constructor]
    pub fn create_team(
        path: String,
        vault: Arc<dyn KeyVault>,
        team: NewTeam,
    ) -> Result<Arc<Self>, AftercallError> {
        let admin = team.admin.read()?;
        let mut profile = PolicyProfile::neutral();
        if !team.crisis_numbers.is_empty() {
            profile.crisis_numbers = team.crisis_numbers.into_iter().collect();
        }
        Self::around(|env| {
            let (store, vault) = Cabinet::make(&path, vault, env.rng)?.open(&path, true)?;
            Ok(Phone::create_team(store, vault, env, &team.relay, profile, admin)?)
        })
    }

    /// Opens a phone that was set up before. It is locked: it syncs, shows what is open and records what is new.
    /// A wrong key is refused and changes nothing.
    #[uniffi::constructor]
    pub fn open(path: String, vault: Arc<dyn KeyVault>) -> Result<Arc<Self>, AftercallError> {
        Self::around(|_| {
            let (store, vault) = Cabinet::find(&path, vault)?.open(&path, false)?;
            Ok(Phone::open(store, vault)?)
        })
    }

    /// Begins to join a team with an invitation's link; then call `ask_to_join` until it says true.
    #[uniffi::constructor]
    pub fn start_joining(
        path: String,
        vault: Arc<dyn KeyVault>,
        link: String,
    ) -> Result<Arc<Self>, AftercallError> {
        let invitation =
            Invitation::from_link(&link).map_err(|_| AftercallError::from(Code::InviteUnknown))?;
        Self::around(|env| {
            let (store, vault) = Cabinet::make(&path, vault, env.rng)?.open(&path, true)?;
            Ok(Phone::start_joining(store, vault, env, &invitation)?)
        })
    }

    /// Enters a member; returns their id. For admins.
    pub fn add_member(&self, member: NewMember) -> Result<String, AftercallError> {
        let member = member.read()?;
        self.with(|phone, env| phone.add_member(env, member)).map(|id| id.to_string())
    }

    /// Makes an invitation for a member's phone: a link, for 15 minutes and one use. It is a secret.
    pub fn invite(&self, member: String) -> Result<String, AftercallError> {
        let member = member_id(&member)?;
        self.with(|phone, env| phone.invite(env, member)).map(|invitation| invitation.to_link())
    }

    /// Everyone in the team.
    pub fn members(&self) -> Result<Vec<TeamMember>, AftercallError> {
        Ok(self.look(|phone| phone.members())?.into_iter().map(Into::into).collect())
    }
}
