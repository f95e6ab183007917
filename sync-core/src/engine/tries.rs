//! Tries to unlock: counted before they are made, delayed more and more, and ended at the tenth.
//!
//! Count and delay lie in the database, so ending the process resets neither. The delay runs on the device's
//! monotonic clock as the phone was told it ([`Phone::observe_uptime`]): setting a clock does not shorten it. At
//! the limit the reading keys go as in a panic; the outbox stays. A security setting asks for an unlock again.

use crate::crypto::ReadingKey;
use crate::protocol::Code;

use super::rows::{Rows, SecretName};
use super::vault::{MasterKey, Tier, VaultError};
use super::{EngineError, Env, Phone, Result};

/// Wrong tries after which the reading keys are destroyed.
pub const TRIES_ALLOWED: u32 = 10;
/// Wrong tries that cost nothing yet.
const FREE_TRIES: u32 = 2;
const FIRST_DELAY_MS: i64 = 15_000;
/// Longest time without its person after which a phone locks itself, and what is set at first.
pub const IDLE_LOCK_MS: u64 = 120_000;

const TRIES: &str = "unlock_tries";
/// `ran_ms` before which no further try is taken.
const NEXT: &str = "unlock_next_ran_ms";
const IDLE: &str = "idle_lock_ms";

/// Milliseconds the device was seen running, as the waits count.
fn ran(rows: &Rows<'_>) -> Result<i64> {
    Ok(i64::try_from(rows.ran_ms()?).unwrap_or(i64::MAX))
}

/// The wait after the nth wrong try.
fn delay_ms(wrong: u32) -> i64 {
    match wrong.checked_sub(FREE_TRIES + 1) {
        Some(doublings) => FIRST_DELAY_MS << doublings.min(16),
        None => 0,
    }
}

impl Phone {
    /// Asks the vault for the reading key. A wrong try counts, the last one destroys.
    ///
    /// On a locked phone it counts before it is made. One that is unlocked has nothing to hide from whoever holds it,
    /// so a right answer there costs no write that could fail.
    pub(super) fn try_vault(&mut self, env: &mut Env<'_>) -> Result<MasterKey> {
        let (wrapped, before) = self.allowed_try()?;
        let counted = !self.is_unlocked();
        if counted {
            self.count_try(before.0)?;
            crate::crash_point!("phone.unlock.counted");
        }
        let opened = match self.vault.unwrap(Tier::B, &wrapped) {
            Ok(master) if self.fits(&master, env)? => Ok(master),
            Ok(_) => Err(VaultError::Refused),
            Err(error) => Err(error),
        };
        match opened {
            Ok(master) => {
                if counted || before != (0, 0) {
                    self.set_tries((0, 0))?;
                }
                Ok(master)
            }
            Err(VaultError::Refused) if before.0 + 1 >= TRIES_ALLOWED => {
                self.panic()?;
                let why = "too many wrong tries; what waits to be sent is kept";
                Err(EngineError::refused_because(Code::WriteOnly, why))
            }
            Err(VaultError::Refused) => {
                if !counted {
                    self.count_try(before.0)?;
                }
                Err(Code::WrongKey.into())
            }
            Err(other) => {
                if counted {
                    self.set_tries(before)?;
                }
                Err(other.into())
            }
        }
    }

    /// Asks for the person again, before a security setting is changed.
    ///
    /// # Errors
    /// As [`Phone::unlock`].
    pub(super) fn ask_person(&mut self, env: &mut Env<'_>) -> Result<()> {
        self.try_vault(env).map(drop)
    }

    /// The wrapped key, if a try may be made now, and the count and wait before it.
    fn allowed_try(&mut self) -> Result<(Vec<u8>, (u32, i64))> {
        let desk = self.desk()?;
        let Some(wrapped) = desk.rows.wrapped_reading_key()? else {
            drop(desk);
            // A panic that was interrupted is finished.
            self.vault.destroy(Tier::B)?;
            return Err(Code::WriteOnly.into());
        };
        if desk.grace()?.is_over() {
            let why = "the relay was not met for 30 days; sync once, then unlock";
            return Err(EngineError::refused_because(Code::WriteOnly, why));
        }
        let tries = desk.rows.number(TRIES)?.unwrap_or(0).max(0) as u32;
        if tries >= TRIES_ALLOWED {
            drop(desk);
            self.panic()?;
            return Err(Code::WriteOnly.into());
        }
        let next = desk.rows.number(NEXT)?.unwrap_or(0);
        let ran = ran(&desk.rows)?;
        if ran < next {
            let why = format!("{} seconds", (next - ran).div_euclid(1000) + 1);
            return Err(EngineError::refused_because(Code::UnlockDelayed, why));
        }
        Ok((wrapped, (tries, next)))
    }

    /// Counts a try after so many wrong ones, and sets the wait after it.
    fn count_try(&mut self, wrong: u32) -> Result<()> {
        let mut desk = self.desk()?;
        let next = ran(&desk.rows)?.saturating_add(delay_ms(wrong + 1));
        desk.rows.put_number(TRIES, i64::from(wrong + 1))?;
        desk.rows.put_number(NEXT, next)?;
        desk.commit()
    }

    fn set_tries(&mut self, (tries, next): (u32, i64)) -> Result<()> {
        let mut desk = self.desk()?;
        desk.rows.put_number(TRIES, i64::from(tries))?;
        desk.rows.put_number(NEXT, next)?;
        desk.commit()
    }

    /// Whether a key is the one that the sealed rows are under.
    fn fits(&mut self, master: &MasterKey, env: &mut Env<'_>) -> Result<bool> {
        let mut reading = ReadingKey::new(master, env.rng);
        let rows = Rows(self.store.begin()?, Some(&mut reading));
        Ok(matches!(rows.secret(&SecretName::Sealing), Ok(Some(_)) | Ok(None)))
    }

    /// Locks the phone if nobody has touched it for as long as is set. Returns whether it is locked now.
    pub fn idle_lock(&mut self, idle_ms: u64) -> Result<bool> {
        if idle_ms >= self.idle_lock_after_ms()? {
            self.lock();
        }
        Ok(!self.is_unlocked())
    }

    /// Milliseconds without its person after which the phone locks itself.
    pub fn idle_lock_after_ms(&mut self) -> Result<u64> {
        let set = self.desk()?.rows.number(IDLE)?;
        Ok(set.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(IDLE_LOCK_MS))
    }

    /// Sets how soon the phone locks itself. A security setting: the vault is asked to unlock again.
    ///
    /// # Errors
    /// `bad_value` for more than two minutes; as [`Phone::unlock`] otherwise. Nothing is set then.
    pub fn set_idle_lock(&mut self, env: &mut Env<'_>, after_ms: u64) -> Result<()> {
        let allowed = i64::try_from(after_ms).ok().filter(|_| after_ms <= IDLE_LOCK_MS);
        let Some(after_ms) = allowed else {
            return Err(EngineError::refused_because(Code::BadValue, "at most two minutes"));
        };
        self.ask_person(env)?;
        let mut desk = self.desk()?;
        desk.rows.put_number(IDLE, after_ms)?;
        desk.commit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_after_the_free_tries() {
        let waits: Vec<i64> = (0..=9).map(|wrong| delay_ms(wrong) / 1000).collect();
        assert_eq!(waits, [0, 0, 0, 15, 30, 60, 120, 240, 480, 960]);
    }
}
