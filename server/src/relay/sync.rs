//! One exchange with a device: take what it pushes, serve what it lacks, sign the answer.

use sync_core::ids::DeviceId;
use sync_core::protocol::{
    Cursors, MAX_AUDIT_ROWS, PushResult, SyncRequest, SyncResponse, Timestamp, answer_to_sign,
    to_cbor,
};

use crate::crash_point;
use crate::store::{audit, devices, mend};

use super::answer::Room;
use super::cursors::{self, Known};
use super::pull::Pulled;
use super::{Refusal, Relay, heal, numbers, pull};

impl Relay {
    /// Serves `POST /v1/sync`. `body` is the request as it was sent: the token and the answer's signature cover it.
    ///
    /// # Errors
    /// A refusal concerns the request as a whole; single envelopes are refused in the answer.
    pub fn sync(&self, token: &str, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        let now = self.now();
        let authentic = self.authenticate(token, body, now)?;
        let results = self.push(&authentic, now)?;
        let response = self.pull(&authentic.request, results, now)?;
        let answer = to_cbor(&response);
        let message = answer_to_sign(body, &answer);
        let answer = self.signed(answer, &message);
        crash_point!("relay.answer.before_send");
        Ok(answer)
    }

    fn pull(
        &self,
        request: &SyncRequest,
        results: Vec<PushResult>,
        now: Timestamp,
    ) -> Result<SyncResponse, Refusal> {
        let directory = self.directory(request.team);
        let device = request.device;
        let mut room = Room::new();
        let (known, mut pulled, healing, damaged, told) = self.store().read(|reader| {
            let known = cursors::known(reader, request)?;
            let held = self.incarnation(reader, request.team)?.held;
            let today = now.day();
            let mut pulled = match &known {
                Some(known) => {
                    pull::pull(reader, &directory, request, &known.cursors, today, held)?
                }
                None => Pulled::default(),
            };
            let (readable, out) = (&pulled.readable, (&mut pulled.batch, &mut room));
            let (healing, damaged) =
                self.healing_answer(reader, &directory, request, held, readable, out)?;
            let told = numbers::for_admin(reader, &directory, request)?;
            Ok::<_, Refusal>((known, pulled, healing, damaged, told))
        })?;
        pulled.damaged.extend(damaged);
        self.note_pulled(request, &pulled, now)?;
        if let Some(known) = &known {
            self.remember(device, known, &pulled)?;
        }
        let waiting = self.waiting_for(&directory, device, now)?;
        self.weigh(request, &directory, &pulled, now)?;
        let is_admins = directory.device(&device).is_some_and(|d| heal::is_admins(&d));
        let (incarnation, audit_head, audit) = self.store().read(|reader| {
            let team = request.team;
            let present = self.incarnation(reader, team)?;
            let asked = request.audit_after.filter(|_| is_admins);
            let rows = asked.map(|seq| audit::after(reader, team, seq, MAX_AUDIT_ROWS));
            let rows = rows.transpose()?;
            let rows = rows.map(|rows| rows.into_iter().map(|(row, _)| row).collect());
            Ok::<_, Refusal>((present, audit::head(reader, team)?, rows))
        })?;
        Ok(SyncResponse {
            relay: self.id(),
            incarnation: incarnation.id,
            now,
            need_cursors: known.is_none(),
            results,
            batch: pulled.batch,
            spaces: pulled.spaces,
            gone: pulled.gone,
            reset: pulled.reset,
            backup_through: 0,
            pending: room.list(waiting.pending),
            vouched: some(room.list(waiting.vouched)),
            codes: some(waiting.codes),
            accepted: told.accepted,
            set_aside: some(told.set_aside),
            wiped: some(told.wiped),
            cosign: some(room.list(self.cosigns_for(device, &directory, now)?)),
            recovery: some(room.list(self.recovery_for(device, &directory)?)),
            audit_head: Some(audit_head),
            audit,
            healing,
        })
    }

    /// Notes rows that were found damaged, and counts sealed bodies that are on their way.
    fn note_pulled(
        &self,
        request: &SyncRequest,
        pulled: &Pulled,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if pulled.damaged.is_empty() && pulled.sealed == 0 {
            return Ok(());
        }
        self.store().write(|tx| {
            for (id, space) in &pulled.damaged {
                mend::note_damaged(tx, *space, *id)?;
            }
            if pulled.sealed > 0 {
                audit::count_sealed(tx, request.team, request.device, pulled.sealed, now)?;
            }
            Ok(())
        })
    }

    /// Remembers the cursors the device will have, unless it has them already and the relay knows it.
    fn remember(&self, device: DeviceId, known: &Known, pulled: &Pulled) -> Result<(), Refusal> {
        let after: Cursors = cursors::after(&known.cursors, pulled);
        if known.remembered && after == known.cursors {
            return Ok(());
        }
        self.store().write(|tx| devices::remember(tx, device, &known.cursors, &after))?;
        Ok(())
    }
}

/// A list that is left out when it is empty.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
