//! Three terminals: a relay and two phones, used by hand through the built `aftercall`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use tests::program::printed;
use tests::terminal::{Relay, Terminal};

/// A team with a coordinator's phone and a peer's.
fn two_phones(folder: &Path, relay: &Relay) -> (Terminal, Terminal) {
    let cleo = Terminal { data: folder.join("cleo"), passphrase: "first long passphrase" };
    let amy = Terminal { data: folder.join("amy"), passphrase: "second long passphrase" };
    let made =
        cleo.json(&["create", "--relay", &relay.url, "--name", "Cleo", "--role", "coordinator"]);
    let team = made["team"].as_str().expect("a number").to_owned();
    assert!(cleo.refused(&["sync"]).starts_with("error [no_such_team]: "));
    relay.allow(&team);
    cleo.ok(&["sync"]);
    let invited = cleo.json(&["invite", "--name", "Amy", "--role", "peer_supporter"]);
    assert_eq!(invited["relay_knows"], true);
    let link = invited["link"].as_str().expect("a link");
    let mut joining = amy.command(&["join", "-"]);
    let mut joining = joining
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    std::io::Write::write_all(&mut joining.stdin.take().expect("is piped"), link.as_bytes())
        .expect("writes the link");
    // It says that it waits once the relay has its request.
    let mut said = String::new();
    let stderr = joining.stderr.take().expect("is piped");
    BufReader::new(stderr).read_line(&mut said).expect("says something");
    assert!(said.starts_with("Waiting for an admin's phone"), "{said}");
    cleo.ok(&["sync"]);
    let joined = joining.wait_with_output().expect("ends");
    assert!(joined.status.success(), "{}", printed(&joined.stdout));
    (cleo, amy)
}

#[test]
fn two_phones_and_a_relay_on_three_terminals() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start(folder.path());
    let (cleo, amy) = two_phones(folder.path(), &relay);

    let members = amy.ok(&["members"]);
    assert!(members.contains("Cleo") && members.contains("coordinator, admin"), "{members}");

    let fire =
        amy.json(&["record", "incident", "type=failed_rescue", "occurred_end=now", "severity=2"]);
    let fire = fire["record"].as_str().expect("an id").to_owned();
    let urgent =
        amy.run(&["record", "check_in", "zone=ill", "wants_contact=urgent", "text=a quiet word"]);
    assert!(printed(&urgent.stderr).contains("112 or 911"), "{}", printed(&urgent.stderr));
    assert!(amy.ok(&["outbox"]).contains("to be sent"));
    amy.ok(&["sync"]);
    assert!(amy.ok(&["outbox"]).contains("Nothing waits"));
    cleo.ok(&["sync"]);
    assert!(cleo.ok(&["list", "incident"]).contains("failed_rescue"));
    assert!(!cleo.ok(&["list"]).contains("check_in"), "a check-in is its author's");

    // Two people disagree; one step settles it. An id may be cut short.
    amy.ok(&["edit", &fire[..8], "severity=3"]);
    cleo.ok(&["edit", &fire[..8], "severity=4"]);
    for phone in [&amy, &cleo, &amy] {
        phone.ok(&["sync"]);
    }
    let conflicts = amy.ok(&["conflicts"]);
    assert!(conflicts.contains("severity") && conflicts.contains(" | "), "{conflicts}");
    amy.ok(&["resolve", &fire[..8], "severity=4"]);
    amy.ok(&["sync"]);
    cleo.ok(&["sync"]);
    assert!(cleo.ok(&["conflicts"]).contains("Nothing is in conflict"));

    // A defusing with its note.
    let incident = format!("incident_id={fire}");
    let made = cleo.json(&["record", "intervention", "kind=defusing", &incident]);
    let defusing = made["record"].as_str().expect("an id").to_owned();
    cleo.ok(&["assign", &defusing, "amy"]);
    cleo.ok(&["sync"]);
    amy.ok(&["sync"]);
    amy.ok(&["write", &defusing, "exploration", "They began."]);
    amy.ok(&["write", &defusing, "exploration", " They ended."]);
    amy.ok(&["write", &defusing, "exploration", "--at", "0", "--delete", "4", "All"]);
    let shown = amy.ok(&["show", &defusing]);
    assert!(shown.contains("All began. They ended."), "{shown}");
    assert!(shown.contains("window: ideal"), "{shown}");
    amy.ok(&["sync"]);
    cleo.ok(&["sync"]);
    assert!(cleo.ok(&["show", &defusing]).contains("cannot be opened here"));

    // A task for a named member, after a contact; ids may be cut short, members named.
    amy.ok(&[
        "record",
        "peer_contact",
        "started_at=now",
        "duration_min=25",
        "mode=phone",
        "issues=grief",
        &format!("incident_id={}", &fire[..8]),
    ]);
    amy.ok(&[
        "record",
        "follow_up_task",
        "kind=call",
        "due_at=2026-12-01T10:00:00Z",
        "assignee=amy",
    ]);
    let tasks = amy.ok(&["list", "follow_up_task"]);
    assert!(tasks.contains("kind=call due_at=2026-12-01T10:00Z"), "{tasks}");
    assert!(tasks.lines().all(|line| line.chars().count() <= 80), "{tasks}");

    let shared = amy.json(&["list", "check_in"]);
    let check_in = shared[0]["record"].as_str().expect("an id").to_owned();
    amy.ok(&["share", &check_in, "--with", "Cleo"]);
    amy.ok(&["sync"]);
    cleo.ok(&["sync"]);
    let seen = cleo.ok(&["list", "check_in"]);
    assert!(seen.contains("zone=ill") && !seen.contains("quiet word"), "{seen}");
    assert!(amy.ok(&["alarms"]).contains("nothing to report"));
    assert!(amy.ok(&["drafts"]).contains("no drafts"));
    assert!(amy.ok(&["crisis"]).contains("112 or 911"));
    assert_eq!(amy.json(&["status"])["pending"], 0);
}

