//! Who listens for hints, and waking them: one slot a stream, whatever happens and however often.
//!
//! A commit marks the streams it may concern; what each is told, it works out itself from the logs that its device may
//! read now. So nothing about an event is kept here, memory does not grow with their number, and a stream that was not
//! concerned tells nothing. Called by `relay` after a commit and by `http`'s streams.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sync_core::directory::Directory;
use sync_core::ids::{DeviceId, SpaceId, TeamId};
use sync_core::protocol::{Code, Kind};
use tokio::sync::Notify;

/// Streams at once: half of the connections, so that requests always find a place.
const MOST_STREAMS: usize = 512;

/// What a commit may have changed for those who listen.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    spaces: BTreeSet<SpaceId>,
    /// Whether it may have changed who reads what.
    rights: bool,
}

impl Touched {
    /// An envelope got a position.
    pub(crate) fn note(&mut self, space: SpaceId, kind: Kind) {
        self.spaces.insert(space);
        self.rights |= matches!(kind, Kind::Directory | Kind::Space | Kind::Reader);
    }
}

/// Everybody who listens.
#[derive(Default)]
pub(crate) struct Streams(Mutex<Table>);

#[derive(Default)]
struct Table {
    stopped: bool,
    opened: u64,
    by_device: BTreeMap<(TeamId, DeviceId), (u64, Arc<Slot>)>,
}

/// What a stream is woken with.
#[derive(Default)]
struct Slot {
    woken: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What the device could read when its stream last looked; while it looks, that is not known.
    reads: Option<BTreeSet<SpaceId>>,
    look: bool,
    end: Option<Code>,
}

/// Why a stream wakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// Something may be new.
    Look,
    /// It is over.
    End(Code),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Streams {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Opens a device's stream; an older one of the same device ends.
    ///
    /// # Errors
    /// `overloaded` if too many listen, `relay_stopping`.
    pub(crate) fn open(&self, team: TeamId, device: DeviceId) -> Result<Listening, Code> {
        let mut table = lock(&self.0);
        if table.stopped {
            return Err(Code::RelayStopping);
        }
        let key = (team, device);
        if table.by_device.len() >= MOST_STREAMS && !table.by_device.contains_key(&key) {
            return Err(Code::Overloaded);
        }
        table.opened += 1;
        let (number, slot) = (table.opened, Arc::new(Slot::default()));
        if let Some((_, older)) = table.by_device.insert(key, (number, Arc::clone(&slot))) {
            older.end(Code::LiveReplaced);
        }
        Ok(Listening { key, number, slot })
    }

    /// How many listen.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        lock(&self.0).by_device.len()
    }

    /// Lets go of a stream that ended.
    pub(crate) fn close(&self, listening: &Listening) {
        let mut table = lock(&self.0);
        if table.by_device.get(&listening.key).is_some_and(|(n, _)| *n == listening.number) {
            table.by_device.remove(&listening.key);
        }
    }

    /// A commit is done: whoever is no member's device any more hears nothing further, and those whom it may concern
    /// look.
    pub(crate) fn committed(&self, directory: &Directory, touched: &Touched) {
        if touched.spaces.is_empty() {
            return;
        }
        let team = directory.team();
        let (first, last) = (DeviceId::new([0; 16]), DeviceId::new([0xff; 16]));
        let table = lock(&self.0);
        for ((_, device), (_, slot)) in table.by_device.range((team, first)..=(team, last)) {
            if touched.rights && directory.device(device).is_none() {
                slot.end(Code::DeviceRemoved);
            } else {
                slot.touch(touched);
            }
        }
    }

    /// Ends every stream, for good.
    pub(crate) fn stop(&self) {
        let mut table = lock(&self.0);
        table.stopped = true;
        table.by_device.values().for_each(|(_, slot)| slot.end(Code::RelayStopping));
    }
}

impl Slot {
    fn end(&self, code: Code) {
        lock(&self.state).end.get_or_insert(code);
        self.woken.notify_one();
    }

    fn touch(&self, touched: &Touched) {
        let mut state = lock(&self.state);
        let reads_there = |reads: &BTreeSet<SpaceId>| !reads.is_disjoint(&touched.spaces);
        if touched.rights || state.reads.as_ref().is_none_or(reads_there) {
            state.look = true;
            self.woken.notify_one();
        }
    }
}

