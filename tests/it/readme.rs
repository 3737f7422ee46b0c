//! The README and the examples say nothing that isn't so: the keys in force, the keys that are refused, and that the examples are right.

use std::collections::BTreeSet;
use std::process::Command;

use cdk::resolve::{accepted, not_in_force, schema};

const README: &str = include_str!("../../README.md");

/// Where a service's keys stand, and how the README writes what is within.
const PLACES: &[(&str, &str)] = &[
    ("services.*", ""),
    ("services.*.healthcheck", "healthcheck."),
    ("services.*.deploy", "deploy."),
    ("services.*.deploy.placement", "deploy.placement."),
    ("services.*.deploy.resources.limits", "deploy.resources.limits."),
    (
        "services.*.deploy.resources.reservations",
        "deploy.resources.reservations.",
    ),
    ("services.*.deploy.update_config", "deploy.update_config."),
];

/// The keys that a section's tables name in their first column.
fn told(section: &str) -> BTreeSet<String> {
    let (_, rest) = README.split_once(&format!("### {section}\n")).unwrap();
    let text = rest.split_once("\n#").map_or(rest, |(text, _)| text);
    let cells = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once(" |"));
    cells
        .flat_map(|(cell, _)| {
            cell.split(", ")
                .map(|key| key.trim_matches('`').to_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}

fn refused(later: bool) -> BTreeSet<String> {
    let all = PLACES.iter().flat_map(|(path, prefix)| {
        let keys = not_in_force::keys(path).filter(move |key| not_in_force::refused(path, key).unwrap().later == later);
        keys.map(move |key| format!("{prefix}{key}"))
    });
    all.collect()
}

#[test]
fn the_readme_names_every_key_that_is_in_force() {
    let all = PLACES
        .iter()
        .flat_map(|(path, prefix)| schema::keys(path).into_iter().map(move |key| format!("{prefix}{key}")));
    // These are told by what is within them.
    let within = [
        "deploy",
        "deploy.placement",
        "deploy.resources",
        "deploy.update_config",
        "healthcheck",
    ];
    let accepted = accepted();
    assert_eq!(
        told("In force"),
        all.filter(|key| !within.contains(&key.as_str()) && !accepted.contains(key))
            .collect()
    );
}

/// The keys that are taken without effect.
fn accepted() -> BTreeSet<String> {
    let all = PLACES.iter();
    all.flat_map(|(path, prefix)| accepted::keys(path).map(move |key| format!("{prefix}{key}")))
        .collect()
}

#[test]
fn the_readme_names_every_key_that_has_no_effect_yet() {
    assert_eq!(told("Accepted, and not in force yet"), accepted());
}

#[test]
fn the_readme_names_every_key_that_is_refused() {
    assert_eq!(told("Not in force yet"), refused(true));
    assert_eq!(told("Never in force"), refused(false));
}

#[test]
fn the_examples_are_right() {
    for example in ["quickstart", "shop"] {
        let folder = format!("{}/examples/{example}", env!("CARGO_MANIFEST_DIR"));
        let check = Command::new(env!("CARGO_BIN_EXE_cdk"))
            .args(["-C", &folder, "check"])
            .output()
            .unwrap();
        assert!(
            check.status.success(),
            "{example}: {}",
            String::from_utf8_lossy(&check.stderr)
        );
    }
}
