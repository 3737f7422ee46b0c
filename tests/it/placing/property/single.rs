//! Laws of one placement by itself: no filter is broken, nothing moves without a reason, nothing is refused that fits somewhere.

use std::collections::{BTreeMap, BTreeSet};

use cdk::model::host::ObservedHost;
use cdk::model::journal::JournalRecord;
use cdk::model::name::{HostName, Slot, SlotKey};
use cdk::model::setting::{PortBinding, Protocol};
use cdk::place::Placement;
use cdk::place::asked::Asked;
use cdk::place::reason::{Reason, Why};
use cdk::resolve::desired::{Availability, HostPort, Mode, Service, ServicePort};

use super::dice::each;
use super::past::{Case, grown, new};
use super::rules::{Ground, How, Replica, exceeds, keys, standing};

/// What a law says is broken.
type Broken = Result<(), String>;

#[test]
fn the_laws_of_one_placement_hold() {
    each(8_000, grown, laws);
}

#[test]
fn the_laws_of_a_first_placement_hold() {
    each(4_000, new, laws);
}

fn laws(case: &Case) -> Broken {
    let placement = case.placed(&Asked::default());
    let ground = Ground::new(&case.desired, &case.observed, &placement);
    no_filter_is_broken(&ground, &placement)?;
    ports_are_right(&ground, &placement)?;
    nothing_is_forgotten(&ground, &placement)?;
    data_is_not_left(&ground, &placement)?;
    nothing_moves_without_a_reason(&ground, &placement)?;
    only_what_fits_nowhere_is_refused(&ground, &placement)?;
    new_replicas_are_spread(&ground, &placement)
}

/// Every replica that came fits where it is, and every one that stays may stay.
pub fn no_filter_is_broken(ground: &Ground<'_>, placement: &Placement) -> Broken {
    for one in &ground.replicas {
        let name = &one.slot.service;
        let wrong = match one.how {
            How::Comes => {
                // Who fails over does not wait for others of its service that do, and perhaps can't.
                let others = ground.without_unseen(name).without(one.slot);
                let asked = placement
                    .slots
                    .get(one.slot)
                    .is_some_and(|placed| matches!(*placed.reason, Reason::Asked { .. }));
                let wrong = others.obstacle(name, one.host);
                // Its own ports are looked at by themselves.
                wrong.filter(|wrong| wrong != "ports" && !(asked && wrong == "data"))
            }
            How::Stays => against_staying(ground, one),
            How::Waits | How::Unasked => None,
        };
        if let Some(wrong) = wrong {
            return Err(format!("{} must not be on {}: {wrong}", one.slot, one.host));
        }
        if let SlotKey::Host(own) = &one.slot.key
            && own != one.host
        {
            return Err(format!("{} is on {}", one.slot, one.host));
        }
    }
    Ok(())
}

/// Why a replica must not stay where it is.
fn against_staying(ground: &Ground<'_>, one: &Replica<'_>) -> Option<String> {
    let (name, known) = (&one.slot.service, &ground.desired.hosts[one.host]);
    let open = matches!(known.state, Availability::Active | Availability::Pause) && ground.state(one.host).is_some();
    if !open {
        return Some("state".to_owned());
    }
    // What runs has its image, whatever becomes of that.
    let misfit = ground.misfit(name, one.host).filter(|wrong| wrong != "image");
    let settled = || {
        ground
            .on(one.host)
            .filter(|other| other.how == How::Stays || other.how == How::Comes)
    };
    let full = exceeds(settled().count(), known.max_containers);
    let same = settled().filter(|other| other.slot.service == *name).count();
    let many = exceeds(same, ground.service(name).max_replicas_per_node);
    misfit
        .or_else(|| full.then(|| "max_containers".to_owned()))
        .or_else(|| many.then(|| "max_replicas_per_node".to_owned()))
        .or_else(|| {
            ground
                .without_waiting(name)
                .without(one.slot)
                .unbonded_itself(name, one.host)
        })
}

