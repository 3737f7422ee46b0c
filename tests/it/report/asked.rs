//! `cdk move`, `cdk rebalance`, `plan --failover`, as the command line answers them, against an observation in a file.

use std::process::Command;

use super::super::check::Folder;
use super::made::golden;

const LIVE: &str = r#"{"hosts": {
    "h1": {"containers": [
        {"id": "c1", "name": "shop.web.1", "owner": {"slot": "web.1", "image": "web:1"}, "state": {"running": {"health": null}}},
        {"id": "c2", "name": "shop.web.2", "owner": {"slot": "web.2", "image": "web:1"}, "state": {"running": {"health": null}}},
        {"id": "c3", "name": "shop.web.3", "owner": {"slot": "web.3", "image": "web:1"}, "state": {"running": {"health": null}}}]},
    "h2": {"containers": [
        {"id": "c4", "name": "shop.db.1", "owner": {"slot": "db.1", "image": "db:1"}, "state": {"running": {"health": null}}}]}}}"#;

struct World(Folder);

impl World {
    fn new() -> Self {
        let folder = Folder::new(&[
            (
                "hosts.yaml",
                "hosts: {h1: {address: 10.0.0.1}, h2: {address: 10.0.0.2}}\n",
            ),
            ("web.yaml", "services: {web: {image: 'web:1', deploy: {replicas: 3}}}\n"),
            (
                "db.yaml",
                "services: {db: {image: 'db:1', volumes: ['data:/data']}}\nvolumes: {data: {}}\n",
            ),
        ]);
        folder.write("live.json", LIVE);
        Self(folder)
    }

    /// The exit code, and all that is said.
    fn cdk(&self, args: &[&str]) -> (Option<i32>, String) {
        let out = Command::new(env!("CARGO_BIN_EXE_cdk"))
            .current_dir(self.0.path())
            .env("CI", "true")
            .args(args)
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (out.status.code(), text(&out.stdout) + &text(&out.stderr))
    }

    fn live(&self, args: &[&str]) -> (Option<i32>, String) {
        self.cdk(&[args, &["--live", "live.json"]].concat())
    }
}

#[test]
fn moves_are_shown_with_their_reasons() {
    let world = World::new();
    let (code, said) = world.live(&["rebalance"]);
    assert_eq!(code, Some(0), "{said}");
    let (_, one) = world.live(&["rebalance", "--moves", "1"]);
    let (_, moved) = world.live(&["move", "db.1", "h1", "--without-data"]);
    let all = [said, one, moved].join("\n---\n");
    let all: Vec<&str> = all.lines().filter(|line| !line.starts_with("cluster ")).collect();
    golden("asked.txt", &(all.join("\n") + "\n"));
}

#[test]
fn what_can_not_be_is_refused() {
    let world = World::new();
    for (args, why) in [
        (["move", "db.1", "h1"].as_slice(), "it writes to volume shop_data"),
        (&["move", "web.1", "h3"], "there is no such host"),
        (&["move", "wbe.1", "h2"], "did you mean web?"),
    ] {
        let (code, said) = world.live(args);
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains(why) && !said.contains("No changes"), "{said}");
    }
    world
        .0
        .write("web.yaml", "services: {web: {image: 'web:2', deploy: {replicas: 3}}}\n");
    let (code, said) = world.live(&["rebalance"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("web is not as git says (web.1 differs)") && said.contains("`cdk apply` first"),
        "{said}"
    );
}

#[test]
fn nothing_to_do_is_said_in_so_many_words() {
    let world = World::new();
    world.0.write("web.yaml", "services: {}\n");
    world.0.write("live.json", r#"{"hosts": {"h1": {}, "h2": {}}}"#);
    let (code, said) = world.live(&["rebalance"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("The cluster is even"), "{said}");
    let world = World::new();
    let (code, said) = world.live(&["move", "web.1", "h1"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("web.1 is on h1 already"), "{said}");
}

#[test]
fn a_command_line_that_means_two_things_is_wrong() {
    let world = World::new();
    for args in [
        ["rebalance", "--yes", "--dry-run"].as_slice(),
        &["rebalance", "--moves", "0"],
        &["rebalance", "--service", "web", "--dry-run"],
        &["move", "web.1", "h2"],
        &["move", "web", "h2", "--dry-run"],
        &["apply", "plan.json", "--failover"],
    ] {
        let (code, said) = world.cdk(args);
        assert_eq!(code, Some(64), "{args:?}: {said}");
    }
}

#[test]
fn a_saved_plan_keeps_what_was_asked() {
    let world = World::new();
    for (args, key) in [
        (
            ["plan", "--failover", "--out", "plan.json"].as_slice(),
            "/plan/asked/failover",
        ),
        (
            &["move", "web.3", "h2", "--out", "plan.json"],
            "/plan/asked/moves/web.3/host",
        ),
        (
            &["rebalance", "--moves", "3", "--out", "plan.json"],
            "/plan/asked/rebalance",
        ),
    ] {
        let (code, said) = world.live(args);
        assert_eq!(code, Some(0), "{said}");
        let text = std::fs::read_to_string(world.0.path().join("plan.json")).unwrap();
        let plan: serde_json::Value = serde_json::from_str(&text).unwrap();
        let kept = plan.pointer(key).unwrap();
        assert!([true.into(), "h2".into(), 3.into()].contains(kept), "{args:?}: {kept}");
    }
}
