//! Which containers a difference leaves where they are, which go, and which are made. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diff::{Diff, SlotDiff, Verdict};
use crate::model::name::HostName;
use crate::model::replica::ReplicaSpec;
use crate::place::live::{Standing, Standings};
use crate::render::firewall::Ends;

impl Verdict<'_> {
    /// The container that is made for it.
    pub fn made(&self) -> Option<&Arc<ReplicaSpec>> {
        match self {
            Self::Create { spec }
            | Self::Replace { spec, .. }
            | Self::Move { spec }
            | Self::Run { spec, here: None, .. } => Some(spec),
            Self::Run { here: Some(_), .. }
            | Self::Waits { .. }
            | Self::Keep
            | Self::Update { .. }
            | Self::Start { .. }
            | Self::Restore { .. }
            | Self::Remove { .. }
            | Self::Doubled
            | Self::Unknown
            | Self::Unplaced => None,
        }
    }
}

impl<'a> SlotDiff<'a> {
    /// The containers that go when the replica is worked on; those that do its work until then among them.
    pub fn going(&self) -> Vec<&Standing<'a>> {
        let mut all: Vec<&Standing<'a>> = self.extras.iter().collect();
        match &self.verdict {
            Verdict::Replace { old, drop, .. } => all.extend(old.as_deref().into_iter().chain(drop)),
            Verdict::Run { gone, .. } => all.extend(gone),
            Verdict::Restore { new, .. } => all.extend(new.as_deref()),
            Verdict::Remove { gone } => all.push(gone),
            Verdict::Waits { .. }
            | Verdict::Keep
            | Verdict::Create { .. }
            | Verdict::Move { .. }
            | Verdict::Update { .. }
            | Verdict::Start { .. }
            | Verdict::Doubled
            | Verdict::Unknown
            | Verdict::Unplaced => {}
        }
        all
    }
}

fn named<'x>(one: &'x Standing<'_>) -> (&'x HostName, &'x str) {
    (one.host, &one.name)
}

/// What a difference leaves where it is, and what it makes. What is stopped stays too: it may be what an update goes back to, or a job that
/// has run.
pub fn ends<'s, 'a>(diff: &'s Diff<'a>, standing: &'s Standings<'a>) -> Ends<'s, 'a> {
    let slots = || diff.services.values().flat_map(|service| &service.slots);
    let going: BTreeSet<_> = slots().flat_map(SlotDiff::going).map(named).collect();
    let back = slots().filter_map(|slot| {
        let Verdict::Restore { old, .. } = &slot.verdict else {
            return None;
        };
        Some(named(old))
    });
    let back: BTreeSet<_> = back.collect();
    let stays = |one: &&Standing<'a>| back.contains(&named(one)) || !going.contains(&named(one));
    let made = slots().filter_map(|slot| match (&slot.verdict, slot.verdict.made()) {
        (_, Some(spec)) => Some((&slot.slot, spec.ports().cloned().collect())),
        // What the placement says of it is the one that goes.
        (Verdict::Restore { .. }, None) => Some((&slot.slot, Vec::new())),
        (_, None) => None,
    });
    Ends {
        staying: standing.all().iter().filter(stays).collect(),
        made: made.collect(),
    }
}
