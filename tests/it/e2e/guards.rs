//! What cdk refuses to do unasked, and that a refusal touches nothing.

use super::lab::{self, SHARED};
use super::scene::{Scene, service};

fn scene(name: &str, replicas: u32) -> Scene {
    scene_on(&SHARED, name, replicas)
}

fn scene_on(hosts: &[&'static str], name: &str, replicas: u32) -> Scene {
    let scene = Scene::new(name, hosts);
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

#[test]
fn a_cluster_under_a_new_name_is_not_made_a_second_time_unasked() {
    let mut scene = scene("renamed", 2);
    scene.apply();
    scene.edit("cdk.yaml", "name: renamed", "name: renamed2");
    scene.commit("another name");
    let run = scene.cdk(&["plan"]).ended(0);
    run.says("apply refuses")
        .says("a cluster renamed that came from this repository");
    scene.cdk(&["apply", "--yes"]).ended(3).says("--new-cluster");
    assert_eq!(scene.containers().len(), 2);
    scene.cdk(&["apply", "--yes", "--new-cluster"]).ended(0);
    // Once is enough.
    scene.edit("services/web.yaml", "replicas: 2", "replicas: 3");
    scene.commit("three");
    scene.cluster = "renamed2".to_owned();
    scene.apply();
    scene.runs("web", 3, &lab::app(1));
    assert_eq!(
        lab::containers(&SHARED, "renamed.web.").len(),
        2,
        "the other one stands beside it"
    );
    scene.clear();
    scene.cluster = "renamed".to_owned();
}

#[test]
fn an_older_commit_is_not_applied_by_mistake() {
    let scene = scene_on(&["h2"], "rerun", 1);
    scene.apply();
    let old = scene.git(&["rev-parse", "HEAD"]);
    scene.edit("services/web.yaml", "replicas: 1", "replicas: 2");
    scene.commit("two");
    scene.apply();
    // Build 41 again, after build 42: as it is, and from a shallow clone that has only its own commit.
    scene.git(&["checkout", "-q", &old]);
    scene
        .cdk(&["plan"])
        .ended(0)
        .says("apply refuses")
        .says("is older than");
    scene
        .cdk(&["apply", "--yes", "--allow-removals"])
        .ended(3)
        .says("--rev");
    let file = scene.beside("plan.json");
    scene.cdk(&["plan", "--out", &file]).ended(0);
    scene
        .cdk(&["apply", &file, "--allow-removals"])
        .ended(3)
        .says("is older than");
    let shallow = scene.beside("shallow");
    let source = format!("file://{}", scene.path().display());
    scene.git(&["branch", "build-41"]);
    scene.git(&["clone", "-q", "--depth", "1", "--branch", "build-41", &source, &shallow]);
    let run = scene
        .cdk(&["-C", &shallow, "apply", "--yes", "--allow-removals"])
        .ended(3);
    run.says("this shallow clone does not hold").says("made earlier");
    scene.runs("web", 2, &lab::app(1));

    // The newest commit from a shallow clone is fine, and so is the older one by its name.
    scene.git(&["checkout", "-q", "main"]);
    scene.edit("services/web.yaml", "replicas: 2", "replicas: 3");
    scene.commit("three");
    let newest = scene.beside("newest");
    scene.git(&["clone", "-q", "--depth", "1", &source, &newest]);
    scene.cdk(&["-C", &newest, "apply", "--yes"]).ended(0);
    scene.runs("web", 3, &lab::app(1));
    scene.cdk(&["plan", "--rev", &old, "--out", &file]).ended(0);
    scene.cdk(&["apply", &file, "--allow-removals"]).ended(0);
    scene.runs("web", 1, &lab::app(1));

    // Another branch is neither: that is said, and allowed.
    scene.git(&["checkout", "-q", "-b", "side"]);
    scene.edit("services/web.yaml", "replicas: 3", "replicas: 4");
    scene.commit("four");
    scene.apply();
    scene.git(&["checkout", "-q", "main"]);
    scene.edit("services/web.yaml", "replicas: 3", "replicas: 5");
    scene.commit("five");
    scene.cdk(&["apply", "--yes"]).ended(0).says("different branches");
}

#[test]
fn reverting_the_commit_that_added_a_volume_keeps_the_volume() {
    let scene = scene_on(&["h1"], "volume", 1);
    scene.apply();
    scene.write("services/volume.yaml", "volumes: {data: {}}\n");
    scene.edit(
        "services/web.yaml",
        "    deploy:",
        "    volumes: [\"data:/data\"]\n    deploy:",
    );
    scene.commit("data");
    scene.apply();
    let volumes = || lab::engine("h1", "GET", "volumes", None).to_string();
    assert!(volumes().contains("volume_data"));
    scene.revert();
    scene.apply();
    scene.nothing_to_do();
    assert!(volumes().contains("volume_data"));
}

#[test]
fn an_observation_hides_secrets_and_is_planned_with_all_the_same() {
    let scene = scene_on(&["h1"], "masked", 1);
    let secret = "    environment: {DB_PASSWORD: hunter2-of-truth, LEVEL: info}\n    deploy:";
    scene.edit("services/web.yaml", "    deploy:", secret);
    scene.commit("a password");
    scene.apply();
    let seen = scene.cdk(&["observe", "-o", "json"]).ended(0).out;
    assert!(seen.contains("DB_PASSWORD") && !seen.contains("hunter2-of-truth"));
    let live = scene.beside("live.json");
    std::fs::write(&live, seen).unwrap();
    let run = scene.cdk(&["plan", "--live", &live, "--detailed-exitcode"]).ended(0);
    run.says("the observation is masked");
    scene.edit("services/web.yaml", "LEVEL: info", "LEVEL: debug");
    scene.commit("debug");
    let run = scene.cdk(&["plan", "--live", &live, "--detailed-exitcode"]).ended(2);
    assert!(!run.out.contains("DB_PASSWORD"), "{}", run.out);
}
