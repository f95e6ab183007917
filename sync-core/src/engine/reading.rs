//! Reading: unlocking the phone, locking it, and catching up with what came in between.
//!
//! Locked, a phone still syncs, shows what is open and records what is new; it holds no key that opens anything
//! sealed. Unlocking opens what arrived meanwhile, in the same transaction. Which tries are allowed is counted in
//! `tries`, how long without the relay in `grace`, and what destroys the key for good is in `panic`.

use std::collections::BTreeMap;

use crate::crypto::{DeviceKeys, ReadingKey};
use crate::ids::{DocId, SpaceId};
use crate::protocol::{Code, Envelope};
use crate::records::DocType;

use super::desk::Desk;
use super::rows::{IdentityRow, Rows, SecretName};
use super::vault::{KeyVault, MasterKey, Tier, VaultError};
use super::{EngineError, Env, Phone, Result};

impl From<VaultError> for EngineError {
    fn from(error: VaultError) -> Self {
        EngineError::refused(match error {
            VaultError::Absent => Code::Locked,
            VaultError::Refused => Code::WrongKey,
            VaultError::Lost => Code::KeyLost,
            VaultError::Failed(_) => Code::VaultFailed,
        })
    }
}

/// A new phone's reading key, and how the vault keeps it.
pub(super) struct NewReading {
    pub key: ReadingKey,
    pub wrapped: Vec<u8>,
}

impl NewReading {
    /// Draws a reading key and has it wrapped.
    pub fn draw(vault: &mut dyn KeyVault, env: &mut Env<'_>) -> Result<Self> {
        let mut master = MasterKey::default();
        env.rng.fill_bytes(&mut *master);
        let wrapped = vault.wrap(Tier::B, &master, env.rng)?;
        Ok(Self { key: ReadingKey::new(&master, env.rng), wrapped })
    }
}

impl Rows<'_> {
    /// Keeps what a new phone opens and reads with.
    pub fn put_new_device(
        &mut self,
        identity: &IdentityRow,
        keys: &DeviceKeys,
        wrapped: &[u8],
    ) -> std::result::Result<(), super::StoreError> {
        self.put_identity(identity)?;
        self.put_wrapped_reading_key(wrapped)?;
        match keys.sealing_bytes() {
            Some(sealing) => self.put_secret(&SecretName::Sealing, &sealing),
            None => Ok(()),
        }
    }
}

impl Phone {
    /// Whether what is sealed can be read now.
    pub fn is_unlocked(&self) -> bool {
        self.reading.is_some()
    }

    /// Unlocks the phone with its vault, and opens what arrived while it was locked.
    ///
    /// # Errors
    /// `locked` if nobody unlocked the vault; `wrong_key` for a wrong try, which is counted before it is made;
    /// `unlock_delayed` if the next try must wait; `write_only` after a panic, after too many tries, or while
    /// the relay was not met for 30 days; `key_lost` if the platform lost the key. Nothing is changed then.
    pub fn unlock(&mut self, env: &mut Env<'_>) -> Result<()> {
        let master = self.try_vault(env)?;
        let mut reading = ReadingKey::new(&master, env.rng);
        drop(master);
        self.keys.lock();
        let done = self.catch_up(env, &mut reading);
        match done {
            Ok(()) => self.reading = Some(reading),
            Err(_) => self.lock(),
        }
        done
    }

    /// Locks the phone: every key that reads leaves its memory.
    pub fn lock(&mut self) {
        self.reading = None;
        self.keys.lock();
    }

    fn catch_up(&mut self, env: &mut Env<'_>, reading: &mut ReadingKey) -> Result<()> {
        let rows = Rows(self.store.begin()?, Some(reading));
        // A row that is missing was never the key's fault: the rows are from another time than the key.
        let sealing = rows.secret(&SecretName::Sealing)?.ok_or(Code::StoreFailed)?;
        self.keys.unlock(&sealing).map_err(|_| Code::StoreFailed)?;
        let mut desk = Desk::new(rows, &self.identity, &self.keys, &self.directory);
        desk.catch_up(env)?;
        desk.commit()
    }
}

impl Phone {
    /// As [`Phone::desk`], for what only its person may do: admit, remove, erase, change who reads.
    ///
    /// # Errors
    /// `locked` or `write_only` while the phone is not unlocked.
    pub(super) fn desk_of_person(&mut self) -> Result<Desk<'_>> {
        let desk = self.desk()?;
        match desk.shut_now()? {
            None => Ok(desk),
            Some(code) => Err(EngineError::refused_because(code, "this needs its person")),
        }
    }
}

impl Desk<'_> {
    /// What is sealed must be readable for what follows.
    pub fn require_unlocked(&self) -> Result<()> {
        if self.rows.is_unlocked() { Ok(()) } else { Err(self.shut()?.into()) }
    }

    /// Why nothing sealed can be read now; `None` while it can.
    pub fn shut_now(&self) -> Result<Option<Code>> {
        if self.rows.is_unlocked() { Ok(None) } else { self.shut().map(Some) }
    }

    /// Why a locked phone cannot read.
    pub fn shut(&self) -> Result<Code> {
        let gone = self.rows.wrapped_reading_key()?.is_none();
        Ok(if gone || self.grace()?.is_over() { Code::WriteOnly } else { Code::Locked })
    }

    /// Opens what came, and makes again what was written or refused, while the phone was locked. What cannot be done
    /// becomes an alarm and keeps nobody out.
    fn catch_up(&mut self, env: &mut Env<'_>) -> Result<()> {
        for (space, id) in self.rows.take_later_wraps()? {
            if let Some(envelope) = self.rows.envelope(id)? {
                let taken = self.take_wraps_of(&envelope);
                self.alarm_if_refused(taken, &space.to_string())?;
            }
        }
        let spaces = self.rows.spaces()?;
        for row in spaces.iter().filter(|row| row.info.is_sealed()) {
            let opened = self.retry_parked(row.info.id);
            self.alarm_if_refused(opened, &row.info.id.to_string())?;
        }
        for (space, doc, refused) in self.rows.take_later()? {
            let made = match refused {
                Some(id) => self.rebuild_refused(id, space, doc),
                None => self.make_again(space, doc),
            };
            self.alarm_if_refused(made, &doc.to_string())?;
        }
        if self.directory.device(&self.device()).is_some() {
            self.tend(env, &Default::default(), true)?;
            self.finish_recovering_later()?;
        }
        Ok(())
    }

    fn retry_parked(&mut self, space: SpaceId) -> Result<()> {
        let mut changes: BTreeMap<DocId, Vec<(u64, Envelope)>> = BTreeMap::new();
        for id in self.rows.take_parked(space, None)? {
            if let (Some(envelope), Some(item)) = (self.rows.envelope(id)?, self.rows.item(id)?) {
                changes.entry(envelope.header.doc).or_default().push((item.seq, envelope));
            }
        }
        for (doc, envelopes) in changes {
            self.receive_changes(space, doc, envelopes)?;
        }
        Ok(())
    }

    /// Makes a document again that was written while nothing of it could be kept readable.
    fn make_again(&mut self, space: SpaceId, doc: DocId) -> Result<()> {
        let Some(mut row) = self.rows.document(space, doc)? else { return Ok(()) };
        let Some(part) = DocType::by_number(row.record) else { return Ok(()) };
        if let Some(admitted) = self.replay(space, doc, part, None)?.document {
            row.saved = Some(admitted.saved.into());
            self.rows.put_document(space, doc, &row)?;
            self.link(space, doc, part, &admitted.flat)?;
        }
        Ok(())
    }
}
