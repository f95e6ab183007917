//! Whatever people do on their phones and whatever becomes of their messages, phones that have synced agree.
//!
//! Random actions of four people on one incident and one defusing, over a relay that loses, repeats and delays.
//! A [`model::Model`] keeps what everybody did and who had seen what of it, and says at every step what each
//! phone must show. The cases are the same in every run; a failure prints the shortest list of actions that
//! still fails.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod action;
mod model;
mod run;

use proptest::collection::vec;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use action::{Action, Field};
use run::Run;
use tests::often;

/// Cases in one run of the test, and the most actions in each.
const CASES: u32 = 40;
const ACTIONS: usize = 40;

fn runner(seed: u32) -> TestRunner {
    let mut bytes = [1; 32];
    bytes[..4].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

#[test]
fn phones_that_have_synced_agree_and_nothing_anybody_did_is_lost_or_doubled() {
    for seed in 1..=often("AFTERCALL_SEEDS", 1) {
        runner(seed)
            .run(&vec(action::draw(), 1..ACTIONS), |actions| {
                let mut run = Run::new();
                for action in &actions {
                    run.act(action);
                }
                run.finish();
                Ok(())
            })
            .unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
    }
}

/// A list of actions that went wrong once.
fn agrees_after(actions: &[Action]) {
    let mut run = Run::new();
    actions.iter().for_each(|action| run.act(action));
    run.finish();
}

#[test]
fn an_answer_handed_to_the_phone_twice_is_taken_once_and_raises_no_alarm() {
    agrees_after(&[
        Action::Edit(0, Field::Severity(3)),
        Action::Sync(0),
        Action::Edit(1, Field::Severity(4)),
        Action::RepeatAnswer(1),
    ]);
}

#[test]
fn an_answer_that_comes_after_a_newer_one_is_no_reason_for_an_alarm() {
    agrees_after(&[
        Action::Edit(0, Field::Severity(3)),
        Action::Sync(0),
        Action::LoseAnswer(1),
        Action::Edit(0, Field::Severity(4)),
        Action::Sync(0),
        Action::Sync(1),
        Action::StaleAnswer(1),
    ]);
}

#[test]
fn an_answer_that_comes_after_a_newer_one_does_not_set_the_corrected_clock_back() {
    agrees_after(&[Action::LoseAnswer(1), Action::Wait(90), Action::StaleAnswer(1)]);
}

#[test]
fn a_conflict_settled_on_one_phone_does_not_vanish_under_a_value_written_meanwhile_on_another() {
    agrees_after(&[
        Action::Edit(0, Field::Severity(3)),
        Action::Edit(1, Field::Severity(4)),
        Action::SyncAll,
        Action::Resolve(0),
        Action::Edit(1, Field::Severity(5)),
        Action::SyncAll,
    ]);
}
