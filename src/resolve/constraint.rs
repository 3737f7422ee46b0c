//! Swarm's constraints: `node.labels.type == large`. Reading them, and whether they can mean anything here. Pure.

use std::collections::BTreeSet;

use crate::resolve::desired::{Attribute, Constraint};
use crate::resolve::suggest;

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

fn plain_attribute(key: &str) -> Result<Attribute, Wrong> {
    let later = |hint: &str| {
        let message = format!("a constraint on `{key}` is not in force yet in this version of cdk");
        Err((message, Some(hint.to_owned())))
    };
    match key {
        "node.hostname" => Ok(Attribute::Hostname),
        "node.role" => Ok(Attribute::Role),
        "node.id" => later("a host is named by `node.hostname`, as hosts.yaml calls it"),
        "node.ip" => later("a host is named by `node.hostname`, as hosts.yaml calls it"),
        _ if key.starts_with("engine.labels.") || key.starts_with("node.platform.") => {
            later("give the hosts labels, and write `node.labels.KEY == VALUE`")
        }
        _ => {
            let near = suggest::nearest(key, ["node.hostname", "node.role", "node.labels"]);
            let full = near.map_or_else(|| full_key(key), str::to_owned);
            let hint = if full == key {
                "there is node.hostname, node.role and node.labels.KEY".to_owned()
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

/// What is wrong with a constraint that no host could ever be meant by; none where all is well.
pub fn names_nothing(constraint: &Constraint, hosts: &HostWords) -> Option<Wrong> {
    if !hosts.complete {
        return None;
    }
    let same = |known: &BTreeSet<String>, word: &str| known.iter().any(|one| one.eq_ignore_ascii_case(word));
    let value = constraint.value.as_str();
    let (message, word, known) = match &constraint.attribute {
        Attribute::Hostname if !same(&hosts.names, value) => {
            (format!("no host is called `{value}`"), value, &hosts.names)
        }
        Attribute::Role if constraint.equal && !same(&hosts.roles, value) => {
            (format!("no host has the role `{value}`"), value, &hosts.roles)
        }
        Attribute::Label(key) if !hosts.labels.contains(key) => {
            (format!("no host has a label `{key}`"), key.as_str(), &hosts.labels)
        }
        Attribute::Hostname | Attribute::Role | Attribute::Label(_) => return None,
    };
    Some((message, suggest::hint(word, known.iter().map(String::as_str))))
}
