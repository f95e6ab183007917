//! Carrying a phone's requests to its relay, and `sync`.

use getrandom::SysRng;
use rand_core::{CryptoRng, UnwrapErr};
use serde_json::json;
use sync_core::client::{ClientError, HttpClient, Surroundings, enrol_once, sync_until_done};
use sync_core::engine::{Phone, SyncOutcome};
use sync_core::protocol::{Code, Timestamp};

use super::output::Output;
use super::{Failure, Outcome, look, now};

/// A way to one relay.
pub struct Link {
    runtime: tokio::runtime::Runtime,
    client: HttpClient,
}

/// This machine's clock and randomness.
pub struct Here(UnwrapErr<SysRng>);

impl Here {
    /// As they are.
    pub fn new() -> Self {
        Self(UnwrapErr(SysRng))
    }
}

impl Surroundings for Here {
    fn now(&mut self) -> Timestamp {
        now()
    }

    fn rng(&mut self) -> &mut dyn CryptoRng {
        &mut self.0
    }
}

impl Link {
    /// A way to the relay at this address.
    pub fn to(url: &str) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|_| {
            let sentence =
                "This machine has no room for a connection; close something and try again.";
            Failure::with(Code::NetworkDown, sentence)
        })?;
        Ok(Self { runtime, client: HttpClient::new(url)? })
    }

    /// Exchanges what each side lacks until neither has anything left.
    pub fn sync(
        &self,
        phone: &mut Phone,
        surroundings: &mut dyn Surroundings,
    ) -> Result<SyncOutcome, ClientError> {
        self.runtime.block_on(sync_until_done(phone, &self.client, surroundings))
    }

    /// Asks once whether this phone is let in.
    pub fn enrol(&self, phone: &mut Phone) -> Result<bool, ClientError> {
        self.runtime.block_on(enrol_once(phone, &self.client))
    }
}

/// `sync` on a phone that was wiped: its team is told, if it can be.
pub fn tell_wiped(phone: &mut Phone) -> Outcome {
    let link = Link::to(phone.relay()?)?;
    match link.sync(phone, &mut Here::new()) {
        Err(error) => Err(error.into()),
        Ok(_) => Err(Failure::of(Code::DeviceWiped)),
    }
}

/// `sync`.
pub fn sync(phone: &mut Phone) -> Outcome {
    let status = phone.status()?;
    // A removed phone goes on asking: what it is told may be an order.
    if !status.enrolled && phone.directory().removed_at(&status.device).is_none() {
        return Err(Failure::with(
            Code::NotSetUp,
            "This phone is not let in yet; run `join` without a link to go on waiting.",
        ));
    }
    let link = Link::to(&status.relay)?;
    let totals = link.sync(phone, &mut Here::new())?;
    let pending = phone.status()?.pending;
    let mut words = format!(
        "Sent {}, received {}, refused {}. ",
        totals.stored, totals.received, totals.refused
    );
    words.push_str(&match pending {
        0 => "Nothing waits.\n".to_owned(),
        waiting => format!("{waiting} wait(s) for the next sync.\n"),
    });
    if totals.refused > 0 {
        words.push_str("What was refused is kept: see `drafts`.\n");
    }
    let alarms = phone.alarms()?;
    alarms.iter().for_each(|alarm| words.push_str(&look::alarm_words(alarm)));
    let alarms: Vec<&str> = alarms.iter().map(|alarm| alarm.code.as_str()).collect();
    Ok(Output {
        words,
        json: json!({ "sent": totals.stored, "received": totals.received, "refused": totals.refused,
                      "pending": pending, "alarms": alarms }),
    })
}
