//! What cdk refuses to do unasked, and that a refusal touches nothing.

use super::lab::{self, SHARED};
use super::scene::{Scene, service};

fn scene(name: &str, replicas: u32) -> Scene {
    let scene = Scene::new(name, &SHARED);
    let deploy = format!("replicas: {replicas}, update_config: {{parallelism: 0, monitor: 1s}}");
    scene.write("services/web.yaml", &service("web", &lab::app(1), "", &deploy));
    scene.commit("web 1");
    scene
}

#[test]
fn without_a_terminal_apply_wants_yes() {
    let scene = scene("noyes", 1);
    scene.cdk(&["apply"]).ended(64).says("--yes");
    assert_eq!(scene.containers().len(), 0);
}

#[test]
fn uncommitted_changes_want_dirty() {
    let scene = scene("dirty", 1);
    scene.edit("services/web.yaml", "replicas: 1", "replicas: 2");
    scene.cdk(&["apply", "--yes"]).ended(3).says("--dirty");
    assert_eq!(scene.containers().len(), 0);
    scene.cdk(&["apply", "--yes", "--dirty"]).ended(0);
    scene.runs("web", 2, &lab::app(1));
}

#[test]
fn removing_more_than_half_wants_to_be_allowed() {
    let scene = scene("removals", 4);
    scene.apply();
    scene.edit("services/web.yaml", "replicas: 4", "replicas: 1");
    scene.commit("three fewer");
    scene.cdk(&["apply", "--yes"]).ended(3).says("--allow-removals");
    scene.runs("web", 4, &lab::app(1));
    scene.cdk(&["apply", "--yes", "--allow-removals"]).ended(0);
    scene.runs("web", 1, &lab::app(1));
    scene.nothing_to_do();
}

#[test]
fn a_repository_that_is_wrong_is_refused_at_its_line() {
    let scene = scene("wrong", 1);
    scene.edit("services/web.yaml", "replicas: 1", "replicas: many");
    scene.commit("wrong");
    for command in [&["check"][..], &["plan"], &["apply", "--yes"]] {
        scene.cdk(command).ended(3).says("services/web.yaml:4:");
    }
    assert_eq!(scene.containers().len(), 0);
}

#[test]
fn status_tells_in_its_exit_code() {
    let scene = scene("status", 2);
    scene.cdk(&["status"]).ended(2);
    scene.apply();
    scene.cdk(&["status"]).ended(0);
}
