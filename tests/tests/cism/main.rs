//! An incident on terminal phones, as a team works it; and on three phones at once.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod after;
mod clock;
mod staffing;
mod three_people;
mod ticks;

use std::path::Path;

use tests::terminal::Terminal;

/// A coordinator's phone that makes its team; it never reaches a relay.
fn alone(folder: &Path) -> Terminal {
    let cleo = Terminal { data: folder.join("cleo"), passphrase: "first long passphrase" };
    let relay = "http://127.0.0.1:9";
    cleo.ok(&["create", "--relay", relay, "--name", "Cleo", "--role", "coordinator"]);
    cleo
}

/// The id of what a verb recorded.
fn recorded(phone: &Terminal, arguments: &[&str]) -> String {
    phone.json(arguments)["record"].as_str().expect("an id").to_owned()
}
