//! A service's `depends_on`, in Compose's short and long form.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

/// What a service depends on: a list of names, or a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DependsShape {
    /// Names alone: they are to be started, and are required.
    Names(Vec<String>),
    /// What is wanted of each.
    Map(BTreeMap<String, LinkShape>),
}

/// What a service wants of another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct LinkShape {
    /// What is waited for. Required.
    pub condition: Option<ConditionShape>,
    /// Whether the service begins only where that came true; `true` unless given.
    pub required: Option<bool>,
    /// Only `false`: nothing is restarted because another was replaced.
    pub restart: Option<bool>,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConditionShape {
    /// Every replica was started.
    ServiceStarted,
    /// Every replica is healthy.
    ServiceHealthy,
    /// The job has run to its end, with success.
    ServiceCompletedSuccessfully,
}

impl<'de> Deserialize<'de> for DependsShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DependsVisitor)
    }
}

struct DependsVisitor;

impl<'de> Visitor<'de> for DependsVisitor {
    type Value = DependsShape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of services, or a map")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<DependsShape, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = items.next_element::<String>()? {
            names.push(name);
        }
        Ok(DependsShape::Names(names))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<DependsShape, A::Error> {
        let mut all = BTreeMap::new();
        while let Some((name, link)) = entries.next_entry::<String, LinkShape>()? {
            all.insert(name, link);
        }
        Ok(DependsShape::Map(all))
    }
}

impl JsonSchema for DependsShape {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "DependsShape".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let link = generator.subschema_for::<LinkShape>();
        json_schema!({ "anyOf": [
            { "type": "array", "items": { "type": "string" } },
            { "type": "object", "additionalProperties": link }
        ] })
    }
}
