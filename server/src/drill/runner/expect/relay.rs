//! What stands at the relay, and what it set aside.

use crate::drill::protocol::{PhoneCommand, RelayCommand};
use crate::drill::scan;
use crate::drill::script::{ExpectNever, ExpectQuarantine, Place};

use super::super::{Failed, Played, World};
use super::{codes, listed};

impl World {
    /// It stands in no file, log or answer of the relay, or only in none of its data, keys and backups.
    pub(in super::super) fn expect_relay_never(&mut self, expect: &ExpectNever) -> Played {
        let texts = expect.text.all();
        let scan = match expect.place {
            Place::All => self.scan(texts)?,
            Place::Data => {
                let backups = self.folder.join("relay-backups");
                let mut places = vec![self.relay.places()[0]];
                places.extend(backups.exists().then_some(backups.as_path()));
                scan::search(&places, texts).map_err(Failed::broken)?
            }
        };
        match scan.found.first() {
            None => Ok(()),
            Some(found) => Err(Failed::unmet(
                format!("{:?} nowhere at the relay", found.text),
                format!("in {} (of {} files)", found.file.display(), scan.files),
            )),
        }
    }

    /// Searches everything the relay keeps, logs and answered.
    pub(in super::super) fn scan(&self, texts: &[String]) -> Played<scan::Scan> {
        let [data, log] = self.relay.places();
        let backups = self.folder.join("relay-backups");
        let mut places = vec![data, log, self.answers.folder()];
        places.extend(backups.exists().then_some(backups.as_path()));
        scan::search(&places, texts).map_err(Failed::broken)
    }

    pub(in super::super) fn expect_quarantine(&mut self, expect: &ExpectQuarantine) -> Played {
        let mut found = match &expect.device {
            Some(device) => {
                let drafts = self.ask(device, PhoneCommand::Drafts)?;
                let codes = drafts.as_array().into_iter().flatten();
                codes.filter_map(|draft| draft["code"].as_str().map(str::to_owned)).collect()
            }
            None => {
                let team = self.team.clone().unwrap_or_default();
                codes(&self.tell_relay(&RelayCommand::Quarantine { team })?["codes"])
            }
        };
        let all = listed(&found);
        if let Some(code) = &expect.code {
            found.retain(|one| one == code);
        }
        let holds = match expect.count {
            Some(count) => found.len() as u64 == count,
            None => !found.is_empty(),
        };
        if holds {
            return Ok(());
        }
        let code = expect.code.as_deref().unwrap_or("any code");
        let count = expect.count.map_or("some".into(), |count| count.to_string());
        Err(Failed::unmet(format!("{count} set aside with {code}"), all))
    }
}
