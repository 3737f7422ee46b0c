//! Placing itself: first what stands, then what must leave its host, then what is new. Filters, scores and groups are their own files'.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::host::ObservedHost;
use crate::model::journal::JournalRecord;
use crate::model::name::{HostName, ServiceName, Slot};
use crate::model::setting::PortBinding;
use crate::observe::Observed;
use crate::place::asked::Asked;
use crate::place::crowd::{Crowds, Groupings, Index};
use crate::place::filter::Room;
use crate::place::home::{Known, Seat};
use crate::place::kind::{Kind, kinds};
use crate::place::live::{Standing, Standings};
use crate::place::near::Bonds;
use crate::place::ports::Pool;
use crate::place::reason::{Obstacle, Reason};
use crate::place::roll::Roll;
use crate::place::settle::Leaving;
use crate::place::survey::Survey;
use crate::place::{Assignment, HostAnswer, Placement};
use crate::resolve::desired::Desired;
use crate::scale::job::Jobs;

/// All that placing works on.
pub(super) struct Placer<'a> {
    pub(super) desired: &'a Desired,
    pub(super) asked: &'a Asked,
    record: Option<&'a JournalRecord>,
    pub(super) forgotten: &'a BTreeSet<HostName>,
    /// The hosts, by name.
    pub(super) rooms: Vec<Room<'a>>,
    /// The services, by name.
    pub(super) kinds: Vec<Arc<Kind<'a>>>,
    /// Whether each distinct constraint holds on each host.
    verdicts: Vec<Vec<bool>>,
    pub(super) groupings: Groupings<'a>,
    pub(super) crowds: Crowds,
    pool: Pool,
    /// Why most are where they are.
    pub(super) stays: Arc<Reason>,
    /// Those that must leave their hosts, and that fit nowhere so far.
    pub(super) waiting: Vec<Leaving<'a>>,
    /// Likewise, new ones.
    pub(super) refused: Vec<(Arc<Kind<'a>>, Slot)>,
    pub(super) done: Placement,
}

