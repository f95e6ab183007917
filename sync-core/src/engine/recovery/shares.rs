//! Shares: a holder hands theirs to the phone that is being restored, which puts two together.

use crate::crypto::{self, RecoverySecret, SealKeys};
use crate::directory::RecoveryKey;
use crate::ids::MemberId;
use crate::protocol::{Code, HandedShare, RecoveryRequest, RecoveryShare};

use super::super::desk::Desk;
use super::super::{EngineError, Env, Phone, Result};
use super::ShareRelease;

impl Phone {
    /// The members of whose recovery this phone holds a share.
    pub fn shares_held(&mut self) -> Result<Vec<MemberId>> {
        let desk = self.desk_of_person()?;
        let members: Vec<MemberId> = desk.directory.members().map(|(id, _)| id).collect();
        Ok(members.into_iter().filter(|member| desk.held_share(member).is_ok()).collect())
    }

    /// Whom a request for a share is for: to be shown to its holder, who compares the words with those
    /// that the new phone shows ([`Phone::fingerprint`]).
    ///
    /// # Errors
    /// `malformed` if the text is no request; `wrong_team`; `no_such_member`; `recovery_none`; `share_not_held`.
    pub fn share_release(&mut self, request: &str) -> Result<ShareRelease> {
        let desk = self.desk_of_person()?;
        let request = desk.read_request(request)?;
        desk.held_share(&request.member)?;
        let name = desk.name_of(&request.member)?;
        let words = crypto::fingerprint(&request.verify_key, seal_keys(&request));
        Ok(ShareRelease { member: request.member, name, fingerprint: words.join(" ") })
    }

    /// Hands this phone's share to the phone that asks, as a text or QR code that only that phone opens.
    ///
    /// # Errors
    /// Those of [`Phone::share_release`]; `share_wrong` if the share is not the one the directory names.
    pub fn release_share(&mut self, env: &mut Env<'_>, request: &str) -> Result<String> {
        let desk = self.desk_of_person()?;
        let request = desk.read_request(request)?;
        let share = desk.held_share(&request.member)?;
        let keys = seal_keys(&request);
        let handed = crypto::hand_share(&share, &request.verify_key, keys, env.rng);
        Ok(handed.map_err(|_| Code::Malformed)?.to_text().to_string())
    }
}

/// What a share is sealed to, and so what a holder compares.
fn seal_keys(request: &RecoveryRequest) -> SealKeys<'_> {
    let second = request.seal_key_2.as_ref().map(|key| key.as_slice());
    SealKeys { first: &request.seal_key, second }
}

impl Desk<'_> {
    fn read_request(&self, text: &str) -> Result<RecoveryRequest> {
        let request = RecoveryRequest::from_text(text).map_err(|_| Code::Malformed)?;
        if request.team != self.identity.team {
            return Err(Code::WrongTeam.into());
        }
        self.directory.member(&request.member).ok_or(Code::NoSuchMember)?;
        Ok(request)
    }

    /// The share of a member's listed recovery key that this phone holds, opened and checked.
    fn held_share(&self, member: &MemberId) -> Result<RecoveryShare> {
        let key = self.directory.recovery(member).ok_or(Code::RecoveryNone)?;
        let mine = key.shares.iter().enumerate().find_map(|(at, share)| {
            let wrap = share.sealed.iter().find(|wrap| wrap.device == self.device())?;
            Some((at, wrap))
        });
        let (at, wrap) = mine.ok_or(Code::ShareNotHeld)?;
        let about = self.about_share(*member, key, at as u8 + 1);
        let share = crypto::open_share(&about, &wrap.sealed, self.keys);
        let share = share.map_err(|_| EngineError::refused(Code::ShareWrong))?;
        if share.checks.get(at) != Some(&crypto::share_check(&share)) {
            return Err(Code::ShareWrong.into());
        }
        Ok(share)
    }

    fn about_share(&self, member: MemberId, key: &RecoveryKey, index: u8) -> RecoveryShare {
        RecoveryShare {
            team: self.identity.team,
            member,
            key: key.id(),
            index,
            value: [0; 32].into(),
            checks: key.shares.iter().map(|share| share.check).collect(),
        }
    }

    /// Puts shares of this member's recovery key together.
    pub fn secret_of_shares(&self, texts: &[&str]) -> Result<RecoverySecret> {
        self.require_unlocked()?;
        let mut shares = Vec::with_capacity(texts.len());
        for text in texts {
            let handed = HandedShare::from_text(text).map_err(|_| Code::ShareWrong)?;
            let share = crypto::open_handed(&handed, self.keys).map_err(|_| Code::ShareWrong)?;
            if (share.team, share.member) != (self.identity.team, self.identity.member) {
                return Err(Code::RecoveryWrong.into());
            }
            shares.push(share);
        }
        Ok(crypto::combine_shares(&shares)?)
    }

    fn name_of(&self, member: &MemberId) -> Result<Option<String>> {
        Ok(self.staff_names()?.remove(member))
    }
}
