//! The commands as they are called: what goes to stdout, exit codes, and commits of the one file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use cdk::plan::step::PlanDocument;

use crate::check::Folder;

const LIVE: &str = "{\"hosts\": {\"one\": {}, \"two\": {}}}";
const WEB: &str = "services:\n  web:\n    image: web:1\n    deploy: {replicas: 2}   # two\n";

fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(folder).args(args).output().unwrap();
    assert!(
        output.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A repository with one commit, and an observation of two empty hosts beside it.
fn repository() -> Folder {
    let folder = Folder::new(&[
        ("services.yaml", WEB),
        ("live.json", LIVE),
        (".gitignore", "live.json\n"),
    ]);
    git(folder.path(), &["init", "-q", "-b", "main"]);
    git(folder.path(), &["config", "user.name", "Ann"]);
    git(folder.path(), &["config", "user.email", "ann@example.com"]);
    git(folder.path(), &["add", "-A"]);
    git(folder.path(), &["commit", "-q", "-m", "one"]);
    folder
}

/// Runs cdk against the observation, with a git that knows nothing but the repository.
fn cdk(folder: &Folder, args: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_cdk"))
        .current_dir(folder.path())
        .args(args)
        .args(["--live", "live.json"])
        .env("HOME", folder.path())
        .env_remove("CI")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn an_edit_is_told_and_planned_and_stays_uncommitted() {
    let folder = repository();
    let (code, told, wrong) = cdk(&folder, &["scale", "web=12"]);
    assert_eq!((code, wrong.as_str()), (0, ""));
    assert!(
        told.starts_with("services.yaml:4:24  deploy.replicas of web 2 → 12\n\ncluster shop · "),
        "{told}"
    );
    assert!(
        told.contains("+ uncommitted changes") && told.contains("12 replicas on one, two"),
        "{told}"
    );
    let diff = git(folder.path(), &["diff", "-U0"]);
    let lines: Vec<&str> = diff
        .lines()
        .filter(|line| line.starts_with(['+', '-']))
        .skip(2)
        .collect();
    assert_eq!(
        lines,
        [
            "-    deploy: {replicas: 2}   # two",
            "+    deploy: {replicas: 12}   # two"
        ]
    );
    let (code, told, _) = cdk(&folder, &["scale", "web=12"]);
    assert_eq!(code, 0);
    assert!(
        told.starts_with("web has 12 replicas already\n\ncluster shop"),
        "{told}"
    );
}

#[test]
fn json_is_the_plan_and_nothing_else() {
    let folder = repository();
    let (code, told, progress) = cdk(&folder, &["drain", "one", "-o", "json"]);
    assert_eq!(
        (code, progress.as_str()),
        (0, "hosts.yaml:2:58  state of one drain, which was not written before\n")
    );
    let plan: PlanDocument = serde_json::from_str(&told).unwrap();
    assert!(plan.plan.revision.dirty);
}

#[test]
fn a_commit_holds_the_edited_file_alone_and_is_planned() {
    let folder = repository();
    folder.write(
        "hosts.yaml",
        "hosts:\n  one: {address: 10.0.0.1}\n  two: {address: 10.0.0.2}   # staged\n",
    );
    folder.write("README", "not staged");
    git(folder.path(), &["add", "hosts.yaml"]);
    let (code, told, wrong) = cdk(&folder, &["bump", "web=web:2", "--commit"]);
    assert_eq!((code, wrong.as_str()), (0, ""));
    let head = git(folder.path(), &["rev-parse", "--short=7", "HEAD"]);
    let line = format!(
        "Committed {} \"bump web to web:2\"\n\ncluster shop · {} main \"bump web to web:2\" · 2 hosts",
        head.trim(),
        head.trim()
    );
    assert!(told.contains(&line), "{told}");
    assert_eq!(
        git(folder.path(), &["show", "--format=%an <%ae> %cn %s", "--name-only"]),
        "Ann <ann@example.com> Ann bump web to web:2\n\nservices.yaml\n"
    );
    assert_eq!(git(folder.path(), &["status", "--short"]), "M  hosts.yaml\n?? README\n");
    let (code, told, _) = cdk(&folder, &["bump", "web=web:2", "--commit"]);
    assert_eq!(
        (
            code,
            told.contains("web has the image web:2 already"),
            told.contains("Committed")
        ),
        (0, true, false)
    );
}

#[test]
fn a_commit_that_would_hold_more_is_refused_before_anything_is_written() {
    let folder = repository();
    let refused = |wanted: &str| {
        let before = fs::read_to_string(folder.path().join("services.yaml")).unwrap();
        let (code, told, wrong) = cdk(&folder, &["scale", "web=12", "--commit"]);
        assert_eq!((code, told.as_str()), (3, ""), "{wrong}");
        assert!(
            wrong.contains(wanted) && wrong.contains("nothing was written"),
            "{wrong}"
        );
        assert_eq!(fs::read_to_string(folder.path().join("services.yaml")).unwrap(), before);
    };
    folder.write("services.yaml", &WEB.replace("web:1", "web:7"));
    refused("services.yaml has changes that are not committed");
    git(folder.path(), &["add", "services.yaml"]);
    refused("services.yaml has changes that are not committed");
    git(folder.path(), &["commit", "-q", "-m", "two"]);
    git(folder.path(), &["config", "commit.gpgsign", "true"]);
    refused("commits are signed here");
    git(folder.path(), &["config", "commit.gpgsign", "false"]);
    folder.write(".git/hooks/pre-commit", "#!/bin/sh\n");
    refused("commits here run hooks");
    fs::remove_file(folder.path().join(".git/hooks/pre-commit")).unwrap();
    git(folder.path(), &["config", "--unset", "user.email"]);
    refused("git does not know who commits");
    git(folder.path(), &["config", "user.email", "ann@example.com"]);
    folder.write(".git/MERGE_HEAD", &git(folder.path(), &["rev-parse", "HEAD"]));
    refused("a merge");
    fs::remove_file(folder.path().join(".git/MERGE_HEAD")).unwrap();
    assert_eq!(cdk(&folder, &["scale", "web=12", "--commit"]).0, 0);
    assert_eq!(
        git(folder.path(), &["log", "--format=%s"]),
        "scale web to 12\ntwo\none\n"
    );
    fs::remove_dir_all(folder.path().join(".git")).unwrap();
    let (code, _, wrong) = cdk(&folder, &["scale", "web=1", "--commit"]);
    assert_eq!(code, 3);
    assert!(wrong.contains("is not in a git repository"), "{wrong}");
}

/// What is not committed elsewhere may be what makes the edit right.
#[test]
fn a_commit_is_right_without_what_is_not_committed() {
    let folder = repository();
    let deploy = "    deploy: {replicas: 2, autoscale: {min: 1, max: 4, cpu: {above: 70%}}}\n";
    folder.write(
        "services.yaml",
        &format!("services:\n  web:\n    image: web:1\n{deploy}"),
    );
    folder.write(
        "cdk.yaml",
        "cluster: {name: shop, include: [\"*.yaml\"]}\nvars: {n: 1}\n",
    );
    folder.write("more.yaml", "services: {api: {image: \"api:{{ vars.n }}\"}}\n");
    git(folder.path(), &["add", "services.yaml", "more.yaml"]);
    git(folder.path(), &["commit", "-q", "-m", "two"]);
    let (code, _, wrong) = cdk(&folder, &["scale", "web=3", "--commit"]);
    assert_eq!(code, 3);
    assert!(
        wrong.contains("without what is not committed yet") && wrong.contains("vars.n"),
        "{wrong}"
    );
    assert_eq!(git(folder.path(), &["log", "--format=%s"]), "two\none\n");
    assert_eq!(git(folder.path(), &["diff", "--name-only"]), "cdk.yaml\n");
}

#[test]
fn what_is_wrong_has_its_code_and_changes_nothing() {
    let folder = repository();
    let agent = "services:\n  agent: {image: agent:1, deploy: {mode: global}}\n";
    folder.write("agent.yaml", agent);
    for (args, code, words) in [
        (&["scale", "web"][..], 64, "SERVICE=N"),
        (&["scale", "web=many"], 64, "not a number of replicas"),
        (&["scale", "web=-1"], 64, "not a number of replicas"),
        (&["scale"], 64, "SERVICE=N"),
        (&["scale", "wbe=2"], 64, "did you mean web?"),
        (&["bump", "web=Web"], 64, "is not an image"),
        (&["drain", "tow"], 64, "did you mean two?"),
        (&["drain", "one", "--host", "tow"], 64, "no such host"),
        (&["-e", "prod", "drain", "one"], 64, "no environment"),
        (&["scale", "agent=2"], 3, "is global"),
        (&["scale", "web=3", "agent=2"], 3, "is global"),
    ] {
        let (is, told, wrong) = cdk(&folder, args);
        assert_eq!((is, told.as_str()), (code, ""), "{args:?}: {wrong}");
        assert!(wrong.contains(words), "{args:?}: {wrong}");
    }
    folder.write("live.json", "{}]");
    assert_eq!(cdk(&folder, &["scale", "web=3"]).0, 1);
    assert_eq!(git(folder.path(), &["diff", "--name-only"]), "");
}

/// The edit is in the repository; that a host does not answer is the plan's to say.
#[test]
fn a_host_that_does_not_answer_undoes_no_edit() {
    let folder = repository();
    folder.write(
        "live.json",
        "{\"hosts\": {\"one\": {}, \"two\": {\"unreachable\": \"on fire\"}}}",
    );
    let (code, told, _) = cdk(&folder, &["scale", "web=3"]);
    assert_eq!((code, told.contains("on fire")), (10, true), "{told}");
    let (code, _, wrong) = cdk(&folder, &["scale", "web=4", "--host", "two"]);
    assert_eq!((code, wrong.contains("two is unreachable")), (6, true), "{wrong}");
    assert!(
        fs::read_to_string(folder.path().join("services.yaml"))
            .unwrap()
            .contains("replicas: 4")
    );
}

#[test]
fn a_file_keeps_its_permissions_and_a_link_stays_one() {
    let folder = repository();
    let path = |name: &str| folder.path().join(name);
    fs::rename(path("cdk.yaml"), path("real")).unwrap();
    fs::write(
        path("real"),
        "cluster: {name: shop, include: [hosts.yaml, services.yaml]}\nvars: {n: 1}\n",
    )
    .unwrap();
    std::os::unix::fs::symlink("real", path("cdk.yaml")).unwrap();
    folder.write(
        "services.yaml",
        "services: {web: {image: web:1, deploy: {replicas: \"{{ vars.n }}\"}}}\n",
    );
    fs::set_permissions(path("real"), fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(cdk(&folder, &["scale", "web=3"]).0, 0);
    assert_eq!(fs::metadata(path("real")).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::symlink_metadata(path("cdk.yaml")).unwrap().is_symlink());
    assert!(fs::read_to_string(path("real")).unwrap().ends_with("vars: {n: 3}\n"));
    let names = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 7, "nothing is left beside the files");
}
