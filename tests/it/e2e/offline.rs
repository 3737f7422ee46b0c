//! Plans without hosts, and plans kept in files.

use super::lab::{self, SHARED};
use super::scene::{Run, Scene, service};

fn scene(name: &str) -> Scene {
    let scene = Scene::new(name, &SHARED);
    let deploy = "replicas: 4, update_config: {parallelism: 0, monitor: 1s}";
    scene.write("services/web.yaml", &service("web", &lab::app(1), "", deploy));
    scene.commit("web 1");
    scene
}

fn plan_of(run: Run) -> serde_json::Value {
    let mut document: serde_json::Value = serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{run:#?}"));
    document["plan"].take()
}

#[test]
fn a_plan_from_a_saved_observation_is_the_plan_from_the_hosts() {
    let scene = scene("offline");
    scene.apply();
    scene.edit("services/web.yaml", &lab::app(1), &lab::app(2));
    scene.edit("services/web.yaml", "replicas: 4", "replicas: 3");
    scene.commit("web 2, one fewer");
    let live = scene.beside("live.json");
    std::fs::write(&live, scene.cdk(&["observe", "-o", "json"]).ended(0).out).unwrap();
    let from_hosts = plan_of(scene.cdk(&["plan", "-o", "json"]).ended(0));
    let from_file = plan_of(scene.cdk(&["plan", "-o", "json", "--live", &live]).ended(0));
    assert_eq!(from_hosts, from_file);
    assert!(!from_file["steps"].as_array().unwrap().is_empty());
}

#[test]
fn a_person_can_write_what_is_live_by_hand() {
    let scene = scene("byhand");
    let live = scene.beside("live.json");
    std::fs::write(
        &live,
        r#"{"hosts": {"h1": {}, "h2": {}, "h3": {}, "h4": {"unreachable": "what if"}}}"#,
    )
    .unwrap();
    scene
        .cdk(&["plan", "--live", &live, "--detailed-exitcode"])
        .ended(2)
        .says("4 to create")
        .says("what if");
    assert_eq!(scene.containers().len(), 0);
}

#[test]
fn a_saved_plan_is_applied_once_and_then_stale() {
    let scene = scene("saved");
    // One host: among several, what other tests put there in the meantime would make the plan stale.
    scene.write("hosts.yaml", "hosts: {h1: {address: h1}}\n");
    scene.commit("one host");
    let file = scene.beside("plan.json");
    scene.cdk(&["plan", "--out", &file]).ended(0);
    scene.cdk(&["apply", &file]).ended(0);
    scene.runs("web", 4, &lab::app(1));
    scene
        .cdk(&["apply", &file])
        .ended(8)
        .says("stale")
        .says("--- the saved plan\n+++ the plan now\n")
        .says("+No changes.");
    scene.nothing_to_do();
    // What it was made for goes with it.
    scene.edit("services/web.yaml", "replicas: 4", "replicas: 3");
    scene.write("services/api.yaml", &service("api", &lab::app(1), "", "replicas: 1"));
    scene.commit("one fewer, and another");
    scene
        .cdk(&["plan", "--service", "api", "--out", &file])
        .ended(0)
        .says(" · --service api\n");
    scene
        .cdk(&["apply", "--service", "web", &file])
        .ended(64)
        .says("--service web: this plan was made with --service api");
    scene.cdk(&["apply", &file]).ended(0);
    scene.runs("api", 1, &lab::app(1));
    scene.runs("web", 4, &lab::app(1));
    scene.apply();
    scene.runs("web", 3, &lab::app(1));
}

#[test]
fn an_older_revision_can_be_planned_and_applied_by_name() {
    let scene = scene("older");
    scene.apply();
    scene.edit("services/web.yaml", &lab::app(1), &lab::app(2));
    scene.commit("web 2");
    scene.cdk(&["plan", "--rev", "HEAD~1", "--detailed-exitcode"]).ended(0);
    scene.apply();
    scene.cdk(&["plan", "--rev", "HEAD~1", "--detailed-exitcode"]).ended(2);
    scene.cdk(&["apply", "--rev", "HEAD~1", "--yes"]).ended(0);
    scene.runs("web", 4, &lab::app(1));
}
