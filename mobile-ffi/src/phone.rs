//! The phone object and the one door through which every call reaches the engine.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};

use sync_core::client::HttpClient;
use sync_core::engine::{EngineError, Env, MasterKey, Phone, Store};
use sync_core::store::SqliteStore;

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
    key: &MasterKey,
    create: bool,
) -> Result<Box<dyn Store>, AftercallError> {
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
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use sync_core::engine::{Entry, NewMember, StoreError, Table, Transaction};
    use sync_core::records::{PolicyProfile, Role, Value};
    use sync_core::store::{MemoryStore, MemoryVault};

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
            let vault = Box::new(MemoryVault::new());
            Ok(Phone::create_team(store, vault, env, "http://127.0.0.1:9", profile, admin())?)
        })
        .expect("sets up");
        let results: Vec<_> = (0..4).map(|_| phone.look(Phone::alarms)).collect();
        let broken = |r: &&Result<_, _>| matches!(r, Err(AftercallError::Broken { .. }));
        assert!(results.iter().filter(broken).count() >= 2, "the panic did not arrive");
        assert!(matches!(results[3], Err(AftercallError::Broken { .. })), "it stays closed");
    }

    /// A store whose commits panic while it is told so, with every write of them made.
    struct Halfway {
        inner: SqliteStore,
        broken: Arc<AtomicBool>,
    }

    struct HalfwayTransaction<'a>(Box<dyn Transaction + 'a>, bool);

    impl Store for Halfway {
        fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, StoreError> {
            let broken = self.broken.load(Ordering::SeqCst);
            Ok(Box::new(HalfwayTransaction(self.inner.begin()?, broken)))
        }

        fn scrub(&mut self) -> Result<(), StoreError> {
            self.inner.scrub()
        }
    }

    impl Transaction for HalfwayTransaction<'_> {
        fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
            self.0.get(table, key)
        }

        fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
            self.0.put(table, key, value)
        }

        fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
            self.0.delete(table, key)
        }

        fn scan(
            &self,
            table: Table,
            prefix: &[u8],
            after: Option<&[u8]>,
            limit: usize,
        ) -> Result<Vec<Entry>, StoreError> {
            self.0.scan(table, prefix, after, limit)
        }

        fn commit(self: Box<Self>) -> Result<(), StoreError> {
            assert!(!self.1, "a defect");
            self.0.commit()
        }
    }

    #[test]
    fn a_panic_in_the_core_becomes_an_error_the_process_lives_and_the_database_is_intact() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("phone.db");
        let open = || SqliteStore::open(&path, &[7; 32]).expect("opens");
        let (vault, broken) = (MemoryVault::new(), Arc::new(AtomicBool::new(false)));
        let fields = BTreeMap::from([("zone".to_owned(), Value::Text("reacting".into()))]);
        let phone = AftercallPhone::around(|env| {
            let store = Box::new(Halfway { inner: open(), broken: broken.clone() });
            let (profile, wraps) = (PolicyProfile::neutral(), Box::new(vault.clone()));
            Ok(Phone::create_team(store, wraps, env, "http://127.0.0.1:9", profile, admin())?)
        })
        .expect("sets up");
        let record = || phone.with(|phone, env| phone.record(env, "check_in", &fields));
        let kept = record().expect("records");
        broken.store(true, Ordering::SeqCst);
        assert!(matches!(record().err(), Some(AftercallError::Broken { .. })));
        drop(phone);
        let again = AftercallPhone::around(|env| {
            let mut phone = Phone::open(Box::new(open()), Box::new(vault.clone()))?;
            phone.unlock(env)?;
            Ok(phone)
        })
        .expect("opens and unlocks");
        let listed = again.look(|phone| phone.list(Some("check_in"), None, 10)).expect("lists");
        assert_eq!(listed.iter().map(|view| view.id).collect::<Vec<_>>(), [kept]);
        assert!(listed[0].unreadable.is_empty());
        again.with(|phone, env| phone.record(env, "check_in", &fields)).expect("goes on");
    }

    #[test]
    fn a_panic_while_setting_up_arrives_as_an_error() {
        let made = AftercallPhone::around(|_| panic!("a defect"));
        assert!(matches!(made.err(), Some(AftercallError::Broken { .. })));
    }
}
