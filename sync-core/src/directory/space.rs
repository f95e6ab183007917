//! What a space is: its id, and its readers and epochs as its structural envelopes make them.

use std::collections::BTreeSet;

use minicbor::bytes::ByteVec;
use sha2::{Digest, Sha256};

use crate::crypto;
use crate::ids::{DeviceId, EpochId, MemberId, SpaceId, TeamId, first_16};
use crate::protocol::{
    Code, Day, Envelope, EpochBody, Kind, ReaderBody, SpaceBody, SpaceOwner, Suite, from_cbor,
    limits,
};
use crate::records::{OwnerKind, SpaceKind};

use super::Directory;

/// The id of an open space: SHA-256("space v1" || team || kind || owner)\[..16\], the owner only where one per member.
pub fn open_space_id(team: TeamId, kind: SpaceKind, owner: Option<MemberId>) -> SpaceId {
    let mut hash = Sha256::new();
    hash.update(b"space v1");
    hash.update(team.as_bytes());
    hash.update([kind as u8]);
    if let Some(owner) = owner {
        hash.update(owner.as_bytes());
    }
    SpaceId::new(first_16(hash))
}

/// An epoch of a space's key.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct EpochInfo {
    /// Its id.
    #[n(0)]
    pub id: EpochId,
    /// Its suite.
    #[n(1)]
    pub suite: Suite,
    /// Its public key.
    #[n(2)]
    pub public: ByteVec,
    /// The epochs it replaces.
    #[n(3)]
    pub replaces: Vec<EpochId>,
}

/// A reader who was let in without the past.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
struct LateReader {
    #[n(0)]
    member: MemberId,
    /// They read these epochs and what replaces them.
    #[n(1)]
    from: Vec<EpochId>,
}

/// A space as its structural envelopes, in log order, make it.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct SpaceInfo {
    /// Its id.
    #[n(0)]
    pub id: SpaceId,
    #[n(1)]
    kind: u8,
    /// Whom it belongs to.
    #[n(2)]
    pub owner: SpaceOwner,
    /// The device that made it (a sealed space).
    #[n(3)]
    pub maker: Option<DeviceId>,
    #[n(4)]
    readers: Vec<MemberId>,
    /// Its epochs; none in an open space.
    #[n(5)]
    pub epochs: Vec<EpochInfo>,
    /// Readers without the past; `None` while there is none.
    #[n(6)]
    late: Option<Vec<LateReader>>,
}

impl SpaceInfo {
    /// An open space.
    pub fn open(team: TeamId, kind: SpaceKind, owner: Option<MemberId>) -> Self {
        Self {
            id: open_space_id(team, kind, owner),
            kind: kind as u8,
            owner: owner.map_or(SpaceOwner::Team, SpaceOwner::Member),
            maker: None,
            readers: Vec::new(),
            epochs: Vec::new(),
            late: None,
        }
    }

    /// The sealed space that a `space` envelope makes.
    ///
    /// # Errors
    /// `malformed` if the body is not one, `wrong_space` if the id is not derived from the header or the
    /// owner does not fit the kind.
    pub fn made_by(envelope: &Envelope) -> Result<Self, Code> {
        let body: SpaceBody = from_cbor(&envelope.body).map_err(|_| Code::Malformed)?;
        let kind = SpaceKind::from_u8(body.kind).ok_or(Code::Malformed)?;
        let policy = kind.policy();
        let owner_fits = match body.owner {
            SpaceOwner::Team => matches!(policy.owner, OwnerKind::Team | OwnerKind::Group),
            SpaceOwner::Member(_) => policy.owner == OwnerKind::Member,
            SpaceOwner::Doc(_) => policy.owner == OwnerKind::Doc,
        };
        let id = envelope.header.derived_space();
        if !policy.sealed
            || !owner_fits
            || envelope.header.kind != Kind::Space
            || id != envelope.header.space
        {
            return Err(Code::WrongSpace);
        }
        if body.readers.is_empty() || body.readers.len() > limits::MAX_READERS {
            return Err(Code::Malformed);
        }
        check_key(body.suite, &body.epoch_key)?;
        let epoch = EpochInfo {
            id: epoch_of(envelope),
            suite: body.suite,
            public: body.epoch_key,
            replaces: Vec::new(),
        };
        let readers: BTreeSet<MemberId> = body.readers.into_iter().collect();
        Ok(Self {
            id,
            kind: body.kind,
            owner: body.owner,
            maker: Some(envelope.header.device),
            readers: readers.into_iter().collect(),
            epochs: vec![epoch],
            late: None,
        })
    }

