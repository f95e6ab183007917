//! What keeps a page harmless: response headers, the session's cookie, and who may send a form.

use axum::http::HeaderMap;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HeaderName, HeaderValue, ORIGIN,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::Response;

const CSP: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Puts the protecting headers on every answer of the page.
pub(super) async fn headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, CSP),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (OPENER, "same-origin"),
        (RESOURCE, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether phones and browsers reach the relay over TLS.
fn is_secure(origin: &str) -> bool {
    origin.starts_with("https://")
}

fn cookie_name(origin: &str) -> &'static str {
    if is_secure(origin) { "__Host-aftercall" } else { "aftercall" }
}

/// The session's secret in a request's cookies.
pub(super) fn secret<'h>(headers: &'h HeaderMap, origin: &str) -> Option<&'h str> {
    let name = cookie_name(origin);
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix(name)?.strip_prefix('='))
}

/// The cookie that carries a session; an empty secret ends it.
pub(super) fn cookie(origin: &str, secret: &str) -> String {
    let name = cookie_name(origin);
    let place = if is_secure(origin) { "Path=/; Secure" } else { "Path=/console" };
    let end = if secret.is_empty() { "; Max-Age=0" } else { "" };
    format!("{name}={secret}; {place}; HttpOnly; SameSite=Strict{end}")
}

/// Whether a form was sent from one of our own pages. Browsers that tell nothing are refused.
pub(super) fn is_own_form(headers: &HeaderMap, origin: &str) -> bool {
    match headers.get(FETCH_SITE) {
        Some(site) => site == "same-origin",
        None => headers.get(ORIGIN).is_some_and(|value| value == origin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_tls_the_cookie_is_bound_to_the_host() {
        let cookie = cookie("https://relay.example", "s");
        assert_eq!(cookie, "__Host-aftercall=s; Path=/; Secure; HttpOnly; SameSite=Strict");
    }

    #[test]
    fn the_secret_is_found_among_other_cookies_and_never_by_a_longer_name() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_static("aftercalls=no; a=b; aftercall=yes"));
        assert_eq!(secret(&headers, "http://127.0.0.1:1"), Some("yes"));
        assert_eq!(secret(&headers, "https://relay.example"), None);
    }

    #[test]
    fn a_form_from_elsewhere_is_not_ours() {
        let origin = "http://127.0.0.1:1";
        let with = |name: HeaderName, value: &'static str| {
            HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
        };
        assert!(is_own_form(&with(FETCH_SITE, "same-origin"), origin));
        assert!(!is_own_form(&with(FETCH_SITE, "cross-site"), origin));
        assert!(is_own_form(&with(ORIGIN, "http://127.0.0.1:1"), origin));
        assert!(!is_own_form(&with(ORIGIN, "null"), origin));
        assert!(!is_own_form(&HeaderMap::new(), origin));
    }
}
