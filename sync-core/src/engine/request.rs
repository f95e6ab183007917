//! What a phone sends: everything not yet acknowledged, and where it stands in every log.

use sha2::{Digest, Sha256};

use crate::crypto::token;
use crate::directory::{Directory, Op};
use crate::ids::{EnvelopeId, TeamId};
use crate::protocol::{
    Batch, Carried, Code, Cursor, Cursors, Envelope, Healing, Packed, RowData, SyncRequest,
    Timestamp, from_cbor, limits, to_cbor,
};
use crate::records::SpaceKind;

use super::cosign::Turned;
use super::desk::Desk;
use super::rows::Turn;
use super::{Env, Phone, Result};

/// Bytes of envelopes in one request, about.
const PUSH_BYTES: usize = 2 * 1024 * 1024;

impl Phone {
    /// The next request to the relay. It may be sent again or dropped: only the answer moves anything.
    pub fn sync_request(&mut self, env: &mut Env<'_>) -> Result<SyncRequest> {
        crate::crash_point!("phone.sync.before_request");
        self.wipe_if_due(env)?;
        if self.wiped.is_some() {
            return self.wiped_request(env);
        }
        let offers = self.offers_directory;
        let mut desk = self.desk()?;
        let (batch, push, rows) = match (desk.is_removed(), desk.own_wipe()) {
            (false, _) => desk.pack_push(env, offers)?,
            (true, Some(_)) => desk.pack_last()?,
            (true, None) => Default::default(),
        };
        let (cursors, high) = desk.cursors()?;
        let digest = cursors.digest();
        let (cosign, withdrawn) = desk.cosigns_to_tell()?;
        // A relay that is not listed remembers cursors for what is never taken from it.
        let asked = desk.rows.number("send_cursors")?.unwrap_or(1) != 0
            || desk.strange_cursors()?.is_some();
        let request = SyncRequest {
            team: desk.identity.team,
            device: desk.device(),
            now: env.now,
            digest: digest.into(),
            cursors: asked.then_some(cursors),
            high,
            batch,
            push,
            max_bytes: limits::DEFAULT_MAX_BYTES,
            invites: desk.invite_notices(env.now)?,
            recovery: desk.recovery_to_send()?,
            vouched: some(desk.untold_vouchers()?),
            codes: some(desk.code_answers()?),
            ask_accepted: some(desk.numbers_wanted()?),
            wiped: None,
            ask_wiped: some(desk.wipes_unanswered()?),
            cosign,
            withdrawn,
            healing: desk.healing()?.map(|healing| Healing { rows, ..healing }),
            audit_after: desk.audit_after()?,
        };
        desk.commit()?;
        Ok(request)
    }

    /// A token for one request body, exactly as it will be sent.
    pub fn token(&mut self, env: &mut Env<'_>, body: &[u8]) -> Result<String> {
        let desk = self.any_desk()?;
        let now = desk.token_time(env.now)?;
        let audience = token::audience(&desk.identity.relay, desk.identity.team);
        let token = token::mint(desk.keys, &audience, body, now, env.rng);
        drop(desk);
        self.asked = Some(Sha256::digest(body).into());
        Ok(token)
    }

    /// The relay refused a token for its times and told its own clock: used for tokens only, since a refusal is not signed.
    pub fn clock_corrected(&mut self, env: &mut Env<'_>, relay_now: Timestamp) -> Result<()> {
        let mut desk = self.any_desk()?;
        desk.rows.put_number("token_offset_ms", relay_now.0.saturating_sub(env.now.0))?;
        desk.commit()
    }

    /// The team.
    pub fn team(&self) -> TeamId {
        self.identity.team
    }

    /// The directory as far as it is sequenced and known here.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }
}

/// Whom an alarm about a proposal names: the member concerned, if it is one.
fn subject_of(op: &Op) -> String {
    match op {
        Op::Approved { op, .. } => from_cbor(op).map(|op| subject_of(&op)).unwrap_or_default(),
        Op::Member { member, .. }
        | Op::Device { member, .. }
        | Op::Remove { member, .. }
        | Op::Recovery { member, .. } => member.to_string(),
        _ => String::new(),
    }
}

/// A list that is left out when it is empty.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

