//! What a proposed change of the directory would do, in plain words and complete: whoever approves it reads this.

use crate::directory::{Guest, Member, Op, Proposed};
use crate::ids::{MemberId, ProposalId};
use crate::records::{Role, SpaceKind};

use super::desk::Desk;
use super::rows::CosignRow;
use super::{ProposalView, Result};

impl Desk<'_> {
    /// A proposal as it is shown.
    pub fn view_proposal(
        &self,
        id: ProposalId,
        row: &CosignRow,
        read: &Proposed,
    ) -> Result<ProposalView> {
        let admin = self.require_admin().is_ok();
        let names = self.staff_names()?;
        let name = |member: &MemberId| match names.get(member).or(row.name_of(member)) {
            Some(name) => format!("{name} ({})", &member.to_string()[..8]),
            None => format!("member {}", &member.to_string()[..8]),
        };
        Ok(ProposalView {
            id,
            by: read.by,
            by_name: names.get(&read.by).cloned(),
            what: words(&read.op, &name, |member| self.directory.member(member)),
            mine: row.mine,
            waits_for_me: !row.refused && !row.entering && read.lacks(self.identity.member, admin),
            entering: row.entering,
            signed: read.signed.iter().copied().collect(),
            declined: read.declined.iter().copied().collect(),
        })
    }
}

fn roles(roles: &[Role]) -> String {
    let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    if names.is_empty() { "no field role".into() } else { names.join(", ") }
}

fn guest(guest: &Guest) -> String {
    let kinds = guest.spaces.iter().map(|number| match SpaceKind::from_u8(*number) {
        Some(kind) => kind.policy().name.to_owned(),
        None => format!("kind {number}"),
    });
    let kinds: Vec<String> = kinds.collect();
    format!("as a guest until {} in {}", guest.until, kinds.join(", "))
}

/// Short labels stand in quotation marks, so that none can be read as a part of the sentence.
fn labels(labels: &[String]) -> String {
    let quoted: Vec<String> = labels.iter().map(|label| format!("{label:?}")).collect();
    if quoted.is_empty() { "nothing".into() } else { quoted.join(", ") }
}

fn words<'a>(
    op: &Op,
    name: &impl Fn(&MemberId) -> String,
    member_now: impl Fn(&MemberId) -> Option<&'a Member>,
) -> String {
    match op {
        Op::Member { member, roles: new, admin, unit, supervises, guest: limits, last } => {
            let who = name(member);
            let before = member_now(member);
            let mut parts = vec![match before {
                None => format!("enter {who} as {}", roles(new)),
                Some(before) if before.roles == *new => format!("{who} stays {}", roles(new)),
                Some(before) => {
                    format!("{who} becomes {}, was {}", roles(new), roles(&before.roles))
                }
            }];
            match (before.is_some_and(|before| before.admin), admin) {
                (false, true) => parts.push("becomes an ADMIN".into()),
                (true, false) => parts.push("is no admin any more".into()),
                (true, true) => parts.push("stays admin".into()),
                (false, false) => {}
            }
            if before.and_then(|before| before.unit.as_ref()) != unit.as_ref() {
                parts.push(format!("unit {}", labels(unit.as_slice())));
            }
            if before.map(|before| before.supervises.as_slice()).unwrap_or_default() != supervises {
                parts.push(format!("supervises {}", labels(supervises)));
            }
            match (before.and_then(|before| before.guest.as_ref()), limits) {
                (_, Some(limits)) => parts.push(guest(limits)),
                (Some(_), None) => parts.push("is no guest any more, without an end".into()),
                (None, None) => {}
            }
            if last.is_some() {
                parts.push("what is sent later under the old roles is set aside".into());
            }
            parts.join("; ")
        }
        Op::Device { member, verify_key, class, .. } => {
            let device = crate::crypto::device_id(verify_key);
            format!("list a device of {}: {device}, class {class:?}", name(member))
        }
        Op::Devices { devices } => {
            let whose: Vec<String> = devices.iter().map(|device| name(&device.member)).collect();
            format!("list the first devices of {}", whose.join(", "))
        }
        Op::Remove { member, device, wipe, .. } => {
            let what = match device {
                None => format!("remove {} and all their devices", name(member)),
                Some(device) => format!("remove the device {device} of {}", name(member)),
            };
            match wipe {
                Some(true) => format!("{what}, and WIPE what is removed when it next calls"),
                _ => what,
            }
        }
        Op::Recovery { member, key: None } => {
            format!("{} has no recovery key any more", name(member))
        }
        Op::Recovery { member, key: Some(key) } => {
            let holders: Vec<String> = key.shares.iter().map(|share| name(&share.holder)).collect();
            let fingerprint = crate::crypto::device_id(&key.verify_key);
            let shares = match holders.is_empty() {
                true => "on paper only".into(),
                false => format!("in shares held by {}", holders.join(", ")),
            };
            format!("set the recovery key {fingerprint} of {}, {shares}", name(member))
        }
        Op::Policy { .. } => "change the team's policy".into(),
        Op::Relay { relay } => format!("list the relay {relay}"),
        Op::Release { items } => format!("release {} items that were set aside", items.len()),
        Op::Wipe { device } => format!("wipe the removed device {device}"),
        Op::Renew => "sign the directory anew".into(),
        Op::Hold { doc, held: true, .. } => format!("hold the document {doc}"),
        Op::Hold { doc, held: false, .. } => format!("end the hold on the document {doc}"),
        Op::Genesis { .. } | Op::Approved { .. } => "nothing that can be proposed".into(),
    }
}
