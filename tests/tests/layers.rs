//! The layers of the core hold: none imports upward, and each outside thing stays behind its one door.
//!
//! Reads source text, not compiled code, so that it also sees what a feature switches off. Test
//! modules are exempt: a test of the engine may well use a store. ARCHITECTURE.md tells why each rule is there.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::path::{Path, PathBuf};

/// The layers of sync-core, each using only those before it.
const LAYERS: [&str; 10] = [
    "ids",
    "protocol",
    "records",
    "crypto",
    "directory",
    "doc",
    "gates",
    "engine",
    "store",
    "client",
];

/// Files of sync-core's root that are no layer.
const BESIDE: [&str; 2] = ["lib", "drill"];

/// A word of source and the layers of sync-core that may hold it.
const DOORS: &[(&str, &[&str])] = &[
    ("automerge", &["doc"]),
    ("rusqlite", &["store"]),
    ("reqwest", &["client"]),
    ("tokio", &["client"]),
    ("uniffi", &[]),
    ("vsss_rs", &["crypto"]),
    ("std::fs", &["store"]),
    ("std::net", &["client"]),
    ("std::env", &[]),
    ("std::thread", &["store"]),
    ("std::process", &["drill", "store"]),
    ("SystemTime", &["client"]),
    ("Instant::now", &["client"]),
    ("now_utc", &[]),
    ("now_local", &[]),
    ("getrandom", &[]),
    ("SysRng", &[]),
    ("OsRng", &[]),
    ("thread_rng", &[]),
    ("thread_local", &[]),
    ("OnceLock", &["drill"]),
    ("LazyLock", &["drill"]),
    ("Mutex", &["drill", "store"]),
    ("println", &[]),
    ("eprintln", &[]),
];

/// Words that other crates must not hold: Automerge stays behind the core, bindings in the facade.
const OTHER_CRATES: [(&str, &[&str]); 2] = [
    ("server/src", &["automerge", "uniffi"]),
    ("mobile-ffi/src", &["automerge", "rusqlite", "reqwest"]),
];

/// The only files of the relay that act as a phone.
const PHONES_OF_THE_SERVER: [&str; 3] = ["phone", "demo", "exercise"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{folder:?}: {e}")) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push((path.clone(), code_of(&std::fs::read_to_string(&path).unwrap())));
            }
        }
    }
    found
}

/// The layer a file of sync-core belongs to: the first part of its path below `src`.
fn layer_of(path: &Path, src: &Path) -> String {
    let first = path.strip_prefix(src).unwrap().components().next().unwrap();
    Path::new(first.as_os_str()).file_stem().unwrap().to_string_lossy().into_owned()
}

/// Source without comments, texts and test modules.
fn code_of(source: &str) -> String {
    without_tests(&without_comments_and_texts(source))
}

fn without_comments_and_texts(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |at| at + 2)
        } else if c == '"' {
            text_length(rest)
        } else if rest.starts_with("r#\"") {
            rest.find("\"#").map_or(rest.len(), |at| at + 2)
        } else if rest.starts_with("'\"'") {
            3
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        rest = &rest[skipped..];
    }
    out
}

fn text_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn without_tests(code: &str) -> String {
    let mut out = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..at]);
        let item = &rest[at..];
        let end = match (item.find('{'), item.find(';')) {
            (Some(brace), semicolon) if semicolon.is_none_or(|s| brace < s) => {
                brace + braced(&item[brace..]).len()
            }
            (_, Some(semicolon)) => semicolon + 1,
            _ => item.len(),
        };
        rest = &item[end..];
    }
    out.push_str(rest);
    out
}

/// From an opening brace to the one that closes it.
fn braced(text: &str) -> &str {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return &text[..=at],
            '}' => depth -= 1,
            _ => {}
        }
    }
    text
}

