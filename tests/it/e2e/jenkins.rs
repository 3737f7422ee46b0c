//! The example's Jenkinsfile: its `sh` lines as Jenkins runs them, in shallow detached clones, without a terminal, aborted half way.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::lab;
use super::scene::{Run, Scene, service};

/// The `sh` lines of a stage, in order.
fn lines(stage: &str) -> Vec<String> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/jenkins/Jenkinsfile");
    let text = std::fs::read_to_string(file).unwrap();
    let (_, rest) = text.split_once(&format!("stage('{stage}')")).unwrap();
    let own = rest.split("stage('").next().unwrap();
    let lines = own.lines().filter(|line| !line.trim_start().starts_with("//"));
    let quoted = |line: &str| {
        let (_, rest) = line.split_once("sh '").or_else(|| line.split_once("sh(script: '"))?;
        Some(rest.split('\'').next()?.to_owned())
    };
    let found: Vec<String> = lines.filter_map(quoted).collect();
    assert!(!found.is_empty(), "{stage} has no sh line");
    found
}

/// What Jenkins checks out: one commit, no branch, no history.
fn clone(scene: &Scene, name: &str) -> PathBuf {
    let folder = PathBuf::from(scene.beside(name));
    let from = format!("file://{}", scene.path().display());
    let to = folder.to_str().unwrap();
    for args in [
        &["clone", "-q", "--depth", "1", &from, to][..],
        &["-C", to, "checkout", "-q", "--detach"],
    ] {
        assert!(Command::new("git").args(args).status().unwrap().success());
    }
    folder
}

/// Runs a stage's only line, with what is in `first` before all programs of that name.
fn run(scene: &Scene, folder: &Path, first: &str, line: &str) -> Run {
    Run::new(scene.line(folder, first, line).output().unwrap(), &scene.heard)
}

#[test]
fn its_lines_check_plan_and_apply_and_an_aborted_build_is_made_good() {
    // One host: among several, what other tests put there between plan and apply would change the placement, and the plan is stale.
    let scene = Scene::new("jenkins", &["h3"]);
    let deploy = "replicas: 4, update_config: {parallelism: 1, monitor: 1s}";
    scene.write(
        "services/web.yaml",
        // A name that no cluster beside it has: a shallow clone can't tell whether they came from one repository.
        &service("site", &lab::app(1), "    environment: {LEVEL: debug}\n", deploy),
    );
    scene.commit("web 1");
    let main = clone(&scene, "main-1");
    for line in lines("Check") {
        run(&scene, &main, "", &line).ended(0);
    }
    // A detached commit has no branch, and its header doesn't miss one.
    for line in lines("Plan") {
        run(&scene, &main, "", &line)
            .ended(2)
            .says(" \"web 1\" · 1 host · observed in ")
            .says("cluster jenkins · ");
    }
    // The stage's `post` is its last line: the observation.
    for line in lines("Apply") {
        run(&scene, &main, "", &line).ended(0);
    }
    scene.runs("site", 4, &lab::app(1));

    // A pull request: no host is asked, no key is there to be used.
    scene.edit("services/web.yaml", "LEVEL: debug", "LEVEL: info");
    scene.commit("less noise");
    let request = clone(&scene, "request");
    std::fs::copy(main.join("observation.json"), request.join("observation.json")).unwrap();
    let (no_ssh, called) = (scene.beside("no-ssh"), scene.beside("called"));
    std::fs::create_dir_all(&no_ssh).unwrap();
    std::fs::write(
        format!("{no_ssh}/ssh"),
        format!("#!/bin/sh\ntouch {called}\nexit 255\n"),
    )
    .unwrap();
    assert!(
        Command::new("chmod")
            .args(["+x", &format!("{no_ssh}/ssh")])
            .status()
            .unwrap()
            .success()
    );
    for line in lines("Plan the pull request") {
        run(&scene, &request, &no_ssh, &line)
            .ended(2)
            .says("LEVEL  debug → info")
            .says("4 to replace");
    }
    assert!(
        !Path::new(&called).exists(),
        "a plan against an observation asks no host"
    );

    // Merged, and aborted: Jenkins sends SIGTERM to all that the build started.
    let main = clone(&scene, "main-2");
    let plan = &lines("Plan")[0];
    run(&scene, &main, "", plan).ended(2);
    let before: Vec<String> = scene.containers().into_iter().map(|one| one.id).collect();
    let apply = &lines("Apply")[0];
    let build = scene
        .line(&main, "", apply)
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = || scene.containers().iter().any(|one| !before.contains(&one.id));
    lab::until("a replica is being replaced", Duration::from_secs(120), begun);
    let group = format!("kill -TERM -{}", build.id());
    assert!(Command::new("sh").args(["-c", &group]).status().unwrap().success());
    let ended = Run::new(build.wait_with_output().unwrap(), &scene.heard);
    // Some shells wait for cdk and hand its code on, others die of the signal at once.
    assert!(matches!(ended.code, None | Some(130 | 143)), "{ended:#?}");
    let steady = || run(&scene, &main, "", plan).code == Some(2);
    lab::until("the step in hand is finished", Duration::from_secs(30), steady);
    run(&scene, &main, "", apply).ended(0);
    run(&scene, &main, "", plan).ended(0);
    scene.runs("site", 4, &lab::app(1));
}
