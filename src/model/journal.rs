//! What an apply writes to the hosts: what it means to do, how it ended, and where every replica stands. The format only.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::endpoint::Endpoint;
use crate::model::image::Digest;
use crate::model::name::{HostName, ServiceName, Slot};
use crate::model::order::JobVersion;
use crate::model::platform::Platform;
use crate::model::setting::PortBinding;

/// The version of the journal's format that this cdk writes; it refuses a newer one.
pub const JOURNAL_VERSION: u32 = 1;

/// How many records a host keeps; the oldest gives way.
pub const JOURNAL_RECORDS: u64 = 16;

/// How many earlier versions' digests a record keeps.
pub const JOURNAL_VERSIONS: usize = 20;

/// Where the record of this sequence number stands, below the cluster's store on a host.
pub fn journal_path(sequence: u64) -> String {
    format!("journal/{:02}.json", sequence % JOURNAL_RECORDS)
}

/// Where the placement put a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlacedSlot {
    /// On this host.
    pub host: HostName,
    /// With these ports.
    #[serde(default)]
    pub ports: Vec<PortBinding>,
}

/// How an apply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JournalEnd {
    /// It has begun; where this is the last word, it was cut off.
    Begun,
    /// All steps were done.
    Done,
    /// A step failed.
    Failed,
    /// A person or a signal stopped it.
    Interrupted,
    /// Every service that failed was taken back to what it was before; all else was done.
    RolledBack,
    /// An update stopped where it was; all else was done.
    Paused,
    /// A canary waits for a person; all else was done.
    Waiting,
}

impl fmt::Display for JournalEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Begun => "begun",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::RolledBack => "rolled back",
            Self::Paused => "paused",
            Self::Waiting => "waiting",
        })
    }
}

/// One apply, as it stands on every host that it reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JournalRecord {
    /// The format's version, [`JOURNAL_VERSION`].
    pub version: u32,
    /// Counts the applies of this cluster; an end bears the number of its beginning.
    pub sequence: u64,
    /// When it was written, RFC 3339 in UTC, by the clock of the machine that cdk ran on. For show only.
    pub at: String,
    /// Who applied: user and machine.
    #[serde(default)]
    pub by: String,
    /// The git commit that was applied.
    #[serde(default)]
    pub revision: Option<String>,
    /// How many steps it meant to do.
    #[serde(default)]
    pub steps: usize,
    /// How many it did; of one that has only begun, how many at least.
    #[serde(default)]
    pub done: usize,
    /// How it ended.
    pub end: JournalEnd,
    /// The placement that it was after; at an end, what was reached of it.
    #[serde(default)]
    pub placement: BTreeMap<Slot, PlacedSlot>,
    /// The digest that each image reference stood for.
    #[serde(default)]
    pub digests: BTreeMap<String, Digest>,
    /// When that commit was made, in seconds since 1970: where a clone is too shallow to say which of two is older, this does.
    #[serde(default)]
    pub committed_at: Option<i64>,
    /// What later applies must know.
    #[serde(default)]
    pub memory: Memory,
    /// The versions of jobs that succeeded, by replica, the oldest first: those of earlier applies too.
    #[serde(default)]
    pub jobs: BTreeMap<Slot, Vec<JobVersion>>,
    /// Which services depended on which: once git knows them no more, they are still removed in the right order.
    #[serde(default)]
    pub depends_on: BTreeMap<ServiceName, BTreeSet<ServiceName>>,
    /// What is told of it, for people.
    #[serde(flatten)]
    pub account: Account,
}

/// What a record tells people of an apply. Nothing is decided by it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Account {
    /// Which run of cdk this was: no two have the same.
    pub run: String,
    /// The environment of the repository, where it has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The page of the CI's build that applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// When it began; `at` is when this was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began: Option<String>,
    /// What it did to each service; at a beginning, nothing yet.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub changes: BTreeMap<ServiceName, Changed>,
    /// What failed, in a line each: the first few.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
}

