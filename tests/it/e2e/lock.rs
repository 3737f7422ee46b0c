//! Two applies at once: one is inside, the other waits or ends with 7 and names it. That no two were is read from the engines' own events.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::lab;
use super::scene::{Running, Scene, service};

/// Two hosts, one of each Debian.
const TWO: [&str; 2] = ["h1", "h2"];

/// How often two are started together.
fn rounds() -> usize {
    if crate::full() { 50 } else { 6 }
}

/// A copy of the scene's repository, in which this stands in place of that.
fn copy(scene: &Scene, name: &str) -> String {
    let to = scene.beside(name);
    let copied = Command::new("cp")
        .arg("-r")
        .arg(scene.path())
        .arg(&to)
        .status()
        .unwrap();
    assert!(copied.success());
    to
}

fn replace(repository: &str, file: &str, from: &str, to: &str) {
    let path = Path::new(repository).join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} does not hold {from:?}:\n{text}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

/// A service whose containers bear the run's name in a label.
fn labelled(name: &str, more: &str, deploy: &str) -> String {
    let more = format!("    labels: {{run: nobody}}\n    stop_grace_period: 1s\n{more}");
    service(name, &lab::app(1), &more, deploy)
}

/// What the engines of a scene's hosts tell of containers that are made and started, from now on.
struct Events<'s>(&'s Scene);

impl<'s> Events<'s> {
    fn new(scene: &'s Scene) -> Self {
        let shell = r#"file=/run/events-$1; rm -f $file
            setsid curl -sN --unix-socket /run/docker.sock -o $file \
                "http://engine/v1.41/events?since=$(date +%s)&filters=%7B%22event%22:%5B%22create%22,%22start%22%5D%7D" \
                >/dev/null 2>&1 </dev/null & echo $! >$file.pid"#;
        lab::everywhere(&scene.hosts, |host| {
            lab::lab(&["exec", host, "sh", "-c", shell, "events", &scene.cluster])
        });
        Self(scene)
    }

    /// When each run was at work: from the first container that it made to the last that it started.
    fn spans(&self) -> BTreeMap<String, (u64, u64)> {
        let file = format!("/run/events-{}", self.0.cluster);
        let shell = "cat \"$1\" 2>/dev/null || true";
        let events = lab::everywhere(&self.0.hosts, |host| {
            lab::lab(&["exec", host, "sh", "-c", shell, "cat", &file])
        });
        let mut spans: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for line in events.iter().flat_map(|events| events.lines()) {
            // The last line may be under way.
            let Ok(event) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            let attribute = |name: &str| {
                event["Actor"]["Attributes"][name]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            if attribute("name").starts_with(&format!("{}.", self.0.cluster)) {
                let at = event["timeNano"].as_u64().unwrap();
                let span = spans.entry(attribute("run")).or_insert((at, at));
                *span = (span.0.min(at), span.1.max(at));
            }
        }
        spans
    }

    fn until_inside(&self, run: &str) {
        lab::until("the apply is inside", Duration::from_secs(40), || {
            self.spans().contains_key(run)
        });
    }
}

impl Drop for Events<'_> {
    fn drop(&mut self) {
        let shell = "kill $(cat /run/events-$1.pid); rm -f /run/events-$1 /run/events-$1.pid";
        for host in &self.0.hosts {
            lab::lab(&["exec", host, "sh", "-c", shell, "end", &self.0.cluster]);
        }
    }
}

/// Fails where one run was at work while another was.
#[track_caller]
fn never_two_inside(spans: &BTreeMap<String, (u64, u64)>) {
    let mut all: Vec<_> = spans.iter().filter(|(run, _)| *run != "nobody").collect();
    all.sort_by_key(|(_, span)| span.0);
    for pair in all.windows(2) {
        assert!(
            pair[0].1.1 < pair[1].1.0,
            "{} and {} were inside at once: {all:#?}",
            pair[0].0,
            pair[1].0
        );
    }
}

