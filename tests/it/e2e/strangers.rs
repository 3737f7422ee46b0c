//! Strangers' Compose files on a real host, the test application in the place of their images: applied, nothing is left to do.

use std::path::Path;

use super::lab;
use super::scene::{Scene, service};

/// The Compose file of a case of `check/strangers/`.
fn compose(case: &str) -> String {
    let file = format!("{}/tests/it/check/strangers/{case}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(file).unwrap();
    let (_, text) = text.split_once('\n').unwrap();
    text.split("\n--- ")
        .next()
        .unwrap()
        .split("=== ")
        .next()
        .unwrap()
        .to_owned()
}

#[test]
fn what_init_makes_of_them_is_applied_and_then_the_plan_is_empty() {
    let scene = Scene::new("strangers", &["h4"]);
    // The application comes to the host with a service of its own, and gets their images' names there: an image that no other
    // test uses, as an image's tags are told in its inspection.
    lab::lab(&["image", "stranger:1", "--push"]);
    let image = "registry.lab:5000/stranger:1";
    let deploy = "replicas: 1, update_config: {monitor: 1s}";
    scene.write("services/seed.yaml", &service("seed", image, "", deploy));
    scene.commit("seed");
    scene.apply();
    let names = [
        ("wordpress", "latest"),
        ("mysql", "8.0"),
        ("nginx", "1"),
        ("redis", "latest"),
    ];
    for (name, tag) in names {
        lab::engine("h4", "POST", &format!("images/{image}/tag?repo={name}&tag={tag}"), None);
    }
    for case in ["wordpress", "one_line"] {
        let (file, made) = (scene.beside(&format!("{case}.yaml")), scene.beside(case));
        std::fs::write(&file, compose(case)).unwrap();
        scene
            .cdk(&[
                "init",
                "--from",
                &file,
                "--name",
                case.split('_').next().unwrap(),
                &made,
            ])
            .ended(0);
        let cluster = std::fs::read_to_string(Path::new(&made).join("cdk.yaml")).unwrap();
        if let Some((_, vars)) = cluster.split_once("vars:") {
            let own = std::fs::read_to_string(scene.path().join("cdk.yaml")).unwrap();
            scene.write("cdk.yaml", &format!("{own}vars:{vars}"));
        }
        let services = std::fs::read_dir(Path::new(&made).join("services"))
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        scene.write(
            &format!("services/{case}.yaml"),
            &std::fs::read_to_string(services.path()).unwrap(),
        );
    }
    scene.commit("strangers");
    scene.apply();
    scene.nothing_to_do();
    for (name, tag) in names {
        lab::engine("h4", "DELETE", &format!("images/{name}:{tag}"), None);
    }
    let names: Vec<String> = scene.containers().into_iter().map(|one| one.name).collect();
    let all = [
        "cache.1",
        "cache.2",
        "cache.3",
        "db.1",
        "seed.1",
        "web.1",
        "wordpress.1",
    ];
    assert_eq!(names, all.map(|slot| format!("strangers.{slot}")));
}
