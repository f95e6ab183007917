//! What people do and what becomes of their messages, and how to draw it at random.

use proptest::prelude::*;

/// Devices are numbers below four; what a number does not fit is done by the nearest that it does.
pub type Device = usize;

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Action {
    /// Somebody records something new.
    Record(Device, Kind),
    /// Somebody edits the shared incident or defusing.
    Edit(Device, Field),
    /// Somebody who sees a conflict gives one of its values again.
    Resolve(Device),
    /// A lead types a word into a phase of the note, before the word standing at this place.
    Write(Device, Phase, usize, &'static str),
    /// A lead deletes the word standing at this place.
    Delete(Device, Phase, usize),
    /// A phone syncs until it is at rest.
    Sync(Device),
    /// All phones sync, one after the other, twice.
    SyncAll,
    /// A request never arrives.
    LoseRequest(Device),
    /// A request is served and its answer does not arrive, or not yet.
    LoseAnswer(Device),
    /// The phone is handed the same answer twice.
    RepeatAnswer(Device),
    /// An answer arrives after a newer one: the oldest that was lost, else one overtaken now.
    StaleAnswer(Device),
    /// The relay ends and starts again.
    RestartRelay,
    /// Minutes pass.
    Wait(i64),
    /// A phone's clock is off by these hours from now on.
    ClockJump(Device, i64),
}

/// What is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An incident, seen by all staff.
    Incident,
    /// A check-in, seen by its author.
    CheckIn,
    /// A task for another member, given by the coordinator.
    Task(Device),
}

/// What is edited, and how.
#[derive(Debug, Clone, Copy)]
pub enum Field {
    /// Incident, a register.
    Severity(i64),
    /// Incident, a register with a value never used before.
    Exposed,
    /// Incident, a state.
    Status(usize),
    /// Incident, a set of codes: adds or removes one.
    Discipline(usize, bool),
    /// Incident, a set of labels: adds or removes one.
    Unit(usize, bool),
    /// Defusing, a register.
    Minutes(i64),
    /// Defusing, a counter: counts on.
    Talks(i64),
    /// The latest task given to this person is done.
    TaskDone,
}

/// A phase of a defusing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Phase(pub &'static str);

/// Every phase of a defusing.
pub const PHASES: [Phase; 3] = [Phase("introduction"), Phase("exploration"), Phase("information")];

const WORDS: [&str; 5] = ["quiet", "тихо", "🚒", "é\u{301}", "long-tired-word"];

fn field() -> impl Strategy<Value = Field> {
    prop_oneof![
        7 => (1..=5i64).prop_map(Field::Severity),
        3 => Just(Field::Exposed),
        2 => (0..6usize).prop_map(Field::Status),
        3 => (0..3usize, prop::bool::ANY).prop_map(|(code, add)| Field::Discipline(code, add)),
        2 => (0..2usize, prop::bool::ANY).prop_map(|(unit, add)| Field::Unit(unit, add)),
        1 => (0..4i64).prop_map(Field::Minutes),
        3 => (1..=3i64).prop_map(Field::Talks),
        1 => Just(Field::TaskDone),
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Incident), Just(Kind::CheckIn), (0..4usize).prop_map(Kind::Task),]
}

fn phase() -> impl Strategy<Value = Phase> {
    prop::sample::select(PHASES.to_vec())
}

/// Any action, with more edits and syncs than accidents.
pub fn draw() -> impl Strategy<Value = Action> {
    let device = || 0..4usize;
    prop_oneof![
        2 => (device(), kind()).prop_map(|(device, kind)| Action::Record(device, kind)),
        8 => (device(), field()).prop_map(|(device, field)| Action::Edit(device, field)),
        5 => device().prop_map(Action::Resolve),
        5 => (0..2usize, phase(), 0..6usize, prop::sample::select(WORDS.to_vec()))
            .prop_map(|(lead, phase, at, word)| Action::Write(lead, phase, at, word)),
        2 => (0..2usize, phase(), 0..6usize)
            .prop_map(|(lead, phase, at)| Action::Delete(lead, phase, at)),
        6 => device().prop_map(Action::Sync),
        2 => Just(Action::SyncAll),
        1 => device().prop_map(Action::LoseRequest),
        2 => device().prop_map(Action::LoseAnswer),
        2 => device().prop_map(Action::RepeatAnswer),
        2 => device().prop_map(Action::StaleAnswer),
        1 => Just(Action::RestartRelay),
        1 => (1..600i64).prop_map(Action::Wait),
        1 => (device(), -100_000..100_000i64)
            .prop_map(|(device, hours)| Action::ClockJump(device, hours)),
    ]
}
