//! Searching everything in some folders for words, byte for byte.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use aho_corasick::AhoCorasick;

/// A word that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The word.
    pub text: String,
    /// The file.
    pub file: PathBuf,
}

/// What a search came to.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    /// Files read.
    pub files: usize,
    /// Bytes read.
    pub bytes: u64,
    /// Words found, each once a file.
    pub found: Vec<Found>,
}

impl Scan {
    /// How many of the words were found.
    pub fn words_found(&self) -> usize {
        self.found.iter().map(|found| &found.text).collect::<BTreeSet<_>>().len()
    }
}

/// Searches these files and folders for every word, as UTF-8 and as UTF-16.
pub fn search(places: &[&Path], texts: &[String]) -> io::Result<Scan> {
    let narrow = texts.iter().map(|text| text.as_bytes().to_vec());
    let wide = texts.iter().map(|text| text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    let patterns: Vec<Vec<u8>> = narrow.chain(wide).collect();
    let words = AhoCorasick::new(&patterns).map_err(io::Error::other)?;
    let mut scan = Scan::default();
    let mut left: Vec<PathBuf> = places.iter().map(|place| place.to_path_buf()).collect();
    while let Some(place) = left.pop() {
        if place.is_dir() {
            for entry in std::fs::read_dir(&place)? {
                left.push(entry?.path());
            }
            continue;
        }
        let bytes = match std::fs::read(&place) {
            Ok(bytes) => bytes,
            // A log file of the database may go while it is being looked for.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        scan.files += 1;
        scan.bytes += bytes.len() as u64;
        let here: BTreeSet<usize> = words
            .find_overlapping_iter(&bytes)
            .map(|found| found.pattern().as_usize() % texts.len())
            .collect();
        let found =
            here.into_iter().map(|at| Found { text: texts[at].clone(), file: place.clone() });
        scan.found.extend(found);
    }
    Ok(scan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_any_file_of_a_folder_and_only_there() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("deep")).expect("a folder");
        std::fs::write(folder.path().join("deep/a-wal"), b"\x00\x01canary\xff").expect("writes");
        let wide: Vec<u8> = "sparrow".encode_utf16().flat_map(u16::to_le_bytes).collect();
        std::fs::write(folder.path().join("log"), wide).expect("writes");
        let words = ["canary".to_owned(), "sparrow".to_owned(), "finch".to_owned()];
        let scan = search(&[folder.path()], &words).expect("searches");
        assert_eq!((scan.files, scan.words_found()), (2, 2));
        assert!(scan.found.iter().all(|found| found.text != "finch"));
    }
}
