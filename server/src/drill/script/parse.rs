//! Reading a step's verb with its arguments, and the names of verbs that later releases have.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use super::raw;
use super::verbs::{RelayOp, RelayStep, Tamper, TamperStep, Verb};

const LATER: &[&str] = &["clone", "bundle", "escalate", "hand_over", "expect_statistic"];

pub(super) fn arguments<T: DeserializeOwned>(object: Map<String, Json>) -> Result<T, String> {
    serde_json::from_value(Json::Object(object)).map_err(|error| error.to_string())
}

impl Verb {
    /// Reads a verb's arguments.
    pub fn parse(name: &str, object: Map<String, Json>) -> Result<Self, String> {
        Ok(match name {
            "team" => Self::Team(arguments(object)?),
            "member" => Self::Member(arguments(object)?),
            "device" => Self::Device(arguments(object)?),
            "time" => Self::Time(arguments(object)?),
            "wait" => Self::Wait(arguments(object)?),
            "clock" => Self::Clock(arguments(object)?),
            "offline" => Self::Offline(arguments(object)?),
            "online" => Self::Online(arguments(object)?),
            "sync" => Self::Sync(arguments(object)?),
            "restart" => Self::Restart(arguments(object)?),
            "kill" => Self::Kill(arguments(object)?),
            "drop" => Self::Drop(arguments(object)?),
            "repeat" => Self::Repeat(arguments(object)?),
            "reorder" => Self::Reorder(arguments(object)?),
            "relay" => Self::Relay(relay(arguments(object)?)?),
            "tamper" => Self::Tamper(tamper(arguments(object)?)?),
            "lock" => Self::Lock(arguments(object)?),
            "unlock" => Self::Unlock(arguments(object)?),
            "panic" => Self::Panic(arguments(object)?),
            "meet" => Self::Meet(arguments(object)?),
            "push_raw" => raw::push_raw(arguments(object)?)?,
            "record" => Self::Record(arguments(object)?),
            "edit" => Self::Edit(arguments(object)?),
            "write" => Self::Write(arguments(object)?),
            "assign" => Self::Assign(arguments(object)?),
            "confirm_same" => Self::ConfirmSame(arguments(object)?),
            "answer" => Self::Answer(arguments(object)?),
            "share" => Self::Share(arguments(object)?),
            "rotate" => Self::Rotate(arguments(object)?),
            "revoke" => Self::Revoke(arguments(object)?),
            "purge" => Self::Purge(arguments(object)?),
            "hold" => Self::Hold(arguments(object)?),
            "recover" => Self::Recover(arguments(object)?),
            "escrow" => Self::Escrow(arguments(object)?),
            "expect" => Self::Expect(arguments(object)?),
            "expect_conflict" => Self::ExpectConflict(arguments(object)?),
            "expect_no_conflict" => Self::ExpectNoConflict(arguments(object)?),
            "expect_unreadable" => Self::ExpectUnreadable(arguments(object)?),
            "expect_absent" => Self::ExpectAbsent(arguments(object)?),
            "expect_refused" => Self::ExpectRefused(arguments(object)?),
            "expect_pending" => Self::ExpectPending(arguments(object)?),
            "expect_first" => Self::ExpectFirst(arguments(object)?),
            "expect_same" => Self::ExpectSame(arguments(object)?),
            "expect_relay_never" => Self::ExpectRelayNever(arguments(object)?),
            "expect_console" => Self::ExpectConsole(arguments(object)?),
            "expect_window" => Self::ExpectWindow(arguments(object)?),
            "expect_quarantine" => Self::ExpectQuarantine(arguments(object)?),
            "expect_alarm" => Self::ExpectAlarm(arguments(object)?),
            "expect_request" => Self::ExpectRequest(arguments(object)?),
            "expect_shown" => Self::ExpectShown(arguments(object)?),
            later if LATER.contains(&later) => return Err(not_yet(later)),
            _ => return Err(format!("no verb is named {name}")),
        })
    }
}

/// The sentence for what a later release has.
pub(super) fn not_yet(what: &str) -> String {
    format!("{what} is not in this release")
}

fn relay(step: RelayStep) -> Result<RelayOp, String> {
    let step_point = step.point.clone();
    let name = step.name.clone().unwrap_or_else(|| "backup".into());
    let confirm = step.confirm.unwrap_or(true);
    if step.keys.is_some() && step.op != "restore" {
        return Err("\"keys\" belongs to restore".into());
    }
    let keys = step.keys.unwrap_or(true);
    match (step.op.as_str(), step.name, step.confirm, step.point) {
        ("backup", _, None, None) => return Ok(RelayOp::Backup(name)),
        ("restore", _, _, point) => return Ok(RelayOp::Restore { name, confirm, keys, point }),
        ("wipe", None, _, None) => return Ok(RelayOp::Wipe { confirm }),
        ("backup", ..) => return Err("backup takes \"as\" and nothing more".into()),
        ("wipe", ..) => return Err("wipe takes \"confirm\" and nothing more".into()),
        (_, Some(_), ..) => return Err("\"as\" belongs to backup and restore".into()),
        (_, _, Some(_), _) => return Err("\"confirm\" belongs to restore and wipe".into()),
        _ => {}
    }
    match (step.op.as_str(), step_point) {
        ("restart", None) => Ok(RelayOp::Restart),
        ("kill", None) => Ok(RelayOp::Kill),
        ("kill", Some(point)) => Ok(RelayOp::KillAt(point)),
        ("restart", Some(_)) => Err("\"point\" belongs to kill".into()),
        _ => Err("\"op\" is one of restart, kill, backup, restore, wipe".into()),
    }
}

fn tamper(step: TamperStep) -> Result<Tamper, String> {
    let TamperStep { what, record, part, to, from, member, entries, devices } = step;
    let given = [
        ("ref", record.is_some()),
        ("part", part.is_some()),
        ("to", to.is_some()),
        ("from", from.is_some()),
        ("member", member.is_some()),
        ("entries", entries.is_some()),
        ("devices", devices.is_some()),
    ];
    let given: Vec<&str> = given.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    let (takes, tamper): (&[&str], Option<Tamper>) = match what.as_str() {
        "flip_byte" => (
            &["ref", "part"],
            record.zip(part).map(|(record, part)| Tamper::FlipByte { record, part }),
        ),
        "move_envelope" => {
            (&["ref", "to"], record.zip(to).map(|(record, to)| Tamper::MoveEnvelope { record, to }))
        }
        "swap_enrolment_keys" => (&[], Some(Tamper::SwapEnrolmentKeys)),
        "relay_add_device" => (&["member"], member.map(|member| Tamper::RelayAddDevice { member })),
        "rollback_directory" => {
            (&["entries"], entries.map(|entries| Tamper::RollbackDirectory { entries }))
        }
        "fork_directory" => {
            (&["devices"], devices.map(|devices| Tamper::ForkDirectory { devices }))
        }
        "withhold" => {
            (&["to", "from"], from.zip(to).map(|(from, to)| Tamper::Withhold { from, to }))
        }
        _ => {
            return Err("\"what\" is one of flip_byte, move_envelope, relay_add_device, rollback_directory, fork_directory, swap_enrolment_keys, withhold".into());
        }
    };
    match tamper {
        Some(tamper) if given == takes => Ok(tamper),
        _ if takes.is_empty() => Err(format!("{what} takes nothing more")),
        _ => {
            let takes: Vec<String> = takes.iter().map(|name| format!("\"{name}\"")).collect();
            Err(format!("{what} takes {}", takes.join(" and ")))
        }
    }
}
