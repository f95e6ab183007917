//! One run: actions done on real phones and in the model, and compared after each.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::directory::open_space_id;
use sync_core::engine::TextEdit;
use sync_core::ids::{DocId, SpaceId};
use sync_core::protocol::Code;
use sync_core::records::{PolicyProfile, Role, SpaceKind, Value};
use tests::{World, read_answer, set, text};

use super::action::{Action, Device, Field, Kind, PHASES, Phase};
use super::model::{ActNo, Model};

const NAMES: [&str; 4] = ["amy", "bo", "cleo", "dee"];
const ROLES: [Role; 4] =
    [Role::PeerSupporter, Role::FacilitatorMhp, Role::Coordinator, Role::Chaplain];
const COORDINATOR: Device = 2;
/// In the order in which concurrent ones give way.
const STATUS: [&str; 6] = ["active", "monitoring", "triaged", "reported", "closed", "no_action"];
const DISCIPLINES: [&str; 3] = ["dispatch", "ems", "fire"];
const UNITS: [&str; 2] = ["engine-7", "station-4"];
const REGISTERS: [&str; 3] = ["severity", "personnel_exposed", "duration_min"];
const COUNTER: &str = "one_on_ones_triggered";
const MOST_TALKS: i64 = 99;

/// A request, and what its answer will bring.
struct Answer {
    body: Vec<u8>,
    bytes: Vec<u8>,
    served: BTreeSet<ActNo>,
}

/// The world, the model of it, and answers under way.
pub struct Run {
    world: World,
    model: Model,
    incident: DocId,
    defusing: DocId,
    late: [Vec<Answer>; 4],
    typed: usize,
}

impl Run {
    /// Four people who share an incident and a defusing, two of them leading it; everything is synced.
    pub fn new() -> Run {
        let mut world = World::new(11, PolicyProfile::neutral());
        for (name, role) in NAMES.iter().zip(ROLES) {
            world.join(name, &[role]);
        }
        let fields =
            [("type", set(&["failed_rescue"])), ("occurred_end", text("2026-03-01T12:00:00Z"))];
        let incident = world.record("amy", "incident", &fields);
        let defusing = world.record("cleo", "intervention", &[("kind", text("defusing"))]);
        let leads = [world.member("amy"), world.member("bo")];
        world.on("cleo", |phone, env| phone.assign(env, defusing, &leads)).unwrap();
        world.sync_all();
        let mut model = Model::default();
        model.record(0, Kind::Incident, incident);
        model.all_seen();
        model.reached(&BTreeSet::from([0]));
        let late = Default::default();
        Run { world, model, incident, defusing, late, typed: 0 }
    }

    /// Does one action and compares what the phones it concerns show with what they must.
    pub fn act(&mut self, action: &Action) {
        match action {
            Action::Record(on, kind) => self.record(*on, *kind),
            Action::Edit(on, field) => self.edit(*on, *field),
            Action::Resolve(on) => self.resolve(*on),
            Action::Write(on, phase, at, stem) => self.write(*on, *phase, *at, stem),
            Action::Delete(on, phase, at) => self.delete(*on, *phase, *at),
            Action::Sync(on) => self.sync(*on),
            Action::SyncAll => [0, 1, 2, 3, 0, 1, 2, 3].into_iter().for_each(|on| self.sync(on)),
            Action::LoseRequest(on) => drop(self.world.request(NAMES[*on])),
            Action::LoseAnswer(on) => {
                let answer = self.ask(*on);
                self.late[*on].push(answer);
            }
            Action::RepeatAnswer(on) => {
                let answer = self.ask(*on);
                self.take(*on, &answer);
                self.take(*on, &answer);
            }
            Action::StaleAnswer(on) => {
                if self.late[*on].is_empty() {
                    let answer = self.ask(*on);
                    self.late[*on].push(answer);
                }
                let old = self.late[*on].remove(0);
                let new = self.ask(*on);
                self.take(*on, &new);
                self.take(*on, &old);
            }
            Action::RestartRelay => self.world.restart_relay(),
            Action::Wait(minutes) => self.world.wait_minutes(*minutes),
            Action::ClockJump(on, hours) => {
                let device = self.world.devices.get_mut(NAMES[*on]).unwrap();
                device.offset_ms = hours * 3_600_000;
            }
        }
    }

