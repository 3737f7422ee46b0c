//! From the YAML as written to what should be: defaults, templates, references, every problem at once. Pure.

pub mod attach;
pub mod cluster;
pub mod constraint;
pub mod decode;
pub mod depends;
pub mod desired;
pub mod dotenv;
pub mod env_file;
pub mod environment;
pub mod fitness;
pub mod hosts;
pub mod layers;
pub mod limits;
pub mod network;
pub mod not_in_force;
pub mod part;
pub mod problems;
pub mod render;
pub mod requirement;
pub mod runtime;
pub mod schema;
pub mod service;
pub mod shape;
pub mod simple;
pub mod suggest;
pub mod template;
pub mod tree;
pub mod undefined;
pub mod unique;
pub mod volume;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use minijinja::Value;

use crate::model::name::{HostName, ServiceName};
use crate::model::problem::{Problem, Rejected};
use crate::resolve::decode::{Decoded, decode, entries, refuse_key};
use crate::resolve::depends::Link;
use crate::resolve::desired::{Desired, Service};
use crate::resolve::hosts::Hosts;
use crate::resolve::network::Networks;
use crate::resolve::part::Parts;
use crate::resolve::problems::Problems;
use crate::resolve::render::{Names, Rendered, Sample, render};
use crate::resolve::service::{Around, Reading};
use crate::resolve::shape::service::ServiceShape;
use crate::resolve::volume::Volumes;
use crate::source::manifest::Manifest;
use crate::source::yaml::{Entry, Kind, Map, Node};

/// The sections of a file; what each may hold is `shape`'s.
const SECTIONS: [&str; 7] = [
    "cluster",
    "hosts",
    "networks",
    "registries",
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
    match desired {
        Some(desired) if problems.is_empty() => Ok(desired),
        Some(_) | None => Err(Rejected {
            problems: problems.sorted(),
            texts: texts(manifest),
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
    } = manifest;
    let sections = environment::sections(manifest, problems);
    for (name, entry) in &*sections {
        if !SECTIONS.contains(&name.as_str()) && !name.starts_with("x-") {
            problems.push(refuse_key("", name, entry.key.clone()).0);
        }
    }
    let section = |name: &str| sections.get(name);
    let names = Arc::new(cluster::names(section("vars"), revision, section("cluster"), problems));
    let head = cluster::head(section("cluster"), &names, problems);
    let registries = cluster::registries(section("registries"), root, &names, problems);
    let hosts = hosts::hosts(section("hosts"), &head.ssh, root, &names, problems);
    let cluster_name = head.cluster.as_ref().map(|cluster| &cluster.name);
    let networks = network::networks(section("networks"), cluster_name, &hosts.all, &names, problems);
    let volumes = volume::volumes(section("volumes"), cluster_name, &names, problems);
    let around = Around {
        networks: &networks,
        volumes: &volumes,
        files,
        hosts: &hosts.words,
    };
    let services = services(section("services"), head.defaults, &names, &around, problems);
    if let Some(section) = section("services") {
        attach::check_addresses(&services, &section.value, problems);
    }
    let Hosts { all: hosts, words: _ } = hosts;
    let Networks {
        all: networks,
        words: _,
    } = networks;
    let Volumes { all: volumes, words: _ } = volumes;
    Some(Desired {
        revision: revision.clone(),
        cluster: head.cluster?,
        hosts,
        services,
        networks,
        volumes,
        registries,
    })
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
    let (mut all, mut links) = (BTreeMap::new(), Vec::new());
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
    depends::check(&links, &all, &written, problems);
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
            &mut Vec::new(),
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
    links: &mut Vec<Link>,
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
    let host = around.hosts.names.iter().find_map(|host| host.parse::<HostName>().ok());
    let host = host.or_else(|| "host".parse().ok())?;
    let sample = Sample::new(name, &host, &around.hosts.labels);
    let Rendered { waiting, broken } = render(&mut node, &names, Some(sample), problems);
    let parts = Parts::split(&mut node, problems);
    let mut decoded: Decoded<ServiceShape> = decode(node, "services.*", broken, problems);
    let node = std::mem::replace(&mut decoded.node, Node::new(key.clone(), Kind::Null));
    let mut reading = Reading {
        name: text,
        key: &key,
        node: &parts.joined(node),
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
