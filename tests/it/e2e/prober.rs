//! Who asks a service's replicas again and again while something is done to it, and the fewest that were there at once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::lab;
use super::rolling::Told;
use super::scene::Scene;

/// Asks all that listens on a cluster's ports who it is, until its end.
pub struct Prober {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<Vec<BTreeSet<String>>>,
    all: BTreeSet<String>,
}

impl Prober {
    /// Begins to ask. The service's replicas must call themselves by their slots.
    pub fn start(scene: &Scene, service: &str, replicas: usize) -> Self {
        let hosts: Vec<String> = scene.hosts.iter().map(|host| address(host)).collect();
        let (ports, ended) = (ports(scene), Arc::new(AtomicBool::new(false)));
        let stop = Arc::clone(&ended);
        let ask = move || {
            let mut rounds = Vec::new();
            while !stop.load(Ordering::SeqCst) {
                rounds.push(asked(&hosts, ports.clone()));
                std::thread::sleep(Duration::from_millis(100));
            }
            rounds
        };
        Self {
            ended,
            thread: std::thread::spawn(ask),
            all: (1..=replicas).map(|slot| format!("{service}.{slot}")).collect(),
        }
    }

    /// The fewest that were there at once. A round of questions takes its time, so that one replica may go and another come
    /// meanwhile: who did not answer in two rounds in a row was not there between them.
    pub fn end(self) -> usize {
        self.ended.store(true, Ordering::SeqCst);
        let rounds = self.thread.join().unwrap();
        assert!(rounds.len() > 10, "it asked only {} times", rounds.len());
        assert!(rounds.contains(&self.all), "never did all answer: {rounds:#?}");
        let between = rounds.windows(2).map(|pair| {
            let there = |slot: &&String| pair.iter().any(|round| round.contains(*slot));
            self.all.iter().filter(there).count()
        });
        between.min().unwrap()
    }
}

/// Who answers there.
fn asked(hosts: &[String], ports: RangeInclusive<u16>) -> BTreeSet<String> {
    let each = hosts
        .iter()
        .flat_map(|host| ports.clone().map(move |port| (host, port)));
    each.filter_map(|(host, port)| ask(&format!("{host}:{port}"))).collect()
}

/// Who answers there: what the test application says after its version.
fn ask(address: &str) -> Option<String> {
    let (address, patience): (SocketAddr, _) = (address.parse().unwrap(), Duration::from_secs(1));
    let mut stream = TcpStream::connect_timeout(&address, patience).ok()?;
    stream.set_read_timeout(Some(patience * 5)).ok()?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some(body.trim().split_once(' ')?.1.to_owned())
}

/// Where this machine reaches a host.
fn address(host: &str) -> String {
    let config = std::fs::read_to_string(lab::state().join("ssh_config")).unwrap();
    let of = config
        .split("Host ")
        .find(|part| part.lines().next() == Some(host))
        .unwrap();
    let line = of
        .lines()
        .find_map(|line| line.trim().strip_prefix("HostName "))
        .unwrap();
    line.to_owned()
}

/// The first of a cluster's ports: they are given out in order.
fn ports(scene: &Scene) -> RangeInclusive<u16> {
    let text = std::fs::read_to_string(scene.path().join("cdk.yaml")).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("ports: "))
        .unwrap();
    let first: u16 = line.split('-').next().unwrap().parse().unwrap();
    first..=first + 20
}

/// The fewest slots of which a container ran, by what the engines tell since these ran, by id and name.
pub fn fewest(before: &BTreeMap<String, String>, told: &[Told], prefix: &str) -> usize {
    let slot = |name: &str| name.trim_end_matches(".old").to_owned();
    let mut running: BTreeMap<String, String> = before
        .iter()
        .filter(|(_, name)| name.starts_with(prefix))
        .map(|(id, name)| (id.clone(), slot(name)))
        .collect();
    let count = |running: &BTreeMap<String, String>| running.values().collect::<BTreeSet<_>>().len();
    let mut fewest = count(&running);
    for event in told.iter().filter(|event| event.name.starts_with(prefix)) {
        match event.what.as_str() {
            "start" => drop(running.insert(event.id.clone(), slot(&event.name))),
            _ => drop(running.remove(&event.id)),
        }
        fewest = fewest.min(count(&running));
    }
    fewest
}
