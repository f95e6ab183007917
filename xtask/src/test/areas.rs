//! Which test belongs to which area: one table, in which every test program must stand.
//!
//! A program may be split between areas by the names of its tests; the parts of a split are disjoint
//! and leave nothing out, because each part skips what the parts before it took.

use crate::build::Artifact;

/// A part of the product that can be tested by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// The core: ids, protocol, documents, gates, engine, stores, layers; wasm32.
    Core,
    /// Keys, sealing, and every frozen byte.
    Keys,
    /// Records and what a team sees of an evening.
    Field,
    /// Phones and relay under faults.
    Sync,
    /// The coordinator's page.
    Console,
    /// The facade for apps, through generated bindings.
    Bindings,
}

impl Area {
    /// Every area, in the order in which they run.
    pub const ALL: [Area; 6] =
        [Area::Core, Area::Keys, Area::Field, Area::Sync, Area::Console, Area::Bindings];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Area::Core => "core",
            Area::Keys => "keys",
            Area::Field => "field",
            Area::Sync => "sync",
            Area::Console => "console",
            Area::Bindings => "bindings",
        }
    }
}

/// Where the tests of a program go: those with one of these words in their name to the areas named,
/// in order, the rest to the last one.
struct Rule {
    package: &'static str,
    /// `lib`, `bin`, or the name of a file in `tests/`, with `*` at either end for any text.
    target: &'static str,
    split: &'static [(Area, &'static [&'static str])],
    rest: Area,
}

const fn rule(package: &'static str, target: &'static str, rest: Area) -> Rule {
    Rule { package, target, split: &[], rest }
}

/// The first rule that fits decides.
const RULES: &[Rule] = &[
    Rule {
        package: "sync-core",
        target: "lib",
        split: &[(Area::Keys, &["crypto::"]), (Area::Field, &["records::"])],
        rest: Area::Core,
    },
    rule("sync-core", "crypto_*", Area::Keys),
    rule("sync-core", "*_vectors", Area::Keys),
    rule("sync-core", "records_*", Area::Field),
    rule("sync-core", "client*", Area::Sync),
    rule("sync-core", "*", Area::Core),
    Rule {
        package: "server",
        target: "lib",
        split: &[(Area::Console, &["console"])],
        rest: Area::Sync,
    },
    rule("server", "bin", Area::Sync),
    rule("server", "console*", Area::Console),
    rule("server", "*", Area::Sync),
    rule("tests", "lib", Area::Sync),
    rule("tests", "layers", Area::Core),
    rule("tests", "recovery", Area::Keys),
    Rule {
        package: "tests",
        target: "exercises",
        split: &[(Area::Field, &["county_evening", "both_kept"])],
        rest: Area::Sync,
    },
    rule("tests", "locked", Area::Keys),
    rule("tests", "facade", Area::Bindings),
    rule("tests", "*", Area::Sync),
    rule("mobile-ffi", "*", Area::Bindings),
    rule("uniffi-bindgen", "*", Area::Bindings),
    rule("bench", "*", Area::Core),
    rule("xtask", "*", Area::Core),
];

/// The tests of one program that belong to one area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The area.
    pub area: Area,
    /// Only tests with one of these in their name (empty: all).
    pub only: Vec<&'static str>,
    /// No tests with one of these in their name.
    pub skip: Vec<&'static str>,
}

/// The parts of a test program; `None` if it stands in no area.
pub fn parts(program: &Artifact) -> Option<Vec<Part>> {
    let target = match program.kind.as_str() {
        "test" => program.name.as_str(),
        "bin" => "bin",
        _ => "lib",
    };
    let rule = RULES.iter().find(|r| r.package == program.package && fits(r.target, target))?;
    let mut taken = Vec::new();
    let mut parts = Vec::new();
    for (area, words) in rule.split {
        parts.push(Part { area: *area, only: words.to_vec(), skip: taken.clone() });
        taken.extend_from_slice(words);
    }
    parts.push(Part { area: rule.rest, only: Vec::new(), skip: taken });
    Some(parts)
}

fn fits(pattern: &str, target: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (_, Some(start)) => target.starts_with(start),
        (Some(end), _) => target.ends_with(end),
        _ => pattern == target,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(package: &str, kind: &str, name: &str) -> Artifact {
        Artifact {
            package: package.into(),
            folder: package.into(),
            kind: kind.into(),
            name: name.into(),
            test: true,
            executable: None,
            dynamic_library: None,
        }
    }

    fn areas_of(test: &str, parts: &[Part]) -> usize {
        let takes = |part: &&Part| {
            (part.only.is_empty() || part.only.iter().any(|word| test.contains(word)))
                && !part.skip.iter().any(|word| test.contains(word))
        };
        parts.iter().filter(takes).count()
    }

    #[test]
    fn every_test_of_a_split_program_runs_exactly_once() {
        let lib = parts(&program("sync-core", "lib", "sync_core")).expect("listed");
        for test in ["crypto::seal", "records::flat", "ids::hex", "crypto::tests::records::x"] {
            assert_eq!(areas_of(test, &lib), 1, "{test}");
        }
        let exercises = parts(&program("tests", "test", "exercises")).expect("listed");
        for test in ["county_evening_converges", "wrong_clocks", "both_kept"] {
            assert_eq!(areas_of(test, &exercises), 1, "{test}");
        }
    }

    #[test]
    fn tests_of_a_crate_that_nobody_placed_are_noticed() {
        assert_eq!(parts(&program("another", "lib", "another")), None);
    }
}