impl Desk<'_> {
    /// What one request can carry of what waits: a new team's genesis and directory entries first, then what a relay
    /// lost, then the outbox. The third part says which of it is handed back.
    fn pack_push(
        &mut self,
        env: &mut Env<'_>,
        offers: bool,
    ) -> Result<(Batch, Vec<Packed>, Vec<Carried>)> {
        let outbox = self.rows.outbox(limits::MAX_BATCH)?;
        // The genesis stands in the outbox and goes before the entries that extend it.
        let genesis = EnvelopeId::new(*self.identity.team.as_bytes());
        let (first, rest) = match outbox.split_first() {
            Some((first, rest)) if first.0 == genesis => (self.rows.envelope(genesis)?, rest),
            _ => (None, outbox.as_slice()),
        };
        let mut again = self.hand_back(limits::MAX_BATCH)?;
        if offers {
            again.retain(|(turn, ..)| *turn != Turn::Directory);
        }
        let later = again.iter().position(|(turn, ..)| *turn != Turn::Directory);
        let later = again.split_off(later.unwrap_or(again.len()));
        let offered = if offers { self.whole_directory()? } else { Vec::new() };
        let own = |envelope| (envelope, None);
        let back = |(_, envelope, row): (Turn, Envelope, Option<RowData>)| (envelope, row);
        let entries = self.sign_proposals(env)?;
        let ready = first
            .into_iter()
            .map(own)
            .chain(offered)
            .chain(again.into_iter().map(back))
            .chain(entries.into_iter().map(own))
            .chain(later.into_iter().map(back))
            .map(|ready| Ok::<_, super::EngineError>(Some(ready)));
        let waiting = rest.iter().map(|(id, _)| Ok(self.rows.envelope(*id)?.map(own)));
        let (mut batch, mut rows) = (Batch::new(), Vec::new());
        let (mut push, mut bytes): (Vec<Packed>, usize) = (Vec::new(), 0);
        for envelope in ready.chain(waiting) {
            let Some((envelope, row)) = envelope? else { continue };
            let packed = batch.pack(&envelope);
            bytes += packed.size();
            if bytes > PUSH_BYTES || push.len() == limits::MAX_BATCH {
                break;
            }
            rows.extend(row.map(|row| Carried { index: push.len() as u32, row }));
            push.push(packed);
        }
        Ok((batch, push, rows))
    }

    /// What a device that is to be wiped hands over before: of its outbox what one request can carry.
    fn pack_last(&self) -> Result<(Batch, Vec<Packed>, Vec<Carried>)> {
        let (mut batch, mut push, mut bytes) = (Batch::new(), Vec::new(), 0);
        for (id, _) in self.rows.outbox(limits::MAX_BATCH)? {
            let Some(envelope) = self.rows.envelope(id)? else { continue };
            let packed = batch.pack(&envelope);
            bytes += packed.size();
            if bytes > PUSH_BYTES {
                break;
            }
            push.push(packed);
        }
        Ok((batch, push, Vec::new()))
    }

    /// Every sequenced directory entry with the row it had, for a relay that lost it.
    fn whole_directory(&self) -> Result<Vec<(Envelope, Option<RowData>)>> {
        let entries = self.rows.directory_entries()?.into_iter().enumerate();
        entries.map(|(at, entry)| Ok((entry, self.directory_row(at as u64 + 1)?))).collect()
    }

    pub fn token_time(&self, now: Timestamp) -> Result<Timestamp> {
        let offset = match self.rows.number("token_offset_ms")? {
            Some(offset) => offset,
            None => self.rows.number("attested_offset_ms")?.unwrap_or(0),
        };
        Ok(now.plus_ms(offset))
    }

    /// Signs the proposed directory entries on top of the head, one after the other. An entry keeps its bytes while its place stays free.
    /// Those that need another admin's signature become proposals that wait for it. One that can never be signed or
    /// asked for is dropped with an alarm, and the others go on.
    pub fn sign_proposals(&mut self, env: &mut Env<'_>) -> Result<Vec<Envelope>> {
        let proposals = self.split_batches(self.rows.proposals()?);
        if proposals.is_empty() {
            return Ok(Vec::new());
        }
        let space = self.open_space(SpaceKind::Directory, None)?;
        let numbered = self.space_row(space)?.device_seq;
        let day = self.corrected(env.now)?.0.day();
        let mut ahead = self.directory.clone().into_owned();
        let mut entries = Vec::with_capacity(proposals.len());
        let mut queue = Vec::with_capacity(proposals.len());
        let mut numbers_missing = false;
        for mut proposal in proposals {
            if matches!(proposal.op, Op::Renew) && !self.wants_renewal(day)? {
                continue;
            }
            let subject = subject_of(&proposal.op);
            if self.asks_first(&ahead, &proposal.op) {
                let asked = self.ask_for_approval(env, &proposal.op);
                self.alarm_if_refused(asked, &subject)?;
                continue;
            }
            // What follows may depend on it. The numbers come with the next answer.
            numbers_missing = numbers_missing || !self.fill_numbers(&mut proposal.op)?;
            if numbers_missing {
                queue.push(proposal);
                continue;
            }
            let (seq, hash) = (ahead.len(), ahead.head());
            let body = to_cbor(&proposal.op);
            if body.len() > limits::MAX_BODY {
                self.rows.raise(Code::TooLarge, &subject)?;
                continue;
            }
            let kept =
                proposal.signed.as_ref().and_then(|bytes| Envelope::from_bytes(bytes).ok()).filter(
                    |entry| {
                        (entry.header.directory_seq, entry.header.directory_hash) == (seq, hash)
                            && entry.body == body
                    },
                );
            let entry = kept.unwrap_or_else(|| {
                let number = numbered + 1 + entries.len() as u64;
                let header = self.proposal_header(day, number, seq, hash);
                self.keys.sign_envelope(header, body)
            });
            let turned = match ahead.append(&entry) {
                Ok(()) => Turned::Sent,
                Err(code) => {
                    let turned = self.hold_or_turn(env, &proposal, code, &ahead);
                    self.alarm_if_refused(turned, &subject)?.unwrap_or(Turned::Dropped)
                }
            };
            proposal.signed = (turned == Turned::Sent).then(|| entry.to_bytes().into());
            match turned {
                Turned::Dropped => {}
                Turned::Held => queue.push(proposal),
                Turned::Sent => {
                    queue.push(proposal);
                    entries.push(entry);
                }
            }
        }
        self.rows.put_proposals(&queue)?;
        Ok(entries)
    }

    /// The cursors of every space the relay served, and the acknowledged positions above them.
    pub fn cursors(&self) -> Result<(Cursors, Vec<Cursor>)> {
        if let Some(cursors) = self.strange_cursors()? {
            return Ok((Cursors(cursors), Vec::new()));
        }
        let mut cursors = Vec::new();
        let mut high = Vec::new();
        for row in self.rows.spaces()? {
            let space = row.info.id;
            if row.seq > 0 {
                cursors.push(Cursor { space, seq: row.seq, chain: row.chain });
            }
            if row.high_seq > row.seq {
                high.push(Cursor { space, seq: row.high_seq, chain: row.high_chain });
            }
        }
        cursors.sort();
        Ok((Cursors(cursors), high))
    }
}
