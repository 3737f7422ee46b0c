//! Ports that must stay open, tried from another host; changes that wait, confirmed by hand; one part of the cluster by itself.

use std::time::Duration;

use super::bare::{Bare, TAKEN_BACK, address, on};
use super::lab;
use super::scene::{Scene, service};

/// The host whose ports are tried.
const TRIED: &str = "h5";
/// The one that tries them.
const FROM: &str = "h6";
const HOSTS: [&str; 2] = [TRIED, FROM];

/// This machine's address on the lab's network: its first one.
fn controller() -> String {
    let host = address(TRIED, "4");
    let (network, _) = host.rsplit_once('.').unwrap();
    format!("{network}.1")
}

const RULES: &str = "firewall:
  default: deny
  admin: [CONTROLLER]
  confirm_timeout: TIMEOUT
  rollout: {parallelism: 0}
  rules:
    - {name: http, on: node.hostname == h5, allow: [9101/tcp, 9110-9120/tcp], from: hosts, probe: true}
";

fn rules(timeout: &str) -> String {
    RULES.replace("CONTROLLER", &controller()).replace("TIMEOUT", timeout)
}

fn scene(cluster: &str, firewall: &str) -> Scene {
    let scene = Scene::new(cluster, &HOSTS);
    scene.edit("cdk.yaml", "services/*.yaml]", "services/*.yaml, firewall.yaml]");
    scene.edit("cdk.yaml", "ssh: {config", "ssh: {user: sudoer, become: sudo, config");
    let hosts = HOSTS.map(|host| {
        format!(
            "  {host}: {{address: {host}, private_address: {}}}\n",
            address(host, "4")
        )
    });
    scene.write("hosts.yaml", &format!("hosts:\n{}", hosts.concat()));
    scene.write("firewall.yaml", firewall);
    scene.write(
        "services/web.yaml",
        &service("web", &lab::app(1), "    ports: [\"8080\"]\n", "replicas: 1"),
    );
    scene.commit("rules");
    scene
}

/// The table of a host, without what comes and goes.
fn table(host: &str, cluster: &str) -> String {
    on(host, &format!("nft -s list table inet cdk-{cluster}"))
}

#[test]
fn a_port_that_must_stay_open_is_tried_from_another_host() {
    let _hosts = lab::faulty(&HOSTS);
    let _walls = Bare::new(&HOSTS);
    let scene = scene("probed", &rules("30s"));
    // Nobody listens at 9101: that this is said is answer enough.
    scene
        .something_to_do()
        .says("http  allow 9101/tcp, 9110-9120/tcp from hosts, probed");
    scene.apply();
    scene.nothing_to_do();
    let before = table(TRIED, "probed");

    // Somebody else's table keeps the port shut: the rules alone do not open it, and the change goes back.
    on(
        TRIED,
        "nft 'table inet others { chain input { type filter hook input priority 0; tcp dport 9110 drop; }; }'",
    );
    scene.edit("firewall.yaml", "9101/tcp,", "9101/tcp, 9102/tcp,");
    scene.edit("firewall.yaml", "confirm_timeout: 30s", "confirm_timeout: 6s");
    scene.commit("one more");
    let run = scene.cdk(&["apply", "--yes"]).ended(4);
    run.says(&format!(
        "h6 does not reach 9110/tcp at {}, which the rule http probes",
        address(TRIED, "4")
    ))
    .says_one_of(&TAKEN_BACK);
    assert_eq!(table(TRIED, "probed"), before);
    on(TRIED, "nft delete table inet others");
    scene.edit("firewall.yaml", "confirm_timeout: 6s", "confirm_timeout: 30s");
    scene.commit("with time");
    scene.apply();
    scene.nothing_to_do();

    // Who could try it does not answer: the plan says so, and the change is confirmed as others are.
    scene.edit("firewall.yaml", "9102/tcp,", "9103/tcp,");
    scene.commit("another");
    lab::lab(&["fault", "cut", FROM]);
    let run = scene.cdk(&["plan"]);
    lab::lab(&["fault", "heal", FROM]);
    run.ended(10).says("h5: nobody tries 9101/tcp (http)");
    scene.apply();
    // A rule that lets no other host in is refused before anything is touched.
    scene.edit("firewall.yaml", "from: hosts, probe", "from: 203.0.113.0/24, probe");
    scene.commit("nobody");
    scene
        .cdk(&["plan"])
        .ended(3)
        .says("no other host that the rule lets in could try the ports of h5");
}

