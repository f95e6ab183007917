//! The phone object and the one door through which every call reaches the engine.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};

use sync_core::client::HttpClient;
use sync_core::engine::{EngineError, Env, Phone, Store};
use sync_core::store::SqliteStore;
use zeroize::Zeroizing;

use crate::error::AftercallError;
use crate::machine::with_env;

/// One device of one member of one team.
///
/// All calls may be made from any thread; each is one transaction. What a call acknowledges is durable.
#[derive(uniffi::Object)]
pub struct AftercallPhone {
    /// `None` after a panic: what the core holds in memory can no longer be trusted, the database can.
    phone: Mutex<Option<Phone>>,
    /// The way to the relay, once used; held by the one exchange that may be under way.
    pub(crate) line: tokio::sync::Mutex<Option<HttpClient>>,
}

impl AftercallPhone {
    /// Makes the object around a phone that `make` sets up or opens.
    pub(crate) fn around(
        make: impl FnOnce(&mut Env<'_>) -> Result<Phone, AftercallError>,
    ) -> Result<Arc<Self>, AftercallError> {
        let phone = guarded(|| with_env(make))?;
        Ok(Arc::new(Self { phone: Mutex::new(Some(phone)), line: Default::default() }))
    }

    /// Lets a call at the phone. A panic becomes an error and closes the phone until it is opened again.
    pub(crate) fn with<T, E: Into<AftercallError>>(
        &self,
        call: impl FnOnce(&mut Phone, &mut Env<'_>) -> Result<T, E>,
    ) -> Result<T, AftercallError> {
        // A poisoned lock cannot be met: panics are caught inside it.
        let mut held = self.phone.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let phone = held.as_mut().ok_or_else(AftercallError::broken)?;
        let done = catch_unwind(AssertUnwindSafe(|| with_env(|env| call(phone, env))));
        match done {
            Ok(result) => result.map_err(Into::into),
            Err(_) => {
                *held = None;
                Err(AftercallError::broken())
            }
        }
    }

    /// As [`AftercallPhone::with`], for calls that need neither clock nor randomness.
    pub(crate) fn look<T>(
        &self,
        call: impl FnOnce(&mut Phone) -> Result<T, EngineError>,
    ) -> Result<T, AftercallError> {
        self.with(|phone, _| call(phone))
    }
}

/// Turns a panic into an error where there is no phone yet.
fn guarded<T>(call: impl FnOnce() -> Result<T, AftercallError>) -> Result<T, AftercallError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Err(AftercallError::broken()))
}

/// Opens the encrypted database; `create` makes it where there is none.
pub(crate) fn open_store(
    path: &str,
    key: Vec<u8>,
    create: bool,
) -> Result<Box<dyn Store>, AftercallError> {
    let key = Zeroizing::new(key);
    let key: &[u8; 32] = key
        .as_slice()
        .try_into()
        .map_err(|_| AftercallError::bad_value("a database key is 32 bytes"))?;
    let path = Path::new(path);
    if !create && !path.exists() {
        return Err(sync_core::protocol::Code::NotSetUp.into());
    }
    let store =
        if create { SqliteStore::open(path, key) } else { SqliteStore::open_existing(path, key) };
    Ok(Box::new(store?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sync_core::engine::{NewMember, StoreError, Transaction};
    use sync_core::records::{PolicyProfile, Role};
    use sync_core::store::MemoryStore;

    /// A store that panics from its third transaction on, as a defect of the core would.
    struct Defect {
        inner: MemoryStore,
        begun: u32,
    }

    impl Store for Defect {
        fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, StoreError> {
            self.begun += 1;
            assert!(self.begun < 3, "a defect");
            self.inner.begin()
        }

        fn scrub(&mut self) -> Result<(), StoreError> {
            self.inner.scrub()
        }
    }

    fn admin() -> NewMember {
        NewMember {
            name: None,
            roles: vec![Role::Coordinator],
            admin: true,
            unit: None,
            supervises: Vec::new(),
            guest: None,
        }
    }

    #[test]
    fn a_panic_in_the_core_arrives_as_an_error_and_closes_the_phone() {
        let store = Box::new(Defect { inner: MemoryStore::new(), begun: 0 });
        let phone = AftercallPhone::around(|env| {
            let profile = PolicyProfile::neutral();
            Ok(Phone::create_team(store, env, "http://127.0.0.1:9", profile, admin())?)
        })
        .expect("sets up");
        let results: Vec<_> = (0..4).map(|_| phone.look(Phone::alarms)).collect();
        let broken = |r: &&Result<_, _>| matches!(r, Err(AftercallError::Broken { .. }));
        assert!(results.iter().filter(broken).count() >= 2, "the panic did not arrive");
        assert!(matches!(results[3], Err(AftercallError::Broken { .. })), "it stays closed");
    }

    #[test]
    fn a_panic_while_setting_up_arrives_as_an_error() {
        let made = AftercallPhone::around(|_| panic!("a defect"));
        assert!(matches!(made.err(), Some(AftercallError::Broken { .. })));
    }

    #[test]
    fn a_key_of_another_length_is_refused_before_anything_is_touched() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("phone.db");
        let refused = open_store(path.to_str().expect("text"), vec![1; 31], true);
        assert!(matches!(refused.err(), Some(AftercallError::Input { .. })));
        assert!(!path.exists());
    }
}
