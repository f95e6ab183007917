//! Two of three: a recovery secret in shares, any one of which tells nothing.
//!
//! Shamir's scheme over GF(2^8), byte by byte, by the crate `vsss-rs` (docs/decisions/0018 says why that one). The
//! scheme itself cannot tell a wrong share from a right one, so each share names what it belongs to and carries
//! the checks of all three: a wrong, an old or a foreign one is found before two are put together. The result is
//! compared with the recovery key it is said to restore.

use minicbor::bytes::ByteArray;
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use vsss_rs::Gf256;
use zeroize::{Zeroize, Zeroizing};

use crate::ids::{DeviceId, MemberId, TeamId};
use crate::protocol::{HandedShare, RecoveryShare};

use super::{CryptoError, DeviceKeys, RecoverySecret, SealKeys, device_id, hpke_base, labels};

/// Shares made.
const SHARES: usize = 3;
/// Shares that restore.
const ENOUGH: usize = 2;

/// Why shares do not restore a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// Two different shares are needed.
    #[error("two different shares are needed")]
    TooFew,
    /// They are of different teams, members or recovery keys.
    #[error("the shares do not belong together")]
    Mixed,
    /// This share is not the one that was made.
    #[error("share {index} is not the one that was made")]
    Wrong {
        /// Which, from 1.
        index: u8,
    },
}

/// Splits a secret into three shares, two of which restore it.
pub fn split_secret(
    secret: &RecoverySecret,
    team: TeamId,
    member: MemberId,
    rng: &mut dyn CryptoRng,
) -> Vec<RecoveryShare> {
    let mut rng = rng;
    let mut parts = Gf256::split_bytes(ENOUGH, SHARES, secret.as_bytes(), &mut rng)
        .expect("two of three is a scheme, and 32 bytes are a secret");
    let key = secret.keys(team, member).id();
    let mut shares: Vec<RecoveryShare> = parts
        .iter()
        .map(|part| {
            let mut value = ByteArray::from([0; 32]);
            value.copy_from_slice(&part[1..]);
            RecoveryShare { team, member, key, index: part[0], value, checks: Vec::new() }
        })
        .collect();
    parts.iter_mut().for_each(Zeroize::zeroize);
    let checks: Vec<ByteArray<32>> = shares.iter().map(share_check).collect();
    shares.iter_mut().for_each(|share| share.checks.clone_from(&checks));
    shares
}

/// What a share is recognised by: SHA-256(label || team || member || key || index || share).
pub fn share_check(share: &RecoveryShare) -> ByteArray<32> {
    let mut hash = Sha256::new();
    hash.update(labels::RECOVERY_SHARE);
    hash.update(share.team.as_bytes());
    hash.update(share.member.as_bytes());
    hash.update(share.key.as_bytes());
    hash.update([share.index]);
    hash.update(share.value.as_slice());
    let check: [u8; 32] = hash.finalize().into();
    check.into()
}

/// Restores a secret from two shares (further ones must fit too).
///
/// # Errors
/// `TooFew`, `Mixed`, or `Wrong` with the share that is not the one that was made; nothing is computed from it.
pub fn combine_shares(shares: &[RecoveryShare]) -> Result<RecoverySecret, ShareError> {
    let first = shares.first().ok_or(ShareError::TooFew)?;
    let belongs = |share: &RecoveryShare| {
        (share.team, share.member, share.key) == (first.team, first.member, first.key)
            && share.checks == first.checks
            && share.checks.len() == SHARES
    };
    // A share that was damaged is told by its own check, before those of others are compared.
    for share in shares {
        let own = usize::from(share.index).checked_sub(1).and_then(|at| share.checks.get(at));
        if own != Some(&share_check(share)) {
            return Err(ShareError::Wrong { index: share.index });
        }
    }
    if !shares.iter().all(belongs) {
        return Err(ShareError::Mixed);
    }
    let mut parts: Vec<Vec<u8>> = Vec::with_capacity(ENOUGH);
    for share in shares {
        if parts.len() < ENOUGH && parts.iter().all(|part| part[0] != share.index) {
            let mut part = Vec::with_capacity(33);
            part.push(share.index);
            part.extend_from_slice(share.value.as_slice());
            parts.push(part);
        }
    }
    if parts.len() < ENOUGH {
        return Err(ShareError::TooFew);
    }
    let restored = Gf256::combine_bytes(&parts).map(Zeroizing::new);
    parts.iter_mut().for_each(Zeroize::zeroize);
    let restored = restored.map_err(|_| ShareError::Mixed)?;
    let secret = RecoverySecret::from_secret_bytes(&restored).map_err(|_| ShareError::Mixed)?;
    // Whoever made a false share also made a false check for it: the key it is said to restore decides.
    if secret.keys(first.team, first.member).id() == first.key {
        Ok(secret)
    } else {
        Err(ShareError::Mixed)
    }
}