#[test]
fn wrong_input_gets_a_sentence_a_code_and_an_exit_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let phone = Terminal { data: folder.path().join("phone"), passphrase: "a long passphrase" };
    assert!(phone.refused(&["status"]).starts_with("error [not_set_up]: "));
    for relay in ["relay.example", "http://relay.example/path"] {
        assert!(phone.refused(&["create", "--relay", relay]).starts_with("error [bad_value]: "));
    }
    let bad_policy = ["create", "--relay", "http://127.0.0.1:1", "--policy", "k_min=2"];
    assert!(phone.refused(&bad_policy).contains("k_min: takes a whole number from 5 to 50"));
    let atlantis = ["create", "--relay", "http://127.0.0.1:1", "--policy", "jurisdiction=atlantis"];
    assert!(phone.refused(&atlantis).contains("neutral, us_mt"));
    assert!(!phone.data.join("vault.json").exists(), "nothing is half-made");

    let short = Terminal { data: phone.data.clone(), passphrase: "short" };
    assert!(short.refused(&["create", "--relay", "http://127.0.0.1:1"]).contains("too short"));
    phone.ok(&["create", "--relay", "http://127.0.0.1:1", "--role", "coordinator"]);
    assert!(
        phone
            .refused(&["create", "--relay", "http://127.0.0.1:1"])
            .starts_with("error [already_set_up]: ")
    );
    let stranger = Terminal { data: phone.data.clone(), passphrase: "another passphrase" };
    assert!(stranger.refused(&["status"]).starts_with("error [wrong_key]: "));

    assert!(phone.refused(&["sync"]).starts_with("error [network_down]: "));
    assert!(phone.refused(&["record", "poem", "a=b"]).starts_with("error [bad_value]: "));
    assert!(
        phone.refused(&["record", "incident", "severity=3"]).starts_with("error [missing_field]: ")
    );
    let unknown = phone.refused(&["record", "incident", "severty=3"]);
    assert!(
        unknown.starts_with("error [unknown_field]: ") && unknown.contains("severity"),
        "{unknown}"
    );
    assert!(phone.refused(&["show", "abcdef12"]).starts_with("error [no_such_record]: "));
    assert!(
        phone.refused(&["invite", "--member", "nobody"]).starts_with("error [no_such_member]: ")
    );
    assert!(phone.refused(&["join", "aftercall-join:nonsense"]).starts_with("error [bad_value]: "));
    assert_eq!(phone.run(&["dance"]).status.code(), Some(2));
    assert_eq!(phone.run(&["edit"]).status.code(), Some(2));
    assert!(phone.ok(&["list"]).contains("no records"), "a refused record leaves nothing");
}

