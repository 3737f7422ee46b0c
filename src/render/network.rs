//! How a replica is attached to networks, what each host needs of them, and whether their addresses are free there. No other domain.

use std::collections::BTreeMap;

use crate::model::host::{HostState, ObservedHost};
use crate::model::name::HostName;
use crate::model::network::{LiveNetwork, NetworkSpec, Networking, Route, RouteKind, Subnet};
use crate::model::problem::Problem;
use crate::observe::Observed;
use crate::render::Target;
use crate::resolve::desired::{Desired, Network, ServiceNetworking};

/// What a service's replicas see of networks, but for the names of each.
pub(super) fn networking(service: &ServiceNetworking, hostname: Option<String>) -> Networking {
    let ServiceNetworking { hostname: _, rest } = service;
    Networking {
        hostname,
        ..rest.clone()
    }
}

/// The networks of the cluster's own, by their names on a host.
pub(super) fn own(desired: &Desired) -> BTreeMap<&str, &Network> {
    let networks = desired.networks.values().filter(|network| !network.external);
    networks.map(|network| (network.name.as_str(), network)).collect()
}

/// A network that is to be made on a host.
struct Coming<'a> {
    host: &'a HostName,
    state: &'a HostState,
    name: &'a str,
    spec: &'a NetworkSpec,
    /// The one of the same name that goes for it.
    old: Option<&'a LiveNetwork>,
}

fn coming<'a>(target: &'a Target, observed: &'a Observed) -> impl Iterator<Item = Coming<'a>> {
    let hosts = target.hosts.iter().filter_map(|(host, wanted)| {
        let state = observed.hosts.get(host).and_then(ObservedHost::state)?;
        Some((host, wanted, state))
    });
    hosts.flat_map(|(host, wanted, state)| {
        wanted.networks.iter().filter_map(move |(name, spec)| {
            let old = state.networks.get(name);
            let same = old.is_some_and(|old| old.made_from.as_ref() == Some(spec));
            (!same).then_some(Coming {
                host,
                state,
                name,
                spec,
                old,
            })
        })
    })
}

/// The hosts where a network of chosen addresses is to be made, so that their routes matter.
pub fn hosts_to_ask(target: &Target, observed: &Observed) -> Vec<HostName> {
    let mut hosts: Vec<HostName> = coming(target, observed)
        .filter(|one| one.spec.is_routed() && !one.spec.pools.is_empty() && one.state.routes.is_none())
        .map(|one| one.host.clone())
        .collect();
    hosts.dedup();
    hosts
}

/// Networks that cannot be made where they are needed, because their addresses or their names are taken there.
pub fn clashes(target: &Target, observed: &Observed) -> Vec<Problem> {
    coming(target, observed).flat_map(|one| one.clashes()).collect()
}

impl Coming<'_> {
    fn clashes(&self) -> Vec<Problem> {
        let Self { host, name, .. } = self;
        if self.old.is_some_and(|old| old.made_from.is_none()) {
            let message = format!("{host} has a network {name} that cdk did not make");
            let hint = format!("remove it there, or write {{external: true, name: {name}}} to use it");
            return vec![Problem::at(None, message).hint(hint)];
        }
        self.spec.subnets().filter_map(|subnet| self.clash(subnet)).collect()
    }

    fn clash(&self, subnet: Subnet) -> Option<Problem> {
        let Self { host, name, .. } = self;
        let others = self.state.networks.iter().filter(|(other, _)| *other != name);
        let of_network = others.clone().find_map(|(other, live)| {
            let taken = live.subnets.iter().find(|taken| taken.overlaps(subnet))?;
            Some(format!("{taken} of the network {other} there"))
        });
        let interfaces: Vec<&str> = others
            .map(|(_, live)| live)
            .chain(self.old)
            .map(|live| live.interface.as_str())
            .filter(|interface| !interface.is_empty())
            .collect();
        // The host's own address on a network that goes is no reason against its successor.
        let goes = |route: &Route| {
            interfaces.contains(&route.interface.as_str())
                || (route.kind == RouteKind::Address
                    && self
                        .old
                        .is_some_and(|old| old.subnets.iter().any(|net| net.encloses(route.to))))
        };
        let of_route = || {
            let mut routes = self.state.routes.iter().flatten().filter(|route| !goes(route));
            let route = routes.find(|route| route.to.overlaps(subnet))?;
            Some(match route.kind {
                RouteKind::Route => format!("the route to {} over {}", route.to, route.interface),
                RouteKind::Address => format!("the host's own address {}", address(route.to)),
                RouteKind::SshPeer => format!("{}, from where SSH comes", address(route.to)),
            })
        };
        let taken = of_network.or_else(|| of_route().filter(|_| self.spec.is_routed()))?;
        let message = format!("{host}: the subnet {subnet} of the network {name} overlaps {taken}");
        let hint = "choose a subnet that is free on every host, or leave it to the engine";
        Some(Problem::at(None, message).hint(hint))
    }
}

fn address(subnet: Subnet) -> String {
    let text = subnet.to_string();
    text.split('/').next().unwrap_or_default().to_owned()
}
