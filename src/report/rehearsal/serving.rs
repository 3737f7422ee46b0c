//! How many replicas of each service served while an apply was played: a fold of when each container did.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::name::{ServiceName, Slot};
use crate::plan::step::{Action, Plan, SlotChange};
use crate::report::rehearsal::{Rehearsal, millis};
use crate::sim::world::Served;

/// The least that served of a service. A replica serves while one of its containers is healthy, or runs where it has no health
/// check; what stands on a silent host does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Least {
    /// The service.
    pub service: ServiceName,
    /// How many replicas it is to have.
    pub replicas: usize,
    /// How many served before.
    pub before: usize,
    /// How many served at the least.
    pub fewest: usize,
    /// When that was so for the first time.
    pub at_ms: u64,
    /// For how long in all.
    pub for_ms: u64,
    /// How many served at the end.
    pub after: usize,
}

/// A stretch of time in which a container served.
pub(super) struct Stretch<'r> {
    pub(super) served: &'r Served,
    pub(super) from: Duration,
    pub(super) until: Duration,
}

/// When containers served while it was played; a silent host's serve no longer.
pub(super) fn stretches<'r>(rehearsal: &'r Rehearsal) -> Vec<Stretch<'r>> {
    let end = rehearsal.outcome.took;
    let silent = |served: &Served| {
        let silences = rehearsal.faults.silences.iter();
        let of = silences.filter(|silence| silence.host == served.host);
        of.map(|silence| silence.at.0).min()
    };
    let stretch = |served: &'r Served| {
        let ends = served.until.into_iter().chain(silent(served)).min();
        let (from, until) = (served.from?, ends.unwrap_or(Duration::MAX).min(end));
        // What serves at the very end counts there, too.
        (from < until || (from == end && until == end)).then_some(Stretch { served, from, until })
    };
    rehearsal.served.iter().filter_map(stretch).collect()
}

/// The least of each service that the plan changes, or that does not serve throughout as before; jobs serve nobody.
pub(super) fn least(rehearsal: &Rehearsal) -> Vec<Least> {
    let stretches = stretches(rehearsal);
    let mut by_service: BTreeMap<&ServiceName, Vec<&Stretch<'_>>> = BTreeMap::new();
    for stretch in &stretches {
        by_service
            .entry(&stretch.served.slot.service)
            .or_default()
            .push(stretch);
    }
    let plan = &rehearsal.plan;
    let jobs = jobs(plan);
    let services = plan.services.iter().filter(|change| !jobs.contains(&change.service));
    let all = services.filter_map(|change| {
        let own = by_service.get(&change.service).map(Vec::as_slice).unwrap_or_default();
        let wanted = change.slots.iter().filter(|slot| is_wanted(slot)).count();
        let least = fold(&change.service, wanted, own, rehearsal.outcome.took);
        let changes = change
            .slots
            .iter()
            .any(|slot| !matches!(slot.action, Action::Keep | Action::Unknown));
        // What is to have no replica serves nobody, and has no least.
        (wanted > 0 && (changes || least.fewest < least.before)).then_some(least)
    });
    match rehearsal.outcome.took.is_zero() {
        true => Vec::new(),
        false => all.collect(),
    }
}

/// The services that are jobs, as far as the plan runs them.
fn jobs(plan: &Plan) -> BTreeSet<&ServiceName> {
    let changes = plan.services.iter();
    let jobs = changes.filter(|change| change.slots.iter().any(|slot| slot.action == Action::Run));
    let before = plan.jobs.keys().map(|slot| &slot.service);
    jobs.map(|change| &change.service).chain(before).collect()
}

fn is_wanted(change: &SlotChange) -> bool {
    match change.action {
        Action::Keep
        | Action::Create
        | Action::Update
        | Action::Start
        | Action::Replace
        | Action::Move
        | Action::Run
        | Action::Unknown
        | Action::Unplaced
        | Action::Wait
        | Action::Hold => true,
        Action::Remove => false,
    }
}

/// Walks through the moments at which something begins or ends to serve.
fn fold(service: &ServiceName, replicas: usize, stretches: &[&Stretch<'_>], end: Duration) -> Least {
    let mut moments: BTreeMap<Duration, Vec<(&Slot, bool)>> = BTreeMap::from([(Duration::ZERO, Vec::new())]);
    for stretch in stretches {
        let slot = &stretch.served.slot;
        moments.entry(stretch.from).or_default().push((slot, true));
        if stretch.until < end {
            moments.entry(stretch.until).or_default().push((slot, false));
        }
    }
    let mut serving: BTreeMap<&Slot, usize> = BTreeMap::new();
    let mut counts: Vec<(Duration, usize)> = Vec::new();
    for (at, changes) in &moments {
        for (slot, begins) in changes {
            let number = serving.entry(*slot).or_default();
            *number = if *begins { *number + 1 } else { number.saturating_sub(1) };
        }
        counts.push((*at, serving.values().filter(|number| **number > 0).count()));
    }
    let ends = counts.iter().skip(1).map(|(at, _)| *at).chain([end]);
    let spans: Vec<(Duration, Duration, usize)> = counts
        .iter()
        .zip(ends)
        .map(|((from, count), until)| (*from, until.saturating_sub(*from), *count))
        .collect();
    let lasting = spans.iter().filter(|(_, lasts, _)| !lasts.is_zero());
    let (at, _, fewest) = lasting.min_by_key(|(_, _, count)| *count).copied().unwrap_or_default();
    let whole: Duration = spans
        .iter()
        .filter(|(_, _, count)| *count == fewest)
        .map(|(_, lasts, _)| *lasts)
        .sum();
    Least {
        service: service.clone(),
        replicas,
        before: counts.first().map(|(_, count)| *count).unwrap_or_default(),
        fewest,
        at_ms: millis(at),
        for_ms: millis(whole),
        after: counts.last().map(|(_, count)| *count).unwrap_or_default(),
    }
}
