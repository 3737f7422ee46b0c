//! What has to wait because what it depends on can't be had now. What can be had later in the same plan is ordered by `plan`.

use std::collections::{BTreeMap, BTreeSet};

use crate::diff::{Diff, SlotDiff, Verdict};
use crate::model::container::{ContainerState, Health};
use crate::model::host::ObservedHost;
use crate::model::name::{HostName, ServiceName, container_name};
use crate::model::order::{Condition, Dependency};
use crate::model::text::SharedText;
use crate::observe::Observed;
use crate::place::Placement;
use crate::place::live::newest_record;
use crate::render::Target;

/// A container that stays as it is and is not well yet, for which others wait.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unsettled {
    /// The service that it is a replica of.
    pub service: ServiceName,
    /// Its host.
    pub host: HostName,
    /// Its name there.
    pub name: String,
}

/// All that tells what can be had.
#[derive(Debug, Clone, Copy)]
pub struct Grounds<'g> {
    /// What is wanted.
    pub target: &'g Target,
    /// Where it stands.
    pub placement: &'g Placement,
    /// What was seen.
    pub observed: &'g Observed,
}

/// Holds back what depends on what can't be had. `whole` is the difference before services and hosts were left out of
/// it; none where nothing was.
pub fn hold<'a>(diff: &mut Diff<'a>, whole: Option<&Diff<'a>>, grounds: Grounds<'_>) {
    let mut unsettled = BTreeSet::new();
    for name in in_order(grounds.target) {
        let Some(service) = grounds.target.services.get(name) else {
            continue;
        };
        let begins = diff.services.get(name).into_iter().flat_map(|service| &service.slots);
        if !begins.into_iter().any(|slot| stands_before(&slot.verdict).is_some()) {
            continue;
        }
        let mut obstacle = None;
        for (to, Dependency { condition, required }) in &service.depends_on {
            let side = Side {
                name: to,
                slots: slots(diff, whole, to),
                grounds,
            };
            let missing = match condition {
                Condition::ServiceCompletedSuccessfully => side.not_run(),
                Condition::ServiceStarted | Condition::ServiceHealthy => side.nothing_stands(),
            };
            let missing = missing.or_else(|| failed(to, grounds.target).filter(|_| is_changed(diff, name)));
            obstacle = obstacle.or(missing.filter(|_| *required));
            match condition {
                Condition::ServiceHealthy => unsettled.extend(side.unsettled()),
                Condition::ServiceStarted | Condition::ServiceCompletedSuccessfully => {}
            }
        }
        if let (Some(why), Some(service)) = (obstacle, diff.services.get_mut(name)) {
            hold_back(&mut service.slots, &why);
        }
    }
    diff.unsettled = unsettled;
    hold_removals(diff, grounds);
}

/// Why what was written for the new version of a service has to wait: that failed.
fn failed(to: &ServiceName, target: &Target) -> Option<String> {
    let halted = target.halted.get(to)?;
    Some(format!("waits for {to}: {}", halted.how))
}

/// Whether something of a service is to be another than it is.
fn is_changed(diff: &Diff<'_>, name: &ServiceName) -> bool {
    let mut slots = diff.services.get(name).into_iter().flat_map(|service| &service.slots);
    slots.any(|slot| slot.is_update() || matches!(slot.verdict, Verdict::Run { .. }))
}

/// What git knows no more stays while one that depended on it by the last apply is held back, and so goes on as it was.
fn hold_removals(diff: &mut Diff<'_>, grounds: Grounds<'_>) {
    let Some(record) = newest_record(grounds.observed) else {
        return;
    };
    let waits = |name: &ServiceName, diff: &Diff<'_>| {
        let mut slots = diff.services.get(name).into_iter().flat_map(|service| &service.slots);
        slots.any(|slot| slot.verdict == Verdict::Waits { stands: true })
    };
    for (dependant, needs) in &record.depends_on {
        if !waits(dependant, diff) {
            continue;
        }
        for name in needs.iter().filter(|name| !grounds.target.services.contains_key(*name)) {
            for slot in diff
                .services
                .get_mut(name)
                .into_iter()
                .flat_map(|service| &mut service.slots)
            {
                if let Verdict::Remove { .. } = slot.verdict {
                    slot.verdict = Verdict::Waits { stands: true };
                    slot.why = format!("{dependant} waits, and needs it until then").into();
                }
            }
        }
    }
}

