//! Laws of counts that change: who goes of too many, and that up and down again leads back. Two placements each.

use std::collections::{BTreeMap, BTreeSet};

use cdk::model::container::{ContainerState, Health};
use cdk::model::name::{HostName, ServiceName, Slot, SlotKey};
use cdk::model::setting::PortBinding;
use cdk::place::Placement;
use cdk::place::asked::Asked;
use cdk::place::reason::Reason;
use cdk::resolve::desired::{Availability, Desired, Mode};

use super::dice::{Dice, each};
use super::past::{Case, settled, states};
use super::rules::Ground;

/// A cluster, a service of it, and by how many it grows or shrinks.
struct Scaled {
    case: Case,
    service: Option<ServiceName>,
    by: u32,
}

impl std::fmt::Display for Scaled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{:?} by {}", self.service, self.by)?;
        self.case.fmt(f)
    }
}

fn scaled(dice: &mut Dice) -> Scaled {
    let by = dice.below(5) + 1;
    let which = dice.below(8);
    let case = settled(dice);
    let mut names = case
        .desired
        .services
        .iter()
        .filter(|(_, one)| matches!(one.mode, Mode::Replicated(_)));
    let which = usize::try_from(which).unwrap() % names.clone().count().max(1);
    let service = names.nth(which).map(|(name, _)| name.clone());
    Scaled { case, service, by }
}

#[test]
fn a_scale_up_and_the_same_down_again_leads_back() {
    each(10_000, scaled, |scaled| {
        let Some(name) = &scaled.service else { return Ok(()) };
        let case = &scaled.case;
        let before = case.placed(&Asked::default());
        let ground = Ground::new(&case.desired, &case.observed, &before);
        if !is_even(&ground, &before, name) {
            return Ok(());
        }
        let mut grown = Case {
            desired: rescaled(&case.desired, name, i64::from(scaled.by)),
            observed: case.observed.clone(),
            hidden: BTreeMap::new(),
        };
        let up = grown.settle(&Asked::default());
        if !up.unplaced.is_empty() {
            return Ok(());
        }
        grown.desired = case.desired.clone();
        let back = grown.placed(&Asked::default());
        let places = |placement| places(&case.desired, placement);
        match places(&back) == places(&before) {
            true => Ok(()),
            false => Err(format!(
                "{:?}\nup {:?}\nback {:?}",
                places(&before),
                places(&up),
                places(&back)
            )),
        }
    });
}

/// Whether the way up is also the way down: all is settled and answers, the replicas are numbered without gaps, nothing pulls them
/// unevenly, and nowhere stand two more than where another one could.
fn is_even(ground: &Ground<'_>, placement: &Placement, name: &ServiceName) -> bool {
    let own: Vec<_> = ground.replicas.iter().filter(|one| one.slot.service == *name).collect();
    let numbers: BTreeSet<&SlotKey> = own.iter().map(|one| &one.slot.key).collect();
    let gapless = (1..=u32::try_from(own.len()).unwrap()).all(|number| numbers.contains(&SlotKey::Index(number)));
    let settled = placement.slots.values().all(|placed| *placed.reason == Reason::Stays);
    let open = ground
        .desired
        .hosts
        .keys()
        .filter(|host| ground.obstacle(name, host).is_none());
    let even = open.into_iter().all(|other| {
        let mut leads = own.iter().filter_map(|one| ground.lead(name, one.host, other));
        leads.all(|lead| lead <= 1)
    });
    gapless && settled && even && placement.unplaced.is_empty() && !ground.is_wished(name)
}

/// Where all is, but for jobs, which end meanwhile.
fn places<'p>(desired: &Desired, placement: &'p Placement) -> BTreeMap<&'p Slot, (&'p HostName, &'p [PortBinding])> {
    let lasting = placement
        .slots
        .iter()
        .filter(|(slot, _)| !desired.services[&slot.service].mode.is_job());
    lasting
        .map(|(slot, placed)| (slot, (&placed.host, placed.ports.as_slice())))
        .collect()
}

/// The same with a service's count changed, and none below zero.
fn rescaled(desired: &Desired, name: &ServiceName, by: i64) -> Desired {
    let mut all = desired.clone();
    if let Some(Mode::Replicated(count)) = all.services.get_mut(name).map(|one| &mut one.mode) {
        *count = u32::try_from((i64::from(*count) + by).max(0)).unwrap();
    }
    all
}

/// How dispensable a replica is, by the manual: what is nowhere, on a silent host, stopped, unwell, misplaced; then what serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    Absent,
    Unknown,
    Stopped,
    Unwell,
    Misplaced,
    Serves,
}

fn ailing(dice: &mut Dice) -> Scaled {
    let mut scaled = scaled(dice);
    for state in states(&mut scaled.case.observed) {
        for one in &mut state.containers {
            match dice.below(12) {
                9 => one.state = ContainerState::Exited { code: 0 },
                10 => {
                    one.state = ContainerState::Running {
                        health: Some(Health::Starting),
                    }
                }
                11 => {
                    one.state = ContainerState::Running {
                        health: Some(Health::Unhealthy),
                    }
                }
                _ => {}
            }
        }
        if dice.chance(5) {
            state.containers.clear();
        }
    }
    scaled
}

