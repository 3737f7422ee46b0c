//! `kill -9` at many moments of applies that replace, create, remove, move and run a job; and the way to one host cut at some. The
//! same command again converges, and all the while there are as many replicas as `update_config` says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::lab::{self, FAULTY, SHARED};
use super::prober::{Prober, fewest};
use super::rolling::{Listener, Told};
use super::scene::{Run, Scene};

/// So many moments, from the first step to the last.
fn rounds(few: usize) -> usize {
    if crate::full() { few * 8 } else { few }
}

/// The replicas of `web`, of which one at a time is worked on.
const WEB: usize = 4;

/// What git says in the n-th round. From each to the next `web` is replaced, in one order or the other, one service goes and
/// another comes, each with a network of its own, what stands on one host moves off it, and a job runs that `web` waits for.
struct Round {
    number: usize,
    app: String,
    other: String,
    starts_first: bool,
}

impl Round {
    fn new(number: usize) -> Self {
        Self {
            number,
            app: lab::app(if number.is_multiple_of(2) { 1 } else { 2 }),
            other: ["even", "odd"][number % 2].to_owned(),
            starts_first: number % 4 > 1,
        }
    }

    fn write(&self, scene: &Scene) {
        let Self { number, app, other, .. } = self;
        let first = lab::app(1);
        let order = if self.starts_first { "start-first" } else { "stop-first" };
        let health = "healthcheck: {test: [CMD, /app, --health], interval: 1s, retries: 3}";
        scene.write(
            "services/all.yaml",
            &format!(
                "services:\n  migrate:\n    image: {first}\n    command: [/app, migrate]\n    environment: {{ROUND: \"{number}\"}}\n    \
                 restart: \"no\"\n    deploy: {{mode: replicated-job}}\n  \
                 web:\n    image: {app}\n    hostname: \"{{{{ slot }}}}\"\n    ports: [\"8080\"]\n    {health}\n    \
                 stop_grace_period: 2s\n    depends_on: {{migrate: {{condition: service_completed_successfully}}}}\n    \
                 deploy: {{replicas: {WEB}, update_config: {{parallelism: 1, order: {order}, monitor: 0s}}}}\n  \
                 cache:\n    image: {first}\n    stop_grace_period: 1s\n    deploy: {{replicas: 4, update_config: {{monitor: 1s}}}}\n  \
                 {other}:\n    image: {first}\n    networks: [{other}]\n    stop_grace_period: 1s\n    \
                 depends_on: [migrate]\n    deploy: {{replicas: 2, update_config: {{monitor: 1s}}}}\n\
                 networks: {{{other}: {{}}}}\n"
            ),
        );
        let drained = scene.hosts[number % 2];
        let lines = scene.hosts.iter().map(|host| {
            let state = if *host == drained { ", state: drain" } else { "" };
            format!("  {host}: {{address: {host}{state}}}\n")
        });
        scene.write("hosts.yaml", &format!("hosts:\n{}", lines.collect::<String>()));
        scene.commit(&format!("round {number}"));
    }

    /// The fewest replicas of `web` at any moment.
    fn least(&self) -> usize {
        if self.starts_first { WEB } else { WEB - 1 }
    }

