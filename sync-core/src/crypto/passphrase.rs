//! A key from a passphrase, where no keystore holds one. It opens a local store and nothing else.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::{Zeroizing, optimization_barrier};

/// Memory, in KiB.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 1;

/// Argon2id (64 MiB, t = 3, p = 1) of a passphrase. Its working memory is wiped.
pub fn passphrase_key(passphrase: &[u8], salt: &[u8; 16]) -> Zeroizing<[u8; 32]> {
    passphrase_and_device_key(passphrase, salt, &[])
}

/// As [`passphrase_key`], keyed with a secret of the device (Argon2's own parameter for one), so that neither the
/// passphrase nor the device's part alone gives the key.
pub fn passphrase_and_device_key(
    passphrase: &[u8],
    salt: &[u8; 16],
    device: &[u8],
) -> Zeroizing<[u8; 32]> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(32))
        .expect("the costs are constants within Argon2's limits");
    let mut memory = vec![Block::default(); params.block_count()];
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new_with_secret(device, Algorithm::Argon2id, Version::V0x13, params)
        .expect("a device's part has a length within Argon2's limits")
        .hash_password_into_with_memory(passphrase, salt, key.as_mut_slice(), memory.as_mut_slice())
        .expect("salt and output have lengths within Argon2's limits");
    memory.fill(Block::default());
    optimization_barrier(memory.as_slice());
    key
}

#[cfg(test)]
mod tests {
    use super::super::testing::unhex;
    use super::*;

    /// Computed with the reference implementation in C.
    #[test]
    fn the_key_of_a_passphrase_is_stable() {
        let salt = core::array::from_fn(|i| i as u8);
        let key = passphrase_key(b"correct horse battery staple", &salt);
        assert_eq!(
            key.to_vec(),
            unhex("0d1a3c6523c8f06e4e0af9c515aa5b5448cfebd6838f2d52c3d8b6ef8ddc3c2e")
        );
    }

    #[test]
    fn another_passphrase_or_salt_gives_another_key() {
        let key = passphrase_key(b"one", &[1; 16]);
        assert_ne!(key, passphrase_key(b"two", &[1; 16]));
        assert_ne!(key, passphrase_key(b"one", &[2; 16]));
        assert_ne!(key, passphrase_and_device_key(b"one", &[1; 16], &[3; 32]));
    }
}
