//! Replacement as `update_config` says it: parallelism, delay, order; and an update that fails. Told by the engines' own events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::lab::{self, SHARED};
use super::scene::{Scene, service};

const HEALTH: &str = "    healthcheck: {test: [CMD, /app, --health], interval: 1s, retries: 2}\n";

/// What an engine tells of a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    /// When, in nanoseconds.
    pub at: u64,
    /// `start` or `die`.
    pub what: String,
    /// Its name then.
    pub name: String,
    /// The engine's id of it.
    pub id: String,
}

/// What the engines tell of a cluster's containers since a moment, in order.
fn told(hosts: &[&str], cluster: &str, since: &str) -> Vec<Told> {
    let mut all = lab::everywhere(hosts, |host| {
        let path = format!("http://engine/v1.41/events?since={since}&until={}", now());
        let told = lab::lab(&["exec", host, "curl", "-sS", "--unix-socket", "/run/docker.sock", &path]);
        let told = told
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let told = told.filter(|event| event["Type"] == "container");
        let told = told
            .filter(|event| event["Action"] == "start" || event["Action"] == "die")
            .map(|event| {
                let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
                Told {
                    at: event["timeNano"].as_u64().unwrap(),
                    what: text(&event["Action"]),
                    name: text(&event["Actor"]["Attributes"]["name"]),
                    id: text(&event["Actor"]["ID"]),
                }
            });
        told.filter(|one| one.name.starts_with(&format!("{cluster}.")))
            .collect::<Vec<_>>()
    })
    .concat();
    all.sort();
    all
}

/// Hears what engines tell of a cluster's containers, from its start to its end: they remember the last 256 things that happened, to whomever,
/// and health checks are among them.
pub struct Listener {
    ended: Arc<AtomicBool>,
    heard: Option<JoinHandle<BTreeSet<Told>>>,
}

impl Listener {
    pub fn start(scene: &Scene) -> Self {
        let (hosts, cluster, since) = (scene.hosts.clone(), scene.cluster.clone(), now());
        let ended = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&ended);
        let heard = std::thread::spawn(move || {
            let mut all = BTreeSet::new();
            loop {
                let is_last = stop.load(Ordering::SeqCst);
                all.extend(told(&hosts, &cluster, &since));
                if is_last {
                    return all;
                }
                std::thread::park_timeout(Duration::from_secs(2));
            }
        });
        let heard = Some(heard);
        Self { ended, heard }
    }

    /// All that was told, in order.
    pub fn end(mut self) -> Vec<Told> {
        self.ended.store(true, Ordering::SeqCst);
        let heard = self.heard.take().unwrap();
        heard.thread().unpark();
        heard.join().unwrap().into_iter().collect()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
    }
}

/// The hosts are containers of this machine, so there is one clock. In seconds since the epoch, as the engine's API takes it.
fn now() -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    format!("{}.{:09}", now.as_secs(), now.subsec_nanos())
}

/// The most replicas that were down at once, and when each came up.
fn reading(events: &[Told]) -> (usize, Vec<u64>) {
    let mut down: BTreeMap<&str, ()> = BTreeMap::new();
    let (mut most, mut starts) = (0, Vec::new());
    for Told { at, what, name, .. } in events {
        let slot = name.trim_end_matches(".old");
        match what.as_str() {
            "die" => drop(down.insert(slot, ())),
            _ => {
                starts.push(*at);
                down.remove(slot);
            }
        }
        most = most.max(down.len());
    }
    (most, starts)
}

