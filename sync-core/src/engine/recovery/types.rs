//! What apps show of recovery. Secrets stand only in what is printed or handed over, and never in debug text.

use zeroize::Zeroizing;

use crate::ids::{DeviceId, MemberId};
use crate::protocol::Day;
use crate::records::SpaceKind;

/// What a member prints or hands out after setting up recovery. It is shown once and kept nowhere.
pub struct RecoverySheet {
    /// The id of the recovery key, as its readers are shown.
    pub key: DeviceId,
    /// The code to print, if it was asked for: 13 groups of 5 characters.
    pub code: Option<Zeroizing<String>>,
    /// A share for each holder, as text for a QR code to print; their phones get theirs through the directory.
    pub shares: Vec<PrintedShare>,
    /// Whether it counts at once, or waits for an admin.
    pub waits: bool,
}

/// A share to print for its holder.
pub struct PrintedShare {
    /// The holder.
    pub holder: MemberId,
    /// The share: whoever has two of them, or this one and a holder's help, can restore the key.
    pub text: Zeroizing<String>,
}

impl std::fmt::Debug for RecoverySheet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecoverySheet({}, [redacted])", self.key)
    }
}

impl std::fmt::Debug for PrintedShare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PrintedShare({}, [redacted])", self.holder)
    }
}

/// How far a member's recovery is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecoveryState {
    /// There is none.
    None,
    /// A change was made on this phone and waits for an admin.
    Waits,
    /// The directory lists a recovery key.
    SetUp,
    /// The last one was used and is spent: set up a new one.
    Spent,
}

/// A holder of a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// The member.
    pub member: MemberId,
    /// Whether a phone of theirs can still open it; otherwise only a printed share helps.
    pub reachable: bool,
}

/// What a phone shows of its member's own recovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryStatus {
    /// How far it is.
    pub state: RecoveryState,
    /// The id of the listed key.
    pub key: Option<DeviceId>,
    /// Who holds shares of it.
    pub holders: Vec<Holder>,
    /// When it was listed.
    pub set_up: Option<Day>,
    /// When it was last tried on this phone.
    pub drilled: Option<Day>,
    /// Whether it is time to try it: 180 days after it was listed or tried.
    pub drill_due: bool,
    /// Kinds of the member's own spaces that the recovery key does not read.
    pub no_escrow: Vec<SpaceKind>,
}

/// What proves that recovery would work: the code, or shares.
#[derive(Clone, Copy)]
pub enum RecoveryProof<'a> {
    /// The printed code, as typed.
    Code(&'a str),
    /// Two shares or three, printed or handed over.
    Shares(&'a [&'a str]),
}

/// A change of somebody's recovery key that waits for this admin or another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryAsk {
    /// Whose.
    pub member: MemberId,
    /// The new key's id; `None`: the member wants none any more.
    pub key: Option<DeviceId>,
    /// Who is to hold shares.
    pub holders: Vec<MemberId>,
    /// The admins who approved it so far.
    pub approved_by: Vec<MemberId>,
    /// Whether this phone approved it, and another admin is needed.
    pub approved_here: bool,
}

/// What a holder is shown before they hand over a share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareRelease {
    /// Whose reading it restores.
    pub member: MemberId,
    /// Their name, where the roster has it.
    pub name: Option<String>,
    /// Eight words of the new phone's keys, to be compared with what that phone shows.
    pub fingerprint: String,
}
