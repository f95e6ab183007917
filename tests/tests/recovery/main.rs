//! Recovery: what a member sets up while they have a phone, and what a new phone reads when the old one is lost.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod escrow;
mod hostile;
mod kills;
mod readers;
mod restore;
mod set_up;
mod shares;
mod story;