/// The names that directly follow `crate::`, groups included.
fn named_after_crate(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, found) in code.match_indices("crate::") {
        let rest = &code[at + found.len()..];
        if rest.starts_with('{') {
            let group = braced(rest);
            let mut depth = 0;
            let mut start = 1;
            for (i, c) in group.char_indices() {
                depth += i32::from(c == '{') - i32::from(c == '}');
                if (c == ',' && depth == 1) || depth == 0 {
                    names.push(word(group[start.min(i)..i].trim()).to_owned());
                    start = i + 1;
                }
            }
        } else {
            names.push(word(rest).to_owned());
        }
    }
    names
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// Whether the word stands in the code by itself, not as a part of a longer one.
fn holds(code: &str, wanted: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    code.match_indices(wanted).any(|(at, _)| {
        !part(code[..at].chars().next_back()) && !part(code[at + wanted.len()..].chars().next())
    })
}

fn rank(layer: &str) -> Option<usize> {
    LAYERS.iter().position(|known| *known == layer)
}

fn is_test_file(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests")
        || path.file_stem().is_some_and(|stem| {
            let stem = stem.to_string_lossy();
            stem == "tests" || stem.ends_with("_tests")
        })
}

/// What is wrong with one file of sync-core.
fn faults(layer: &str, code: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(own) = rank(layer) {
        for name in named_after_crate(code) {
            if rank(&name).is_some_and(|other| other > own) {
                faults.push(format!("imports `{name}`, which lies above `{layer}`"));
            }
        }
    }
    for (wanted, places) in DOORS {
        if holds(code, wanted) && !places.contains(&layer) {
            faults.push(format!("`{wanted}` stands outside its place"));
        }
    }
    faults
}

#[test]
fn no_layer_of_the_core_imports_upward_or_opens_another_layers_door() {
    let src = root().join("sync-core/src");
    let files = sources(&src);
    assert!(files.len() > 20, "the core's sources were not found");
    let mut found = Vec::new();
    for (path, code) in files {
        let below = path.strip_prefix(&src).unwrap().to_path_buf();
        if is_test_file(&below) {
            continue;
        }
        let layer = layer_of(&path, &src);
        if rank(&layer).is_none() && !BESIDE.contains(&layer.as_str()) {
            found.push(format!("{}: no layer is named `{layer}`", below.display()));
        }
        found.extend(faults(&layer, &code).iter().map(|f| format!("{}: {f}", below.display())));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn automerge_and_bindings_stay_behind_their_doors_in_every_crate() {
    let mut found = Vec::new();
    for (folder, words) in OTHER_CRATES {
        for (path, code) in sources(&root().join(folder)) {
            let held = words.iter().filter(|word| holds(&code, word));
            found.extend(held.map(|word| format!("{}: `{word}`", path.display())));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_relay_itself_is_no_client() {
    let src = root().join("server/src");
    for (path, code) in sources(&src) {
        let place = path.strip_prefix(&src).unwrap().to_string_lossy().into_owned();
        let may = PHONES_OF_THE_SERVER.iter().any(|name| place.contains(name));
        assert!(may || !code.contains("sync_core::client"), "{place} uses the client");
    }
}

#[test]
fn planted_faults_are_found() {
    let import = code_of("use crate::{ids::DocId, engine::{Phone, Env}};\n");
    assert_eq!(faults("gates", &import).len(), 1);
    assert_eq!(faults("store", &import).len(), 0);
    let inline = code_of("fn f() { crate::client::go() }");
    assert_eq!(faults("engine", &inline).len(), 1);
    let clock = code_of("fn f() { let t = std::time::SystemTime::now(); }");
    assert_eq!(faults("protocol", &clock).len(), 1);
    let crdt = code_of("use automerge::Automerge;");
    assert_eq!(faults("gates", &crdt).len(), 1);
    assert_eq!(faults("doc", &crdt).len(), 0);
}

#[test]
fn comments_texts_and_tests_are_no_faults() {
    let code = code_of(
        "//! automerge\nconst X: &str = \"rusqlite \\\" tokio\";\n/* uniffi */\n#[cfg(test)]\nmod tests { use crate::store::MemoryStore; fn f() { { } } }\nfn g() {}",
    );
    assert_eq!(faults("engine", &code), Vec::<String>::new());
    assert!(code.contains("fn g()"), "what follows a test module is still read");
}
