//! Two phones meet: they compare their directories without any relay and hand each other the entries one lacks.
//!
//! Three messages over any local link: hello, answer, finish. Each is signed by its device and names the other's
//! challenge, so none can be replayed at another meeting. Entries are taken only as the directory itself takes them:
//! in order, from the genesis on, signed by admins. So a revocation travels by hand where a relay withholds it, and
//! two directories with one beginning show as a fork on both phones, with the other side's entries as proof.
//! Records do not travel here.

use std::collections::BTreeSet;

use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::crypto::{self, labels};
use crate::directory::Directory;
use crate::ids::{DeviceId, EnvelopeId, TeamId};
use crate::protocol::{Code, Envelope, from_cbor, limits, to_cbor};

use super::desk::Desk;
use super::{EngineError, Env, Phone, Result};

/// Largest message that is read, in bytes.
const MOST_BYTES: usize = limits::MAX_REQUEST_INFLATED;

/// What a phone says when it meets another one.
#[derive(Encode, Decode)]
struct Message {
    /// 1 hello, 2 answer, 3 finish.
    #[n(0)]
    step: u8,
    #[n(1)]
    team: TeamId,
    #[n(2)]
    device: DeviceId,
    /// Made for this meeting.
    #[n(3)]
    challenge: ByteArray<16>,
    /// The other's challenge; none in a hello.
    #[n(4)]
    echo: Option<ByteArray<16>>,
    /// Length of this phone's directory.
    #[n(5)]
    seq: u64,
    /// Its last entry.
    #[n(6)]
    head: EnvelopeId,
    /// How many entries go before the first one sent.
    #[n(7)]
    after: u64,
    /// Entries, whole.
    #[n(8)]
    entries: Vec<ByteVec>,
}

#[derive(Encode, Decode)]
struct Signed {
    #[n(0)]
    message: ByteVec,
    #[n(1)]
    sig: ByteArray<64>,
}

/// What a meeting brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Met {
    /// Directory entries taken from the other phone.
    pub received: u64,
    /// Whether the other phone holds another directory of this team: both have an alarm now.
    pub forked: bool,
    /// What to hand to the other phone's [`Phone::meet_finish`], if it still has to hear something.
    pub send: Option<Vec<u8>>,
}

impl Phone {
    /// Begins a meeting: what to hand to the other phone's [`Phone::meet_answer`].
    ///
    /// # Errors
    /// `not_set_up` while the phone is not enrolled.
    pub fn meet_hello(&mut self, env: &mut Env<'_>) -> Result<Vec<u8>> {
        let mut challenge = [0; 16];
        env.rng.fill_bytes(&mut challenge);
        let desk = self.desk()?;
        if desk.directory.is_empty() {
            return Err(Code::NotSetUp.into());
        }
        let hello = desk.meet_message(1, challenge, None, None)?;
        drop(desk);
        self.meeting = Some(challenge);
        Ok(hello)
    }

    /// Answers another phone's hello: what to hand to its [`Phone::meet_finish`].
    ///
    /// # Errors
    /// `wrong_team`, `malformed`, `unknown_device` or `bad_signature` if no device of this team said it. A phone that
    /// was let in after this one last heard of the directory is unknown here: let this one begin.
    pub fn meet_answer(&mut self, env: &mut Env<'_>, hello: &[u8]) -> Result<Vec<u8>> {
        let mut challenge = [0; 16];
        env.rng.fill_bytes(&mut challenge);
        let desk = self.desk()?;
        let hello = desk.read_meeting(hello, 1, None)?;
        let answer = desk.meet_message(2, challenge, Some(hello.challenge), Some(&hello))?;
        drop(desk);
        self.meeting = Some(challenge);
        Ok(answer)
    }

    /// Takes the other phone's answer or finish. Hand [`Met::send`], if there is any, to the other phone's `meet_finish`.
    ///
    /// # Errors
    /// As [`Phone::meet_answer`], and `malformed` for a message of another meeting. Entries that do not hold are
    /// refused with their code and nothing of them is taken.
    pub fn meet_finish(&mut self, env: &mut Env<'_>, message: &[u8]) -> Result<Met> {
        let challenge = self.meeting.take().ok_or(Code::Malformed)?;
        let mut desk = self.desk()?;
        let theirs = match desk.read_meeting(message, 2, Some(challenge)) {
            Ok(theirs) => theirs,
            Err(_) => desk.read_meeting(message, 3, Some(challenge))?,
        };
        let mut met = desk.take_meeting(env, &theirs)?;
        if theirs.step == 2 {
            let echo = Some(theirs.challenge);
            met.send = Some(desk.meet_message(3, challenge, echo, Some(&theirs))?);
        }
        let directory = desk.directory.clone().into_owned();
        desk.commit()?;
        self.directory = directory;
        Ok(met)
    }
}

