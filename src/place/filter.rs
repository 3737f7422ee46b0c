//! Which hosts fit a replica, one check per filter. No choosing among those that fit.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::container::{PortBinding, Protocol};
use crate::model::host::{HeldPort, HostState};
use crate::model::image::{ImageRef, Resolution};
use crate::model::name::{HostName, ServiceName};
use crate::model::unit::{Bytes, Cpus, PortRange};
use crate::place::reason::Obstacle;
use crate::resolve::desired::{Attribute, Availability, Constraint, Host, HostPort, Service};

/// A port of a host, as two of them clash.
pub(super) type PortKey = (Protocol, u16);

/// One host while replicas are placed: what it is, and what it has been given so far.
pub(super) struct Room<'a> {
    pub(super) name: &'a HostName,
    pub(super) host: &'a Host,
    /// None where it does not answer.
    pub(super) state: Option<&'a HostState>,
    /// Replicas placed there, and those that stay though they fit nowhere.
    pub(super) containers: u32,
    pub(super) replicas: BTreeMap<&'a ServiceName, u32>,
    cpus: u64,
    memory: u64,
    /// Ports that replicas placed there have.
    ports: BTreeSet<PortKey>,
    /// Ports that the cluster's containers hold there now.
    live_ports: BTreeSet<PortKey>,
}

/// Which ports may be handed out, and which of them git publishes by number.
pub(super) struct Pool {
    pub(super) range: PortRange,
    pub(super) published: BTreeSet<PortKey>,
}

impl<'a> Room<'a> {
    pub(super) fn new(name: &'a HostName, host: &'a Host, state: Option<&'a HostState>) -> Self {
        let live = state.iter().flat_map(|state| &state.containers);
        let bound = live.filter_map(|container| container.spec.as_deref());
        Self {
            name,
            host,
            state,
            containers: 0,
            replicas: BTreeMap::new(),
            cpus: 0,
            memory: 0,
            ports: BTreeSet::new(),
            live_ports: bound.flat_map(|spec| &spec.ports).map(key).collect(),
        }
    }

    /// How many of the service's replicas it was given.
    pub(super) fn replicas_of(&self, service: &ServiceName) -> u32 {
        self.replicas.get(service).copied().unwrap_or(0)
    }

    /// All containers that count: those placed there, and others' too.
    pub(super) fn containers_in_all(&self) -> u32 {
        self.containers + self.state.map_or(0, |state| state.other_containers)
    }

    /// Takes a replica in.
    pub(super) fn take(&mut self, name: &'a ServiceName, service: &Service, ports: &[PortBinding]) {
        self.containers += 1;
        *self.replicas.entry(name).or_default() += 1;
        self.cpus = self.cpus.saturating_add(service.reserved_cpus.0);
        self.memory = self.memory.saturating_add(service.reserved_memory.0);
        self.ports.extend(ports.iter().map(key));
    }

    /// Lets a replica go that had been taken in.
    pub(super) fn release(&mut self, name: &'a ServiceName, service: &Service, ports: &[PortBinding]) {
        self.containers = self.containers.saturating_sub(1);
        if let Some(count) = self.replicas.get_mut(name) {
            *count = count.saturating_sub(1);
        }
        self.cpus = self.cpus.saturating_sub(service.reserved_cpus.0);
        self.memory = self.memory.saturating_sub(service.reserved_memory.0);
        for binding in ports {
            self.ports.remove(&key(binding));
        }
    }

    /// Whether a new replica may come at all: the host's state, then whether it answers.
    pub(super) fn admits(&self) -> Result<(), Obstacle> {
        match self.host.state {
            Availability::Active if self.state.is_none() => Err(Obstacle::Unreachable),
            Availability::Active => Ok(()),
            Availability::Pause => Err(Obstacle::Paused),
            Availability::Drain => Err(Obstacle::Draining),
            Availability::Down => Err(Obstacle::Down),
        }
    }

    /// Whether a replica that is there may stay, by the host's state.
    pub(super) fn keeps(&self) -> Result<(), Obstacle> {
        match self.host.state {
            Availability::Active | Availability::Pause => Ok(()),
            Availability::Drain => Err(Obstacle::Draining),
            Availability::Down => Err(Obstacle::Down),
        }
    }

    /// Whether the host meets the service's constraints.
    pub(super) fn meets(&self, service: &Service) -> Result<(), Obstacle> {
        match service.constraints.iter().find(|constraint| !self.holds(constraint)) {
            Some(constraint) => Err(Obstacle::Constraint(constraint.clone())),
            None => Ok(()),
        }
    }

    /// Values compare whole and without regard to case; what is missing fails `==` and passes `!=`.
    fn holds(&self, constraint: &Constraint) -> bool {
        let value = match &constraint.attribute {
            Attribute::Hostname => Some(self.name.as_str()),
            Attribute::Role => Some(self.host.role.as_str()),
            Attribute::Label(key) => self.host.labels.get(key).map(String::as_str),
        };
        let same = value.is_some_and(|value| value.to_lowercase() == constraint.value.to_lowercase());
        same == constraint.equal
    }

