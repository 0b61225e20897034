//! Bugs that are planted in fences: the tests have to notice each.

use std::process::Command;

const FENCES: &str = "fences::what_they_tell_is_what_brute_force_finds";
const LEVELS: &str = "levels::what_is_told_of_them_is_what_brute_force_finds";

/// By their names in the engine.
const BUGS: [&str; 6] = [
    "AreaOfLater",
    "AreaStays",
    "PathTheLongWay",
    "AreaIsItself",
    "StayThoughGone",
    "StayForgotten",
];

/// Those in levels of series.
const OF_LEVELS: [&str; 2] = ["LevelOutOfOrder", "LateIsInTime"];

#[test]
fn each_is_noticed() {
    let of_fences = BUGS.into_iter().chain([""]).map(|bug| (FENCES, bug));
    let of_levels = OF_LEVELS.into_iter().chain([""]).map(|bug| (LEVELS, bug));
    for (test, bug) in of_fences.chain(of_levels) {
        let output = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact"])
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
