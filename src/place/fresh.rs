//! Where what is new goes: the best of the hosts that fit, and why; or why there is none. What stands is `settle`'s.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::name::{HostName, Slot, SlotKey};
use crate::model::setting::PortBinding;
use crate::place::HostAnswer;
use crate::place::choose::Placer;
use crate::place::crowd::{Grouping, Index};
use crate::place::filter::Room;
use crate::place::home::Known;
use crate::place::kind::Kind;
use crate::place::near::Bonds;
use crate::place::reason::{Best, Obstacle, Reason, Refusal, Why};
use crate::place::score::{Case, Key, Seed};
use crate::place::tree::{Candidates, Groups};
use crate::resolve::wish::Strategy;

impl<'a> Placer<'a> {
    /// The key of a host for a replica.
    fn key(&self, host: Index, kind: &Kind<'_>, bonds: &Bonds<'_>, seed: Seed) -> Key {
        let Some(room) = self.rooms.get(host) else {
            return Key::WORST;
        };
        let case = Case {
            kind,
            room,
            replicas: self.crowds.on(kind.at, host),
            failing: kind.failing.contains(&host),
            bonds: bonds.score(host),
            seed,
        };
        case.key()
    }

    /// The groups that a service prefers to be spread over, with its replicas where `crowd` says that they stand.
    pub(super) fn groups(&self, kind: &Kind<'_>, crowd: impl Iterator<Item = (Index, u32)>) -> Groups {
        let labels = kind.service.placing.preferences.iter();
        let levels: Vec<&Grouping> = labels.map(|label| &**self.groupings.label(label)).collect();
        Groups::new(self.rooms.len(), &levels, crowd)
    }

    /// The hosts that may take a new replica of a service.
    pub(super) fn candidates(&self, kind: &Kind<'_>, bonds: &Bonds<'_>) -> Candidates {
        let placing = &kind.service.placing;
        let groups = self.groups(kind, self.crowds.of(kind.at));
        let seed = Seed::new(&self.desired.cluster.name, &Slot::index(kind.name, 0));
        let may_fit = (0..self.rooms.len()).filter(|host| self.may_take(*host, kind));
        let may_fit = may_fit.map(|host| (host, self.key(host, kind, bonds, seed)));
        Candidates::new(groups, may_fit, placing.strategy == Strategy::Random)
    }

    /// The best of the hosts that fit, and the ports there.
    pub(super) fn best(
        &self,
        slot: &Slot,
        kind: &Kind<'_>,
        bonds: &Bonds<'_>,
        candidates: &mut Candidates,
        kept: impl Fn(&HostName) -> Vec<PortBinding>,
    ) -> Option<(Index, Vec<PortBinding>)> {
        let seed = Seed::new(&self.desired.cluster.name, slot);
        loop {
            let host = candidates.best(|host| self.key(host, kind, bonds, seed))?;
            let kept = self.rooms.get(host).map(|room| kept(room.name)).unwrap_or_default();
            match self.try_room(host, kind, bonds, &kept) {
                Ok(ports) => return Some((host, ports)),
                Err(_) => candidates.drop(host),
            }
        }
    }

    fn place_global(&mut self, kind: &Arc<Kind<'a>>, slot: Slot, known: &Known<'a>) {
        let SlotKey::Host(host) = slot.key.clone() else {
            return;
        };
        let Some(at) = known.by_name.get(&host).copied() else {
            return;
        };
        let kept = known.ports(&slot, &host, None);
        let tried = self.try_room(at, kind, &Bonds::new(self, kind), &kept);
        match tried {
            Ok(ports) => {
                self.take(at, kind, &ports);
                self.assign(slot, host, ports, Reason::Global);
            }
            Err(obstacle) if obstacle.is_lasting() => {
                self.done.unwanted.insert(slot, obstacle);
            }
            Err(obstacle) => {
                let why = Why::Global { host, obstacle };
                self.done.unplaced.insert(slot.clone(), Refusal { why, stays: None });
                self.refused.push((Arc::clone(kind), slot));
            }
        }
    }

