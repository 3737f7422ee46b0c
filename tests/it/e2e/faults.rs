//! Hosts that go away and come back: nothing is made twice, the rest is done, and the next apply finishes the work.

use super::lab::{self, FAULTY};
use super::scene::{Scene, service};

#[test]
fn a_host_that_is_down_holds_nothing_up_and_is_caught_up_with() {
    let _hosts = lab::faulty(&FAULTY);
    let scene = Scene::new("onedown", &FAULTY);
    let deploy = "replicas: 8, update_config: {parallelism: 4, monitor: 1s}";
    scene.write("services/web.yaml", &service("web", &lab::app(1), "", deploy));
    scene.commit("web 1");
    scene.apply();

    lab::lab(&["fault", "power-cut", "h6"]);
    let unknown = scene.cdk(&["plan", "--detailed-exitcode"]).ended(10).says("h6");
    assert!(
        !unknown.out.contains("to create"),
        "nothing is created for what cannot be seen:\n{}",
        unknown.out
    );
    scene.edit("services/web.yaml", &lab::app(1), &lab::app(2));
    scene.edit("services/web.yaml", "replicas: 8", "replicas: 9");
    scene.commit("web 2, and one more");
    scene
        .cdk(&["plan", "--detailed-exitcode"])
        .ended(2)
        .says("6 to replace")
        .says("1 to create");
    scene.cdk(&["apply", "--yes"]).ended(10).says("h6");
    let rest = lab::containers(&["h5", "h7", "h8"], "onedown.web.");
    assert_eq!(rest.len(), 7, "six replaced, one new, none twice: {rest:#?}");
    // Again, and nothing more comes of it.
    scene.cdk(&["apply", "--yes"]).ended(10);
    assert_eq!(lab::containers(&["h5", "h7", "h8"], "onedown.web.").len(), 7);

    lab::lab(&["fault", "start", "h6"]);
    scene.something_to_do().says("2 to replace");
    scene.apply();
    scene.runs("web", 9, &lab::app(2));
    scene.nothing_to_do();
}

#[test]
fn a_host_that_goes_away_in_the_middle_stops_only_its_own_work() {
    let _hosts = lab::faulty(&FAULTY);
    let scene = Scene::new("midway", &FAULTY);
    let deploy = "replicas: 8, update_config: {parallelism: 1, delay: 1s, monitor: 1s}";
    scene.write("services/web.yaml", &service("web", &lab::app(1), "", deploy));
    scene.commit("web 1");
    scene.apply();
    scene.edit("services/web.yaml", &lab::app(1), &lab::app(2));
    scene.commit("web 2");
    let before: Vec<String> = scene.containers().into_iter().map(|one| one.id).collect();
    let running = scene.start(&["apply", "--yes"]);
    let begun = || {
        lab::containers(&["h5", "h6", "h7"], "midway.web.")
            .iter()
            .any(|one| !before.contains(&one.id))
    };
    lab::until(
        "the first replica is replaced",
        std::time::Duration::from_secs(120),
        begun,
    );
    lab::lab(&["fault", "power-cut", "h8"]);
    let run = running.end();
    assert!(matches!(run.code, Some(4 | 10)), "{run:#?}");
    run.says("h8");
    lab::lab(&["fault", "start", "h8"]);
    scene.apply();
    scene.runs("web", 8, &lab::app(2));
    scene.nothing_to_do();
}
