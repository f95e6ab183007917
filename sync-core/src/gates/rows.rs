//! The operations of a change: thirteen columns read side by side, row by row.
//!
//! All columns must hold exactly as many values as there are operations, every actor that the change
//! lists must be named by one of them, and nothing may be left over.

use crate::doc::FIRST_ACTOR;
use crate::ids::ActorId;
use crate::protocol::{Code, limits};
use crate::records::{DocType, Scalar};

use super::columns::{Booleans, Delta, Rle};
use super::reader::{Reader, Walk, hostile};
use super::walker::{Op, OpId};

/// Most predecessors of all operations of one change together.
const MAX_PREDECESSORS: usize = 4 * limits::MAX_OPS;

// Column specifications: number << 4 | type.
const OBJECT_ACTOR: u32 = 0x01;
const OBJECT_COUNTER: u32 = 0x02;
const KEY_ACTOR: u32 = 0x11;
const KEY_COUNTER: u32 = 0x13;
const KEY_TEXT: u32 = 0x15;
const INSERT: u32 = 0x34;
const ACTION: u32 = 0x42;
const VALUE_META: u32 = 0x56;
const VALUE: u32 = 0x57;
const PREDECESSORS: u32 = 0x70;
const PREDECESSOR_ACTOR: u32 = 0x71;
const PREDECESSOR_COUNTER: u32 = 0x73;
/// Says that a column is compressed.
const DEFLATE: u32 = 0x08;

const ACTION_SET: u64 = 1;
const ACTION_DELETE: u64 = 3;

/// Reads the column table and the columns. `actors`: the author first, then the others.
pub(super) fn read_ops(
    reader: Reader<'_>,
    actors: &[ActorId],
    doc_type: &DocType,
) -> Walk<Vec<Op>> {
    let columns = read_table(reader)?;
    let count = count_rows(columns.get(ACTION).ok_or(Code::HostileChange)?)?;
    let mut rows = Rows::new(&columns, actors, doc_type);
    let ops = (0..count).map(|_| rows.read_op()).collect::<Walk<Vec<_>>>()?;
    if rows.is_done() { Ok(ops) } else { hostile() }
}

/// The columns of a change by their specification, ascending.
struct Columns<'a>(Vec<(u32, &'a [u8])>);

impl<'a> Columns<'a> {
    fn get(&self, wanted: u32) -> Option<&'a [u8]> {
        self.0.iter().find(|(spec, _)| *spec == wanted).map(|(_, bytes)| *bytes)
    }
}

fn read_table(mut reader: Reader<'_>) -> Walk<Columns<'_>> {
    const KNOWN: [u32; 12] = [
        OBJECT_ACTOR,
        OBJECT_COUNTER,
        KEY_ACTOR,
        KEY_COUNTER,
        KEY_TEXT,
        INSERT,
        ACTION,
        VALUE_META,
        VALUE,
        PREDECESSORS,
        PREDECESSOR_ACTOR,
        PREDECESSOR_COUNTER,
    ];
    let count = reader.length()?;
    if count > KNOWN.len() {
        return hostile();
    }
    let mut table: Vec<(u32, usize)> = Vec::new();
    for _ in 0..count {
        let spec = u32::try_from(reader.unsigned()?).map_err(|_| Code::HostileChange)?;
        if spec & DEFLATE != 0 {
            return Err(Code::Compressed);
        }
        let length = reader.length()?;
        let ascends = table.last().is_none_or(|(last, _)| *last < spec);
        if !KNOWN.contains(&spec) || !ascends || length == 0 {
            return hostile();
        }
        table.push((spec, length));
    }
    let columns = table
        .into_iter()
        .map(|(spec, length)| Ok((spec, reader.take(length)?)))
        .collect::<Walk<Vec<_>>>()?;
    if reader.is_empty() { Ok(Columns(columns)) } else { hostile() }
}

/// How many operations there are: as many as actions. Each must be one that phones write.
fn count_rows(actions: &[u8]) -> Walk<usize> {
    let mut column = Rle::new(actions, limits::MAX_OPS, Reader::unsigned);
    let mut count = 0;
    while !column.is_done() {
        if !matches!(column.next_value()?, ACTION_SET | ACTION_DELETE) {
            return hostile();
        }
        count += 1;
        if count > limits::MAX_OPS {
            return Err(Code::TooManyOps);
        }
    }
    Ok(count)
}

/// The columns while they are read.
struct Rows<'a> {
    object_actor: Option<Rle<'a, u64>>,
    object_counter: Option<Rle<'a, u64>>,
    key_actor: Option<Rle<'a, u64>>,
    key_counter: Option<Delta<'a>>,
    key_text: Option<Rle<'a, &'a [u8]>>,
    insert: Option<Booleans<'a>>,
    action: Option<Rle<'a, u64>>,
    value_meta: Option<Rle<'a, u64>>,
    value: Reader<'a>,
    predecessors: Option<Rle<'a, u64>>,
    predecessor_actor: Option<Rle<'a, u64>>,
    predecessor_counter: Option<Delta<'a>>,
    predecessors_left: usize,
    actors: Vec<(ActorId, bool)>,
    texts: usize,
    longest_text: usize,
}

