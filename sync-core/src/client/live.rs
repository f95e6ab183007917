//! Listening for hints: one stream at a time, opened again with growing patience whenever it ends.
//!
//! A hint says that asking is worth while, and nothing else is taken from it. Whoever listens syncs after `Connected`
//! too, because what happened before was not told, and now and then by themselves, because a relay may keep silent.

use std::time::Duration;

use reqwest::Response;
use tokio::time::{Instant, sleep_until, timeout};

use crate::protocol::Code;

use super::hints::Said;
use super::{ClientError, Hint, HttpClient, Reach};

/// A stream that says nothing for so long is dead: the relay's beat is 20 s.
const SILENCE: Duration = Duration::from_secs(50);
/// Longest pause before a stream is opened again, in milliseconds.
const LONGEST_MS: u64 = 60_000;
/// Failures after which the pause does not grow.
const MOST_FAILURES: u32 = 7;
/// A stream that lived for so long was a good one.
const GOOD: Duration = Duration::from_secs(30);

/// What a listener is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A stream is open: what is committed from now on will be told.
    Connected,
    /// These logs reach further. Never empty.
    Hints(Vec<Hint>),
    /// The stream ended, or none could be opened, for this reason. Another is tried after a pause.
    Lost(Code),
}

/// Listens to one relay.
pub struct Live {
    http: HttpClient,
    open: Option<Open>,
    failures: u32,
    /// When the next stream is opened.
    next: Instant,
}

struct Open {
    response: Response,
    said: Said,
    since: Instant,
}

impl Live {
    /// Listens to the relay that `http` leads to; the first stream is opened at once.
    pub fn new(http: HttpClient) -> Self {
        Self { http, open: None, failures: 0, next: Instant::now() }
    }

    /// Waits for news. May be dropped at any moment and called again: nothing but a stream is lost by it.
    ///
    /// # Errors
    /// Those of the way to the phone only. Whatever the relay and the network do is news.
    pub async fn next<R: Reach>(&mut self, reach: &mut R) -> Result<News, R::Error> {
        if let Some(open) = &mut self.open {
            let news = match open.next().await {
                Ok(hints) => return Ok(News::Hints(hints)),
                Err(code) => code,
            };
            let was_good = open.since.elapsed() >= GOOD;
            self.open = None;
            return self.lost(reach, news, was_good);
        }
        sleep_until(self.next).await;
        // A wrong clock is corrected once by the refusal.
        for last in [false, true] {
            let token = reach.with(|phone, env| phone.token(env, b""))?;
            match self.http.live(&token).await {
                Ok(response) => {
                    let (said, since) = (Said::default(), Instant::now());
                    self.open = Some(Open { response, said, since });
                    return Ok(News::Connected);
                }
                Err(ClientError::Refused { code: Code::TokenExpired, now: Some(now) }) if !last => {
                    reach.with(|phone, env| phone.clock_corrected(env, now))?;
                }
                Err(error) => return self.lost(reach, error.code(), false),
            }
        }
        unreachable!("the second refusal is returned")
    }

    /// Plans the next stream.
    fn lost<R: Reach>(
        &mut self,
        reach: &mut R,
        code: Code,
        was_good: bool,
    ) -> Result<News, R::Error> {
        self.failures = match code {
            // Two listeners with one device's keys must not push each other out without end.
            Code::LiveReplaced => MOST_FAILURES,
            _ if was_good => 0,
            _ => self.failures,
        };
        let dice = reach.with(|_, env| Ok(env.rng.next_u64()))?;
        self.next = Instant::now() + pause(self.failures, dice);
        self.failures = (self.failures + 1).min(MOST_FAILURES);
        Ok(News::Lost(code))
    }
}

impl Open {
    /// The next hints, or why there are no more.
    async fn next(&mut self) -> Result<Vec<Hint>, Code> {
        loop {
            let hints = self.said.take_hints();
            if !hints.is_empty() {
                return Ok(hints);
            }
            if let Some(code) = self.said.end() {
                return Err(code);
            }
            match timeout(SILENCE, self.response.chunk()).await {
                Ok(Ok(Some(bytes))) => self.said.hear(&bytes),
                Ok(Ok(None) | Err(_)) | Err(_) => return Err(Code::NetworkDown),
            }
        }
    }
}

/// How long to wait after so many failures: twice as long each time, and between half of it and all of it by chance,
/// so that the phones of a relay that comes back do not come at once.
fn pause(failures: u32, dice: u64) -> Duration {
    let longest = (1_000u64 << failures.min(MOST_FAILURES)).min(LONGEST_MS);
    Duration::from_millis(longest / 2 + dice % (longest / 2 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_no_two_phones_come_at_once() {
        for failures in 0..40 {
            let longest = Duration::from_millis((1_000 << failures.min(6)).min(LONGEST_MS));
            let pauses: Vec<_> = (0..50).map(|n| pause(failures, n * 7_919)).collect();
            assert!(pauses.iter().all(|pause| *pause <= longest && *pause * 2 >= longest));
            assert!(pauses.iter().collect::<std::collections::BTreeSet<_>>().len() > 20);
        }
        assert_eq!(pause(u32::MAX, u64::MAX), pause(MOST_FAILURES, u64::MAX));
    }
}
