//! Who works on an intervention: conflicts with their reasons, declarations, overrides, warnings.

use tests::terminal::{Relay, Terminal};

use crate::{alone, recorded};

#[test]
fn a_supervisor_is_blocked_with_the_reason_and_a_missing_training_only_warns() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start(folder.path());
    let cleo = Terminal { data: folder.path().join("cleo"), passphrase: "first long passphrase" };
    let made =
        cleo.json(&["create", "--relay", &relay.url, "--name", "Cleo", "--role", "coordinator"]);
    relay.allow(made["team"].as_str().expect("a number"));
    cleo.ok(&["sync"]);
    cleo.ok(&["invite", "--name", "Sam", "--role", "responder", "--supervises", "station-4"]);
    cleo.ok(&["invite", "--name", "Bo", "--role", "responder", "--unit", "station-4"]);
    cleo.ok(&["sync"]);
    let end = "occurred_end=2026-03-01T18:00:00Z";
    let incident = recorded(&cleo, &["record", "incident", "type=lodd", end, "units=station-4"]);
    let of = format!("incident_id={incident}");
    let debrief = recorded(&cleo, &["record", "intervention", "kind=cisd", &of]);

    let refused = cleo.refused(&["assign", &debrief, "Sam", "--as", "peer"]);
    assert!(refused.starts_with("error [staff_conflict]: "), "{refused}");
    assert!(refused.contains("Sam supervises station-4"), "{refused}");
    assert!(cleo.ok(&["staffing", &debrief]).contains("Nobody"), "nothing is half-done");
    let refused = cleo.refused(&["override", &debrief, "Sam", "nobody_else_available"]);
    assert!(refused.starts_with("error [not_allowed]: "), "{refused}");

    let told = cleo.ok(&["assign", &debrief, "Bo", "--as", "peer"]);
    assert!(told.contains("Bo the roster shows no training group_crisis_intervention"), "{told}");
    assert!(told.contains("Bo is of a crew served"), "{told}");
    let refused = cleo.refused(&["assign", &debrief, "Bo", "--as", "juggler"]);
    assert!(refused.contains("doorkeeper"), "{refused}");
    // A further crew brings nobody in who supervises it either.
    cleo.ok(&["edit", &debrief, "crews=medic-2"]);
    cleo.ok(&["assign", &debrief, "Sam", "--as", "support"]);
    let refused = cleo.refused(&["edit", &debrief, "crews=medic-2,station-4"]);
    assert!(refused.starts_with("error [staff_conflict]: "), "{refused}");
}

#[test]
fn everybody_answers_for_themselves_and_a_no_is_told_to_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let cleo = alone(folder.path());
    let defusing = recorded(&cleo, &["record", "intervention", "kind=defusing"]);
    let refused = cleo.refused(&["declare", &defusing, "--clear"]);
    assert!(refused.starts_with("error [not_allowed]: "), "{refused}");
    cleo.ok(&["assign", &defusing, "Cleo", "--as", "peer"]);
    assert!(cleo.ok(&["declare"]).contains(&defusing[..8]));
    assert!(cleo.refused(&["declare", &defusing]).contains("--clear"));
    let told = cleo.ok(&["declare", &defusing, "--not-present", "no"]);
    assert!(told.contains("should not work"), "{told}");
    assert!(cleo.ok(&["declare"]).contains(&defusing[..8]), "two questions are still open");
    let shown = cleo.ok(&["staffing", &defusing]);
    assert!(shown.contains("BLOCKED") && shown.contains("were at the incident"), "{shown}");
    cleo.ok(&["declare", &defusing, "--clear"]);
    assert!(cleo.ok(&["declare"]).contains("No intervention waits"));
    assert!(!cleo.ok(&["staffing", &defusing]).contains("BLOCKED"));

    cleo.ok(&["available", "resting"]);
    cleo.ok(&["available", "available"]);
    cleo.ok(&["available", "resting"]);
    assert!(cleo.ok(&["staffing", &defusing]).contains("rest or cannot be asked"));
    assert!(cleo.refused(&["available", "asleep"]).contains("on_call"));
    let all = cleo.json(&["list", "availability"]);
    assert_eq!(all.as_array().map(Vec::len), Some(1), "one word of each member");
}
