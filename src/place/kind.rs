//! One service as the placer sees it: what is the same for all of its replicas, looked up once. No hosts' state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::image::Resolution;
use crate::model::name::ServiceName;
use crate::model::platform::Platform;
use crate::model::setting::MountSource;
use crate::model::unit::Reserved;
use crate::observe::Observed;
use crate::place::crowd::Index;
use crate::place::live::keeps_failing;
use crate::place::needs::Outside;
use crate::resolve::desired::{Desired, Service};
use crate::resolve::wish::{Affinity, Constraint, Strength};

/// A service, and what its replicas need.
pub(super) struct Kind<'a> {
    /// Its place in the order of names.
    pub(super) at: Index,
    pub(super) name: &'a ServiceName,
    pub(super) service: &'a Service,
    /// Its constraints, by their numbers among those of all services.
    pub(super) constraints: Vec<Index>,
    /// What its image turned out to be.
    pub(super) resolution: Option<&'a Resolution>,
    /// The platforms that its image is there for; none where nobody knows, or git itself says which one is meant.
    pub(super) platforms: Option<&'a BTreeSet<Platform>>,
    /// What one replica is promised.
    pub(super) reserved: Reserved,
    /// The networks that must be there already.
    pub(super) networks: Vec<&'a str>,
    /// The volumes that must be there already.
    pub(super) volumes: Vec<&'a str>,
    /// The volumes that its replicas write to, as nobody else may.
    pub(super) data: Vec<&'a str>,
    pub(super) is_stateful: bool,
    pub(super) wants_mac: bool,
    /// The services whose replicas must not be near its own, because they say so.
    pub(super) shunned_by: Vec<(Index, &'a Affinity)>,
    /// The hosts where its present version keeps failing.
    pub(super) failing: BTreeSet<Index>,
    /// How many others it was placed after: those that it is to be near come first.
    pub(super) rank: usize,
}

impl Kind<'_> {
    /// Whether it matters where the replicas of which services stand.
    pub(super) fn is_bonded(&self) -> bool {
        let placing = &self.service.placing;
        !placing.affinity.is_empty() || !placing.anti_affinity.is_empty() || !self.shunned_by.is_empty()
    }

    /// Whether it says itself where it must, or must not, stand by other replicas.
    pub(super) fn is_bound(&self) -> bool {
        let placing = &self.service.placing;
        let mut wishes = placing.affinity.iter().chain(&placing.anti_affinity);
        wishes.any(|wish| wish.strength == Strength::Required)
    }

    /// Whether others are placed first, because it is to be near them.
    pub(super) fn follows(&self) -> bool {
        !self.service.placing.affinity.is_empty()
    }
}

/// All services, in the order of their names, and the distinct constraints that they speak of.
pub(super) fn kinds<'a>(desired: &'a Desired, observed: &'a Observed) -> (Vec<Arc<Kind<'a>>>, Vec<&'a Constraint>) {
    let outside = Outside::new(desired);
    let mut constraints: Vec<&Constraint> = desired.services.values().flat_map(|it| &it.constraints).collect();
    constraints.sort_unstable();
    constraints.dedup();
    let order = order(desired);
    let mut failing = failing(desired, observed);
    let mut shunned = shunned(desired);
    let one = |(at, (name, service)): (Index, (&'a ServiceName, &'a Service))| {
        let number = |wanted: &Constraint| constraints.binary_search(&wanted).unwrap_or_default();
        let networks = &service.network.rest.networks;
        let data = service.data().filter_map(|source| match source {
            MountSource::Volume(name) => Some(name.as_str()),
            MountSource::Bind(_) | MountSource::Anonymous | MountSource::Tmpfs => None,
        });
        Arc::new(Kind {
            at,
            name,
            service,
            constraints: service.constraints.iter().map(number).collect(),
            resolution: observed.images.get(&service.image.to_string()),
            platforms: match &service.runtime.platform {
                Some(_) => None,
                None => observed.platforms(&service.image),
            },
            reserved: service.reserved(),
            networks: outside.networks(service).collect(),
            volumes: outside.volumes(service).collect(),
            data: data.collect(),
            is_stateful: service.is_stateful(),
            wants_mac: networks.values().any(|how| how.mac.is_some()),
            shunned_by: shunned.remove(name).unwrap_or_default(),
            failing: failing.remove(name).unwrap_or_default(),
            rank: order.get(at).copied().unwrap_or_default(),
        })
    };
    let all = desired.services.iter().enumerate().map(one).collect();
    (all, constraints)
}

/// The hosts where a service's present version keeps failing.
fn failing<'a>(desired: &'a Desired, observed: &Observed) -> BTreeMap<&'a ServiceName, BTreeSet<Index>> {
    let mut all: BTreeMap<&ServiceName, BTreeSet<Index>> = BTreeMap::new();
    let seen = desired.hosts.keys().enumerate();
    let seen = seen.filter_map(|(at, name)| Some((at, observed.hosts.get(name)?.state()?)));
    for (at, state) in seen {
        for container in state.containers.iter().filter(|one| keeps_failing(one)) {
            let service = desired.services.get_key_value(&container.owner.slot.service);
            let present = |service: &Service| {
                let image = container.owner.image.as_ref();
                !service.mode.is_job() && image.is_none_or(|image| *image == service.image)
            };
            if let Some((name, _)) = service.filter(|(_, service)| present(service)) {
                all.entry(name).or_default().insert(at);
            }
        }
    }
    all
}

/// Who must not be near which service, by their own words.
fn shunned(desired: &Desired) -> BTreeMap<&ServiceName, Vec<(Index, &Affinity)>> {
    let mut all: BTreeMap<&ServiceName, Vec<(Index, &Affinity)>> = BTreeMap::new();
    for (at, (name, service)) in desired.services.iter().enumerate() {
        let wishes = service.placing.anti_affinity.iter();
        for wish in wishes.filter(|wish| wish.strength == Strength::Required && wish.service != *name) {
            all.entry(&wish.service).or_default().push((at, wish));
        }
    }
    all
}

/// The rank of each service: after those that it must be near, and those that it would be; otherwise by name. In a circle of wishes
/// what must be goes before what had better be.
fn order(desired: &Desired) -> Vec<usize> {
    let names: Vec<&ServiceName> = desired.services.keys().collect();
    let others = |service: &'_ Service, must: bool| -> Vec<Index> {
        let wishes = service.placing.affinity.iter();
        let wishes = wishes.filter(|wish| (wish.strength == Strength::Required) == must);
        wishes
            .filter_map(|wish| names.binary_search(&&wish.service).ok())
            .collect()
    };
    let must: Vec<Vec<Index>> = desired.services.values().map(|service| others(service, true)).collect();
    let had_better: Vec<Vec<Index>> = desired
        .services
        .values()
        .map(|service| others(service, false))
        .collect();
    let mut rank: Vec<Option<usize>> = vec![None; names.len()];
    for next in 0..names.len() {
        let left = || (0..names.len()).filter(|at| matches!(rank.get(*at), Some(None)));
        let after = |wishes: &[Vec<Index>], at: &Index| {
            let mut others = wishes.get(*at).into_iter().flatten().filter(|other| *other != at);
            others.all(|other| matches!(rank.get(*other), Some(Some(_))))
        };
        let free = left().find(|at| after(&must, at) && after(&had_better, at));
        let free = free.or_else(|| left().find(|at| after(&must, at)));
        if let Some(at) = free.or_else(|| left().next())
            && let Some(rank) = rank.get_mut(at)
        {
            *rank = Some(next);
        }
    }
    rank.into_iter().map(Option::unwrap_or_default).collect()
}
