//! docs/records.md says of every record what the schema says: a field changed here is changed there.

use std::fmt::Write;

use sync_core::records::{
    DocType, Field, FieldKind, JURISDICTIONS, Origin, PRESETS, RECORDS, RecordType, SpaceKind,
};

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
    let (name, number, spaces) = (part.name, part.number, spaces.join(" or "));
    format!("**`{name}`**, type {number}, {sealed} in {spaces}, kept {}", kept(part))
}

/// How long a part is kept, by space where that differs.
fn kept(part: &DocType) -> String {
    let words = |kind: &SpaceKind| part.retention.in_space(*kind).words();
    let same = part.spaces.iter().all(|kind| words(kind) == words(&part.spaces[0]));
    let each = |kind: &SpaceKind| format!("{} in `{}`", words(kind), kind.policy().name);
    match same {
        true => words(&part.spaces[0]).to_owned(),
        false => part.spaces.iter().map(each).collect::<Vec<_>>().join(", "),
    }
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

fn profiles() -> String {
    let mut text = String::new();
    for known in JURISDICTIONS {
        let modes = (known.notes_mode.as_str(), known.contact_notes_mode.as_str());
        writeln!(
            text,
            "**`{}`**: {}. Sessions `{}`, contacts `{}`.\n",
            known.name, known.title, modes.0, modes.1
        )
        .expect("writes to memory");
        known
            .consequences
            .iter()
            .for_each(|line| writeln!(text, "- {line}").expect("writes to memory"));
        let numbers: Vec<String> = known
            .crisis_numbers
            .iter()
            .map(|(label, number, _)| format!("{label}: {number}"))
            .collect();
        writeln!(text, "- Crisis numbers: {}.", numbers.join("; ")).expect("writes to memory");
        if !known.sources.is_empty() {
            writeln!(text, "- Read in: {}.", known.sources.join("; ")).expect("writes to memory");
        }
        text.push('\n');
    }
    text
}

fn presets() -> String {
    let mut text =
        "| set | kind | open | ideal end | hard end | |\n|---|---|---|---|---|---|\n".to_owned();
    for preset in PRESETS {
        for (kind, w) in preset.windows {
            let hard = w.hard_end_h.map_or("none".to_owned(), |hours| hours.to_string());
            let (open, ideal) = (w.open_h, w.ideal_end_h);
            writeln!(
                text,
                "| `{}` | {kind} | {open} | {ideal} | {hard} | {} |",
                preset.name, preset.source
            )
            .expect("writes to memory");
        }
    }
    text
}

#[test]
fn the_records_page_says_which_profiles_and_windows_ship() {
    for section in [profiles(), presets()] {
        assert!(DOCS.contains(&section), "docs/records.md should hold:\n{section}");
    }
}
