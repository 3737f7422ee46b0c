//! The words of `cluster.hooks`: a program in short, or with its deadline.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::model::unit::Span;
use crate::resolve::decode;
use crate::resolve::shape::plain::{Plain, Positive, Words};

/// Programs that run where cdk runs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct HooksShape {
    /// Before anything is touched, with the plan as JSON on its stdin; where it fails, nothing is touched.
    pub before_apply: Option<HookShape>,
    /// After the rollout of each service, with how it ended as JSON on its stdin.
    pub after_service: Option<HookShape>,
    /// When an apply has ended well, with its outcome as JSON on its stdin.
    pub after_apply: Option<HookShape>,
    /// When an apply has not, with its outcome as JSON on its stdin.
    pub on_failure: Option<HookShape>,
}

/// A program and its arguments: a list, or a text that is split as a shell would split it.
#[derive(Debug, Default)]
pub struct Run(pub Vec<String>);

/// A program and its arguments, and its deadline.
#[derive(Debug, Default)]
pub struct HookShape {
    /// The program and its arguments.
    pub run: Run,
    /// Its deadline.
    pub timeout: Option<Plain<Positive<Span>>>,
}

/// The long form.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct HookMap {
    /// The program and its arguments. One with a slash is looked for from the folder of cdk.yaml on, another in PATH.
    #[serde(default)]
    #[schemars(with = "Words", required)]
    run: Run,
    /// How long it may run; 60s unless given. Then it is killed, with all that it started.
    #[serde(default)]
    timeout: Option<Plain<Positive<Span>>>,
}

impl<'de> Deserialize<'de> for Run {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RunVisitor)
    }
}

impl<'de> Deserialize<'de> for HookShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HookVisitor)
    }
}

struct RunVisitor;

impl<'de> Visitor<'de> for RunVisitor {
    type Value = Run;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a program, or a list of it and its arguments")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Run, E> {
        let open = || {
            decode::error(
                "a quote is not closed",
                "write it as a list: [\"program\", \"argument\"]",
            )
        };
        named(shlex::split(text).ok_or_else(open)?)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Run, A::Error> {
        let mut words = Vec::new();
        while let Some(Plain(word)) = items.next_element::<Plain<String>>()? {
            words.push(word);
        }
        named(words)
    }
}

fn named<E: Error>(words: Vec<String>) -> Result<Run, E> {
    match words.first().is_some_and(|program| !program.is_empty()) {
        true => Ok(Run(words)),
        false => Err(decode::error(
            "a hook names a program",
            "write its path, as ./hooks/announce, or leave the hook out",
        )),
    }
}

struct HookVisitor;

impl<'de> Visitor<'de> for HookVisitor {
    type Value = HookShape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a program, a list of it and its arguments, or {run: PROGRAM, timeout: 60s}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<HookShape, E> {
        RunVisitor.visit_str(text).map(short)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<HookShape, A::Error> {
        RunVisitor.visit_seq(items).map(short)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<HookShape, A::Error> {
        let HookMap { run, timeout } = HookMap::deserialize(MapAccessDeserializer::new(map))?;
        Ok(HookShape { run, timeout })
    }
}

fn short(run: Run) -> HookShape {
    HookShape { run, timeout: None }
}

impl JsonSchema for HookShape {
    fn schema_name() -> Cow<'static, str> {
        "HookShape".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let short = Words::json_schema(generator);
        let long = HookMap::json_schema(generator);
        json_schema!({ "anyOf": [short, long] })
    }
}
