//! What must be true: asked of the phones, and of the relay's own files.

mod fields;
mod relay;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::drill::protocol::PhoneCommand;
use crate::drill::script::{
    ExpectAlarm, ExpectPending, ExpectRequest, ExpectShown, ExpectWindow, OnRecord, Shown,
};

use super::{Failed, Played, World};

/// Documents of one device with their heads, by (space, document).
type Heads = BTreeMap<(String, String), Json>;

fn codes(list: &Json) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|c| c.as_str().map(str::to_owned)).collect()
}

fn listed(found: &[String]) -> String {
    if found.is_empty() { "none".into() } else { found.join(", ") }
}

impl World {
    pub(super) fn expect_refused(&mut self, code: &str) -> Played {
        match &self.tried {
            Some(Err(found)) if found == code => Ok(()),
            Some(Err(found)) => {
                Err(Failed::unmet(format!("refused with {code}"), format!("refused with {found}")))
            }
            Some(Ok(())) => Err(Failed::unmet(format!("refused with {code}"), "it was done")),
            None => Err(Failed::unmet(format!("refused with {code}"), "nothing was tried")),
        }
    }

    pub(super) fn expect_pending(&mut self, expect: &ExpectPending) -> Played {
        let status = self.ask(&expect.device, PhoneCommand::Status)?;
        let found = status["pending"].as_u64().unwrap_or(u64::MAX);
        if found == expect.count {
            return Ok(());
        }
        Err(Failed::unmet(format!("{} to be sent", expect.count), found.to_string()))
    }

    pub(super) fn expect_first(&mut self, on: &OnRecord) -> Played {
        let id = self.id_on(&on.device, &on.record)?;
        let outbox = self.ask(&on.device, PhoneCommand::Outbox)?;
        // Keys and spaces belong to no record; they leave before what needs them.
        let mut records =
            outbox.as_array().into_iter().flatten().filter_map(|i| i["record"].as_str());
        match records.next() {
            // What leaves of a shared record is the copy: the original stays with its author.
            Some(found) if found == id || self.is_copy(&on.record, found) => Ok(()),
            Some(found) => {
                Err(Failed::unmet(format!("{} leaves first", on.record), self.name_of(found)))
            }
            None => Err(Failed::unmet(format!("{} leaves first", on.record), "no record does")),
        }
    }

    /// Whether an id is that of a copy of a record.
    fn is_copy(&self, record: &str, id: &str) -> bool {
        self.records.get(record).is_some_and(|known| known.copies.values().any(|copy| copy == id))
    }

    /// The handle of an id, for messages.
    fn name_of(&self, id: &str) -> String {
        let found = self
            .records
            .iter()
            .find(|(_, record)| record.id == id || record.copies.values().any(|copy| copy == id));
        found.map_or_else(|| id.to_owned(), |(handle, _)| handle.clone())
    }

    pub(super) fn expect_alarm(&mut self, expect: &ExpectAlarm) -> Played {
        let found = codes(&self.ask(&expect.device, PhoneCommand::Alarms)?);
        if found.contains(&expect.code) {
            return Ok(());
        }
        Err(Failed::unmet(format!("the alarm {}", expect.code), listed(&found)))
    }

    pub(super) fn expect_shown(&mut self, expect: &ExpectShown) -> Played {
        match expect.what {
            Shown::CrisisNumbers => {
                let shown = &self.device(&expect.device)?.shown;
                match shown.iter().any(|what| what == "crisis_numbers") {
                    true => Ok(()),
                    false => Err(Failed::unmet("crisis numbers shown at once", "none")),
                }
            }
            Shown::StaleDirectory => {
                let found = codes(&self.ask(&expect.device, PhoneCommand::Alarms)?);
                match found.iter().any(|code| code == "directory_stale") {
                    true => Ok(()),
                    false => Err(Failed::unmet("that the directory is stale", listed(&found))),
                }
            }
            Shown::Draft => {
                let drafts = self.ask(&expect.device, PhoneCommand::Drafts)?;
                let own =
                    drafts.as_array().into_iter().flatten().any(|d| d["own"] == Json::Bool(true));
                if own { Ok(()) } else { Err(Failed::unmet("a draft of its own", "none")) }
            }
            Shown::StaleResource | Shown::OnCall => {
                let told = self.ask(&expect.device, PhoneCommand::Roster)?;
                let (what, holds) = match expect.what {
                    Shown::OnCall => ("that this member is on call", &told["on_call"]),
                    _ => ("a stale resource", &told["stale_resource"]),
                };
                if *holds == Json::Bool(true) { Ok(()) } else { Err(Failed::unmet(what, "not")) }
            }
            Shown::Wiped | Shown::NotYetSeen => self.expect_wiped(expect),
            Shown::UncheckedDevice => {
                let devices = self.ask(&expect.device, PhoneCommand::Devices)?;
                let mut all = devices.as_array().into_iter().flatten();
                match all.any(|device| device["checked"] == Json::Bool(false)) {
                    true => Ok(()),
                    false => Err(Failed::unmet("a device nobody has checked", "none")),
                }
            }
        }
    }

