//! Where each public address belongs: a host's to it, a service's to where its replica stands. On which interface, the host tells.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::model::address::{AddressesSeen, LiveAddresses};
use crate::model::name::{HostName, ServiceName, Slot, SlotKey};
use crate::model::problem::Problem;
use crate::model::scope::Scope;
use crate::model::unit::Span;
use crate::observe::Observed;
use crate::place::Placement;
use crate::resolve::desired::{Desired, Mode};
use crate::resolve::rules::CONFIRM_TIMEOUT;

/// Where a public address is to stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// The replica that it goes with; none where it is a host's own.
    pub slot: Option<Slot>,
    /// The host and its interface. None where nobody could say: the replica fits nowhere, or its host does not answer. Then it stays
    /// where it is.
    pub at: Option<Interface>,
}

/// An interface of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The host.
    pub host: HostName,
    /// The interface.
    pub name: String,
}

/// The public addresses of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addresses {
    /// Where each belongs.
    pub wanted: BTreeMap<IpAddr, Home>,
    /// The hosts that are changed.
    pub hosts: BTreeSet<HostName>,
    /// The hosts that are to have some, answer, and were not asked which they have: an observation of before git named any.
    pub unasked: BTreeSet<HostName>,
    /// The hosts that were asked, and cannot tell, though no address is wanted there.
    pub unread: BTreeMap<HostName, String>,
    /// Whether what nobody wants any more goes.
    pub releases: bool,
    /// How long a host waits for the confirmation of a change.
    pub confirm_timeout: Span,
}

impl Addresses {
    /// Leaves alone what does not belong to the hosts and services that are meant; without services all are.
    pub fn narrow(&mut self, scope: &Scope, services: Option<&BTreeSet<ServiceName>>) {
        let is_meant = |home: &Home| {
            let goes_with = |services: &BTreeSet<ServiceName>| {
                let slot = home.slot.as_ref();
                slot.is_some_and(|slot| services.contains(&slot.service))
            };
            let is_services = services.is_none_or(goes_with);
            is_services && home.at.as_ref().is_some_and(|at| scope.has_host(&at.host))
        };
        for home in self.wanted.values_mut().filter(|home| !is_meant(home)) {
            home.at = None;
        }
        self.releases &= services.is_none();
        self.hosts.retain(|host| scope.has_host(host));
        self.unasked.retain(|host| scope.has_host(host));
    }
}

/// Where every public address belongs.
///
/// # Errors
/// Where a host that is to have some cannot tell which it has, where no interface leads there, or another cluster has it.
pub fn addresses(desired: &Desired, placement: &Placement, observed: &Observed) -> Result<Addresses, Vec<Problem>> {
    let mut problems = Vec::new();
    let (mut hosts, mut unasked, mut unread) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
    let follows = desired
        .services
        .values()
        .any(|service| !service.public_addresses.is_empty());
    for (name, seen) in &observed.hosts {
        let Some(state) = seen.state() else { continue };
        let has_own = desired
            .hosts
            .get(name)
            .is_some_and(|host| !host.public_addresses.is_empty());
        match &state.addresses {
            AddressesSeen::Found(live) => drop(hosts.insert(name, live.as_ref())),
            AddressesSeen::Unknown(why) if follows || has_own => {
                problems.push(Problem::at(None, format!("{name}: {why}")));
            }
            AddressesSeen::Unknown(why) => drop(unread.insert(name.clone(), why.clone())),
            AddressesSeen::NotAsked if desired.hosts.contains_key(name) && (follows || has_own) => {
                unasked.insert(name.clone());
            }
            AddressesSeen::NotAsked => {}
        }
    }
    let mut all = Addresses {
        wanted: BTreeMap::new(),
        // One that is in git no more is not changed.
        hosts: desired
            .hosts
            .keys()
            .filter(|name| hosts.contains_key(name))
            .cloned()
            .collect(),
        unasked,
        unread,
        releases: true,
        confirm_timeout: desired
            .firewall
            .as_ref()
            .map_or(CONFIRM_TIMEOUT, |it| it.confirm_timeout),
    };
    let mut add = |address: IpAddr, slot: Option<Slot>, host: Option<&HostName>| {
        let seen = host.and_then(|host| Some((host, *hosts.get(host)?)));
        let at = seen.and_then(|(host, live)| match interface(host, live, address) {
            Ok(name) => Some(Interface {
                host: host.clone(),
                name,
            }),
            Err(problem) => {
                problems.push(problem);
                None
            }
        });
        all.wanted.insert(address, Home { slot, at });
    };
    for (name, host) in &desired.hosts {
        for address in &host.public_addresses {
            add(*address, None, Some(name));
        }
    }
    for (name, service) in &desired.services {
        let Mode::Replicated(count) = service.mode else {
            continue;
        };
        for number in 1..=count {
            let slot = Slot {
                service: name.clone(),
                key: SlotKey::Index(number),
            };
            let host = placement.slots.get(&slot).map(|assignment| &assignment.host);
            for address in service.addresses_of(number) {
                add(address, Some(slot.clone()), host);
            }
        }
    }
    if problems.is_empty() { Ok(all) } else { Err(problems) }
}

/// The interface of a host that an address belongs on.
fn interface(host: &HostName, live: &LiveAddresses, address: IpAddr) -> Result<String, Problem> {
    if let Some(other) = live.others.get(&address) {
        let message = format!("{host}: the cluster {other} keeps {address} there");
        let hint = format!(
            "take it out of one of the clusters, or, where {other} is gone, remove \
                            /var/lib/cdk/address/kept/{other}/{address} there"
        );
        return Err(Problem::at(None, message).hint(hint));
    }
    let stands = live.bound.get(&address).map(|bound| bound.interface.as_str());
    let found = stands.or_else(|| live.interface_for(address));
    found.map(str::to_owned).ok_or_else(|| {
        let message =
            format!("{host}: no interface leads to {address}: it has no default route, and no network around it");
        Problem::at(None, message).hint("give it a route there, or write another address")
    })
}