    /// Whether the image can be had there: what no registry has must lie there already.
    pub(super) fn image(&self, image: &ImageRef, resolution: Option<&Resolution>) -> Result<(), Obstacle> {
        let local = match resolution {
            Some(Resolution::Local) => true,
            Some(Resolution::Digest(_) | Resolution::Unknown(_)) | None => false,
        };
        let there = |state: &HostState| state.images.values().any(|facts| facts.is_named(image));
        if local && !self.state.is_some_and(there) {
            return Err(Obstacle::Image(image.to_string()));
        }
        Ok(())
    }

    /// Whether one more replica fits by numbers. What others run counts for a replica that is `new` there: it never drives
    /// out one that stands.
    pub(super) fn fits(&self, name: &ServiceName, service: &Service, new: bool) -> Result<(), Obstacle> {
        let containers = if new { self.containers_in_all() } else { self.containers };
        if let Some(max) = self.host.max_containers.filter(|max| containers >= *max) {
            return Err(Obstacle::Full(max));
        }
        if let Some(max) = service
            .max_replicas_per_node
            .filter(|max| self.replicas_of(name) >= *max)
        {
            return Err(Obstacle::Replicas(max));
        }
        // A fact that is zero was not told: then it is no reason against the host.
        let (cpus, memory) = self.state.map_or((0, 0), |state| {
            (state.facts.cpus.saturating_mul(Cpus::PER_CPU), state.facts.memory.0)
        });
        let short = |total: u64, used: u64, wanted: u64| wanted > 0 && total > 0 && used.saturating_add(wanted) > total;
        if short(cpus, self.cpus, service.reserved_cpus.0) {
            return Err(Obstacle::Cpus(service.reserved_cpus));
        }
        if short(memory, self.memory, service.reserved_memory.0) {
            return Err(Obstacle::Memory(Bytes(service.reserved_memory.0)));
        }
        Ok(())
    }

    /// The ports that a replica would have there. Those in `kept` are kept where they still do; `running` says that the
    /// replica holds them at this moment, so that nobody else can.
    pub(super) fn bind(
        &self,
        service: &Service,
        pool: &Pool,
        kept: &[PortBinding],
        running: bool,
    ) -> Result<Vec<PortBinding>, Obstacle> {
        let mut bindings: Vec<PortBinding> = Vec::with_capacity(service.ports.len());
        for port in &service.ports {
            let (range, address) = match &port.host {
                HostPort::Assigned => (pool.range, self.host.private_address),
                HostPort::Published { address, ports } => (*ports, *address),
            };
            let assigned = port.host == HostPort::Assigned;
            let taken = |number: u16, bindings: &[PortBinding]| {
                let mine = (port.protocol, number);
                bindings.iter().any(|other| key(other) == mine)
                    || self.ports.contains(&mine)
                    || (assigned && pool.published.contains(&mine))
            };
            let old = kept.iter().map(|old| (old, old.host)).find(|(old, number)| {
                old.container == port.container
                    && old.protocol == port.protocol
                    && range.ports().contains(number)
                    && !taken(*number, &bindings)
                    && (running || !self.is_held((port.protocol, *number)))
            });
            let mut free = range
                .ports()
                .filter(|number| !taken(*number, &bindings) && !self.is_held((port.protocol, *number)));
            let number = match old {
                Some((_, number)) => Some(number),
                // A port that one of ours still holds is the last choice; handed out by cdk it never is.
                None if assigned => free.find(|number| !self.live_ports.contains(&(port.protocol, *number))),
                None => free
                    .clone()
                    .find(|number| !self.live_ports.contains(&(port.protocol, *number)))
                    .or_else(|| free.next()),
            };
            let Some(number) = number else {
                return Err(match port.host {
                    HostPort::Assigned => Obstacle::NoPortLeft,
                    HostPort::Published { .. } => Obstacle::Port(*range.ports().start(), port.protocol),
                });
            };
            bindings.push(PortBinding {
                container: port.container,
                protocol: port.protocol,
                address,
                host: number,
            });
        }
        bindings.sort();
        Ok(bindings)
    }

    /// Ports that a successor beside a running replica could have, none of which anybody has; they are reserved then.
    pub(super) fn spare(&mut self, service: &Service, pool: &Pool) -> Option<Vec<PortBinding>> {
        let spare = self.bind(service, pool, &[], false).ok()?;
        let free = spare.iter().all(|binding| !self.live_ports.contains(&key(binding)));
        free.then(|| {
            self.ports.extend(spare.iter().map(key));
            spare
        })
    }

    fn is_held(&self, (protocol, port): PortKey) -> bool {
        self.state
            .is_some_and(|state| state.held_ports.contains(&HeldPort { port, protocol }))
    }
}

fn key(binding: &PortBinding) -> PortKey {
    (binding.protocol, binding.host)
}
