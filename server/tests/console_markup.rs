//! The coordinators' page as markup: whole pages, codes beside words, states by word and shape, tables that stack.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod common;

use axum::http::StatusCode;
use common::console::*;
use common::markup::faults;
use common::*;
use sync_core::protocol::{Timestamp, Verdict};
use sync_core::records::{Role, Scalar, SpaceKind};

/// A team with something in every part of every page, and the pages' paths.
async fn full(seed: u64) -> (Scene, Vec<String>) {
    let mut s = scene(seed).await;
    let incident = s.incident("north ridge");
    let id = incident.to_string();
    for kind in ["defusing", "cisd", "demobilization", "one_on_one"] {
        let fields = [("incident_id", text(&id)), ("kind", text(kind))];
        s.record(SpaceKind::Operations, INTERVENTION, &fields);
    }
    s.record(SpaceKind::Operations, INTERVENTION, &[("kind", text("sfa"))]);
    let member = s.amy.member.to_string();
    for days in [-1_i64, 0, 3] {
        let due = Scalar::Int(i64::from(s.station.now().day().0) + days);
        let fields = [("kind", text("call")), ("due_day", due), ("assignee", text(&member))];
        s.record(SpaceKind::Caseload, TASK, &[&fields[..], &[("state", text("open"))]].concat());
    }
    let mut bo = Hand::new(seed + 1000);
    s.team.enter(&bo, &[Role::Coordinator]);
    s.team.enter(&Hand::new(seed + 2000), &[Role::Responder]);
    s.station.bring(&mut s.team);
    let (space, doc) = (s.team.operations(), s.amy.doc());
    for hand in [&mut s.amy, &mut bo] {
        let severity = Scalar::Int(i64::from(hand.keys.device_id().as_bytes()[0] % 2) + 3);
        let label = text(if severity == Scalar::Int(3) { "one" } else { "two" });
        let end = Scalar::Int(Timestamp::parse(START).unwrap().0 - 60_000);
        let fields = [("severity", severity), ("area", label), ("occurred_end", end)];
        let change = s.team.change(hand, space, INCIDENT, doc, None, &fields);
        assert_eq!(s.station.push(&s.team, hand, &[change])[0].verdict, Verdict::Stored);
    }
    let mut forged = s.team.incident(&mut s.amy, doc, "north");
    forged.sig[0] ^= 1;
    s.station.push(&s.team, &mut s.amy, &[forged]);
    let views = VIEWS.iter().map(|view| (*view).to_owned());
    (
        s,
        views
            .chain([format!("/console/incident/{id}"), format!("/console/incident/{doc}")])
            .chain([id, doc.to_string()].map(|id| format!("/console/incident/{id}/after-action")))
            .collect(),
    )
}

#[tokio::test]
async fn every_page_full_empty_or_failed_is_whole() {
    let (s, paths) = full(21).await;
    for path in &paths {
        let page = s.browser.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert_eq!(faults(&page.text), Vec::<String>::new(), "{path}");
    }
    let empty = scene(22).await;
    for path in VIEWS.iter().chain(&["/console/incident/x", "/console/nothing/at/all"]) {
        assert_eq!(faults(&empty.browser.get(path).await.text), Vec::<String>::new(), "{path}");
    }
    let stranger = Browser::new(&s.station);
    assert_eq!(faults(&stranger.get("/console/now").await.text), Vec::<String>::new());
}

#[test]
fn the_reader_of_markup_finds_what_browsers_repair() {
    let page =
        |inside: &str| format!("<!DOCTYPE html><html><body><h1>x</h1>{inside}</body></html>");
    assert_eq!(faults(&page("<p>a <span>b</span></p>")), Vec::<String>::new());
    for bad in [
        "<p><ul><li>a</li></ul></p>",
        "<p>a",
        "<p>a</div>",
        "<a href=\"/x\"><span><a href=\"/y\">b</a></span></a>",
        "<ul><p>a</p></ul>",
        "<p id=\"a\">a</p><p id=\"a\">b</p>",
        "<section aria-labelledby=\"no\"></section>",
        "<h3>skipped a level</h3>",
        "<p class=a>b</p>",
        "<p onclick=\"x\">b</p>",
        "<script>x</script>",
    ] {
        assert!(!faults(&page(bad)).is_empty(), "{bad}");
    }
}

