//! How a service is attached to networks, and what its containers know of names: from its shape to what it means.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::model::name::ServiceName;
use crate::model::network::{Attachment, BRIDGE, HOST, NONE, Networking};
use crate::model::policy::Order;
use crate::model::problem::{Place, Problem};
use crate::resolve::desired::{Mode, Network, Service, ServiceNetworking};
use crate::resolve::network::plain;
use crate::resolve::problems::{Problems, Segment, locate};
use crate::resolve::service::Reading;
use crate::resolve::shape::attach::{AttachmentShape, Mac, ModeShape, NetworkingShape};
use crate::resolve::shape::plain::Plain;
use crate::resolve::suggest;
use crate::resolve::template::Text;
use crate::source::yaml::Node;

/// The network that services without a word on networks are attached to, where git has one of this name.
const DEFAULT: &str = "default";
/// The longest name that Linux takes for a machine.
const LONGEST_NAME: usize = 63;

impl Reading<'_> {
    /// What the words mean.
    pub fn networking(&mut self, shape: NetworkingShape) -> ServiceNetworking {
        let NetworkingShape {
            networks,
            network_mode,
            hostname,
            domainname,
            dns,
            dns_opt,
            dns_search,
            extra_hosts,
            expose,
            mac_address,
        } = shape;
        let networks = networks.map(|networks| networks.0).filter(|all| !all.is_empty());
        if networks.is_some() && network_mode.is_some() {
            let hint = "write the one or the other".to_owned();
            let message = "`network_mode` says nothing beside `networks`";
            self.problem(&["network_mode"], None, message, Some(hint));
        }
        let (mode, mut networks) = match (network_mode, networks) {
            (Some(ModeShape::Bridge), _) => alone(BRIDGE),
            (Some(ModeShape::Host), _) => alone(HOST),
            (Some(ModeShape::None), _) => alone(NONE),
            (None, Some(networks)) => self.attachments(networks),
            (None, None) if self.around.networks.words.contains(DEFAULT) => {
                self.attachments(BTreeMap::from([(DEFAULT.to_owned(), AttachmentShape::default())]))
            }
            (None, None) => alone(BRIDGE),
        };
        if let Some(Mac(mac)) = mac_address {
            if [HOST, NONE].contains(&mode.as_str()) {
                let message = format!("`mac_address` says nothing with `network_mode: {mode}`");
                self.problem(&["mac_address"], None, message, None);
            }
            networks.entry(mode.clone()).or_default().mac.get_or_insert(mac);
        }
        let hostname = hostname.map(|Plain(text)| {
            let text = self.text(&["hostname".into()], text);
            if let Text::Plain(name) = &text
                && !is_hostname(name)
            {
                let message = format!("{name:?} is no name of a machine");
                let hint = "letters, digits, '-' and '.', 63 at most".to_owned();
                self.problem(&["hostname"], None, message, Some(hint));
            }
            text
        });
        let expose = expose.into_iter().flatten().flat_map(|Plain(ports)| ports.0);
        let options = dns_opt.into_iter().flatten().map(|Plain(option)| option);
        ServiceNetworking {
            hostname,
            rest: Networking {
                mode,
                networks,
                hostname: None,
                domainname: domainname.map(|name| name.0).filter(|name| !name.is_empty()),
                dns: dns.map(|dns| dns.0).unwrap_or_default(),
                dns_opt: options.collect(),
                dns_search: dns_search.map(|all| all.0).unwrap_or_default(),
                extra_hosts: extra_hosts.map(|all| all.0).unwrap_or_default(),
                expose: expose.collect(),
            },
        }
    }

    /// The networks by their names on the hosts, and which comes first: that of the highest priority, and else by name.
    fn attachments(&mut self, shapes: BTreeMap<String, AttachmentShape>) -> (String, BTreeMap<String, Attachment>) {
        let mut all = BTreeMap::new();
        let mut first: Option<(i64, String)> = None;
        for (name, shape) in shapes {
            let place = self.network_place(&name);
            let found = name.parse().ok().and_then(|name| self.around.networks.all.get(&name));
            if found.is_none() && !self.around.networks.words.contains(&name) {
                let known = self.around.networks.words.iter().map(String::as_str);
                let near = suggest::nearest(&name, known);
                let define = || format!("write `{name}: {{}}` under the top-level `networks`");
                let hint = near.map_or_else(define, |near| format!("did you mean `{near}`?"));
                let problem = Problem::at(Some(place.clone()), format!("there is no network `{name}`"));
                self.problems.push(problem.hint(hint));
            }
            let priority = shape.priority.unwrap_or_default();
            let attachment = attachment(shape);
            if let Some(network) = found {
                self.fixed(&name, network, &attachment);
            }
            let on_host = found.map_or(name, |network| network.name.clone());
            // By the names in git, in whose order they come here.
            if first.as_ref().is_none_or(|(highest, _)| priority > *highest) {
                first = Some((priority, on_host.clone()));
            }
            all.insert(on_host, attachment);
        }
        (first.map_or_else(|| BRIDGE.to_owned(), |(_, name)| name), all)
    }

    /// Where a network is named: as a key, or as an item of a list.
    fn network_place(&self, name: &str) -> Place {
        let path = [Segment::from("networks"), Segment::from(name)];
        let list = self.node.get("networks").and_then(Node::list);
        let item = list.and_then(|items| items.iter().find(|item| item.text() == Some(name)));
        match item {
            Some(item) => item.place.clone(),
            None if self.node.get("networks").is_none() => self.key.clone(),
            None => locate(self.node, &path),
        }
    }

    /// Fixed addresses need a subnet that holds them, and that nobody else has them.
    fn fixed(&mut self, name: &str, network: &Network, attachment: &Attachment) {
        if network.external {
            return;
        }
        let ipv4 = attachment.ipv4.map(|address| ("ipv4_address", IpAddr::V4(address)));
        let ipv6 = attachment.ipv6.map(|address| ("ipv6_address", IpAddr::V6(address)));
        for (key, address) in ipv4.into_iter().chain(ipv6) {
            let pool = network.spec.pools.iter().find(|pool| pool.subnet.holds(address));
            let (message, hint) = match pool {
                None => (
                    format!("the network `{name}` has no subnet that holds {address}"),
                    "a fixed address needs a subnet under the network's `ipam.config`",
                ),
                Some(pool) if pool.gateway == Some(address) => (
                    format!("{address} is the host's own address on the network `{name}`"),
                    "choose another, or another `gateway`",
                ),
                Some(pool) if pool.aux_addresses.values().any(|other| *other == address) => (
                    format!("{address} is one of the `aux_addresses` of the network `{name}`"),
                    "those are kept from containers: choose another",
                ),
                Some(_) => continue,
            };
            self.problem(&["networks", name, key], None, message, Some(hint.to_owned()));
        }
    }

    /// What may not stand together with what is said of networks.
    pub fn check_networking(&mut self, service: &Service) {
        let Networking { mode, networks, .. } = &service.network.rest;
        if [HOST, NONE].contains(&mode.as_str()) && !service.ports.is_empty() {
            let message = format!("`ports` say nothing with `network_mode: {mode}`");
            let hint = if mode == HOST {
                "the program's own ports are the host's: leave them out"
            } else {
                "a container without a network has none"
            };
            self.problem(&["ports"], None, message, Some(hint.to_owned()));
        }
        let is_fixed = |how: &Attachment| how.ipv4.is_some() || how.ipv6.is_some() || how.mac.is_some();
        if !networks.values().any(is_fixed) {
            return;
        }
        if service.update.order == Order::StartFirst {
            let keys = ["deploy", "update_config", "order"];
            let message = "`start-first` can never work: the old replica has the fixed address";
            let hint = "write `stop-first`, or leave addresses to the engine".to_owned();
            self.problem(&keys, None, message, Some(hint));
        }
        let several = match service.mode {
            Mode::Replicated(count) | Mode::ReplicatedJob(count) => {
                count > 1 && service.max_replicas_per_node != Some(1)
            }
            Mode::Global | Mode::GlobalJob => false,
        };
        if several {
            let key = if self.node.get("mac_address").is_some() {
                "mac_address"
            } else {
                "networks"
            };
            let message = "a fixed address is one replica's alone, and several may stand on one host";
            let hint = "write `deploy.placement.max_replicas_per_node: 1`, or leave addresses to the engine".to_owned();
            self.problem(&[key], None, message, Some(hint));
        }
    }
}

