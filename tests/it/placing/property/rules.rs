//! The rules of placing by the manual's words, written down a second time: whether one more replica fits on a host. Nothing of the placer.

use std::collections::BTreeSet;

use cdk::model::container::{ContainerState, LiveContainer};
use cdk::model::endpoint::Address;
use cdk::model::host::{HeldPort, HostState};
use cdk::model::image::Resolution;
use cdk::model::name::{HostName, ServiceName, Slot};
use cdk::model::setting::{MountSource, PortBinding, Protocol};
use cdk::observe::Observed;
use cdk::place::Placement;
use cdk::place::reason::Reason;
use cdk::resolve::desired::{Availability, Desired, Host, HostPort, Service};
use cdk::resolve::wish::{Affinity, Attribute, Constraint, Group, Strategy, Strength};

/// How a replica came to be where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It was there, and fits.
    Stays,
    /// It was put there.
    Comes,
    /// It was there, fits no more, and has nowhere to go.
    Waits,
    /// It is there whatever anyone wants: nobody can ask the host, or it is a job's run.
    Unasked,
}

/// A replica, and where it is.
#[derive(Debug, Clone)]
pub struct Replica<'a> {
    pub slot: &'a Slot,
    pub host: &'a HostName,
    pub ports: &'a [PortBinding],
    pub how: How,
}

/// A cluster with all replicas at their places.
pub struct Ground<'a> {
    pub desired: &'a Desired,
    pub observed: &'a Observed,
    pub replicas: Vec<Replica<'a>>,
}

