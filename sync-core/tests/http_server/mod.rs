//! A web server small enough to misbehave as told: one answer a connection, every request kept.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// A request as it arrived.
pub struct Request {
    /// Everything up to the empty line, and that.
    pub head: String,
    /// The rest.
    pub body: Vec<u8>,
}

/// A server on a free port of this machine, until it is dropped.
pub struct Server {
    address: SocketAddr,
    requests: Receiver<Request>,
    count: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A whole answer, after which the connection ends.
pub fn reply(status: u16, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} Said\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

impl Server {
    /// Answers by the number of the request, from 0 on; no byte means that the line goes dead.
    pub fn start(answer: impl Fn(usize) -> Vec<u8> + Send + 'static) -> Server {
        Self::run(move |number, _| answer(number))
    }

    /// Answers by the request.
    pub fn answering(answer: impl Fn(&Request) -> Vec<u8> + Send + 'static) -> Server {
        Self::run(move |_, request| answer(request))
    }

    fn run(answer: impl Fn(usize, &Request) -> Vec<u8> + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = channel();
        let (count, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let thread = std::thread::spawn({
            let (count, ended) = (count.clone(), ended.clone());
            move || {
                for stream in listener.incoming().flatten() {
                    if ended.load(Ordering::SeqCst) {
                        return;
                    }
                    serve(stream, &count, &sender, &answer);
                }
            }
        });
        Server { address, requests, count, ended, thread: Some(thread) }
    }

    /// Where it listens.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests have come.
    pub fn requests(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// The next request that has not been looked at.
    pub fn next_request(&self) -> Request {
        self.requests.recv_timeout(Duration::from_secs(10)).expect("a request")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the listener, which then ends.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(
    mut stream: TcpStream,
    count: &AtomicUsize,
    sender: &Sender<Request>,
    answer: &impl Fn(usize, &Request) -> Vec<u8>,
) {
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let Some(request) = read(&stream) else { return };
    let number = count.fetch_add(1, Ordering::SeqCst);
    let _ = stream.write_all(&answer(number, &request));
    let _ = sender.send(request);
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let lower = head.to_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    Some(Request { head, body })
}
