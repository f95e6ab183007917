//! Who of the team is on call. Resources are records of their own kind: `list`.

use sync_core::ids::MemberId;
use sync_core::protocol::Timestamp;

use crate::error::AftercallError;
use crate::phone::AftercallPhone;

/// A time in which a member is on call.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DutyTime {
    /// The member.
    pub member: String,
    /// The name staff are shown by, if there is one.
    pub name: Option<String>,
    /// When it begins, in milliseconds since 1970; none if it has begun.
    pub from_ms: Option<i64>,
    /// The first moment after it, in milliseconds since 1970.
    pub until_ms: i64,
}

/// Who is on call.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct OnCall {
    /// Who is now, who is called first coming first. Empty: a request goes to every peer.
    pub now: Vec<DutyTime>,
    /// Who comes later, the soonest first.
    pub next: Vec<DutyTime>,
    /// The phone's clock was never corrected by a relay, so this may be wrong. Say so.
    pub uncertain: bool,
}

#[uniffi::export]
impl AftercallPhone {
    /// Who is on call now and later. Works offline.
    pub fn on_call(&self) -> Result<OnCall, AftercallError> {
        let view = self.with(|phone, env| phone.on_call(env.now))?;
        let time = |member: &MemberId, from: Option<Timestamp>, until: Timestamp| DutyTime {
            member: member.to_string(),
            name: view.names.get(member).cloned(),
            from_ms: from.map(|from| from.0),
            until_ms: until.0,
        };
        Ok(OnCall {
            now: view.now.iter().map(|(member, until)| time(member, None, *until)).collect(),
            next: view.next.iter().map(|s| time(&s.member, Some(s.starts), s.ends)).collect(),
            uncertain: !view.is_sure,
        })
    }
}
