//! What an open document says, as coordinators' pages list it. A pure function of the document.

use serde_json::{Map, Value};
use sync_core::ids::{DocId, SpaceId};
use sync_core::records::{DocType, Flat, RecordType, view};

use crate::store::records::RecordRow;

/// The projection of a document; `None` for a kind this program does not know.
pub(super) fn of(space: SpaceId, doc: DocId, record: u16, flat: Flat) -> Option<RecordRow> {
    let doc_type = DocType::by_number(record)?;
    let record = RecordType::of_part(record)?;
    let mut fields = Map::new();
    let mut conflicts = Map::new();
    for (name, field) in view(record, &[(doc_type, flat)]) {
        if !field.conflict.is_empty() {
            conflicts.insert(name.clone(), json(&field.conflict));
        }
        fields.insert(name, json(&field.value));
    }
    Some(RecordRow { doc, space, record: record.name.to_owned(), fields, conflicts })
}

/// Values serialise to plain JSON; a number JSON cannot carry becomes null.
fn json<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}
