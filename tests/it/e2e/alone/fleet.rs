//! The main job at its size: four hosts, two of each Debian, with twelve replicas each (four but for `--full`), through restarts, reboots, a change and its revert.

use std::time::Duration;

use super::super::lab::{self, FAULTY, SHARED};
use super::super::scene::{Scene, service};

const UP: Duration = Duration::from_secs(90);

/// Waits until all replicas run again after something was done to their hosts.
fn all_run(scene: &Scene, count: usize) {
    lab::until("all replicas run", UP, || {
        scene.containers().iter().filter(|one| one.state == "running").count() == count
    });
}

#[test]
fn four_hosts_with_many_replicas_each() {
    let each = if crate::full() { 12 } else { 4 };
    let count = each * FAULTY.len();
    let _hosts = lab::faulty(&FAULTY);
    let scene = Scene::new("fleet", &FAULTY);
    let deploy = format!("replicas: {count}, update_config: {{parallelism: 16, monitor: 1s}}");
    scene.write(
        "services/web.yaml",
        &service("web", &lab::app(1), "    ports: [\"8080\"]\n", &deploy),
    );
    scene.commit("web 1");
    scene.something_to_do().says(&format!("{count} to create"));
    scene.apply();
    scene.runs("web", count, &lab::app(1));
    for host in FAULTY {
        assert_eq!(
            scene.containers().iter().filter(|one| one.host == host).count(),
            each,
            "an even spread: {host}"
        );
    }
    scene.nothing_to_do();

    // The table of keys goes through these two with more containers on a host.
    if crate::full() {
        let all = scene.containers();
        lab::everywhere(&FAULTY, |host| {
            for one in all.iter().filter(|one| one.host == host) {
                lab::engine(host, "POST", &format!("containers/{}/restart?t=1", one.id), None);
            }
        });
        all_run(&scene, count);
        scene.nothing_to_do();

        lab::everywhere(&FAULTY, |host| {
            lab::lab(&["exec", host, "systemctl", "restart", "docker"])
        });
        all_run(&scene, count);
        scene.nothing_to_do();
    }

    lab::everywhere(&FAULTY, |host| lab::lab(&["fault", "reboot", host]));
    all_run(&scene, count);
    scene.nothing_to_do();

    scene.edit("services/web.yaml", &lab::app(1), &lab::app(2));
    scene.commit("web 2");
    scene.something_to_do().says(&format!("{count} to replace"));
    scene.apply();
    scene.runs("web", count, &lab::app(2));
    scene.nothing_to_do();
    assert!(scene.answer("web.1").starts_with("2 "));

    scene.revert();
    scene.something_to_do().says(&format!("{count} to replace"));
    scene.apply();
    scene.runs("web", count, &lab::app(1));
    scene.nothing_to_do();
    assert!(scene.answer(&format!("web.{count}")).starts_with("1 "));
}

#[test]
fn the_shop_example_runs_on_four_hosts() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/shop");
    let scene = Scene::new("shop", &SHARED);
    for file in ["services/web.yaml", "services/cache.yaml", "services/agent.yaml"] {
        let text = std::fs::read_to_string(format!("{example}/{file}")).unwrap();
        // The lab's application stands in for the shop's three, and the lab's hosts for its own.
        let image = text
            .lines()
            .find(|line| line.trim_start().starts_with("image:"))
            .unwrap();
        scene.write(file, &text.replace(image, &format!("    image: {}", lab::app(1))));
    }
    scene.edit("cdk.yaml", "registries:", "vars: {web_count: 6}\nregistries:");
    let labels = [
        ("bj-a", "large"),
        ("bj-a", "small"),
        ("bj-b", "large"),
        ("bj-b", "small"),
    ];
    for (host, (zone, kind)) in SHARED.iter().zip(labels) {
        let line = format!("{host}: {{address: {host}}}");
        scene.edit(
            "hosts.yaml",
            &line,
            &format!("{host}: {{address: {host}, labels: {{zone: {zone}, type: {kind}}}}}"),
        );
    }
    scene.commit("the shop");
    scene.apply();
    scene.nothing_to_do();
    scene.runs("web", 6, &lab::app(1));
    scene.runs("cache", 2, &lab::app(1));
    let on = |prefix: &str| -> Vec<String> {
        let all = scene.containers().into_iter();
        all.filter(|one| one.name.starts_with(&format!("shop.{prefix}.")))
            .map(|one| one.host)
            .collect()
    };
    let mut caches = on("cache");
    caches.sort();
    assert_eq!(caches, ["h1", "h3"], "on the large ones, one each");
    assert_eq!(on("agent"), SHARED, "one on each host");
    scene.cdk(&["ps"]).ended(0).says("agent.h1").says("cache.2");
    scene.cdk(&["status"]).ended(0);
}
