//! Team, members and devices: made and enrolled by the real path.

use serde_json::Value as Json;
use sync_core::records::Role;

use crate::drill::protocol::{PhoneCommand, RelayCommand};
use crate::drill::relay_process::ORIGIN;
use crate::drill::script::trainings as read_trainings;
use crate::drill::script::{Class, HandedOver, NewDevice, NewMember, Team};

use super::{Failed, Member, Played, World};

/// Times a joining device asks before it has waited in vain; a typed code needs one more than a link.
const ASKS: usize = 4;

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
        let NewMember { id, roles, unit, supervises, trainings } = member.clone();
        self.must_be_free(&id)?;
        self.add_member(&id, roles, false, unit, supervises)?;
        self.cosign()?;
        self.enter_trainings(&id, &trainings)
    }

    /// What a member is trained for goes into the roster once they stand in it.
    fn enter_trainings(&mut self, handle: &str, trainings: &[Json]) -> Played {
        let fields = read_trainings(trainings).map_err(Failed::Broken)?;
        if fields.is_empty() {
            return Ok(());
        }
        let member = self.member_id(handle)?;
        let staff = self.ask("admin1", PhoneCommand::List { kind: Some("staff".into()) })?;
        let mut rows = staff.as_array().into_iter().flatten();
        let own = rows.find(|row| row["fields"]["member"]["value"] == member.as_str());
        // A plain responder has no place in the roster.
        let Some(record) = own.and_then(|row| row["record"].as_str()) else { return Ok(()) };
        let record = record.to_owned();
        self.ask("admin1", PhoneCommand::Edit { record, fields })?;
        self.sync("admin1").map(|_| ())
    }

    /// What admin1 proposed and needs a second signature gets admin2's.
    fn cosign(&mut self) -> Played {
        self.sync("admin2")?;
        let approved = self.ask("admin2", PhoneCommand::ApproveAll)?;
        if approved["approved"].as_u64().unwrap_or(0) > 0 {
            self.sync("admin2")?;
            self.sync("admin1")?;
        }
        Ok(())
    }

    /// Two phones meet: hello, answer, finish.
    pub(super) fn meet(&mut self, a: &str, b: &str) -> Played {
        let hello = self.say(a, 1, String::new())?;
        let answer = self.say(b, 2, hello)?;
        let finish = self.say(a, 3, answer)?;
        self.ask(b, PhoneCommand::Meet { step: 3, message: finish }).map(|_| ())
    }

    fn say(&mut self, handle: &str, step: u8, message: String) -> Played<String> {
        text(&self.ask(handle, PhoneCommand::Meet { step, message })?, "message")
    }

    pub(super) fn enrol_device(&mut self, device: &NewDevice) -> Played {
        let NewDevice { id, member, by, class, .. } = device;
        self.enrol_by(id, member, *by, *class)?;
        self.prepare_recoveries()
    }

    pub(super) fn enrol(&mut self, handle: &str, member: &str) -> Played {
        self.enrol_by(handle, member, HandedOver::Link, Class::Native)
    }

    /// Who lets a device of a member in: the first of the member's own phones that has a link, else admin1.
    fn inviter_of(&mut self, member: &str) -> Played<String> {
        for handle in self.handles() {
            let device = self.device(&handle)?;
            if device.member == member && !device.proxy.is_offline() {
                return Ok(handle);
            }
        }
        Ok("admin1".to_owned())
    }

    fn enrol_by(&mut self, handle: &str, member: &str, by: HandedOver, class: Class) -> Played {
        let id = self.member_id(member)?;
        let inviter = self.inviter_of(member)?;
        let invited = self.ask(&inviter, PhoneCommand::Invite { member: id, by })?;
        if by != HandedOver::Scan {
            self.sync(&inviter)?;
        }
        self.start_device(handle, member)?;
        let joined = match by {
            HandedOver::Scan => self.join_by_scan(handle, &inviter, text(&invited, "link")?, class),
            _ => self.join(handle, &inviter, &invited, class),
        };
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

    fn begin_joining(&mut self, handle: &str, invited: &Json, class: Class) -> Played {
        let (passphrase, connect) = self.credentials(handle)?;
        let origin = ORIGIN.to_owned();
        let command = match invited["code"].as_str() {
            Some(code) => {
                let code = code.to_owned();
                PhoneCommand::JoinByCode { passphrase, connect, origin, code, class }
            }
            None => {
                let link = text(invited, "link")?;
                PhoneCommand::Join { passphrase, connect, link, class }
            }
        };
        self.ask(handle, command).map(|_| ())
    }

    fn join(&mut self, handle: &str, inviter: &str, invited: &Json, class: Class) -> Played {
        self.begin_joining(handle, invited, class)?;
        self.wait_to_be_listed(handle, inviter)
    }

    /// A phone that has begun to join asks until the inviting phone, and an admin's, have let it in.
    pub(super) fn wait_to_be_listed(&mut self, handle: &str, inviter: &str) -> Played {
        let swap_keys = std::mem::take(&mut self.swap_keys);
        for _ in 0..ASKS {
            let asked = self.ask(handle, PhoneCommand::Enrol)?;
            if asked["listed"] == Json::Bool(true) {
                return Ok(());
            }
            if swap_keys {
                self.tell_relay(&RelayCommand::SwapEnrolmentKeys)?;
            }
            self.sync(inviter)?;
            if inviter != "admin1" {
                self.sync("admin1")?;
            }
        }
        let alarms = self.ask(inviter, PhoneCommand::Alarms)?;
        let forged = alarms.as_array().is_some_and(|all| all.iter().any(|a| a == "invite_forged"));
        match forged {
            true => Err(Failed::Refused {
                code: "invite_forged".into(),
                sentence: "The inviting phone found other keys than the invited phone's.".into(),
            }),
            false => Err(Failed::unmet("the device is listed", "it still waits")),
        }
    }

    /// Both scans before any of it reaches the relay; then the new phone completes at its own first contact.
    fn join_by_scan(&mut self, handle: &str, inviter: &str, link: String, class: Class) -> Played {
        self.begin_joining(handle, &serde_json::json!({ "link": link }), class)?;
        let reply = text(&self.ask(handle, PhoneCommand::JoinReply)?, "reply")?;
        self.ask(inviter, PhoneCommand::AcceptReply { reply })?;
        self.sync(inviter)?;
        if inviter != "admin1" {
            self.sync("admin1")?;
        }
        let asked = self.ask(handle, PhoneCommand::Enrol)?;
        match asked["listed"] == Json::Bool(true) {
            true => Ok(()),
            false => Err(Failed::unmet("the device is listed", "it still waits")),
        }
    }

    /// The id of a member of the file.
    pub(super) fn member_id(&self, handle: &str) -> Played<String> {
        let found = self.members.get(handle).map(|member| member.id.clone());
        found.ok_or_else(|| Failed::Broken(format!("{handle} was not entered: that step failed")))
    }
}
