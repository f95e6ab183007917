//! A small reader of the page's own HTML: it finds what a browser would silently repair.
//!
//! It knows the elements the page uses and takes nothing else, so that new ones are thought about first.

use std::collections::BTreeSet;

const VOID: [&str; 2] = ["meta", "link"];
/// What may stand inside text.
const PHRASE: [&str; 6] = ["a", "span", "strong", "code", "time", "button"];
/// What holds text only: nothing but phrases may stand inside, however deep.
const TEXT: [&str; 14] = [
    "p", "h1", "h2", "h3", "a", "span", "strong", "code", "time", "button", "summary", "dt",
    "title", "caption",
];
const BLOCK: [&str; 14] = [
    "p", "h1", "h2", "h3", "ul", "dl", "div", "table", "section", "article", "nav", "header",
    "form", "details",
];

/// An opened element.
pub struct Tag {
    pub name: String,
    pub attributes: Vec<(String, String)>,
}

impl Tag {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// Every fault of a page, empty if it is whole.
pub fn faults(page: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let Some(page) = page.strip_prefix("<!DOCTYPE html>") else {
        return vec!["no doctype".into()];
    };
    let (mut open, mut all): (Vec<String>, Vec<Tag>) = (Vec::new(), Vec::new());
    for part in page.split('<').skip(1) {
        let Some((tag, text)) = part.split_once('>') else {
            faults.push(format!("unclosed tag {part:?}"));
            continue;
        };
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop().as_deref() != Some(name) {
                faults.push(format!("</{name}> closes another element"));
            }
        } else {
            let tag = read(tag, &mut faults);
            if let Some(fault) = misplaced(&open, &tag.name) {
                faults.push(fault);
            }
            if !VOID.contains(&tag.name.as_str()) {
                open.push(tag.name.clone());
            }
            all.push(tag);
        }
        if text.contains('>') {
            faults.push(format!("a stray > in {text:?}"));
        }
    }
    faults.extend(open.iter().map(|name| format!("<{name}> is never closed")));
    references(&all, &mut faults);
    headings(&all, &mut faults);
    faults
}

fn read(tag: &str, faults: &mut Vec<String>) -> Tag {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    let mut attributes: Vec<(String, String)> = Vec::new();
    while !rest.trim().is_empty() {
        let read = rest.trim_start().split_once("=\"").and_then(|(key, rest)| {
            rest.split_once('"').map(|(value, rest)| (key.to_owned(), value.to_owned(), rest))
        });
        let Some((key, value, after)) = read else {
            faults.push(format!("<{tag}> has an attribute without quotes"));
            break;
        };
        if key.contains(' ') || attributes.iter().any(|(own, _)| *own == key) {
            faults.push(format!("<{tag}> has {key} twice or without a value"));
        }
        if key == "style" || key.starts_with("on") {
            faults.push(format!("<{tag}> carries {key}"));
        }
        attributes.push((key, value));
        rest = after;
    }
    Tag { name: name.to_owned(), attributes }
}

fn misplaced(open: &[String], name: &str) -> Option<String> {
    let parent = open.last().map_or("", String::as_str);
    let allowed: &[&str] = match name {
        "html" => &[""],
        "head" | "body" => &["html"],
        "meta" | "title" | "link" => &["head"],
        "main" | "footer" => &["body"],
        "li" => &["ul"],
        "dt" | "dd" => &["div"],
        "caption" | "thead" | "tbody" => &["table"],
        "tr" => &["thead", "tbody"],
        "th" | "td" => &["tr"],
        "summary" => &["details"],
        name if PHRASE.contains(&name) || BLOCK.contains(&name) => &[],
        _ => return Some(format!("<{name}> is not an element of this page")),
    };
    if !allowed.is_empty() && !allowed.contains(&parent) {
        return Some(format!("<{name}> in <{parent}>"));
    }
    let only: &[&str] = match parent {
        "ul" => &["li"],
        "dl" => &["div"],
        "table" => &["caption", "thead", "tbody"],
        "tr" => &["th", "td"],
        _ => &[],
    };
    if !only.is_empty() && !only.contains(&name) {
        return Some(format!("<{name}> straight in <{parent}>"));
    }
    let text = open.iter().find(|outer| TEXT.contains(&outer.as_str()));
    if let (Some(text), false) = (text, PHRASE.contains(&name)) {
        return Some(format!("<{name}> inside the text of <{text}>"));
    }
    let nested = name == "a" && open.iter().any(|outer| outer == "a" || outer == "button");
    nested.then(|| "a link inside a link".to_owned())
}

fn references(all: &[Tag], faults: &mut Vec<String>) {
    let mut ids = BTreeSet::new();
    for id in all.iter().filter_map(|tag| tag.get("id")) {
        if !ids.insert(id) {
            faults.push(format!("two elements have the id {id}"));
        }
    }
    for tag in all {
        let named = tag.get("aria-labelledby");
        let linked = tag.get("href").and_then(|href| href.strip_prefix('#'));
        for id in named.into_iter().chain(linked) {
            if !ids.contains(id) {
                faults.push(format!("nothing has the id {id}"));
            }
        }
    }
}

fn headings(all: &[Tag], faults: &mut Vec<String>) {
    let levels: Vec<u8> = all
        .iter()
        .filter_map(|tag| match tag.name.as_str() {
            "h1" => Some(1),
            "h2" => Some(2),
            "h3" => Some(3),
            _ => None,
        })
        .collect();
    let is_one = levels.iter().filter(|level| **level == 1).count() == 1;
    if !is_one || levels.first() != Some(&1) || levels.windows(2).any(|two| two[1] > two[0] + 1) {
        faults.push(format!("headings out of order: {levels:?}"));
    }
}
