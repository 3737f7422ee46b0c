//! One repository for two clusters, and labels that come from the environment of whoever applies.

use super::lab::{self, SHARED};
use super::scene::{Scene, service};

fn label(scene: &Scene, name: &str) -> String {
    let all = scene.containers();
    let one = all.first().unwrap();
    let container = lab::engine(&one.host, "GET", &format!("containers/{}/json", one.id), None);
    container["Config"]["Labels"][name]
        .as_str()
        .unwrap_or("none")
        .to_owned()
}

#[test]
fn a_label_from_the_environment_is_set_with_the_container_and_changes_nothing_by_itself() {
    let scene = Scene::new("envs-stamp", &SHARED[..1]);
    scene.edit("cdk.yaml", "cluster:\n", "cluster:\n  env: [BUILD_URL]\n");
    let more = |label: &str| format!("    labels: {label}\n");
    let web = |version, label| service("web", &lab::app(version), &more(label), "update_config: {monitor: 1s}");
    scene.write("services/web.yaml", &web(1, "{from: \"build {{ env.BUILD_URL }}\"}"));
    scene.commit("web 1");
    // Nothing but a container to be made needs the variable.
    scene.cdk(&["check"]).ended(0);
    scene.something_to_do();
    scene.cdk(&["apply", "--yes"]).ended(3).says("BUILD_URL is not set");
    let apply = |url: &str| scene.cdk_with(&[("BUILD_URL", url)], &["apply", "--yes"]).ended(0);
    apply("one");
    assert_eq!(label(&scene, "from"), "build one");
    scene.nothing_to_do();
    apply("two").says("No changes");
    assert_eq!(label(&scene, "from"), "build one");
    scene.write("services/web.yaml", &web(2, "{from: \"build {{ env.BUILD_URL }}\"}"));
    scene.commit("web 2");
    apply("three");
    assert_eq!(label(&scene, "from"), "build three");
    // A label more is git's own change.
    scene.write(
        "services/web.yaml",
        &web(2, "{from: \"{{ env.BUILD_URL }}\", also: \"{{ env.BUILD_URL }}\"}"),
    );
    scene.commit("one more");
    let plan = scene.something_to_do();
    assert!(
        plan.out.contains("also") && !plan.out.contains("from  "),
        "{}",
        plan.out
    );
}

#[test]
fn a_saved_plan_keeps_its_environment() {
    let scene = Scene::new("envs-prod", &SHARED[1..2]);
    scene.write(
        "services/web.yaml",
        &service("web", &lab::app(1), "", "update_config: {monitor: 1s}"),
    );
    scene.write("environments/prod.yaml", "services: {web: {labels: {which: prod}}}\n");
    scene.write("environments/staging.yaml", "cluster: {name: envs-staging}\n");
    scene.commit("two of them");
    scene.cdk(&["check"]).ended(0).says("staging: envs-staging: 1 service");
    scene.cdk(&["plan"]).ended(64).says("-e (prod, staging)");
    let file = scene.beside("plan.json");
    scene.cdk(&["-e", "prod", "plan", "--out", &file]).ended(0);
    scene
        .cdk(&["apply", &file, "-e", "staging"])
        .ended(64)
        .says("made for the environment prod");
    scene.cdk(&["apply", &file]).ended(0);
    assert_eq!(label(&scene, "which"), "prod");
    scene
        .cdk(&["-e", "prod", "plan", "--rev", "HEAD", "--detailed-exitcode"])
        .ended(0);
}
