//! What rules of a firewall speak of: ports with their transport, pings, and how many connections in which time.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::model::setting::Protocol;
use crate::model::unit::PortRange;

/// What a rule is about: ports with their transport, or pings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Traffic {
    /// Ports of the host, as the sender names them.
    Ports {
        /// Their transport.
        protocol: Protocol,
        /// The ports.
        range: PortRange,
    },
    /// ICMP echo requests, of IPv4 and IPv6. All other ICMP always comes in: without it nothing else works.
    Icmp,
}

/// Every port there is.
fn every_port() -> Option<PortRange> {
    PortRange::new(1, u16::MAX)
}

impl Traffic {
    /// One port.
    pub fn port(protocol: Protocol, port: u16) -> Option<Self> {
        let range = PortRange::new(port, port)?;
        Some(Self::Ports { protocol, range })
    }

    /// The TCP port that stands for all of these where one is tried: the first. None where it is about no TCP.
    pub fn first_tcp(self) -> Option<u16> {
        match self {
            Self::Ports {
                protocol: Protocol::Tcp,
                range,
            } => Some(*range.ports().start()),
            Self::Ports {
                protocol: Protocol::Udp | Protocol::Sctp,
                range: _,
            }
            | Self::Icmp => None,
        }
    }

    /// Whether everything that is of the other is of this too.
    pub fn holds(self, other: Self) -> bool {
        match (self, other) {
            (Self::Icmp, Self::Icmp) => true,
            (
                Self::Ports { protocol, range },
                Self::Ports {
                    protocol: of,
                    range: part,
                },
            ) => {
                let (all, part) = (range.ports(), part.ports());
                protocol == of && all.start() <= part.start() && part.end() <= all.end()
            }
            (Self::Icmp, Self::Ports { .. }) | (Self::Ports { .. }, Self::Icmp) => false,
        }
    }

    /// Whether something is of both.
    pub fn overlaps(self, other: Self) -> bool {
        match (self, other) {
            (Self::Icmp, Self::Icmp) => true,
            (
                Self::Ports { protocol, range },
                Self::Ports {
                    protocol: of,
                    range: part,
                },
            ) => {
                let (a, b) = (range.ports(), part.ports());
                protocol == of && a.start() <= b.end() && b.start() <= a.end()
            }
            (Self::Icmp, Self::Ports { .. }) | (Self::Ports { .. }, Self::Icmp) => false,
        }
    }
}

impl FromStr for Traffic {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (ports, name) = match text.split_once('/') {
            Some((ports, protocol)) => (Some(ports.trim()), protocol.trim()),
            None if text.starts_with(|c: char| c.is_ascii_digit()) => (Some(text.trim()), "tcp"),
            None => (None, text.trim()),
        };
        let protocol = match name {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            "sctp" => Protocol::Sctp,
            "icmp" if ports.is_none() => return Ok(Self::Icmp),
            "icmp" => return Err("ICMP has no ports: write `icmp`".to_owned()),
            other => return Err(format!("{other:?} is not a protocol: tcp, udp, sctp or icmp")),
        };
        let range = match ports {
            None => every_port(),
            Some(ports) => ports.parse().ok(),
        };
        let wrong = || format!("{text:?} is not a port: write it as 22/tcp, 53/udp, 8000-8010/tcp or icmp");
        Ok(Self::Ports {
            protocol,
            range: range.ok_or_else(wrong)?,
        })
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Icmp => f.pad("icmp"),
            Self::Ports { protocol, range } if Some(*range) == every_port() => f.pad(&protocol.to_string()),
            Self::Ports { protocol, range } => f.pad(&format!("{range}/{protocol}")),
        }
    }
}

impl TryFrom<String> for Traffic {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Traffic> for String {
    fn from(traffic: Traffic) -> String {
        traffic.to_string()
    }
}

impl JsonSchema for Traffic {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Traffic".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^ *([0-9]+ *(- *[0-9]+ *)?(/ *(tcp|udp|sctp))?|tcp|udp|sctp|icmp) *$",
            "description": "PORT[-PORT][/PROTOCOL], a protocol alone for all its ports, or icmp for pings"
        })
    }
}

/// A span of time that connections are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day.
    Day,
}

impl fmt::Display for Per {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        })
    }
}

/// So many in a span of time: `600/minute`. It is a bucket of so many, which fills again at that rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In which time.
    pub per: Per,
}

impl Rate {
    /// Whether its bucket gets less than one a minute.
    pub fn is_scant(self) -> bool {
        match self.per {
            Per::Second | Per::Minute => false,
            Per::Hour => self.count < 60,
            Per::Day => self.count < 24 * 60,
        }
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a rate: write it as 10/second, 600/minute, 1000/hour or 5000/day");
        let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
        let count = count.trim().parse().ok().filter(|count| *count > 0).ok_or_else(wrong)?;
        let per = match unit.trim() {
            "second" | "s" => Per::Second,
            "minute" | "m" => Per::Minute,
            "hour" | "h" => Per::Hour,
            "day" | "d" => Per::Day,
            _ => return Err(wrong()),
        };
        Ok(Self { count, per })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.count, self.per))
    }
}

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> String {
        rate.to_string()
    }
}

impl JsonSchema for Rate {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^ *[0-9]+ */ *(second|minute|hour|day|s|m|h|d) *$", "description": "600/minute" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_reads_and_shows_as_it_is_written() {
        for (text, shown) in [
            ("22", "22/tcp"),
            ("22/tcp", "22/tcp"),
            ("8000-8010/udp", "8000-8010/udp"),
            ("tcp", "tcp"),
            ("1-65535/udp", "udp"),
            ("icmp", "icmp"),
        ] {
            assert_eq!(
                text.parse::<Traffic>().map(|traffic| traffic.to_string()).as_deref(),
                Ok(shown),
                "{text}"
            );
        }
        for text in ["0", "22/icmp", "ftp", "70000", "9-2/tcp", "", "22/"] {
            assert!(text.parse::<Traffic>().is_err(), "{text}");
        }
    }
}
