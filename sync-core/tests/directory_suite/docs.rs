//! docs/directory.md says of every operation what the table in the code says.

use sync_core::directory::OPERATIONS;

const DOCS: &str = include_str!("../../../docs/directory.md");

#[test]
fn the_directory_page_says_what_the_table_says() {
    let rows: Vec<String> = OPERATIONS
        .iter()
        .map(|row| format!("| {} | {} | {} |", row.operation, row.signer, row.approvals))
        .collect();
    let table =
        format!("| to do | signs the entry | also signs |\n|---|---|---|\n{}\n", rows.join("\n"));
    assert!(DOCS.contains(&table), "docs/directory.md should hold:\n{table}");
}
