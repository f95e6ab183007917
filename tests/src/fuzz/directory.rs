//! Directory entries, altered and signed by an admin: taken or refused alike everywhere, whole or not at all.

use std::cell::RefCell;

use sync_core::directory::{Directory, Op};
use sync_core::ids::{MemberId, TeamId};
use sync_core::protocol::Envelope;
use sync_core::records::{PolicyProfile, Role};

use super::script::{alter, choose};
use crate::World;
use crate::hostile::{Rogue, directory_entries, entry as sign_entry};

/// A team's directory, and an admin of it who obeys nothing.
struct Scene {
    team: TeamId,
    entries: Vec<Envelope>,
    directory: Directory,
    rogue: Rogue,
}

thread_local! {
    static SCENE: RefCell<Option<Scene>> = const { RefCell::new(None) };
}

fn scene() -> Scene {
    let staff = [("amy", Role::PeerSupporter), ("bo", Role::Coordinator)];
    let mut world = World::staffed(11, PolicyProfile::neutral(), &staff);
    world.join("cleo", &[Role::Chaplain]);
    let cleo = world.member("cleo");
    world.on("admin", |phone, _| phone.remove_member(cleo)).expect("proposed");
    world.sync("admin");
    let rogue = Rogue::enrol(&mut world, 110, &[Role::Coordinator], true);
    world.sync("admin");
    let entries = directory_entries(&world);
    let team = world.devices["admin"].phone.team();
    let directory = read(team, &entries);
    Scene { team, entries, directory, rogue }
}

fn read(team: TeamId, entries: &[Envelope]) -> Directory {
    let mut directory = Directory::new(team);
    for entry in entries {
        directory.append(entry).expect("what the relay took, every node takes");
    }
    directory
}

fn people(directory: &Directory) -> Vec<(MemberId, usize)> {
    let devices = |id| directory.devices_of(id).count();
    directory.members().map(|(id, _)| (id, devices(id))).collect()
}

/// The target.
pub fn entry(bytes: &[u8]) {
    let (which, script) = choose(bytes);
    SCENE.with_borrow_mut(|held| {
        let Scene { team, entries, directory, rogue } = held.get_or_insert_with(scene);
        let unaltered = sign_entry(directory, &rogue.keys, &Op::Renew);
        let body = alter(&entries[which % entries.len()].body, script);
        let entry = rogue.keys.sign_envelope(unaltered.header, body);
        let mut after = directory.clone();
        let taken = after.append(&entry);
        match taken {
            Ok(()) => {
                entries.push(entry);
                let again = read(*team, entries);
                entries.pop();
                assert_eq!(again.head(), after.head());
                assert_eq!(people(&again), people(&after), "every node reads the same");
            }
            Err(_) => {
                assert_eq!((after.len(), after.head()), (directory.len(), directory.head()));
                assert_eq!(people(&after), people(directory), "a refused entry changes nothing");
            }
        }
    });
}
