//! docs/records.md says of every record what the schema says: a field changed here is changed there.

use std::fmt::Write;

use sync_core::records::{DocType, Field, FieldKind, Origin, RECORDS, RecordType};

const DOCS: &str = include_str!("../../../docs/records.md");

fn takes(kind: &FieldKind) -> String {
    match kind {
        FieldKind::Code(codes) => format!("code: {}", codes.join(", ")),
        FieldKind::State(codes) => format!("state: {}", codes.join(" > ")),
        FieldKind::CodeSet(codes) => format!("set: {}", codes.join(", ")),
        FieldKind::IdSet => "set of ids".to_owned(),
        FieldKind::LabelSet(max) => format!("set of labels, {max}"),
        FieldKind::Int { min, max } => format!("{min}..{max}"),
        FieldKind::Step { min, max, step } => format!("{min}..{max} by {step}"),
        FieldKind::Bool => "true, false".to_owned(),
        FieldKind::Time => "time".to_owned(),
        FieldKind::Day => "day".to_owned(),
        FieldKind::Label(max) => format!("label, {max}"),
        FieldKind::Id => "id".to_owned(),
        FieldKind::Counter { max } => format!("counter, 0..{max}"),
        FieldKind::Entries(max) => format!("entries, {max}"),
    }
}

fn row(record: &RecordType, field: &Field) -> String {
    let mut marks = Vec::new();
    if record.required.contains(&field.name) {
        marks.push("required".to_owned());
    }
    match field.origin {
        Origin::Typed => {}
        Origin::Derived => marks.push("follows".to_owned()),
        Origin::Link => marks.push("link".to_owned()),
    }
    marks.extend(field.default.map(|default| format!("default {default}")));
    let marks = if marks.is_empty() { "-".to_owned() } else { marks.join(", ") };
    format!("| `{}` | {} | {marks} | {} |", field.name, takes(&field.kind), field.help)
}

fn heading(part: &DocType) -> String {
    let spaces: Vec<String> =
        part.spaces.iter().map(|kind| format!("`{}`", kind.policy().name)).collect();
    let sealed = if part.is_sealed() { "sealed" } else { "open" };
    format!("**`{}`**, type {}, {sealed} in {}", part.name, part.number, spaces.join(" or "))
}

fn section(record: &RecordType) -> String {
    let mut text = format!("## {}\n", record.name);
    let table = "\n| field | takes | | |\n|---|---|---|---|";
    for part in record.parts {
        write!(text, "\n{}\n", heading(part)).expect("writes to memory");
        let rows: Vec<String> = part.fields.iter().map(|field| row(record, field)).collect();
        if !rows.is_empty() {
            write!(text, "{table}\n{}\n", rows.join("\n")).expect("writes to memory");
        }
    }
    if !record.inputs.is_empty() {
        let rows: Vec<String> = record.inputs.iter().map(|field| row(record, field)).collect();
        write!(text, "\nTyped but stored nowhere\n{table}\n{}\n", rows.join("\n"))
            .expect("writes to memory");
    }
    text
}

#[test]
fn the_records_page_says_what_the_schema_says() {
    for record in RECORDS {
        let section = section(record);
        assert!(DOCS.contains(&section), "docs/records.md should hold:\n{section}");
    }
}
