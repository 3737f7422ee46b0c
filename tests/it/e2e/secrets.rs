//! Configs and secrets as files of containers: what they hold inside, what changes them, and that nobody else ever learns of them.

use std::path::PathBuf;

use super::lab;
use super::scene::Scene;

const PASSWORD: &str = "correct-horse-battery";
const TEMPLATE: &str = r#"name = "{{ slot }}"
{% for one in service("web").endpoints %}
peer = "{{ one.host }}:{{ one.port }}"
{% endfor %}
password = "{{ secret("db_password") }}"
level = "{{ vars.level }}"
"#;
const SERVICES: &str = r#"
vars: {level: info}
services:
  web:
    image: IMAGE
    user: "1000:1000"
    read_only: true
    ports: ["8080"]
    configs:
      - {source: app_conf, target: /etc/app/app.toml}
      - {source: live, target: /etc/live/live.txt}
    secrets: [{source: db_password, uid: "1000", gid: "1000", mode: 0400}]
    # Where they go may not depend on what other tests run there.
    deploy: {replicas: 2, placement: {strategy: random, max_replicas_per_node: 1}, update_config: {parallelism: 0, monitor: 1s}}
configs:
  app_conf: {template: templates/app.toml.j2}
  live: {content: "one", reload: {signal: HUP}}
secrets:
  db_password: {file: secrets/db_password.age}
  registry: {file: secrets/registry.age}
"#;

/// A repository with a key in its home, a secret, and the registry's password as another.
fn scene(name: &str) -> Scene {
    let scene = Scene::new(name, &["h1", "h2"]);
    let made = scene.cdk(&["secret", "key"]).ended(0);
    let recipient = made.out.lines().last().unwrap();
    assert!(recipient.starts_with("age1"), "{}", made.out);
    scene
        .cdk_told(&["secret", "set", "db_password"], PASSWORD)
        .ended(3)
        .says("secrets/recipients.txt");
    scene.write("secrets/recipients.txt", &format!("# the tests\n{recipient}\n"));
    scene.secret(PASSWORD);
    scene
        .cdk_told(&["secret", "set", "db_password"], &format!("{PASSWORD}\n"))
        .ended(0)
        .says("db_password: {file: ");
    let registry = std::fs::read_to_string(lab::state().join("registry-password")).unwrap();
    scene.cdk_told(&["secret", "set", "registry"], &registry).ended(0);
    let file = format!("{{file: {}/registry-password}}", lab::state().display());
    scene.edit("cdk.yaml", &file, "{secret: registry}");
    scene.write("services/web.yaml", &SERVICES.replace("IMAGE", &lab::app(1)));
    scene.write("templates/app.toml.j2", TEMPLATE);
    scene.commit("web");
    scene
}

/// A file as the program in a replica reads it.
#[track_caller]
fn inside(scene: &Scene, slot: &str, path: &str) -> String {
    let name = format!("{}.{slot}", scene.cluster);
    let container = scene.containers().into_iter().find(|one| one.name == name).unwrap();
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
}

fn ids(scene: &Scene) -> Vec<String> {
    scene.containers().into_iter().map(|one| one.id).collect()
}

fn app_conf(scene: &Scene, slot: &str, level: &str) -> String {
    let peers: Vec<String> = scene
        .containers()
        .into_iter()
        .map(|one| format!("peer = \"{}:{}\"\n", one.host, one.ports[0]))
        .collect();
    let peers = peers.concat();
    format!("name = \"{slot}\"\n{peers}password = \"{PASSWORD}\"\nlevel = \"{level}\"")
}

/// Does something in the folder where the files of a cluster lie on a host.
fn by_hand(scene: &Scene, host: &str, shell: &str) {
    let cluster = &scene.cluster;
    let volume = lab::engine(host, "GET", &format!("volumes/{cluster}.cdk.files"), None);
    let shell = format!("cd {} && {shell}", volume["Mountpoint"].as_str().unwrap());
    lab::lab(&["exec", host, "sh", "-c", &shell]);
}

