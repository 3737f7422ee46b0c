//! Updates that go wrong, on real hosts: six replicas on three hosts, by strategy, order and failure action, with images that start slowly,
//! never become healthy, crash within the monitor, or after it. What is printed, the exit code, and what runs at the end.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::lab;
use super::scene::{Run, Scene};

const HOSTS: [&str; 3] = ["h1", "h2", "h3"];
/// The replica that misbehaves.
const BAD: &str = "web.4";

/// How the replica behaves in the new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sick {
    /// It takes a while to be healthy, and then is.
    Slow,
    Never,
    WithinMonitor,
    AfterMonitor,
}

impl Sick {
    /// The variables of the misbehaving replica.
    fn variables(self) -> [(&'static str, &'static str); 2] {
        match self {
            Self::Slow => [("APP_HEALTHY_AFTER", "2"), ("APP_EXIT_AFTER", "")],
            Self::Never => [("APP_HEALTHY_AFTER", "never"), ("APP_EXIT_AFTER", "")],
            Self::WithinMonitor => [("APP_HEALTHY_AFTER", "0"), ("APP_EXIT_AFTER", "2.5")],
            Self::AfterMonitor => [("APP_HEALTHY_AFTER", "0"), ("APP_EXIT_AFTER", "60")],
        }
    }

    fn is_failure(self) -> bool {
        match self {
            Self::Never | Self::WithinMonitor => true,
            Self::Slow | Self::AfterMonitor => false,
        }
    }
}

struct Case {
    strategy: &'static str,
    order: &'static str,
    action: &'static str,
    sick: Sick,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            strategy,
            order,
            action,
            sick,
        } = self;
        write!(f, "{strategy} {order} {action} {sick:?}")
    }
}

const fn case(strategy: &'static str, order: &'static str, action: &'static str, sick: Sick) -> Case {
    Case {
        strategy,
        order,
        action,
        sick,
    }
}

/// Each value of each of the four at least once, and those pairs that have code of their own.
const SOME: [Case; 6] = [
    case("rolling", "stop-first", "rollback", Sick::Never),
    case("rolling", "start-first", "rollback", Sick::WithinMonitor),
    case("rolling", "start-first", "pause", Sick::Never),
    case("rolling", "stop-first", "continue", Sick::WithinMonitor),
    case("blue-green", "start-first", "rollback", Sick::WithinMonitor),
    case("canary", "stop-first", "pause", Sick::Slow),
];

fn all() -> Vec<Case> {
    let mut all = Vec::new();
    for strategy in ["rolling", "blue-green", "canary"] {
        for order in ["stop-first", "start-first"] {
            for action in ["pause", "continue", "rollback"] {
                for sick in [Sick::Slow, Sick::Never, Sick::WithinMonitor, Sick::AfterMonitor] {
                    all.push(case(strategy, order, action, sick));
                }
            }
        }
    }
    all
}

fn write(scene: &Scene, version: u8, case: &Case, sick: Option<Sick>) {
    let Case {
        strategy,
        order,
        action,
        ..
    } = case;
    let variables = sick.map_or([("APP_HEALTHY_AFTER", "0"), ("APP_EXIT_AFTER", "")], Sick::variables);
    // A canary is of the first four, so that the misbehaving one is among them.
    let canary = if *strategy == "canary" {
        ", canary: {replicas: 4}"
    } else {
        ""
    };
    let environment: Vec<String> = variables
        .iter()
        .map(|(name, value)| {
            let well = if *name == "APP_HEALTHY_AFTER" { "0" } else { "" };
            format!("{name}: \"{{{{ '{value}' if slot == '{BAD}' else '{well}' }}}}\"")
        })
        .collect();
    scene.write(
        "services/web.yaml",
        &format!(
            "services:\n  web:\n    image: {}\n    ports: [\"8080\"]\n    \
             healthcheck: {{test: [CMD, /app, --health], interval: 1s, timeout: 2s, retries: 3}}\n    \
             environment: {{{}}}\n    deploy:\n      replicas: 6\n      \
             update_config: {{strategy: {strategy}{canary}, parallelism: 2, order: {order}, monitor: 3s, timeout: 8s, failure_action: {action}}}\n      \
             rollback_config: {{parallelism: 0, monitor: 1s}}\n",
            lab::app(version),
            environment.join(", "),
        ),
    );
}

/// The versions that run, by slot; of a slot that runs twice both.
fn runs(scene: &Scene) -> Vec<String> {
    let mut all: Vec<(String, String)> = Vec::new();
    for one in scene.containers() {
        if one.state == "running" || one.state == "restarting" {
            let live = lab::engine(&one.host, "GET", &format!("containers/{}/json", one.id), None);
            let labels = &live["Config"]["Labels"];
            let text = |label: &str| labels[label].as_str().unwrap_or_default().to_owned();
            let image = text("cdk.image");
            all.push((
                text("cdk.slot"),
                image.rsplit(':').next().unwrap_or_default().to_owned(),
            ));
        }
    }
    all.sort();
    all.into_iter()
        .map(|(slot, version)| format!("{slot}={version}"))
        .collect()
}

