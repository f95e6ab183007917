//! A document as plain values: what the layers above read instead of Automerge.

use automerge::{Automerge, ObjType, ROOT, ReadDoc, ScalarValue, Value};

use crate::records::{Flat, Scalar};

use super::DocError;
use super::scratch::{guarded, load};

/// The values of a saved document: all concurrent values of every key, the shown one first, equal ones once.
///
/// # Errors
/// [`DocError::Damaged`] if the bytes are no document, or hold what no Aftercall phone writes.
pub fn flatten(saved: &[u8]) -> Result<Flat, DocError> {
    guarded(|| values(&load(saved)?))
}

/// The values of a saved document as they were at some of its changes, named by the first eight bytes of their hashes.
/// Changes it does not hold are left out; if it holds none of them, its values now.
///
/// # Errors
/// As [`flatten`].
pub fn flatten_at(saved: &[u8], changes: &[[u8; 8]]) -> Result<Flat, DocError> {
    guarded(|| {
        let doc = load(saved)?;
        let known: Vec<_> = doc
            .get_changes(&[])
            .iter()
            .map(|change| change.hash())
            .filter(|hash| changes.iter().any(|first| hash.0.starts_with(first)))
            .collect();
        if known.is_empty() {
            return values(&doc);
        }
        values(&doc.fork_at(&known).map_err(|_| DocError::Damaged)?)
    })
}

/// The heads of a saved document, sorted.
///
/// # Errors
/// [`DocError::Damaged`] if the bytes are no document.
pub fn heads(saved: &[u8]) -> Result<Vec<[u8; 32]>, DocError> {
    guarded(|| Ok(sorted_heads(&load(saved)?)))
}

/// The heads of a document, sorted.
pub(super) fn sorted_heads(doc: &Automerge) -> Vec<[u8; 32]> {
    let mut heads: Vec<_> = doc.get_heads().into_iter().map(|head| head.0).collect();
    heads.sort_unstable();
    heads
}

/// The values of a document.
pub(super) fn values(doc: &Automerge) -> Result<Flat, DocError> {
    let mut flat = Flat::default();
    for key in doc.keys(ROOT) {
        let all = doc.get_all(ROOT, key.as_str()).map_err(|_| DocError::Damaged)?;
        if let [(Value::Object(ObjType::Text), id)] = all.as_slice() {
            let text = doc.text(id).map_err(|_| DocError::Damaged)?;
            flat.texts.insert(key, text);
        } else {
            let scalars = scalars(&all)?;
            flat.keys.insert(key, scalars);
        }
    }
    Ok(flat)
}

/// The scalars of a key: the shown one first, equal ones once. Automerge lists the shown one last.
fn scalars<T>(all: &[(Value<'_>, T)]) -> Result<Vec<Scalar>, DocError> {
    let mut out = Vec::with_capacity(all.len());
    for (value, _) in all.iter().rev() {
        let scalar = value.as_scalar().and_then(to_scalar).ok_or(DocError::Damaged)?;
        if !out.contains(&scalar) {
            out.push(scalar);
        }
    }
    Ok(out)
}

/// The concurrent values of one root key, the shown one first, equal ones once.
pub(super) fn values_of(doc: &Automerge, key: &str) -> Result<Vec<Scalar>, DocError> {
    scalars(&doc.get_all(ROOT, key).map_err(|_| DocError::Damaged)?)
}

fn to_scalar(value: &ScalarValue) -> Option<Scalar> {
    Some(match value {
        ScalarValue::Boolean(value) => Scalar::Bool(*value),
        ScalarValue::Uint(value) => Scalar::Uint(*value),
        ScalarValue::Int(value) => Scalar::Int(*value),
        ScalarValue::F64(value) => Scalar::F64(*value),
        ScalarValue::Str(value) => Scalar::Str(value.to_string()),
        _ => return None,
    })
}

/// A scalar as Automerge stores it.
pub(super) fn from_scalar(value: &Scalar) -> ScalarValue {
    match value {
        Scalar::Bool(value) => ScalarValue::Boolean(*value),
        Scalar::Uint(value) => ScalarValue::Uint(*value),
        Scalar::Int(value) => ScalarValue::Int(*value),
        Scalar::F64(value) => ScalarValue::F64(*value),
        Scalar::Str(value) => ScalarValue::Str(value.as_str().into()),
    }
}
