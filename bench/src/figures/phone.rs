//! S8: the phone by itself: recording, opening, showing the first page.

use sync_core::records::Role;

use crate::Outcome;
use crate::cost::{self, median};
use crate::figure::Figure;
use crate::floors::{Floors, PAGE};
use crate::handset::{self, Handset};
use crate::workload::Workload;

use super::Place;

const RECORDS: usize = 10_000;
const FEW: usize = 1_000;
const ROUNDS: usize = 40;

/// S8. Check-ins stay on the phone, as they do unless their author wants a backup.
pub fn alone(place: &Place<'_>, floors: &mut Floors) -> Outcome<Vec<Figure>> {
    let mut stage = place.stage("phone")?;
    let mut team = stage.team()?;
    let mut phones = stage.phones(&mut team, 2, &[Role::PeerSupporter])?;
    let mut workload = Workload::new(8);
    for (phone, count) in phones.iter_mut().zip([FEW, RECORDS]) {
        for _ in 0..count {
            phone.record("check_in", &workload.check_in())?;
        }
    }
    let mut many = phones.pop().ok_or("no phone joined")?;
    let few = phones.pop().ok_or("no phone joined")?;

    let record = record(&mut many, &mut workload, floors)?;
    let page = page(&mut many, floors)?;
    Ok(vec![record, open(few, many)?, page])
}

fn record(phone: &mut Handset, workload: &mut Workload, floors: &mut Floors) -> Outcome<Figure> {
    let (mut records, mut commits) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let form = workload.check_in();
        records.push(cost::ms(|| phone.record("check_in", &form))?.1);
        commits.push(floors.commit_ms(3)?);
    }
    Ok(Figure::alone(
        "S8/record",
        "record a check-in durably on a phone with 10,000",
        median(&records),
    )
    .beside("commit", median(&commits))
    .at_most(2.0))
}

fn page(phone: &mut Handset, floors: &Floors) -> Outcome<Figure> {
    let (mut pages, mut reads) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (views, ms) = cost::ms(|| Ok(phone.phone.list(Some("check_in"), None, PAGE)?))?;
        if views.len() != PAGE || views.iter().any(|view| !view.fields.contains_key("text")) {
            return Err("the first page is not whole".into());
        }
        pages.push(ms);
        reads.push(floors.page_ms(3)?);
    }
    Ok(Figure::alone("S8/page", "the first page, 20 of 10,000 check-ins", median(&pages))
        .beside("indexed read of 20 rows", median(&reads))
        .at_most(20.0))
}

/// A database and a phone in it, opened as a new process would; nothing else holds the files.
fn open(few: Handset, many: Handset) -> Outcome<Figure> {
    let (few, many) = (few.put_away(), many.put_away());
    let mut opened = [const { Vec::new() }; 2];
    for _ in 0..ROUNDS {
        for ((path, vault), opened) in [&few, &many].into_iter().zip(&mut opened) {
            opened.push(cost::ms(|| handset::open(path, vault).map(drop))?.1);
        }
    }
    let [few, many] = opened.map(|ms| median(&ms));
    Ok(Figure::alone("S8/open", "open a phone with 10,000 check-ins", many)
        .beside("with 1,000", few)
        .at_most(1.2))
}
