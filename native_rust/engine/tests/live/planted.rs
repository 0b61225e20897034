//! Bugs that are planted in fences: the tests have to notice each.

use std::process::Command;

const FENCES: &str = "fences::what_they_tell_is_what_brute_force_finds";

/// By their names in the engine.
const BUGS: [&str; 6] = [
    "AreaOfLater",
    "AreaStays",
    "PathTheLongWay",
    "AreaIsItself",
    "StayThoughGone",
    "StayForgotten",
];

#[test]
fn each_is_noticed() {
    for bug in BUGS.into_iter().chain([""]) {
        let output = Command::new(std::env::current_exe().unwrap())
            .args([FENCES, "--exact"])
            .env("FORMDB_PLANTED_BUG", bug)
            .env("RUST_BACKTRACE", "0")
            .env_remove("FORMDB_SOAK")
            .env_remove("FORMDB_SEED")
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(printed.contains("running 1 test"), "{printed}");
        assert_eq!(
            output.status.success(),
            bug.is_empty(),
            "{bug:?}: {printed}"
        );
    }
}
