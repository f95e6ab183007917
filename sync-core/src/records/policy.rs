//! Who may make, write and read which space: one table, enforced by relay and phones alike.

/// What a space holds, and so who may write and read it. The number stands in `space` envelopes and space ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SpaceKind {
    /// Signed entries: members, roles, devices, policy.
    Directory = 1,
    /// Staff names, trainings, on-call; resources; notices.
    Roster = 2,
    /// Incidents, interventions.
    Operations = 3,
    /// One staff member's contact headers, follow-up tasks, referrals, tallies.
    Caseload = 4,
    /// Names of plain responders.
    Team = 5,
    /// One member's requests for support.
    Intake = 6,
    /// One staff member's subject handles and contact notes.
    Care = 7,
    /// One intervention's session note.
    Session = 8,
    /// One member's check-ins and journal.
    Personal = 9,
    /// Copies shown to a small group by consent.
    Shared = 10,
    /// Incident narrative, disclosures.
    Clinical = 11,
    /// The relay's audit log.
    Audit = 12,
}

/// A field role (DOMAIN.md's list; `admin` is a directory capability beside them).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode,
)]
#[cbor(index_only)]
pub enum Role {
    /// A person served.
    #[n(0)]
    Responder,
    /// A trained peer.
    #[n(1)]
    PeerSupporter,
    /// A facilitator or mental-health professional.
    #[n(2)]
    FacilitatorMhp,
    /// A chaplain.
    #[n(3)]
    Chaplain,
    /// Leads one intervention.
    #[n(4)]
    TeamLead,
    /// Coordinates the team.
    #[n(5)]
    Coordinator,
    /// Answers for clinical quality.
    #[n(6)]
    ClinicalDirector,
    /// Liaison to families.
    #[n(7)]
    FamilyLiaison,
    /// Runs the relay.
    #[n(8)]
    RelayOperator,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 9] = [
        Role::Responder,
        Role::PeerSupporter,
        Role::FacilitatorMhp,
        Role::Chaplain,
        Role::TeamLead,
        Role::Coordinator,
        Role::ClinicalDirector,
        Role::FamilyLiaison,
        Role::RelayOperator,
    ];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Responder => "responder",
            Role::PeerSupporter => "peer_supporter",
            Role::FacilitatorMhp => "facilitator_mhp",
            Role::Chaplain => "chaplain",
            Role::TeamLead => "team_lead",
            Role::Coordinator => "coordinator",
            Role::ClinicalDirector => "clinical_director",
            Role::FamilyLiaison => "family_liaison",
            Role::RelayOperator => "relay_operator",
        }
    }

    /// The role of this name.
    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// Whether the role answers requests for support.
    pub const fn answers_requests(self) -> bool {
        matches!(self, Role::PeerSupporter | Role::FacilitatorMhp | Role::Chaplain)
    }

    /// Whether the role is staff: may read and write `operations` and has a caseload.
    pub const fn is_staff(self) -> bool {
        matches!(
            self,
            Role::PeerSupporter
                | Role::FacilitatorMhp
                | Role::Chaplain
                | Role::TeamLead
                | Role::Coordinator
                | Role::ClinicalDirector
        )
    }
}

/// What kind of installation a device is; shown beside every reader.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode,
)]
#[cbor(index_only)]
pub enum DeviceClass {
    /// A phone or computer app.
    #[n(0)]
    Native,
    /// A phone's browser.
    #[n(1)]
    Web,
    /// The coordinator's page; holds no reading keys.
    #[n(2)]
    Console,
    /// A station's carrier; holds no reading keys.
    #[n(3)]
    Station,
}

/// Whom a kind of space belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerKind {
    /// One per team.
    Team,
    /// One per member (or staff member).
    Member,
    /// One per document it accompanies.
    Doc,
    /// Any number.
    Group,
}

