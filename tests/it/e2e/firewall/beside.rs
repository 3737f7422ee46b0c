//! Other firewalls and Docker come, go and begin anew beside cdk's table: it still decides, for programs and for published ports.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::lab;
use super::super::scene::{Scene, service};
use super::{Bare, address, by_hand, controller, here, on, reaches, reaches_again, remove, scene};

/// One of each Debian; each is walled in, and beside the other.
const PAIR: [&str; 2] = ["h5", "h6"];

const RULES: &str = "firewall:
  default: deny
  admin: [CONTROLLER]
  rollout: {parallelism: 0}
  rules:
    - {name: all, allow: [9100/tcp, 9200/tcp], from: any}
    - {name: service, service: web, from: hosts}
";

/// What others do on both hosts.
struct Step {
    what: &'static str,
    shell: &'static str,
    /// What it must say.
    says: &'static str,
    /// Whether what connects is tried after it in each run of the tests, and not only in full ones.
    always: bool,
}

const fn step(what: &'static str, shell: &'static str, says: &'static str) -> Step {
    Step {
        what,
        shell,
        says,
        always: false,
    }
}

impl Step {
    const fn always(self) -> Self {
        Self { always: true, ..self }
    }
}

/// As often as wished: systemd would begin it three times a minute.
const DOCKER_ANEW: &str = "systemctl reset-failed docker.socket docker.service; systemctl restart docker";

const STEPS: [Step; 12] = [
    step("Docker began anew", DOCKER_ANEW, ""),
    step(
        "ufw is enabled",
        "ufw allow 22/tcp && ufw allow 9000:9999/tcp && ufw allow 20000:60999/tcp && ufw --force enable",
        "Firewall is active",
    ),
    step("ufw is loaded again", "ufw reload", "Firewall reloaded").always(),
    step(
        "ufw began anew",
        "systemctl restart ufw && ufw status",
        "Status: active",
    ),
    step("Docker began anew beside ufw", DOCKER_ANEW, "").always(),
    step("ufw is disabled", "ufw --force disable", "disabled"),
    step(
        "firewalld runs",
        "firewall-offline-cmd --set-default-zone=trusted && systemctl start firewalld && firewall-cmd --state",
        "running",
    ),
    step("Docker began anew beside firewalld", DOCKER_ANEW, "").always(),
    step(
        "firewalld is loaded again",
        "firewall-cmd --reload && firewall-cmd --state",
        "running",
    )
    .always(),
    step(
        "firewalld is loaded again, all of it",
        "firewall-cmd --complete-reload && firewall-cmd --state",
        "running",
    ),
    step(
        "firewalld began anew",
        "systemctl restart firewalld && firewall-cmd --state",
        "running",
    ),
    step(
        "firewalld is stopped",
        "systemctl stop firewalld; systemctl reset-failed docker.socket docker.service; systemctl restart docker",
        "",
    )
    .always(),
];

/// The hosts' other firewalls as they were: stopped, and with the settings that they came with.
struct Others;

impl Others {
    fn new() -> Self {
        let keep = "rm -rf /root/firewalls; mkdir /root/firewalls; cp -a /etc/ufw /etc/firewalld /root/firewalls/; cp -a /etc/default/ufw \
                    /root/firewalls/default";
        lab::everywhere(&PAIR, |host| on(host, keep));
        Self
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        let shell = "ufw --force disable; systemctl stop ufw firewalld; if [ -e /root/firewalls/default ]; then rm -rf /etc/ufw /etc/firewalld; \
                     cp -a /root/firewalls/ufw /root/firewalls/firewalld /etc/; cp -a /root/firewalls/default /etc/default/ufw; fi; \
                     rm -rf /root/firewalls; systemctl reset-failed docker.socket docker.service; systemctl restart docker";
        lab::everywhere(&PAIR, |host| on(host, shell));
        lab::everywhere(&PAIR, |host| {
            remove(host, "byhand.beside");
            on(host, "kill $(cat /run/walled.pid)")
        });
    }
}

/// Where a replica of `web` is: the port on its host, and the address within.
fn places(scene: &Scene) -> Vec<(u16, String)> {
    let all = scene.containers();
    let on_host = PAIR.map(|host| all.iter().find(|one| one.host == host).unwrap());
    let places = on_host.into_iter().map(|one| {
        let inspect = lab::engine(&one.host, "GET", &format!("containers/{}/json", one.name), None);
        let network = format!("{}.inner", scene.cluster);
        let inner = inspect["NetworkSettings"]["Networks"][network.as_str()]["IPAddress"].as_str();
        (one.ports[0], inner.unwrap().to_owned())
    });
    places.collect()
}

