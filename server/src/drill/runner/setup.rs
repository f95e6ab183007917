//! Team, members and devices: made and enrolled by the real path.

use serde_json::Value as Json;
use sync_core::records::Role;

use crate::drill::protocol::{PhoneCommand, RelayCommand};
use crate::drill::relay_process::ORIGIN;
use crate::drill::script::{NewDevice, NewMember, Team};

use super::{Failed, Member, Played, World};

/// Times a joining device asks before it has waited in vain.
const ASKS: usize = 3;

fn text(json: &Json, name: &str) -> Played<String> {
    let found = json[name].as_str().map(str::to_owned);
    found.ok_or_else(|| Failed::Broken(format!("the phone told no {name}")))
}

fn is_staff(roles: &[String]) -> bool {
    roles.iter().filter_map(|name| Role::from_name(name)).any(Role::is_staff)
}

impl World {
    /// A team on admin1's device, listed at the relay, and admin2 beside it.
    pub(super) fn make_team(&mut self, team: &Team) -> Played {
        self.start_device("admin1", "admin1")?;
        let (passphrase, connect) = self.credentials("admin1")?;
        let made = self.ask(
            "admin1",
            PhoneCommand::Create {
                passphrase,
                origin: ORIGIN.into(),
                connect,
                policy: Json::Object(team.policy.clone()),
                name: "admin1".into(),
            },
        )?;
        let id = text(&made, "team")?;
        self.tell_relay(&RelayCommand::AllowTeam { team: id.clone() })?;
        self.team = Some(id);
        let member = Member { id: text(&made, "member")?, roles: Vec::new() };
        self.members.insert("admin1".into(), member);
        self.sync("admin1")?;
        self.add_member("admin2", Vec::new(), true, None, Vec::new())?;
        self.enrol("admin2", "admin2")
    }

    fn add_member(
        &mut self,
        handle: &str,
        roles: Vec<String>,
        admin: bool,
        unit: Option<String>,
        supervises: Vec<String>,
    ) -> Played {
        // Plain responders have no open name.
        let name = (is_staff(&roles) || admin).then(|| handle.to_owned());
        let shown_roles = roles.clone();
        let command = PhoneCommand::AddMember { name, roles, admin, unit, supervises };
        let id = text(&self.ask("admin1", command)?, "member")?;
        self.members.insert(handle.to_owned(), Member { id, roles: shown_roles });
        self.sync("admin1").map(|_| ())
    }

    pub(super) fn enter_member(&mut self, member: &NewMember) -> Played {
        let NewMember { id, roles, unit, supervises, .. } = member.clone();
        self.must_be_free(&id)?;
        self.add_member(&id, roles, false, unit, supervises)?;
        self.sync("admin2").map(|_| ())
    }

    pub(super) fn enrol_device(&mut self, device: &NewDevice) -> Played {
        self.enrol(&device.id, &device.member)?;
        self.prepare_recoveries()
    }

    pub(super) fn enrol(&mut self, handle: &str, member: &str) -> Played {
        let id = self.member_id(member)?;
        let link = text(&self.ask("admin1", PhoneCommand::Invite { member: id })?, "link")?;
        self.sync("admin1")?;
        self.start_device(handle, member)?;
        let joined = self.join(handle, link);
        if joined.is_err() {
            self.forget_device(handle);
            return joined;
        }
        self.sync(handle)?;
        if handle != "admin2" {
            self.sync("admin2")?;
        }
        self.sync("admin1").map(|_| ())
    }

    fn join(&mut self, handle: &str, link: String) -> Played {
        let (passphrase, connect) = self.credentials(handle)?;
        self.ask(handle, PhoneCommand::Join { passphrase, connect, link })?;
        self.wait_to_be_listed(handle)
    }

    /// A phone that has begun to join asks until an admin's phone has let it in.
    pub(super) fn wait_to_be_listed(&mut self, handle: &str) -> Played {
        let swap_keys = std::mem::take(&mut self.swap_keys);
        for _ in 0..ASKS {
            let asked = self.ask(handle, PhoneCommand::Enrol)?;
            if asked["listed"] == Json::Bool(true) {
                return Ok(());
            }
            if swap_keys {
                self.tell_relay(&RelayCommand::SwapEnrolmentKeys)?;
            }
            self.sync("admin1")?;
        }
        let alarms = self.ask("admin1", PhoneCommand::Alarms)?;
        let forged = alarms.as_array().is_some_and(|all| all.iter().any(|a| a == "invite_forged"));
        match forged {
            true => Err(Failed::Refused {
                code: "invite_forged".into(),
                sentence: "The admin's phone found other keys than the invited phone's.".into(),
            }),
            false => Err(Failed::unmet("the device is listed", "it still waits")),
        }
    }

    /// The id of a member of the file.
    pub(super) fn member_id(&self, handle: &str) -> Played<String> {
        let found = self.members.get(handle).map(|member| member.id.clone());
        found.ok_or_else(|| Failed::Broken(format!("{handle} was not entered: that step failed")))
    }
}
