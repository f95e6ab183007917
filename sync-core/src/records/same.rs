//! One session logged twice: which interventions look alike, and what several confirmed as one say together.
//!
//! Never by itself: records look alike by incident, kind, start and lead, and a person confirms. Both stay documents of their
//! own, so nothing of either is lost and an erasure takes what was confirmed apart again. Pure. Called by the engine and the page.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::DocId;
use crate::protocol::Timestamp;

use super::{DocType, FieldKind, FieldView, Value, parse_value};

/// What a record says, by field.
type Said = BTreeMap<String, FieldView>;

/// Starts of one session as two people note them lie at most so far apart.
const APART_MS: i64 = 30 * 60_000;

/// Pairs that may be one session and nobody has said yes or no to, the lower id first.
pub fn same_offers(interventions: &[(DocId, Said)]) -> Vec<(DocId, DocId)> {
    let groups = sessions(interventions);
    let mut offers = Vec::new();
    for (place, (a, one)) in interventions.iter().enumerate() {
        for (b, other) in &interventions[place + 1..] {
            let said_no = names(one, "not_same_as", *b) || names(other, "not_same_as", *a);
            if groups[a] != groups[b] && !said_no && look_alike(one, other) {
                offers.push((*a.min(b), *a.max(b)));
            }
        }
    }
    offers.sort_unstable();
    offers
}

/// Same incident, same kind, begun within half an hour, and no other lead on each.
fn look_alike(one: &Said, other: &Said) -> bool {
    let both = |field: &str| text(one, field).is_some() && text(one, field) == text(other, field);
    let start = |said| text(said, "started_at").and_then(|at| Timestamp::parse(at).ok());
    let near = match (start(one), start(other)) {
        (Some(a), Some(b)) => a.0.abs_diff(b.0) <= APART_MS.unsigned_abs(),
        _ => false,
    };
    let (a, b) = (set(one, "leads"), set(other, "leads"));
    let led_alike = a.is_empty() || b.is_empty() || !a.is_disjoint(&b);
    both("incident_id") && both("kind") && near && led_alike
}

/// Of every intervention the one that stands for its session: the lowest id of those confirmed as one.
pub fn sessions(interventions: &[(DocId, Said)]) -> BTreeMap<DocId, DocId> {
    let mut first: BTreeMap<DocId, DocId> =
        interventions.iter().map(|(id, _)| (*id, *id)).collect();
    // Each round carries the lowest id one link further; there are as many rounds as the longest chain of links.
    loop {
        let before = first.clone();
        for (id, said) in interventions {
            for other in ids(said, "same_as").filter(|other| before.contains_key(other)) {
                let low = first[id].min(first[&other]);
                first.insert(*id, low);
                first.insert(other, low);
            }
        }
        if first == before {
            return first;
        }
    }
}

/// What the documents of one session say together: sets united, different values shown side by side as a conflict.
/// Counts of one session are not added up: the higher one is shown, a different one beside it.
pub fn as_one(doc_type: &DocType, records: &[&Said]) -> Said {
    let mut all = Said::new();
    for field in doc_type.fields {
        let views: Vec<&FieldView> =
            records.iter().filter_map(|said| said.get(field.name)).collect();
        if views.is_empty() {
            continue;
        }
        let default = match field.kind {
            FieldKind::Counter { .. } => Some(Value::Int(0)),
            _ => field.default.and_then(|text| parse_value(field, text).ok()),
        };
        let view = match field.kind {
            FieldKind::CodeSet(_) | FieldKind::IdSet | FieldKind::LabelSet(_) => united(&views),
            FieldKind::Marks(..) => side_by_side(&views),
            FieldKind::Counter { .. } => {
                let mut view = distinct(&views, default.as_ref());
                view.conflict.sort_by_key(|value| std::cmp::Reverse(number(value)));
                if let Some(highest) = view.conflict.first() {
                    view.value = highest.clone();
                }
                view
            }
            _ => distinct(&views, default.as_ref()),
        };
        all.insert(field.name.to_owned(), view);
    }
    all
}

