//! `cdk rollback` and full disks, as the command line answers them, against an observation in a file and a git history.

use std::process::Command;

use serde_json::{Value, json};

use super::super::check::Folder;

/// A repository of which every commit has another image; the journal says which of them were applied, and how that ended.
struct World {
    folder: Folder,
    commits: Vec<String>,
}

impl World {
    fn new(commits: usize) -> Self {
        let folder = Folder::new(&[
            ("hosts.yaml", "hosts: {h1: {address: 10.0.0.1}}\n"),
            ("api.yaml", "services: {api: {image: 'api:1'}}\n"),
        ]);
        let mut world = Self {
            folder,
            commits: Vec::new(),
        };
        world.git(&["init", "-q", "-b", "main"]);
        for number in 1..=commits {
            let web = format!("services: {{web: {{image: 'web:{number}'}}}}\n");
            world.folder.write("web.yaml", &web);
            world.git(&["add", "-A"]);
            world.git(&["commit", "-q", "-m", &format!("web {number}")]);
            let commit = world.git(&["rev-parse", "HEAD"]);
            world.commits.push(commit);
        }
        world
    }

    fn git(&self, args: &[&str]) -> String {
        let out = Command::new("git")
            .current_dir(self.folder.path())
            .envs([("GIT_AUTHOR_NAME", "T"), ("GIT_AUTHOR_EMAIL", "t@example.com")])
            .envs([("GIT_COMMITTER_NAME", "T"), ("GIT_COMMITTER_EMAIL", "t@example.com")])
            .args(args)
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    }

    /// What is live: the applies so far, by the number of the commit, how each ended, and whether it was of all.
    fn live(&self, applies: &[(usize, &str, bool)]) {
        let records: Vec<Value> = (1..)
            .zip(applies)
            .map(|(sequence, apply)| self.record(sequence, *apply))
            .collect();
        let newest = applies.last().map_or(1, |apply| apply.0);
        let container = |service: &str, image: &str, commit: usize| {
            json!({"id": service, "name": format!("shop.{service}.1"), "image_id": "i",
                "owner": {"slot": format!("{service}.1"), "image": image, "revision": self.commits[commit - 1]}})
        };
        let live = json!({"hosts": {"h1": {"journal": records, "images": {"i": {"tags": ["web:1", "web:2", "web:3", "api:1"]}},
            "containers": [container("web", &format!("web:{newest}"), newest), container("api", "api:1", 1)]}}});
        self.folder.write("live.json", &live.to_string());
    }

    fn record(&self, sequence: u64, (commit, end, whole): (usize, &str, bool)) -> Value {
        json!({"version": 1, "sequence": sequence, "at": format!("2026-01-0{sequence}T00:00:00Z"), "by": "ann@desk",
            "revision": self.commits[commit - 1], "end": end, "memory": {"partial": !whole}})
    }

    fn cdk(&self, args: &[&str]) -> (Option<i32>, String) {
        let out = Command::new(env!("CARGO_BIN_EXE_cdk"))
            .current_dir(self.folder.path())
            .env("CI", "true")
            .args(args)
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (out.status.code(), text(&out.stdout) + &text(&out.stderr))
    }

    /// The version that a rollback goes back to, by its number; or what is said where there is none.
    fn back(&self, services: &[&str]) -> Result<usize, String> {
        let (code, said) = self.cdk(&[&["rollback", "--live", "live.json"], services].concat());
        let to = |commit: &&String| said.contains(&format!("Back to {}, which ann@desk applied", &commit[..7]));
        match (code, self.commits.iter().position(|commit| to(&commit))) {
            (Some(0), Some(at)) => Ok(at + 1),
            (_, _) => Err(said),
        }
    }
}

const DONE: &str = "done";

#[test]
fn a_rollback_goes_back_to_the_last_version_that_ended_well() {
    let world = World::new(3);
    world.live(&[(1, DONE, true), (2, DONE, true), (3, DONE, true)]);
    assert_eq!(world.back(&[]), Ok(2));
    world.live(&[(1, DONE, true), (2, "failed", true), (3, "failed", true)]);
    assert_eq!(world.back(&[]), Ok(1), "the second ended badly");
    world.live(&[(1, DONE, true), (2, DONE, true), (3, "begun", true)]);
    assert_eq!(world.back(&[]), Ok(2), "the third was cut off");
    let (_, said) = world.cdk(&["rollback", "--live", "live.json"]);
    assert!(said.contains("web:3 → 2"), "{said}");
}