    fn record(&mut self, on: Device, kind: Kind) {
        let (by, name, fields) = match kind {
            Kind::Incident => {
                let end = text("2026-03-01T12:00:00Z");
                (on, "incident", vec![("type", set(&["disaster"])), ("occurred_end", end)])
            }
            Kind::CheckIn => {
                (on, "check_in", vec![("zone", text("reacting")), ("text", text("x"))])
            }
            Kind::Task(to) => {
                let assignee = text(&self.world.member(NAMES[to]).to_string());
                let due = text("2026-03-02T09:00:00Z");
                let fields = vec![("kind", text("call")), ("due_at", due), ("assignee", assignee)];
                (COORDINATOR, "follow_up_task", fields)
            }
        };
        let id = self.world.record(NAMES[by], name, &fields);
        self.model.record(by, kind, id);
        self.compare(by);
    }

    fn edit(&mut self, on: Device, field: Field) {
        match field {
            Field::Severity(value) => self.put(on, "severity", Value::Int(value)),
            Field::Exposed => {
                self.typed += 1;
                self.put(on, "personnel_exposed", Value::Int(self.typed as i64));
            }
            Field::Minutes(value) => self.put(on, "duration_min", Value::Int(value)),
            Field::Status(at) => self.put_status(on, STATUS[at]),
            Field::Discipline(at, add) => self.tick(on, "disciplines", DISCIPLINES[at], add),
            Field::Unit(at, add) => self.tick(on, "units", UNITS[at], add),
            Field::Talks(more) => {
                let sum = self.model.sum(on) + more;
                // Others may have counted unseen: leave room for all of them.
                if sum <= MOST_TALKS / 4 {
                    self.world.edit(NAMES[on], self.defusing, &[(COUNTER, Value::Int(sum))]);
                    self.model.count(on, more);
                }
            }
            Field::TaskDone => {
                if let Some(task) = self.model.task_of(on) {
                    self.world.edit(NAMES[on], task, &[("state", text("done"))]);
                    assert_eq!(self.world.shown(NAMES[on], task, "state"), Some(text("done")));
                }
            }
        }
        self.compare(on);
    }

    fn record_of(&self, key: &str) -> DocId {
        if key == "duration_min" { self.defusing } else { self.incident }
    }

    fn put(&mut self, on: Device, key: &str, value: Value) {
        self.world.edit(NAMES[on], self.record_of(key), &[(key, value.clone())]);
        // What is shown already and in no conflict is not written again.
        if self.model.values(on, key) != [value.clone()] {
            self.model.put(on, key, Some(value));
        }
    }

    fn put_status(&mut self, on: Device, status: &str) {
        self.world.edit(NAMES[on], self.incident, &[("status", text(status))]);
        let written = !self.model.values(on, "status").is_empty();
        if !written || self.status(on) != text(status) {
            self.model.put(on, "status", Some(text(status)));
        }
    }

    fn status(&self, on: Device) -> Value {
        let values = self.model.values(on, "status");
        let first = STATUS.iter().find(|status| values.contains(&text(status)));
        text(first.unwrap_or(&"reported"))
    }

    fn tick(&mut self, on: Device, key: &str, code: &str, add: bool) {
        let mut codes = self.members(on, key);
        let changes = if add { codes.insert(code.into()) } else { codes.remove(code) };
        self.world.edit(NAMES[on], self.incident, &[(key, Value::Set(codes))]);
        if changes {
            self.model.put(on, &format!("{key}.{code}"), add.then_some(Value::Bool(true)));
        }
    }

    fn members(&self, on: Device, key: &str) -> BTreeSet<String> {
        let codes = if key == "units" { UNITS.as_slice() } else { DISCIPLINES.as_slice() };
        let is_in = |code: &&&str| !self.model.values(on, &format!("{key}.{code}")).is_empty();
        codes.iter().filter(is_in).map(|code| (*code).to_owned()).collect()
    }

