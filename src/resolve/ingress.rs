//! `ingress`: reading it, and which services it hands anything on to. Whether its parts fit together is `routes`'s. It is not in
//! force yet: only the firewall goes by it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::name::{HostName, IngressName, ServiceName};
use crate::model::problem::{Place, Problem};
use crate::model::unit::PortRange;
use crate::resolve::constraint::holds;
use crate::resolve::decode::{Decoded, decode, entries};
use crate::resolve::desired::Service;
use crate::resolve::hosts::Hosts;
use crate::resolve::problems::{Problems, Segment};
use crate::resolve::reader::{Reader, steps};
use crate::resolve::render::{Names, render};
use crate::resolve::rules;
use crate::resolve::shape::ingress::{IngressShape, ListenShape, VirtualAddressShape};
use crate::resolve::shape::plain::Plain;
use crate::resolve::wish::Constraint;
use crate::source::yaml::{Entry, Kind, Map};

/// An ingress as it was read.
pub struct Ingress {
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub key: Place,
    /// What it says.
    pub decoded: Decoded<IngressShape>,
}

/// What an ingress may name.
pub struct Known<'a> {
    /// The hosts.
    pub hosts: &'a Hosts,
    /// The services' names as written.
    pub names: &'a BTreeSet<String>,
    /// The services that could be read.
    pub services: &'a BTreeMap<ServiceName, Service>,
    /// The names of the secrets.
    pub secrets: &'a BTreeSet<String>,
    /// The host ports that cdk hands out; none where the cluster could not be read.
    pub ports: Option<PortRange>,
}

/// A port that a proxy listens on, and where that is written.
type Taken = BTreeMap<(HostName, u16), (String, Place)>;

/// Reads the section `ingress`.
pub fn read(section: Option<&Entry>, names: &Arc<Names>, problems: &mut Problems) -> Vec<Ingress> {
    let map = section
        .map(|section| entries("ingress", section.value.clone(), problems))
        .unwrap_or_default();
    let mut all = Vec::new();
    for (name, Entry { key, mut value }) in map {
        if let Err(error) = name.parse::<IngressName>() {
            problems.push(Problem::at(Some(key.clone()), error.to_string()));
        }
        if value.is_null() {
            value.kind = Kind::Map(Map::new());
        }
        let broken = render(&mut value, names, None, problems).broken;
        let decoded = decode(value, "ingress.*", broken, problems);
        all.push(Ingress { name, key, decoded });
    }
    all
}

/// The services that some ingress hands anything on to.
pub fn routed(all: &[Ingress]) -> BTreeSet<String> {
    let routes = all
        .iter()
        .flat_map(|ingress| ingress.decoded.value.routes.iter().flatten());
    routes.filter_map(|route| route.service.clone()).collect()
}

/// Checks what was read against everything else; says where the ingresses stand, and what they hand on.
pub fn check(all: &[Ingress], known: &Known<'_>, problems: &mut Problems) -> Vec<rules::Ingress> {
    let mut standing = Vec::new();
    let (mut taken, mut addresses, mut groups) = (Taken::new(), BTreeMap::new(), BTreeMap::new());
    for ingress in all {
        let mut reading = IngressReading {
            ingress,
            reader: Reader {
                node: &ingress.decoded.node,
                problems,
            },
            known,
        };
        let hosts = reading.hosts();
        reading.listens(&hosts, &mut taken);
        reading.virtual_address(&mut addresses, &mut groups);
        reading.template();
        reading.routes(&hosts, &mut taken);
        let shape = &ingress.decoded.value;
        let routes = shape.routes.iter().flatten();
        standing.push(rules::Ingress {
            name: ingress.name.clone(),
            hosts: hosts.into_iter().collect(),
            has_virtual_address: shape.virtual_address.is_some(),
            services: routes
                .filter_map(|route| route.service.as_ref()?.parse().ok())
                .collect(),
        });
    }
    standing
}

/// One ingress while it is checked.
pub(super) struct IngressReading<'a> {
    pub(super) ingress: &'a Ingress,
    pub(super) reader: Reader<'a>,
    pub(super) known: &'a Known<'a>,
}

