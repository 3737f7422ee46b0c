//! The way back: a revert without a registry, what is kept for it and what goes, and `cdk rollback`.

use serde_json::Value;

use super::lab;
use super::scene::{Run, Scene};

const HOSTS: [&str; 2] = ["h7", "h8"];

/// Pushes the test application under a name that only these tests use; its reference.
fn image(name: &str, version: u8) -> String {
    lab::lab(&["image", &format!("{name}:{version}"), "--push"]);
    format!("registry.lab:5000/{name}:{version}")
}

/// Takes from the hosts what earlier runs left there.
fn forget(name: &str) {
    let shell = r#"
        api() { curl -s -X "$1" --unix-socket /run/docker.sock "http://engine/v1.41/$2"; }
        api DELETE "containers/by-hand?force=1"
        api GET images/json | grep -o '"registry.lab:5000/'"$1"':[^"]*"' | tr -d '"' |
            while read -r name; do api DELETE "images/$name?force=1"; done"#;
    lab::everywhere(&HOSTS, |host| {
        drop(lab::lab(&["exec", host, "sh", "-c", shell, "forget", name]))
    });
}

/// A service of two replicas with a config, one that is reloaded, and a secret.
fn services(image: &str, words: &str) -> String {
    format!(
        "services:\n  web:\n    image: {image}\n    ports: [\"8080\"]\n    environment: {{WORDS: {words}}}\n    \
         configs: [{{source: conf, target: /etc/conf}}, {{source: live, target: /etc/live/live}}]\n    secrets: [word]\n    \
         deploy: {{replicas: 2, update_config: {{parallelism: 0, monitor: 1s}}}}\n\
         configs: {{conf: {{content: \"conf {words}\"}}, live: {{content: \"live {words}\", reload: {{signal: HUP}}}}}}\n\
         secrets: {{word: {{file: secrets/word.age}}}}\n"
    )
}

/// A repository on hosts of its own with a key in its home; and its first commit.
fn scene(name: &str, image: &str) -> Scene {
    let scene = Scene::new(name, &HOSTS);
    let made = scene.cdk(&["secret", "key"]).ended(0);
    let recipient = made.out.lines().last().unwrap();
    scene.write("secrets/recipients.txt", &format!("{recipient}\n"));
    secret(&scene, "first-secret-word");
    scene.write("services/web.yaml", &services(image, "one"));
    scene.commit("one");
    scene
}

fn secret(scene: &Scene, word: &str) {
    scene.secret(word);
    scene.cdk_told(&["secret", "set", "word"], word).ended(0);
}

/// All that an engine says of the cluster's containers that is not bound to the very container, and their files as they read them.
fn whole(scene: &Scene) -> Vec<Value> {
    let one = |container: lab::Container| {
        let mut all = lab::engine(
            &container.host,
            "GET",
            &format!("containers/{}/json", container.id),
            None,
        );
        let read = |path: &str| {
            let url = format!("http://{}:{}/file?path={path}", container.host, container.ports[0]);
            lab::lab(&[
                "exec",
                &container.host,
                "curl",
                "-sS",
                "--fail",
                "--max-time",
                "5",
                &url,
            ])
        };
        let files: Vec<Value> = ["/etc/conf", "/etc/live/live", "/run/secrets/word"]
            .map(|path| read(path).into())
            .into();
        let map = all.as_object_mut().unwrap();
        map.retain(|key, _| {
            ["Name", "Image", "Config", "HostConfig", "Platform", "Path", "Args"].contains(&key.as_str())
        });
        // The name of a folder that is reloaded, and a container's own name for itself, are of one container.
        map["Config"]["Hostname"].take();
        map["Config"]["Labels"]["cdk.revision"].take();
        let mounts = map["HostConfig"]["Mounts"].as_array_mut().unwrap();
        for mount in mounts.iter_mut().filter(|mount| mount["Target"] == "/etc/live") {
            mount["Source"].take();
        }
        map.insert("files".to_owned(), files.into());
        map.insert("host".to_owned(), container.host.into());
        all
    };
    scene.containers().into_iter().map(one).collect()
}

