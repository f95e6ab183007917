//! Healing, seen from the relay: what it lacks, which incarnation it is in, and when it serves again.
//!
//! A relay cannot know by itself that its file is an older one. It learns it from authentic devices whose cursors,
//! made in this very incarnation or in one it never heard of, are not in its logs: when an admin's device or devices
//! of two members say so, it enters a new incarnation. Until an admin's device has then handed back what it holds,
//! or the operator confirms, only the directory is served.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sync_core::directory::{DeviceAt, Directory};
use sync_core::ids::{EnvelopeId, IncarnationId, SpaceId, TeamId};
use sync_core::protocol::{
    Batch, Code, Found, HEADER_LEN, Healing, HealingAnswer, LackedItems, MAX_HELD, MAX_WANTED,
    ReconcileAnswer, ReconcileRequest, SyncRequest, Timestamp, from_cbor, held_hash, limits,
    reconcile_to_sign, to_cbor,
};
use sync_core::records::DeviceClass;

use crate::crash_point;
use crate::store::audit::{self, Entry};
use crate::store::incarnations::{self, Incarnation};
use crate::store::{Reader, StoreError, Tx, mend, meta};

use super::answer::{Room, inflate};
use super::carried::is_sound;
use super::pull::{self, Pulled};
use super::{Refusal, Relay, TOKEN_MEMORY_S};

impl Relay {
    /// Serves `POST /v1/reconcile`: which of the items that a device holds are lacking here.
    ///
    /// # Errors
    /// As for a sync; `too_large` beyond the hashes that one request may tell.
    pub fn reconcile(&self, token: &str, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        let now = self.now();
        if body.len() > limits::MAX_REQUEST {
            return Err(Code::TooLarge.into());
        }
        let (claims, directory) = self.authenticate_listed(token, body, now)?;
        let request: ReconcileRequest = from_cbor(&inflate(body)?).map_err(|_| Code::Malformed)?;
        if request.team != directory.team() || request.device != claims.device {
            return Err(Code::TokenInvalid.into());
        }
        let told: usize = request.spaces.iter().map(|held| held.hashes.len() / 8).sum();
        if told > MAX_HELD || request.spaces.len() > limits::MAX_BATCH {
            return Err(Code::TooLarge.into());
        }
        let keep_until = claims.exp.saturating_add(TOKEN_MEMORY_S);
        self.store().write(|tx| {
            match meta::spend_token(tx, claims.device, &claims.jti, keep_until, now.seconds())? {
                true => Ok(()),
                false => Err(Refusal::from(Code::TokenReplayed)),
            }
        })?;
        let (lacking, incarnation) = self.store().read(|reader| {
            let device = directory.device(&request.device).ok_or(Code::UnknownDevice)?;
            let readable = pull::readable(reader, &directory, &device, now.day())?;
            let readable: BTreeSet<SpaceId> = readable.into_iter().map(|(id, _)| id).collect();
            let (mut lacking, mut seen) = (Vec::new(), BTreeSet::new());
            for held in &request.spaces {
                // A log is read through once, for hashes to look up in it, and only for its readers. A space that
                // this relay lost has none; so whoever tells of one hands back what they hold.
                if held.hashes.len() < 8 || !seen.insert(held.space) {
                    continue;
                }
                let mut here = HashSet::new();
                if readable.contains(&held.space) {
                    here = hashes(reader, request.team, &request.seed, held.space)?;
                }
                let lacks = held.each().map(|hash| !here.contains(&hash));
                lacking.extend(LackedItems::of(held.space, lacks));
            }
            Ok::<_, Refusal>((lacking, self.incarnation(reader, request.team)?.id))
        })?;
        let answer = to_cbor(&ReconcileAnswer { relay: self.id(), incarnation, now, lacking });
        let message = reconcile_to_sign(body, &answer);
        let signed = self.signed(answer, &message);
        crash_point!("relay.reconcile.before_send");
        Ok(signed)
    }

    /// The incarnation that a team has.
    pub(super) fn incarnation(
        &self,
        reader: &Reader,
        team: TeamId,
    ) -> Result<Incarnation, StoreError> {
        let first = Incarnation { id: self.incarnation, held: false };
        Ok(incarnations::latest(reader, team)?.unwrap_or(first))
    }

    /// Serves every team again that was held back after a restore, as its operator says; how many there were.
    pub fn confirm_restore(&self) -> Result<u64, StoreError> {
        self.store().write(|tx| confirm(tx, self.now()))
    }