#[tokio::test]
async fn every_coded_value_carries_its_code() {
    let (s, paths) = full(23).await;
    let mut pages = String::new();
    for path in &paths {
        pages += &s.browser.get(path).await.text;
    }
    for (code, words) in [
        ("failed_rescue", "Failed rescue"),
        ("reported", "Reported"),
        ("defusing", "Defusing"),
        ("sfa", "Stress First Aid"),
        ("call", "Call"),
        ("peer_supporter", "Peer supporter"),
        ("native", "App"),
        ("severity", "Severity"),
    ] {
        let coded = pages.matches(&format!("data-code=\"{code}\">{words}</")).count();
        let plain = pages.matches(&format!(">{words}<")).count();
        // Headings of columns and of facts name the field, not a value.
        let heads = pages.matches(&format!("scope=\"col\">{words}<")).count();
        let facts = pages.matches(&format!("<dt>{words}<")).count();
        assert!(coded > 0 && coded == plain - heads - facts, "{code}: {coded} of {plain}");
    }
}

#[tokio::test]
async fn a_window_is_told_by_word_and_shape_and_until_when() {
    let (mut s, _) = full(24).await;
    let state = |code: &str, shape: &str, words: &str| {
        format!(
            " {code}\" data-code=\"{code}\"><span aria-hidden=\"true\">{shape}</span> {words}</span>"
        )
    };
    let now = s.browser.get("/console/now").await.text;
    // The incident ended an hour before.
    assert!(now.contains(&state("ideal", "●", "In the ideal window")), "{now}");
    assert!(now.contains("Ideal window ends <time") && now.contains("in 7 hours"));
    assert!(now.contains(&state("early", "○", "Not yet open")));
    assert!(now.contains("Opens <time") && now.contains("in 23 hours"));
    assert!(now.contains(&state("n_a", "–", "No window")));
    s.station.wait_minutes(9 * 60);
    let link = s.station.relay.console_link(s.team.id()).unwrap();
    s.browser.sign_in(&link).await;
    let now = s.browser.get("/console/now").await.text;
    assert!(now.contains(&state("late", "▲", "Late, still useful")));
    assert!(now.contains("Window ends <time") && now.contains("in 2 hours"));
    assert!(now.contains(&state("missed", "✕", "Missed")) && now.contains("Window ended <time"));
}

#[tokio::test]
async fn what_has_begun_is_told_as_begun() {
    let mut s = scene(25).await;
    let incident = s.incident("north").to_string();
    let started = Scalar::Int(s.station.now().0);
    for kind in ["defusing", "demobilization"] {
        let fields = [
            ("incident_id", text(&incident)),
            ("kind", text(kind)),
            ("started_at", started.clone()),
        ];
        s.record(SpaceKind::Operations, INTERVENTION, &fields);
    }
    s.station.wait_minutes(20);
    let now = s.browser.get("/console/now").await.text;
    assert!(now.contains("Began in the ideal window") && !now.contains("In the ideal window"));
    assert!(!now.contains("Ideal window ends"), "what began has nothing to wait for");
}

#[tokio::test]
async fn cells_name_their_column_for_narrow_screens() {
    let (s, paths) = full(26).await;
    for path in &paths {
        let page = s.browser.get(path).await.text;
        for table in page.split("<table").skip(1).map(|rest| rest.split("</table>").next().unwrap())
        {
            let (head, body) = table.split_once("<tbody").unwrap();
            let columns: Vec<&str> = head
                .split("scope=\"col\">")
                .skip(1)
                .map(|rest| rest.split('<').next().unwrap())
                .collect();
            assert!(head.contains("<caption>") && columns.len() > 1, "{path}");
            for row in body.split("<tr").skip(1) {
                assert_eq!(row.matches("scope=\"row\"").count(), 1, "{path}");
                let labels: Vec<&str> = row
                    .split("data-label=\"")
                    .skip(1)
                    .map(|rest| rest.split('"').next().unwrap())
                    .collect();
                assert_eq!(labels, columns[1..], "{path}");
            }
        }
    }
}
