//! Composes the pure floors: what git wants and what is live, to a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::diff::depends::{Grounds, hold};
use crate::diff::firewall::differs;
use crate::diff::staying::ends;
use crate::diff::{Diff, diff};
use crate::flow::asked::Base;
use crate::flow::failure::Failure;
use crate::flow::guard::{self, History};
use crate::flow::past::{self, past};
use crate::flow::secret::{self, Encrypted};
use crate::flow::{Seen, Settings};
use crate::model::host::ObservedHost;
use crate::model::journal::{Halt, JournalRecord};
use crate::model::name::{HostName, ServiceName};
use crate::model::problem::{Problem, Rejected};
use crate::model::scope::Part;
use crate::observe::Observed;
use crate::place::asked::Asked;
use crate::place::live::{Standings, newest_record};
use crate::place::place;
use crate::plan::guard::Guard;
use crate::plan::step::{Note, Plan};
use crate::plan::{Input, plan};
use crate::render::address::{Addresses, addresses};
use crate::render::firewall::{Firewalls, firewalls, found};
use crate::render::network::clashes;
use crate::render::{Target, render};
use crate::resolve::accepted::SameKey;
use crate::resolve::desired::Desired;
use crate::scale::counts;
use crate::scale::version::{halted, versions};
use crate::source::Repository;

/// A plan, and what it was made from.
#[derive(Debug)]
pub struct Planned {
    /// What git wants.
    pub desired: Desired,
    /// What is live.
    pub observed: Observed,
    /// What apply would do.
    pub plan: Plan,
    /// The secrets that its files hold, encrypted.
    pub encrypted: Encrypted,
    /// How long the hosts took to say what is live.
    pub took: Duration,
}

/// The plan for what was seen, narrowed to the hosts and services that the caller names; `missing` says of each registry
/// without a password why there is none.
///
/// # Errors
/// Where a named host does not answer, or a per-replica template does not render.
pub fn plan_from(settings: &Settings, seen: Seen, missing: &BTreeMap<String, String>) -> Result<Planned, Failure> {
    let Seen {
        desired,
        mut observed,
        took,
    } = seen;
    fits(settings)?;
    let forgets = forget(settings, &desired, &mut observed)?;
    let history = history(settings, &desired, &observed)?;
    all_named_answer(settings, &observed)?;
    let counts = counts(&desired, &observed);
    let (placement, standing) = place(&desired, &observed, &counts, &settings.asked);
    let mut target = render(&desired, &placement).map_err(rejected)?;
    let clashes = clashes(&target, &observed);
    if !clashes.is_empty() && settings.scope.has(Part::Services) {
        return Err(rejected(clashes));
    }
    let last = newest_record(&observed);
    retried(settings, &desired, last)?;
    target.halted = halted(&desired, &observed, last, &settings.asked.taken_up());
    target.take_up(&settings.asked, last);
    let mut encrypted = past::encrypted(&desired);
    let mut difference = diff(&target, &placement, &observed, &standing);
    // Reading earlier revisions takes time, which only a file that differs is worth.
    if difference.has_files() {
        for earlier in past(settings, &target, &observed) {
            let counts = self::counts(&earlier, &observed);
            let (placement, _) = place(&earlier, &observed, &counts, &settings.asked);
            let rendered = render(&earlier, &placement);
            target
                .past
                .extend(rendered.map(|target| target.blobs).unwrap_or_default());
            encrypted.extend(past::encrypted(&earlier));
        }
        difference = diff(&target, &placement, &observed, &standing);
    }
    let base = settings
        .asked
        .is_alone()
        .then(|| Base::new(&settings.asked, &desired, &observed, &counts))
        .transpose()
        .map_err(rejected)?;
    let grounds = Grounds {
        target: &target,
        placement: &placement,
        observed: &observed,
    };
    let impossible = narrow(settings, base.as_ref(), &mut difference, grounds, &standing);
    // Only rules go by it.
    let ends = desired.firewall.as_ref().map(|_| ends(&difference, &standing));
    let walls = firewalls(&desired, &placement, &ends.unwrap_or_default(), &observed);
    let homes = addresses(&desired, &placement, &observed);
    let left = put(settings, (walls, homes), (&difference, &observed), &mut target)?;
    let versions = versions(&desired, &observed, difference.updated());
    let mut plan = plan(Input {
        target: &target,
        versions: &versions,
        rollback: desired.cluster.rollback,
        placement: &placement,
        observed: &observed,
        standing: &standing,
        diff: &difference,
    });
    plan.pinned = settings.pinned;
    plan.asked = settings.asked.clone();
    plan.scope = settings.scope.clone();
    plan.forgets = forgets;
    plan.notes.extend(left);
    plan.notes.extend(impossible.into_iter().map(Note::Refused));
    plan.notes.extend(told(&desired).chain(unasked(missing)));
    let refused = guard::notes(&plan, &desired, &observed, &history, missing);
    plan.notes.extend(refused);
    Ok(Planned {
        desired,
        observed,
        plan,
        encrypted,
        took,
    })
}

