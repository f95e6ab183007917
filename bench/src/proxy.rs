//! A TCP proxy that counts what passes: bytes each way, and turns.
//!
//! A turn is a request with its answer: bytes that go up after bytes came down, or first on a connection. Both
//! floors and figures go through it. Every connection leaves from a loopback address of its own, as phones do.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;

use crate::Outcome;

const BUFFER: usize = 64 * 1024;

/// What passed so far.
#[derive(Debug, Default)]
struct Counts {
    up: AtomicU64,
    down: AtomicU64,
    turns: AtomicU64,
    connections: AtomicU64,
    /// The port behind, which changes when the relay is started again.
    port: AtomicU64,
}

/// What passed so far, read at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    /// Bytes towards the server, HTTP heads included.
    pub up: u64,
    /// Bytes towards the clients, HTTP heads included.
    pub down: u64,
    /// Requests with their answers.
    pub turns: u64,
}

/// A proxy on a thread of its own.
pub struct Proxy {
    counts: Arc<Counts>,
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Proxy {
    /// Listens on a free loopback port. [`Proxy::lead_to`] tells it where to.
    pub fn start() -> Outcome<Self> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let counts = Arc::clone(&shared);
                // A connection that breaks is the client's to notice.
                tokio::spawn(async move { drop(pass(client, &counts).await) });
            }
        });
        Ok(Self { counts, address, runtime: Some(runtime) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What clients call.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where new connections go from now on.
    pub fn lead_to(&self, port: u16) {
        self.counts.port.store(port.into(), Ordering::SeqCst);
    }

    /// What passed so far.
    pub fn passed(&self) -> Passed {
        Passed {
            up: self.counts.up.load(Ordering::SeqCst),
            down: self.counts.down.load(Ordering::SeqCst),
            turns: self.counts.turns.load(Ordering::SeqCst),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The source address of a connection: 127.1.0.0 and on, where the system takes such addresses.
fn source(number: u64) -> SocketAddr {
    let [.., b, c] = number.to_be_bytes();
    SocketAddr::from(([127, 1, b, c], 0))
}

async fn pass(mut client: TcpStream, counts: &Counts) -> std::io::Result<()> {
    let port = counts.port.load(Ordering::SeqCst) as u16;
    let socket = TcpSocket::new_v4()?;
    // Elsewhere only 127.0.0.1 is there, and everything comes from it.
    let _ = socket.bind(source(counts.connections.fetch_add(1, Ordering::SeqCst)));
    let mut server = socket.connect((Ipv4Addr::LOCALHOST, port).into()).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut up, mut down) = (vec![0; BUFFER], vec![0; BUFFER]);
    let mut asking = false;
    loop {
        tokio::select! {
            read = client.read(&mut up) => match read? {
                0 => return Ok(()),
                n => {
                    counts.up.fetch_add(n as u64, Ordering::SeqCst);
                    counts.turns.fetch_add(u64::from(!asking), Ordering::SeqCst);
                    asking = true;
                    server.write_all(&up[..n]).await?;
                }
            },
            read = server.read(&mut down) => match read? {
                0 => return Ok(()),
                n => {
                    counts.down.fetch_add(n as u64, Ordering::SeqCst);
                    asking = false;
                    client.write_all(&down[..n]).await?;
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn bytes_and_turns_are_counted_as_they_pass() {
        let server = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Proxy::start().unwrap();
        proxy.lead_to(server.local_addr().unwrap().port());
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            for _ in 0..3 {
                let mut question = [0; 5];
                stream.read_exact(&mut question).unwrap();
                stream.write_all(b"pong, pong").unwrap();
            }
        });
        let mut client = std::net::TcpStream::connect(proxy.address).unwrap();
        for _ in 0..3 {
            client.write_all(b"ping!").unwrap();
            client.read_exact(&mut [0; 10]).unwrap();
        }
        answering.join().unwrap();
        assert_eq!(proxy.passed(), Passed { up: 15, down: 30, turns: 3 });
    }
}