impl<'a> Placer<'a> {
    pub(super) fn new(
        desired: &'a Desired,
        observed: &'a Observed,
        counts: &BTreeMap<ServiceName, u32>,
        roll: &'a Roll<'a>,
        asked: &'a Asked,
        hosts: BTreeMap<HostName, HostAnswer>,
    ) -> Self {
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
            asked,
            record: roll.record.as_deref(),
            forgotten: &roll.forgotten,
            verdicts: constraints.into_iter().map(holds).collect(),
            rooms,
            crowds: Crowds::new(kinds.len()),
            kinds,
            groupings: Groupings::new(desired),
            pool,
            stays: Reason::Stays.into(),
            waiting: Vec::new(),
            refused: Vec::new(),
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

    pub(super) fn place(mut self, standing: &'a Standings<'a>) -> Placement {
        let hosts = self.done.hosts.clone();
        let silent = hosts.iter().filter(|(_, answer)| match answer {
            HostAnswer::Silent(_) | HostAnswer::Gone(_) => true,
            HostAnswer::Answers | HostAnswer::Down => false,
        });
        let names = self.rooms.iter().map(|room| room.name);
        let known = Known {
            silent: silent.map(|(host, _)| host.clone()).collect(),
            hosts,
            standing,
            record: self.record,
            by_name: names.enumerate().map(|(at, name)| (name.clone(), at)).collect(),
        };
        let Survey { seats, mut fresh, away } = self.survey(&known);
        self.note_ports(&known, &seats);
        let mut bound: BTreeMap<Index, Vec<Seat<'a>>> = BTreeMap::new();
        let mut leaving: Vec<Leaving<'a>> = Vec::new();
        let (mut moved, mut others) = (Vec::new(), Vec::new());
        for seat in seats {
            match (self.is_moved(&seat), seat.keeps_ports()) {
                (true, _) => moved.push(seat),
                (false, true) => leaving.extend(self.stay(seat, &mut bound)),
                (false, false) => others.push(seat),
            }
        }
        // Who has the ports that it wants goes before who wants others.
        for seat in others {
            leaving.extend(self.stay(seat, &mut bound));
        }
        moved.sort_by_key(|seat: &Seat<'a>| !seat.keeps_ports());
        leaving.extend(self.move_asked(moved, away, &mut fresh, &known));
        let (followers, others): (Vec<_>, Vec<_>) = self.kinds.iter().cloned().partition(|kind| kind.follows());
        for kind in &others {
            leaving.extend(self.part(kind, &mut bound));
        }
        let (later, now): (Vec<_>, Vec<_>) = leaving.into_iter().partition(|one| one.seat.kind.follows());
        self.leave(now);
        // Those of global services first: they have no other place.
        let (globals, replicated): (Vec<_>, Vec<_>) = others.iter().partition(|kind| kind.service.mode.is_global());
        for kind in globals.into_iter().chain(replicated) {
            self.place_new(kind, fresh.remove(&kind.at).unwrap_or_default(), &known);
        }
        let left = self.follow(followers, later, fresh, bound, &known);
        if left || self.asked.failover {
            self.try_again(&known);
        }
        if self.even_out(&known) {
            self.try_again(&known);
        }
        self.note_held(&known);
        self.set_spares(&known);
        self.note_missing();
        self.done
    }

    /// The services that are to be near others, each after those. Says whether some of them had to leave their hosts: there may be
    /// room now for what was refused.
    fn follow(
        &mut self,
        mut followers: Vec<Arc<Kind<'a>>>,
        mut later: Vec<Leaving<'a>>,
        mut fresh: BTreeMap<Index, Vec<Slot>>,
        mut bound: BTreeMap<Index, Vec<Seat<'a>>>,
        known: &Known<'a>,
    ) -> bool {
        let mut left = false;
        followers.sort_by_key(|kind| kind.rank);
        for kind in followers {
            let (mut own, others): (Vec<_>, Vec<_>) = later.into_iter().partition(|one| one.seat.kind.at == kind.at);
            later = others;
            own.extend(self.part(&kind, &mut bound));
            left |= !own.is_empty();
            self.leave(own);
            self.place_new(&kind, fresh.remove(&kind.at).unwrap_or_default(), known);
        }
        left
    }

    /// Tries those again that fit nowhere, as long as one of them finds a place, and so perhaps makes room for another.
    fn try_again(&mut self, known: &Known<'a>) {
        let mut progress = true;
        while progress {
            let before = self.done.unplaced.len();
            let waiting = std::mem::take(&mut self.waiting);
            for slot in waiting.iter().map(Leaving::slot) {
                self.done.unplaced.remove(slot);
            }
            self.leave(waiting);
            let mut refused: BTreeMap<(usize, Index), (Arc<Kind<'a>>, Vec<Slot>)> = BTreeMap::new();
            for (kind, slot) in std::mem::take(&mut self.refused) {
                self.done.unplaced.remove(&slot);
                let of_kind = refused.entry((kind.rank, kind.at));
                of_kind.or_insert_with(|| (kind, Vec::new())).1.push(slot);
            }
            for (kind, slots) in refused.into_values() {
                self.place_new(&kind, slots, known);
            }
            progress = self.done.unplaced.len() < before;
        }
    }

    /// A service, as the placer sees it.
    pub(super) fn kind(&self, name: &ServiceName) -> Option<Arc<Kind<'a>>> {
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

    /// Whether a host may take a new replica of a service, by its state and by the service's constraints.
    pub(super) fn may_take(&self, host: Index, kind: &Kind<'_>) -> bool {
        let admits = self.rooms.get(host).is_some_and(|room| room.admits().is_ok());
        admits && self.meets(kind, host).is_ok()
    }

    /// Whether one that is there may stay, by the same.
    pub(super) fn may_keep(&self, host: Index, kind: &Kind<'_>) -> bool {
        let keeps = self.rooms.get(host).is_some_and(|room| room.keeps().is_ok());
        keeps && self.meets(kind, host).is_ok()
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
        let running = seat.live.is_some_and(Standing::is_live);
        room.ports.bind(seat.kind.service, &self.pool, &seat.kept, running)
    }

    /// Notes which ports containers have there now: those of wanted replicas are busy.
    fn note_ports(&mut self, known: &Known<'a>, seats: &[Seat<'a>]) {
        // Both by slot.
        let mut seats = seats.iter().map(|seat| &seat.slot).peekable();
        for (slot, standings) in known.standing.by_slot() {
            while seats.next_if(|seat| *seat < slot).is_some() {}
            let seated = seats.peek() == Some(&slot);
            for one in standings {
                let ports = one.ports.filter(|ports| !ports.is_empty());
                let Some((ports, at)) = ports.and_then(|ports| Some((ports, known.by_name.get(one.host)?))) else {
                    continue;
                };
                let wanted = seated || self.done.slots.contains_key(slot) || self.done.finished.contains(slot);
                if let Some(room) = self.rooms.get_mut(*at) {
                    room.ports.note(ports.iter(), one.is_live() && wanted);
                }
            }
        }
    }

    /// Finds ports for successors that start beside what stands, once everything else has its own.
    fn set_spares(&mut self, known: &Known<'a>) {
        let beside = |kind: &&Arc<Kind<'_>>| kind.service.update.starts_first() && !kind.is_stateful;
        let mut kinds = self.kinds.iter().filter(beside).peekable();
        // Both by name.
        for (slot, assignment) in &mut self.done.slots {
            while kinds.next_if(|kind| *kind.name < slot.service).is_some() {}
            let Some(kind) = kinds.peek() else { return };
            if *kind.name != slot.service {
                continue;
            }
            let here = known.standing.of(slot).iter();
            let here = here.filter(|standing| *standing.host == assignment.host).count();
            let room = known.by_name.get(&assignment.host);
            let room = room.and_then(|at| self.rooms.get_mut(*at));
            if let Some(room) = room.filter(|_| here > 0) {
                assignment.spare = room.ports.spare(kind.service, &self.pool);
            }
        }
    }

    pub(super) fn assign(
        &mut self,
        slot: Slot,
        host: HostName,
        ports: Vec<PortBinding>,
        reason: impl Into<Arc<Reason>>,
    ) {
        let reason = reason.into();
        let assignment = Assignment {
            host,
            ports,
            spare: None,
            reason,
        };
        self.done.slots.insert(slot, assignment);
    }
}
