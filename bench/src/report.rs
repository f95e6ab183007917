//! Printing: a table with the arithmetic for people, one JSON object a line for programs, a comparison with an
//! earlier run.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::Outcome;
use crate::figure::{Figure, number};

/// Prints one object a line.
pub fn json(figures: &[Figure]) -> Outcome {
    let mut out = std::io::stdout().lock();
    for figure in figures {
        writeln!(out, "{}", object(figure))?;
    }
    Ok(())
}

fn round(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

fn object(figure: &Figure) -> Value {
    let cost = &figure.cost;
    json!({
        "figure": figure.name,
        "value": round(figure.value),
        "unit": figure.unit,
        "floor": figure.floor.as_ref().map(|(_, value)| round(*value)),
        "ratio": figure.ratio().map(round),
        "budget": figure.budget(),
        "ok": figure.ok(),
        "bytes_up": cost.passed.up,
        "bytes_down": cost.passed.down,
        "turns": cost.passed.turns,
        "cpu_s": round(cost.cpu_s),
        "peak_mib": round(cost.peak_mib),
    })
}

/// Prints a table, and below it each figure's arithmetic.
pub fn table(figures: &[Figure]) -> Outcome {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{:<18} {:>9} {:>9} {:>7} {:>9} {:>9} {:>5} {:>6} {:>6}  ok",
        "figure", "ms", "floor ms", "ratio", "bytes up", "down", "turns", "CPU s", "MiB"
    )?;
    for figure in figures {
        let cost = &figure.cost;
        let floor = figure.floor.as_ref().map_or("-".into(), |(_, value)| format!("{value:.2}"));
        let ratio = figure.ratio().map_or("-".into(), |ratio| format!("{ratio:.2}"));
        let ok = if figure.checks.is_empty() { "-" } else { yes_or_no(figure.ok()) };
        writeln!(
            out,
            "{:<18} {:>9.2} {floor:>9} {ratio:>7} {:>9} {:>9} {:>5} {:>6.2} {:>6.1}  {ok}",
            figure.name,
            figure.value,
            cost.passed.up,
            cost.passed.down,
            cost.passed.turns,
            cost.cpu_s,
            cost.peak_mib,
        )?;
    }
    for figure in figures {
        writeln!(out, "\n{}: {}", figure.name, figure.about)?;
        for check in &figure.checks {
            let verdict = match (check.is_kept(), check.decides) {
                (true, _) => "met",
                (false, true) => "MISSED",
                (false, false) => "above (information)",
            };
            let (measured, limit) = (number(check.measured), number(check.limit));
            writeln!(out, "  {} = {measured}; budget {limit}: {verdict}", check.what)?;
        }
        for note in &figure.notes {
            writeln!(out, "  {note}")?;
        }
    }
    Ok(())
}

fn yes_or_no(ok: bool) -> &'static str {
    if ok { "yes" } else { "NO" }
}

/// Reads what an earlier run printed with `--json`.
pub fn read(path: &Path) -> Outcome<Vec<Value>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let lines = text.lines().filter(|line| line.starts_with('{'));
    Ok(lines.map(serde_json::from_str).collect::<Result<_, _>>()?)
}

/// Prints, to standard error so that `--json` stays clean, how figures moved since an earlier run.
pub fn comparison(before: &[Value], figures: &[Figure]) -> Outcome {
    let mut out = std::io::stderr().lock();
    writeln!(out, "\n{:<18} {:>20} {:>24}", "since then", "ratio", "bytes up + down")?;
    for figure in figures {
        let Some(old) = before.iter().find(|old| old["figure"] == figure.name.as_str()) else {
            writeln!(out, "{:<18} is new", figure.name)?;
            continue;
        };
        let ratio =
            |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
        let bytes = |name: &str| old[name].as_u64().unwrap_or_default();
        let now = figure.cost.passed;
        writeln!(
            out,
            "{:<18} {:>8} -> {:>8} {:>10} -> {:>10}",
            figure.name,
            ratio(old["ratio"].as_f64()),
            ratio(figure.ratio()),
            bytes("bytes_up") + bytes("bytes_down"),
            now.up + now.down,
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_has_the_promised_fields_and_reads_back() {
        let figure = Figure::alone("S8/record", "", 2.0).beside("commit", 1.0).at_most(2.0);
        let object = object(&figure);
        for field in [
            "figure",
            "value",
            "unit",
            "floor",
            "ratio",
            "budget",
            "ok",
            "bytes_up",
            "bytes_down",
            "turns",
            "cpu_s",
            "peak_mib",
        ] {
            assert!(object.get(field).is_some(), "{field}");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("run.jsonl");
        std::fs::write(&file, format!("noise\n{object}\n")).unwrap();
        assert_eq!(read(&file).unwrap(), [object]);
    }
}
