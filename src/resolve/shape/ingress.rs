//! The words of `ingress`.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::model::image::ImageRef;
use crate::model::unit::Span;
use crate::resolve::shape::plain::{Count, Plain, Port, Positive};
use crate::resolve::shape::scalar::OneOrMany;

/// A proxy on some hosts, and what it hands on to which service.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct IngressShape {
    /// Which proxy; `haproxy` unless given.
    pub proxy: Option<ProxyShape>,
    /// Its image.
    pub image: Option<ImageRef>,
    /// On which hosts: constraints as under `deploy.placement`. Required.
    pub on: Option<OneOrMany<String>>,
    /// An address that one of these hosts holds at any time, by keepalived.
    pub virtual_address: Option<VirtualAddressShape>,
    /// Where it listens for HTTP.
    pub listen: Option<Vec<ListenShape>>,
    /// What it hands on, and to whom.
    pub routes: Option<Vec<RouteShape>>,
    /// A template of the user's own for the proxy's configuration, relative to cdk.yaml.
    pub template: Option<String>,
}

/// Which proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProxyShape {
    /// HAProxy.
    Haproxy,
    /// nginx.
    Nginx,
}

/// An address that moves between hosts.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct VirtualAddressShape {
    /// The address with its network's length: `10.0.0.100/24`. Required.
    pub address: Option<Plain<Inside>>,
    /// The network interface that gets it. Required.
    pub interface: Option<Plain<String>>,
    /// The number of the VRRP group, 1 to 255; no other group of the network has it. Required.
    pub router_id: Option<Plain<RouterId>>,
}

/// An address with its network's length: `10.0.0.100/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inside(pub IpNet);

impl FromStr for Inside {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<IpAddr>() {
            let length = if address.is_ipv4() { 24 } else { 64 };
            return Err(format!(
                "{text} has no network's length: write it as {text}/{length}, say"
            ));
        }
        let net: IpNet = text
            .parse()
            .map_err(|_| format!("{text:?} is not an address with its network's length: write it as 10.0.0.100/24"))?;
        if net.addr() == net.network() && net.prefix_len() < net.max_prefix_len() {
            return Err(format!(
                "{text} is a whole network: write one address of it, as 10.0.0.100/24"
            ));
        }
        Ok(Self(net))
    }
}

impl JsonSchema for Inside {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Inside".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "/[0-9]+$", "description": "10.0.0.100/24" })
    }
}

/// The number of a VRRP group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouterId(pub u8);

impl FromStr for RouterId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| *number > 0);
        number
            .map(Self)
            .ok_or_else(|| format!("expected a number from 1 to 255, not {text}"))
    }
}

impl JsonSchema for RouterId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "RouterId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": 255 })
    }
}

/// A port that the proxy listens on: the port alone, or a map.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListenShape {
    /// The port.
    pub port: Option<u16>,
    /// The secret that holds the certificate and its key.
    pub tls: Option<String>,
}

/// The long form.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
struct ListenMap {
    /// The port. Required.
    port: Option<Plain<Port>>,
    /// The secret that holds the certificate and its key, as PEM.
    tls: Option<String>,
}

impl<'de> Deserialize<'de> for ListenShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListenVisitor)
    }
}

struct ListenVisitor;

impl<'de> Visitor<'de> for ListenVisitor {
    type Value = ListenShape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a port, or {port: PORT, tls: SECRET}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ListenShape, E> {
        let port: Port = text.parse().map_err(E::custom)?;
        let (port, tls) = (Some(port.0), None);
        Ok(ListenShape { port, tls })
    }

    fn visit_u64<E: Error>(self, port: u64) -> Result<ListenShape, E> {
        self.visit_str(&port.to_string())
    }

    fn visit_i64<E: Error>(self, port: i64) -> Result<ListenShape, E> {
        self.visit_str(&port.to_string())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ListenShape, A::Error> {
        let ListenMap { port, tls } = ListenMap::deserialize(MapAccessDeserializer::new(map))?;
        let port = port.map(|port| port.0.0);
        Ok(ListenShape { port, tls })
    }
}

impl JsonSchema for ListenShape {
    fn schema_name() -> Cow<'static, str> {
        "ListenShape".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let port = Plain::<Port>::json_schema(generator);
        let long = generator.subschema_for::<ListenMap>();
        json_schema!({ "anyOf": [port, long] })
    }
}

/// What is handed on, and to whom.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct RouteShape {
    /// `http` unless given.
    pub mode: Option<RouteModeShape>,
    /// The name that is asked for; any unless given. `*.example.com` is every name one level below.
    pub host: Option<String>,
    /// What the path begins with; `/` unless given.
    pub path: Option<String>,
    /// The port that the proxy listens on: required with `mode: tcp`; else one of the ingress's `listen`, all of them unless given.
    pub listen: Option<Plain<Port>>,
    /// The service that gets it. Required.
    pub service: Option<String>,
    /// The port in the service's containers; its only one unless given.
    pub port: Option<Plain<Port>>,
    /// How replicas share what comes in; `roundrobin` unless given.
    pub balance: Option<BalanceShape>,
    /// How long a replica that goes may finish what it has begun.
    pub drain: Option<Plain<Span>>,
    /// How the proxy asks whether a replica is well.
    pub check: Option<RouteCheckShape>,
}

/// What a route hands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RouteModeShape {
    /// Requests.
    Http,
    /// Connections.
    Tcp,
}

/// How replicas share what comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BalanceShape {
    /// In turn.
    Roundrobin,
    /// To the one with the fewest connections.
    Leastconn,
    /// The same address to the same replica.
    Source,
    /// By chance.
    Random,
}

/// How the proxy asks whether a replica is well.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct RouteCheckShape {
    /// A path that answers well: 200 to 399.
    pub http: Option<String>,
    /// Whether a connection is enough.
    pub tcp: Option<bool>,
    /// Between two checks.
    pub interval: Option<Plain<Positive<Span>>>,
    /// Until a check counts as failed.
    pub timeout: Option<Plain<Positive<Span>>>,
    /// Failures in a row until it gets nothing more.
    pub retries: Option<Plain<Count<1>>>,
}