/// The one network that Docker's mode of the same name means.
fn alone(mode: &str) -> (String, BTreeMap<String, Attachment>) {
    (
        mode.to_owned(),
        BTreeMap::from([(mode.to_owned(), Attachment::default())]),
    )
}

fn attachment(shape: AttachmentShape) -> Attachment {
    let AttachmentShape {
        aliases,
        ipv4_address,
        ipv6_address,
        link_local_ips,
        mac_address,
        priority: _,
        driver_opts,
    } = shape;
    Attachment {
        aliases: aliases.into_iter().flatten().collect(),
        ipv4: ipv4_address,
        ipv6: ipv6_address,
        link_local: link_local_ips.into_iter().flatten().collect(),
        mac: mac_address.map(|mac| mac.0),
        options: plain(driver_opts),
    }
}

fn is_hostname(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && !name.starts_with(['-', '.'])
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
}

/// Two services with one fixed address on one network: notes each after the first.
pub fn check_addresses(services: &BTreeMap<ServiceName, Service>, section: &Node, problems: &mut Problems) {
    let mut taken: BTreeMap<(&str, IpAddr), &ServiceName> = BTreeMap::new();
    let place = |service: &ServiceName| {
        let path: [Segment; 2] = [service.as_str().into(), "networks".into()];
        locate(section, &path)
    };
    for (name, service) in services {
        for (network, how) in &service.network.rest.networks {
            let ipv4 = how.ipv4.map(IpAddr::V4);
            for address in ipv4.into_iter().chain(how.ipv6.map(IpAddr::V6)) {
                if let Some(first) = taken.insert((network.as_str(), address), name) {
                    let message = format!("{address} is the address of the service `{first}`, too");
                    problems.push(Problem::at(Some(place(name)), message).related(place(first), "here"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_machines_are_what_linux_takes() {
        assert!(is_hostname("db-1.example.com"));
        for wrong in ["", "-a", "a b", "a/b"] {
            assert!(!is_hostname(wrong), "{wrong}");
        }
        assert!(!is_hostname(&"a".repeat(64)));
    }
}
