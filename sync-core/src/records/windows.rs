//! The clock of interventions: when each is early, ideal, late or missed after an incident (DOMAIN A.3).
//!
//! Computed, never stored and never a ranking. Pure: `now` is handed in, already corrected by the relay's
//! time; whoever has no such time says so beside the state. Called by apps, the console and exercises.

use crate::protocol::Timestamp;

use super::PolicyProfile;

const HOUR_MIN: i64 = 60;

/// Hours after the incident's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// From here on it is ideal.
    pub open_h: u32,
    /// Until here it is ideal.
    pub ideal_end_h: u32,
    /// Until here it is late, then missed; `None`: late for ever.
    pub hard_end_h: Option<u32>,
}

/// Where an intervention stands in its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WindowState {
    /// Before the window.
    Early,
    /// In the window.
    Ideal,
    /// After the ideal end, still useful.
    Late,
    /// After the hard end and not started.
    Missed,
    /// The kind has no window, or it began after the hard end.
    NotApplicable,
}

impl WindowState {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            WindowState::Early => "early",
            WindowState::Ideal => "ideal",
            WindowState::Late => "late",
            WindowState::Missed => "missed",
            WindowState::NotApplicable => "n_a",
        }
    }
}

/// The shipped defaults. `demobilization` and `rits` are one kind with two labels.
const DEFAULTS: &[(&str, Window)] = &[
    ("demobilization", Window { open_h: 0, ideal_end_h: 1, hard_end_h: Some(2) }),
    ("rits", Window { open_h: 0, ideal_end_h: 1, hard_end_h: Some(2) }),
    ("defusing", Window { open_h: 0, ideal_end_h: 8, hard_end_h: Some(12) }),
    ("cmb", Window { open_h: 0, ideal_end_h: 72, hard_end_h: None }),
    ("cisd", Window { open_h: 24, ideal_end_h: 72, hard_end_h: Some(240) }),
    ("trim_assessment", Window { open_h: 72, ideal_end_h: 96, hard_end_h: None }),
];

/// A set of windows that a team may start from.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// What it is for and where it comes from.
    pub source: &'static str,
    /// The windows that differ from the defaults.
    pub windows: &'static [(&'static str, Window)],
}

const TWO_TO_THREE_DAYS: Window = Window { open_h: 48, ideal_end_h: 72, hard_end_h: None };

/// The sets that ship (DOMAIN A.3).
pub const PRESETS: &[Preset] = &[
    Preset { name: "default", source: "The defaults of every kind.", windows: &[] },
    Preset {
        name: "nifc",
        source: "Wildland fire: groups generally start no sooner than 48 to 72 hours after (National Interagency Fire Center).",
        windows: &[
            ("defusing", TWO_TO_THREE_DAYS),
            ("cisd", TWO_TO_THREE_DAYS),
            ("follow_up_group", TWO_TO_THREE_DAYS),
        ],
    },
    Preset {
        name: "trim",
        source: "Trauma Risk Management: the first interview at 72 hours; a second one about 28 days later is a follow-up task.",
        windows: &[("trim_assessment", Window { open_h: 72, ideal_end_h: 96, hard_end_h: None })],
    },
    Preset {
        name: "disaster",
        source: "Mass disaster: a debriefing three to four weeks after (Everly and Mitchell).",
        windows: &[("cisd", Window { open_h: 504, ideal_end_h: 672, hard_end_h: None })],
    },
];

/// The window of a kind of intervention: the team's own, else the default; `None` if it has none.
pub fn window(profile: &PolicyProfile, intervention_kind: &str) -> Option<Window> {
    let other_label = match intervention_kind {
        "demobilization" => "rits",
        "rits" => "demobilization",
        kind => kind,
    };
    let own = [intervention_kind, other_label].into_iter().find_map(|key| profile.windows.get(key));
    match own {
        Some((open_h, ideal_end_h, hard_end_h)) => {
            Some(Window { open_h: *open_h, ideal_end_h: *ideal_end_h, hard_end_h: *hard_end_h })
        }
        None => {
            DEFAULTS.iter().find(|(kind, _)| *kind == intervention_kind).map(|(_, window)| *window)
        }
    }
}

/// Where an intervention stands: at `started_at` if it began, else now.
pub fn state(
    profile: &PolicyProfile,
    intervention_kind: &str,
    occurred_end: Timestamp,
    started_at: Option<Timestamp>,
    now: Timestamp,
) -> WindowState {
    let Some(window) = window(profile, intervention_kind) else {
        return WindowState::NotApplicable;
    };
    let t = started_at.unwrap_or(now);
    let after = |hours: u32| occurred_end.plus_minutes(i64::from(hours) * HOUR_MIN);
    if t < after(window.open_h) {
        WindowState::Early
    } else if t <= after(window.ideal_end_h) {
        WindowState::Ideal
    } else if window.hard_end_h.is_none_or(|hard_end_h| t <= after(hard_end_h)) {
        WindowState::Late
    } else if started_at.is_none() {
        WindowState::Missed
    } else {
        WindowState::NotApplicable
    }
}