fn each(version: u8) -> Vec<String> {
    (1..=6).map(|slot| format!("web.{slot}={version}")).collect()
}

fn check(scene: &Scene, case: &Case) {
    let Case {
        strategy, action, sick, ..
    } = case;
    let what = case.to_string();
    // Whatever the case before left is rolled over: a canary would wait.
    let rolling = Case {
        strategy: "rolling",
        ..*case
    };
    write(scene, 1, &rolling, None);
    scene.git(&["add", "-A"]);
    // A case that went back to this very file leaves nothing to commit.
    scene.git(&["commit", "-q", "--allow-empty", "-m", "well"]);
    scene.apply();
    assert_eq!(runs(scene), each(1), "{what}");
    let ids = |scene: &Scene| {
        let mut ids: Vec<String> = scene.containers().into_iter().map(|one| one.id).collect();
        ids.sort();
        ids
    };
    let before = ids(scene);
    write(scene, 2, case, Some(*sick));
    scene.commit(&what);
    let run = scene.cdk(&["apply", "--yes"]);
    let Run { code, out, err } = &run;
    let told = format!("{what}\n--- stdout\n{out}--- stderr\n{err}");
    let code = code.unwrap();
    let bad_runs = |version: u8| runs(scene).contains(&format!("{BAD}={version}"));
    match (sick.is_failure(), *action, *strategy) {
        (false, _, "canary") => {
            assert_eq!(code, 9, "{told}");
            assert_eq!(&runs(scene)[..4], &each(2)[..4], "{told}");
            assert_eq!(&runs(scene)[4..], &each(1)[4..], "{told}");
            scene.cdk(&["apply", "--yes"]).ended(9).says("cdk promote web");
            if *action == "pause" {
                scene.cdk(&["abort", "web", "--yes"]).ended(0);
                assert_eq!((runs(scene), ids(scene)), (each(1), before), "{told}");
                scene.cdk(&["apply", "--yes"]).ended(9).says("held");
            } else {
                scene.cdk(&["promote", "web", "--yes"]).ended(0);
                assert_eq!(runs(scene), each(2), "{told}");
                scene.nothing_to_do();
            }
        }
        (false, _, _) => {
            assert_eq!(code, 0, "{told}");
            assert_eq!(runs(scene), each(2), "{told}");
            scene.nothing_to_do();
        }
        (true, "rollback", _) => {
            assert_eq!(code, 5, "{told}");
            assert_eq!((runs(scene), ids(scene)), (each(1), before), "{told}");
            // The same again leaves it alone, and says so.
            scene.cdk(&["apply", "--yes"]).ended(9).says("held").says("--retry web");
            scene.cdk(&["status"]).ended(2).says("not as git says").says("held");
            assert_eq!(runs(scene), each(1), "{told}");
        }
        (true, "pause", _) => {
            assert_eq!(code, 9, "{told}");
            assert!(bad_runs(1), "{told}{:?}", runs(scene));
            let stands = (runs(scene), ids(scene));
            scene
                .cdk(&["apply", "--yes"])
                .ended(9)
                .says("paused")
                .says("--retry web");
            assert_eq!((runs(scene), ids(scene)), stands, "{told}");
            // Back by git: what was before still stands.
            scene.revert();
            scene.apply();
            assert_eq!((runs(scene), ids(scene)), (each(1), before), "{told}");
            scene.nothing_to_do();
        }
        (true, _, _) => {
            assert_eq!(code, 4, "{told}");
            assert!(bad_runs(1), "{told}{:?}", runs(scene));
        }
    }
    if sick.is_failure() {
        let why = if *sick == Sick::Never { "healthy" } else { "exited" };
        assert!(out.contains(why) || err.contains(why), "{told}");
    }
}

/// Every second case, from the first or the second on: two clusters go through them side by side. One that fails keeps no other from
/// being seen. `CDK_TEST_CASE=TEXT` goes through those of all whose name holds it.
fn check_all(cluster: &str, from: usize) {
    let scene = Scene::new(cluster, &HOSTS);
    let named = std::env::var("CDK_TEST_CASE").ok();
    let mut cases = if crate::full() || named.is_some() {
        all()
    } else {
        SOME.into()
    };
    cases.retain(|case| named.as_ref().is_none_or(|name| case.to_string().contains(name)));
    let cases = cases.iter().skip(from).step_by(2);
    let failed = cases.filter(|case| catch_unwind(AssertUnwindSafe(|| check(&scene, case))).is_err());
    let failed: Vec<String> = failed.map(Case::to_string).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn each_failure_action_does_what_it_says() {
    check_all("updates", 0);
}

#[test]
fn each_failure_action_does_what_it_says_of_the_other_half() {
    check_all("otherwise", 1);
}