#[test]
fn files_are_what_git_says_and_secrets_stay_secret() {
    let scene = scene("sealed");
    scene.cdk(&["plan", "-v", "--out", &scene.beside("plan.json")]).ended(0);
    scene.cdk(&["apply", "-v", &scene.beside("plan.json")]).ended(0);
    scene.nothing_to_do();
    for slot in ["web.1", "web.2"] {
        assert_eq!(inside(&scene, slot, "/run/secrets/db_password"), PASSWORD);
        assert_eq!(
            inside(&scene, slot, "/etc/app/app.toml"),
            app_conf(&scene, slot, "info")
        );
        assert_eq!(inside(&scene, slot, "/etc/live/live.txt"), "one");
    }
    for args in [
        ["observe", "-o", "json"].as_slice(),
        &["plan", "-o", "json"],
        &["show"],
        &["ps"],
        &["hosts"],
        &["status", "-o", "json"],
    ] {
        scene.cdk(args).ended(0);
    }

    // A changed config replaces its replicas, and the plan shows the lines.
    let before = ids(&scene);
    scene.edit("services/web.yaml", "level: info", "level: debug");
    scene.commit("debug");
    let plan = scene
        .something_to_do()
        .says("- level = \"info\"")
        .says("+ level = \"debug\"");
    assert!(
        plan.out.contains("configs") && !plan.out.contains("secrets "),
        "{}",
        plan.out
    );
    scene.apply();
    scene.nothing_to_do();
    assert_eq!(
        inside(&scene, "web.1", "/etc/app/app.toml"),
        app_conf(&scene, "web.1", "debug")
    );
    assert!(ids(&scene).iter().all(|id| !before.contains(id)));

    // Somebody writes to a file on a host, and takes the helper away.
    by_hand(&scene, "h1", "echo more | tee -a config.*");
    lab::engine("h2", "DELETE", &format!("containers/{}.cdk", scene.cluster), None);
    scene
        .something_to_do()
        .says("altered on the host")
        .says("1 replica as it should be");
    scene.apply();
    scene.nothing_to_do();
    for slot in ["web.1", "web.2"] {
        assert_eq!(
            inside(&scene, slot, "/etc/app/app.toml"),
            app_conf(&scene, slot, "debug")
        );
    }

    // A plan needs no key; an apply that writes a secret does, and says so before it touches anything.
    scene.secret("another-horse-altogether");
    scene
        .cdk_told(&["secret", "set", "db_password"], "another-horse-altogether")
        .ended(0);
    scene.commit("another password");
    let key = PathBuf::from(scene.beside("home/.config/cdk/key"));
    std::fs::rename(&key, scene.beside("home/elsewhere")).unwrap();
    scene.something_to_do().says("secrets").says("configs");
    scene
        .cdk(&["apply", "--yes"])
        .ended(3)
        .says("db_password")
        .says("there is no key");
    std::fs::rename(scene.beside("home/elsewhere"), &key).unwrap();
    scene.apply();
    assert_eq!(
        inside(&scene, "web.2", "/run/secrets/db_password"),
        "another-horse-altogether"
    );
    scene.nothing_to_do();
}

#[test]
fn a_config_that_is_reloaded_changes_in_place() {
    let scene = scene("reload");
    scene.apply();
    let before = ids(&scene);
    let since = date();
    scene.edit("services/web.yaml", "content: \"one\"", "content: \"two\"");
    scene.commit("two");
    scene.something_to_do().says("reload (SIGHUP)").says("one → two");
    scene.apply();
    let for_commit = hangups(&since);
    scene.nothing_to_do();
    for slot in ["web.1", "web.2"] {
        assert_eq!(inside(&scene, slot, "/etc/live/live.txt"), "two");
    }
    // In another second, so that none is counted twice.
    let since = date();
    lab::until("a new second", std::time::Duration::from_secs(10), || date() > since);
    let since = date();
    by_hand(&scene, "h1", "echo three | tee live.*/live.txt");
    scene.something_to_do().says("altered on the host");
    scene.apply();
    let by_hand = hangups(&since);
    scene.nothing_to_do();
    assert_eq!(inside(&scene, "web.1", "/etc/live/live.txt"), "two");
    assert_eq!(ids(&scene), before);
    assert_eq!((for_commit, by_hand), (2, 1));
}

/// When it is there, in seconds since the epoch.
fn date() -> String {
    lab::lab(&["exec", "h1", "date", "+%s"])
}

/// How many replicas of `reload` were told to read their files again since then. An engine remembers its last 256 events: ask soon.
fn hangups(since: &str) -> usize {
    let url = format!("http://engine/events?since={since}&until=$(date +%s)&filters={{%22event%22:[%22kill%22]}}");
    let shell =
        format!("curl -sg --unix-socket /run/docker.sock \"{url}\" | grep -c '\"reload.web.[12]\".*\"signal\":\"1\"'");
    let of = |host: &str| lab::lab(&["exec", host, "sh", "-c", &format!("{shell} || true")]);
    ["h1", "h2"].map(|host| of(host).parse::<usize>().unwrap()).iter().sum()
}