    /// Takes a `reader` or `epoch` envelope of this space into account; other kinds change nothing.
    ///
    /// # Errors
    /// `malformed` if the body is not what the header says; `too_large` beyond the readers or epochs a space may
    /// have. The space is unchanged on error.
    pub fn apply(&mut self, envelope: &Envelope) -> Result<(), Code> {
        match envelope.header.kind {
            Kind::Reader => {
                let body: ReaderBody = from_cbor(&envelope.body).map_err(|_| Code::Malformed)?;
                self.let_in(&body)?;
            }
            Kind::Epoch => {
                let body: EpochBody = from_cbor(&envelope.body).map_err(|_| Code::Malformed)?;
                let id = epoch_of(envelope);
                if self.epoch(&id).is_none() {
                    check_key(body.suite, &body.epoch_key)?;
                    if self.epochs.len() >= limits::MAX_EPOCHS {
                        return Err(Code::TooLarge);
                    }
                    // Its author saw the epochs before it; whatever else it names says nothing.
                    let replaced: BTreeSet<EpochId> = body.replaces.into_iter().collect();
                    let known = replaced.into_iter().filter(|id| self.epoch(id).is_some());
                    let replaces = known.collect();
                    let (suite, public) = (body.suite, body.epoch_key);
                    self.epochs.push(EpochInfo { id, suite, public, replaces });
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whoever has the past keeps it; whoever gets it later has it from then on.
    fn let_in(&mut self, body: &ReaderBody) -> Result<(), Code> {
        let from = match (body.with_past, body.from) {
            (true, _) => None,
            (false, Some(from)) if self.epoch(&from).is_some() => Some(from),
            (false, _) => return Err(Code::Malformed),
        };
        let mut late = self.late.take().unwrap_or_default();
        let known = late.iter().position(|reader| reader.member == body.member);
        let is_reader = self.is_read_by(&body.member);
        if !is_reader && self.readers.len() >= limits::MAX_READERS {
            self.late = (!late.is_empty()).then_some(late);
            return Err(Code::TooLarge);
        }
        match (from, known) {
            (None, Some(at)) => drop(late.remove(at)),
            (Some(from), Some(at)) => late[at].from.push(from),
            (Some(from), None) if !is_reader => {
                late.push(LateReader { member: body.member, from: vec![from] });
            }
            _ => {}
        }
        self.late = (!late.is_empty()).then_some(late);
        if !is_reader {
            self.readers.push(body.member);
            self.readers.sort();
        }
        Ok(())
    }

    /// Whether a reader may be given an epoch's key: everybody but those without the past, who read the epoch that
    /// began with them and what replaces it.
    pub fn opens_to(&self, member: &MemberId, epoch: &EpochId) -> bool {
        let late = self.late.iter().flatten().find(|late| late.member == *member);
        let Some(late) = late else { return true };
        let (mut open, mut seen) = (vec![*epoch], BTreeSet::new());
        while let Some(id) = open.pop() {
            if late.from.contains(&id) {
                return true;
            }
            if seen.insert(id)
                && let Some(epoch) = self.epoch(&id)
            {
                open.extend(&epoch.replaces);
            }
        }
        false
    }

    /// Whether somebody reads this space without its past.
    pub fn has_late_readers(&self) -> bool {
        self.late.is_some()
    }

    /// Whether every reader may be given an epoch's key.
    pub fn opens_to_all(&self, epoch: &EpochId) -> bool {
        self.late.iter().flatten().all(|late| self.opens_to(&late.member, epoch))
    }

    /// The kind of space.
    pub fn kind(&self) -> SpaceKind {
        SpaceKind::from_u8(self.kind).expect("only known kinds are constructed")
    }

    /// Whether the relay sees ciphertext only.
    pub fn is_sealed(&self) -> bool {
        self.kind().policy().sealed
    }

    /// The members who read a sealed space, sorted.
    pub fn readers(&self) -> &[MemberId] {
        &self.readers
    }

    /// Whether a member reads this sealed space.
    pub fn is_read_by(&self, member: &MemberId) -> bool {
        self.readers.binary_search(member).is_ok()
    }

    /// The readers who may have the space's keys on this day: members still, who may read there still.
    pub fn present_readers(&self, directory: &Directory, day: Day) -> Vec<MemberId> {
        let may_read = |reader: &&MemberId| {
            let member = directory.member(reader);
            member.is_some_and(|m| m.may_read(self.kind(), self.is_owned_by(reader), day).is_ok())
        };
        self.readers.iter().filter(may_read).copied().collect()
    }

    /// Whether the space belongs to this member.
    pub fn is_owned_by(&self, member: &MemberId) -> bool {
        self.owner == SpaceOwner::Member(*member)
    }

    /// The epoch of this id.
    pub fn epoch(&self, id: &EpochId) -> Option<&EpochInfo> {
        self.epochs.iter().find(|epoch| epoch.id == *id)
    }

    /// The epoch that new items seal to: the lowest id among those that no other epoch replaces.
    pub fn current_epoch(&self) -> Option<&EpochInfo> {
        self.epochs
            .iter()
            .filter(|epoch| !self.epochs.iter().any(|other| other.replaces.contains(&epoch.id)))
            .min_by_key(|epoch| epoch.id)
    }
}

/// A key that nobody can seal to would keep the whole space from writing.
fn check_key(suite: Suite, public: &[u8]) -> Result<(), Code> {
    if crypto::is_epoch_key(suite, public) { Ok(()) } else { Err(Code::Malformed) }
}

/// The epoch that a `space` or `epoch` envelope announces.
pub(crate) fn epoch_of(envelope: &Envelope) -> EpochId {
    EpochId::from_slice(&envelope.id().as_bytes()[..16]).expect("16 bytes were taken")
}
