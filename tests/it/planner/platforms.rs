//! Constraints on what only a host itself can say: its engine's id, its platform and its engine's labels; and on its address.

use cdk::resolve::constraint::parse;

use super::world::{desired, observed, placed, service};

/// The hosts that take a replica of a service with this constraint.
fn taken(constraint: &str) -> Vec<String> {
    let mut web = service("web:1", 6);
    web.constraints = vec![parse(constraint).unwrap()];
    let mut desired = desired(&["a", "b", "c"], vec![("web", web)]);
    for (host, address) in desired.hosts.values_mut().zip(["10.0.0.1", "10.0.0.2", "10.9.0.3"]) {
        host.private_address = address.parse().ok();
    }
    let observed = observed(
        "hosts:
  a: {facts: {machine_id: '7X9K:AB', os: linux, arch: x86_64, engine_labels: {gpu: a100}}}
  b: {facts: {machine_id: 2c5f, os: linux, arch: aarch64}}
  c: {facts: {}}
",
    );
    let placement = placed(&desired, &observed);
    let mut hosts: Vec<String> = placement.slots.values().map(|one| one.host.to_string()).collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

#[test]
fn a_host_is_known_by_its_platform_its_address_and_its_engine() {
    for (constraint, hosts) in [
        ("node.platform.os == Linux", "a b"),
        // What a host does not say fails == and passes !=.
        ("node.platform.os != windows", "a b c"),
        // As the engine says it, and as in Swarm: `amd64` is an image's word.
        ("node.platform.arch == amd64", ""),
        ("node.platform.arch == x86_64", "a"),
        ("node.platform.arch != aarch64", "a c"),
        ("engine.labels.gpu == a100", "a"),
        ("engine.labels.gpu != a100", "b c"),
        ("node.id == 7x9k:ab", "a"),
        ("node.id != 7x9k:ab", "b c"),
        ("node.ip == 10.0.0.0/16", "a b"),
        ("node.ip != 10.0.0.2", "a c"),
    ] {
        assert_eq!(taken(constraint).join(" "), hosts, "{constraint}");
    }
}
