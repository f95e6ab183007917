//! The keys a phone uses to seal what it writes and to open what it reads.

use minicbor::bytes::ByteArray;
use zeroize::Zeroizing;

use crate::crypto::{self, DocumentKey, EpochSecret, SenderKey};
use crate::directory::{EpochInfo, epoch_of};
use crate::ids::{ActorId, DeviceId, DocId, EnvelopeId, EpochId, SpaceId};
use crate::protocol::{
    AskedKey, Code, Envelope, EpochBody, Header, Kind, SealedBody, SenderBody, SpaceBody, WrapBody,
    WrappedKey, from_cbor, to_cbor,
};

use super::desk::{Desk, Slip};
use super::rows::SecretName;
use super::{EngineError, Env, Result};

/// A document key ready for use, with its wrap if this is its first use.
pub(super) struct ReadyKey {
    epoch: EpochInfo,
    key: DocumentKey,
    wrapped: Option<[u8; 48]>,
}

/// Announced sender keys tried for one change.
const SENDERS_TRIED: usize = 4;

/// A sealed change that does not open.
pub(super) enum Closed {
    /// No key for it here yet.
    NoKey,
    /// The key is here, the seal is broken.
    Broken,
}

impl Desk<'_> {
    /// The key under which this device seals a document now; makes and announces what is missing.
    pub fn ready_key(
        &mut self,
        env: &mut Env<'_>,
        space: SpaceId,
        doc: DocId,
        actor: ActorId,
    ) -> Result<ReadyKey> {
        let row = self.space_row(space)?;
        let epoch = row.info.current_epoch().cloned().ok_or(Code::WrongSpace)?;
        let name = SecretName::OwnDocument(space, doc, actor, epoch.id);
        if let Some(bytes) = self.rows.secret(&name)? {
            let key = DocumentKey::from_secret_bytes(&bytes).map_err(|_| Code::StoreFailed)?;
            return Ok(ReadyKey { epoch, key, wrapped: None });
        }
        let sender = self.own_sender(env, space, &epoch)?;
        let key = DocumentKey::generate(env.rng);
        let wrapped = key.wrap(&sender, doc, actor);
        let bytes = key.to_secret_bytes();
        self.rows.put_secret(&name, &bytes)?;
        self.rows.put_secret(&SecretName::Document(key.id()), &bytes)?;
        Ok(ReadyKey { epoch, key, wrapped: Some(wrapped) })
    }

    fn own_sender(
        &mut self,
        env: &mut Env<'_>,
        space: SpaceId,
        epoch: &EpochInfo,
    ) -> Result<SenderKey> {
        if let Some((_, id)) = self.rows.senders(space, epoch.id, self.device())?.last()
            && let Some(sender) = self.open_sender_key(space, epoch.id, self.device(), *id)?
        {
            return Ok(sender);
        }
        let sender = SenderKey::generate(env.rng);
        let body = sender
            .seal(epoch.suite, space, epoch.id, &epoch.public, self.device(), env.rng)
            .map_err(|_| EngineError::refused(Code::SealBroken))?;
        let header = self.next_header(env, &Slip::structure(Kind::Sender, space))?;
        let envelope = self.keys.sign_envelope(header, to_cbor(&body));
        let (id, number) = (envelope.id(), envelope.header.device_seq);
        self.rows.put_sender(space, epoch.id, self.device(), number, id)?;
        let name = SecretName::OwnSender(space, epoch.id, id);
        self.rows.put_secret(&name, &sender.to_secret_bytes())?;
        self.post(space, &envelope)?;
        Ok(sender)
    }

    /// Seals a change for its finished header.
    pub fn seal(
        &self,
        env: &mut Env<'_>,
        header: &Header,
        ready: &ReadyKey,
        change: &[u8],
    ) -> SealedBody {
        crypto::seal_change(
            header,
            ready.epoch.suite,
            ready.epoch.id,
            &ready.key,
            ready.wrapped,
            change,
            env.rng,
        )
    }

    /// Opens a sealed change.
    pub fn unseal(
        &mut self,
        envelope: &Envelope,
    ) -> Result<std::result::Result<Zeroizing<Vec<u8>>, Closed>> {
        let Ok(body) = from_cbor::<SealedBody>(&envelope.body) else {
            return Ok(Err(Closed::Broken));
        };
        let key = match self.document_key(envelope, &body)? {
            Ok(key) => key,
            Err(closed) => return Ok(Err(closed)),
        };
        Ok(crypto::open_change(&envelope.header, &body, &key).map_err(|_| Closed::Broken))
    }

    fn document_key(
        &mut self,
        envelope: &Envelope,
        body: &SealedBody,
    ) -> Result<std::result::Result<DocumentKey, Closed>> {
        if let Some(bytes) = self.rows.secret(&SecretName::Document(body.dek))? {
            return Ok(DocumentKey::from_secret_bytes(&bytes).map_err(|_| Closed::Broken));
        }
        let header = &envelope.header;
        let Some(wrapped) = body.wrapped_dek.as_ref() else { return Ok(Err(Closed::NoKey)) };
        let mut closed = Closed::NoKey;
        for id in self.senders_before(header, body.epoch)? {
            let Some(sender) = self.sender_key(header.space, body.epoch, header.device, id)? else {
                continue;
            };
            let (wrapped, actor) = (wrapped_bytes(wrapped), header.actor());
            match DocumentKey::unwrap(wrapped, sender, header.doc, actor, body.dek) {
                Ok(key) => {
                    let name = SecretName::Document(body.dek);
                    self.rows.put_secret(&name, &key.to_secret_bytes())?;
                    return Ok(Ok(key));
                }
                Err(_) => closed = Closed::Broken,
            }
        }
        Ok(Err(closed))
    }

    /// Where the sender key of a change was announced: last before it, if its device is honest. A device takes a
    /// new one for whatever it records while locked.
    fn senders_before(&self, header: &Header, epoch: EpochId) -> Result<Vec<EnvelopeId>> {
        let all = self.rows.senders(header.space, epoch, header.device)?;
        let before = all.iter().rev().filter(|(number, _)| *number < header.device_seq);
        Ok(before.take(SENDERS_TRIED).map(|(_, id)| *id).collect())
    }

    /// A device's sender key in an epoch, if this phone can open it. Opened once at each desk.
    fn sender_key(
        &mut self,
        space: SpaceId,
        epoch: EpochId,
        device: DeviceId,
        id: EnvelopeId,
    ) -> Result<Option<&SenderKey>> {
        if !self.senders.contains_key(&id) {
            let Some(key) = self.open_sender_key(space, epoch, device, id)? else {
                return Ok(None);
            };
            self.senders.insert(id, key);
        }
        Ok(self.senders.get(&id))
    }

    fn open_sender_key(
        &self,
        space: SpaceId,
        epoch: EpochId,
        device: DeviceId,
        announced: EnvelopeId,
    ) -> Result<Option<SenderKey>> {
        if device == self.device()
            && let Some(bytes) =
                self.rows.secret(&SecretName::OwnSender(space, epoch, announced))?
        {
            return Ok(SenderKey::from_secret_bytes(&bytes).ok());
        }
        let Some(secret) = self.epoch_secret(space, epoch)? else { return Ok(None) };
        let Some(envelope) = self.rows.envelope(announced)? else { return Ok(None) };
        let Ok(body) = from_cbor::<SenderBody>(&envelope.body) else { return Ok(None) };
        let suite = self.suite_of(space, epoch)?;
        Ok(suite.and_then(|suite| SenderKey::open(suite, space, device, &body, &secret).ok()))
    }

    fn suite_of(&self, space: SpaceId, epoch: EpochId) -> Result<Option<crate::protocol::Suite>> {
        Ok(self.space_row(space)?.info.epoch(&epoch).map(|epoch| epoch.suite))
    }

    /// An epoch's secret key, if this phone holds it.
    pub fn epoch_secret(&self, space: SpaceId, epoch: EpochId) -> Result<Option<EpochSecret>> {
        let Some(suite) = self.suite_of(space, epoch)? else { return Ok(None) };
        let Some(bytes) = self.rows.secret(&SecretName::Epoch(space, epoch))? else {
            return Ok(None);
        };
        Ok(EpochSecret::from_secret_bytes(suite, &bytes).ok())
    }

    /// Notes whom a key was wrapped for, and keeps it if that is this device. `by`: the device that signed the wraps.
    fn take_wraps(
        &mut self,
        space: SpaceId,
        epoch: Option<EpochId>,
        wraps: &[WrappedKey],
        by: DeviceId,
    ) -> Result<()> {
        let row = self.space_row(space)?;
        for wrap in wraps {
            let id = epoch.unwrap_or(wrap.epoch);
            let Some(info) = row.info.epoch(&id) else { continue };
            if wrap.device != self.device() {
                self.rows.put_wrapped(space, id, wrap.device, by)?;
                self.open_recovered(space, info, wrap)?;
                continue;
            }
            // While locked it waits: its envelope is noted.
            if !self.rows.is_unlocked() || self.epoch_secret(space, id)?.is_some() {
                continue;
            }
            match EpochSecret::unwrap(info.suite, wrap, &info.public, self.keys) {
                Ok(secret) => {
                    let name = SecretName::Epoch(space, id);
                    self.rows.put_secret(&name, &secret.to_secret_bytes())?;
                    self.rows.put_wrapped(space, id, wrap.device, by)?;
                }
                // From a careless or hostile reader, or in a lesser suite than this device lists: another reader's
                // is asked for, and somebody must ask whose phone that is.
                Err(_) => {
                    self.rows.raise(Code::WrapUnfit, &by.to_string())?;
                    self.rows.put_ask(space, AskedKey { epoch: id, by })?;
                }
            }
        }
        Ok(())
    }

    /// A device says that keys wrapped for it do not fit.
    pub fn take_asks(&mut self, space: SpaceId, asks: &[AskedKey], device: DeviceId) -> Result<()> {
        let row = self.space_row(space)?;
        for ask in asks.iter().filter(|ask| row.info.epoch(&ask.epoch).is_some()) {
            self.rows.put_unfit(space, ask.epoch, device, ask.by)?;
        }
        Ok(())
    }

    /// Asks the other readers for keys that came and do not fit.
    pub fn ask_again(&mut self, env: &Env<'_>, space: SpaceId) -> Result<()> {
        if !self.rows.is_unlocked() {
            return Ok(());
        }
        let mut asks = Vec::new();
        for ask in self.rows.take_asks(space)? {
            if self.epoch_secret(space, ask.epoch)?.is_none() {
                asks.push(ask);
            }
        }
        if asks.is_empty() || !self.space_row(space)?.info.is_read_by(&self.identity.member) {
            return Ok(());
        }
        let body = to_cbor(&WrapBody { keys: Vec::new(), asks: Some(asks), escrow: None });
        let header = self.next_header(env, &Slip::structure(Kind::Wrap, space))?;
        let envelope = self.keys.sign_envelope(header, body);
        self.post(space, &envelope)
    }
}