fn united(views: &[&FieldView]) -> FieldView {
    let all = views.iter().flat_map(|view| members(&view.value)).collect();
    FieldView { value: Value::Set(all), conflict: Vec::new() }
}

/// Marks by key; where a key has several values, one set for each.
fn side_by_side(views: &[&FieldView]) -> FieldView {
    let mut marks: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for view in views {
        for mark in std::iter::once(&view.value).chain(&view.conflict).flat_map(members) {
            if let Some((key, value)) = mark.split_once('@') {
                let told = marks.entry(key.to_owned()).or_default();
                if !told.iter().any(|known| known == value) {
                    told.push(value.to_owned());
                }
            }
        }
    }
    let most = marks.values().map(Vec::len).max().unwrap_or(1);
    let sets: Vec<Value> = (0..most)
        .map(|place| {
            let at = |(key, told): (&String, &Vec<String>)| {
                format!("{key}@{}", told[place.min(told.len() - 1)])
            };
            Value::Set(marks.iter().map(at).collect())
        })
        .collect();
    let value = sets.first().cloned().unwrap_or(Value::Set(BTreeSet::new()));
    FieldView { value, conflict: if sets.len() > 1 { sets } else { Vec::new() } }
}

/// The values written; one that only stands for `nobody wrote it` gives way.
fn distinct(views: &[&FieldView], default: Option<&Value>) -> FieldView {
    let mut all: Vec<Value> = Vec::new();
    for view in views {
        for value in std::iter::once(&view.value).chain(&view.conflict) {
            if !all.contains(value) {
                all.push(value.clone());
            }
        }
    }
    if all.len() > 1 {
        all.retain(|value| Some(value) != default);
    }
    FieldView { value: all[0].clone(), conflict: if all.len() > 1 { all } else { Vec::new() } }
}

fn members(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Set(set) => set.clone(),
        _ => BTreeSet::new(),
    }
}

fn number(value: &Value) -> i64 {
    match value {
        Value::Int(number) => *number,
        _ => 0,
    }
}

fn text<'a>(said: &'a Said, field: &str) -> Option<&'a str> {
    match &said.get(field)?.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn set(said: &Said, field: &str) -> BTreeSet<String> {
    said.get(field).map(|field| members(&field.value)).unwrap_or_default()
}

fn ids(said: &Said, field: &str) -> impl Iterator<Item = DocId> {
    set(said, field).into_iter().filter_map(|id| id.parse().ok())
}

fn names(said: &Said, field: &str, other: DocId) -> bool {
    ids(said, field).any(|id| id == other)
}

#[cfg(test)]
mod tests {
    use super::super::RecordType;
    use super::*;

    const SIX: &str = "2026-03-01T18:00:00Z";

    fn id(byte: u8) -> DocId {
        DocId::new([byte; 16])
    }

    fn plain(value: Value) -> FieldView {
        FieldView { value, conflict: Vec::new() }
    }

    fn texts(all: &[&str]) -> FieldView {
        plain(Value::Set(all.iter().map(|text| (*text).to_owned()).collect()))
    }

    fn logged(start: &str, leads: &[&str]) -> Said {
        [
            ("incident_id".to_owned(), plain(Value::Text("aa".repeat(16)))),
            ("kind".to_owned(), plain(Value::Text("defusing".into()))),
            ("started_at".to_owned(), plain(Value::Text(start.to_owned()))),
            ("leads".to_owned(), texts(leads)),
        ]
        .into()
    }

    fn offered(one: Said, other: Said) -> bool {
        !same_offers(&[(id(1), one), (id(2), other)]).is_empty()
    }

