//! Services whose update has stopped: they are left alone until they change in git or a person says otherwise, or go back to what was
//! before. Which these are is `scale`'s and the caller's.

use std::collections::BTreeMap;

use crate::diff::depends::hold_back;
use crate::diff::{Diff, SlotDiff, Verdict};
use crate::model::journal::Halted;
use crate::model::name::{ClusterName, ServiceName, retired_name};
use crate::model::text::SharedText;
use crate::place::live::{Standing, Standings};
use crate::render::{ServiceTarget, Target};

/// Takes out what would be done to these services. What is as git says already stays so, and is no longer told.
pub(super) fn leave(diff: &mut Diff<'_>, halted: &BTreeMap<ServiceName, Halted>) {
    for (name, halted) in halted {
        let Some(service) = diff.services.get_mut(name) else {
            continue;
        };
        let why = halted.how.to_string();
        hold_back(&mut service.slots, &why);
        for slot in &mut service.slots {
            if let Verdict::Remove { .. } = slot.verdict {
                slot.verdict = Verdict::Waits { stands: true };
                slot.why = SharedText::from(why.as_str());
            }
        }
    }
}

/// Lets the replicas of services whose update goes back be what they were before, where that still stands; all else stays as it is.
pub(super) fn abort<'a>(diff: &mut Diff<'a>, target: &Target, standing: &Standings<'a>) {
    for name in target.aborted.keys() {
        let Some(service) = diff.services.get_mut(name) else {
            continue;
        };
        let beside = target.services.get(name).is_some_and(ServiceTarget::starts_first);
        service.fields.clear();
        hold_back(&mut service.slots, "nothing of it was before its update");
        service.slots.retain(|slot| slot.verdict != Verdict::Doubled);
        for slot in &mut service.slots {
            restore(slot, standing.of(&slot.slot), &target.cluster, beside);
        }
    }
}

fn restore<'a>(slot: &mut SlotDiff<'a>, standings: &[Standing<'a>], cluster: &ClusterName, beside: bool) {
    let retired = retired_name(cluster, &slot.slot);
    let Some(old) = standings.iter().find(|one| one.name == retired) else {
        return;
    };
    let new = standings.iter().find(|one| one.in_place && one.host == old.host);
    slot.host = Some(old.host.clone());
    slot.from = None;
    slot.fields.clear();
    slot.why = "back to what it was before its update".into();
    slot.extras.clear();
    slot.verdict = Verdict::Restore {
        old: Box::new(old.clone()),
        new: new.cloned().map(Box::new),
        beside,
    };
}
