//! What a relay holds, read from its own files, and a relay that lies.

use std::collections::BTreeMap;

use sync_core::crypto::DeviceKeys;
use sync_core::directory::{Directory, open_space_id};
use sync_core::doc::{self};
use sync_core::engine::{Env, SyncOutcome};
use sync_core::ids::{DeviceId, DocId, MemberId, SpaceId};
use sync_core::protocol::{
    Code, Envelope, EpochBody, Kind, ReaderBody, SignedAnswer, SpaceBody, SyncResponse, WrapBody,
    answer_to_sign, from_cbor, to_cbor,
};
use sync_core::records::SpaceKind;

use crate::{World, unpack};

/// The team's directory, as the admin's phone knows it.
pub fn directory(world: &World) -> &Directory {
    world.devices["admin"].phone.directory()
}

/// An open space of the team.
pub fn open_space(world: &World, kind: SpaceKind, owner: Option<MemberId>) -> SpaceId {
    open_space_id(directory(world).team(), kind, owner)
}

/// The relay's own signing keys, as a thief of its database holds them.
pub fn relay_keys(world: &World) -> DeviceKeys {
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).expect("opens");
    let query = "SELECT value FROM meta WHERE key = 'relay_keys'";
    let bytes: Vec<u8> = database.query_row(query, [], |row| row.get(0)).expect("the relay's keys");
    DeviceKeys::from_secret_bytes(&bytes).expect("the relay's keys")
}

/// The directory's entries, as the relay's database holds them.
pub fn directory_entries(world: &World) -> Vec<Envelope> {
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).expect("opens");
    let query = "SELECT envelope FROM items WHERE kind = ?1 ORDER BY seq";
    let mut statement = database.prepare(query).expect("the relay's tables");
    let rows =
        statement.query_map([Kind::Directory as u8], |row| row.get::<_, Vec<u8>>(0)).expect("rows");
    rows.map(|bytes| Envelope::from_bytes(&bytes.expect("a row")).expect("an envelope")).collect()
}

/// The envelopes that made a space's epochs, as the relay holds them.
pub fn made_epochs(world: &World, space: SpaceId) -> Vec<Envelope> {
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).expect("opens");
    let query = "SELECT envelope FROM items WHERE space = ?1 AND kind IN (?2, ?3) ORDER BY seq";
    let mut statement = database.prepare(query).expect("the relay's tables");
    let wanted = rusqlite::params![space.as_bytes(), Kind::Space as u8, Kind::Epoch as u8];
    let rows = statement.query_map(wanted, |row| row.get::<_, Vec<u8>>(0)).expect("rows");
    rows.map(|bytes| Envelope::from_bytes(&bytes.expect("a row")).expect("an envelope")).collect()
}

/// Who let whom read a space that was there already, as the relay's logs show it.
pub fn readers_let_in(world: &World) -> Vec<(DeviceId, MemberId)> {
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).expect("opens");
    let query = "SELECT envelope FROM items WHERE kind = ?1 ORDER BY rowid";
    let mut statement = database.prepare(query).expect("the relay's tables");
    let rows =
        statement.query_map([Kind::Reader as u8], |row| row.get::<_, Vec<u8>>(0)).expect("rows");
    rows.map(|bytes| {
        let envelope = Envelope::from_bytes(&bytes.expect("a row")).expect("an envelope");
        let body: ReaderBody = from_cbor(&envelope.body).expect("a body");
        (envelope.header.device, body.member)
    })
    .collect()
}

/// How many keys the relay holds that were wrapped for a device or a recovery key.
pub fn wraps_at_relay(world: &World, id: DeviceId) -> usize {
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).expect("opens");
    let query = "SELECT envelope FROM items WHERE kind IN (?1, ?2, ?3)";
    let mut statement = database.prepare(query).expect("the relay's tables");
    let kinds = [Kind::Space as u8, Kind::Epoch as u8, Kind::Wrap as u8];
    let rows = statement.query_map(kinds, |row| row.get::<_, Vec<u8>>(0)).expect("rows");
    let mut count = 0;
    for bytes in rows {
        let envelope = Envelope::from_bytes(&bytes.expect("a row")).expect("an envelope");
        let wraps = match envelope.header.kind {
            Kind::Space => from_cbor::<SpaceBody>(&envelope.body).expect("a body").wraps,
            Kind::Epoch => from_cbor::<EpochBody>(&envelope.body).expect("a body").wraps,
            _ => from_cbor::<WrapBody>(&envelope.body).expect("a body").keys,
        };
        count += wraps.iter().filter(|wrap| wrap.device == id).count();
    }
    count
}

/// What the relay shows and holds of each document, by (space, document): its projection and its heads.
pub type RelayState = BTreeMap<(Vec<u8>, Vec<u8>), (String, Vec<[u8; 32]>)>;

