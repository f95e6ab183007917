//! The coordinators' page: who gets in, what protects it, what it shows, and that it cannot be written into.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod common;

use axum::http::{Method, StatusCode};
use common::console::*;
use common::*;
use sync_core::protocol::{
    Header, Kind, Priority, PurgeBody, PurgeReason, Timestamp, Verdict, to_cbor,
};
use sync_core::records::{Role, Scalar, SpaceKind};

const CANARY: &str = "<img src=x onerror=alert(1)>";

#[tokio::test]
async fn without_a_session_nothing_is_shown_and_the_way_in_is_told() {
    let mut s = scene(1).await;
    let doc = s.incident("north ridge");
    let one = format!("/console/incident/{doc}");
    s.browser.cookie = None;
    for view in VIEWS.iter().chain([&one.as_str()]) {
        let page = s.browser.get(view).await;
        assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{view}");
        assert!(!page.text.contains("north ridge"));
        assert!(page.text.contains("sign-in link"));
    }
    s.browser.cookie = Some("aftercall=AAAA".into());
    assert_eq!(s.browser.get("/console/now").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_link_works_once_and_for_fifteen_minutes() {
    let s = scene(2).await;
    let link = s.station.relay.console_link(s.team.id()).unwrap();
    let mut first = Browser::new(&s.station);
    assert_eq!(first.sign_in(&link).await.status, StatusCode::SEE_OTHER);
    assert_eq!(first.get("/console/now").await.status, StatusCode::OK);
    assert_eq!(Browser::new(&s.station).sign_in(&link).await.status, StatusCode::UNAUTHORIZED);
    let late = s.station.relay.console_link(s.team.id()).unwrap();
    s.station.wait_minutes(16);
    assert_eq!(Browser::new(&s.station).sign_in(&late).await.status, StatusCode::UNAUTHORIZED);
    let none = Browser::new(&s.station).sign_in("/console/start").await;
    assert_eq!(none.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_ends_when_idle_after_twelve_hours_and_when_left() {
    let s = scene(3).await;
    s.station.wait_minutes(29);
    assert_eq!(s.browser.get("/console/now").await.status, StatusCode::OK);
    s.station.wait_minutes(29);
    assert_eq!(s.browser.get("/console/now").await.status, StatusCode::OK, "use keeps it");
    s.station.wait_minutes(31);
    assert_eq!(s.browser.get("/console/now").await.status, StatusCode::UNAUTHORIZED);

    let s = scene(4).await;
    for _ in 0..28 {
        s.station.wait_minutes(25);
        assert_eq!(s.browser.get("/console/now").await.status, StatusCode::OK);
    }
    s.station.wait_minutes(25);
    assert_eq!(s.browser.get("/console/now").await.status, StatusCode::UNAUTHORIZED);

    let s = scene(5).await;
    let foreign =
        s.browser.send(Method::POST, "/console/leave", &[("sec-fetch-site", "cross-site")]).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    assert_eq!(s.browser.get("/console/now").await.status, StatusCode::OK);
    let left =
        s.browser.send(Method::POST, "/console/leave", &[("sec-fetch-site", "same-origin")]).await;
    assert_eq!(left.status, StatusCode::OK);
    assert_eq!(s.browser.get("/console/now").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn every_answer_carries_the_protecting_headers_and_the_cookie_its_marks() {
    let s = scene(6).await;
    let link = s.station.relay.console_link(s.team.id()).unwrap();
    let start = Browser::new(&s.station).sign_in(&link).await;
    let cookie = start.headers["set-cookie"].to_str().unwrap();
    for mark in ["HttpOnly", "SameSite=Strict", "Path=/console"] {
        assert!(cookie.contains(mark), "{cookie}");
    }
    let stranger = Browser::new(&s.station);
    let mut pages = vec![start, stranger.get("/console/now").await, stranger.get("/console").await];
    for path in VIEWS.iter().chain(&["/console/style.css", "/console/incident/x"]) {
        pages.push(s.browser.get(path).await);
    }
    for page in pages {
        let csp = page.headers["content-security-policy"].to_str().unwrap();
        assert!(csp.starts_with("default-src 'none'; style-src 'self'; form-action 'self'"));
        assert!(csp.contains("frame-ancestors 'none'") && csp.contains("base-uri 'none'"));
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(page.headers[name], value);
        }
        assert!(!page.text.contains("<script") && !page.text.contains("style=\""));
    }
}

#[tokio::test]
async fn empty_views_say_what_to_do_next_and_are_whole_pages() {
    let s = scene(7).await;
    for view in VIEWS {
        let page = s.browser.get(view).await;
        assert_eq!(page.status, StatusCode::OK);
        assert_eq!(page.text.matches("<h1").count(), 1, "{view}");
        for part in ["<main", "<nav", "lang=\"en\"", "Skip to content"] {
            assert!(page.text.contains(part), "{view}: {part}");
        }
    }
    let now = s.browser.get("/console/now").await.text;
    assert!(now.contains("No incident is open.") && now.contains("as soon as a phone"));
    assert!(now.contains("Nothing is due within a week."));
}

#[tokio::test]
async fn windows_are_shown_in_word_and_code_and_follow_the_clock() {
    let mut s = scene(8).await;
    // The incident ended an hour before the exercise begins.
    let incident = s.incident("north").to_string();
    let fields = [("incident_id", text(&incident)), ("kind", text("defusing"))];
    s.record(SpaceKind::Operations, INTERVENTION, &fields);
    let fields = [("incident_id", text(&incident)), ("kind", text("cisd"))];
    s.record(SpaceKind::Operations, INTERVENTION, &fields);
    let now = s.browser.get("/console/now").await.text;
    assert!(now.contains("data-code=\"ideal\"") && now.contains("In the ideal window"));
    assert!(now.contains("data-code=\"early\"") && now.contains("Not yet open"));
    assert!(now.contains("data-code=\"defusing\"") && now.contains("Debriefing (CISD)"));
    assert!(now.contains("Sun 1 Mar 2026, 17:00 UTC") && now.contains("60 minutes ago"));
    assert!(!now.contains("closing_soon"));
    let at_hours = async |s: &mut Scene, minutes| {
        s.station.wait_minutes(minutes);
        let link = s.station.relay.console_link(s.team.id()).unwrap();
        s.browser.sign_in(&link).await;
        s.browser.get("/console/now").await.text
    };
    let soon = at_hours(&mut s, 6 * 60).await;
    assert!(soon.contains("data-code=\"closing_soon\"") && soon.contains("Closing soon"));
    let late = at_hours(&mut s, 2 * 60).await;
    assert!(late.contains("data-code=\"late\"") && !late.contains("data-code=\"closing_soon\""));
    let missed = at_hours(&mut s, 5 * 60).await;
    assert!(missed.contains("data-code=\"missed\""));
    let one = s.browser.get(&format!("/console/incident/{incident}")).await.text;
    assert!(
        !one.contains("data-code=\"closing_soon\"")
            && one.contains("data-code=\"missed\"")
            && one.contains("data-code=\"failed_rescue\"")
    );
    let list = s.browser.get("/console/incidents").await.text;
    assert!(list.contains(&incident) && list.contains("Failed rescue"));
}

#[tokio::test]
async fn follow_ups_are_told_as_overdue_due_or_ahead() {
    let mut s = scene(9).await;
    let member = s.amy.member.to_string();
    let today = s.station.now().day().0;
    for (days, state) in [(-2, "open"), (0, "open"), (3, "open"), (-5, "done"), (30, "open")] {
        let due = i64::from(today) + days;
        let fields = [
            ("kind", text("call")),
            ("due_day", Scalar::Int(due)),
            ("assignee", text(&member)),
            ("state", text(state)),
        ];
        s.record(SpaceKind::Caseload, TASK, &fields);
    }
    let now = s.browser.get("/console/now").await.text;
    assert!(now.contains("2 days overdue") && now.contains("data-code=\"overdue\""));
    assert!(now.contains("data-code=\"due\"") && now.contains("in 3 days"));
    assert!(!now.contains("5 days overdue") && !now.contains("in 30 days"));
    assert!(now.contains(&format!("member {}", &member[..8])), "no roster name yet");
    assert!(now.contains("<strong>1 overdue, 1 due today</strong>"), "told at a glance");
    let (shown, folded) = now.split_once("<details>").unwrap();
    assert!(shown.contains("data-code=\"due\"") && !shown.contains("in 3 days"));
    assert!(folded.contains("1 more within a week") && folded.contains("in 3 days"));
}

#[tokio::test]
async fn names_come_from_the_roster_and_devices_show_when_they_synced() {
    let mut s = scene(10).await;
    let member = s.amy.member.to_string();
    s.name(&member, "Amy Ashe");
    let quiet = Hand::new(999);
    s.team.enter(&quiet, &[Role::Responder]);
    s.station.bring(&mut s.team);
    s.station.wait_minutes(20);
    let now = s.browser.get("/console/now").await.text;
    assert!(now.contains("2 not seen for a day") && now.contains("data-code=\"never\""));
    let people = s.browser.get("/console/people").await.text;
    assert!(people.contains("20 minutes ago") && people.contains("Sun 1 Mar 2026, 18:00 UTC"));
    assert!(people.contains("Amy Ashe") && people.contains("data-code=\"peer_supporter\""));
    assert!(people.contains("data-code=\"admin\""));
    let short = format!("member {}", &quiet.member.to_string()[..8]);
    assert!(people.contains(&short), "plain responders have no name here");
}

#[tokio::test]
async fn both_values_of_a_conflict_are_shown() {
    let mut s = scene(11).await;
    let mut bo = Hand::new(1111);
    s.team.enter(&bo, &[Role::Coordinator]);
    s.station.bring(&mut s.team);
    let doc = s.amy.doc();
    let made = s.team.incident(&mut s.amy, doc, "north");
    let candidate = sync_core::gates::Candidate { header: &made.header, change: &made.body };
    let doc_type = sync_core::records::DocType::by_number(INCIDENT).unwrap();
    let saved =
        sync_core::gates::admit_changes(None, doc_type, &[candidate]).document.unwrap().saved;
    let space = s.team.operations();
    let three = [("severity", Scalar::Int(3))];
    let four = [("severity", Scalar::Int(4))];
    let by_amy = s.team.change(&mut s.amy, space, INCIDENT, doc, Some(&saved), &three);
    let by_bo = s.team.change(&mut bo, space, INCIDENT, doc, Some(&saved), &four);
    s.station.push(&s.team, &mut s.amy, &[made, by_amy]);
    assert_eq!(s.station.push(&s.team, &mut bo, &[by_bo])[0].verdict, Verdict::Stored);
    let now = s.browser.get("/console/now").await.text;
    assert!(now.contains("data-code=\"severity\""));
    let section = &now[now.find("<h2 id=\"conflicts\">").unwrap()..];
    let section = &section[..section.find("</section>").unwrap()];
    for value in [3, 4] {
        let line = format!("<code>resolve {} severity={value}</code>", &doc.to_string()[..8]);
        assert!(section.contains(&line), "{section}");
    }
    assert!(
        section.contains("<strong>3 of 5</strong>") && section.contains("<strong>4 of 5</strong>"),
        "{section}"
    );
}

#[tokio::test]
async fn what_was_set_aside_is_counted_by_reason() {
    let mut s = scene(12).await;
    let mut eli = Hand::new(1212);
    s.team.enter(&eli, &[Role::Responder]);
    s.station.bring(&mut s.team);
    let doc = eli.doc();
    let bad = s.team.incident(&mut eli, doc, "north");
    s.station.push(&s.team, &mut eli, &[bad]);
    let mut forged = s.team.incident(&mut s.amy, doc, "north");
    forged.sig[0] ^= 1;
    s.station.push(&s.team, &mut s.amy, &[forged]);
    let now = s.browser.get("/console/now").await.text;
    assert!(now.contains("2 items failed a check"));
    assert!(
        now.contains("data-code=\"not_allowed\"") && now.contains("data-code=\"bad_signature\"")
    );
}

#[tokio::test]
async fn what_was_erased_failed_no_check() {
    let mut s = scene(22).await;
    let doc = s.incident("north");
    let space = s.team.operations();
    let header = Header { space, doc, ..bare(Kind::Purge, Priority::First) };
    let why = PurgeBody { why: PurgeReason::Ordered };
    let order = s.team.envelope(&mut s.amy, header, to_cbor(&why));
    let results = s.station.push(&s.team, &mut s.amy, &[order]);
    assert_eq!(results[0].code, "");
    let now = s.browser.get("/console/now").await.text;
    assert!(now.contains("Nothing was set aside") && !now.contains("failed a check"));
}

#[tokio::test]
async fn a_label_that_is_markup_stays_text_everywhere() {
    let mut s = scene(13).await;
    let doc = s.incident(CANARY);
    let member = s.amy.member.to_string();
    s.name(&member, CANARY);
    let one = format!("/console/incident/{doc}");
    let mut shown = 0;
    for view in VIEWS.iter().chain([&one.as_str()]) {
        let page = s.browser.get(view).await.text;
        assert!(!page.contains("<img"), "{view}");
        shown += page.matches("&lt;img src=x onerror=alert(1)&gt;").count();
    }
    assert!(shown >= 4, "the words are there, as words");
}

#[tokio::test]
async fn a_session_shows_its_own_team_only() {
    let mut s = scene(14).await;
    let doc = s.incident("north ridge");
    let mut other = Team::new(140);
    s.station.found(&mut other);
    let mut stranger = Browser::new(&s.station);
    stranger.sign_in(&s.station.relay.console_link(other.id()).unwrap()).await;
    let list = stranger.get("/console/incidents").await;
    assert!(list.status == StatusCode::OK && !list.text.contains("north ridge"));
    let page = stranger.get(&format!("/console/incident/{doc}")).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert_eq!(s.browser.get(&format!("/console/incident/{doc}")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_link_made_on_the_folder_of_a_running_relay_works() {
    let s = scene(15).await;
    let now: Timestamp = s.station.now();
    let link = server::console::console_link(&s.station.folder, s.team.id(), now).unwrap();
    assert_eq!(Browser::new(&s.station).sign_in(&link).await.status, StatusCode::SEE_OTHER);
}
