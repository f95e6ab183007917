//! A stage: a fresh relay process behind a counting proxy, and teams whose phones are let in.

use std::path::{Path, PathBuf};

use sync_core::records::Role;

use crate::Outcome;
use crate::cost::{self, Cost};
use crate::handset::Handset;
use crate::proxy::Proxy;
use crate::relay::Server;

/// A relay and the way to it.
pub struct Stage {
    program: PathBuf,
    folder: PathBuf,
    /// The way to the relay.
    pub proxy: Proxy,
    server: Option<Server>,
    phones: u64,
}

/// A team and its admin's phone.
pub struct Team {
    /// The admin's phone; its member is a coordinator too.
    pub admin: Handset,
}

impl Stage {
    /// Starts a relay on an empty folder.
    pub fn new(program: &Path, folder: &Path) -> Outcome<Self> {
        std::fs::create_dir_all(folder)?;
        let (program, folder) = (program.to_owned(), folder.to_owned());
        let mut stage = Self { program, folder, proxy: Proxy::start()?, server: None, phones: 0 };
        stage.start(&[])?;
        Ok(stage)
    }

    fn start(&mut self, allow: &[String]) -> Outcome {
        let data = self.folder.join("relay");
        let server = Server::relay(&self.program, &data, &self.proxy.origin(), allow)?;
        self.proxy.lead_to(server.port());
        self.server = Some(server);
        Ok(())
    }

    /// Ends the relay's process and starts another on its folder.
    pub fn restart(&mut self, allow: &[String]) -> Outcome {
        if let Some(server) = self.server.take() {
            server.stop()?;
        }
        self.start(allow)
    }

    /// The relay's process.
    pub fn server(&self) -> Outcome<&Server> {
        Ok(self.server.as_ref().ok_or("the relay is not running")?)
    }

    /// What a piece of work takes.
    pub fn measure<T>(&self, work: impl FnOnce() -> Outcome<T>) -> Outcome<(T, Cost)> {
        cost::of(&self.proxy, self.server()?, work)
    }

    fn next_phone(&mut self) -> (PathBuf, u64) {
        self.phones += 1;
        (self.folder.join(format!("phone-{}.db", self.phones)), self.phones)
    }

    /// Makes a team that this relay takes.
    pub fn team(&mut self) -> Outcome<Team> {
        let (path, seed) = self.next_phone();
        let mut admin = Handset::that_makes_a_team(path, seed, &self.proxy.origin())?;
        self.restart(&[admin.phone.team().to_string()])?;
        admin.sync()?;
        Ok(Team { admin })
    }

    /// Enters members of a team.
    pub fn enter(
        &mut self,
        team: &mut Team,
        count: usize,
        roles: &[Role],
    ) -> Outcome<Vec<sync_core::ids::MemberId>> {
        let names = (0..count).map(|i| format!("Member {i}"));
        let members = names.map(|name| team.admin.add_member(&name, roles)).collect();
        team.admin.sync()?;
        members
    }

    /// Lets a phone in for each of these members; each has taken what is there for it.
    pub fn join(
        &mut self,
        team: &mut Team,
        members: &[sync_core::ids::MemberId],
    ) -> Outcome<Vec<Handset>> {
        let origin = self.proxy.origin();
        let mut phones = Vec::with_capacity(members.len());
        for member in members {
            let invitation = team.admin.invite(*member)?;
            let (path, seed) = self.next_phone();
            phones.push(Handset::that_joins(path, seed, &origin, &invitation)?);
        }
        team.admin.sync()?;
        for phone in &mut phones {
            phone.ask_to_join()?;
        }
        team.admin.sync()?;
        for phone in &mut phones {
            if !phone.ask_to_join()? {
                return Err("a phone was not let in".into());
            }
        }
        Ok(phones)
    }

    /// Members with these roles, each with a phone that has taken what is there for it.
    pub fn phones(
        &mut self,
        team: &mut Team,
        count: usize,
        roles: &[Role],
    ) -> Outcome<Vec<Handset>> {
        let members = self.enter(team, count, roles)?;
        let mut phones = self.join(team, &members)?;
        for phone in &mut phones {
            phone.sync()?;
        }
        Ok(phones)
    }
}
