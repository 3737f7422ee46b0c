//! Placing itself: first what stands, then what must leave its host, then what is new. The checks are `filter`'s.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::host::ObservedHost;
use crate::model::journal::{JournalRecord, PlacedSlot};
use crate::model::name::{HostName, ServiceName, Slot};
use crate::model::policy::Order;
use crate::model::setting::PortBinding;
use crate::observe::Observed;
use crate::place::filter::{Pool, Room};
use crate::place::home::{Known, Seat, data};
use crate::place::live::{Standing, standing};
use crate::place::needs::Outside;
use crate::place::reason::{Obstacle, Reason, Refusal, Why};
use crate::place::roll::Roll;
use crate::place::survey::{Survey, answer, is_wanted};
use crate::place::{Assignment, HostAnswer, Placement};
use crate::resolve::desired::{Desired, HostPort, Service};
use crate::scale::job::Jobs;

/// All that placing works on.
pub(super) struct Placer<'a> {
    pub(super) desired: &'a Desired,
    pub(super) observed: &'a Observed,
    record: Option<&'a JournalRecord>,
    pub(super) forgotten: &'a BTreeSet<HostName>,
    pub(super) rooms: Vec<Room<'a>>,
    pool: Pool,
    pub(super) outside: Outside<'a>,
    pub(super) done: Placement,
}

/// A replica that must leave its host, and why.
struct Leaving<'a> {
    seat: Seat<'a>,
    obstacle: Obstacle,
}

impl<'a> Placer<'a> {
    pub(super) fn new(
        desired: &'a Desired,
        observed: &'a Observed,
        counts: &BTreeMap<ServiceName, u32>,
        roll: &'a Roll,
    ) -> Self {
        let mut hosts: BTreeMap<_, _> = desired
            .hosts
            .iter()
            .map(|(name, host)| (name.clone(), answer(host.state, observed.hosts.get(name))))
            .collect();
        hosts.extend(roll.gone.clone());
        let rooms = desired.hosts.iter().map(|(name, host)| {
            let state = observed.hosts.get(name).and_then(ObservedHost::state);
            let state = state.filter(|_| hosts.get(name) == Some(&HostAnswer::Answers));
            Room::new(name, host, state, |slot| is_wanted(desired, counts, slot))
        });
        let ports = desired.services.values().flat_map(|service| &service.ports);
        let published = ports.filter_map(|port| match &port.host {
            HostPort::Assigned => None,
            HostPort::Published { ports, .. } => Some(ports.ports().map(|number| (port.protocol, number))),
        });
        Self {
            desired,
            observed,
            record: roll.record.as_ref(),
            forgotten: &roll.forgotten,
            rooms: rooms.collect(),
            pool: Pool {
                range: desired.cluster.ports,
                published: published.flatten().collect(),
            },
            outside: Outside::new(desired),
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
        };
        let Survey {
            mut seats,
            fresh,
            globals,
        } = self.survey(&known);
        self.note_held(&known);
        // Who has the ports that it wants goes before who wants others.
        seats.sort_by_cached_key(|seat| (!seat.keeps_ports(), seat.slot.clone()));
        let mut leaving = Vec::new();
        for seat in seats {
            leaving.extend(self.stay(seat));
        }
        self.leave(leaving);
        for (slot, room) in globals {
            self.place_global(slot, room, &known);
        }
        for (name, slots) in fresh {
            self.place_new(name, slots, &known);
        }
        self.set_spares(&known);
        self.note_missing();
        self.done
    }

