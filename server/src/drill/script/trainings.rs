//! Trainings of a member, as a `member` step says them and the roster keeps them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use sync_core::protocol::Day;
use sync_core::records::{FieldKind, RecordType, Value};

/// Fields of the roster for trainings: each its name, or an object of `training`, `issued_on` and `expires_on`.
///
/// # Errors
/// What is wrong with one.
pub fn read(all: &[Json]) -> Result<BTreeMap<String, Value>, String> {
    let (mut codes, mut issued, mut expire) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for json in all {
        let Json::Object(object) = json else {
            codes.insert(code(json)?);
            continue;
        };
        let name = ["training", "name", "kind"].iter().find_map(|key| object.get(*key));
        let name = code(name.ok_or("a training has a \"training\"")?)?;
        for (key, value) in object {
            let day = || {
                let day = value.as_str().and_then(|text| Day::parse(text).ok());
                day.ok_or_else(|| format!("{key} is a day written as 2026-03-01"))
            };
            match key.as_str() {
                "training" | "name" | "kind" => {}
                "issued_on" => drop(issued.insert(format!("{name}@{}", day()?))),
                "expires_on" => drop(expire.insert(format!("{name}@{}", day()?))),
                _ => return Err(format!("a training has no field {key}")),
            }
        }
        codes.insert(name);
    }
    let fields = [("trainings", codes), ("trainings_issued", issued), ("trainings_expire", expire)];
    let given = fields.into_iter().filter(|(_, set)| !set.is_empty());
    Ok(given.map(|(name, set)| (name.to_owned(), Value::Set(set))).collect())
}

fn code(json: &Json) -> Result<String, String> {
    let field = RecordType::by_name("staff").and_then(|record| record.typed_field("trainings"));
    let codes = match field.map(|field| field.kind) {
        Some(FieldKind::CodeSet(codes)) => codes,
        _ => &[],
    };
    match json.as_str() {
        Some(name) if codes.contains(&name) => Ok(name.to_owned()),
        _ => Err(format!("a training is one of {}", codes.join(", "))),
    }
}