impl Desk<'_> {
    /// Takes the wraps of a structure envelope; while locked, notes that there are some that this device may open.
    pub fn take_wraps_of(&mut self, envelope: &Envelope) -> Result<()> {
        let Some((epoch, wraps)) = wraps_of(envelope)? else { return Ok(()) };
        let (space, me) = (envelope.header.space, self.device());
        if !self.rows.is_unlocked()
            && (self.rows.holds_secret(&SecretName::Recovering)?
                || wraps.iter().any(|wrap| wrap.device == me))
        {
            self.rows.open_wraps_later(space, envelope.id())?;
        }
        self.take_wraps(space, epoch, &wraps, envelope.header.device)
    }
}

/// The keys that an envelope wraps, and the epoch that it begins with them.
fn wraps_of(envelope: &Envelope) -> Result<Option<(Option<EpochId>, Vec<WrappedKey>)>> {
    let malformed = |_| Code::Malformed;
    let begun = Some(epoch_of(envelope));
    Ok(Some(match envelope.header.kind {
        Kind::Space => (begun, from_cbor::<SpaceBody>(&envelope.body).map_err(malformed)?.wraps),
        Kind::Epoch => (begun, from_cbor::<EpochBody>(&envelope.body).map_err(malformed)?.wraps),
        Kind::Wrap => (None, from_cbor::<WrapBody>(&envelope.body).map_err(malformed)?.keys),
        _ => return Ok(None),
    }))
}

fn wrapped_bytes(wrapped: &ByteArray<48>) -> &[u8; 48] {
    wrapped
}
