//! Moves that a person asks for: where each replica goes, or why it can't. What must leave by itself is `settle`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::name::{HostName, ServiceName, Slot};
use crate::model::setting::PortBinding;
use crate::model::suggest::nearest;
use crate::place::asked::MoveTo;
use crate::place::choose::Placer;
use crate::place::crowd::Index;
use crate::place::home::{Home, Known, Seat, data};
use crate::place::kind::Kind;
use crate::place::near::Bonds;
use crate::place::reason::Reason;
use crate::place::settle::Leaving;
use crate::place::{Denial, HostAnswer};

/// A replica that a person moves off a host which cannot be worked with.
pub(super) struct Away<'a> {
    pub(super) slot: Slot,
    pub(super) kind: Arc<Kind<'a>>,
    /// Where it is held, or lost.
    pub(super) home: Home<'a>,
}

/// Why a replica can't be moved, and what to do.
type Denied = (String, String);

impl<'a> Placer<'a> {
    /// Whether a person moves a replica to another host than its own.
    pub(super) fn is_moved(&self, seat: &Seat<'_>) -> bool {
        let to = self.asked.moves.get(&seat.slot);
        let here = self.rooms.get(seat.host).map(|room| room.name);
        to.is_some_and(|to| Some(&to.host) != here)
    }