pub(super) fn hold_back(slots: &mut Vec<SlotDiff<'_>>, why: &str) {
    let (mut held, why) = (BTreeSet::new(), SharedText::from(why));
    for slot in slots.iter_mut() {
        if let Some(stands) = stands_before(&slot.verdict) {
            slot.verdict = Verdict::Waits { stands };
            slot.extras.clear();
            slot.host = slot.from.take().or(slot.host.take());
            slot.why = why.clone();
            held.insert(slot.slot.clone());
        }
    }
    slots.retain(|slot| slot.verdict != Verdict::Doubled || !held.contains(&slot.slot));
}

/// Of a replica that is to be worked on, whether something of it stands before that.
pub(super) fn stands_before(verdict: &Verdict<'_>) -> Option<bool> {
    match verdict {
        Verdict::Create { .. } | Verdict::Run { .. } => Some(false),
        Verdict::Start { here } | Verdict::Update { here, .. } => Some(here.is_live()),
        Verdict::Replace { old, .. } => Some(old.as_ref().is_some_and(|old| old.is_live())),
        Verdict::Move { .. } | Verdict::Restore { .. } => Some(true),
        Verdict::Keep
        | Verdict::Remove { .. }
        | Verdict::Doubled
        | Verdict::Unknown
        | Verdict::Unplaced
        | Verdict::Waits { .. } => None,
    }
}

/// A replica of a service that others depend on, and whether this plan works on it.
type Of<'s, 'a> = (&'s SlotDiff<'a>, bool);

fn slots<'s, 'a>(diff: &'s Diff<'a>, whole: Option<&'s Diff<'a>>, name: &ServiceName) -> Vec<Of<'s, 'a>> {
    let of = |diff: &'s Diff<'a>| diff.services.get(name).into_iter().flat_map(|one| &one.slots);
    let own: BTreeMap<_, _> = of(diff).map(|slot| (&slot.slot, slot)).collect();
    let left_out = whole
        .into_iter()
        .flat_map(of)
        .filter(|slot| !own.contains_key(&slot.slot));
    let own = of(diff).map(|slot| (slot, true));
    own.chain(left_out.map(|slot| (slot, false))).collect()
}

/// A service that another depends on.
struct Side<'s, 'a> {
    name: &'s ServiceName,
    slots: Vec<Of<'s, 'a>>,
    grounds: Grounds<'s>,
}

impl Side<'_, '_> {
    /// The replicas that git wants.
    fn wanted(&self) -> impl Iterator<Item = &Of<'_, '_>> {
        let placement = self.grounds.placement;
        self.slots.iter().filter(|(slot, _)| {
            let slot = &slot.slot;
            placement.slots.contains_key(slot)
                || placement.unplaced.contains_key(slot)
                || placement.finished.contains(slot)
        })
    }

    /// Why a job can't be taken to have run by the end of this plan.
    fn not_run(&self) -> Option<String> {
        self.wanted().find_map(|(slot, planned)| {
            let what = match (&slot.verdict, planned) {
                (Verdict::Keep | Verdict::Restore { .. } | Verdict::Remove { .. } | Verdict::Doubled, _) => {
                    return None;
                }
                (
                    Verdict::Run { .. }
                    | Verdict::Create { .. }
                    | Verdict::Update { .. }
                    | Verdict::Start { .. }
                    | Verdict::Replace { .. }
                    | Verdict::Move { .. },
                    true,
                ) => return None,
                (Verdict::Unknown, _) => format!("{}, and nobody knows whether it has run", slot.why),
                (Verdict::Unplaced | Verdict::Waits { .. }, _) => slot.why.to_string(),
                (
                    Verdict::Run { .. }
                    | Verdict::Create { .. }
                    | Verdict::Update { .. }
                    | Verdict::Start { .. }
                    | Verdict::Replace { .. }
                    | Verdict::Move { .. },
                    false,
                ) => "it has not run, and is left out of this plan".to_owned(),
            };
            Some(format!("waits for {}: {what}", slot.slot))
        })
    }

