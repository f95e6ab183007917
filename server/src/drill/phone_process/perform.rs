//! The commands, one call of the core each.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use sync_core::engine::{Declaration, Env, NewMember, Phone, RecordView, RequestStep, TextEdit};
use sync_core::ids::{DocId, MemberId};
use sync_core::protocol::{Code, Invitation, Timestamp};
use sync_core::records::Value;

use crate::drill::protocol::PhoneCommand;
use crate::drill::script::{AnswerStep, HandedOver, profile_of, role};
use crate::phone::relay::Link;
use crate::phone::{Failure, folder, look, refs, roster, urgent};

use super::directory;
use super::{At, Device, Done, Running, Trouble};

fn members(ids: &[String]) -> Result<Vec<MemberId>, Trouble> {
    ids.iter().map(|id| id.parse::<MemberId>().map_err(Trouble::from)).collect()
}

fn new_member(
    name: Option<String>,
    roles: &[String],
    admin: bool,
    unit: Option<String>,
    supervises: Vec<String>,
) -> Result<NewMember, Trouble> {
    let roles =
        roles.iter().map(|name| role(name).map_err(Trouble::Broken)).collect::<Result<_, _>>()?;
    Ok(NewMember { name, roles, admin, unit, supervises, guest: None })
}

impl Device {
    /// Carries out one command.
    pub(super) fn perform(&mut self, now: Timestamp, command: PhoneCommand) -> Done {
        match command {
            PhoneCommand::Create { passphrase, origin, connect, policy: typed, name } => {
                let admin = new_member(Some(name), &[], true, None, Vec::new())?;
                let typed = typed.as_object().cloned().unwrap_or_default();
                let profile = profile_of(&typed).map_err(Trouble::Broken)?;
                let (folder, rng) = (self.folder.clone(), self.rng.as_mut());
                let phone = folder::create_with(&folder, passphrase.as_bytes(), |store, vault| {
                    Ok(Phone::create_team(
                        store,
                        vault,
                        &mut Env { now, rng },
                        &origin,
                        profile,
                        admin,
                    )?)
                })?;
                self.begin(phone, connect)
            }
            PhoneCommand::Join { passphrase, connect, link, class } => {
                let invitation = Invitation::from_link(&link)
                    .map_err(|_| Trouble::Broken("the link cannot be read".into()))?;
                let (folder, rng) = (self.folder.clone(), self.rng.as_mut());
                let phone = folder::create_with(&folder, passphrase.as_bytes(), |store, vault| {
                    let env = &mut Env { now, rng };
                    Ok(Phone::start_joining_as(store, vault, env, &invitation, class.into())?)
                })?;
                self.begin(phone, connect)
            }
            PhoneCommand::JoinByCode { passphrase, connect, origin, code, class } => {
                let (folder, rng) = (self.folder.clone(), self.rng.as_mut());
                let phone = folder::create_with(&folder, passphrase.as_bytes(), |store, vault| {
                    let (env, class) = (&mut Env { now, rng }, class.into());
                    Ok(Phone::start_joining_by_code(store, vault, env, &origin, &code, class)?)
                })?;
                self.begin(phone, connect)
            }
            PhoneCommand::JoinRecovering { passphrase, connect, link, code } => {
                let invitation = Invitation::from_link(&link)
                    .map_err(|_| Trouble::Broken("the link cannot be read".into()))?;
                let (folder, rng) = (self.folder.clone(), self.rng.as_mut());
                let phone = folder::create_with(&folder, passphrase.as_bytes(), |store, vault| {
                    let env = &mut Env { now, rng };
                    Ok(Phone::recover_with_code(store, vault, env, &invitation, &code)?)
                })?;
                self.begin(phone, connect)
            }
            PhoneCommand::Open { passphrase, connect, locked } => {
                let passphrase = Some(passphrase.as_bytes());
                match folder::open_locked(&self.folder, passphrase, self.uptime()) {
                    Ok(phone) if phone.wiped().is_some() => {
                        self.running = Some(Running { phone, link: Link::to(&connect)?, connect });
                        Ok(Json::Null)
                    }
                    Ok(mut phone) => {
                        if !locked {
                            // One that can only write goes on locked.
                            folder::unlock(&mut phone, self.rng.as_mut())?;
                        }
                        self.begin(phone, connect)
                    }
                    // It says so, to whoever asks it anything.
                    Err(failure) if failure.code == Code::DeviceWiped.as_str() => {
                        self.wiped = Some(failure);
                        Ok(Json::Null)
                    }
                    Err(failure) => Err(failure.into()),
                }
            }
            PhoneCommand::Arm { point } => {
                sync_core::drill::arm(Some(&point)).map_err(Trouble::Broken)?;
                Ok(Json::Null)
            }
            PhoneCommand::PushRecord { kind, fields } => self.push_record(now, &kind, &fields),
            PhoneCommand::PushNote { record, phase, at, delete, insert } => {
                let edit = TextEdit { at, delete, insert };
                self.push_note(now, record.as_deref(), &phase, &edit)
            }
            PhoneCommand::PushHostile { case, record } => {
                self.push_hostile(now, case, record.as_deref())
            }
            command => {
                let (running, mut at) = self.running(now)?;
                let done = running.perform(&mut at, command);
                self.clear_wiped()?;
                done
            }
        }
    }

