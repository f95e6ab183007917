//! Who may change the directory: operation → who signs → whose further signatures it needs. One table.

use std::collections::BTreeSet;

use crate::crypto;
use crate::ids::{DeviceId, MemberId, TeamId};
use crate::protocol::{Approval, Approver, Code, Envelope, approval_to_sign, from_cbor};
use crate::records::DeviceClass;

use super::entry::Op;
use super::state::{DeviceAt, Directory};

/// A row of the table, for documents and for the pages that show it.
#[derive(Debug, Clone, Copy)]
pub struct OpRight {
    /// The operation.
    pub operation: &'static str,
    /// Whose device signs the entry.
    pub signer: &'static str,
    /// What else it needs.
    pub approvals: &'static str,
}

/// Operation → role → signatures, in words. [`Directory::approvals_of`] is the same table in code.
pub const OPERATIONS: &[OpRight] = {
    const fn row(
        operation: &'static str,
        signer: &'static str,
        approvals: &'static str,
    ) -> OpRight {
        OpRight { operation, signer, approvals }
    }
    const ADMIN: &str = "an admin's native device";
    const SECOND: &str = "a second admin, if the team has one";
    &[
        row("make the team", "the first member's device", "none"),
        row("enter a member without a staff role", ADMIN, "none"),
        row("give a staff role or the admin capability", ADMIN, SECOND),
        row("lengthen or widen a guest's stay", ADMIN, SECOND),
        row(
            "take away roles",
            ADMIN,
            "none; of an admin: a second admin other than the one concerned, if there is one",
        ),
        row("list a member's first device, or several members' first devices", ADMIN, "none"),
        row(
            "list a member's further device",
            ADMIN,
            "one of the member's native devices, or their recovery key",
        ),
        row(
            "remove a device or a member",
            ADMIN,
            "none; an admin: a second admin other than the one concerned, if there is one",
        ),
        row(
            "set, change or drop a member's recovery key",
            ADMIN,
            "one of the member's native devices, and a second admin, if there is one",
        ),
        row("release what was set aside", ADMIN, "none"),
        row(
            "wipe a removed device",
            ADMIN,
            "none; an admin's: a second admin other than the one concerned, if there is one",
        ),
        row("begin or end a legal hold", ADMIN, "none"),
        row("change the policy profile", ADMIN, "a second admin, if there is one"),
        row("list a relay, renew the directory", ADMIN, "none"),
    ]
};

/// The further signatures an operation needs at one state of the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// Distinct admin members, the signer included.
    pub admins: usize,
    /// An admin whose own signature does not count: the one concerned.
    pub without: Option<MemberId>,
    /// A device or the recovery key of this member.
    pub member: Option<MemberId>,
}

/// An operation as an entry carries it, taken out of its approvals.
pub(super) struct Opened {
    pub op: Op,
    pub nonce: Option<[u8; 16]>,
    approvals: Vec<Approval>,
    message: Vec<u8>,
}

impl Opened {
    fn lists_device_of(&self, whose: &MemberId) -> bool {
        matches!(&self.op, Op::Device { member, .. } if member == whose)
    }

    /// The recovery key that approved it, by its member, and the device it let in.
    pub(super) fn recovered(&self) -> Option<(MemberId, DeviceId)> {
        let Op::Device { member, verify_key, .. } = &self.op else { return None };
        let used = self.approvals.iter().any(|approval| approval.by == Approver::Recovery(*member));
        used.then(|| (*member, crypto::device_id(verify_key)))
    }
}

/// Takes an entry's operation out of its approvals; an approved operation inside another is refused.
pub(super) fn open(team: TeamId, entry: &Envelope) -> Result<Opened, Code> {
    let outer: Op = from_cbor(&entry.body).map_err(|_| Code::Malformed)?;
    let Op::Approved { op, nonce, approvals } = outer else {
        return Ok(Opened { op: outer, nonce: None, approvals: Vec::new(), message: Vec::new() });
    };
    let encoded = op;
    let op: Op = from_cbor(&encoded).map_err(|_| Code::Malformed)?;
    if matches!(op, Op::Approved { .. } | Op::Genesis { .. }) {
        return Err(Code::Malformed);
    }
    let message = approval_to_sign(team, &nonce, &op.approved_bytes(&encoded)?);
    Ok(Opened { op, nonce: Some(nonce.into()), approvals, message })
}

