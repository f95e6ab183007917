//! Time, clocks and links.

use sync_core::protocol::Timestamp;

use crate::drill::protocol::{PhoneCommand, RelayCommand};
use crate::drill::proxy::Fault;
use crate::drill::script::{Clock, Half, HostileCase, Lose, RawCase, Typed};

use super::records::places;
use super::{Failed, Played, World};

impl World {
    /// The true time, for relay and phones alike.
    pub(super) fn pass(&mut self, to: Timestamp) -> Played {
        self.now = to;
        self.tell_relay(&RelayCommand::Time { now_ms: to.0 }).map(|_| ())
    }

    pub(super) fn set_time(&mut self, at: &str) -> Played {
        let to = Timestamp::parse(at).map_err(Failed::broken)?;
        if to < self.now && self.team.is_some() {
            return Err(Failed::unmet("time runs forward", format!("it is {} already", self.now)));
        }
        self.pass(to)
    }

    pub(super) fn set_clock(&mut self, clock: &Clock) -> Played {
        self.device(&clock.device)?.offset_s = clock.offset_s;
        Ok(())
    }

    /// `*` means every device but the admins' own going offline, and every device coming online.
    pub(super) fn set_offline(&mut self, device: &str, offline: bool) -> Played {
        if device != "*" {
            self.device(device)?.proxy.set_offline(offline);
            return Ok(());
        }
        let is_admin = |handle: &str| matches!(handle, "admin1" | "admin2");
        for device in self.devices.iter().filter(|d| !(offline && is_admin(&d.handle))) {
            device.proxy.set_offline(offline);
        }
        Ok(())
    }

    pub(super) fn plan(&mut self, device: &str, fault: Fault) -> Played {
        self.device(device)?.proxy.plan(fault);
        Ok(())
    }

    pub(super) fn plan_drop(&mut self, lose: &Lose) -> Played {
        let fault = match lose.next {
            Half::Request => Fault::DropRequest,
            Half::Response => Fault::DropResponse,
        };
        self.plan(&lose.device, fault)
    }

    pub(super) fn push_raw(
        &mut self,
        device: &str,
        case: &RawCase,
        record: Option<&str>,
    ) -> Played {
        let command = match case {
            RawCase::Record { record, typed } => self.raw_record(device, record, typed)?,
            RawCase::Note { record, phase, insert, delete } => {
                let record =
                    record.as_ref().map(|record| self.id_on(device, record)).transpose()?;
                let (at, delete, insert) = places(insert.as_ref(), delete.as_ref());
                PhoneCommand::PushNote { record, phase: phase.clone(), at, delete, insert }
            }
            RawCase::Hostile(case) => self.raw_hostile(device, *case, record)?,
        };
        self.ask(device, command).map(|_| ())
    }

    fn raw_record(&mut self, device: &str, kind: &str, typed: &Typed) -> Played<PhoneCommand> {
        let fields = self.resolve(device, &typed.0)?;
        Ok(PhoneCommand::PushRecord { kind: kind.to_owned(), fields })
    }

    fn raw_hostile(
        &mut self,
        device: &str,
        case: HostileCase,
        record: Option<&str>,
    ) -> Played<PhoneCommand> {
        let record = record.map(|record| self.id_on(device, record)).transpose()?;
        Ok(PhoneCommand::PushHostile { case, record })
    }
}