/// Who, in a column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Devices of members with the `admin` capability.
    Admin,
    /// Every member.
    Member,
    /// Members with a staff role.
    Staff,
    /// Those who answer requests for support: peer supporters, facilitators and chaplains.
    Peers,
    /// Coordinators and clinical directors.
    Coordinators,
    /// The member the space belongs to.
    Owner,
    /// The space's readers, as its own envelopes name them.
    Reader,
    /// The relay itself.
    Relay,
}

/// A row of the policy table.
#[derive(Debug, Clone, Copy)]
pub struct SpacePolicy {
    /// The kind of space.
    pub kind: SpaceKind,
    /// The stable name.
    pub name: &'static str,
    /// Whether the relay sees ciphertext only.
    pub sealed: bool,
    /// Whom such a space belongs to.
    pub owner: OwnerKind,
    /// Who may make one offline (sealed spaces only; open ones are not made).
    pub make: &'static [Who],
    /// Who may write.
    pub write: &'static [Who],
    /// Who may read: of a sealed space its readers, as its own envelopes name them.
    pub read: &'static [Who],
    /// Whom a sealed space may have as a reader; nobody in an open one, which has none.
    pub admit: &'static [Who],
    /// Which classes of devices of its readers may hold a sealed space's keys; none in an open one, which has none.
    pub hold: &'static [DeviceClass],
}

/// The policy table.
pub const SPACES: &[SpacePolicy] = {
    use OwnerKind::{Doc, Group, Member as OwnedByMember, Team};
    use Who::{Admin, Coordinators, Member, Owner, Peers, Reader, Relay, Staff};
    const fn open(
        kind: SpaceKind,
        name: &'static str,
        owner: OwnerKind,
        write: &'static [Who],
        read: &'static [Who],
    ) -> SpacePolicy {
        SpacePolicy {
            kind,
            name,
            sealed: false,
            owner,
            make: &[],
            write,
            read,
            admit: &[],
            hold: &[],
        }
    }
    const fn sealed(
        kind: SpaceKind,
        name: &'static str,
        owner: OwnerKind,
        make: &'static [Who],
        write: &'static [Who],
        admit: &'static [Who],
        hold: &'static [DeviceClass],
    ) -> SpacePolicy {
        let (sealed, read): (_, &[Who]) = (true, &[Reader]);
        SpacePolicy { kind, name, sealed, owner, make, write, read, admit, hold }
    }
    // A console and a station hold no reading keys anywhere. A browser trusts whoever serves it its page, so what
    // was said in confidence about others is not opened there.
    const APPS: &[DeviceClass] = &[DeviceClass::Native];
    const APPS_AND_BROWSERS: &[DeviceClass] = &[DeviceClass::Native, DeviceClass::Web];
    use SpaceKind as S;
    &[
        // open: owner, write, read
        open(S::Directory, "directory", Team, &[Admin], &[Member]),
        open(S::Roster, "roster", Team, &[Admin, Staff], &[Member]),
        open(S::Operations, "operations", Team, &[Staff], &[Staff]),
        open(S::Caseload, "caseload", OwnedByMember, &[Owner, Coordinators], &[Owner]),
        open(S::Audit, "audit", Team, &[Relay], &[Admin]),
        // sealed: owner, make, write, admit, hold
        sealed(S::Team, "team", Team, &[Admin], &[Admin], &[Member], APPS_AND_BROWSERS),
        sealed(
            S::Intake,
            "intake",
            OwnedByMember,
            &[Owner],
            &[Owner, Peers],
            &[Owner, Peers],
            APPS_AND_BROWSERS,
        ),
        sealed(S::Care, "care", OwnedByMember, &[Owner], &[Owner], &[Owner], APPS),
        sealed(S::Session, "session", Doc, &[Staff], &[Reader], &[Member], APPS),
        sealed(
            S::Personal,
            "personal",
            OwnedByMember,
            &[Owner],
            &[Owner],
            &[Owner],
            APPS_AND_BROWSERS,
        ),
        sealed(S::Shared, "shared", Group, &[Member], &[Reader], &[Member], APPS_AND_BROWSERS),
        sealed(
            S::Clinical,
            "clinical",
            Team,
            &[Coordinators],
            &[Coordinators],
            &[Coordinators],
            APPS,
        ),
    ]
};

