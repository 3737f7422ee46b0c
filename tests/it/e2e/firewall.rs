//! The firewall on real hosts: what the rules say is what connects, nobody is locked out, and it stands again after everything.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use cdk::model::firewall::{Place, RuleSet, Sender, Verdict};
use cdk::model::setting::Protocol;
use cdk::model::traffic::Traffic;

mod beside;
mod cases;
mod lockouts;
mod moves;
mod strike;

use super::bare::{Bare, address, on};
use super::lab;
use super::scene::{Scene, service};

/// The host that is walled in.
const WALLED: &str = "h7";
/// One beside it.
const BESIDE: &str = "h8";
const HOSTS: [&str; 2] = [WALLED, BESIDE];

/// This machine's address on that network: its first one.
fn controller() -> String {
    // Asked once: a host may be away just now.
    static OWN: OnceLock<String> = OnceLock::new();
    let own = || {
        let host = address(WALLED, "4");
        let (network, _) = host.rsplit_once('.').unwrap();
        format!("{network}.1")
    };
    OWN.get_or_init(own).clone()
}

fn scene(cluster: &str, hosts: &[&'static str], firewall: &str) -> Scene {
    let scene = Scene::new(cluster, hosts);
    scene.edit("cdk.yaml", "ssh: {config", "ssh: {user: sudoer, become: sudo, config");
    scene.edit("cdk.yaml", "services/*.yaml]", "services/*.yaml, firewall.yaml]");
    let lines = hosts.iter().map(|host| {
        let (four, six) = (address(host, "4"), address(host, "6"));
        format!("  {host}: {{address: {host}, private_address: {four}, public_addresses: [\"{six}\"]}}\n")
    });
    scene.write("hosts.yaml", &format!("hosts:\n{}", lines.collect::<String>()));
    scene.write("firewall.yaml", firewall);
    scene
}

/// Which of these addresses and ports somebody connects to, and could not only because this machine had no time for it: what is expected to be
/// open and was not is tried again.
fn reaches_again(
    shell: impl Fn(&str) -> String,
    targets: &[(String, u16)],
    is_open: impl Fn(&(String, u16)) -> bool,
) -> BTreeMap<(String, u16), bool> {
    let mut all = reaches(&shell, targets);
    for _ in 0..3 {
        let missed = |one: &&(String, u16)| !all[*one] && is_open(one);
        let missed: Vec<(String, u16)> = targets.iter().filter(missed).cloned().collect();
        if missed.is_empty() {
            break;
        }
        all.extend(reaches(&shell, &missed));
    }
    all
}

/// Which of these addresses and ports somebody connects to: `shell` runs what it gets where that somebody is.
fn reaches(shell: impl Fn(&str) -> String, targets: &[(String, u16)]) -> BTreeMap<(String, u16), bool> {
    let tries: Vec<String> = targets
        .iter()
        .map(|(to, port)| {
            format!("(timeout 2 bash -c 'exec 3<>/dev/tcp/{to}/{port}' 2>/dev/null && echo '{to} {port} yes' || echo '{to} {port} no') &")
        })
        .collect();
    let said = shell(&format!("{} wait", tries.join(" ")));
    let lines = said.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let all: BTreeMap<(String, u16), bool> = lines
        .map(|words| ((words[0].to_owned(), words[1].parse().unwrap()), words[2] == "yes"))
        .collect();
    assert_eq!(all.len(), targets.len(), "{said}");
    all
}

fn here(shell: &str) -> String {
    let output = Command::new("bash").args(["-c", shell]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// What runs in the network of a container is seen to come from it.
fn within(host: &str, container: &str, shell: &str) -> String {
    let inspect = lab::engine(host, "GET", &format!("containers/{container}/json"), None);
    let pid = inspect["State"]["Pid"].as_u64().unwrap().to_string();
    lab::lab(&["exec", host, "nsenter", "-t", &pid, "-n", "bash", "-c", shell])
}

/// The ports of one column each: sshd listens on 92xx, a container on 91xx.
const COLUMNS: [u16; 6] = [0, 1, 2, 3, 5, 6];

const RULES: &str = "firewall:
  default: deny
  admin: [CONTROLLER]
  confirm_timeout: 10s
  rollout: {parallelism: 0}
  rules:
    - {name: none, deny: [9105/tcp, 9205/tcp], from: hosts}
    - {name: all, allow: [9100/tcp, 9200/tcp, 9105/tcp, 9205/tcp], from: any}
    - {name: hosts, allow: [9101/tcp, 9201/tcp], from: hosts, limit: 6000/minute}
    - {name: one, allow: [9102/tcp, 9202/tcp], from: [CONTROLLER, \"SIX\"], limit: 6000/minute}
    - {name: asked, allow: 9301/udp, from: any}
    - {name: elsewhere, on: node.hostname == h8, allow: 9103/tcp, from: any}
    - {name: service, service: web, from: hosts, limit: 6000/minute}
";

fn rules() -> String {
    let six = address(WALLED, "6");
    let (network, _) = six.rsplit_once(':').unwrap();
    RULES
        .replace("CONTROLLER", &controller())
        .replace("SIX", &format!("{network}:1"))
}

/// Whether a source reaches a column, as a person reads the rules.
fn admitted(source: &str, column: u16) -> bool {
    let is_host = source != "here";
    match column {
        0 => true,
        1 => is_host,
        2 => !is_host,
        5 => !is_host,
        _ => false,
    }
}

/// The walled host's rules, as cdk tells them.
fn in_force(scene: &Scene) -> RuleSet {
    let told = scene.cdk(&["firewall", "show", "-o", "json"]).ended(0).out;
    let mut told: serde_json::Value = serde_json::from_str(&told).unwrap();
    serde_json::from_value(told["hosts"][WALLED]["rules"].take()).unwrap()
}

/// What `--explain` answers.
fn explained(rules: &RuleSet, source: &str, to: &str, port: u16) -> bool {
    let family = if to.contains(':') { "6" } else { "4" };
    let address = match (source, family) {
        ("here", "4") => controller(),
        ("here", _) => format!("{}:1", to.rsplit_once(':').unwrap().0),
        ("its own container", _) => "0.0.0.0".to_owned(),
        _ => address(BESIDE, family),
    };
    let sender = Sender {
        address: address.parse().unwrap(),
        place: match source {
            "its own container" => Place::Container,
            _ => Place::Elsewhere,
        },
    };
    rules.decide(&sender, Traffic::port(Protocol::Tcp, port).unwrap()).0 == Verdict::Allow
}

/// A host that routes IPv6 answers to the first address of its network too, which is as closed as its own.
fn no_way_around() {
    let router = "/proc/sys/net/ipv6/conf/all/forwarding";
    let was = on(WALLED, &format!("cat {router}; echo 1 >{router}"));
    let six = address(WALLED, "6");
    let (network, _) = six.split_once("::").unwrap();
    // This machine routes there too, and might answer first.
    let mac = on(WALLED, "cat /sys/class/net/eth0/address");
    on(
        BESIDE,
        &format!(
            "ip neigh replace {network}:: lladdr {} dev eth0 nud permanent",
            mac.trim()
        ),
    );
    for (to, port, says) in [
        (six.clone(), 9300, "silence"),
        (format!("{network}::"), 9300, "silence"),
        (six.clone(), 9301, "an answer"),
        (format!("{network}::"), 9301, "an answer"),
    ] {
        // That nobody listens there is an answer.
        let ask = format!("exec 3<>/dev/udp/{to}/{port}; for _ in 1 2 3 4 5; do echo x >&3 || exit; sleep 0.2; done");
        let said = lab::lab(&[
            "exec",
            BESIDE,
            "bash",
            "-c",
            &format!("({ask}; echo silence) 2>/dev/null || echo an answer"),
        ]);
        assert!(said.ends_with(says), "{to} {port}: {said}");
    }
    on(WALLED, &format!("echo {} >{router}", was.trim()));
    on(BESIDE, &format!("ip neigh delete {network}:: dev eth0"));
}

#[track_caller]
fn as_the_rules_say(scene: &Scene, web: &[(String, u16)]) {
    let rules = in_force(scene);
    let (four, six) = (address(WALLED, "4"), address(WALLED, "6"));
    let ports = || COLUMNS.iter().flat_map(|column| [9100 + column, 9200 + column]);
    let both: Vec<(String, u16)> = [&four, &six]
        .into_iter()
        .flat_map(|to| ports().map(move |port| (to.clone(), port)))
        .collect();
    let only_four: Vec<(String, u16)> = ports().map(|port| (four.clone(), port)).collect();
    let open_to = |source: &'static str| move |(_, port): &(String, u16)| admitted(source, port % 100);
    let beside = |shell: &str| lab::lab(&["exec", BESIDE, "bash", "-c", shell]);
    let near = |shell: &str| within(BESIDE, "byhand.near", shell);
    let own = |shell: &str| within(WALLED, "byhand.own", shell);
    let seen = [
        ("here", reaches_again(here, &both, open_to("here"))),
        ("beside", reaches_again(beside, &both, open_to("beside"))),
        (
            "a container beside",
            reaches_again(near, &only_four, open_to("a container beside")),
        ),
        (
            "its own container",
            reaches_again(own, &only_four, open_to("its own container")),
        ),
    ];
    let mut cases = 0;
    let mut wrong = Vec::new();
    for (source, seen) in seen {
        for ((to, port), connects) in seen {
            cases += 1;
            let explained = explained(&rules, source, &to, port);
            if connects != admitted(source, port % 100) || connects != explained {
                wrong.push(format!("{source} → {to} {port}: {connects}"));
            }
        }
    }
    let inner = &web[1].0;
    on(BESIDE, &format!("ip route replace {inner}/32 via {four}"));
    // A service's own host ports, and the way past them to the container's address.
    for (source, connects) in [("here", false), ("beside", true)] {
        let seen = match source {
            // Nothing leads from here to a container's address but what might answer for anybody.
            "here" => reaches(here, &web[..1]),
            _ => reaches_again(beside, web, |(_, port)| *port != 8080),
        };
        for ((to, port), seen) in seen {
            cases += 1;
            if seen != (connects && port != 8080) {
                wrong.push(format!("{source} → {to} {port}: {seen}"));
            }
        }
    }
    on(BESIDE, &format!("ip route delete {inner}/32"));
    assert!(cases >= 60, "{cases}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A container that stays, with these ports.
fn by_hand(host: &str, name: &str, ports: &[u16]) {
    let ports: Vec<_> = ports
        .iter()
        .map(|port| serde_json::json!({"HostPort": port.to_string()}))
        .collect();
    let body = serde_json::json!({
        "Image": lab::app(1), "ExposedPorts": {"8080/tcp": {}}, "HostConfig": {"PortBindings": {"8080/tcp": ports}},
    });
    remove(host, name);
    lab::engine(host, "POST", &format!("containers/create?name={name}"), Some(body));
    lab::engine(host, "POST", &format!("containers/{name}/start"), None);
}

/// Removes a container, where there is one.
fn remove(host: &str, name: &str) {
    let url = format!("http://engine/v1.41/containers/{name}?force=1");
    on(
        host,
        &format!("curl -s -X DELETE --unix-socket /run/docker.sock '{url}' || true"),
    );
}

#[test]
fn what_the_rules_say_is_what_connects() {
    let _hosts = lab::faulty(&HOSTS);
    let _walls = Bare::new(&HOSTS);
    let scene = scene("walled", &HOSTS, &rules());
    let network = "networks: {inner: {ipam: {config: [{subnet: 10.99.7.0/24}]}}}\n";
    let web = service(
        "web",
        &lab::app(1),
        "    ports: [\"8080\"]\n    networks: [inner]\n",
        "mode: global",
    );
    scene.write("services/web.yaml", &format!("{web}{network}"));
    scene.commit("rules");
    scene
        .something_to_do()
        .says("+ firewall")
        .says("allow 9101/tcp, 9201/tcp from hosts");
    scene.apply();
    scene.nothing_to_do();
    let asked = |packet: &str| scene.cdk(&["firewall", "show", "--explain", packet]).ended(0);
    asked("h8:9101 → h7").says("allow: 9101/tcp to h7, by the rule hosts");
    asked("203.0.113.9:9101 -> h7").says("deny").says("`default` is deny");
    on(
        WALLED,
        "/usr/sbin/sshd -o PidFile=/run/walled.pid -p 9200 -p 9201 -p 9202 -p 9203 -p 9205 -p 9206",
    );
    // What a host says to itself always comes in.
    asked("h7:9203 → h7").says("allow: 9203/tcp to h7, what the host says to itself");
    let own = reaches_again(
        |shell| lab::lab(&["exec", WALLED, "bash", "-c", shell]),
        &[(address(WALLED, "4"), 9203)],
        |_| true,
    );
    assert!(own.values().all(|open| *open), "{own:?}");
    by_hand(WALLED, "byhand.own", &[9100, 9101, 9102, 9103, 9105, 9106]);
    by_hand(BESIDE, "byhand.near", &[]);
    let web = scene.containers().into_iter().find(|one| one.host == WALLED).unwrap();
    let inspect = lab::engine(WALLED, "GET", &format!("containers/{}/json", web.name), None);
    let inner = inspect["NetworkSettings"]["Networks"]["walled.inner"]["IPAddress"]
        .as_str()
        .unwrap()
        .to_owned();
    let four = address(WALLED, "4");
    let targets = [(four, web.ports[0]), (inner.clone(), 8080)];
    as_the_rules_say(&scene, &targets);

    no_way_around();

    // Nobody's restart opens anything.
    on(WALLED, "systemctl start nftables && systemctl reload nftables");
    on(WALLED, "systemctl restart docker");
    lab::engine(WALLED, "POST", "containers/byhand.own/start", None);
    lab::until("the replica is up again", Duration::from_secs(60), || {
        scene.cdk(&["plan"]).out.contains("No changes")
    });
    as_the_rules_say(&scene, &targets);

    // What was changed by hand is seen, told and put right.
    on(WALLED, "nft insert rule inet cdk-walled incoming tcp dport 9103 accept");
    scene.something_to_do().says("changed by hand: + tcp dport 9103 accept");
    scene.apply();
    on(WALLED, "nft delete table inet cdk-walled");
    scene.something_to_do().says("changed by hand: - the whole table");
    scene.apply();
    scene.nothing_to_do();
    as_the_rules_say(&scene, &targets);

    // Without rules in git the table goes, and nothing else.
    scene.edit("cdk.yaml", ", firewall.yaml", "");
    scene.commit("no rules");
    scene.apply();
    scene.nothing_to_do();
    assert!(!on(WALLED, "nft list tables").contains("cdk-"));
    for (host, name) in [(WALLED, "byhand.own"), (BESIDE, "byhand.near")] {
        remove(host, name);
    }
}

const OPEN: &str = "firewall:
  default: deny
  admin: [CONTROLLER]
  confirm_timeout: 4s
  rollout: {parallelism: 1}
  rules:
    - {name: one, allow: 9101/tcp, from: any}
";

#[test]
fn what_would_cut_off_is_refused_before_anything_is_touched() {
    let _hosts = lab::faulty(&HOSTS);
    let _walls = Bare::new(&HOSTS);
    let open = OPEN.replace("CONTROLLER", &controller());
    let scene = scene("refused", &HOSTS, &open);
    scene.edit("cdk.yaml", "services/*.yaml, ", "");
    // Another cluster owns a host's firewall.
    on(BESIDE, "nft add table inet cdk-other");
    scene.commit("rules");
    scene
        .cdk(&["apply", "--yes"])
        .ended(3)
        .says("h8: the cluster other owns its firewall");
    on(BESIDE, "nft delete table inet cdk-other");
    // Who may not read the rules is told so: no rules is something else.
    scene.edit("cdk.yaml", "user: sudoer, become: sudo", "user: deploy");
    scene.commit("no right");
    scene
        .cdk(&["plan"])
        .ended(3)
        .says("h7: its firewall needs root")
        .says("sudo");
    scene.edit("cdk.yaml", "user: deploy", "user: sudoer, become: sudo");
    scene.commit("right");
    let before = on(WALLED, "nft list tables");
    assert!(!before.contains("cdk-"), "{before}");
}
