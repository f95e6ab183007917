//! Every statement that a transaction runs, written once for each table when the store opens.

use crate::engine::Table;

/// Ends every row, in one stored byte (0 and 1 would take none).
pub(super) const MARK: i64 = 0x55;

/// The statements of one table.
pub(super) struct TableStatements {
    pub(super) get: String,
    pub(super) put: String,
    pub(super) delete: String,
    scan: [String; 4],
}

impl TableStatements {
    fn new(table: Table) -> Self {
        let name = table.name();
        Self {
            get: format!("SELECT value, mark FROM {name} WHERE key = ?1"),
            put: format!(
                "INSERT INTO {name} (key, value, mark) VALUES (?1, ?2, {MARK})
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value"
            ),
            delete: format!("DELETE FROM {name} WHERE key = ?1"),
            scan: ["key >= ?1", "key >= ?1 AND key < ?3", "key > ?1", "key > ?1 AND key < ?3"].map(
                |range| {
                    format!(
                        "SELECT key, value, mark FROM {name} WHERE {range} ORDER BY key LIMIT ?2"
                    )
                },
            ),
        }
    }

    /// Parameters: start, limit, and the end if `bounded`. `strict` leaves the start itself out.
    pub(super) fn scan(&self, strict: bool, bounded: bool) -> &str {
        &self.scan[usize::from(strict) * 2 + usize::from(bounded)]
    }
}

/// The statements of all tables.
pub(super) struct Statements([TableStatements; Table::ALL.len()]);

impl Statements {
    /// How many there are: the connection keeps all of them prepared.
    pub(super) const COUNT: usize = Table::ALL.len() * 7;

    pub(super) fn new() -> Self {
        Self(Table::ALL.map(TableStatements::new))
    }

    pub(super) fn of(&self, table: Table) -> &TableStatements {
        // `ALL` lists the tables in the order of their declaration (tested below).
        &self.0[table as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_finds_its_own_statements() {
        let statements = Statements::new();
        for table in Table::ALL {
            assert!(statements.of(table).delete.contains(&format!("FROM {} ", table.name())));
        }
    }
}
