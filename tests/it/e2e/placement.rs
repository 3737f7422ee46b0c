//! Placement on real hosts: two zones, a host that is drained under load, one that dies and comes back. Nothing doubled, nothing lost.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::lab::{self, FAULTY};
use super::scene::{Scene, service};

const HEALTH: &str =
    "    ports: [\"8080\"]\n    healthcheck: {test: [CMD, /app, --health], interval: 1s, retries: 2}\n";

const HOSTS: &str = "hosts:
  h5: {address: h5, labels: {zone: a}}
  h6: {address: h6, labels: {zone: b}}  # the second zone begins
  h7: {address: h7, labels: {zone: a}}
  h8: {address: h8, labels: {zone: b}}
";

/// How many of the service's replicas run on each host; each slot must be there once.
#[track_caller]
fn spread(scene: &Scene, hosts: &[&str]) -> BTreeMap<String, u32> {
    let all = lab::containers(hosts, &format!("{}.web.", scene.cluster));
    let names: BTreeSet<&str> = all.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names.len(), all.len(), "nothing is doubled: {all:#?}");
    let wanted: BTreeSet<String> = (1..=12).map(|slot| format!("{}.web.{slot}", scene.cluster)).collect();
    assert_eq!(names, wanted.iter().map(String::as_str).collect(), "nothing is lost");
    let mut counts = BTreeMap::new();
    for one in all {
        assert_eq!(one.state, "running", "{}", one.name);
        *counts.entry(one.host).or_insert(0) += 1;
    }
    counts
}

fn counts(counts: &[(&str, u32)]) -> BTreeMap<String, u32> {
    counts
        .iter()
        .map(|(host, count)| ((*host).to_owned(), *count))
        .collect()
}

/// The addresses at which the replicas on these hosts answer.
fn endpoints(scene: &Scene, hosts: &[&str]) -> Vec<String> {
    let addresses: BTreeMap<String, String> = lab::lab(&["status"])
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?.to_owned(), words.next()?.to_owned()))
        })
        .collect();
    let all = scene.containers().into_iter();
    all.filter(|one| hosts.contains(&one.host.as_str()))
        .map(|one| format!("{}:{}", addresses[&one.host], one.ports[0]))
        .collect()
}

fn answers(endpoint: &str) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&endpoint.parse().unwrap(), Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// Asks endpoints over and over while `work` goes on. Gives back how many answers there were, and who once gave none.
fn under_load(endpoints: &[String], work: impl FnOnce()) -> (usize, Vec<String>) {
    let (done, asked, failed) = (AtomicBool::new(false), AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for part in endpoints.chunks(endpoints.len().div_ceil(4)) {
            let (done, asked, failed) = (&done, &asked, &failed);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    for endpoint in part {
                        asked.fetch_add(1, Ordering::Relaxed);
                        if !answers(endpoint) {
                            failed.lock().unwrap().push(endpoint.clone());
                        }
                    }
                }
            });
        }
        work();
        done.store(true, Ordering::Relaxed);
    });
    (asked.into_inner(), failed.into_inner().unwrap())
}

