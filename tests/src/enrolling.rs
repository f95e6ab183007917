//! Letting phones in by every way there is: further devices, typed codes, replies by a second scan.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sync_core::engine::{DeviceView, EngineError, Env, Phone};
use sync_core::ids::{DeviceId, MemberId};
use sync_core::protocol::{
    Code, CodeAnswer, CodeRequest, EnrolAnswer, EnrolRequest, Invitation, from_cbor, to_cbor,
};
use sync_core::records::DeviceClass;
use sync_core::store::{MemoryStore, MemoryVault};

use crate::{ORIGIN, World, pack, unpack};

impl World {
    /// A new installation of a class begins to join.
    pub fn begin_as(&mut self, name: &str, invitation: &Invitation, class: DeviceClass) {
        let mut rng = ChaCha20Rng::seed_from_u64(self.rng.next_u64());
        let mut env = Env { now: self.now(), rng: &mut rng };
        let (store, vault) = (Box::new(MemoryStore::new()), MemoryVault::new());
        let wraps = Box::new(vault.clone());
        let phone = Phone::start_joining_as(store, wraps, &mut env, invitation, class);
        self.add(name, phone.expect("begins"), vault, rng);
    }

    /// A new phone begins to join with a typed code.
    pub fn begin_by_code(&mut self, name: &str, code: &str) -> Result<(), EngineError> {
        let mut rng = ChaCha20Rng::seed_from_u64(self.rng.next_u64());
        let mut env = Env { now: self.now(), rng: &mut rng };
        let (store, class) = (Box::new(MemoryStore::new()), DeviceClass::Native);
        let vault = MemoryVault::new();
        let wraps = Box::new(vault.clone());
        let phone = Phone::start_joining_by_code(store, wraps, &mut env, ORIGIN, code, class)?;
        self.add(name, phone, vault, rng);
        Ok(())
    }

    /// What the relay answers to one side of a typed code's exchange.
    pub fn ask_code(&self, request: &CodeRequest) -> Result<CodeAnswer, Code> {
        let answer = self.relay.enrol(&pack(&to_cbor(request))).map_err(|refusal| refusal.code)?;
        Ok(from_cbor(&unpack(&answer)).expect("an answer"))
    }

    /// What the relay answers to a request to be let in.
    pub fn ask_enrol(&self, request: &EnrolRequest) -> Result<EnrolAnswer, Code> {
        let answer = self.relay.enrol(&pack(&to_cbor(request))).map_err(|refusal| refusal.code)?;
        Ok(from_cbor(&unpack(&answer)).expect("an answer"))
    }

    /// One step of joining, as an app takes it again and again; true once the phone is in.
    pub fn step_in(&mut self, name: &str) -> Result<bool, Code> {
        let code = |error: EngineError| error.code();
        if let Some(request) = self.on(name, |phone, _| phone.code_request()).map_err(code)? {
            let answer = self.ask_code(&request)?;
            if !self.on(name, |phone, _| phone.code_answer(&answer)).map_err(code)? {
                return Ok(false);
            }
        }
        let request = self.on(name, |phone, _| phone.enrol_request()).map_err(code)?;
        let answer = self.ask_enrol(&request)?;
        let listed = self.on(name, |phone, _| phone.enrol_answer(&answer)).map_err(code)?;
        if let Some(device) = self.devices.get_mut(name) {
            device.member = device.phone.status().expect("a status").member;
        }
        Ok(listed)
    }

    /// A member's phone invites a further one of theirs; nobody has answered yet.
    pub fn invite_own(&mut self, name: &str) -> Invitation {
        let me = self.member(name);
        let invitation = self.on(name, |phone, env| phone.invite(env, me)).expect("invites");
        self.sync(name);
        invitation
    }

    /// Lets in a further phone of a member by the whole real path: invited and vouched for by `by`.
    pub fn join_further(&mut self, name: &str, by: &str) {
        self.join_further_as(name, by, DeviceClass::Native);
    }

    /// As [`World::join_further`], an installation of a class.
    pub fn join_further_as(&mut self, name: &str, by: &str, class: DeviceClass) {
        let invitation = self.invite_own(by);
        self.begin_as(name, &invitation, class);
        assert_eq!(self.step_in(name), Ok(false), "nobody has answered");
        self.sync(by);
        self.sync("admin");
        assert_eq!(self.step_in(name), Ok(true), "{}", self.troubles());
        self.sync(name);
    }

    /// The device a phone is.
    pub fn device(&mut self, name: &str) -> DeviceId {
        self.on(name, |phone, _| phone.status()).expect("a status").device
    }

    /// A device as a phone shows it.
    pub fn device_view(&mut self, name: &str, device: DeviceId) -> Option<DeviceView> {
        let devices = self.on(name, |phone, _| phone.devices()).expect("devices");
        devices.into_iter().find(|view| view.id == device)
    }

    /// How many devices of a member the directory lists, as a phone knows it.
    pub fn devices_of(&self, name: &str, member: MemberId) -> usize {
        self.devices[name].phone.directory().devices_of(member).count()
    }
}