#[test]
fn twice_back_goes_back_twice_and_then_there_is_nothing_before() {
    let world = World::new(3);
    let mut applies = vec![(1, DONE, true), (2, DONE, true), (3, DONE, true), (2, DONE, true)];
    world.live(&applies);
    assert_eq!(world.back(&[]), Ok(1), "not the third again");
    applies.push((1, DONE, true));
    world.live(&applies);
    let said = world.back(&[]).unwrap_err();
    assert!(
        said.contains("no version before") && said.contains("--to REV"),
        "{said}"
    );
    // Forward again, and it is what ran last before.
    applies.push((3, "failed", true));
    world.live(&applies);
    assert_eq!(world.back(&[]), Ok(1));
    world.live(&[]);
    let said = world.back(&[]).unwrap_err();
    assert!(said.contains("nothing of this cluster was applied"), "{said}");
}

#[test]
fn a_service_goes_back_to_where_it_was_another_one() {
    let world = World::new(3);
    world.live(&[(1, DONE, true), (2, DONE, true), (3, DONE, true)]);
    assert_eq!(world.back(&["web"]), Ok(2));
    let said = world.back(&["api"]).unwrap_err();
    assert!(said.contains("no earlier version with another api"), "{said}");
    let said = world.back(&["wbe"]).unwrap_err();
    assert!(said.contains("there is no service wbe"), "{said}");
    // A rollback of one service is no version of all.
    world.live(&[(1, DONE, true), (3, DONE, true), (2, DONE, false)]);
    assert_eq!(world.back(&["web"]), Ok(1), "the service went back once already");
    assert_eq!(world.back(&[]), Ok(1), "the cluster's version is still the third");
}

#[test]
fn a_revision_that_a_shallow_clone_lacks_is_told_with_the_cure() {
    let world = World::new(3);
    world.live(&[(1, DONE, true), (2, DONE, true), (3, DONE, true)]);
    let clone = world.folder.path().join("clone");
    let from = format!("file://{}", world.folder.path().display());
    world.git(&["clone", "-q", "--depth", "1", &from, clone.to_str().unwrap()]);
    std::fs::copy(world.folder.path().join("live.json"), clone.join("live.json")).unwrap();
    for args in [
        ["rollback", "--live", "live.json"].as_slice(),
        &["rollback", "--live", "live.json", "web"],
        &["rollback", "--live", "live.json", "--to", &world.commits[0]],
    ] {
        let (code, said) = world.cdk(&[&["-C", clone.to_str().unwrap()], args].concat());
        assert_ne!(code, Some(0), "{args:?}: {said}");
        assert!(said.contains("git fetch --unshallow"), "{args:?}: {said}");
    }
}

#[test]
fn a_rollback_asks_or_is_told() {
    let world = World::new(1);
    let (code, said) = world.cdk(&["rollback"]);
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("--yes"), "{said}");
}

#[test]
fn a_pull_that_can_not_fit_is_refused_with_the_cure() {
    let world = World::new(1);
    let plan = |first: Value| {
        let elsewhere = json!({"images": {"i": {"tags": ["web:0"], "size": "400M", "created": 7}}});
        world.folder.write(
            "hosts.yaml",
            "hosts: {h1: {address: 10.0.0.1}, h2: {address: 10.0.0.2, state: drain}}\n",
        );
        let live = json!({"hosts": {"h1": first, "h2": elsewhere}});
        world.folder.write("live.json", &live.to_string());
        world.cdk(&["plan", "--live", "live.json"]).1
    };
    let refused = |said: &str| said.contains("apply refuses: h1 has");
    let said = plan(json!({"free_disk": "300M"}));
    assert!(
        refused(&said) && said.contains("300M of disk left") && said.contains("about 400M"),
        "{said}"
    );
    assert!(said.contains("docker image prune"), "{said}");
    assert!(!refused(&plan(json!({"free_disk": "500M"}))), "it fits");
    assert!(!refused(&plan(json!({}))), "nobody knows");
    // Most of it may lie there; but an engine without any room left pulls nothing.
    let kin = json!({"old": {"tags": ["web:9"], "size": "400M"}});
    assert!(!refused(&plan(json!({"free_disk": "300M", "images": kin}))));
    assert!(refused(&plan(json!({"free_disk": "1M", "images": kin}))));
}
