//! S2: a new phone takes a team's past, checks every envelope, opens the sealed ones, and lists the records.

use sync_core::records::Role;

use crate::Outcome;
use crate::cost::{Cost, middle};
use crate::figure::Figure;
use crate::floors::Floors;
use crate::stage::{Stage, Team};
use crate::workload::Workload;

use super::{F1, Place, ROUNDS, times_bytes};

const RECORDS: usize = 1_000;

/// S2. A contact is read by its author alone, and a member has one device in this release; so the new phones are
/// other coordinators', and what they pull is the 1,000 incidents of `S1a/text`.
pub fn first_pull(place: &Place<'_>, floors: &mut Floors) -> Outcome<Vec<Figure>> {
    let mut stage = place.stage("pull")?;
    let mut team = stage.team()?;
    let members = stage.enter(&mut team, ROUNDS, &[Role::Coordinator])?;
    let pushed = push(&stage, &mut team)?;
    let mut phones = stage.join(&mut team, &members)?;
    // The first reader wraps the keys for the new phones.
    team.admin.sync()?;
    let (mut costs, mut f1) = (Vec::new(), F1::new());
    f1.sample(floors)?;
    let mut listing = Vec::new();
    for phone in &mut phones {
        let (list_ms, cost) = stage.measure(|| {
            phone.sync()?;
            let (views, ms) =
                crate::cost::ms(|| Ok(phone.phone.list(Some("incident"), None, RECORDS)?))?;
            let whole = views.iter().filter(|view| view.unreadable.is_empty());
            if whole.filter(|view| view.fields.contains_key("narrative")).count() != RECORDS {
                return Err("not every incident was opened".into());
            }
            Ok(ms)
        })?;
        listing.push(list_ms);
        costs.push(cost);
        f1.sample(floors)?;
    }
    let cost = middle(costs);
    let figure =
        Figure::new("S2", "a new coordinator's phone pulls, checks, opens and lists 1,000 incidents with their narratives", cost)
            .beside("f1", f1.ms())
            .at_most(45.0);
    let both = cost.passed.up + cost.passed.down;
    let theirs = (pushed.passed.up + pushed.passed.down) as f64;
    let figure = times_bytes(figure, "bytes both ways over those of the push", both, theirs, 1.1)
        .note(format!("of it, listing all 1,000: {:.1} ms", crate::cost::median(&listing)));
    Ok(vec![figure])
}

fn push(stage: &Stage, team: &mut Team) -> Outcome<Cost> {
    let mut workload = Workload::new(3);
    for _ in 0..RECORDS {
        team.admin.record("incident", &workload.incident())?;
    }
    team.admin.come_into_reach()?;
    Ok(stage.measure(|| team.admin.sync())?.1)
}
