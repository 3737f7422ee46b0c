//! Swarm's constraints: `node.labels.type == large`. Reading them, and whether they can mean anything here. Pure.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::endpoint::Address;
use crate::model::name::HostName;
use crate::resolve::desired::Host;
use crate::resolve::suggest;
use crate::resolve::wish::{Attribute, Constraint};

/// What the hosts are called and labelled.
#[derive(Debug, Default, Clone)]
pub struct HostWords {
    /// Their names.
    pub names: BTreeSet<String>,
    /// Their labels' keys.
    pub labels: BTreeSet<String>,
    /// Their roles.
    pub roles: BTreeSet<String>,
    /// Whether all hosts could be read, so that what is not here does not exist.
    pub complete: bool,
}

/// A message and, mostly, a hint.
pub type Wrong = (String, Option<String>);

/// Reads a constraint.
///
/// # Errors
/// What is wrong with it, and how it would be right.
pub fn parse(text: &str) -> Result<Constraint, Wrong> {
    let Some((key, equal, value)) = split(text) else {
        let hint = text.split_once('=').map_or_else(
            || "write it as `node.labels.KEY == VALUE`, with == or !=".to_owned(),
            |(key, value)| format!("write it as `{} == {}`", full_key(key.trim()), value.trim()),
        );
        return Err((format!("`{text}` is not a constraint"), Some(hint)));
    };
    if value.is_empty() || value.contains(['=', '!', '"', '\'']) {
        let hint = "a value is a plain word, without quotes of its own".to_owned();
        return Err((format!("`{text}` has no value that a host could have"), Some(hint)));
    }
    let attribute = match key.strip_prefix("node.labels.") {
        Some(label) if !label.is_empty() => Attribute::Label(label.to_owned()),
        Some(_) => return Err((format!("`{text}` names no label"), None)),
        None => plain_attribute(key)?,
    };
    if attribute == Attribute::Ip && network(value).is_none() {
        let hint = "write an address, or a network as 10.0.0.0/24".to_owned();
        return Err((format!("`{value}` is not an address"), Some(hint)));
    }
    Ok(Constraint {
        attribute,
        equal,
        value: value.to_owned(),
    })
}

/// Swarm's two operators, and what stands on both sides.
fn split(text: &str) -> Option<(&str, bool, &str)> {
    let (equal, (key, value)) = match (text.split_once("=="), text.split_once("!=")) {
        (Some(parts), None) => (true, parts),
        (None, Some(parts)) => (false, parts),
        (Some(_), Some(_)) | (None, None) => return None,
    };
    Some((key.trim(), equal, value.trim()))
}

/// What a constraint may look at.
const KEYS: [&str; 7] = [
    "node.id",
    "node.hostname",
    "node.role",
    "node.labels",
    "node.ip",
    "node.platform.os",
    "node.platform.arch",
];

fn plain_attribute(key: &str) -> Result<Attribute, Wrong> {
    match key {
        "node.id" => Ok(Attribute::Id),
        "node.hostname" => Ok(Attribute::Hostname),
        "node.role" => Ok(Attribute::Role),
        "node.ip" => Ok(Attribute::Ip),
        "node.platform.os" => Ok(Attribute::Os),
        "node.platform.arch" => Ok(Attribute::Arch),
        _ => {
            if let Some(label) = key.strip_prefix("engine.labels.").filter(|label| !label.is_empty()) {
                return Ok(Attribute::EngineLabel(label.to_owned()));
            }
            let near = suggest::nearest(key, KEYS);
            let full = near.map_or_else(|| full_key(key), str::to_owned);
            let hint = if full == key {
                format!(
                    "there is {} and engine.labels.KEY",
                    KEYS.join(", ").replace("labels", "labels.KEY")
                )
            } else {
                format!("did you mean `{full}`?")
            };
            Err((format!("`{key}` is nothing that a host has"), Some(hint)))
        }
    }
}

/// The right key for Compose's old ones: `node=foo`, and labels without their prefix.
fn full_key(key: &str) -> String {
    match key {
        "node" | "hostname" | "node.name" => "node.hostname".to_owned(),
        "role" => "node.role".to_owned(),
        _ if key.starts_with("node.") || key.starts_with("engine.") => key.to_owned(),
        _ => format!("node.labels.{}", key.strip_prefix("labels.").unwrap_or(key)),
    }
}

/// What is wrong with a constraint that wants what no host has, though one has nearly that; none where all is well. Something quite
/// else may belong to a host that is still to come: until then the service fits nowhere, as in Swarm, and the plan says so.
pub fn names_nothing(constraint: &Constraint, hosts: &HostWords) -> Option<Wrong> {
    if !hosts.complete || !constraint.equal {
        return None;
    }
    let same = |known: &BTreeSet<String>, word: &str| known.iter().any(|one| one.eq_ignore_ascii_case(word));
    let value = constraint.value.as_str();
    let (message, word, known) = match &constraint.attribute {
        Attribute::Hostname if !same(&hosts.names, value) => {
            (format!("no host is called `{value}`"), value, &hosts.names)
        }
        Attribute::Role if !same(&hosts.roles, value) => {
            (format!("no host has the role `{value}`"), value, &hosts.roles)
        }
        Attribute::Label(key) if !hosts.labels.contains(key) => {
            (format!("no host has a label `{key}`"), key.as_str(), &hosts.labels)
        }
        Attribute::Hostname
        | Attribute::Role
        | Attribute::Label(_)
        | Attribute::Id
        | Attribute::Ip
        | Attribute::Os
        | Attribute::Arch
        | Attribute::EngineLabel(_) => return None,
    };
    let near = suggest::nearest(word, known.iter().map(String::as_str))?;
    // `web-1` is no misspelt `web-2`.
    let letters = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
    (letters(near) != letters(word)).then(|| (message, Some(format!("did you mean `{near}`?"))))
}

fn network(text: &str) -> Option<IpNet> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Whether a constraint holds of a host, as far as hosts.yaml says; none where only the host itself can say. Values compare
/// whole and without regard to case; what is missing fails `==` and passes `!=`.
pub fn holds(constraint: &Constraint, name: &HostName, host: &Host) -> Option<bool> {
    let value = match &constraint.attribute {
        Attribute::Hostname => Some(name.as_str()),
        Attribute::Role => Some(host.role.as_str()),
        Attribute::Label(key) => host.labels.get(key).map(String::as_str),
        Attribute::Ip => return address_within(&constraint.value, host).map(|same| same == constraint.equal),
        Attribute::Id | Attribute::Os | Attribute::Arch | Attribute::EngineLabel(_) => return None,
    };
    Some(holds_of(constraint, value))
}

/// Whether a constraint holds where its attribute has this value.
pub fn holds_of(constraint: &Constraint, value: Option<&str>) -> bool {
    let same = value.is_some_and(|value| value.to_lowercase() == constraint.value.to_lowercase());
    same == constraint.equal
}

/// Whether one of a host's addresses is the one that is written, or in that network; false where it is known by a name alone.
fn address_within(written: &str, host: &Host) -> Option<bool> {
    let network = network(written)?;
    let own = match &host.address {
        Address::Local => None,
        Address::Ssh(text) => text.parse::<IpAddr>().ok(),
    };
    let mut known = own.into_iter().chain(host.private_address);
    Some(known.any(|address| network.contains(&address)))
}