#[test]
fn a_revert_without_its_registry_brings_everything_back_as_it_was() {
    let _hosts = lab::faulty(&HOSTS);
    let (first, second) = (image("way-back", 1), image("way-back", 2));
    let scene = scene("wayback", &first);
    scene.apply();
    let before = whole(&scene);
    assert_eq!(before[0]["files"][2], "first-secret-word");

    secret(&scene, "second-secret-word");
    scene.write("services/web.yaml", &services(&second, "two"));
    scene.commit("two");
    scene.apply();
    let between = whole(&scene);
    assert_eq!(
        between[0]["files"],
        serde_json::json!(["conf two", "live two", "second-secret-word"])
    );
    assert_ne!(before, between);

    let gone = lab::NoRegistry::on(&HOSTS);
    scene.revert();
    scene.apply();
    let after = whole(&scene);
    assert_eq!(before, after);
    scene.nothing_to_do();
    // Back and forth by name, too.
    scene.cdk(&["rollback", "--yes"]).ended(0);
    assert_eq!(whole(&scene), between);
    drop(gone);
}

/// The images and files of the cluster that lie on its hosts.
fn lying(scene: &Scene, name: &str) -> Vec<(Vec<String>, usize)> {
    lab::everywhere(&HOSTS, |host| {
        let list = lab::engine(host, "GET", "images/json", None);
        let tags = list
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|image| image["RepoTags"].as_array().unwrap().clone());
        let prefix = format!("registry.lab:5000/{name}:");
        let mut tags: Vec<String> = tags
            .filter_map(|tag| Some(tag.as_str()?.strip_prefix(&prefix)?.to_owned()))
            .collect();
        tags.sort();
        let folder = format!(
            "ls -A /var/lib/docker/volumes/{}.cdk.files/_data | wc -l",
            scene.cluster
        );
        let files = lab::lab(&["exec", host, "sh", "-c", &folder]);
        (tags, files.trim().parse().unwrap())
    })
}

#[test]
fn the_sixth_version_removes_what_the_first_left_and_nothing_else() {
    let _hosts = lab::faulty(&HOSTS);
    forget("kept");
    let scene = scene("kept", &image("kept", 1));
    scene.apply();
    for version in 2..=5 {
        scene.write(
            "services/web.yaml",
            &services(&image("kept", version), &format!("v{version}")),
        );
        scene.commit("next");
        scene.apply();
    }
    let all = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
    let five = lying(&scene, "kept");
    assert_eq!(five[0].0, all(&["1", "2", "3", "4", "5"]));
    // Of each version a config and a folder; the secret is the same in all.
    assert_eq!(five[0].1, 11);

    // On one host a container by hand runs the first version still.
    let by_hand = serde_json::json!({"Image": "registry.lab:5000/kept:1"});
    lab::engine("h8", "POST", "containers/create?name=by-hand", Some(by_hand));
    scene.write("services/web.yaml", &services(&image("kept", 6), "v6"));
    scene.commit("six");
    let plan = scene.something_to_do();
    assert!(plan.out.contains("old versions"), "{}", plan.out);
    plan.says("1 image and 4 files removed from h7, h8: older than the last 5 versions");
    scene.apply();
    let six = lying(&scene, "kept");
    assert_eq!(six[0], (all(&["2", "3", "4", "5", "6"]), 11));
    assert_eq!(six[1], (all(&["1", "2", "3", "4", "5", "6"]), 11));
    scene.nothing_to_do();
    lab::engine("h8", "DELETE", "containers/by-hand?force=1", None);
    scene.something_to_do().says("1 image removed from h8");
    scene.apply();
    assert_eq!(lying(&scene, "kept")[1], (all(&["2", "3", "4", "5", "6"]), 11));
}

fn words(scene: &Scene) -> Vec<String> {
    let word = |one: &Value| one["files"][0].as_str().unwrap_or_default().to_owned();
    whole(scene).iter().map(word).collect()
}

#[test]
fn a_rollback_goes_back_and_twice_goes_back_twice() {
    let _hosts = lab::faulty(&HOSTS);
    let scene = scene("rolled", &image("rolled", 1));
    scene.apply();
    for (version, words) in [(2, "two"), (3, "three")] {
        scene.write("services/web.yaml", &services(&image("rolled", version), words));
        scene.commit(words);
        scene.apply();
    }
    let back = |args: &[&str]| -> Run { scene.cdk(&[&["rollback", "--yes"], args].concat()) };
    back(&[]).ended(0).says("Back to ").says("rolled:3 → ");
    assert_eq!(words(&scene), ["conf two"; 2]);
    back(&["web"]).ended(0);
    assert_eq!(words(&scene), ["conf one"; 2]);
    back(&["web"]).ended(3).says("no earlier version with another web");
    back(&["--to", "HEAD"]).ended(0);
    assert_eq!(words(&scene), ["conf three"; 2]);
    back(&["--to", "nowhere"]).ended(1).says("git log --oneline");
}
