//! The engine against a relay that errs, lies or is not the right one, told step by step.
//!
//! Nothing here knows a socket or another crate: the relay is [`paper_relay::PaperRelay`], which does what a test
//! tells it. Phones with the real relay are the business of the harness.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod answers;
mod approvals;
mod directory;
mod drafts;
mod freshness;
#[path = "../frozen/mod.rs"]
mod frozen;
mod invites;
mod meeting;
#[path = "../messages/mod.rs"]
mod messages;
mod paper_relay;
mod spaces;
mod team;
