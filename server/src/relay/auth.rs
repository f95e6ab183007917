//! Who sends a request: the device whose key signed its token, as the team's directory lists it.

use std::sync::{Arc, PoisonError};

use sync_core::crypto::token::{self, Claims};
use sync_core::directory::Directory;
use sync_core::ids::{DeviceId, TeamId};
use sync_core::protocol::{Code, Kind, SyncRequest, Timestamp, from_cbor, limits};

use crate::store::meta;

use super::answer::inflate;
use super::{Refusal, Relay};

/// A request whose sender is known.
pub(super) struct Authentic {
    /// What the token says.
    pub claims: Claims,
    /// The request.
    pub request: SyncRequest,
}

impl Relay {
    /// Checks a token and the body it was made for.
    pub(super) fn authenticate(
        &self,
        token: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Authentic, Refusal> {
        if body.len() > limits::MAX_REQUEST {
            return Err(Code::TooLarge.into());
        }
        let device = token::issuer(token)?;
        let code = match self.verify_listed(token, &device, body, now) {
            Ok((claims, directory)) => {
                let request = decode(body)?;
                return matching(claims, request, directory.team());
            }
            Err(code) => code,
        };
        // It may be removed from one team and listed by another.
        if let Some(refusal) = self.refuse_removed(token, device, body, now) {
            return Err(refusal);
        }
        if code == Code::UnknownDevice {
            return self.authenticate_first(token, device, body, now);
        }
        Err(code.into())
    }

    /// A device of a team whose directory this relay holds, and that directory.
    pub(super) fn authenticate_listed(
        &self,
        token: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(Claims, Arc<Directory>), Refusal> {
        let device = token::issuer(token)?;
        Ok(self.verify_listed(token, &device, body, now)?)
    }

    /// The team that a token is for, of those that list its device: anyone's key may be listed by another team's admin
    /// too, and the audience decides.
    ///
    /// # Errors
    /// `unknown_device` if no team lists it; `token_expired` or `guest_ended` if that is all that stands against it in
    /// one of them; `token_invalid`.
    fn verify_listed(
        &self,
        token: &str,
        device: &DeviceId,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(Claims, Arc<Directory>), Code> {
        let mut refusal = Code::UnknownDevice;
        for directory in self.directories_listing(device) {
            match self.verify(token, device, &directory, body, now) {
                Ok(claims) => return Ok((claims, directory)),
                Err(code @ (Code::TokenExpired | Code::GuestEnded)) => refusal = code,
                Err(_) if refusal == Code::UnknownDevice => refusal = Code::TokenInvalid,
                Err(_) => {}
            }
        }
        Err(refusal)
    }

    /// A device of an allowed team of whose directory this relay holds nothing, or less than the device: the entries
    /// it brings along, verified from the genesis hash, tell its key.
    fn authenticate_first(
        &self,
        token: &str,
        device: DeviceId,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Authentic, Refusal> {
        // Of strangers one at a time: what a body inflates to is theirs to choose.
        let _turn = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let request = decode(body)?;
        let team = request.team;
        if !self.store().read(|reader| meta::is_allowed(reader, team))? {
            return Err(Code::NoSuchTeam.into());
        }
        let directory = directory_with(&self.directory(team), &request);
        if directory.device(&device).is_none() {
            return Err(Code::UnknownDevice.into());
        }
        let claims = self.verify(token, &device, &directory, body, now)?;
        matching(claims, request, team)
    }

    fn verify(
        &self,
        token: &str,
        device: &DeviceId,
        directory: &Directory,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Claims, Code> {
        let listed = directory.device(device).ok_or(Code::UnknownDevice)?;
        let audience = token::audience(self.origin(), directory.team());
        let claims = token::verify(token, listed.verify_key, &audience, body, now)?;
        // Only the device itself is told how its member stands.
        if listed.standing.guest.as_ref().is_some_and(|guest| now.day() > guest.until) {
            return Err(Code::GuestEnded);
        }
        Ok(claims)
    }

    fn directories_listing(&self, device: &DeviceId) -> Vec<Arc<Directory>> {
        let directories = self.directories.read().unwrap_or_else(PoisonError::into_inner);
        directories.values().filter(|d| d.device(device).is_some()).cloned().collect()
    }
}

pub(super) fn decode(body: &[u8]) -> Result<SyncRequest, Code> {
    let request: SyncRequest = from_cbor(&inflate(body)?).map_err(|_| Code::Malformed)?;
    if request.push.len() > limits::MAX_BATCH || request.invites.len() > limits::MAX_BATCH {
        return Err(Code::TooLarge);
    }
    Ok(request)
}

pub(super) fn matching(
    claims: Claims,
    request: SyncRequest,
    team: TeamId,
) -> Result<Authentic, Refusal> {
    if request.team != team || request.device != claims.device {
        return Err(Code::TokenInvalid.into());
    }
    Ok(Authentic { claims, request })
}

/// The directory that the entries of a request make of the one that is here, as far as they follow from it.
fn directory_with(known: &Directory, request: &SyncRequest) -> Directory {
    let mut directory = known.clone();
    for packed in &request.push {
        let Ok(entry) = request.batch.unpack(packed) else { continue };
        let is_news = entry.header.directory_seq >= directory.len();
        if entry.header.kind == Kind::Directory && is_news && directory.append(&entry).is_err() {
            break;
        }
    }
    directory
}
