//! The types of a plan: steps, changes, notes. How they come about is the rest of `plan`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use thin_vec::ThinVec;

use crate::model::container::ContainerState;
use crate::model::image::Digest;
use crate::model::journal::{Halted, JournalEnd, Memory, PlacedSlot};
use crate::model::name::{ClusterName, HostName, ServiceName, Slot};
use crate::model::op::Op;
use crate::model::order::JobVersion;
use crate::model::policy::RollbackScope;
use crate::model::revision::Revision;
use crate::model::scope::Scope;
use crate::model::text::SharedText;
use crate::place::asked::Asked;
use crate::plan::change::{AddressDiff, FirewallDiff, NetworkChange};
use crate::plan::guard::Guard;
use crate::plan::rollout::Rollout;

/// The version of the plan's format that this cdk writes; it refuses a newer one.
pub const PLAN_VERSION: u32 = 1;

/// A step's number: its place in [`Plan::steps`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct StepId(pub u32);

/// A few steps: most lists hold one or two, and there are as many of them as steps.
pub type StepIds = SmallVec<[StepId; 4]>;

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What must hold of the host before a step is done, or the host has moved since the plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precondition {
    /// Nothing.
    None,
    /// There is no container of this name.
    Absent {
        /// The name.
        name: SharedText,
    },
    /// The container of this name is the one that was seen when the plan was made.
    Is {
        /// The name.
        name: SharedText,
        /// The engine's id of it.
        id: SharedText,
    },
}

/// One thing to do on one host, and what must come before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Its number.
    pub id: StepId,
    /// The host that it is done on.
    pub host: HostName,
    /// The replica that it is for, where it is for one.
    pub slot: Option<Slot>,
    /// What is done.
    pub op: Op,
    /// What must hold of the host just before.
    pub pre: Precondition,
    /// These must have succeeded.
    pub after: StepIds,
    /// These must have ended, well or not: every pull of a service ends before its first stop.
    #[schemars(with = "Vec<StepId>")]
    pub settled: ThinVec<StepId>,
    /// The way back, in order, once this step was done or tried: all on the same host. Ops that find nothing to undo are no error.
    #[schemars(with = "Vec<Op>")]
    pub undo: ThinVec<Op>,
    /// Why, for people.
    pub why: SharedText,
}

/// What happens to a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It stays as it is.
    Keep,
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// It is started, or waited for: it is as it should be but does not run, or not yet well.
    Start,
    /// It is replaced on its host.
    Replace,
    /// It goes to another host.
    Move,
    /// It is a job's, and runs to its end; or runs already, and its end is waited for.
    Run,
    /// It goes.
    Remove,
    /// Its host does not answer: nothing is known and nothing is done.
    Unknown,
    /// It fits nowhere.
    Unplaced,
    /// It waits for what it depends on, which can't be had now.
    Wait,
    /// The version that git wants of it has failed: it stays as it is until that changes, or a person says otherwise.
    Hold,
}

/// One field that differs, in the words of the YAML.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// The key: `image`, `environment`, `deploy.resources.limits.memory`.
    pub field: String,
    /// Which entry of it, where it is a map or a list: `LOG_LEVEL`.
    pub key: Option<String>,
    /// What it is; none where it is not there. Masked where its name says that it is secret.
    pub old: Option<String>,
    /// What it will be; none where it goes.
    pub new: Option<String>,
}

/// What happens to one replica, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SlotChange {
    /// The replica.
    pub slot: Slot,
    /// What happens.
    pub action: Action,
    /// The host where it is, or will be; none where it fits nowhere.
    pub host: Option<HostName>,
    /// The host that it leaves, for a move.
    pub from: Option<HostName>,
    /// The fields that differ on this replica.
    pub fields: Vec<FieldChange>,
    /// Why, for people: the placement's reason, or the cause of the change.
    pub why: SharedText,
    /// How its container was when the plan was made; none where none was seen.
    #[serde(default)]
    pub state: Option<ContainerState>,
}

/// What happens to one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceChange {
    /// The service.
    pub service: ServiceName,
    /// How it rolls, for people: `rolling, 2 at a time, 10s apart`; empty where nothing is replaced.
    pub how: String,
    /// The fields that differ alike on every changed replica; then they are not repeated below.
    pub fields: Vec<FieldChange>,
    /// Every replica, by slot.
    pub slots: Vec<SlotChange>,
}

/// What a person should know beside the changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// A host did not answer, and why; so many replicas of these services stay unknown.
    Unreachable {
        /// The host.
        host: HostName,
        /// Why.
        why: String,
        /// The replicas that the journal says it holds.
        holds: Vec<Slot>,
        /// So many of them would be made elsewhere, if a person said so with `--failover`.
        #[serde(default)]
        fails_over: usize,
    },
    /// A replica fits nowhere, and why.
    Unplaced {
        /// The replica.
        slot: Slot,
        /// Why: a count of hosts per filter.
        why: String,
    },
    /// Something on a host is not as git says, and stays so.
    Differs {
        /// The host.
        host: HostName,
        /// What: `volume shop_data`.
        what: String,
        /// How it differs, and why it stays.
        why: String,
    },
    /// A service stays as it is, because what it depends on can't be had now.
    Waits {
        /// The service.
        service: ServiceName,
        /// Why.
        why: String,
    },
    /// A service stays as it is, because what git wants of it has failed.
    Halted {
        /// The service.
        service: ServiceName,
        /// What failed, and how it was left.
        halted: Halted,
    },
    /// The last apply did not come to its end.
    Interrupted {
        /// Who applied.
        #[serde(default)]
        by: String,
        /// When that was written.
        #[serde(default)]
        at: String,
        /// How it ended; [`JournalEnd::Begun`] is one that was cut off.
        end: JournalEnd,
        /// So many steps it did; of one that was cut off, so many at least.
        #[serde(default)]
        done: usize,
        /// So many steps it had.
        steps: usize,
    },
    /// A key that stands in git, and is not in force yet in this version of cdk.
    NotInForce {
        /// What they have in common: `deploy.autoscale`.
        key: String,
        /// The services or hosts that have it, where it is theirs.
        of: Vec<String>,
        /// Every place of it, as git writes it: `services.web.deploy.autoscale`.
        paths: Vec<String>,
    },
    /// Something else, in a sentence.
    Text(String),
    /// What apply refuses to do until it is told to.
    Refused(Guard),
}

