//! An apply that is cut off, gently or not: the same command again converges, with no orphan and no duplicate.

use std::time::Duration;

use super::lab::{self, SHARED};
use super::scene::{Run, Scene, service};

/// Begins an update of six replicas, sends the signal once the first is being replaced, and answers how the run ended.
fn cut_off(scene: &Scene, signal: &str) -> Run {
    let deploy = "replicas: 6, update_config: {parallelism: 2, delay: 1s, monitor: 1s}";
    scene.write("services/web.yaml", &service("web", &lab::app(1), "", deploy));
    scene.commit("web 1");
    scene.apply();
    let before: Vec<String> = scene.containers().into_iter().map(|one| one.id).collect();
    scene.edit("services/web.yaml", &lab::app(1), &lab::app(2));
    scene.commit("web 2");
    let running = scene.start(&["apply", "--yes"]);
    let begun = || scene.containers().iter().any(|one| !before.contains(&one.id));
    lab::until("a replica is being replaced", Duration::from_secs(120), begun);
    running.signal(signal);
    running.end()
}

fn converges(scene: &Scene) {
    scene.something_to_do();
    scene.apply();
    scene.runs("web", 6, &lab::app(2));
    scene.nothing_to_do();
}

#[test]
fn sigterm_finishes_the_step_in_hand_and_again_converges() {
    let scene = Scene::new("sigterm", &SHARED);
    cut_off(&scene, "TERM").ended(130);
    let names: Vec<String> = scene.containers().into_iter().map(|one| one.name).collect();
    assert!(
        !names.iter().any(|name| name.ends_with(".old")) || names.len() <= 12,
        "{names:?}"
    );
    converges(&scene);
}

#[test]
fn kill_9_and_again_converges() {
    let scene = Scene::new("kill9", &SHARED);
    assert_eq!(cut_off(&scene, "KILL").code, None);
    converges(&scene);
}
