//! A service's ports, in Compose's short and long form.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::model::setting::Protocol;
use crate::model::unit::PortRange;
use crate::resolve::decode;
use crate::resolve::desired::{HostPort, ServicePort};
use crate::resolve::shape::plain::Plain;

const FORM: &str =
    "write it as \"8080\", \"80:8080\", \"127.0.0.1:80:8080\", \"8000-8010:80\", with /udp behind it where it is UDP";

/// One entry under `ports`, which may stand for several ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortShape(pub Vec<ServicePort>);

impl<'de> Deserialize<'de> for PortShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PortVisitor)
    }
}

struct PortVisitor;

impl<'de> Visitor<'de> for PortVisitor {
    type Value = PortShape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a port, as text, as a number or as a map")
    }

    fn visit_u64<E: Error>(self, port: u64) -> Result<PortShape, E> {
        self.visit_str(&port.to_string())
    }

    fn visit_i64<E: Error>(self, port: i64) -> Result<PortShape, E> {
        self.visit_str(&port.to_string())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<PortShape, E> {
        short(text)
            .map(PortShape)
            .map_err(|message| decode::error(message, FORM))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PortShape, A::Error> {
        let long = LongPort::deserialize(MapAccessDeserializer::new(map))?;
        long.ports().map(PortShape).map_err(A::Error::custom)
    }
}

/// `[[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]`, where HOST and CONTAINER may be ranges.
fn short(text: &str) -> Result<Vec<ServicePort>, String> {
    let (rest, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = match protocol {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        "sctp" => Protocol::Sctp,
        other => return Err(format!("{other:?} is not a protocol: tcp, udp or sctp")),
    };
    let (before, container) = match rest.rsplit_once(':') {
        Some((before, container)) => (Some(before), container),
        None => (None, rest),
    };
    let range = |ports: &str| {
        ports
            .parse::<PortRange>()
            .map_err(|_| format!("{text:?} is not a port"))
    };
    let container = range(container)?;
    let Some(before) = before else {
        return paired(container, None, None, protocol);
    };
    let (address, host) = match before.rsplit_once(':') {
        Some((address, host)) => (Some(address), host),
        None => (None, before),
    };
    let address = address.map(|address| {
        let bare = address
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(address);
        bare.parse::<IpAddr>()
            .map_err(|_| format!("{address:?} is not an IP address"))
    });
    paired(container, Some(range(host)?), address.transpose()?, protocol)
}

/// Pairs the container's ports with the host's: one to one, or one of the container's with any of a range.
fn paired(
    container: PortRange,
    host: Option<PortRange>,
    address: Option<IpAddr>,
    protocol: Protocol,
) -> Result<Vec<ServicePort>, String> {
    let port = |container, host| ServicePort {
        container,
        protocol,
        host,
    };
    let Some(host) = host else {
        return Ok(container
            .ports()
            .map(|container| port(container, HostPort::Assigned))
            .collect());
    };
    if container.ports().len() == 1 {
        let ports = HostPort::Published { address, ports: host };
        return Ok(container
            .ports()
            .map(|container| port(container, ports.clone()))
            .collect());
    }
    if container.ports().len() != host.ports().len() {
        return Err(format!("the ranges {host} and {container} are not of the same length"));
    }
    let single = |port| PortRange::new(port, port).map(|ports| HostPort::Published { address, ports });
    Ok(container
        .ports()
        .zip(host.ports())
        .filter_map(|(inner, outer)| Some(port(inner, single(outer)?)))
        .collect())
}

/// A port in long form.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
struct LongPort {
    /// The port in the container. Required.
    target: Option<Plain<PortRange>>,
    /// The port on the host, or a range of which each replica takes one; handed out by cdk unless given.
    published: Option<Plain<PortRange>>,
    /// The transport; tcp unless given.
    protocol: Option<Protocol>,
    /// The host's address that it is bound to; all unless given.
    host_ip: Option<IpAddr>,
    /// `host`: on the host that the replica stands on; `ingress`: for the ingress, on a port that cdk hands out.
    mode: Option<PortMode>,
    /// For people to read.
    name: Option<String>,
    /// For people to read: `http`.
    app_protocol: Option<String>,
}

/// How a port is published.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum PortMode {
    /// On the host that the replica stands on.
    Host,
    /// For the ingress.
    Ingress,
}

impl<'de> Deserialize<'de> for PortMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "host" => Ok(Self::Host),
            "ingress" => Ok(Self::Ingress),
            other => Err(D::Error::custom(format!("expected `host` or `ingress`, not {other:?}"))),
        }
    }
}

impl LongPort {
    fn ports(self) -> Result<Vec<ServicePort>, String> {
        let Self {
            target,
            published,
            protocol,
            host_ip,
            mode,
            name: _,
            app_protocol: _,
        } = self;
        let target = target.ok_or("a port needs `target`: the port in the container")?.0;
        if matches!(mode, Some(PortMode::Ingress)) && published.is_some() {
            return Err("`mode: ingress` with `published` is Swarm's routing mesh, which cdk has not: write `mode: host`, or leave `published` out and route to it under `ingress`".to_owned());
        }
        if host_ip.is_some() && published.is_none() {
            return Err("`host_ip` says nothing without `published`".to_owned());
        }
        paired(
            target,
            published.map(|Plain(range)| range),
            host_ip,
            protocol.unwrap_or_default(),
        )
    }
}

impl JsonSchema for PortShape {
    fn schema_name() -> Cow<'static, str> {
        "PortShape".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = generator.subschema_for::<LongPort>();
        json_schema!({ "anyOf": [
            { "type": ["string", "integer"], "description": "[[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]" },
            long
        ] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<Vec<String>, String> {
        let show = |port: ServicePort| match port.host {
            HostPort::Assigned => format!("{}/{}", port.container, port.protocol),
            HostPort::Published { address, ports } => {
                let address = address.map(|address| format!("{address} ")).unwrap_or_default();
                format!("{address}{ports}>{}/{}", port.container, port.protocol)
            }
        };
        short(text).map(|ports| ports.into_iter().map(show).collect())
    }

    #[test]
    fn short_forms_mean_what_they_mean_in_compose() {
        for (text, ports) in [
            ("8080", vec!["8080/tcp"]),
            ("80:8080", vec!["80>8080/tcp"]),
            ("127.0.0.1:80:8080/udp", vec!["127.0.0.1 80>8080/udp"]),
            ("[::1]:80:8080", vec!["::1 80>8080/tcp"]),
            ("::1:80:8080", vec!["::1 80>8080/tcp"]),
            ("8000-8010:80", vec!["8000-8010>80/tcp"]),
            ("3000-3001", vec!["3000/tcp", "3001/tcp"]),
            ("9090-9091:8080-8081", vec!["9090>8080/tcp", "9091>8081/tcp"]),
        ] {
            assert_eq!(
                shown(text),
                Ok(ports.into_iter().map(str::to_owned).collect()),
                "{text}"
            );
        }
        for text in [
            "",
            "0",
            "80:",
            ":80",
            "80/icmp",
            "80:90:100",
            "70000",
            "1-2:1-3",
            "web",
            "127.0.0.1::80",
        ] {
            assert!(short(text).is_err(), "{text}");
        }
    }
}
