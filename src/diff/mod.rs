//! What differs between what hosts are to hold and what they hold: per replica keep, update, replace, start, move, create or remove, and why. Pure.

pub mod depends;
pub mod field;
pub mod firewall;
pub mod halted;
pub mod network;
pub mod staying;

mod canary;
mod container;
mod effective;
mod file;
mod image;
mod job;
mod limits;
mod runtime;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use thin_vec::ThinVec;

use crate::diff::container::Judge;
use crate::diff::depends::{Grounds, Unsettled, hold};
use crate::diff::field::Difference;
use crate::diff::network::NetworkDiff;
use crate::model::blob::{FileKind, FileWrite};
use crate::model::container::ContainerState;
use crate::model::name::{HostName, ServiceName, Slot, SlotKey};
use crate::model::replica::ReplicaSpec;
use crate::model::setting::{Limits, Restart};
use crate::model::text::SharedText;
use crate::observe::Observed;
use crate::place::live::{Standing, Standings, by_slot};
use crate::place::{HostAnswer, Placement};
use crate::render::Target;

/// A file that changes in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// To this.
    pub to: FileWrite,
    /// What lies there now, where that is known.
    pub back: Option<FileWrite>,
}

/// The files of a replica that change in place, and the signals that tell its program.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reload {
    /// The files.
    pub files: Vec<Rewrite>,
    /// The signals.
    pub signals: BTreeSet<String>,
}

/// What is to happen to one replica.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict<'a> {
    /// Nothing.
    Keep,
    /// It is made.
    Create {
        /// As this.
        spec: Arc<ReplicaSpec>,
    },
    /// It is changed in place.
    Update {
        /// It.
        here: Box<Standing<'a>>,
        /// What it may use from now on.
        limits: Box<Limits>,
        /// What the engine does from now on when it ends.
        restart: Restart,
        /// Its files that change.
        reload: Box<Reload>,
    },
    /// It is as it should be: it gets its own name where it has another, is started where it does not run, and waited for.
    Start {
        /// It.
        here: Box<Standing<'a>>,
    },
    /// It is replaced on its host.
    Replace {
        /// By this.
        spec: Arc<ReplicaSpec>,
        /// What is kept until the new one has proved itself; none where there is nothing worth it.
        old: Option<Box<Standing<'a>>>,
        /// What stands in the way, of an apply that was cut off: it goes first.
        drop: Vec<Standing<'a>>,
        /// Whether the new one starts while the old one runs.
        beside: bool,
    },
    /// It is made on another host than the one that it is on.
    Move {
        /// As this.
        spec: Arc<ReplicaSpec>,
    },
    /// A job that has not run in this version: it is made, or found, and its end is waited for.
    Run {
        /// As this.
        spec: Arc<ReplicaSpec>,
        /// A run of this version that was begun already.
        here: Option<Box<Standing<'a>>>,
        /// What else stands of it, which goes first.
        gone: Vec<Standing<'a>>,
    },
    /// It goes back to what it was before its update, which still stands beside it.
    Restore {
        /// What it was.
        old: Box<Standing<'a>>,
        /// What it is; none where nothing has its name.
        new: Option<Box<Standing<'a>>>,
        /// Whether the old one starts while the new one runs.
        beside: bool,
    },
    /// It goes.
    Remove {
        /// It.
        gone: Box<Standing<'a>>,
    },
    /// It stands on another host too, and goes there once it is up here: an extra of the slot's own entry.
    Doubled,
    /// Its host does not answer.
    Unknown,
    /// It fits nowhere; what stands of it is left alone.
    Unplaced,
    /// What it depends on can't be had now; what stands of it is left alone.
    Waits {
        /// Whether something does.
        stands: bool,
    },
}

/// One replica, and what is to happen to it.
#[derive(Debug, Clone, PartialEq)]
pub struct SlotDiff<'a> {
    /// The replica.
    pub slot: Slot,
    /// What is to happen.
    pub verdict: Verdict<'a>,
    /// The host where it is or will be; none where it fits nowhere.
    pub host: Option<HostName>,
    /// The host that it leaves.
    pub from: Option<HostName>,
    /// What differs on this replica.
    pub fields: ThinVec<Difference>,
    /// Why, for people.
    pub why: SharedText,
    /// Other containers of this replica, which go once it is up: on other hosts, or left by an apply that was cut off.
    pub extras: Vec<Standing<'a>>,
    /// How its container is; none where none was seen.
    pub state: Option<ContainerState>,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServiceDiff<'a> {
    /// What differs alike on all replicas on which anything differs; it is not repeated there.
    pub fields: Vec<Difference>,
    /// Its replicas, by slot.
    pub slots: Vec<SlotDiff<'a>>,
}