    /// Places a service's new replicas. A host that does not fit one of them fits none after it.
    pub(super) fn place_new(&mut self, kind: &Arc<Kind<'a>>, slots: Vec<Slot>, known: &Known<'a>) {
        if kind.service.mode.is_global() {
            for slot in slots {
                self.place_global(kind, slot, known);
            }
            return;
        }
        if slots.is_empty() {
            return;
        }
        let unseen = slots.iter().filter_map(|slot| known.runs_unseen(slot));
        unseen.for_each(|(host, ports)| self.release(host, kind, ports));
        let mut bonds = Bonds::new(self, kind).with_data(self.data_hosts(kind));
        let mut candidates = self.candidates(kind, &bonds);
        let mut nowhere = None;
        let mut last: Option<Arc<Reason>> = None;
        for slot in slots {
            let kept = |host: &HostName| known.ports(&slot, host, None);
            let Some((at, ports)) = self.best(&slot, kind, &bonds, &mut candidates, kept) else {
                let why = nowhere.get_or_insert_with(|| self.nowhere(kind, &bonds)).clone();
                let stays = known.unseen(&slot).cloned();
                if let Some((host, ports)) = known.runs_unseen(&slot) {
                    self.take(host, kind, ports);
                }
                self.done.unplaced.insert(slot.clone(), Refusal { why, stays });
                self.refused.push((Arc::clone(kind), slot));
                continue;
            };
            let best = self.why_best(at, kind, &bonds);
            self.take(at, kind, &ports);
            candidates.take(at);
            bonds.take(at);
            let lost = known.recorded(&slot).map(|placed| &placed.host);
            let new = match lost.map(|host| (host, known.hosts.get(host))) {
                Some((_, Some(HostAnswer::Answers))) | None => Reason::Best(best),
                Some((host, Some(HostAnswer::Silent(_)))) => Reason::FailedOver(host.clone()),
                Some((host, Some(HostAnswer::Down | HostAnswer::Gone(_)) | None)) => Reason::Lost(host.clone()),
            };
            // It is mostly the same for all of them.
            let reason = last.filter(|last| **last == new).unwrap_or_else(|| new.into());
            last = Some(Arc::clone(&reason));
            if let Some(host) = self.rooms.get(at).map(|room| room.name.clone()) {
                self.assign(slot, host, ports, reason);
            }
        }
    }

    /// The hosts where a volume lies that the service's replicas write to, and no replica of it stands: its data waits there.
    pub(super) fn data_hosts(&self, kind: &Kind<'_>) -> BTreeSet<Index> {
        let waits = |(host, room): (Index, &Room<'_>)| {
            let volumes = &room.state?.volumes;
            let lies = kind.data.iter().any(|name| volumes.contains_key(*name));
            (lies && self.crowds.on(kind.at, host) == 0).then_some(host)
        };
        match kind.data.is_empty() {
            true => BTreeSet::new(),
            false => self.rooms.iter().enumerate().filter_map(waits).collect(),
        }
    }

    /// Why a host is the best for a replica, before it is there.
    pub(super) fn why_best(&self, host: Index, kind: &Kind<'_>, bonds: &Bonds<'_>) -> Best {
        let placing = &kind.service.placing;
        let groups = placing.preferences.iter().map(|label| {
            let level = self.groupings.label(label);
            level.name(level.group(host)).to_owned()
        });
        Best {
            service: kind.name.clone(),
            strategy: placing.strategy,
            near: bonds.nearest(host).cloned(),
            groups: groups.collect(),
        }
    }

    /// Why a replica of this service fits nowhere: hosts by their first obstacle.
    pub(super) fn nowhere(&self, kind: &Kind<'_>, bonds: &Bonds<'_>) -> Why {
        let mut counts: Vec<(Obstacle, u32)> = Vec::new();
        for host in 0..self.rooms.len() {
            let Err(obstacle) = self.try_room(host, kind, bonds, &[]) else {
                continue;
            };
            match counts.iter_mut().find(|(known, _)| *known == obstacle) {
                Some((_, count)) => *count += 1,
                None => counts.push((obstacle, 1)),
            }
        }
        counts.sort_by_key(|(_, count)| Reverse(*count));
        Why::NoHost(counts)
    }
}
