//! Moves that a person asks for are planned alone: what git changed beside them is left out, and waits for `apply`. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::diff::depends::Grounds;
use crate::diff::{Diff, Verdict, diff};
use crate::model::name::{ServiceName, Slot};
use crate::model::problem::Problem;
use crate::observe::Observed;
use crate::place::asked::Asked;
use crate::place::place;
use crate::place::reason::Reason;
use crate::plan::step::{Guard, GuardKind};
use crate::render::render;
use crate::resolve::desired::Desired;

/// What git alone would do, were nothing asked for.
pub(super) struct Base {
    /// The replicas that it leaves as they are.
    still: BTreeSet<Slot>,
    /// The services that are not as git says, and the first thing that isn't.
    differ: BTreeMap<ServiceName, String>,
}

impl Base {
    /// # Errors
    /// Texts that do not render for their replica.
    pub(super) fn new(
        desired: &Desired,
        observed: &Observed,
        counts: &BTreeMap<ServiceName, u32>,
    ) -> Result<Self, Vec<Problem>> {
        let placement = place(desired, observed, counts, &Asked::default());
        let target = render(desired, &placement)?;
        let mut base = Self {
            still: BTreeSet::new(),
            differ: BTreeMap::new(),
        };
        for (name, service) in diff(&target, &placement, observed).services {
            for slot in service.slots {
                match differs(&slot.verdict) {
                    Some(how) => {
                        let what = format!("{} {how}", slot.slot);
                        base.differ.entry(name.clone()).or_insert(what);
                    }
                    // What fits nowhere is not for `apply` to put right; that a move makes room for it waits for that all the same.
                    None if slot.verdict == Verdict::Unplaced => {}
                    None => {
                        base.still.insert(slot.slot);
                    }
                }
            }
        }
        Ok(base)
    }

    /// Leaves in only what a person asked to be moved, and what must follow it. Says which services can't be touched, since they
    /// are not as git says.
    pub(super) fn narrow(&self, difference: &mut Diff<'_>, grounds: Grounds<'_>) -> Vec<Guard> {
        for service in difference.services.values_mut() {
            service
                .slots
                .retain(|slot| is_asked(grounds, &slot.slot) || self.still.contains(&slot.slot));
        }
        difference.services.retain(|_, service| {
            let mut slots = service.slots.iter();
            slots.any(|slot| is_asked(grounds, &slot.slot) || differs(&slot.verdict).is_some())
        });
        difference.networks.clear();
        let differ = difference
            .services
            .keys()
            .filter_map(|name| Some((name, self.differ.get(name)?)));
        let guards = differ.map(|(name, what)| {
            let why = format!("{name} is not as git says ({what}), and only what is can be moved");
            refuse(why, "`cdk apply` first")
        });
        guards.collect()
    }
}

/// Which of the replicas that a person moves are held back, because what they depend on can't be had.
pub(super) fn held(difference: &Diff<'_>, grounds: Grounds<'_>) -> Vec<Guard> {
    let slots = difference.services.values().flat_map(|service| &service.slots);
    let waits = slots.filter(|slot| match slot.verdict {
        Verdict::Waits { .. } => is_asked(grounds, &slot.slot),
        Verdict::Keep
        | Verdict::Create { .. }
        | Verdict::Update { .. }
        | Verdict::Start { .. }
        | Verdict::Replace { .. }
        | Verdict::Move { .. }
        | Verdict::Run { .. }
        | Verdict::Remove { .. }
        | Verdict::Doubled
        | Verdict::Unknown
        | Verdict::Unplaced => false,
    });
    let guards = waits.map(|slot| {
        refuse(
            format!("{} can't be moved: it {}", slot.slot, slot.why),
            "see to that first",
        )
    });
    guards.collect()
}

fn refuse(why: String, cure: &str) -> Guard {
    let (kind, cure) = (GuardKind::Asked, cure.to_owned());
    Guard { kind, why, cure }
}

/// Whether a replica goes where it goes because a person asked for moves.
fn is_asked(grounds: Grounds<'_>, slot: &Slot) -> bool {
    let assignment = grounds.placement.slots.get(slot);
    assignment.is_some_and(|assignment| match assignment.reason {
        Reason::Asked { .. } | Reason::Evened { .. } => true,
        Reason::Stays
        | Reason::Data
        | Reason::Held
        | Reason::Gone
        | Reason::Best(_)
        | Reason::Left { .. }
        | Reason::Lost(_)
        | Reason::FailedOver(_)
        | Reason::Global => false,
    })
}

/// How a replica is not as git says; none where it is, or where there is nothing that apply could do about it.
fn differs(verdict: &Verdict<'_>) -> Option<&'static str> {
    match verdict {
        Verdict::Keep | Verdict::Unknown | Verdict::Unplaced => None,
        Verdict::Create { .. } => Some("is missing"),
        Verdict::Update { .. } | Verdict::Replace { .. } => Some("differs"),
        Verdict::Start { .. } => Some("is to be started"),
        Verdict::Move { .. } => Some("must leave its host"),
        Verdict::Run { .. } => Some("is to run"),
        Verdict::Remove { .. } => Some("is one too many"),
        Verdict::Doubled => Some("stands twice"),
        Verdict::Waits { .. } => Some("waits for what it depends on"),
    }
}
