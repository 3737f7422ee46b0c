//! From the difference to steps: `Plan`, as plain data that is printed, saved and executed as one and the same value. Pure.

pub mod change;
pub mod guard;
pub mod lint;
pub mod rollout;
pub mod step;

mod address;
mod back;
mod build;
mod depends;
mod file;
mod firewall;
mod how;
mod images;
mod inert;
mod job;
mod keep;
mod network;
pub mod number;
mod ops;
mod order;
mod ready;
mod roll;
mod switch;
mod tell;
mod unit;

use std::collections::{BTreeMap, BTreeSet};

use crate::diff::Diff;
use crate::model::host::ObservedHost;
use crate::model::name::{HostName, ServiceName};
use crate::model::order::JobVersion;
use crate::model::policy::RollbackScope;
use crate::model::scope::Scope;
use crate::observe::Observed;
use crate::place::asked::Asked;
use crate::place::live::{Standings, newest_record};
use crate::place::{HostAnswer, Placement};
use crate::plan::build::Builder;
use crate::plan::step::{Note, Plan};
use crate::render::Target;

/// All that a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// What is wanted, host by host.
    pub target: &'a Target,
    /// The versions of the services that are updated.
    pub versions: &'a BTreeMap<ServiceName, JobVersion>,
    /// What a service that is taken back takes along.
    pub rollback: RollbackScope,
    /// Where every replica stands, and why.
    pub placement: &'a Placement,
    /// What was seen.
    pub observed: &'a Observed,
    /// What of it stands.
    pub standing: &'a Standings<'a>,
    /// What differs.
    pub diff: &'a Diff<'a>,
}

/// Makes the plan: the steps that take the hosts from what was seen to what is wanted, and the words for it.
pub fn plan(input: Input<'_>) -> Plan {
    let Input {
        target,
        placement,
        observed,
        diff,
        ..
    } = input;
    let mut work = Builder::new(input).build();
    let answers = placement
        .hosts
        .iter()
        .filter(|(_, answer)| **answer == HostAnswer::Answers);
    let mut notes = tell::notes(input);
    if work.steps.is_empty() {
        // Nothing is left of it.
        notes.retain(|note| !matches!(note, Note::Interrupted { .. }));
    }
    notes.extend(images::notes(input, &work.steps));
    notes.extend(firewall::notes(input));
    notes.extend(address::notes(input));
    let hosts: Vec<HostName> = answers
        .filter(|(host, _)| observed.hosts.get(*host).and_then(ObservedHost::state).is_some())
        .map(|(host, _)| host.clone())
        .collect();
    let digests = tell::digests(target, observed);
    let mut memory = tell::memory(input, keep::files(input, &work.steps), &work.rollouts);
    memory.firewall = firewall::is_remembered(input);
    memory.addresses = address::is_remembered(input);
    let tidy = keep::tidy(input, &hosts, &digests, &memory, &mut work.steps);
    Plan {
        tidy,
        cluster: target.cluster.clone(),
        revision: target.revision.clone(),
        services: tell::services(diff, target, &work.rollouts),
        networks: work.networks,
        firewalls: firewall::changes(input),
        addresses: address::changes(input),
        notes,
        steps: work.steps,
        rollouts: work.rollouts,
        placement: tell::placement(input),
        digests,
        jobs: placement.jobs.succeeded.clone(),
        depends_on: depends::to_record(input),
        sequence: newest_record(observed).map_or(0, |record| record.sequence) + 1,
        hosts,
        memory,
        forgets: BTreeSet::new(),
        asked: Asked::default(),
        scope: Scope::default(),
        rollback: input.rollback,
        pinned: false,
    }
}
