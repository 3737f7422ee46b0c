//! Other firewalls and Docker come, go and begin anew beside cdk's table: it still decides, for programs and for published ports.

use std::time::Duration;

use super::super::lab;
use super::super::scene::{Scene, service};
use super::{Walls, address, by_hand, controller, here, on, reaches, remove, scene};

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
                     rm -rf /root/firewalls; systemctl restart docker";
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

/// What connects is what the rules say, on both hosts.
#[track_caller]
fn as_ever(scene: &Scene, what: &str) {
    lab::everywhere(&PAIR, |host| {
        lab::engine(host, "POST", "containers/byhand.beside/start", None)
    });
    lab::until("the replicas are up", Duration::from_secs(90), || {
        scene.cdk(&["plan"]).out.contains("No changes")
    });
    let places = places(scene);
    let mut wrong = Vec::new();
    for ((walled, beside), (web, inner)) in PAIR.iter().zip(PAIR.iter().rev()).zip(places) {
        let four = address(walled, "4");
        let targets = [
            (four.clone(), 9100, true, true),
            (four.clone(), 9103, false, false),
            (four.clone(), 9200, true, true),
            (four.clone(), 9203, false, false),
            (four.clone(), web, false, true),
            (inner.clone(), 8080, false, false),
        ];
        let asked: Vec<(String, u16)> = targets.iter().map(|(to, port, ..)| (to.clone(), *port)).collect();
        on(beside, &format!("ip route replace {inner}/32 via {four}"));
        let near = reaches(|shell| lab::lab(&["exec", beside, "bash", "-c", shell]), &asked);
        on(beside, &format!("ip route delete {inner}/32"));
        let far = reaches(here, &asked[..5]);
        for (to, port, from_here, from_beside) in targets {
            let key = (to, port);
            if near[&key] != from_beside || far.get(&key).is_some_and(|seen| *seen != from_here) {
                wrong.push(format!(
                    "{walled} {key:?}: from beside {}, from here {:?}",
                    near[&key],
                    far.get(&key)
                ));
            }
        }
    }
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
    let _walls = Walls::new(&PAIR);
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
    as_ever(&scene, "nothing beside");

    both("systemctl restart docker", "");
    as_ever(&scene, "Docker began anew");

    let allowed = "ufw allow 22/tcp && ufw allow 9000:9999/tcp && ufw allow 20000:60999/tcp && ufw --force enable";
    both(allowed, "Firewall is active");
    as_ever(&scene, "ufw is enabled");
    both("ufw reload", "Firewall reloaded");
    as_ever(&scene, "ufw is loaded again");
    both("systemctl restart ufw && ufw status", "Status: active");
    as_ever(&scene, "ufw began anew");
    both("systemctl restart docker", "");
    as_ever(&scene, "Docker began anew beside ufw");
    both("ufw --force disable", "disabled");
    as_ever(&scene, "ufw is disabled");

    both(
        "firewall-offline-cmd --set-default-zone=trusted && systemctl start firewalld && firewall-cmd --state",
        "running",
    );
    both("systemctl restart docker", "");
    as_ever(&scene, "firewalld runs");
    both("firewall-cmd --reload && firewall-cmd --state", "running");
    as_ever(&scene, "firewalld is loaded again");
    both("systemctl restart firewalld && firewall-cmd --state", "running");
    as_ever(&scene, "firewalld began anew");
    both("systemctl stop firewalld && systemctl restart docker", "");
    as_ever(&scene, "firewalld is stopped");
    scene.nothing_to_do();
}
