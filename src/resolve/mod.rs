//! From the YAML as written to what should be: defaults, templates, references, every problem at once. Pure.

pub mod accepted;
mod address;
pub mod attach;
pub mod autoscale;
pub mod circle;
pub mod cluster;
pub mod constraint;
pub mod content;
pub mod decode;
pub mod depends;
pub mod deploy;
pub mod desired;
pub mod dollars;
pub mod dotenv;
pub mod env_file;
pub mod environment;
pub mod file;
pub mod file_use;
pub mod firewall;
pub mod fitness;
pub mod hook;
pub mod hosts;
pub mod ingress;
pub mod layers;
pub mod limits;
pub mod network;
pub mod not_in_force;
pub mod origin;
pub mod part;
pub mod placement;
pub mod probe;
pub mod problems;
pub mod reader;
pub mod render;
pub mod requirement;
pub mod routes;
pub mod rules;
pub mod runtime;
pub mod schema;
pub mod service;
pub mod shape;
pub mod simple;
pub mod suggest;
pub mod template;
pub mod tree;
pub mod try_templates;
pub mod undefined;
pub mod unique;
pub mod update;
pub mod volume;
pub mod wish;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use minijinja::Value;

use crate::model::name::{HostName, ServiceName};
use crate::model::problem::{Problem, Rejected};
use crate::resolve::accepted::Owner;
use crate::resolve::constraint::HostWords;
use crate::resolve::decode::{Decoded, clear, decode, entries, refuse_key};
use crate::resolve::desired::{Desired, Service};
use crate::resolve::part::Parts;
use crate::resolve::problems::Problems;
use crate::resolve::render::{Names, Rendered, Sample, render};
use crate::resolve::service::{Around, Links, Reading};
use crate::resolve::shape::service::ServiceShape;
use crate::resolve::try_templates::try_templates;
use crate::source::manifest::Manifest;
use crate::source::yaml::{Entry, Kind, Map, Node};

/// The sections of a file; what each may hold is `shape`'s.
const SECTIONS: [&str; 11] = [
    "cluster",
    "configs",
    "firewall",
    "hosts",
    "ingress",
    "networks",
    "registries",
    "secrets",
    "services",
    "vars",
    "volumes",
];

/// What a repository wants.
///
/// # Errors
/// Every problem that it has, by file and place.
pub fn resolve(manifest: &Manifest) -> Result<Desired, Rejected> {
    let mut problems = Problems::default();
    let desired = desired(manifest, &mut problems);
    if !manifest.complete {
        problems.without_absences();
    }
    manifest
        .problems
        .iter()
        .cloned()
        .for_each(|problem| problems.push(problem));
    match desired {
        Some(desired) if problems.is_empty() => Ok(desired),
        Some(_) | None => Err(Rejected {
            texts: texts(manifest),
            problems: problems.sorted(),
        }),
    }
}

/// The texts that problems point into: the YAML, and the files that it names.
fn texts(manifest: &Manifest) -> BTreeMap<PathBuf, Arc<str>> {
    let named = manifest.files.found();
    let named = named.filter_map(|(path, bytes)| Some((path.to_owned(), Arc::from(std::str::from_utf8(bytes).ok()?))));
    named.chain(manifest.texts.clone()).collect()
}

fn desired(manifest: &Manifest, problems: &mut Problems) -> Option<Desired> {
    let Manifest {
        root,
        sections: _,
        environment: _,
        texts: _,
        files,
        revision,
        problems: _,
        complete,
    } = manifest;
    let sections = environment::sections(manifest, problems);
    refuse_others(&sections, problems);
    let section = |name: &str| sections.get(name);
    let names = Arc::new(cluster::names(section("vars"), revision, section("cluster"), problems));
    let head = cluster::head(section("cluster"), &names, problems);
    let mut hosts = hosts::hosts(section("hosts"), &head.ssh, root, &names, problems);
    hosts.words.complete &= *complete;
    let cluster_name = head.cluster.as_ref().map(|cluster| &cluster.name);
    let networks = network::networks(section("networks"), cluster_name, &hosts.all, &names, problems);
    let volumes = volume::volumes(section("volumes"), cluster_name, &names, problems);
    let sample = sample(&hosts.words);
    let reader = file::Reader {
        named: files,
        names: &names,
        sample: sample.clone(),
        problems,
    };
    let configs = reader.files(section("configs"), section("secrets"));
    let registries = cluster::registries(section("registries"), root, &names, &configs, problems);
    let service_names = keys(section("services"));
    let ingresses = ingress::read(section("ingress"), &names, problems);
    let around = Around {
        networks: &networks,
        volumes: &volumes,
        configs: &configs,
        files,
        hosts: &hosts.words,
        services: &service_names,
        routed: &ingress::routed(&ingresses),
    };
    let services = services(section("services"), head.defaults, &names, &around, problems);
    if let Some(section) = section("services") {
        attach::check_addresses(&services, &section.value, problems);
    }
    if let Some(sample) = sample {
        try_templates(&services, &sample, problems);
    }
    address::check(section, &hosts.all, &services, problems);
    let known = ingress::Known {
        hosts: &hosts,
        names: &service_names,
        services: &services,
        secrets: &keys(section("secrets")),
        ports: head.cluster.as_ref().map(|cluster| cluster.ports),
    };
    let routed = ingress::check(&ingresses, &known, problems);
    let known = firewall::Known {
        hosts: &hosts,
        names: &service_names,
        services: &services,
        has_ingress: !ingresses.is_empty(),
    };
    let firewall = firewall::read(section("firewall"), &names, &known, problems);
    accepted::tell_section("ingress", section("ingress"), problems);
    Some(Desired {
        revision: revision.clone(),
        cluster: head.cluster?,
        hosts: hosts.all,
        services,
        networks: networks.all,
        volumes: volumes.all,
        registries,
        secrets: configs.secrets,
        firewall,
        ingresses: routed,
        not_in_force: problems.take_told(),
    })
}