    /// Takes away what a phone leaves that was wiped and owes its team nothing any more.
    fn clear_wiped(&mut self) -> Result<(), Trouble> {
        let state = self.running.as_ref().and_then(|running| running.phone.wiped());
        if let Some(state) = state.filter(|state| state.acknowledged) {
            self.running = None;
            self.wiped = Some(folder::wiped(state));
            folder::clear_wiped(&self.folder, state.day)?;
        }
        Ok(())
    }

    fn begin(&mut self, mut phone: Phone, connect: String) -> Done {
        phone.observe_uptime(self.uptime())?;
        let status = phone.status()?;
        self.running = Some(Running { phone, link: Link::to(&connect)?, connect });
        Ok(json!({ "team": status.team.to_string(), "member": status.member.to_string(),
                   "device": status.device.to_string() }))
    }
}

impl Running {
    fn perform(&mut self, at: &mut At<'_>, command: PhoneCommand) -> Done {
        let phone = &mut self.phone;
        match command {
            PhoneCommand::Enrol => {
                let listed = self.link.enrol(phone).map_err(Failure::from)?;
                Ok(json!({ "listed": listed }))
            }
            PhoneCommand::Sync => {
                let totals = self.link.sync(phone, at).map_err(Failure::from)?;
                Ok(json!({ "stored": totals.stored, "refused": totals.refused,
                           "received": totals.received, "pending": phone.status()?.pending }))
            }
            PhoneCommand::ListRelay { relay } => {
                let relay = relay.parse().map_err(|_| Trouble::from(Code::BadValue))?;
                phone.list_relay(relay)?;
                Ok(Json::Null)
            }
            PhoneCommand::Lock => {
                phone.lock();
                Ok(Json::Null)
            }
            PhoneCommand::Unlock => Ok(phone.unlock(&mut at.env()).map(|()| Json::Null)?),
            PhoneCommand::Panic => Ok(phone.panic().map(|()| Json::Null)?),
            PhoneCommand::AddMember { name, roles, admin, unit, supervises } => {
                let member = new_member(name, &roles, admin, unit, supervises)?;
                Ok(json!({ "member": phone.add_member(&mut at.env(), member)?.to_string() }))
            }
            PhoneCommand::Invite { member, by } => invite(phone, &mut at.env(), &member, by),
            PhoneCommand::RemoveDevice { device, wipe } => {
                match wipe {
                    true => phone.remove_and_wipe_device(device.parse()?)?,
                    false => phone.remove_device(device.parse()?)?,
                }
                Ok(json!({}))
            }
            PhoneCommand::OrderWipe { device } => {
                phone.order_wipe(device.parse()?)?;
                Ok(json!({}))
            }
            PhoneCommand::JoinReply => Ok(json!({ "reply": phone.join_reply()? })),
            PhoneCommand::AcceptReply { reply } => {
                let device = phone.accept_reply(&mut at.env(), &reply)?;
                Ok(json!({ "device": device.to_string() }))
            }
            PhoneCommand::ApproveAll => directory::approve_all(phone, &mut at.env()),
            PhoneCommand::Meet { step, message } => {
                directory::meet(phone, &mut at.env(), step, &message)
            }
            command if super::recover::is_recovery(&command) => {
                super::recover::perform(phone, &mut at.env(), command)
            }
            command => match write(phone, &mut at.env(), &command) {
                Some(done) => done,
                None => look(phone, at.now, &command),
            },
        }
    }
}

fn invite(phone: &mut Phone, env: &mut Env<'_>, member: &str, by: HandedOver) -> Done {
    let member: MemberId = member.parse()?;
    let invitation = match by {
        HandedOver::Code => {
            let code = phone.invite_by_code(env, member)?;
            return Ok(json!({ "code": code.as_str() }));
        }
        HandedOver::Link | HandedOver::Scan => phone.invite(env, member)?,
        HandedOver::Batch => phone.invite_batch(env, &[member])?.remove(0),
    };
    Ok(json!({ "link": invitation.to_link() }))
}