/// Waits until Docker has all up again: who begins anew while it still works on its own rules may cost it a container.
#[track_caller]
fn all_up(scene: &Scene) {
    lab::everywhere(&PAIR, |host| {
        lab::engine(host, "POST", "containers/byhand.beside/start", None)
    });
    lab::until("the replicas are up", Duration::from_secs(90), || {
        scene.cdk(&["plan"]).out.contains("No changes")
    });
}

/// What connects is what the rules say, on both hosts.
#[track_caller]
fn as_ever(scene: &Scene, what: &str) {
    let places = places(scene);
    // One host after the other: containers of both may have the same address.
    let wrong = PAIR.map(|walled| {
        let (beside, (web, inner)) = if walled == PAIR[0] {
            (PAIR[1], &places[0])
        } else {
            (PAIR[0], &places[1])
        };
        let four = address(walled, "4");
        let to = |port: u16| (four.clone(), port);
        let far = [to(9100), to(9103), to(9200), to(9203), to(*web)];
        let near = [&far[..], &[(inner.clone(), 8080)]].concat();
        on(beside, &format!("ip route replace {inner}/32 via {four}"));
        let (open_beside, open_here) = (BTreeSet::from([9100, 9200, *web]), BTreeSet::from([9100, 9200]));
        let shell = |shell: &str| lab::lab(&["exec", beside, "bash", "-c", shell]);
        let (from_beside, from_here) = std::thread::scope(|scope| {
            let near = scope.spawn(|| reaches_again(shell, &near, |(_, port)| open_beside.contains(port)));
            let from_here = reaches_again(here, &far, |(_, port)| open_here.contains(port));
            (near.join().unwrap(), from_here)
        });
        on(beside, &format!("ip route delete {inner}/32"));
        let open = |seen: &BTreeMap<(String, u16), bool>| {
            seen.iter()
                .filter(|(_, open)| **open)
                .map(|((_, port), _)| *port)
                .collect()
        };
        let (from_beside, from_here): (BTreeSet<u16>, BTreeSet<u16>) = (open(&from_beside), open(&from_here));
        (from_beside != open_beside || from_here != open_here)
            .then(|| format!("{walled}: reached from beside {from_beside:?}, from here {from_here:?}"))
    });
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{what}: {wrong:#?}");
}

/// Runs something on both hosts, which must succeed, and ends with these words.
#[track_caller]
fn both(shell: &str, says: &str) {
    for said in lab::everywhere(&PAIR, |host| {
        lab::lab(&["exec", host, "sh", "-c", &format!("{shell} 2>&1")])
    }) {
        assert!(said.contains(says), "{shell}: {said}");
    }
}

#[test]
fn beside_docker_ufw_and_firewalld_the_rules_still_decide() {
    let _hosts = lab::faulty(&PAIR);
    let _walls = Bare::new(&PAIR);
    let scene = scene("beside", &PAIR, &RULES.replace("CONTROLLER", &controller()));
    let more = "    ports: [\"8080\"]\n    networks: [inner]\n";
    let network = "networks: {inner: {}}\n";
    let web = service("web", &lab::app(1), more, "mode: global");
    scene.write("services/web.yaml", &format!("{web}{network}"));
    scene.commit("rules");
    scene.apply();
    let _others = Others::new();
    for host in PAIR {
        on(host, "/usr/sbin/sshd -o PidFile=/run/walled.pid -p 9200 -p 9203");
        by_hand(host, "byhand.beside", &[9100, 9103]);
    }
    all_up(&scene);
    as_ever(&scene, "nothing beside");
    for Step {
        what,
        shell,
        says,
        always,
    } in STEPS
    {
        both(shell, says);
        all_up(&scene);
        if always || crate::full() {
            as_ever(&scene, what);
        }
    }
    scene.nothing_to_do();

    // It was cdk's table that decided: without it ufw lets in what it was told to, and Docker whatever it publishes.
    both("ufw --force enable", "Firewall is active");
    scene.edit("cdk.yaml", ", firewall.yaml", "");
    scene.commit("no rules");
    scene.apply();
    let four = address(PAIR[0], "4");
    let all = [9100, 9103, 9200, 9203].map(|port| (four.clone(), port));
    lab::until("everybody comes in", Duration::from_secs(20), || {
        reaches(here, &all).values().all(|open| *open)
    });
}
