//! Every question about series, through a database that is closed and opened again now
//! and then, held against a plain list of points.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]
#![allow(dead_code, reason = "the harness has parts that other tests use")]

#[path = "../support/oracles.rs"]
mod oracles;
mod plain;
mod questions;
#[path = "../support/mod.rs"]
mod support;
mod world;

use oracles::cases;
use proptest::collection::vec;
use proptest::prelude::*;
use questions::{about, step};
use world::World;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(600)))]

    #[test]
    fn answers_are_those_of_a_list(
        rounds in vec((vec(step(), 4..16), vec(about(), 1..12)), 1..6),
    ) {
        let mut world = World::new();
        for (steps, questions) in &rounds {
            steps.iter().for_each(|step| world.take(step));
            questions.iter().for_each(|about| world.ask(about));
        }
        world.end();
    }
}
