//! What each host is to hold: `Target`, with every container's spec whole, texts rendered for its replica. Pure; files, proxies and rules come here.

pub mod address;
pub mod firewall;
pub mod network;

mod container;
mod lockout;
mod part;
mod probe;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use crate::model::blob::{Blob, BlobDigest};
use crate::model::container::ContainerSpec;
use crate::model::gate::Gate;
use crate::model::image::ImageRef;
use crate::model::journal::{Halted, JournalRecord};
use crate::model::name::{ClusterName, HostName, ServiceName, Slot};
use crate::model::network::NetworkSpec;
use crate::model::order::{Dependency, JobVersion};
use crate::model::policy::{Strategy, UpdatePolicy};
use crate::model::problem::Problem;
use crate::model::replica::ReplicaSpec;
use crate::model::revision::Revision;
use crate::model::setting::{PortBinding, Protocol};
use crate::model::text::SharedText;
use crate::model::unit::{PortRange, Reserved};
use crate::model::volume::VolumeSpec;
use crate::place::asked::Asked;
use crate::place::{HostAnswer, Placement};
use crate::render::address::Addresses;
use crate::render::container::{Renderer, endpoints};
use crate::render::firewall::Firewalls;
use crate::resolve::desired::{Desired, HostPort, Network, Service, Volume};

/// The label of hosts that names their zone, where a service is spread over no other.
const ZONE: &str = "zone";

/// What one host is to hold beside its containers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostTarget {
    /// The networks of the cluster's own that its containers need, by their names.
    pub networks: BTreeMap<String, NetworkSpec>,
    /// The volumes of the cluster's own that its containers need, by their names.
    pub volumes: BTreeMap<String, VolumeSpec>,
}

/// What a service is, as far as the floors above need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceTarget {
    /// The image as git writes it.
    pub image: ImageRef,
    /// How its replicas are replaced.
    pub policy: UpdatePolicy,
    /// What says that a replica is up, instead of its health check.
    pub gate: Option<Arc<Gate>>,
    /// What it waits for of which other services.
    pub depends_on: BTreeMap<ServiceName, Dependency>,
    /// The version that is to run, where it is a job.
    pub job: Option<JobVersion>,
    /// What a replica is promised.
    pub reserved: Reserved,
    /// Whether its replicas write to their host, and so are never doubled there nor moved.
    pub stateful: bool,
    /// The host ports that each of its ports, with its transport, may get.
    pub ports: BTreeMap<(u16, Protocol), Vec<PortRange>>,
    /// The zones of the hosts that answer: their values of the label that it is spread over first, or of `zone`.
    pub zones: Arc<BTreeMap<HostName, SharedText>>,
}

impl ServiceTarget {
    /// Whether a new replica starts while the old one runs.
    pub fn starts_first(&self) -> bool {
        self.policy.starts_first() && !self.stateful
    }

    /// Whether a container's host ports are as good as those that its place has for it: only numbers differ, and git leaves them open.
    pub fn are_as_good<'p>(
        &self,
        ports: impl Iterator<Item = &'p PortBinding> + Clone,
        as_these: impl Iterator<Item = &'p PortBinding>,
    ) -> bool {
        let shape = |port: &PortBinding| (port.container, port.protocol, port.address);
        let (mut own, mut other): (Vec<_>, Vec<_>) =
            (ports.clone().map(shape).collect(), as_these.map(shape).collect());
        own.sort_unstable();
        other.sort_unstable();
        let mut ports = ports;
        own == other
            && ports.all(|port| {
                let mut ranges = self.ports.get(&(port.container, port.protocol)).into_iter().flatten();
                ranges.any(|range| range.ports().contains(&port.host))
            })
    }
}

