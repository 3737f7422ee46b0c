//! How a service's replicas are worked through, as part of a plan: units, workers, what failures lead to. Types only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::name::{ServiceName, Slot};
use crate::model::order::JobVersion;
use crate::model::policy::{FailureAction, FailureRatio, RollbackPolicy, Strategy};
use crate::model::text::SharedText;
use crate::model::unit::Span;
use crate::plan::step::{StepId, StepIds};

/// The work on one replica: its steps in order, one host or (a move) two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unit {
    /// The replica.
    pub slot: Slot,
    /// What a worker does, in order, and waits for.
    pub steps: StepIds,
    /// The watch over the new replica, from when it is up; the worker does not wait for it, the clean-up does.
    pub watch: Option<StepId>,
    /// The step whose way back undoes what an update did to the replica before this plan, and was cut off: it goes back with the
    /// others, though nobody began with it here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes: Option<StepId>,
    /// The zone of its host: no two units of one zone are in work at once where another could be taken.
    #[serde(default)]
    pub zone: Option<SharedText>,
}

/// How one service's replicas are worked through: `parallelism` workers take units in order, but those first whose host and zone no
/// other worker is on; each waits `delay` after a unit. When a unit fails its steps are undone (last first), and what comes of the
/// others is said by `on_failure`. A unit that fails because its *host* failed stops only the units of that host; the worker stays with
/// it where something of it could not be taken back, since the replica may be down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rollout {
    /// The service.
    pub service: ServiceName,
    /// Workers; 0 is one for each unit.
    pub parallelism: u32,
    /// What a worker waits after a unit, before it takes the next.
    pub delay: Span,
    /// The units, in the order in which they are taken.
    pub units: Vec<Unit>,
    /// Removals of containers that were replaced, or that the service has no more: each when all units and watches of this
    /// service ended well.
    pub cleanup: Vec<StepId>,
    /// Stops of replicas that the service has no more, and those of a blue-green's old replicas, once all new ones are up; they are
    /// in no unit, and are taken back with it.
    #[serde(default)]
    pub stops: Vec<StepId>,
    /// Whether it stops when its units are done, and a person says whether the other replicas follow: what was replaced stays.
    #[serde(default)]
    pub canary: bool,
    /// What failed replicas lead to; none for a job, where no other run begins then.
    #[serde(default)]
    pub on_failure: Option<OnFailure>,
}

/// What failed replicas lead to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OnFailure {
    /// How its version takes the place of the one before.
    pub strategy: Strategy,
    /// What is done once too many have failed.
    pub action: FailureAction,
    /// The share of the units which may fail before that.
    pub max_failure_ratio: FailureRatio,
    /// How they are taken back.
    pub rollback: RollbackPolicy,
    /// The version that comes to replicas which do their work already: where it fails it is held. None where nothing did: then
    /// there is nothing to go back to, and the same command again goes on.
    pub version: Option<JobVersion>,
}
