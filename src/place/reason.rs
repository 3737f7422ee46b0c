//! Why a replica stands where it stands, or nowhere: typed, so that a count per filter is possible; and the words. No deciding.

use std::fmt;

use crate::model::journal::PlacedSlot;
use crate::model::name::{HostName, ServiceName, Slot};
use crate::model::platform::Platform;
use crate::model::setting::Protocol;
use crate::model::unit::{Bytes, Cpus};
use crate::resolve::wish::{Attribute, Constraint, Group, Strategy};

/// Why a host does not take a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// hosts.yaml drains it.
    Draining,
    /// hosts.yaml pauses it: it keeps what it has and gets nothing new.
    Paused,
    /// hosts.yaml says that it is down.
    Down,
    /// It does not answer.
    Unreachable,
    /// A constraint does not hold there.
    Constraint(Constraint),
    /// The image is in no registry, and not there.
    Image(String),
    /// The image is not there for its platform.
    Platform(Platform),
    /// An external network is not there.
    Network(String),
    /// An external volume is not there.
    Volume(String),
    /// A volume that it would write to is mounted there by a container that is not cdk's: the volume and the container.
    Foreign(String, String),
    /// Its engine takes no hardware addresses.
    MacAddress,
    /// It holds as many containers as it may.
    Full(u32),
    /// It holds as many replicas of this service as one host may.
    Replicas(u32),
    /// What the replica would write to lies on other hosts: the volume.
    Elsewhere(String),
    /// No replica of a service that it must be near is there.
    NotNear(ServiceName, Group),
    /// A replica is there that it must not be near.
    NotApart(ServiceName, Group),
    /// It has less CPU left than the replica is promised.
    Cpus(Cpus),
    /// Likewise, memory.
    Memory(Bytes),
    /// A published port is taken there: the first of a range.
    Port(u16, Protocol),
    /// No port of `cluster.ports` is free there.
    NoPortLeft,
}

impl Obstacle {
    /// Whether a host that has this obstacle is none of a global service's, rather than one that it waits for.
    pub(super) fn is_lasting(&self) -> bool {
        match self {
            Self::Draining | Self::Paused | Self::Down | Self::Constraint(_) | Self::Platform(_) => true,
            Self::Unreachable
            | Self::Image(_)
            | Self::Network(_)
            | Self::Volume(_)
            | Self::Foreign(..)
            | Self::MacAddress
            | Self::Elsewhere(_)
            | Self::NotNear(..)
            | Self::NotApart(..)
            | Self::Full(_)
            | Self::Replicas(_)
            | Self::Cpus(_)
            | Self::Memory(_)
            | Self::Port(..)
            | Self::NoPortLeft => false,
        }
    }

