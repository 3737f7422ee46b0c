//! Laws of what a person asks for: evening out, failing over, and hosts that come back. Placements only.

use std::collections::BTreeMap;

use cdk::model::name::{HostName, ServiceName, Slot};
use cdk::place::asked::Asked;
use cdk::place::reason::Reason;
use cdk::place::{Assignment, HostAnswer, Placement};
use cdk::resolve::desired::Mode;
use cdk::resolve::wish::{Strategy, Strength};

use super::dice::{Dice, each};
use super::past::{Case, settled, silence};
use super::rules::{Ground, How};
use super::single::{
    data_is_not_left, no_filter_is_broken, nothing_is_forgotten, only_what_fits_nowhere_is_refused, ports_are_right,
};

/// A cluster, and at most how many moves.
struct Uneven {
    case: Case,
    most: u32,
}

impl std::fmt::Display for Uneven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "at most {} moves", self.most)?;
        self.case.fmt(f)
    }
}

fn uneven(dice: &mut Dice) -> Uneven {
    let most = dice.pick(&[1000, 1000, 1, 2, 3, 5]);
    Uneven {
        case: settled(dice),
        most,
    }
}

#[test]
fn evening_out_makes_things_even_and_breaks_nothing() {
    each(6_000, uneven, |uneven| {
        let case = &uneven.case;
        let plain = case.placed(&Asked::default());
        let asked = rebalance(uneven.most);
        let placement = case.placed(&asked);
        let (before, after) = (
            Ground::new(&case.desired, &case.observed, &plain),
            Ground::new(&case.desired, &case.observed, &placement),
        );
        let moved = only_moves(&plain, &placement)?;
        if moved > uneven.most {
            return Err(format!("{moved} moves"));
        }
        no_filter_is_broken(&after, &placement)?;
        ports_are_right(&after, &placement)?;
        nothing_is_forgotten(&after, &placement)?;
        data_is_not_left(&after, &placement)?;
        only_what_fits_nowhere_is_refused(&after, &placement)?;
        let waits = |name: &ServiceName| plain.unplaced.keys().any(|slot| slot.service == *name);
        for name in case.desired.services.keys().filter(|name| !waits(name)) {
            never_less_even(&before, &after, name)?;
        }
        if moved < uneven.most {
            is_even(&after, &placement)?;
            // A job's runs end, and count no more; what only comes now can be moved the next time.
            let lasts = |(slot, placed): (&Slot, &Assignment)| {
                *placed.reason == Reason::Stays && !after.service(&slot.service).mode.is_job()
            };
            if !plain.slots.iter().all(lasts) || !plain.unplaced.is_empty() {
                return Ok(());
            }
            let mut done = copy(case);
            done.settle(&asked);
            let again = done.placed(&asked);
            let found = only_moves(&done.placed(&Asked::default()), &again)?;
            // One that was moved is not moved again in the same plan: what is left then is less.
            if found >= moved.max(1) {
                return Err(format!(
                    "moves {:?}, and a second time {:?}",
                    moves(&placement),
                    moves(&again)
                ));
            }
        }
        Ok(())
    });
}

fn rebalance(most: u32) -> Asked {
    Asked {
        rebalance: Some(most),
        ..Asked::default()
    }
}

fn copy(case: &Case) -> Case {
    Case {
        desired: case.desired.clone(),
        observed: case.observed.clone(),
        hidden: BTreeMap::new(),
    }
}

fn moves(placement: &Placement) -> Vec<String> {
    let all = placement
        .slots
        .iter()
        .filter(|(_, placed)| matches!(*placed.reason, Reason::Evened { .. }));
    all.map(|(slot, placed)| format!("{slot} to {}: {}", placed.host, placed.reason))
        .collect()
}

/// How many replicas are elsewhere; all of those say why, and nothing else differs, but that there may be room for what was refused.
fn only_moves(plain: &Placement, placement: &Placement) -> Result<u32, String> {
    let mut moved = 0;
    for (slot, placed) in &placement.slots {
        let before = plain.slots.get(slot);
        match &*placed.reason {
            Reason::Evened { from: (from, _), .. } => {
                moved += 1;
                if before.map(|before| &before.host) != Some(from) {
                    return Err(format!("{slot} is said to come from {from}: {before:?}"));
                }
            }
            _ if before.is_some_and(|before| before.host == placed.host && before.ports == placed.ports) => {}
            _ if plain.unplaced.contains_key(slot) => {}
            other => return Err(format!("{slot} differs for {other}")),
        }
    }
    match placement
        .unplaced
        .keys()
        .find(|slot| !plain.unplaced.contains_key(slot))
    {
        Some(slot) => Err(format!("{slot} is refused then")),
        None => Ok(moved),
    }
}

