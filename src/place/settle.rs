//! What stands: whether it stays, and where it goes that must leave. What is new is `fresh`'s, what a person moves is `moves`'.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::journal::PlacedSlot;
use crate::model::name::Slot;
use crate::model::setting::PortBinding;
use crate::place::choose::Placer;
use crate::place::crowd::Index;
use crate::place::home::{Seat, data};
use crate::place::kind::Kind;
use crate::place::near::Bonds;
use crate::place::reason::{Obstacle, Reason, Refusal, Why};
use crate::place::tree::Candidates;

/// A replica that must leave its host, and why.
pub(super) struct Leaving<'a> {
    pub(super) seat: Seat<'a>,
    obstacle: Obstacle,
}

impl Leaving<'_> {
    pub(super) fn slot(&self) -> &Slot {
        &self.seat.slot
    }
}

/// The search for hosts of one service's replicas, as long as only they move.
struct Search<'a> {
    kind: Index,
    bonds: Bonds<'a>,
    candidates: Candidates,
}

impl<'a> Placer<'a> {
    /// Leaves a replica where it stands, if it still fits there; gives it back where it must go. Those whose place depends on
    /// others' are noted in `bound`.
    pub(super) fn stay(&mut self, seat: Seat<'a>, bound: &mut BTreeMap<Index, Vec<Seat<'a>>>) -> Option<Leaving<'a>> {
        match self.try_seat(&seat) {
            Ok(ports) => {
                self.sit(&seat, ports);
                if seat.kind.is_bound() {
                    bound.entry(seat.kind.at).or_default().push(seat);
                }
                None
            }
            Err(obstacle) => {
                self.take(seat.host, &seat.kind, &seat.kept);
                Some(Leaving { seat, obstacle })
            }
        }
    }

    fn sit(&mut self, seat: &Seat<'a>, ports: Vec<PortBinding>) {
        let Some(host) = self.rooms.get(seat.host).map(|room| room.name.clone()) else {
            return;
        };
        self.take(seat.host, &seat.kind, &ports);
        let reason = match seat.live {
            Some(_) => Arc::clone(&self.stays),
            None => Reason::Data.into(),
        };
        self.assign(seat.slot.clone(), host, ports, reason);
    }

    /// Takes the seats from those replicas of a service that must stand near others, or apart from them, and don't. Of its own
    /// that must stand apart the first ones stay.
    pub(super) fn part(&mut self, kind: &Kind<'a>, bound: &mut BTreeMap<Index, Vec<Seat<'a>>>) -> Vec<Leaving<'a>> {
        let mut seats = bound.remove(&kind.at).unwrap_or_default();
        seats.sort_by(|a, b| b.slot.cmp(&a.slot));
        let mut bonds = Bonds::new(self, kind);
        let mut leaving = Vec::new();
        for seat in seats {
            bonds.release(seat.host);
            match bonds.allow(seat.host) {
                Ok(()) => bonds.take(seat.host),
                Err(obstacle) => {
                    let ports = self.done.slots.remove(&seat.slot).map(|assignment| assignment.ports);
                    self.release(seat.host, &seat.kind, &ports.unwrap_or_default());
                    self.take(seat.host, &seat.kind, &seat.kept);
                    leaving.push(Leaving { seat, obstacle });
                }
            }
        }
        leaving.reverse();
        leaving
    }

    /// Finds other hosts for those that must leave theirs, again and again while that makes room for another.
    pub(super) fn leave(&mut self, mut leaving: Vec<Leaving<'a>>) {
        let mut progress = true;
        while progress {
            progress = false;
            let mut waiting = Vec::new();
            let mut search = None;
            for one in leaving {
                match self.move_away(&one, &mut search) {
                    true => progress = true,
                    false => waiting.push(one),
                }
            }
            leaving = waiting;
        }
        for one in leaving {
            self.refuse(one);
        }
    }

    /// A replica that must leave its host, and can't.
    fn refuse(&mut self, one: Leaving<'a>) {
        let Leaving { seat, obstacle } = &one;
        let Some(host) = self.rooms.get(seat.host).map(|room| room.name.clone()) else {
            return;
        };
        let stays = Some(PlacedSlot {
            host: host.clone(),
            ports: seat.kept.clone(),
        });
        let why = if seat.kind.service.mode.is_global() {
            Why::Global {
                host,
                obstacle: obstacle.clone(),
            }
        } else if seat.kind.is_stateful {
            Why::Bound {
                slot: seat.slot.clone(),
                host,
                obstacle: Some(obstacle.clone()),
                data: data(seat.kind.service),
            }
        } else {
            self.nowhere(&seat.kind, &Bonds::new(self, &seat.kind))
        };
        self.done.unplaced.insert(seat.slot.clone(), Refusal { why, stays });
        self.waiting.push(one);
    }

    /// Settles one replica, and says whether that went: back where it stood since there is room now, gone elsewhere, or (of a
    /// global service) not wanted.
    fn move_away(&mut self, one: &Leaving<'a>, search: &mut Option<Search<'a>>) -> bool {
        let Leaving { seat, obstacle } = one;
        self.release(seat.host, &seat.kind, &seat.kept);
        let bonds = Bonds::new(self, &seat.kind);
        if bonds.allow(seat.host).is_ok()
            && let Ok(ports) = self.try_seat(seat)
        {
            self.sit(seat, ports);
            return true;
        }
        if seat.kind.service.mode.is_global() && obstacle.is_lasting() {
            self.done.unwanted.insert(seat.slot.clone(), obstacle.clone());
            return true;
        }
        let target = match seat.kind.is_stateful || seat.kind.service.mode.is_global() {
            true => None,
            false => self.search(seat, bonds, search),
        };
        let from = self.rooms.get(seat.host).map(|room| room.name.clone());
        let to = target
            .as_ref()
            .and_then(|(at, _)| self.rooms.get(*at))
            .map(|room| room.name.clone());
        if let (Some((at, ports)), Some(from), Some(to)) = (target, from, to) {
            self.take(at, &seat.kind, &ports);
            let obstacle = obstacle.clone();
            self.assign(seat.slot.clone(), to, ports, Reason::Left { host: from, obstacle });
            return true;
        }
        self.take(seat.host, &seat.kind, &seat.kept);
        false
    }

    /// The best host for one that leaves; the search goes on where it was with the last one, if that was of the same service.
    fn search(
        &self,
        seat: &Seat<'a>,
        bonds: Bonds<'a>,
        search: &mut Option<Search<'a>>,
    ) -> Option<(Index, Vec<PortBinding>)> {
        let kind = &seat.kind;
        let mut now = match search.take().filter(|search| search.kind == kind.at) {
            // The host that it leaves has one fewer: where that may take another, it would be better than it was.
            Some(old) if !self.may_take(seat.host, kind) => Search { bonds, ..old },
            Some(_) | None => Search {
                kind: kind.at,
                candidates: self.candidates(kind, &bonds),
                bonds,
            },
        };
        now.candidates.release(seat.host);
        let best = self.best(&seat.slot, kind, &now.bonds, &mut now.candidates, |_| Vec::new());
        match &best {
            Some((at, _)) => now.candidates.take(*at),
            None => now.candidates.take(seat.host),
        }
        *search = Some(now);
        best
    }
}
