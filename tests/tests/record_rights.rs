//! Who may write and read what, cell by cell: every record in every kind of space by everybody, pushed by phones that
//! obey nothing to a real relay, and judged by a phone's own gates.
//!
//! The expectations are a statement of their own, in words of the field, and call nothing of what they check.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sync_core::crypto::DeviceKeys;
use sync_core::directory::{Guest, Op, SpaceInfo};
use sync_core::doc::{self, Edit};
use sync_core::engine::NewMember;
use sync_core::gates;
use sync_core::ids::{DekId, DocId, EpochId, MemberId, SpaceId};
use sync_core::protocol::{
    Code, Cursors, Envelope, Kind, SealedBody, SpaceBody, SpaceOwner, Suite, Verdict, to_cbor,
};
use sync_core::records::{
    DeviceClass, DocType, FieldOp, NotesMode, PolicyProfile, Role, Scalar, SpaceKind, own_doc_id,
};
use tests::hostile::{Rogue, directory, made_epochs, open_space};
use tests::{World, text};

/// Whose space it is, as seen by the one who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
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
struct Person {
    role: Option<Role>,
    admin: bool,
    class: DeviceClass,
    /// A guest, of open spaces and their own caseload only.
    guest: bool,
}

impl Person {
    fn of(role: Option<Role>) -> Self {
        Self { role, admin: false, class: DeviceClass::Native, guest: false }
    }

    fn is_staff(&self) -> bool {
        use Role::{
            Chaplain, ClinicalDirector, Coordinator, FacilitatorMhp, PeerSupporter, TeamLead,
        };
        let staff =
            [PeerSupporter, FacilitatorMhp, Chaplain, TeamLead, Coordinator, ClinicalDirector];
        self.role.is_some_and(|role| staff.contains(&role))
    }

    fn is_peer(&self) -> bool {
        matches!(self.role, Some(Role::PeerSupporter | Role::FacilitatorMhp | Role::Chaplain))
    }

    fn coordinates(&self) -> bool {
        matches!(self.role, Some(Role::Coordinator | Role::ClinicalDirector))
    }

    /// A console or a station carries and shows; it takes no part in what is sealed.
    fn is_apparatus(&self) -> bool {
        matches!(self.class, DeviceClass::Console | DeviceClass::Station)
    }

    fn is_admitted(&self, kind: SpaceKind) -> bool {
        use SpaceKind::{Caseload, Directory, Operations, Roster};
        !self.guest || matches!(kind, Directory | Roster | Operations | Caseload)
    }
}

fn is_sealed(kind: SpaceKind) -> bool {
    use SpaceKind::{Audit, Caseload, Directory, Operations, Roster};
    !matches!(kind, Directory | Roster | Operations | Caseload | Audit)
}

