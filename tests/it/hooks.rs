//! Hooks as they are run: what they are given, what is told of them, and that nothing of them outlives its deadline.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cdk::cli::exit::ExitCode;
use cdk::flow::{Failure, Planned, Runner, Settings, Told, plan};
use tokio::time::{sleep, timeout};

/// A repository with these hooks, and a host on which nothing is.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(hooks: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let cluster =
            format!("cluster:\n  name: shop\n  env: [HOME, NOT_SET]\n  include: [s.yaml]\n  hooks: {hooks}\n");
        for (name, text) in [
            ("cdk.yaml", cluster.as_str()),
            (
                "s.yaml",
                "hosts: {one: {address: 10.0.0.1}}\nservices: {web: {image: 'web:1'}}\n",
            ),
            ("live.yaml", "hosts: {one: {}}\n"),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// A program of the repository. Another process writes it: what a process has open for writing cannot be run, and this one
    /// starts others all the time.
    fn program(&self, name: &str, text: &str) {
        let line = r#"mkdir -p "$(dirname "$1")" && printf '%s' "$2" > "$1" && chmod +x "$1""#;
        let made = Command::new("sh")
            .args(["-c", line, "made", name, text])
            .current_dir(self.path())
            .status();
        assert!(made.unwrap().success());
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap_or_default()
    }

    fn settings(&self) -> Settings {
        Settings {
            directory: self.path().to_owned(),
            ..Settings::default()
        }
    }

    async fn planned(&self) -> Planned {
        plan(&self.settings(), Some(&self.path().join("live.yaml")))
            .await
            .unwrap()
    }

    /// What comes of `before_apply`, and the lines that it wrote.
    async fn before_apply(&self) -> (Result<(), Failure>, Vec<String>) {
        let planned = self.planned().await;
        let mut lines = Vec::new();
        let mut told = |told: Told<'_>| match told {
            Told::Line(moment, line) => lines.push(format!("{moment} {line}")),
            Told::Event(_) | Told::Failed(..) => panic!("{told:?}"),
        };
        let ended = match Runner::new(&self.settings(), &planned) {
            Ok(hooks) => hooks.before_apply(&planned.plan, &mut told).await,
            Err(failure) => Err(failure),
        };
        (ended, lines)
    }
}

/// The words of a guard, with which apply ends with 3.
fn refused(ended: Result<(), Failure>) -> String {
    let failure = ended.unwrap_err();
    assert_eq!(ExitCode::from(&failure), ExitCode::Refused);
    match failure {
        Failure::Guard(words) => words,
        other => panic!("{other:?}"),
    }
}

/// Waits until a process is gone; one that nobody has waited for is, too.
async fn gone(process: &str) {
    let is_there = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.trim())).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    };
    let gone = async {
        while is_there() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(60), gone).await.expect("it lives on");
}

#[tokio::test]
async fn it_gets_the_plan_and_runs_in_the_repository_with_its_arguments() {
    let folder = Folder::new(r#"{before_apply: [./hooks/tell, a b, "in {{ env.HOME }}{{ env.NOT_SET }}"]}"#);
    folder.program(
        "hooks/tell",
        "#!/bin/sh\ncat >got.json\necho \"$1|$2\"\nenv | grep ^CDK_ | sort\npwd -P >&2\n",
    );
    let (ended, lines) = folder.before_apply().await;
    ended.unwrap();
    let home = std::env::var("HOME").unwrap();
    let place = folder.path().canonicalize().unwrap();
    for line in [
        format!("a b|in {home}"),
        "CDK_CLUSTER=shop".to_owned(),
        "CDK_HOOK=before_apply".to_owned(),
        "CDK_REVISION=".to_owned(),
        place.display().to_string(),
    ] {
        assert!(lines.contains(&format!("before_apply {line}")), "{line}: {lines:?}");
    }
    let given: serde_json::Value = serde_json::from_str(&folder.read("got.json")).unwrap();
    let shown = Command::new(env!("CARGO_BIN_EXE_cdk"))
        .args(["plan", "--live", "live.yaml", "-o", "json"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(given["plan"], shown["plan"], "the same as `plan -o json`");
    assert_eq!(given["plan"]["steps"][0]["host"], "one");
}

#[tokio::test]
async fn one_that_fails_says_how_and_what_it_last_said() {
    let line = "for n in 1 2 3 4 5 6; do echo line $n >&2; done; echo out; exit 7";
    let folder = Folder::new(&format!("{{before_apply: [sh, -c, '{line}']}}"));
    let (ended, lines) = folder.before_apply().await;
    let words = "the hook before_apply: it ended with 7\n    | line 2\n    | line 3\n    | line 4\n    | line 5\n    | line 6\n\
                 nothing was touched";
    assert_eq!(refused(ended), words);
    assert_eq!(lines.len(), 7, "{lines:?}");

    let folder = Folder::new("{before_apply: no-such-program-anywhere}");
    let words = refused(folder.before_apply().await.0);
    assert!(
        words.contains("no-such-program-anywhere could not be started"),
        "{words}"
    );
    let folder = Folder::new("{before_apply: '{{ env.NOT_SET }}'}");
    let words = refused(folder.before_apply().await.0);
    assert!(
        words.contains("it names no program: the variable is not set"),
        "{words}"
    );
    // It is looked for before anything is begun, whichever hook it is of.
    let folder = Folder::new("{on_failure: ./hooks/nothing}");
    let words = refused(folder.before_apply().await.0);
    assert!(
        words.starts_with("the hook `on_failure`: ./hooks/nothing: No such file"),
        "{words}"
    );
}

#[tokio::test]
async fn none_is_nothing_and_one_that_does_not_listen_is_well() {
    assert!(Folder::new("{}").before_apply().await.0.is_ok());
    assert!(Folder::new("{before_apply: 'true'}").before_apply().await.0.is_ok());
}

#[tokio::test]
async fn one_that_hangs_goes_at_its_deadline_with_all_that_it_started() {
    let line = "sleep 1000 & echo $! >child; echo $$ >own; trap \"\" TERM; echo waits >&2; while :; do sleep 1; done";
    let folder = Folder::new(&format!("{{before_apply: {{run: [sh, -c, '{line}'], timeout: 3s}}}}"));
    let (ended, _) = folder.before_apply().await;
    let words = "the hook before_apply: not done within 3s, and killed\n    | waits\nnothing was touched";
    assert_eq!(refused(ended), words);
    gone(&folder.read("child")).await;
    gone(&folder.read("own")).await;
}

#[tokio::test]
async fn one_that_nobody_waits_for_any_more_goes_too() {
    let line = "sleep 1000 & echo $! >child; mv child child.pid; sleep 1000";
    let folder = Folder::new(&format!("{{before_apply: [sh, -c, '{line}']}}"));
    let child = async {
        loop {
            let child = folder.read("child.pid");
            if !child.is_empty() {
                return child;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    let child = tokio::select! {
        _ = folder.before_apply() => panic!("it ended"),
        child = child => child,
    };
    gone(&child).await;
}

#[tokio::test]
async fn what_one_leaves_running_does_not_hold_the_apply_up() {
    let folder = Folder::new("{before_apply: [sh, -c, 'sleep 1000 & echo $! >child; echo begun']}");
    let (ended, lines) = timeout(Duration::from_secs(60), folder.before_apply())
        .await
        .expect("it waits for its output");
    ended.unwrap();
    assert_eq!(lines, ["before_apply begun"]);
    let child = folder.read("child");
    let killed = Command::new("sh")
        .args(["-c", &format!("kill {child}")])
        .status()
        .unwrap();
    assert!(killed.success(), "it was to run on");
}
