//! Starting, running and stopping a relay: the folder, the listener, the stop.
//!
//! Called by the binary's `serve` command and by tests, which hand in their own listener and clock.

use std::fs::File;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use getrandom::SysRng;
use rand_core::UnwrapErr;
use sync_core::ids::TeamId;
use sync_core::protocol::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::http::{self, App};
use crate::relay::{Clock, Relay, Settings};
use crate::store::StoreError;

/// What a relay is started with.
#[derive(Clone)]
pub struct Config {
    /// The data folder; made if absent.
    pub data: PathBuf,
    /// Where to listen. Anything but loopback needs [`Config::allow_lan`].
    pub listen: SocketAddr,
    /// Whether to listen beyond loopback without TLS of its own (behind a proxy that has it, or on a closed network).
    pub allow_lan: bool,
    /// What phones call the relay, as `https://relay.example`; `http://` and the listening address if not given.
    pub origin: Option<String>,
    /// Teams to allow from now on, besides those allowed before.
    pub allow: Vec<TeamId>,
    /// The relay's clock.
    pub clock: Clock,
}

impl Config {
    /// A relay on a loopback port with the system's clock.
    pub fn new(data: PathBuf) -> Self {
        Self {
            data,
            listen: SocketAddr::from(([127, 0, 0, 1], 4180)),
            allow_lan: false,
            origin: None,
            allow: Vec::new(),
            clock: Arc::new(system_now),
        }
    }
}

/// The system's clock.
pub fn system_now() -> Timestamp {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
        Err(before) => {
            Timestamp(i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms))
        }
    }
}

/// Why a relay does not start or has stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is reachable by others and nobody said so.
    #[error(
        "{0} can be reached from other machines without TLS; put a TLS proxy in front and listen on 127.0.0.1, or say --insecure-lan"
    )]
    NotLoopback(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {0}; is another program using the port?")]
    Listen(SocketAddr, #[source] std::io::Error),
    /// Another relay has the folder.
    #[error("another relay is using this data folder; stop it first or choose another folder")]
    InUse,
    /// The folder cannot be locked.
    #[error("the data folder cannot be locked; check its rights")]
    Lock(#[source] std::io::Error),
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A relay that is ready to serve.
pub struct Bound {
    relay: Arc<Relay>,
    listener: TcpListener,
    address: SocketAddr,
    _lock: File,
}

/// Opens the folder and the port.
pub async fn bind(config: Config) -> Result<Bound, ServeError> {
    if !config.listen.ip().is_loopback() && !config.allow_lan {
        return Err(ServeError::NotLoopback(config.listen));
    }
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|source| ServeError::Listen(config.listen, source))?;
    bind_to(listener, config)
}

/// Opens the folder for a listener that is already there.
pub fn bind_to(listener: TcpListener, config: Config) -> Result<Bound, ServeError> {
    let address =
        listener.local_addr().map_err(|source| ServeError::Listen(config.listen, source))?;
    let origin = config.origin.unwrap_or_else(|| format!("http://{address}"));
    let rng = Box::new(UnwrapErr(SysRng));
    let settings =
        Settings { origin: origin.trim_end_matches('/').to_owned(), clock: config.clock, rng };
    crate::store::create_private_folder(&config.data)?;
    let lock = lock(&config.data)?;
    let relay = Relay::open(&config.data, settings)?;
    for team in config.allow {
        relay.allow_team(team)?;
    }
    Ok(Bound { relay: Arc::new(relay), listener, address, _lock: lock })
}

/// One relay a folder: the directories in its memory are the stored ones only while nobody else writes them.
pub(crate) fn lock(folder: &Path) -> Result<File, ServeError> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join("relay.lock"))
        .map_err(ServeError::Lock)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(ServeError::InUse),
        Err(std::fs::TryLockError::Error(source)) => Err(ServeError::Lock(source)),
    }
}

impl Bound {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The relay: for allowing teams and making console links.
    pub fn relay(&self) -> &Arc<Relay> {
        &self.relay
    }

    /// Serves until `shutdown` is done, lets requests under way finish (at most 20 s), and leaves the database whole.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let (stopping, stop) = watch::channel(false);
        let expiring = tokio::spawn(expire(Arc::clone(&self.relay)));
        let router = http::router(App::new(Arc::clone(&self.relay)));
        let serving =
            tokio::spawn(http::listen(self.listener, router, http::Patience::default(), stop));
        shutdown.await;
        self.relay.end_streams();
        stopping.send_replace(true);
        expiring.abort();
        if serving.await.is_err() {
            tracing::error!("the listener ended by a panic");
        }
        if !self.relay.checkpoint()? {
            tracing::warn!(
                "another program reads the database: its write-ahead log stays beside it"
            );
        }
        Ok(())
    }
}

/// How often the relay looks whether a day has begun, so that an idle one erases what expires too.
const EXPIRE_EVERY: Duration = Duration::from_secs(10 * 60);

/// Lets documents expire at the start and while the relay runs.
async fn expire(relay: Arc<Relay>) {
    let mut turns = tokio::time::interval(EXPIRE_EVERY);
    loop {
        turns.tick().await;
        let relay = Arc::clone(&relay);
        match tokio::task::spawn_blocking(move || relay.expire()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "what has expired could not be erased; it is tried again");
            }
            Err(_) => tracing::error!("erasing what has expired ended by a panic"),
        }
    }
}

/// Runs a relay from start to stop. `ready` is called once it listens.
pub async fn run(
    config: Config,
    ready: impl FnOnce(&Bound),
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let bound = bind(config).await?;
    ready(&bound);
    bound.serve(shutdown).await
}

/// Allows a team on a data folder, whether or not a relay is running on it.
pub fn allow_team(folder: &Path, team: TeamId, now: Timestamp) -> Result<(), StoreError> {
    let store = crate::store::Store::open(folder)?;
    store.write(|tx| crate::store::meta::allow_team(tx, team, now))
}
