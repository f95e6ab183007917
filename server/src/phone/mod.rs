//! The terminal phone: a whole phone on a command line, for trying the product and for places without an app.
//!
//! It holds its own encrypted database and passphrase vault in one folder and uses the same core as every
//! app. No secret stands in an argument: the passphrase comes from the environment or a prompt, and
//! invitations can be read from standard input. Called by `main`; exercises use [`refs`], [`look`] and
//! [`urgent`] so that what they show is what this phone shows.

mod after;
mod arguments;
mod cism;
mod clock;
mod enrol;
mod erase;
mod failure;
pub mod folder;
pub mod forms;
mod guard;
pub mod look;
mod output;
mod policy;
mod readers;
mod record;
mod recovery;
pub mod refs;
pub mod relay;
mod relay_look;
pub mod roster;
mod staffing;
pub mod support;
mod team;
mod team_changes;
mod trend;
mod uptime;
pub mod urgent;
mod watch;

use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use getrandom::SysRng;
use rand_core::UnwrapErr;
use sync_core::engine::{Env, Phone};
use sync_core::protocol::Timestamp;

pub use arguments::PhoneArgs;
use arguments::{RecoveryVerb, Verb};
pub use failure::Failure;
use folder::Presence;
use output::Output;

type Outcome = Result<Output, Failure>;

/// Runs one verb; 0, or 1 with one sentence on standard error.
pub fn run(args: &PhoneArgs) -> ExitCode {
    match verb(args) {
        Ok(output) => {
            output.print(args.json);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// This machine's clock.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp(since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
}

/// Hands the phone this machine's clock and randomness for one call.
fn with_env<T>(work: impl FnOnce(&mut Env<'_>) -> T) -> T {
    let mut rng = UnwrapErr(SysRng);
    work(&mut Env { now: now(), rng: &mut rng })
}

fn verb(args: &PhoneArgs) -> Outcome {
    match &args.verb {
        Verb::Create(create) => team::create(&args.data, create),
        Verb::Join(join) => enrol::join(&args.data, join),
        Verb::Recovery { verb: RecoveryVerb::Use(typed) } => recovery::restore(&args.data, typed),
        Verb::Lock => guard::lock(&args.data),
        Verb::Unlock => guard::unlock(&args.data),
        Verb::Panic { yes } => guard::panic(&args.data, *yes),
        verb => {
            let mut phone = folder::open(&args.data, presence(verb))?;
            // Whatever is typed: what has expired is gone before anything is shown.
            if phone.wiped().is_none() {
                phone.expire(uptime::now())?;
            }
            let outcome = match (phone.wiped(), verb) {
                (None, Verb::Watch { every }) => watch::watch(&mut phone, *every, args.json),
                (None, verb) => opened(verb, &mut phone),
                (Some(_), Verb::Sync) => relay::tell_wiped(&mut phone),
                (Some(state), _) => Err(folder::wiped(state)),
            };
            // What took long, as a sync may, counts.
            phone.observe_uptime(uptime::now())?;
            after_wipe(&args.data, phone, outcome)
        }
    }
}

/// What works without its person asks for nobody.
fn presence(verb: &Verb) -> Presence {
    match verb {
        Verb::Sync | Verb::Outbox => Presence::IfGiven,
        Verb::Crisis => Presence::None,
        _ => Presence::Asked,
    }
}

/// Takes away what a phone leaves that was wiped and owes its team nothing any more.
fn after_wipe(folder: &Path, phone: Phone, outcome: Outcome) -> Outcome {
    let Some(state) = phone.wiped() else { return outcome };
    drop(phone);
    if state.acknowledged {
        folder::clear_wiped(folder, state.day)?;
    }
    Err(folder::wiped(state))
}

fn opened(verb: &Verb, phone: &mut Phone) -> Outcome {
    match verb {
        Verb::Create(_)
        | Verb::Join(_)
        | Verb::Watch { .. }
        | Verb::Lock
        | Verb::Unlock
        | Verb::Panic { .. } => {
            unreachable!("handled before a phone is opened")
        }
        Verb::Invite(invite) => enrol::invite(phone, invite),
        Verb::Invites => enrol::invites(phone),
        Verb::Reply => enrol::reply(phone),
        Verb::Accept { reply } => enrol::accept(phone, reply),
        Verb::Devices => enrol::devices(phone),
        Verb::Check { device } => enrol::check(phone, device),
        Verb::Team(verb) => team_changes::run(phone, verb),
        Verb::Members => look::members(phone),
        Verb::Record { kind, fields } => record::record(phone, kind, fields),
        Verb::Edit { record, fields } | Verb::Resolve { record, fields } => {
            record::edit(phone, record, fields)
        }
        Verb::Clock { incident } => clock::clock(phone, incident.as_deref()),
        Verb::Same { records, no } => cism::same(phone, records, !no),
        Verb::AfterAction { incident } => after::report(phone, incident),
        Verb::FollowUps { incident, assignee } => {
            after::follow_ups(phone, incident, assignee.as_deref())
        }
        Verb::Tick { intervention, ticks } => cism::tick(phone, intervention, ticks),
        Verb::Kinds { kind } => cism::kinds(kind.as_deref()),
        Verb::Write(write) => record::write(phone, write),
        Verb::Assign { intervention, members, part } => {
            staffing::assign(phone, intervention, members, part)
        }
        Verb::Staffing { intervention } => staffing::show(phone, intervention),
        Verb::Declare(declare) => staffing::declare(phone, declare),
        Verb::Override { intervention, member, reason } => {
            staffing::override_conflict(phone, intervention, member, reason)
        }
        Verb::Available { state } => staffing::available(phone, state),
        Verb::Share { record, with, text } => record::share(phone, record, with, *text),
        Verb::Readers { record } => readers::readers(phone, record),
        Verb::Fingerprint => Ok(readers::fingerprint(phone)),
        Verb::LetIn { record, member, from_now_on } => {
            readers::let_in(phone, record, member, !from_now_on)
        }
        Verb::Purge { record, note } => erase::purge(phone, record, *note),
        Verb::Receipts => erase::receipts(phone),
        Verb::Hold { record, end } => erase::hold(phone, record, !end),
        Verb::Rotate { record } => readers::rotate(phone, record),
        Verb::Backup { switch } => record::backup(phone, switch == "on"),
        Verb::Recovery { verb } => recovery::perform(phone, verb),
        Verb::List { kind } => look::list(phone, kind.as_deref()),
        Verb::Show { record } => look::show(phone, record),
        Verb::Conflicts => look::conflicts(phone),
        Verb::Drafts => look::drafts(phone),
        Verb::Alarms { seen } => look::alarms(phone, seen.as_deref()),
        Verb::Outbox => look::outbox(phone),
        Verb::Status => look::status(phone),
        Verb::Relay { list, seen } => relay_look::show(phone, *list, *seen),
        Verb::Audit => relay_look::audit(phone),
        Verb::Crisis => urgent::crisis(phone),
        Verb::Resources { kind } => roster::resources(phone, kind.as_deref()),
        Verb::OnCall => roster::on_call(phone),
        Verb::Ask { urgency, fields } => support::ask(phone, urgency, fields),
        Verb::Trend { weeks } => trend::trend(phone, *weeks),
        Verb::Requests => support::requests(phone),
        Verb::Request { request, step, also } => support::request(phone, request, *step, *also),
        Verb::Sync => relay::sync(phone),
    }
}