impl Desk<'_> {
    /// `to`: what the other phone said, to send it what it lacks.
    fn meet_message(
        &self,
        step: u8,
        challenge: [u8; 16],
        echo: Option<ByteArray<16>>,
        to: Option<&Message>,
    ) -> Result<Vec<u8>> {
        let (after, entries) = match to {
            Some(theirs) => self.entries_for(theirs)?,
            None => (0, Vec::new()),
        };
        let message = to_cbor(&Message {
            step,
            team: self.identity.team,
            device: self.device(),
            challenge: challenge.into(),
            echo,
            seq: self.directory.len(),
            head: self.directory.head(),
            after,
            entries: entries.iter().map(|entry| entry.to_bytes().into()).collect(),
        });
        let sig = self.keys.sign(&to_sign(&message)).into();
        Ok(to_cbor(&Signed { message: message.into(), sig }))
    }

    /// What follows on the other's head; everything, as proof, if that head is not in this directory.
    fn entries_for(&self, theirs: &Message) -> Result<(u64, Vec<Envelope>)> {
        let all = self.rows.directory_entries()?;
        let known = self.directory.head_at(theirs.seq);
        let is_longer = theirs.seq > self.directory.len();
        let after = match known {
            Some(head) if head == theirs.head => theirs.seq,
            // They have more; whether it continues this directory they can tell from its head alone.
            None if is_longer && !self.forks_with(theirs)? => self.directory.len(),
            _ => 0,
        };
        let entries = all.into_iter().skip(usize::try_from(after).unwrap_or(usize::MAX));
        Ok((after, entries.collect()))
    }

    /// Whether the other's entries, folded from the genesis, are another directory than this one.
    fn forks_with(&self, theirs: &Message) -> Result<bool> {
        Ok(self.fold_theirs(theirs)?.is_ok_and(|fold| fold.forks))
    }

    fn read_meeting(&self, bytes: &[u8], step: u8, echo: Option<[u8; 16]>) -> Result<Message> {
        if bytes.len() > MOST_BYTES {
            return Err(Code::TooLarge.into());
        }
        let signed: Signed = from_cbor(bytes).map_err(|_| Code::Malformed)?;
        let message: Message = from_cbor(&signed.message).map_err(|_| Code::Malformed)?;
        if message.team != self.identity.team {
            return Err(Code::WrongTeam.into());
        }
        let echoed = message.echo.map(<[u8; 16]>::from);
        if message.step != step || (step > 1 && echoed != echo) {
            return Err(Code::Malformed.into());
        }
        let fold = self.fold_theirs(&message)?;
        // A device enrolled since, or one that was removed since, is known by one side only.
        let listed = self.directory.key_of(&message.device).copied();
        let brought = fold.ok().and_then(|fold| fold.whole.key_of(&message.device).copied());
        let key = listed.or(brought).ok_or(Code::UnknownDevice)?;
        if !crypto::verify(&key, &to_sign(&signed.message), &signed.sig) {
            return Err(Code::BadSignature.into());
        }
        Ok(message)
    }

    /// Folds what the other phone sent on top of what both have.
    fn fold_theirs(&self, theirs: &Message) -> Result<std::result::Result<Fold, Code>> {
        let own = self.rows.directory_entries()?;
        let Some(shared) = usize::try_from(theirs.after).ok().and_then(|after| own.get(..after))
        else {
            return Ok(Err(Code::DirectoryBehind));
        };
        let mut whole = Directory::new(self.identity.team);
        let mut entries = Vec::with_capacity(theirs.entries.len());
        for entry in shared {
            whole.append(entry)?;
        }
        for bytes in &theirs.entries {
            let Ok(entry) = Envelope::from_bytes(bytes) else { return Ok(Err(Code::Malformed)) };
            if let Err(code) = whole.append(&entry) {
                return Ok(Err(code));
            }
            entries.push(entry);
        }
        let both = whole.len().min(self.directory.len());
        let forks = whole.head_at(both) != self.directory.head_at(both);
        Ok(Ok(Fold { whole, entries, forks }))
    }

    fn take_meeting(&mut self, env: &mut Env<'_>, theirs: &Message) -> Result<Met> {
        let fold = self.fold_theirs(theirs)?;
        let fold = fold.map_err(EngineError::from)?;
        let claimed = self.directory.head_at(theirs.seq).is_some_and(|head| head != theirs.head);
        let speaks = self.directory.device(&theirs.device).is_some();
        if fold.forks || (claimed && speaks) {
            self.rows.raise(Code::DirectoryFork, "")?;
            return Ok(Met { forked: true, ..Met::default() });
        }
        let entries = fold.entries.into_iter().map(Into::into).collect();
        let received = self.take_entries(env, entries)?.map_err(EngineError::from)?;
        if received > 0 && self.require_enrolled().is_ok() {
            self.tend(env, &BTreeSet::new(), true)?;
        }
        Ok(Met { received, ..Met::default() })
    }
}

/// The other phone's directory, as far as it can be told.
struct Fold {
    whole: Directory,
    entries: Vec<Envelope>,
    forks: bool,
}

fn to_sign(message: &[u8]) -> Vec<u8> {
    [labels::MEET, message].concat()
}
