//! Moves that a person asks for are planned alone: what git changed beside them is left out, and waits for `apply`. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::diff::depends::Grounds;
use crate::diff::{Diff, Verdict, diff};
use crate::model::journal::JournalEnd;
use crate::model::name::{HostName, ServiceName, Slot};
use crate::model::problem::Problem;
use crate::model::setting::PortBinding;
use crate::observe::Observed;
use crate::place::asked::Asked;
use crate::place::live::{Standing, Standings, newest_record};
use crate::place::place;
use crate::place::reason::Reason;
use crate::plan::guard::{Guard, GuardKind};
use crate::render::render;
use crate::resolve::desired::Desired;

/// What git alone would do, were nothing asked for.
pub(super) struct Base<'s> {
    asked: &'s Asked,
    /// The replicas that it leaves as they are.
    still: BTreeSet<Slot>,
    /// Those that stand twice since the last apply was cut off: perhaps this one.
    unfinished: BTreeSet<Slot>,
    /// The services that are not as git says, and the first thing that isn't.
    differ: BTreeMap<ServiceName, String>,
}

impl<'s> Base<'s> {
    /// # Errors
    /// Texts that do not render for their replica.
    pub(super) fn new(
        asked: &'s Asked,
        desired: &Desired,
        observed: &Observed,
        counts: &BTreeMap<ServiceName, u32>,
    ) -> Result<Self, Vec<Problem>> {
        let (placement, standing) = place(desired, observed, counts, &Asked::default());
        let target = render(desired, &placement)?;
        let difference = diff(&target, &placement, observed, &standing);
        let slots = || difference.services.values().flat_map(|service| &service.slots);
        let cut_off = newest_record(observed).is_some_and(|record| record.end != JournalEnd::Done);
        let doubled = slots().filter(|slot| cut_off && slot.verdict == Verdict::Doubled);
        let mut base = Self {
            asked,
            still: BTreeSet::new(),
            unfinished: doubled.map(|slot| slot.slot.clone()).collect(),
            differ: BTreeMap::new(),
        };
        for slot in slots() {
            let moves = asked.moves.contains_key(&slot.slot) || base.unfinished.contains(&slot.slot);
            match differs(&slot.verdict) {
                Differs::No => {
                    base.still.insert(slot.slot.clone());
                }
                Differs::Nowhere => {}
                Differs::Place(_) if moves => {}
                Differs::Place(how) | Differs::Otherwise(how) => {
                    let what = format!("{} {how}", slot.slot);
                    base.differ.entry(slot.slot.service.clone()).or_insert(what);
                }
            }
        }
        Ok(base)
    }

