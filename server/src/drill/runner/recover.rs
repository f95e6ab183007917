//! Recovery: what members who will lose their phones set up before, and their new phones.
//!
//! A file says only that somebody recovers. As in life that must have been set up before the loss: the runner does it
//! with the member's phone and both admins as soon as the people for it are there, and keeps the code and the shares
//! as on paper.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use sync_core::protocol::HandedShare;
use sync_core::records::Role;

use crate::drill::protocol::PhoneCommand;
use crate::drill::script::{Class, Escrow, HandedOver, OwnSpace, Recover, RecoverWith, Step, Verb};

use super::{Failed, Played, World};

/// What is on paper.
#[derive(Debug, Clone)]
struct Paper {
    code: Option<String>,
    /// Share by holder's handle.
    shares: Vec<(String, String)>,
}

/// Who will recover, and what they have on paper.
#[derive(Debug, Default)]
pub struct Recoveries {
    /// What is still to come of each member's recoveries, in order.
    wanted: BTreeMap<String, Vec<RecoverWith>>,
    papers: BTreeMap<String, Paper>,
}

impl Recoveries {
    /// What a file's steps will need. A step with `try` may be refused, so that what it needs is needed again.
    pub fn of(steps: &[Step]) -> Self {
        let mut wanted: BTreeMap<String, Vec<RecoverWith>> = BTreeMap::new();
        for step in steps {
            if let Verb::Recover(recover) = &step.verb
                && recover.with != RecoverWith::Device
            {
                wanted.entry(recover.member.clone()).or_default().push(recover.with);
            }
        }
        Self { wanted, papers: BTreeMap::new() }
    }
}

impl World {
    /// Sets up the recoveries that can be set up by now.
    pub(super) fn prepare_recoveries(&mut self) -> Played {
        let members: Vec<String> = self.recoveries.wanted.keys().cloned().collect();
        for member in members {
            self.prepare_recovery(&member)?;
        }
        Ok(())
    }

    /// False if somebody it needs is not there yet.
    fn prepare_recovery(&mut self, member: &str) -> Played<bool> {
        if self.recoveries.papers.contains_key(member) {
            return Ok(true);
        }
        let wanted = self.recoveries.wanted.get(member).cloned().unwrap_or_default();
        let Some(phone) = self.online_phone_of(member) else { return Ok(false) };
        let shares = wanted.contains(&RecoverWith::Shares);
        let holders = if shares { self.three_holders(member) } else { None };
        if wanted.is_empty() || (shares && holders.is_none()) {
            return Ok(false);
        }
        let holders = match holders {
            Some([a, b, c]) => {
                Some([self.member_id(&a)?, self.member_id(&b)?, self.member_id(&c)?])
            }
            None => None,
        };
        self.sync(&phone)?;
        let printed = wanted.contains(&RecoverWith::Code);
        let sheet = self.ask(&phone, PhoneCommand::MakeRecovery { holders, printed })?;
        self.sync(&phone)?;
        let id = self.member_id(member)?;
        for admin in ["admin1", "admin2"].into_iter().filter(|admin| *admin != member) {
            self.sync(admin)?;
            let approve = PhoneCommand::ApproveRecovery { member: id.clone() };
            let complete = self.ask(admin, approve)?["complete"] == Json::Bool(true);
            self.sync(admin)?;
            if complete {
                break;
            }
        }
        for handle in [phone.as_str(), "admin1", "admin2"] {
            self.sync(handle)?;
        }
        let mut shares = Vec::new();
        for share in sheet["shares"].as_array().into_iter().flatten() {
            let holder = self.handle_of(share["holder"].as_str().unwrap_or_default());
            shares.push((holder, share["text"].as_str().unwrap_or_default().to_owned()));
        }
        let code = sheet["code"].as_str().map(str::to_owned);
        self.recoveries.papers.insert(member.to_owned(), Paper { code, shares });
        Ok(true)
    }

    /// Restores a member's reading on a new phone.
    pub(super) fn recover(&mut self, step: &Recover) -> Played {
        if step.with == RecoverWith::Device {
            return self.enrol(&step.name, &step.member);
        }
        if !self.prepare_recovery(&step.member)? {
            return Err(Failed::Broken(format!(
                "recovery of {} cannot be set up: it needs an online phone of theirs, and for shares three others with phones",
                step.member
            )));
        }
        let restored = self.restore(step);
        if restored.is_err() {
            self.forget_device(&step.name);
            return restored;
        }
        // The key is spent; another recovery of this member needs another one.
        self.recoveries.papers.remove(&step.member);
        if let Some(wanted) = self.recoveries.wanted.get_mut(&step.member) {
            let done = wanted.iter().position(|with| *with == step.with);
            done.map(|at| wanted.remove(at));
        }
        self.prepare_recoveries()
    }

