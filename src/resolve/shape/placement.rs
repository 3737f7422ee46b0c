//! The words under `deploy.placement` that say which of the hosts that fit is the best.

use std::borrow::Cow;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::resolve::shape::plain::Plain;

/// Which host is the best of those that fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StrategyShape {
    /// The one with the fewest of the service's replicas.
    Spread,
    /// The one that is the fullest.
    Binpack,
    /// Any, the same at each plan.
    Random,
}

/// A preference, as Swarm has it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct PreferenceShape {
    /// Groups of hosts that replicas are spread over: `node.labels.KEY`. Required.
    pub spread: Option<String>,
}

/// Nearness to a service.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct AffinityShape {
    /// The service. Required.
    pub service: Option<String>,
    /// What is near: `host` unless given, or a label, as `node.labels.zone`.
    pub per: Option<String>,
    /// Whether it must be so, instead of being better.
    pub required: Option<bool>,
    /// How much it counts beside other wishes, 1 to 100.
    pub weight: Option<Plain<Weight>>,
}

/// How much something counts, 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(pub u8);

impl FromStr for Weight {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| (1..=100).contains(number));
        number
            .map(Self)
            .ok_or_else(|| format!("expected a whole number from 1 to 100, not {text}"))
    }
}

impl JsonSchema for Weight {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Weight".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": 100 })
    }
}
