//! Parsed names of clusters, hosts, services, volumes and slots, and the names on a host that derive from them. No look-ups.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use arcstr::ArcStr;
use serde::{Deserialize, Serialize, Serializer};

/// Why a text is not a name of its kind; says what would be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {kind}: {rule}")]
pub struct NameError {
    kind: &'static str,
    text: String,
    rule: &'static str,
}

fn head_and_tail(text: &str, head: fn(char) -> bool, tail: fn(char) -> bool) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(head) && chars.all(tail)
}

fn lower(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

/// A name's text. Plans look names up by the million: its first letters lie beside the pointer, so that two which differ there,
/// and short ones that are equal, are compared without looking further.
#[derive(Clone)]
struct Text {
    /// The first eight bytes, the first one highest; zeros after its end, which no name holds.
    head: u64,
    text: ArcStr,
}

impl Text {
    fn new(text: &str) -> Self {
        let mut head = [0; 8];
        for (to, from) in head.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        Self {
            head: u64::from_be_bytes(head),
            text: text.into(),
        }
    }

    /// Whether two with the same head are the same by that alone: they end within it, or are copies.
    #[inline]
    fn is_settled(&self, other: &Self) -> bool {
        self.head & 0xff == 0 || ArcStr::ptr_eq(&self.text, &other.text)
    }
}

impl PartialEq for Text {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.head == other.head && (self.is_settled(other) || self.text == other.text)
    }
}

impl Eq for Text {}

impl Ord for Text {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        match self.head.cmp(&other.head) {
            Ordering::Equal if self.is_settled(other) => Ordering::Equal,
            Ordering::Equal => self.text.cmp(&other.text),
            differ => differ,
        }
    }
}

impl PartialOrd for Text {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $max:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        ///
        /// A copy shares the text.
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Text);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.as_str()).finish()
            }
        }

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0.text
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let valid: fn(&str) -> bool = $valid;
                if text.len() <= $max && valid(text) {
                    Ok(Self(Text::new(text)))
                } else {
                    Err(NameError { kind: $kind, text: text.to_owned(), rule: $rule })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.as_str().to_owned()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "description": $rule, "maxLength": $max })
            }
        }
    };
}

name!(
    /// A cluster's name; it names every container, volume and table that cdk owns on a host.
    ClusterName, "cluster name", 32,
    "lower-case letters, digits and '-', beginning with a letter or digit, 32 at most",
    |t| head_and_tail(t, lower, |c| lower(c) || c == '-')
);

name!(
    /// A host's name as `hosts.yaml` has it: the key below `hosts`.
    HostName, "host name", 63,
    "letters, digits, '.', '_' and '-', beginning with a letter or digit and not digits alone, 63 at most",
    |t| head_and_tail(t, |c| c.is_ascii_alphanumeric(), |c| c.is_ascii_alphanumeric() || "._-".contains(c))
        && !t.chars().all(|c| c.is_ascii_digit())
);

name!(
    /// A service's name: the key below `services`.
    ServiceName, "service name", 63,
    "lower-case letters, digits, '_' and '-', beginning with a letter or digit, 63 at most",
    |t| head_and_tail(t, lower, |c| lower(c) || "_-".contains(c))
);

name!(
    /// An ingress's name: the key below `ingress`.
    IngressName, "name for an ingress", 63,
    "lower-case letters, digits, '_' and '-', beginning with a letter or digit, 63 at most",
    |t| head_and_tail(t, lower, |c| lower(c) || "_-".contains(c))
);

name!(
    /// A volume's name as the YAML has it; on a host it is prefixed with the cluster's.
    VolumeName, "volume name", 63,
    "letters, digits, '.', '_' and '-', beginning with a letter or digit, 63 at most",
    |t| head_and_tail(t, |c| c.is_ascii_alphanumeric(), |c| c.is_ascii_alphanumeric() || "._-".contains(c))
);

name!(
    /// A config's or a secret's name as the YAML has it; in a container it is a file's name, unless a target says otherwise.
    FileName, "name of a config or a secret", 63,
    "letters, digits, '.', '_' and '-', beginning with a letter or digit, 63 at most",
    |t| head_and_tail(t, |c| c.is_ascii_alphanumeric(), |c| c.is_ascii_alphanumeric() || "._-".contains(c))
);

name!(
    /// A network's name as the YAML has it; on a host it is prefixed with the cluster's.
    NetworkName, "network name", 63,
    "letters, digits, '.', '_' and '-', beginning with a letter or digit, 63 at most",
    |t| head_and_tail(t, |c| c.is_ascii_alphanumeric(), |c| c.is_ascii_alphanumeric() || "._-".contains(c))
);

/// Which replica of its service a slot is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SlotKey {
    /// Replicated: counted from 1.
    Index(u32),
    /// Global: one per host, named by it.
    Host(HostName),
}

