//! Frozen bytes: hexadecimal files under `tests/vectors`, and what is compared with them.
//!
//! A folder holds one file for each message; a `.txt` file holds lines of `name hex`. Neither is ever rewritten to
//! make a test pass.
#![allow(dead_code, reason = "each test program uses its own part")]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};

use minicbor::{Decode, Encode};
use sync_core::protocol::{from_cbor, to_cbor};

/// Bytes as the files spell them.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the files spell.
pub fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "two digits a byte");
    let digits = (0..text.len()).step_by(2);
    digits.map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

/// Reads lines of `name hex`.
pub fn lines(text: &str) -> BTreeMap<&str, Vec<u8>> {
    let lines = text.lines().map(|line| line.split_once(' ').expect("name and hex"));
    lines.map(|(name, value)| (name, unhex(value))).collect()
}

/// A folder with one file for each message.
pub struct Folder(pub &'static str);

impl Folder {
    fn path(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(self.0)
    }

    /// The frozen bytes of a name.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        let file = self.path().join(format!("{name}.hex"));
        let text = std::fs::read_to_string(&file);
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        unhex(&text.split_whitespace().collect::<String>())
    }

    /// The bytes are the frozen ones.
    pub fn check(&self, name: &str, bytes: &[u8]) {
        assert_eq!(hex(bytes), hex(&self.bytes(name)), "the bytes of {name} have changed");
    }

    /// The bytes are the frozen ones, and the frozen ones read back as the same value.
    pub fn check_message<T>(&self, name: &str, value: &T)
    where
        T: Encode<()> + for<'b> Decode<'b, ()> + PartialEq + Debug,
    {
        self.check(name, &to_cbor(value));
        assert_eq!(from_cbor::<T>(&self.bytes(name)).as_ref(), Ok(value), "{name} reads back");
    }

    /// Every file of the folder is named in one of these sources.
    pub fn assert_all_named(&self, sources: &[&str]) {
        for entry in std::fs::read_dir(self.path()).expect("a folder") {
            let file = entry.expect("an entry").path();
            let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
            let quoted = format!("\"{name}\"");
            assert!(sources.iter().any(|s| s.contains(&quoted)), "nothing checks {name}.hex");
        }
    }
}
