//! The ports of one host while replicas are placed: who has which, and which are free. No other filter.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::model::host::HeldPort;
use crate::model::setting::{PortBinding, Protocol};
use crate::model::unit::PortRange;
use crate::place::reason::Obstacle;
use crate::resolve::desired::{Desired, HostPort, Service, ServicePort};

/// A port of a host, as two of them clash.
pub(super) type PortKey = (Protocol, u16);

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
    range: PortRange,
    published: BTreeSet<PortKey>,
}

impl Pool {
    pub(super) fn new(desired: &Desired) -> Self {
        let ports = desired.services.values().flat_map(|service| &service.ports);
        let published = ports.filter_map(|port| match &port.host {
            HostPort::Assigned => None,
            HostPort::Published { ports, .. } => Some(ports.ports().map(|number| (port.protocol, number))),
        });
        Self {
            range: desired.cluster.ports,
            published: published.flatten().collect(),
        }
    }

    fn of(&self, port: &ServicePort) -> PortRange {
        match &port.host {
            HostPort::Assigned => self.range,
            HostPort::Published { ports, .. } => *ports,
        }
    }
}

/// A host's ports.
pub(super) struct Ports<'a> {
    /// Where ports that cdk hands out are bound.
    address: Option<IpAddr>,
    /// What others than the cluster hold.
    held: Option<&'a BTreeSet<HeldPort>>,
    /// What replicas placed there have, and how many times: what must leave may still have another's.
    taken: BTreeMap<PortKey, u32>,
    /// What running containers of wanted replicas hold there now.
    busy: BTreeSet<PortKey>,
    /// What containers have that do not run, or that go: it is free, or becomes so.
    loose: BTreeSet<PortKey>,
    /// All below, of those that cdk hands out, are taken.
    next: BTreeMap<Protocol, u16>,
}

impl<'a> Ports<'a> {
    pub(super) fn new(address: Option<IpAddr>, held: Option<&'a BTreeSet<HeldPort>>, pool: &Pool) -> Self {
        let first = *pool.range.ports().start();
        Self {
            address,
            held,
            taken: BTreeMap::new(),
            busy: BTreeSet::new(),
            loose: BTreeSet::new(),
            next: [Protocol::Tcp, Protocol::Udp, Protocol::Sctp]
                .map(|it| (it, first))
                .into(),
        }
    }

    /// Notes what a container has there now: busy where it runs and is wanted.
    pub(super) fn note<'p>(&mut self, ports: impl Iterator<Item = &'p PortBinding>, busy: bool) {
        let set = if busy { &mut self.busy } else { &mut self.loose };
        set.extend(ports.map(key));
    }

    pub(super) fn take(&mut self, ports: &[PortBinding]) {
        for port in ports.iter().map(key) {
            *self.taken.entry(port).or_default() += 1;
            if let Some(next) = self.next.get_mut(&port.0) {
                while *next < u16::MAX && self.taken.contains_key(&(port.0, *next)) {
                    *next += 1;
                }
            }
        }
    }

    pub(super) fn release(&mut self, ports: &[PortBinding]) {
        for port in ports.iter().map(key) {
            let count = self.taken.remove(&port).unwrap_or(0);
            if count > 1 {
                self.taken.insert(port, count - 1);
            } else if let Some(next) = self.next.get_mut(&port.0) {
                *next = port.1.min(*next);
            }
        }
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
        self.take(&bindings);
        Some(bindings)
    }

    /// The lowest free port for a service's port: one that none of ours has, else one that becomes free. What cdk hands out
    /// itself is never one that any of ours has.
    fn free(&self, port: &ServicePort, pool: &Pool, bindings: &[PortBinding], reach: Reach) -> Option<u16> {
        let range = pool.of(port).ports();
        let first = match port.host {
            HostPort::Assigned => self.next.get(&port.protocol).copied().unwrap_or(0).max(*range.start()),
            HostPort::Published { .. } => *range.start(),
        };
        let mut free = (first..=*range.end())
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
        !published && !self.taken.contains_key(&mine) && !bindings.iter().any(|other| key(other) == mine)
    }

    fn binding(&self, port: &ServicePort, number: Option<u16>) -> Result<PortBinding, Obstacle> {
        let (address, obstacle) = match &port.host {
            HostPort::Assigned => (self.address, Obstacle::NoPortLeft),
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
        self.held
            .is_some_and(|held| held.contains(&HeldPort { port, protocol }))
    }
}

fn key(binding: &PortBinding) -> PortKey {
    (binding.protocol, binding.host)
}
