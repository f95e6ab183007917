//! Every code that a refusal, an error or an alarm carries: the one list, part of the public contract.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $advice:literal;)*) => {
        /// Why something was refused, set aside or reported, and what to do about it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* #[doc = $advice] $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Code] = &[$(Code::$name),*];

            /// The stable name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// What happened and what the user can do, in one sentence.
            pub const fn advice(self) -> &'static str {
                match self { $(Code::$name => $advice,)* }
            }

            /// The code of this name.
            pub fn from_name(name: &str) -> Option<Code> {
                match name { $($text => Some(Code::$name),)* _ => None }
            }
        }
    };
}

codes! {
    // Envelopes
    Malformed = "malformed", "The data is damaged or cut short; sync again, and update the app if it stays.";
    BadSignature = "bad_signature", "The signature does not match, so this was not written by the device it names; it was set aside.";
    UnknownDevice = "unknown_device", "The directory does not list this device; ask an admin to enrol it.";
    WrongTeam = "wrong_team", "This belongs to another team; check which team the phone is set up for.";
    WrongSpace = "wrong_space", "The space does not exist here or does not take this; sync and try again.";
    DeviceCloned = "device_cloned", "Another installation uses this device's keys; enrol this phone anew, its drafts are kept.";
    // Directory
    DirectoryForged = "directory_forged", "A directory entry is not signed by an admin's device; it was not taken, tell your admin.";
    DirectoryFork = "directory_fork", "Two different directories exist for this team; stop adding people and tell your admin now.";
    DirectoryBehind = "directory_behind", "The directory has moved on; sync again and repeat the change.";
    DirectoryStale = "directory_stale", "The directory has not been renewed for 14 days; ask an admin to sync.";
    DirectoryRolledBack = "directory_rolled_back", "The relay serves an older directory than this phone holds; this phone keeps the newer one, tell your admin and the relay's operator.";
    RelayUnlisted = "relay_unlisted", "No admin has listed this relay yet; records are kept and sent, nothing is taken from it.";
    RelayChanged = "relay_changed", "The relay's data is not what this phone saw before; everything stays on this phone, tell the operator.";
    RelayHeld = "relay_held", "The relay was restored and gives nothing out until an admin's phone has synced or its operator has confirmed; what you record is sent to it.";
    AuditChanged = "audit_changed", "The relay's audit log is not the one this phone saw before; somebody changed it, tell your admin.";
    StillThere = "still_there", "Something still opens what was erased; remove what is named, or wait until the day that is named.";
    NeedsApproval = "needs_approval", "This needs another admin's signature as well; it waits until one has approved it on their own device.";
    ApprovalInvalid = "approval_invalid", "An approval does not belong to this change or was used before; approve it again.";
    ApprovalDeclined = "approval_declined", "Another admin has declined this change; it is not in effect, talk to them or take it back.";
    ApprovalExpired = "approval_expired", "Nobody approved this change within 30 days; it is not in effect, propose it again if it is still wanted.";
    NoSuchProposal = "no_such_proposal", "No change of that name waits for approval here; sync and look again.";
    OneAdmin = "one_admin", "The team has one admin, whose signature alone decides; make a second person an admin.";
    DeviceRemoved = "device_removed", "An admin has removed this device; what it holds unsent is kept, ask an admin.";
    DeviceWiped = "device_wiped", "This phone was wiped by order of your team; to use it again, enrol it anew with a new invitation.";
    AfterRemoval = "after_removal", "This was written or sent after its device was removed; it is kept apart until an admin releases it.";
    GuestEnded = "guest_ended", "The time of this guest has ended or the guest may not use this; ask an admin.";
    // Recovery
    RecoveryUsed = "recovery_used", "A recovery key was used to let a new phone in; if that was not you, call your admin now. It is spent: set up recovery anew.";
    RecoveryChanged = "recovery_changed", "Your recovery key was changed from another of your phones; if that was not you, call your admin now.";
    RecoverySpent = "recovery_spent", "This code or share was used or replaced before; use the newest one, or ask for a second device's help.";
    RecoveryWrong = "recovery_wrong", "This does not belong to the member's recovery key; check whose it is and which team's.";
    RecoveryNone = "recovery_none", "No recovery is set up for this member; a second device of theirs can still let the new one read.";
    RecoveryWaits = "recovery_waits", "A change of somebody's recovery waits for an admin; look at it and approve it on your own device.";
    CodeMistyped = "code_mistyped", "The recovery code is mistyped; compare it with the paper.";
    ShareMissing = "share_missing", "One share is not enough; two different ones are needed.";
    ShareWrong = "share_wrong", "A share is damaged, or does not belong with the others; ask its holder to show it again.";
    ShareNotHeld = "share_not_held", "This phone holds no share of that member's recovery; ask the holder to use the phone on which it was set up.";
    HolderWithoutDevice = "holder_without_device", "Three other members with an enrolled phone each can hold shares; choose again.";
    // Erasure
    Purged = "purged", "This was erased for good by its author, a reader, an order or its time; what was added since is not kept.";
    Expired = "expired", "Its time was over before this was sent: it is kept here until the relay has answered, and erased with the rest then; record anew what still matters.";
    RelayTimeAhead = "relay_time_ahead", "The relay's date is days ahead of what this phone counts, so nothing expires by it; compare it with a calendar: if it is wrong, tell the relay's operator; if it is right, mark this as seen and sync.";
    LegalHold = "legal_hold", "A legal hold keeps this from being erased; ask the admin who set it.";
    // Rights and policy
    NotAllowed = "not_allowed", "Your role may not do this; ask a coordinator or an admin.";
    StaffConflict = "staff_conflict", "This member cannot work on this intervention; choose somebody else, or ask a clinical director to override it with a reason.";
    PolicyNoNotes = "policy_no_notes", "Your team's policy does not allow written notes here; record the facts without text.";
    SpaceExists = "space_exists", "This space was already made by another device; the drafts move into it.";
    LeadWithoutDevice = "lead_without_device", "None of the chosen leads has an enrolled phone; enrol one of them first.";
    WrapUnfit = "wrap_unfit", "A reader's phone sent a key that does not fit; other readers' phones are asked for it, so nothing need be done to read. Ask the person whose phone it is to update it, and an admin if it happens again.";
    DeviceExists = "device_exists", "A device with these keys is listed already; a phone that was set up before joins anew, in an empty folder, with a new invitation.";
    FurtherDevice = "further_device", "This member already has a phone: a further one is let in from a phone they have, or with their recovery code.";
    NoDeviceLeft = "no_device_left", "This member's phone was removed and nothing is left that could vouch for another one; remove the member, and enter them anew.";
    DeviceAdded = "device_added", "A member let in a further phone of their own; ask them whether it is theirs, and mark it as checked.";
    RequestTaken = "request_taken", "Somebody else calls back already; talk to them, or take it as well if they cannot be reached.";
    NoKey = "no_key", "This phone has no key for it yet; it opens once a reader's phone has synced.";
    // Changes
    Compressed = "change_compressed", "A change arrived compressed, which no Aftercall phone does; it was set aside.";
    HostileChange = "change_hostile", "A change would have damaged the record; it was set aside and the record is whole.";
    WrongActor = "change_wrong_actor", "A change claims another author; it was set aside.";
    ChangeSequence = "change_sequence", "A change repeats or skips its author's count; it was set aside.";
    TooManyOps = "change_too_large", "A change is larger than allowed; save in smaller steps.";
    MissingAncestor = "waiting", "An earlier change has not arrived yet; this one waits for it.";
    SchemaViolation = "schema_violation", "A field or value is not one this record allows; update the app.";
    DocumentFull = "document_full", "This part of the text has taken all the changes it can; what is in it stays, write what follows at its end.";
    SealBroken = "seal_broken", "A sealed change does not open with its key; it was set aside.";
    // Requests
    TokenInvalid = "token_invalid", "The request was not signed by an enrolled device; sync again.";
    TokenExpired = "token_expired", "The phone's clock differs from the relay's; the time was corrected, sync again.";
    TokenReplayed = "token_replayed", "The request arrived twice; sync again.";
    TooLarge = "too_large", "This is larger than a request, a directory entry or a space may be; do it in smaller steps.";
    RateLimited = "rate_limited", "Too many tries; wait a minute.";
    Overloaded = "overloaded", "The relay is busy; the phone tries again by itself.";
    Internal = "internal", "The relay failed; nothing was lost, try again.";
    LiveOver = "live_over", "The relay ended this stream of hints at its greatest age; the phone opens another by itself.";
    LiveReplaced = "live_replaced", "This device opened another stream of hints, so the older one ended; sync by hand, or close the other one.";
    RelayStopping = "relay_stopping", "The relay is being stopped; everything is kept on the phone, which tries again by itself.";
    NoSuchTeam = "no_such_team", "The relay does not serve this team; ask its operator to allow the team's number.";
    // Enrolment
    InviteUnknown = "invite_unknown", "The relay does not know the invitation: it is used or expired, or the admin's phone has not synced since; ask your admin to sync, or for a new one.";
    InviteForged = "invite_forged", "The keys were not sent by the invited phone; nobody was enrolled, make a new invitation.";
    CodeWrong = "code_wrong", "The code is not the one shown on the other phone, or somebody in between changed it; type it again. A code takes five tries, then ask for a new one.";
    NotLetIn = "not_let_in", "This phone is not let in yet, so it cannot record; write it on paper, and record it once another phone of the team has let this one in.";
    // Input
    UnknownField = "unknown_field", "This record has no such field.";
    BadValue = "bad_value", "The value is not one the field allows.";
    Missing = "missing_field", "A required field is missing.";
    NoSuchRecord = "no_such_record", "There is no such record on this phone.";
    NoSuchMember = "no_such_member", "There is no such member in this team.";
    // Reading, locked and unlocked
    Locked = "locked", "This is sealed and the phone is locked; unlock it to read, recording something new works without.";
    WriteOnly = "write_only", "The keys for reading are not on this phone now; record something new, and read on another device of yours or after recovery.";
    UnlockDelayed = "unlock_delayed", "Too many wrong tries; wait and try again, after the tenth the keys for reading are destroyed and what waits to be sent is kept.";
    GraceWarning = "grace_warning", "This phone has not met its relay for 14 days; sync before day 30, then reading stops until it has, recording goes on.";
    KeyLost = "key_lost", "The phone's key store has lost the key; nothing was changed, read on another device of yours or use your recovery, and keep this phone as it is.";
    VaultFailed = "vault_failed", "The phone's key store did not answer; nothing was changed, try again.";
    // The phone's own store
    WrongKey = "wrong_key", "The database does not open with this key; nothing was changed, try the right passphrase.";
    StoreNewer = "store_newer", "The database was written by a newer app; update this one.";
    StoreFailed = "store_failed", "The phone's storage failed; nothing was half-written, free some space and try again.";
    AlreadySetUp = "already_set_up", "This folder already holds a phone; choose another.";
    NotSetUp = "not_set_up", "This folder holds no phone yet; create a team or join one first.";
    NetworkDown = "network_down", "The relay cannot be reached; everything is kept on the phone.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_name_and_a_sentence_of_advice() {
        for code in Code::ALL {
            assert_eq!(Code::from_name(code.as_str()), Some(*code));
            assert!(code.advice().ends_with('.'), "{code}");
        }
    }
}