impl IngressReading<'_> {
    pub(super) fn shape(&self) -> &IngressShape {
        &self.ingress.decoded.value
    }

    pub(super) fn has_lost(&self, key: &str) -> bool {
        self.ingress.decoded.has_lost(key)
    }

    pub(super) fn missing(&mut self, message: String, hint: &str) {
        let problem = Problem::at(Some(self.ingress.key.clone()), message);
        self.reader.problems.push(problem.hint(hint));
    }

    /// The hosts that it stands on, as far as hosts.yaml tells.
    fn hosts(&mut self) -> Vec<HostName> {
        let ingress = self.ingress;
        let Some(on) = &ingress.decoded.value.on else {
            if !self.has_lost("on") {
                let message = format!("the ingress `{}` does not say on which hosts it stands", ingress.name);
                self.missing(message, "write `on: [node.labels.role == edge]`, say");
            }
            return Vec::new();
        };
        let hosts = self.known.hosts;
        let Some(constraints) = self.reader.constraints(&steps!["on"], on, hosts) else {
            return Vec::new();
        };
        let meets = |name: &HostName| {
            let host = hosts.all.get(name);
            let fails = |constraint: &Constraint| host.is_some_and(|host| holds(constraint, name, host) == Some(false));
            !constraints.iter().any(fails)
        };
        let all: Vec<HostName> = hosts.all.keys().filter(|name| meets(name)).cloned().collect();
        if all.is_empty() && hosts.words.complete {
            let said: Vec<String> = constraints.iter().map(Constraint::to_string).collect();
            let message = format!("no host meets {}", said.join(" and "));
            self.reader
                .wrong(&steps!["on"], message, "the ingress would stand nowhere".to_owned());
        }
        all
    }

    /// Takes a port on the ingress's hosts, unless another proxy has it.
    pub(super) fn take(&mut self, port: u16, path: &[Segment], hosts: &[HostName], taken: &mut Taken) {
        let place = self.reader.place(path);
        if self.known.ports.is_some_and(|ports| ports.ports().contains(&port)) {
            let message = format!("port {port} is one of `cluster.ports`, which cdk hands out to replicas");
            let hint = "choose another, or change `cluster.ports`".to_owned();
            self.reader.wrong(path, message, hint);
        }
        let own = &self.ingress.name;
        let clash = hosts.iter().find_map(|host| {
            let (other, first) = taken.get(&(host.clone(), port))?;
            Some((host.clone(), other.clone(), first.clone()))
        });
        match clash {
            Some((_, other, first)) if other == *own => {
                let problem = Problem::at(Some(place), format!("the ingress listens on port {port} already"));
                self.reader.problems.push(problem.related(first, "here"));
            }
            Some((host, other, first)) => {
                let message = format!("the ingress `{other}` listens on port {port} of {host} already");
                let problem = Problem::at(Some(place), message).related(first, "here");
                self.reader
                    .problems
                    .push(problem.hint("two proxies cannot have the same port of a host"));
            }
            None => {
                for host in hosts {
                    taken.insert((host.clone(), port), (own.clone(), place.clone()));
                }
            }
        }
    }

    fn listens(&mut self, hosts: &[HostName], taken: &mut Taken) {
        let ingress = self.ingress;
        for (index, listen) in ingress.decoded.value.listen.iter().flatten().enumerate() {
            let ListenShape { port, tls } = listen;
            match port {
                Some(port) => self.take(*port, &steps!["listen", index, "port"], hosts, taken),
                None if self.has_lost("listen") => {}
                None => {
                    let hint = "write {port: 443, tls: SECRET}".to_owned();
                    self.reader.wrong(&steps!["listen", index], "there is no `port`", hint);
                }
            }
            if let Some(secret) = tls.as_ref().filter(|secret| !self.known.secrets.contains(*secret)) {
                let near = crate::resolve::suggest::nearest(secret, self.known.secrets.iter().map(String::as_str));
                let define =
                    || format!("write `{secret}: {{file: secrets/{secret}.age}}` under the top-level `secrets`");
                let hint = near.map_or_else(define, |near| format!("did you mean `{near}`?"));
                let message = format!("there is no secret `{secret}`");
                self.reader.absent(&steps!["listen", index, "tls"], message, hint);
            }
        }
    }

    fn virtual_address(&mut self, addresses: &mut BTreeMap<String, Place>, groups: &mut BTreeMap<u8, Place>) {
        let ingress = self.ingress;
        let Some(shape) = &ingress.decoded.value.virtual_address else {
            return;
        };
        let VirtualAddressShape {
            address,
            interface,
            router_id,
        } = shape;
        let given = [
            ("address", address.is_some()),
            ("interface", interface.is_some()),
            ("router_id", router_id.is_some()),
        ];
        for (key, _) in given.into_iter().filter(|(_, given)| !given) {
            if !self.has_lost("virtual_address") {
                let hint = "write {address: 10.0.0.100/24, interface: eth0, router_id: 51}".to_owned();
                let message = format!("the virtual address has no `{key}`");
                self.reader.wrong(&steps!["virtual_address"], message, hint);
            }
        }
        if let Some(Plain(address)) = address {
            let message = format!("another ingress has the address {} already", address.0.addr());
            let path = steps!["virtual_address", "address"];
            self.reader
                .once(addresses, address.0.addr().to_string(), &path, message);
            let hosts = &self.known.hosts.all;
            if let Some((host, _)) = hosts
                .iter()
                .find(|(_, host)| host.own_addresses().any(|one| one == address.0.addr()))
            {
                let hint = "a virtual address is one that no host has for itself".to_owned();
                self.reader
                    .wrong(&path, format!("{} is the address of {host}", address.0.addr()), hint);
            }
        }
        if let Some(Plain(name)) = interface
            && (name.is_empty() || name.len() > 15 || name.contains(|c: char| c == '/' || c.is_whitespace()))
        {
            let message = format!("{name:?} is not the name of a network interface");
            let hint = "`ip -brief address` on a host lists them".to_owned();
            self.reader
                .wrong(&steps!["virtual_address", "interface"], message, hint);
        }
        if let Some(Plain(id)) = router_id {
            let message = format!("another ingress has the number {} already", id.0);
            self.reader
                .once(groups, id.0, &steps!["virtual_address", "router_id"], message);
        }
    }

    fn template(&mut self) {
        let ingress = self.ingress;
        let Some(path) = &ingress.decoded.value.template else {
            return;
        };
        if path.starts_with(['/', '~']) || path.split('/').any(|part| part == "..") {
            let hint = "a path is relative to the folder of cdk.yaml, and within it".to_owned();
            self.reader
                .wrong(&steps!["template"], format!("{path:?} is outside the repository"), hint);
        }
    }
}