/// Refuses sections that no file may have.
fn refuse_others(sections: &Map, problems: &mut Problems) {
    for (name, entry) in sections {
        if !SECTIONS.contains(&name.as_str()) && !name.starts_with("x-") {
            problems.push(refuse_key("", name, entry.key.clone()).0);
        }
    }
}

/// The names in a section, as they are written.
fn keys(section: Option<&Entry>) -> BTreeSet<String> {
    let map = section.and_then(|section| section.value.map());
    map.into_iter().flat_map(|map| map.keys().cloned()).collect()
}

/// A replica on a host that has all labels, to try templates on.
fn sample(hosts: &HostWords) -> Option<Sample> {
    let host = hosts.names.iter().find_map(|host| host.parse::<HostName>().ok());
    let host = host.or_else(|| "host".parse().ok())?;
    Some(Sample::new(&"service".parse().ok()?, &host, &hosts.labels))
}

fn services(
    section: Option<&Entry>,
    defaults: Option<Node>,
    names: &Arc<Names>,
    around: &Around<'_>,
    problems: &mut Problems,
) -> BTreeMap<ServiceName, Service> {
    let defaults = defaults.map(|defaults| layers::defaults(defaults, problems));
    let map = match section.map(|section| &section.value) {
        Some(Node {
            kind: Kind::Map(map), ..
        }) => map,
        Some(other) => &entries("services", other.clone(), problems),
        None => &Map::new(),
    };
    let (mut all, mut links) = (BTreeMap::new(), Links::default());
    let written: BTreeSet<String> = map.keys().cloned().collect();
    if map.is_empty()
        && let Some(defaults) = &defaults
    {
        check_alone(defaults, names, around, problems);
    }
    for (name, entry) in map {
        let parsed = name.parse::<ServiceName>();
        if let Err(error) = &parsed {
            problems.push(Problem::at(Some(entry.key.clone()), error.to_string()));
        }
        let Ok(parsed) = parsed else { continue };
        let service = one(
            &parsed,
            entry.clone(),
            defaults.as_ref(),
            names,
            around,
            &mut links,
            problems,
        );
        all.extend(service.map(|service| (parsed, service)));
    }
    depends::check(&links.depends_on, &all, &written, problems);
    placement::check(&links.near, problems);
    all
}

/// Finds what is wrong with the defaults where no service would show it.
fn check_alone(defaults: &Node, names: &Arc<Names>, around: &Around<'_>, problems: &mut Problems) {
    let mut alone = defaults.clone();
    let image = Node::new(alone.place.clone(), Kind::Text("none".to_owned()));
    if let Kind::Map(map) = &mut alone.kind {
        let key = image.place.clone();
        map.entry("image".to_owned()).or_insert(Entry { key, value: image });
    }
    if let Ok(name) = "none".parse() {
        let key = alone.place.clone();
        one(
            &name,
            Entry { key, value: alone },
            None,
            names,
            around,
            &mut Links::default(),
            problems,
        );
    }
}

fn one(
    name: &ServiceName,
    entry: Entry,
    defaults: Option<&Node>,
    names: &Arc<Names>,
    around: &Around<'_>,
    links: &mut Links,
    problems: &mut Problems,
) -> Option<Service> {
    let Entry { key, value: mut node } = entry;
    if node.is_null() {
        node.kind = Kind::Map(Map::new());
    }
    let mut node = layers::service(node, defaults, problems);
    let mut names = Names::clone(names);
    let text = name.as_str();
    names.insert("service".to_owned(), minijinja::context! { name => Value::from(text) });
    let names = Arc::new(names);
    let sample = sample(around.hosts)?.of(name);
    let Rendered { waiting, broken } = render(&mut node, &names, Some(sample), problems);
    let broken = clear(&mut node, "services.*", broken, problems);
    let parts = Parts::split(&mut node, problems);
    let mut decoded: Decoded<ServiceShape> = decode(node, "services.*", broken, problems);
    accepted::tell("services.*", Owner::Service(text), &decoded.node, problems);
    let node = std::mem::replace(&mut decoded.node, Node::new(key.clone(), Kind::Null));
    let mut reading = Reading {
        name: text,
        key: &key,
        node: &parts.joined(node),
        lost: &decoded.lost.clone(),
        waiting: &waiting,
        names: &names,
        around,
        links,
        problems,
    };
    reading.service(decoded, parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sections_are_those_of_the_schema() {
        assert_eq!(schema::keys(""), SECTIONS);
    }
}
