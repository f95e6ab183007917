//! The stores of a phone: one contract ([`crate::engine::Store`]), kept twice.
//!
//! [`MemoryStore`] is for simulators, tests and browsers; [`SqliteStore`] is the encrypted file of a native
//! phone. Neither knows what it keeps: keys and values are bytes to both. The tests in `contract` are stamped
//! on both, so a behaviour that only one of them has is a bug.

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod contract;
mod memory;
mod memory_vault;
#[cfg(feature = "sqlite")]
mod new_file;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use memory::MemoryStore;
pub use memory_vault::{MemoryVault, Person};
#[cfg(feature = "sqlite")]
pub use new_file::NewFile;
#[cfg(feature = "sqlite")]
pub use sqlite::{OpenError, SqliteStore};

/// The smallest key after every key that starts with `prefix`; `None` if nothing sorts after them.
fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::prefix_end;

    #[test]
    fn a_prefix_ends_where_its_last_raisable_byte_is_raised() {
        assert_eq!(prefix_end(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(prefix_end(&[1, 0xff, 0xff]), Some(vec![2]));
        assert_eq!(prefix_end(&[0xfe]), Some(vec![0xff]));
        assert_eq!(prefix_end(&[0xff, 0xff]), None);
        assert_eq!(prefix_end(&[]), None);
    }
}
