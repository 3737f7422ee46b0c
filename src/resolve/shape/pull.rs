//! The words of `pull_policy`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::model::policy::PullPolicy;
use crate::resolve::decode;

/// When a registry is asked for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PullShape(pub PullPolicy);

impl<'de> Deserialize<'de> for PullShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        match word.as_str() {
            "missing" | "if_not_present" => Ok(Self(PullPolicy::Missing)),
            "always" => Ok(Self(PullPolicy::Always)),
            "never" => Ok(Self(PullPolicy::Never)),
            "build" => Err(decode::error(
                "`build` is refused: cdk builds no images",
                "images are built by CI: leave it out, and name one with `image`",
            )),
            word if word == "daily" || word == "weekly" || word.starts_with("every_") => Err(decode::error(
                format!("`{word}` is refused: the same commit would mean something else as time goes by"),
                "write `always`, and plan as often as you like",
            )),
            word => Err(D::Error::custom(format!(
                "{word:?} is no pull policy: missing, always or never"
            ))),
        }
    }
}

impl JsonSchema for PullShape {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PullShape".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": ["missing", "if_not_present", "always", "never"] })
    }
}
