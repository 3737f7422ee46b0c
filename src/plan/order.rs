//! In which order a service's replicas are worked through, and which of them wait for another's port. No steps.

use std::collections::{BTreeMap, BTreeSet};

use crate::diff::{SlotDiff, Verdict};
use crate::model::name::{HostName, Slot};
use crate::model::setting::Protocol;
use crate::place::live::Standing;

/// A port of a host.
pub(super) type HostPort<'a> = (&'a HostName, Protocol, u16);

/// The ports that a container holds, where it runs and they are known.
pub(super) fn held<'a>(standing: &Standing<'a>) -> Vec<HostPort<'a>> {
    let ports = standing.ports.filter(|_| standing.is_live()).into_iter().flatten();
    ports.map(|port| (standing.host, port.protocol, port.host)).collect()
}

/// The ports of the container that is made for a replica.
pub(super) fn wanted<'a>(slot: &'a SlotDiff<'_>) -> Vec<HostPort<'a>> {
    let (Some(spec), Some(host)) = (slot.verdict.made(), &slot.host) else {
        return Vec::new();
    };
    spec.ports().map(|port| (host, port.protocol, port.host)).collect()
}

/// How much a service loses while a replica is worked on: 0 where nothing of it runs, 1 where it is not well.
fn group(slot: &SlotDiff<'_>) -> u8 {
    let mut doing = slot.going();
    match &slot.verdict {
        Verdict::Update { here, .. } | Verdict::Start { here } => doing.push(here),
        Verdict::Run { .. }
        | Verdict::Waits { .. }
        | Verdict::Keep
        | Verdict::Create { .. }
        | Verdict::Move { .. }
        | Verdict::Replace { .. }
        | Verdict::Restore { .. }
        | Verdict::Remove { .. }
        | Verdict::Doubled
        | Verdict::Unknown
        | Verdict::Unplaced => {}
    }
    match (
        doing.iter().any(|one| one.is_well()),
        doing.iter().any(|one| one.is_live()),
    ) {
        (true, _) => 2,
        (false, true) => 1,
        (false, false) => 0,
    }
}

/// One service's units in the order of their urgency, and then turn by turn over the hosts, so that neighbours in the order
/// stand on different ones.
fn by_turns<'s, 'a>(slots: Vec<&'s SlotDiff<'a>>) -> Vec<&'s SlotDiff<'a>> {
    let mut turns: BTreeMap<(u8, Option<&HostName>), u32> = BTreeMap::new();
    let mut ranked: Vec<(u8, u32, &Slot, &SlotDiff<'_>)> = Vec::with_capacity(slots.len());
    for slot in slots {
        let group = group(slot);
        let turn = turns.entry((group, slot.host.as_ref())).or_default();
        ranked.push((group, *turn, &slot.slot, slot));
        *turn += 1;
    }
    ranked.sort_by_key(|(group, turn, slot, _)| (*group, *turn, *slot));
    ranked.into_iter().map(|(_, _, _, slot)| slot).collect()
}

/// All units in an order in which each comes after those whose ports it takes over; and those for which there is none,
/// because ports change hands in a circle: they must all stop first, and all begin at once.
pub(super) fn arrange<'s, 'a>(services: Vec<Vec<&'s SlotDiff<'a>>>) -> (Vec<&'s SlotDiff<'a>>, BTreeSet<&'s Slot>) {
    let units: Vec<&SlotDiff<'a>> = services.into_iter().flat_map(by_turns).collect();
    let mut holder: BTreeMap<HostPort<'_>, usize> = BTreeMap::new();
    for (at, unit) in units.iter().enumerate() {
        holder.extend(unit.going().into_iter().flat_map(held).map(|port| (port, at)));
    }
    if holder.is_empty() {
        return (units, BTreeSet::new());
    }
    let mut waits: Vec<usize> = vec![0; units.len()];
    let mut frees: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, unit) in units.iter().enumerate() {
        let ports = wanted(unit).into_iter();
        let from: BTreeSet<usize> = ports.filter_map(|port| holder.get(&port).copied()).collect();
        for other in from.into_iter().filter(|other| *other != at) {
            if let Some(count) = waits.get_mut(at) {
                *count += 1;
            }
            frees.entry(other).or_default().push(at);
        }
    }
    let mut ready: BTreeSet<usize> = waits
        .iter()
        .enumerate()
        .filter(|(_, n)| **n == 0)
        .map(|(at, _)| at)
        .collect();
    let mut sorted = Vec::with_capacity(units.len());
    while let Some(at) = ready.pop_first() {
        sorted.push(at);
        for next in frees.remove(&at).unwrap_or_default() {
            if let Some(count) = waits.get_mut(next) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(next);
                }
            }
        }
    }
    let unit = |at: &usize| units.get(*at).copied();
    let circle: Vec<usize> = (0..units.len())
        .filter(|at| waits.get(*at).is_some_and(|n| *n > 0))
        .collect();
    let forced = circle.iter().filter_map(unit).map(|unit| &unit.slot).collect();
    (sorted.iter().chain(&circle).filter_map(unit).collect(), forced)
}
