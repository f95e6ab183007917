//! The link between one phone and the relay: a reverse proxy on a loopback port that behaves as badly as told.
//!
//! It sees whole HTTP messages and changes none of them. It counts bytes both ways and keeps every answer,
//! raw and inflated, so that an exercise can show what the relay ever said. One proxy a device.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::http::{self, Message};

/// What a bad network does to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request is lost.
    DropRequest,
    /// The request arrives, the answer is lost.
    DropResponse,
    /// The request arrives twice; the phone gets the second answer.
    Repeat,
    /// The request arrives after the device's next one, its answer nowhere.
    Reorder,
}

/// What went over a link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests the phone sent.
    pub requests: u64,
    /// Bytes from the phone.
    pub up: u64,
    /// Bytes to the phone.
    pub down: u64,
}

impl Traffic {
    /// Both together.
    pub fn plus(self, other: Traffic) -> Traffic {
        Traffic {
            requests: self.requests + other.requests,
            up: self.up + other.up,
            down: self.down + other.down,
        }
    }

    /// What came since an earlier count.
    pub fn since(self, earlier: Traffic) -> Traffic {
        Traffic {
            requests: self.requests.saturating_sub(earlier.requests),
            up: self.up.saturating_sub(earlier.up),
            down: self.down.saturating_sub(earlier.down),
        }
    }
}

#[derive(Default)]
struct Link {
    offline: bool,
    faults: VecDeque<Fault>,
    held: Option<Message>,
    faulted: u64,
    traffic: Traffic,
}

struct Shared {
    upstream: Arc<Mutex<SocketAddr>>,
    /// Another relay that this link leads to.
    diverted: Mutex<Option<SocketAddr>>,
    link: Mutex<Link>,
    answers: Answers,
    closed: AtomicBool,
}

/// Where every answer is kept: files in one folder.
#[derive(Clone)]
pub struct Answers {
    folder: PathBuf,
    next: Arc<AtomicU64>,
}

impl Answers {
    /// Keeps answers in this folder.
    pub fn new(folder: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder, next: Arc::default() })
    }

    /// The folder.
    pub fn folder(&self) -> &PathBuf {
        &self.folder
    }

    /// Keeps one answer, as it came and inflated.
    pub fn keep(&self, answer: &Message) -> io::Result<()> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        std::fs::write(self.folder.join(format!("{number:06}.raw")), answer.to_bytes())?;
        if let Some(inflated) = answer.inflated() {
            std::fs::write(self.folder.join(format!("{number:06}.inflated")), inflated)?;
        }
        Ok(())
    }
}

/// A running proxy. It ends with the value.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Proxy {
    /// Starts one in front of the relay, whose address may change when it restarts.
    pub fn start(upstream: Arc<Mutex<SocketAddr>>, answers: Answers) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream,
            diverted: Mutex::default(),
            link: Mutex::default(),
            answers,
            closed: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, &serving));
        Ok(Self { address, shared })
    }

    /// What the phone connects to.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets this link lead to another relay.
    pub fn divert(&self, to: SocketAddr) {
        *lock(&self.shared.diverted) = Some(to);
    }

    /// Takes the link away or gives it back.
    pub fn set_offline(&self, offline: bool) {
        lock(&self.shared.link).offline = offline;
    }

    /// Whether there is no link.
    pub fn is_offline(&self) -> bool {
        lock(&self.shared.link).offline
    }

    /// Plans a fault for the next request.
    pub fn plan(&self, fault: Fault) {
        lock(&self.shared.link).faults.push_back(fault);
    }

    /// Faults that have happened so far, and those still planned.
    pub fn faults(&self) -> (u64, usize) {
        let link = lock(&self.shared.link);
        (link.faulted, link.faults.len())
    }

    /// What went over it so far.
    pub fn traffic(&self) -> Traffic {
        lock(&self.shared.link).traffic
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Relaxed);
        // Wakes the accepting thread, which then ends.
        let _ = TcpStream::connect(self.address);
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.closed.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let serving = Arc::clone(shared);
        std::thread::spawn(move || {
            // A broken connection is what a broken connection looks like to the phone.
            let _ = serve(stream, &serving);
        });
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(http::PATIENCE))?;
    if lock(&shared.link).offline {
        return stream.shutdown(Shutdown::Both);
    }
    let Some(request) = http::read_request(&mut stream)? else { return Ok(()) };
    let (fault, held) = {
        let mut link = lock(&shared.link);
        link.traffic.requests += 1;
        link.traffic.up += request.len() as u64;
        let fault = link.faults.pop_front();
        link.faulted += u64::from(fault.is_some());
        let held = if fault == Some(Fault::Reorder) { None } else { link.held.take() };
        (fault, held)
    };
    let answer = match fault {
        Some(Fault::DropRequest) => None,
        Some(Fault::DropResponse) => {
            forward(shared, &request)?;
            None
        }
        Some(Fault::Repeat) => {
            forward(shared, &request)?;
            Some(forward(shared, &request)?)
        }
        Some(Fault::Reorder) => {
            lock(&shared.link).held = Some(request);
            None
        }
        None => Some(forward(shared, &request)?),
    };
    if let Some(late) = held {
        // The delayed request arrives now; nobody waits for its answer any more.
        let _ = forward(shared, &late);
    }
    let Some(answer) = answer else { return stream.shutdown(Shutdown::Both) };
    stream.write_all(&answer.to_bytes())?;
    lock(&shared.link).traffic.down += answer.len() as u64;
    stream.shutdown(Shutdown::Write)
}

