//! What comes down a stream of hints, read from whatever bytes arrive: server-sent events, cut anywhere.
//!
//! A hint is no more than a reason to ask. So nothing here is trusted, lines longer than any of a relay's are skipped
//! as they come, what is no hint is passed over, and what is kept does not grow with what is sent.

use std::collections::BTreeMap;

use crate::ids::SpaceId;
use crate::protocol::Code;

/// Longest line that is read.
const MAX_LINE: usize = 1024;
/// Spaces that are kept apart until somebody asks; beyond them a hint is a reason to ask like every other.
const MAX_SPACES: usize = 1024;

/// That a space's log reaches so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hint {
    /// The space.
    pub space: SpaceId,
    /// The last position of its log.
    pub seq: u64,
}

/// What a stream has said so far and nobody has asked for.
#[derive(Debug, Default)]
pub(super) struct Said {
    line: Vec<u8>,
    too_long: bool,
    event: String,
    data: String,
    hints: BTreeMap<SpaceId, u64>,
    end: Option<Code>,
}

impl Said {
    /// Reads on.
    pub fn hear(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                _ if self.line.len() == MAX_LINE => self.too_long = true,
                byte => self.line.push(*byte),
            }
        }
    }

    /// The hints since the last call, the latest of each space.
    pub fn take_hints(&mut self) -> Vec<Hint> {
        let hints = std::mem::take(&mut self.hints);
        hints.into_iter().map(|(space, seq)| Hint { space, seq }).collect()
    }

    /// Why the relay ended the stream, if it said so.
    pub fn end(&self) -> Option<Code> {
        self.end
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.too_long) {
            return;
        }
        let Ok(line) = std::str::from_utf8(&line) else { return };
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            self.end_event();
        } else if let Some(name) = line.strip_prefix("event: ") {
            self.event = name.to_owned();
        } else if let Some(data) = line.strip_prefix("data: ") {
            self.data = data.to_owned();
        }
    }

    fn end_event(&mut self) {
        let (event, data) = (std::mem::take(&mut self.event), std::mem::take(&mut self.data));
        match event.as_str() {
            "hint" => {
                let Some(Hint { space, seq }) = hint(&data) else { return };
                if self.hints.len() < MAX_SPACES || self.hints.contains_key(&space) {
                    self.hints.insert(space, seq);
                }
            }
            "end" => {
                let code = serde_json::from_str::<End>(&data).ok();
                let code = code.and_then(|end| Code::from_name(&end.code));
                self.end = Some(code.unwrap_or(Code::Internal));
            }
            _ => {}
        }
    }
}

#[derive(serde::Deserialize)]
struct HintData {
    space: String,
    seq: u64,
}

#[derive(serde::Deserialize)]
struct End {
    code: String,
}

fn hint(data: &str) -> Option<Hint> {
    let data: HintData = serde_json::from_str(data).ok()?;
    Some(Hint { space: data.space.parse().ok()?, seq: data.seq })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(n: u8, seq: u64) -> String {
        let space = SpaceId::new([n; 16]);
        format!("event: hint\ndata: {{\"space\":\"{space}\",\"seq\":{seq}}}\n\n")
    }

    fn heard(bytes: &[u8]) -> Vec<(u8, u64)> {
        let mut said = Said::default();
        said.hear(bytes);
        said.take_hints().into_iter().map(|hint| (hint.space.as_bytes()[0], hint.seq)).collect()
    }

    #[test]
    fn a_stream_that_is_cut_anywhere_is_read_as_far_as_it_came() {
        let whole = [":\n\n", &event(1, 7), ":\n\n", &event(2, 9), &event(1, 8)].concat();
        for cut in 0..whole.len() {
            let mut said = Said::default();
            said.hear(&whole.as_bytes()[..cut]);
            said.hear(&whole.as_bytes()[cut..]);
            let hints: Vec<_> = said.take_hints().into_iter().map(|hint| hint.seq).collect();
            assert_eq!(hints, [8, 9], "cut at {cut}");
            assert!(heard(&whole.as_bytes()[..cut]).len() <= 2);
        }
    }

    #[test]
    fn garbage_is_passed_over_and_a_hint_after_it_is_heard() {
        let long = "x".repeat(1 << 20);
        let garbage: [&[u8]; 8] = [
            b"\xff\xfe\x00\n\n",
            b"event: hint\ndata: {}\n\n",
            b"event: hint\ndata: {\"space\":\"zz\",\"seq\":1}\n\n",
            b"event: hint\ndata: {\"space\":\"01010101010101010101010101010101\",\"seq\":-1}\n\n",
            b"event: of_tomorrow\ndata: {}\n\n",
            b"\n\n\n:\nretry: 0\nid: 5\n\n",
            b"data: [[[[[[[[[[\n\n",
            long.as_bytes(),
        ];
        for bytes in garbage {
            let bytes = [bytes, b"\n\n", event(3, 4).as_bytes()].concat();
            assert_eq!(heard(&bytes), [(3, 4)]);
        }
    }

    #[test]
    fn what_is_kept_does_not_grow_with_what_is_sent() {
        let mut said = Said::default();
        for n in 0u64..5000 {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&n.to_be_bytes());
            let space = SpaceId::new(id);
            let event = format!("event: hint\ndata: {{\"space\":\"{space}\",\"seq\":1}}\n\n");
            said.hear(event.as_bytes());
            said.hear(&[b'x'; 4096]);
            assert!(said.line.len() <= MAX_LINE);
            said.hear(b"\n");
        }
        assert_eq!(said.take_hints().len(), MAX_SPACES);
        assert!(said.take_hints().is_empty());
    }

    #[test]
    fn the_last_event_tells_why_and_an_unknown_reason_is_a_failure() {
        for (text, code) in [
            ("{\"code\":\"device_removed\"}", Code::DeviceRemoved),
            ("{\"code\":\"of_tomorrow\"}", Code::Internal),
            ("nothing", Code::Internal),
        ] {
            let mut said = Said::default();
            said.hear(format!("event: end\ndata: {text}\n").as_bytes());
            assert_eq!(said.end(), None, "not yet whole");
            said.hear(b"\n");
            assert_eq!(said.end(), Some(code));
        }
    }
}