/// One device's place among those who listen.
pub(crate) struct Listening {
    key: (TeamId, DeviceId),
    number: u64,
    slot: Arc<Slot>,
}

impl Listening {
    /// Whose stream it is.
    pub(crate) fn whose(&self) -> (TeamId, DeviceId) {
        self.key
    }

    /// Notes what the device reads, for the next commits.
    pub(crate) fn reads(&self, spaces: impl Iterator<Item = SpaceId>) {
        lock(&self.slot.state).reads = Some(spaces.collect());
    }

    /// The stream looks now: until it has told what the device reads, every commit concerns it.
    pub(crate) fn looks(&self) {
        lock(&self.slot.state).reads = None;
    }

    /// Waits until there is a reason to look, or none to go on. Several reasons are one.
    pub(crate) async fn woken(&self) -> Woken {
        loop {
            {
                let mut state = lock(&self.slot.state);
                if let Some(code) = state.end {
                    return Woken::End(code);
                }
                if std::mem::take(&mut state.look) {
                    return Woken::Look;
                }
            }
            self.slot.woken.notified().await;
        }
    }

    /// Waits until there is no reason to go on.
    pub(crate) async fn ended(&self) -> Code {
        loop {
            if let Some(code) = lock(&self.slot.state).end {
                return code;
            }
            self.slot.woken.notified().await;
        }
    }

    /// Looks again with the next waking, as when this time was not the right one.
    pub(crate) fn look_again(&self) {
        lock(&self.slot.state).look = true;
        self.slot.woken.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEAM: TeamId = TeamId::new([1; 32]);

    fn device(n: usize) -> DeviceId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&(n as u64).to_be_bytes());
        DeviceId::new(bytes)
    }

    fn space(n: u8) -> SpaceId {
        SpaceId::new([n; 16])
    }

    /// Whether it would wake now, and why.
    fn wakes(listening: &Listening) -> Option<Woken> {
        let state = lock(&listening.slot.state);
        state.end.map(Woken::End).or(state.look.then_some(Woken::Look))
    }

    #[test]
    fn the_newest_stream_of_a_device_wins_and_the_older_ones_end_does_not_end_it() {
        let streams = Streams::new();
        let old = streams.open(TEAM, device(1)).expect("opens");
        let new = streams.open(TEAM, device(1)).expect("opens");
        assert_eq!(wakes(&old), Some(Woken::End(Code::LiveReplaced)));
        streams.close(&old);
        streams.stop();
        assert_eq!(wakes(&new), Some(Woken::End(Code::RelayStopping)));
    }

    #[test]
    fn no_more_than_so_many_listen_and_a_place_becomes_free() {
        let streams = Streams::new();
        let all: Vec<_> =
            (0..MOST_STREAMS).map(|n| streams.open(TEAM, device(n)).expect("a place")).collect();
        assert_eq!(streams.open(TEAM, device(MOST_STREAMS)).err(), Some(Code::Overloaded));
        assert!(streams.open(TEAM, device(0)).is_ok(), "who is here already may come again");
        streams.close(&all[1]);
        assert!(streams.open(TEAM, device(MOST_STREAMS)).is_ok());
    }

    #[test]
    fn a_stopped_relay_opens_none() {
        let streams = Streams::new();
        streams.stop();
        assert_eq!(streams.open(TEAM, device(1)).err(), Some(Code::RelayStopping));
    }

    #[test]
    fn any_number_of_commits_is_one_waking_of_those_who_read_there() {
        let listening = Streams::new().open(TEAM, device(1)).expect("opens");
        let mut elsewhere = Touched::default();
        elsewhere.note(space(9), Kind::Change);
        listening.slot.touch(&elsewhere);
        assert_eq!(wakes(&listening), Some(Woken::Look), "what it reads is not known yet");
        lock(&listening.slot.state).look = false;
        listening.reads([space(1)].into_iter());
        let mut touched = Touched::default();
        touched.note(space(2), Kind::Change);
        listening.slot.touch(&touched);
        assert_eq!(wakes(&listening), None, "it reads elsewhere");
        touched.note(space(1), Kind::Change);
        (0..1000).for_each(|_| listening.slot.touch(&touched));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        assert_eq!(runtime.block_on(listening.woken()), Woken::Look);
        assert_eq!(wakes(&listening), None);
    }
}