    /// Nothing is left to do, nothing is left over, nothing is there twice.
    #[track_caller]
    fn is_reached(&self, scene: &Scene) {
        scene.nothing_to_do();
        let containers = scene.containers();
        let mut stands: Vec<String> = containers
            .iter()
            .map(|one| format!("{} {}", one.name, one.state))
            .collect();
        let replicas = [("web", 4), ("cache", 4), (&self.other, 2)];
        let running = replicas
            .into_iter()
            .flat_map(|(name, count)| (1..=count).map(move |slot| format!("{}.{name}.{slot} running", scene.cluster)));
        let job = format!("{}.migrate.1 exited", scene.cluster);
        let mut wanted: Vec<String> = running.chain([job]).collect();
        stands.sort();
        wanted.sort();
        assert_eq!(stands, wanted);
        let version = if self.number.is_multiple_of(2) { 1 } else { 2 };
        for slot in 1..=WEB {
            let slot = format!("web.{slot}");
            assert_eq!(scene.answer(&slot), format!("{version} {slot}"));
        }
        let drained = scene.hosts[self.number % 2];
        let stays = |one: &&lab::Container| one.host == drained && !one.name.contains(".migrate.");
        assert_eq!(containers.iter().find(stays).map(|one| &one.name), None);
        let networks = lab::everywhere(&scene.hosts, |host| {
            let list = lab::engine(host, "GET", "networks", None);
            let names = list
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["Name"].as_str().unwrap().to_owned());
            names
                .filter(|name| name.starts_with(&format!("{}.", scene.cluster)))
                .collect::<Vec<_>>()
        });
        let networks: BTreeSet<String> = networks.concat().into_iter().collect();
        assert_eq!(networks, [format!("{}.{}", scene.cluster, self.other)].into());
    }

    /// The job was started once, as the engines told it.
    #[track_caller]
    fn ran_once(&self, scene: &Scene, told: &[Told]) {
        let name = format!("{}.migrate.1", scene.cluster);
        let runs = told
            .iter()
            .filter(|one| one.what == "start" && one.name == name)
            .count();
        assert_eq!(runs, 1, "{told:#?}");
    }
}

/// How many lines tell of steps so far, and how many there will be: each step begins and ends.
fn progress(file: &str) -> (usize, usize) {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let told: Vec<&str> = text.lines().filter(|line| line.starts_with('[')).collect();
    let of = |line: &&&str| line.split(['/', ']']).nth(1)?.parse::<usize>().ok();
    (told.len(), 2 * told.first().as_ref().and_then(of).unwrap_or(0))
}

/// Applies, and does something once so many parts of all that it tells of are told; how it ended.
fn at(scene: &Scene, part: (usize, usize), act: impl FnOnce(&super::scene::Running)) -> Run {
    let file = scene.beside("progress");
    let mut running = scene.start_writing(&file, &["apply", "--yes", "-v"]);
    let mut ended = false;
    lab::until("it is so far", Duration::from_secs(120), || {
        ended = running.has_ended();
        let (told, all) = progress(&file);
        ended || (all > 0 && told * part.1 > all * part.0)
    });
    if !ended {
        act(&running);
    }
    running.end()
}

#[test]
fn killed_at_many_moments_the_same_again_converges_and_the_service_is_there() {
    let scene = Scene::new("killed", &SHARED);
    Round::new(0).write(&scene);
    scene.apply();
    let (rounds, mut killed) = (rounds(3), 0);
    for number in 1..=rounds {
        let round = Round::new(number);
        round.write(&scene);
        let listener = Listener::start(&scene);
        let prober = Prober::start(&scene, "web", WEB);
        let run = at(&scene, (number - 1, rounds), |running| running.signal("KILL"));
        killed += usize::from(run.code.is_none());
        scene.apply();
        let fewest = prober.end();
        assert!(fewest >= round.least(), "round {number}: {fewest} answered");
        round.is_reached(&scene);
        round.ran_once(&scene, &listener.end());
    }
    // At the very end it may be faster than the signal.
    assert!(killed + 1 >= rounds, "{killed} of {rounds}");
}

#[test]
fn cut_off_from_a_host_the_same_again_converges_and_the_service_is_there() {
    let _hosts = lab::faulty(&FAULTY);
    let scene = Scene::new("cutoff", &FAULTY);
    Round::new(0).write(&scene);
    scene.apply();
    let rounds = rounds(1);
    for number in 1..=rounds {
        let round = Round::new(number);
        let before: BTreeMap<String, String> = scene.containers().into_iter().map(|one| (one.id, one.name)).collect();
        round.write(&scene);
        let listener = Listener::start(&scene);
        let host = scene.hosts[(number / 2) % 4];
        let run = at(&scene, (2 * number - 1, 2 * rounds), |_| {
            lab::lab(&["fault", "cut", host]);
        });
        lab::lab(&["fault", "heal", host]);
        assert_ne!(run.code, None, "{run:#?}");
        scene.apply();
        let told = listener.end();
        let fewest = fewest(&before, &told, &format!("{}.web.", scene.cluster));
        assert!(
            fewest >= round.least(),
            "round {number}, {host}: {fewest} ran\n{run:#?}"
        );
        round.is_reached(&scene);
        round.ran_once(&scene, &told);
    }
}
