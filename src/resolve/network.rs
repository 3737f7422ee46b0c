//! `networks`: from the tree to what they mean, and whether their addresses can be. How services are attached is `attach`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::model::endpoint::Address;
use crate::model::name::{ClusterName, HostName, NetworkName, network_name};
use crate::model::network::{NetworkSpec, Pool, Subnet, is_predefined};
use crate::model::problem::{Place, Problem};
use crate::resolve::decode::{Decoded, decode, entries};
use crate::resolve::desired::{Host, Network};
use crate::resolve::layers;
use crate::resolve::problems::{Problems, Segment, locate};
use crate::resolve::render::{Names, render};
use crate::resolve::shape::network::{IpamShape, NetworkShape, PoolShape};
use crate::resolve::shape::plain::Plain;
use crate::source::yaml::{Entry, Kind, Map, Node};

/// The networks, and what services may name.
#[derive(Debug, Default)]
pub struct Networks {
    /// Those that are right, by name.
    pub all: BTreeMap<NetworkName, Network>,
    /// The names of all.
    pub words: BTreeSet<String>,
}

/// A subnet, and where it stands.
struct Claim {
    network: String,
    subnet: Subnet,
    place: Place,
}

/// Reads the section `networks`.
pub fn networks(
    section: Option<&Entry>,
    cluster: Option<&ClusterName>,
    hosts: &BTreeMap<HostName, Host>,
    names: &Arc<Names>,
    problems: &mut Problems,
) -> Networks {
    let map = section
        .map(|section| entries("networks", section.value.clone(), problems))
        .unwrap_or_default();
    let mut networks = Networks::default();
    let mut claims: Vec<Claim> = Vec::new();
    let mut taken: BTreeMap<String, Place> = BTreeMap::new();
    for (name, entry) in map {
        let key = entry.key.clone();
        networks.words.insert(name.clone());
        let parsed = name.parse::<NetworkName>();
        if let Err(error) = &parsed {
            problems.push(Problem::at(Some(key.clone()), error.to_string()));
        }
        let mut reading = Reading {
            name: &name,
            node: Node::new(key.clone(), Kind::Null),
            lost: Vec::new(),
            problems,
        };
        let (network, own) = reading.network(entry, cluster, names);
        for claim in own {
            fits(&claim, &network, &claims, hosts, problems);
            claims.push(claim);
        }
        if let Some(first) = taken.insert(network.name.clone(), key.clone()) {
            let message = format!("`{name}` is called {} on the hosts, as another network", network.name);
            problems.push(Problem::at(Some(key), message).related(first, "the other one"));
        }
        networks.all.extend(parsed.ok().map(|name| (name, network)));
    }
    networks
}

/// Whether a subnet can be one's own: no other network's, and with none of the hosts in it.
fn fits(claim: &Claim, network: &Network, others: &[Claim], hosts: &BTreeMap<HostName, Host>, problems: &mut Problems) {
    let Claim {
        network: name,
        subnet,
        place,
    } = claim;
    if let Some(other) = others.iter().find(|other| other.subnet.overlaps(*subnet)) {
        let message = if other.network == *name {
            format!("{subnet} overlaps {}, which the network has already", other.subnet)
        } else {
            format!("{subnet} overlaps {} of the network `{}`", other.subnet, other.network)
        };
        let problem = Problem::at(Some(place.clone()), message).related(other.place.clone(), "here");
        problems.push(problem.hint("no address can be in two networks of one host"));
    }
    let address = |host: &Host| {
        let literal = match &host.address {
            Address::Local => None,
            Address::Ssh(text) => text.parse::<IpAddr>().ok(),
        };
        literal
            .into_iter()
            .chain(host.private_address)
            .find(|address| subnet.holds(*address))
    };
    let inside = hosts.iter().find_map(|(host, it)| Some((host, address(it)?)));
    if let Some((host, address)) = inside.filter(|_| network.spec.is_routed()) {
        let message = format!("{subnet} holds {address}, the address of {host}, which would no longer be reached");
        let problem = Problem::at(Some(place.clone()), message);
        problems.push(problem.hint("choose a subnet that is used nowhere else"));
    }
}

/// A network while it is read.
struct Reading<'a> {
    name: &'a str,
    node: Node,
    /// What was wrong in it, and was taken away.
    lost: Vec<Vec<Segment>>,
    problems: &'a mut Problems,
}

