//! The words of `cluster`, `registries`, `hosts` and `volumes`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use crate::model::name::ClusterName;
use crate::model::unit::{PortRange, Span};
use crate::resolve::decode;
use crate::resolve::shape::hook::HooksShape;
use crate::resolve::shape::plain::{Count, Plain, Port, Positive, VariableName, pairs_schema};
use crate::resolve::shape::service::DefaultsShape;

/// The cluster itself.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct ClusterShape {
    /// Names every container and volume that cdk owns on a host.
    pub name: Option<ClusterName>,
    /// The versions of cdk that may apply this: `>=0.1`, or several such, joined by commas.
    pub cdk: Option<Plain<String>>,
    /// The files that belong to it: patterns, relative to cdk.yaml.
    pub include: Option<Vec<String>>,
    /// The variables of the environment that labels may name, as `{{ env.NAME }}`.
    pub env: Option<Vec<VariableName>>,
    /// How ssh gets to the hosts, unless a host says otherwise.
    pub ssh: Option<SshShape>,
    /// How many hosts are worked on at once, at most; 16 unless given.
    pub parallel: Option<Plain<Count<1>>>,
    /// The host ports that cdk may hand out to replicas; 20000-29999 unless given.
    pub ports: Option<Plain<PortRange>>,
    /// Lies beneath every service: any key of a service, and `update_config`, which means `deploy.update_config`.
    #[schemars(with = "Option<DefaultsShape>")]
    pub defaults: Option<IgnoredAny>,
    /// How many versions' images and files stay on the hosts.
    pub keep: Option<Plain<Count<1>>>,
    /// What a failed service takes back: itself, or everything that this apply touched; `service` unless given.
    pub rollback: Option<RollbackScopeShape>,
    /// Programs that run where cdk runs, before and after an apply.
    pub hooks: Option<HooksShape>,
}

/// What a failed service takes back.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RollbackScopeShape {
    /// Itself.
    Service,
    /// Everything that this apply touched.
    All,
}

/// How ssh gets to a host; what is left out comes from `~/.ssh/config`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct SshShape {
    /// The user.
    pub user: Option<Plain<String>>,
    /// The port.
    pub port: Option<Plain<Port>>,
    /// Jump hosts, as ssh's -J has them.
    pub jump: Option<String>,
    /// How the user gets the right to the Docker socket: `sudo`, where it is neither root nor in the group `docker`.
    pub r#become: Option<BecomeShape>,
    /// A private key's path: absolute, from `~/`, or relative to cdk.yaml.
    pub identity: Option<String>,
    /// A configuration file instead of ~/.ssh/config: absolute, or relative to cdk.yaml.
    pub config: Option<String>,
    /// How long a host may take to answer; 5s unless given.
    pub connect_timeout: Option<Plain<Positive<Span>>>,
}

/// How the user gets the right to the Docker socket.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BecomeShape {
    /// By sudo, which must ask for nothing; the host needs the Docker CLI.
    Sudo,
    /// It has it.
    None,
}

/// A host.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct HostShape {
    /// A name or an IP address for ssh, or `local` for this machine's own Docker socket. Required.
    pub address: Option<Plain<String>>,
    /// Where the ports that cdk hands out are bound; `address` unless given.
    pub private_address: Option<IpAddr>,
    /// Labels, for constraints on `node.labels.KEY`.
    pub labels: Option<BTreeMap<String, Plain<String>>>,
    /// For constraints on `node.role`; `worker` unless given.
    pub role: Option<String>,
    /// How many containers it may hold, at most.
    pub max_containers: Option<Plain<Count<1>>>,
    /// Whether it takes replicas; `active` unless given.
    pub state: Option<StateShape>,
    /// How ssh gets there, over what the cluster says.
    pub ssh: Option<SshShape>,
    /// The addresses by which it is reached from outside: those that it has not are bound to it.
    pub public_addresses: Option<Vec<IpAddr>>,
}

/// Whether a host takes replicas.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StateShape {
    /// It does.
    Active,
    /// It keeps those it has and gets no new ones.
    Pause,
    /// Those it has go elsewhere.
    Drain,
    /// It is gone: it is not asked, and its replicas go elsewhere.
    Down,
}

/// Who to be at a registry.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct RegistryShape {
    /// The user. Required.
    pub username: Option<Plain<String>>,
    /// Where the password is read from. Required.
    pub password: Option<PasswordShape>,
}

/// Where a password is read from: a secret, an environment variable or a file outside git.
#[derive(Debug, Default, Clone)]
pub struct PasswordShape {
    /// The variable.
    pub env: Option<String>,
    /// The file: absolute, or relative to cdk.yaml.
    pub file: Option<String>,
    /// The secret.
    pub secret: Option<String>,
}

/// The long form, which is the only one.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
struct PasswordMap {
    /// An environment variable of the process that applies.
    env: Option<String>,
    /// A file outside git, absolute or relative to cdk.yaml.
    file: Option<String>,
    /// A secret's name under the top-level `secrets`.
    secret: Option<String>,
}

impl<'de> Deserialize<'de> for PasswordShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PasswordVisitor)
    }
}

struct PasswordVisitor;

/// A password in plain, of any type: its value does not get into the message.
fn plain_password<E: Error>() -> E {
    decode::error(
        "a password may not stand in git in plain text",
        "write {secret: NAME}, {env: NAME} or {file: PATH}, and change this password",
    )
}

impl<'de> Visitor<'de> for PasswordVisitor {
    type Value = PasswordShape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{secret: NAME}, {env: NAME} or {file: PATH}")
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<PasswordShape, E> {
        Err(plain_password())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<PasswordShape, E> {
        Err(plain_password())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<PasswordShape, E> {
        Err(plain_password())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<PasswordShape, E> {
        Err(plain_password())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<PasswordShape, E> {
        Err(plain_password())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PasswordShape, A::Error> {
        let PasswordMap { env, file, secret } = PasswordMap::deserialize(MapAccessDeserializer::new(map))?;
        Ok(PasswordShape { env, file, secret })
    }
}

impl JsonSchema for PasswordShape {
    fn schema_name() -> Cow<'static, str> {
        "PasswordShape".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        PasswordMap::json_schema(generator)
    }
}

/// A named volume: one on each host that a replica with it stands on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("patternProperties" = {"^x-": true}))]
pub struct VolumeShape {
    /// Its name on the hosts; CLUSTER_NAME unless given.
    pub name: Option<String>,
    /// It is not cdk's: it must be there already.
    pub external: Option<bool>,
    /// Several may write to it at once, wherever they are: what mounts it is not bound to its host.
    pub shared: Option<bool>,
    /// `local` unless given.
    pub driver: Option<String>,
    /// The driver's own options.
    pub driver_opts: Option<BTreeMap<String, Plain<String>>>,
    /// Labels of the volume.
    #[schemars(schema_with = "pairs_schema")]
    pub labels: Option<BTreeMap<String, Plain<String>>>,
}
