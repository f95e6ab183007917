//! The coordinator's page as a signed-in coordinator sees it: over HTTP, through a one-time link.

use crate::drill::http::{self, Message};
use crate::drill::protocol::RelayCommand;
use crate::drill::script::{ExpectConsole, View};

use super::{Failed, Played, World};

impl World {
    /// A one-time link and its path.
    pub(super) fn console_link(&mut self) -> Played<(String, String)> {
        let team = self.team.clone().unwrap_or_default();
        let told = self.tell_relay(&RelayCommand::ConsoleLink { team })?;
        match (told["link"].as_str(), told["path"].as_str()) {
            (Some(link), Some(path)) => Ok((link.to_owned(), path.to_owned())),
            _ => Err(Failed::Broken("the relay told no link".into())),
        }
    }

    fn get(&self, path: &str, cookie: Option<&str>) -> Played<Message> {
        let headers: Vec<(&str, &str)> =
            cookie.map(|cookie| ("cookie", cookie)).into_iter().collect();
        let request = http::request("GET", path, &headers, Vec::new());
        let answer = http::exchange(self.relay.address(), &request).map_err(Failed::broken)?;
        self.answers.keep(&answer).map_err(Failed::broken)?;
        Ok(answer)
    }

    /// Signs in and fetches the pages of a view.
    fn pages(&mut self, view: View) -> Played<String> {
        let (_, path) = self.console_link()?;
        let started = self.get(&path, None)?;
        let cookie = started.header("set-cookie").first().cloned().unwrap_or_default();
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let page = |path: &str| -> Played<String> {
            let answer = self.get(path, Some(&cookie))?;
            match answer.status() {
                Some(200) => Ok(String::from_utf8_lossy(&answer.body).into_owned()),
                status => Err(Failed::unmet(format!("{path} is served"), format!("{status:?}"))),
            }
        };
        match view {
            View::Now => page("/console/now"),
            View::Incidents => page("/console/incidents"),
            View::People => page("/console/people"),
            View::Incident => {
                let list = page("/console/incidents")?;
                let pages: Played<Vec<String>> =
                    incident_paths(&list).iter().map(|path| page(path)).collect();
                Ok(pages?.concat())
            }
        }
    }

    pub(super) fn expect_console(&mut self, expect: &ExpectConsole) -> Played {
        let pages = self.pages(expect.view)?;
        let shown = shown(&pages);
        let holds =
            |text: &String| shown.text.contains(text.as_str()) || shown.codes.contains(text);
        let view = format!("{:?}", expect.view).to_lowercase();
        let contains = expect.contains.iter().flat_map(|texts| texts.all());
        if let Some(missing) = contains.into_iter().find(|text| !holds(text)) {
            return Err(Failed::unmet(format!("{view} shows {missing:?}"), excerpt(&shown)));
        }
        let not = expect.not.iter().flat_map(|texts| texts.all());
        match not.into_iter().find(|text| holds(text)) {
            Some(present) => Err(Failed::unmet(format!("{view} shows no {present:?}"), "it does")),
            None => Ok(()),
        }
    }
}

fn excerpt(shown: &ShownPage) -> String {
    let text: String = shown.text.chars().take(300).collect();
    format!("codes {}; text {text:?}", shown.codes.join(" "))
}

/// What a person sees of a page, and the codes it carries.
#[derive(Debug, Default)]
struct ShownPage {
    text: String,
    codes: Vec<String>,
}

fn incident_paths(page: &str) -> Vec<String> {
    let mut paths: Vec<String> = page
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|path| path.starts_with("/console/incident/"))
        .map(str::to_owned)
        .collect();
    paths.dedup();
    paths
}

/// Visible text with single spaces, and every `data-code`.
fn shown(page: &str) -> ShownPage {
    let codes = page.split("data-code=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let codes = codes.map(str::to_owned).collect();
    let mut text = String::new();
    let mut inside_tag = false;
    let body = page.split_once("<body").map_or(page, |(_, body)| body);
    let mut rest = body.split_once('>').map_or(body, |(_, rest)| rest).chars();
    for c in rest.by_ref() {
        match c {
            '<' => {
                inside_tag = true;
                text.push(' ');
            }
            '>' => inside_tag = false,
            c if !inside_tag => text.push(c),
            _ => {}
        }
    }
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    let text = text.replace("&#39;", "'").replace("&amp;", "&");
    ShownPage { text: text.split_whitespace().collect::<Vec<_>>().join(" "), codes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_what_stands_between_tags_and_codes_are_kept_apart() {
        let page = "<html><body class=\"x\"><p data-code=\"late\">Too  <b>late</b> &amp; more</p>\
                    <a href=\"/console/incident/ab\">one</a></body>";
        let found = shown(page);
        assert_eq!(found.text, "Too late & more one");
        assert_eq!(found.codes, ["late"]);
        assert_eq!(incident_paths(page), ["/console/incident/ab"]);
    }
}
