//! Hooks around a real apply: what they are given and when, what their failures mean, and that they end.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::lab::{self, SHARED, until};
use super::scene::{Run, Scene, service};

/// A program that keeps what it is given, one file per run, numbered in order.
const KEEP: &str = "#!/bin/sh\nn=$(ls \"$KEPT\" | wc -l)\ncat >\"$KEPT/$n\"\n\
                    mv \"$KEPT/$n\" \"$KEPT/$n.$CDK_HOOK.$CDK_CLUSTER.$CDK_REVISION\"\necho kept\n";

struct Kept<'s> {
    scene: &'s Scene,
    folder: PathBuf,
}

impl<'s> Kept<'s> {
    fn new(scene: &'s Scene) -> Self {
        let folder = PathBuf::from(scene.beside("kept"));
        std::fs::create_dir(&folder).unwrap();
        scene.write("hooks/keep", KEEP);
        let program = scene.path().join("hooks/keep");
        std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { scene, folder }
    }

    fn apply(&self) -> Run {
        let folder = self.folder.to_str().unwrap();
        self.scene.cdk_with(&[("KEPT", folder)], &["apply", "--yes"])
    }

    /// What was kept since the last time: the hook and what it was given, in order.
    fn take(&self) -> Vec<(String, Value)> {
        let revision = self.scene.git(&["rev-parse", "HEAD"]);
        let mut all: Vec<(String, Value)> = Vec::new();
        let mut names: Vec<String> = std::fs::read_dir(&self.folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        for name in names {
            let path = self.folder.join(&name);
            let parts: Vec<&str> = name.split('.').collect();
            assert_eq!(parts[2..], [self.scene.cluster.as_str(), revision.as_str()]);
            let given = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            all.push((parts[1].to_owned(), given));
            std::fs::remove_file(path).unwrap();
        }
        all
    }
}

fn hooks(scene: &Scene, hooks: &str) {
    scene.edit("cdk.yaml", "  include:", &format!("  hooks: {{{hooks}}}\n  include:"));
}

fn names(kept: &[(String, Value)]) -> Vec<&str> {
    kept.iter().map(|(hook, _)| hook.as_str()).collect()
}

#[test]
fn a_hook_before_that_fails_leaves_all_untouched() {
    let scene = Scene::new("hookno", &SHARED);
    scene.write("services/web.yaml", &service("web", &lab::app(1), "", "replicas: 2"));
    hooks(&scene, "before_apply: [sh, -c, 'echo not on a friday >&2; exit 1']");
    scene.commit("web 1");
    let run = scene
        .cdk(&["apply", "--yes"])
        .ended(3)
        .says("the hook before_apply: it ended with 1");
    run.says("| not on a friday").says("nothing was touched");
    assert!(
        lab::containers(&scene.hosts, "hookno.").is_empty(),
        "not even a journal"
    );
    scene.something_to_do();
}

#[test]
fn each_hook_gets_what_happened_in_its_turn() {
    let scene = Scene::new("hooked", &SHARED);
    let kept = Kept::new(&scene);
    let deploy = "replicas: 2, update_config: {monitor: 1s, failure_action: pause}";
    scene.write("services/first.yaml", &service("first", &lab::app(1), "", deploy));
    let after = "    depends_on: [first]\n";
    scene.write("services/second.yaml", &service("second", &lab::app(1), after, deploy));
    let keep = "./hooks/keep";
    hooks(
        &scene,
        &format!("before_apply: {keep}, after_service: {keep}, after_apply: {keep}, on_failure: {keep}"),
    );
    scene.commit("both");
    kept.apply().ended(0).says("after_apply | kept");
    let all = kept.take();
    assert_eq!(
        names(&all),
        ["before_apply", "after_service", "after_service", "after_apply"]
    );
    assert_eq!(all[0].1["plan"]["cluster"], "hooked");
    assert_eq!(
        (&all[1].1["service"], &all[1].1["end"]),
        (&"first".into(), &"done".into())
    );
    assert_eq!(
        (&all[2].1["service"], &all[2].1["end"]),
        (&"second".into(), &"done".into())
    );
    assert_eq!(all[3].1["done"], all[3].1["steps"]);
    assert_eq!(all[0].1["plan"]["steps"].as_array().unwrap().len(), all[3].1["steps"]);

    // Nothing to do: nothing runs.
    kept.apply().ended(0);
    assert!(kept.take().is_empty());

    scene.edit(
        "services/first.yaml",
        "    deploy",
        "    environment: {APP_EXIT_AFTER: \"0\"}\n    deploy",
    );
    scene.commit("first ends at once");
    kept.apply().ended(9);
    let all = kept.take();
    assert_eq!(names(&all).first(), Some(&"before_apply"));
    assert_eq!(names(&all).last(), Some(&"on_failure"));
    let ended = all.iter().find(|(_, given)| given["service"] == "first").unwrap();
    assert_eq!((ended.0.as_str(), &ended.1["end"]), ("after_service", &"paused".into()));
    assert_eq!(all.last().unwrap().1["failed"].as_array().unwrap().len(), 1);
    scene.revert();
    kept.apply().ended(0);
}

#[test]
fn what_fails_afterwards_is_told_and_changes_nothing() {
    let scene = Scene::new("hookafter", &SHARED);
    scene.write(
        "services/web.yaml",
        &service("web", &lab::app(1), "", "update_config: {monitor: 1s}"),
    );
    let hang = "sleep 1000 & echo $! >../child; sleep 1000";
    hooks(
        &scene,
        &format!("after_service: 'false', after_apply: {{run: [sh, -c, '{hang}'], timeout: 5s}}"),
    );
    scene.commit("web 1");
    let run = scene.cdk(&["apply", "--yes"]).ended(0);
    run.says("the hook after_service failed: it ended with 1")
        .says("the hook after_apply failed: not done within 5s, and killed");
    let child = std::fs::read_to_string(scene.beside("child")).unwrap();
    until("the hook's child is gone", Duration::from_secs(30), || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    });
    scene.runs("web", 1, &lab::app(1));
    scene.nothing_to_do();
}

#[test]
fn a_signal_ends_the_hook_and_the_apply() {
    let scene = Scene::new("hooksignal", &SHARED);
    scene.write(
        "services/web.yaml",
        &service("web", &lab::app(1), "", "update_config: {monitor: 1s}"),
    );
    let wait = "touch ../begun; sleep 1000";
    hooks(&scene, &format!("before_apply: [sh, -c, '{wait}']"));
    scene.commit("waits before");
    let begun = PathBuf::from(scene.beside("begun"));
    let signalled = |code: i32| {
        let run = scene.start(&["apply", "--yes"]);
        until("the hook has begun", Duration::from_secs(60), || begun.exists());
        run.signal("TERM");
        let run = run.end().ended(code);
        std::fs::remove_file(&begun).unwrap();
        run
    };
    signalled(130).says("nothing was touched");
    assert!(scene.containers().is_empty());
    scene.edit("cdk.yaml", "before_apply", "after_apply");
    scene.commit("waits after");
    signalled(130).says("the hook after_apply failed: a signal ended it");
    scene.runs("web", 1, &lab::app(1));
    scene.nothing_to_do();
}
