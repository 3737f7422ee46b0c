//! How a service's replicas are replaced. The words only; what they lead to is `plan`'s.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::model::unit::Span;

/// What an image's tag stands for, and who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PullPolicy {
    /// What lies on the hosts, and nothing else.
    Never,
    /// A tag is looked up once; the digest that it had then stays.
    #[default]
    Missing,
    /// A tag is looked up at each plan: where it was pushed again, that is a change.
    Always,
}

/// Which of an old and a new replica goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The old one is gone before the new one starts.
    #[default]
    StopFirst,
    /// The old one is stopped only when the new one is up.
    StartFirst,
}

/// How a version takes the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Replica by replica.
    #[default]
    Rolling,
    /// All new ones beside the old ones, then all at once.
    BlueGreen,
    /// So many at first, then a person says whether it goes on.
    Canary(u32),
}

/// What failed replicas lead to, once there are more of them than [`UpdatePolicy::max_failure_ratio`] lets pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FailureAction {
    /// It stops where it is, until the service changes in git or a person says so.
    #[default]
    Pause,
    /// It goes on, and the end says what failed.
    Continue,
    /// The previous version comes back.
    Rollback,
}

/// What replicas that can't be taken back lead to. A rollback is never rolled back itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RollbackFailure {
    /// It stops where it is.
    #[default]
    Pause,
    /// The others are taken back all the same.
    Continue,
}

/// What a service that is taken back takes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RollbackScope {
    /// Nothing.
    #[default]
    Service,
    /// Everything that the same apply touched.
    All,
}

/// A share of replicas, in millionths, so that it compares exactly; written as a number from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "f64", into = "f64")]
pub struct FailureRatio(u32);

impl From<f64> for FailureRatio {
    /// What is finer than a millionth says nothing among replicas; what is no share is cut to one.
    fn from(share: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is within bounds"
        )]
        Self((share.clamp(0.0, 1.0) * 1e6).round() as u32)
    }
}

impl From<FailureRatio> for f64 {
    fn from(ratio: FailureRatio) -> Self {
        Self::from(ratio.0) / 1e6
    }
}

impl JsonSchema for FailureRatio {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "FailureRatio".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 1 })
    }
}

impl FailureRatio {
    /// Whether so many failures of so many replicas are more than that share: above it, not at it.
    pub fn is_exceeded(self, failures: usize, replicas: usize) -> bool {
        let millionths = |count: usize| u64::try_from(count).unwrap_or(u64::MAX / 1_000_000);
        millionths(failures).saturating_mul(1_000_000) > u64::from(self.0).saturating_mul(millionths(replicas))
    }
}

impl fmt::Display for FailureRatio {
    /// In percent: `10 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 10_000, self.0 % 10_000 / 100);
        match rest {
            0 => write!(f, "{whole} %"),
            _ => write!(f, "{} %", format!("{whole}.{rest:02}").trim_end_matches('0')),
        }
    }
}

/// How a service's replicas are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct UpdatePolicy {
    /// How many at once; 0 is all, which is what a job has unless given.
    pub parallelism: u32,
    /// From one replica's end to the next one's beginning.
    pub delay: Span,
    /// Which goes first.
    pub order: Order,
    /// How long a replica must stay up; 5 s unless given.
    pub monitor: Span,
    /// One replica's deadline to become healthy, 2 m unless given; a job's deadline to end, none (zero) unless given.
    pub timeout: Span,
    /// How a version takes the place of another.
    pub strategy: Strategy,
    /// What failed replicas lead to.
    pub failure_action: FailureAction,
    /// The share of the replicas that need the update which may fail before that.
    pub max_failure_ratio: FailureRatio,
    /// How the previous version comes back.
    pub rollback: RollbackPolicy,
}

/// How replicas are taken back to what they were, by the way of their update, backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RollbackPolicy {
    /// How many at once; 0 is all.
    pub parallelism: u32,
    /// From one replica's end to the next one's beginning.
    pub delay: Span,
    /// How long a replica that is back must stay up.
    pub monitor: Span,
    /// One replica's deadline to become healthy again.
    pub timeout: Span,
    /// What replicas that do not come back lead to.
    pub failure_action: RollbackFailure,
    /// The share of replicas that may fail to come back before that.
    pub max_failure_ratio: FailureRatio,
}

impl UpdatePolicy {
    /// Whether a new replica starts while the old one runs.
    pub fn starts_first(&self) -> bool {
        match (self.order, self.strategy) {
            (Order::StartFirst, _) | (Order::StopFirst, Strategy::BlueGreen) => true,
            (Order::StopFirst, Strategy::Rolling | Strategy::Canary(_)) => false,
        }
    }
}

impl Default for UpdatePolicy {
    /// What is so unless given: Swarm's defaults, with a deadline.
    fn default() -> Self {
        Self {
            parallelism: 1,
            delay: Span::default(),
            order: Order::default(),
            monitor: Span::seconds(5),
            timeout: Span::seconds(120),
            strategy: Strategy::default(),
            failure_action: FailureAction::default(),
            max_failure_ratio: FailureRatio::default(),
            rollback: RollbackPolicy::default(),
        }
    }
}

impl Default for RollbackPolicy {
    /// What is so unless given.
    fn default() -> Self {
        Self {
            parallelism: 1,
            delay: Span::default(),
            monitor: Span::seconds(5),
            timeout: Span::seconds(120),
            failure_action: RollbackFailure::default(),
            max_failure_ratio: FailureRatio::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_exceeded_above_it_and_not_at_it() {
        let tenth = FailureRatio::from(0.1);
        assert!(!tenth.is_exceeded(1, 10) && tenth.is_exceeded(2, 10) && tenth.is_exceeded(1, 9));
        assert!(FailureRatio(0).is_exceeded(1, 1_000_000) && !FailureRatio(0).is_exceeded(0, 1));
        assert!(!FailureRatio(1_000_000).is_exceeded(3, 3));
        assert_eq!(tenth.to_string(), "10 %");
        assert_eq!(serde_json::to_string(&tenth).unwrap_or_default(), "0.1");
        assert_eq!(FailureRatio(125_000).to_string(), "12.5 %");
    }
}
