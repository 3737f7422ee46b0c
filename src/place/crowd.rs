//! Which hosts form a group, and how many replicas of which service stand on which host. Counting only.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::name::HostName;
use crate::resolve::desired::{Desired, Host};
use crate::resolve::wish::Group;

/// A host's place in the order of names; services are counted likewise.
pub(super) type Index = usize;

/// Hosts, parted into groups.
pub(super) struct Grouping {
    /// The group of each host.
    pub(super) of: Vec<Index>,
    /// What each group is, for people: `zone bj-b`; empty where each host is one.
    names: Vec<String>,
    /// How many there are.
    pub(super) count: usize,
}

impl Grouping {
    fn by_host(hosts: usize) -> Self {
        Self {
            of: (0..hosts).collect(),
            names: Vec::new(),
            count: hosts,
        }
    }

    /// Hosts without the label are one group, as in Swarm.
    fn by_label(label: &str, hosts: &BTreeMap<HostName, Host>) -> Self {
        let mut values: Vec<Option<&str>> = hosts.values().map(|host| value(host, label)).collect();
        values.sort_unstable();
        values.dedup();
        let short = label.rsplit('.').next().unwrap_or(label);
        let group = |host: &Host| values.binary_search(&value(host, label)).unwrap_or_default();
        Self {
            of: hosts.values().map(group).collect(),
            names: values.iter().map(|value| name(short, *value)).collect(),
            count: values.len(),
        }
    }

    /// The group of a host.
    pub(super) fn group(&self, host: Index) -> Index {
        self.of.get(host).copied().unwrap_or_default()
    }

    /// A group's name, for people.
    pub(super) fn name(&self, group: Index) -> &str {
        self.names.get(group).map(String::as_str).unwrap_or_default()
    }
}

fn value<'h>(host: &'h Host, label: &str) -> Option<&'h str> {
    host.labels.get(label).map(String::as_str)
}

fn name(label: &str, value: Option<&str>) -> String {
    match value {
        Some(value) => format!("{label} {value}"),
        None => format!("no {label}"),
    }
}

/// All groupings that services speak of.
pub(super) struct Groupings<'a> {
    host: Arc<Grouping>,
    labels: BTreeMap<&'a str, Arc<Grouping>>,
}

impl<'a> Groupings<'a> {
    pub(super) fn new(desired: &'a Desired) -> Self {
        let services = desired.services.values().map(|service| &service.placing);
        let labels = services.flat_map(|placing| {
            let wishes = placing.affinity.iter().chain(&placing.anti_affinity);
            let per = wishes.filter_map(|wish| match &wish.per {
                Group::Host => None,
                Group::Label(label) => Some(label),
            });
            placing.preferences.iter().chain(per)
        });
        let hosts = &desired.hosts;
        let labels = labels.map(|label| (label.as_str(), ()));
        let distinct: BTreeMap<&str, ()> = labels.collect();
        Self {
            host: Arc::new(Grouping::by_host(hosts.len())),
            labels: distinct
                .into_keys()
                .map(|label| (label, Arc::new(Grouping::by_label(label, hosts))))
                .collect(),
        }
    }

    /// The groups of a label; each host by itself where nobody speaks of it.
    pub(super) fn label(&self, label: &str) -> &Arc<Grouping> {
        self.labels.get(label).unwrap_or(&self.host)
    }

    pub(super) fn per(&self, group: &Group) -> &Arc<Grouping> {
        match group {
            Group::Host => &self.host,
            Group::Label(label) => self.label(label),
        }
    }
}

/// How many replicas of each service stand on each host.
pub(super) struct Crowds(Vec<BTreeMap<Index, u32>>);

impl Crowds {
    pub(super) fn new(services: usize) -> Self {
        Self(vec![BTreeMap::new(); services])
    }

    pub(super) fn on(&self, service: Index, host: Index) -> u32 {
        let counts = self.0.get(service);
        counts.and_then(|counts| counts.get(&host)).copied().unwrap_or(0)
    }

    /// The hosts that have replicas of a service, and how many.
    pub(super) fn of(&self, service: Index) -> impl Iterator<Item = (Index, u32)> {
        let counts = self.0.get(service).into_iter().flatten();
        counts.map(|(host, count)| (*host, *count))
    }

    pub(super) fn add(&mut self, service: Index, host: Index) {
        if let Some(counts) = self.0.get_mut(service) {
            *counts.entry(host).or_default() += 1;
        }
    }

    pub(super) fn remove(&mut self, service: Index, host: Index) {
        let Some(counts) = self.0.get_mut(service) else { return };
        let count = counts.remove(&host).unwrap_or(0);
        if count > 1 {
            counts.insert(host, count - 1);
        }
    }
}
