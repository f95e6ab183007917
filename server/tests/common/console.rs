//! A coordinator's browser, and a team whose records it looks at.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use server::http::{App, router};
use sync_core::ids::DocId;
use sync_core::protocol::Verdict;
use sync_core::records::{Role, Scalar, SpaceKind};
use tower::ServiceExt;

use super::*;

pub const VIEWS: [&str; 3] = ["/console/now", "/console/incidents", "/console/people"];

pub struct Page {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

pub struct Browser {
    pub app: Router,
    pub cookie: Option<String>,
}

impl Browser {
    pub fn new(station: &Station) -> Self {
        Self { app: router(App::new(station.relay.clone())), cookie: None }
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Page {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response =
            self.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        Page { status, headers, text: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub async fn get(&self, path: &str) -> Page {
        self.send(Method::GET, path, &[]).await
    }

    pub async fn sign_in(&mut self, link: &str) -> Page {
        let page = self.get(link).await;
        if let Some(cookie) = page.headers.get("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            self.cookie = Some(cookie.split(';').next().unwrap().to_owned());
        }
        page
    }
}

pub struct Scene {
    pub station: Station,
    pub team: Team,
    pub amy: Hand,
    pub browser: Browser,
}

/// A team with a peer supporter whose phone has synced, and a signed-in coordinator.
pub async fn scene(seed: u64) -> Scene {
    let (station, mut team, amy) = (Station::new(), Team::new(seed), Hand::new(seed + 100));
    team.enter(&amy, &[Role::PeerSupporter]);
    station.found(&mut team);
    let mut browser = Browser::new(&station);
    let link = station.relay.console_link(team.id()).unwrap();
    let page = browser.sign_in(&link).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    assert_eq!(page.headers["location"], "/console/now");
    Scene { station, team, amy, browser }
}

impl Scene {
    pub fn incident(&mut self, area: &str) -> DocId {
        let doc = self.amy.doc();
        let envelope = self.team.incident(&mut self.amy, doc, area);
        let results = self.station.push(&self.team, &mut self.amy, &[envelope]);
        assert_eq!(results[0].verdict, Verdict::Stored, "{}", results[0].code);
        doc
    }

    /// The name by which the roster shows a member, as an admin's phone writes it.
    pub fn name(&mut self, member: &str, name: &str) {
        let mut admin = std::mem::replace(&mut self.team.admin, Hand::new(0));
        let fields = [("member", text(member)), ("display_name", text(name))];
        let (space, doc) = (self.team.space(SpaceKind::Roster, None), admin.doc());
        let envelope = self.team.change(&mut admin, space, STAFF, doc, None, &fields);
        let results = self.station.push(&self.team, &mut admin, &[envelope]);
        assert_eq!(results[0].verdict, Verdict::Stored, "{}", results[0].code);
        self.team.admin = admin;
    }

    pub fn record(&mut self, space: SpaceKind, record: u16, fields: &[(&str, Scalar)]) -> DocId {
        let doc = self.amy.doc();
        let owner = (space == SpaceKind::Caseload).then_some(self.amy.member);
        let space = self.team.space(space, owner);
        let envelope = self.team.change(&mut self.amy, space, record, doc, None, fields);
        let results = self.station.push(&self.team, &mut self.amy, &[envelope]);
        assert_eq!(results[0].verdict, Verdict::Stored, "{}", results[0].code);
        doc
    }
}

pub fn text(value: &str) -> Scalar {
    Scalar::Str(value.into())
}
