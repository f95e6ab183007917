//! What comes after: follow-ups by their windows, referrals, the after-action report.

use crate::{alone, recorded};

#[test]
fn the_report_counts_without_a_name_and_says_what_nobody_entered() {
    let folder = tempfile::tempdir().expect("a folder");
    let cleo = alone(folder.path());
    let incident = recorded(
        &cleo,
        &[
            "record",
            "incident",
            "type=failed_rescue",
            "occurred_end=2026-03-01T18:00:00Z",
            "requested_at=2026-03-01T18:10:00Z",
            "acknowledged_at=2026-03-01T18:25:00Z",
            "units=station-4",
        ],
    );
    let of = format!("incident_id={incident}");
    let defusing = recorded(
        &cleo,
        &[
            "record",
            "intervention",
            "kind=defusing",
            &of,
            "started_at=2026-03-02T03:00:00Z",
            "duration_min=30",
            "attendees_count=7",
            "voluntary=true",
            "one_on_ones_triggered=2",
        ],
    );
    cleo.ok(&["assign", &defusing, "Cleo"]);
    let report = cleo.json(&["after-action", &incident]);
    assert_eq!(report["request_to_acknowledge_min"], 15);
    assert_eq!((&report["began_ideal"], &report["began_with_window"]), (&0.into(), &1.into()));
    assert_eq!(report["interventions"][0]["window"], "late");
    assert_eq!(report["interventions"][0]["attendees"], "5_9");
    assert_eq!(report["interventions"][0]["team"], 1);
    let missing = report["missing"].to_string();
    assert!(missing.contains("defusing.outcome") && missing.contains("severity"), "{missing}");
    let member = cleo.json(&["status"])["member"].as_str().expect("an id").to_owned();
    let words = cleo.ok(&["after-action", &incident]);
    for told in [report.to_string(), words] {
        assert!(
            !told.contains("Cleo") && !told.contains(&member) && !told.contains("station-4"),
            "{told}"
        );
    }
    assert!(cleo.refused(&["after-action", &defusing]).starts_with("error [no_such_record]: "));
}

#[test]
fn follow_ups_still_to_come_are_planned_once_and_referrals_keep_who_and_why_sealed() {
    let folder = tempfile::tempdir().expect("a folder");
    let cleo = alone(folder.path());
    let incident = recorded(&cleo, &["record", "incident", "type=lodd", "occurred_end=now"]);
    let planned = cleo.json(&["follow-ups", &incident]);
    let kinds: Vec<&str> =
        planned.as_array().expect("tasks").iter().filter_map(|t| t["kind"].as_str()).collect();
    assert_eq!(kinds, ["call", "call", "visit", "anniversary"]);
    assert!(cleo.ok(&["follow-ups", &incident]).contains("Nothing was planned"));
    let past =
        recorded(&cleo, &["record", "incident", "type=lodd", "occurred_end=2020-03-01T18:00:00Z"]);
    assert!(cleo.ok(&["follow-ups", &past, "--for", "Cleo"]).contains("every step is past"));

    let referral =
        recorded(&cleo, &["record", "referral", "to_kind=eap", "urgency=72h", "consent=true"]);
    cleo.ok(&["edit", &referral, "state=accepted"]);
    let shown = cleo.json(&["show", &referral]);
    assert_eq!(shown["fields"]["state"]["value"], "accepted");
    assert_eq!(shown["fields"]["consent"]["value"], true);
    let refused = cleo.refused(&["edit", &referral, "why=quiet words"]);
    assert!(
        refused.starts_with("error [policy_no_notes]: "),
        "contacts are checklists here: {refused}"
    );
    assert!(cleo.refused(&["record", "referral", "to_kind=uncle"]).contains("substance_program"));
}
