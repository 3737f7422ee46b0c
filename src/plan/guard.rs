//! What apply refuses to do until a person says that it is meant. Types only; finding it is `tell`'s and `flow`'s.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What apply refuses to do until it is told to, and then nothing at all was touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Guard {
    /// What kind of thing it is.
    pub kind: GuardKind,
    /// Why, in a sentence.
    pub why: String,
    /// What to do: what says that it is meant, or puts it right.
    pub cure: String,
}

/// The kinds of things that apply refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GuardKind {
    /// Uncommitted changes; `--dirty`.
    Dirty,
    /// More than half of what is there would go; `--allow-removals`.
    Removals,
    /// A host that still holds replicas went out of hosts.yaml; `--forget`.
    Gone,
    /// The hosts hold the same services under another cluster's name; `--new-cluster`.
    NewCluster,
    /// The commit is older than the one that is live; `--rev`.
    Older,
    /// A registry's password is missing.
    Password,
    /// An image does not fit onto a host's disk.
    Disk,
    /// What a person asked for can't be: a move to a host that does not fit.
    Asked,
}
