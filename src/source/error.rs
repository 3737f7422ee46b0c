//! Why a repository could not be read at all. What is wrong *in* it is the model's `Problem`.

use std::borrow::Cow;
use std::path::PathBuf;

use crate::model::name::NameError;
use crate::model::problem::Rejected;
use crate::model::suggest::nearest as near;

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
    /// The repository has environments, and none was named.
    #[error("this repository has environments: name one with -e ({})", .known.join(", "))]
    EnvironmentNeeded {
        /// Those that there are.
        known: Vec<String>,
    },
    /// There is no environment of that name.
    #[error("there is no environment {name:?}{}", if .known.is_empty() { ": the repository has no folder environments/ with a file for each" } else { "" })]
    NoEnvironment {
        /// What was asked for.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// Two files bear the name of one environment.
    #[error("{} and {} are the same environment twice", .other.display(), .path.display())]
    EnvironmentTwice {
        /// One file.
        path: PathBuf,
        /// The other.
        other: PathBuf,
    },
    /// An environment's file is a link.
    #[error("{} is a symbolic link", .path.display())]
    EnvironmentLink {
        /// The file.
        path: PathBuf,
    },
    /// A file is another than the one that was read, a moment ago.
    #[error("{} was changed while cdk was at work; nothing was written", .path.display())]
    Moved {
        /// The file.
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
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::NotFound { .. } => "`cdk init` writes a new repository here; `-C DIR` names another folder",
            Self::NoRevision { shallow: true, .. } => {
                "`git fetch --unshallow` brings the whole history (in Jenkins: switch shallow clones off)"
            }
            Self::NoRevision { shallow: false, .. } => "`git log --oneline` lists the revisions there are",
            Self::Exists(_) => "nothing was written: choose an empty folder, or move these files away",
            Self::EnvironmentLink { .. } => {
                "links are not followed, as a git revision cannot be read through them: make it a file"
            }
            Self::EnvironmentTwice { .. } => "remove one of the two",
            Self::NoEnvironment { known, .. } if known.is_empty() => "leave -e out",
            Self::NoEnvironment { name, known } => {
                return Some(match near(name, known.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?").into(),
                    None => format!("there is {}", known.join(", ")).into(),
                });
            }
            Self::Moved { .. } => "the same command again edits it as it is now",
            Self::Git { hint, .. } => return hint.map(Cow::Borrowed),
            Self::Io { .. }
            | Self::NotInGit { .. }
            | Self::NotInRevision { .. }
            | Self::EnvironmentNeeded { .. }
            | Self::Name(_) => return None,
        };
        Some(hint.into())
    }

    /// Whether it is the command line that is wrong.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::EnvironmentNeeded { .. } | Self::NoEnvironment { .. } => true,
            Self::NotFound { .. }
            | Self::Io { .. }
            | Self::Git { .. }
            | Self::NotInGit { .. }
            | Self::NoRevision { .. }
            | Self::NotInRevision { .. }
            | Self::EnvironmentTwice { .. }
            | Self::EnvironmentLink { .. }
            | Self::Moved { .. }
            | Self::Exists(_)
            | Self::Name(_) => false,
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
