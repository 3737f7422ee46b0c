//! The words of a service on networks: how it is attached, and what its containers know of names, in Compose's short and long forms.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::model::unit::PortRange;
use crate::resolve::decode;
use crate::resolve::shape::plain::Plain;

/// What a service says of networks.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct NetworkingShape {
    /// The networks that it is attached to; the network `default` where there is one, unless given.
    pub networks: Option<AttachmentsShape>,
    /// Each host's default network, the host's own, or none, instead of `networks`.
    pub network_mode: Option<ModeShape>,
    /// What a container calls itself; its short id unless given.
    pub hostname: Option<Plain<String>>,
    /// The domain of it.
    pub domainname: Option<Plain<String>>,
    /// Whom it asks for names.
    pub dns: Option<OneOrMany<IpAddr>>,
    /// Options for its resolver.
    pub dns_opt: Option<Vec<Plain<String>>>,
    /// Domains in which it looks for short names.
    pub dns_search: Option<OneOrMany<String>>,
    /// Names of its own for addresses.
    pub extra_hosts: Option<ExtraHostsShape>,
    /// Ports that it says it has, without publishing them.
    pub expose: Option<Vec<Plain<ExposeShape>>>,
    /// A fixed hardware address, on its first network.
    pub mac_address: Option<Mac>,
}

/// How a service's containers are attached to one network.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("patternProperties" = {"^x-": true}))]
pub struct AttachmentShape {
    /// Further names, beside the service's and the replica's own.
    pub aliases: Option<Vec<String>>,
    /// A fixed address.
    pub ipv4_address: Option<Ipv4Addr>,
    /// A fixed IPv6 address.
    pub ipv6_address: Option<Ipv6Addr>,
    /// Further addresses that lead nowhere else.
    pub link_local_ips: Option<Vec<IpAddr>>,
    /// A fixed hardware address.
    pub mac_address: Option<Mac>,
    /// The network of the highest comes first; 0 unless given, and equals by name.
    pub priority: Option<i64>,
    /// The driver's own options.
    pub driver_opts: Option<BTreeMap<String, Plain<String>>>,
}

/// A service's networks: a list of names, or a map.
#[derive(Debug, Default)]
pub struct AttachmentsShape(pub BTreeMap<String, AttachmentShape>);

impl<'de> Deserialize<'de> for AttachmentsShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AttachmentsVisitor)
    }
}

struct AttachmentsVisitor;

impl<'de> Visitor<'de> for AttachmentsVisitor {
    type Value = AttachmentsShape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of networks, or a map")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<AttachmentsShape, A::Error> {
        let mut all = BTreeMap::new();
        while let Some(name) = items.next_element::<String>()? {
            all.insert(name, AttachmentShape::default());
        }
        Ok(AttachmentsShape(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AttachmentsShape, A::Error> {
        let mut all = BTreeMap::new();
        while let Some(name) = map.next_key()? {
            let how: Option<AttachmentShape> = map.next_value()?;
            all.insert(name, how.unwrap_or_default());
        }
        Ok(AttachmentsShape(all))
    }
}

impl JsonSchema for AttachmentsShape {
    fn schema_name() -> Cow<'static, str> {
        "AttachmentsShape".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<Option<AttachmentShape>>();
        json_schema!({ "anyOf": [
            { "type": "array", "items": { "type": "string" } },
            { "type": "object", "additionalProperties": one }
        ] })
    }
}

/// A hardware address, in the form that engines report it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mac(pub String);

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?.to_lowercase().replace('-', ":");
        let is_byte = |part: &str| part.len() == 2 && part.chars().all(|c| c.is_ascii_hexdigit());
        if text.split(':').count() == 6 && text.split(':').all(is_byte) {
            return Ok(Self(text));
        }
        Err(decode::error(
            format!("{text:?} is not a hardware address"),
            "write it as 02:42:ac:11:00:02",
        ))
    }
}

impl JsonSchema for Mac {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Mac".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$" })
    }
}

/// One value, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<'de, T: FromStr> Deserialize<'de> for OneOrMany<T>
where
    T::Err: fmt::Display,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor(PhantomData))
    }
}

struct OneOrManyVisitor<T>(PhantomData<T>);