/// Everything, by service: those of git, and those that still stand.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Diff<'a> {
    /// By service.
    pub services: BTreeMap<ServiceName, ServiceDiff<'a>>,
    /// Networks that are not as git says, by host and name.
    pub networks: Vec<NetworkDiff>,
    /// Containers that stay as they are, but for which others wait until they are well.
    pub unsettled: BTreeSet<Unsettled>,
    /// The services of which only a few replicas are updated, until a person says whether it goes on.
    pub canaries: BTreeSet<ServiceName>,
    /// Whether something was left out that a person does not want done now.
    pub narrowed: bool,
}

impl Diff<'_> {
    /// The services of which a replica that stands becomes another than it was: only their versions can fail.
    pub fn updated(&self) -> impl Iterator<Item = &ServiceName> {
        let is_updated = |service: &ServiceDiff<'_>| service.slots.iter().any(SlotDiff::is_update);
        let services = self.services.iter();
        let services = services.filter(move |(name, service)| is_updated(service) || self.canaries.contains(*name));
        services.map(|(name, _)| name)
    }

    /// Whether the content of a config or a secret differs anywhere.
    pub fn has_files(&self) -> bool {
        let files = [FileKind::Config, FileKind::Secret].map(FileKind::key);
        let services = self.services.values();
        let mut fields = services.flat_map(|service| {
            let own = service.slots.iter().flat_map(|slot| &slot.fields);
            own.chain(&service.fields)
        });
        fields.any(|field| files.contains(&field.field))
    }
}

/// Compares what is wanted with what was seen, and with what of it stands.
pub fn diff<'a>(target: &Target, placement: &Placement, observed: &'a Observed, standing: &Standings<'a>) -> Diff<'a> {
    // Services have nothing to do with each other here.
    let judged = target.services.par_iter();
    let judged = judged.map(|(name, service)| {
        let judge = Judge::new(target, service, observed);
        judged_service(judge, name, (target, placement), standing)
    });
    let judged: Vec<JudgedService<'_, 'a>> = judged.collect();
    let mut unwanted = Vec::new();
    let mut services: BTreeMap<ServiceName, ServiceDiff<'a>> = BTreeMap::new();
    for (name, one) in target.services.keys().zip(judged) {
        let (slots, fields) = (one.slots, Vec::new());
        services.insert(name.clone(), ServiceDiff { fields, slots });
        unwanted.extend(one.unwanted);
    }
    let others = standing.by_slot();
    unwanted.extend(others.filter(|(slot, _)| !target.services.contains_key(&slot.service)));
    let mut diff = Diff {
        services,
        networks: network::networks(target, observed),
        unsettled: BTreeSet::new(),
        canaries: BTreeSet::new(),
        narrowed: false,
    };
    for (slot, refusal) in &placement.unplaced {
        let host = refusal.stays.as_ref().map(|placed| placed.host.clone());
        push(
            &mut diff,
            [plain(slot, Verdict::Unplaced, host, refusal.to_string().into())],
        );
    }
    unwanted.retain(|(slot, _)| !placement.finished.contains(*slot) && !placement.unplaced.contains_key(*slot));
    for (slot, standings) in unwanted {
        let why = SharedText::from(why_gone(target, placement, slot));
        let gone = standings.iter().cloned().map(|gone| {
            let (host, gone) = (Some(gone.host.clone()), Box::new(gone));
            plain(slot, Verdict::Remove { gone }, host, why.clone())
        });
        push(&mut diff, gone);
    }
    for (host, slots) in &placement.held {
        let unwanted = |slot: &&Slot| !placement.slots.contains_key(*slot) && !placement.unplaced.contains_key(*slot);
        for slot in slots.iter().filter(unwanted) {
            let why = match placement.hosts.get(host) {
                Some(HostAnswer::Gone(_)) => format!("{host} is gone from hosts.yaml, and holds this replica"),
                Some(HostAnswer::Silent(_) | HostAnswer::Answers | HostAnswer::Down) | None => {
                    format!("{host} does not answer; by the journal it holds this replica")
                }
            };
            push(
                &mut diff,
                [plain(slot, Verdict::Unknown, Some(host.clone()), why.into())],
            );
        }
    }
    for service in diff.services.values_mut() {
        service.slots.sort_by(|a, b| a.slot.cmp(&b.slot));
        lift(service);
    }
    canary::cut(&mut diff, target);
    halted::leave(&mut diff, target, standing);
    halted::abort(&mut diff, target, standing);
    let grounds = Grounds {
        target,
        placement,
        observed,
    };
    hold(&mut diff, None, grounds);
    diff
}

