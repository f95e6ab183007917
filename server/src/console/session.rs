//! Sessions of the coordinators' page: begun by a one-time link, ended by the clock or by the person.
//!
//! Links and session secrets are 256 random bits; the database holds their hashes only.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use getrandom::SysRng;
use rand_core::{Rng as _, UnwrapErr};
use sha2::{Digest, Sha256};
use sync_core::ids::TeamId;
use sync_core::protocol::{Code, Timestamp};

use crate::relay::{Refusal, Relay};
use crate::store::audit::{self, Entry};
use crate::store::console::{self as rows, SessionRow};
use crate::store::{Store, StoreError, Tx};

/// Life of a sign-in link: 15 minutes.
const LINK_LIFE_MS: i64 = 15 * 60 * 1000;
/// A session ends this long after it was last used: 30 minutes.
const IDLE_MS: i64 = 30 * 60 * 1000;
/// A session ends this long after it began: 12 hours.
const SESSION_LIFE_MS: i64 = 12 * 60 * 60 * 1000;
/// A session's use is noted no more often than this.
const TOUCH_MS: i64 = 60 * 1000;

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn put_link(tx: &Tx<'_>, secret: &str, team: TeamId, now: Timestamp) -> Result<String, StoreError> {
    rows::put_link(tx, &hash(secret), team, now.plus_ms(LINK_LIFE_MS))?;
    Ok(format!("/console/start?link={secret}"))
}

/// Makes a one-time sign-in link for a team on a data folder, whether or not a relay is running on it.
///
/// The path is for one person's eyes: whoever opens it first is signed in for this team.
pub fn console_link(folder: &Path, team: TeamId, now: Timestamp) -> Result<String, StoreError> {
    let mut bytes = [0; 32];
    UnwrapErr(SysRng).fill_bytes(&mut bytes);
    let secret = URL_SAFE_NO_PAD.encode(bytes);
    Store::open(folder)?.write(|tx| put_link(tx, &secret, team, now))
}

impl Relay {
    /// Makes a one-time sign-in link for a team's coordinators: a path that ends after 15 minutes or with its first use.
    pub fn console_link(&self, team: TeamId) -> Result<String, StoreError> {
        let secret = URL_SAFE_NO_PAD.encode(self.random::<32>());
        self.store().write(|tx| put_link(tx, &secret, team, self.now()))
    }

    /// Uses a link up and begins a session: the session's secret, or `None` if the link is unknown, used or ended.
    pub(super) fn begin_session(&self, link: &str) -> Result<Option<String>, Refusal> {
        let now = self.now();
        let secret = URL_SAFE_NO_PAD.encode(self.random::<32>());
        self.store().write(|tx| {
            let (oldest, idlest) = (now.plus_ms(-SESSION_LIFE_MS), now.plus_ms(-IDLE_MS));
            rows::forget_sessions(tx, oldest, idlest)?;
            let Some(team) = rows::take_link(tx, &hash(link), now)? else { return Ok(None) };
            rows::put_session(tx, &hash(&secret), team, now)?;
            audit::append(tx, team, &Entry::done(None, "console.sign_in", ""), now)?;
            Ok(Some(secret))
        })
    }

    /// The team of a session that has not ended.
    ///
    /// # Errors
    /// `token_invalid` if there is no such session.
    pub(super) fn session(&self, secret: &str) -> Result<TeamId, Refusal> {
        let (hash, now) = (hash(secret), self.now());
        let row = self.store().read(|reader| rows::session(reader, &hash))?;
        let row = row.filter(|row| is_current(row, now)).ok_or(Code::TokenInvalid)?;
        if now > row.seen.plus_ms(TOUCH_MS) {
            self.store().write(|tx| rows::touch(tx, &hash, now))?;
        }
        Ok(row.team)
    }

    /// Ends a session.
    pub(super) fn end_session(&self, secret: &str) -> Result<(), Refusal> {
        Ok(self.store().write(|tx| rows::end_session(tx, &hash(secret)))?)
    }
}

fn is_current(row: &SessionRow, now: Timestamp) -> bool {
    now <= row.created.plus_ms(SESSION_LIFE_MS) && now <= row.seen.plus_ms(IDLE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_idle_and_after_half_a_day_whatever_its_use() {
        let (team, created) = (TeamId::new([1; 32]), Timestamp(0));
        let at = |seen, now| {
            let row = SessionRow { team, created, seen: Timestamp(seen) };
            is_current(&row, Timestamp(now))
        };
        assert!(at(0, IDLE_MS));
        assert!(!at(0, IDLE_MS + 1));
        assert!(at(SESSION_LIFE_MS, SESSION_LIFE_MS));
        assert!(!at(SESSION_LIFE_MS, SESSION_LIFE_MS + 1));
    }
}
