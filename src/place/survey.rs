//! What is wanted, sorted by where it stands before anything is done. The placing itself is `choose`'s.

use std::collections::BTreeMap;

use crate::model::host::ObservedHost;
use crate::model::journal::PlacedSlot;
use crate::model::name::{HostName, ServiceName, Slot, SlotKey};
use crate::place::HostAnswer;
use crate::place::choose::Placer;
use crate::place::home::{Home, Known, Seat, data};
use crate::place::live::Standing;
use crate::place::reason::{Obstacle, Reason, Refusal, Why};
use crate::resolve::desired::{Availability, Desired, Service};

/// The wanted replicas, sorted.
pub(super) struct Survey<'a> {
    /// Those that stand on a host which answers.
    pub(super) seats: Vec<Seat<'a>>,
    /// New ones, by service.
    pub(super) fresh: Vec<(&'a ServiceName, Vec<Slot>)>,
    /// New ones of global services, each with its host's room.
    pub(super) globals: Vec<(Slot, usize)>,
}

impl<'a> Placer<'a> {
    /// Notes what the journal says of hosts that do not answer, or are gone; a job that has run holds nothing there.
    pub(super) fn note_held(&mut self, known: &Known<'_>) {
        for (slot, placed) in known.record.iter().flat_map(|record| &record.placement) {
            let waits = !self.done.finished.contains(slot);
            if let Some(HostAnswer::Silent(_) | HostAnswer::Gone(_)) = known.hosts.get(&placed.host).filter(|_| waits) {
                self.done
                    .held
                    .entry(placed.host.clone())
                    .or_default()
                    .push(slot.clone());
            }
        }
    }

    /// Sorts the wanted replicas: those that stand somewhere, the new ones by service, and the new ones of global services.
    pub(super) fn survey(&mut self, known: &Known<'a>) -> Survey<'a> {
        let (mut seats, mut fresh, mut globals) = (Vec::new(), Vec::new(), Vec::new());
        let mut lost: BTreeMap<&HostName, Vec<String>> = BTreeMap::new();
        for (name, service) in &self.desired.services {
            let mut new = Vec::new();
            let wanted: Vec<(Slot, usize)> = if service.mode.is_global() {
                let rooms = self.rooms.iter().enumerate();
                rooms.map(|(at, room)| (Slot::global(name, room.name), at)).collect()
            } else {
                let count = self.done.counts.get(name).copied().unwrap_or(0);
                (1..=count).map(|index| (Slot::index(name, index), 0)).collect()
            };
            for (slot, at) in wanted {
                if self.is_settled_job(&slot, name, service, known) {
                    continue;
                }
                match known.home(slot.clone(), name, service, &self.rooms) {
                    Home::At(seat) => seats.push(seat),
                    Home::Held(placed) => {
                        let gone = matches!(known.hosts.get(&placed.host), Some(HostAnswer::Gone(_)));
                        let reason = if gone { Reason::Gone } else { Reason::Held };
                        self.assign(slot, placed.host.clone(), placed.ports.clone(), reason);
                    }
                    Home::Lost(_, obstacle) if service.mode.is_global() => {
                        self.done.unwanted.insert(slot, obstacle.unwrap_or(Obstacle::Down));
                    }
                    Home::Lost(placed, obstacle) => self.bound(slot, service, placed.clone(), obstacle),
                    Home::Nowhere(_) if service.mode.is_global() => globals.push((slot, at)),
                    Home::Nowhere(from) => {
                        if let Some(host) = from.filter(|host| self.forgotten.contains(*host)) {
                            lost.entry(host).or_default().push(slot.to_string());
                        }
                        new.push(slot);
                    }
                }
            }
            fresh.push((name, new));
        }
        self.done.notes.extend(lost.iter().map(|(host, slots)| {
            let slots = slots.join(", ");
            format!("{host} is given up; by the journal it held {slots}: made elsewhere, and what may still run on {host} is left alone")
        }));
        Survey { seats, fresh, globals }
    }

    /// Whether a job's replica needs no place to be found: it has run, or it runs just now, and stays where it does whatever is
    /// wanted of its host.
    fn is_settled_job(&mut self, slot: &Slot, name: &'a ServiceName, service: &'a Service, known: &Known<'a>) -> bool {
        if self.done.jobs.has_run(slot) {
            self.done.finished.insert(slot.clone());
            return true;
        }
        let standings = known.standing.get(slot).into_iter().flatten();
        let runs = |one: &&Standing<'_>| one.in_place && one.is_live() && self.done.jobs.is_wanted(one.container);
        let Some(running) = standings.into_iter().find(runs) else {
            return false;
        };
        let room = known.by_name.get(running.host);
        let Some(room) = room.and_then(|at| self.rooms.get_mut(*at)) else {
            return false;
        };
        room.take(name, service, &[]);
        self.assign(slot.clone(), running.host.clone(), Vec::new(), Reason::Stays);
        true
    }

    fn bound(&mut self, slot: Slot, service: &Service, stays: PlacedSlot, obstacle: Option<Obstacle>) {
        let why = Why::Bound {
            host: stays.host.clone(),
            obstacle,
            data: data(service),
        };
        let stays = Some(stays);
        self.done.unplaced.insert(slot, Refusal { why, stays });
    }
}

/// Whether git may still want a replica of this name; what is not goes in any case.
pub(super) fn is_wanted(desired: &Desired, counts: &BTreeMap<ServiceName, u32>, slot: &Slot) -> bool {
    desired.services.contains_key(&slot.service)
        && match (&slot.key, counts.get(&slot.service)) {
            (SlotKey::Index(index), Some(count)) => index <= count,
            (SlotKey::Host(host), None) => desired.hosts.contains_key(host),
            (SlotKey::Index(_), None) | (SlotKey::Host(_), Some(_)) => false,
        }
}

/// Whether a host can be worked with.
pub(super) fn answer(state: Availability, host: Option<&ObservedHost>) -> HostAnswer {
    match state {
        Availability::Down => HostAnswer::Down,
        Availability::Active | Availability::Pause | Availability::Drain => match host {
            Some(ObservedHost::Reachable(_)) => HostAnswer::Answers,
            Some(ObservedHost::Unreachable(why)) => HostAnswer::Silent(why.clone()),
            None => HostAnswer::Silent("it was not asked".to_owned()),
        },
    }
}