#[test]
fn a_change_that_waits_is_confirmed_by_hand_or_planned_as_taken_back() {
    let _hosts = lab::faulty(&HOSTS);
    let _walls = Bare::new(&HOSTS);
    let scene = scene("waiting", &rules("120s"));
    scene.apply();
    scene.nothing_to_do();
    scene.cdk(&["firewall", "confirm"]).ended(0).says("h5  nothing waits");
    let before = table(TRIED, "waiting");
    let waits = || {
        // The port is shut, so that the change is tried for long, and killed.
        on(
            TRIED,
            "nft 'table inet others { chain input { type filter hook input priority 0; tcp dport 9101 drop; }; }'",
        );
        let running = scene.start(&["apply", "--yes"]);
        lab::until("a change waits", Duration::from_secs(60), || {
            on(TRIED, "ls -d /var/lib/cdk/firewall/pending.*").contains("pending") && table(TRIED, "waiting") != before
        });
        running.signal("KILL");
        running.end();
        on(TRIED, "nft delete table inet others");
    };
    scene.edit("firewall.yaml", "9101/tcp,", "9101/tcp, 9102/tcp,");
    scene.commit("one more");
    waits();
    // It is planned as if it had been taken back, and the same command again does it.
    let said = "h5: a change of its firewall waits to be confirmed or taken back";
    scene.something_to_do().says(said).says("9102/tcp");
    scene
        .cdk(&["firewall", "show"])
        .ended(0)
        .says("a change that is in force waits");
    scene
        .cdk(&["apply", "--yes", "--lock-timeout", "60s"])
        .ended(0)
        .says(said);
    scene.nothing_to_do();
    assert!(
        table(TRIED, "waiting").contains("9101-9102"),
        "{}",
        table(TRIED, "waiting")
    );

    // And by hand.
    scene.edit("firewall.yaml", "9102/tcp,", "9103/tcp,");
    scene.commit("another");
    on(
        TRIED,
        "nft 'table inet others { chain input { type filter hook input priority 0; tcp dport 9101 drop; }; }'",
    );
    let running = scene.start(&["apply", "--yes"]);
    lab::until("a change waits", Duration::from_secs(60), || {
        table(TRIED, "waiting").contains("9103")
    });
    running.signal("KILL");
    running.end();
    on(TRIED, "nft delete table inet others");
    scene
        .cdk(&["firewall", "confirm"])
        .ended(0)
        .says("h5  confirmed")
        .says("h6  nothing waits");
    scene
        .cdk(&["firewall", "confirm", "-o", "json"])
        .ended(0)
        .says("\"end\": \"nothing\"");
    scene.nothing_to_do();
    lab::lab(&["fault", "cut", FROM]);
    let run = scene.cdk(&["firewall", "confirm"]);
    lab::lab(&["fault", "heal", FROM]);
    run.ended(10).says("h6  ! not confirmed");
}

#[test]
fn each_part_by_itself_leaves_the_other_as_it_is() {
    let _hosts = lab::faulty(&HOSTS);
    let _walls = Bare::new(&HOSTS);
    let scene = scene("parts", &rules("30s"));
    scene
        .cdk(&["apply", "--yes", "--only", "services"])
        .ended(0)
        .says("stays as it is: --only says nothing of it");
    assert_eq!(table(TRIED, "parts"), "");
    scene.runs("web", 1, &lab::app(1));
    scene.cdk(&["status"]).ended(2).says("2 firewalls to change");
    scene.edit("services/web.yaml", &lab::app(1), &lab::app(2));
    scene.commit("both differ");
    scene.cdk(&["apply", "--yes", "--only", "firewall"]).ended(0);
    assert!(table(TRIED, "parts").contains("9110-9120"));
    scene.runs("web", 1, &lab::app(1));
    scene
        .cdk(&["plan", "--only", "firewall", "--detailed-exitcode"])
        .ended(0);
    scene
        .cdk(&["plan", "--only", "firewall,services", "--detailed-exitcode"])
        .ended(2);
    scene.cdk(&["plan", "--only", "firewall", "--service", "web"]).ended(64);
    scene.cdk(&["plan", "--only", "ingress"]).ended(64);
    scene.apply();
    scene.nothing_to_do();

    // What is done for one service alone, forth or back, changes only the rules that follow it.
    let before = table(TRIED, "parts");
    scene.edit("firewall.yaml", "9101/tcp,", "9101/tcp, 9102/tcp,");
    scene.commit("rules");
    scene.edit("services/web.yaml", &lab::app(2), &lab::app(1));
    scene.commit("web");
    scene.cdk(&["apply", "--yes", "--service", "web"]).ended(0);
    scene.runs("web", 1, &lab::app(1));
    assert_eq!(table(TRIED, "parts"), before);
    scene.something_to_do().says("9102/tcp");
    scene.apply();
    let after = table(TRIED, "parts");
    assert_ne!(after, before);
    scene.cdk(&["rollback", "web", "--yes"]).ended(0);
    scene.runs("web", 1, &lab::app(2));
    assert_eq!(table(TRIED, "parts"), after);
}
