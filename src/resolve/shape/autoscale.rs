//! The words of a service's `deploy.autoscale`.

use std::borrow::Cow;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::model::unit::Span;
use crate::resolve::shape::plain::{Count, Plain};
use crate::resolve::shape::scalar::Percent;

/// How the number of replicas follows the load.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("patternProperties" = {"^x-": true}))]
pub struct AutoscaleShape {
    /// Never fewer. Required.
    pub min: Option<Plain<Count<1>>>,
    /// Never more. Required.
    pub max: Option<Plain<Count<1>>>,
    /// By the CPU that replicas use, of what they may use.
    pub cpu: Option<BandShape>,
    /// By the memory that they use, of what they may use.
    pub memory: Option<BandShape>,
    /// How far at once: `double`, `target` (as many as the load needs), or a number of replicas; 1 unless given.
    pub step: Option<Plain<Step>>,
    /// How long nothing changes after a change.
    pub cooldown: Option<CooldownShape>,
}

/// The band that a load is kept in.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct BandShape {
    /// More replicas above this. Required.
    pub above: Option<Plain<Percent>>,
    /// Fewer below this.
    pub below: Option<Plain<Percent>>,
}

/// How long nothing changes after a change.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct CooldownShape {
    /// Until more are added.
    pub up: Option<Plain<Span>>,
    /// Until some are taken away.
    pub down: Option<Plain<Span>>,
}

/// How far the number of replicas goes at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// To the double, or the half.
    Double,
    /// To what the load needs.
    Target,
    /// By so many.
    By(u32),
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "double" => Ok(Self::Double),
            "target" => Ok(Self::Target),
            _ => {
                let number = text.parse().ok().filter(|number| *number > 0);
                number
                    .map(Self::By)
                    .ok_or_else(|| format!("expected `double`, `target` or a whole number from 1 on, not {text}"))
            }
        }
    }
}

impl JsonSchema for Step {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Step".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(double|target|[0-9]+)$" })
    }
}