impl<'a> Ground<'a> {
    /// As it is to be by a placement.
    pub fn new(desired: &'a Desired, observed: &'a Observed, placement: &'a Placement) -> Self {
        let placed = placement.slots.iter().map(|(slot, placed)| Replica {
            slot,
            host: &placed.host,
            ports: &placed.ports,
            how: match &*placed.reason {
                Reason::Stays if desired.services[&slot.service].mode.is_job() => How::Unasked,
                Reason::Stays | Reason::Data => How::Stays,
                Reason::Held | Reason::Gone => How::Unasked,
                Reason::Best(_)
                | Reason::Left { .. }
                | Reason::Lost(_)
                | Reason::FailedOver(_)
                | Reason::Asked { .. }
                | Reason::Evened { .. }
                | Reason::Global => How::Comes,
            },
        });
        let waits = placement.unplaced.iter().filter_map(|(slot, refusal)| {
            let stays = refusal.stays.as_ref()?;
            Some(Replica {
                slot,
                host: &stays.host,
                ports: &stays.ports,
                how: How::Waits,
            })
        });
        let mut ground = Self {
            desired,
            observed,
            replicas: placed.chain(waits).collect(),
        };
        // What is on a host that is down, or that git knows no more, is nowhere.
        let is_there = |one: &Replica<'_>| {
            let host = desired.hosts.get(one.host);
            host.is_some_and(|host| host.state != Availability::Down)
        };
        ground.replicas.retain(is_there);
        ground
    }

    pub fn service(&self, name: &ServiceName) -> &'a Service {
        &self.desired.services[name]
    }

    /// What is seen on a host that can be worked with.
    pub fn state(&self, host: &HostName) -> Option<&'a HostState> {
        let known = self.desired.hosts.get(host)?;
        let state = self.observed.hosts.get(host)?.state();
        state.filter(|_| known.state != Availability::Down)
    }

    /// The replicas on a host.
    pub fn on(&self, host: &HostName) -> impl Iterator<Item = &Replica<'a>> {
        self.replicas.iter().filter(move |one| one.host == host)
    }

    /// How many replicas of a service are on a host.
    pub fn count(&self, service: &ServiceName, host: &HostName) -> usize {
        self.on(host).filter(|one| one.slot.service == *service).count()
    }

    /// The same without one of the replicas.
    pub fn without(&self, slot: &Slot) -> Self {
        let others = self.replicas.iter().filter(|one| one.slot != slot);
        Self {
            replicas: others.cloned().collect(),
            ..*self
        }
    }

    /// The same without those of a service that have to leave: others of its own that must stand apart from them stay.
    pub fn without_waiting(&self, name: &ServiceName) -> Self {
        let waits = |one: &&Replica<'_>| one.how == How::Waits && one.slot.service == *name;
        let others = self.replicas.iter().filter(|one| !waits(one));
        Self {
            replicas: others.cloned().collect(),
            ..*self
        }
    }

    /// The same without those of a service that fit nowhere, and perhaps run on hosts that do not answer.
    pub fn without_unseen(&self, name: &ServiceName) -> Self {
        let unseen =
            |one: &&Replica<'_>| one.how == How::Waits && one.slot.service == *name && self.state(one.host).is_none();
        let others = self.replicas.iter().filter(|one| !unseen(one));
        Self {
            replicas: others.cloned().collect(),
            ..*self
        }
    }

    /// Why a host does not take one more replica of a service; none where it does.
    pub fn obstacle(&self, name: &ServiceName, host: &HostName) -> Option<String> {
        let known = &self.desired.hosts[host];
        if known.state != Availability::Active || self.state(host).is_none() {
            return Some("state".to_owned());
        }
        self.misfit(name, host)
            .or_else(|| self.elsewhere(name, host))
            .or_else(|| self.unbonded(name, host))
            .or_else(|| self.crowded(name, host))
            .or_else(|| self.portless(self.service(name), host, &BTreeSet::new()))
    }

    /// Whether it lacks ports only because no port is handed out that a container of the cluster has there now, though it goes.
    pub fn would_be_portless(&self, name: &ServiceName, host: &HostName) -> bool {
        let containers = self.state(host).into_iter().flat_map(|state| &state.containers);
        let ports = containers
            .filter_map(|one| one.spec.as_ref())
            .flat_map(|spec| &spec.ports);
        let live = ports.map(|port| (port.protocol, port.host)).collect();
        self.portless(self.service(name), host, &live).is_some()
    }

    /// What a host lacks for a service, whatever else stands there.
    pub fn misfit(&self, name: &ServiceName, host: &HostName) -> Option<String> {
        let service = self.service(name);
        let state = self.state(host);
        let mut constraints = service.constraints.iter();
        if let Some(wrong) = constraints.find(|one| !meets(one, host, &self.desired.hosts[host], state)) {
            return Some(wrong.to_string());
        }
        let image = service.image.to_string();
        let local = self.observed.images.get(&image) == Some(&Resolution::Local);
        let there = state.is_some_and(|state| state.images.values().any(|facts| facts.tags.contains(&image)));
        (local && !there).then(|| "image".to_owned())
    }

    /// While its data waits on some host, a replica goes nowhere else.
    fn elsewhere(&self, name: &ServiceName, host: &HostName) -> Option<String> {
        if self.service(name).mode.is_global() {
            return None;
        }
        let data: BTreeSet<&String> = self.service(name).data().filter_map(volume).collect();
        let waits = |host: &HostName| {
            let state = self.state(host);
            let lies = state.is_some_and(|state| data.iter().any(|name| state.volumes.contains_key(*name)));
            lies && self.count(name, host) == 0
        };
        let elsewhere = !waits(host) && self.desired.hosts.keys().any(waits);
        elsewhere.then(|| "data".to_owned())
    }

    /// What is near that must not be, or is not near that must be; by its own words and by others'.
    pub fn unbonded(&self, name: &ServiceName, host: &HostName) -> Option<String> {
        let must = |wish: &&Affinity| wish.strength == Strength::Required;
        for (other, service) in &self.desired.services {
            for wish in service.placing.anti_affinity.iter().filter(must) {
                if wish.service == *name && self.is_near(other, &wish.per, host) {
                    return Some(format!("{other} shuns it"));
                }
            }
        }
        self.unbonded_itself(name, host)
    }

    /// The same by its own words alone.
    pub fn unbonded_itself(&self, name: &ServiceName, host: &HostName) -> Option<String> {
        let placing = &self.service(name).placing;
        let must = |wish: &&Affinity| wish.strength == Strength::Required;
        for wish in placing.affinity.iter().filter(must) {
            if !self.is_near(&wish.service, &wish.per, host) {
                return Some(format!("not near {}", wish.service));
            }
        }
        for wish in placing.anti_affinity.iter().filter(must) {
            if self.is_near(&wish.service, &wish.per, host) {
                return Some(format!("near {}", wish.service));
            }
        }
        None
    }

    /// Whether a service would rather stand near something, or apart from it: that goes before an even spread.
    pub fn is_wished(&self, name: &ServiceName) -> bool {
        let placing = &self.service(name).placing;
        let mut all = placing.affinity.iter().chain(&placing.anti_affinity);
        all.any(|wish| wish.strength != Strength::Required)
    }

    /// Whether a service says itself what it must be near, or apart from.
    pub fn is_bound(&self, name: &ServiceName) -> bool {
        let placing = &self.service(name).placing;
        let mut all = placing.affinity.iter().chain(&placing.anti_affinity);
        all.any(|wish| wish.strength == Strength::Required)
    }

    /// Whether something of a service is not well, so that its host may be the last choice.
    pub fn is_failing(&self, name: &ServiceName) -> bool {
        let well = ContainerState::Running { health: None };
        standing(self)
            .iter()
            .any(|(_, one)| one.owner.slot.service == *name && one.state != well)
    }

    /// How many more replicas of a service there are where one host is than where another is: in the outermost of its groups that
    /// part the two, else on the hosts, where those count.
    pub fn lead(&self, name: &ServiceName, host: &HostName, other: &HostName) -> Option<i64> {
        let placing = &self.service(name).placing;
        let label = |host: &HostName, key: &String| self.desired.hosts[host].labels.get(key).cloned();
        let path = |host: &HostName, depth: usize| -> Vec<Option<String>> {
            placing.preferences[..depth]
                .iter()
                .map(|key| label(host, key))
                .collect()
        };
        let levels = 1..=placing.preferences.len();
        let parted = levels
            .into_iter()
            .find(|depth| path(host, *depth) != path(other, *depth));
        let count = |of: &HostName| match parted {
            Some(depth) => {
                let own = self.replicas.iter().filter(|one| one.slot.service == *name);
                own.filter(|one| path(one.host, depth) == path(of, depth)).count()
            }
            None => self.count(name, of),
        };
        let counts = parted.is_some() || placing.strategy == Strategy::Spread;
        counts.then(|| i64::try_from(count(host)).unwrap() - i64::try_from(count(other)).unwrap())
    }

    fn is_near(&self, service: &ServiceName, per: &Group, host: &HostName) -> bool {
        let group = |host: &HostName| match per {
            Group::Host => Some(host.to_string()),
            Group::Label(label) => self.desired.hosts[host].labels.get(label).cloned(),
        };
        let mut others = self.replicas.iter().filter(|one| one.slot.service == *service);
        others.any(|one| group(one.host) == group(host))
    }

    /// What a host has too little of for one more.
    pub fn crowded(&self, name: &ServiceName, host: &HostName) -> Option<String> {
        let (service, known) = (self.service(name), &self.desired.hosts[host]);
        let state = self.state(host)?;
        let others = usize::try_from(state.other_containers).unwrap();
        if exceeds(self.on(host).count() + others + 1, known.max_containers) {
            return Some("max_containers".to_owned());
        }
        if exceeds(self.count(name, host) + 1, service.max_replicas_per_node) {
            return Some("max_replicas_per_node".to_owned());
        }
        let all = || {
            self.on(host)
                .map(|one| self.service(&one.slot.service))
                .chain([service])
        };
        let memory = all().map(|one| one.reserved_memory.0).sum::<u64>() + state.reserved.memory.0;
        if service.reserved_memory.0 > 0 && state.facts.memory.0 > 0 && memory > state.facts.memory.0 {
            return Some("memory".to_owned());
        }
        let cpus = all().map(|one| one.reserved_cpus.0).sum::<u64>() + state.reserved.cpus.0;
        let short = service.reserved_cpus.0 > 0 && state.facts.cpus > 0 && cpus > state.facts.cpus * 1_000_000_000;
        short.then(|| "cpus".to_owned())
    }

    /// Those that are `live` are published at best, and not handed out.
    fn portless(&self, service: &Service, host: &HostName, live: &BTreeSet<(Protocol, u16)>) -> Option<String> {
        let mut taken: BTreeSet<(Protocol, u16)> = self.on(host).flat_map(|one| keys(one.ports)).collect();
        for port in &service.ports {
            let fits = |number: &u16| {
                let key = (port.protocol, *number);
                let handed = port.host != HostPort::Assigned || !live.contains(&key);
                handed && !taken.contains(&key) && !self.is_held(host, key) && self.may_be(&port.host, key)
            };
            let all = match &port.host {
                HostPort::Assigned => self.desired.cluster.ports,
                HostPort::Published { ports, .. } => *ports,
            };
            match all.ports().find(fits) {
                Some(number) => drop(taken.insert((port.protocol, number))),
                None => return Some("ports".to_owned()),
            }
        }
        None
    }

    /// Whether somebody else holds a port.
    pub fn is_held(&self, host: &HostName, (protocol, port): (Protocol, u16)) -> bool {
        let held = HeldPort { port, protocol };
        self.state(host).is_some_and(|state| state.held_ports.contains(&held))
    }

    /// Whether a port may be one of these at all: what git publishes is never handed out.
    pub fn may_be(&self, wanted: &HostPort, (protocol, number): (Protocol, u16)) -> bool {
        match wanted {
            HostPort::Published { ports, .. } => ports.ports().contains(&number),
            HostPort::Assigned => {
                let all = self.desired.services.values().flat_map(|service| &service.ports);
                let mut same = all.filter(|port| port.protocol == protocol);
                let published = same.any(|port| match &port.host {
                    HostPort::Published { ports, .. } => ports.ports().contains(&number),
                    HostPort::Assigned => false,
                });
                self.desired.cluster.ports.ports().contains(&number) && !published
            }
        }
    }
}

