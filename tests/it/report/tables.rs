//! Tables of hosts and replicas, and the resolved cluster.

use std::collections::{BTreeMap, BTreeSet};

use cdk::model::container::{ContainerState, LiveContainer, Ownership};
use cdk::model::effective::EffectiveSpec;
use cdk::model::endpoint::{Address, Ssh};
use cdk::model::host::{HostFacts, HostState, ObservedHost};
use cdk::model::journal::{JOURNAL_VERSION, JournalEnd, JournalRecord, Memory, PlacedSlot};
use cdk::model::network::Networking;
use cdk::model::policy::{PullPolicy, RollbackScope, UpdatePolicy};
use cdk::model::revision::Revision;
use cdk::model::scope::Scope;
use cdk::model::setting::{Logging, PortBinding, Protocol, Restart};
use cdk::model::unit::{Bytes, Cpus, Reserved};
use cdk::observe::Observed;
use cdk::report::{hosts, ps, show};
use cdk::resolve::desired::{
    Availability, Cluster, Desired, Host, Mode, PasswordSource, Registry, Service, ServiceNetworking,
};
use cdk::resolve::template::Text;

use super::made::{PLAIN, golden, host, owner, slot};

fn some_host(address: Address, state: Availability) -> Host {
    Host {
        address,
        public_addresses: BTreeSet::new(),
        private_address: None,
        labels: [("zone", "bj-a"), ("type", "large")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        role: "worker".to_owned(),
        max_containers: Some(40),
        state,
        ssh: Ssh::default(),
    }
}

fn web() -> Service {
    let plain = |text: &str| Text::Plain(text.to_owned());
    Service {
        network: ServiceNetworking {
            hostname: None,
            rest: Networking::default(),
        },
        shared: BTreeSet::new(),
        mode: Mode::Replicated(2),
        image: "reg:5000/web:1.5.0".parse().unwrap(),
        pull_policy: PullPolicy::Missing,
        depends_on: BTreeMap::new(),
        command: Some(vec![plain("app"), plain("--token=hunter2")]),
        entrypoint: None,
        environment: BTreeMap::from([
            ("DB_PASSWORD".to_owned(), plain("hunter2")),
            ("LOG_LEVEL".to_owned(), plain("info")),
        ]),
        labels: BTreeMap::new(),
        stamps: BTreeMap::new(),
        files: BTreeMap::new(),
        ports: [].into(),
        public_addresses: Vec::new(),
        mounts: [].into(),
        healthcheck: None,
        restart: Restart::UnlessStopped,
        user: None,
        working_dir: None,
        logging: Logging::default(),
        stop_grace_period: None,
        limits: Default::default(),
        reserved_cpus: Cpus(500_000_000),
        reserved_memory: Bytes(256 << 20),
        constraints: Vec::new(),
        placing: Default::default(),
        max_replicas_per_node: None,
        update: UpdatePolicy::default(),
        gate: None,
        security: Default::default(),
        runtime: Default::default(),
    }
}

fn desired() -> Desired {
    let password = PasswordSource::Env("REG_PASSWORD".to_owned());
    Desired {
        networks: BTreeMap::new(),
        volumes: BTreeMap::new(),
        revision: Revision::default(),
        cluster: Cluster {
            name: "shop".parse().unwrap(),
            parallel: 16,
            hooks: Default::default(),
            ports: "20000-29999".parse().unwrap(),
            rollback: RollbackScope::Service,
            keep: 5,
        },
        hosts: BTreeMap::from([
            (
                host("bj-01"),
                some_host(Address::Ssh("10.0.0.11".to_owned()), Availability::Active),
            ),
            (
                host("bj-02"),
                some_host(Address::Ssh("10.0.0.12".to_owned()), Availability::Drain),
            ),
            (
                host("bj-03"),
                some_host(Address::Ssh("10.0.0.13".to_owned()), Availability::Down),
            ),
        ]),
        services: BTreeMap::from([("web".parse().unwrap(), web())]),
        registries: BTreeMap::from([(
            "reg:5000".to_owned(),
            Registry {
                username: "ci".to_owned(),
                password,
            },
        )]),
        secrets: BTreeMap::new(),
        firewall: None,
        ingresses: Vec::new(),
        not_in_force: Vec::new(),
    }
}

fn container(name: &str, started_at: &str) -> LiveContainer {
    let port = PortBinding {
        container: 8080,
        protocol: Protocol::Tcp,
        address: None,
        host: 20_001,
    };
    LiveContainer {
        id: String::new(),
        name: name.to_owned(),
        owner: Ownership {
            revision: Some("3f2a1c9e0f".into()),
            image: Some("reg:5000/web:1.5.0".parse().unwrap()),
            ..owner("web.1")
        },
        image_id: "".into(),
        state: ContainerState::default(),
        started_at: started_at.to_owned(),
        restarts: 2,
        network_ids: BTreeMap::new(),
        spec: Some(Box::new(EffectiveSpec {
            ports: [port].into(),
            ..EffectiveSpec::default()
        })),
        masked: false,
    }
}

fn observed() -> Observed {
    let placed = PlacedSlot {
        host: host("bj-02"),
        ports: Vec::new(),
    };
    let record = |end, placement| JournalRecord {
        version: JOURNAL_VERSION,
        sequence: 6,
        at: String::new(),
        by: String::new(),
        revision: None,
        steps: 1,
        done: 1,
        end,
        placement,
        digests: BTreeMap::new(),
        committed_at: None,
        memory: Memory::default(),
        jobs: BTreeMap::new(),
        depends_on: BTreeMap::new(),
        account: Default::default(),
    };
    let mut retired = container("shop.web.1.old", "");
    retired.state = ContainerState::Exited { code: 137 };
    let state = HostState {
        facts: HostFacts {
            machine_id: "ab12".to_owned(),
            engine: "26.1.5".to_owned(),
            api: "1.45".to_owned(),
            cpus: 4,
            memory: Bytes(16_700_000_000),
            ..HostFacts::default()
        },
        containers: vec![retired, container("shop.web.1", "2026-01-02T03:04:05.5Z")],
        other_containers: 3,
        reserved: Reserved {
            cpus: Cpus(500_000_000),
            memory: Bytes(256 << 20),
        },
        journal: vec![
            record(JournalEnd::Done, BTreeMap::from([(slot("web.2"), placed)])),
            record(JournalEnd::Begun, BTreeMap::new()),
        ],
        ..HostState::default()
    };
    Observed {
        hosts: BTreeMap::from([
            (host("bj-01"), ObservedHost::Reachable(Box::new(state))),
            (
                host("bj-02"),
                ObservedHost::Unreachable("connection refused".to_owned()),
            ),
        ]),
        images: BTreeMap::new(),
        platforms: BTreeMap::new(),
    }
}

#[test]
fn hosts_are_shown_with_what_they_hold_or_why_not() {
    let shown = hosts::text(&hosts::rows(&desired(), &observed()), PLAIN);
    golden("hosts.txt", &shown);
}

#[test]
fn replicas_are_shown_the_unknown_ones_too() {
    let now = "2026-01-02T05:04:05Z".parse().unwrap();
    let rows = |services: &[&str], hosts: &[&str]| {
        let scope = Scope {
            hosts: hosts.iter().map(|name| host(name)).collect(),
            services: services.iter().map(|name| name.parse().unwrap()).collect(),
            only: BTreeSet::new(),
        };
        ps::rows(&desired(), &observed(), &scope, now)
    };
    golden("ps.txt", &ps::text(&rows(&[], &[]), &observed(), PLAIN));
    assert_eq!(rows(&["web"], &["bj-02"]).len(), 1);
    assert_eq!(rows(&["api"], &[]), []);
}

#[test]
fn the_resolved_cluster_is_shown_without_its_secrets() {
    let whole = show::yaml(&show::document(&desired(), &[]).unwrap()).unwrap();
    assert!(!whole.contains("hunter2"), "{whole}");
    golden("show.yaml", &whole);
    let part = show::yaml(&show::document(&desired(), &["host/bj-03".to_owned()]).unwrap()).unwrap();
    assert!(
        part.starts_with("hosts:\n  bj-03:\n") && !part.contains("bj-01"),
        "{part}"
    );
    for wrong in ["web", "service/api", "vars/x"] {
        assert!(show::document(&desired(), &[wrong.to_owned()]).is_err(), "{wrong}");
    }
}