    /// Moves replicas as a person asked; those that can't stay as they would without that, and are given back where they must
    /// leave.
    pub(super) fn move_asked(
        &mut self,
        seats: Vec<Seat<'a>>,
        away: Vec<Away<'a>>,
        fresh: &mut BTreeMap<Index, Vec<Slot>>,
        known: &Known<'a>,
    ) -> Vec<Leaving<'a>> {
        let asked = self.asked;
        let mut named: BTreeMap<&Slot, &MoveTo> = asked.moves.iter().collect();
        for slot in seats
            .iter()
            .map(|seat| &seat.slot)
            .chain(away.iter().map(|away| &away.slot))
        {
            named.remove(slot);
        }
        for seat in &seats {
            self.take(seat.host, &seat.kind, &seat.kept);
        }
        let mut leaving = Vec::new();
        for seat in seats {
            let Some(to) = asked.moves.get(&seat.slot) else {
                continue;
            };
            self.release(seat.host, &seat.kind, &seat.kept);
            let from = self.rooms.get(seat.host).map(|room| room.name.clone());
            if !self.goes(&seat.slot, &seat.kind, to, from, known) {
                leaving.extend(self.stay(seat, &mut BTreeMap::new()));
            }
        }
        for Away { slot, kind, home } in away {
            let Some(to) = asked.moves.get(&slot) else {
                continue;
            };
            let from = home.placed().map(|placed| placed.host.clone());
            if !self.goes(&slot, &kind, to, from, known) {
                self.leave_there(slot, &kind, home, known);
            }
        }
        for (slot, to) in named {
            self.begin(slot, to, fresh, known);
        }
        leaving
    }

    /// Begins a replica that stands nowhere on the host that a person said; perhaps its move was cut off.
    fn begin(&mut self, slot: &Slot, to: &MoveTo, fresh: &mut BTreeMap<Index, Vec<Slot>>, known: &Known<'a>) {
        let kind = self.kind(&slot.service);
        let new = kind.and_then(|kind| Some((fresh.get_mut(&kind.at)?, kind)));
        match new.filter(|(new, _)| new.contains(slot)) {
            Some((new, kind)) => {
                if self.goes(slot, &kind, to, None, known) {
                    new.retain(|other| other != slot);
                }
            }
            None => {
                let denied = self.is_nowhere(slot, to, known);
                self.deny(slot, to, denied);
            }
        }
    }

    /// Moves one replica, and says whether that went.
    fn goes(
        &mut self,
        slot: &Slot,
        kind: &Arc<Kind<'a>>,
        to: &MoveTo,
        from: Option<HostName>,
        known: &Known<'a>,
    ) -> bool {
        match self.target(slot, kind, to, from.as_ref(), known) {
            Ok((at, ports)) => {
                self.take(at, kind, &ports);
                let leaves = from.filter(|_| kind.is_stateful).map(|host| (data(kind.service), host));
                self.assign(slot.clone(), to.host.clone(), ports, Reason::Asked { leaves });
                true
            }
            Err(denied) => {
                self.deny(slot, to, Some(denied));
                false
            }
        }
    }

    /// Where a replica would go that a person moves; or why not, and what to do.
    fn target(
        &self,
        slot: &Slot,
        kind: &Arc<Kind<'a>>,
        to: &MoveTo,
        from: Option<&HostName>,
        known: &Known<'a>,
    ) -> Result<(Index, Vec<PortBinding>), Denied> {
        let said = |why: &str, cure: &str| (why.to_owned(), cure.to_owned());
        let Some(at) = known.by_name.get(&to.host).copied() else {
            let names = known.by_name.keys().map(|name| name.as_str());
            let cure = match nearest(to.host.as_str(), names) {
                Some(name) => format!("did you mean {name}?"),
                None => "`cdk hosts` shows them".to_owned(),
            };
            return Err(("there is no such host".to_owned(), cure));
        };
        if kind.service.mode.is_job() {
            return Err(said(
                "its service is a job, which runs where it began",
                "constraints say where the next version runs",
            ));
        }
        if kind.service.mode.is_global() {
            return Err(said(
                "its service is global, and has one replica on each host that fits",
                "constraints say which hosts fit",
            ));
        }
        if let Some(from) = from
            && let Some(HostAnswer::Gone(_)) = known.hosts.get(from)
        {
            let why = format!("{from}, which holds it, is gone from hosts.yaml");
            return Err((why, "put the host back there with `state: drain`".to_owned()));
        }
        if kind.is_stateful && from.is_some() && !to.without_data {
            let why = format!("it writes to {}, and data does not move by itself", data(kind.service));
            let cure = format!(
                "`cdk move {slot} {} --without-data` starts it with none, and leaves the old where it is",
                to.host
            );
            return Err((why, cure));
        }
        let waiting = match (from, to.without_data) {
            (None, false) => self.data_hosts(kind),
            (None, true) | (Some(_), _) => BTreeSet::new(),
        };
        let tried = self.try_room(at, kind, &Bonds::new(self, kind).with_data(waiting), &[]);
        tried
            .map(|ports| (at, ports))
            .map_err(|obstacle| (obstacle.of(&to.host), "choose another host".to_owned()))
    }

    /// Why a replica that stands on no other host can't be moved to one; none where it stands there already.
    fn is_nowhere(&self, slot: &Slot, to: &MoveTo, known: &Known<'_>) -> Option<Denied> {
        let Some(kind) = self.kind(&slot.service) else {
            let names = self.desired.services.keys().map(ServiceName::as_str);
            let cure = match nearest(slot.service.as_str(), names) {
                Some(name) => format!("did you mean {name}?"),
                None => "`cdk ps` shows what there is".to_owned(),
            };
            return Some((format!("there is no service {} in git", slot.service), cure));
        };
        let hosts: Vec<&HostName> = known.standing.of(slot).iter().map(|one| one.host).collect();
        let stays = self.done.slots.get(slot).is_some_and(|placed| placed.host == to.host);
        if stays {
            return None;
        }
        let (why, cure) = match (kind.service.mode.is_job(), hosts.first()) {
            (true, _) => (
                "its service is a job, which runs where it began",
                "constraints say where the next version runs",
            ),
            (false, Some(host)) if **host == to.host => ("it stands there, and can't stay", "`cdk plan` says why"),
            (false, Some(_)) => ("git wants it no more", "`cdk apply` removes it"),
            (false, None) => ("it stands nowhere", "`cdk ps` shows what stands where"),
        };
        Some((why.to_owned(), cure.to_owned()))
    }

    fn deny(&mut self, slot: &Slot, to: &MoveTo, denied: Option<Denied>) {
        let denial = denied.map(|(why, cure)| Denial {
            why: format!("{slot} can't be moved to {}: {why}", to.host),
            cure,
        });
        self.done.denied.extend(denial);
    }
}
