//! Evening out, where a person asks for it: the fewest moves after which no group and no host has two more than another that could take one.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::name::Slot;
use crate::model::setting::PortBinding;
use crate::place::choose::Placer;
use crate::place::crowd::Index;
use crate::place::home::Known;
use crate::place::kind::Kind;
use crate::place::near::Bonds;
use crate::place::reason::Reason;
use crate::place::tree::Groups;
use crate::resolve::desired::Mode;
use crate::resolve::wish::Strategy;

/// A move that evens something out.
struct Move {
    slot: Slot,
    to: Index,
    ports: Vec<PortBinding>,
    /// What is counted, and how many the two hosts have of it.
    what: String,
    more: u32,
    fewer: u32,
}

impl<'a> Placer<'a> {
    /// Does as many moves as a person asked for at most: first each service by itself, then all containers; and again, since each
    /// move may make room for another. Says whether anything moved.
    pub(super) fn even_out(&mut self, known: &Known<'a>) -> bool {
        let Some(most) = self.asked.rebalance else { return false };
        let mut left = most;
        let mut places = self.movable(known);
        let kinds: Vec<Arc<Kind<'a>>> = self
            .kinds
            .iter()
            .filter(|kind| places.contains_key(&kind.at))
            .cloned()
            .collect();
        let mut before = None;
        while before != Some(left) {
            before = Some(left);
            for kind in &kinds {
                while left > 0
                    && let Some(found) = self.even_service(kind, &places)
                {
                    self.go(kind, found, &mut places);
                    left -= 1;
                }
            }
            while left > 0
                && let Some((kind, found)) = self.even_hosts(&kinds, &places)
            {
                self.go(&kind, found, &mut places);
                left -= 1;
            }
        }
        left < most
    }

    /// The replicas that may be moved, by service: those that run and stay, whose service is spread and writes to no host.
    fn movable(&self, known: &Known<'a>) -> BTreeMap<Index, BTreeMap<Slot, Index>> {
        let mut all: BTreeMap<Index, BTreeMap<Slot, Index>> = BTreeMap::new();
        for (slot, assignment) in &self.done.slots {
            let Some(kind) = self.kind(&slot.service) else { continue };
            let spread = match kind.service.placing.strategy {
                Strategy::Spread => !kind.is_stateful,
                Strategy::Binpack | Strategy::Random => false,
            };
            let replicated = match kind.service.mode {
                Mode::Replicated(_) => true,
                Mode::Global | Mode::ReplicatedJob(_) | Mode::GlobalJob => false,
            };
            let at = known.by_name.get(&assignment.host);
            if let Some(at) = at.filter(|_| spread && replicated && *assignment.reason == Reason::Stays) {
                all.entry(kind.at).or_default().insert(slot.clone(), *at);
            }
        }
        all
    }

    /// How many more of a service's replicas stand where one host is than where another is: of the outermost groups that part
    /// them, else on the hosts themselves. One of the first host's was let go already, which the groups do not know.
    fn lead(&self, kind: &Kind<'_>, groups: &Groups, from: Index, to: Index) -> i64 {
        let mut pairs = groups.path(from).iter().zip(groups.path(to));
        match pairs.find(|(a, b)| a != b) {
            Some((a, b)) => i64::from(groups.replicas(*a)) - i64::from(groups.replicas(*b)),
            None => self.host_lead(kind, from, to),
        }
    }

    fn host_lead(&self, kind: &Kind<'_>, from: Index, to: Index) -> i64 {
        i64::from(self.crowds.on(kind.at, from)) + 1 - i64::from(self.crowds.on(kind.at, to))
    }

    /// Whether a replica stands no worse on another host but for the counts: by what is near, and by what keeps failing. Those
    /// that are to be near it keep another one of it where it was.
    fn is_as_good(&self, kind: &Kind<'_>, bonds: &Bonds<'_>, from: Index, to: Index) -> bool {
        let fails = |host: Index| kind.failing.contains(&host);
        let mut others = self.kinds.iter().filter(|other| other.at != kind.at);
        let followed = others.any(|other| {
            other
                .service
                .placing
                .affinity
                .iter()
                .any(|wish| wish.service == *kind.name)
        });
        let stays = !followed || self.crowds.on(kind.at, from) > 0;
        stays && bonds.score(to) >= bonds.score(from) && (!fails(to) || fails(from))
    }