/// What an operation is about.
enum Key {
    Root(String),
    Element { text: usize, element: Option<OpId> },
}

impl<'a> Rows<'a> {
    fn new(columns: &Columns<'a>, actors: &[ActorId], doc_type: &DocType) -> Self {
        let numbers = |spec, longest| {
            columns.get(spec).map(|bytes| Rle::new(bytes, longest, Reader::unsigned))
        };
        let deltas = |spec, longest| columns.get(spec).map(|bytes| Delta::new(bytes, longest));
        let ops = limits::MAX_OPS;
        Self {
            object_actor: numbers(OBJECT_ACTOR, ops),
            object_counter: numbers(OBJECT_COUNTER, ops),
            key_actor: numbers(KEY_ACTOR, ops),
            key_counter: deltas(KEY_COUNTER, ops),
            key_text: columns.get(KEY_TEXT).map(|bytes| Rle::new(bytes, ops, read_bytes)),
            insert: columns.get(INSERT).map(|bytes| Booleans::new(bytes, ops)),
            action: numbers(ACTION, ops),
            value_meta: numbers(VALUE_META, ops),
            value: Reader::new(columns.get(VALUE).unwrap_or_default()),
            predecessors: numbers(PREDECESSORS, ops),
            predecessor_actor: numbers(PREDECESSOR_ACTOR, MAX_PREDECESSORS),
            predecessor_counter: deltas(PREDECESSOR_COUNTER, MAX_PREDECESSORS),
            predecessors_left: MAX_PREDECESSORS,
            actors: actors.iter().enumerate().map(|(i, actor)| (*actor, i == 0)).collect(),
            texts: doc_type.texts.len(),
            longest_text: if doc_type.is_sealed() {
                limits::MAX_SEALED_TEXT
            } else {
                limits::MAX_OPEN_TEXT
            },
        }
    }

    fn read_op(&mut self) -> Walk<Op> {
        let action = next_value(&mut self.action)?;
        let insert = self.insert.as_mut().ok_or(Code::HostileChange)?.next()?;
        let text = self.read_object()?;
        let key = self.read_key(text)?;
        let value = self.read_value()?;
        let over = self.read_predecessors()?;
        match (action, insert, key, value) {
            (ACTION_SET, false, Key::Root(key), Some(value)) => Ok(Op::Put { key, value, over }),
            (ACTION_DELETE, false, Key::Root(key), None) if !over.is_empty() => {
                Ok(Op::Delete { key, over })
            }
            (ACTION_SET, true, Key::Element { text, element }, Some(Scalar::Str(value)))
                if over.is_empty() =>
            {
                let mut characters = value.chars();
                match (characters.next(), characters.next()) {
                    (Some(character), None) => Ok(Op::Insert { text, after: element, character }),
                    _ => hostile(),
                }
            }
            (ACTION_DELETE, false, Key::Element { text, element: Some(element) }, None)
                if over == [element] =>
            {
                Ok(Op::Remove { text, element })
            }
            _ => hostile(),
        }
    }

    /// The text an operation is in; `None` for the root.
    fn read_object(&mut self) -> Walk<Option<usize>> {
        let actor = next(&mut self.object_actor)?;
        let counter = next(&mut self.object_counter)?;
        match (actor, counter) {
            (None, None) => Ok(None),
            (Some(actor), Some(counter)) => {
                let object = self.op_id(actor, counter)?;
                // The first change makes the texts by its operations 1, 2, 3 …
                let text = usize::try_from(counter - 1).map_err(|_| Code::HostileChange)?;
                if object.actor == FIRST_ACTOR && text < self.texts {
                    Ok(Some(text))
                } else {
                    hostile()
                }
            }
            _ => hostile(),
        }
    }

    fn read_key(&mut self, text: Option<usize>) -> Walk<Key> {
        let actor = next(&mut self.key_actor)?;
        let counter = match &mut self.key_counter {
            Some(column) => column.next()?,
            None => None,
        };
        let name = next(&mut self.key_text)?;
        match (text, actor, counter, name) {
            (None, None, None, Some(name)) => Ok(Key::Root(root_key(name)?)),
            (Some(text), None, Some(0), None) => Ok(Key::Element { text, element: None }),
            (Some(text), Some(actor), Some(counter), None) => {
                let element = Some(self.op_id(actor, counter)?);
                Ok(Key::Element { text, element })
            }
            _ => hostile(),
        }
    }

