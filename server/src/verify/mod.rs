//! Checks of a relay's folder that need nobody's word: one file a check. Called by `aftercall verify`.

mod audit;
mod erased;

use std::fs::File;
use std::path::Path;

pub use audit::{Anchor, AuditFault, AuditReport, audit};
pub use erased::{ErasedError, ErasedReport, Trace, erased};

use crate::serve::{self, ServeError};
use crate::store::StoreError;

/// Keeps a relay away from a folder while it is looked at. A folder that no relay ever used has no lock, and gets
/// none.
///
/// # Errors
/// `InUse` while a relay uses the folder; `Folder` if it holds no database: opening would make one, and find nothing
/// wrong with it.
fn in_use(data: &Path) -> Result<Option<File>, ServeError> {
    if !data.join("relay.db").is_file() {
        return Err(StoreError::Folder(std::io::ErrorKind::NotFound.into()).into());
    }
    match data.join("relay.lock").exists() {
        true => Ok(Some(serve::lock(data)?)),
        false => Ok(None),
    }
}