#[test]
fn a_host_is_drained_under_load_and_another_dies_and_comes_back() {
    let _hosts = lab::faulty(&FAULTY);
    let scene = Scene::new("zones", &FAULTY);
    let deploy = "replicas: 12, placement: {preferences: [{spread: node.labels.zone}]}, \
                  update_config: {parallelism: 2, monitor: 1s}";
    scene.write("hosts.yaml", HOSTS);
    scene.write("services/web.yaml", &service("web", &lab::app(1), HEALTH, deploy));
    scene.commit("web 1");
    scene
        .cdk(&["plan", "-v"])
        .ended(0)
        .says("fewest web replicas in zone a")
        .says("zone b");
    scene.apply();
    assert_eq!(
        spread(&scene, &FAULTY),
        counts(&[("h5", 3), ("h6", 3), ("h7", 3), ("h8", 3)])
    );
    scene.nothing_to_do();

    // A scale-down takes from every zone alike, and the way back leads to where it was.
    let before = names_by_host(&scene);
    scene.cdk(&["scale", "web=8", "--commit"]).ended(0).says("4 to remove");
    assert_eq!(
        scene.git(&["diff", "HEAD~1", "--shortstat"]),
        " 1 file changed, 1 insertion(+), 1 deletion(-)"
    );
    scene.apply();
    let fewer: Vec<usize> = names_by_host(&scene).into_values().map(|names| names.len()).collect();
    assert_eq!(fewer, [2, 2, 2, 2]);
    scene.cdk(&["scale", "web=12", "--commit"]).ended(0).says("4 to create");
    scene.apply();
    assert_eq!(names_by_host(&scene), before);

    // Drained under load: what stays serves all the time, and each that goes is up elsewhere before it stops.
    let elsewhere = endpoints(&scene, &["h6", "h7", "h8"]);
    assert_eq!(elsewhere.len(), 9);
    scene
        .cdk(&["drain", "h5", "--commit"])
        .ended(0)
        .says("h5 → h7")
        .says("h5 is draining")
        .says("3 to move");
    assert!(scene.git(&["show", "HEAD"]).contains("state: drain"));
    let (asked, failed) = under_load(&elsewhere, || drop(scene.apply()));
    assert!(
        asked > 50 && failed.is_empty(),
        "{asked} asked, {failed:?} gave no answer"
    );
    // The zone with fewer replicas takes them all.
    assert_eq!(spread(&scene, &FAULTY), counts(&[("h6", 3), ("h7", 6), ("h8", 3)]));
    scene.nothing_to_do();

    // One dies: nothing is made twice of what cannot be seen, until a person says so.
    lab::lab(&["fault", "power-cut", "h6"]);
    let unknown = scene.cdk(&["plan", "--detailed-exitcode"]).ended(10).says("h6");
    assert!(!unknown.out.contains("to create"), "{}", unknown.out);
    scene
        .cdk(&["plan", "--failover"])
        .ended(10)
        .says("h6 does not answer: failed over")
        .says("3 to create");
    scene.cdk(&["apply", "--failover", "--yes"]).ended(10);
    let alive = ["h5", "h7", "h8"];
    assert_eq!(spread(&scene, &alive), counts(&[("h7", 6), ("h8", 6)]));
    scene.cdk(&["apply", "--yes"]).ended(10);
    assert_eq!(spread(&scene, &alive), counts(&[("h7", 6), ("h8", 6)]));

    // It comes back: its doubles go, and nothing else is touched.
    let serving: BTreeSet<String> = lab::containers(&alive, "zones.web.")
        .into_iter()
        .map(|one| one.id)
        .collect();
    lab::lab(&["fault", "start", "h6"]);
    scene.something_to_do().says("3 to remove").says("doubled");
    scene.apply();
    assert_eq!(spread(&scene, &FAULTY), counts(&[("h7", 6), ("h8", 6)]));
    let after: BTreeSet<String> = scene.containers().into_iter().map(|one| one.id).collect();
    assert_eq!(after, serving, "the same containers");
    scene.nothing_to_do();

    // Nothing moves by itself to a host that is let back in; asked to, the fewest moves even it out.
    scene.cdk(&["activate", "h5", "--commit"]).ended(0);
    scene.nothing_to_do();
    assert_eq!(
        std::fs::read_to_string(scene.path().join("hosts.yaml")).unwrap(),
        HOSTS,
        "activate takes back what drain wrote"
    );
    scene
        .cdk(&["rebalance", "--moves", "2", "--yes"])
        .ended(0)
        .says("2 to move")
        .says("evens out");
    scene.cdk(&["rebalance", "--yes"]).ended(0).says("4 to move");
    assert_eq!(
        spread(&scene, &FAULTY),
        counts(&[("h5", 3), ("h6", 3), ("h7", 3), ("h8", 3)])
    );
    scene.cdk(&["rebalance", "--yes"]).ended(0);
    scene.cdk(&["move", "web.1", "h9", "--yes"]).ended(3).says("h9");
    scene.nothing_to_do();
}

fn names_by_host(scene: &Scene) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for one in scene.containers() {
        all.entry(one.host).or_default().insert(one.name);
    }
    all
}
