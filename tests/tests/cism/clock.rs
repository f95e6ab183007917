//! The clock of an incident, on a phone that has no link.

use sync_core::protocol::Timestamp;
use tests::terminal::Terminal;

use crate::{alone, recorded};

fn hours_ago(hours: i64) -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = i64::try_from(since.expect("after 1970").as_millis()).expect("fits");
    Timestamp(now).plus_minutes(-60 * hours).to_string()
}

fn line(phone: &Terminal, incident: &str, kind: &str) -> serde_json::Value {
    let clock = phone.json(&["clock", incident]);
    let lines = clock["lines"].as_array().expect("lines").clone();
    lines.into_iter().find(|line| line["kind"] == kind).expect("a line of the kind")
}

#[test]
fn the_clock_tells_what_is_next_until_when_and_for_whom() {
    let folder = tempfile::tempdir().expect("a folder");
    let cleo = alone(folder.path());
    let end = format!("occurred_end={}", hours_ago(7));
    let incident = recorded(
        &cleo,
        &["record", "incident", "type=failed_rescue", &end, "units=station-4,medic-2"],
    );
    assert!(cleo.ok(&["clock", &incident]).contains("nothing is decided on and open"));
    cleo.ok(&["edit", &incident, "status=triaged", "interventions_decided=defusing,one_on_one"]);
    let told = cleo.ok(&["clock"]);
    assert!(told.contains("Next: defusing, ideal until "), "{told}");
    assert!(told.contains("for medic-2, station-4, nobody assigned yet"), "{told}");
    assert!(told.contains("closing soon"), "{told}");
    assert!(told.contains("never compared with a relay's"), "the clock is nobody's word: {told}");

    let defusing = line(&cleo, &incident, "defusing");
    assert_eq!(defusing["state"], "ideal");
    assert_eq!(defusing["next"]["what"], "ideal_ends");
    assert_eq!(defusing["uncertain"][0], "clock_unsure");
    assert_eq!(line(&cleo, &incident, "cisd")["state"], "early");

    let of = format!("incident_id={incident}");
    let began = format!("started_at={}", hours_ago(6));
    let planned = recorded(&cleo, &["record", "intervention", "kind=defusing", &of, &began]);
    cleo.ok(&["assign", &planned, "Cleo"]);
    let defusing = line(&cleo, &incident, "defusing");
    assert_eq!(defusing["intervention"], planned.as_str());
    assert_eq!((&defusing["settled"], &defusing["next"]), (&true.into(), &().into()));
    assert!(
        defusing["uncertain"].as_array().is_some_and(Vec::is_empty),
        "what began needs no clock"
    );
    let next = cleo.json(&["clock", &incident])["next"]["kind"].clone();
    assert_eq!(next, "one_on_one");

    cleo.ok(&["edit", &incident, "status=closed", "closed_because=support_completed"]);
    assert!(cleo.ok(&["clock"]).contains("No incident is open"));
    assert!(cleo.refused(&["clock", &planned]).starts_with("error [no_such_record]: "));
}