impl<'de, T: FromStr> Visitor<'de> for OneOrManyVisitor<T>
where
    T::Err: fmt::Display,
{
    type Value = OneOrMany<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a list")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<OneOrMany<T>, E> {
        let one = text.parse().map_err(|why: T::Err| in_words(&why));
        Ok(OneOrMany(vec![one.map_err(E::custom)?]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OneOrMany<T>, A::Error> {
        let mut all = Vec::new();
        while let Some(Plain(text)) = items.next_element::<Plain<String>>()? {
            let one = text.parse().map_err(|why: T::Err| in_words(&why));
            all.push(one.map_err(|why| A::Error::custom(format!("{text:?}: {why}")))?);
        }
        Ok(OneOrMany(all))
    }
}

fn in_words(why: &dyn fmt::Display) -> String {
    match why.to_string().as_str() {
        "invalid IP address syntax" => "this is not an IP address".to_owned(),
        other => other.to_owned(),
    }
}

impl<T> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
    }
}

/// Names of one's own: `name:address` or `name=address` in a list, or a map of names to one or more addresses.
#[derive(Debug, Default)]
pub struct ExtraHostsShape(pub BTreeSet<String>);

const EXTRA_HOST: &str = "write it as \"name:192.0.2.7\", or \"name:host-gateway\" for the host itself";

fn extra_host<E: Error>(name: &str, address: &str) -> Result<String, E> {
    let bare = address.trim().trim_start_matches('[').trim_end_matches(']');
    let is_address = bare.parse::<IpAddr>().is_ok() || bare == "host-gateway";
    let is_name = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == ':');
    if is_address && is_name {
        return Ok(format!("{name}:{bare}"));
    }
    let message = format!("{:?} is no name with an address", format!("{name}:{address}"));
    Err(decode::error(message, EXTRA_HOST))
}

impl<'de> Deserialize<'de> for ExtraHostsShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExtraHostsVisitor)
    }
}

struct ExtraHostsVisitor;

impl<'de> Visitor<'de> for ExtraHostsVisitor {
    type Value = ExtraHostsShape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of NAME:ADDRESS, or a map")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<ExtraHostsShape, A::Error> {
        let mut all = BTreeSet::new();
        while let Some(text) = items.next_element::<String>()? {
            let pair = text.split_once('=').or_else(|| text.split_once(':'));
            let (name, address) = pair.unwrap_or((text.as_str(), ""));
            all.insert(extra_host(name, address)?);
        }
        Ok(ExtraHostsShape(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ExtraHostsShape, A::Error> {
        let mut all = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            let OneOrMany::<String>(addresses) = map.next_value()?;
            for address in addresses {
                all.insert(extra_host(&name, &address)?);
            }
        }
        Ok(ExtraHostsShape(all))
    }
}

impl JsonSchema for ExtraHostsShape {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ExtraHostsShape".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let addresses =
            json_schema!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] });
        json_schema!({ "anyOf": [
            { "type": "array", "items": { "type": "string", "description": "NAME:ADDRESS" } },
            { "type": "object", "additionalProperties": addresses }
        ] })
    }
}

/// A port, or a range of them, that containers say they have: `8080`, `8000-8010/udp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExposeShape(pub Vec<String>);

impl FromStr for ExposeShape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no port: write it as 8080, 8000-8010 or 53/udp");
        let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        if !["tcp", "udp", "sctp"].contains(&protocol) {
            return Err(wrong());
        }
        let range: PortRange = ports.parse().map_err(|_| wrong())?;
        Ok(Self(range.ports().map(|port| format!("{port}/{protocol}")).collect()))
    }
}

impl JsonSchema for ExposeShape {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ExposeShape".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "PORT[-PORT][/tcp|/udp]" })
    }
}

/// Docker's network mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModeShape {
    /// Each host's default network.
    Bridge,
    /// The host's own.
    Host,
    /// None.
    None,
}

impl<'de> Deserialize<'de> for ModeShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "bridge" => Ok(Self::Bridge),
            "host" => Ok(Self::Host),
            "none" => Ok(Self::None),
            other if other.starts_with("service:") => Err(decode::error(
                "replicas of two services need not stand on one host, so none can share the other's network",
                "attach both to a network of their own, under `networks`",
            )),
            other if other.starts_with("container:") => Err(decode::error(
                "a container of the host is nothing that git knows",
                "write `bridge`, `host` or `none`, or attach the service to `networks`",
            )),
            other => Err(decode::error(
                format!("expected `bridge`, `host` or `none`, not {other:?}"),
                "networks of their own stand under `networks`",
            )),
        }
    }
}