    pub(super) fn expect_request(&mut self, expect: &ExpectRequest) -> Played {
        let id = self.id_on(&expect.device, &expect.record)?;
        let all = self.ask(&expect.device, PhoneCommand::Requests)?;
        let mut all = all.as_array().into_iter().flatten();
        let Some(found) = all.find(|request| request["record"] == id.as_str()) else {
            return Err(Failed::unmet("the request", "none of that name can be opened there"));
        };
        if let Some(state) = &expect.state
            && found["state"] != state.as_str()
        {
            return Err(Failed::unmet(state.as_str(), found["state"].to_string()));
        }
        match expect.called {
            Some(called) if found["calls_me"] != called => {
                let words = |called| if called { "this member is called" } else { "not called" };
                Err(Failed::unmet(words(called), words(!called)))
            }
            _ => Ok(()),
        }
    }

    /// What a phone says of itself, or an admin's of another one.
    fn expect_wiped(&mut self, expect: &ExpectShown) -> Played {
        use sync_core::protocol::Code::DeviceWiped;
        let Some(of) = &expect.of else {
            return match self.ask(&expect.device, PhoneCommand::Status) {
                Err(Failed::Refused { code, .. }) if code == DeviceWiped.as_str() => Ok(()),
                Ok(_) => Err(Failed::unmet("that it was wiped", "it goes on")),
                Err(other) => Err(other),
            };
        };
        let device = self.device(of)?.id.clone().unwrap_or_default();
        let removed = self.ask(&expect.device, PhoneCommand::Removed)?;
        let view = removed.as_array().into_iter().flatten().find(|v| v["device"] == *device);
        let found = match view {
            None => "not removed",
            Some(view) if view["wiped"] == Json::Bool(true) => "wiped",
            Some(view) if view["ordered"] == Json::Bool(true) => "not yet seen",
            Some(_) => "removed, and not ordered to be wiped",
        };
        let wanted = if expect.what == Shown::Wiped { "wiped" } else { "not yet seen" };
        if found == wanted { Ok(()) } else { Err(Failed::unmet(wanted, found)) }
    }

    pub(super) fn expect_window(&mut self, expect: &ExpectWindow) -> Played {
        let record = self.id_on(&expect.device, &expect.record)?;
        let intervention = match &expect.intervention {
            Some(name) if self.records.contains_key(name) => {
                Some(self.id_on(&expect.device, name)?)
            }
            other => other.clone(),
        };
        let command = PhoneCommand::Window { record, intervention };
        let found = match self.ask(&expect.device, command) {
            Ok(json) => json["state"].as_str().unwrap_or("nothing").to_owned(),
            Err(Failed::Refused { code, .. }) => code,
            Err(other) => return Err(other),
        };
        if found == expect.state {
            return Ok(());
        }
        Err(Failed::unmet(expect.state.as_str(), found))
    }

    /// Equal heads for every document that all of these devices may read.
    pub(super) fn expect_same(&mut self, devices: &[String]) -> Played {
        let devices = match devices {
            [all] if all == "*" => self.handles(),
            devices => devices.to_vec(),
        };
        let mut all: Vec<(String, Heads)> = Vec::new();
        let mut shared: Option<BTreeSet<String>> = None;
        for handle in devices {
            let (heads, spaces) = self.heads_of(&handle)?;
            shared = Some(match shared {
                None => spaces,
                Some(before) => before.intersection(&spaces).cloned().collect(),
            });
            all.push((handle, heads));
        }
        let shared = shared.unwrap_or_default();
        let keep = |heads: &Heads| -> Heads {
            heads
                .iter()
                .filter(|((space, _), _)| shared.contains(space))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect()
        };
        let Some((first, rest)) = all.split_first() else { return Ok(()) };
        let expected = keep(&first.1);
        if expected.is_empty() {
            return Err(Failed::unmet("documents that all of them may read", "none"));
        }
        for (handle, heads) in rest {
            if let Some(difference) = self.difference(&expected, &keep(heads)) {
                let expected = format!("{} and {handle} hold the same", first.0);
                return Err(Failed::unmet(expected, difference));
            }
        }
        Ok(())
    }

    fn heads_of(&mut self, handle: &str) -> Played<(Heads, BTreeSet<String>)> {
        let told = self.ask(handle, PhoneCommand::Heads)?;
        let mut heads = Heads::new();
        for entry in told["heads"].as_array().into_iter().flatten() {
            if let (Some(space), Some(doc)) = (entry["space"].as_str(), entry["doc"].as_str()) {
                heads.insert((space.to_owned(), doc.to_owned()), entry["heads"].clone());
            }
        }
        Ok((heads, codes(&told["spaces"]).into_iter().collect()))
    }

    fn difference(&self, one: &Heads, other: &Heads) -> Option<String> {
        let keys: BTreeSet<_> = one.keys().chain(other.keys()).collect();
        let differing: Vec<String> = keys
            .into_iter()
            .filter(|key| one.get(*key) != other.get(*key))
            .map(|(_, doc)| self.name_of(doc))
            .collect();
        let names: Vec<String> = differing.iter().take(5).cloned().collect();
        (!differing.is_empty())
            .then(|| format!("{} document(s) differ: {}", differing.len(), names.join(", ")))
    }
}
