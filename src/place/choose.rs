//! Placing itself: first what stands, then what must leave its host, then what is new. Filters, scores and groups are their own files'.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::model::host::ObservedHost;
use crate::model::journal::JournalRecord;
use crate::model::name::{HostName, ServiceName, Slot, SlotKey};
use crate::model::policy::Order;
use crate::model::setting::PortBinding;
use crate::observe::Observed;
use crate::place::asked::Asked;
use crate::place::crowd::{Crowds, Grouping, Groupings, Index};
use crate::place::filter::Room;
use crate::place::home::{Known, Seat};
use crate::place::kind::{Kind, kinds};
use crate::place::live::{Standing, standing};
use crate::place::near::Bonds;
use crate::place::ports::Pool;
use crate::place::reason::{Best, Obstacle, Reason, Refusal, Why};
use crate::place::roll::Roll;
use crate::place::score::{Case, Key, Seed};
use crate::place::settle::Leaving;
use crate::place::survey::{Survey, answer};
use crate::place::tree::{Candidates, Groups};
use crate::place::{Assignment, HostAnswer, Placement};
use crate::resolve::desired::{Desired, Strategy};
use crate::scale::job::Jobs;

/// All that placing works on.
pub(super) struct Placer<'a> {
    pub(super) desired: &'a Desired,
    pub(super) observed: &'a Observed,
    pub(super) asked: &'a Asked,
    record: Option<&'a JournalRecord>,
    pub(super) forgotten: &'a BTreeSet<HostName>,
    /// The hosts, by name.
    pub(super) rooms: Vec<Room<'a>>,
    /// The services, by name.
    pub(super) kinds: Vec<Rc<Kind<'a>>>,
    /// Whether each distinct constraint holds on each host.
    verdicts: Vec<Vec<bool>>,
    pub(super) groupings: Groupings<'a>,
    pub(super) crowds: Crowds,
    pool: Pool,
    pub(super) done: Placement,
}

impl<'a> Placer<'a> {
    pub(super) fn new(
        desired: &'a Desired,
        observed: &'a Observed,
        counts: &BTreeMap<ServiceName, u32>,
        roll: &'a Roll,
        asked: &'a Asked,
    ) -> Self {
        let mut hosts: BTreeMap<_, _> = desired
            .hosts
            .iter()
            .map(|(name, host)| (name.clone(), answer(host.state, observed.hosts.get(name))))
            .collect();
        hosts.extend(roll.gone.clone());
        let pool = Pool::new(desired);
        let rooms = desired.hosts.iter().map(|(name, host)| {
            let state = observed.hosts.get(name).and_then(ObservedHost::state);
            let state = state.filter(|_| hosts.get(name) == Some(&HostAnswer::Answers));
            Room::new(name, host, state, &pool)
        });
        let rooms: Vec<Room<'_>> = rooms.collect();
        let (kinds, constraints) = kinds(desired, observed);
        let holds = |constraint| rooms.iter().map(|room| room.holds(constraint)).collect();
        Self {
            desired,
            observed,
            asked,
            record: roll.record.as_ref(),
            forgotten: &roll.forgotten,
            verdicts: constraints.into_iter().map(holds).collect(),
            rooms,
            crowds: Crowds::new(kinds.len()),
            kinds,
            groupings: Groupings::new(desired),
            pool,
            done: Placement {
                slots: BTreeMap::new(),
                unplaced: BTreeMap::new(),
                unwanted: BTreeMap::new(),
                counts: counts.clone(),
                finished: BTreeSet::new(),
                jobs: Jobs::new(desired, observed),
                hosts,
                held: BTreeMap::new(),
                notes: roll.notes(),
                denied: Vec::new(),
                renamed: roll.renamed.clone(),
                memory: roll.memory(desired, observed),
            },
        }
    }

