//! Clusters to plan for, built by hand, and the pure floors composed as `flow` does it.

use std::collections::{BTreeMap, BTreeSet};

use cdk::diff::diff;
use cdk::diff::staying::ends;
use cdk::model::endpoint::{Address, Ssh};
use cdk::model::name::{HostName, NetworkName, ServiceName, Slot, VolumeName};
use cdk::model::network::{Attachment, NetworkSpec, Networking};
use cdk::model::policy::{PullPolicy, RollbackScope, UpdatePolicy};
use cdk::model::revision::Revision;
use cdk::model::setting::{Limits, Logging, Mount, MountSource, Protocol, Restart};
use cdk::model::unit::{Bytes, Cpus};
use cdk::model::volume::VolumeSpec;
use cdk::observe::{ObservationDocument, Observed};
use cdk::place::asked::Asked;
use cdk::place::live::{Standings, newest_record};
use cdk::place::{Placement, place};
use cdk::plan::step::{Action, Note, Plan};
use cdk::plan::{Input, plan};
use cdk::render::address::addresses;
use cdk::render::firewall::firewalls;
use cdk::render::render;
use cdk::resolve::desired::{
    Availability, Cluster, Desired, Host, HostPort, Mode, Network, Service, ServiceNetworking, ServicePort, Volume,
};
use cdk::resolve::template::Text;
use cdk::resolve::wish::{Affinity, Attribute, Constraint, Group, Strength};
use cdk::scale::counts;
use cdk::scale::version::{halted, versions};

pub fn host_name(name: &str) -> HostName {
    name.parse().unwrap()
}

pub fn slot(text: &str) -> Slot {
    text.parse().unwrap()
}

pub fn host(labels: &[(&str, &str)]) -> Host {
    let labels = labels
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Host {
        address: Address::Ssh("h.example".to_owned()),
        public_addresses: BTreeSet::new(),
        private_address: None,
        labels: labels.collect(),
        role: "worker".to_owned(),
        max_containers: None,
        state: Availability::Active,
        ssh: Ssh::default(),
    }
}

pub fn service(image: &str, replicas: u32) -> Service {
    Service {
        mode: Mode::Replicated(replicas),
        image: image.parse().unwrap(),
        pull_policy: PullPolicy::Missing,
        depends_on: BTreeMap::new(),
        command: None,
        entrypoint: None,
        environment: BTreeMap::new(),
        labels: BTreeMap::new(),
        stamps: BTreeMap::new(),
        files: BTreeMap::new(),
        ports: BTreeSet::new(),
        public_addresses: Vec::new(),
        network: ServiceNetworking {
            hostname: None,
            rest: Networking::default(),
        },
        mounts: BTreeSet::new(),
        shared: BTreeSet::new(),
        healthcheck: None,
        restart: Restart::UnlessStopped,
        user: None,
        working_dir: None,
        logging: Logging {
            driver: "json-file".to_owned(),
            options: BTreeMap::new(),
        },
        stop_grace_period: None,
        limits: Limits::default(),
        reserved_cpus: Cpus::default(),
        reserved_memory: Bytes::default(),
        constraints: Vec::new(),
        max_replicas_per_node: None,
        placing: Default::default(),
        update: UpdatePolicy::default(),
        gate: None,
        security: Default::default(),
        runtime: Default::default(),
    }
}

pub fn label(key: &str, equal: bool, value: &str) -> Constraint {
    Constraint {
        attribute: Attribute::Label(key.to_owned()),
        equal,
        value: value.to_owned(),
    }
}

/// Nearness that must be: on the same host, or one with the same value of a label.
pub fn near(service: &str, per: Option<&str>) -> Affinity {
    Affinity {
        service: service.parse().unwrap(),
        per: per.map_or(Group::Host, |label| Group::Label(label.to_owned())),
        strength: Strength::Required,
    }
}

/// Nearness that is better.
pub fn nearer(service: &str, per: Option<&str>, weight: u8) -> Affinity {
    Affinity {
        strength: Strength::Weight(weight),
        ..near(service, per)
    }
}

pub fn assigned(container: u16) -> ServicePort {
    ServicePort {
        container,
        protocol: Protocol::Tcp,
        host: HostPort::Assigned,
    }
}

pub fn published(container: u16, ports: &str) -> ServicePort {
    ServicePort {
        container,
        protocol: Protocol::Tcp,
        host: HostPort::Published {
            address: None,
            ports: ports.parse().unwrap(),
        },
    }
}

pub fn volume(name: &str) -> Mount {
    Mount {
        target: "/data".to_owned(),
        source: MountSource::Volume(name.to_owned()),
        read_only: false,
        options: Default::default(),
    }
}

fn own_volume(name: &str) -> (VolumeName, Volume) {
    let volume = Volume {
        name: format!("shop_{name}"),
        external: false,
        shared: false,
        spec: VolumeSpec::default(),
    };
    (name.parse().unwrap(), volume)
}

