//! A rehearsal beside the apply that follows: the same events in the same order per replica and per dependency, and the same end.

use std::collections::BTreeMap;

use serde_json::Value;

use super::lab::{self, SHARED};
use super::scene::{Run, Scene};

const HEALTH: &str = "healthcheck: {test: [CMD, /app, --health], interval: 1s, retries: 2}";

/// What happened, in order: the replica and what became of one of its steps, `stop rehearsed.web.1 done`.
type Tale = Vec<(String, String)>;

fn rehearsed(document: &Value) -> Tale {
    let events = document["events"].as_array().unwrap().iter();
    let told = events.filter_map(|event| {
        let how = match event["event"].as_str().unwrap() {
            "done" => "done",
            "failed" => "failed",
            "undone" if event["error"].is_null() => "taken back",
            "undone" => "could not be taken back",
            _ => return None,
        };
        let op = event["op"].as_str().unwrap();
        Some((event["slot"].as_str()?.to_owned(), format!("{op} {how}")))
    });
    told.collect()
}

/// The lines of `apply -v`: `[3/12] h1  web.1  stop rehearsed.web.1  done in 0.3s`.
fn applied(run: &Run) -> Tale {
    let lines = run.err.lines().filter(|line| line.starts_with('['));
    let told = lines.filter_map(|line| {
        let parts: Vec<&str> = line.split("  ").collect();
        let [_, slot, op, end] = parts.as_slice() else {
            return None;
        };
        let how = ["done", "failed", "taken back", "could not be taken back"]
            .into_iter()
            .find(|how| end.starts_with(how))?;
        Some(((*slot).to_owned(), format!("{op} {how}")))
    });
    told.collect()
}

fn by_replica(tale: &Tale) -> BTreeMap<&str, Vec<&str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (slot, what) in tale {
        all.entry(slot).or_default().push(what);
    }
    all
}

/// Whether all of `first` comes before anything of `then`, services both.
fn follows(tale: &Tale, first: &str, then: &str) -> bool {
    let of = |slot: &str, service: &str| slot.rsplit_once('.').is_some_and(|(name, _)| name == service);
    let last = tale
        .iter()
        .rposition(|(slot, what)| of(slot, first) && !what.contains("watch") && !what.contains("remove"));
    let begin = tale.iter().position(|(slot, _)| of(slot, then));
    last.unwrap() < begin.unwrap()
}

/// Rehearses with these faults, then applies, and holds one beside the other.
#[track_caller]
fn side_by_side(scene: &Scene, faults: &[&str], code: i32) -> (Tale, Tale) {
    let rehearsal = scene.cdk(&[&["rehearse", "-o", "json"], faults].concat());
    let document: Value = serde_json::from_str(&rehearsal.out).unwrap();
    assert_eq!(document["exit_code"], code, "{:#}", document["outcome"]);
    rehearsal.ended(if faults.is_empty() { code } else { 0 });
    let apply = scene.cdk(&["apply", "--yes", "-v", "-o", "json"]).ended(code);
    let outcome: Value = serde_json::from_str(&apply.out).unwrap();
    for key in ["steps", "done", "undone", "skipped"] {
        assert_eq!(document["outcome"][key], outcome[key], "{key}");
    }
    let failed = |outcome: &Value| {
        let failed = outcome["failed"].as_array().unwrap().iter();
        failed
            .map(|one| (one["step"].clone(), one["host"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(failed(&document["outcome"]), failed(&outcome));
    let (rehearsed, applied) = (rehearsed(&document), applied(&apply));
    assert!(!applied.is_empty());
    assert_eq!(by_replica(&rehearsed), by_replica(&applied));
    (rehearsed, applied)
}

fn write(scene: &Scene, web: u8, order: &str, more: &str) {
    let (image, base) = (lab::app(web), lab::app(1));
    scene.write(
        "services/all.yaml",
        &format!(
            "services:
  migrate: {{image: {image}, command: [/app, migrate], deploy: {{mode: replicated-job}}}}
  cache: {{image: {base}, {HEALTH}, deploy: {{update_config: {{monitor: 1s}}}}}}
  web:
    image: {image}
    depends_on: {{migrate: {{condition: service_completed_successfully}}, cache: {{condition: service_healthy}}}}
    {more}
    deploy: {{replicas: 4, update_config: {{parallelism: 2, delay: 1s, monitor: 1s, order: {order}}}}}
"
        ),
    );
}

#[test]
fn it_goes_as_it_was_rehearsed() {
    let scene = Scene::new("rehearsed", &SHARED);
    write(&scene, 1, "stop-first", HEALTH);
    scene.commit("all from nothing");
    let (rehearsed, applied) = side_by_side(&scene, &[], 0);
    for tale in [&rehearsed, &applied] {
        assert!(
            follows(tale, "migrate", "web") && follows(tale, "cache", "web"),
            "{tale:#?}"
        );
    }

    write(&scene, 2, "stop-first", HEALTH);
    scene.commit("stop-first");
    let (rehearsed, applied) = side_by_side(&scene, &[], 0);
    for tale in [&rehearsed, &applied] {
        assert!(follows(tale, "migrate", "web"), "{tale:#?}");
    }

    write(&scene, 3, "start-first", HEALTH);
    scene.commit("start-first");
    side_by_side(&scene, &[], 0);
    scene.nothing_to_do();
}

#[test]
fn a_failure_ends_as_it_was_rehearsed() {
    let scene = Scene::new("rehearsedsick", &SHARED);
    let version = |more: &str, update: &str| {
        let deploy = format!("replicas: 3, update_config: {{parallelism: 1, monitor: 2s, {update}}}");
        let service = super::scene::service("web", &lab::app(1), more, &deploy);
        scene.write("services/web.yaml", &service);
    };
    version("", "failure_action: pause");
    scene.commit("well");
    side_by_side(&scene, &[], 0);
    let ends = "    environment: {APP_EXIT_AFTER: \"0\", APP_EXIT_CODE: \"1\"}\n";
    version(ends, "failure_action: pause");
    scene.commit("ends at once");
    side_by_side(&scene, &["--fail", "web.1@0s"], 9);
}

#[test]
fn a_version_that_never_becomes_healthy_goes_back_as_it_was_rehearsed() {
    let scene = Scene::new("rehearsednever", &SHARED);
    // The second of three failures is one too many; the engine calls each unhealthy long before its deadline.
    let version = |environment: &str| {
        let deploy = "replicas: 3, update_config: {parallelism: 1, monitor: 1s, failure_action: rollback, max_failure_ratio: 0.4}";
        let more = format!("    {HEALTH}\n    environment: {{{environment}}}\n");
        let service = super::scene::service("web", &lab::app(1), &more, deploy);
        scene.write("services/web.yaml", &service);
    };
    version("");
    scene.commit("well");
    side_by_side(&scene, &[], 0);
    version("APP_HEALTHY_AFTER: never");
    scene.commit("never healthy");
    let (rehearsed, applied) = side_by_side(&scene, &["--slow", "web.*=1h"], 5);
    for tale in [&rehearsed, &applied] {
        let failed = tale.iter().filter(|(_, what)| what.ends_with("is up failed"));
        let failed: Vec<&str> = failed.map(|(slot, _)| slot.as_str()).collect();
        assert_eq!(failed, ["web.1", "web.2"], "{tale:#?}");
    }
}
