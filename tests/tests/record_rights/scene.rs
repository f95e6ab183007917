//! A team with everybody in it, the spaces there are, and one attempt at a cell.

use super::table::{Person, Whose, may_make, may_read};
use super::*;

pub fn all_records() -> impl Iterator<Item = &'static DocType> {
    (0..=u16::MAX).filter_map(DocType::by_number)
}

/// Sound content of an open record.
pub fn content(record: u16, me: MemberId) -> Vec<FieldOp> {
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
pub struct Place {
    pub kind: SpaceKind,
    pub whose: Whose,
    pub id: SpaceId,
    /// The space as everybody knows it; `None` where the team has none of this id.
    pub info: Option<SpaceInfo>,
}

/// A team at work, everybody's phones whose keys the test holds, and the spaces there are.
pub struct Scene {
    pub world: World,
    pub people: Vec<(Person, Rogue)>,
    pub places: Vec<Place>,
}

/// Every profile allows every note here: what is forbidden is forbidden by right.
pub fn profile() -> PolicyProfile {
    let mut profile = PolicyProfile::neutral();
    profile.notes_mode = NotesMode::SealedText;
    profile.contact_notes_mode = NotesMode::SealedText;
    profile
}

pub fn enter(world: &mut World, person: &Person) -> MemberId {
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
pub fn everybody() -> Vec<Person> {
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

pub fn enrol_everybody(world: &mut World) -> Vec<(Person, Rogue)> {
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
pub fn spaces_at_relay(world: &World) -> BTreeMap<u8, Vec<SpaceId>> {
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

pub fn scene() -> Scene {
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
pub fn other_team(world: &mut World) -> SpaceId {
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
pub const TEAMS_OWN: [(SpaceKind, Sought); 2] =
    [(SpaceKind::Team, |who| who.admin), (SpaceKind::Clinical, |who| who.coordinates())];

/// A sealed space of this device's making, whose key is wrapped for nobody.
pub fn make(
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
pub fn sealed_body() -> Vec<u8> {
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
pub fn attempt(
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
pub fn judged_by_phone(world: &World, envelope: &Envelope, info: &SpaceInfo) -> Option<Code> {
    let directory = directory(world);
    let author = gates::authenticate(envelope, directory, directory.len()).unwrap();
    let right = gates::check_right(envelope, &author, info, world.now().day());
    right.and_then(|()| gates::check_policy(envelope, directory)).err()
}

/// The sealed spaces of this person's own making, each by whether they may; and their own caseload.
pub fn own_places(scene: &mut Scene, at: usize) -> Vec<Place> {
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
