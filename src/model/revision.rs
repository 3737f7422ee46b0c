//! Which state of the git repository is meant. No git here.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state of the repository that a cluster was read from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Revision {
    /// The whole commit id; none outside git, or before the first commit.
    pub commit: Option<String>,
    /// The branch; none where HEAD is detached.
    pub branch: Option<String>,
    /// A tag that points at the commit; the first by name where there are several.
    pub tag: Option<String>,
    /// The first line of the commit's message.
    pub subject: String,
    /// Whether the files that were read differ from the commit.
    pub dirty: bool,
    /// When the commit was made, in seconds since 1970.
    pub committed_at: Option<i64>,
    /// The environment that it was read for; none where the repository has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

/// How a commit stands to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// It is the same.
    Same,
    /// It came after the other one.
    Newer,
    /// It came before the other one.
    Older,
    /// Neither came before the other: they stand on different branches.
    Diverged,
    /// The repository cannot tell: it has not the other one, or not what lies between; a shallow clone often has not.
    Unknown {
        /// Whether it is a shallow clone.
        shallow: bool,
    },
}

impl Revision {
    /// The first seven digits of the commit; empty where there is none.
    pub fn short(&self) -> &str {
        self.commit
            .as_deref()
            .and_then(|commit| commit.get(..7))
            .unwrap_or_default()
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.commit.is_none() {
            return f.write_str("not in git");
        }
        f.write_str(self.short())?;
        if let Some(branch) = &self.branch {
            write!(f, " {branch}")?;
        }
        write!(f, " {:?}", self.subject)?;
        f.write_str(if self.dirty { " + uncommitted changes" } else { "" })
    }
}
