//! Canaries: of a service that changes only a few replicas are updated, and a person says whether the others follow.

use std::collections::BTreeSet;

use crate::diff::depends::hold_back;
use crate::diff::{Diff, SlotDiff, Verdict};
use crate::model::name::Slot;
use crate::model::policy::Strategy;
use crate::render::Target;

/// Leaves the first few replicas of each canary to be updated, those that are of the new version already counted among them.
pub(super) fn cut(diff: &mut Diff<'_>, target: &Target) {
    for (name, service) in &target.services {
        let Strategy::Canary(first) = service.policy.strategy else {
            continue;
        };
        let Some(one) = diff.services.get_mut(name) else {
            continue;
        };
        if target.has_stopped(name) {
            continue;
        }
        let there = one.slots.iter().filter(|slot| is_new(&slot.verdict)).count();
        let changed = one
            .slots
            .iter()
            .filter(|slot| slot.is_update() && !is_new(&slot.verdict))
            .map(|slot| slot.slot.clone());
        let first = usize::try_from(first).unwrap_or(usize::MAX).saturating_sub(there);
        let rest: BTreeSet<Slot> = changed.skip(first).collect();
        if rest.is_empty() {
            continue;
        }
        let why = format!("waits for `cdk promote {name}`");
        let (mut waits, mut goes): (Vec<SlotDiff<'_>>, Vec<SlotDiff<'_>>) =
            one.slots.drain(..).partition(|slot| rest.contains(&slot.slot));
        hold_back(&mut waits, &why);
        goes.append(&mut waits);
        goes.sort_by(|a, b| a.slot.cmp(&b.slot));
        one.slots = goes;
        diff.canaries.insert(name.clone());
    }
}

/// Whether a replica is of the version that git wants already.
fn is_new(verdict: &Verdict<'_>) -> bool {
    match verdict {
        Verdict::Keep | Verdict::Start { .. } => true,
        Verdict::Create { .. }
        | Verdict::Update { .. }
        | Verdict::Replace { .. }
        | Verdict::Move { .. }
        | Verdict::Run { .. }
        | Verdict::Restore { .. }
        | Verdict::Remove { .. }
        | Verdict::Doubled
        | Verdict::Unknown
        | Verdict::Unplaced
        | Verdict::Waits { .. } => false,
    }
}

impl SlotDiff<'_> {
    /// Whether a replica that stands becomes another than it was: then its version may be at fault where it fails. An update of it
    /// that was cut off, and goes on, is one.
    pub fn is_update(&self) -> bool {
        match &self.verdict {
            Verdict::Replace { .. } | Verdict::Update { .. } => true,
            Verdict::Start { here } => self.extras.iter().any(|one| one.host == here.host),
            Verdict::Keep
            | Verdict::Create { .. }
            | Verdict::Move { .. }
            | Verdict::Run { .. }
            | Verdict::Restore { .. }
            | Verdict::Remove { .. }
            | Verdict::Doubled
            | Verdict::Unknown
            | Verdict::Unplaced
            | Verdict::Waits { .. } => false,
        }
    }
}
