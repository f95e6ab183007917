//! Watching phones on terminals: a real relay, real phones, and what one shows of the other without being asked.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tests::program::printed;
use tests::terminal::{Relay, Terminal};

/// Long enough for whatever is coming on a busy machine.
const COMING: Duration = Duration::from_secs(60);

/// A phone that watches, and the lines it has said.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

fn lines_of(stdout: ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

impl Watching {
    /// Begins, syncing without a hint only once a day, and waits until the stream is open.
    fn begin(phone: &Terminal) -> Self {
        let mut child = phone
            .command(&["watch", "--every", "86400"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let lines = lines_of(child.stdout.take().expect("is piped"));
        let watching = Self { child, lines };
        watching.until("Watching");
        watching
    }

    /// The first line with these words; every line before it is passed over.
    fn until(&self, words: &str) -> String {
        let mut said = Vec::new();
        loop {
            let line = self.lines.recv_timeout(COMING);
            let line = line.unwrap_or_else(|_| panic!("no `{words}` in {said:#?}"));
            if line.contains(words) {
                return line;
            }
            said.push(line);
        }
    }

    /// Waits for its end: the status and what it said on standard error.
    fn ended(mut self) -> (Option<i32>, String) {
        while self.lines.recv_timeout(COMING).is_ok() {}
        let mut said = String::new();
        let stderr = self.child.stderr.take().expect("is piped");
        std::io::Read::read_to_string(&mut BufReader::new(stderr), &mut said).expect("reads");
        (self.child.wait().expect("ends").code(), said)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An admin's phone and a peer supporter's.
fn two_phones(folder: &Path, relay: &Relay) -> (Terminal, Terminal) {
    let cleo = Terminal { data: folder.join("cleo"), passphrase: "first long passphrase" };
    let amy = Terminal { data: folder.join("amy"), passphrase: "second long passphrase" };
    let made =
        cleo.json(&["create", "--relay", &relay.url, "--name", "Cleo", "--role", "coordinator"]);
    relay.allow(made["team"].as_str().expect("a number"));
    cleo.ok(&["sync"]);
    let invited = cleo.json(&["invite", "--name", "Amy", "--role", "peer_supporter"]);
    let link = invited["link"].as_str().expect("a link").to_owned();
    std::thread::scope(|scope| {
        let joining = scope.spawn(|| amy.typing(&["join", "-"], &link));
        while !joining.is_finished() {
            cleo.ok(&["sync"]);
        }
        let joined = joining.join().expect("ends");
        assert!(joined.status.success(), "{}", printed(&joined.stderr));
    });
    cleo.ok(&["sync"]);
    (cleo, amy)
}

#[test]
fn an_edit_on_one_phone_is_shown_by_the_others_watch_without_asking() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start(folder.path());
    let (cleo, amy) = two_phones(folder.path(), &relay);
    let watching = Watching::begin(&cleo);
    let fire =
        amy.json(&["record", "incident", "type=failed_rescue", "occurred_end=now", "severity=2"]);
    let fire = fire["record"].as_str().expect("an id").to_owned();
    amy.ok(&["sync"]);
    let new = watching.until("New incident");
    assert!(new.contains(&fire[..8]) && new.contains("failed_rescue"), "{new}");
    amy.ok(&["edit", &fire[..8], "severity=5"]);
    amy.ok(&["sync"]);
    let changed = watching.until("Changed incident");
    assert!(changed.contains("severity=5"), "{changed}");
    amy.ok(&["purge", &fire[..8]]);
    amy.ok(&["sync"]);
    watching.until(&format!("Erased incident {}", &fire[..8]));
}

#[test]
fn a_watch_ends_with_the_removal_of_its_phone_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start(folder.path());
    let (cleo, amy) = two_phones(folder.path(), &relay);
    let watching = Watching::begin(&amy);
    cleo.ok(&["team", "remove", "amy"]);
    cleo.ok(&["sync"]);
    let (status, said) = watching.ended();
    assert_eq!(status, Some(1));
    assert!(said.starts_with("error [device_removed]: "), "{said}");
}

#[test]
fn a_watch_goes_on_when_its_relay_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start(folder.path());
    let (cleo, amy) = two_phones(folder.path(), &relay);
    let watching = Watching::begin(&cleo);
    let relay = relay.restart();
    watching.until("cannot be reached");
    watching.until("Watching");
    amy.ok(&["record", "incident", "type=lodd", "occurred_end=now"]);
    amy.ok(&["sync"]);
    let new = watching.until("New incident");
    assert!(new.contains("lodd"), "{new}");
    drop(relay);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_watch_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start(folder.path());
    let (cleo, _) = two_phones(folder.path(), &relay);
    let watching = Watching::begin(&cleo);
    let id = watching.child.id().to_string();
    let sent = std::process::Command::new("kill").args(["-INT", &id]).status().expect("runs");
    assert!(sent.success());
    watching.until("Stopped watching.");
    assert_eq!(watching.ended(), (Some(0), String::new()));
}
