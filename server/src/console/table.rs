//! The one shape of every table: a caption, named columns, the first cell of a row as its name.
//!
//! On a narrow screen the style sheet stacks the cells of a row, each under its column's name. Browsers then forget
//! that it is a table, so the roles are written out for screen readers.

use maud::{Markup, html};

/// A table of `N` columns.
pub(super) fn table<const N: usize>(
    caption: &str,
    columns: [&str; N],
    rows: impl IntoIterator<Item = [Markup; N]>,
) -> Markup {
    html! {
        table role="table" {
            caption { (caption) }
            thead role="rowgroup" {
                tr role="row" {
                    @for column in columns { th role="columnheader" scope="col" { (column) } }
                }
            }
            tbody role="rowgroup" {
                @for row in rows { tr role="row" { (cells(&columns, &row)) } }
            }
        }
    }
}

fn cells(columns: &[&str], row: &[Markup]) -> Markup {
    html! {
        @for (place, (column, cell)) in columns.iter().zip(row).enumerate() {
            @if place == 0 {
                th role="rowheader" scope="row" { (cell) }
            } @else {
                td role="cell" data-label=(column) { div { (cell) } }
            }
        }
    }
}