    #[test]
    fn two_logs_are_offered_to_the_half_hour_and_only_if_incident_kind_and_lead_agree() {
        let first = || logged(SIX, &["bo"]);
        for (start, near) in [
            ("2026-03-01T18:30:00Z", true),
            ("2026-03-01T17:30:00Z", true),
            ("2026-03-01T18:30:01Z", false),
            ("2026-03-01T17:29:59Z", false),
        ] {
            assert_eq!(offered(first(), logged(start, &["bo", "amy"])), near, "{start}");
        }
        assert!(offered(first(), logged(SIX, &[])), "nobody is named there: it may be");
        assert!(!offered(first(), logged(SIX, &["amy"])), "another lead");
        for field in ["kind", "incident_id"] {
            let mut other = first();
            other.insert(field.to_owned(), plain(Value::Text("another".into())));
            assert!(!offered(first(), other), "{field}");
            let mut none = first();
            none.remove(field);
            assert!(!offered(none.clone(), none), "without {field}");
        }
        let mut planned = first();
        planned.remove("started_at");
        assert!(!offered(first(), planned));
    }

    #[test]
    fn a_yes_or_a_no_on_either_side_ends_the_offer() {
        for field in ["same_as", "not_same_as"] {
            let mut said = logged(SIX, &[]);
            said.insert(field.to_owned(), texts(&[&id(2).to_string()]));
            assert!(!offered(said.clone(), logged(SIX, &[])), "{field}");
            let reverse = [(id(2), logged(SIX, &[])), (id(1), said)];
            assert!(same_offers(&reverse).is_empty(), "{field}, in any order");
        }
    }

    #[test]
    fn links_of_any_direction_and_length_make_one_session() {
        let with = |other: u8| {
            let mut said = logged(SIX, &[]);
            said.insert("same_as".to_owned(), texts(&[&id(other).to_string()]));
            said
        };
        let all = [
            (id(4), with(3)),
            (id(3), with(9)),
            (id(2), with(3)),
            (id(1), logged(SIX, &[])),
            (id(9), logged(SIX, &[])),
        ];
        let found = sessions(&all);
        assert_eq!([1, 2, 3, 4, 9].map(|n| found[&id(n)]), [1, 2, 2, 2, 2].map(id));
        let gone = [(id(4), with(3))];
        assert_eq!(sessions(&gone)[&id(4)], id(4), "what is not here joins nothing");
    }

    #[test]
    fn nothing_of_either_is_lost_and_no_count_is_doubled() {
        let doc_type = RecordType::by_name("intervention").expect("is there").parts[0];
        let mut one = logged(SIX, &["bo"]);
        one.insert("handouts".to_owned(), texts(&["sleep"]));
        one.insert("one_on_ones_triggered".to_owned(), plain(Value::Int(2)));
        one.insert("referrals_count".to_owned(), plain(Value::Int(0)));
        one.insert("team_self_debrief_done".to_owned(), plain(Value::Bool(false)));
        one.insert("phase_times".to_owned(), texts(&["introduction@18:05", "exploration@18:10"]));
        let mut other = logged("2026-03-01T18:04:00Z", &["amy"]);
        other.insert("handouts".to_owned(), texts(&["coping"]));
        other.insert("one_on_ones_triggered".to_owned(), plain(Value::Int(3)));
        other.insert("referrals_count".to_owned(), plain(Value::Int(1)));
        other.insert("team_self_debrief_done".to_owned(), plain(Value::Bool(true)));
        other.insert("phase_times".to_owned(), texts(&["introduction@18:07"]));
        let all = as_one(doc_type, &[&one, &other]);
        assert_eq!(all["leads"], texts(&["amy", "bo"]));
        assert_eq!(all["handouts"], texts(&["coping", "sleep"]));
        assert_eq!(all["kind"].conflict, []);
        assert_eq!(all["started_at"].conflict.len(), 2);
        assert_eq!(all["one_on_ones_triggered"].value, Value::Int(3));
        assert_eq!(all["one_on_ones_triggered"].conflict, [Value::Int(3), Value::Int(2)]);
        assert_eq!(all["referrals_count"], plain(Value::Int(1)));
        assert_eq!(all["team_self_debrief_done"], plain(Value::Bool(true)));
        let times = &all["phase_times"].conflict;
        assert_eq!(times.len(), 2);
        assert!(times.iter().all(|set| members(set).contains("exploration@18:10")));
    }
}