/// The column "may write".
fn may_write(kind: SpaceKind, whose: Whose, who: &Person) -> bool {
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
fn may_read(kind: SpaceKind, whose: Whose, who: &Person) -> bool {
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
fn may_make(kind: SpaceKind, who: &Person) -> bool {
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
type OwnRule = fn(Whose, &Person) -> bool;
/// Whom to look for.
type Sought = fn(&Person) -> bool;

/// Where a record belongs, and who may write it there if not everybody who may write there at all.
fn home(record: u16) -> (&'static [SpaceKind], OwnRule) {
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
fn expected(
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

fn all_records() -> impl Iterator<Item = &'static DocType> {
    (0..=u16::MAX).filter_map(DocType::by_number)
}

/// Sound content of an open record.
fn content(record: u16, me: MemberId) -> Vec<FieldOp> {
    let put = |key: &str, value: Scalar| FieldOp::Put(key.into(), value);
    let text = |value: &str| Scalar::Str(value.into());
    match record {
        1 => vec![put("member", text(&me.to_string())), put("display_name", text("North"))],
        10 => vec![
            put("type.failed_rescue", Scalar::Bool(true)),
            put("occurred_end", Scalar::Int(1_772_000_000_000)),
        ],
        20 => vec![put("kind", text("defusing"))],
        30 => vec![put("mode", text("phone"))],
        40 => vec![put("kind", text("call"))],
        2 => vec![put(&format!("availability.{me}"), text("available"))],
        3 => vec![
            put("member", text(&me.to_string())),
            put("starts_at", Scalar::Int(1_772_000_000_000)),
            put("ends_at", Scalar::Int(1_772_003_600_000)),
        ],
        4 => vec![put("name", text("Night line")), put("kind", text("crisis_line"))],
        45 => vec![put("to_kind", text("eap"))],
        _ => vec![],
    }
}

/// A place to write to.
#[derive(Clone)]
struct Place {
    kind: SpaceKind,
    whose: Whose,
    id: SpaceId,
    /// The space as everybody knows it; `None` where the team has none of this id.
    info: Option<SpaceInfo>,
}

/// A team at work, everybody's phones whose keys the test holds, and the spaces there are.
struct Scene {
    world: World,
    people: Vec<(Person, Rogue)>,
    places: Vec<Place>,
}

/// Every profile allows every note here: what is forbidden is forbidden by right.
fn profile() -> PolicyProfile {
    let mut profile = PolicyProfile::neutral();
    profile.notes_mode = NotesMode::SealedText;
    profile.contact_notes_mode = NotesMode::SealedText;
    profile
}

fn enter(world: &mut World, person: &Person) -> MemberId {
    use SpaceKind::{Caseload, Operations, Roster};
    let spaces = [Roster, Operations, Caseload].map(|kind| kind as u8).to_vec();
    let until = world.now().plus_minutes(60 * 24 * 365).day();
    let guest = person.guest.then_some(Guest { until, spaces });
    let (roles, admin) = (person.role.into_iter().collect(), person.admin);
    let new = NewMember { roles, admin, guest, ..NewMember::default() };
    let member = world.on("admin", |phone, env| phone.add_member(env, new)).unwrap();
    world.sync("admin");
    member
}

/// Everybody: each role, an admin without one, a guest, and devices of the other classes.
fn everybody() -> Vec<Person> {
    let mut people: Vec<Person> =
        Role::ALL.into_iter().map(|role| Person::of(Some(role))).collect();
    let peer = Person::of(Some(Role::PeerSupporter));
    people.push(Person { guest: true, ..peer });
    for class in [DeviceClass::Web, DeviceClass::Console, DeviceClass::Station] {
        for role in [Role::Responder, Role::PeerSupporter, Role::Coordinator] {
            people.push(Person { class, ..Person::of(Some(role)) });
        }
    }
    // The second admin comes last: from then on two of them sign what widens a right.
    people.push(Person { admin: true, ..Person::of(None) });
    people
}

fn enrol_everybody(world: &mut World) -> Vec<(Person, Rogue)> {
    let mut people = Vec::new();
    for (seed, person) in (1_000..).zip(everybody()) {
        let member = enter(world, &person);
        let rogue = if person.class == DeviceClass::Native {
            let invitation = world.on("admin", |phone, env| phone.invite(env, member)).unwrap();
            world.sync("admin");
            Rogue::enrol_by(world, seed, &invitation)
        } else {
            let mut rng = ChaCha20Rng::seed_from_u64(seed);
            Rogue::with_keys(DeviceKeys::generate(&mut rng), member, seed)
        };
        people.push((person, rogue));
    }
    // The invitation says nothing of these classes: an admin's device lists them.
    let ((_, root), rest) = people.split_last_mut().unwrap();
    for (person, rogue) in rest.iter().filter(|(p, _)| p.class != DeviceClass::Native) {
        let op = Op::Device {
            member: rogue.member,
            verify_key: rogue.keys.verify_key().into(),
            seal_key: rogue.keys.seal_key().into(),
            seal_key_2: rogue.keys.seal_key_2().map(Into::into),
            class: person.class,
        };
        let space = directory(world).space();
        let entry = root.structure(world, Kind::Directory, space, to_cbor(&op));
        assert_eq!(root.push(world, &[entry])[0].verdict, Verdict::Stored);
        world.sync("admin");
    }
    people
}

/// The spaces at the relay, by kind: their ids.
fn spaces_at_relay(world: &World) -> BTreeMap<u8, Vec<SpaceId>> {
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).unwrap();
    let mut statement =
        database.prepare("SELECT kind, id FROM spaces WHERE head_seq > 0 ORDER BY id").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, SpaceId::new(row.get(1)?)))).unwrap();
    let mut out: BTreeMap<u8, Vec<SpaceId>> = BTreeMap::new();
    for row in rows {
        let (kind, id) = row.unwrap();
        out.entry(kind).or_default().push(id);
    }
    out
}

