//! Changes that an enrolled device could send to harm a document, and what the gates make of them.
//!
//! Signatures are not the matter here: the attacker holds a device's keys. Everything goes through
//! `gates::admit_changes`, the one door, with real record kinds.

mod ancestry;
mod bench;
mod forge;
mod forms;
mod mutations;
