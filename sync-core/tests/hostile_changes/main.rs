//! Changes that an enrolled device could send to harm a document, and what the gates make of them.
//!
//! The counterpart is `honest`: what phones really write must never be refused.
//!
//! Signatures are not the matter here: the attacker holds a device's keys. Everything goes through
//! `gates::admit_changes`, the one door, with real record kinds.

mod ancestry;
mod bench;
mod forge;
mod forms;
mod honest;
mod mutations;