/// Of groups, or of hosts where there are none, the fullest has no more than before and the emptiest no fewer.
fn never_less_even(before: &Ground<'_>, after: &Ground<'_>, name: &ServiceName) -> Result<(), String> {
    let spread = |ground: &Ground<'_>| {
        let label = ground.service(name).placing.preferences.first();
        let group = |host: &HostName| match label {
            Some(label) => ground.desired.hosts[host]
                .labels
                .get(label)
                .cloned()
                .unwrap_or_default(),
            None => host.to_string(),
        };
        let mut counts: BTreeMap<String, usize> = ground.desired.hosts.keys().map(|host| (group(host), 0)).collect();
        for one in ground.replicas.iter().filter(|one| one.slot.service == *name) {
            *counts.entry(group(one.host)).or_default() += 1;
        }
        (counts.values().copied().max(), counts.values().copied().min())
    };
    let ((most, least), (most_after, least_after)) = (spread(before), spread(after));
    match most_after <= most && least_after >= least {
        true => Ok(()),
        false => Err(format!(
            "{name}: {most:?} and {least:?} were the most and the least, {most_after:?} and {least_after:?} are"
        )),
    }
}

/// No replica that may be moved stands where two more are than where it would fit.
fn is_even(ground: &Ground<'_>, placement: &Placement) -> Result<(), String> {
    for one in &ground.replicas {
        let service = ground.service(&one.slot.service);
        let movable = matches!(service.mode, Mode::Replicated(_))
            && service.placing.strategy == Strategy::Spread
            && !service.is_stateful()
            && !ground.is_wished(&one.slot.service)
            && !ground.is_failing(&one.slot.service)
            && matches!(
                placement.slots.get(one.slot).map(|placed| &*placed.reason),
                Some(Reason::Stays | Reason::Evened { .. })
            )
            && one.how != How::Waits;
        if !movable || is_followed(ground, &one.slot.service) {
            continue;
        }
        let others = ground.without(one.slot);
        for host in ground.desired.hosts.keys().filter(|host| *host != one.host) {
            let lead = ground.lead(&one.slot.service, one.host, host);
            if lead.is_some_and(|lead| lead > 1) && others.obstacle(&one.slot.service, host).is_none() {
                return Err(format!(
                    "{} could go from {} to {host}, which leads by {lead:?}",
                    one.slot, one.host
                ));
            }
        }
    }
    Ok(())
}

/// Whether replicas of another service are to be near those of this one: one of it stays with them.
fn is_followed(ground: &Ground<'_>, name: &ServiceName) -> bool {
    let others = ground.desired.services.iter().filter(|(other, _)| *other != name);
    let mut wishes = others.flat_map(|(_, other)| &other.placing.affinity);
    wishes.any(|wish| wish.service == *name)
}

#[test]
fn a_host_that_comes_back_finds_its_replicas_elsewhere_and_leaves_them_there() {
    let make = |dice: &mut Dice| {
        let mut case = settled(dice);
        // All is well first: of what was scaled away on a silent host another one may go when it is back.
        let back = std::mem::take(&mut case.hidden);
        case.observed.hosts.extend(back);
        case.settle(&Asked::default());
        silence(&mut case, dice);
        case
    };
    each(6_000, make, |case| {
        let asked = Asked {
            failover: true,
            ..Asked::default()
        };
        let placement = case.placed(&asked);
        let ground = Ground::new(&case.desired, &case.observed, &placement);
        no_filter_is_broken(&ground, &placement)?;
        ports_are_right(&ground, &placement)?;
        nothing_is_forgotten(&ground, &placement)?;
        // A host that went out of hosts.yaml while it holds replicas is another matter.
        if placement
            .hosts
            .values()
            .any(|answer| matches!(answer, HostAnswer::Gone(_)))
        {
            return Ok(());
        }
        let mut later = copy(case);
        later.settle(&asked);
        let silent = later.placed(&Asked::default());
        same_places(&ground, &placement, &silent, "while the host is silent")?;
        later.observed.hosts.extend(case.hidden.clone());
        let back = later.placed(&Asked::default());
        same_places(&ground, &placement, &back, "when the host is back")
    });
}

/// Every replica that had a place has it still, unless it must be near others that were made elsewhere, or apart from them.
fn same_places(ground: &Ground<'_>, before: &Placement, after: &Placement, when: &str) -> Result<(), String> {
    for (slot, placed) in &before.slots {
        let now = after.slots.get(slot);
        let placing = &ground.service(&slot.service).placing;
        let mut wishes = placing.affinity.iter().chain(&placing.anti_affinity);
        let bound = wishes.any(|wish| wish.strength == Strength::Required);
        let waits = after.unplaced.get(slot).and_then(|refusal| refusal.stays.as_ref());
        let host = now.map(|now| &now.host).or(waits.map(|stays| &stays.host));
        if !bound && !after.finished.contains(slot) && host != Some(&placed.host) {
            return Err(format!(
                "{slot} was on {}, and {when}: {now:?} {:?}",
                placed.host,
                after.unplaced.get(slot)
            ));
        }
    }
    Ok(())
}