/// Whether an intervention that has not begun is in the last quarter of its ideal window: a badge, not a state.
pub fn closing_soon(
    profile: &PolicyProfile,
    intervention_kind: &str,
    occurred_end: Timestamp,
    started_at: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    let Some(window) = window(profile, intervention_kind) else {
        return false;
    };
    let ideal_min = i64::from(window.ideal_end_h.saturating_sub(window.open_h)) * HOUR_MIN;
    let last_quarter = occurred_end
        .plus_minutes(i64::from(window.ideal_end_h) * HOUR_MIN)
        .plus_minutes(-ideal_min / 4);
    let state = state(profile, intervention_kind, occurred_end, started_at, now);
    started_at.is_none() && state == WindowState::Ideal && now >= last_quarter
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: Timestamp = Timestamp(1_772_388_000_000);

    fn at(hours: i64, ms: i64) -> Timestamp {
        END.plus_minutes(hours * 60).plus_ms(ms)
    }

    fn now(kind: &str, t: Timestamp) -> WindowState {
        state(&PolicyProfile::neutral(), kind, END, None, t)
    }

    fn started(kind: &str, t: Timestamp) -> WindowState {
        state(&PolicyProfile::neutral(), kind, END, Some(t), at(10_000, 0))
    }

    #[test]
    fn a_defusing_is_ideal_to_the_eighth_hour_and_late_to_the_twelfth() {
        assert_eq!(now("defusing", at(0, -1)), WindowState::Early);
        assert_eq!(now("defusing", at(0, 0)), WindowState::Ideal);
        assert_eq!(now("defusing", at(8, 0)), WindowState::Ideal);
        assert_eq!(now("defusing", at(8, 1)), WindowState::Late);
        assert_eq!(now("defusing", at(12, 0)), WindowState::Late);
        assert_eq!(now("defusing", at(12, 1)), WindowState::Missed);
    }

    #[test]
    fn a_debriefing_opens_after_a_day_and_ends_after_ten() {
        assert_eq!(now("cisd", at(24, -1)), WindowState::Early);
        assert_eq!(now("cisd", at(24, 0)), WindowState::Ideal);
        assert_eq!(now("cisd", at(72, 0)), WindowState::Ideal);
        assert_eq!(now("cisd", at(72, 1)), WindowState::Late);
        assert_eq!(now("cisd", at(240, 0)), WindowState::Late);
        assert_eq!(now("cisd", at(240, 1)), WindowState::Missed);
    }

    #[test]
    fn the_other_defaults_are_those_of_the_table() {
        for kind in ["demobilization", "rits"] {
            assert_eq!(now(kind, at(1, 0)), WindowState::Ideal);
            assert_eq!(now(kind, at(2, 0)), WindowState::Late);
            assert_eq!(now(kind, at(2, 1)), WindowState::Missed);
        }
        assert_eq!(now("cmb", at(72, 0)), WindowState::Ideal);
        assert_eq!(now("cmb", at(9_000, 0)), WindowState::Late);
        assert_eq!(now("trim_assessment", at(72, -1)), WindowState::Early);
        assert_eq!(now("trim_assessment", at(96, 0)), WindowState::Ideal);
        assert_eq!(now("trim_assessment", at(96, 1)), WindowState::Late);
    }

    #[test]
    fn what_began_is_judged_by_its_start_and_never_missed() {
        assert_eq!(started("defusing", at(8, 0)), WindowState::Ideal);
        assert_eq!(started("defusing", at(9, 0)), WindowState::Late);
        assert_eq!(started("defusing", at(12, 1)), WindowState::NotApplicable);
        assert_eq!(started("cmb", at(9_000, 0)), WindowState::Late);
        assert_eq!(started("one_on_one", at(1, 0)), WindowState::NotApplicable);
    }

    #[test]
    fn a_teams_own_window_replaces_the_default_under_either_label() {
        let mut profile = PolicyProfile::neutral();
        profile.windows.insert("cisd".to_owned(), (48, 72, None));
        profile.windows.insert("demobilization".to_owned(), (0, 4, Some(6)));
        assert_eq!(state(&profile, "cisd", END, None, at(48, -1)), WindowState::Early);
        assert_eq!(state(&profile, "cisd", END, None, at(9_000, 0)), WindowState::Late);
        assert_eq!(state(&profile, "rits", END, None, at(4, 0)), WindowState::Ideal);
        assert_eq!(state(&profile, "rits", END, None, at(6, 1)), WindowState::Missed);
    }

    #[test]
    fn every_set_names_known_kinds_and_holds_at_its_boundaries() {
        use crate::records::{PolicyProfile, Value};
        for preset in PRESETS {
            let typed = std::collections::BTreeMap::from([(
                "windows".to_owned(),
                Value::Text(preset.name.to_owned()),
            )]);
            let profile = PolicyProfile::with("neutral", &typed).expect("fits");
            for (kind, window) in preset.windows {
                let at_h = |hours: u32, ms| at(i64::from(hours), ms);
                let now = |t| state(&profile, kind, END, None, t);
                assert!(super::super::intervention::KINDS.contains(kind), "{kind}");
                assert_eq!(now(at_h(window.open_h, -1)), WindowState::Early, "{kind}");
                assert_eq!(now(at_h(window.open_h, 0)), WindowState::Ideal, "{kind}");
                assert_eq!(now(at_h(window.ideal_end_h, 0)), WindowState::Ideal, "{kind}");
                assert_eq!(now(at_h(window.ideal_end_h, 1)), WindowState::Late, "{kind}");
            }
        }
    }

    #[test]
    fn the_badge_shows_in_the_last_quarter_of_ideal_until_it_begins() {
        let soon = |t| closing_soon(&PolicyProfile::neutral(), "defusing", END, None, t);
        assert!(!soon(at(6, -1)));
        assert!(soon(at(6, 0)));
        assert!(soon(at(8, 0)));
        assert!(!soon(at(8, 1)));
        let began = Some(at(7, 0));
        assert!(!closing_soon(&PolicyProfile::neutral(), "defusing", END, began, at(7, 0)));
        let cisd = |t| closing_soon(&PolicyProfile::neutral(), "cisd", END, None, t);
        assert!(!cisd(at(60, -1)));
        assert!(cisd(at(60, 0)));
    }
}