/// A place that one replica of a service fills, over all its versions: `web.3`, or `agent.bj-01` for a global service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Slot {
    /// The service that the replica belongs to.
    pub service: ServiceName,
    /// Which of its replicas.
    pub key: SlotKey,
}

impl Slot {
    /// The slot `service.index` of a replicated service.
    pub fn index(service: &ServiceName, index: u32) -> Self {
        Self {
            service: service.clone(),
            key: SlotKey::Index(index),
        }
    }

    /// What comes before all slots of a service, or is the first of them.
    pub fn first(service: &ServiceName) -> Self {
        Self::index(service, 0)
    }

    /// The slot of a global service on `host`.
    pub fn global(service: &ServiceName, host: &HostName) -> Self {
        Self {
            service: service.clone(),
            key: SlotKey::Host(host.clone()),
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key: &dyn fmt::Display = match &self.key {
            SlotKey::Index(index) => index,
            SlotKey::Host(host) => host,
        };
        match f.width() {
            Some(_) => f.pad(&format!("{}.{key}", self.service)),
            None => write!(f, "{}.{key}", self.service),
        }
    }
}

impl FromStr for Slot {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError {
            kind: "slot",
            text: text.to_owned(),
            rule: "SERVICE.NUMBER, or SERVICE.HOST for a global service",
        };
        let (service, key) = text.split_once('.').ok_or_else(wrong)?;
        let service = service.parse().map_err(|_| wrong())?;
        let key = match key.parse::<u32>() {
            Ok(index) => SlotKey::Index(index),
            Err(_) => SlotKey::Host(key.parse().map_err(|_| wrong())?),
        };
        Ok(Self { service, key })
    }
}

impl TryFrom<String> for Slot {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl Serialize for Slot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl From<Slot> for String {
    fn from(slot: Slot) -> String {
        slot.to_string()
    }
}

impl schemars::JsonSchema for Slot {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Slot".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "SERVICE.NUMBER, or SERVICE.HOST for a global service" })
    }
}

/// The name that a slot's container bears on its host: `shop.web.3`.
pub fn container_name(cluster: &ClusterName, slot: &Slot) -> String {
    format!("{cluster}.{slot}")
}

/// Whether this is the name that a slot's container bears on its host.
pub fn is_container_name(cluster: &ClusterName, slot: &Slot, name: &str) -> bool {
    let rest = name
        .strip_prefix(cluster.as_str())
        .and_then(|rest| rest.strip_prefix('.'));
    let rest = rest.and_then(|rest| rest.strip_prefix(slot.service.as_str()));
    let key = rest.and_then(|rest| rest.strip_prefix('.'));
    key.is_some_and(|key| match &slot.key {
        // As it is written: no sign, no zeros before it.
        SlotKey::Index(index) => key.parse() == Ok(*index) && (key.len() == 1 || !key.starts_with(['0', '+'])),
        SlotKey::Host(host) => key == host.as_str(),
    })
}

/// The name of a slot's container while its successor proves itself: `shop.web.3.old`.
pub fn retired_name(cluster: &ClusterName, slot: &Slot) -> String {
    format!("{cluster}.{slot}.old")
}

/// The name of a slot's container while its predecessor comes back: `shop.web.3.new`.
pub fn aborted_name(cluster: &ClusterName, slot: &Slot) -> String {
    format!("{cluster}.{slot}.new")
}

/// The name of a cluster's volume on a host, as Compose would build it: `shop_data`.
pub fn volume_name(cluster: &ClusterName, volume: &VolumeName) -> String {
    format!("{cluster}_{volume}")
}

/// The name of a cluster's network on a host: `shop.front`.
pub fn network_name(cluster: &ClusterName, network: &NetworkName) -> String {
    format!("{cluster}.{network}")
}

/// What the name of the volume begins with that holds cdk's own files on a host: `shop.cdk`.
pub fn files_name(cluster: &ClusterName) -> String {
    format!("{cluster}.cdk")
}

/// The name of the volume that holds the configs and secrets of a cluster's replicas on a host: `shop.cdk.files`.
pub fn configs_name(cluster: &ClusterName) -> String {
    format!("{cluster}.cdk.files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_read_back_as_written() -> Result<(), NameError> {
        for text in ["web.3", "agent.bj-01", "agent.bj.example.com"] {
            assert_eq!(text.parse::<Slot>()?.to_string(), text);
        }
        let cluster = "shop".parse()?;
        for text in ["web.0", "web.12", "agent.bj-01"] {
            let slot = text.parse()?;
            let name = container_name(&cluster, &slot);
            assert!(is_container_name(&cluster, &slot, &name), "{name}");
            for other in [
                format!("{name}.old"),
                name.replace('.', ".0"),
                name.replace("shop.", "shopx."),
            ] {
                assert!(!is_container_name(&cluster, &slot, &other), "{other}");
            }
        }
        assert!("web".parse::<Slot>().is_err());
        assert!("Web.1".parse::<Slot>().is_err());
        Ok(())
    }
}
