//! Phases and ground rules, ticked one by one as they are run.

use crate::{alone, recorded};

#[test]
fn phases_and_rules_are_ticked_one_by_one_and_wrong_ones_are_refused_with_the_right_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let cleo = alone(folder.path());
    let defusing = recorded(&cleo, &["record", "intervention", "kind=defusing"]);
    cleo.ok(&["tick", &defusing, "introduction@2026-03-01T19:05:00Z", "confidential"]);
    let told = cleo.ok(&["tick", &defusing, "exploration", "no_rank@2026-03-01T19:06:00Z"]);
    assert!(told.contains("check the time"), "a clock that no relay attested: {told}");

    let fields = cleo.json(&["show", &defusing])["fields"].clone();
    let set = |name: &str| {
        let all = fields[name]["value"].as_array().expect("a set").clone();
        all.into_iter().map(|mark| mark.as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(set("phases_done"), ["exploration", "introduction"]);
    assert!(set("phase_times").contains(&"introduction@2026-03-01T19:05:00Z".to_owned()));
    assert_eq!(set("rules_read").len(), 2, "a tick takes none before it away");

    let refused = cleo.refused(&["tick", &defusing, "symptom"]);
    assert!(refused.starts_with("error [bad_value]: "), "{refused}");
    assert!(refused.contains("introduction, exploration, information"), "{refused}");
    let refused = cleo.refused(&["edit", &defusing, "phase_times=exploration@soon"]);
    assert!(refused.starts_with("error [bad_value]: "), "{refused}");
    let refused = cleo.refused(&["edit", &defusing, "outcome_reason=tired"]);
    assert!(refused.contains("crew_declined"), "{refused}");
    assert!(cleo.ok(&["kinds", "defusing"]).contains("introduction, exploration, information"));
    assert!(cleo.ok(&["kinds"]).contains("None ranks above another"));
}