fn scene() -> Scene {
    let mut world = World::new(77, profile());
    let amy = world.join("amy", &[Role::PeerSupporter]);
    world.join("cleo", &[Role::Coordinator]);
    world.join("lead", &[Role::TeamLead]);
    let mut people = enrol_everybody(&mut world);
    world.sync_all();
    // Something of everything that is somebody else's.
    world.incident("amy");
    world.contact("amy", 20);
    let session = world.record("cleo", "intervention", &[("kind", text("defusing"))]);
    let lead = world.member("lead");
    world.on("cleo", |phone, env| phone.assign(env, session, &[lead])).unwrap();
    let check_in = world.record("amy", "check_in", &[("zone", text("reacting"))]);
    world.on("amy", |phone, _| phone.set_backup(true)).unwrap();
    world.record("amy", "support_request", &[("urgency", text("today"))]);
    let cleo = world.member("cleo");
    world.on("amy", |phone, env| phone.share(env, check_in, &[cleo], false)).unwrap();
    world.sync_all();
    world.write("lead", session, "exploration", 0, "words");
    world.sync_all();

    let team = directory(&world).team();
    let open = |kind, owner, whose| Place {
        kind,
        whose,
        id: open_space(&world, kind, owner),
        info: Some(SpaceInfo::open(team, kind, owner)),
    };
    let mut places = vec![
        open(SpaceKind::Directory, None, Whose::Team),
        open(SpaceKind::Roster, None, Whose::Team),
        open(SpaceKind::Operations, None, Whose::Team),
        open(SpaceKind::Caseload, Some(amy), Whose::Others),
        open(SpaceKind::Audit, None, Whose::Team),
    ];
    for (kind, maker) in TEAMS_OWN {
        let by_right = |who: &Person| {
            let phone = Person { class: DeviceClass::Native, ..who.clone() };
            may_read(kind, Whose::Team, &phone)
        };
        let readers: Vec<_> =
            people.iter().filter(|(who, _)| by_right(who)).map(|(_, rogue)| rogue.member).collect();
        let (_, rogue) = people.iter_mut().find(|(who, _)| maker(who)).unwrap();
        let made = make(&world, rogue, kind, SpaceOwner::Team, &readers);
        let result = &rogue.push(&world, std::slice::from_ref(&made))[0];
        assert_eq!(result.code, "", "{kind:?} is made");
        let info = SpaceInfo::made_by(&made).unwrap();
        places.push(Place { kind, whose: Whose::Team, id: info.id, info: Some(info) });
    }
    let there = spaces_at_relay(&world);
    use SpaceKind::{Care, Intake, Personal, Session, Shared};
    for kind in [Care, Intake, Personal, Session, Shared] {
        let id = there.get(&(kind as u8)).unwrap_or_else(|| panic!("no {kind:?} was made"))[0];
        let info = SpaceInfo::made_by(&made_epochs(&world, id)[0]).unwrap();
        places.push(Place { kind, whose: Whose::Others, id, info: Some(info) });
    }
    let nobodys = |kind, id| Place { kind, whose: Whose::Nobodys, id, info: None };
    let elsewhere = other_team(&mut world);
    places.push(nobodys(SpaceKind::Operations, elsewhere));
    places.push(nobodys(SpaceKind::Shared, SpaceId::new([0x66; 16])));
    Scene { world, people, places }
}

/// The operations space of another team that this relay serves.
fn other_team(world: &mut World) -> SpaceId {
    use sync_core::engine::{Env, Phone};
    use sync_core::store::{MemoryStore, MemoryVault};
    let mut rng = ChaCha20Rng::seed_from_u64(4_711);
    let mut env = Env { now: world.now(), rng: &mut rng };
    let admin = NewMember {
        name: Some("other".into()),
        roles: vec![Role::Coordinator],
        admin: true,
        ..NewMember::default()
    };
    let (store, vault) = (Box::new(MemoryStore::new()), MemoryVault::new());
    let wraps = Box::new(vault.clone());
    let phone =
        Phone::create_team(store, wraps, &mut env, tests::ORIGIN, profile(), admin).unwrap();
    let team = phone.team();
    world.relay.allow_team(team).unwrap();
    let member = phone.directory().members().next().unwrap().0;
    world.devices.insert("other".into(), tests::Device::new(phone, member, vault, rng));
    world.incident("other");
    world.sync("other");
    world.devices.remove("other");
    let id = sync_core::directory::open_space_id(team, SpaceKind::Operations, None);
    assert!(spaces_at_relay(world)[&(SpaceKind::Operations as u8)].contains(&id), "it is there");
    id
}

