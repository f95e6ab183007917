//! Commands of recovery, one call of the core each.

use serde_json::{Value as Json, json};
use sync_core::engine::{Env, Phone};
use sync_core::ids::MemberId;
use sync_core::records::SpaceKind;

use crate::drill::protocol::PhoneCommand;

use super::{Done, Trouble};

/// Whether a command is one of these.
pub(super) fn is_recovery(command: &PhoneCommand) -> bool {
    matches!(
        command,
        PhoneCommand::MakeRecovery { .. }
            | PhoneCommand::ApproveRecovery { .. }
            | PhoneCommand::RecoveryRequest
            | PhoneCommand::ReleaseShare { .. }
            | PhoneCommand::RecoverShares { .. }
            | PhoneCommand::SetEscrow { .. }
    )
}

/// Carries one of them out.
pub(super) fn perform(phone: &mut Phone, env: &mut Env<'_>, command: PhoneCommand) -> Done {
    match command {
        PhoneCommand::MakeRecovery { holders, printed } => {
            let holders = holders.map(|ids| ids.map(|id| id.parse::<MemberId>()));
            let holders = match holders {
                Some([a, b, c]) => Some([a?, b?, c?]),
                None => None,
            };
            let sheet = phone.make_recovery(env, holders, printed)?;
            let shares: Vec<Json> = sheet
                .shares
                .iter()
                .map(|share| json!({ "holder": share.holder.to_string(), "text": *share.text }))
                .collect();
            Ok(json!({ "code": sheet.code.as_ref().map(|code| code.to_string()),
                       "shares": shares, "waits": sheet.waits }))
        }
        PhoneCommand::ApproveRecovery { member } => {
            let complete = phone.approve_recovery(member.parse()?)?;
            Ok(json!({ "complete": complete }))
        }
        PhoneCommand::RecoveryRequest => {
            Ok(json!({ "request": phone.recovery_request().to_text() }))
        }
        PhoneCommand::ReleaseShare { request } => {
            Ok(json!({ "share": phone.release_share(env, &request)? }))
        }
        PhoneCommand::RecoverShares { shares } => {
            let shares: Vec<&str> = shares.iter().map(String::as_str).collect();
            phone.recover_with_shares(env, &shares)?;
            Ok(Json::Null)
        }
        PhoneCommand::SetEscrow { care, on } => {
            let kind = if care { SpaceKind::Care } else { SpaceKind::Personal };
            phone.set_escrow(env, kind, on)?;
            Ok(Json::Null)
        }
        _ => Err(Trouble::Broken("the command is not one of recovery".into())),
    }
}