#[test]
fn a_jurisdiction_brings_its_own_modes_and_the_team_its_own_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, how) in [("a", ["--profile", "us_mt"]), ("b", ["--policy", "jurisdiction=us_mt"])] {
        let phone = Terminal { data: folder.path().join(name), passphrase: "a long passphrase" };
        let mut create =
            vec!["create", "--relay", "http://127.0.0.1:1", "--role", "peer_supporter"];
        create.extend(how);
        let made = phone.ok(&create);
        assert!(made.contains("Policy (us_mt;"), "{made}");
        assert_eq!(made.matches("no notes at all").count(), 2, "{made}");
        assert!(made.contains("--policy 'crisis_numbers.LABEL=NUMBER'"), "{made}");
        let iv = phone.json(&["record", "intervention", "kind=defusing"]);
        let iv = iv["record"].as_str().expect("an id").to_owned();
        phone.ok(&[
            "assign",
            &iv,
            &phone.json(&["status"])["member"].as_str().expect("an id")[..8],
        ]);
        let refused = phone.refused(&["write", &iv, "exploration", "They began."]);
        assert!(refused.starts_with("error [policy_no_notes]: "), "{refused}");
    }
    let own = Terminal { data: folder.path().join("c"), passphrase: "a long passphrase" };
    let made = own.ok(&[
        "create",
        "--relay",
        "http://127.0.0.1:1",
        "--policy",
        "crisis_numbers.Suicide and Crisis Lifeline=988",
    ]);
    assert!(made.contains("Suicide and Crisis Lifeline: 988"), "{made}");
    assert!(!made.contains("112 or 911") && !made.contains("LABEL=NUMBER"), "{made}");
}

#[test]
fn now_is_unsure_until_a_relay_attested_the_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let phone = Terminal { data: folder.path().join("phone"), passphrase: "a long passphrase" };
    phone.ok(&["create", "--relay", "http://127.0.0.1:1", "--role", "coordinator"]);
    let quality = |fields: &[&str]| {
        let made = phone.json(&[&["record", "incident", "type=other"], fields].concat());
        let shown = phone.json(&["show", made["record"].as_str().expect("an id")]);
        shown["fields"]["time_quality"]["value"].clone()
    };
    assert_eq!(quality(&["occurred_end=now"]), "device_unsure");
    assert_eq!(quality(&["occurred_end=now", "time_quality=approximate"]), "approximate");
    assert_ne!(quality(&["occurred_end=2026-03-01T18:00:00Z"]), "device_unsure");
}