/// Commands that write; `None` for the others.
fn write(phone: &mut Phone, env: &mut Env<'_>, command: &PhoneCommand) -> Option<Done> {
    Some(match command {
        PhoneCommand::Record { kind, fields } => record(phone, env, kind, fields),
        PhoneCommand::Edit { record, fields } => edit(phone, env, record, fields),
        PhoneCommand::Write { record, phase, at, delete, insert } => {
            let edit = TextEdit { at: *at, delete: *delete, insert: insert.clone() };
            (|| Ok(phone.write(env, record.parse()?, phase, &edit).map(|()| Json::Null)?))()
        }
        PhoneCommand::Assign { record, members: leads } => {
            (|| Ok(phone.assign(env, record.parse()?, &members(leads)?).map(|()| Json::Null)?))()
        }
        PhoneCommand::ConfirmSame { a, b, same } => {
            (|| Ok(phone.confirm_same(env, a.parse()?, b.parse()?, *same).map(|()| Json::Null)?))()
        }
        PhoneCommand::Declare { record, answers: [not_present, no_supervision, not_close] } => {
            let (not_present, no_supervision, not_close) =
                (*not_present, *no_supervision, *not_close);
            let given = Declaration { not_present, no_supervision, not_close };
            (|| Ok(phone.declare(env, record.parse()?, given).map(|_| Json::Null)?))()
        }
        PhoneCommand::Share { record, with, text } => (|| {
            let copy = phone.share(env, record.parse()?, &members(with)?, *text)?;
            Ok(json!({ "record": copy.to_string() }))
        })(),
        PhoneCommand::Answer { record, step, also } => (|| {
            let step = match step {
                AnswerStep::Seen => RequestStep::Seen,
                AnswerStep::Take => RequestStep::Take { also: *also },
                AnswerStep::StepBack => RequestStep::StepBack,
                AnswerStep::Close => RequestStep::Close,
                AnswerStep::Reopen => RequestStep::Reopen,
            };
            Ok(phone.answer_request(env, record.parse()?, step).map(|()| Json::Null)?)
        })(),
        PhoneCommand::Purge { record } => {
            (|| Ok(phone.purge(env, record.parse()?).map(|()| Json::Null)?))()
        }
        PhoneCommand::Hold { record } => {
            (|| Ok(phone.hold(record.parse()?, true).map(|()| Json::Null)?))()
        }
        PhoneCommand::Rotate { record } => (|| {
            for space in phone.sealed_spaces(record.parse()?)? {
                phone.rotate(env, space)?;
            }
            Ok(Json::Null)
        })(),
        _ => return None,
    })
}

fn shown(
    phone: &mut Phone,
    fields: &BTreeMap<String, Value>,
) -> Result<Vec<&'static str>, Trouble> {
    // The same check that the terminal phone prints from, before it writes anything.
    let numbers = urgent::numbers_for(phone, fields)?;
    Ok(numbers
        .filter(|numbers| !numbers.is_empty())
        .map(|_| "crisis_numbers")
        .into_iter()
        .collect())
}

fn record(
    phone: &mut Phone,
    env: &mut Env<'_>,
    kind: &str,
    fields: &BTreeMap<String, Value>,
) -> Done {
    let shown = shown(phone, fields)?;
    let id = phone.record(env, kind, fields)?;
    Ok(json!({ "record": id.to_string(), "shown": shown }))
}

fn edit(
    phone: &mut Phone,
    env: &mut Env<'_>,
    record: &str,
    fields: &BTreeMap<String, Value>,
) -> Done {
    let shown = shown(phone, fields)?;
    phone.edit(env, record.parse()?, fields)?;
    Ok(json!({ "shown": shown }))
}

fn view_json(view: &RecordView) -> Json {
    let fields: serde_json::Map<String, Json> = view
        .fields
        .iter()
        .map(|(name, field)| {
            (name.clone(), json!({ "value": field.value, "conflict": field.conflict }))
        })
        .collect();
    json!({ "record": view.id.to_string(), "kind": view.kind, "fields": fields,
            "unreadable": view.unreadable, "stored": view.stored })
}

