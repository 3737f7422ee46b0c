//! Hosts that are unknown for a while, gone from hosts.yaml, or renamed: nothing is made twice, nothing is forgotten.

use super::lab::{self, FAULTY};
use super::scene::{Scene, service};

const AT_ONCE: &str = "update_config: {parallelism: 0, monitor: 1s}";

fn write(scene: &Scene, name: &str, version: u8, deploy: &str) {
    let text = service(name, &lab::app(version), "", &format!("{deploy}, {AT_ONCE}"));
    scene.write(&format!("services/{name}.yaml"), &text);
}

/// Every replica's slot, sorted; twice where it stands twice.
fn slots(scene: &Scene) -> Vec<String> {
    let prefix = format!("{}.", scene.cluster);
    let all = scene.containers();
    all.iter()
        .map(|one| one.name.trim_start_matches(&prefix).to_owned())
        .collect()
}

#[test]
fn one_commit_with_a_host_down_does_the_rest_and_its_return_finishes_it() {
    let _hosts = lab::faulty(&FAULTY);
    let scene = Scene::new("truth-down", &FAULTY);
    write(&scene, "agent", 1, "mode: global");
    write(&scene, "web", 1, "replicas: 4");
    scene.commit("agent and web");
    scene.apply();

    lab::lab(&["fault", "cut", "h6"]);
    write(&scene, "agent", 2, "mode: global");
    write(&scene, "web", 1, "replicas: 6");
    write(&scene, "api", 1, "replicas: 3");
    write(&scene, "probe", 1, "mode: global");
    scene.commit("all at once");
    let run = scene.cdk(&["apply", "--yes"]);
    let again = scene.cdk(&["plan", "--detailed-exitcode"]);
    lab::lab(&["fault", "heal"]);
    run.ended(10).says("h6 unreachable").says("probe.h6");
    again.ended(10).says("No changes");

    scene.something_to_do().says("agent.h6").says("probe.h6");
    scene.apply();
    scene.nothing_to_do();
    let mut wanted: Vec<String> = FAULTY
        .iter()
        .flat_map(|host| [format!("agent.{host}"), format!("probe.{host}")])
        .collect();
    wanted.extend((1..=3).map(|number| format!("api.{number}")));
    wanted.extend((1..=6).map(|number| format!("web.{number}")));
    wanted.sort();
    assert_eq!(slots(&scene), wanted);
    scene.runs("web", 6, &lab::app(1));
}

#[test]
fn a_host_that_left_hosts_yaml_is_drained_forgotten_or_renamed() {
    let scene = Scene::new("truth-gone", &["h1", "h2"]);
    write(&scene, "agent", 1, "mode: global");
    write(&scene, "web", 1, "replicas: 2");
    scene.commit("agent and web");
    scene.apply();
    let all = slots(&scene);
    let listed = std::fs::read_to_string(scene.path().join("hosts.yaml")).unwrap();

    // The same machine under another name: only what bears the name is made anew.
    scene.edit("hosts.yaml", "h2: {address: h2}", "second: {address: h2}");
    scene.commit("another name");
    scene
        .cdk(&["plan"])
        .ended(0)
        .says("h2 is now called second")
        .says("1 to create, 1 to remove");
    scene.apply();
    assert_eq!(slots(&scene), ["agent.h1", "agent.second", "web.1", "web.2"]);
    scene.nothing_to_do();
    scene.revert();
    scene.apply();
    assert_eq!(slots(&scene), all);

    // Gone, and it still holds something: it is asked, and apply refuses. Which replica of web that is, other tests' containers decide.
    let web = lab::containers(&["h2"], "truth-gone.web.").remove(0).name;
    let holds = format!("holds agent.h2, {}", web.trim_start_matches("truth-gone."));
    scene.write("hosts.yaml", "hosts:\n  h1: {address: h1}\n");
    scene.commit("h2 is gone");
    for args in [&["plan"][..], &["apply", "--yes"]] {
        let run = scene
            .cdk(args)
            .says(&format!("h2 is gone from hosts.yaml, but {holds}"))
            .says("--forget h2");
        assert_eq!(run.code, Some(if args[0] == "plan" { 0 } else { 3 }), "{run:#?}");
    }
    assert_eq!(slots(&scene), all);

    // Drained, it leaves without a word.
    scene.write(
        "hosts.yaml",
        &listed.replace("{address: h2}", "{address: h2, state: drain}"),
    );
    scene.commit("drained first");
    scene.apply();
    scene.write("hosts.yaml", "hosts:\n  h1: {address: h1}\n");
    scene.commit("h2 is gone, properly");
    scene.nothing_to_do();

    // Given up, what it holds is made elsewhere, and it is never asked again.
    scene.write("hosts.yaml", &listed);
    scene.commit("h2 is back");
    scene.edit("services/web.yaml", "replicas: 2", "replicas: 4");
    scene.commit("four");
    scene.apply();
    assert!(slots(&scene).contains(&"agent.h2".to_owned()));
    scene.write("hosts.yaml", "hosts:\n  h1: {address: h1}\n");
    scene.commit("h2 is lost");
    scene
        .cdk(&["apply", "--yes", "--forget", "h7"])
        .ended(64)
        .says("knows no such host");
    scene
        .cdk(&["apply", "--yes", "--forget", "h2"])
        .ended(0)
        .says("h2 is given up");
    scene.cdk(&["plan", "--detailed-exitcode"]).ended(0);
    let here = lab::containers(&["h1"], "truth-gone.web.");
    assert_eq!(here.len(), 4, "{here:#?}");
}
