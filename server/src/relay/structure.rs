//! Envelopes that make what others live in: directory entries and spaces.

use std::sync::Arc;

use sync_core::directory::{Directory, SpaceInfo, open_space_id};
use sync_core::gates;
use sync_core::ids::{MemberId, SpaceId};
use sync_core::protocol::{Code, Envelope};
use sync_core::records::{OwnerKind, Role, SpaceKind};

use crate::store::spaces::{Head, SpaceRow};
use crate::store::{StoreError, items, spaces};

use super::outcome::Outcome;
use super::push::Push;

impl Push<'_> {
    /// A directory entry authenticates itself, whoever carries it.
    pub(super) fn take_entry(&mut self, entry: &Envelope) -> Result<Outcome, StoreError> {
        let header = &entry.header;
        let space = self.directory.space();
        if items::is_counted(self.tx, space, header.device, header.device_seq)? {
            return Ok(Outcome::Refused(Code::DeviceCloned));
        }
        if header.directory_seq == self.directory.len() && self.is_overtaken(entry)? {
            return Ok(Outcome::Retry(Code::DirectoryBehind));
        }
        match Arc::make_mut(&mut self.directory).append(entry) {
            Ok(()) => {}
            Err(Code::DirectoryBehind) => return Ok(Outcome::Retry(Code::DirectoryBehind)),
            Err(code) => return Ok(Outcome::Refused(code)),
        }
        self.open_space(SpaceInfo::open(self.team, SpaceKind::Directory, None))?;
        let stored = self.store(space, entry)?;
        self.take_released(entry)?;
        Ok(stored)
    }

    /// A sealed space is made.
    pub(super) fn take_space(&mut self, envelope: &Envelope) -> Result<Outcome, StoreError> {
        let directory = Arc::clone(&self.directory);
        let author = match self.author(envelope, &directory)? {
            Ok(author) => author,
            Err(outcome) => return Ok(outcome),
        };
        let info = match SpaceInfo::made_by(envelope) {
            Ok(info) => info,
            Err(code) => return Ok(Outcome::Refused(code)),
        };
        // Without a space there is no log to set it aside in: refusals are final here.
        let day = self.row_of(envelope).row_day;
        if let Err(code) = gates::check_right(envelope, &author, &info, day) {
            return Ok(Outcome::Refused(code));
        }
        let judged = gates::judged_at(
            &directory,
            &envelope.header,
            envelope.id(),
            self.row_length(envelope),
        )
        .and_then(|at| gates::check_readers(envelope, &directory, at, &info));
        if let Err(code) = judged {
            return Ok(Outcome::Refused(code));
        }
        if let Err(code) = self.check_carried(envelope) {
            return Ok(if code == Code::DirectoryBehind {
                Outcome::Retry(code)
            } else {
                Outcome::Refused(code)
            });
        }
        // A space that was lost and had items stands again beside one that was made meanwhile.
        let one_only = !self.is_carried(envelope)
            && matches!(info.kind().policy().owner, OwnerKind::Team | OwnerKind::Member);
        if one_only && spaces::exists(self.tx, self.team, info.kind(), &info.owner)? {
            return Ok(Outcome::Refused(Code::SpaceExists));
        }
        let space = info.id;
        self.open_space(info)?;
        self.store(space, envelope)
    }

    /// Adds a space unless it is there.
    fn open_space(&mut self, info: SpaceInfo) -> Result<(), StoreError> {
        if self.space(info.id)?.is_none() {
            spaces::insert(self.tx, self.team, &info)?;
            let row = SpaceRow { team: self.team, head: Head::EMPTY, info };
            self.spaces.insert(row.info.id, row);
        }
        Ok(())
    }

    /// The space of this id, from the database once a request.
    fn space(&mut self, id: SpaceId) -> Result<Option<&SpaceRow>, StoreError> {
        if !self.spaces.contains_key(&id)
            && let Some(row) = spaces::get(self.tx, id)?
        {
            self.spaces.insert(id, row);
        }
        Ok(self.spaces.get(&id))
    }

    /// The space an envelope is for, if it is this team's: one that was made, or an open one that follows from the directory.
    pub(super) fn space_for(
        &mut self,
        id: SpaceId,
        author: MemberId,
    ) -> Result<Option<SpaceInfo>, StoreError> {
        let team = self.team;
        if let Some(row) = self.space(id)? {
            return Ok((row.team == team).then(|| row.info.clone()));
        }
        let Some(info) = derived(&self.directory, id, author) else { return Ok(None) };
        self.open_space(info.clone())?;
        Ok(Some(info))
    }
}

/// The open space of this id, if the team has one.
fn derived(directory: &Directory, id: SpaceId, author: MemberId) -> Option<SpaceInfo> {
    let team = directory.team();
    let open = |kind, owner| {
        (open_space_id(team, kind, owner) == id).then(|| SpaceInfo::open(team, kind, owner))
    };
    let is_staff = |roles: &[Role]| roles.iter().any(|role| role.is_staff());
    open(SpaceKind::Operations, None)
        .or_else(|| open(SpaceKind::Roster, None))
        .or_else(|| open(SpaceKind::Caseload, Some(author)))
        .or_else(|| {
            directory
                .members()
                .filter(|(_, member)| is_staff(&member.roles))
                .find_map(|(member, _)| open(SpaceKind::Caseload, Some(member)))
        })
}
