//! Services whose update has stopped: they are left alone until they change in git or a person says otherwise, or go back to what was
//! before. Which these are is `scale`'s and the caller's.

use crate::diff::depends::hold_back;
use crate::diff::{Diff, ServiceDiff, SlotDiff, Verdict};
use crate::model::journal::Halt;
use crate::model::name::{ClusterName, ServiceName, aborted_name, retired_name};
use crate::model::text::SharedText;
use crate::place::live::{Standing, Standings};
use crate::render::{ServiceTarget, Target};

/// Takes out what would be done to these services. What is as git says already stays so, and is no longer told. A way back that was
/// cut off is walked to its end.
pub(super) fn leave<'a>(diff: &mut Diff<'a>, target: &Target, standing: &Standings<'a>) {
    for (name, halted) in &target.halted {
        let Some(service) = diff.services.get_mut(name) else {
            continue;
        };
        if service.slots.iter().all(|slot| is_as_wanted(slot, halted.how)) {
            continue;
        }
        let why = halted.how.to_string();
        hold_back(&mut service.slots, &why);
        for slot in &mut service.slots {
            if let Verdict::Remove { .. } = slot.verdict {
                slot.verdict = Verdict::Waits { stands: true };
                slot.why = SharedText::from(why.as_str());
            }
        }
        match halted.how {
            Halt::RolledBack => restore_all(service, name, target, standing),
            Halt::Paused | Halt::Canary => {}
        }
    }
}

/// Whether a replica is of the version that git wants already, and is not on its way back: then nobody need say that it comes.
fn is_as_wanted(slot: &SlotDiff<'_>, how: Halt) -> bool {
    match slot.verdict {
        Verdict::Start { .. } => how != Halt::RolledBack || !slot.is_update(),
        Verdict::Keep | Verdict::Doubled | Verdict::Unknown => true,
        Verdict::Create { .. }
        | Verdict::Update { .. }
        | Verdict::Replace { .. }
        | Verdict::Move { .. }
        | Verdict::Run { .. }
        | Verdict::Restore { .. }
        | Verdict::Remove { .. }
        | Verdict::Unplaced
        | Verdict::Waits { .. } => false,
    }
}

/// Lets the replicas of services whose update goes back be what they were before, where that still stands; all else stays as it is.
pub(super) fn abort<'a>(diff: &mut Diff<'a>, target: &Target, standing: &Standings<'a>) {
    for name in target.aborted.keys() {
        let Some(service) = diff.services.get_mut(name) else {
            continue;
        };
        service.fields.clear();
        hold_back(&mut service.slots, "nothing of it was before its update");
        service.slots.retain(|slot| slot.verdict != Verdict::Doubled);
        restore_all(service, name, target, standing);
    }
}

/// Lets those of a service's replicas go back of which something still stands that was before.
fn restore_all<'a>(service: &mut ServiceDiff<'a>, name: &ServiceName, target: &Target, standing: &Standings<'a>) {
    let beside = target.services.get(name).is_some_and(ServiceTarget::starts_first);
    for slot in &mut service.slots {
        restore(slot, standing.of(&slot.slot), &target.cluster, beside);
    }
}

fn restore<'a>(slot: &mut SlotDiff<'a>, standings: &[Standing<'a>], cluster: &ClusterName, beside: bool) {
    let named = |name: String| standings.iter().find(move |one| one.name == name);
    let (retired, aside) = (
        named(retired_name(cluster, &slot.slot)),
        named(aborted_name(cluster, &slot.slot)),
    );
    let in_place = |on: &Standing<'a>| {
        let host = on.host.clone();
        standings.iter().find(move |one| one.in_place && *one.host == host)
    };
    // Where what was put aside is all that is left of it, the old one has its name again.
    let (old, new) = match (retired, aside) {
        (Some(old), _) => (old, in_place(old)),
        (None, Some(aside)) => match in_place(aside) {
            Some(old) => (old, None),
            None => return,
        },
        (None, None) => return,
    };
    slot.host = Some(old.host.clone());
    slot.from = None;
    slot.fields.clear();
    slot.why = "back to what it was before its update".into();
    slot.extras = aside.cloned().into_iter().collect();
    slot.verdict = Verdict::Restore {
        old: Box::new(old.clone()),
        new: new.cloned().map(Box::new),
        beside,
    };
}
