//! S1: pushing what was recorded offline, to its durable acknowledgement on the phone.

use sync_core::records::{Role, Value};

use crate::Outcome;
use crate::cost::{self, Cost};
use crate::figure::Figure;
use crate::floors::Floors;
use crate::handset::Handset;
use crate::workload::{Workload, form};

use super::{F1, Place, ROUNDS, times_bytes};

const RECORDS: usize = 1_000;
/// Documents that the edits of S1b go to.
const EDITED: usize = 10;

/// Records on a phone and times its sync, each time with a team and a relay of its own; the middle run with its floor.
fn pushed(
    place: &Place<'_>,
    floors: &mut Floors,
    role: Role,
    mut prepare: impl FnMut(&mut Handset, &mut Workload) -> Outcome,
) -> Outcome<(Cost, F1)> {
    let mut workload = Workload::new(2);
    let (mut costs, mut f1) = (Vec::new(), F1::new());
    f1.sample(floors)?;
    for _ in 0..ROUNDS {
        let mut stage = place.stage("push")?;
        let mut team = stage.team()?;
        let mut phones = stage.phones(&mut team, 1, &[role])?;
        let phone = phones.first_mut().ok_or("no phone joined")?;
        prepare(phone, &mut workload)?;
        phone.come_into_reach()?;
        let waiting = phone.phone.status()?.pending;
        let (totals, cost) = stage.measure(|| phone.sync())?;
        if waiting < RECORDS as u64 || totals.stored != waiting || totals.received != waiting {
            return Err(format!("of {waiting} envelopes, {totals:?}").into());
        }
        costs.push(cost);
        drop(stage);
        std::fs::remove_dir_all(place.folder.join("push"))?;
        f1.sample(floors)?;
    }
    Ok((cost::middle(costs), f1))
}

fn beside_f1(name: &str, about: &'static str, (cost, f1): (Cost, F1), budget: Budget) -> Figure {
    let figure = Figure::new(name, about, cost).beside("f1", f1.ms()).at_most(budget.times);
    let figure = match budget.bytes {
        Some(limit) => {
            times_bytes(figure, "bytes up, times f1", cost.passed.up, f1.bytes_up(), limit)
        }
        None => figure,
    };
    match budget.cpu_s {
        Some(limit) => figure.cpu(limit),
        None => figure,
    }
}

struct Budget {
    times: f64,
    bytes: Option<f64>,
    cpu_s: Option<f64>,
}

fn record_all(
    phone: &mut Handset,
    kind: &str,
    mut next: impl FnMut() -> crate::workload::Form,
) -> Outcome {
    for _ in 0..RECORDS {
        phone.record(kind, &next())?;
    }
    Ok(())
}

/// S1a: 1,000 peer contacts, an open and a sealed document each. And the same with text in the sealed ones.
pub fn contacts(place: &Place<'_>, floors: &mut Floors) -> Outcome<Vec<Figure>> {
    let budget = || Budget { times: 24.0, bytes: Some(2.4), cpu_s: Some(0.6) };
    let plain = pushed(place, floors, Role::PeerSupporter, |phone, workload| {
        record_all(phone, "peer_contact", || workload.contact())
    })?;
    let worded = pushed(place, floors, Role::Coordinator, |phone, workload| {
        record_all(phone, "incident", || workload.incident())
    })?;
    Ok(vec![
        beside_f1(
            "S1a",
            "push 1,000 peer contacts, an open and a sealed document each, ticks only",
            plain,
            budget(),
        ),
        beside_f1(
            "S1a/text",
            "the same with 300 random bytes of text in each sealed document (1,000 incidents with a narrative)",
            worded,
            budget(),
        ),
    ])
}

/// S1p: 1,000 check-ins, one sealed document each, with text, on a phone that backs them up.
pub fn check_ins(place: &Place<'_>, floors: &mut Floors) -> Outcome<Vec<Figure>> {
    let measured = pushed(place, floors, Role::PeerSupporter, |phone, workload| {
        phone.back_up()?;
        record_all(phone, "check_in", || workload.check_in())
    })?;
    let budget = Budget { times: 8.0, bytes: Some(1.7), cpu_s: Some(0.25) };
    let about = "push 1,000 check-ins, sealed only, with 300 random bytes of text each";
    Ok(vec![beside_f1("S1p", about, measured, budget)])
}

/// S1b: 1,000 edits of 10 open documents, one document after the other in turn.
pub fn edits(place: &Place<'_>, floors: &mut Floors) -> Outcome<Vec<Figure>> {
    let measured = pushed(place, floors, Role::PeerSupporter, |phone, workload| {
        let incidents: Vec<_> = (0..EDITED)
            .map(|_| phone.record("incident", &workload.incident_without_narrative()))
            .collect::<Outcome<_>>()?;
        phone.sync()?;
        for edit in 0..RECORDS {
            let exposed = Value::Int(100 + edit as i64);
            phone.edit(incidents[edit % EDITED], &form([("personnel_exposed", exposed)]))?;
        }
        Ok(())
    })?;
    let budget = Budget { times: 8.0, bytes: None, cpu_s: None };
    let about = "push 1,000 edits of 10 open documents, made in turn";
    Ok(vec![beside_f1("S1b", about, measured, budget)])
}
