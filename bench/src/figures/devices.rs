//! S5: a hundred phones come back into reach at the same moment, each with twenty check-ins.

use std::sync::Barrier;

use sync_core::records::Role;

use crate::Outcome;
use crate::cost::{Cost, median, middle};
use crate::figure::Figure;
use crate::floors::Floors;
use crate::handset::Handset;
use crate::stage::Stage;
use crate::workload::Workload;

use super::{Place, ROUNDS};

/// Teams, and phones of each: a relay lets the phones of one team in at a bounded rate.
const TEAMS: (usize, usize) = (2, 50);
const EACH: usize = 20;

/// S5.
pub fn at_once(place: &Place<'_>, floors: &mut Floors) -> Outcome<Vec<Figure>> {
    let mut stage = place.stage("devices")?;
    let mut phones = Vec::new();
    for _ in 0..TEAMS.0 {
        let mut team = stage.team()?;
        phones.extend(stage.phones(&mut team, TEAMS.1, &[Role::PeerSupporter])?);
    }
    for phone in &mut phones {
        phone.back_up()?;
    }
    let mut workload = Workload::new(7);
    let (mut costs, mut floor) = (Vec::new(), vec![floors.f2()?, floors.f2()?]);
    for _ in 0..ROUNDS {
        for phone in &mut phones {
            for _ in 0..EACH {
                phone.record("check_in", &workload.check_in())?;
            }
            phone.come_into_reach()?;
        }
        costs.push(all_sync(&stage, &mut phones)?);
        floor.extend([floors.f2()?, floors.f2()?, floors.f2()?]);
    }
    let cost = middle(costs);
    let f2 = median(&floor.iter().map(|cost| cost.ms).collect::<Vec<_>>());
    let peak = cost.peak_mib;
    let figure = Figure::new("S5", "100 phones push 20 check-ins each at once", cost)
        .beside("f2", f2)
        .at_most(20.0)
        .limit("relay peak MiB", "", peak, 64.0)
        .cpu(1.2)
        .note("the phones share the two cores with the relay")
        .note(format!("{:.0} check-ins a second", 2_000.0 / cost.ms * 1_000.0));
    Ok(vec![figure])
}

fn all_sync(stage: &Stage, phones: &mut [Handset]) -> Outcome<Cost> {
    let start = Barrier::new(phones.len() + 1);
    std::thread::scope(|scope| {
        let syncing: Vec<_> = phones
            .iter_mut()
            .map(|phone| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    // Errors cross the thread as text.
                    phone.sync().map(|totals| totals.stored).map_err(|error| error.to_string())
                })
            })
            .collect();
        let (stored, cost) = stage.measure(|| {
            start.wait();
            let mut stored = Vec::with_capacity(syncing.len());
            for thread in syncing {
                stored.push(thread.join().map_err(|_| "a phone's thread panicked")??);
            }
            Ok(stored)
        })?;
        if stored.iter().any(|count| *count < EACH as u64) {
            return Err("a phone's check-ins were not all stored".into());
        }
        Ok(cost)
    })
}
