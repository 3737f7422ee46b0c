//! What is wanted, sorted by where it stands before anything is done. The placing itself is `choose`'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::iter::{IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};

use crate::model::host::ObservedHost;
use crate::model::journal::PlacedSlot;
use crate::model::name::{HostName, Slot};
use crate::observe::Observed;
use crate::place::HostAnswer;
use crate::place::choose::Placer;
use crate::place::crowd::{Crowds, Index};
use crate::place::home::{Home, Known, Seat, data};
use crate::place::kind::Kind;
use crate::place::live::Standing;
use crate::place::moves::Away;
use crate::place::reason::{Obstacle, Reason, Refusal, Why};
use crate::place::roll::Roll;
use crate::place::wanted::Member;
use crate::resolve::desired::{Availability, Desired, Mode, Service};

/// The wanted replicas, sorted.
pub(super) struct Survey<'a> {
    /// Those that stand on a host which answers.
    pub(super) seats: Vec<Seat<'a>>,
    /// New ones, by service.
    pub(super) fresh: BTreeMap<Index, Vec<Slot>>,
    /// Those that a person moves off hosts which cannot be worked with.
    pub(super) away: Vec<Away<'a>>,
}

impl<'a> Placer<'a> {
    /// Notes what the journal says of hosts that do not answer, or are gone, once all is placed: a job that has run holds nothing
    /// there, nor does what failed over.
    pub(super) fn note_held(&mut self, known: &Known<'_>) {
        if !known.hosts.keys().any(|host| known.is_silent(host)) {
            return;
        }
        for (slot, placed) in known.record.iter().flat_map(|record| &record.placement) {
            if !known.is_silent(&placed.host) {
                continue;
            }
            let elsewhere = self.done.slots.get(slot).is_some_and(|now| now.host != placed.host);
            if !self.done.finished.contains(slot) && !elsewhere {
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
        let mut survey = Survey {
            seats: Vec::new(),
            fresh: BTreeMap::new(),
            away: Vec::new(),
        };
        let mut lost: BTreeMap<&HostName, Vec<String>> = BTreeMap::new();
        let kinds = self.kinds.clone();
        let placer = &*self;
        let members = kinds.par_iter().map(|kind| placer.replicas(kind, known));
        let members: Vec<Vec<Member<'a>>> = members.collect();
        // Who goes of too many also goes by what stands near, whoever goes of that.
        for (kind, members) in kinds.iter().zip(&members) {
            members
                .iter()
                .filter_map(|member| member.host)
                .for_each(|host| self.crowds.add(kind.at, host));
        }
        let placer = &*self;
        let homes = kinds.par_iter().zip(members);
        let homes = homes.map(|(kind, members)| placer.homes(kind, members, known));
        let homes: Vec<Vec<(Slot, Home<'a>)>> = homes.collect();
        self.crowds = Crowds::new(kinds.len());
        for (kind, homes) in kinds.iter().zip(homes) {
            let mut new = Vec::new();
            for (slot, home) in homes {
                if self.is_settled_job(&slot, kind, known) {
                    continue;
                }
                match home {
                    Home::At(seat) => survey.seats.push(seat),
                    Home::Held(_) | Home::Lost(..) if self.asked.moves.contains_key(&slot) => {
                        let kind = Arc::clone(kind);
                        survey.away.push(Away { slot, kind, home });
                    }
                    Home::Held(_) | Home::Lost(..) => self.leave_there(slot, kind, home, known),
                    Home::Nowhere(from) => {
                        if let Some(host) = from.filter(|host| self.forgotten.contains(*host)) {
                            lost.entry(host).or_default().push(slot.to_string());
                        }
                        // Until it is made elsewhere, it may well run where it was.
                        if let Some((host, ports)) = known.runs_unseen(&slot) {
                            self.take(host, kind, ports);
                        }
                        new.push(slot);
                    }
                }
            }
            survey.fresh.insert(kind.at, new);
        }
        self.done.notes.extend(lost.iter().map(|(host, slots)| {
            let slots = slots.join(", ");
            format!("{host} is given up; by the journal it held {slots}: made elsewhere, and what may still run on {host} is left alone")
        }));
        survey
    }

    /// What stands of a replicated service; none of others, whose replicas are named by hosts or by runs.
    fn replicas(&self, kind: &Arc<Kind<'a>>, known: &Known<'a>) -> Vec<Member<'a>> {
        match kind.service.mode {
            Mode::Replicated(_) => self.members(kind, known),
            Mode::Global | Mode::ReplicatedJob(_) | Mode::GlobalJob => Vec::new(),
        }
    }

    /// The wanted replicas of a service, and where each stands.
    fn homes(&self, kind: &Arc<Kind<'a>>, members: Vec<Member<'a>>, known: &Known<'a>) -> Vec<(Slot, Home<'a>)> {
        let count = self.done.counts.get(kind.name).copied().unwrap_or(0);
        let home = |slot: Slot| (slot.clone(), known.home(slot, kind, self));
        match kind.service.mode {
            Mode::Replicated(_) => self.wanted(kind, count, members),
            Mode::ReplicatedJob(_) => (1..=count).map(|index| home(Slot::index(kind.name, index))).collect(),
            Mode::Global | Mode::GlobalJob => {
                let hosts = self.rooms.iter().map(|room| Slot::global(kind.name, room.name));
                hosts.map(home).collect()
            }
        }
    }

    /// A replica whose host cannot be worked with stays there.
    pub(super) fn leave_there(&mut self, slot: Slot, kind: &Kind<'a>, home: Home<'a>, known: &Known<'_>) {
        match home {
            Home::Held(placed) => {
                self.note_kept(&slot, kind, placed, known);
                self.hold(slot, kind, placed, known);
            }
            Home::Lost(_, obstacle) if kind.service.mode.is_global() => {
                self.done.unwanted.insert(slot, obstacle.unwrap_or(Obstacle::Down));
            }
            Home::Lost(placed, obstacle) => self.bound(slot, kind.service, placed.clone(), obstacle),
            Home::At(_) | Home::Nowhere(_) => {}
        }
    }

    /// Says of a replica that is not failed over, though a person asked for that, what it would need.
    fn note_kept(&mut self, slot: &Slot, kind: &Kind<'_>, placed: &PlacedSlot, known: &Known<'_>) {
        let silent = match known.hosts.get(&placed.host) {
            Some(HostAnswer::Silent(_)) => self.asked.failover,
            Some(HostAnswer::Answers | HostAnswer::Down | HostAnswer::Gone(_)) | None => false,
        };
        let why = match kind.service.mode {
            Mode::Replicated(_) if kind.is_stateful => format!(
                "it writes to {} there; `cdk move {slot} HOST --without-data` would start it anew",
                data(kind.service)
            ),
            // Git wants it there no more.
            Mode::Replicated(_) => return,
            Mode::Global | Mode::GlobalJob => "its service is for each host".to_owned(),
            Mode::ReplicatedJob(_) => "nobody knows whether it has run".to_owned(),
        };
        if silent {
            let note = format!("{slot} is not failed over from {}: {why}", placed.host);
            self.done.notes.push(note);
        }
    }

    /// A replica on a host that does not answer, or is gone, stays as it is; it counts where it stands.
    fn hold(&mut self, slot: Slot, kind: &Kind<'a>, placed: &PlacedSlot, known: &Known<'_>) {
        let reason = match known.hosts.get(&placed.host) {
            Some(HostAnswer::Gone(_)) => Reason::Gone,
            Some(HostAnswer::Answers | HostAnswer::Silent(_) | HostAnswer::Down) | None => Reason::Held,
        };
        if let Some(at) = known.by_name.get(&placed.host) {
            self.take(*at, kind, &placed.ports);
        }
        self.assign(slot, placed.host.clone(), placed.ports.clone(), reason);
    }

    /// Whether a job's replica needs no place to be found: it has run, or it runs just now, and stays where it does whatever is
    /// wanted of its host.
    fn is_settled_job(&mut self, slot: &Slot, kind: &Kind<'a>, known: &Known<'a>) -> bool {
        if !kind.service.mode.is_job() {
            return false;
        }
        if self.done.jobs.has_run(slot) {
            self.done.finished.insert(slot.clone());
            return true;
        }
        let runs = |one: &&Standing<'_>| one.in_place && one.is_live() && self.done.jobs.is_wanted(one.container);
        let Some(running) = known.standing.of(slot).iter().find(runs) else {
            return false;
        };
        let Some(at) = known.by_name.get(running.host) else {
            return false;
        };
        self.take(*at, kind, &[]);
        self.assign(slot.clone(), running.host.clone(), Vec::new(), Reason::Stays);
        true
    }

    fn bound(&mut self, slot: Slot, service: &Service, stays: PlacedSlot, obstacle: Option<Obstacle>) {
        let why = Why::Bound {
            slot: slot.clone(),
            host: stays.host.clone(),
            obstacle,
            data: data(service),
        };
        let stays = Some(stays);
        self.done.unplaced.insert(slot, Refusal { why, stays });
    }
}

/// Whether the hosts can be worked with: those of hosts.yaml, and those that are gone from it.
pub(super) fn answers(desired: &Desired, observed: &Observed, roll: &Roll<'_>) -> BTreeMap<HostName, HostAnswer> {
    let hosts = desired.hosts.iter();
    let answers = hosts.map(|(name, host)| (name.clone(), answer(host.state, observed.hosts.get(name))));
    let mut all: BTreeMap<HostName, HostAnswer> = answers.collect();
    all.extend(roll.gone.clone());
    all
}

fn answer(state: Availability, host: Option<&ObservedHost>) -> HostAnswer {
    match state {
        Availability::Down => HostAnswer::Down,
        Availability::Active | Availability::Pause | Availability::Drain => match host {
            Some(ObservedHost::Reachable(_)) => HostAnswer::Answers,
            Some(ObservedHost::Unreachable(why)) => HostAnswer::Silent(why.clone()),
            None => HostAnswer::Silent("it was not asked".to_owned()),
        },
    }
}