impl Reading<'_> {
    fn problem(&mut self, path: &[Segment], message: String, hint: &str) {
        let problem = Problem::at(Some(locate(&self.node, path)), message);
        self.problems.push(problem.hint(hint));
    }

    fn network(&mut self, entry: Entry, cluster: Option<&ClusterName>, names: &Arc<Names>) -> (Network, Vec<Claim>) {
        let mut value = entry.value;
        if value.is_null() {
            value.kind = Kind::Map(Map::new());
        }
        layers::labels(&mut value, self.problems);
        let broken = render(&mut value, names, None, self.problems).broken;
        let decoded: Decoded<NetworkShape> = decode(value, "networks.*", broken, self.problems);
        let Decoded {
            value: shape,
            node,
            lost,
        } = decoded;
        (self.node, self.lost) = (node, lost);
        let NetworkShape {
            name,
            external,
            driver,
            driver_opts,
            ipam,
            internal,
            attachable,
            enable_ipv6,
            labels,
        } = shape;
        let external = external.unwrap_or_default();
        if external {
            self.nothing_else();
        }
        let given = name.map(|name| self.on_host(name));
        let on_host = given.unwrap_or_else(|| match (cluster, self.name.parse::<NetworkName>()) {
            (Some(cluster), Ok(name)) if !external => network_name(cluster, &name),
            (_, _) => self.name.to_owned(),
        });
        if external && is_predefined(&on_host) {
            let message = format!("every engine has the network `{on_host}` by itself");
            self.problem(&[], message, "write `network_mode` in the services that use it");
        }
        let IpamShape {
            driver: ipam_driver,
            config,
            options: ipam_options,
        } = ipam.unwrap_or_default();
        let (pools, claims) = self.pools(config.unwrap_or_default());
        let ipv6 = enable_ipv6.unwrap_or_default();
        if ipv6 && !pools.iter().any(|pool| pool.subnet.is_ipv6()) {
            let hint = "write {subnet: \"fd00:1::/64\"} under `ipam.config`: most engines choose none by themselves";
            self.problem(
                &["enable_ipv6".into()],
                "`enable_ipv6` needs an IPv6 subnet".to_owned(),
                hint,
            );
        }
        let spec = NetworkSpec {
            driver: driver.map_or_else(|| NetworkSpec::default().driver, |driver| driver.as_str().to_owned()),
            options: plain(driver_opts),
            internal: internal.unwrap_or_default(),
            attachable: attachable.unwrap_or_default(),
            ipv6,
            ipam_driver: ipam_driver.filter(|driver| driver != "default"),
            ipam_options: plain(ipam_options),
            pools,
            labels: plain(labels),
        };
        let network = Network {
            name: on_host,
            external,
            spec,
        };
        (network, claims)
    }

    /// What is not cdk's is as it is: nothing but its name may be said of it.
    fn nothing_else(&mut self) {
        refuse_beside_external(&self.node, "network", self.problems);
    }

    fn on_host(&mut self, name: String) -> String {
        if name.parse::<NetworkName>().is_err() {
            let message = format!("{name:?} is no name of a network on a host");
            let hint = "letters, digits, '.', '_' and '-', beginning with a letter or digit";
            self.problem(&["name".into()], message, hint);
        }
        name
    }

    fn pools(&mut self, shapes: Vec<PoolShape>) -> (Vec<Pool>, Vec<Claim>) {
        let (mut pools, mut claims) = (Vec::new(), Vec::new());
        for (index, shape) in shapes.into_iter().enumerate() {
            let at = |key: &str| vec!["ipam".into(), "config".into(), Segment::from(index), Segment::from(key)];
            let PoolShape {
                subnet,
                gateway,
                ip_range,
                aux_addresses,
            } = shape;
            let Some(Plain(subnet)) = subnet else {
                let path = ["ipam".into(), "config".into(), Segment::from(index)];
                if !self.lost.contains(&at("subnet")) {
                    let message = "a pool of addresses needs its `subnet`".to_owned();
                    self.problem(&path, message, "write {subnet: 10.20.0.0/24}");
                }
                continue;
            };
            let aux_addresses = aux_addresses.unwrap_or_default();
            let inside = "choose one inside, or leave it to the engine";
            if let Some(gateway) = gateway.filter(|gateway| !subnet.holds(*gateway)) {
                self.problem(&at("gateway"), format!("{gateway} does not lie in {subnet}"), inside);
            }
            if let Some(Plain(range)) = ip_range.filter(|range| !subnet.encloses(range.0)) {
                self.problem(&at("ip_range"), format!("{range} does not lie in {subnet}"), inside);
            }
            for (name, address) in aux_addresses.iter().filter(|(_, address)| !subnet.holds(**address)) {
                let mut path = at("aux_addresses");
                path.push(name.as_str().into());
                self.problem(&path, format!("{address} does not lie in {subnet}"), inside);
            }
            claims.push(Claim {
                network: self.name.to_owned(),
                subnet,
                place: locate(&self.node, &at("subnet")),
            });
            pools.push(Pool {
                subnet,
                gateway,
                ip_range: ip_range.map(|range| range.0),
                aux_addresses,
            });
        }
        (pools, claims)
    }
}

/// Notes everything that is said of something external beside its name.
pub fn refuse_beside_external(node: &Node, what: &str, problems: &mut Problems) {
    let allowed = ["name", "external", "shared"];
    for (key, entry) in node.map().into_iter().flatten() {
        if !allowed.contains(&key.as_str()) && !key.starts_with("x-") {
            let message = format!("`{key}` says nothing of a {what} that is `external`");
            let problem = Problem::at(Some(entry.key.clone()), message);
            problems.push(problem.hint("cdk neither makes nor changes it: leave this out, or `external`"));
        }
    }
}

/// Values without the trace of how they were written.
pub fn plain(pairs: Option<BTreeMap<String, Plain<String>>>) -> BTreeMap<String, String> {
    let pairs = pairs.unwrap_or_default().into_iter();
    pairs.map(|(key, Plain(value))| (key, value)).collect()
}
