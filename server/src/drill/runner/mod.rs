//! Plays an exercise: starts a real relay and one real process per device, and does what the file says.
//!
//! It holds no key and opens no database: whatever it knows it was told by the processes, over HTTP pages, or
//! reads in the relay's files as an operator could.

mod console;
mod devices;
mod expect;
mod faults;
mod outcome;
mod records;
mod recover;
mod relay;
mod report;
mod setup;
mod show;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use sync_core::protocol::Timestamp;

use super::protocol::PhoneCommand;
use super::proxy::Answers;
use super::script::{Exercise, Step, Verb};

use devices::Device;
pub use outcome::{Failed, Played};
use relay::Relay;
pub use report::{Report, StepReport};
pub use show::Showing;

/// The true time when an exercise begins, unless it sets another.
const BEGIN: &str = "2026-03-01T08:00:00Z";

/// How to play.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Makes ids repeat.
    pub seed: Option<u64>,
    /// Where to keep the folders; a temporary place if not given.
    pub keep: Option<PathBuf>,
}

/// A member of the file.
struct Member {
    id: String,
    roles: Vec<String>,
}

/// A record of the file: where it was made and the copies made for others.
struct Record {
    kind: String,
    id: String,
    /// Copies by member handle.
    copies: BTreeMap<String, String>,
}

/// Everything that is running.
pub struct World {
    program: PathBuf,
    seed: Option<u64>,
    folder: PathBuf,
    _temporary: Option<tempfile::TempDir>,
    now: Timestamp,
    relay: Relay,
    upstream: Arc<Mutex<SocketAddr>>,
    answers: Answers,
    team: Option<String>,
    members: BTreeMap<String, Member>,
    devices: Vec<Device>,
    records: BTreeMap<String, Record>,
    /// What became of the last step with `try`: the code it was refused with.
    tried: Option<Result<(), String>>,
    /// Crash points that can no longer be reached, with the lines that armed them.
    missed: Vec<devices::Armed>,
    /// A malicious operator waits for the next device.
    swap_keys: bool,
    /// The relay keeps two directories.
    forked: bool,
    /// What members who will lose their phones set up before, and what they keep of it on paper.
    recoveries: recover::Recoveries,
    /// What the assigned answer once their phone has the intervention.
    declaring: Vec<records::Declaring>,
}

/// Plays a whole exercise; `progress` hears of every step. The world is handed back as it then stands.
///
/// # Errors
/// A sentence if the machinery itself failed to start.
pub fn play(
    exercise: &Exercise,
    options: &Options,
    progress: &mut dyn FnMut(&StepReport),
) -> Result<(Report, World), String> {
    let mut world = World::begin(options)?;
    world.recoveries = recover::Recoveries::of(&exercise.steps);
    let mut report = Report::default();
    for step in &exercise.steps {
        let (started, before) = (Instant::now(), world.traffic());
        let outcome = world.play_step(step);
        let mut told = StepReport::new(&exercise.file, step, started.elapsed(), outcome);
        told.traffic = world.traffic().since(before);
        report.count(&told);
        progress(&told);
    }
    for (line, point) in world.unreached() {
        let told = StepReport::unreached(&exercise.file, line, &point);
        report.count(&told);
        progress(&told);
    }
    Ok((report, world))
}

