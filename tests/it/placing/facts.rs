//! What the schedulers of Swarm, Nomad and classic Swarm do, as facts, and that cdk's does the same. The facts are in `facts/`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::case::Case;

/// The cases of each topic, by the topic's name.
fn topics() -> Vec<(String, Vec<Case>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/placing/facts");
    let mut topics = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let topic = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let cases = serde_yaml::from_str(&text).unwrap_or_else(|why| panic!("{topic}: {why}"));
        topics.push((topic, cases));
    }
    topics.sort_by(|(a, _), (b, _)| a.cmp(b));
    topics
}

/// What is wrong in all of these, on all processors.
fn failures(cases: &[(&str, &Case)]) -> Vec<String> {
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let workers = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((topic, case)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    for wrong in case.wrong() {
                        found.lock().unwrap().push(format!("{topic}: {}: {wrong}", case.name));
                    }
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    found.sort();
    found
}

#[test]
fn replicas_stand_where_other_schedulers_would_put_them() {
    let topics = topics();
    let only = std::env::var("CDK_FACT").unwrap_or_default();
    let all = topics
        .iter()
        .flat_map(|(topic, cases)| cases.iter().map(move |case| (topic.as_str(), case)));
    let asked: Vec<(&str, &Case)> = all
        .filter(|(topic, case)| format!("{topic}: {}", case.name).contains(&only))
        .collect();
    let failures = failures(&asked);
    assert!(
        failures.is_empty(),
        "{} of {} cases:\n{}",
        failures.len(),
        asked.len(),
        failures.join("\n")
    );
}

#[test]
fn there_are_enough_facts_each_with_a_name_of_its_own_and_a_source() {
    let topics = topics();
    let mut names = BTreeSet::new();
    for (topic, cases) in &topics {
        for case in cases {
            assert_ne!(
                case.differs.as_deref().map(str::trim),
                Some(""),
                "{topic}: {}: why does it differ?",
                case.name
            );
            assert!(names.insert(&case.name), "{topic}: there are two called {}", case.name);
            let known = [
                "moby/swarmkit ",
                "moby/moby ",
                "hashicorp/nomad ",
                "docker/classicswarm ",
                "docker/cli ",
            ];
            assert!(
                known.iter().any(|source| case.source.starts_with(source)),
                "{topic}: {}",
                case.source
            );
        }
    }
    assert!(names.len() >= 90, "there are {} cases", names.len());
}

#[test]
fn a_wrong_expectation_is_noticed() {
    let case = |expect: &str| -> Case {
        let text = format!(
            "{{name: x, source: x, hosts: {{'h[1-2]': {{labels: {{zone: a}}}}}}, services: {{web: {{deploy: {{replicas: 3}}}}}}, expect: {expect}}}"
        );
        serde_yaml::from_str(&text).unwrap()
    };
    assert_eq!(
        case("{on: {web.1: h1, 'web.[2-3]': [h1, h2]}, count: {web: {h1: 2, h2: 1}}}").wrong(),
        [""; 0]
    );
    for (expect, said) in [
        ("{on: {web.1: h2}}", "web.1 is on h1, not on h2"),
        (
            "{count: {web: {h1: 3}}}",
            "web: {\"h1\": 2, \"h2\": 1}, not {\"h1\": 3}",
        ),
        ("{spread: {web: [3]}}", "web: [1, 2], not [3]"),
        (
            "{groups: {web: {zone: {a: 2}}}}",
            "web by zone: {\"a\": 3}, not {\"a\": 2}",
        ),
        ("{unplaced: {web.3: full}}", "unplaced: {}, not {\"web.3\": \"full\"}"),
        ("{removed: [web.9]}", "removed: {}, not {\"web.9\"}"),
        ("{moved: {web.1: h1}}", "moved: {}, not {\"web.1\": \"h1\"}"),
        ("{exit: 10}", "exit 0, not 10"),
        ("{refused: [no]}", "it was not refused"),
        ("{notes: [rain]}", "no note says rain"),
        ("{why: {web.1: rain}}", "rain"),
    ] {
        let wrong = case(expect).wrong();
        assert!(wrong.iter().any(|wrong| wrong.contains(said)), "{expect}: {wrong:?}");
    }
}