#[test]
fn a_lost_terminals_reading_is_restored_with_the_code_on_paper() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start(folder.path());
    let (cleo, amy) = two_phones(folder.path(), &relay);
    let made = amy.json(&[
        "record",
        "peer_contact",
        "duration_min=25",
        "mode=phone",
        "started_at=now",
        "issues=grief",
    ]);
    let contact = made["record"].as_str().expect("an id").to_owned();
    assert!(amy.ok(&["recovery", "status"]).contains("not set up"));
    let refused = amy.refused(&["recovery", "setup"]);
    assert!(refused.starts_with("error [bad_value]: "), "{refused}");
    let sheet = amy.json(&["recovery", "setup", "--code"]);
    let code = sheet["code"].as_str().expect("a code").to_owned();
    assert_eq!((code.len(), &sheet["waits"]), (77, &serde_json::Value::Bool(true)));
    assert!(amy.ok(&["recovery", "status"]).contains("waits for an admin"));
    cleo.ok(&["sync"]);
    assert!(cleo.ok(&["recovery", "asks"]).contains("Amy made a recovery key with a printed code"));
    assert!(cleo.ok(&["recovery", "approve", "Amy"]).contains("Approved; it counts"));
    amy.ok(&["sync"]);
    assert_eq!(amy.json(&["recovery", "status"])["state"], "set_up");
    assert!(amy.ok(&["status"]).contains("recovery  set up\n"), "and no reminder yet");
    let drilled = amy.typing(&["recovery", "drill"], &code.to_lowercase());
    assert!(printed(&drilled.stdout).contains("It would work"), "{}", printed(&drilled.stderr));
    let request = amy.json(&["recovery", "request"]);
    assert_eq!(request["fingerprint"], amy.json(&["fingerprint"])["fingerprint"]);
    let mistyped = amy.typing(&["recovery", "drill"], &code[2..]);
    let mistyped = printed(&mistyped.stderr);
    assert!(mistyped.contains("error [code_mistyped]: ") && mistyped.contains("13 groups"));

    // The old terminal is gone; what it wrote is at the relay, and on paper is the code.
    let link =
        cleo.json(&["invite", "--member", "Amy"])["link"].as_str().expect("a link").to_owned();
    std::fs::remove_dir_all(folder.path().join("amy")).expect("the terminal is lost");
    let new = Terminal { data: folder.path().join("new"), passphrase: "third long passphrase" };
    let wrong = new.typing(&["recovery", "use", &link], &code.replace(&code[..5], "00001"));
    assert!(printed(&wrong.stderr).contains("group 1"), "{}", printed(&wrong.stderr));
    assert!(!new.data.join("phone.db").exists(), "nothing was made");
    let asked = new.typing(&["recovery", "use", &link, "--wait", "0"], &code);
    assert!(printed(&asked.stderr).contains("error [unknown_device]: "));
    cleo.ok(&["sync"]);
    let restored = new.ok(&["recovery", "use"]);
    assert!(restored.contains("This phone is in the team"), "{restored}");
    let shown = new.ok(&["show", &contact]);
    assert!(shown.contains("grief"), "{shown}");
    assert!(
        new.ok(&["alarms"]).contains("recovery_used")
            && cleo.ok(&["alarms"]).contains("recovery_used")
    );
    assert_eq!(new.json(&["recovery", "status"])["state"], "spent");
    assert!(!cleo.ok(&["alarms", "--seen", "recovery_used"]).contains("recovery_used"));
    assert!(cleo.refused(&["alarms", "--seen", "nonsense"]).contains("[bad_value]"));
}

