//! Terminals again: phones let in by a typed code, a printed batch, a second scan, and a member's own other phone.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value as Json;
use tests::program::{printed, program};

/// A relay that ends with the test.
struct Relay {
    child: Child,
    data: PathBuf,
    url: String,
}

impl Relay {
    fn start(folder: &Path) -> Self {
        let data = folder.join("relay");
        let mut child = Command::new(program())
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(&data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the relay starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("is piped");
        BufReader::new(stdout).read_line(&mut line).expect("says where it is");
        let url = line.split_whitespace().find(|word| word.starts_with("http://"));
        let url = url.expect("an address").trim_end_matches('.').to_owned();
        Self { child, data, url }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A phone on a terminal.
struct Terminal(PathBuf);

impl Terminal {
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(program());
        command.arg("phone").arg("--data").arg(&self.0).arg("--json").args(arguments);
        command.env("AFTERCALL_PASSPHRASE", "a long enough passphrase");
        command.output().expect("the program starts")
    }

    fn ok(&self, arguments: &[&str]) -> Json {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", printed(&output.stderr));
        serde_json::from_str(&printed(&output.stdout)).expect("JSON")
    }

    /// The sentence it was refused with.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", printed(&output.stdout));
        printed(&output.stderr)
    }

    /// Asks once to be let in; nobody has answered yet.
    fn asks(&self, arguments: &[&str]) {
        let join = [&["join", "--wait", "0"], arguments].concat();
        let told = self.refused(&join);
        assert!(told.contains("[unknown_device]"), "{told}");
    }
}

fn text<'a>(json: &'a Json, name: &str) -> &'a str {
    json[name].as_str().unwrap_or_else(|| panic!("{name} in {json}"))
}

/// A team of one admin, and terminals for others.
fn team(folder: &Path, relay: &Relay) -> Terminal {
    let cleo = Terminal(folder.join("cleo"));
    let made =
        cleo.ok(&["create", "--relay", &relay.url, "--name", "Cleo", "--role", "coordinator"]);
    let allowed = Command::new(program())
        .args(["admin", "--data"])
        .arg(&relay.data)
        .args(["allow-team", text(&made, "team")])
        .output()
        .expect("the program starts");
    assert!(allowed.status.success(), "{}", printed(&allowed.stderr));
    cleo.ok(&["sync"]);
    cleo
}

#[test]
fn ten_characters_typed_on_another_terminal_let_a_phone_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start(folder.path());
    let (cleo, amy) = (team(folder.path(), &relay), Terminal(folder.path().join("amy")));
    let shown = cleo.ok(&["invite", "--name", "Amy", "--role", "peer_supporter", "--typed"]);
    assert_eq!(shown["relay_knows"], true);
    let code = text(&shown, "code");
    assert_eq!(code.len(), 12, "ABC-DEFG-HJK");
    assert!(amy.refused(&["join", code]).contains("--relay"));
    assert!(amy.refused(&["join", "ABC-DEF"]).contains("[bad_value]"));
    let wrong = format!("{}{}", &code[..11], if code.ends_with('0') { '1' } else { '0' });
    amy.asks(&[&wrong, "--relay", &relay.url]);
    cleo.ok(&["sync"]);
    assert!(amy.refused(&["join", "--wait", "0"]).contains("[code_wrong]"));
    let invites = cleo.ok(&["invites"]);
    assert_eq!((text(&invites[0], "state"), invites[0]["tries"].as_u64()), ("unclaimed", Some(1)));
    amy.asks(&[&code.to_lowercase()]);
    cleo.ok(&["sync"]);
    amy.asks(&[]);
    assert!(amy.refused(&["record", "check_in", "zone=ready"]).contains("[not_let_in]"));
    cleo.ok(&["sync"]);
    assert_eq!(amy.ok(&["join", "--wait", "0"])["enrolled"], true);
    assert_eq!(text(&cleo.ok(&["invites"])[0], "state"), "claimed");
    let devices = cleo.ok(&["devices"]);
    let new =
        devices.as_array().expect("a list").iter().find(|d| d["this"] == false).expect("amy's");
    assert_eq!((new["checked"].as_bool(), text(new, "class")), (Some(false), "native"));
    let own = amy.ok(&["devices"]);
    let own = own.as_array().expect("a list").iter().find(|d| d["this"] == true).expect("its own");
    assert_eq!(own["device"], new["device"], "the same id on both terminals");
    cleo.ok(&["check", &text(new, "device")[..8]]);
    let devices = cleo.ok(&["devices"]);
    assert!(devices.as_array().expect("a list").iter().all(|d| d["checked"] == true));
    assert!(cleo.refused(&["check", "ffff"]).contains("[unknown_device]"));
}

#[test]
fn a_members_other_phone_a_printed_batch_and_a_reply_without_a_relay() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start(folder.path());
    let cleo = team(folder.path(), &relay);
    // Another phone of her own: she is an admin, so nobody else is needed.
    let own = Terminal(folder.path().join("cleo-two"));
    let link = cleo.ok(&["invite", "--my-device"]);
    own.asks(&[text(&link, "link")]);
    cleo.ok(&["sync"]);
    assert_eq!(own.ok(&["join", "--wait", "0"])["member"], cleo.ok(&["status"])["member"]);
    let devices = cleo.ok(&["devices"]);
    assert!(devices.as_array().expect("a list").iter().any(|d| d["further"] == true));
    // Two responders by printed links.
    let crew: Vec<String> = ["Eli", "Fay"]
        .iter()
        .map(|name| {
            let entered = cleo.ok(&["invite", "--name", name]);
            text(&entered, "member").to_owned()
        })
        .collect();
    let printed = cleo.ok(&["invite", "--batch", &crew[0], &crew[1]]);
    let sheets = printed["invitations"].as_array().expect("a list").clone();
    assert_eq!(sheets.len(), 2);
    let phones: Vec<Terminal> =
        ["eli", "fay"].iter().map(|name| Terminal(folder.path().join(name))).collect();
    for (phone, sheet) in phones.iter().zip(&sheets) {
        phone.asks(&[text(sheet, "link")]);
    }
    cleo.ok(&["sync"]);
    for phone in &phones {
        assert_eq!(phone.ok(&["join", "--wait", "0"])["enrolled"], true);
    }
    // A reply that goes by hand; the relay hears of it only when the admin's phone syncs.
    let entered = cleo.ok(&["invite", "--name", "Gus"]);
    let gus = Terminal(folder.path().join("gus"));
    gus.asks(&[text(&entered, "link")]);
    let reply = gus.ok(&["reply"]);
    let accepted = cleo.ok(&["accept", text(&reply, "reply")]);
    assert_eq!(accepted["relay_knows"], true);
    assert!(cleo.refused(&["accept", text(&reply, "reply")]).contains("[invite_unknown]"));
    assert_eq!(gus.ok(&["join", "--wait", "0"])["enrolled"], true);
    assert!(cleo.refused(&["invite", "--member", &crew[0]]).contains("[further_device]"));
}
