//! `watch`: syncs when the relay hints that something is there, and says what arrived.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use serde_json::{Value as Json, json};
use sync_core::client::{ClientError, Held, HttpClient, Live, News, exchange_until_done};
use sync_core::engine::Phone;
use sync_core::ids::DocId;
use sync_core::protocol::Code;
use tokio::time::{Instant, sleep_until};

use super::look::{note_json, record_json, summary};
use super::output::{Output, short};
use super::relay::Here;
use super::{Failure, Outcome, refs};

/// Where one line after the other goes.
struct Screen {
    json: bool,
    /// What was last said of the link, so that it is said once.
    link: Option<Code>,
}

impl Screen {
    fn say(&self, words: &str, json: Json) {
        let mut out = std::io::stdout().lock();
        let line = if self.json { json.to_string() } else { words.to_owned() };
        // Whoever reads no more ends the watch by Ctrl-C or by ending it.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }

    fn link_is(&mut self, code: Option<Code>) {
        if self.link != code {
            self.link = code;
            let words = code.map_or("The relay answers again.", Code::advice);
            self.say(words, json!({ "link": code.map_or("up", Code::as_str) }));
        }
    }
}

/// `watch`.
pub fn watch(phone: &mut Phone, every_s: u64, json: bool) -> Outcome {
    let status = phone.status()?;
    if !status.enrolled {
        return Err(Failure::with(
            Code::NotSetUp,
            "This phone is not let in yet; run `join` without a link to go on waiting.",
        ));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|_| Failure::of(Code::NetworkDown))?;
    let http = HttpClient::new(&status.relay)?;
    let (mut screen, every) = (Screen { json, link: None }, Duration::from_secs(every_s));
    runtime.block_on(async {
        tokio::select! {
            biased;
            _ = tokio::signal::ctrl_c() => Ok(()),
            ended = go_on(phone, &http, every, &mut screen) => ended,
        }
    })?;
    let (words, json) = ("Stopped watching.".into(), json!({ "stopped": true }));
    Ok(Output { words, json })
}

/// Listens and syncs until this phone may not any more.
async fn go_on(
    phone: &mut Phone,
    http: &HttpClient,
    every: Duration,
    screen: &mut Screen,
) -> Result<(), Failure> {
    let mut live = Live::new(http.clone());
    let mut known = records(phone)?;
    let mut timer = Instant::now() + every;
    loop {
        let mut here = Here::new();
        let mut held = Held::new(phone, &mut here);
        tokio::select! {
            news = live.next(&mut held) => match news? {
                News::Connected => screen.say(
                    "Watching; Ctrl-C ends it.",
                    json!({ "watching": true }),
                ),
                News::Hints(_) => {}
                // The relay's word alone removes nobody: the sync that follows is shown the entries.
                News::Lost(Code::LiveOver) => continue,
                News::Lost(code) => screen.link_is(Some(code)),
            },
            () = sleep_until(timer) => {}
        }
        match exchange_until_done(&mut held, http).await {
            Ok(_) => screen.link_is(None),
            Err(error) if is_final(&error) => return Err(error.into()),
            Err(error) => screen.link_is(Some(error.code())),
        }
        let now = records(phone)?;
        tell(screen, &known, &now);
        known = now;
        timer = Instant::now() + every;
    }
}

/// Whether asking again is in vain.
fn is_final(error: &ClientError) -> bool {
    let engine = matches!(error, ClientError::Engine(_));
    let refused = matches!(
        error.code(),
        Code::DeviceRemoved | Code::GuestEnded | Code::UnknownDevice | Code::NoSuchTeam
    );
    engine || refused
}

/// A record as `show` has it: what it is, in one line and whole.
struct Shown {
    kind: &'static str,
    line: String,
    whole: Json,
}

fn records(phone: &mut Phone) -> Result<BTreeMap<DocId, Shown>, Failure> {
    let mut out = BTreeMap::new();
    for view in refs::all_records(phone, None)? {
        let mut whole = record_json(&view);
        // Whether it has left is no news of somebody else's.
        whole["stored"] = Json::Null;
        if view.kind == "intervention" {
            whole["notes"] = phone.notes(view.id)?.iter().map(note_json).collect();
        }
        out.insert(view.id, Shown { kind: view.kind, line: summary(&view), whole });
    }
    Ok(out)
}

fn tell(screen: &Screen, before: &BTreeMap<DocId, Shown>, now: &BTreeMap<DocId, Shown>) {
    for (id, shown) in now {
        match before.get(id) {
            None => tell_one(screen, "New", id, shown, json!({})),
            Some(old) if old.whole != shown.whole => {
                tell_one(screen, "Changed", id, shown, changes(&old.whole, &shown.whole));
            }
            Some(_) => {}
        }
    }
    for (id, shown) in before.iter().filter(|(id, _)| !now.contains_key(id)) {
        tell_one(screen, "Erased", id, shown, json!({}));
    }
}

fn tell_one(screen: &Screen, what: &str, id: &DocId, shown: &Shown, changes: Json) {
    let line = if what == "Erased" { "" } else { shown.line.as_str() };
    let words = format!("{what} {} {}: {line}", shown.kind, short(id));
    let words = words.trim_end_matches([' ', ':']);
    let json = json!({ "what": what.to_lowercase(), "kind": shown.kind, "record": id.to_string(),
                       "fields": changes });
    screen.say(words, json);
}

/// The fields that are not what they were.
fn changes(before: &Json, now: &Json) -> Json {
    let fields = now["fields"].as_object().into_iter().flatten();
    let changed = fields.filter(|(name, value)| before["fields"].get(*name) != Some(value));
    changed.map(|(name, value)| (name.clone(), value["value"].clone())).collect()
}
