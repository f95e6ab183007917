//! S3: a phone asks and there is nothing new, whatever it holds.

use sync_core::ids::MemberId;
use sync_core::records::Role;

use crate::Outcome;
use crate::cost::{Cost, middle};
use crate::figure::Figure;
use crate::floors::Floors;
use crate::handset::Handset;
use crate::stage::Stage;
use crate::workload::Workload;

use super::Place;

/// Exchanges of each phone.
const EXCHANGES: usize = 60;
/// Bytes both ways, heads and token included.
const MOST_BYTES: f64 = 1_024.0;
const SPACES: usize = 50;

/// S3 with 1,000 and 10,000 documents in turn, with 50 more spaces, and after relay and phone were started again.
pub fn nothing_new(place: &Place<'_>, _floors: &mut Floors) -> Outcome<Vec<Figure>> {
    let mut stage = place.stage("nothing-new")?;
    let mut team = stage.team()?;
    let mut phones = stage.phones(&mut team, 3, &[Role::PeerSupporter])?;
    let members = stage.enter(&mut team, 6, &[Role::PeerSupporter])?;
    record(&mut phones[0], 500)?;
    record(&mut phones[1], 5_000)?;
    share_in_many_spaces(&members, &mut phones[2])?;

    for phone in &mut phones {
        phone.come_into_reach()?;
        phone.sync()?;
    }
    let mut costs = [const { Vec::new() }; 3];
    for _ in 0..EXCHANGES {
        // In turn, so that a slow moment of the machine meets all of them.
        for (phone, costs) in phones.iter_mut().zip(&mut costs) {
            costs.push(nothing(&stage, phone)?);
        }
    }
    let [few, many, spaces] = costs.map(middle);
    let mut figures = vec![
        figure("S3/1000", "nothing new, 1,000 documents", few),
        figure("S3/10000", "nothing new, 10,000 documents", many)
            .beside("S3/1000", few.ms)
            .at_most(1.2),
        figure("S3/50-spaces", "nothing new, 50 shared spaces besides", spaces)
            .beside("S3/1000", few.ms),
    ];

    let big = phones.remove(1);
    stage.restart(&[])?;
    let mut big = big.reopened()?;
    big.come_into_reach()?;
    let cost = nothing(&stage, &mut big)?;
    figures.push(
        figure(
            "S3/restart",
            "the first request after relay and phone were started again, 10,000 documents",
            cost,
        )
        .beside("S3/10000", many.ms),
    );
    Ok(figures)
}

fn figure(name: &str, about: &'static str, cost: Cost) -> Figure {
    let bytes = cost.passed.up + cost.passed.down;
    let words = format!("bytes {} up + {} down", cost.passed.up, cost.passed.down);
    Figure::new(name, about, cost).limit(words, bytes as f64, MOST_BYTES).limit(
        "requests",
        cost.passed.turns as f64,
        1.0,
    )
}

fn nothing(stage: &Stage, phone: &mut Handset) -> Outcome<Cost> {
    let (outcome, cost) = stage.measure(|| phone.exchange())?;
    if outcome.again || outcome.received + outcome.stored + outcome.refused > 0 {
        return Err(format!("there was something new: {outcome:?}").into());
    }
    Ok(cost)
}

/// Contacts are two documents each.
fn record(phone: &mut Handset, contacts: usize) -> Outcome {
    let mut workload = Workload::new(4);
    for _ in 0..contacts {
        phone.record("peer_contact", &workload.contact())?;
    }
    phone.come_into_reach()?;
    phone.sync()?;
    Ok(())
}

/// One check-in shared with 50 different sets of members: a space each.
fn share_in_many_spaces(members: &[MemberId], phone: &mut Handset) -> Outcome {
    phone.come_into_reach()?;
    phone.sync()?;
    let check_in = phone.record("check_in", &Workload::new(5).check_in())?;
    for number in 1..=SPACES {
        let with: Vec<_> = (0..members.len())
            .filter(|bit| number >> bit & 1 == 1)
            .map(|bit| members[bit])
            .collect();
        phone.share(check_in, &with)?;
    }
    phone.come_into_reach()?;
    phone.sync()?;
    Ok(())
}