#[test]
fn a_scale_down_takes_the_worst_and_then_the_most_crowded() {
    each(10_000, ailing, |scaled| {
        let Some(name) = &scaled.service else { return Ok(()) };
        let case = &scaled.case;
        let less = rescaled(&case.desired, name, -i64::from(scaled.by));
        let members = members(case, name);
        let Some(members) = members else { return Ok(()) };
        let after = Case {
            desired: less,
            observed: case.observed.clone(),
            hidden: BTreeMap::new(),
        };
        let placement = after.placed(&Asked::default());
        let kept = |slot: &Slot| placement.slots.contains_key(slot) || placement.unplaced.contains_key(slot);
        let (kept, gone): (Vec<&Member>, Vec<&Member>) = members.iter().partition(|member| kept(&member.slot));
        let best_gone = gone.iter().map(|member| member.worth).max();
        let worst_kept = kept.iter().map(|member| member.worth).min();
        if let (Some(gone), Some(kept)) = (best_gone, worst_kept)
            && gone > kept
        {
            return Err(format!("one that is {gone:?} goes before one that is {kept:?}"));
        }
        let ground = Ground::new(&after.desired, &after.observed, &placement);
        if ground.is_wished(name) {
            return Ok(());
        }
        let counted = at_their_places(&ground, &kept);
        for lost in gone.iter().filter(|member| Some(member.worth) == worst_kept) {
            for other in kept.iter().filter(|other| other.worth == lost.worth) {
                let (Some(from), Some(host)) = (&lost.host, &other.host) else {
                    continue;
                };
                if counted.lead(name, host, from).is_some_and(|lead| lead > 1) {
                    return Err(format!("{} goes from {from}, though {host} is more crowded", lost.slot));
                }
            }
        }
        Ok(())
    });
}

/// One that stands, or once did.
struct Member {
    slot: Slot,
    host: Option<HostName>,
    worth: Worth,
}

/// The replicas of a service as they are seen; none where one is seen twice, or by the journal is on
/// a host that git knows no more: which one counts is another law's.
fn members(case: &Case, name: &ServiceName) -> Option<Vec<Member>> {
    // What was once global is none of the counted ones.
    let is_own = |slot: &Slot| slot.service == *name && matches!(slot.key, SlotKey::Index(_));
    let placement = case.placed(&Asked::default());
    let ground = Ground::new(&case.desired, &case.observed, &placement);
    let mut all: BTreeMap<Slot, Member> = BTreeMap::new();
    let newest = case
        .observed
        .hosts
        .values()
        .filter_map(|host| host.state())
        .flat_map(|state| &state.journal);
    let newest = newest.max_by_key(|record| record.sequence);
    for (slot, placed) in newest
        .iter()
        .flat_map(|record| &record.placement)
        .filter(|(slot, _)| is_own(slot))
    {
        let known = case.desired.hosts.get(&placed.host)?;
        let silent = known.state != Availability::Down && ground.state(&placed.host).is_none();
        let worth = if silent { Worth::Unknown } else { Worth::Absent };
        let host = Some(placed.host.clone()).filter(|_| silent);
        all.insert(
            slot.clone(),
            Member {
                slot: slot.clone(),
                host,
                worth,
            },
        );
    }
    for (host, live) in super::rules::standing(&ground)
        .into_iter()
        .filter(|(_, live)| is_own(&live.owner.slot))
    {
        let known = &case.desired.hosts[host];
        let right = matches!(known.state, Availability::Active | Availability::Pause);
        let right = right && ground.misfit(name, host).is_none_or(|wrong| wrong == "image");
        let worth = match live.state {
            ContainerState::Running { health } if health != Some(Health::Unhealthy) && right => Worth::Serves,
            ContainerState::Running { health } if health != Some(Health::Unhealthy) => Worth::Misplaced,
            ContainerState::Running { .. } | ContainerState::Paused | ContainerState::Restarting => Worth::Unwell,
            ContainerState::Exited { .. } | ContainerState::Created | ContainerState::Dead => Worth::Stopped,
        };
        let slot = live.owner.slot.clone();
        let member = Member {
            slot: slot.clone(),
            host: Some(host.clone()),
            worth,
        };
        let before = all.insert(slot, member);
        if before.is_some_and(|before| before.worth != Worth::Absent) {
            return None;
        }
    }
    let stateful = case.desired.services[name].is_stateful();
    (!stateful).then(|| all.into_values().collect())
}

/// The kept replicas where they stood, whatever became of them since.
fn at_their_places<'a>(ground: &Ground<'a>, kept: &[&'a Member]) -> Ground<'a> {
    let mut all = ground.without(&"none.1".parse().unwrap());
    all.replicas = kept
        .iter()
        .filter_map(|member| {
            Some(super::rules::Replica {
                slot: &member.slot,
                host: member.host.as_ref()?,
                ports: &[],
                how: super::rules::How::Stays,
            })
        })
        .collect();
    all
}
