//! Why a repository could not be read at all. What is wrong *in* it is the model's `Problem`.

use std::path::PathBuf;

use crate::model::name::NameError;
use crate::model::problem::Rejected;

/// Why a repository could not be found, read or written.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// There is no repository here.
    #[error("there is no cdk.yaml in {} or in a folder above it", .start.display())]
    NotFound {
        /// Where the search began.
        start: PathBuf,
    },
    /// A file or folder could not be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// git's own data could not be read.
    #[error("the git repository cannot be read: {message}")]
    Git {
        /// What libgit2 says.
        message: String,
        /// What to do about it, where that is known.
        hint: Option<&'static str>,
    },
    /// A revision was asked for where there is no git repository.
    #[error("{} is not in a git repository, so there is no revision {rev:?}", .root.display())]
    NotInGit {
        /// The cluster repository.
        root: PathBuf,
        /// What was asked for.
        rev: String,
    },
    /// git has no such revision.
    #[error("there is no revision {rev:?} in this git repository{}", if *.shallow { ", which is a shallow clone" } else { "" })]
    NoRevision {
        /// What was asked for.
        rev: String,
        /// Whether the history was cut off by a shallow clone.
        shallow: bool,
    },
    /// The revision exists, but the cluster repository did not exist in it.
    #[error("there is no {} in revision {rev:?}", .path.display())]
    NotInRevision {
        /// What was asked for.
        rev: String,
        /// The file that is missing, from the root of the git work tree.
        path: PathBuf,
    },
    /// `init` would overwrite files.
    #[error("these files are there already: {}", .0.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "))]
    Exists(Vec<PathBuf>),
    /// `init` was given a name that is none.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl SourceError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::NotFound { .. } => Some("`cdk init` writes a new repository here; `-C DIR` names another folder"),
            Self::NoRevision { shallow: true, .. } => {
                Some("`git fetch --unshallow` brings the whole history (in Jenkins: switch shallow clones off)")
            }
            Self::NoRevision { shallow: false, .. } => Some("`git log --oneline` lists the revisions there are"),
            Self::Exists(_) => Some("nothing was written: choose an empty folder, or move these files away"),
            Self::Git { hint, .. } => *hint,
            Self::Io { .. } | Self::NotInGit { .. } | Self::NotInRevision { .. } | Self::Name(_) => None,
        }
    }
}

/// Why there is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The files were read, and something is wrong in them.
    #[error("the repository is wrong: {} problem(s)", .0.problems.len())]
    Rejected(Rejected),
    /// They could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
}