impl World {
    fn begin(options: &Options) -> Result<Self, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let (folder, temporary) = match &options.keep {
            Some(folder) => (folder.clone(), None),
            None => {
                let temporary = tempfile::Builder::new()
                    .prefix("aftercall-exercise-")
                    .tempdir()
                    .map_err(|error| text(&error))?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        if folder.join("relay").exists() {
            return Err(format!("{} already holds an exercise; choose another", folder.display()));
        }
        std::fs::create_dir_all(&folder).map_err(|error| text(&error))?;
        let program = std::env::current_exe().map_err(|error| text(&error))?;
        let now = Timestamp::parse(BEGIN).map_err(|error| text(&error))?;
        let answers = Answers::new(folder.join("answers")).map_err(|error| text(&error))?;
        let relay = Relay::start(&program, &folder, now).map_err(|error| text(&error))?;
        Ok(Self {
            upstream: Arc::new(Mutex::new(relay.address())),
            program,
            seed: options.seed,
            folder,
            _temporary: temporary,
            now,
            relay,
            answers,
            team: None,
            members: BTreeMap::new(),
            devices: Vec::new(),
            records: BTreeMap::new(),
            tried: None,
            missed: Vec::new(),
            swap_keys: false,
            forked: false,
            recoveries: recover::Recoveries::default(),
            declaring: Vec::new(),
        })
    }

    fn play_step(&mut self, step: &Step) -> Played {
        if !step.attempt {
            return self.perform(step);
        }
        self.tried = None;
        let before = self.footprint(&step.verb)?;
        match self.perform(step) {
            Err(Failed::Refused { code, .. }) => {
                self.tried = Some(Err(code));
                let after = self.footprint(&step.verb)?;
                if before == after {
                    Ok(())
                } else {
                    Err(Failed::unmet(
                        "nothing half-done",
                        "something left behind by the refused step",
                    ))
                }
            }
            Ok(()) => {
                self.tried = Some(Ok(()));
                Ok(())
            }
            Err(other) => Err(other),
        }
    }

    fn perform(&mut self, step: &Step) -> Played {
        match &step.verb {
            Verb::Team(team) => self.make_team(team),
            Verb::Member(member) => self.enter_member(member),
            Verb::Device(device) => self.enrol_device(device),
            Verb::Time(time) => self.set_time(&time.at),
            Verb::Wait(wait) => self.pass(self.now.plus_minutes(wait.minutes)),
            Verb::Clock(clock) => self.set_clock(clock),
            Verb::Offline(on) => self.set_offline(&on.device, true),
            Verb::Online(on) => self.set_offline(&on.device, false),
            Verb::Sync(on) if on.device == "*" => self.sync_all(),
            Verb::Sync(on) => self.sync(&on.device).map(|_| ()),
            Verb::Restart(on) => self.restart(&on.device),
            Verb::Kill(kill) => self.arm(&kill.device, &kill.point, step.line),
            Verb::Drop(lose) => self.plan_drop(lose),
            Verb::Repeat(on) => self.plan(&on.device, super::proxy::Fault::Repeat),
            Verb::Reorder(on) => self.plan(&on.device, super::proxy::Fault::Reorder),
            Verb::Lock(on) => self.guard(&on.device, PhoneCommand::Lock),
            Verb::Unlock(on) => self.guard(&on.device, PhoneCommand::Unlock),
            Verb::Panic(on) => self.guard(&on.device, PhoneCommand::Panic),
            Verb::Relay(op) => self.relay_step(op, step.line),
            Verb::Tamper(tamper) => self.tamper(tamper),
            Verb::Meet(meet) => self.meet(&meet.a, &meet.b),
            Verb::PushRaw { device, case, record } => {
                self.push_raw(device, case, record.as_deref())
            }
            Verb::Record(record) => self.record(record),
            Verb::Edit(edit) => self.edit(edit),
            Verb::Write(write) => self.write(write),
            Verb::Assign(assign) => self.assign(assign),
            Verb::ConfirmSame(step) => self.confirm_same(step),
            Verb::Share(share) => self.share(share),
            Verb::Answer(answer) => self.answer(answer),
            Verb::Rotate(rotate) => self.rotate(rotate),
            Verb::Revoke(revoke) => self.revoke(revoke),
            Verb::Purge(on) => self.purge(on),
            Verb::Hold(on) => self.hold(on),
            Verb::Recover(recover) => self.recover(recover),
            Verb::Escrow(escrow) => self.escrow(escrow),
            Verb::Expect(expect) => self.expect(expect),
            Verb::ExpectConflict(expect) => self.expect_conflict(expect),
            Verb::ExpectNoConflict(on) => self.expect_no_conflict(on),
            Verb::ExpectUnreadable(on) => self.expect_unreadable(on),
            Verb::ExpectAbsent(on) => self.expect_absent(on),
            Verb::ExpectRefused(expect) => self.expect_refused(&expect.code),
            Verb::ExpectPending(expect) => self.expect_pending(expect),
            Verb::ExpectFirst(on) => self.expect_first(on),
            Verb::ExpectSame(expect) => self.expect_same(expect.devices.all()),
            Verb::ExpectRelayNever(expect) => self.expect_relay_never(expect),
            Verb::ExpectConsole(expect) => self.expect_console(expect),
            Verb::ExpectWindow(expect) => self.expect_window(expect),
            Verb::ExpectQuarantine(expect) => self.expect_quarantine(expect),
            Verb::ExpectAlarm(expect) => self.expect_alarm(expect),
            Verb::ExpectShown(expect) => self.expect_shown(expect),
            Verb::ExpectRequest(expect) => self.expect_request(expect),
        }
    }
}
