//! What a person may type for a record or a member: an id, the first digits of it, or a name.

use sync_core::engine::{MemberView, Phone, RecordView};
use sync_core::ids::{DeviceId, DocId, MemberId};
use sync_core::protocol::Code;

use super::Failure;

/// Fewest digits of an id that name it.
const SHORTEST: usize = 4;
const PAGE: usize = 500;

/// Every record of a kind, page by page.
pub fn all_records(phone: &mut Phone, kind: Option<&str>) -> Result<Vec<RecordView>, Failure> {
    let mut all: Vec<RecordView> = Vec::new();
    loop {
        let after = all.last().map(|record| record.id);
        let page = phone.list(kind, after, PAGE)?;
        let last = page.len() < PAGE;
        all.extend(page);
        if last {
            return Ok(all);
        }
    }
}

fn is_prefix(text: &str) -> bool {
    text.len() >= SHORTEST && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The record of this id or of this beginning of one.
pub fn record(phone: &mut Phone, typed: &str) -> Result<DocId, Failure> {
    let typed = typed.trim().to_ascii_lowercase();
    if let Ok(id) = typed.parse::<DocId>() {
        return Ok(id);
    }
    if !is_prefix(&typed) {
        return Err(Failure::with(
            Code::NoSuchRecord,
            "A record is named by its id or by the first digits of it, at least four; see `list`.",
        ));
    }
    let all = all_records(phone, None)?;
    let found: Vec<DocId> = all
        .iter()
        .map(|record| record.id)
        .filter(|id| id.to_string().starts_with(&typed))
        .collect();
    one(&found, Code::NoSuchRecord, "record")
}

/// The member of this id, beginning of an id, or name.
pub fn member(phone: &mut Phone, typed: &str) -> Result<MemberId, Failure> {
    let members = phone.members()?;
    one(&members_named(&members, typed), Code::NoSuchMember, "member")
}

/// Removed devices: one by its id or the first digits of it, or all of a member's by their name or id.
pub fn removed(phone: &mut Phone, typed: &str) -> Result<Vec<DeviceId>, Failure> {
    let typed = typed.trim();
    let wanted = typed.to_ascii_lowercase();
    let all = phone.removed_devices()?;
    let named = all
        .iter()
        .filter(|view| view.name.as_deref() == Some(typed) || view.member.to_string() == wanted);
    let mut found: Vec<DeviceId> = named.map(|view| view.id).collect();
    if found.is_empty() && wanted.len() >= SHORTEST {
        let begins = |id: &DeviceId| id.to_string().starts_with(&wanted);
        found = all.iter().map(|view| view.id).filter(begins).collect();
        if found.len() > 1 {
            found.clear();
        }
    }
    match found.is_empty() {
        false => Ok(found),
        true => Err(Failure::with(
            Code::UnknownDevice,
            "A removed phone is named by its id or by the first digits of it, at least four and as many as tell it from the others, or by its member's name; see `devices`. One that is in the team is removed first: team remove --wipe",
        )),
    }
}

/// The device of this id, or of this beginning of one.
pub fn device(phone: &mut Phone, typed: &str) -> Result<DeviceId, Failure> {
    let wanted = typed.trim().to_ascii_lowercase();
    let mut found = Vec::new();
    if wanted.len() >= SHORTEST {
        found = phone.devices()?;
        found.retain(|device| device.id.to_string().starts_with(&wanted));
    }
    match found.as_slice() {
        [device] => Ok(device.id),
        _ => Err(Failure::with(
            Code::UnknownDevice,
            "A device is named by its id or by the first digits of it, at least four and as many as tell it from the others; see `devices`.",
        )),
    }
}

fn members_named(members: &[MemberView], typed: &str) -> Vec<MemberId> {
    let typed = typed.trim();
    let by_name: Vec<MemberId> = members
        .iter()
        .filter(|member| {
            member.name.as_deref().is_some_and(|name| name.to_lowercase() == typed.to_lowercase())
        })
        .map(|member| member.id)
        .collect();
    if !by_name.is_empty() || !is_prefix(typed) {
        return by_name;
    }
    let typed = typed.to_ascii_lowercase();
    members.iter().map(|member| member.id).filter(|id| id.to_string().starts_with(&typed)).collect()
}

fn one<T: Copy>(found: &[T], none: Code, what: &str) -> Result<T, Failure> {
    match found {
        [one] => Ok(*one),
        [] => Err(Failure::of(none)),
        _ => Err(Failure::with(none, format!("More than one {what} begins so; type more digits."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(byte: u8, name: Option<&str>) -> MemberView {
        MemberView {
            id: MemberId::new([byte; 16]),
            name: name.map(str::to_owned),
            roles: Vec::new(),
            admin: false,
            has_device: true,
            waits: false,
            guest: None,
        }
    }

    #[test]
    fn members_are_found_by_name_and_by_the_first_digits() {
        let all = [member(0xab, Some("Amy")), member(0xac, None)];
        assert_eq!(members_named(&all, "amy"), [MemberId::new([0xab; 16])]);
        assert_eq!(members_named(&all, "ACAC"), [MemberId::new([0xac; 16])]);
        assert!(members_named(&all, "ac").is_empty());
    }

    #[test]
    fn a_beginning_that_fits_twice_is_refused() {
        let failure = one(&[1, 2], Code::NoSuchRecord, "record").expect_err("two");
        assert!(failure.sentence.contains("more digits"));
    }
}
