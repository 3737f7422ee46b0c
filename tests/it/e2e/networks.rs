//! Networks and volumes on real hosts of both generations: made, attached, put right, made anew under what runs, removed; and what is refused.

use serde_json::{Value, json};

use super::lab::{self, engine};
use super::scene::Scene;

const HOSTS: [&str; 2] = ["h1", "h2"];

/// How a container is attached, by the network's name on the host.
fn attached(host: &str, container: &str) -> Value {
    engine(host, "GET", &format!("containers/{container}/json"), None)["NetworkSettings"]["Networks"].clone()
}

fn id(host: &str, container: &str) -> Value {
    engine(host, "GET", &format!("containers/{container}/json"), None)["Id"].clone()
}

fn network(host: &str, name: &str) -> Value {
    engine(host, "GET", &format!("networks/{name}"), None)
}

const NETWORKS: &str = "\
networks:
  front: {ipam: {config: [{subnet: 10.201.1.0/24}]}, labels: {team: red}}
  inner: {internal: true}
  outside: {external: true, name: nets-outside}
";

fn services() -> String {
    let image = lab::app(1);
    format!(
        "services:
  web:
    image: {image}
    hostname: \"{{{{ host.name }}}}\"
    networks: {{front: {{ipv4_address: 10.201.1.9, aliases: [www]}}, inner: {{priority: 7}}, outside: }}
    volumes: [\"scratch:/scratch\"]
    ports: [\"8080\"]
    deploy: {{mode: global, update_config: {{monitor: 0s, parallelism: 0}}}}
  plain: {{image: {image}, deploy: {{mode: global, update_config: {{monitor: 0s, parallelism: 0}}}}}}
volumes:
  scratch: {{driver_opts: {{type: tmpfs, device: tmpfs, o: size=1m}}, labels: {{team: red}}}}
"
    )
}

fn outside(host: &str, method: &str) {
    match method {
        "POST" => engine(host, "POST", "networks/create", Some(json!({"Name": "nets-outside"}))),
        _ => engine(host, "DELETE", "networks/nets-outside", None),
    };
}

#[test]
fn networks_follow_git_and_are_put_right() {
    let scene = Scene::new("nets", &HOSTS);
    scene.edit(
        "cdk.yaml",
        "include: [hosts.yaml, ",
        "include: [hosts.yaml, networks.yaml, ",
    );
    scene.write("networks.yaml", NETWORKS);
    scene.write("services/all.yaml", &services());
    scene.commit("networks");
    lab::everywhere(&HOSTS, |host| {
        lab::lab(&[
            "exec",
            host,
            "sh",
            "-c",
            "curl -s -X DELETE --unix-socket /run/docker.sock http://engine/v1.41/networks/nets-outside",
        ])
    });

    // One host has the external network, and one has not.
    outside("h1", "POST");
    let plan = scene.something_to_do().out;
    assert!(
        plan.contains("web.h2") && plan.contains("h2 lacks network nets-outside"),
        "{plan}"
    );
    outside("h2", "POST");
    scene.apply().says("nets.front");
    scene.nothing_to_do();
    for host in HOSTS {
        let web = format!("nets.web.{host}");
        let on = attached(host, &web);
        assert_eq!(on["nets.front"]["IPAddress"], "10.201.1.9", "{on}");
        let aliases = on["nets.inner"]["Aliases"].to_string();
        assert!(
            aliases.contains("\"web\"") && aliases.contains(&format!("\"web.{host}\"")),
            "{aliases}"
        );
        assert!(
            on["nets-outside"].is_object() && on.as_object().unwrap().len() == 3,
            "{on}"
        );
        assert_eq!(network(host, "nets.inner")["Internal"], true);
        let mode = engine(host, "GET", &format!("containers/{web}/json"), None)["HostConfig"]["NetworkMode"].clone();
        assert_eq!(mode, "nets.inner");
        let volume = engine(host, "GET", "volumes/nets_scratch", None);
        assert_eq!(
            (&volume["Options"]["o"], &volume["Labels"]["team"]),
            (&json!("size=1m"), &json!("red"))
        );
        assert!(attached(host, &format!("nets.plain.{host}"))["bridge"].is_object());
    }

    // By hand: parted from one network, joined to another.
    let join = |network: &str, container: &str, verb: &str| {
        let body = json!({"Container": container, "Force": true});
        engine("h1", "POST", &format!("networks/{network}/{verb}"), Some(body));
    };
    join("nets.front", "nets.web.h1", "disconnect");
    join("nets.inner", "nets.plain.h1", "connect");
    scene.something_to_do().says("nets.front").says("nets.inner");
    scene.apply();
    scene.nothing_to_do();

    // Changed in git: the containers stay, and are attached to what is there then.
    let before = HOSTS.map(|host| id(host, &format!("nets.plain.{host}")));
    scene.edit("networks.yaml", "10.201.1.0/24", "10.201.2.0/24");
    scene.edit("networks.yaml", "{internal: true}", "{internal: false}");
    scene.edit("services/all.yaml", "10.201.1.9", "10.201.2.9");
    scene.edit(
        "services/all.yaml",
        "deploy: {mode: global, update_config: {monitor: 0s, parallelism: 0}}}",
        "networks: [inner], deploy: {mode: global, update_config: {monitor: 0s, parallelism: 0}}}",
    );
    scene.commit("another subnet");
    scene
        .something_to_do()
        .says("10.201.1.0/24 → 10.201.2.0/24")
        .says("made anew");
    scene.apply();
    scene.nothing_to_do();
    assert_ne!(before, HOSTS.map(|host| id(host, &format!("nets.plain.{host}"))));
    let before = HOSTS.map(|host| id(host, &format!("nets.plain.{host}")));
    scene.edit("networks.yaml", "{internal: false}", "{labels: {team: blue}}");
    scene.commit("a label");
    scene.apply();
    scene.nothing_to_do();
    for (host, before) in HOSTS.iter().zip(before) {
        assert_eq!(id(host, &format!("nets.plain.{host}")), before);
        assert_eq!(network(host, "nets.inner")["Labels"]["team"], "blue");
        assert_eq!(
            attached(host, &format!("nets.web.{host}"))["nets.front"]["IPAddress"],
            "10.201.2.9"
        );
    }
    // What was attached again answers on its published port.
    assert!(scene.answer("web.h1").contains('1'));

    // A volume is never changed.
    scene.edit("services/all.yaml", "size=1m", "size=2m");
    scene.commit("a larger volume");
    scene
        .cdk(&["apply", "--yes"])
        .ended(10)
        .says("volume nets_scratch on h1 is not as git says");

    // Dropped from git.
    scene.edit("services/all.yaml", ", inner: {priority: 7}, outside: ", "");
    scene.edit("services/all.yaml", "networks: [inner], ", "");
    scene.edit("services/all.yaml", "    volumes: [\"scratch:/scratch\"]\n", "");
    scene.edit("services/all.yaml", "volumes:\n  scratch", "x-none:\n  scratch");
    scene.write(
        "networks.yaml",
        "networks:\n  front: {ipam: {config: [{subnet: 10.201.2.0/24}]}, labels: {team: red}}\n",
    );
    scene.commit("fewer networks");
    scene
        .something_to_do()
        .says("network removed from h1, h2")
        .says("volume nets_scratch is no longer in git");
    scene.apply();
    scene.nothing_to_do();
    for host in HOSTS {
        let names = engine(host, "GET", "networks", None).to_string();
        assert!(!names.contains("nets.inner") && names.contains("nets.front") && names.contains("nets-outside"));
        outside(host, "DELETE");
    }
}

#[test]
fn a_subnet_that_a_host_reaches_otherwise_is_refused() {
    let scene = Scene::new("netsroute", &["h1"]);
    let own = lab::lab(&["exec", "h1", "cat", "/proc/net/route"]);
    let route = own.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let to = u32::from_str_radix(words.get(1)?, 16).ok()?.swap_bytes();
        (words[0] == "eth0" && to != 0).then(|| std::net::Ipv4Addr::from(to))
    });
    let route = route.min().unwrap();
    let services = format!(
        "services:\n  web: {{image: \"{}\", networks: [lan]}}\nnetworks:\n  lan: {{ipam: {{config: [{{subnet: {route}/24}}]}}}}\n",
        lab::app(1)
    );
    scene.write("services/web.yaml", &services);
    scene.commit("on the host's own network");
    scene.cdk(&["check"]).ended(0);
    let refused = scene
        .cdk(&["apply", "--yes"])
        .ended(3)
        .says("h1: the subnet")
        .says("overlaps");
    assert!(refused.err.contains("over eth0") || refused.err.contains("own address") || refused.err.contains("SSH"));
    assert!(scene.containers().is_empty());
}
