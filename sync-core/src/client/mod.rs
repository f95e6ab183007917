//! The HTTP client: carries a phone's requests to its relay and the answers back. The only asynchronous code of
//! the crate.
//!
//! It decides nothing: what to send and what to make of an answer is the engine's business, and a lost or
//! doubled exchange harms nothing. Apps and the terminal phone call [`sync_until_done`] and [`enrol_once`]
//! whenever a link may be up.
//!
//! The engine's calls inside are short but write to the disk: an app with a busy event loop runs these
//! futures on a thread of their own.

mod codec;
mod error;
mod exchange;
mod hints;
mod http;
mod live;

pub use codec::{inflate, pack, unpack};
pub use error::ClientError;
pub use exchange::{
    Held, MOST_EXCHANGES, Reach, Surroundings, enrol_once, exchange, exchange_until_done,
    sync_once, sync_until_done,
};
pub use hints::Hint;
pub use http::HttpClient;
pub use live::{Live, News};