    /// The obstacle of so many hosts: `3 hosts lack label disk=ssd`, without the word where it is not the `first` of a list.
    fn of_hosts(&self, count: u32, first: bool) -> String {
        let one = count == 1;
        let verb = |singular: &str, plural: &str| if one { singular } else { plural }.to_owned();
        let words = match self {
            Self::Draining => verb("is draining", "are draining"),
            Self::Paused => verb("is paused", "are paused"),
            Self::Down => verb("is down", "are down"),
            Self::Unreachable => verb("does not answer", "do not answer"),
            Self::Constraint(Constraint {
                attribute,
                equal,
                value,
            }) => match (attribute, equal) {
                (Attribute::Label(key), true) => format!("{} label {key}={value}", verb("lacks", "lack")),
                (Attribute::Label(key), false) => format!("{} label {key}={value}", verb("has", "have")),
                (Attribute::Role, true) => format!("{} not role {value}", verb("has", "have")),
                (Attribute::Role, false) => format!("{} role {value}", verb("has", "have")),
                (Attribute::Ip, true) => format!("{} not at {value}", verb("is", "are")),
                (Attribute::Ip, false) => format!("{} at {value}", verb("is", "are")),
                (Attribute::Os | Attribute::Arch, true) => format!("{} not {value}", verb("is", "are")),
                (Attribute::Os | Attribute::Arch, false) => format!("{} {value}", verb("is", "are")),
                (Attribute::EngineLabel(key), true) => format!("{} engine label {key}={value}", verb("lacks", "lack")),
                (Attribute::EngineLabel(key), false) => format!("{} engine label {key}={value}", verb("has", "have")),
                (Attribute::Hostname | Attribute::Id, true) => format!("{} not {value}", verb("is", "are")),
                (Attribute::Hostname | Attribute::Id, false) => format!("{} {value}", verb("is", "are")),
            },
            Self::Image(image) => format!("{} image {image}", verb("lacks", "lack")),
            Self::Platform(platform) => format!("{} of {platform}, which the image is not for", verb("is", "are")),
            Self::Network(name) => format!("{} network {name}", verb("lacks", "lack")),
            Self::Volume(name) => format!("{} volume {name}", verb("lacks", "lack")),
            Self::Foreign(name, by) => format!("{} {name} in {by}, which is not cdk's", verb("mounts", "mount")),
            Self::MacAddress => format!("{} an engine too old for mac_address (Docker 25)", verb("has", "have")),
            Self::Full(1) => format!("{} full (1 container at most)", verb("is", "are")),
            Self::Full(max) => format!("{} full ({max} containers at most)", verb("is", "are")),
            Self::Replicas(max) => format!("{} {max} of its replicas already", verb("holds", "hold")),
            Self::Cpus(cpus) => format!("{} {cpus} CPUs", verb("lacks", "lack")),
            Self::Memory(memory) => format!("{} {}", verb("lacks", "lack"), binary(*memory)),
            Self::Elsewhere(name) => format!("{} volume {name}, which lies elsewhere", verb("lacks", "lack")),
            Self::NotNear(service, Group::Host) => format!("{} no replica of {service}", verb("holds", "hold")),
            Self::NotNear(service, Group::Label(label)) => {
                format!("{} in a {} without {service}", verb("is", "are"), short(label))
            }
            Self::NotApart(service, Group::Host) => format!("{} a replica of {service}", verb("holds", "hold")),
            Self::NotApart(service, Group::Label(label)) => {
                format!("{} in a {} with {service}", verb("is", "are"), short(label))
            }
            Self::Port(port, protocol) => format!("{} no port {port}/{protocol} free", verb("has", "have")),
            Self::NoPortLeft => format!("{} no port of cluster.ports free", verb("has", "have")),
        };
        match (first, one) {
            (true, true) => format!("1 host {words}"),
            (true, false) => format!("{count} hosts {words}"),
            (false, _) => format!("{count} {words}"),
        }
    }

    /// The obstacle of one host, by its name: `bj-02 is draining`.
    pub fn of(&self, host: &HostName) -> String {
        let words = self.of_hosts(1, false);
        format!("{host}{}", words.strip_prefix('1').unwrap_or(&words))
    }
}

/// A label's name without what is before its last dot.
fn short(label: &str) -> &str {
    label.rsplit('.').next().unwrap_or(label)
}

/// Bytes as people read them: `256 MiB`.
fn binary(bytes: Bytes) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let whole = units
        .into_iter()
        .find(|(_, shift)| bytes.0 != 0 && bytes.0.is_multiple_of(1 << shift));
    match whole {
        Some((unit, shift)) => format!("{} {unit}", bytes.0 >> shift),
        None => format!("{} bytes", bytes.0),
    }
}

/// Why a host was the best of those that fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Best {
    /// The service.
    pub service: ServiceName,
    /// By what.
    pub strategy: Strategy,
    /// What it stands near to, as it should.
    pub near: Option<ServiceName>,
    /// The groups that were chosen first: `zone bj-b`.
    pub groups: Vec<String>,
}

impl fmt::Display for Best {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            service,
            strategy,
            near,
            groups,
        } = self;
        if let Some(near) = near {
            write!(f, "near {near}, ")?;
        }
        match strategy {
            Strategy::Spread => write!(f, "fewest {service} replicas")?,
            Strategy::Binpack => f.write_str("the fullest host that fits")?,
            Strategy::Random => f.write_str("by chance")?,
        }
        match groups.as_slice() {
            [] => Ok(()),
            groups => write!(f, " in {}", groups.join(", ")),
        }
    }
}