/// That the hosts which are named answer.
fn all_named_answer(settings: &Settings, observed: &Observed) -> Result<(), Failure> {
    for name in &settings.scope.hosts {
        if let Some(ObservedHost::Unreachable(why)) = observed.hosts.get(name) {
            return Err(Failure::Unreachable(format!("{name} is unreachable: {why}")));
        }
    }
    Ok(())
}

/// That nothing is asked for of a part that is not planned.
fn fits(settings: &Settings) -> Result<(), Failure> {
    let asks = !settings.scope.services.is_empty() || !settings.asked.is_nothing();
    match settings.scope.has(Part::Services) || !asks {
        true => Ok(()),
        false => Err(Failure::Usage(
            "--only firewall plans no replicas: leave it out, or what is asked for of them".to_owned(),
        )),
    }
}

/// The services that are worked on and nothing beside them, where that is so: those that are named, or those of which something is moved.
fn alone(settings: &Settings, difference: &Diff<'_>) -> Option<BTreeSet<ServiceName>> {
    let named = &settings.scope.services;
    if !named.is_empty() {
        return Some(named.clone());
    }
    let moved = || difference.services.keys().cloned().collect();
    settings.asked.is_alone().then(moved)
}

/// Puts into the target what the firewalls are to be, and where the public addresses belong; where firewalls are not planned, says which of
/// them are not as git says.
fn put(
    settings: &Settings,
    (walls, homes): (Result<Firewalls, Vec<Problem>>, Result<Addresses, Vec<Problem>>),
    (difference, observed): (&Diff<'_>, &Observed),
    target: &mut Target,
) -> Result<Option<Note>, Failure> {
    let (mut problems, mut left) = (Vec::new(), None);
    match (walls, settings.scope.has(Part::Firewall)) {
        (Ok(walls), true) => target.firewalls = walls,
        (Err(wrong), true) => problems.extend(wrong),
        (Ok(walls), false) => left = left_alone(&walls, target, observed),
        // What they would be refused for keeps nothing else from being done.
        (Err(wrong), false) => left = wrong.first().map(refused_anyway),
    }
    match (homes, settings.scope.has(Part::Services)) {
        (Ok(homes), true) => target.addresses = homes,
        (Err(wrong), true) => problems.extend(wrong),
        (_, false) => {}
    }
    if !problems.is_empty() {
        return Err(rejected(problems));
    }
    narrow_firewalls(settings, target);
    let alone = alone(settings, difference);
    if let Some(alone) = &alone {
        target.firewalls.follow_only(alone, observed);
    }
    target.addresses.narrow(&settings.scope, alone.as_ref());
    Ok(left)
}

/// That firewalls are not planned, and what keeps them from it.
fn refused_anyway(problem: &Problem) -> Note {
    let message = &problem.message;
    Note::Text(format!(
        "firewalls stay as they are: --only says nothing of them. With them this would be refused: {message}"
    ))
}

/// That firewalls are not as git says, and stay so.
fn left_alone(walls: &Firewalls, target: &Target, observed: &Observed) -> Option<Note> {
    let differing = found(observed).filter(|(host, live)| differs(walls, &target.cluster, host, live));
    let hosts: Vec<&str> = differing.map(|(host, _)| host.as_str()).collect();
    (!hosts.is_empty()).then(|| {
        Note::Text(format!(
            "the firewall of {} is not as git says, and stays as it is: --only says nothing of it",
            hosts.join(", ")
        ))
    })
}

/// Where only some hosts or parts are applied, the others' replicas stay where they are: nothing is closed to them.
fn narrow_firewalls(settings: &Settings, target: &mut Target) {
    let scope = &settings.scope;
    target.firewalls.hosts.retain(|host, _| scope.has_host(host));
    target.firewalls.unasked.retain(|host| scope.has_host(host));
    target.firewalls.removes &= scope.hosts.is_empty();
    if !scope.hosts.is_empty() || !scope.has(Part::Services) {
        for firewall in target.firewalls.hosts.values_mut() {
            firewall.wanted = firewall.open.clone();
        }
    }
}

/// Only what failed can be tried again.
fn retried(settings: &Settings, desired: &Desired, last: Option<&JournalRecord>) -> Result<(), Failure> {
    let Asked {
        retry, promote, abort, ..
    } = &settings.asked;
    let how = |name: &ServiceName| Some(last?.memory.halted.get(name)?.how);
    let all = [("--retry", retry), ("promote", promote), ("abort", abort)];
    for (word, name) in all
        .iter()
        .flat_map(|(word, names)| names.iter().map(move |name| (*word, name)))
    {
        let wrong = if !desired.services.contains_key(name) {
            "git has no such service"
        } else {
            match (word, how(name)) {
                (_, None) => "its last update was neither paused nor rolled back, and no canary of it waits",
                ("--retry", Some(Halt::Canary)) => "its canary waits: `cdk promote` or `cdk abort`",
                ("promote", Some(Halt::RolledBack)) => "its update was rolled back already",
                (_, Some(Halt::Paused | Halt::RolledBack | Halt::Canary)) => continue,
            }
        };
        return Err(Failure::Usage(format!("{word} {name}: {wrong}")));
    }
    Ok(())
}

/// That registries have no password, and secrets are weak.
fn unasked(missing: &BTreeMap<String, String>) -> impl Iterator<Item = Note> {
    let missing = missing.iter();
    let missing = missing.map(|(registry, why)| format!("no password for {registry}: {why}"));
    missing.chain(secret::warning()).map(Note::Text)
}

/// What git says that is not in force yet, one note for each key.
fn told(desired: &Desired) -> impl Iterator<Item = Note> {
    let keys = desired.not_in_force_by_key().into_iter();
    keys.map(|(key, SameKey { of, all })| Note::NotInForce {
        key: key.to_owned(),
        of: of.into_iter().map(str::to_owned).collect(),
        paths: all.into_iter().map(|one| one.path.clone()).collect(),
    })
}

/// Gives hosts up: from here on it is as if the journal had said so already. Gives back those that it did not know of.
fn forget(settings: &Settings, desired: &Desired, observed: &mut Observed) -> Result<BTreeSet<HostName>, Failure> {
    let newest = newest_record(observed).cloned();
    let mut new = BTreeSet::new();
    for name in &settings.forget {
        if desired.hosts.contains_key(name) {
            let cure = "remove it there first, or write `state: down`";
            return Err(Failure::Usage(format!(
                "--forget {name}: it stands in hosts.yaml; {cure}"
            )));
        }
        let known = newest.as_ref().filter(|record| {
            let placed = record.placement.values().any(|placed| placed.host == *name);
            placed || record.memory.hosts.contains_key(name) || record.memory.forgotten.contains(name)
        });
        let Some(record) = known else {
            return Err(Failure::Usage(format!(
                "--forget {name}: the journal knows no such host"
            )));
        };
        if !record.memory.forgotten.contains(name) {
            new.insert(name.clone());
        }
    }
    for state in observed.hosts.values_mut().filter_map(ObservedHost::state_mut) {
        for record in &mut state.journal {
            record.memory.forgotten.extend(new.iter().cloned());
        }
    }
    Ok(new)
}

/// How the commit stands to the one that is live, and to those of other clusters.
fn history(settings: &Settings, desired: &Desired, observed: &Observed) -> Result<History, Failure> {
    let Some(ours) = &desired.revision.commit else {
        return Ok(History::default());
    };
    let repository = Repository::find(&settings.directory)?;
    let states = || observed.hosts.values().filter_map(ObservedHost::state);
    let mut history = History::default();
    if let Some(record) = newest_record(observed)
        && let Some(live) = &record.revision
    {
        history.live = Some((record.clone(), repository.relation(ours, live)?));
    }
    for other in states().flat_map(|state| state.other_clusters.values()) {
        for revision in &other.revisions {
            if !history.others.contains_key(revision) {
                let relation = repository.relation(ours, revision)?;
                history.others.insert(revision.clone(), relation);
            }
        }
    }
    Ok(history)
}

/// Takes out what happens elsewhere than on the hosts and to the services that the caller names, and all that is not asked for
/// where moves are. Says what of these can't be.
fn narrow<'a>(
    settings: &Settings,
    base: Option<&Base<'_>>,
    difference: &mut Diff<'a>,
    grounds: Grounds<'_>,
    standing: &Standings<'_>,
) -> Vec<Guard> {
    let scope = &settings.scope;
    let is_whole = scope.services.is_empty() && scope.hosts.is_empty() && scope.has(Part::Services);
    if is_whole && base.is_none() {
        return Vec::new();
    }
    let whole = difference.clone();
    difference.narrowed = true;
    if !scope.has(Part::Services) {
        difference.services.clear();
        difference.networks.clear();
    }
    if !scope.services.is_empty() {
        difference.services.retain(|name, _| scope.services.contains(name));
        // They are others' too.
        difference.networks.clear();
    }
    if !scope.hosts.is_empty() {
        difference.networks.retain(|it| scope.hosts.contains(&it.host));
        for service in difference.services.values_mut() {
            service.slots.retain(|slot| {
                // A move has two ends, and is done whole or not at all.
                let ends = slot.host.iter().chain(&slot.from);
                ends.clone().count() > 0 && ends.clone().all(|host| scope.hosts.contains(host))
            });
        }
    }
    let mut impossible = base.map(|base| base.narrow(difference, grounds)).unwrap_or_default();
    hold(difference, Some(&whole), grounds);
    if let Some(base) = base {
        impossible.extend(base.held(difference, grounds));
        impossible.extend(base.blocked(difference, standing));
    }
    impossible
}

fn rejected(problems: Vec<Problem>) -> Failure {
    let texts = BTreeMap::new();
    Rejected { problems, texts }.into()
}