/// What git wants: networks and volumes host by host, containers by slot. Hosts that do not answer are not here, nor what is on
/// them: nothing is done there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The cluster.
    pub cluster: ClusterName,
    /// The state of the repository.
    pub revision: Revision,
    /// By host.
    pub hosts: BTreeMap<HostName, HostTarget>,
    /// The containers of all hosts, each on the host that the placement says; replicas that are alike share one spec.
    pub containers: BTreeMap<Slot, Arc<ReplicaSpec>>,
    /// By service, all that git has.
    pub services: BTreeMap<ServiceName, ServiceTarget>,
    /// What its containers' files hold.
    pub blobs: BTreeMap<BlobDigest, Arc<Blob>>,
    /// What files held at earlier revisions, as far as that is known: for show, and for the way back.
    pub past: BTreeMap<BlobDigest, Arc<Blob>>,
    /// How many versions' images and files stay on the hosts, this one among them.
    pub keep: usize,
    /// The names on a host of all volumes that git has.
    pub volumes: BTreeSet<String>,
    /// What the hosts' firewalls are to be.
    pub firewalls: Firewalls,
    /// Where the public addresses belong.
    pub addresses: Addresses,
    /// The services that are left alone, because what git wants of them has failed.
    pub halted: BTreeMap<ServiceName, Halted>,
    /// The services that a person takes up though their update has stopped.
    pub taken_up: BTreeSet<ServiceName>,
    /// The services whose update goes back, as far as it went.
    pub aborted: BTreeMap<ServiceName, Halted>,
}

/// Renders what each host is to hold.
///
/// # Errors
/// Texts that name what their replica does not have, one problem for each field of a service.
pub fn render(desired: &Desired, placement: &Placement) -> Result<Target, Vec<Problem>> {
    let mut target = Target {
        cluster: desired.cluster.name.clone(),
        revision: desired.revision.clone(),
        hosts: BTreeMap::new(),
        containers: BTreeMap::new(),
        services: BTreeMap::new(),
        blobs: BTreeMap::new(),
        past: BTreeMap::new(),
        keep: desired.cluster.keep,
        volumes: desired.volumes.values().map(|volume| volume.name.clone()).collect(),
        firewalls: Firewalls::default(),
        addresses: Addresses::default(),
        halted: BTreeMap::new(),
        taken_up: BTreeSet::new(),
        aborted: BTreeMap::new(),
    };
    let networks = network::own(desired);
    let volumes: BTreeMap<&str, &Volume> = desired.volumes.values().map(|it| (it.name.as_str(), it)).collect();
    let answering = placement.hosts.iter().filter(|(_, answer)| match answer {
        HostAnswer::Answers => true,
        HostAnswer::Silent(_) | HostAnswer::Down | HostAnswer::Gone(_) => false,
    });
    target
        .hosts
        .extend(answering.map(|(host, _)| (host.clone(), HostTarget::default())));
    let mut zones: BTreeMap<&str, Arc<BTreeMap<HostName, SharedText>>> = BTreeMap::new();
    for (name, service) in &desired.services {
        let label = service.placing.preferences.first().map_or(ZONE, String::as_str);
        let zones = zones.entry(label).or_insert_with(|| Arc::new(zones_by(desired, label)));
        let service = ServiceTarget {
            image: service.image.clone(),
            policy: service.update,
            gate: service.gate.clone(),
            depends_on: service.depends_on.clone(),
            job: placement.jobs.versions.get(name).cloned(),
            reserved: service.reserved(),
            stateful: service.is_stateful(),
            ports: ports(service, desired.cluster.ports),
            zones: Arc::clone(zones),
        };
        target.services.insert(name.clone(), service);
    }
    // Services have nothing to do with each other here.
    let endpoints = Arc::new(endpoints(desired, placement));
    let rendered = desired.services.par_iter().map(|(name, service)| {
        let mut renderer = Renderer::new(desired, service, &endpoints);
        let replicas = placement.slots_of(name);
        let answering = replicas.filter(|(_, assignment)| target.hosts.contains_key(&assignment.host));
        let containers = answering.filter_map(|(slot, assignment)| {
            let spec = renderer.container(slot, assignment)?;
            Some((slot, &assignment.host, spec))
        });
        let containers: Vec<(&Slot, &HostName, Arc<ReplicaSpec>)> = containers.collect();
        (containers, renderer.blobs, renderer.problems)
    });
    let rendered: Vec<_> = rendered.collect();
    let mut problems: BTreeMap<String, Problem> = BTreeMap::new();
    let mut containers: Vec<(Slot, Arc<ReplicaSpec>)> = Vec::with_capacity(placement.slots.len());
    for (own, blobs, wrong) in rendered {
        for (field, problem) in wrong {
            problems.entry(field).or_insert(problem);
        }
        target.blobs.extend(blobs);
        for (slot, host, spec) in own {
            let common = spec.common();
            if common.volumes().next().is_some() || common.networks().any(|name| networks.contains_key(name)) {
                target.needs(host, common, &volumes, &networks);
            }
            containers.push((slot.clone(), spec));
        }
    }
    if !problems.is_empty() {
        return Err(problems.into_values().collect());
    }
    // They come in the order of slots: so it is built at once.
    target.containers = containers.into_iter().collect();
    Ok(target)
}

