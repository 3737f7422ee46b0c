//! Jobs and `depends_on` on real engines: what runs first, what stays untouched, and what never runs again.

use std::time::Duration;

use serde_json::Value;

use super::lab;
use super::scene::Scene;

const HOSTS: [&str; 2] = ["h1", "h2"];

/// A job that takes a moment, a service that becomes healthy late, and one that waits for both.
fn shop(version: u8) -> String {
    let app = lab::app(version);
    format!(
        "services:\n  migrate:\n    image: {app}\n    environment: {{APP_EXIT_AFTER: \"2\", APP_EXIT_CODE: \"0\"}}\n    \
         deploy: {{mode: replicated-job}}\n  \
         cache:\n    image: {}\n    environment: {{APP_HEALTHY_AFTER: \"3\"}}\n    \
         healthcheck: {{test: [CMD, /app, --health], interval: 1s, retries: 9}}\n  \
         web:\n    image: {app}\n    deploy: {{replicas: 2, update_config: {{parallelism: 0, monitor: 1s}}}}\n    depends_on:\n      \
         migrate: {{condition: service_completed_successfully}}\n      cache: {{condition: service_healthy}}\n",
        lab::app(1)
    )
}

/// What the engine says of a container of the scene: `State.StartedAt`, say.
fn told(scene: &Scene, slot: &str, path: &str) -> String {
    let name = format!("{}.{slot}", scene.cluster);
    let one = scene.containers().into_iter().find(|one| one.name == name).unwrap();
    let live = lab::engine(&one.host, "GET", &format!("containers/{}/json", one.id), None);
    let value = path.split('.').fold(&live, |value: &Value, key| &value[key]);
    value.as_str().unwrap_or_default().to_owned()
}

fn ids(scene: &Scene, service: &str) -> Vec<String> {
    let prefix = format!("{}.{service}.", scene.cluster);
    let all = scene
        .containers()
        .into_iter()
        .filter(|one| one.name.starts_with(&prefix));
    all.map(|one| one.id).collect()
}

#[test]
fn a_job_runs_once_per_version_before_its_dependants() {
    let scene = Scene::new("order", &HOSTS);
    scene.write("services/shop.yaml", &shop(1));
    scene.commit("version 1");
    scene.something_to_do().says("run: this version has not run yet");
    scene.apply();
    scene.nothing_to_do();
    scene.cdk(&["status"]).ended(0);
    scene.cdk(&["ps", "migrate"]).ended(0).says("succeeded");
    let web = told(&scene, "web.1", "State.StartedAt");
    // Both hosts are containers of this machine, so there is one clock.
    assert!(told(&scene, "migrate.1", "State.FinishedAt") < web);
    let cache: jiff::Timestamp = told(&scene, "cache.1", "State.StartedAt").parse().unwrap();
    assert!(web.parse::<jiff::Timestamp>().unwrap().duration_since(cache).as_secs() >= 3);

    let before = ids(&scene, "web");
    scene.write(
        "services/shop.yaml",
        &shop(2).replace("APP_EXIT_CODE: \"0\"", "APP_EXIT_CODE: \"3\""),
    );
    scene.commit("a migration that fails");
    let failed = scene.cdk(&["apply", "--yes"]).ended(4);
    failed.says("exited with code 3").says("exits with 3, as told");
    assert_eq!(ids(&scene, "web"), before, "the very same containers, untouched");
    scene.runs("web", 2, &lab::app(1));
    scene.cdk(&["ps", "migrate"]).says("failed (3)");
    scene
        .something_to_do()
        .says("it failed with exit code 3: it runs again");

    scene.revert();
    scene.nothing_to_do();
    scene.cdk(&["status"]).ended(0);

    scene.write("services/shop.yaml", &shop(2));
    scene.commit("version 2");
    scene.apply();
    scene.runs("web", 2, &lab::app(2));
    let second = ids(&scene, "migrate");
    scene.revert();
    scene.apply();
    scene.runs("web", 2, &lab::app(1));
    assert_eq!(ids(&scene, "migrate"), second, "version 1 has run before");
    scene.nothing_to_do();

    scene.remove("services/shop.yaml");
    scene.write("services/other.yaml", "services: {}\n");
    scene.commit("nothing");
    let gone = scene.cdk(&["apply", "--yes", "--allow-removals", "-v"]).ended(0);
    let last = |what: &str| {
        gone.err
            .rfind(what)
            .unwrap_or_else(|| panic!("no {what} in {}", gone.err))
    };
    assert!(
        last("remove order.web.2  done") < last("stop order.cache.1  done"),
        "{}",
        gone.err
    );
    scene.nothing_to_do();
}

#[test]
fn killed_while_a_job_runs_the_same_again_waits_for_it() {
    let scene = Scene::new("orderkill", &HOSTS);
    scene.write(
        "services/shop.yaml",
        // It ends when it is told to.
        &shop(1).replace("APP_EXIT_AFTER: \"2\"", "APP_EXIT_AFTER: \"3600\""),
    );
    scene.commit("version 1");
    let running = scene.start(&["apply", "--yes"]);
    let runs = || {
        scene
            .containers()
            .iter()
            .any(|one| one.name == "orderkill.migrate.1" && one.state == "running")
    };
    lab::until("the job runs", Duration::from_secs(120), runs);
    running.signal("KILL");
    running.end();
    let run = ids(&scene, "migrate");
    scene.something_to_do().says("it runs: its end is waited for");
    let words = scene.beside("words");
    let waiting = scene.start_writing(&words, &["apply", "--yes", "-v"]);
    lab::until("it is waited for", Duration::from_secs(120), || {
        std::fs::read_to_string(&words).is_ok_and(|words| words.contains("orderkill.migrate.1"))
    });
    let job = scene
        .containers()
        .into_iter()
        .find(|one| one.name == "orderkill.migrate.1")
        .unwrap();
    lab::engine(
        &job.host,
        "POST",
        &format!("containers/{}/kill?signal=TERM", job.id),
        None,
    );
    waiting.end().ended(0);
    assert_eq!(ids(&scene, "migrate"), run);
    assert!(told(&scene, "migrate.1", "State.FinishedAt") < told(&scene, "web.1", "State.StartedAt"));
    scene.nothing_to_do();
}