#[test]
fn a_lost_terminal_is_removed_and_what_it_brought_is_shown_and_released() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start(folder.path());
    let (cleo, amy) = two_phones(folder.path(), &relay);
    let device = amy.json(&["status"])["device"].as_str().expect("an id").to_owned();
    let fire = amy.json(&["record", "incident", "type=failed_rescue", "occurred_end=now"]);
    let fire = fire["record"].as_str().expect("an id").to_owned();
    assert!(cleo.ok(&["team", "set-aside"]).contains("Nothing came after a removal"));
    assert!(cleo.refused(&["team", "remove", "nobody"]).contains("[no_such_member]"));
    assert!(cleo.refused(&["team", "remove", "--device", "ffff"]).contains("[unknown_device]"));
    assert_eq!(cleo.run(&["team", "remove"]).status.code(), Some(2));
    assert!(amy.refused(&["team", "remove", "Cleo"]).contains("[not_allowed]"));
    cleo.ok(&["team", "remove", "--device", &device[..8]]);
    cleo.ok(&["sync"]);
    assert!(amy.refused(&["sync"]).contains("[device_removed]"));
    cleo.ok(&["sync"]);
    let shown = cleo.ok(&["team", "set-aside"]);
    assert!(shown.contains("incident") && shown.contains(&device[..8]), "{shown}");
    assert!(!cleo.ok(&["list"]).contains("failed_rescue"));
    let aside = cleo.json(&["team", "set-aside"]);
    let items = aside.as_array().expect("a list").iter();
    let items: Vec<&str> = items.map(|item| &item["item"].as_str().expect("an id")[..12]).collect();
    assert!(cleo.refused(&["team", "release", "0000"]).contains("[bad_value]"));
    cleo.ok(&[&["team", "release"], items.as_slice()].concat());
    cleo.ok(&["sync"]);
    assert!(cleo.ok(&["show", &fire]).contains("failed_rescue"));
    assert!(cleo.ok(&["team", "set-aside"]).contains("Nothing came after a removal"));
    // Nobody can vouch for another phone of hers: she is entered anew.
    assert!(cleo.refused(&["invite", "--member", "Amy"]).contains("[no_device_left]"));
    cleo.ok(&["team", "remove", "Amy"]);
    cleo.ok(&["sync"]);
    assert!(!cleo.ok(&["members"]).contains("peer_supporter"));
}

#[test]
fn a_terminal_asks_for_a_peer_sees_the_numbers_first_and_is_told_who_calls_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start(folder.path());
    let (cleo, amy) = two_phones(folder.path(), &relay);
    cleo.ok(&["record", "resource", "name=Night line", "kind=crisis_line", "phone=555 0142"]);
    let shift = ["record", "on_call_shift", "starts_at=now", "ends_at=2026-01-01T00:00:00Z"];
    assert!(amy.refused(&shift).contains("ends_at"), "a shift ends after it begins");
    for phone in [&cleo, &amy] {
        phone.ok(&["sync"]);
    }
    let resources = amy.ok(&["resources"]);
    assert!(resources.contains("phone: 555 0142") && resources.contains("STALE"), "{resources}");
    assert!(amy.ok(&["resources", "chaplain"]).contains("crisis numbers"), "none of that kind");
    assert!(amy.refused(&["resources", "cousin"]).contains("crisis_line"));
    assert!(amy.ok(&["on-call"]).contains("Nobody is on call"));

    let asked = cleo.run(&["ask", "now", "call_back=555 0188", "words=cannot sleep"]);
    assert!(printed(&asked.stderr).starts_with("If you or somebody else is in danger"));
    assert!(printed(&asked.stdout).contains("Recorded support_request"));
    assert!(cleo.refused(&["ask", "soon"]).contains("routine, today, now"));
    let own = cleo.ok(&["requests"]);
    assert!(own.contains("it waits on this phone; nobody has seen this yet"), "{own}");
    assert!(cleo.ok(&["outbox"]).contains("to be sent"));
    cleo.ok(&["sync"]);
    assert!(cleo.ok(&["requests"]).contains("delivered; nobody has seen this yet"));

    amy.ok(&["sync"]);
    let told = amy.ok(&["requests"]);
    assert!(told.contains("NOW Cleo asks") && told.contains("YOU ARE CALLED"), "{told}");
    let id = amy.json(&["requests"])[0]["record"].as_str().expect("an id").to_owned();
    let opened = amy.ok(&["request", &id[..8]]);
    assert!(opened.contains("cannot sleep") && opened.contains("seen by Amy"), "{opened}");
    amy.ok(&["sync"]);
    cleo.ok(&["sync"]);
    assert!(cleo.ok(&["requests"]).contains("seen by Amy; nobody calls back yet"));
    assert!(cleo.refused(&["request", &id, "take"]).contains("[not_allowed]"), "her own");
    let taken = amy.ok(&["request", &id, "take"]);
    assert!(taken.contains("Amy calls back") && taken.contains("555 0188"), "{taken}");
    amy.ok(&["sync"]);
    cleo.ok(&["sync"]);
    assert!(cleo.ok(&["requests"]).contains("Amy calls back"));
    assert!(cleo.ok(&["request", &id, "close"]).contains("closed"));
    let fire = amy.json(&["record", "incident", "type=other", "occurred_end=now"]);
    let fire = fire["record"].as_str().expect("an id").to_owned();
    assert!(amy.refused(&["request", &fire, "take"]).contains("[no_such_record]"));

    // What is only one's own.
    amy.ok(&["record", "check_in", "zone=reacting", "sleep_hours=5", "mood=4"]);
    let kept = amy.ok(&["record", "journal", "text=the weir again"]);
    assert!(kept.contains("It stays on this phone."), "{kept}");
    let trend = amy.ok(&["trend", "--weeks", "2"]);
    assert!(trend.contains("1 check-in: reacting (yellow) x1"), "{trend}");
    assert!(trend.contains("no check-in") && trend.contains("sleep: 5.0 h\n"), "{trend}");
    assert_eq!(amy.run(&["trend", "--weeks", "53"]).status.code(), Some(2));
}