    pub(super) fn place(mut self) -> Placement {
        let hosts = self.done.hosts.clone();
        let standing = standing(&self.desired.cluster.name, &hosts, self.observed);
        let names: Vec<&HostName> = self.rooms.iter().map(|room| room.name).collect();
        let known = Known {
            hosts,
            standing,
            record: self.record,
            by_name: names.into_iter().enumerate().map(|(at, name)| (name, at)).collect(),
            failover: self.asked.failover,
        };
        let Survey {
            mut seats,
            fresh,
            globals,
        } = self.survey(&known);
        self.note_held(&known);
        self.note_ports(&known, &seats);
        // Who has the ports that it wants goes before who wants others.
        seats.sort_by_cached_key(|seat| (!seat.keeps_ports(), seat.slot.clone()));
        let mut bound: BTreeMap<Index, Vec<Seat<'a>>> = BTreeMap::new();
        let (moved, seats): (Vec<_>, Vec<_>) = seats.into_iter().partition(|seat| self.is_moved(seat));
        let mut leaving: Vec<Leaving<'a>> = Vec::new();
        for seat in seats {
            leaving.extend(self.stay(seat, &mut bound));
        }
        leaving.extend(self.move_asked(moved, &known));
        let (followers, others): (Vec<_>, Vec<_>) = self.kinds.iter().cloned().partition(|kind| kind.follows());
        for kind in &others {
            leaving.extend(self.part(kind, &mut bound));
        }
        let (later, now): (Vec<_>, Vec<_>) = leaving.into_iter().partition(|one| one.seat.kind.follows());
        self.leave(now);
        for (kind, slot) in globals {
            self.place_global(&kind, slot, &known);
        }
        let (follow, fresh): (Vec<_>, Vec<_>) = fresh.into_iter().partition(|(kind, _)| kind.follows());
        for (kind, slots) in fresh {
            self.place_new(&kind, slots, &known);
        }
        self.follow(followers, later, follow, bound, &known);
        self.even_out(&known);
        self.set_spares(&known);
        self.note_missing();
        self.done
    }

    /// The services that are to be near others, each after those.
    fn follow(
        &mut self,
        mut followers: Vec<Rc<Kind<'a>>>,
        mut later: Vec<Leaving<'a>>,
        mut fresh: Vec<(Rc<Kind<'a>>, Vec<Slot>)>,
        mut bound: BTreeMap<Index, Vec<Seat<'a>>>,
        known: &Known<'a>,
    ) {
        followers.sort_by_key(|kind| kind.rank);
        for kind in followers {
            let (mut own, others): (Vec<_>, Vec<_>) = later.into_iter().partition(|one| one.seat.kind.at == kind.at);
            later = others;
            own.extend(self.part(&kind, &mut bound));
            self.leave(own);
            let (own, others): (Vec<_>, Vec<_>) = fresh.into_iter().partition(|(other, _)| other.at == kind.at);
            fresh = others;
            for (kind, slots) in own {
                self.place_new(&kind, slots, known);
            }
        }
    }

    /// A service, as the placer sees it.
    pub(super) fn kind(&self, name: &ServiceName) -> Option<Rc<Kind<'a>>> {
        let at = self.kinds.binary_search_by(|kind| kind.name.cmp(name)).ok()?;
        self.kinds.get(at).cloned()
    }

    /// Whether a host meets a service's constraints.
    pub(super) fn meets(&self, kind: &Kind<'_>, host: Index) -> Result<(), Obstacle> {
        let holds = |number: &Index| {
            let verdict = self.verdicts.get(*number).and_then(|hosts| hosts.get(host));
            verdict.copied().unwrap_or_default()
        };
        let mut constraints = kind.constraints.iter().zip(&kind.service.constraints);
        match constraints.find(|(number, _)| !holds(number)) {
            Some((_, constraint)) => Err(Obstacle::Constraint(constraint.clone())),
            None => Ok(()),
        }
    }

    /// Takes a replica in on a host.
    pub(super) fn take(&mut self, host: Index, kind: &Kind<'_>, ports: &[PortBinding]) {
        if let Some(room) = self.rooms.get_mut(host) {
            room.take(kind, ports);
            self.crowds.add(kind.at, host);
        }
    }

    /// Lets a replica go that had been taken in.
    pub(super) fn release(&mut self, host: Index, kind: &Kind<'_>, ports: &[PortBinding]) {
        if let Some(room) = self.rooms.get_mut(host) {
            room.release(kind, ports);
            self.crowds.remove(kind.at, host);
        }
    }

    /// The ports that a new replica would have on a host, or why it does not fit.
    pub(super) fn try_room(
        &self,
        host: Index,
        kind: &Kind<'_>,
        bonds: &Bonds<'_>,
        kept: &[PortBinding],
    ) -> Result<Vec<PortBinding>, Obstacle> {
        let room = self.rooms.get(host).ok_or(Obstacle::Down)?;
        room.admits()?;
        self.meets(kind, host)?;
        room.image(kind)?;
        room.has(kind)?;
        room.is_alone(kind)?;
        bonds.allow(host)?;
        room.fits(kind, self.crowds.on(kind.at, host), true)?;
        room.ports.bind(kind.service, &self.pool, kept, false)
    }

    /// The ports that a replica has where it stands, or why it can't stay there.
    pub(super) fn try_seat(&self, seat: &Seat<'_>) -> Result<Vec<PortBinding>, Obstacle> {
        let room = self.rooms.get(seat.host).ok_or(Obstacle::Down)?;
        room.keeps()?;
        self.meets(&seat.kind, seat.host)?;
        if !seat.has_image() {
            room.image(&seat.kind)?;
        }
        room.has(&seat.kind)?;
        room.fits(&seat.kind, self.crowds.on(seat.kind.at, seat.host), false)?;
        let running = seat.live.as_ref().is_some_and(Standing::is_live);
        room.ports.bind(seat.kind.service, &self.pool, &seat.kept, running)
    }

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

