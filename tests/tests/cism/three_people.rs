//! One intervention edited offline by three people: whoever syncs first, all phones agree and nobody is silenced.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use sync_core::ids::DocId;
use sync_core::records::{PolicyProfile, Role, Value};
use tests::{World, set, text};

const NAMES: [&str; 3] = ["amy", "bo", "cleo"];
const ROLES: [Role; 3] = [Role::PeerSupporter, Role::FacilitatorMhp, Role::Coordinator];
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
const HANDOUTS: [&str; 4] = ["coping", "sleep", "family_guide", "team_contact"];
const PHASES: [&str; 3] = ["introduction", "exploration", "information"];
const OUTCOMES: [&str; 3] = ["completed", "partial", "upgraded_to_cisd"];
const COUNTER: &str = "one_on_ones_triggered";

/// What one person types, offline.
#[derive(Debug, Clone)]
struct Typed {
    outcome: Option<usize>,
    minutes: Option<i64>,
    handouts: BTreeSet<usize>,
    /// Phases with the minute past 19:00 at which they were run.
    phases: BTreeMap<usize, u8>,
    talks: i64,
    clear: Option<bool>,
}

fn typed() -> impl Strategy<Value = Typed> {
    let handouts = proptest::collection::btree_set(0..HANDOUTS.len(), 0..3);
    let phases = proptest::collection::btree_map(0..PHASES.len(), 0..3_u8, 0..3);
    let register = (proptest::option::of(0..OUTCOMES.len()), proptest::option::of(20..23_i64));
    (register, handouts, phases, 0..4_i64, proptest::option::of(any::<bool>())).prop_map(
        |((outcome, minutes), handouts, phases, talks, clear)| Typed {
            outcome,
            minutes,
            handouts,
            phases,
            talks,
            clear,
        },
    )
}

fn time(minute: u8) -> String {
    format!("2026-03-01T19:{minute:02}:00Z")
}

fn marks(typed: &Typed) -> BTreeSet<String> {
    typed.phases.iter().map(|(phase, at)| format!("{}@{}", PHASES[*phase], time(*at))).collect()
}

/// What all phones show of the intervention: values, and all values in conflict as a set.
type Shown = BTreeMap<String, (String, BTreeSet<String>)>;

struct Team {
    world: World,
    session: DocId,
}

impl Team {
    fn new() -> Team {
        let mut world = World::new(23, PolicyProfile::neutral());
        for (name, role) in NAMES.iter().zip(ROLES) {
            world.join(name, &[role]);
        }
        let session = world.record("cleo", "intervention", &[("kind", text("defusing"))]);
        let team = NAMES.map(|name| world.member(name));
        world.on("cleo", |phone, env| phone.staff(env, session, &team, "peer")).unwrap();
        world.sync_all();
        Team { world, session }
    }

    fn types(&mut self, who: usize, typed: &Typed) {
        let mut fields: Vec<(&str, Value)> = Vec::new();
        if let Some(outcome) = typed.outcome {
            fields.push(("outcome", text(OUTCOMES[outcome])));
        }
        if let Some(minutes) = typed.minutes {
            fields.push(("duration_min", Value::Int(minutes)));
        }
        if !typed.handouts.is_empty() {
            let codes: Vec<&str> = typed.handouts.iter().map(|code| HANDOUTS[*code]).collect();
            fields.push(("handouts", set(&codes)));
        }
        if !typed.phases.is_empty() {
            fields.push(("phase_times", Value::Set(marks(typed))));
        }
        if typed.talks > 0 {
            fields.push((COUNTER, Value::Int(typed.talks)));
        }
        self.world.edit(NAMES[who], self.session, &fields);
        if let Some(clear) = typed.clear {
            let given =
                sync_core::engine::Declaration { not_close: Some(clear), ..Default::default() };
            let session = self.session;
            self.world.on(NAMES[who], |phone, env| phone.declare(env, session, given)).unwrap();
        }
    }

    fn shown(&mut self, who: usize) -> Shown {
        let session = self.session;
        let view = self.world.on(NAMES[who], |phone, _| phone.show(session)).unwrap();
        let words = |value: &Value| serde_json::to_string(value).unwrap();
        let fields = view.fields.into_iter().map(|(name, field)| {
            let conflict = field.conflict.iter().map(words).collect();
            (name, (words(&field.value), conflict))
        });
        fields.collect()
    }

    fn values(&mut self, field: &str) -> Vec<Value> {
        let conflict = self.world.conflict("amy", self.session, field);
        let shown = self.world.shown("amy", self.session, field);
        if conflict.is_empty() { shown.into_iter().collect() } else { conflict }
    }

    /// Every value that somebody typed stands there: shown, in a conflict, in a set or in a sum.
    fn nobody_is_silenced(&mut self, all: &[Typed; 3]) {
        for (field, typed) in [
            ("outcome", all.each_ref().map(|one| one.outcome.map(|o| text(OUTCOMES[o])))),
            ("duration_min", all.each_ref().map(|one| one.minutes.map(Value::Int))),
        ] {
            let shown = self.values(field);
            for value in typed.iter().flatten() {
                assert!(shown.contains(value), "{field}: {value:?} is lost; {shown:?}");
            }
        }
        let handouts: BTreeSet<String> = all
            .iter()
            .flat_map(|one| one.handouts.iter().map(|code| HANDOUTS[*code].to_owned()))
            .collect();
        assert_eq!(self.values("handouts"), [Value::Set(handouts)]);
        let told: BTreeSet<String> = self
            .values("phase_times")
            .into_iter()
            .flat_map(|value| match value {
                Value::Set(set) => set,
                other => panic!("{other:?} is no set"),
            })
            .collect();
        assert_eq!(told, all.iter().flat_map(marks).collect(), "every tick with every time");
        let run: BTreeSet<String> = all
            .iter()
            .flat_map(|one| one.phases.keys().map(|phase| PHASES[*phase].to_owned()))
            .collect();
        assert_eq!(self.values("phases_done"), [Value::Set(run)]);
        let talks = all.iter().map(|one| one.talks).sum();
        assert_eq!(self.values(COUNTER), [Value::Int(talks)]);
        let answers: BTreeSet<String> = NAMES
            .iter()
            .zip(all)
            .filter_map(|(name, one)| {
                let word = if one.clear? { "yes" } else { "no" };
                Some(format!("{}@{word}", self.world.member(name)))
            })
            .collect();
        assert_eq!(self.values("declared_not_close"), [Value::Set(answers)]);
    }
}

#[test]
fn three_people_offline_converge_in_every_order_and_nobody_is_silenced() {
    let config = Config { cases: 4, failure_persistence: None, ..Config::default() };
    let seed = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    TestRunner::new_with_rng(config, seed)
        .run(&[typed(), typed(), typed()], |all| {
            let mut found: Vec<Shown> = Vec::new();
            for order in ORDERS {
                let mut team = Team::new();
                for (who, typed) in all.iter().enumerate() {
                    team.types(who, typed);
                }
                for who in order.into_iter().chain(order) {
                    team.world.sync(NAMES[who]);
                }
                team.nobody_is_silenced(&all);
                let shown = [0, 1, 2].map(|who| team.shown(who));
                assert_eq!(shown[0], shown[1], "{order:?}");
                assert_eq!(shown[1], shown[2], "{order:?}");
                found.extend(shown.into_iter().take(1));
            }
            for other in &found[1..] {
                assert_eq!(&found[0], other, "the order in which they sync changes nothing");
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}