/// The team's own sealed spaces, and one who may make each.
const TEAMS_OWN: [(SpaceKind, Sought); 2] =
    [(SpaceKind::Team, |who| who.admin), (SpaceKind::Clinical, |who| who.coordinates())];

/// A sealed space of this device's making, whose key is wrapped for nobody.
fn make(
    world: &World,
    rogue: &mut Rogue,
    kind: SpaceKind,
    owner: SpaceOwner,
    readers: &[MemberId],
) -> Envelope {
    let body = SpaceBody {
        kind: kind as u8,
        owner,
        readers: readers.to_vec(),
        suite: Suite::X25519,
        epoch_key: rogue.keys.seal_key().to_vec().into(),
        wraps: Vec::new(),
    };
    rogue.space(world, &body)
}

/// A sealed body of the right shape: nobody but its readers can tell more.
fn sealed_body() -> Vec<u8> {
    to_cbor(&SealedBody {
        suite: Suite::X25519,
        epoch: EpochId::new([1; 16]),
        dek: DekId::new([2; 16]),
        wrapped_dek: None,
        nonce: [3; 24].into(),
        ciphertext: vec![4; 256].into(),
    })
}

/// One person's attempt at a cell.
fn attempt(
    world: &World,
    rogue: &mut Rogue,
    place: &Place,
    record: &'static DocType,
    kind: Kind,
) -> Envelope {
    let mut doc = DocId::random(&mut rogue.rng);
    if record.number == 3 {
        doc = own_doc_id(rogue.member, doc);
    }
    let header = rogue.document(world, kind, place.id, doc, record);
    let body = match (kind, content(record.number, rogue.member)) {
        (Kind::Change, ops) if !ops.is_empty() => {
            doc::author(None, record, header.actor(), &Edit::Fields(&ops)).unwrap().unwrap()
        }
        (Kind::Change, _) => b"of no matter".to_vec(),
        _ => sealed_body(),
    };
    rogue.keys.sign_envelope(header, body)
}

/// What a phone that is shown this row makes of its author's right.
fn judged_by_phone(world: &World, envelope: &Envelope, info: &SpaceInfo) -> Option<Code> {
    let directory = directory(world);
    let author = gates::authenticate(envelope, directory, directory.len()).unwrap();
    let right = gates::check_right(envelope, &author, info, world.now().day());
    right.and_then(|()| gates::check_policy(envelope, directory)).err()
}

/// The sealed spaces of this person's own making, each by whether they may; and their own caseload.
fn own_places(scene: &mut Scene, at: usize) -> Vec<Place> {
    let Scene { world, people, .. } = scene;
    let (person, rogue) = &mut people[at];
    let me = rogue.member;
    let caseload = SpaceKind::Caseload;
    let mut places = vec![Place {
        kind: caseload,
        whose: Whose::Own,
        id: open_space(world, caseload, Some(me)),
        info: Some(SpaceInfo::open(directory(world).team(), caseload, Some(me))),
    }];
    let doc = DocId::random(&mut rogue.rng);
    for (kind, owner) in [
        (SpaceKind::Care, SpaceOwner::Member(me)),
        (SpaceKind::Personal, SpaceOwner::Member(me)),
        (SpaceKind::Intake, SpaceOwner::Member(me)),
        (SpaceKind::Session, SpaceOwner::Doc(doc)),
        (SpaceKind::Shared, SpaceOwner::Team),
    ] {
        let made = make(world, rogue, kind, owner, &[me]);
        let result = &rogue.push(world, std::slice::from_ref(&made))[0];
        let expected = match (may_make(kind, person), person.is_admitted(kind)) {
            (_, false) => "guest_ended",
            (false, _) => "not_allowed",
            (true, true) => "",
        };
        assert_eq!(result.code, expected, "{person:?} makes {kind:?}");
        if expected.is_empty() {
            let info = SpaceInfo::made_by(&made).unwrap();
            places.push(Place { kind, whose: Whose::Own, id: info.id, info: Some(info) });
        }
    }
    places
}