/// Each replica has the ports that git wants, no two the same one, and none that is somebody else's.
pub fn ports_are_right(ground: &Ground<'_>, placement: &Placement) -> Broken {
    let mut taken: BTreeSet<(&HostName, (Protocol, u16))> = BTreeSet::new();
    // Of hosts that do not answer the journal may say what never was at once.
    let unasked = ground.replicas.iter().filter(|one| one.how == How::Unasked);
    taken.extend(unasked.flat_map(|one| keys(one.ports).map(|key| (one.host, key))));
    for one in ground
        .replicas
        .iter()
        .filter(|one| one.how == How::Stays || one.how == How::Comes)
    {
        let service = ground.service(&one.slot.service);
        let spare = placement.slots.get(one.slot).and_then(|placed| placed.spare.as_deref());
        for key in keys(one.ports).chain(keys(spare.unwrap_or_default())) {
            if !taken.insert((one.host, key)) {
                return Err(format!("{} on {} has a port twice: {key:?}", one.slot, one.host));
            }
        }
        for ports in [Some(one.ports), spare].into_iter().flatten() {
            let mut right = service.ports.iter().all(|wanted| binds(ground, one, wanted, ports));
            right &= ports.len() == service.ports.len();
            if !right {
                return Err(format!("{} on {} has wrong ports: {ports:?}", one.slot, one.host));
            }
        }
    }
    for one in ground.replicas.iter().filter(|one| one.how == How::Comes) {
        let waits = ground.on(one.host).filter(|other| other.how == How::Waits);
        let theirs: BTreeSet<(Protocol, u16)> = waits.flat_map(|other| keys(other.ports)).collect();
        let clash = keys(one.ports).find(|key| theirs.contains(key) || ground.is_held(one.host, *key));
        if let Some(key) = clash {
            return Err(format!(
                "{} comes to {} for a port that is held: {key:?}",
                one.slot, one.host
            ));
        }
    }
    Ok(())
}

fn binds(ground: &Ground<'_>, one: &Replica<'_>, wanted: &ServicePort, ports: &[PortBinding]) -> bool {
    let address = match &wanted.host {
        HostPort::Assigned => ground.desired.hosts[one.host].private_address,
        HostPort::Published { address, .. } => *address,
    };
    let mut same = ports
        .iter()
        .filter(|port| port.container == wanted.container && port.protocol == wanted.protocol);
    same.any(|port| port.address == address && ground.may_be(&wanted.host, (port.protocol, port.host)))
}

/// Every wanted replica is told of exactly once, and no other.
pub fn nothing_is_forgotten(ground: &Ground<'_>, placement: &Placement) -> Broken {
    let told = |slot: &Slot| {
        let told = [
            placement.slots.contains_key(slot),
            placement.unplaced.contains_key(slot),
            placement.unwanted.contains_key(slot),
            placement.finished.contains(slot),
        ];
        told.into_iter().filter(|told| *told).count()
    };
    let all = placement
        .slots
        .keys()
        .chain(placement.unplaced.keys())
        .chain(&placement.finished);
    for (name, service) in &ground.desired.services {
        let own: Vec<&Slot> = all.clone().filter(|slot| slot.service == *name).collect();
        if let Some(twice) = own.iter().find(|slot| told(slot) != 1) {
            return Err(format!("{twice} is told of {} times", told(twice)));
        }
        let complete = match service.mode {
            Mode::Replicated(count) | Mode::ReplicatedJob(count) => own.len() == usize::try_from(count).unwrap(),
            Mode::Global | Mode::GlobalJob => {
                let mut hosts = ground.desired.hosts.keys();
                hosts.all(|host| told(&Slot::global(name, host)) == 1)
            }
        };
        if !complete {
            return Err(format!("{name} has {} replicas", own.len()));
        }
    }
    Ok(())
}

