//! What hostile bytes are tried on. Each target takes any bytes and panics where a promise is broken.
//!
//! `tests/corpus.rs` runs the bytes kept in `tests/fuzz/corpus`, and some thousand scripts of a fixed seed;
//! `cargo xtask prove fuzz` lets a coverage-guided fuzzer look for more (`tests/fuzz`).
//!
//! Most targets read the bytes as a [`script`] of alterations to something genuine, with the checksum and the
//! signature put right again, as an enrolled device or a relay could: bytes that fail at the first check find nothing.

mod change;
mod directory;
mod message;
mod relay;
mod script;

use std::cell::RefCell;

/// A target: its name, which is that of its corpus, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 8] = [
    ("envelope", message::envelope),
    ("message", message::message),
    ("invitation", message::invitation),
    ("change", change::change),
    ("pushed", relay::pushed),
    ("request", relay::request),
    ("answer", relay::answer),
    ("entry", directory::entry),
];

/// Something that is costly to set up and wears out: made anew after so many uses.
struct Stage<T> {
    made: Option<T>,
    uses: usize,
    lasts: usize,
}

impl<T> Stage<T> {
    const fn lasting(lasts: usize) -> RefCell<Self> {
        RefCell::new(Self { made: None, uses: 0, lasts })
    }

    fn on<R>(&mut self, make: impl FnOnce() -> T, act: impl FnOnce(&mut T) -> R) -> R {
        // What panics in the middle leaves nothing behind that the next use could meet.
        let mut made = match self.made.take() {
            Some(made) if self.uses < self.lasts => made,
            _ => {
                self.uses = 0;
                make()
            }
        };
        let result = act(&mut made);
        self.uses += 1;
        self.made = Some(made);
        result
    }
}