    /// The value; `None` for the null of a removal.
    fn read_value(&mut self) -> Walk<Option<Scalar>> {
        let meta = next_value(&mut self.value_meta)?;
        let length = usize::try_from(meta >> 4).map_err(|_| Code::HostileChange)?;
        let bytes = self.value.take(length)?;
        let mut reader = Reader::new(bytes);
        let value = match meta & 0x0f {
            0 => None,
            1 => Some(Scalar::Bool(false)),
            2 => Some(Scalar::Bool(true)),
            3 => Some(Scalar::Uint(reader.unsigned()?)),
            4 => Some(Scalar::Int(reader.signed()?)),
            5 => {
                let number = f64::from_le_bytes(reader.array()?);
                if !number.is_finite() {
                    return hostile();
                }
                Some(Scalar::F64(number))
            }
            6 if length > self.longest_text => return Err(Code::TooManyOps),
            6 => {
                let text = std::str::from_utf8(reader.take(length)?);
                Some(Scalar::Str(text.map_err(|_| Code::HostileChange)?.to_owned()))
            }
            _ => return hostile(),
        };
        if reader.is_empty() { Ok(value) } else { hostile() }
    }

    fn read_predecessors(&mut self) -> Walk<Vec<OpId>> {
        let count = next_value(&mut self.predecessors)?;
        let count = usize::try_from(count).map_err(|_| Code::TooManyOps)?;
        self.predecessors_left =
            self.predecessors_left.checked_sub(count).ok_or(Code::TooManyOps)?;
        let mut over: Vec<OpId> = Vec::new();
        for _ in 0..count {
            let actor = next_value(&mut self.predecessor_actor)?;
            let counter = match &mut self.predecessor_counter {
                Some(column) => column.next()?.ok_or(Code::HostileChange)?,
                None => return hostile(),
            };
            let id = self.op_id(actor, counter)?;
            if over.last().is_some_and(|last| *last >= id) {
                return hostile();
            }
            over.push(id);
        }
        Ok(over)
    }

    /// An operation by the number of its actor in this change.
    fn op_id(&mut self, actor: u64, counter: u64) -> Walk<OpId> {
        let index = usize::try_from(actor).map_err(|_| Code::HostileChange)?;
        let (actor, named) = self.actors.get_mut(index).ok_or(Code::HostileChange)?;
        *named = true;
        if counter == 0 || counter > u64::from(u32::MAX) {
            return hostile();
        }
        Ok(OpId { counter, actor: *actor })
    }

    /// Whether all columns end with the last row and every listed actor was named.
    fn is_done(&self) -> bool {
        fn done<T: Clone + PartialEq>(column: &Option<Rle<'_, T>>) -> bool {
            column.as_ref().is_none_or(Rle::is_done)
        }
        done(&self.object_actor)
            && done(&self.object_counter)
            && done(&self.key_actor)
            && self.key_counter.as_ref().is_none_or(Delta::is_done)
            && done(&self.key_text)
            && self.insert.as_ref().is_none_or(Booleans::is_done)
            && done(&self.action)
            && done(&self.value_meta)
            && self.value.is_empty()
            && done(&self.predecessors)
            && done(&self.predecessor_actor)
            && self.predecessor_counter.as_ref().is_none_or(Delta::is_done)
            && self.actors.iter().all(|(_, named)| *named)
    }
}

/// The next value of a column that may be absent or hold nulls.
fn next<T: Clone + PartialEq>(column: &mut Option<Rle<'_, T>>) -> Walk<Option<T>> {
    match column {
        Some(column) => column.next(),
        None => Ok(None),
    }
}

/// The next value of a column that every operation has.
fn next_value<T: Clone + PartialEq>(column: &mut Option<Rle<'_, T>>) -> Walk<T> {
    column.as_mut().ok_or(Code::HostileChange)?.next_value()
}

fn read_bytes<'a>(reader: &mut Reader<'a>) -> Walk<&'a [u8]> {
    let length = reader.length()?;
    reader.take(length)
}

fn root_key(name: &[u8]) -> Walk<String> {
    let allowed = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.');
    if name.is_empty() || name.len() > limits::MAX_KEY || !name.iter().all(allowed) {
        return Err(Code::SchemaViolation);
    }
    String::from_utf8(name.to_vec()).map_err(|_| Code::SchemaViolation)
}
