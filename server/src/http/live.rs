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

/// Everything committed within this time is one hint.
const GATHERING: Duration = Duration::from_millis(100);
/// What a stream keeps back so that its last event goes out before its connection's own end.
const FAREWELL: Duration = Duration::from_secs(5);

/// How a stream spends its time.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// How often it says that it is still there.
    beat: Duration,
    /// How long a reader may take no byte before its connection is cut.
    patience: Duration,
    /// Its greatest age; the phone's next one brings a fresh token.
    age: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            beat: Duration::from_secs(20),
            patience: Duration::from_secs(10),
            age: Duration::from_secs(270),
        }
    }
}

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
    let stream = Stream { app, listening, told, sender, line, pace: Pace::default() };
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
    pace: Pace,
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
        let age = Instant::now() + self.pace.age;
        let until = self.line.as_ref().map_or(age, |line| age.min(line.until - FAREWELL));
        if let Err(Over::Because(code)) = self.tell_until(until).await {
            let _ = self.say(end_event(code)).await;
        }
    }

    async fn tell_until(&mut self, until: Instant) -> Result<(), Over> {
        let mut beat = interval_at(Instant::now() + self.pace.beat, self.pace.beat);
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
        match timeout(self.pace.patience, self.sender.send(words.into())).await {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use getrandom::SysRng;
    use rand_core::UnwrapErr;
    use sync_core::ids::{DeviceId, TeamId};
    use sync_core::protocol::Timestamp;
    use tokio::sync::Notify;

    use super::*;
    use crate::relay::{Relay, Settings};

    const DEVICE: DeviceId = DeviceId::new([1; 16]);
    const TEAM: TeamId = TeamId::new([1; 32]);
    const LONG: Duration = Duration::from_secs(600);
    const SHORT: Duration = Duration::from_millis(50);

    fn app(folder: &std::path::Path) -> App {
        let settings = Settings {
            origin: "http://relay.example".into(),
            clock: Arc::new(|| Timestamp(0)),
            rng: Box::new(UnwrapErr(SysRng)),
        };
        App::new(Arc::new(Relay::open(folder, settings).expect("opens")))
    }

    fn stream(app: &App, pace: Pace) -> (Stream, mpsc::Receiver<Bytes>, Arc<Notify>) {
        let listening = app.relay.streams().open(TEAM, DEVICE).expect("a place");
        let (sender, receiver) = mpsc::channel(1);
        let cut = Arc::new(Notify::new());
        let line = Some(Lifeline { until: Instant::now() + LONG, cut: Arc::clone(&cut) });
        (
            Stream { app: app.clone(), listening, told: Heads::new(), sender, line, pace },
            receiver,
            cut,
        )
    }

    #[tokio::test]
    async fn a_reader_who_takes_nothing_is_cut_and_its_place_is_free() {
        let folder = tempfile::tempdir().expect("folder");
        let app = app(folder.path());
        let (stream, receiver, cut) =
            stream(&app, Pace { beat: LONG, patience: SHORT, age: SHORT });
        stream.run().await;
        cut.notified().await;
        assert_eq!(app.relay.streams().count(), 0);
        drop(receiver);
    }

    #[tokio::test]
    async fn a_stream_ends_at_its_greatest_age_and_says_so() {
        let folder = tempfile::tempdir().expect("folder");
        let app = app(folder.path());
        let (stream, mut receiver, _) =
            stream(&app, Pace { beat: LONG, patience: LONG, age: SHORT });
        tokio::spawn(stream.run());
        assert_eq!(receiver.recv().await.as_deref(), Some(&b":\n\n"[..]));
        assert_eq!(receiver.recv().await, Some(end_event(Code::LiveOver).into()));
        assert_eq!(receiver.recv().await, None);
    }

    #[tokio::test]
    async fn a_beat_finds_out_who_may_not_listen_any_more() {
        let folder = tempfile::tempdir().expect("folder");
        let app = app(folder.path());
        let (stream, mut receiver, _) =
            stream(&app, Pace { beat: SHORT, patience: LONG, age: LONG });
        tokio::spawn(stream.run());
        receiver.recv().await.expect("it begins");
        assert_eq!(receiver.recv().await, Some(end_event(Code::DeviceRemoved).into()));
    }

    #[tokio::test]
    async fn a_stopping_relay_ends_every_stream() {
        let folder = tempfile::tempdir().expect("folder");
        let app = app(folder.path());
        let (stream, mut receiver, _) = stream(&app, Pace::default());
        tokio::spawn(stream.run());
        receiver.recv().await.expect("it begins");
        app.relay.end_streams();
        assert_eq!(receiver.recv().await, Some(end_event(Code::RelayStopping).into()));
    }

    #[test]
    fn what_was_told_is_not_told_again() {
        let heads = |seq| Heads::from([(sync_core::ids::SpaceId::new([1; 16]), seq)]);
        assert_eq!(hints(&heads(3), &heads(3)), "");
        assert_eq!(hints(&Heads::new(), &heads(0)), "");
        assert!(hints(&heads(3), &heads(4)).contains("\"seq\":4,"));
    }
}
