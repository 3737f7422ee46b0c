//! Images: tags that are pushed again, images of no registry, a registry that does not answer.

use serde_json::Value;

use super::lab;
use super::scene::{Scene, service};

const HOSTS: [&str; 2] = ["h1", "h2"];

/// A service of two replicas of an image that only this test uses, with this policy.
fn scene(name: &str, image: &str, policy: &str) -> Scene {
    let scene = Scene::new(name, &HOSTS);
    let policy = format!("    pull_policy: {policy}\n");
    let deploy = "replicas: 2, update_config: {parallelism: 0, monitor: 1s}";
    scene.write("services/web.yaml", &service("web", image, &policy, deploy));
    scene.commit("web");
    scene
}

/// Pushes the test application under a name of this test's own; its reference by digest.
fn push(tag: &str) -> String {
    lab::lab(&["image", tag, "--push"])
}

/// Pushes something else under the same tag.
fn push_again(tag: &str) {
    lab::lab(&["image", tag, "--push", "--variant", "again"]);
}

/// The digests that the replicas were made from.
fn digests(scene: &Scene) -> Vec<String> {
    let label = |one: &lab::Container| {
        let inspect = lab::engine(&one.host, "GET", &format!("containers/{}/json", one.id), None);
        inspect["Config"]["Labels"]["cdk.digest"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    scene.containers().iter().map(label).collect()
}

fn notes(scene: &Scene) -> String {
    let run = scene.cdk(&["plan", "-o", "json"]);
    let document: Value = serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{run:#?}"));
    document["plan"]["notes"].to_string()
}

#[test]
fn a_tag_pushed_again_is_a_change_only_where_it_is_always_looked_up() {
    push("again:1");
    let image = "registry.lab:5000/again:1";
    let scene = scene("truth-again", image, "missing");
    scene.apply();
    let first = digests(&scene);
    assert_eq!(first[0], first[1]);
    push_again("again:1");
    scene.nothing_to_do();

    scene.edit("services/web.yaml", "pull_policy: missing", "pull_policy: always");
    scene.commit("look it up each time");
    scene.something_to_do().says("image").says("again:1");
    scene.apply();
    let second = digests(&scene);
    assert_eq!(second[0], second[1]);
    assert_ne!(first, second);
    scene.nothing_to_do();

    // The earlier version by its name: what its tag stood for then, though the registry has another one now.
    scene.cdk(&["apply", "--rev", "HEAD~1", "--yes"]).ended(0);
    assert_eq!(digests(&scene), first);
    push("again:1");
}

#[test]
fn a_revert_uses_the_digest_that_was_recorded() {
    push("reverted:1");
    push("reverted:2");
    let scene = scene("truth-revert", "registry.lab:5000/reverted:1", "missing");
    scene.apply();
    let first = digests(&scene);
    scene.edit("services/web.yaml", "reverted:1", "reverted:2");
    scene.commit("web 2");
    scene.apply();
    assert_ne!(digests(&scene), first);
    push_again("reverted:1");
    scene.revert();
    scene.apply();
    assert_eq!(digests(&scene), first);
    scene.nothing_to_do();
    push("reverted:1");
}

#[test]
fn an_image_that_lies_on_one_host_alone_runs_there_alone() {
    let scene = scene("truth-local", "handmade:1", "never");
    // The host's older engine is told of each network by itself; what has no digest must not be forgotten there.
    scene.edit(
        "services/web.yaml",
        "    pull_policy",
        "    networks: [one, two]\n    pull_policy",
    );
    scene.write("services/networks.yaml", "networks: {one: , two: }\n");
    scene.commit("two networks");
    let tag = |host: &str, version: &str| {
        let from = format!("registry.lab:5000/app:{version}");
        let path = format!("images/{from}/tag?repo=handmade&tag=1");
        lab::engine(host, "POST", &path, None);
    };
    let untag = |host: &str| {
        let shell = "curl -s -X DELETE --unix-socket /run/docker.sock 'http://engine/v1.41/images/handmade:1?force=1'";
        lab::lab(&["exec", host, "sh", "-c", shell])
    };
    HOSTS.iter().for_each(|host| drop(untag(host)));
    scene.cdk(&["apply", "--yes"]).ended(10).says("lies not on h1, h2");
    assert_eq!(scene.containers().len(), 0);

    lab::app(1);
    // The image itself, from any service that ran it there.
    let warm = Scene::new("truth-warm", &HOSTS);
    warm.write(
        "services/a.yaml",
        &service("a", &lab::app(1), "", "mode: global, update_config: {monitor: 1s}"),
    );
    warm.commit("a");
    warm.apply();
    tag("h1", "1");
    scene.apply();
    let on: Vec<String> = scene.containers().into_iter().map(|one| one.host).collect();
    assert_eq!(on, ["h1", "h1"]);
    scene.nothing_to_do();

    // Its name is taken away by hand: what runs goes on, and that is no news.
    untag("h1");
    scene.nothing_to_do();
}

#[test]
fn without_its_registry_a_plan_shows_no_change_that_nobody_made() {
    let _hosts = lab::faulty(&["h7", "h8"]);
    let scene = Scene::new("truth-registry", &["h7", "h8"]);
    push("offline:1");
    push("offline:2");
    // An earlier run on the same lab left it there.
    let unknown = "curl -s -X DELETE --unix-socket /run/docker.sock \
                   'http://engine/v1.41/images/registry.lab:5000/offline:2?force=1'";
    lab::everywhere(&["h7", "h8"], |host| lab::lab(&["exec", host, "sh", "-c", unknown]));
    let deploy = "replicas: 2, update_config: {parallelism: 0, monitor: 1s}";
    let web = service(
        "web",
        "registry.lab:5000/offline:1",
        "    pull_policy: always\n",
        deploy,
    );
    scene.write("services/web.yaml", &web);
    scene.commit("web");
    scene.apply();
    let gone = lab::NoRegistry::on(&["h7", "h8"]);
    let same = notes(&scene);
    let empty = scene.cdk(&["plan", "--detailed-exitcode"]);
    scene.edit("services/web.yaml", "offline:1", "offline:2");
    scene.commit("web 2");
    let new = notes(&scene);
    drop(gone);
    empty.ended(0);
    assert!(same.contains("could not be looked up again"), "{same}");
    assert!(new.contains("must pull it"), "{new}");
    scene.apply();
    scene.nothing_to_do();
}

#[test]
fn an_image_is_named_by_its_digest_with_or_without_a_tag() {
    let with_tag = push("pinned:1");
    let by_digest = with_tag.replace("pinned:1@", "pinned@");
    assert!(by_digest.starts_with("registry.lab:5000/pinned@sha256:"), "{by_digest}");
    let scene = scene("truth-pinned", &by_digest, "missing");
    scene.apply();
    scene.nothing_to_do();
    scene.edit("services/web.yaml", &by_digest, &with_tag);
    scene.commit("with its tag");
    scene.something_to_do().says("image");
    scene.apply();
    scene.nothing_to_do();
    // What is pinned stays, whatever becomes of the tag.
    push_again("pinned:1");
    scene.nothing_to_do();
    push("pinned:1");
}