fn forward(shared: &Shared, request: &Message) -> io::Result<Message> {
    let to = lock(&shared.diverted).unwrap_or(*lock(&shared.upstream));
    let answer = http::exchange(to, request)?;
    shared.answers.keep(&answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A relay that answers every request with its count.
    fn counting_relay() -> (SocketAddr, Arc<Mutex<Vec<Vec<u8>>>>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
        let address = listener.local_addr().expect("has one");
        let seen: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("connects");
                let request = http::read_request(&mut stream).expect("reads").expect("is there");
                let mut log = lock(&log);
                log.push(request.body);
                let body = log.len().to_string();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all(format!("{head}{body}").as_bytes()).expect("answers");
            }
        });
        (address, seen)
    }

    fn proxy() -> (Proxy, Arc<Mutex<Vec<Vec<u8>>>>, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let (relay, seen) = counting_relay();
        let answers = Answers::new(folder.path().join("answers")).expect("a folder");
        let proxy = Proxy::start(Arc::new(Mutex::new(relay)), answers).expect("starts");
        (proxy, seen, folder)
    }

    fn send(proxy: &Proxy, body: &str) -> Option<String> {
        let request = http::request("POST", "/v1/sync", &[], body.as_bytes().to_vec());
        let answer = http::exchange(proxy.address, &request).ok()?;
        Some(String::from_utf8_lossy(&answer.body).into_owned())
    }

    #[test]
    fn a_good_link_carries_counts_and_keeps_answers() {
        let (proxy, _, folder) = proxy();
        assert_eq!(send(&proxy, "a").as_deref(), Some("1"));
        assert_eq!(proxy.traffic().requests, 1);
        assert!(proxy.traffic().up > 1 && proxy.traffic().down > 1);
        assert!(folder.path().join("answers/000000.raw").exists());
    }

    #[test]
    fn offline_carries_nothing() {
        let (proxy, seen, _folder) = proxy();
        proxy.set_offline(true);
        assert_eq!(send(&proxy, "a"), None);
        assert!(lock(&seen).is_empty());
        proxy.set_offline(false);
        assert!(send(&proxy, "a").is_some());
    }

    #[test]
    fn requests_and_answers_are_dropped_repeated_and_reordered() {
        let (proxy, seen, _folder) = proxy();
        proxy.plan(Fault::DropRequest);
        assert_eq!(send(&proxy, "lost"), None);
        proxy.plan(Fault::DropResponse);
        assert_eq!(send(&proxy, "heard"), None);
        proxy.plan(Fault::Repeat);
        assert_eq!(send(&proxy, "twice").as_deref(), Some("3"));
        proxy.plan(Fault::Reorder);
        assert_eq!(send(&proxy, "late"), None);
        assert_eq!(send(&proxy, "next").as_deref(), Some("4"));
        let bodies: Vec<String> =
            lock(&seen).iter().map(|body| String::from_utf8_lossy(body).into_owned()).collect();
        assert_eq!(bodies, ["heard", "twice", "twice", "next", "late"]);
        assert_eq!(proxy.faults(), (4, 0));
    }
}