/// Commands that only look.
fn look(phone: &mut Phone, now: Timestamp, command: &PhoneCommand) -> Done {
    match command {
        PhoneCommand::Show { record } => Ok(view_json(&phone.show(record.parse()?)?)),
        PhoneCommand::List { kind } => {
            let records = refs::all_records(phone, kind.as_deref())?;
            Ok(records.iter().map(view_json).collect())
        }
        PhoneCommand::Notes { record } => notes(phone, record.parse()?),
        PhoneCommand::Window { record, intervention } => {
            window(phone, now, record.parse()?, intervention.as_deref())
        }
        PhoneCommand::Drafts => Ok(phone
            .drafts()?
            .iter()
            .map(|draft| json!({ "id": draft.id.to_string(), "code": draft.code.as_str(), "own": draft.own }))
            .collect()),
        PhoneCommand::Alarms => {
            Ok(phone.alarms()?.iter().map(|alarm| json!(alarm.code.as_str())).collect())
        }
        PhoneCommand::Requests => Ok(phone
            .requests(now)?
            .iter()
            .map(|view| json!({ "record": view.id.to_string(), "state": view.state.as_str(),
                                "calls_me": view.calls_me }))
            .collect()),
        PhoneCommand::Roster => {
            let today = phone.corrected(now)?.0.day();
            let me = phone.status()?.member;
            let on_call = phone.on_call(now)?.now.iter().any(|(member, _)| *member == me);
            Ok(json!({ "stale_resource": roster::any_stale(phone, today)?, "on_call": on_call }))
        }
        PhoneCommand::Outbox => Ok(phone
            .outbox()?
            .iter()
            .map(|(id, record)| json!({ "id": id.to_string(), "record": record.map(|id| id.to_string()) }))
            .collect()),
        PhoneCommand::Heads => heads(phone),
        PhoneCommand::ReadableNotes => readable_notes(phone),
        PhoneCommand::Devices => Ok(phone
            .devices()?
            .iter()
            .map(|view| json!({ "device": view.id.to_string(), "member": view.member.to_string(),
                                "class": view.class.as_str(), "checked": view.checked }))
            .collect()),
        PhoneCommand::Removed => Ok(phone
            .removed_devices()?
            .iter()
            .map(|view| json!({ "device": view.id.to_string(), "ordered": view.ordered.is_some(),
                                "wiped": view.wiped.is_some() }))
            .collect()),
        PhoneCommand::Status => {
            let status = phone.status()?;
            Ok(json!({ "team": status.team.to_string(), "member": status.member.to_string(),
                       "device": status.device.to_string(), "enrolled": status.enrolled, "pending": status.pending,
                       "directory_seq": status.directory_seq }))
        }
        _ => Err(Trouble::Broken("the command is not for a running phone".into())),
    }
}

fn notes(phone: &mut Phone, record: DocId) -> Done {
    let notes = phone.notes(record)?;
    Ok(notes
        .iter()
        .map(|note| json!({ "phases": note.phases, "unreadable": note.unreadable }))
        .collect())
}

fn readable_notes(phone: &mut Phone) -> Done {
    let mut all = Vec::new();
    for record in refs::all_records(phone, Some("intervention"))? {
        for note in phone.notes(record.id)? {
            let text = note.phases.values().next();
            all.extend(text.map(|text| json!({ "doc": note.doc.to_string(), "text": text })));
        }
    }
    Ok(json!(all))
}

fn heads(phone: &mut Phone) -> Done {
    let hex = |head: &[u8; 32]| head.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let heads: Vec<Json> = phone
        .heads()?
        .iter()
        .map(|((space, doc), heads)| {
            let heads: Vec<String> = heads.iter().map(hex).collect();
            json!({ "space": space.to_string(), "doc": doc.to_string(), "heads": heads })
        })
        .collect();
    let spaces: Vec<String> = phone.drill_spaces_read()?.iter().map(ToString::to_string).collect();
    Ok(json!({ "heads": heads, "spaces": spaces }))
}

/// When the earliest intervention of a kind that this phone knows after an incident began.
fn first_start(
    phone: &mut Phone,
    incident: DocId,
    kind: &str,
) -> Result<Option<Timestamp>, Trouble> {
    let incident = incident.to_string();
    let kinds: &[&str] = match kind {
        "demobilization" | "rits" => &["demobilization", "rits"],
        _ => &[kind],
    };
    let all = refs::all_records(phone, Some("intervention"))?;
    let text = |view: &RecordView, name: &str| match &view.fields.get(name)?.value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    };
    let of_incident = all.iter().filter(|view| {
        text(view, "incident_id").as_deref() == Some(incident.as_str())
            && text(view, "kind").is_some_and(|own| kinds.contains(&own.as_str()))
    });
    let starts = of_incident.filter_map(|view| Timestamp::parse(&text(view, "started_at")?).ok());
    Ok(starts.min())
}

/// `record` is an incident and `intervention` a kind or a record of one; or `record` is an intervention.
fn window(phone: &mut Phone, now: Timestamp, record: DocId, intervention: Option<&str>) -> Done {
    let view = phone.show(record)?;
    let found = match intervention {
        None => look::window_of(phone, &view, now)?,
        Some(name) => match name.parse::<DocId>() {
            Ok(id) => {
                let intervention = phone.show(id)?;
                look::window_of(phone, &intervention, now)?
            }
            Err(_) => {
                let started = first_start(phone, record, name)?;
                look::window(phone, name, &view, started, now)?
            }
        },
    };
    let (state, unsure) = found.ok_or(Code::NoSuchRecord)?;
    Ok(json!({ "state": state.as_str(), "uncertain": unsure }))
}