/// The text of a printed share.
pub fn share_text(share: &RecoveryShare) -> Zeroizing<String> {
    HandedShare::Printed(share.clone()).to_text()
}

/// Seals a share to a device of its holder, as the directory carries it (info = label || what it belongs to || device).
///
/// # Errors
/// `Key` when the device's key is none.
pub fn seal_share(
    share: &RecoveryShare,
    device: DeviceId,
    device_keys: SealKeys<'_>,
    rng: &mut dyn CryptoRng,
) -> Result<Vec<u8>, CryptoError> {
    let info = info(labels::SHARE_WRAP, share, device);
    let (suite, key) = device_keys.best();
    hpke_base::seal(suite, key, &info, b"", share.value.as_slice(), rng)
}

/// Opens a share that was sealed to this device; `about` says what it belongs to, its value is ignored.
///
/// # Errors
/// `Seal` when it was sealed to another device, or as another share, or changed.
pub fn open_share(
    about: &RecoveryShare,
    sealed: &[u8],
    keys: &DeviceKeys,
) -> Result<RecoveryShare, CryptoError> {
    let info = info(labels::SHARE_WRAP, about, keys.device_id());
    with_value(about, &hpke_base::open(keys.sealing()?, &info, b"", sealed)?)
}

/// Seals a share to the phone that is being restored, to be carried by text or QR code.
///
/// # Errors
/// `Key` when the phone's key is none.
pub fn hand_share(
    share: &RecoveryShare,
    verify_key: &[u8; 32],
    seal_keys: SealKeys<'_>,
    rng: &mut dyn CryptoRng,
) -> Result<HandedShare, CryptoError> {
    let to = device_id(verify_key);
    let info = info(labels::SHARE_HANDED, share, to);
    let (suite, key) = seal_keys.best();
    let sealed = hpke_base::seal(suite, key, &info, b"", share.value.as_slice(), rng)?.into();
    let RecoveryShare { team, member, key, index, ref checks, .. } = *share;
    Ok(HandedShare::Sealed { team, member, key, index, checks: checks.clone(), to, sealed })
}

/// Opens a share that was handed over, or reads a printed one.
///
/// # Errors
/// `Seal` when it was made for another phone, or changed.
pub fn open_handed(handed: &HandedShare, keys: &DeviceKeys) -> Result<RecoveryShare, CryptoError> {
    let (about, sealed) = match handed {
        HandedShare::Printed(share) => return Ok(share.clone()),
        HandedShare::Sealed { team, member, key, index, checks, sealed, .. } => {
            let value = [0; 32].into();
            let (team, member, key, index) = (*team, *member, *key, *index);
            (RecoveryShare { team, member, key, index, value, checks: checks.clone() }, sealed)
        }
    };
    let info = info(labels::SHARE_HANDED, &about, keys.device_id());
    with_value(&about, &hpke_base::open(keys.sealing()?, &info, b"", sealed)?)
}

fn with_value(about: &RecoveryShare, value: &[u8]) -> Result<RecoveryShare, CryptoError> {
    let mut share = about.clone();
    if value.len() != share.value.len() {
        return Err(CryptoError::Seal);
    }
    share.value.copy_from_slice(value);
    Ok(share)
}

