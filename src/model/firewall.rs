//! A host's firewall: the rule set that decides what comes in, what stands there, and which rule decides for one packet. No nft.

mod decide;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::name::{ClusterName, HostName};
use crate::model::network::Subnet;
use crate::model::setting::Protocol;
use crate::model::traffic::{Rate, Traffic};
use crate::model::unit::Span;

/// How rule sets are put into nft's words. A newer one makes every host's table anew.
pub const FIREWALL_VERSION: u32 = 2;

/// Whether something comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It does.
    #[default]
    Allow,
    /// It does not.
    Deny,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        })
    }
}

/// Whom a rule is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Everyone.
    Any,
    /// These.
    Of {
        /// As git writes it: `hosts`, `ingress`, a service's name, a network.
        words: Vec<String>,
        /// The addresses that this stands for.
        networks: BTreeSet<Subnet>,
        /// Whether the host itself is among them, and with it its own containers: to others these have its address.
        containers: bool,
    },
}

impl Source {
    /// Whether a packet of this sender is meant.
    pub fn holds(&self, sender: &Sender) -> bool {
        match self {
            Self::Any => true,
            Self::Of {
                words: _,
                networks,
                containers,
            } => {
                networks.iter().any(|network| network.holds(sender.address))
                    || (*containers && sender.place == Place::Container)
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Of { words, .. } => f.write_str(&words.join(", ")),
        }
    }
}

/// One rule as it is on one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// What becomes of what it is about.
    pub verdict: Verdict,
    /// What it is about.
    pub traffic: BTreeSet<Traffic>,
    /// From whom.
    pub from: Source,
    /// How many new connections one address may make; more are denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Rate>,
    /// Whether a change is kept only where another host still reaches its TCP ports.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub probe: bool,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let traffic: Vec<String> = self.traffic.iter().map(Traffic::to_string).collect();
        write!(f, "{} {} from {}", self.verdict, traffic.join(", "), self.from)?;
        if let Some(limit) = self.limit {
            write!(f, ", at most {limit}")?;
        }
        if self.probe {
            f.write_str(", probed")?;
        }
        Ok(())
    }
}

/// Who may always come in by SSH, and where sshd listens.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Admin {
    /// From these addresses.
    pub from: BTreeSet<Subnet>,
    /// The ports.
    pub ports: BTreeSet<u16>,
}

/// What decides on everything that comes in to one host, but for what always does: replies, what the host says to itself, ICMP
/// without which nothing works, DHCP's answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleSet {
    /// How it is put into nft's words: [`FIREWALL_VERSION`].
    pub version: u32,
    /// The cluster that owns the host's firewall.
    pub cluster: ClusterName,
    /// What becomes of what no rule names.
    pub default: Verdict,
    /// What no rule can close.
    pub admin: Admin,
    /// The rules; the first that a packet fits decides.
    pub rules: Vec<Rule>,
    /// Who may tell others by VRRP that they hold a virtual address.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub vrrp: BTreeSet<Subnet>,
    /// Which of the host's interfaces lead to its containers.
    #[serde(default)]
    pub bridges: Bridges,
}

/// The interfaces behind which a host's containers are: `docker0`, `br-…`, and what is said here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Bridges {
    /// Further ones of Docker's.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub also: BTreeSet<String>,
    /// Those named `br-…` that are none of Docker's.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub except: BTreeSet<String>,
}

impl fmt::Display for Bridges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("docker0, br-*")?;
        self.also.iter().try_for_each(|name| write!(f, ", {name}"))?;
        self.except.iter().try_for_each(|name| write!(f, ", not {name}"))
    }
}

/// Who sends a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender {
    /// Its address.
    pub address: IpAddr,
    /// Where it is, as the host sees it that it sends to.
    pub place: Place,
}

/// Where a sender is, seen from the host that it sends to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Somewhere else.
    Elsewhere,
    /// In one of the host's containers.
    Container,
    /// On the host itself.
    Here,
}

/// How somebody came in by SSH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// From this address.
    pub from: IpAddr,
    /// To this port.
    pub port: u16,
}