    /// Takes note of what a device's cursors say about this relay.
    pub(super) fn weigh(
        &self,
        request: &SyncRequest,
        directory: &Directory,
        pulled: &Pulled,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let told = request.healing.as_ref().and_then(|healing| healing.incarnation);
        let Some(told) = told.filter(|_| !pulled.reset.is_empty()) else { return Ok(()) };
        let Some(device) = directory.device(&request.device) else { return Ok(()) };
        let team = request.team;
        let id = IncarnationId::new(self.random());
        self.store().write(|tx| {
            let present = self.incarnation(tx, team)?;
            let expected = told != present.id
                && (told == self.incarnation || incarnations::is_known(tx, team, told)?);
            if expected {
                return Ok(());
            }
            let members = incarnations::claim(tx, team, device.member)?;
            if members < 2 && !is_admins(&device) {
                return Ok(());
            }
            tracing::error!("devices show that this relay's data is older than it was");
            begin(tx, team, Incarnation { id, held: true }, "claimed", now)
        })
    }

    /// What the answer says about healing.
    pub(super) fn healing_answer(
        &self,
        reader: &Reader,
        directory: &Directory,
        request: &SyncRequest,
        held: bool,
        readable: &BTreeSet<SpaceId>,
        (batch, room): (&mut Batch, &mut Room),
    ) -> Result<(Option<HealingAnswer>, BTreeMap<EnvelopeId, SpaceId>), StoreError> {
        let mut answer = HealingAnswer { held, ..HealingAnswer::default() };
        let mut damaged = BTreeMap::new();
        let asked = request.healing.as_ref().map_or(&[][..], |healing| &healing.wanted);
        let mut share = room.of_one_kind();
        for id in asked.iter().take(MAX_WANTED) {
            let Some(row) = mend::by_id(reader, request.team, *id)? else { continue };
            if !readable.contains(&row.space) || held {
                continue;
            }
            if row.code == Code::Purged.as_str() {
                answer.erased.get_or_insert_default().push(row.id);
            }
            if !row.code.is_empty() {
                continue;
            }
            match row.envelope.as_ref().filter(|_| is_sound(&row, directory)) {
                Some(envelope) if share.takes(HEADER_LEN + 64 + envelope.body.len()) => {
                    let packed = batch.pack(envelope);
                    answer.found.push(Found { row: row.row, packed });
                }
                Some(_) => {}
                None => drop(damaged.insert(row.id, row.space)),
            }
        }
        if mend::any_damaged(reader)? {
            for space in readable {
                let left = MAX_WANTED - answer.wanted.len();
                answer.wanted.extend(mend::damaged(reader, *space, left)?);
            }
        }
        let says_nothing = answer == HealingAnswer::default();
        Ok(((!says_nothing).then_some(answer), damaged))
    }
}

/// Serves every team that was held back.
pub(crate) fn confirm(tx: &Tx<'_>, now: Timestamp) -> Result<u64, StoreError> {
    let mut count = 0;
    for team in meta::teams(tx)? {
        if incarnations::open(tx, team)? {
            audit::append(tx, team, &Entry::done(None, "restore.confirm", ""), now)?;
            count += 1;
        }
    }
    Ok(count)
}

/// Begins an incarnation and writes so into the audit log.
pub(crate) fn begin(
    tx: &Tx<'_>,
    team: TeamId,
    begun: Incarnation,
    why: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    incarnations::begin(tx, team, begun, why, now)?;
    let action = format!("incarnation.{why}");
    audit::append(tx, team, &Entry::done(None, &action, begun.id), now)
}

/// Serves a team again once an admin's device has handed back everything it holds.
pub(super) fn open_for_admin(
    tx: &Tx<'_>,
    present: Incarnation,
    healing: Option<&Healing>,
    directory: &Directory,
    request: &SyncRequest,
    now: Timestamp,
) -> Result<(), StoreError> {
    let is_done = healing.is_some_and(|h| h.done && h.incarnation == Some(present.id));
    let admin = directory.device(&request.device).filter(is_admins);
    if present.held && is_done && admin.is_some() && incarnations::open(tx, request.team)? {
        let entry = Entry::done(Some(request.device), "incarnation.open", present.id);
        audit::append(tx, request.team, &entry, now)?;
    }
    Ok(())
}

/// Whether this is an admin's own device.
pub(super) fn is_admins(device: &DeviceAt<'_>) -> bool {
    device.standing.admin && device.class == DeviceClass::Native
}

/// The hashes of what a log holds.
fn hashes(
    reader: &Reader,
    team: TeamId,
    seed: &[u8; 16],
    space: SpaceId,
) -> Result<HashSet<u64>, StoreError> {
    let mut here = HashSet::new();
    mend::sound_ids(reader, team, space, |id| {
        here.insert(held_hash(seed, id));
    })?;
    Ok(here)
}
