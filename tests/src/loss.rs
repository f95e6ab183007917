//! Losing a relay's data, in all the ways that happen: a backup put back, a file copied back, a folder wiped.

use std::path::{Path, PathBuf};

use rand_chacha::rand_core::Rng as _;
use server::{backup, restore};
use sync_core::ids::TeamId;

use super::{World, open_relay, temporary_folder};

/// A copy of a relay's data, and one of its keys.
pub struct Backup(tempfile::TempDir, tempfile::TempDir);

impl Backup {
    /// The folder that the data are in.
    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    /// The folder that the keys are in.
    pub fn keys(&self) -> &Path {
        self.1.path()
    }
}

impl World {
    fn team_id(&self) -> TeamId {
        self.devices["admin"].phone.team()
    }

    /// Copies the relay's data and its keys as an operator does while it runs.
    pub fn backup(&self) -> Backup {
        let (folder, keys) = (temporary_folder(), temporary_folder());
        backup::database(self.folder(), folder.path()).expect("copied");
        backup::keys(self.folder(), keys.path(), backup::MOST_DAYS, self.now()).expect("copied");
        Backup(folder, keys)
    }

    /// Stops the relay, does something to its folder and starts it again.
    pub fn while_stopped(&mut self, act: impl FnOnce(&Path, u64)) {
        let elsewhere = temporary_folder();
        self.relay = open_relay(elsewhere.path(), &self.now_ms, &mut self.rng);
        let seed = self.rng.next_u64();
        act(self.folder.path(), seed);
        self.relay = open_relay(self.folder.path(), &self.now_ms, &mut self.rng);
    }

    /// Restores a backup by the command, and starts the relay on it.
    pub fn restore(&mut self, backup: &Backup, confirm: bool) {
        use rand_chacha::rand_core::SeedableRng as _;
        let now = self.now();
        self.while_stopped(|folder, seed| {
            let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(seed);
            let keys = Some(backup.keys());
            restore::restore(folder, backup.folder(), keys, now, &mut rng).expect("restored");
        });
        if confirm {
            self.relay.confirm_restore().expect("confirmed");
        }
    }

    /// Copies a backup back without a word to the relay.
    pub fn copy_back(&mut self, backup: &Backup) {
        self.while_stopped(|folder, _| {
            for name in ["relay.db-wal", "relay.db-shm"] {
                let _ = std::fs::remove_file(folder.join(name));
            }
            std::fs::copy(backup.folder().join("relay.db"), folder.join("relay.db"))
                .expect("copied");
        });
    }

    /// Empties the relay's folder. It has another key then; the team is allowed again.
    pub fn wipe(&mut self) {
        let team = self.team_id();
        self.while_stopped(|folder, _| {
            let files: Vec<PathBuf> = std::fs::read_dir(folder)
                .expect("a folder")
                .map(|entry| entry.expect("an entry").path())
                .collect();
            files.iter().for_each(|file| std::fs::remove_file(file).expect("removed"));
        });
        self.relay.allow_team(team).expect("allowed");
    }

    /// The admin lists the relay that answers now.
    pub fn list_relay(&mut self) {
        let relay = self.relay.id();
        self.on("admin", |phone, _| phone.list_relay(relay)).expect("listed");
    }
}
