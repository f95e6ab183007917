//! Aftercall's core: records made offline, merged by anyone, readable only by those let in.
//!
//! The layers, strictly downward (a layer uses only those to its left):
//! `ids` ← `records`, `protocol` ← `crypto`, `directory`, `doc` ← `gates` ← `engine` ← `store` ← `client`.
//!
//! The core is sans-IO: time, randomness, storage and network are handed in. Nothing in it reads a
//! clock, opens a file or starts a thread, except `store` (SQLite) and `client` (HTTP), which are
//! optional features. Without them the crate compiles to wasm32.

pub mod crypto;
pub mod directory;
pub mod doc;
#[cfg(feature = "drill")]
pub mod drill;
pub mod engine;
pub mod gates;
pub mod ids;
pub mod protocol;
pub mod records;
pub mod store;

#[cfg(feature = "client")]
pub mod client;

/// Marks a named crash point. It does nothing unless the crate is built with the feature `drill`.
///
/// Points lie before, between and after durable steps, so that an exercise can end the process at
/// each of them with no warning and show that nothing acknowledged is lost.
macro_rules! crash_point {
    ($name:literal) => {
        #[cfg(feature = "drill")]
        $crate::drill::crash_point($name);
    };
}
pub(crate) use crash_point;