/// What decides for a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decider<'a> {
    /// What the host says to itself always comes in.
    Itself,
    /// `admin`.
    Admin,
    /// A rule.
    Rule(&'a Rule),
    /// ICMP that no rule names comes in.
    Icmp,
    /// `default`.
    Default,
}

/// A socket that something listens on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Listener {
    /// Its transport.
    pub protocol: Protocol,
    /// Its address; none for all of them.
    pub address: Option<IpAddr>,
    /// Its port.
    pub port: u16,
    /// Whose it is; empty where that is not known.
    pub program: String,
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.port, self.protocol)?;
        if !self.program.is_empty() {
            write!(f, " ({})", self.program)?;
        }
        Ok(())
    }
}

/// The firewall as it was found on a host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LiveFirewall {
    /// What the last apply put in force; none where there was none.
    pub rules: Option<RuleSet>,
    /// The SHA-256 of the cluster's table as it stands; none where there is none.
    pub hash: Option<String>,
    /// How it differs from what the last apply left, line by line, `-` and `+` before them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by_hand: Vec<String>,
    /// The clusters that have a table there.
    pub owners: BTreeSet<ClusterName>,
    /// The port at which sshd was reached; 0 where nobody came that way.
    pub ssh_port: u16,
    /// The bridges among its interfaces that are named `br-…`, Docker's or not.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub bridges: BTreeSet<String>,
    /// The cluster's change that waits there to be confirmed or taken back, by its id. All else here is as it will be once it was taken
    /// back: a change that nobody confirmed is no change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<String>,
    /// What listens there, where no rules deny anything yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<Listener>,
}

impl LiveFirewall {
    /// The clusters whose rules stand there, or will after the next boot though nothing of them stands now.
    pub fn owned_by(&self) -> BTreeSet<&ClusterName> {
        self.owners
            .iter()
            .chain(self.rules.iter().map(|rules| &rules.cluster))
            .collect()
    }
}

/// The firewalls of a cluster's hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// The cluster.
    pub cluster: ClusterName,
    /// By host; or why it could not be read.
    pub hosts: BTreeMap<HostName, Result<LiveFirewall, String>>,
}

/// What became of a change that may have waited on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmed {
    /// It was confirmed.
    Now,
    /// None waited.
    Nothing,
    /// It was not, or nobody knows whether one waits: why.
    Not(String),
}

/// What was confirmed on a cluster's hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmations {
    /// The cluster.
    pub cluster: ClusterName,
    /// By host.
    pub hosts: BTreeMap<HostName, Confirmed>,
}

/// What is known of a host's firewall.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FirewallSeen {
    /// Nobody asked.
    #[default]
    NotAsked,
    /// It could not be read, and why, with the cure.
    Unknown(String),
    /// This was found.
    Found(Box<LiveFirewall>),
}

/// How a host's firewall is changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FirewallChange {
    /// What is to stand; none removes the cluster's table.
    pub rules: Option<RuleSet>,
    /// What it takes the place of.
    pub replaces: Replaced,
    /// How long the host waits for the confirmation before it takes the change back.
    pub confirm_timeout: Span,
    /// When it is done.
    pub phase: Phase,
    /// What is waited for after the hosts before it.
    pub wait: Span,
    /// What must be reached before it is confirmed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<Probe>,
}

/// A port that must stay open, and who tries it. That nobody listens there is no matter: the answer that says so came through.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Probe {
    /// The host that tries it.
    pub from: HostName,
    /// An address of the host that is changed.
    pub to: IpAddr,
    /// The TCP port.
    pub port: u16,
    /// The rule that says so, by its name.
    pub rule: String,
}

/// What a change takes the place of; another is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Replaced {
    /// There is no table of the cluster's.
    Nothing,
    /// The table of this SHA-256.
    Table(String),
    /// What the same apply put there before.
    Any,
}

impl Replaced {
    /// Whether it is the table of this SHA-256; none where there is none.
    pub fn is(&self, hash: Option<&str>) -> bool {
        match self {
            Self::Nothing => hash.is_none(),
            Self::Table(wanted) => hash == Some(wanted),
            Self::Any => true,
        }
    }
}

/// When a firewall is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before replicas come that the rules go by.
    Open,
    /// After others have gone.
    Close,
}
