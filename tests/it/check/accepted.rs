//! Keys that are accepted and have no effect yet: that they are told, by name and place, and change nothing else.

use cdk::report::check;
use cdk::resolve::desired::Desired;

use super::desired;

/// A repository with every such key.
pub const WHOLE: [(&str, &str); 6] = [
    (
        "cdk.yaml",
        "cluster:
  name: shop
  include: [hosts.yaml, firewall.yaml, ingress.yaml, services/*.yaml]
  keep: 5
  rollback: all
  defaults:
    update_config: {failure_action: rollback, monitor: 7s}
  hooks: {before_apply: ./hooks/announce, after_apply: [./hooks/announce, --done]}
vars: {strategy: binpack}
",
    ),
    (
        "hosts.yaml",
        "hosts:
  bj-01: {address: 10.0.0.11, labels: {zone: bj-a, role: edge}, public_addresses: [203.0.113.5]}
  bj-02: {address: 10.0.0.12, labels: {zone: bj-b, role: edge}, public_addresses: [203.0.113.6, '2001:db8::6']}
",
    ),
    (
        "services/web.yaml",
        "services:
  web:
    image: web:1
    ports: ['8080']
    deploy:
      replicas: 6
      placement:
        constraints: [node.platform.os == linux, node.platform.arch != arm64, node.ip == 10.0.0.0/24, engine.labels.gpu != a]
      update_config:
        strategy: canary
        max_failure_ratio: 0.1
        gate: {http: /healthz, port: 8080, expect: 200}
        canary: {replicas: 1, weights: [5, 25, 50, 100], every: 1m, abort: {errors: 1%, p95: 500ms}}
      rollback_config: {parallelism: 0, delay: 0s, failure_action: continue, monitor: 1s, max_failure_ratio: 0, order: stop-first}
      autoscale:
        min: 4
        max: 16
        cpu: {above: 70%, below: 30%}
        memory: {above: 80%, below: 40%}
        step: double
        cooldown: {up: 60s, down: 5m}
",
    ),
    (
        "services/data.yaml",
        "services:
  cache: {image: 'cache:1', deploy: {autoscale: {min: 1, max: 2, step: 2, memory: {above: 50.5%}}}}
  db: {image: 'db:1', ports: ['5432', '9000'], deploy: {update_config: {gate: {tcp: 5432}, strategy: blue-green, failure_action: pause}}}
",
    ),
    (
        "firewall.yaml",
        "firewall:
  default: deny
  admin: [198.51.100.0/24, 203.0.113.77]
  confirm_timeout: 30s
  rollout: {parallelism: 1, delay: 0s}
  rules:
    - {name: ssh, allow: 22/tcp, from: [hosts]}
    - {name: http, on: node.labels.role == edge, allow: [80/tcp, 443, 8000-8010/udp], from: any, limit: 600/minute}
    - {name: web, service: web, from: [ingress, cache, 10.0.0.0/8, '2001:db8::/32']}
    - {name: none, deny: 25, from: any}
",
    ),
    (
        "ingress.yaml",
        "ingress:
  edge:
    proxy: haproxy
    image: haproxy:lts
    on: [node.labels.role == edge]
    virtual_address: {address: 10.0.0.100/24, interface: eth0, router_id: 51}
    listen: [80, {port: 8443}]
    routes:
      - {host: shop.example.com, path: /, service: web, port: 8080, balance: leastconn, drain: 30s, check: {http: /healthz, interval: 1s}}
      - {host: '*.shop.example.com', service: web, listen: 80}
      - {listen: 5432, service: db, port: 5432, mode: tcp, check: {tcp: true}}
    template: templates/haproxy.cfg.j2
  inner: {proxy: nginx, on: node.hostname == bj-02, listen: [81], routes: [{service: web}]}
",
    ),
];

/// The same without any of them.
const PLAIN: [(&str, &str); 3] = [
    (
        "cdk.yaml",
        "cluster:
  name: shop
  include: [hosts.yaml, services.yaml]
  rollback: all
  hooks: {before_apply: ./hooks/announce, after_apply: [./hooks/announce, --done]}
  defaults: {update_config: {failure_action: rollback, monitor: 7s}}
",
    ),
    (
        "hosts.yaml",
        "hosts:
  bj-01: {address: 10.0.0.11, labels: {zone: bj-a, role: edge}, public_addresses: [203.0.113.5]}
  bj-02: {address: 10.0.0.12, labels: {zone: bj-b, role: edge}, public_addresses: [203.0.113.6, '2001:db8::6']}
",
    ),
    (
        "services.yaml",
        "services:
  web:
    image: web:1
    ports: ['8080']
    deploy:
      replicas: 6
      placement:
        constraints: [node.platform.os == linux, node.platform.arch != arm64, node.ip == 10.0.0.0/24, engine.labels.gpu != a]
      update_config: {strategy: canary, max_failure_ratio: 0.1, canary: {replicas: 1}, gate: {http: /healthz, port: 8080, expect: 200}}
      rollback_config: {parallelism: 0, delay: 0s, failure_action: continue, monitor: 1s, max_failure_ratio: 0, order: stop-first}
  cache: {image: 'cache:1'}
  db: {image: 'db:1', ports: ['5432', '9000'], deploy: {update_config: {gate: {tcp: 5432}, strategy: blue-green, failure_action: pause}}}
",
    ),
];

#[test]
fn what_has_no_effect_yet_is_told_and_changes_nothing() {
    let whole = desired(&WHOLE);
    let expected = "\
shop: 3 services, 2 hosts, no problem found
  firewall rule web: `from: cache` names the hosts that cache is on, and with them all that runs there
Not in force yet in this version of cdk:
  deploy.autoscale (cache, web)              services/data.yaml:2:38
  deploy.update_config.canary.abort (web)    services/web.yaml:13:69
  deploy.update_config.canary.every (web)    services/web.yaml:13:58
  deploy.update_config.canary.weights (web)  services/web.yaml:13:31
  ingress                                    ingress.yaml:1:1
";
    assert_eq!(check::text(&whole), expected);
    let paths: Vec<&str> = whole.not_in_force.iter().map(|told| told.path.as_str()).collect();
    assert!(
        paths.is_sorted() && paths.contains(&"services.web.deploy.update_config.canary.abort"),
        "{paths:?}"
    );
    let plain = desired(&PLAIN);
    assert_eq!(plain.not_in_force, []);
    // The firewall goes by where ingresses stand.
    let told = Desired {
        not_in_force: Vec::new(),
        firewall: None,
        ingresses: Vec::new(),
        ..whole
    };
    assert_eq!(told, plain, "nothing else changes");
}

#[test]
fn many_services_are_counted() {
    let names = ["api", "blog", "cart", "docs", "mail"];
    let services = names.map(|name| {
        format!("  {name}: {{image: x, deploy: {{autoscale: {{min: 1, max: 2, cpu: {{above: 70%}}}}}}}}\n")
    });
    let whole = desired(&[("services.yaml", &format!("services:\n{}", services.concat()))]);
    let text = check::text(&whole);
    assert!(
        text.contains("  deploy.autoscale (api, blog and 3 more)  services.yaml:2:28\n"),
        "{text}"
    );
    let json = serde_json::to_value(check::document(Ok(std::slice::from_ref(&whole)))).unwrap();
    assert_eq!(json["not_in_force"].as_array().unwrap().len(), 5);
    assert_eq!(json["not_in_force"][4]["path"], "services.mail.deploy.autoscale");
    assert_eq!(json["not_in_force"][4]["line"], 6);
}

#[test]
fn a_rule_that_names_a_service_as_sender_says_how_much_that_is() {
    let firewall = "firewall:
  default: deny
  admin: [192.0.2.0/24]
  rules: [{name: db, allow: 5432/tcp, from: [web, 10.0.0.0/8]}]
";
    let [config, hosts, services] = PLAIN;
    let config = (
        config.0,
        config.1.replace("services.yaml]", "services.yaml, firewall.yaml]"),
    );
    let walled = desired(&[(config.0, &config.1), hosts, services, ("firewall.yaml", firewall)]);
    let expected = "\
shop: 3 services, 2 hosts, no problem found
  firewall rule db: `from: web` names the hosts that web is on, and with them all that runs there
";
    assert_eq!(check::text(&walled), expected);
    assert_eq!(check::document(Ok(&[walled])).notes.len(), 1);
}