/// What apply would do, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The cluster.
    pub cluster: ClusterName,
    /// The state of the repository that it makes so.
    pub revision: Revision,
    /// What happens to each service, by name; those that stay as they are too.
    pub services: Vec<ServiceChange>,
    /// What happens to networks.
    #[serde(default)]
    pub networks: Vec<NetworkChange>,
    /// What happens to firewalls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub firewalls: Vec<FirewallDiff>,
    /// What happens to public addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressDiff>,
    /// What a person should know.
    pub notes: Vec<Note>,
    /// Everything to do; a step's id is its index.
    pub steps: Vec<Step>,
    /// How the services' replicas are worked through. A step that is in no rollout begins when what it is after allows.
    pub rollouts: Vec<Rollout>,
    /// Removals of what earlier versions left on the hosts: each when all else was done. One that is refused is no failure.
    #[serde(default)]
    pub tidy: Vec<StepId>,
    /// Where every replica will stand: what the journal is told.
    pub placement: BTreeMap<Slot, PlacedSlot>,
    /// The digest of each image reference: what the journal is told.
    pub digests: BTreeMap<String, Digest>,
    /// The versions of jobs that succeeded before: what the journal is told, with those that succeed now.
    #[serde(default)]
    pub jobs: BTreeMap<Slot, Vec<JobVersion>>,
    /// Which services depend on which: what the journal is told.
    #[serde(default)]
    pub depends_on: BTreeMap<ServiceName, BTreeSet<ServiceName>>,
    /// The journal's number for this apply.
    pub sequence: u64,
    /// The hosts that answered, which the journal is written to.
    pub hosts: Vec<HostName>,
    /// What later applies must know: what the journal is told.
    #[serde(default)]
    pub memory: Memory,
    /// Hosts that this plan gives up. The journal is told even where there is nothing else to do.
    #[serde(default)]
    pub forgets: BTreeSet<HostName>,
    /// What a person asked for beside what git says.
    #[serde(default, skip_serializing_if = "Asked::is_nothing")]
    pub asked: Asked,
    /// The part of the cluster that it is for: the rest stays as it is.
    #[serde(default, skip_serializing_if = "Scope::is_whole")]
    pub scope: Scope,
    /// What a service that is taken back takes along.
    #[serde(default)]
    pub rollback: RollbackScope,
    /// Whether the revision was named by `--rev`, and so may be older than the one that is live.
    #[serde(default)]
    pub pinned: bool,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.forgets.is_empty()
    }

    /// Whether hosts were unreachable, replicas fit nowhere, services wait for what can't be had, or something stays as git
    /// does not say: what all else done ends with 10.
    pub fn is_partial(&self) -> bool {
        self.notes.iter().any(|note| match note {
            Note::Unreachable { .. } | Note::Unplaced { .. } | Note::Waits { .. } | Note::Differs { .. } => true,
            Note::Halted { .. }
            | Note::Interrupted { .. }
            | Note::NotInForce { .. }
            | Note::Text(_)
            | Note::Refused(_) => false,
        })
    }

    /// Whether something waits for a person: what all else done ends with 9.
    pub fn is_waiting(&self) -> bool {
        self.notes.iter().any(|note| match note {
            Note::Halted { .. } => true,
            Note::Unreachable { .. }
            | Note::Unplaced { .. }
            | Note::Waits { .. }
            | Note::Differs { .. }
            | Note::Interrupted { .. }
            | Note::NotInForce { .. }
            | Note::Text(_)
            | Note::Refused(_) => false,
        })
    }

    /// What apply refuses to do until it is told to.
    pub fn refused(&self) -> impl Iterator<Item = &Guard> {
        self.notes.iter().filter_map(|note| match note {
            Note::Refused(guard) => Some(guard),
            Note::Unreachable { .. }
            | Note::Unplaced { .. }
            | Note::Waits { .. }
            | Note::Halted { .. }
            | Note::Differs { .. }
            | Note::Interrupted { .. }
            | Note::NotInForce { .. }
            | Note::Text(_) => None,
        })
    }

    /// A step by its number.
    pub fn step(&self, id: StepId) -> Option<&Step> {
        self.steps.get(usize::try_from(id.0).ok()?)
    }
}

/// A plan as it stands in a file: the envelope holds what differs from run to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanDocument {
    /// The format's version, [`PLAN_VERSION`].
    pub version: u32,
    /// When it was made, RFC 3339 in UTC.
    pub at: String,
    /// How many replicas per action, for a pipeline that only counts.
    pub counts: BTreeMap<Action, usize>,
    /// The plan.
    pub plan: Plan,
}