/// A replica that writes to its host is nowhere else as long as it stands there.
pub fn data_is_not_left(ground: &Ground<'_>, placement: &Placement) -> Broken {
    let standing = standing(ground);
    for one in &ground.replicas {
        let stands: Vec<&HostName> = standing
            .iter()
            .filter(|(_, live)| live.owner.slot == *one.slot)
            .map(|(host, _)| *host)
            .collect();
        let asked = placement
            .slots
            .get(one.slot)
            .is_some_and(|placed| matches!(*placed.reason, Reason::Asked { .. }));
        let stateful = ground.service(&one.slot.service).is_stateful() && !asked;
        if stateful && one.how != How::Unasked && !stands.is_empty() && !stands.contains(&one.host) {
            return Err(format!("{} leaves its data on {stands:?} for {}", one.slot, one.host));
        }
    }
    Ok(())
}

/// What stands by itself where all that is wanted there fits together stays, with its ports.
pub fn nothing_moves_without_a_reason(ground: &Ground<'_>, placement: &Placement) -> Broken {
    let before = before(ground, placement);
    let standing = standing(ground);
    let newest = newest(ground);
    let wanted = |slot: &Slot| placement.slots.contains_key(slot) || placement.unplaced.contains_key(slot);
    for (host, live) in standing.iter().filter(|(_, live)| wanted(&live.owner.slot)) {
        let slot = &live.owner.slot;
        let name = &slot.service;
        let alone = standing.iter().filter(|(_, other)| other.owner.slot == *slot).count() == 1;
        if !alone || ground.service(name).mode.is_job() {
            continue;
        }
        let here = standing
            .iter()
            .filter(|(other, one)| other == host && wanted(&one.owner.slot));
        let mut all: BTreeMap<&Slot, Vec<PortBinding>> = here.map(|(_, one)| (&one.owner.slot, ports(one))).collect();
        let recorded = newest.iter().flat_map(|record| &record.placement);
        for (other, placed) in recorded.filter(|(other, placed)| placed.host == **host && wanted(other)) {
            all.entry(other).or_insert_with(|| placed.ports.clone());
        }
        let open = matches!(
            ground.desired.hosts[*host].state,
            Availability::Active | Availability::Pause
        );
        let image = live.owner.image.as_ref() == Some(&ground.service(name).image);
        let misfit = ground.misfit(name, host).filter(|wrong| wrong != "image" || !image);
        let bonds = |ground: &Ground<'_>| ground.without(slot).unbonded(name, host).is_none();
        let fits = open && misfit.is_none() && fit_together(ground, host, &all) && bonds(&before) && bonds(ground);
        let placed = placement.slots.get(slot);
        let stays = placed.is_some_and(|placed| {
            placed.host == **host && as_set(&placed.ports) == relevant(ground.service(name), &ports(live))
        });
        // Two that rule each other out stay as they are, and are named.
        let named = placement.unplaced.get(slot).and_then(|refusal| refusal.stays.as_ref());
        let waits = ground.is_bound(name) && named.is_some_and(|stays| stays.host == **host);
        if fits && !stays && !waits {
            return Err(format!(
                "{slot} does not stay on {host}: {placed:?} {:?}",
                placement.unplaced.get(slot)
            ));
        }
    }
    Ok(())
}

/// The same ground before anything left its host.
fn before<'a>(ground: &Ground<'a>, placement: &'a Placement) -> Ground<'a> {
    let mut before = ground.without(&"none.1".parse().unwrap());
    for one in &mut before.replicas {
        if let Some(Reason::Left { host, .. }) = placement.slots.get(one.slot).map(|placed| &*placed.reason) {
            one.host = host;
        }
    }
    before
}

fn newest<'a>(ground: &Ground<'a>) -> Option<&'a JournalRecord> {
    let states = ground.observed.hosts.values().filter_map(ObservedHost::state);
    states
        .flat_map(|state| &state.journal)
        .max_by_key(|record| record.sequence)
}

fn ports(live: &cdk::model::container::LiveContainer) -> Vec<PortBinding> {
    live.spec.iter().flat_map(|spec| spec.ports.iter().cloned()).collect()
}

fn as_set(ports: &[PortBinding]) -> BTreeSet<(u16, Protocol, u16)> {
    ports
        .iter()
        .map(|port| (port.container, port.protocol, port.host))
        .collect()
}

