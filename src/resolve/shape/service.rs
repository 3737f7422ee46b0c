//! The words of a service.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use crate::model::image::ImageRef;
use crate::model::setting::Restart;
use crate::model::unit::Span;
use crate::resolve::decode;
use crate::resolve::shape::attach::NetworkingShape;
use crate::resolve::shape::depends::DependsShape;
use crate::resolve::shape::deploy::{DeployShape, UpdateShape};
use crate::resolve::shape::env_file::EnvFiles;
use crate::resolve::shape::file::UseShape;
use crate::resolve::shape::mount::MountShape;
use crate::resolve::shape::plain::{Count, Plain, Positive, Words, labels_schema, pairs_schema};
use crate::resolve::shape::port::PortShape;
use crate::resolve::shape::pull::PullShape;
use crate::resolve::shape::runtime::{LimitsShape, RuntimeShape, SecurityShape};

/// A service. Variables and labels stand here as a map; a list of them is made one before.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("patternProperties" = {"^x-": true}))]
pub struct ServiceShape {
    /// The image. Required.
    pub image: Option<ImageRef>,
    /// `missing` (a tag is looked up once, and its digest stays), `always` (it is looked up at each plan) or `never` (the image lies on
    /// the hosts). `missing` unless given.
    pub pull_policy: Option<PullShape>,
    /// The services that are waited for: a list of names, or a map with a `condition` for each.
    pub depends_on: Option<DependsShape>,
    /// What runs instead of the image's command.
    pub command: Option<Words>,
    /// What runs instead of the image's entrypoint; the image's command is then left out too.
    pub entrypoint: Option<Words>,
    /// Variables.
    #[schemars(schema_with = "pairs_schema")]
    pub environment: Option<BTreeMap<String, Plain<String>>>,
    /// Files of variables, which lie beneath `environment`.
    pub env_file: Option<EnvFiles>,
    /// Labels of the containers.
    #[schemars(schema_with = "labels_schema")]
    pub labels: Option<BTreeMap<String, Plain<String>>>,
    /// Files of labels, which lie beneath `labels`.
    pub label_file: Option<EnvFiles>,
    /// Configs, as files of the container: `/NAME` unless a target is given.
    pub configs: Option<Vec<UseShape>>,
    /// Secrets, as files of the container: `/run/secrets/NAME` unless a target is given.
    pub secrets: Option<Vec<UseShape>>,
    /// Ports. A container's port alone gets a host port from cdk.
    pub ports: Option<Vec<PortShape>>,
    /// Addresses that go where its replicas go: the first of each family with the first replica, and so on.
    pub public_addresses: Option<Vec<IpAddr>>,
    /// Volumes and bind mounts.
    pub volumes: Option<Vec<MountShape>>,
    /// How the engine asks whether a replica is healthy.
    pub healthcheck: Option<HealthShape>,
    /// What the engine does when a container ends; `unless-stopped` unless given, and `no` for a job.
    pub restart: Option<Restart>,
    /// Who runs it.
    pub user: Option<Plain<String>>,
    /// Where it runs.
    pub working_dir: Option<String>,
    /// Where output goes; json-file, 3 files of 10m each, unless given.
    pub logging: Option<LoggingShape>,
    /// From the stop signal to the kill; the engine's 10s unless given.
    pub stop_grace_period: Option<Plain<Span>>,
    /// How many replicas, where, and how they are replaced.
    pub deploy: Option<DeployShape>,
    /// As `deploy.replicas`.
    pub scale: Option<Plain<Count<0>>>,
}

/// All words of a service.
#[derive(Debug, Default, JsonSchema)]
#[schemars(rename = "ServiceShape", default, deny_unknown_fields, extend("patternProperties" = {"^x-": true}))]
pub struct WholeServiceShape {
    /// What it is.
    #[schemars(flatten)]
    pub service: ServiceShape,
    /// What its containers may do.
    #[schemars(flatten)]
    pub security: SecurityShape,
    /// How they are run.
    #[schemars(flatten)]
    pub runtime: RuntimeShape,
    /// What they may use.
    #[schemars(flatten)]
    pub limits: LimitsShape,
    /// What they see of networks.
    #[schemars(flatten)]
    pub networking: NetworkingShape,
}

/// What lies beneath every service: any key of a service, and `update_config`, which means `deploy.update_config`.
#[derive(Debug)]
pub struct DefaultsShape;

impl JsonSchema for DefaultsShape {
    fn schema_name() -> Cow<'static, str> {
        "DefaultsShape".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let update = generator.subschema_for::<UpdateShape>();
        let mut schema = WholeServiceShape::json_schema(generator);
        if let Some(properties) = schema.get_mut("properties").and_then(|all| all.as_object_mut()) {
            properties.insert("update_config".to_owned(), update.into());
        }
        schema.insert(
            "description".to_owned(),
            "Lies beneath every service: any key of a service, and `update_config`, which means `deploy.update_config`.".into(),
        );
        schema
    }
}

/// Where output goes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct LoggingShape {
    /// The engine's log driver.
    pub driver: Option<String>,
    /// The driver's own options.
    pub options: Option<BTreeMap<String, Plain<String>>>,
}

/// How the engine asks whether a replica is healthy; what is left out is the image's own, or the engine's default.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct HealthShape {
    /// What is run in the container: a text for its shell, or a list that begins with CMD, CMD-SHELL or NONE.
    pub test: Option<TestShape>,
    /// Between two checks.
    pub interval: Option<Plain<Positive<Span>>>,
    /// Until a check counts as failed.
    pub timeout: Option<Plain<Positive<Span>>>,
    /// Failures in a row until unhealthy.
    pub retries: Option<Plain<Count<1>>>,
    /// At the start, where failures don't count.
    pub start_period: Option<Plain<Span>>,
    /// Between two checks at the start; engines before 25 know nothing of it.
    pub start_interval: Option<Plain<Positive<Span>>>,
    /// Switches the image's own check off.
    pub disable: Option<bool>,
}

/// A health check's command, in Docker's own form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TestShape(pub Vec<String>);

impl<'de> Deserialize<'de> for TestShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TestVisitor)
    }
}

struct TestVisitor;

impl<'de> Visitor<'de> for TestVisitor {
    type Value = TestShape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a list")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<TestShape, E> {
        if text.trim().is_empty() {
            return Err(decode::error(
                "the test is empty",
                "`disable: true` switches the image's check off",
            ));
        }
        Ok(TestShape(vec!["CMD-SHELL".to_owned(), text.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<TestShape, A::Error> {
        let mut words = Vec::new();
        while let Some(Plain(word)) = items.next_element::<Plain<String>>()? {
            words.push(word);
        }
        match (words.first().map(String::as_str), words.len()) {
            (Some("NONE"), 1) | (Some("CMD"), 2..) | (Some("CMD-SHELL"), 2) => Ok(TestShape(words)),
            (Some("CMD-SHELL"), _) => Err(decode::error("CMD-SHELL takes one text", "quote the whole command")),
            _ => Err(decode::error(
                "a test in list form begins with CMD, CMD-SHELL or NONE",
                "write [\"CMD\", \"program\", \"argument\"], or the command as one text",
            )),
        }
    }
}

impl JsonSchema for TestShape {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TestShape".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "string" },
            { "type": "array", "items": { "type": ["string", "number", "boolean"] }, "minItems": 1 }
        ] })
    }
}