    /// Leaves in only what a person asked to be moved, and what must follow it. Says which services can't be touched, since they
    /// are not as git says.
    pub(super) fn narrow(&self, difference: &mut Diff<'_>, grounds: Grounds<'_>) -> Vec<Guard> {
        for service in difference.services.values_mut() {
            let slots = &mut service.slots;
            slots.retain(|slot| self.is_asked(grounds, &slot.slot) || self.still.contains(&slot.slot));
        }
        difference.services.retain(|_, service| {
            let acts = |verdict: &Verdict<'_>| match differs(verdict) {
                Differs::No | Differs::Nowhere => false,
                Differs::Place(_) | Differs::Otherwise(_) => true,
            };
            let mut slots = service.slots.iter();
            slots.any(|slot| self.is_asked(grounds, &slot.slot) || acts(&slot.verdict))
        });
        difference.networks.clear();
        let differ = difference.services.keys();
        let differ = differ.filter_map(|name| Some((name, self.differ.get(name)?)));
        let guards = differ.map(|(name, what)| {
            let why = format!("{name} is not as git says ({what}), and only what is can be moved");
            refuse(why, "`cdk apply` first")
        });
        guards.collect()
    }

    /// Which replicas can't move because their ports are held by what only `apply` would take away.
    pub(super) fn blocked(&self, difference: &Diff<'_>, standing: &Standings<'_>) -> Vec<Guard> {
        let slots = || difference.services.values().flat_map(|service| &service.slots);
        let name = |one: &Standing<'_>| (one.host.clone(), one.name.to_string());
        let going: BTreeSet<(HostName, String)> = slots().flat_map(|slot| &slot.extras).map(name).collect();
        let stays = standing.all().iter();
        let stays = stays.filter(|one| one.is_live() && !going.contains(&name(one)));
        let stays: Vec<&Standing<'_>> = stays.collect();
        let mut guards = Vec::new();
        for slot in slots() {
            let (Verdict::Move { spec } | Verdict::Create { spec }, Some(host)) = (&slot.verdict, &slot.host) else {
                continue;
            };
            let takes = |held: &PortBinding| {
                spec.ports()
                    .any(|own| (own.protocol, own.host) == (held.protocol, held.host))
            };
            let holder = stays.iter().filter(|one| one.host == host).find_map(|one| {
                let mut held = one.ports.into_iter().flatten();
                Some((one, held.find(|held| takes(held))?))
            });
            guards.extend(holder.map(|(one, port)| {
                let (port, protocol, by) = (port.host, port.protocol, &one.container.owner.slot);
                let why = format!(
                    "{} can't be moved to {host} now: {by} still holds port {port}/{protocol} there",
                    slot.slot
                );
                refuse(why, "`cdk apply` first")
            }));
        }
        guards
    }

    /// Whether a replica is one that is to be moved.
    fn is_asked(&self, grounds: Grounds<'_>, slot: &Slot) -> bool {
        let named = self.asked.moves.contains_key(slot) || self.unfinished.contains(slot);
        let assignment = grounds.placement.slots.get(slot);
        named || assignment.is_some_and(|assignment| matches!(*assignment.reason, Reason::Evened { .. }))
    }

    /// Which of the replicas that are to be moved are held back, because what they depend on can't be had.
    pub(super) fn held(&self, difference: &Diff<'_>, grounds: Grounds<'_>) -> Vec<Guard> {
        let slots = difference.services.values().flat_map(|service| &service.slots);
        let waits = slots.filter(|slot| matches!(slot.verdict, Verdict::Waits { .. }));
        let waits = waits.filter(|slot| self.is_asked(grounds, &slot.slot));
        let guards = waits.map(|slot| {
            let why = format!("{} can't be moved: it {}", slot.slot, slot.why);
            refuse(why, "see to that first")
        });
        guards.collect()
    }
}

fn refuse(why: String, cure: &str) -> Guard {
    let (kind, cure) = (GuardKind::Asked, cure.to_owned());
    Guard { kind, why, cure }
}

/// How a replica is not as git says.
enum Differs {
    /// It is.
    No,
    /// It fits nowhere: not for `apply` to put right. That a move makes room for it waits for `apply` all the same.
    Nowhere,
    /// Only by where it stands, or that it does.
    Place(&'static str),
    /// By what it is.
    Otherwise(&'static str),
}

fn differs(verdict: &Verdict<'_>) -> Differs {
    match verdict {
        Verdict::Keep | Verdict::Unknown => Differs::No,
        Verdict::Unplaced => Differs::Nowhere,
        Verdict::Start { .. } => Differs::Place("is to be started"),
        Verdict::Move { .. } => Differs::Place("must leave its host"),
        Verdict::Doubled => Differs::Place("stands twice"),
        Verdict::Create { .. } => Differs::Place("is missing"),
        Verdict::Update { .. } | Verdict::Replace { .. } | Verdict::Restore { .. } => Differs::Otherwise("differs"),
        Verdict::Run { .. } => Differs::Otherwise("is to run"),
        Verdict::Remove { .. } => Differs::Otherwise("is one too many"),
        Verdict::Waits { .. } => Differs::Otherwise("waits for what it depends on"),
    }
}
