//! A cluster in few words, for a failure's report. Showing only.

use std::fmt::{self, Display, Formatter};

use cdk::model::container::LiveContainer;
use cdk::model::host::ObservedHost;
use cdk::resolve::desired::{Availability, Host, HostPort, Service};
use cdk::resolve::wish::{Affinity, Group, Strategy, Strength};

use super::past::Case;

impl Display for Case {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "ports {}", self.desired.cluster.ports)?;
        for (name, host) in &self.desired.hosts {
            writeln!(f, "host {name}:{}", of_host(host))?;
        }
        for (name, service) in &self.desired.services {
            writeln!(f, "service {name}:{}", of_service(service))?;
        }
        for (name, host) in &self.observed.hosts {
            match host {
                ObservedHost::Unreachable(_) => writeln!(f, "{name} does not answer")?,
                ObservedHost::Reachable(state) => {
                    let facts = &state.facts;
                    let held: Vec<u16> = state.held_ports.iter().map(|held| held.port).collect();
                    let volumes: Vec<&String> = state.volumes.keys().collect();
                    write!(
                        f,
                        "{name} has {} cpus, {} of memory ({} reserved)",
                        facts.cpus, facts.memory, state.reserved.memory
                    )?;
                    write!(
                        f,
                        ", {} {}, {} others, holds {held:?}, volumes {volumes:?}",
                        facts.os, facts.arch, state.other_containers
                    )?;
                    writeln!(f, ", {} images", state.images.len())?;
                    state
                        .containers
                        .iter()
                        .try_for_each(|one| writeln!(f, "    {}", of_container(one)))?;
                }
            }
        }
        let journal = self
            .observed
            .hosts
            .values()
            .filter_map(ObservedHost::state)
            .flat_map(|state| &state.journal);
        let Some(newest) = journal.max_by_key(|record| record.sequence) else {
            return Ok(());
        };
        for (slot, placed) in &newest.placement {
            let ports: Vec<u16> = placed.ports.iter().map(|port| port.host).collect();
            writeln!(f, "journal {}: {slot} on {} {ports:?}", newest.sequence, placed.host)?;
        }
        Ok(())
    }
}

fn of_host(host: &Host) -> String {
    let mut text = format!(" {:?} {} {:?}", host.address, host.role, host.labels);
    if host.state != Availability::Active {
        text += &format!(" {:?}", host.state);
    }
    if let Some(max) = host.max_containers {
        text += &format!(" max_containers={max}");
    }
    text
}

fn of_service(service: &Service) -> String {
    let mut text = format!(" {:?} {}", service.mode, service.image);
    for constraint in &service.constraints {
        text += &format!(" [{constraint}]");
    }
    if let Some(max) = service.max_replicas_per_node {
        text += &format!(" max_replicas={max}");
    }
    if service.reserved_cpus.0 + service.reserved_memory.0 > 0 {
        text += &format!(" reserved={}/{}", service.reserved_cpus, service.reserved_memory);
    }
    for port in &service.ports {
        text += &match &port.host {
            HostPort::Assigned => format!(" {}", port.container),
            HostPort::Published { ports, .. } => format!(" {ports}:{}", port.container),
        };
    }
    let placing = &service.placing;
    if placing.strategy != Strategy::Spread {
        text += &format!(" {:?}", placing.strategy);
    }
    if !placing.preferences.is_empty() {
        text += &format!(" over {:?}", placing.preferences);
    }
    placing
        .affinity
        .iter()
        .for_each(|wish| text += &format!(" near {}", of_wish(wish)));
    placing
        .anti_affinity
        .iter()
        .for_each(|wish| text += &format!(" apart from {}", of_wish(wish)));
    if service.is_stateful() {
        text += " stateful";
    }
    text + &format!(" {:?}", service.update.order)
}

fn of_wish(wish: &Affinity) -> String {
    let per = match &wish.per {
        Group::Host => "host",
        Group::Label(label) => label,
    };
    match wish.strength {
        Strength::Required => format!("{} per {per} (must)", wish.service),
        Strength::Weight(weight) => format!("{} per {per} ({weight})", wish.service),
    }
}

fn of_container(one: &LiveContainer) -> String {
    let ports: Vec<u16> = one
        .spec
        .iter()
        .flat_map(|spec| &spec.ports)
        .map(|port| port.host)
        .collect();
    let image = one.owner.image.iter().map(ToString::to_string).collect::<String>();
    format!("{} {:?} {ports:?} {image}", one.owner.slot, one.state)
}
