//! A drill: whether the code or the shares would work, tried on the member's own phone without changing anything.

use crate::crypto::{self, RecoverySecret};
use crate::directory::RecoveryKey;
use crate::protocol::{Code, Day};

use super::super::desk::Desk;
use super::super::{Env, Phone, Result};
use super::RecoveryProof;

/// Days after which a drill is due.
const DUE_DAYS: u32 = 180;

/// Whether 180 days have passed.
pub(super) fn is_due(today: Day, last: Day) -> bool {
    today.0.saturating_sub(last.0) >= DUE_DAYS
}

impl Phone {
    /// Tries whether this code, or these shares, would restore this member's reading. Nothing changes but the day
    /// that is remembered here.
    ///
    /// # Errors
    /// `recovery_none` if no key is listed; `code_mistyped`, `share_missing` or `share_wrong` as when it counts;
    /// `recovery_spent` for an earlier key's; `recovery_wrong` for none of this member's.
    pub fn recovery_drill(&mut self, env: &mut Env<'_>, proof: RecoveryProof<'_>) -> Result<()> {
        let mut desk = self.desk()?;
        desk.require_enrolled()?;
        let secret: RecoverySecret = match proof {
            RecoveryProof::Code(code) => crypto::secret_of_code(code)?,
            RecoveryProof::Shares(shares) => desk.secret_of_shares(shares)?,
        };
        let member = desk.identity.member;
        let keys = secret.keys(desk.identity.team, member);
        let listed = desk.directory.recovery(&member);
        let fits = listed.is_some_and(|key| {
            let second = key.seal_key_2.as_ref().map(|key| key.to_vec());
            (*key.verify_key, *key.seal_key, second)
                == (keys.verify_key(), keys.seal_key(), keys.seal_key_2())
        });
        if !fits {
            let spent = desk.directory.is_spent_recovery(&member, &keys.id());
            return Err(match (spent, listed) {
                (true, _) => Code::RecoverySpent,
                (false, None) => Code::RecoveryNone,
                (false, Some(_)) => Code::RecoveryWrong,
            }
            .into());
        }
        let today = desk.corrected(env.now)?.0.day();
        desk.rows.put_number(&drilled(&keys.id()), i64::from(today.0))?;
        desk.commit()
    }
}

impl Desk<'_> {
    /// When the listed key was last tried on this phone.
    pub fn drilled(&self, listed: Option<&RecoveryKey>) -> Result<Option<Day>> {
        let Some(key) = listed else { return Ok(None) };
        let day = self.rows.number(&drilled(&key.id()))?;
        Ok(day.and_then(|day| u32::try_from(day).ok()).map(Day))
    }
}

fn drilled(key: &crate::ids::DeviceId) -> String {
    format!("recovery_drilled_{key}")
}
