//! The expectations: a statement of their own, in words of the field. Calls nothing of what it is compared with.

use super::*;

/// Whose space it is, as seen by the one who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The team's.
    Team,
    /// Their own; of a session or a group: one that they read.
    Own,
    /// Another member's; of a session or a group: one that they do not read.
    Others,
    /// Another team's, or nobody's.
    Nobodys,
}

/// Who writes and reads.
#[derive(Debug, Clone)]
pub struct Person {
    pub role: Option<Role>,
    pub admin: bool,
    pub class: DeviceClass,
    /// A guest, of open spaces and their own caseload only.
    pub guest: bool,
}

impl Person {
    pub fn of(role: Option<Role>) -> Self {
        Self { role, admin: false, class: DeviceClass::Native, guest: false }
    }

    pub fn is_staff(&self) -> bool {
        use Role::{
            Chaplain, ClinicalDirector, Coordinator, FacilitatorMhp, PeerSupporter, TeamLead,
        };
        let staff =
            [PeerSupporter, FacilitatorMhp, Chaplain, TeamLead, Coordinator, ClinicalDirector];
        self.role.is_some_and(|role| staff.contains(&role))
    }

    pub fn is_peer(&self) -> bool {
        matches!(self.role, Some(Role::PeerSupporter | Role::FacilitatorMhp | Role::Chaplain))
    }

    pub fn coordinates(&self) -> bool {
        matches!(self.role, Some(Role::Coordinator | Role::ClinicalDirector))
    }

    /// A console or a station carries and shows; it takes no part in what is sealed.
    pub fn is_apparatus(&self) -> bool {
        matches!(self.class, DeviceClass::Console | DeviceClass::Station)
    }

    pub fn is_admitted(&self, kind: SpaceKind) -> bool {
        use SpaceKind::{Caseload, Directory, Operations, Roster};
        !self.guest || matches!(kind, Directory | Roster | Operations | Caseload)
    }
}

pub fn is_sealed(kind: SpaceKind) -> bool {
    use SpaceKind::{Audit, Caseload, Directory, Operations, Roster};
    !matches!(kind, Directory | Roster | Operations | Caseload | Audit)
}

/// The column "may write".
pub fn may_write(kind: SpaceKind, whose: Whose, who: &Person) -> bool {
    match kind {
        // Entries are made by admins' devices in a form of their own; the audit log is the relay's.
        SpaceKind::Directory | SpaceKind::Audit => false,
        SpaceKind::Roster => who.admin || who.is_staff(),
        SpaceKind::Operations => who.is_staff(),
        SpaceKind::Caseload => whose == Whose::Own || who.coordinates(),
        _ if who.is_apparatus() => false,
        SpaceKind::Team => who.admin,
        SpaceKind::Intake => whose == Whose::Own || who.is_peer(),
        SpaceKind::Clinical => who.coordinates(),
        SpaceKind::Care | SpaceKind::Personal | SpaceKind::Session | SpaceKind::Shared => {
            whose == Whose::Own
        }
    }
}

/// The column "may read".
pub fn may_read(kind: SpaceKind, whose: Whose, who: &Person) -> bool {
    if whose == Whose::Nobodys || !who.is_admitted(kind) {
        return false;
    }
    match kind {
        SpaceKind::Directory | SpaceKind::Roster => true,
        SpaceKind::Operations => who.is_staff(),
        SpaceKind::Caseload => whose == Whose::Own,
        SpaceKind::Audit => false,
        _ if who.is_apparatus() => false,
        SpaceKind::Team => true,
        SpaceKind::Intake => whose == Whose::Own || who.is_peer(),
        // Readers are members: a browser of theirs is served what no key is wrapped to it for.
        SpaceKind::Clinical => who.coordinates(),
        SpaceKind::Care | SpaceKind::Personal | SpaceKind::Session | SpaceKind::Shared => {
            whose == Whose::Own
        }
    }
}

/// Who may make a sealed space of their own.
pub fn may_make(kind: SpaceKind, who: &Person) -> bool {
    let app = who.class == DeviceClass::Native;
    let app_or_browser = app || who.class == DeviceClass::Web;
    match kind {
        SpaceKind::Care => app,
        SpaceKind::Session => app && who.is_staff(),
        SpaceKind::Personal | SpaceKind::Shared | SpaceKind::Intake => app_or_browser,
        _ => false,
    }
}

/// A rule of one record's own.
pub type OwnRule = fn(Whose, &Person) -> bool;
/// Whom to look for.
pub type Sought = fn(&Person) -> bool;

/// Where a record belongs, and who may write it there if not everybody who may write there at all.
pub fn home(record: u16) -> (&'static [SpaceKind], OwnRule) {
    use SpaceKind::{
        Care, Caseload, Clinical, Intake, Operations, Personal, Roster, Session, Shared,
    };
    const ANYBODY: OwnRule = |_, _| true;
    match record {
        1 | 4 => (&[Roster], |_, who| who.admin),
        // The shifts and the availability tried here are the writer's own.
        2 | 3 => (&[Roster], ANYBODY),
        10 | 20 => (&[Operations], ANYBODY),
        11 => (&[Clinical], ANYBODY),
        21 => (&[Session], ANYBODY),
        // A coordinator may add a task for somebody, and no contact.
        30 => (&[Caseload], |whose, _| whose == Whose::Own),
        31 | 32 | 41 => (&[Care], ANYBODY),
        40 | 45 => (&[Caseload], ANYBODY),
        46 | 47 => (&[Care], ANYBODY),
        51 => (&[Personal], ANYBODY),
        60 => (&[Intake], ANYBODY),
        50 => (&[Personal, Shared], ANYBODY),
        other => panic!("record {other}: say here where it belongs and who may write it"),
    }
}

/// The cell: nothing, or the code it is refused with.
pub fn expected(
    kind: SpaceKind,
    whose: Whose,
    record: u16,
    envelope: Kind,
    who: &Person,
) -> Option<Code> {
    let (homes, own_rule) = home(record);
    let not_here = matches!(kind, SpaceKind::Directory | SpaceKind::Audit);
    if not_here || whose == Whose::Nobodys {
        Some(Code::WrongSpace)
    } else if !who.is_admitted(kind) {
        Some(Code::GuestEnded)
    } else if is_sealed(kind) != (envelope == Kind::Sealed) || !may_write(kind, whose, who) {
        Some(Code::NotAllowed)
    } else if !homes.contains(&kind) {
        Some(Code::WrongSpace)
    } else if !own_rule(whose, who) {
        Some(Code::NotAllowed)
    } else {
        None
    }
}
