//! A file that appears whole or not at all, and never in the place of another.
//!
//! It is written under a name of its own beside its place and moved there when it is complete and synced, so
//! that no crash leaves half of it and no race replaces what is there. Used for databases and key vaults.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A file being made. Dropping it before [`NewFile::publish`] removes it.
pub struct NewFile {
    made: PathBuf,
    place: PathBuf,
}

impl NewFile {
    /// An empty file beside `place`, readable by its owner only.
    pub fn beside(place: &Path) -> io::Result<Self> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let count = MADE.fetch_add(1, Ordering::Relaxed);
        let made = with_suffix(place, &format!(".new-{}-{count}", std::process::id()));
        // A file of this name is left over from a process that died, since only this call uses it.
        let _ = fs::remove_file(&made);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&made)?;
        Ok(Self { made, place: place.to_owned() })
    }

    /// Where it is written.
    pub fn path(&self) -> &Path {
        &self.made
    }

    /// Syncs it, moves it into its place and syncs the folder.
    ///
    /// # Errors
    /// `AlreadyExists` if something has appeared there, which is left as it is.
    pub fn publish(self) -> io::Result<()> {
        // Windows syncs only what may be written to.
        OpenOptions::new().write(true).open(&self.made)?.sync_all()?;
        match fs::hard_link(&self.made, &self.place) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
            // Some file systems know no links.
            Err(_) if !self.place.try_exists()? => fs::rename(&self.made, &self.place)?,
            Err(error) => return Err(error),
        }
        sync_folder(&self.place)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.made);
    }
}

fn sync_folder(place: &Path) -> io::Result<()> {
    match place.parent() {
        Some(folder) if cfg!(unix) => {
            let here = folder.as_os_str().is_empty();
            File::open(if here { Path::new(".") } else { folder })?.sync_all()
        }
        _ => Ok(()),
    }
}

/// `path` with `suffix` after its last name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("file");
        let new = NewFile::beside(&place).unwrap();
        fs::write(new.path(), b"whole").unwrap();
        assert!(!place.exists());
        new.publish().unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"whole");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_there_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("file");
        let new = NewFile::beside(&place).unwrap();
        fs::write(new.path(), b"second").unwrap();
        fs::write(&place, b"first").unwrap();
        assert_eq!(new.publish().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&place).unwrap(), b"first");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_given_up_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        drop(NewFile::beside(&dir.path().join("file")).unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