/// What is to happen to the wanted replicas of a service, and what else of it stands.
struct JudgedService<'s, 'a> {
    slots: Vec<SlotDiff<'a>>,
    unwanted: Vec<(&'a Slot, &'s [Standing<'a>])>,
}

fn judged_service<'s, 'a>(
    mut judge: Judge<'_, 'a>,
    name: &ServiceName,
    (target, placement): (&Target, &Placement),
    standing: &'s Standings<'a>,
) -> JudgedService<'s, 'a> {
    let mut judged = JudgedService {
        slots: Vec::with_capacity(placement.slots_of(name).count()),
        unwanted: Vec::new(),
    };
    // All three by slot.
    let mut specs = target.containers.range(Slot::first(name)..).peekable();
    let mut there = by_slot(standing.of_service(name)).peekable();
    for (slot, assignment) in placement.slots_of(name) {
        let spec = specs.next_if(|(other, _)| *other == slot).map(|(_, spec)| spec);
        judged
            .unwanted
            .extend(std::iter::from_fn(|| there.next_if(|(other, _)| *other < slot)));
        let standings = there.next_if(|(other, _)| *other == slot);
        let standings = standings.map(|(_, standings)| standings).unwrap_or_default();
        let (own, doubles) = judge.wanted(slot, assignment, spec, standings);
        judged.slots.push(own);
        judged.slots.extend(doubles);
    }
    judged.unwanted.extend(there);
    let finished = placement.finished.range(Slot::first(name)..);
    for slot in finished.take_while(|slot| slot.service == *name) {
        judged.slots.extend(judge.finished(slot, placement, standing.of(slot)));
    }
    judged
}

fn push<'a>(diff: &mut Diff<'a>, slots: impl IntoIterator<Item = SlotDiff<'a>>) {
    for slot in slots {
        if let Some(service) = diff.services.get_mut(&slot.slot.service) {
            service.slots.push(slot);
        } else {
            let name = slot.slot.service.clone();
            diff.services.entry(name).or_default().slots.push(slot);
        }
    }
}

/// An entry that has nothing but its verdict.
fn plain<'a>(slot: &Slot, verdict: Verdict<'a>, host: Option<HostName>, why: SharedText) -> SlotDiff<'a> {
    let state = match &verdict {
        Verdict::Remove { gone } => Some(gone.container.state.clone()),
        Verdict::Keep
        | Verdict::Restore { .. }
        | Verdict::Create { .. }
        | Verdict::Update { .. }
        | Verdict::Start { .. }
        | Verdict::Replace { .. }
        | Verdict::Move { .. }
        | Verdict::Run { .. }
        | Verdict::Waits { .. }
        | Verdict::Doubled
        | Verdict::Unknown
        | Verdict::Unplaced => None,
    };
    SlotDiff {
        state,
        slot: slot.clone(),
        verdict,
        host,
        from: None,
        fields: ThinVec::new(),
        why,
        extras: Vec::new(),
    }
}

/// Why a replica that stands is not wanted.
fn why_gone(target: &Target, placement: &Placement, slot: &Slot) -> String {
    if !target.services.contains_key(&slot.service) {
        return "no longer in git".to_owned();
    }
    match (&slot.key, placement.counts.get(&slot.service)) {
        (SlotKey::Index(_), Some(count)) => format!("scaled down to {count}"),
        (SlotKey::Index(_), None) => "the service is global now".to_owned(),
        (SlotKey::Host(_), Some(_)) => "the service is replicated now".to_owned(),
        (SlotKey::Host(host), None) => match placement.unwanted.get(slot) {
            Some(obstacle) => obstacle.of(host),
            None => match placement.renamed.get(host) {
                Some(name) => format!("{host} is now called {name}"),
                None => format!("{host} is no longer in hosts.yaml"),
            },
        },
    }
}

/// Moves what differs alike on all changed replicas up to the service.
fn lift(service: &mut ServiceDiff<'_>) {
    let mut changed = service.slots.iter().filter(|slot| !slot.fields.is_empty());
    let Some(first) = changed.next() else {
        return;
    };
    let mut common: BTreeSet<Difference> = first.fields.iter().cloned().collect();
    for slot in changed {
        common.retain(|field| slot.fields.contains(field));
    }
    service.fields = first
        .fields
        .iter()
        .filter(|field| common.contains(*field))
        .cloned()
        .collect();
    for slot in &mut service.slots {
        slot.fields.retain(|field| !common.contains(field));
    }
}
