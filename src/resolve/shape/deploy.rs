//! The words under a service's `deploy`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::model::unit::{Bytes, Cpus, Span};
use crate::resolve::shape::autoscale::AutoscaleShape;
use crate::resolve::shape::device::RequestShape;
use crate::resolve::shape::number::Within;
use crate::resolve::shape::placement::{AffinityShape, PreferenceShape, StrategyShape};
use crate::resolve::shape::plain::{Count, Plain, Positive};
use crate::resolve::shape::scalar::Ratio;
use crate::resolve::shape::update::{CanaryShape, FailureShape, GateShape, RollbackShape, UpdateStrategyShape};

/// How many replicas, where, and how they are replaced.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("patternProperties" = {"^x-": true}))]
pub struct DeployShape {
    /// `replicated` unless given.
    pub mode: Option<ModeShape>,
    /// How many replicas; 1 unless given.
    pub replicas: Option<Plain<Count<0>>>,
    /// Where they may stand.
    pub placement: Option<PlacementShape>,
    /// What a replica may use, and what it is promised.
    pub resources: Option<ResourcesShape>,
    /// How replicas are replaced.
    pub update_config: Option<UpdateShape>,
    /// How the previous version comes back.
    pub rollback_config: Option<RollbackShape>,
    /// How the number of replicas follows the load.
    pub autoscale: Option<AutoscaleShape>,
    /// What the engine does when a container ends, in Swarm's words; it counts before the service's `restart`.
    pub restart_policy: Option<RestartShape>,
}

/// What the engine does when a container ends.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("patternProperties" = {"^x-": true}))]
pub struct RestartShape {
    /// When it starts it again; `any` unless given.
    pub condition: Option<RestartConditionShape>,
    /// How often at most, with `on-failure`.
    pub max_attempts: Option<Plain<Count<0>>>,
    /// Accepted without effect: an engine has its own, growing delay.
    pub delay: Option<Plain<Span>>,
    /// Accepted without effect: an engine counts a container as well after ten seconds.
    pub window: Option<Plain<Span>>,
}

/// When the engine starts a container again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RestartConditionShape {
    /// Never.
    None,
    /// Where it failed.
    OnFailure,
    /// Always.
    Any,
}

/// How a service's replicas are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModeShape {
    /// As many as `replicas` says.
    Replicated,
    /// One on each host that fits.
    Global,
    /// As `replicated`, but each runs to its end: once per version, before the services that depend on it.
    #[serde(rename = "replicated-job")]
    ReplicatedJob,
    /// Likewise, one on each host that fits.
    #[serde(rename = "global-job")]
    GlobalJob,
}

impl<'de> Deserialize<'de> for ModeShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "replicated" => Ok(Self::Replicated),
            "global" => Ok(Self::Global),
            "replicated-job" => Ok(Self::ReplicatedJob),
            "global-job" => Ok(Self::GlobalJob),
            other => Err(D::Error::custom(format!(
                "expected `replicated`, `global`, `replicated-job` or `global-job`, not {other:?}"
            ))),
        }
    }
}

/// Where replicas may stand.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("patternProperties" = {"^x-": true}))]
pub struct PlacementShape {
    /// All of these must hold of a host: `node.labels.KEY == VALUE`, `node.hostname != NAME`, `node.role == worker`.
    pub constraints: Option<Vec<String>>,
    /// How many replicas of the service one host may hold, at most; 0 is no limit.
    pub max_replicas_per_node: Option<Plain<Count<0>>>,
    /// Which host is the best of those that fit; `spread` unless given.
    pub strategy: Option<StrategyShape>,
    /// Groups of hosts that replicas are spread over, the first one first.
    pub preferences: Option<Vec<PreferenceShape>>,
    /// Services that replicas stand near to.
    pub affinity: Option<Vec<AffinityShape>>,
    /// Services that replicas stand apart from.
    pub anti_affinity: Option<Vec<AffinityShape>>,
}

/// What a replica may use, and what it is promised.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("patternProperties" = {"^x-": true}))]
pub struct ResourcesShape {
    /// What it may use, at most.
    pub limits: Option<LimitShape>,
    /// What it is promised: this counts for placement only.
    pub reservations: Option<ReservationShape>,
}

/// What a replica may use, at most.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct LimitShape {
    /// CPUs.
    pub cpus: Option<Plain<Positive<Cpus>>>,
    /// Memory.
    pub memory: Option<Plain<Positive<Bytes>>>,
    /// Processes and threads; -1 is no limit.
    pub pids: Option<Plain<Within<-1, { i64::MAX }>>>,
}

/// What a replica is promised.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct ReservationShape {
    /// CPUs.
    pub cpus: Option<Plain<Positive<Cpus>>>,
    /// Memory.
    pub memory: Option<Plain<Positive<Bytes>>>,
    /// Devices that the engine's drivers choose: GPUs.
    pub devices: Option<Vec<RequestShape>>,
}

/// How replicas are replaced.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("patternProperties" = {"^x-": true}))]
pub struct UpdateShape {
    /// How many at once; 1 unless given, 0 for all, which is what a job has unless given.
    pub parallelism: Option<Plain<Count<0>>>,
    /// From one replica's end to the next one's beginning; 0s unless given.
    pub delay: Option<Plain<Span>>,
    /// Whether the old replica or the new one goes first; `stop-first` unless given.
    pub order: Option<OrderShape>,
    /// How long a replica must stay up; 5s unless given.
    pub monitor: Option<Plain<Span>>,
    /// One replica's deadline to become healthy, 2m unless given; a job's to end, for ever unless given.
    pub timeout: Option<Plain<Positive<Span>>>,
    /// How a version takes the place of another; `rolling` unless given.
    pub strategy: Option<UpdateStrategyShape>,
    /// What a failed update leads to; `pause` unless given.
    pub failure_action: Option<FailureShape>,
    /// The share of replicas that may fail, 0 to 1; 0 unless given.
    pub max_failure_ratio: Option<Plain<Ratio>>,
    /// What is asked instead of a health check.
    pub gate: Option<GateShape>,
    /// How a canary goes.
    pub canary: Option<CanaryShape>,
}

/// Which of an old and a new replica goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OrderShape {
    /// The old one is gone before the new one starts.
    StopFirst,
    /// The old one is stopped only when the new one is up.
    StartFirst,
}
