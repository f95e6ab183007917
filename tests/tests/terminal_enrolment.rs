//! Terminals again: phones let in by a typed code, a printed batch, a second scan, and a member's own other phone.

use std::path::Path;

use serde_json::Value as Json;
use tests::terminal::{Relay, Terminal};

fn terminal(folder: &Path, name: &str) -> Terminal {
    Terminal { data: folder.join(name), passphrase: "a long enough passphrase" }
}

/// Asks once to be let in; nobody has answered yet.
fn asks(phone: &Terminal, arguments: &[&str]) {
    let join = [&["join", "--wait", "0"], arguments].concat();
    let told = phone.refused(&join);
    assert!(told.contains("[unknown_device]"), "{told}");
}

fn text<'a>(json: &'a Json, name: &str) -> &'a str {
    json[name].as_str().unwrap_or_else(|| panic!("{name} in {json}"))
}

/// A team of one admin, and terminals for others.
fn team(folder: &Path, relay: &Relay) -> Terminal {
    let cleo = terminal(folder, "cleo");
    let made =
        cleo.json(&["create", "--relay", &relay.url, "--name", "Cleo", "--role", "coordinator"]);
    relay.allow(text(&made, "team"));
    cleo.json(&["sync"]);
    cleo
}

#[test]
fn ten_characters_typed_on_another_terminal_let_a_phone_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start(folder.path());
    let (cleo, amy) = (team(folder.path(), &relay), terminal(folder.path(), "amy"));
    let shown = cleo.json(&["invite", "--name", "Amy", "--role", "peer_supporter", "--typed"]);
    assert_eq!(shown["relay_knows"], true);
    let code = text(&shown, "code");
    assert_eq!(code.len(), 12, "ABC-DEFG-HJK");
    assert!(amy.refused(&["join", code]).contains("--relay"));
    assert!(amy.refused(&["join", "ABC-DEF"]).contains("[bad_value]"));
    let wrong = format!("{}{}", &code[..11], if code.ends_with('0') { '1' } else { '0' });
    asks(&amy, &[&wrong, "--relay", &relay.url]);
    cleo.json(&["sync"]);
    assert!(amy.refused(&["join", "--wait", "0"]).contains("[code_wrong]"));
    let invites = cleo.json(&["invites"]);
    assert_eq!((text(&invites[0], "state"), invites[0]["tries"].as_u64()), ("unclaimed", Some(1)));
    asks(&amy, &[&code.to_lowercase()]);
    cleo.json(&["sync"]);
    asks(&amy, &[]);
    assert!(amy.refused(&["record", "check_in", "zone=ready"]).contains("[not_let_in]"));
    cleo.json(&["sync"]);
    assert_eq!(amy.json(&["join", "--wait", "0"])["enrolled"], true);
    assert_eq!(text(&cleo.json(&["invites"])[0], "state"), "claimed");
    let devices = cleo.json(&["devices"]);
    let new =
        devices.as_array().expect("a list").iter().find(|d| d["this"] == false).expect("amy's");
    assert_eq!((new["checked"].as_bool(), text(new, "class")), (Some(false), "native"));
    let own = amy.json(&["devices"]);
    let own = own.as_array().expect("a list").iter().find(|d| d["this"] == true).expect("its own");
    assert_eq!(own["device"], new["device"], "the same id on both terminals");
    cleo.json(&["check", &text(new, "device")[..8]]);
    let devices = cleo.json(&["devices"]);
    assert!(devices.as_array().expect("a list").iter().all(|d| d["checked"] == true));
    assert!(cleo.refused(&["check", "ffff"]).contains("[unknown_device]"));
}

#[test]
fn a_members_other_phone_a_printed_batch_and_a_reply_without_a_relay() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start(folder.path());
    let cleo = team(folder.path(), &relay);
    // Another phone of her own: she is an admin, so nobody else is needed.
    let own = terminal(folder.path(), "cleo-two");
    let link = cleo.json(&["invite", "--my-device"]);
    asks(&own, &[text(&link, "link")]);
    cleo.json(&["sync"]);
    assert_eq!(own.json(&["join", "--wait", "0"])["member"], cleo.json(&["status"])["member"]);
    let devices = cleo.json(&["devices"]);
    assert!(devices.as_array().expect("a list").iter().any(|d| d["further"] == true));
    // Two responders by printed links.
    let crew: Vec<String> = ["Eli", "Fay"]
        .iter()
        .map(|name| {
            let entered = cleo.json(&["invite", "--name", name]);
            text(&entered, "member").to_owned()
        })
        .collect();
    let printed = cleo.json(&["invite", "--batch", &crew[0], &crew[1]]);
    let sheets = printed["invitations"].as_array().expect("a list").clone();
    assert_eq!(sheets.len(), 2);
    let phones: Vec<Terminal> =
        ["eli", "fay"].iter().map(|name| terminal(folder.path(), name)).collect();
    for (phone, sheet) in phones.iter().zip(&sheets) {
        asks(phone, &[text(sheet, "link")]);
    }
    cleo.json(&["sync"]);
    for phone in &phones {
        assert_eq!(phone.json(&["join", "--wait", "0"])["enrolled"], true);
    }
    // A reply that goes by hand; the relay hears of it only when the admin's phone syncs.
    let entered = cleo.json(&["invite", "--name", "Gus"]);
    let gus = terminal(folder.path(), "gus");
    asks(&gus, &[text(&entered, "link")]);
    let reply = gus.json(&["reply"]);
    let accepted = cleo.json(&["accept", text(&reply, "reply")]);
    assert_eq!(accepted["relay_knows"], true);
    assert!(cleo.refused(&["accept", text(&reply, "reply")]).contains("[invite_unknown]"));
    assert_eq!(gus.json(&["join", "--wait", "0"])["enrolled"], true);
    assert!(cleo.refused(&["invite", "--member", &crew[0]]).contains("[further_device]"));
}