    fn restore(&mut self, step: &Recover) -> Played {
        let member = self.member_id(&step.member)?;
        let invited = self.ask("admin1", PhoneCommand::Invite { member, by: HandedOver::Link })?;
        let link = invited["link"].as_str().unwrap_or_default().to_owned();
        self.sync("admin1")?;
        self.start_device(&step.name, &step.member)?;
        let (passphrase, connect) = self.credentials(&step.name)?;
        if step.with == RecoverWith::Shares {
            let class = Class::Native;
            self.ask(&step.name, PhoneCommand::Join { passphrase, connect, link, class })?;
            let shares = self.gather_shares(step)?;
            self.ask(&step.name, PhoneCommand::RecoverShares { shares })?;
        } else {
            let paper = self.recoveries.papers.get(&step.member);
            let code = paper.and_then(|paper| paper.code.clone()).unwrap_or_default();
            let join = PhoneCommand::JoinRecovering { passphrase, connect, link, code };
            self.ask(&step.name, join)?;
        }
        self.wait_to_be_listed(&step.name, "admin1")?;
        self.sync(&step.name)?;
        self.sync("admin2")?;
        self.sync("admin1").map(|_| ())
    }

    /// The holders' phones hand over their shares to the new phone.
    fn gather_shares(&mut self, step: &Recover) -> Played<Vec<String>> {
        let asked = self.ask(&step.name, PhoneCommand::RecoveryRequest)?;
        let request = asked["request"].as_str().unwrap_or_default().to_owned();
        let paper = self.recoveries.papers.get(&step.member).cloned();
        let paper = paper.ok_or_else(|| Failed::Broken("nothing was set up".into()))?;
        let all = paper.shares.iter().map(|(holder, _)| holder.clone());
        let holders = step.holders.clone().unwrap_or_else(|| all.take(2).collect());
        let mut shares = Vec::new();
        for holder in holders {
            if step.wrong.as_ref() == Some(&holder) {
                let text = paper.shares.iter().find(|(whose, _)| *whose == holder);
                let (_, text) = text.ok_or_else(|| {
                    Failed::Broken(format!("{holder} holds no share of {}", step.member))
                })?;
                shares.push(altered(text)?);
                continue;
            }
            let phone = self.online_phone_of(&holder);
            let phone =
                phone.ok_or_else(|| Failed::Broken(format!("{holder} has no online phone")))?;
            self.sync(&phone)?;
            let release = PhoneCommand::ReleaseShare { request: request.clone() };
            let handed = self.ask(&phone, release)?;
            shares.push(handed["share"].as_str().unwrap_or_default().to_owned());
        }
        Ok(shares)
    }

    pub(super) fn escrow(&mut self, step: &Escrow) -> Played {
        let care = step.space == OwnSpace::Care;
        self.ask(&step.device, PhoneCommand::SetEscrow { care, on: step.on }).map(|_| ())
    }

    fn online_phone_of(&self, member: &str) -> Option<String> {
        let mut phones = self.devices.iter().filter(|device| device.member == member);
        phones.find(|device| !device.proxy.is_offline()).map(|device| device.handle.clone())
    }

    /// Three others with phones: a clinical director and coordinators first, admins last.
    fn three_holders(&self, member: &str) -> Option<[String; 3]> {
        let rank = |handle: &str| {
            let roles = self.members.get(handle).map(|member| member.roles.as_slice());
            let has =
                |role: Role| roles.is_some_and(|roles| roles.iter().any(|r| r == role.as_str()));
            match handle {
                "admin1" | "admin2" => 3,
                _ if has(Role::ClinicalDirector) => 0,
                _ if has(Role::Coordinator) => 1,
                _ => 2,
            }
        };
        let mut others: Vec<String> = Vec::new();
        for device in &self.devices {
            if device.member != member && !others.contains(&device.member) {
                others.push(device.member.clone());
            }
        }
        others.sort_by_key(|handle| rank(handle));
        others.truncate(3);
        others.try_into().ok()
    }

    fn handle_of(&self, id: &str) -> String {
        let found = self.members.iter().find(|(_, member)| member.id == id);
        found.map(|(handle, _)| handle.clone()).unwrap_or_default()
    }
}

/// A share with one bit changed, as a careless or lying holder shows it.
fn altered(text: &str) -> Played<String> {
    match HandedShare::from_text(text) {
        Ok(HandedShare::Printed(mut share)) => {
            share.value[0] ^= 1;
            Ok(HandedShare::Printed(share).to_text().to_string())
        }
        _ => Err(Failed::Broken("the printed share cannot be read".into())),
    }
}
