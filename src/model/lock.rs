//! Who holds a cluster's lock: the words that stand in its file on every host. The format only; how it is held is the hosts'.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::name::{ClusterName, HostName};

/// The version of these words that this cdk writes. Of a newer one it shows nothing: that somebody holds the lock is all it needs.
pub const LOCK_VERSION: u32 = 1;

/// The longest words that are read: the file may be written by everybody on its host.
pub const LOCK_WORDS: usize = 4096;

/// The lock's file, in the folder that all users of a host have in common.
pub fn lock_name(cluster: &ClusterName) -> String {
    format!("cdk.{cluster}.lock")
}

/// Who holds the lock. No secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Holder {
    /// The format's version, [`LOCK_VERSION`].
    pub version: u32,
    /// Which run of cdk: no two have the same.
    pub id: String,
    /// User and machine.
    pub by: String,
    /// Since when, RFC 3339 in UTC, by the clock of the machine that cdk runs on.
    pub at: String,
    /// The process there.
    #[serde(default)]
    pub pid: u32,
    /// The page of the CI's build, where one runs it.
    #[serde(default)]
    pub build: Option<String>,
}

impl Holder {
    /// The words as they stand in a file; none where they are cut off, a newer cdk's, or no words at all.
    pub fn read(text: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_str(text).ok()?;
        let holder: Self = serde_json::from_str(text).ok().filter(|_| version <= LOCK_VERSION)?;
        // Anybody on the host may have written them, and they are shown on terminals.
        let plain = |text: String| text.chars().filter(|c| !c.is_control()).collect();
        Some(Self {
            by: plain(holder.by),
            at: plain(holder.at),
            build: holder.build.map(plain),
            ..holder
        })
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} since {}", self.by, self.at)?;
        match &self.build {
            Some(build) => write!(f, " ({build})"),
            None => Ok(()),
        }
    }
}

/// The lock of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnHost {
    /// Nobody has it.
    Free,
    /// A run has it; which one, where its words can be read.
    Held(Option<Holder>),
    /// The host does not answer, or does not say; why.
    Unknown(String),
}

/// The cluster's lock as its hosts tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockState {
    /// The cluster.
    pub cluster: ClusterName,
    /// Host by host.
    pub hosts: BTreeMap<HostName, OnHost>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_newer_or_cut_off_name_nobody() {
        let text = r#"{"version":1,"id":"a","by":"ann@desk","at":"2026-01-02T03:04:05Z","more":true}"#;
        let holder = Holder::read(text).unwrap();
        assert_eq!(holder.to_string(), "ann@desk since 2026-01-02T03:04:05Z");
        let colours = text.replace("ann@", "\\u001b[31mann@");
        assert_eq!(Holder::read(&colours).unwrap().by, "[31mann@desk");
        let newer = text.replace("\"version\":1", "\"version\":2");
        for other in [newer.as_str(), &text[..40], "", "[]"] {
            assert_eq!(Holder::read(other), None, "{other}");
        }
    }
}
