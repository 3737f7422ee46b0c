//! Which hosts fit a replica, one check per filter. No choosing among those that fit.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::host::{HeldPort, HostState};
use crate::model::image::{ImageRef, Resolution};
use crate::model::name::{HostName, ServiceName, Slot};
use crate::model::setting::{PortBinding, Protocol};
use crate::model::unit::{Bytes, Cpus, PortRange};
use crate::place::reason::Obstacle;
use crate::resolve::constraint::{holds, holds_of};
use crate::resolve::desired::{Attribute, Availability, Constraint, Host, HostPort, Service, ServicePort};

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
    /// Ports that replicas placed there have, and how many times: what must leave may still have another's.
    ports: BTreeMap<PortKey, u32>,
    /// Ports that running containers of wanted replicas hold there now.
    busy: BTreeSet<PortKey>,
    /// Ports of containers that do not run, or that go: they are or become free.
    loose: BTreeSet<PortKey>,
}

/// Which ports of the cluster's own containers a replica may be given, at worst.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Any: it then waits for the other one to go.
    All,
    /// None that a wanted replica holds.
    NotBusy,
}

/// Which ports may be handed out, and which of them git publishes by number.
pub(super) struct Pool {
    pub(super) range: PortRange,
    pub(super) published: BTreeSet<PortKey>,
}

impl Pool {
    fn of(&self, port: &ServicePort) -> PortRange {
        match &port.host {
            HostPort::Assigned => self.range,
            HostPort::Published { ports, .. } => *ports,
        }
    }
}

