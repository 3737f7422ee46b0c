//! Affinity and anti-affinity, to replicas and to data: whether what stands near a host lets another one come there, and how well it would stand. No choosing.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::name::ServiceName;
use crate::place::choose::Placer;
use crate::place::crowd::{Grouping, Index};
use crate::place::kind::Kind;
use crate::place::reason::Obstacle;
use crate::resolve::wish::{Affinity, Group, Strength};

/// What a service's replicas are to stand near to, and apart from, as replicas stand at this moment.
pub(super) struct Bonds<'a> {
    all: Vec<Bond<'a>>,
    /// The hosts where its data lies and waits: while there are such, a replica goes nowhere else.
    data: BTreeSet<Index>,
    volume: Option<&'a str>,
}

struct Bond<'a> {
    near: bool,
    per: &'a Group,
    strength: Strength,
    other: &'a ServiceName,
    /// Whether that is the service itself.
    own: bool,
    grouping: Arc<Grouping>,
    /// How many replicas of the other one stand in each group.
    counts: Vec<u32>,
}

impl Bond<'_> {
    fn is_there(&self, host: Index) -> bool {
        let count = self.counts.get(self.grouping.group(host));
        count.is_some_and(|count| *count > 0)
    }
}

impl<'a> Bonds<'a> {
    pub(super) fn new(placer: &Placer<'a>, kind: &Kind<'a>) -> Self {
        let mut bonds = Self {
            all: Vec::new(),
            data: BTreeSet::new(),
            volume: kind.data.first().copied(),
        };
        if !kind.is_bonded() {
            return bonds;
        }
        let placing = &kind.service.placing;
        let near = placing.affinity.iter().map(|wish| (true, wish));
        let apart = placing.anti_affinity.iter().map(|wish| (false, wish));
        for (near, wish) in near.chain(apart) {
            if let Some(other) = placer.kind(&wish.service) {
                bonds.push(placer, near, wish, (other.at, other.name), other.at == kind.at);
            }
        }
        for (other, wish) in &kind.shunned_by {
            if let Some(other) = placer.kinds.get(*other) {
                bonds.push(placer, false, wish, (other.at, other.name), false);
            }
        }
        bonds
    }

    /// With the hosts where its data lies and waits.
    pub(super) fn with_data(self, data: BTreeSet<Index>) -> Self {
        Self { data, ..self }
    }

    fn push(
        &mut self,
        placer: &Placer<'a>,
        near: bool,
        wish: &'a Affinity,
        (at, other): (Index, &'a ServiceName),
        own: bool,
    ) {
        let grouping = Arc::clone(placer.groupings.per(&wish.per));
        let mut counts = vec![0; grouping.count];
        for (host, count) in placer.crowds.of(at) {
            if let Some(sum) = counts.get_mut(grouping.group(host)) {
                *sum += count;
            }
        }
        self.all.push(Bond {
            near,
            per: &wish.per,
            strength: wish.strength,
            other,
            own,
            grouping,
            counts,
        });
    }

    /// Whether what must be so is so on a host.
    pub(super) fn allow(&self, host: Index) -> Result<(), Obstacle> {
        if let Some(volume) = self
            .volume
            .filter(|_| !self.data.is_empty() && !self.data.contains(&host))
        {
            return Err(Obstacle::Elsewhere(volume.to_owned()));
        }
        let required = self.all.iter().filter(|bond| bond.strength == Strength::Required);
        for bond in required {
            let (service, per) = (bond.other.clone(), bond.per.clone());
            match (bond.near, bond.is_there(host)) {
                (true, false) => return Err(Obstacle::NotNear(service, per)),
                (false, true) => return Err(Obstacle::NotApart(service, per)),
                (true, true) | (false, false) => {}
            }
        }
        Ok(())
    }

    /// How well a replica would stand there: the weights of what is near, less those of what should not be.
    pub(super) fn score(&self, host: Index) -> i32 {
        let weights = self.all.iter().map(|bond| match (bond.strength, bond.is_there(host)) {
            (Strength::Weight(weight), true) if bond.near => i32::from(weight),
            (Strength::Weight(weight), true) => -i32::from(weight),
            (Strength::Weight(_), false) | (Strength::Required, _) => 0,
        });
        weights.sum()
    }

    /// The service whose nearness counts most for a host; none where none does.
    pub(super) fn nearest(&self, host: Index) -> Option<&'a ServiceName> {
        let near = self.all.iter().filter(|bond| bond.near && bond.is_there(host));
        let weight = |bond: &&Bond<'_>| match bond.strength {
            Strength::Required => u8::MAX,
            Strength::Weight(weight) => weight,
        };
        near.max_by_key(weight).map(|bond| bond.other)
    }

    /// One more of the service's own replicas stands on a host.
    pub(super) fn take(&mut self, host: Index) {
        self.data.remove(&host);
        self.change(host, |count| count + 1);
    }

    /// One fewer does.
    pub(super) fn release(&mut self, host: Index) {
        self.change(host, |count| count.saturating_sub(1));
    }

    fn change(&mut self, host: Index, change: impl Fn(u32) -> u32) {
        for bond in self.all.iter_mut().filter(|bond| bond.own) {
            if let Some(count) = bond.counts.get_mut(bond.grouping.group(host)) {
                *count = change(*count);
            }
        }
    }
}
