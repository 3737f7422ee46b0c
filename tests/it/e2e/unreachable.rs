//! Hosts that do not answer, each with its reason in words that a person can act upon; and registries that refuse.

use super::lab::{self, FAULTY, SHARED};
use super::scene::{Scene, service};

fn one_replica(scene: &Scene) {
    let deploy = "replicas: 1, update_config: {monitor: 1s}";
    scene.write("services/web.yaml", &service("web", &lab::app(1), "", deploy));
}

#[test]
fn each_reason_is_told_in_words() {
    let _hosts = lab::faulty(&FAULTY);
    let scene = Scene::new("reasons", &FAULTY);
    one_replica(&scene);
    scene.edit(
        "hosts.yaml",
        "h8: {address: h8}",
        "h8: {address: h8, ssh: {user: sudoer}}",
    );
    scene.commit("web");
    lab::lab(&["fault", "power-cut", "h5"]);
    lab::lab(&["fault", "cut", "h6"]);
    lab::lab(&["fault", "kill-dockerd", "h7"]);
    let run = scene.cdk(&["plan", "-o", "json"]);
    lab::lab(&["fault", "heal"]);
    lab::lab(&["fault", "start-dockerd", "h7"]);
    lab::lab(&["fault", "start", "h5"]);
    let plan: serde_json::Value = serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{run:#?}"));
    let why = |host: &str| -> String {
        let notes = plan["plan"]["notes"].as_array().unwrap().iter();
        let note = notes.map(|note| &note["unreachable"]).find(|note| note["host"] == host);
        note.unwrap_or_else(|| panic!("no note on {host}: {run:#?}"))["why"]
            .as_str()
            .unwrap()
            .to_lowercase()
    };
    for (host, words) in [
        ("h5", &["no route", "timed out", "within", "refused"][..]),
        ("h6", &["timed out", "within", "5 s", "5s"]),
        ("h7", &["docker"]),
        ("h8", &["docker group", "permission", "may not"]),
    ] {
        assert!(
            words.iter().any(|word| why(host).contains(word)),
            "{host}: {:?} says none of {words:?}",
            why(host)
        );
    }
}

#[test]
fn an_unknown_host_key_is_refused_and_told() {
    let scene = Scene::new("hostkey", &SHARED);
    one_replica(&scene);
    let config = std::fs::read_to_string(lab::state().join("ssh_config")).unwrap();
    let known = lab::state().join("known_hosts");
    let known = known.to_str().unwrap();
    assert!(config.contains(known));
    let none = scene.beside("known_hosts");
    std::fs::write(&none, "").unwrap();
    let own = scene.beside("ssh_config");
    std::fs::write(&own, config.replace(known, &none)).unwrap();
    scene.edit("cdk.yaml", lab::state().join("ssh_config").to_str().unwrap(), &own);
    scene.commit("nobody's key is known");
    let run = scene.cdk(&["plan"]);
    assert!(
        run.err.to_lowercase().contains("host key") || run.out.to_lowercase().contains("host key"),
        "{run:#?}"
    );
    assert_ne!(run.code, Some(0), "{run:#?}");
    assert_eq!(scene.containers().len(), 0);
}

#[test]
fn a_wrong_password_for_the_registry_is_told_and_nothing_stops() {
    let scene = Scene::new("password", &SHARED);
    one_replica(&scene);
    scene.commit("web");
    scene.apply();
    let wrong = scene.beside("wrong-password");
    std::fs::write(&wrong, "wrong").unwrap();
    scene.edit(
        "cdk.yaml",
        lab::state().join("registry-password").to_str().unwrap(),
        &wrong,
    );
    // A version of this test's own, or another test may have brought it to the host already.
    lab::lab(&["image", "password-only:2", "--push"]);
    scene.edit("services/web.yaml", &lab::app(1), "registry.lab:5000/password-only:2");
    scene.commit("a password that is wrong, and an image that must be pulled");
    let run = scene.cdk(&["apply", "--yes"]);
    assert!(matches!(run.code, Some(3 | 4)), "{run:#?}");
    let said = format!("{}{}", run.out, run.err).to_lowercase();
    assert!(
        said.contains("registry.lab:5000") && (said.contains("password") || said.contains("unauthorized")),
        "{said}"
    );
    assert!(!said.contains("wrong\n"), "the password itself is never printed");
    scene.runs("web", 1, &lab::app(1));
}