impl<'a> Room<'a> {
    pub(super) fn new(
        name: &'a HostName,
        host: &'a Host,
        state: Option<&'a HostState>,
        is_wanted: impl Fn(&Slot) -> bool,
    ) -> Self {
        let (mut busy, mut loose) = (BTreeSet::new(), BTreeSet::new());
        for container in state.iter().flat_map(|state| &state.containers) {
            let ports = container.spec.iter().flat_map(|spec| &spec.ports).map(key);
            if container.state.is_live() && is_wanted(&container.owner.slot) {
                busy.extend(ports);
            } else {
                loose.extend(ports);
            }
        }
        Self {
            name,
            host,
            state,
            containers: 0,
            replicas: BTreeMap::new(),
            cpus: 0,
            memory: 0,
            ports: BTreeMap::new(),
            busy,
            loose,
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
        self.reserve(ports);
    }

    /// Lets a replica go that had been taken in.
    pub(super) fn release(&mut self, name: &'a ServiceName, service: &Service, ports: &[PortBinding]) {
        self.containers = self.containers.saturating_sub(1);
        if let Some(count) = self.replicas.get_mut(name) {
            *count = count.saturating_sub(1);
        }
        self.cpus = self.cpus.saturating_sub(service.reserved_cpus.0);
        self.memory = self.memory.saturating_sub(service.reserved_memory.0);
        for port in ports.iter().map(key) {
            let count = self.ports.remove(&port).unwrap_or(0);
            if count > 1 {
                self.ports.insert(port, count - 1);
            }
        }
    }

    fn reserve(&mut self, ports: &[PortBinding]) {
        for port in ports.iter().map(key) {
            *self.ports.entry(port).or_default() += 1;
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

    /// Whether a constraint holds, by what hosts.yaml says, else by what the host says of itself.
    fn holds(&self, constraint: &Constraint) -> bool {
        holds(constraint, self.name, self.host).unwrap_or_else(|| self.says(constraint))
    }

    /// Whether a constraint holds by the host's own facts. A fact that was not told is no reason against the host.
    fn says(&self, constraint: &Constraint) -> bool {
        let Some(state) = self.state else { return true };
        let facts = &state.facts;
        match &constraint.attribute {
            Attribute::Id => facts.machine_id.is_empty() || holds_of(constraint, Some(&facts.machine_id)),
            Attribute::Os => facts.os.is_empty() || holds_of(constraint, Some(&facts.os)),
            Attribute::Arch => {
                let wanted = Constraint {
                    value: architecture(&constraint.value).to_owned(),
                    ..constraint.clone()
                };
                facts.arch.is_empty() || holds_of(&wanted, Some(architecture(&facts.arch)))
            }
            Attribute::EngineLabel(key) => holds_of(constraint, facts.engine_labels.get(key).map(String::as_str)),
            Attribute::Hostname | Attribute::Role | Attribute::Label(_) | Attribute::Ip => true,
        }
    }

    /// Whether the image can be had there: what no registry has must lie there already.
    pub(super) fn image(&self, image: &ImageRef, resolution: Option<&Resolution>) -> Result<(), Obstacle> {
        let local = match resolution {
            Some(Resolution::Local) => true,
            Some(Resolution::Digest(_) | Resolution::Kept { .. } | Resolution::Unknown(_)) | None => false,
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
            let range = pool.of(port);
            let old = kept.iter().find(|old| {
                old.container == port.container
                    && old.protocol == port.protocol
                    && range.ports().contains(&old.host)
                    && self.is_free(port, pool, old.host, &bindings)
                    && (running || !self.is_held((port.protocol, old.host)))
            });
            let number = match old {
                Some(old) => Some(old.host),
                None => self.free(port, pool, &bindings, Reach::All),
            };
            bindings.push(self.binding(port, number)?);
        }
        bindings.sort();
        Ok(bindings)
    }

    /// Ports that a successor beside a running replica could have, none of which a wanted replica has; they are reserved then.
    pub(super) fn spare(&mut self, service: &Service, pool: &Pool) -> Option<Vec<PortBinding>> {
        let mut bindings = Vec::with_capacity(service.ports.len());
        for port in &service.ports {
            let number = self.free(port, pool, &bindings, Reach::NotBusy);
            bindings.push(self.binding(port, number).ok()?);
        }
        bindings.sort();
        self.reserve(&bindings);
        Some(bindings)
    }

    /// The lowest free port for a service's port: one that none of ours has, else one that becomes free. What cdk hands out
    /// itself is never one that any of ours has.
    fn free(&self, port: &ServicePort, pool: &Pool, bindings: &[PortBinding], reach: Reach) -> Option<u16> {
        let mut free = pool
            .of(port)
            .ports()
            .filter(|number| self.is_free(port, pool, *number, bindings) && !self.is_held((port.protocol, *number)));
        let is_busy = |number: &u16| self.busy.contains(&(port.protocol, *number));
        let is_loose = |number: &u16| self.loose.contains(&(port.protocol, *number));
        let best = free.clone().find(|number| !is_busy(number) && !is_loose(number));
        match port.host {
            HostPort::Assigned => best,
            HostPort::Published { .. } => best
                .or_else(|| free.clone().find(|number| !is_busy(number)))
                .or_else(|| free.next().filter(|_| reach == Reach::All)),
        }
    }

    /// Whether no placed replica has a port, nor (for one that cdk hands out) git publishes it.
    fn is_free(&self, port: &ServicePort, pool: &Pool, number: u16, bindings: &[PortBinding]) -> bool {
        let mine = (port.protocol, number);
        let published = port.host == HostPort::Assigned && pool.published.contains(&mine);
        !published && !self.ports.contains_key(&mine) && !bindings.iter().any(|other| key(other) == mine)
    }

    fn binding(&self, port: &ServicePort, number: Option<u16>) -> Result<PortBinding, Obstacle> {
        let (address, obstacle) = match &port.host {
            HostPort::Assigned => (self.host.private_address, Obstacle::NoPortLeft),
            HostPort::Published { address, ports } => (*address, Obstacle::Port(*ports.ports().start(), port.protocol)),
        };
        Ok(PortBinding {
            container: port.container,
            protocol: port.protocol,
            address,
            host: number.ok_or(obstacle)?,
        })
    }

    fn is_held(&self, (protocol, port): PortKey) -> bool {
        self.state
            .is_some_and(|state| state.held_ports.contains(&HeldPort { port, protocol }))
    }
}

/// An architecture by one of its two names: images are built for Go's, engines report the kernel's.
fn architecture(name: &str) -> &str {
    match name.to_lowercase().as_str() {
        "amd64" | "x86_64" => "amd64",
        "arm64" | "aarch64" => "arm64",
        "386" | "i386" | "i686" => "386",
        _ => name,
    }
}

fn key(binding: &PortBinding) -> PortKey {
    (binding.protocol, binding.host)
}
