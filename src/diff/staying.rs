//! Which containers a difference leaves where they are, and which go. Pure.

use std::collections::BTreeSet;

use crate::diff::{Diff, SlotDiff, Verdict};
use crate::model::name::HostName;
use crate::place::live::{Standing, Standings};

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

/// Those that serve and are left alone, and those that come back to serve.
pub fn staying<'s, 'a>(diff: &Diff<'a>, standing: &'s Standings<'a>) -> Vec<&'s Standing<'a>> {
    let slots = || diff.services.values().flat_map(|service| &service.slots);
    let going: BTreeSet<_> = slots().flat_map(SlotDiff::going).map(named).collect();
    let back = slots().filter_map(|slot| {
        let Verdict::Restore { old, .. } = &slot.verdict else {
            return None;
        };
        Some(named(old))
    });
    let back: BTreeSet<_> = back.collect();
    let stays = |one: &&Standing<'a>| {
        let name = named(one);
        back.contains(&name) || (one.is_live() && !going.contains(&name))
    };
    standing.all().iter().filter(stays).collect()
}