/// Everything of a service's slot that is seen on hosts that can be worked with.
pub fn standing<'a>(ground: &Ground<'a>) -> Vec<(&'a HostName, &'a LiveContainer)> {
    let hosts = ground.desired.hosts.keys();
    let states = hosts.filter_map(|host| Some((host, ground.state(host)?)));
    states
        .flat_map(|(host, state)| state.containers.iter().map(move |one| (host, one)))
        .collect()
}

pub fn keys(ports: &[PortBinding]) -> impl Iterator<Item = (Protocol, u16)> {
    ports.iter().map(|port| (port.protocol, port.host))
}

pub fn exceeds(count: usize, max: Option<u32>) -> bool {
    max.is_some_and(|max| count > usize::try_from(max).unwrap())
}

fn volume(source: &MountSource) -> Option<&String> {
    match source {
        MountSource::Volume(name) => Some(name),
        MountSource::Bind(_) | MountSource::Anonymous | MountSource::Tmpfs => None,
    }
}

/// Whether a constraint holds: whole words without regard to case; what is missing is unequal; what only a host itself could say
/// holds while it does not answer.
fn meets<'s>(constraint: &Constraint, name: &HostName, host: &Host, state: Option<&'s HostState>) -> bool {
    let told = |fact: &dyn Fn(&'s HostState) -> &'s String| state.map(fact).filter(|fact| !fact.is_empty());
    let is = |value: Option<&str>| value.is_some_and(|value| value.eq_ignore_ascii_case(&constraint.value));
    let same = match &constraint.attribute {
        Attribute::Id | Attribute::EngineLabel(_) | Attribute::Os | Attribute::Arch if state.is_none() => return true,
        Attribute::Hostname => is(Some(name.as_str())),
        Attribute::Role => is(Some(&host.role)),
        Attribute::Label(key) => is(host.labels.get(key).map(String::as_str)),
        Attribute::Ip => addresses(host).iter().any(|address| within(address, &constraint.value)),
        Attribute::Id => told(&|state| &state.facts.machine_id).is_some_and(|own| is(Some(own))),
        Attribute::EngineLabel(key) => {
            let labels = state.map(|state| &state.facts.engine_labels);
            is(labels.and_then(|labels| labels.get(key)).map(String::as_str))
        }
        Attribute::Os => told(&|state| &state.facts.os).is_some_and(|own| is(Some(own))),
        Attribute::Arch => is(told(&|state| &state.facts.arch).map(String::as_str)),
    };
    same == constraint.equal
}

fn addresses(host: &Host) -> Vec<String> {
    let own = match &host.address {
        Address::Ssh(address) => Some(address.clone()),
        Address::Local => None,
    };
    own.into_iter()
        .chain(host.private_address.map(|address| address.to_string()))
        .collect()
}

/// Enough of addresses for the few that the random constraints name.
fn within(address: &str, written: &str) -> bool {
    match written {
        "10.0.0.0/24" => address.starts_with("10.0.0."),
        "10.1.0.0/16" => address.starts_with("10.1."),
        whole => address == whole,
    }
}
