//! A removed device at the door: it is told so with proof, what it brings is kept apart, and nothing is served.

use std::sync::{Arc, PoisonError};

use sync_core::crypto::token;
use sync_core::directory::Directory;
use sync_core::ids::{DeviceId, TeamId};
use sync_core::protocol::{Batch, Code, RemovalNotice, SyncRequest, Timestamp, limits, to_cbor};

use crate::store::quarantine::{self, Refused};
use crate::store::{StoreError, Tx, audit, devices, items};

use super::auth::{decode, matching};
use super::{Refusal, Relay, cursors};

/// Bytes of directory entries in one notice.
const MOST_BYTES: usize = 3 * 1024 * 1024;

impl Relay {
    /// Refuses a device that was removed from a team: `None` if it was removed from none, or did not sign the token.
    pub(super) fn refuse_removed(
        &self,
        token: &str,
        device: DeviceId,
        body: &[u8],
        now: Timestamp,
    ) -> Option<Refusal> {
        let removed: Vec<Arc<Directory>> = {
            let all = self.directories.read().unwrap_or_else(PoisonError::into_inner);
            all.values().filter(|d| d.removed_at(&device).is_some()).cloned().collect()
        };
        let mut refusal = None;
        for directory in removed {
            let Some(key) = directory.key_of(&device) else { continue };
            let audience = token::audience(self.origin(), directory.team());
            match token::verify(token, key, &audience, body, now) {
                Ok(claims) => {
                    let request = decode(body).map_err(Refusal::from);
                    let request = request.and_then(|r| matching(claims, r, directory.team()));
                    return Some(match request {
                        Ok(authentic) => self
                            .tell_removed(&directory, &authentic.request, now)
                            .unwrap_or_else(Refusal::from),
                        Err(refusal) => refusal,
                    });
                }
                // A clock that is wrong is told the time first.
                Err(Code::TokenExpired) => refusal = Some(Code::TokenExpired.into()),
                Err(_) => {}
            }
        }
        refusal
    }

    fn tell_removed(
        &self,
        directory: &Directory,
        request: &SyncRequest,
        now: Timestamp,
    ) -> Result<Refusal, StoreError> {
        let team = directory.team();
        self.store().write(|tx| {
            devices::saw(tx, request.device, team, now)?;
            note_removed(tx, team, request.device, now)?;
            for packed in request.push.iter().take(limits::MAX_BATCH) {
                let Ok(envelope) = request.batch.unpack(packed) else { continue };
                let (id, bytes) = (envelope.id(), envelope.to_bytes());
                let genuine = envelope.header.device == request.device
                    && envelope.header.kind != sync_core::protocol::Kind::Directory
                    && directory
                        .key_of(&request.device)
                        .is_some_and(|key| sync_core::crypto::verify_envelope(key, &envelope));
                if genuine && items::position(tx, team, id)?.is_none() {
                    let (device, code) = (request.device, Code::AfterRemoval);
                    let refused = Refused { id, device, code, bytes: &bytes };
                    quarantine::keep(tx, team, &refused, now)?;
                }
            }
            Ok::<_, StoreError>(())
        })?;
        let (entries, held) = self.store().read(|reader| {
            let known = cursors::known(reader, request)?;
            let held = known.and_then(|known| {
                let mut all = known.cursors.0.into_iter();
                all.find(|cursor| cursor.space == directory.space())
            });
            let entries = items::envelopes(reader, directory.space())?;
            Ok::<_, StoreError>((entries, held.map_or(0, |cursor| cursor.seq)))
        })?;
        let mut batch = Batch::new();
        let (mut packed, mut bytes) = (Vec::new(), 0);
        for entry in entries.iter().skip(usize::try_from(held).unwrap_or(usize::MAX)) {
            let entry = batch.pack(entry);
            bytes += entry.size();
            if bytes > MOST_BYTES {
                break;
            }
            packed.push(entry);
        }
        let notice = to_cbor(&RemovalNotice { batch, entries: packed });
        Ok(Refusal { notice: Some(notice), ..Refusal::from(Code::DeviceRemoved) })
    }
}

/// Writes once a day that a removed device called.
fn note_removed(
    tx: &Tx<'_>,
    team: TeamId,
    device: DeviceId,
    now: Timestamp,
) -> Result<(), StoreError> {
    const ACTION: &str = "device.refuse";
    let today = Timestamp(i64::from(now.day().0) * 24 * 60 * 60 * 1000);
    if audit::wrote_since(tx, team, device, ACTION, today)? {
        return Ok(());
    }
    let (actor, result) = (Some(device), Code::DeviceRemoved.as_str());
    let object = device.to_string();
    let entry = audit::Entry { actor, action: ACTION, object, result, count: 1 };
    audit::append(tx, team, &entry, now)
}
