//! The directory: who is in the team, with which roles and devices, as a signed log of admins' entries.
//!
//! The relay stores it and can neither add to it nor change it. Every node folds the same entries to the
//! same [`Directory`], which answers for any earlier length too, because rights are judged at the
//! directory state a log row carries. [`SpaceInfo`] does the same for one space's structural envelopes.

mod entry;
mod numbers;
mod proposal;
mod recovery;
mod recovery_proposal;
mod rights;
mod space;
mod state;
mod wipe;

pub use crate::protocol::{Accepted, Approval, Approver, approval_to_sign};
pub use entry::{Guest, NewDevice, Op, RecoveryKey, SealedShare, ShareWrap};
pub use proposal::Proposed;
pub use recovery::{RecoveryChange, RecoveryEvent};
pub use recovery_proposal::RecoveryProposal;
pub use rights::{Needs, OPERATIONS, OpRight};
pub(crate) use space::epoch_of;
pub use space::{EpochInfo, SpaceInfo, open_space_id};
pub use state::{Bound, DeviceAt, Directory, Member, WipeOrder};