/// What coordinators' pages would show, and the documents behind it, as the relay's database holds them.
pub fn relay_state(world: &World) -> RelayState {
    let database = rusqlite::Connection::open(world.folder().join("relay.db")).expect("opens");
    let opener = world.opener();
    let query = "SELECT d.space, d.doc, r.shown, d.saved FROM documents d
       LEFT JOIN records r ON r.space = d.space AND r.doc = d.doc";
    let mut statement = database.prepare(query).expect("the relay's tables");
    let rows = statement.query_map([], |row| {
        let (space, doc) = (SpaceId::new(row.get(0)?), DocId::new(row.get(1)?));
        let (shown, saved): (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(2)?, row.get(3)?);
        let shown = shown.and_then(|shown| opener.record(space, doc, &shown).expect("opens"));
        let saved = saved.map(|saved| opener.document(space, doc, &saved).expect("opens"));
        let heads = saved
            .map(|saved| doc::heads(&saved.expect("its key is there")).expect("a whole document"));
        let shown = String::from_utf8(shown.unwrap_or_default()).expect("text");
        Ok(((row.get(0)?, row.get(1)?), (shown, heads.unwrap_or_default())))
    });
    rows.expect("rows").collect::<Result<_, _>>().expect("rows")
}

/// An answer's signed form and what it says.
pub fn open_answer(answer: &[u8]) -> (SignedAnswer, SyncResponse) {
    let signed: SignedAnswer = from_cbor(&unpack(answer)).expect("a signed answer");
    let response = from_cbor(&signed.answer).expect("an answer");
    (signed, response)
}

/// An answer to these request bytes, signed with these keys.
pub fn sign_answer(keys: &DeviceKeys, body: &[u8], response: &SyncResponse) -> Vec<u8> {
    let answer = to_cbor(response);
    let sig = keys.sign(&answer_to_sign(body, &answer));
    to_cbor(&SignedAnswer { answer: answer.into(), sig: sig.into() })
}

/// One exchange in which the relay answers something else than it would: altered, and signed with its own key.
pub fn lie(
    world: &mut World,
    name: &str,
    alter: impl FnOnce(&mut SyncResponse),
) -> Result<SyncOutcome, Code> {
    let (body, token) = world.request(name);
    let answer = world.relay.sync(&token, &body).map_err(|refusal| refusal.code)?;
    let (_, mut response) = open_answer(&answer);
    alter(&mut response);
    let answer = sign_answer(&relay_keys(world), &body, &response);
    take(world, name, &body, &answer)
}

/// Hands a phone an encoded answer to its request.
pub fn take(
    world: &mut World,
    name: &str,
    body: &[u8],
    answer: &[u8],
) -> Result<SyncOutcome, Code> {
    world
        .on(name, |phone, env: &mut Env<'_>| phone.sync_answer(env, body, answer))
        .map_err(|error| error.code())
}

/// The alarms that stand on a phone.
pub fn alarms(world: &mut World, name: &str) -> Vec<Code> {
    let alarms = world.on(name, |phone, _| phone.alarms()).expect("alarms");
    alarms.into_iter().map(|alarm| alarm.code).collect()
}

/// Makes a relay's database what the release before keys at rest left once its schema is brought up to date:
/// everything in it in the clear.
pub fn as_before_keys(database: &rusqlite::Connection, opener: &server::store::Opener) {
    type Row = (i64, [u8; 16], [u8; 16], Vec<u8>);
    let rows = |query: &str| -> Vec<Row> {
        let mut statement = database.prepare(query).expect("the relay's tables");
        let rows = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .expect("rows");
        rows.collect::<Result<_, _>>().expect("rows")
    };
    for (row, _, _, kept) in rows("SELECT rowid, space, doc, envelope FROM items WHERE kind < 3") {
        let open = opener.envelope(&kept).expect("opens").expect("a key").to_bytes();
        let update = "UPDATE items SET envelope = ?2 WHERE rowid = ?1";
        database.execute(update, rusqlite::params![row, open]).expect("written");
    }
    for (row, space, doc, kept) in
        rows("SELECT rowid, space, doc, saved FROM documents WHERE saved IS NOT NULL")
    {
        let open = opener.document(SpaceId::new(space), DocId::new(doc), &kept).expect("opens");
        let update = "UPDATE documents SET saved = ?2 WHERE rowid = ?1";
        database.execute(update, rusqlite::params![row, open]).expect("written");
    }
    let shown = rows("SELECT rowid, space, doc, shown FROM records");
    database
        .execute_batch(
            "CREATE TABLE records_open (
               team BLOB NOT NULL, space BLOB NOT NULL, doc BLOB NOT NULL, record TEXT NOT NULL,
               fields TEXT NOT NULL, conflicts TEXT NOT NULL, PRIMARY KEY (space, doc)
             ) STRICT;
             INSERT INTO records_open SELECT team, space, doc, record, '', '' FROM records;",
        )
        .expect("made");
    for (_, space, doc, kept) in shown {
        let open = opener.record(SpaceId::new(space), DocId::new(doc), &kept).expect("opens");
        let parts: Vec<serde_json::Value> =
            serde_json::from_slice(&open.expect("a key")).expect("two objects");
        let update =
            "UPDATE records_open SET fields = ?3, conflicts = ?4 WHERE space = ?1 AND doc = ?2";
        let values = rusqlite::params![space, doc, parts[0].to_string(), parts[1].to_string()];
        database.execute(update, values).expect("written");
    }
    let rest = "DELETE FROM records; DELETE FROM meta WHERE key = 'at_rest';";
    database.execute_batch(rest).expect("made");
}