#[test]
fn a_changed_image_rolls_by_parallelism_and_delay() {
    let scene = Scene::new("rolling", &SHARED);
    let deploy = "replicas: 6, update_config: {parallelism: 2, delay: 1s, monitor: 1s}";
    scene.write("services/web.yaml", &service("web", &lab::app(1), "", deploy));
    scene.commit("web 1");
    scene.apply();

    scene.edit("services/web.yaml", &lab::app(1), &lab::app(2));
    scene.commit("web 2");
    scene.something_to_do().says("2 at a time").says("6 to replace");
    let listener = Listener::start(&scene);
    scene.apply();
    let (most, starts) = reading(&listener.end());
    assert_eq!(starts.len(), 6);
    assert!(most <= 2, "two at a time, not {most}");
    let two = Duration::from_secs(2);
    assert!(
        starts
            .windows(2)
            .any(|pair| Duration::from_nanos(pair[1] - pair[0]) < two),
        "one worker alone takes its time between two: {starts:?}"
    );
    for pair in starts.windows(3) {
        let apart = Duration::from_nanos(pair[2] - pair[0]);
        assert!(
            apart >= two,
            "monitor and delay lie between a worker's replicas, not {apart:?}"
        );
    }
    scene.runs("web", 6, &lab::app(2));
    scene.nothing_to_do();

    scene.revert();
    scene.apply();
    scene.runs("web", 6, &lab::app(1));
    scene.nothing_to_do();
}

#[test]
fn start_first_leaves_nobody_without_a_replica() {
    let scene = Scene::new("startfirst", &SHARED);
    let deploy = "replicas: 2, update_config: {parallelism: 1, order: start-first, monitor: 1s}";
    scene.write("services/web.yaml", &service("web", &lab::app(1), HEALTH, deploy));
    scene.commit("web 1");
    scene.apply();
    scene.edit("services/web.yaml", &lab::app(1), &lab::app(2));
    scene.commit("web 2");
    let listener = Listener::start(&scene);
    scene.apply();
    let told = listener.end();
    let order: Vec<&str> = told.iter().map(|one| one.what.as_str()).collect();
    assert_eq!(order, ["start", "die", "start", "die"], "{told:?}");
    scene.runs("web", 2, &lab::app(2));
    scene.nothing_to_do();
}

#[test]
fn what_docker_can_change_in_place_is_not_replaced() {
    let scene = Scene::new("inplace", &SHARED);
    let deploy = "replicas: 2, resources: {limits: {memory: 64M}}, update_config: {monitor: 1s}";
    scene.write("services/web.yaml", &service("web", &lab::app(1), "", deploy));
    scene.commit("64M");
    scene.apply();
    let before: Vec<String> = scene.containers().into_iter().map(|one| one.id).collect();
    scene.edit("services/web.yaml", "64M", "96M");
    scene.commit("96M");
    scene.something_to_do().says("64M").says("96M");
    scene.apply();
    scene.nothing_to_do();
    let after = scene.containers();
    assert_eq!(
        before,
        after.iter().map(|one| one.id.clone()).collect::<Vec<_>>(),
        "the same containers"
    );
    for one in after {
        let live = lab::engine(&one.host, "GET", &format!("containers/{}/json", one.id), None);
        assert_eq!(live["HostConfig"]["Memory"], 96 << 20);
    }
}

#[test]
fn a_version_that_never_becomes_healthy_leaves_the_old_one_serving() {
    let scene = Scene::new("sick", &SHARED);
    let deploy = "replicas: 3, update_config: {parallelism: 1, monitor: 1s, timeout: 60s}";
    let more = format!("    ports: [\"8080\"]\n{HEALTH}    environment: {{APP_HEALTHY_AFTER: \"0\"}}\n");
    scene.write("services/web.yaml", &service("web", &lab::app(1), &more, deploy));
    scene.commit("well");
    scene.apply();
    let before: Vec<String> = scene.containers().into_iter().map(|one| one.id).collect();

    scene.edit(
        "services/web.yaml",
        "APP_HEALTHY_AFTER: \"0\"",
        "APP_HEALTHY_AFTER: never",
    );
    scene.edit("services/web.yaml", &lab::app(1), &lab::app(2));
    scene.edit("services/web.yaml", "timeout: 60s", "timeout: 3s");
    scene.commit("never well");
    scene.cdk(&["apply", "--yes"]).ended(9).says("healthy").says("paused");
    scene.runs("web", 3, &lab::app(1));
    let after: Vec<String> = scene.containers().into_iter().map(|one| one.id).collect();
    assert_eq!(
        before, after,
        "the very same containers: the one that was tried serves again, the others were never touched"
    );
    for slot in ["web.1", "web.2", "web.3"] {
        assert!(scene.answer(slot).starts_with("1 "));
    }

    scene.revert();
    scene.apply();
    scene.nothing_to_do();
}