/// Starts an apply of each of two repositories at once, again and again, each time with something to do.
struct Contest<'s> {
    scene: &'s Scene,
    repositories: [String; 2],
    /// The file that each changes.
    files: [&'static str; 2],
    /// What else each is told.
    more: [&'static [&'static str]; 2],
    name: &'static str,
}

impl Contest<'_> {
    /// One at least gets in each time, and who does not says whose it is: in so many rounds, or more until they have met. Gives the runs that
    /// got in.
    fn play(&self, rounds: usize) -> Vec<String> {
        let mut last = ["nobody".to_owned(), "nobody".to_owned()];
        let (mut refused, mut done) = (0, Vec::new());
        for round in 0..rounds * 10 {
            if round >= rounds && refused > 0 {
                break;
            }
            let start = |side: usize| {
                let run = format!("{}-{}-{round}", self.name, ["ann", "ben"][side]);
                let (repository, file) = (&self.repositories[side], self.files[side]);
                replace(
                    repository,
                    file,
                    &format!("run: {}", last[side]),
                    &format!("run: {run}"),
                );
                let args = [&["-C", repository, "apply", "--yes", "--dirty"], self.more[side]].concat();
                (self.scene.start_with(&[("USER", ["ann", "ben"][side])], &args), run)
            };
            let running = [start(0), start(1)];
            let ended = running.map(|(running, run)| (running.end(), run));
            assert!(
                ended.iter().any(|(run, _)| run.code == Some(0)),
                "nobody got in: {ended:#?}"
            );
            for (side, (run, name)) in ended.into_iter().enumerate() {
                last[side].clone_from(&name);
                match run.code {
                    Some(0) => done.push(name),
                    _ => {
                        run.ended(7).says(&format!("is locked by {}@", ["ben", "ann"][side]));
                        refused += 1;
                    }
                }
            }
        }
        assert!(refused > 0, "they never met");
        done
    }
}

#[test]
fn of_two_that_begin_together_one_is_inside() {
    let scene = Scene::new("lock-two", &TWO);
    let deploy = "replicas: 2, update_config: {parallelism: 0, monitor: 0s}";
    scene.write("services/web.yaml", &labelled("web", "", deploy));
    scene.commit("web");
    scene.apply();
    let events = Events::new(&scene);
    let contest = Contest {
        scene: &scene,
        repositories: [copy(&scene, "one"), copy(&scene, "other")],
        files: ["services/web.yaml"; 2],
        more: [&[]; 2],
        name: "web",
    };
    let done = contest.play(rounds());
    let spans = events.spans();
    never_two_inside(&spans);
    let inside: Vec<&String> = spans.keys().filter(|run| *run != "nobody").collect();
    let mut done: Vec<&String> = done.iter().collect();
    done.sort();
    assert_eq!(
        inside, done,
        "who was refused did nothing, who ended well did something"
    );
}

#[test]
fn two_users_and_plans_that_share_no_host_exclude_each_other_too() {
    let scene = Scene::new("lock-users", &TWO);
    for (name, host) in [("left", "h1"), ("right", "h2")] {
        let deploy = format!(
            "replicas: 1, placement: {{constraints: [node.hostname == {host}]}}, update_config: {{monitor: 0s}}"
        );
        scene.write(&format!("services/{name}.yaml"), &labelled(name, "", &deploy));
    }
    scene.commit("left and right");
    scene.apply();
    let events = Events::new(&scene);
    let users = [
        ("root", ["user: root", "user: deploy"]),
        ("sudo", ["user: sudoer, become: sudo", "user: root"]),
        ("group", ["user: deploy", "user: sudoer, become: sudo"]),
    ];
    for (name, ssh) in users {
        let repositories = ["a", "b"].map(|side| copy(&scene, &format!("{name}-{side}")));
        for (repository, ssh) in repositories.iter().zip(ssh) {
            for host in TWO {
                let address = format!("address: {host}");
                replace(
                    repository,
                    "hosts.yaml",
                    &address,
                    &format!("{address}, ssh: {{{ssh}}}"),
                );
            }
        }
        let contest = Contest {
            scene: &scene,
            repositories,
            files: ["services/left.yaml", "services/right.yaml"],
            more: [&["--service", "left"], &["--service", "right"]],
            name,
        };
        contest.play(rounds().div_ceil(3));
    }
    let spans = events.spans();
    assert!(spans.len() >= users.len(), "{spans:?}");
    never_two_inside(&spans);
}