#[test]
fn everybody_writes_and_reads_what_the_table_gives_them_and_nothing_else() {
    let mut scene = scene();
    let (mut cells, mut granted) = (0, 0);
    for at in 0..scene.people.len() {
        let mut places = own_places(&mut scene, at);
        places.extend(scene.places.clone());
        let Scene { world, people, .. } = &mut scene;
        let (person, rogue) = &mut people[at];
        let mut attempts = Vec::new();
        for place in &places {
            for record in all_records() {
                for kind in [Kind::Change, Kind::Sealed] {
                    let envelope = attempt(world, rogue, place, record, kind);
                    attempts.push((place, record.number, kind, envelope));
                }
            }
        }
        let push: Vec<Envelope> = attempts.iter().map(|(.., envelope)| envelope.clone()).collect();
        let results = rogue.push(world, &push);
        for ((place, record, kind, envelope), result) in attempts.iter().zip(&results) {
            let cell = expected(place.kind, place.whose, *record, *kind, person);
            let code = cell.map_or("", Code::as_str);
            let what = || {
                format!(
                    "{person:?}: {kind:?} of record {record} in {:?} {:?}",
                    place.kind, place.whose
                )
            };
            assert_eq!(result.code, code, "{}", what());
            assert_eq!(result.verdict == Verdict::Stored, cell.is_none(), "{}", what());
            let not_here = matches!(place.kind, SpaceKind::Directory | SpaceKind::Audit);
            if let (Some(info), false) = (&place.info, not_here) {
                assert_eq!(judged_by_phone(world, envelope, info), cell, "a phone: {}", what());
            }
            (cells, granted) = (cells + 1, granted + usize::from(cell.is_none()));
        }
        reads_what_it_may(world, person, rogue, &places);
    }
    assert!(cells > 6_000 && granted > 100, "{cells} cells, {granted} granted");
}

/// What is served to somebody who holds nothing is what they may read: those spaces and no other.
fn reads_what_it_may(world: &World, person: &Person, rogue: &mut Rogue, places: &[Place]) {
    let asks = rogue.ask(world, |request| {
        request.cursors = Some(Cursors::default());
        request.max_bytes = u32::MAX;
    });
    let served: BTreeSet<SpaceId> = asks.unwrap().spaces.iter().map(|s| s.space).collect();
    let filled: BTreeSet<SpaceId> = spaces_at_relay(world).into_values().flatten().collect();
    let may: BTreeMap<SpaceId, &Place> = places
        .iter()
        .filter(|place| filled.contains(&place.id) && may_read(place.kind, place.whose, person))
        .map(|place| (place.id, place))
        .collect();
    for (id, place) in &may {
        assert!(served.contains(id), "{person:?} reads {:?} {:?}", place.kind, place.whose);
    }
    for id in &served {
        let place = places.iter().find(|place| place.id == *id);
        let what = place.map(|place| (place.kind, place.whose));
        assert!(may.contains_key(id), "{person:?} is served {what:?}");
    }
}

#[test]
fn a_guest_whose_time_is_over_neither_writes_nor_reads() {
    let mut world = World::new(78, profile());
    let person = Person { guest: true, ..Person::of(Some(Role::PeerSupporter)) };
    let member = enter(&mut world, &person);
    let invitation = world.on("admin", |phone, env| phone.invite(env, member)).unwrap();
    world.sync("admin");
    let mut guest = Rogue::enrol_by(&mut world, 5, &invitation);
    let operations = open_space(&world, SpaceKind::Operations, None);
    let (kind, whose) = (SpaceKind::Operations, Whose::Team);
    let info = SpaceInfo::open(directory(&world).team(), kind, None);
    let place = Place { kind, whose, id: operations, info: Some(info.clone()) };
    let incident = DocType::by_number(10).unwrap();
    let in_time = attempt(&world, &mut guest, &place, incident, Kind::Change);
    assert_eq!(guest.push(&world, &[in_time])[0].verdict, Verdict::Stored);
    world.wait_minutes(60 * 24 * 366);
    let late = attempt(&world, &mut guest, &place, incident, Kind::Change);
    assert_eq!(guest.exchange(&world, std::slice::from_ref(&late)).err(), Some(Code::GuestEnded));
    assert_eq!(judged_by_phone(&world, &late, &info), Some(Code::GuestEnded));
}