/// A network of the cluster's own.
pub fn network(name: &str, spec: NetworkSpec) -> (NetworkName, Network) {
    let network = Network {
        name: format!("shop.{name}"),
        external: false,
        spec,
    };
    (name.parse().unwrap(), network)
}

/// Attaches a service to networks, by their names in git, and to nothing else.
pub fn attach(service: &mut Service, networks: &[&str]) {
    let names = networks.iter().map(|name| format!("shop.{name}"));
    let rest = &mut service.network.rest;
    rest.networks = names.map(|name| (name, Attachment::default())).collect();
    rest.mode = rest.networks.keys().next().unwrap().clone();
}

pub fn plain(text: &str) -> Text {
    Text::Plain(text.to_owned())
}

pub fn desired(hosts: &[&str], services: Vec<(&str, Service)>) -> Desired {
    let services = services
        .into_iter()
        .map(|(name, service)| (name.parse().unwrap(), service));
    Desired {
        revision: Revision::default(),
        cluster: Cluster {
            name: "shop".parse().unwrap(),
            parallel: 16,
            hooks: Default::default(),
            ports: "20000-29999".parse().unwrap(),
            rollback: RollbackScope::Service,
            keep: 5,
        },
        hosts: hosts.iter().map(|name| (host_name(name), host(&[]))).collect(),
        services: services.collect::<BTreeMap<ServiceName, Service>>(),
        networks: BTreeMap::new(),
        volumes: ["data", "other"].map(own_volume).into(),
        registries: BTreeMap::new(),
        secrets: BTreeMap::new(),
        firewall: None,
        ingresses: Vec::new(),
        not_in_force: Vec::new(),
    }
}

pub fn observed(yaml: &str) -> Observed {
    let document: ObservationDocument = serde_yaml::from_str(yaml).unwrap();
    document.observed
}

pub fn placed(desired: &Desired, observed: &Observed) -> Placement {
    surveyed(desired, observed).0
}

/// Where everything goes, and what stands.
pub fn surveyed<'a>(desired: &Desired, observed: &'a Observed) -> (Placement, Standings<'a>) {
    place(desired, observed, &counts(desired, observed), &Asked::default())
}

/// The pure floors, one after the other.
pub fn planned(desired: &Desired, observed: &Observed) -> Plan {
    planned_as(desired, observed, &Asked::default())
}

/// The same, with what a person asks for.
pub fn planned_as(desired: &Desired, observed: &Observed, asked: &Asked) -> Plan {
    let (placement, standing) = place(desired, observed, &counts(desired, observed), asked);
    let mut target = render(desired, &placement).unwrap();
    target.addresses = addresses(desired, &placement, observed).unwrap();
    let last = newest_record(observed);
    target.halted = halted(desired, observed, last, &asked.taken_up());
    target.take_up(asked, last);
    let diff = diff(&target, &placement, observed, &standing);
    target.firewalls = firewalls(desired, &placement, &ends(&diff, &standing), observed).unwrap();
    let mut plan = plan(Input {
        target: &target,
        versions: &versions(desired, observed, diff.updated()),
        rollback: desired.cluster.rollback,
        placement: &placement,
        observed,
        standing: &standing,
        diff: &diff,
    });
    plan.asked = asked.clone();
    plan
}

/// A plan's changes, one line each, as a person would note them down.
pub fn changes(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for service in &plan.services {
        for field in &service.fields {
            lines.push(format!(
                "{}: {} {} {} → {}",
                service.service,
                field.field,
                field.key.as_deref().unwrap_or("·"),
                field.old.as_deref().unwrap_or("∅"),
                field.new.as_deref().unwrap_or("∅")
            ));
        }
        for slot in service.slots.iter().filter(|slot| slot.action != Action::Keep) {
            let host = slot.host.as_ref().map_or("nowhere", HostName::as_str);
            let from = slot
                .from
                .as_ref()
                .map(|from| format!(" from {from}"))
                .unwrap_or_default();
            lines.push(format!("{} {:?} on {host}{from}: {}", slot.slot, slot.action, slot.why));
        }
    }
    lines
}

/// A plan's steps, one line each.
pub fn steps(plan: &Plan) -> Vec<String> {
    plan.steps
        .iter()
        .map(|step| format!("{}: {}", step.host, step.op))
        .collect()
}

pub fn texts(plan: &Plan) -> Vec<String> {
    let texts = plan.notes.iter().map(|note| match note {
        Note::Unreachable { host, why, holds, .. } => format!("{host} unreachable: {why}; holds {}", holds.len()),
        Note::Unplaced { slot, why } => format!("{slot} unplaced: {why}"),
        Note::Differs { host, what, why } => format!("{what} on {host} differs: {why}"),
        Note::Halted { service, halted } => format!("{service} {:?}", halted.how),
        Note::Waits { service, why } => format!("{service} {why}"),
        Note::Interrupted { end, done, steps, .. } => format!("{end} at {done} of {steps} steps"),
        Note::NotInForce { paths, .. } => format!("not in force: {}", paths.join(", ")),
        Note::Text(text) => text.clone(),
        Note::Refused(guard) => format!("refused: {}", guard.why),
    });
    texts.collect()
}