impl Directory {
    /// The signatures an operation needs now: the table of [`OPERATIONS`].
    pub fn approvals_of(&self, op: &Op) -> Needs {
        let one = Needs { admins: 1, ..Needs::default() };
        let two = |without: Option<MemberId>| {
            let others = self.admins().filter(|admin| Some(*admin) != without).count();
            Needs { admins: others.clamp(1, 2), without, member: None }
        };
        match op {
            Op::Member { member, roles, admin, guest, .. } => {
                let before = self.member(member);
                let had = |role| before.is_some_and(|before| before.roles.contains(role));
                let gains = roles.iter().any(|role| role.is_staff() && !had(role))
                    || (*admin && before.is_none_or(|before| !before.admin));
                let longer = before.is_some_and(|before| match (&before.guest, guest) {
                    (None, _) => false,
                    (Some(_), None) => true,
                    (Some(old), Some(new)) => {
                        new.until > old.until
                            || new.spaces.iter().any(|kind| !old.spaces.contains(kind))
                    }
                });
                let falls = before.is_some_and(|before| before.admin && !admin);
                match (gains || longer, falls) {
                    (true, _) => two(None),
                    (false, true) => two(Some(*member)),
                    (false, false) => one,
                }
            }
            Op::Device { member, .. } if self.had_device(member) => {
                Needs { member: Some(*member), ..one }
            }
            Op::Remove { member, .. } if self.member(member).is_some_and(|m| m.admin) => {
                two(Some(*member))
            }
            // What a wipe destroys is what the removal took out: whoever could not do the one cannot do the other.
            Op::Wipe { device } => self.was_admins(device).map_or(one, |member| two(Some(member))),
            // It says for how long notes are kept, and so what is erased everywhere.
            Op::Policy { .. } => two(None),
            Op::Recovery { member, .. } => Needs { member: Some(*member), ..two(None) },
            _ => one,
        }
    }

    /// Members with the `admin` capability and a native device to use it on.
    pub fn admins(&self) -> impl Iterator<Item = MemberId> {
        self.members()
            .filter(|(id, member)| {
                member.admin && self.devices_of(*id).any(|d| d.class == DeviceClass::Native)
            })
            .map(|(id, _)| id)
    }

    /// Checks that an entry carries the further signatures its operation needs.
    pub(super) fn check_approvals(
        &self,
        opened: &Opened,
        signer: &DeviceAt<'_>,
    ) -> Result<(), Code> {
        if opened.nonce.is_some_and(|nonce| self.has_spent(&nonce)) {
            return Err(Code::ApprovalInvalid);
        }
        let mut words = Words::default();
        words.hear(signer);
        for approval in &opened.approvals {
            // A recovery key's word counts for a new device of its member, and for nothing else.
            if let Approver::Recovery(member) = &approval.by
                && !opened.lists_device_of(member)
            {
                return Err(Code::ApprovalInvalid);
            }
            words.add(self, &opened.message, approval)?;
        }
        if words.suffice(&self.approvals_of(&opened.op)) {
            Ok(())
        } else {
            Err(Code::NeedsApproval)
        }
    }

    /// Whose signature this is, if it is genuine: a listed device's or a present recovery key's.
    ///
    /// # Errors
    /// `approval_invalid`.
    pub(super) fn approver(&self, message: &[u8], approval: &Approval) -> Result<MemberId, Code> {
        let (key, member) = match &approval.by {
            Approver::Device(device) => {
                let device = self.device(device).ok_or(Code::ApprovalInvalid)?;
                (*device.verify_key, device.member)
            }
            Approver::Recovery(member) => {
                let key = self.recovery(member).ok_or(Code::ApprovalInvalid)?.verify_key;
                (key.into(), *member)
            }
        };
        let genuine = crypto::verify(&key, message, &approval.sig);
        if genuine { Ok(member) } else { Err(Code::ApprovalInvalid) }
    }
}

/// Those who signed.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    /// Admins, each counted once however many devices they have.
    pub admins: BTreeSet<MemberId>,
    /// Everybody, admin or not, by device or recovery key.
    pub members: BTreeSet<MemberId>,
}

impl Words {
    fn hear(&mut self, device: &DeviceAt<'_>) {
        if device.class != DeviceClass::Native {
            return;
        }
        self.members.insert(device.member);
        if device.standing.admin {
            self.admins.insert(device.member);
        }
    }

    /// Counts an approval.
    pub(super) fn add(
        &mut self,
        directory: &Directory,
        message: &[u8],
        approval: &Approval,
    ) -> Result<(), Code> {
        let member = directory.approver(message, approval)?;
        // A browser vouches for nobody: whoever serves it would let in an app of their own.
        if matches!(approval.by, Approver::Recovery(_)) {
            self.members.insert(member);
        }
        if let Approver::Device(device) = &approval.by
            && let Some(device) = directory.device(device)
        {
            self.hear(&device);
        }
        Ok(())
    }

    /// Whether they are all that an operation needs.
    pub(super) fn suffice(&self, needs: &Needs) -> bool {
        let counted = self.admins.iter().filter(|admin| Some(**admin) != needs.without).count();
        let vouched = needs.member.is_none_or(|member| self.members.contains(&member));
        counted >= needs.admins && vouched
    }
}