#[test]
fn a_lost_terminal_is_wiped_by_order_says_so_and_is_enrolled_anew_in_the_same_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start(folder.path());
    let (cleo, amy) = two_phones(folder.path(), &relay);
    let device = amy.json(&["status"])["device"].as_str().expect("an id").to_owned();
    amy.ok(&["record", "incident", "type=failed_rescue", "occurred_end=now"]);
    assert!(cleo.refused(&["team", "wipe", &device[..8]]).contains("[unknown_device]"), "listed");
    assert!(amy.refused(&["team", "remove", "Cleo", "--wipe"]).contains("[not_allowed]"));
    cleo.ok(&["team", "remove", "--device", &device[..8]]);
    cleo.ok(&["sync"]);
    assert!(amy.refused(&["sync"]).contains("[device_removed]"));
    assert!(amy.ok(&["list"]).contains("failed_rescue"), "removed, and kept");
    assert!(cleo.ok(&["devices"]).contains("removed"));
    assert!(cleo.ok(&["team", "wipe", &device[..8]]).contains("when it next calls"));
    cleo.ok(&["sync"]);
    assert!(cleo.ok(&["devices"]).contains("not yet seen since 20"));

    let told = amy.refused(&["sync"]);
    assert!(
        told.contains("error [device_wiped]: This phone was wiped by order of your team on 20")
    );
    let files: Vec<String> = std::fs::read_dir(&amy.data)
        .expect("the folder")
        .map(|file| file.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(files, ["wiped.json"], "no vault, no database, no log");
    for verb in ["list", "status", "sync"] {
        assert!(amy.refused(&[verb]).contains("[device_wiped]"), "{verb}");
    }
    cleo.ok(&["sync"]);
    let shown = cleo.json(&["devices"]);
    let shown = shown.as_array().expect("a list").iter().find(|view| view["device"] == *device);
    assert!(shown.expect("it is shown")["wiped_on"].is_string());
    assert!(cleo.ok(&["team", "set-aside"]).contains("incident"), "handed over before");

    cleo.ok(&["team", "remove", "Amy"]);
    cleo.ok(&["sync"]);
    let new = ["invite", "--name", "Amy", "--role", "peer_supporter"];
    let link = cleo.json(&new)["link"].as_str().expect("a link").to_owned();
    amy.refused(&["join", &link, "--wait", "0"]);
    cleo.ok(&["sync"]);
    assert!(amy.ok(&["join"]).contains("This phone is in the team"));
    assert!(!amy.data.join("wiped.json").exists());
    assert_ne!(amy.json(&["status"])["device"], *device, "another device");
}
