//! Networks in Docker's words: what engines recorded reads back as it was asked for, and what is sent says it.

use std::collections::{BTreeMap, BTreeSet};

use bollard::models::Network;
use cdk::dialect::docker::{create, network};
use cdk::model::network::{Attachment, LiveNetwork, NetworkSpec, Networking, Pool};
use serde_json::{Value, json};

use super::{ENGINES, cluster, live, owner, plain, recorded};

/// What `container-networked.json` was made with; its hardware address where the engine takes one.
fn networked(engine: &str) -> Networking {
    let attachment = Attachment {
        aliases: ["web", "web.1"].map(str::to_owned).into(),
        ..Attachment::default()
    };
    let front = Attachment {
        ipv4: Some("10.233.0.9".parse().unwrap()),
        mac: (engine == "docker-26.1").then(|| "02:42:00:00:00:09".to_owned()),
        ..attachment.clone()
    };
    let back = Attachment {
        options: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        ..attachment
    };
    Networking {
        mode: "probe.front".to_owned(),
        networks: BTreeMap::from([("probe.front".to_owned(), front), ("probe.back".to_owned(), back)]),
        hostname: Some("db-1".to_owned()),
        domainname: Some("example.com".to_owned()),
        dns: ["9.9.9.9", "1.1.1.1"].map(|text| text.parse().unwrap()).into(),
        dns_opt: BTreeSet::from(["ndots:2".to_owned()]),
        dns_search: vec!["example.com".to_owned()],
        extra_hosts: ["cache:192.0.2.7", "gate:host-gateway"].map(str::to_owned).into(),
        // 81 is published.
        expose: ["8080/tcp", "9000/udp"].map(str::to_owned).into(),
    }
}

#[test]
fn attachments_read_back_without_what_the_engine_chose() {
    for engine in ENGINES {
        let found = live(recorded(engine, "container-networked"));
        assert_eq!(*found.spec.unwrap().network, networked(engine), "{engine}");
        assert_eq!(found.network_ids.len(), 2, "{engine}");

        // It shares the host's network, and so its name.
        let hosted = live(recorded(engine, "container-hosted"));
        let wanted = Networking {
            mode: "host".to_owned(),
            networks: BTreeMap::from([("host".to_owned(), Attachment::default())]),
            expose: BTreeSet::from(["8080/tcp".to_owned()]),
            ..Networking::default()
        };
        assert_eq!(*hosted.spec.unwrap().network, wanted, "{engine}");
    }
}

#[test]
fn networks_are_the_clusters_by_their_label() {
    for engine in ENGINES {
        let list: Vec<Network> = recorded(engine, "networks");
        let all: BTreeMap<String, LiveNetwork> = list.into_iter().map(|one| network::listed(one, &cluster())).collect();
        let front = &all["probe.front"];
        let spec = front.made_from.as_ref().unwrap();
        assert!(spec.internal, "{engine}");
        assert_eq!(spec.subnets().collect::<Vec<_>>(), ["10.233.0.0/24".parse().unwrap()]);
        assert_eq!(front.subnets, ["10.233.0.0/24".parse().unwrap()], "{engine}");
        assert_eq!(front.interface, format!("br-{}", &front.id[..12]), "{engine}");
        // Another cluster's, and the engine's own.
        for (name, subnets) in [("probe.back", 1), ("bridge", 1), ("host", 0)] {
            assert_eq!(all[name].made_from, None, "{engine}: {name}");
            assert_eq!(all[name].subnets.len(), subnets, "{engine}: {name}");
        }
    }
}

#[test]
fn a_network_is_made_with_all_that_git_says_and_reads_back() {
    let spec = NetworkSpec {
        driver: "macvlan".to_owned(),
        options: BTreeMap::from([("parent".to_owned(), "eth0".to_owned())]),
        internal: true,
        attachable: true,
        ipv6: true,
        ipam_driver: Some("plugin".to_owned()),
        ipam_options: BTreeMap::from([("x".to_owned(), "y".to_owned())]),
        pools: vec![Pool {
            subnet: "10.9.0.0/24".parse().unwrap(),
            gateway: Some("10.9.0.1".parse().unwrap()),
            ip_range: Some("10.9.0.128/25".parse().unwrap()),
            aux_addresses: BTreeMap::from([("nas".to_owned(), "10.9.0.5".parse().unwrap())]),
        }],
        labels: BTreeMap::from([("team".to_owned(), "red".to_owned())]),
    };
    let mut body = serde_json::to_value(network::created("probe.x", &spec, &cluster())).unwrap();
    let labels = body["Labels"].take();
    assert_eq!(labels["team"], "red");
    assert_eq!(
        body,
        json!({
            "Name": "probe.x", "Driver": "macvlan", "Internal": true, "Attachable": true, "EnableIPv6": true,
            "Options": {"parent": "eth0"}, "Labels": null,
            "IPAM": {
                "Driver": "plugin", "Options": {"x": "y"},
                "Config": [{
                    "Subnet": "10.9.0.0/24", "Gateway": "10.9.0.1", "IPRange": "10.9.0.128/25",
                    "AuxiliaryAddresses": {"nas": "10.9.0.5"}
                }]
            }
        })
    );
    let listed: Network = serde_json::from_value(json!({"Name": "probe.x", "Labels": labels})).unwrap();
    assert_eq!(network::listed(listed, &cluster()).1.made_from, Some(spec));
}

#[test]
fn an_engine_that_takes_one_network_is_told_the_first_alone() {
    let mut spec = plain();
    spec.network = networked("docker-20.10");
    let sent = |all: bool| -> Value {
        let body = create::replica(&spec, &owner(&spec), &cluster(), "full:1", all);
        serde_json::to_value(body).unwrap()
    };
    let names = |body: &Value| -> Vec<String> {
        let endpoints = body["NetworkingConfig"]["EndpointsConfig"].as_object().unwrap();
        endpoints.keys().cloned().collect::<BTreeSet<_>>().into_iter().collect()
    };
    assert_eq!(sent(true)["HostConfig"]["NetworkMode"], "probe.front");
    assert_eq!(names(&sent(false)), ["probe.front"]);
    assert_eq!(names(&sent(true)), ["probe.back", "probe.front"]);
    assert_eq!(
        sent(false)["NetworkingConfig"]["EndpointsConfig"]["probe.front"],
        json!({ "Aliases": ["web", "web.1"], "IPAMConfig": { "IPv4Address": "10.233.0.9" } })
    );
}
