//! What apply refuses unless it was said: a pure look at a plan and at what it was made from. Told in the plan's notes, so that a
//! plan shows it before anybody applies.

use std::collections::{BTreeMap, BTreeSet};

use crate::flow::credentials::variables;
use crate::flow::disk;
use crate::flow::failure::Failure;
use crate::model::journal::JournalRecord;
use crate::model::name::{ClusterName, ServiceName, Slot};
use crate::model::op::{ImageOp, Op};
use crate::model::revision::Relation;
use crate::observe::Observed;
use crate::plan::guard::{Guard, GuardKind};
use crate::plan::step::{Action, Note, Plan, ServiceChange};
use crate::resolve::desired::Desired;

/// What the caller said may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowed {
    /// Uncommitted changes may be applied.
    pub dirty: bool,
    /// More than half of what is there may be removed.
    pub removals: bool,
    /// The cluster is a new one, though its hosts hold another of the same repository.
    pub new_cluster: bool,
}

/// What is known of commits beside the plan.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The newest apply that bore a commit, and how ours stands to it.
    pub(super) live: Option<(JournalRecord, Relation)>,
    /// How ours stands to the commits of other clusters' replicas.
    pub(super) others: BTreeMap<String, Relation>,
}

/// What apply refuses, as notes for the plan; `missing` says of each registry without a password why there is none.
pub(super) fn notes(
    plan: &Plan,
    desired: &Desired,
    observed: &Observed,
    history: &History,
    missing: &BTreeMap<String, String>,
) -> Vec<Note> {
    if plan.is_empty() {
        return Vec::new();
    }
    let guards = [
        dirty(plan),
        removals(plan, observed),
        new_cluster(desired, observed, history),
    ];
    let guards = guards.into_iter().flatten().chain(passwords(plan, missing));
    let full = disk::notes(plan, observed);
    guards
        .map(Note::Refused)
        .chain(age(plan, history))
        .chain(full)
        .collect()
}

/// Whether apply may go on: everything that it refuses at once.
///
/// # Errors
/// What nobody allowed; a variable that a label needs and that is not set.
pub(super) fn guard(plan: &Plan, allowed: Allowed) -> Result<(), Failure> {
    let mut refused: Vec<String> = plan
        .refused()
        .filter(|guard| match guard.kind {
            GuardKind::Dirty => !allowed.dirty,
            GuardKind::Removals => !allowed.removals,
            GuardKind::NewCluster => !allowed.new_cluster,
            GuardKind::Gone | GuardKind::Older | GuardKind::Password | GuardKind::Disk | GuardKind::Asked => true,
        })
        .map(line)
        .collect();
    let (_, unset) = variables(plan);
    if !unset.is_empty() {
        let names: Vec<String> = unset.into_iter().collect();
        refused.push(format!(
            "a container to be made takes a label from the environment, where {} is not set: set it, if only to nothing",
            names.join(", ")
        ));
    }
    told(refused)
}

/// Whether what a person asked for can be.
///
/// # Errors
/// Where it can't.
pub fn possible(plan: &Plan) -> Result<(), Failure> {
    let impossible = plan.refused().filter(|guard| guard.kind == GuardKind::Asked);
    told(impossible.map(line).collect())
}

/// Fails with a line for each that is refused; well where there is none.
fn told(refused: Vec<String>) -> Result<(), Failure> {
    match refused.is_empty() {
        true => Ok(()),
        false => Err(Failure::Guard(refused.join("\n"))),
    }
}

fn line(Guard { kind: _, why, cure }: &Guard) -> String {
    format!("{why}: {cure}")
}

fn refuse(kind: GuardKind, why: String, cure: &str) -> Guard {
    let cure = cure.to_owned();
    Guard { kind, why, cure }
}

fn dirty(plan: &Plan) -> Option<Guard> {
    let why = "the repository has uncommitted changes".to_owned();
    let cure = "commit them, or say --dirty to apply them all the same";
    plan.revision.dirty.then(|| refuse(GuardKind::Dirty, why, cure))
}

/// What is removed and not wanted anywhere else: a replica that was doubled stays in the other place.
fn removals(plan: &Plan, observed: &Observed) -> Option<Guard> {
    let removed = |change: &ServiceChange| {
        let slots = change.slots.iter();
        let staying: BTreeSet<&Slot> = slots
            .clone()
            .filter(|slot| slot.action != Action::Remove)
            .map(|slot| &slot.slot)
            .collect();
        slots
            .filter(|slot| slot.action == Action::Remove && !staying.contains(&slot.slot))
            .count()
    };
    let by_service: Vec<(&ServiceName, usize)> = plan
        .services
        .iter()
        .map(|change| (&change.service, removed(change)))
        .filter(|(_, number)| *number > 0)
        .collect();
    let hosts = observed.hosts.values().filter_map(|host| host.state());
    let there: usize = hosts.map(|state| state.containers.len()).sum();
    let all: usize = by_service.iter().map(|(_, number)| number).sum();
    if all * 2 <= there {
        return None;
    }
    let of: Vec<String> = by_service
        .iter()
        .map(|(service, number)| format!("{number} of {service}"))
        .collect();
    let of = of.join(", ");
    let why = format!("{all} of the cluster's {there} containers would be removed ({of})");
    Some(refuse(
        GuardKind::Removals,
        why,
        "say --allow-removals if that is meant",
    ))
}