/// The ports that are still wanted.
fn relevant(service: &Service, ports: &[PortBinding]) -> BTreeSet<(u16, Protocol, u16)> {
    let wanted = |port: &&PortBinding| {
        service
            .ports
            .iter()
            .any(|one| one.container == port.container && one.protocol == port.protocol)
    };
    ports
        .iter()
        .filter(wanted)
        .map(|port| (port.container, port.protocol, port.host))
        .collect()
}

/// Whether all of these may be on a host at once, with the ports that they have.
fn fit_together(ground: &Ground<'_>, host: &HostName, all: &BTreeMap<&Slot, Vec<PortBinding>>) -> bool {
    let Some(state) = ground.state(host) else { return false };
    let services = || all.keys().map(|slot| ground.service(&slot.service));
    let memory = services().map(|service| service.reserved_memory.0).sum::<u64>();
    let cpus = services().map(|service| service.reserved_cpus.0).sum::<u64>();
    let size = !exceeds(all.len(), ground.desired.hosts[host].max_containers)
        && (state.facts.memory.0 == 0 || memory <= state.facts.memory.0)
        && (state.facts.cpus == 0 || cpus <= state.facts.cpus * 1_000_000_000);
    let mut taken = BTreeSet::new();
    size && all.iter().all(|(slot, ports)| {
        let service = ground.service(&slot.service);
        let same = all.keys().filter(|other| other.service == slot.service).count();
        let ported = service.ports.iter().all(|wanted| {
            let mut own = ports
                .iter()
                .filter(|port| port.container == wanted.container && port.protocol == wanted.protocol);
            own.any(|port| {
                let key = (port.protocol, port.host);
                ground.may_be(&wanted.host, key) && !ground.is_held(host, key) && taken.insert(key)
            })
        });
        ported && !exceeds(same, service.max_replicas_per_node)
    })
}

/// A replica waits only where no host takes it, and each host is counted against it once.
pub fn only_what_fits_nowhere_is_refused(ground: &Ground<'_>, placement: &Placement) -> Broken {
    for (slot, refusal) in &placement.unplaced {
        let others = ground.without(slot);
        let hosts: Vec<&HostName> = match &refusal.why {
            Why::NoHost(counts) => {
                let counted: u32 = counts.iter().map(|(_, count)| count).sum();
                if usize::try_from(counted).unwrap() != ground.desired.hosts.len() {
                    return Err(format!("{slot}: {counted} hosts are counted: {refusal}"));
                }
                ground.desired.hosts.keys().collect()
            }
            Why::Global { host, .. } => vec![host],
            Why::Bound { .. } => Vec::new(),
        };
        let portless = |host: &HostName| others.would_be_portless(&slot.service, host);
        let mut hosts = hosts.iter();
        if let Some(host) = hosts.find(|host| others.obstacle(&slot.service, host).is_none() && !portless(host)) {
            return Err(format!("{slot} would fit on {host}: {refusal}"));
        }
    }
    Ok(())
}

/// Where one came, no host that takes another has two fewer of them; nor a group, of those that part the two.
pub fn new_replicas_are_spread(ground: &Ground<'_>, placement: &Placement) -> Broken {
    for one in ground.replicas.iter().filter(|one| one.how == How::Comes) {
        let service = ground.service(&one.slot.service);
        let new = match placement.slots.get(one.slot).map(|placed| &*placed.reason) {
            Some(Reason::Best(_) | Reason::Lost(_) | Reason::FailedOver(_)) => true,
            Some(_) | None => false,
        };
        let pulled =
            service.is_stateful() || ground.is_wished(&one.slot.service) || ground.is_failing(&one.slot.service);
        if !new || pulled {
            continue;
        }
        for other in ground.desired.hosts.keys().filter(|host| *host != one.host) {
            let lead = ground.lead(&one.slot.service, one.host, other);
            let fits = ground.obstacle(&one.slot.service, other).is_none()
                && !ground.would_be_portless(&one.slot.service, other);
            if fits && lead.is_some_and(|lead| lead > 1) {
                return Err(format!(
                    "{} came to {}, but {other} leads by {lead:?} of {:?}",
                    one.slot, one.host, service.placing
                ));
            }
        }
    }
    Ok(())
}
