//! A removed device at the door: it is told so with proof, what it brings is kept apart, and nothing is served.

use std::sync::{Arc, PoisonError};

use sync_core::crypto::{self, token};
use sync_core::directory::Directory;
use sync_core::ids::{DeviceId, TeamId};
use sync_core::protocol::{
    Batch, Code, Envelope, Kind, RemovalNotice, SyncRequest, Timestamp, WipeAck, limits, to_cbor,
};

use crate::store::quarantine::{self, Refused};
use crate::store::{Reader, StoreError, Tx, audit, devices, items, purged, wiped};

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
        // Signatures are checked before anybody's writes have to wait for it.
        let late = self.store().read(|reader| late_items(reader, directory, request))?;
        let word = request
            .wiped
            .as_ref()
            .filter(|ack| ack.device == request.device && directory.is_genuine_wipe(ack));
        self.store().write(|tx| {
            devices::saw(tx, request.device, team, now)?;
            note_call(tx, directory, request.device, now)?;
            if let Some(ack) = word {
                note_wiped(tx, team, ack, now)?;
            }
            for envelope in &late {
                if !is_purged(tx, envelope)? {
                    let (id, bytes) = (envelope.id(), envelope.to_bytes());
                    let (device, code) = (request.device, Code::AfterRemoval);
                    let refused = Refused { id, device, code, bytes: &bytes };
                    quarantine::keep(tx, team, &refused, now)?;
                }
            }
            Ok::<_, StoreError>(())
        })?;
        if word.is_some() {
            // It holds nothing any more, and the entries neither.
            let (batch, entries, heard) = (Batch::new(), Vec::new(), None);
            return Ok(told(&RemovalNotice { batch, entries, heard, wiped: Some(true) }));
        }
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
        // Everything it brought was looked at: it is kept by now, or never will be.
        let heard = directory.wipe_order(&request.device).map(|_| {
            request.push.iter().filter_map(|packed| Some(request.batch.unpack(packed).ok()?.id()))
        });
        let heard = heard.map(Iterator::collect);
        Ok(told(&RemovalNotice { batch, entries: packed, heard, wiped: None }))
    }
}

fn told(notice: &RemovalNotice) -> Refusal {
    Refusal { notice: Some(to_cbor(notice)), ..Refusal::from(Code::DeviceRemoved) }
}

/// Keeps a device's word that it was wiped, and writes it into the audit log once.
fn note_wiped(tx: &Tx<'_>, team: TeamId, ack: &WipeAck, now: Timestamp) -> Result<(), StoreError> {
    if !wiped::keep(tx, team, ack)? {
        return Ok(());
    }
    let entry = audit::Entry::done(Some(ack.device), "device.wiped", ack.device);
    audit::append(tx, team, &entry, now)
}

/// What a removed device brings that is its own, was not erased, and is neither taken nor kept apart yet: no more than
/// there is room for.
fn late_items(
    reader: &Reader,
    directory: &Directory,
    request: &SyncRequest,
) -> Result<Vec<Envelope>, StoreError> {
    let mut late = Vec::new();
    let Some(key) = directory.key_of(&request.device) else { return Ok(late) };
    let room = quarantine::room(reader, request.device, Code::AfterRemoval)?;
    let mut checked = 0;
    for packed in request.push.iter().take(limits::MAX_BATCH) {
        if checked == room {
            break;
        }
        let Ok(envelope) = request.batch.unpack(packed) else { continue };
        let id = envelope.id();
        let own = envelope.header.device == request.device
            && envelope.header.kind != Kind::Directory
            && items::position(reader, directory.team(), id)?.is_none()
            && !quarantine::is_kept(reader, request.device, id)?
            && !is_purged(reader, &envelope)?;
        if own {
            checked += 1;
            if crypto::verify_envelope(key, &envelope) {
                late.push(envelope);
            }
        }
    }
    Ok(late)
}

fn is_purged(reader: &Reader, envelope: &Envelope) -> Result<bool, StoreError> {
    let header = &envelope.header;
    Ok(header.kind.is_document() && purged::is_purged(reader, header.space, header.doc)?)
}

/// Writes into the audit log that a removed device called, once a day.
fn note_call(
    tx: &Tx<'_>,
    directory: &Directory,
    device: DeviceId,
    now: Timestamp,
) -> Result<(), StoreError> {
    const ACTION: &str = "device.refuse";
    let today = Timestamp(i64::from(now.day().0) * 24 * 60 * 60 * 1000);
    let team = directory.team();
    if audit::wrote_since(tx, team, device, ACTION, today)? {
        return Ok(());
    }
    let (object, result) = (device.to_string(), Code::DeviceRemoved.as_str());
    let entry = audit::Entry { actor: Some(device), action: ACTION, object, result, count: 1 };
    audit::append(tx, team, &entry, now)
}
