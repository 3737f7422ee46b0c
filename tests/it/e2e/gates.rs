//! Gates asked over real hosts: HTTP, a connection, a command; from a user over SSH. What they say of a version that never passes.

use super::lab::{self, SHARED};
use super::scene::{Scene, service};

/// A service of two replicas, with a port, behind this gate.
fn scene(name: &str, gate: &str, more: &str) -> Scene {
    let scene = Scene::new(name, &SHARED);
    let deploy = format!("replicas: 2, update_config: {{parallelism: 0, monitor: 1s, timeout: 60s, gate: {gate}}}");
    let more = format!("    ports: [\"8080\"]\n    environment: {{APP_HEALTHY_AFTER: \"0\"}}\n{more}");
    scene.write("services/web.yaml", &service("web", &lab::app(1), &more, &deploy));
    scene.commit("web");
    scene
}

/// A version that never passes is not waited for as long as one that does.
fn never(scene: &Scene, message: &str) {
    scene.edit("services/web.yaml", "timeout: 60s", "timeout: 8s");
    scene.commit(message);
}

#[test]
fn an_http_gate_lets_pass_what_answers_and_tells_the_status_of_what_does_not() {
    let scene = scene("gate-http", "{http: /healthz, port: 8080, expect: 200}", "");
    scene.edit(
        "services/web.yaml",
        "APP_HEALTHY_AFTER: \"0\"",
        "APP_START_DELAY: \"2\"",
    );
    scene.commit("slow to listen");
    let run = scene.apply();
    assert!(
        !run.err.contains("refused"),
        "no word of what is no failure:\n{}",
        run.err
    );
    scene.runs("web", 2, &lab::app(1));
    scene.nothing_to_do();

    // Another gate is another question, and no other container.
    scene.edit("services/web.yaml", "expect: 200", "expect: 204");
    scene.commit("another status");
    scene.nothing_to_do();

    scene.edit("services/web.yaml", "expect: 204", "expect: 200");
    scene.edit(
        "services/web.yaml",
        "APP_START_DELAY: \"2\"",
        "APP_HEALTHY_AFTER: never",
    );
    never(&scene, "never well");
    let before: Vec<String> = scene.containers().into_iter().map(|one| one.id).collect();
    scene
        .cdk(&["apply", "--yes"])
        .ended(9)
        .says("is not past its gate within 8s: GET /healthz on port 8080 answered 503, and 200 is wanted")
        .says("| 1 listens on port 8080");
    let after: Vec<String> = scene.containers().into_iter().map(|one| one.id).collect();
    assert_eq!(before, after, "the old ones are back");
}

#[test]
fn a_tcp_gate_waits_until_somebody_listens() {
    let scene = scene("gate-tcp", "{tcp: 8080}", "");
    scene.apply();
    scene.edit(
        "services/web.yaml",
        "APP_HEALTHY_AFTER: \"0\"",
        "APP_START_DELAY: \"1000\"",
    );
    never(&scene, "never listens");
    scene
        .cdk(&["apply", "--yes"])
        .ended(9)
        .says("port 8080: connection refused");
    scene.runs("web", 2, &lab::app(1));
}

#[test]
fn an_exec_gate_runs_in_the_container_and_tells_its_end() {
    let off = "    healthcheck: {disable: true}\n";
    let scene = scene("gate-exec", "{exec: [/app, --health]}", off);
    scene.apply();
    scene.edit(
        "services/web.yaml",
        "APP_HEALTHY_AFTER: \"0\"",
        "APP_HEALTHY_AFTER: never",
    );
    never(&scene, "never well");
    scene.cdk(&["apply", "--yes"]).ended(9).says("/app ended with code 1");
    scene.edit("services/web.yaml", "[/app, --health]", "[/missing]");
    scene.commit("no such program");
    scene.cdk(&["apply", "--yes"]).ended(9).says("/missing");
    scene.runs("web", 2, &lab::app(1));
}

#[test]
fn a_gate_stands_in_for_a_health_check_that_fails() {
    let sick = "    healthcheck: {test: [CMD, /app, exit, \"1\"], interval: 1s, retries: 1}\n";
    let scene = scene("gate-instead", "{http: /healthz}", sick);
    scene.apply();
    scene.edit("services/web.yaml", ", gate: {http: /healthz}", "");
    scene.edit("services/web.yaml", "replicas: 2", "replicas: 3");
    scene.commit("no gate");
    scene
        .cdk(&["apply", "--yes"])
        .ended(4)
        .says("is unhealthy: its health check ended with code 1");
}
