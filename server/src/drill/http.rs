//! HTTP/1.1 messages over plain sockets, as few of its rules as a loopback exercise needs.
//!
//! Not a general client: one message a connection, lengths by `content-length` or the end of the stream,
//! bounded sizes and times. Used by the fault-injecting proxy and by the runner's own visits to the page.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for the other side.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Largest head and largest body that are taken.
const MAX_HEAD: usize = 64 * 1024;
const MAX_BODY: usize = 64 * 1024 * 1024;

/// A message as its bytes came.
#[derive(Debug, Clone)]
pub struct Message {
    /// Start line and headers, with the empty line.
    pub head: Vec<u8>,
    /// The body.
    pub body: Vec<u8>,
}

impl Message {
    /// Bytes on the wire.
    pub fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }

    /// The whole message.
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.head.as_slice(), &self.body].concat()
    }

    /// The status of an answer.
    pub fn status(&self) -> Option<u16> {
        let line = String::from_utf8_lossy(&self.head);
        line.split_whitespace().nth(1)?.parse().ok()
    }

    /// The values of a header.
    pub fn header(&self, name: &str) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.head);
        let lines = text.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
            .collect()
    }

    /// The body, inflated if it is a zstd frame.
    pub fn inflated(&self) -> Option<Vec<u8>> {
        const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
        if !self.body.starts_with(&MAGIC) {
            return None;
        }
        let decoder = zstd::stream::read::Decoder::new(self.body.as_slice()).ok()?;
        let mut out = Vec::new();
        decoder.take(MAX_BODY as u64).read_to_end(&mut out).ok()?;
        Some(out)
    }
}

fn broken(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// Reads a head byte by byte up to its empty line; `None` if the stream ended before the first byte.
fn read_head(stream: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > MAX_HEAD {
            return Err(broken("the head is too long"));
        }
        if stream.read(&mut byte)? == 0 {
            return if head.is_empty() { Ok(None) } else { Err(broken("the head is cut short")) };
        }
        head.push(byte[0]);
    }
    Ok(Some(head))
}

/// Reads one request; `None` if the connection closed instead.
pub fn read_request(stream: &mut impl Read) -> io::Result<Option<Message>> {
    let Some(head) = read_head(stream)? else { return Ok(None) };
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    request.parse(&head).map_err(|_| broken("not an HTTP request"))?;
    let length = request.headers.iter().find(|h| h.name.eq_ignore_ascii_case("content-length"));
    let length: usize = match length {
        Some(header) => std::str::from_utf8(header.value)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .ok_or_else(|| broken("the length is no number"))?,
        None => 0,
    };
    if length > MAX_BODY {
        return Err(broken("the body is too long"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Some(Message { head, body }))
}

/// Sends a request to the relay on a connection of its own and reads the answer to its end.
pub fn exchange(to: SocketAddr, request: &Message) -> io::Result<Message> {
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let end = request.head.len().saturating_sub(2);
    let head = [&request.head[..end], b"connection: close\r\n\r\n"].concat();
    stream.write_all(&head)?;
    stream.write_all(&request.body)?;
    let head = read_head(&mut stream)?.ok_or_else(|| broken("the relay closed the connection"))?;
    let mut body = Vec::new();
    stream.take(MAX_BODY as u64).read_to_end(&mut body)?;
    let answer = Message { head, body };
    let promised = answer.header("content-length").first().and_then(|text| text.parse().ok());
    if promised.is_some_and(|length: usize| length != answer.body.len()) {
        return Err(broken("the answer is cut short"));
    }
    Ok(answer)
}

/// A request of the runner's own.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Message {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: relay.exercise\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    Message { head: head.into_bytes(), body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_by_its_length_and_the_rest_left_alone() {
        let bytes = b"POST /v1/sync HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET".as_slice();
        let request = read_request(&mut &*bytes).expect("reads").expect("is there");
        assert_eq!(request.body, b"abc");
        assert!(request.head.starts_with(b"POST /v1/sync"));
    }

    #[test]
    fn a_closed_connection_is_no_request_and_a_cut_one_is_an_error() {
        assert!(read_request(&mut b"".as_slice()).expect("is fine").is_none());
        assert!(read_request(&mut b"POST / HT".as_slice()).is_err());
        let short = b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc".as_slice();
        assert!(read_request(&mut &*short).is_err());
    }

    #[test]
    fn a_zstd_body_is_inflated() {
        let body = zstd::stream::encode_all(b"words".as_slice(), 3).expect("encodes");
        let message = Message { head: Vec::new(), body };
        assert_eq!(message.inflated().as_deref(), Some(b"words".as_slice()));
    }
}
