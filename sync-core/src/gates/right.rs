//! Whether an authenticated author may write this envelope into this space.

use crate::directory::{Directory, Member, SpaceInfo};
use crate::protocol::{Code, Day, Envelope, Kind, Priority};
use crate::records::{DocType, NotesMode, SpaceKind, Standing, belongs_to, is_own};

use super::Author;
use super::own_words::check_own_words;

/// Checks the write right in the policy table and that the kind of envelope and record belongs into the space.
///
/// `space` is the space as it stands before this envelope; for a `space` envelope the one it makes.
/// `row_day`: the relay-attested day of the row, or today before it has one; a guest's time is judged by it.
///
/// # Errors
/// `guest_ended` if the author is a guest whose time is over or who may not use such a space, `not_allowed` if the author has no right
/// or the document is another member's own, `wrong_space` if the record or kind does not belong there,
/// `malformed` if the priority is not the one its kind has.
pub fn check_right(
    envelope: &Envelope,
    author: &Author<'_>,
    space: &SpaceInfo,
    row_day: Day,
) -> Result<(), Code> {
    let header = &envelope.header;
    check_guest(author.standing, space.kind(), row_day)?;
    let policy = space.kind().policy();
    let standing = author.standing.standing(
        author.class,
        space.is_owned_by(&author.member),
        space.is_read_by(&author.member),
    );
    // A browser may write where it may not read.
    let sealed = policy.sealed && author.class.is_persons();
    let holds = space.kind().may_be_held_by(author.class);
    let allowed = match header.kind {
        Kind::Space => holds && standing.is_any_of(policy.make) && may_make(space, &standing),
        // Only those who can already read let others in, rotate or wrap.
        Kind::Reader | Kind::Epoch | Kind::Wrap => holds && standing.reads,
        Kind::Sender | Kind::Sealed => sealed && standing.is_any_of(policy.write),
        Kind::Change => !policy.sealed && standing.is_any_of(policy.write),
        Kind::Directory => false,
        // Whether it is theirs to erase depends on the document: `check_purge`.
        Kind::Purge => true,
        Kind::Hold | Kind::Wipe | Kind::Verdict => false,
    };
    if !allowed {
        return Err(Code::NotAllowed);
    }
    let priority_fits = match header.kind {
        Kind::Space | Kind::Reader | Kind::Epoch | Kind::Sender | Kind::Wrap => {
            header.priority == Priority::Structure
        }
        Kind::Change => matches!(header.priority, Priority::Open | Priority::Urgent),
        Kind::Sealed => matches!(header.priority, Priority::Sealed | Priority::Urgent),
        _ => header.priority == Priority::First,
    };
    if !priority_fits {
        return Err(Code::Malformed);
    }
    if header.kind.is_document() {
        let doc_type = DocType::by_number(header.record).ok_or(Code::SchemaViolation)?;
        if !doc_type.spaces.contains(&space.kind()) {
            return Err(Code::WrongSpace);
        }
        if !doc_type.writers.is_empty() && !standing.is_any_of(doc_type.writers) {
            return Err(Code::NotAllowed);
        }
        check_own_words(envelope, doc_type, author)?;
        let is_theirs = standing.admin || belongs_to(header.doc, author.member);
        if is_own(doc_type.number) && !is_theirs {
            return Err(Code::NotAllowed);
        }
    }
    Ok(())
}

/// Checks that a guest is within their time and their kinds of spaces. Others have no such limits.
///
/// # Errors
/// `guest_ended`.
pub fn check_guest(member: &Member, kind: SpaceKind, day: Day) -> Result<(), Code> {
    match &member.guest {
        Some(guest) if !guest.may_use(kind, day) => Err(Code::GuestEnded),
        _ => Ok(()),
    }
}

/// Whoever makes a space knows its first key, so it must be one of its readers; but for a session, which an
/// assigner opens for its leads.
fn may_make(space: &SpaceInfo, standing: &Standing<'_>) -> bool {
    standing.reads || space.kind() == SpaceKind::Session
}

/// Checks the team's notes policy as it was when the author wrote: the record kind stands in clear, so ciphertext is judged too.
///
/// # Errors
/// `policy_no_notes` if the record is a note of a kind that the policy does not allow.
pub fn check_policy(envelope: &Envelope, directory: &Directory) -> Result<(), Code> {
    if !envelope.header.kind.is_document() {
        return Ok(());
    }
    let doc_type = DocType::by_number(envelope.header.record).ok_or(Code::SchemaViolation)?;
    let profile =
        directory.profile_at(envelope.header.directory_seq).ok_or(Code::DirectoryBehind)?;
    match doc_type.note.map(|note| note.mode(profile)) {
        None | Some(NotesMode::SealedText) => Ok(()),
        Some(NotesMode::None | NotesMode::ChecklistOnly) => Err(Code::PolicyNoNotes),
    }
}
