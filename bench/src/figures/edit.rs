//! S4: one edit on a phone that holds many records, from the person's save to the relay's durable acknowledgement.

use sync_core::records::{Role, Value};

use crate::Outcome;
use crate::cost::{Cost, median, middle};
use crate::figure::Figure;
use crate::floors::Floors;
use crate::workload::{Form, Workload, form};

use super::Place;

const DOCUMENTS: usize = 10_000;
const EDITS: usize = 40;

/// S4, open and sealed.
pub fn one_edit(place: &Place<'_>, floors: &mut Floors) -> Outcome<Vec<Figure>> {
    let mut stage = place.stage("edit")?;
    let mut team = stage.team()?;
    let mut phone =
        stage.phones(&mut team, 1, &[Role::PeerSupporter])?.pop().ok_or("no phone joined")?;
    let mut workload = Workload::new(6);
    let records: Vec<_> = (0..DOCUMENTS / 2)
        .map(|_| phone.record("peer_contact", &workload.contact()))
        .collect::<Outcome<_>>()?;
    phone.come_into_reach()?;
    phone.sync()?;

    let (mut open, mut sealed, mut commits) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..EDITS {
        // Every second time the other value, and another record each time.
        let record = records[round * 97 % records.len()];
        for (field, costs) in [("mode", &mut open), ("initiated_by", &mut sealed)] {
            let edit = edit(field);
            costs.push(
                stage
                    .measure(|| {
                        phone.edit(record, &edit)?;
                        let totals = phone.sync()?;
                        if totals.stored != 1 {
                            return Err(format!("one edit, and {} stored", totals.stored).into());
                        }
                        Ok(())
                    })?
                    .1,
            );
        }
        commits.push(floors.commit_ms(3)?);
    }
    let commit = median(&commits);
    Ok(vec![
        figure("S4/open", "one edit of an open document among 10,000", open, commit, 1_300.0),
        figure("S4/sealed", "one edit of a sealed document among 10,000", sealed, commit, 1_600.0),
    ])
}

/// A value that the workload never gives, so that every edit changes something.
fn edit(field: &'static str) -> Form {
    let value = if field == "mode" { "ride_along" } else { "dispatch_tag" };
    form([(field, Value::Text(value.to_owned()))])
}

fn figure(
    name: &str,
    about: &'static str,
    costs: Vec<Cost>,
    commit: f64,
    most_bytes: f64,
) -> Figure {
    let cost = middle(costs);
    let bytes = cost.passed.up + cost.passed.down;
    let words = format!("bytes {} up + {} down", cost.passed.up, cost.passed.down);
    Figure::new(name, about, cost)
        .beside("commit", commit)
        .at_most(3.0)
        .limit(words, bytes as f64, most_bytes)
        .limit("requests", cost.passed.turns as f64, 1.0)
}