    /// Leaves a replica where it stands, if it still fits there; gives it back where it must go.
    fn stay(&mut self, seat: Seat<'a>) -> Option<Leaving<'a>> {
        match self.try_seat(&seat) {
            Ok(ports) => {
                self.sit(&seat, ports);
                None
            }
            Err(obstacle) => {
                let room = self.rooms.get_mut(seat.room)?;
                room.take(seat.name, seat.service, &seat.kept);
                Some(Leaving { seat, obstacle })
            }
        }
    }

    /// The ports that a replica has where it stands, or why it can't stay there.
    fn try_seat(&self, seat: &Seat<'_>) -> Result<Vec<PortBinding>, Obstacle> {
        let room = self.rooms.get(seat.room).ok_or(Obstacle::Down)?;
        room.keeps()?;
        room.meets(seat.service)?;
        if !seat.has_image() {
            let image = &seat.service.image;
            room.image(image, self.observed.images.get(&image.to_string()))?;
        }
        room.has(seat.service, &self.outside)?;
        room.fits(seat.name, seat.service, false)?;
        let running = seat.live.as_ref().is_some_and(Standing::is_live);
        room.bind(seat.service, &self.pool, &seat.kept, running)
    }

    fn sit(&mut self, seat: &Seat<'a>, ports: Vec<PortBinding>) {
        let Some(room) = self.rooms.get_mut(seat.room) else {
            return;
        };
        room.take(seat.name, seat.service, &ports);
        let host = room.name.clone();
        let reason = if seat.live.is_some() {
            Reason::Stays
        } else {
            Reason::Data
        };
        self.assign(seat.slot.clone(), host, ports, reason);
    }

    /// Finds other hosts for those that must leave theirs, again and again while that makes room for another.
    fn leave(&mut self, mut leaving: Vec<Leaving<'a>>) {
        let mut progress = true;
        while progress {
            progress = false;
            let mut waiting = Vec::new();
            for one in leaving {
                match self.move_away(&one) {
                    true => progress = true,
                    false => waiting.push(one),
                }
            }
            leaving = waiting;
        }
        for Leaving { seat, obstacle } in leaving {
            let Some(host) = self.rooms.get(seat.room).map(|room| room.name.clone()) else {
                continue;
            };
            let stays = Some(PlacedSlot {
                host: host.clone(),
                ports: seat.kept.clone(),
            });
            let why = if seat.service.mode.is_global() {
                Why::Global { host, obstacle }
            } else if seat.service.is_stateful() {
                Why::Bound {
                    host,
                    obstacle: Some(obstacle),
                    data: data(seat.service),
                }
            } else {
                self.nowhere(seat.name, seat.service)
            };
            self.done.unplaced.insert(seat.slot, Refusal { why, stays });
        }
    }

    /// Settles one replica, and says whether that went: back where it stood since there is room now, gone elsewhere, or (of a
    /// global service) not wanted.
    fn move_away(&mut self, one: &Leaving<'a>) -> bool {
        let Leaving { seat, obstacle } = one;
        if let Some(room) = self.rooms.get_mut(seat.room) {
            room.release(seat.name, seat.service, &seat.kept);
        }
        if let Ok(ports) = self.try_seat(seat) {
            self.sit(seat, ports);
            return true;
        }
        if let Some(room) = self.rooms.get_mut(seat.room) {
            room.take(seat.name, seat.service, &seat.kept);
        }
        let target = if seat.service.mode.is_global() {
            if !obstacle.is_lasting() {
                return false;
            }
            self.done.unwanted.insert(seat.slot.clone(), obstacle.clone());
            None
        } else if seat.service.is_stateful() {
            return false;
        } else {
            match self.best(seat.name, seat.service) {
                Some(target) => Some(target),
                None => return false,
            }
        };
        let from = self.rooms.get_mut(seat.room).map(|room| {
            room.release(seat.name, seat.service, &seat.kept);
            room.name.clone()
        });
        if let (Some((at, ports)), Some(from)) = (target, from)
            && let Some(room) = self.rooms.get_mut(at)
        {
            room.take(seat.name, seat.service, &ports);
            let (host, obstacle) = (room.name.clone(), obstacle.clone());
            self.assign(seat.slot.clone(), host, ports, Reason::Left { host: from, obstacle });
        }
        true
    }

    /// The best of the hosts that fit: the fewest replicas of the service, then the fewest containers, then by name.
    fn best(&self, name: &ServiceName, service: &Service) -> Option<(usize, Vec<PortBinding>)> {
        let fitting = self.rooms.iter().enumerate().filter_map(|(at, room)| {
            let ports = self.try_room(room, name, service, &[]).ok()?;
            Some(((room.replicas_of(name), room.containers_in_all(), at), ports))
        });
        let ((_, _, at), ports) = fitting.min_by_key(|(score, _)| *score)?;
        Some((at, ports))
    }

    /// The ports that a new replica would have on a host, or why it does not fit.
    fn try_room(
        &self,
        room: &Room<'_>,
        name: &ServiceName,
        service: &Service,
        kept: &[PortBinding],
    ) -> Result<Vec<PortBinding>, Obstacle> {
        room.admits()?;
        room.meets(service)?;
        room.image(&service.image, self.observed.images.get(&service.image.to_string()))?;
        room.has(service, &self.outside)?;
        room.is_alone(service)?;
        room.fits(name, service, true)?;
        room.bind(service, &self.pool, kept, false)
    }

    fn place_global(&mut self, slot: Slot, at: usize, known: &Known<'a>) {
        let Some((name, service)) = self.desired.services.get_key_value(&slot.service) else {
            return;
        };
        let Some(room) = self.rooms.get(at) else {
            return;
        };
        let host = room.name.clone();
        let kept = known.ports(&slot, &host, None);
        match self.try_room(room, name, service, &kept) {
            Ok(ports) => {
                if let Some(room) = self.rooms.get_mut(at) {
                    room.take(name, service, &ports);
                }
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
    fn place_new(&mut self, name: &'a ServiceName, slots: Vec<Slot>, known: &Known<'a>) {
        let Some(service) = self.desired.services.get(name).filter(|_| !slots.is_empty()) else {
            return;
        };
        let score = |room: &Room<'_>| (room.replicas_of(name), room.containers_in_all());
        let mut queue: BTreeSet<((u32, u32), usize)> = BTreeSet::new();
        for (at, room) in self.rooms.iter().enumerate() {
            if room.admits().is_ok() && room.meets(service).is_ok() {
                queue.insert((score(room), at));
            }
        }
        let mut nowhere = None;
        for slot in slots {
            let mut placed = false;
            while let Some(((replicas, _), at)) = queue.pop_first() {
                let Some(room) = self.rooms.get(at) else {
                    continue;
                };
                let kept = known.ports(&slot, room.name, None);
                let Ok(ports) = self.try_room(room, name, service, &kept) else {
                    continue;
                };
                let host = room.name.clone();
                if let Some(room) = self.rooms.get_mut(at) {
                    room.take(name, service, &ports);
                    queue.insert((score(room), at));
                }
                let lost = known.recorded(&slot).map(|placed| &placed.host);
                let lost = lost.filter(|host| !matches!(known.hosts.get(*host), Some(HostAnswer::Answers)));
                let reason = lost.map_or(Reason::Fewest(replicas), |host| Reason::Lost(host.clone()));
                self.assign(slot.clone(), host, ports, reason);
                placed = true;
                break;
            }
            if !placed {
                let why = nowhere.get_or_insert_with(|| self.nowhere(name, service)).clone();
                self.done.unplaced.insert(slot, Refusal { why, stays: None });
            }
        }
    }

    /// Why a replica of this service fits nowhere: hosts by their first obstacle.
    fn nowhere(&self, name: &ServiceName, service: &Service) -> Why {
        let mut counts: Vec<(Obstacle, u32)> = Vec::new();
        for room in &self.rooms {
            let Err(obstacle) = self.try_room(room, name, service, &[]) else {
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

    /// Finds ports for successors that start beside what stands, once everything else has its own.
    fn set_spares(&mut self, known: &Known<'a>) {
        for (slot, assignment) in &mut self.done.slots {
            let beside = |service: &&Service| service.update.order == Order::StartFirst && !service.is_stateful();
            let Some(service) = self.desired.services.get(&slot.service).filter(beside) else {
                continue;
            };
            let here = known.standing.get(slot).into_iter().flatten();
            let here = here.filter(|standing| *standing.host == assignment.host).count();
            let room = known.by_name.get(&assignment.host);
            let room = room.and_then(|at| self.rooms.get_mut(*at));
            if let Some(room) = room.filter(|_| here > 0) {
                assignment.spare = room.spare(service, &self.pool);
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