    /// Why nothing of a service can be taken to stand by the end of this plan. What is on a host that doesn't answer may.
    fn nothing_stands(&self) -> Option<String> {
        let mut why = None;
        for (slot, planned) in self.wanted() {
            let missing = match &slot.verdict {
                Verdict::Keep
                | Verdict::Restore { .. }
                | Verdict::Remove { .. }
                | Verdict::Doubled
                | Verdict::Unknown => return None,
                Verdict::Unplaced if slot.host.is_some() => return None,
                Verdict::Waits { stands: true } => return None,
                Verdict::Unplaced | Verdict::Waits { stands: false } => slot.why.to_string(),
                Verdict::Create { .. }
                | Verdict::Update { .. }
                | Verdict::Start { .. }
                | Verdict::Replace { .. }
                | Verdict::Move { .. }
                | Verdict::Run { .. } => {
                    if *planned || stands_before(&slot.verdict) == Some(true) {
                        return None;
                    }
                    "it does not run, and is left out of this plan".to_owned()
                }
            };
            why.get_or_insert_with(|| format!("waits for {}: {missing}", slot.slot));
        }
        why
    }

    /// The replicas that stay as they are, but are not well yet.
    fn unsettled(&self) -> Vec<Unsettled> {
        let Grounds { target, observed, .. } = self.grounds;
        let stays = self.wanted().filter(|(slot, planned)| match slot.verdict {
            Verdict::Keep => true,
            Verdict::Start { .. } | Verdict::Update { .. } => !planned,
            Verdict::Create { .. }
            | Verdict::Replace { .. }
            | Verdict::Move { .. }
            | Verdict::Run { .. }
            | Verdict::Restore { .. }
            | Verdict::Remove { .. }
            | Verdict::Doubled
            | Verdict::Unknown
            | Verdict::Unplaced
            | Verdict::Waits { .. } => false,
        });
        let of = stays.filter_map(|(slot, _)| {
            let (host, name) = (slot.host.as_ref()?, container_name(&target.cluster, &slot.slot));
            let state = observed.hosts.get(host).and_then(ObservedHost::state)?;
            let mut containers = state.containers.iter();
            let live =
                containers.find(|live| live.owner.slot == slot.slot && (live.name.is_empty() || live.name == name))?;
            let waits = match live.state {
                ContainerState::Running { health } => match health {
                    Some(Health::Starting | Health::Unhealthy) => true,
                    Some(Health::Healthy) | None => false,
                },
                ContainerState::Restarting => true,
                ContainerState::Created
                | ContainerState::Paused
                | ContainerState::Exited { .. }
                | ContainerState::Dead => false,
            };
            let (service, host) = (self.name.clone(), host.clone());
            waits.then_some(Unsettled { service, host, name })
        });
        of.collect()
    }
}

/// The services of git, each after those that it depends on.
fn in_order(target: &Target) -> Vec<&ServiceName> {
    let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
    let mut stack: Vec<(&ServiceName, bool)> = target.services.keys().rev().map(|name| (name, false)).collect();
    while let Some((name, entered)) = stack.pop() {
        if entered {
            order.push(name);
        } else if seen.insert(name) {
            stack.push((name, true));
            let needs = target
                .services
                .get(name)
                .into_iter()
                .flat_map(|one| one.depends_on.keys());
            stack.extend(needs.filter(|need| !seen.contains(need)).map(|need| (need, false)));
        }
    }
    order
}