    /// A move that evens a service out: from where it stands most crowded that another place would take one from.
    fn even_service(&mut self, kind: &Arc<Kind<'a>>, places: &BTreeMap<Index, BTreeMap<Slot, Index>>) -> Option<Move> {
        let groups = self.groups(kind, self.crowds.of(kind.at));
        let crowd = |host: Index| -> Vec<u32> {
            let path = groups.path(host).iter().map(|group| groups.replicas(*group));
            path.chain([self.crowds.on(kind.at, host)]).collect()
        };
        let own = places.get(&kind.at)?;
        let last: BTreeMap<Index, &Slot> = own.iter().map(|(slot, host)| (*host, slot)).collect();
        let sources = last.into_iter().map(|(host, slot)| (crowd(host), host, slot));
        // Where there is one, nobody can have two fewer.
        let mut sources: Vec<(Vec<u32>, Index, &Slot)> = sources
            .filter(|(crowd, ..)| crowd.iter().any(|count| *count > 1))
            .collect();
        sources.sort_by(|(a, at, _), (b, other, _)| b.cmp(a).then(at.cmp(other)));
        for (_, from, slot) in sources {
            let ports = self.ports_of(slot);
            self.release(from, kind, &ports);
            let found = self.less_crowded(kind, slot, from, &groups);
            self.take(from, kind, &ports);
            if let Some((to, ports)) = found {
                return Some(Move {
                    slot: slot.clone(),
                    to,
                    ports,
                    what: format!("{} replicas", kind.name),
                    more: self.crowds.on(kind.at, from),
                    fewer: self.crowds.on(kind.at, to),
                });
            }
        }
        None
    }

    /// The best host for a replica that was let go, of those with two fewer than where it was.
    fn less_crowded(
        &self,
        kind: &Arc<Kind<'a>>,
        slot: &Slot,
        from: Index,
        groups: &Groups,
    ) -> Option<(Index, Vec<PortBinding>)> {
        let bonds = Bonds::new(self, kind);
        let mut candidates = self.candidates(kind, &bonds);
        loop {
            let (to, ports) = self.best(slot, kind, &bonds, &mut candidates, |_| Vec::new())?;
            if self.lead(kind, groups, from, to) >= 2 && self.is_as_good(kind, &bonds, from, to) {
                return Some((to, ports));
            }
            candidates.drop(to);
        }
    }

    /// A move that evens all containers out, from the fullest host to the emptiest that takes one, and that makes no service
    /// less even.
    fn even_hosts(
        &mut self,
        kinds: &[Arc<Kind<'a>>],
        places: &BTreeMap<Index, BTreeMap<Slot, Index>>,
    ) -> Option<(Arc<Kind<'a>>, Move)> {
        let rooms = self.rooms.iter().enumerate();
        let mut emptiest: Vec<(u32, Index)> = rooms.map(|(at, room)| (room.containers_in_all(), at)).collect();
        emptiest.sort_unstable();
        let mut fullest = emptiest.clone();
        fullest.sort_by(|(a, at), (b, other)| b.cmp(a).then(at.cmp(other)));
        for (more, from) in fullest {
            if emptiest.first().is_none_or(|(fewer, _)| fewer + 1 >= more) {
                break;
            }
            for kind in kinds {
                let own = places.get(&kind.at).into_iter().flatten();
                let Some((slot, _)) = own.rev().find(|(_, host)| **host == from) else {
                    continue;
                };
                let ports = self.ports_of(slot);
                self.release(from, kind, &ports);
                let found = self.emptier(kind, (from, more), &emptiest);
                self.take(from, kind, &ports);
                if let Some((fewer, to, ports)) = found {
                    let found = Move {
                        slot: slot.clone(),
                        to,
                        ports,
                        what: "containers".to_owned(),
                        more,
                        fewer,
                    };
                    return Some((Arc::clone(kind), found));
                }
            }
        }
        None
    }

    /// The emptiest host that takes a replica which was let go: of the same groups, and with fewer of the service than there were,
    /// so that the service stands as evenly as before.
    fn emptier(
        &self,
        kind: &Arc<Kind<'a>>,
        (from, more): (Index, u32),
        emptiest: &[(u32, Index)],
    ) -> Option<(u32, Index, Vec<PortBinding>)> {
        let groups = self.groups(kind, self.crowds.of(kind.at));
        let bonds = Bonds::new(self, kind);
        let mut better = emptiest.iter().take_while(|(fewer, _)| fewer + 1 < more);
        better.find_map(|(fewer, to)| {
            let even = groups.path(from) == groups.path(*to) && self.host_lead(kind, from, *to) >= 1;
            let ports = self.try_room(*to, kind, &bonds, &[]).ok().filter(|_| even)?;
            self.is_as_good(kind, &bonds, from, *to).then_some((*fewer, *to, ports))
        })
    }

    fn ports_of(&self, slot: &Slot) -> Vec<PortBinding> {
        let assignment = self.done.slots.get(slot);
        assignment
            .map(|assignment| assignment.ports.clone())
            .unwrap_or_default()
    }

    fn go(&mut self, kind: &Kind<'a>, found: Move, places: &mut BTreeMap<Index, BTreeMap<Slot, Index>>) {
        let Move {
            slot,
            to,
            ports,
            what,
            more,
            fewer,
        } = found;
        let from = places.get_mut(&kind.at).and_then(|own| own.remove(&slot));
        let names = from.and_then(|from| Some((self.rooms.get(from)?.name.clone(), self.rooms.get(to)?.name.clone())));
        let (Some(at), Some((from, host))) = (from, names) else {
            return;
        };
        self.release(at, kind, &self.ports_of(&slot));
        self.take(to, kind, &ports);
        let from = (from, more);
        self.assign(slot, host, ports, Reason::Evened { what, from, to: fewer });
    }
}
