//! Which of a service's replicas there shall be: those that stand as far as they are enough, else new ones; of too many, who goes. No placing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::name::{Slot, SlotKey};
use crate::place::choose::Placer;
use crate::place::crowd::Index;
use crate::place::home::{Home, Known, Traces};
use crate::place::kind::Kind;
use crate::place::live::{Standing, by_slot};
use crate::place::near::Bonds;
use crate::place::tree::Groups;
use crate::resolve::wish::Strategy;

/// How dispensable a replica is, by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Loss {
    /// It runs, is well, and stands right.
    Serves,
    /// It would have to leave its host anyway.
    Misplaced,
    /// It runs, and is unhealthy, ends again and again, or is paused.
    Unwell,
    /// It does not run.
    Stopped,
    /// Its host does not answer, or is gone.
    Unknown,
    /// It is nowhere.
    Absent,
}

/// A replica that stands, or once did.
pub(super) struct Member<'a> {
    index: u32,
    home: Home<'a>,
    loss: Loss,
    /// It runs, and nobody can say yet how well.
    starting: bool,
    pub(super) host: Option<Index>,
}

impl<'a> Placer<'a> {
    /// The replicas of a replicated service that stand, or that the journal knows.
    pub(super) fn members(&self, kind: &Arc<Kind<'a>>, known: &Known<'a>) -> Vec<Member<'a>> {
        let traces = known.traces_of(kind).into_iter();
        let members = traces.map(|(index, traces)| {
            let home = known.home_of(Slot::index(kind.name, index), traces, kind, self);
            self.member(index, home, known)
        });
        members.collect()
    }

    /// The slots of a replicated service that there shall be, with where each stands; of what stands too many are left out.
    pub(super) fn wanted(&self, kind: &Kind<'a>, count: u32, mut members: Vec<Member<'a>>) -> Vec<(Slot, Home<'a>)> {
        let all = usize::try_from(count).unwrap_or(usize::MAX);
        let numbers: BTreeSet<u32> = members.iter().map(|member| member.index).collect();
        if members.len() > all {
            let mut going = Going::new(self, kind, &members);
            while members.len() > all {
                let Some(at) = going.next(&members) else { break };
                going.gone(&members.remove(at));
            }
        }
        let missing = all.saturating_sub(members.len());
        let new = (1..=u32::MAX).filter(|index| !numbers.contains(index)).take(missing);
        let new = new.map(|index| (Slot::index(kind.name, index), Home::Nowhere(None)));
        let old = members
            .into_iter()
            .map(|member| (Slot::index(kind.name, member.index), member.home));
        let mut wanted: Vec<(Slot, Home<'a>)> = old.chain(new).collect();
        wanted.sort_by(|(a, _), (b, _)| a.cmp(b));
        wanted
    }

    fn member(&self, index: u32, home: Home<'a>, known: &Known<'a>) -> Member<'a> {
        let (loss, host) = match &home {
            Home::At(seat) => {
                let right = self.may_keep(seat.host, &seat.kind);
                let loss = match seat.live {
                    None => Loss::Absent,
                    Some(live) if !live.is_live() => Loss::Stopped,
                    Some(live) if !live.is_well() && !live.is_starting() => Loss::Unwell,
                    Some(_) if !right => Loss::Misplaced,
                    Some(_) => Loss::Serves,
                };
                (loss, Some(seat.host))
            }
            Home::Held(placed) | Home::Lost(placed, _) => (Loss::Unknown, known.by_name.get(&placed.host).copied()),
            Home::Nowhere(_) => (Loss::Absent, None),
        };
        let starting = match &home {
            Home::At(seat) => seat.live.is_some_and(Standing::is_starting),
            Home::Held(_) | Home::Lost(..) | Home::Nowhere(_) => false,
        };
        Member {
            index,
            home,
            loss,
            starting,
            host,
        }
    }
}

impl<'a> Known<'a> {
    /// The numbers of the service's replicas that stand, or that the journal knows, and the traces of each.
    fn traces_of(&self, kind: &Kind<'_>) -> BTreeMap<u32, Traces<'a>> {
        let number = |slot: &Slot| match slot.key {
            SlotKey::Index(index) => Some(index),
            SlotKey::Host(_) => None,
        };
        let (first, last) = (Slot::index(kind.name, 0), Slot::index(kind.name, u32::MAX));
        let recorded = self.record.into_iter();
        let recorded = recorded.flat_map(|record| record.placement.range(first.clone()..=last.clone()));
        let recorded = recorded.filter_map(|(slot, placed)| Some((number(slot)?, Traces::recorded(placed))));
        let mut all: BTreeMap<u32, Traces<'a>> = recorded.collect();
        for (slot, standings) in by_slot(self.standing.of_service(kind.name)) {
            if let Some(index) = number(slot) {
                all.entry(index).or_default().standings = standings;
            }
        }
        all
    }
}

/// Who goes first of too many: the most dispensable, then who stands most crowded, then who is only starting, then the highest number. It is the way back of
/// placing: what came last goes first.
struct Going {
    strategy: Strategy,
    depth: usize,
    groups: Groups,
    /// Replicas on each host.
    hosts: BTreeMap<Index, u32>,
    /// How well each host lies to what should be near.
    bonds: BTreeMap<Index, i32>,
}

impl Going {
    fn new(placer: &Placer<'_>, kind: &Kind<'_>, members: &[Member<'_>]) -> Self {
        let placing = &kind.service.placing;
        let bonds = Bonds::new(placer, kind);
        let mut hosts: BTreeMap<Index, u32> = BTreeMap::new();
        for host in members.iter().filter_map(|member| member.host) {
            *hosts.entry(host).or_default() += 1;
        }
        let crowd = hosts.iter().map(|(host, count)| (*host, *count));
        Self {
            strategy: placing.strategy,
            depth: placing.preferences.len(),
            groups: placer.groups(kind, crowd),
            bonds: hosts.keys().map(|host| (*host, bonds.score(*host))).collect(),
            hosts,
        }
    }

    /// The one that goes next.
    fn next(&self, members: &[Member<'_>]) -> Option<usize> {
        let loss = members.iter().map(|member| member.loss).max()?;
        let all = members.iter().enumerate();
        let mut left: Vec<(usize, &Member<'_>)> = all.filter(|(_, member)| member.loss == loss).collect();
        for level in 0..self.depth {
            let group = |member: &Member<'_>| self.groups.path(member.host?).get(level).copied();
            let crowd = |member: &Member<'_>| group(member).map(|group| self.groups.replicas(group));
            // Of equally crowded groups the one with the highest number.
            let worst = left
                .iter()
                .map(|(_, member)| (crowd(member), member.starting, member.index, group(member)))
                .max();
            left.retain(|(_, member)| Some(group(member)) == worst.map(|(_, _, _, group)| group));
        }
        let worst = left.into_iter().max_by_key(|(_, member)| {
            let host = member.host.as_ref();
            let bonds = host.and_then(|host| self.bonds.get(host)).copied().unwrap_or(0);
            let crowd = match self.strategy {
                Strategy::Spread => host.and_then(|host| self.hosts.get(host)).copied().unwrap_or(0),
                // Nobody is to stand alone, or where chance has it: then what came last goes first.
                Strategy::Binpack | Strategy::Random => 0,
            };
            (Reverse(bonds), crowd, member.starting, member.index)
        });
        worst.map(|(at, _)| at)
    }

    fn gone(&mut self, member: &Member<'_>) {
        if let Some(host) = member.host {
            self.groups.remove(host);
            if let Some(count) = self.hosts.get_mut(&host) {
                *count = count.saturating_sub(1);
            }
        }
    }
}