impl DeviceClass {
    /// The class of this number.
    pub fn from_u8(number: u8) -> Option<DeviceClass> {
        [Self::Native, Self::Web, Self::Console, Self::Station]
            .into_iter()
            .find(|class| *class as u8 == number)
    }

    /// Whether a person reads and writes with it. A console and a station show and carry; they hold no reading keys, so
    /// nothing that is sealed is taken from them or served to them.
    pub const fn is_persons(self) -> bool {
        matches!(self, Self::Native | Self::Web)
    }

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Web => "web",
            Self::Console => "console",
            Self::Station => "station",
        }
    }
}

impl SpaceKind {
    /// The kind of this number.
    pub fn from_u8(number: u8) -> Option<SpaceKind> {
        SPACES.iter().map(|row| row.kind).find(|kind| *kind as u8 == number)
    }

    /// Whether a device of this class may hold such a space's keys: a console or a station never, a browser not
    /// everywhere.
    pub fn may_be_held_by(self, class: DeviceClass) -> bool {
        self.policy().hold.contains(&class)
    }

    /// Its row of the policy table.
    pub fn policy(self) -> &'static SpacePolicy {
        SPACES.iter().find(|row| row.kind == self).expect("every kind has a row")
    }
}

/// What a device is in the team, at one state of the directory.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// The member's field roles.
    pub roles: &'a [Role],
    /// Whether the member has the `admin` capability.
    pub admin: bool,
    /// What kind of installation the device is.
    pub class: DeviceClass,
    /// Whether the space belongs to the member.
    pub owns: bool,
    /// Whether the member is a reader of the space.
    pub reads: bool,
}

impl Standing<'_> {
    /// Whether one of these is this device.
    pub fn is_any_of(&self, who: &[Who]) -> bool {
        who.iter().any(|who| match who {
            Who::Admin => self.admin,
            Who::Member => true,
            Who::Staff => self.roles.iter().any(|role| role.is_staff()),
            Who::Peers => self.roles.iter().any(|role| role.answers_requests()),
            Who::Coordinators => self
                .roles
                .iter()
                .any(|role| matches!(role, Role::Coordinator | Role::ClinicalDirector)),
            Who::Owner => self.owns,
            Who::Reader => self.reads,
            Who::Relay => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_holds_no_key_of_session_care_or_clinical_and_a_console_or_station_none_at_all() {
        for row in SPACES {
            let confided =
                matches!(row.kind, SpaceKind::Session | SpaceKind::Care | SpaceKind::Clinical);
            let browser = row.hold.contains(&DeviceClass::Web);
            assert_eq!(browser, row.sealed && !confided, "{}", row.name);
            for class in [DeviceClass::Console, DeviceClass::Station] {
                assert!(!row.hold.contains(&class), "{}", row.name);
            }
        }
    }

    #[test]
    fn every_class_has_its_own_number() {
        for number in 0..4 {
            assert_eq!(DeviceClass::from_u8(number).map(|class| class as u8), Some(number));
        }
        assert_eq!(DeviceClass::from_u8(4), None);
    }

    #[test]
    fn every_sealed_space_is_read_by_its_readers_only_and_every_number_is_its_own() {
        for row in SPACES {
            assert_eq!(row.sealed, row.read == [Who::Reader], "{}", row.name);
            assert_eq!(row.sealed, !row.admit.is_empty(), "{}", row.name);
            assert_eq!(row.sealed, row.hold.contains(&DeviceClass::Native), "{}", row.name);
            assert_eq!(SpaceKind::from_u8(row.kind as u8), Some(row.kind));
        }
    }
}
