//! A replica goes to another host, and the rule that follows it is there before it and goes after it.

use std::time::Duration;

use super::super::lab;
use super::super::scene::{Scene, service};
use super::strike::{Moment, Strike};
use super::{Bare, address, controller, on, scene};

/// Where the replica is, and where it goes.
const FROM: &str = "h5";
const TO: &str = "h6";
const PAIR: [&str; 2] = [FROM, TO];

const RULES: &str = "firewall:
  default: deny
  admin: [CONTROLLER]
  confirm_timeout: 60s
  rules:
    - {name: web, service: web, from: hosts}
";

/// Who tries a port again and again, from a host: what came of each try, in their order.
struct Knocker {
    host: &'static str,
}

impl Knocker {
    fn start(host: &'static str, to: &str, port: u16) -> Self {
        let shell = format!(
            "rm -f /run/knocks; echo '(: >/run/knocking; while [ -e /run/knocking ]; do timeout 1 bash -c \"exec 3<>/dev/tcp/{to}/{port}\" \
             2>/run/knock; case $? in 0) echo serves ;; 124) echo silent ;; *) echo refuses; sleep 0.05 ;; esac >>/run/knocks; done)' \
             >/run/knock.sh; (setsid sh /run/knock.sh >/run/knock.log 2>&1 </dev/null &)"
        );
        on(host, &shell);
        Self { host }
    }

    /// What it heard so far, each once for as long as it was the same.
    fn heard(&self) -> Vec<String> {
        on(self.host, "uniq /run/knocks").lines().map(str::to_owned).collect()
    }
}

impl Drop for Knocker {
    fn drop(&mut self) {
        on(self.host, "rm -f /run/knocking");
    }
}

/// Whether a replica of `web` is on a host, and runs.
fn is_there(scene: &Scene, host: &str) -> bool {
    let name = format!("{}.web.", scene.cluster);
    lab::containers(&[host], &name).iter().any(|one| one.state == "running")
}

#[test]
fn a_rule_that_follows_a_replica_is_there_before_it_and_goes_after_it() {
    let _hosts = lab::faulty(&PAIR);
    let _walls = Bare::new(&PAIR);
    let scene = scene("moves", &PAIR, &RULES.replace("CONTROLLER", &controller()));
    let (deploy, ports) = ("replicas: 1, update_config: {monitor: 0s}", "    ports: [\"8080\"]\n");
    scene.write("services/web.yaml", &service("web", &lab::app(1), ports, deploy));
    scene.edit("hosts.yaml", "address: h6,", "address: h6, state: drain,");
    scene.commit("web is on the one");
    scene.apply();
    assert!(is_there(&scene, FROM) && !is_there(&scene, TO));
    let port = scene.containers()[0].ports[0];
    let opens = |host: &str| on(host, "nft list table inet cdk-moves").contains(&port.to_string());
    assert!(opens(FROM) && !opens(TO));

    scene.edit("hosts.yaml", "address: h6, state: drain,", "address: h6,");
    scene.edit("hosts.yaml", "address: h5,", "address: h5, state: drain,");
    scene.commit("web goes to the other");
    // It gets the same port there, since it is the first that is free.
    let knocker = Knocker::start(FROM, &address(TO, "4"), port);
    lab::until("the port is closed before", Duration::from_secs(20), || {
        knocker.heard() == ["silent"]
    });
    let (coming, leaving) = (Strike::on(TO), Strike::on(FROM));
    coming.prepare(None, Some(Moment::InForce));
    let running = scene.start(&["apply", "--yes"]);

    // It is open on the new host while nobody serves there.
    coming.holds();
    lab::until("the port is open, and nobody is there", Duration::from_secs(20), || {
        knocker.heard().last().is_some_and(|last| last == "refuses")
    });
    assert!(!knocker.heard().contains(&"serves".to_owned()));
    assert!(opens(TO) && !is_there(&scene, TO) && is_there(&scene, FROM));
    // It is closed on the old one only after the replica has gone from there.
    leaving.prepare(None, Some(Moment::Armed));
    coming.go();
    leaving.holds();
    assert!(opens(FROM) && is_there(&scene, TO) && !is_there(&scene, FROM));
    leaving.go();
    running.end().ended(0);
    assert!(opens(TO) && !opens(FROM));
    // While Docker sets a container's network up it may be silent once more.
    lab::until("the replica is reached", Duration::from_secs(20), || {
        knocker.heard().last().is_some_and(|last| last == "serves")
    });
    scene.nothing_to_do();
}