/// How six replicas roll so slowly that others can come meanwhile, and all at once.
const SLOWLY: &str = "parallelism: 1, delay: 3s, monitor: 1s";
const AT_ONCE: &str = "parallelism: 0, monitor: 1s";

/// A cluster whose next update takes long.
fn slow(name: &str, hosts: &[&'static str]) -> Scene {
    let scene = Scene::new(name, hosts);
    let deploy = format!("replicas: 6, update_config: {{{AT_ONCE}}}");
    scene.write("services/web.yaml", &labelled("web", "", &deploy));
    scene.commit("web");
    scene.apply();
    scene.edit("services/web.yaml", AT_ONCE, SLOWLY);
    scene.commit("slowly");
    scene
}

/// Another update, which is done at once.
fn another(scene: &Scene, was: &str, run: &str) {
    scene.edit("services/web.yaml", &format!("run: {was}"), &format!("run: {run}"));
    scene.edit("services/web.yaml", SLOWLY, AT_ONCE);
    scene.commit(run);
}

/// Begins an update that bears this name, and waits until the first replica is being replaced.
fn begin(scene: &Scene, events: &Events<'_>, run: &str) -> Running {
    scene.edit("services/web.yaml", "run: nobody", &format!("run: {run}"));
    scene.commit(run);
    let build = (
        "BUILD_URL",
        "https://ci:s3cret-of-ci@ci.example.com/job/shop/41/?token=s3cret-of-ci",
    );
    let running = scene.start_with(&[("USER", run), build], &["apply", "--yes"]);
    events.until_inside(run);
    running
}

#[test]
fn the_other_is_named_and_waited_for_and_nothing_but_applies_needs_the_lock() {
    let scene = slow("lock-named", &TWO);
    let events = Events::new(&scene);
    scene.secret("s3cret-of-ci");
    let holder = begin(&scene, &events, "ann");
    scene
        .cdk(&["apply", "--yes"])
        .ended(7)
        .says("cluster lock-named is locked by ann@")
        .says("(https://ci.example.com/job/shop/41/)");
    scene.cdk(&["lock"]).ended(0).says("on 2 hosts: held by ann@");
    scene.something_to_do();
    // Who waits is terminated, and touches nothing; who waits long enough finds all done.
    let words = scene.beside("words");
    let waiting = scene.start_writing(&words, &["apply", "--yes", "--lock-timeout", "5m"]);
    let waits = scene.start(&["apply", "--yes", "--lock-timeout", "2m"]);
    let said = || std::fs::read_to_string(&words).unwrap();
    lab::until("it waits", Duration::from_secs(120), || {
        said().contains("Waiting for the lock")
    });
    waiting.signal("TERM");
    waiting.end().ended(130);
    assert!(said().contains("nothing was touched"), "{}", said());
    waits
        .end()
        .ended(0)
        .says("No changes.")
        .says("Waiting for the lock, which ann@");
    holder.end().ended(0);
    scene
        .cdk(&["lock", "show", "-o", "json"])
        .ended(0)
        .says("\"held\": false");
    let history = scene.cdk(&["history", "-n", "1"]).ended(0);
    history
        .says("by ann@")
        .says("(https://ci.example.com/job/shop/41/)")
        .says("\"ann\"")
        .says("web: 6 replaced");
}

#[test]
fn after_kill_9_the_next_gets_in_and_knows_of_it() {
    let scene = slow("lock-kill", &TWO);
    let events = Events::new(&scene);
    let holder = begin(&scene, &events, "ann");
    // So much that the journal has heard of it.
    lab::until("three are replaced", Duration::from_secs(40), || {
        scene
            .containers()
            .iter()
            .filter(|one| one.name.ends_with(".old"))
            .count()
            >= 3
    });
    holder.signal("KILL");
    assert_eq!(holder.end().code, None);
    let plan = scene.something_to_do();
    plan.says("the last apply (ann@").says("was cut off at step ");
    scene.cdk(&["history"]).ended(0).says("cut off or still going");
    another(&scene, "ann", "ben");
    scene.cdk(&["apply", "--yes", "--lock-timeout", "20s"]).ended(0);
    scene.runs("web", 6, &lab::app(1));
    scene.nothing_to_do();
}

#[test]
fn a_holder_that_was_stopped_for_long_does_nothing_when_it_goes_on() {
    let scene = slow("lock-stopped", &TWO);
    let events = Events::new(&scene);
    let holder = begin(&scene, &events, "ann");
    holder.signal("STOP");
    another(&scene, "ann", "ben");
    scene.cdk(&["apply", "--yes", "--lock-timeout", "20s"]).ended(0);
    holder.signal("CONT");
    let holder = holder.end();
    assert_ne!(holder.code, Some(0), "{holder:#?}");
    never_two_inside(&events.spans());
    scene.runs("web", 6, &lab::app(1));
    scene.nothing_to_do();
}

#[test]
fn a_holder_may_be_released_and_begins_nothing_more() {
    let scene = slow("lock-release", &TWO);
    let events = Events::new(&scene);
    let holder = begin(&scene, &events, "ann");
    scene.cdk(&["lock", "release"]).ended(64).says("--yes");
    scene
        .cdk(&["lock", "release", "--yes"])
        .ended(0)
        .says("held by ann@")
        .says("on 2 hosts: free");
    holder.end().ended(4).says("the cluster's lock there is lost");
    scene
        .cdk(&["lock", "release", "--yes"])
        .ended(0)
        .says("on 2 hosts: free");
    scene.apply();
    scene.runs("web", 6, &lab::app(1));
    scene.nothing_to_do();
}

#[test]
fn a_signal_gives_the_lock_back_and_says_what_is_left() {
    let scene = slow("lock-signal", &TWO);
    let events = Events::new(&scene);
    let holder = begin(&scene, &events, "ann");
    holder.signal("HUP");
    holder
        .end()
        .ended(130)
        .says("Interrupted:")
        .says("left: ")
        .says(" of web");
    scene.cdk(&["lock"]).ended(0).says("on 2 hosts: free");
    scene.something_to_do().says("was interrupted at step");
    let again = scene.start(&["apply", "--yes"]);
    let before = events.spans();
    lab::until("it goes on", Duration::from_secs(30), || events.spans() != before);
    // Twice stops at once, and the lock is free all the same.
    again.signal("TERM");
    again.signal("INT");
    let code = again.end().code;
    assert!([Some(4), Some(130)].contains(&code), "{code:?}");
    another(&scene, "ann", "ben");
    scene.apply();
    scene.runs("web", 6, &lab::app(1));
    scene.nothing_to_do();
}

/// Puts the built cdk and the scene's repository on a host of the lab, from where it reaches the others.
pub fn move_to(scene: &Scene, host: &str) {
    let state = lab::state();
    let stripped = scene.beside("cdk");
    let strip = Command::new("strip")
        .args(["-o", &stripped, env!("CARGO_BIN_EXE_cdk")])
        .status()
        .unwrap();
    assert!(strip.success());
    lab::lab(&["exec", host, "sh", "-c", "rm -rf /root/away; mkdir -p /root/away"]);
    let config = format!("{}", state.join("ssh_config").display());
    let repository = copy(scene, "away");
    let text = std::fs::read_to_string(&config).unwrap();
    let local = text.replace(state.to_str().unwrap(), "/root/away");
    let own = scene.beside("ssh_config");
    std::fs::write(&own, local).unwrap();
    replace(&repository, "cdk.yaml", state.to_str().unwrap(), "/root/away");
    let key = state.join("id_ed25519");
    let (known, password) = (state.join("known_hosts"), state.join("registry-password"));
    let sent = Command::new("scp")
        .args(["-q", "-r", "-F", &config, &stripped, &repository, &own])
        .args([key, known, password])
        .arg(format!("root@{host}:/root/away/"))
        .status()
        .unwrap();
    assert!(sent.success());
}

#[test]
fn a_holder_whose_network_is_cut_is_followed_within_20_s_and_never_comes_back() {
    let _faults = lab::faulty(&["h5", "h6", "h7"]);
    let scene = slow("lock-cut", &["h5", "h6"]);
    let events = Events::new(&scene);
    scene.edit("services/web.yaml", "run: nobody", "run: ann");
    scene.commit("ann");
    move_to(&scene, "h7");
    apply_away("h7", "");
    events.until_inside("ann");
    for host in ["h5", "h6"] {
        lab::lab(&["fault", "partition", "h7", host]);
    }
    another(&scene, "ann", "ben");
    scene
        .cdk(&["apply", "--yes", "--lock-timeout", "20s"])
        .ended(0)
        .says("which ann@h7 since");
    // What was under way to the hosts may arrive now.
    lab::lab(&["fault", "heal"]);
    let (code, said) = ended_away("h7");
    assert_eq!(code, "4", "{said}");
    never_two_inside(&events.spans());
    scene.runs("web", 6, &lab::app(1));
    scene.nothing_to_do();
    lab::lab(&["exec", "h7", "rm", "-rf", "/root/away"]);
}

/// Waits until the run on a lab's host has ended; its exit code and what it said.
pub fn ended_away(host: &str) -> (String, String) {
    let read = |name: &str| {
        lab::lab(&[
            "exec",
            host,
            "sh",
            "-c",
            &format!("cat /root/away/{name} 2>/dev/null || true"),
        ])
    };
    lab::until("the run ends", Duration::from_secs(60), || !read("code").is_empty());
    (read("code"), read("out"))
}

/// Begins an apply on a lab's host, where [`move_to`] has put all that it takes.
pub fn apply_away(host: &str, with: &str) {
    let away = format!(
        "cd /root/away/away && {with} CI=1 USER=ann HOME=/root ../cdk apply --yes --dirty >../out 2>&1; echo $? >../code"
    );
    let begin = format!("rm -f /root/away/code; setsid sh -c '{away}' >/dev/null 2>&1 </dev/null &");
    lab::lab(&["exec", host, "sh", "-c", &begin]);
}

/// Who works on the host itself, over its socket, and who comes over SSH have one lock.
#[test]
fn a_run_on_the_host_itself_and_one_over_ssh_exclude_each_other() {
    let _faults = lab::faulty(&["h7"]);
    let scene = slow("lock-local", &["h7"]);
    let events = Events::new(&scene);
    scene.edit("services/web.yaml", "run: nobody", "run: ann");
    scene.edit("hosts.yaml", "address: h7", "address: local");
    scene.commit("ann");
    move_to(&scene, "h7");
    apply_away("h7", "");
    events.until_inside("ann");
    scene.edit("hosts.yaml", "address: local", "address: h7");
    another(&scene, "ann", "ben");
    scene.cdk(&["apply", "--yes"]).ended(7).says("is locked by ann@h7");
    scene
        .cdk(&["lock", "release", "--yes"])
        .ended(10)
        .says("held by another user's process");
    // Killed there, it is gone at once.
    lab::lab(&["exec", "h7", "sh", "-c", "kill -9 $(pgrep -x cdk)"]);
    scene.cdk(&["apply", "--yes", "--lock-timeout", "5s"]).ended(0);
    // And the other way round.
    scene.edit("services/web.yaml", "run: ben", "run: eve");
    scene.edit("services/web.yaml", AT_ONCE, SLOWLY);
    scene.commit("eve");
    let holder = scene.start_with(&[("USER", "eve")], &["apply", "--yes"]);
    events.until_inside("eve");
    apply_away("h7", "");
    let (code, said) = ended_away("h7");
    assert!(code == "7" && said.contains("is locked by eve@"), "{code}: {said}");
    holder.signal("TERM");
    holder.end().ended(130);
    never_two_inside(&events.spans());
    lab::lab(&["exec", "h7", "rm", "-rf", "/root/away"]);
}

#[test]
fn a_signal_before_anything_is_known_ends_it_at_once() {
    let _faults = lab::faulty(&["h5", "h6"]);
    let scene = Scene::new("lock-early", &["h5", "h6"]);
    scene.write("services/web.yaml", &labelled("web", "", "replicas: 2"));
    scene.commit("web");
    lab::lab(&["fault", "cut", "h5"]);
    let mut running = scene.start(&["apply", "--yes"]);
    lab::until("it connects", Duration::from_secs(120), || running.children() > 0);
    assert!(!running.has_ended());
    running.signal("TERM");
    let run = running.end();
    lab::lab(&["fault", "heal", "h5"]);
    run.ended(130).says("nothing was touched");
    assert_eq!(scene.containers().len(), 0);
}

/// A file that a stranger put where the lock belongs keeps nobody from being told what to do.
#[test]
fn a_lock_file_that_cannot_be_used_is_told_with_its_cure() {
    let scene = Scene::new("lock-file", &["h1"]);
    scene.write(
        "services/web.yaml",
        &labelled("web", "", "replicas: 1, update_config: {monitor: 0s}"),
    );
    scene.commit("web");
    let file = "/run/lock/cdk.lock-file.lock";
    lab::lab(&[
        "exec",
        "h1",
        "sh",
        "-c",
        &format!("rm -f {file}; touch {file}; chmod 600 {file}"),
    ]);
    scene.cdk(&["apply", "--yes"]).ended(10).says(file).says("remove it");
    lab::lab(&[
        "exec",
        "h1",
        "sh",
        "-c",
        &format!("rm -f {file}; ln -s /etc/passwd {file}"),
    ]);
    scene.cdk(&["apply", "--yes"]).ended(10).says("remove it");
    lab::lab(&["exec", "h1", "rm", "-f", file]);
    scene.apply();
}

/// Starts cdk on a terminal, which it can ask; all that it says goes to a file.
fn on_a_terminal(scene: &Scene, file: &str, line: &str) -> std::process::Child {
    let line = format!("{} {line}", env!("CARGO_BIN_EXE_cdk"));
    Command::new("script")
        .args(["-qefc", &line, "/dev/null"])
        .current_dir(scene.path())
        .env("CI", "true")
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(std::fs::File::create(file).unwrap())
        .spawn()
        .unwrap()
}

#[test]
fn a_plan_that_changed_while_a_person_thought_is_shown_and_asked_for_again() {
    let scene = Scene::new("lock-asks", &TWO);
    scene.write(
        "services/web.yaml",
        &labelled("web", "", "replicas: 2, update_config: {parallelism: 0, monitor: 0s}"),
    );
    scene.commit("web");
    scene.apply();
    let events = Events::new(&scene);
    let other = copy(&scene, "other");
    scene.edit("services/web.yaml", "run: nobody", "run: ann");
    scene.commit("ann");
    let said = scene.beside("said");
    let mut asked = on_a_terminal(&scene, &said, "apply --color never");
    let words = || std::fs::read_to_string(&said).unwrap();
    lab::until("it asks", Duration::from_secs(120), || {
        words().contains("Apply these changes? [y/N]")
    });
    // It has no lock while it asks.
    replace(&other, "services/web.yaml", "run: nobody", "run: ben");
    scene.cdk(&["-C", &other, "apply", "--yes", "--dirty"]).ended(0);
    let input = asked.stdin.as_mut().unwrap();
    input.write_all(b"y\n").unwrap();
    lab::until("it asks again", Duration::from_secs(120), || {
        words().contains("Apply these changes instead? [y/N]")
    });
    assert!(
        words().contains("have changed meanwhile") && words().contains("ben → ann"),
        "{}",
        words()
    );
    // Now it has.
    scene.cdk(&["-C", &other, "apply", "--yes", "--dirty"]).ended(7);
    input.write_all(b"y\n").unwrap();
    assert!(asked.wait().unwrap().success(), "{}", words());
    never_two_inside(&events.spans());
    scene.nothing_to_do();
}
