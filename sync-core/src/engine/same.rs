//! One session logged twice: offered, confirmed by a person, then shown and edited as one. Both stay what they are.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::DocId;
use crate::protocol::Code;
use crate::records::{Value, as_one, same_offers};

use super::cism::Said;
use super::desk::Desk;
use super::record::record_type;
use super::{EngineError, Env, Phone, Result};

/// Fields that tie records together, and so belong to each by itself.
const TIES: [&str; 2] = ["same_as", "not_same_as"];
/// Most records that are shown as one session.
const MOST: usize = 16;

impl Phone {
    /// Pairs of interventions that look like one session logged twice and that nobody has said yes or no to.
    pub fn same_offers(&mut self) -> Result<Vec<(DocId, DocId)>> {
        let desk = self.desk()?;
        Ok(same_offers(&desk.all_said(record_type("intervention")?)?))
    }

    /// Says that two interventions are one session, or (`same` false) that they are not.
    ///
    /// # Errors
    /// `no_such_record` if one is no intervention of this phone's; `bad_value` if both are the same record.
    pub fn confirm_same(
        &mut self,
        env: &mut Env<'_>,
        a: DocId,
        b: DocId,
        same: bool,
    ) -> Result<()> {
        crate::crash_point!("phone.record.before_begin");
        let mut desk = self.desk()?;
        desk.require_enrolled()?;
        let (a, one) = desk.said(a, "intervention")?;
        let (b, other) = desk.said(b, "intervention")?;
        if a == b {
            return Err(EngineError::refused_because(Code::BadValue, "name two records"));
        }
        for (this, said, that) in [(a, one, b), (b, other, a)] {
            let (adds, takes) = if same { (TIES[0], TIES[1]) } else { (TIES[1], TIES[0]) };
            let mut with = ids(&said, adds);
            with.insert(that.to_string());
            let mut without = ids(&said, takes);
            without.remove(&that.to_string());
            let fields = BTreeMap::from([
                (adds.to_owned(), Value::Set(with)),
                (takes.to_owned(), Value::Set(without)),
            ]);
            desk.edit_record(env, this, &fields)?;
        }
        desk.commit_recorded()
    }
}

impl Desk<'_> {
    /// The records of one session, the one asked for first; only itself where nobody confirmed another.
    pub fn session_of(&self, record: DocId) -> Result<Vec<(DocId, Said)>> {
        let first = self.said(record, "intervention")?;
        let mut all = vec![first];
        let mut place = 0;
        while place < all.len() && all.len() < MOST {
            for other in ids(&all[place].1, TIES[0]) {
                let Ok(other) = other.parse::<DocId>() else { continue };
                if all.iter().any(|(known, _)| *known == other) {
                    continue;
                }
                // It may not have come yet, or be erased.
                match self.said(other, "intervention") {
                    Ok((id, said)) if all.iter().all(|(known, _)| *known != id) => {
                        all.push((id, said));
                    }
                    Ok(_) => {}
                    Err(error) if error.code() == Code::NoSuchRecord => {}
                    Err(error) => return Err(error),
                }
            }
            place += 1;
        }
        Ok(all)
    }

    /// What the records of one session say together.
    pub fn session_said(&self, record: DocId) -> Result<Said> {
        let all = self.session_of(record)?;
        let said: Vec<&Said> = all.iter().map(|(_, said)| said).collect();
        match said[..] {
            [only] => Ok(only.clone()),
            _ => Ok(as_one(record_type("intervention")?.parts[0], &said)),
        }
    }

    /// Edits a record, and with an intervention the others of its session, so that a conflict between them is settled too.
    pub fn edit_session(
        &mut self,
        env: &mut Env<'_>,
        record: DocId,
        fields: &BTreeMap<String, Value>,
    ) -> Result<()> {
        self.edit_record(env, record, fields)?;
        if self.open_record(record)?.0.name != "intervention" {
            return Ok(());
        }
        let mut shared = fields.clone();
        shared.retain(|name, _| !TIES.contains(&name.as_str()));
        for (other, _) in self.session_of(record)?.into_iter().skip(1) {
            self.edit_record(env, other, &shared)?;
        }
        Ok(())
    }
}

fn ids(said: &Said, field: &str) -> BTreeSet<String> {
    match said.get(field).map(|field| &field.value) {
        Some(Value::Set(set)) => set.clone(),
        _ => BTreeSet::new(),
    }
}
