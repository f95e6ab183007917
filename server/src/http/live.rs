//! `GET /v1/live`: a stream of hints that something is there to be fetched, and of nothing else.
//!
//! A hint names a space that the device may read and how far its log reaches. A stream that has nothing to say keeps
//! silent but for a comment at a fixed beat, so its silence tells nothing either.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use sync_core::protocol::Code;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until, timeout};

use crate::live::{Listening, Woken};
use crate::relay::Heads;

use super::{ApiError, App, Lifeline, api};

/// How often a stream says that it is still there.
const BEAT: Duration = Duration::from_secs(20);
/// Everything committed within this time is one hint.
const GATHERING: Duration = Duration::from_millis(100);
/// How long a reader may take no byte before its connection is cut.
const PATIENCE: Duration = Duration::from_secs(10);
/// Greatest age of a stream; the phone's next one brings a fresh token.
const GREATEST_AGE: Duration = Duration::from_secs(270);
/// What a stream keeps back so that its last event goes out before its connection's own end.
const FAREWELL: Duration = Duration::from_secs(5);

/// `GET /v1/live`.
pub(super) async fn live(
    State(app): State<App>,
    line: Option<Extension<Lifeline>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let relay = app.relay.clone();
    let token =
        api::bearer(&headers).ok_or_else(|| ApiError::new(Code::TokenInvalid, relay.now()))?;
    let (listening, told) = app.door.run(relay, move |relay| relay.listen(&token)).await?;
    let line = line.map(|Extension(line)| line);
    // One place: whatever happens meanwhile waits in the slot, not in a queue.
    let (sender, receiver) = mpsc::channel(1);
    let stream = Stream { app, listening, told, sender, line };
    tokio::spawn(stream.run());
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    Ok((headers, Body::new(Events(receiver))).into_response())
}

/// The bytes of a stream, as they come.
struct Events(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Events {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// One device's stream.
struct Stream {
    app: App,
    listening: Listening,
    told: Heads,
    sender: mpsc::Sender<Bytes>,
    line: Option<Lifeline>,
}

/// Why a stream says no more.
enum Over {
    /// It says why.
    Because(Code),
    /// The reader went away, or takes nothing.
    Unheard,
}

impl From<Code> for Over {
    fn from(code: Code) -> Self {
        Over::Because(code)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.app.relay.streams().close(&self.listening);
    }
}

impl Stream {
    async fn run(mut self) {
        let age = Instant::now() + GREATEST_AGE;
        let until = self.line.as_ref().map_or(age, |line| age.min(line.until - FAREWELL));
        if let Err(Over::Because(code)) = self.tell_until(until).await {
            let _ = self.say(end_event(code)).await;
        }
    }

    async fn tell_until(&mut self, until: Instant) -> Result<(), Over> {
        let mut beat = interval_at(Instant::now() + BEAT, BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.say(":\n\n".into()).await?;
        loop {
            tokio::select! {
                woken = self.listening.woken() => match woken {
                    Woken::Look => self.look().await?,
                    Woken::End(code) => return Err(code.into()),
                },
                _ = beat.tick() => {
                    let (team, device) = self.listening.whose();
                    self.app.relay.may_listen(team, device)?;
                    self.say(":\n\n".into()).await?;
                }
                () = sleep_until(until) => return Err(Code::LiveOver.into()),
                () = self.sender.closed() => return Err(Over::Unheard),
            }
        }
    }

    /// Tells how far the logs reach now, where that is news to this reader.
    async fn look(&mut self) -> Result<(), Over> {
        tokio::select! {
            code = self.listening.ended() => return Err(code.into()),
            () = sleep(GATHERING) => {}
        }
        self.listening.looks();
        let (team, device) = self.listening.whose();
        let relay = self.app.relay.clone();
        let heads = match self.app.door.run(relay, move |r| r.heads_for(team, device)).await {
            Ok(heads) => heads,
            Err(error) if error.code() == Code::Overloaded => {
                self.listening.look_again();
                return Ok(());
            }
            Err(error) => return Err(error.code().into()),
        };
        self.listening.reads(heads.keys().copied());
        let hints = hints(&self.told, &heads);
        self.told = heads;
        if hints.is_empty() { Ok(()) } else { self.say(hints).await }
    }

    /// Says it, and cuts the connection of a reader who takes nothing.
    async fn say(&self, words: String) -> Result<(), Over> {
        match timeout(PATIENCE, self.sender.send(words.into())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Over::Unheard),
            Err(_) => {
                if let Some(line) = &self.line {
                    line.cut.notify_one();
                }
                Err(Over::Unheard)
            }
        }
    }
}

/// The logs that reach another position than was told, one event each.
fn hints(told: &Heads, heads: &Heads) -> String {
    let news = heads.iter().filter(|(space, seq)| told.get(space).copied().unwrap_or(0) != **seq);
    news.map(|(space, seq)| {
        let data = serde_json::json!({ "space": space.to_string(), "seq": seq });
        format!("event: hint\ndata: {data}\n\n")
    })
    .collect()
}

fn end_event(code: Code) -> String {
    format!("event: end\ndata: {}\n\n", serde_json::json!({ "code": code.as_str() }))
}
