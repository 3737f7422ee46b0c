//! Whether a service's parts fit together: what no host could ever run is refused here, with the cure.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::policy::Order;
use crate::model::problem::{Place, Problem};
use crate::model::setting::Protocol;
use crate::model::unit::Bytes;
use crate::resolve::desired::{HostPort, Service, ServicePort};
use crate::resolve::problems::{Segment, locate};
use crate::resolve::service::Reading;
use crate::resolve::shape::port::PortShape;

/// The least memory limit that an engine takes.
const LEAST_MEMORY: Bytes = Bytes(6 << 20);

impl Reading<'_> {
    /// The ports; two that would need the same one of a host are a problem.
    pub fn ports(&mut self, shapes: Vec<PortShape>) -> BTreeSet<ServicePort> {
        let mut all = BTreeSet::new();
        let mut fixed: BTreeMap<(u16, Protocol), Vec<(ServicePort, Place)>> = BTreeMap::new();
        for (index, PortShape(ports)) in shapes.into_iter().enumerate() {
            let place = locate(self.node, &["ports".into(), index.into()]);
            for port in ports {
                if let Some(number) = fixed_port(&port) {
                    let others = fixed.entry((number, port.protocol)).or_default();
                    if let Some((_, first)) = others.iter().find(|(other, _)| overlap(other, &port)) {
                        let message = format!("port {number}/{} of the host is taken already", port.protocol);
                        let problem = Problem::at(Some(place.clone()), message);
                        self.problems.push(problem.related(first.clone(), "here"));
                    }
                    others.push((port.clone(), place.clone()));
                }
                all.insert(port);
            }
        }
        all
    }

    /// What may not stand together.
    pub fn check(&mut self, service: &Service) {
        if service.mode.is_global() && service.max_replicas_per_node.is_some() {
            let keys = ["deploy", "placement", "max_replicas_per_node"];
            let hint = "a global service has one replica on each host: leave it out".to_owned();
            let word = if service.mode.is_job() { "global-job" } else { "global" };
            self.problem(
                &keys,
                None,
                format!("`max_replicas_per_node` says nothing with `mode: {word}`"),
                Some(hint),
            );
        }
        if service.update.order == Order::StartFirst {
            let order = ["deploy", "update_config", "order"].map(Segment::from);
            self.check_doubled(service, &order, "start-first");
        }
        self.check_networking(service);
        let limits = &service.limits;
        let memory = ["deploy", "resources", "limits", "memory"];
        if limits.memory != Bytes::default() && limits.memory < LEAST_MEMORY {
            let hint = "an engine takes 6M at least".to_owned();
            self.problem(
                &memory,
                None,
                format!("{} is too little memory for a container", limits.memory),
                Some(hint),
            );
        }
        if limits.memory != Bytes::default() && service.reserved_memory > limits.memory {
            let message = format!(
                "{} are reserved, and {} are the limit",
                service.reserved_memory, limits.memory
            );
            self.problem(&["deploy", "resources", "reservations", "memory"], None, message, None);
        }
        if limits.cpus.0 != 0 && service.reserved_cpus > limits.cpus {
            let message = format!(
                "{} CPUs are reserved, and {} are the limit",
                service.reserved_cpus, limits.cpus
            );
            self.problem(&["deploy", "resources", "reservations", "cpus"], None, message, None);
        }
    }

    /// The old and the new replica stand side by side for a while, which not everything can bear; `word` at `path` asks for that.
    pub fn check_doubled(&mut self, service: &Service, path: &[Segment], word: &str) {
        let instead = if word == "start-first" { "stop-first" } else { "rolling" };
        if service.is_stateful() {
            let message = format!("`{word}` would let two replicas write to the same volume");
            let hint = format!("write `{instead}`, mount it read-only (`:ro`), or say `shared: true` of the volume");
            self.reader().wrong(path, message, hint);
        }
        if let Some(port) = service.ports.iter().find_map(fixed_port) {
            let message = format!("`{word}` can never work: the old replica holds port {port} of the host");
            let hint = format!("write `{instead}`, publish a range of ports, or give the container's port alone");
            self.reader().wrong(path, message, hint);
        }
    }
}

/// The one port of the host that a port needs, where it is one.
fn fixed_port(port: &ServicePort) -> Option<u16> {
    match &port.host {
        HostPort::Assigned => None,
        HostPort::Published { ports, .. } => {
            let mut range = ports.ports();
            let first = range.next()?;
            range.next().is_none().then_some(first)
        }
    }
}

fn overlap(a: &ServicePort, b: &ServicePort) -> bool {
    let address = |port: &ServicePort| match port.host {
        HostPort::Assigned => None,
        HostPort::Published { address, .. } => address,
    };
    match (address(a), address(b)) {
        (Some(a), Some(b)) => a == b,
        (None, _) | (_, None) => true,
    }
}