/// Why a replica stands where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It was there already, and still fits.
    Stays,
    /// Its data is there.
    Data,
    /// The host does not answer, and the journal says that it holds it.
    Held,
    /// The host is gone from hosts.yaml, and holds it.
    Gone,
    /// It is new, and that host the best of those that fit.
    Best(Best),
    /// It had to leave a host.
    Left {
        /// That host.
        host: HostName,
        /// Why.
        obstacle: Obstacle,
    },
    /// Its host went out of hosts.yaml, or is down.
    Lost(HostName),
    /// Its host does not answer, and a person said that it is to be made elsewhere.
    FailedOver(HostName),
    /// A person said so.
    Asked {
        /// What it wrote, which stays behind, and where.
        leaves: Option<(String, HostName)>,
    },
    /// It evens the cluster out: what is counted, and how many of it the host that it leaves and this one had.
    Evened {
        /// What is counted: `web replicas`.
        what: String,
        /// The host that it leaves, and its count.
        from: (HostName, u32),
        /// The count of the host that it goes to.
        to: u32,
    },
    /// One on each host that fits.
    Global,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stays => f.write_str("stays"),
            Self::Data => f.write_str("its data is there"),
            Self::Held => f.write_str("the host does not answer; by the journal it holds this replica"),
            Self::Gone => f.write_str("the host is gone from hosts.yaml, and holds this replica"),
            Self::Best(best) => best.fmt(f),
            Self::Left { host, obstacle } => f.write_str(&obstacle.of(host)),
            Self::Lost(host) => write!(f, "{host} is gone"),
            Self::FailedOver(host) => write!(f, "{host} does not answer: failed over"),
            Self::Asked { leaves: None } => f.write_str("moved as asked"),
            Self::Asked {
                leaves: Some((data, host)),
            } => write!(f, "moved as asked, without its data: {data} stays behind on {host}"),
            Self::Evened {
                what,
                from: (host, more),
                to,
            } => write!(f, "evens out: {more} {what} on {host}, {to} here"),
            Self::Global => f.write_str("one on each host that fits"),
        }
    }
}

/// Why a replica could not be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// So many hosts by obstacle; the most frequent first. Empty where there is no host at all.
    NoHost(Vec<(Obstacle, u32)>),
    /// It writes to `data` on this host and so cannot leave it, though it no longer fits there.
    Bound {
        /// The replica.
        slot: Slot,
        /// The host.
        host: HostName,
        /// What is against it there; none where the host is no longer in hosts.yaml.
        obstacle: Option<Obstacle>,
        /// The volume or path.
        data: String,
    },
    /// A global service's replica does not fit on its host.
    Global {
        /// The host.
        host: HostName,
        /// Why.
        obstacle: Obstacle,
    },
}

/// A replica that could not be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub why: Why,
    /// Where it stands all the same, by the look at the host or by the journal: it is left alone there.
    pub stays: Option<PlacedSlot>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Why::NoHost(counts) if counts.is_empty() => f.write_str("there is no host")?,
            Why::NoHost(counts) => {
                for (index, (obstacle, count)) in counts.iter().enumerate() {
                    let first = index == 0;
                    f.write_str(if first { "" } else { ", " })?;
                    f.write_str(&obstacle.of_hosts(*count, first))?;
                }
            }
            Why::Bound {
                slot,
                host,
                obstacle,
                data,
            } => {
                match obstacle {
                    Some(obstacle) => f.write_str(&obstacle.of(host))?,
                    None => write!(f, "{host} is no longer in hosts.yaml")?,
                }
                return write!(
                    f,
                    ", but it writes to {data} there, and data does not move by itself: `cdk move {slot} HOST --without-data` would start it anew"
                );
            }
            Why::Global { host, obstacle } => f.write_str(&obstacle.of(host))?,
        }
        match &self.stays {
            Some(placed) => write!(f, "; it stays on {} until then", placed.host),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_counts_hosts_by_obstacle() {
        let ssd = Constraint {
            attribute: Attribute::Label("disk".to_owned()),
            equal: true,
            value: "ssd".to_owned(),
        };
        let why = Why::NoHost(vec![
            (Obstacle::Constraint(ssd), 3),
            (Obstacle::Memory(Bytes(256 << 20)), 2),
            (Obstacle::Draining, 1),
        ]);
        assert_eq!(
            Refusal { why, stays: None }.to_string(),
            "3 hosts lack label disk=ssd, 2 lack 256 MiB, 1 is draining"
        );
    }
}
