//! Aftercall's relay: takes what devices push, orders it, serves it to whoever may read, and shows coordinators
//! what lies open.
//!
//! It holds no key that opens a sealed body. Every judgement is `sync_core`'s; this crate stores, orders,
//! answers and listens. Layers, strictly downward: `serve` → `http`, `console` → `relay` → `store`.

pub mod backup;
pub mod console;
pub mod http;
mod live;
mod rate;
pub mod relay;
pub mod restore;
pub mod serve;
pub mod store;
pub mod vault;
pub mod verify;

/// Marks a named crash point. It does nothing unless the crate is built with the feature `drill`.
macro_rules! crash_point {
    ($name:literal) => {
        #[cfg(feature = "drill")]
        sync_core::drill::crash_point($name);
    };
}
pub(crate) use crash_point;
