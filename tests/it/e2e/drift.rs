//! What people do by hand on the hosts: cdk sees it and puts back what is the cluster's, and never touches what is not.

use serde_json::json;

use super::lab::{self, SHARED};
use super::scene::{Scene, service};

#[test]
fn drift_made_by_hand_is_seen_and_put_back() {
    let scene = Scene::new("drift", &SHARED);
    let deploy = "replicas: 5, resources: {limits: {memory: 64M}}, update_config: {parallelism: 0, monitor: 1s}";
    scene.write("services/web.yaml", &service("web", &lab::app(1), "", deploy));
    scene.commit("web");
    scene.apply();
    let by_hand = |slot: u32, method: &str, rest: &str, body| {
        let name = format!("drift.web.{slot}");
        let container = scene.containers().into_iter().find(|one| one.name == name).unwrap();
        lab::engine(&container.host, method, &format!("containers/{name}{rest}"), body);
    };
    by_hand(
        1,
        "POST",
        "/update",
        Some(json!({"Memory": 128 << 20, "MemorySwap": 256 << 20})),
    );
    by_hand(2, "POST", "/stop?t=1", None);
    by_hand(3, "DELETE", "?force=1", None);
    by_hand(4, "POST", "/rename?name=drift.elsewhere", None);
    let untouched = scene
        .containers()
        .into_iter()
        .find(|one| one.name == "drift.web.5")
        .unwrap()
        .id;

    let plan = scene.something_to_do().says("128M").says("64M").out;
    for slot in 1..=4 {
        assert!(
            plan.contains(&format!("web.{slot} ")),
            "the plan says nothing of web.{slot}:\n{plan}"
        );
    }
    scene.apply();
    scene.runs("web", 5, &lab::app(1));
    assert!(
        scene.containers().iter().any(|one| one.id == untouched),
        "web.5 was as it should be"
    );
    let first = scene
        .containers()
        .into_iter()
        .find(|one| one.name == "drift.web.1")
        .unwrap();
    assert_eq!(
        lab::engine(&first.host, "GET", "containers/drift.web.1/json", None)["HostConfig"]["Memory"],
        64 << 20
    );
    scene.nothing_to_do();
}

#[test]
fn orphans_go_and_volumes_and_strangers_stay() {
    let scene = Scene::new("orphans", &SHARED);
    let deploy = "replicas: 4, update_config: {monitor: 1s}";
    scene.write("services/web.yaml", &service("web", &lab::app(1), "", deploy));
    let volume = "    volumes: [\"data:/data\"]\n";
    let stateful = service(
        "store",
        &lab::app(1),
        volume,
        "replicas: 1, update_config: {monitor: 1s}",
    ) + "volumes:\n  data: {}\n";
    scene.write("services/store.yaml", &stateful);
    scene.commit("web and store");
    scene.apply();
    scene.nothing_to_do();
    let store = scene
        .containers()
        .into_iter()
        .find(|one| one.name == "orphans.store.1")
        .unwrap();
    let marked = format!("containers/{}/json", store.id);
    assert_eq!(
        lab::engine(&store.host, "GET", &marked, None)["Mounts"][0]["Name"],
        "orphans_data"
    );

    // A stranger with the cluster's image and a name close to its own.
    let stranger = "orphans.stranger";
    let made = json!({"Image": lab::app(1), "Cmd": ["/app"]});
    lab::engine(
        &store.host,
        "POST",
        &format!("containers/create?name={stranger}"),
        Some(made),
    );
    lab::engine(&store.host, "POST", &format!("containers/{stranger}/start"), None);
    scene.nothing_to_do();

    scene.remove("services/store.yaml");
    scene.commit("no store any more");
    scene.something_to_do().says("no longer in git");
    scene.apply();
    scene.nothing_to_do();
    assert!(!scene.containers().iter().any(|one| one.name.contains("store")));
    scene.runs("web", 4, &lab::app(1));
    let volumes = lab::engine(&store.host, "GET", "volumes", None);
    assert!(
        volumes["Volumes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["Name"] == "orphans_data"),
        "{volumes}"
    );
    let strangers = lab::containers(&SHARED, stranger);
    assert_eq!(strangers.len(), 1);
    assert_eq!(strangers[0].state, "running");
}