/// What an apply did to a service: to how many of its replicas.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Changed {
    /// Made.
    #[serde(skip_serializing_if = "is_none")]
    pub created: usize,
    /// Changed in place.
    #[serde(skip_serializing_if = "is_none")]
    pub updated: usize,
    /// Started.
    #[serde(skip_serializing_if = "is_none")]
    pub started: usize,
    /// Replaced.
    #[serde(skip_serializing_if = "is_none")]
    pub replaced: usize,
    /// Moved to another host.
    #[serde(skip_serializing_if = "is_none")]
    pub moved: usize,
    /// Run to their end.
    #[serde(skip_serializing_if = "is_none")]
    pub ran: usize,
    /// Removed.
    #[serde(skip_serializing_if = "is_none")]
    pub removed: usize,
    /// Meant to be changed, and not: left, failed, or taken back.
    #[serde(skip_serializing_if = "is_none")]
    pub missed: usize,
    /// The image that it had, where that was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The image that it has instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

fn is_none(number: &usize) -> bool {
    *number == 0
}

/// What the hosts remember.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Each host's records, the oldest first, or why it does not tell them.
    pub hosts: BTreeMap<HostName, Result<Vec<JournalRecord>, String>>,
    /// The first lines of the commits' messages, of those that git has here.
    pub subjects: BTreeMap<String, String>,
}

/// What is carried on from record to record.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Memory {
    /// The hosts, and those that went out of hosts.yaml while they held replicas.
    pub hosts: BTreeMap<HostName, KnownHost>,
    /// Services whose update failed, and which stand still since.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub halted: BTreeMap<ServiceName, Halted>,
    /// Hosts that a person gave up: they are in no hosts.yaml any more, and not asked.
    pub forgotten: BTreeSet<HostName>,
    /// Earlier versions, the newest first.
    pub versions: Vec<EarlierVersion>,
    /// The configs' and secrets' files that the present version's containers have, by name among cdk's files on a host.
    pub files: BTreeSet<String>,
    /// Whether only some hosts or services were applied, and all else stayed as it was.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// Whether some host may have the cluster's rules in its firewall.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub firewall: bool,
    /// Whether some host may keep public addresses of the cluster's.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub addresses: bool,
    /// The platforms that registries have these versions' and the present one's images for, where they were asked.
    pub platforms: BTreeMap<Digest, BTreeSet<Platform>>,
}

/// A service whose update failed: it is left alone until it changes in git, or a person says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Halted {
    /// The version that failed.
    pub version: JobVersion,
    /// How it was left.
    pub how: Halt,
    /// The git commit that brought it.
    #[serde(default)]
    pub revision: Option<String>,
    /// What failed first.
    #[serde(default)]
    pub why: String,
}

/// How a failed update was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Halt {
    /// Where it was: some replicas are of the new version, some of the old one.
    Paused,
    /// Taken back to the version before.
    RolledBack,
    /// A few replicas are of the new version, and a person says whether the others follow.
    Canary,
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Paused => "its update is paused",
            Self::RolledBack => "its update failed and was rolled back",
            Self::Canary => "its canary waits for a person",
        })
    }
}

/// How a host was reached, so that it is asked even when hosts.yaml knows it no more. Paths and names, no secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KnownHost {
    /// How.
    pub endpoint: Endpoint,
    /// The engine's own id, by which a renamed host is known again; empty where it never answered.
    #[serde(default)]
    pub machine_id: String,
}

/// The digests and the files of a version that was applied earlier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EarlierVersion {
    /// The git commit.
    #[serde(default)]
    pub revision: Option<String>,
    /// By image reference, where the next newer version has another one or none.
    #[serde(default)]
    pub digests: BTreeMap<String, Digest>,
    /// Its configs' and secrets' files that the next newer version has not.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub files: BTreeSet<String>,
}