    /// The hosts that may take a new replica of a service.
    pub(super) fn candidates(&self, kind: &Kind<'_>, bonds: &Bonds<'_>) -> Candidates {
        let placing = &kind.service.placing;
        let levels: Vec<&Grouping> = placing
            .preferences
            .iter()
            .map(|label| &**self.groupings.label(label))
            .collect();
        let groups = Groups::new(self.rooms.len(), &levels, self.crowds.of(kind.at));
        let seed = Seed::new(&self.desired.cluster.name, &Slot::index(kind.name, 0));
        let may_fit = self.rooms.iter().enumerate().filter_map(|(host, room)| {
            let fits = room.admits().is_ok() && self.meets(kind, host).is_ok();
            fits.then(|| (host, self.key(host, kind, bonds, seed)))
        });
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

    fn place_global(&mut self, kind: &Kind<'a>, slot: Slot, known: &Known<'a>) {
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
                self.done.unplaced.insert(slot, Refusal { why, stays: None });
            }
        }
    }

    /// Places a service's new replicas. A host that does not fit one of them fits none after it.
    fn place_new(&mut self, kind: &Kind<'a>, slots: Vec<Slot>, known: &Known<'a>) {
        if slots.is_empty() {
            return;
        }
        let mut bonds = Bonds::new(self, kind);
        let mut candidates = self.candidates(kind, &bonds);
        let mut nowhere = None;
        for slot in slots {
            let kept = |host: &HostName| known.ports(&slot, host, None);
            let Some((at, ports)) = self.best(&slot, kind, &bonds, &mut candidates, kept) else {
                let why = nowhere.get_or_insert_with(|| self.nowhere(kind, &bonds)).clone();
                self.done.unplaced.insert(slot, Refusal { why, stays: None });
                continue;
            };
            let best = self.why_best(at, kind, &bonds);
            self.take(at, kind, &ports);
            candidates.take(at);
            bonds.take(at);
            let lost = known.recorded(&slot).map(|placed| &placed.host);
            let reason = match lost.map(|host| (host, known.hosts.get(host))) {
                Some((_, Some(HostAnswer::Answers))) | None => Reason::Best(best),
                Some((host, Some(HostAnswer::Silent(_)))) => Reason::FailedOver(host.clone()),
                Some((host, Some(HostAnswer::Down | HostAnswer::Gone(_)) | None)) => Reason::Lost(host.clone()),
            };
            if let Some(host) = self.rooms.get(at).map(|room| room.name.clone()) {
                self.assign(slot, host, ports, reason);
            }
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
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Why::NoHost(counts)
    }

    /// Notes which ports containers have there now: those of wanted replicas are busy.
    fn note_ports(&mut self, known: &Known<'a>, seats: &[Seat<'a>]) {
        let settled = self.done.slots.keys().chain(&self.done.finished);
        let wanted: BTreeSet<&Slot> = seats.iter().map(|seat| &seat.slot).chain(settled).collect();
        for (slot, standings) in &known.standing {
            for one in standings {
                let ports = one.container.spec.iter().flat_map(|spec| &spec.ports);
                let Some(at) = known.by_name.get(one.host).copied() else {
                    continue;
                };
                let busy = one.is_live() && wanted.contains(*slot);
                if let Some(room) = self.rooms.get_mut(at) {
                    room.ports.note(ports, busy);
                }
            }
        }
    }

    /// Finds ports for successors that start beside what stands, once everything else has its own.
    fn set_spares(&mut self, known: &Known<'a>) {
        for (slot, assignment) in &mut self.done.slots {
            let kind = self.kinds.binary_search_by(|kind| kind.name.cmp(&slot.service)).ok();
            let kind = kind.and_then(|at| self.kinds.get(at));
            let beside = |kind: &&Rc<Kind<'_>>| kind.service.update.order == Order::StartFirst && !kind.is_stateful;
            let Some(kind) = kind.filter(beside) else {
                continue;
            };
            let here = known.standing.get(slot).into_iter().flatten();
            let here = here.filter(|standing| *standing.host == assignment.host).count();
            let room = known.by_name.get(&assignment.host);
            let room = room.and_then(|at| self.rooms.get_mut(*at));
            if let Some(room) = room.filter(|_| here > 0) {
                assignment.spare = room.ports.spare(kind.service, &self.pool);
            }
        }
    }

    pub(super) fn assign(&mut self, slot: Slot, host: HostName, ports: Vec<PortBinding>, reason: Reason) {
        let assignment = Assignment {
            host,
            ports,
            spare: None,
            reason,
        };
        self.done.slots.insert(slot, assignment);
    }
}
