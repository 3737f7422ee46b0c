//! `public_addresses`, of hosts and of services: that each can be somebody's, and is only one's. Where they are bound is `render`'s.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::model::name::{HostName, ServiceName};
use crate::model::problem::{Place, Problem};
use crate::resolve::desired::{Host, HostPort, Mode, Service};
use crate::resolve::problems::{Problems, Segment, locate};
use crate::source::yaml::{Entry, Node};

/// The key, of hosts and of services.
const KEY: &str = "public_addresses";

/// Checks the public addresses of all hosts and services; `section` gives those as they are written.
pub fn check<'s>(
    section: impl Fn(&str) -> Option<&'s Entry>,
    hosts: &BTreeMap<HostName, Host>,
    services: &BTreeMap<ServiceName, Service>,
    problems: &mut Problems,
) {
    let mut checking = Checking {
        hosts,
        seen: BTreeMap::new(),
        problems,
    };
    if let Some(section) = section("hosts") {
        for (name, host) in hosts {
            for address in &host.public_addresses {
                let place = locate(&section.value, &[name.as_str().into(), KEY.into()]);
                checking.address(*address, place);
            }
        }
    }
    if let Some(section) = section("services") {
        for (name, service) in services.iter().filter(|(_, one)| !one.public_addresses.is_empty()) {
            checking.service(&section.value, name, service);
        }
    }
}

struct Checking<'a> {
    hosts: &'a BTreeMap<HostName, Host>,
    seen: BTreeMap<IpAddr, Place>,
    problems: &'a mut Problems,
}

impl Checking<'_> {
    fn wrong(&mut self, place: Place, message: impl Into<String>, hint: &str) {
        self.problems.push(Problem::at(Some(place), message).hint(hint));
    }

    /// That an address can be bound, and that nobody else has it.
    fn address(&mut self, address: IpAddr, place: Place) {
        if !can_be_bound(address) {
            let message = format!("{address} is no address that others could reach a host by");
            self.wrong(
                place.clone(),
                message,
                "write an address of one machine: 203.0.113.5, or 2001:db8::5",
            );
        }
        match self.seen.get(&address) {
            Some(first) => {
                let problem = Problem::at(Some(place), format!("{address} is somebody's already"));
                self.problems.push(problem.related(first.clone(), "first here"));
            }
            None => {
                self.seen.insert(address, place);
            }
        }
    }

    fn service(&mut self, section: &Node, name: &ServiceName, service: &Service) {
        let own: [Segment; 2] = [name.as_str().into(), KEY.into()];
        let place = locate(section, &own);
        for (index, address) in service.public_addresses.iter().enumerate() {
            let place = locate(section, &[name.as_str().into(), KEY.into(), index.into()]);
            self.address(*address, place.clone());
            let is_own =
                |host: &Host| host.private_address == Some(*address) || host.address.literal() == Some(*address);
            if let Some((host, _)) = self.hosts.iter().find(|(_, host)| is_own(host)) {
                let message = format!("{address} is the address of {host}");
                self.wrong(
                    place,
                    message,
                    "a service's address goes where its replica goes: write another",
                );
            }
        }
        let replicas = match service.mode {
            Mode::Replicated(replicas) => replicas,
            Mode::Global => {
                let hint = "write `public_addresses` at the hosts: each has a replica";
                return self.wrong(place, "`public_addresses` says nothing with `mode: global`", hint);
            }
            Mode::ReplicatedJob(_) | Mode::GlobalJob => {
                return self.wrong(
                    place,
                    "a job serves nobody, and so has no `public_addresses`",
                    "leave them out",
                );
            }
        };
        for is_ipv6 in [false, true] {
            let all = service.public_addresses.iter();
            let count = all.filter(|address| address.is_ipv6() == is_ipv6).count();
            if count > usize::try_from(replicas.max(1)).unwrap_or(usize::MAX) {
                let family = if is_ipv6 { "IPv6" } else { "IPv4" };
                let message = format!("there are {count} {family} addresses for {replicas} replicas");
                let hint = "the first address of each family goes with the first replica, and so on";
                self.wrong(place.clone(), message, hint);
            }
        }
        for port in &service.ports {
            let address = match &port.host {
                HostPort::Assigned => None,
                HostPort::Published { address, .. } => *address,
            };
            if let Some(address) = address.filter(|address| service.public_addresses.contains(address)) {
                let place = locate(section, &[name.as_str().into(), "ports".into()]);
                let message = format!("port {} could not be published at {address}", port.container);
                let hint =
                    "that address comes once the replica is up: publish the port on all addresses, as in \"80:8080\"";
                self.wrong(place, message, hint);
            }
        }
    }
}

/// Whether it is one machine's, and others can reach it.
fn can_be_bound(address: IpAddr) -> bool {
    let is_local = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local() || address.to_ipv4_mapped().is_some(),
    };
    !(is_local || address.is_loopback() || address.is_unspecified() || address.is_multicast())
}