/// The cluster is on no host yet, but another one of the same repository is: most likely `cluster.name` was changed, and everything
/// would be made twice. Clusters of different repositories may share hosts freely.
fn new_cluster(desired: &Desired, observed: &Observed, history: &History) -> Option<Guard> {
    let states = || observed.hosts.values().filter_map(|host| host.state());
    if states().any(|state| !state.journal.is_empty() || !state.containers.is_empty()) {
        return None;
    }
    let ours: BTreeSet<&ServiceName> = desired.services.keys().collect();
    let mut others: BTreeMap<&ClusterName, (BTreeSet<&ServiceName>, BTreeSet<&String>)> = BTreeMap::new();
    for (name, other) in states().flat_map(|state| &state.other_clusters) {
        let all = others.entry(name).or_default();
        all.0.extend(&other.services);
        all.1.extend(&other.revisions);
    }
    let (name, services) = others.into_iter().find_map(|(name, (services, revisions))| {
        let same = revisions
            .into_iter()
            .any(|revision| match history.others.get(revision) {
                Some(Relation::Same | Relation::Newer | Relation::Older | Relation::Diverged) => true,
                // Nobody can tell whether it is the same repository: then the same services must do.
                Some(Relation::Unknown { shallow }) => *shallow && services == ours,
                None => false,
            });
        let shared: Vec<&str> = services.intersection(&ours).map(|service| service.as_str()).collect();
        (same && !shared.is_empty()).then(|| (name, shared.join(", ")))
    })?;
    let why = format!(
        "nothing of a cluster {} is on the hosts, but they hold {services} of a cluster {name} that came from this repository",
        desired.cluster.name
    );
    let cure = "if cluster.name was changed, change it back; say --new-cluster if this is another cluster beside it";
    Some(refuse(GuardKind::NewCluster, why, cure))
}

/// Whether the commit is older than the one that is live. Where the repository cannot tell, the commits' dates do.
fn age(plan: &Plan, history: &History) -> Option<Note> {
    let (record, relation) = history.live.as_ref().filter(|_| !plan.pinned)?;
    let live = record.revision.as_deref()?;
    let live = live.get(..7).unwrap_or(live);
    let by = format!("{live}, which {} applied at {}", record.by, record.at);
    let ours = plan.revision.short();
    let dates = record.committed_at.zip(plan.revision.committed_at);
    let cure = "say --rev COMMIT if the older version is meant; `git revert` makes a newer one of it";
    match relation {
        Relation::Same | Relation::Newer => None,
        Relation::Older => {
            let why = format!("{ours} is older than {by}");
            Some(Note::Refused(refuse(GuardKind::Older, why, cure)))
        }
        Relation::Diverged => Some(Note::Text(format!(
            "{ours} does not contain {by}: the two stand on different branches, and what only that one has goes"
        ))),
        Relation::Unknown { shallow } => {
            let clone = if *shallow { "this shallow clone" } else { "this clone" };
            let why = format!("{clone} does not hold {by}");
            Some(match dates {
                Some((live, ours)) if ours < live => {
                    let why = format!("{why}, and the commit here was made earlier");
                    let cure = "fetch it; or say --rev COMMIT if the older version is meant";
                    Note::Refused(refuse(GuardKind::Older, why, cure))
                }
                Some(_) => return None,
                None => Note::Text(format!("{why}: nobody can tell which of the two is older")),
            })
        }
    }
}

fn passwords(plan: &Plan, missing: &BTreeMap<String, String>) -> Vec<Guard> {
    let pulled = plan.steps.iter().filter_map(|step| match &step.op {
        Op::Image(ImageOp::Pull { image, .. }) => Some(image),
        Op::Image(ImageOp::Remove { .. })
        | Op::Container(_)
        | Op::Volume(_)
        | Op::File(_)
        | Op::Network(_)
        | Op::Firewall(_)
        | Op::Address(_)
        | Op::Gate(_) => None,
    });
    let pulled: BTreeSet<_> = pulled.collect();
    let without = pulled
        .into_iter()
        .filter_map(|image| Some((image, missing.get(image.registry()?)?)));
    without
        .map(|(image, why)| {
            let has_to_be = format!("{image} has to be pulled, but there is no password");
            refuse(GuardKind::Password, has_to_be, why)
        })
        .collect()
}
