//! Checks that only the whole file can answer: handles exist, are of the right sort and stand once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use sync_core::drill::{HEALING_POINTS, PHONE_POINTS, RELAY_POINTS, WIPE_POINTS};
use sync_core::protocol::{Code, Timestamp};
use sync_core::records::{Role, session_text_key};

use super::parse::not_yet;
use super::*;

/// Codes that EXERCISE files may name and that belong to later releases.
const LATER_CODES: &[&str] = &["verdict_disputed"];

const REQUEST_STATES: [&str; 5] = ["queued", "delivered", "seen", "taken", "closed"];
const WINDOW_STATES: &[&str] = &["early", "ideal", "late", "missed", "n_a"];

#[derive(Default)]
struct Known {
    team: bool,
    members: BTreeSet<String>,
    devices: BTreeSet<String>,
    /// Record handles with their kind.
    records: BTreeMap<String, String>,
    /// Whether a step with `try` came already.
    tried: bool,
    /// Handles of steps with `try`: if that was refused, another step may take them.
    open: BTreeSet<String>,
    open_devices: BTreeSet<String>,
    /// Copies of the relay's data.
    backups: BTreeSet<String>,
}

type Outcome = Result<(), String>;

/// Checks every step in order; the line and reason of the first that is wrong.
pub(super) fn check(steps: &mut [Step]) -> Result<(), (usize, String)> {
    let mut known = Known::default();
    for step in steps {
        known.step(step).map_err(|reason| (step.line, reason))?;
    }
    Ok(())
}

fn code(name: &str) -> Outcome {
    if LATER_CODES.contains(&name) {
        Err(not_yet(&format!("the code {name}")))
    } else if Code::from_name(name).is_some() {
        Ok(())
    } else {
        Err(format!("no code is named {name}"))
    }
}

/// The role of this name.
pub fn role(name: &str) -> Result<Role, String> {
    Role::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        format!("no role is named {name}; there are {}", names.join(", "))
    })
}

impl Known {
    fn step(&mut self, step: &mut Step) -> Outcome {
        if !self.team && !matches!(step.verb, Verb::Team(_) | Verb::Time(_) | Verb::Wait(_)) {
            return Err("the first step but time is team".into());
        }
        self.tried |= step.attempt;
        self.known_step(step)?;
        let (handle, open) = match &step.verb {
            Verb::Member(member) => (&member.id, &mut self.open),
            Verb::Record(record) => (&record.name, &mut self.open),
            Verb::Device(device) => (&device.id, &mut self.open_devices),
            Verb::Recover(recover) => (&recover.name, &mut self.open_devices),
            _ => return Ok(()),
        };
        if step.attempt {
            open.insert(handle.clone());
        } else {
            open.remove(handle);
        }
        Ok(())
    }

    fn known_step(&mut self, step: &mut Step) -> Outcome {
        match &mut step.verb {
            Verb::Team(team) => self.team(team),
            Verb::Member(member) => self.member(member),
            Verb::Device(device) => self.new_device(device),
            Verb::Time(time) => {
                Timestamp::parse(&time.at).map(|_| ()).map_err(|error| error.to_string())
            }
            Verb::Wait(wait) if wait.minutes < 0 => Err("time does not run backwards".into()),
            Verb::Wait(_) => Ok(()),
            Verb::Clock(clock) => self.device(&clock.device),
            Verb::Offline(on) | Verb::Online(on) | Verb::Sync(on) => self.device_or_all(&on.device),
            Verb::Restart(on) | Verb::Repeat(on) | Verb::Reorder(on) => self.device(&on.device),
            Verb::Lock(on) | Verb::Unlock(on) | Verb::Panic(on) => self.device(&on.device),
            Verb::Kill(kill) => {
                self.device(&kill.device)?;
                point_of(&kill.point, PHONE_POINTS, "phone.")
            }
            Verb::Drop(lose) => self.device(&lose.device),
            Verb::Relay(RelayOp::KillAt(name)) => point_of(name, RELAY_POINTS, "relay."),
            Verb::Relay(RelayOp::Backup(name)) => {
                self.backups.insert(name.clone());
                Ok(())
            }
            Verb::Relay(RelayOp::Restore { name, point, .. }) => match point {
                _ if !self.backups.contains(name) => Err(format!("no backup is named {name} yet")),
                Some(at) => point_of(at, &[], "relay.restore."),
                None => Ok(()),
            },
            Verb::Relay(_) => Ok(()),
            Verb::Tamper(tamper) => self.tamper(tamper),
            Verb::Meet(meet) if meet.a == meet.b => Err("two phones meet".into()),
            Verb::Meet(meet) => self.device(&meet.a).and_then(|()| self.device(&meet.b)),
            Verb::PushRaw { device, case, record } => {
                self.push_raw(device, case, record.as_deref())
            }
            Verb::Record(record) => self.record(record),
            Verb::Edit(edit) => self.edit(edit),
            Verb::Write(write) => self.write(write),
            Verb::Assign(assign) => self.assign(assign),
            Verb::ConfirmSame(step) => {
                self.device(&step.device)?;
                self.intervention(&step.a)?;
                self.intervention(&step.b)
            }
            Verb::Share(share) => self.share(share),
            Verb::Answer(answer) => {
                self.device(&answer.device)?;
                self.request(&answer.record)
            }
            Verb::Rotate(rotate) => {
                self.device(&rotate.device)?;
                self.kind(&rotate.space_of).map(|_| ())
            }
            Verb::Revoke(revoke) => {
                self.device(&revoke.device)?;
                self.device(&revoke.by)
            }
            Verb::Purge(on) | Verb::Hold(on) => {
                self.device(&on.device)?;
                self.kind(&on.record).map(|_| ())
            }
            Verb::Recover(recover) => self.recover(recover),
            Verb::Escrow(escrow) => self.device(&escrow.device),
            _ => self.expectation(&mut step.verb),
        }
    }

