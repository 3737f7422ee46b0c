//! The words under `deploy.update_config` and `deploy.rollback_config` that go beyond rolling.

use std::borrow::Cow;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::model::unit::Span;
use crate::resolve::decode;
use crate::resolve::shape::deploy::OrderShape;
use crate::resolve::shape::placement::Weight;
use crate::resolve::shape::plain::{Count, Plain, Port, Positive, Words};
use crate::resolve::shape::scalar::{Percent, Ratio};

/// How a version takes the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateStrategyShape {
    /// Replica by replica.
    Rolling,
    /// All new ones beside the old ones, then all at once.
    BlueGreen,
    /// A few, and a person says whether the others follow.
    Canary,
}

/// What a failed update leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FailureShape {
    /// It stops where it is.
    Pause,
    /// It goes on, and the end says what failed.
    Continue,
    /// The previous version comes back.
    Rollback,
}

/// What a failed rollback leads to: it is never rolled back itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RollbackFailureShape {
    /// It stops where it is.
    Pause,
    /// It goes on, and the end says what failed.
    Continue,
}

impl<'de> Deserialize<'de> for RollbackFailureShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "pause" => Ok(Self::Pause),
            "continue" => Ok(Self::Continue),
            "rollback" => Err(decode::error(
                "a rollback is never rolled back itself",
                "write `pause` or `continue`, or leave it out",
            )),
            other => Err(D::Error::custom(format!(
                "expected `pause` or `continue`, not {other:?}"
            ))),
        }
    }
}

/// How the previous version comes back.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("patternProperties" = {"^x-": true}))]
pub struct RollbackShape {
    /// How many at once; 1 unless given, 0 for all.
    pub parallelism: Option<Plain<Count<0>>>,
    /// From one replica's end to the next one's beginning; 0s unless given.
    pub delay: Option<Plain<Span>>,
    /// Whether the old replica or the new one goes first: as in `update_config`, whose way it goes back.
    pub order: Option<OrderShape>,
    /// How long a replica must stay up; 5s unless given.
    pub monitor: Option<Plain<Span>>,
    /// One replica's deadline to become healthy; 2m unless given.
    pub timeout: Option<Plain<Positive<Span>>>,
    /// What a failed rollback leads to; `pause` unless given.
    pub failure_action: Option<RollbackFailureShape>,
    /// The share of replicas that may fail, 0 to 1.
    pub max_failure_ratio: Option<Plain<Ratio>>,
}

/// What is asked instead of a health check: exactly one of `http`, `tcp` and `exec`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct GateShape {
    /// A path that is asked for, on `port`.
    pub http: Option<String>,
    /// A port in the container that takes a connection.
    pub tcp: Option<Plain<Port>>,
    /// A command in the container that ends with 0.
    pub exec: Option<Words>,
    /// With `http`: the port in the container; the service's only one unless given.
    pub port: Option<Plain<Port>>,
    /// With `http`: the status that counts as well; 200 to 399 unless given.
    pub expect: Option<Plain<HttpStatus>>,
}

/// An HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpStatus(pub u16);

impl FromStr for HttpStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| (100..=599).contains(number));
        number
            .map(Self)
            .ok_or_else(|| format!("expected an HTTP status from 100 to 599, not {text}"))
    }
}

impl JsonSchema for HttpStatus {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "HttpStatus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 100, "maximum": 599 })
    }
}

/// How a canary goes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct CanaryShape {
    /// How many new replicas at first; 1 unless given.
    pub replicas: Option<Plain<Count<1>>>,
    /// Which share of what comes in they get, step by step, in percent; it rises, up to 100.
    pub weights: Option<Vec<Plain<Weight>>>,
    /// How long each step lasts.
    pub every: Option<Plain<Positive<Span>>>,
    /// What ends it.
    pub abort: Option<AbortShape>,
}

/// What ends a canary.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct AbortShape {
    /// More failed requests than this.
    pub errors: Option<Plain<Percent>>,
    /// 95 of 100 requests take longer than this.
    pub p95: Option<Plain<Positive<Span>>>,
}
