//! What a verb prints: words for people, JSON for machines, tables that fit 80 columns.

use serde_json::Value as Json;
use sync_core::records::{FieldView, Value};

/// Widest line.
const WIDTH: usize = 80;

/// The result of a verb.
#[derive(Debug)]
pub struct Output {
    /// For people.
    pub words: String,
    /// For machines.
    pub json: Json,
}

impl Output {
    /// Prints one of the two.
    pub fn print(&self, json: bool) {
        if json {
            println!("{}", self.json);
        } else {
            println!("{}", self.words.trim_end());
        }
    }
}

/// A value in words.
pub fn words(value: &Value) -> String {
    match value {
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::Int(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Set(set) => set.iter().cloned().collect::<Vec<_>>().join(", "),
    }
}

/// A field in words, with every value that is in conflict.
pub fn field_words(view: &FieldView) -> String {
    if view.conflict.is_empty() {
        return words(&view.value);
    }
    let all: Vec<String> = view.conflict.iter().map(words).collect();
    format!("CONFLICT: {}", all.join(" | "))
}

/// A field for machines.
pub fn field_json(view: &FieldView) -> Json {
    serde_json::json!({ "value": view.value, "conflict": view.conflict })
}

/// An id short enough for a table and long enough to be typed.
pub fn short(id: impl std::fmt::Display) -> String {
    id.to_string().chars().take(8).collect()
}

/// Columns as wide as their widest cell, the last one cut at the line's end.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            let cells =
                rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain([head[column].chars().count()]).max().unwrap_or(0)
        })
        .collect();
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let mut out = String::new();
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let cell = cell.replace(['\n', '\r', '\t'], " ");
            line.push_str(&cell);
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count()) + 2));
        }
        out.push_str(&cut(line.trim_end()));
        out.push('\n');
    }
    out
}

fn cut(line: &str) -> String {
    if line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    line.chars().take(WIDTH - 3).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_and_never_wider_than_eighty_columns() {
        let rows = vec![vec!["a".into(), "long ".repeat(40)], vec!["bbb".into(), "x".into()]];
        let text = table(&["id", "what"], &rows);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.lines().nth(2).expect("a row").starts_with("bbb  x"));
    }

    #[test]
    fn a_conflict_shows_every_value() {
        let view = FieldView { value: Value::Int(3), conflict: vec![Value::Int(3), Value::Int(4)] };
        assert_eq!(field_words(&view), "CONFLICT: 3 | 4");
    }
}