    fn expectation(&self, verb: &mut Verb) -> Outcome {
        match verb {
            Verb::Expect(expect) => self.expect(expect),
            Verb::ExpectConflict(expect) => self.conflict(expect),
            Verb::ExpectNoConflict(on)
            | Verb::ExpectUnreadable(on)
            | Verb::ExpectAbsent(on)
            | Verb::ExpectFirst(on) => {
                self.device(&on.device).and_then(|()| self.kind(&on.record).map(|_| ()))
            }
            Verb::ExpectRefused(_) if !self.tried => {
                Err("expect_refused follows a step with \"try\": true".into())
            }
            Verb::ExpectRefused(expect) => code(&expect.code),
            Verb::ExpectPending(expect) => self.device(&expect.device),
            Verb::ExpectSame(expect) => match expect.devices.all() {
                [all] if all == "*" => Ok(()),
                [_] | [] => Err("\"devices\" names two or more, or is \"*\"".into()),
                devices => devices.iter().try_for_each(|device| self.device(device)),
            },
            Verb::ExpectRelayNever(expect) => {
                let texts = expect.text.all();
                let short = texts.is_empty() || texts.iter().any(|text| text.trim().len() < 4);
                if short { Err("\"text\" has at least four characters".into()) } else { Ok(()) }
            }
            Verb::ExpectConsole(expect) if expect.contains.is_none() && expect.not.is_none() => {
                Err("expect_console needs \"contains\" or \"not\"".into())
            }
            Verb::ExpectWindow(expect) => self.window(expect),
            Verb::ExpectQuarantine(expect) => {
                if expect.count.is_none() && expect.code.is_none() {
                    return Err("expect_quarantine needs \"count\" or \"code\"".into());
                }
                expect.device.iter().try_for_each(|device| self.device(device))?;
                expect.code.iter().try_for_each(|name| code(name))
            }
            Verb::ExpectAlarm(expect) => {
                self.device(&expect.device)?;
                code(&expect.code)
            }
            Verb::ExpectRequest(expect) => {
                self.device(&expect.device)?;
                let known =
                    expect.state.as_deref().is_none_or(|state| REQUEST_STATES.contains(&state));
                match (known, expect.state.is_some() || expect.called.is_some()) {
                    (false, _) => Err(format!("\"state\" is one of {}", REQUEST_STATES.join(", "))),
                    (_, false) => Err("expect_request needs \"state\" or \"called\"".into()),
                    _ => self.request(&expect.record),
                }
            }
            Verb::ExpectShown(expect) => {
                self.device(&expect.device)?;
                match (&expect.of, expect.what) {
                    (Some(of), Shown::Wiped | Shown::NotYetSeen) => self.device(of),
                    (Some(_), _) => Err("\"of\" belongs to wiped and not_yet_seen".into()),
                    (None, Shown::NotYetSeen) => Err("not_yet_seen is said \"of\" a device".into()),
                    (None, _) => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// A name for a member or a record. Devices have names of their own: one may be called as its member.
    fn new_handle(&self, name: &str) -> Outcome {
        is_name(name)?;
        let taken = self.members.contains(name) || self.records.contains_key(name);
        if taken && !self.open.contains(name) {
            return Err(format!("the handle {name} is taken"));
        }
        Ok(())
    }

    fn team(&mut self, team: &mut Team) -> Outcome {
        if std::mem::replace(&mut self.team, true) {
            return Err("a file has one team".into());
        }
        is_name(&team.id)?;
        policy::profile_of(&team.policy)?;
        for name in ["admin1", "admin2"] {
            self.members.insert(name.into());
            self.devices.insert(name.into());
        }
        Ok(())
    }

    fn member(&mut self, member: &NewMember) -> Outcome {
        self.new_handle(&member.id)?;
        member.roles.iter().try_for_each(|name| role(name).map(|_| ()))?;
        trainings::read(&member.trainings)?;
        self.records.remove(&member.id);
        self.members.insert(member.id.clone());
        Ok(())
    }

    fn new_device(&mut self, device: &NewDevice) -> Outcome {
        is_name(&device.id)?;
        self.is_member(&device.member)?;
        let is_new = self.devices.insert(device.id.clone());
        if !is_new && !self.open_devices.contains(&device.id) {
            return Err(format!("the handle {} is taken", device.id));
        }
        Ok(())
    }

    fn recover(&mut self, step: &Recover) -> Outcome {
        is_name(&step.name)?;
        self.is_member(&step.member)?;
        for holder in step.holders.iter().flatten().chain(&step.wrong) {
            self.is_member(holder)?;
        }
        let by_shares = step.with == RecoverWith::Shares;
        if !by_shares && (step.holders.is_some() || step.wrong.is_some()) {
            return Err("only shares have holders".into());
        }
        let is_new = self.devices.insert(step.name.clone());
        if !is_new && !self.open_devices.contains(&step.name) {
            return Err(format!("the handle {} is taken", step.name));
        }
        Ok(())
    }

    fn is_member(&self, name: &str) -> Outcome {
        if self.members.contains(name) { Ok(()) } else { Err(format!("no member is named {name}")) }
    }

    fn device(&self, name: &str) -> Outcome {
        if self.devices.contains(name) { Ok(()) } else { Err(format!("no device is named {name}")) }
    }

    fn device_or_all(&self, name: &str) -> Outcome {
        if name == "*" { Ok(()) } else { self.device(name) }
    }

    fn kind(&self, handle: &str) -> Result<&str, String> {
        let kind =
            self.records.get(handle).ok_or_else(|| format!("no record is named {handle}"))?;
        Ok(kind)
    }

    fn ids(&self, written: impl Iterator<Item = Written>) -> Outcome {
        for written in written {
            for handle in written.handles() {
                if !self.members.contains(handle) && !self.records.contains_key(handle) {
                    return Err(format!("{handle} is neither a member nor a record made before"));
                }
            }
        }
        Ok(())
    }

    fn record(&mut self, step: &mut Record) -> Outcome {
        self.device(&step.device)?;
        self.new_handle(&step.name)?;
        step.typed.take(&step.record, &step.fields, &step.sealed)?;
        self.ids(step.typed.0.values().cloned())?;
        self.members.remove(&step.name);
        self.records.insert(step.name.clone(), step.record.clone());
        Ok(())
    }

    fn edit(&mut self, step: &mut Edit) -> Outcome {
        self.device(&step.device)?;
        let kind = self.kind(&step.record)?;
        step.typed.take(kind, &step.fields, &step.sealed)?;
        if step.typed.0.is_empty() {
            return Err("edit needs \"fields\" or \"sealed\"".into());
        }
        self.ids(step.typed.0.values().cloned())
    }

    fn intervention(&self, handle: &str) -> Outcome {
        match self.kind(handle)? {
            "intervention" => Ok(()),
            kind => Err(format!("{handle} is a record of kind {kind}, not an intervention")),
        }
    }

    fn request(&self, handle: &str) -> Outcome {
        match self.kind(handle)? {
            "support_request" => Ok(()),
            kind => Err(format!("{handle} is a record of kind {kind}, not a support_request")),
        }
    }

    fn write(&self, step: &Write) -> Outcome {
        self.device(&step.device)?;
        self.intervention(&step.record)?;
        if step.insert.is_some() == step.delete.is_some() {
            return Err("write takes either \"insert\" or \"delete\"".into());
        }
        phase(&step.phase)
    }

    fn assign(&self, step: &Assign) -> Outcome {
        self.device(&step.device)?;
        self.intervention(&step.record)?;
        for member in &step.members {
            self.is_member(member)?;
            declare::declared(step.declare.as_ref(), member)?;
        }
        let stranger = |named: &&str| step.members.iter().all(|member| member != named);
        match declare::named(step.declare.as_ref()).into_iter().find(stranger) {
            Some(named) => Err(format!("{named} is not assigned here")),
            None => Ok(()),
        }
    }

    fn share(&self, step: &Share) -> Outcome {
        self.device(&step.device)?;
        self.kind(&step.record)?;
        step.with.all().iter().try_for_each(|member| self.is_member(member))
    }

    fn tamper(&self, tamper: &Tamper) -> Outcome {
        match tamper {
            Tamper::FlipByte { record, .. } => self.kind(record).map(|_| ()),
            Tamper::MoveEnvelope { record, to } => {
                self.kind(record)?;
                self.kind(to).map(|_| ())
            }
            Tamper::SwapEnrolmentKeys => Ok(()),
            Tamper::RelayAddDevice { member } => self.is_member(member),
            Tamper::RollbackDirectory { entries: 0 } => Err("\"entries\" is one or more".into()),
            Tamper::RollbackDirectory { .. } => Ok(()),
            Tamper::ForkDirectory { devices } if devices.is_empty() => {
                Err("\"devices\" names one or more".into())
            }
            Tamper::ForkDirectory { devices } => {
                devices.iter().try_for_each(|device| self.device(device))
            }
            Tamper::Withhold { from, to } => self.device(from).and_then(|()| self.device(to)),
        }
    }

    fn push_raw(&self, device: &str, case: &RawCase, record: Option<&str>) -> Outcome {
        self.device(device)?;
        if let RawCase::Record { typed, .. } = case {
            if record.is_some() {
                return Err("\"ref\" belongs to a hostile change".into());
            }
            self.ids(typed.0.values().cloned())?;
        }
        if let RawCase::Note { record: of, phase: name, .. } = case {
            if record.is_some() {
                return Err("\"ref\" of a write stands in its \"case\"".into());
            }
            of.iter().try_for_each(|of| self.intervention(of))?;
            phase(name)?;
        }
        record.map_or(Ok(()), |record| self.kind(record).map(|_| ()))
    }

    fn expect(&self, step: &mut Expect) -> Outcome {
        self.device(&step.device)?;
        let kind = self.kind(&step.record)?;
        let text = step.text.is_some() || step.contains.is_some() || step.not.is_some();
        match &step.phase {
            Some(name) => {
                self.intervention(&step.record)?;
                phase(name)?;
                if !text || !step.fields.is_empty() || !step.sealed.is_empty() {
                    return Err("a phase takes \"text\", \"contains\" or \"not\"".into());
                }
            }
            None if text => {
                return Err("\"text\", \"contains\" and \"not\" need a \"phase\"".into());
            }
            None => {}
        }
        step.shown.take(kind, &step.fields, &step.sealed)?;
        if step.phase.is_none() && step.shown.0.is_empty() {
            return Err("expect needs \"fields\", \"sealed\" or a \"phase\"".into());
        }
        self.ids(step.shown.0.values().cloned())
    }

    fn conflict(&self, step: &mut ExpectConflict) -> Outcome {
        self.device(&step.device)?;
        let field = fields::shown_field(self.kind(&step.record)?, &step.field)?;
        step.field = field.name.to_owned();
        if step.values.len() < 2 {
            return Err("a conflict has two values or more".into());
        }
        step.shown =
            step.values.iter().map(|value| fields::read(field, value)).collect::<Result<_, _>>()?;
        self.ids(step.shown.iter().cloned())
    }

    fn window(&self, step: &ExpectWindow) -> Outcome {
        self.device(&step.device)?;
        if !WINDOW_STATES.contains(&step.state.as_str()) {
            return Err(format!("\"state\" is one of {}", WINDOW_STATES.join(", ")));
        }
        match (self.kind(&step.record)?, &step.intervention) {
            ("intervention", None) => Ok(()),
            ("incident", Some(name)) if self.records.contains_key(name) => self.intervention(name),
            ("incident", Some(name)) => intervention_kind(name),
            ("intervention", Some(_)) => {
                Err("\"intervention\" belongs to an incident's \"ref\"".into())
            }
            ("incident", None) => Err("an incident's window needs \"intervention\"".into()),
            (kind, _) => Err(format!("a record of kind {kind} has no window")),
        }
    }
}

fn is_name(name: &str) -> Outcome {
    if name.is_empty() || name == "*" { Err(format!("{name:?} is no handle")) } else { Ok(()) }
}

fn point(name: &str, points: &[&str]) -> Outcome {
    if points.contains(&name) {
        return Ok(());
    }
    Err(format!("no crash point is named {name} there; see `aftercall exercise --points`"))
}

/// A point of these, or one of healing or wiping that belongs to the same process.
fn point_of(name: &str, points: &[&str], process: &str) -> Outcome {
    let besides = [HEALING_POINTS, WIPE_POINTS].concat();
    if besides.contains(&name) && name.starts_with(process) { Ok(()) } else { point(name, points) }
}

fn phase(name: &str) -> Outcome {
    let kinds = ["defusing", "cisd", "one_on_one", "sfa", "trim_assessment"];
    let known = kinds.iter().any(|kind| session_text_key(kind, name).is_some());
    if known { Ok(()) } else { Err(format!("no phase is named {name}")) }
}

fn intervention_kind(name: &str) -> Outcome {
    let json = Json::String(name.to_owned());
    fields::read(fields::shown_field("intervention", "kind")?, &json).map(|_| ())
}
