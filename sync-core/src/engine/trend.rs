//! A member's own check-ins by week, on their own phone. Copies that others showed them are not in it.

use crate::protocol::{Day, Timestamp};
use crate::records::{CheckInDay, SpaceKind, Value, Week, trend};

use super::desk::Desk;
use super::record::{Part, record_type};
use super::{Phone, Result};

impl Phone {
    /// The last weeks of this member's own check-ins, the oldest first. `now`: the phone's own clock.
    pub fn trend(&mut self, now: Timestamp, weeks: u32) -> Result<Vec<Week>> {
        let desk = self.desk()?;
        let today = desk.today(now)?;
        let record = record_type("check_in")?;
        let mut check_ins = Vec::new();
        for root in desk.rows.roots(record.parts[0].number, None, usize::MAX)? {
            let (record, parts) = desk.open_record(root)?;
            let Some(part) = parts.first() else { continue };
            let own = desk.space_row(part.space)?.info.kind() == SpaceKind::Personal;
            if !own || part.flat.is_none() {
                continue;
            }
            let values = desk.values_of(record, &parts)?;
            let typed = match values.get("at") {
                Some(Value::Text(at)) => Timestamp::parse(at).ok().map(Timestamp::day),
                _ => None,
            };
            let day = match typed {
                Some(day) => Some(day),
                None => desk.day_of(part)?,
            };
            check_ins.extend(day.map(|day| CheckInDay { day, values }));
        }
        Ok(trend(&check_ins, today, weeks))
    }
}

impl Desk<'_> {
    /// The day on which a document was begun, as its author's phone counted it.
    fn day_of(&self, part: &Part) -> Result<Option<Day>> {
        let changes = self.rows.changes(part.space, part.doc)?;
        let Some(first) = changes.first() else { return Ok(None) };
        Ok(self.rows.envelope(*first)?.map(|envelope| envelope.header.day))
    }
}
