//! Checks of a relay's folder that need nobody's word: one file a check. Called by `aftercall verify`.

mod audit;

pub use audit::{Anchor, AuditFault, AuditReport, audit};