fn info(label: &[u8], share: &RecoveryShare, device: DeviceId) -> Vec<u8> {
    [
        label,
        share.team.as_bytes(),
        share.member.as_bytes(),
        share.key.as_bytes(),
        &[share.index],
        device.as_bytes(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{flipped, rng};
    use super::*;

    const TEAM: TeamId = TeamId::new([1; 32]);
    const MEMBER: MemberId = MemberId::new([2; 16]);

    fn to<'a>(first: &'a [u8; 32], second: &'a Option<Vec<u8>>) -> SealKeys<'a> {
        SealKeys { first, second: second.as_deref() }
    }

    fn split(seed: u64) -> (RecoverySecret, Vec<RecoveryShare>) {
        let rng = &mut rng(seed);
        let secret = RecoverySecret::generate(rng);
        let shares = split_secret(&secret, TEAM, MEMBER, rng);
        (secret, shares)
    }

    fn pick(shares: &[RecoveryShare], which: &[usize]) -> Vec<RecoveryShare> {
        which.iter().map(|at| shares[*at].clone()).collect()
    }

    #[test]
    fn any_two_of_three_restore_the_secret_in_any_order() {
        for seed in 0..32 {
            let (secret, shares) = split(seed);
            assert_eq!(shares.iter().map(|share| share.index).collect::<Vec<_>>(), [1, 2, 3]);
            for which in [&[0, 1][..], &[1, 0], &[0, 2], &[2, 0], &[1, 2], &[2, 1], &[2, 0, 1]] {
                let restored = combine_shares(&pick(&shares, which)).expect("restores");
                assert_eq!(restored.to_secret_bytes(), secret.to_secret_bytes(), "{which:?}");
            }
        }
    }

    #[test]
    fn one_share_is_not_enough_even_twice() {
        let (_, shares) = split(1);
        for which in [&[][..], &[0], &[1], &[2], &[0, 0], &[2, 2, 2]] {
            let restored = combine_shares(&pick(&shares, which));
            assert_eq!(restored.err(), Some(ShareError::TooFew), "{which:?}");
        }
    }

    /// By structure: whatever one share is, every secret is as possible as every other.
    #[test]
    fn one_share_fits_every_secret() {
        for seed in 0..8 {
            let (_, shares) = split(seed);
            for share in &shares {
                for guess in 0..=255u8 {
                    // The line through (0, guess) and the known share, at another holder's place.
                    let (x1, x2) = (Gf256(share.index), Gf256(share.index % 3 + 1));
                    let other: Vec<u8> = [x2.0]
                        .into_iter()
                        .chain(share.value.iter().map(|y| {
                            let slope = (Gf256(guess) + Gf256(*y)) / x1;
                            (Gf256(guess) + slope * x2).0
                        }))
                        .collect();
                    let own = [&[share.index], share.value.as_slice()].concat();
                    let restored = Gf256::combine_bytes([own, other]).expect("two shares");
                    assert_eq!(restored, [guess; 32], "share {} rules {guess} out", share.index);
                }
            }
        }
    }

    /// By count: the shares of one fixed secret are spread over all values alike (the flaw of schemes that drew
    /// their coefficients without zero, or odd ones only).
    #[test]
    fn one_share_of_a_fixed_secret_looks_the_same_as_of_any_other() {
        const KEYS: usize = 4_000;
        for byte in [0x00, 0xff, 0x5a] {
            let secret = RecoverySecret::from_secret_bytes(&[byte; 32]).expect("a secret");
            let rng = &mut rng(u64::from(byte));
            let mut counts = [[0u32; 256]; 3];
            for _ in 0..KEYS {
                for share in split_secret(&secret, TEAM, MEMBER, rng) {
                    let counts = &mut counts[usize::from(share.index) - 1];
                    share.value.iter().for_each(|value| counts[usize::from(*value)] += 1);
                }
            }
            let expected = (KEYS * 32) as f64 / 256.0;
            for (index, counts) in counts.iter().enumerate() {
                let chi: f64 =
                    counts.iter().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum();
                // 255 degrees of freedom: mean 255, standard deviation 22.6; five of them on either side.
                assert!((142.0..368.0).contains(&chi), "secret {byte:x}, share {index}: {chi}");
            }
        }
    }

    #[test]
    fn a_wrong_share_is_named_before_anything_is_tried() {
        let (_, shares) = split(1);
        for (bit, value) in flipped(shares[1].value.as_slice()) {
            let mut wrong = shares[1].clone();
            wrong.value.copy_from_slice(&value);
            let restored = combine_shares(&[shares[0].clone(), wrong]);
            assert_eq!(restored.err(), Some(ShareError::Wrong { index: 2 }), "bit {bit}");
        }
        let mut renumbered = shares[1].clone();
        renumbered.index = 3;
        let restored = combine_shares(&[shares[0].clone(), renumbered]);
        assert_eq!(restored.err(), Some(ShareError::Wrong { index: 3 }));
        for index in [0, 4, 255] {
            let mut outside = shares[1].clone();
            outside.index = index;
            let restored = combine_shares(&[shares[0].clone(), outside]);
            assert_eq!(restored.err(), Some(ShareError::Wrong { index }));
        }
    }

    #[test]
    fn a_share_with_a_forged_check_does_not_fit_the_others() {
        let (_, shares) = split(1);
        let mut lie = shares[1].clone();
        lie.value[0] ^= 1;
        lie.checks[1] = share_check(&lie);
        let restored = combine_shares(&[shares[0].clone(), lie.clone()]);
        assert_eq!(restored.err(), Some(ShareError::Mixed));
        // Even if the checks are made to agree, the key is not the one that was promised.
        let mut misled = shares[0].clone();
        misled.checks = lie.checks.clone();
        assert_eq!(combine_shares(&[misled, lie]).err(), Some(ShareError::Mixed));
    }

    #[test]
    fn shares_of_two_keys_members_or_teams_are_not_mixed() {
        let ((_, one), (_, other)) = (split(1), split(2));
        let mixed = combine_shares(&[one[0].clone(), other[1].clone()]);
        assert_eq!(mixed.err(), Some(ShareError::Mixed));
        let rng = &mut rng(1);
        let secret = RecoverySecret::generate(rng);
        let mine = split_secret(&secret, TEAM, MEMBER, rng);
        for foreign in [
            split_secret(&secret, TEAM, MemberId::new([9; 16]), rng),
            split_secret(&secret, TeamId::new([9; 32]), MEMBER, rng),
            // Split again: the same key, another polynomial.
            split_secret(&secret, TEAM, MEMBER, rng),
        ] {
            let mixed = combine_shares(&[mine[0].clone(), foreign[1].clone()]);
            assert_eq!(mixed.err(), Some(ShareError::Mixed));
        }
    }

    #[test]
    fn a_sealed_share_opens_on_its_device_as_this_share_only() {
        let rng = &mut rng(1);
        let (_, shares) = split(3);
        let (holder, other) = (DeviceKeys::generate(rng), DeviceKeys::generate(rng));
        let sealed = seal_share(
            &shares[0],
            holder.device_id(),
            to(&holder.seal_key(), &holder.seal_key_2()),
            rng,
        )
        .expect("seals");
        assert_eq!(open_share(&shares[0], &sealed, &holder), Ok(shares[0].clone()));
        assert_eq!(open_share(&shares[0], &sealed, &other), Err(CryptoError::Seal));
        assert_eq!(open_share(&shares[1], &sealed, &holder), Err(CryptoError::Seal));
        for (bit, bytes) in flipped(&sealed) {
            assert!(open_share(&shares[0], &bytes, &holder).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_handed_share_opens_on_the_phone_it_is_for() {
        let rng = &mut rng(1);
        let (_, shares) = split(4);
        let (phone, other) = (DeviceKeys::generate(rng), DeviceKeys::generate(rng));
        let handed = hand_share(
            &shares[2],
            &phone.verify_key(),
            to(&phone.seal_key(), &phone.seal_key_2()),
            rng,
        )
        .expect("seals");
        let handed = HandedShare::from_text(&handed.to_text()).expect("a text");
        assert_eq!(open_handed(&handed, &phone), Ok(shares[2].clone()));
        assert_eq!(open_handed(&handed, &other), Err(CryptoError::Seal));
        let printed = HandedShare::from_text(&share_text(&shares[0])).expect("a text");
        assert_eq!(open_handed(&printed, &other), Ok(shares[0].clone()));
    }
}