    fn resolve(&mut self, on: Device) {
        for key in REGISTERS {
            let record = self.record_of(key);
            if !self.world.conflict(NAMES[on], record, key).is_empty() {
                let shown = self.world.shown(NAMES[on], record, key).unwrap();
                self.put(on, key, shown);
                assert!(self.world.conflict(NAMES[on], record, key).is_empty());
            }
        }
        self.compare(on);
    }

    fn shown_words(&mut self, on: Device, phase: Phase) -> Vec<String> {
        let key = format!("defusing.{}", phase.0);
        let shown = self.world.phase(NAMES[on], self.defusing, &key);
        shown.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    fn change(&mut self, on: Device, phase: Phase, edit: &TextEdit) {
        let defusing = self.defusing;
        self.world.on(NAMES[on], |phone, env| phone.write(env, defusing, phase.0, edit)).unwrap();
    }

    fn write(&mut self, on: Device, phase: Phase, at: usize, stem: &str) {
        let words = self.shown_words(on, phase);
        let before = &words[..at % (words.len() + 1)];
        let at = before.iter().map(|word| word.chars().count() + 1).sum();
        self.typed += 1;
        let word = format!("{stem}{}", self.typed);
        self.change(on, phase, &TextEdit { at, delete: 0, insert: format!("{word} ") });
        self.model.insert(on, phase, &word);
        self.compare(on);
    }

    fn delete(&mut self, on: Device, phase: Phase, at: usize) {
        let words = self.shown_words(on, phase);
        if words.is_empty() {
            return;
        }
        let place = at % words.len();
        let at = words[..place].iter().map(|word| word.chars().count() + 1).sum();
        let delete = words[place].chars().count() + 1;
        self.change(on, phase, &TextEdit { at, delete, insert: String::new() });
        self.model.delete(on, &words[place]);
        self.compare(on);
    }

    /// A request that reaches the relay; a wrong clock is corrected first, by its refusal.
    fn ask(&mut self, on: Device) -> Answer {
        for _ in 0..2 {
            let pushed = self.model.own(on);
            let (body, token) = self.world.request(NAMES[on]);
            match self.world.relay.sync(&token, &body) {
                Ok(bytes) => {
                    let served = self.model.reached(&pushed);
                    let asks_back = read_answer(&bytes).need_cursors;
                    let served = if asks_back { BTreeSet::new() } else { served };
                    return Answer { body, bytes, served };
                }
                Err(refusal) => {
                    assert_eq!(refusal.code, Code::TokenExpired);
                    let now = self.world.now();
                    self.world.on(NAMES[on], |phone, env| phone.clock_corrected(env, now)).unwrap();
                }
            }
        }
        panic!("{} cannot make itself heard", NAMES[on]);
    }

    /// Hands a phone an answer; whether it has more to ask.
    fn take(&mut self, on: Device, answer: &Answer) -> bool {
        let outcome = self.world.answer(NAMES[on], &answer.body, &answer.bytes);
        let outcome = outcome.expect("a genuine answer");
        assert_eq!(outcome.refused, 0, "{}", self.world.troubles());
        self.model.took(on, &answer.served);
        // Only the newest answer tells the time: an older one would set the clock back.
        let (now, name) = (self.world.now(), NAMES[on]);
        let corrected = self.world.on(name, |phone, env| phone.corrected(env.now)).unwrap();
        assert_eq!(corrected, (now, true), "{name}'s corrected clock");
        self.compare(on);
        outcome.again
    }

    fn sync(&mut self, on: Device) {
        for _ in 0..20 {
            let answer = self.ask(on);
            if !self.take(on, &answer) {
                return;
            }
        }
        panic!("{} does not come to rest", NAMES[on]);
    }

    /// Compares all that a phone shows with all that it must show.
    fn compare(&mut self, on: Device) {
        let name = NAMES[on];
        for key in REGISTERS {
            let record = self.record_of(key);
            let mut shown = self.world.conflict(name, record, key);
            if shown.is_empty() {
                shown.extend(self.world.shown(name, record, key));
            }
            let expected = self.model.values(on, key);
            let same = shown.len() == expected.len() && expected.iter().all(|v| shown.contains(v));
            assert!(same, "{name} shows {shown:?} as {key}, expected {expected:?}");
        }
        let status = self.status(on);
        assert_eq!(self.world.shown(name, self.incident, "status"), Some(status), "{name}");
        for key in ["disciplines", "units"] {
            let members = Value::Set(self.members(on, key));
            assert_eq!(self.world.shown(name, self.incident, key), Some(members), "{name} {key}");
        }
        let sum = Value::Int(self.model.sum(on));
        assert_eq!(self.world.shown(name, self.defusing, COUNTER), Some(sum), "{name}");
        for phase in PHASES {
            let mut words = self.shown_words(on, phase);
            words.sort_unstable();
            let expected = if on < 2 { self.model.words(on, phase) } else { Vec::new() };
            assert_eq!(words, expected, "{name} {phase:?}");
        }
        let kinds = ["incident", "check_in", "follow_up_task"];
        for (kind, expected) in kinds.into_iter().zip(self.model.records(on)) {
            let listed = self.world.on(name, |phone, _| phone.list(Some(kind), None, 999)).unwrap();
            let ids: BTreeSet<DocId> = listed.iter().map(|view| view.id).collect();
            assert_eq!(ids.len(), listed.len(), "{name} lists a {kind} twice");
            assert_eq!(ids, expected, "{name} {kind}");
        }
    }

    /// Everybody syncs; afterwards all agree, and nothing waits, was set aside, or raised an alarm.
    pub fn finish(&mut self) {
        self.world.sync_all();
        self.model.all_seen();
        let names: Vec<String> = self.world.devices.keys().cloned().collect();
        for on in 0..NAMES.len() {
            self.compare(on);
            self.agree_on_tasks(on);
        }
        let notes = [0, 1].map(|lead| PHASES.map(|phase| self.shown_words(lead, phase)));
        assert_eq!(notes[0], notes[1], "the leads' phones order words differently");
        for name in &names {
            let (status, drafts, alarms) = self.world.on(name, |phone, _| {
                (phone.status().unwrap(), phone.drafts().unwrap(), phone.alarms().unwrap())
            });
            assert_eq!(status.pending, 0, "{name} still has something to send");
            assert!(drafts.is_empty(), "{name} {drafts:?}");
            assert!(alarms.is_empty(), "{name} {alarms:?}");
            assert_eq!(self.world.sync(name), (1, 0), "{name} syncs once more");
        }
        self.agree_on_heads(&names);
        self.rebuild(&names);
    }

    /// Every document made again from its envelopes is the same.
    fn rebuild(&mut self, names: &[String]) {
        for name in names {
            let before = self.world.on(name, |phone, _| phone.heads()).unwrap();
            let made = self.world.on(name, |phone, _| phone.rebuild()).unwrap();
            assert_eq!(made, before.len() as u64, "{name} made too few documents again");
            assert_eq!(self.world.on(name, |phone, _| phone.heads()).unwrap(), before, "{name}");
        }
        (0..NAMES.len()).for_each(|on| self.compare(on));
    }

    fn agree_on_tasks(&mut self, on: Device) {
        if let Some(task) = self.model.task_of(on) {
            assert!(self.world.shown(NAMES[on], task, "state").is_some());
        }
    }

    fn agree_on_heads(&mut self, names: &[String]) {
        let mut known: BTreeMap<(SpaceId, DocId), Vec<[u8; 32]>> = BTreeMap::new();
        for name in names {
            let foreign: Vec<SpaceId> = self.foreign_caseloads(name);
            let heads = self.world.on(name, |phone, _| phone.heads()).unwrap();
            for (place, heads) in heads {
                // Who may only give tasks keeps what was given and is not served what became of it.
                if !foreign.contains(&place.0) {
                    let known = known.entry(place).or_insert_with(|| heads.clone());
                    assert_eq!(*known, heads, "{name} has other heads of a document");
                }
            }
        }
    }

    fn foreign_caseloads(&mut self, name: &str) -> Vec<SpaceId> {
        let team = self.world.on(name, |phone, _| phone.team());
        let others = NAMES.iter().filter(|other| **other != name);
        others
            .map(|other| open_space_id(team, SpaceKind::Caseload, Some(self.world.member(other))))
            .collect()
    }
}