/// The host ports that each of a service's ports may get.
fn ports(service: &Service, pool: PortRange) -> BTreeMap<(u16, Protocol), Vec<PortRange>> {
    let mut all: BTreeMap<(u16, Protocol), Vec<PortRange>> = BTreeMap::new();
    for port in &service.ports {
        let range = match &port.host {
            HostPort::Assigned => pool,
            HostPort::Published { ports, .. } => *ports,
        };
        all.entry((port.container, port.protocol)).or_default().push(range);
    }
    all
}

/// The hosts' values of a label.
fn zones_by(desired: &Desired, label: &str) -> BTreeMap<HostName, SharedText> {
    let hosts = desired.hosts.iter();
    let zones = hosts.filter_map(|(name, host)| Some((name.clone(), host.labels.get(label)?.as_str().into())));
    zones.collect()
}

impl Target {
    /// Whether a service's update has stopped, and what is not done of it waits for a person.
    pub fn has_stopped(&self, service: &ServiceName) -> bool {
        self.halted.contains_key(service) || self.aborted.contains_key(service)
    }

    /// Heeds what a person says of updates that have stopped: on with them all, or back. `last` is the newest journal record.
    pub fn take_up(&mut self, asked: &Asked, last: Option<&JournalRecord>) {
        for name in &asked.promote {
            if let Some(service) = self.services.get_mut(name) {
                service.policy.strategy = Strategy::Rolling;
            }
        }
        self.taken_up = asked.taken_up();
        let halted = last.into_iter().flat_map(|last| &last.memory.halted);
        let aborted = halted.filter(|(name, _)| asked.abort.contains(*name));
        self.aborted = aborted.map(|(name, halted)| (name.clone(), halted.clone())).collect();
    }

    /// Notes the volumes and networks of the cluster's own that a container needs on a host.
    fn needs(
        &mut self,
        host: &HostName,
        spec: &ContainerSpec,
        volumes: &BTreeMap<&str, &Volume>,
        networks: &BTreeMap<&str, &Network>,
    ) {
        let Some(host) = self.hosts.get_mut(host) else {
            return;
        };
        for name in spec.volumes() {
            let volume = volumes.get(name).filter(|volume| !volume.external);
            if let Some(volume) = volume.filter(|_| !host.volumes.contains_key(name)) {
                host.volumes.insert(name.to_owned(), volume.spec.clone());
            }
        }
        for name in spec.networks() {
            let network = networks.get(name).filter(|_| !host.networks.contains_key(name));
            if let Some(network) = network {
                host.networks.insert(name.to_owned(), network.spec.clone());
            }
        }
    }
}
