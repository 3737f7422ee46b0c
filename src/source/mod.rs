//! The YAML as written, from the work tree or from a git revision: `Manifest`. It reads files and git, and gives them no meaning.

pub mod commit;
pub mod compose;
pub mod differ;
pub mod edit;
pub mod environment;
pub mod error;
pub mod files;
pub mod git;
pub mod init;
pub mod manifest;
pub mod named;
pub mod parse;
pub mod save;
pub mod scalar;
pub mod spelling;
pub mod tag;
pub mod yaml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::model::revision::{Relation, Revision};
pub use crate::source::error::{ReadError, SourceError};
use crate::source::files::{Edited, WorkTree};
use crate::source::git::Git;
use crate::source::manifest::{Manifest, ROOT_FILE, gather};

/// A folder with a cdk.yaml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    root: PathBuf,
    environment: Option<String>,
}

impl Repository {
    /// Finds the repository: the first folder with a cdk.yaml, from `start` upwards.
    ///
    /// # Errors
    /// Where there is none, or `start` does not exist.
    pub fn find(start: &Path) -> Result<Self, SourceError> {
        let whole = start.canonicalize().map_err(|source| SourceError::Io {
            path: start.to_owned(),
            source,
        })?;
        let found = whole.ancestors().find(|folder| folder.join(ROOT_FILE).is_file());
        let root = found.ok_or(SourceError::NotFound { start: whole.clone() })?.to_owned();
        let environment = None;
        Ok(Self { root, environment })
    }

    /// The same, to be read for an environment: `environments/NAME.yaml` lies over all else.
    #[must_use]
    pub fn in_environment(self, environment: Option<String>) -> Self {
        Self { environment, ..self }
    }

    /// The names of the environments that lie in the work tree; none where the repository has none, and is read without one.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn environments(&self) -> Result<Vec<String>, SourceError> {
        let root = self.root.clone();
        Ok(environment::list(&WorkTree { root })?.into_keys().collect())
    }

    /// The folder that holds cdk.yaml.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Reads the repository: as it was at a git revision, or as it lies in the work tree, which need not be in git.
    ///
    /// # Errors
    /// All problems of the files together, or the one reason why they could not be read.
    pub fn read(&self, rev: Option<&str>) -> Result<Manifest, ReadError> {
        self.read_edited(rev, &BTreeMap::new())
    }

    /// The same with other texts in some files, which are not written for that.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_edited(&self, rev: Option<&str>, texts: &BTreeMap<PathBuf, String>) -> Result<Manifest, ReadError> {
        let git = Git::open(&self.root)?;
        match rev {
            Some(rev) => self.read_revision(git.as_ref(), rev, texts),
            None => self.read_work_tree(git.as_ref(), texts),
        }
    }

    /// The git repository that this lies in; none where there is none.
    ///
    /// # Errors
    /// Where git's own data cannot be read.
    pub fn git(&self) -> Result<Option<Git>, SourceError> {
        Git::open(&self.root)
    }

    /// How one commit stands to another, both by their whole ids.
    ///
    /// # Errors
    /// Where the repository is not in git, or git cannot be read.
    pub fn relation(&self, ours: &str, other: &str) -> Result<Relation, SourceError> {
        let git = Git::open(&self.root)?.ok_or_else(|| SourceError::NotInGit {
            root: self.root.clone(),
            rev: ours.to_owned(),
        })?;
        Ok(git.relation(ours, other))
    }

    /// The first line of a commit's message; none where git does not have that commit here.
    pub fn subject(&self, commit: &str) -> Option<String> {
        Git::open(&self.root).ok()??.subject(commit)
    }

    fn read_revision(
        &self,
        git: Option<&Git>,
        rev: &str,
        texts: &BTreeMap<PathBuf, String>,
    ) -> Result<Manifest, ReadError> {
        let git = git.ok_or_else(|| SourceError::NotInGit {
            root: self.root.clone(),
            rev: rev.to_owned(),
        })?;
        let (revision, tree) = git.revision(rev)?;
        let files = Edited { under: &tree, texts };
        let gathered = gather(&files, self.environment.as_deref())?.ok_or_else(|| SourceError::NotInRevision {
            rev: rev.to_owned(),
            path: git.prefix().join(ROOT_FILE),
        })?;
        gathered
            .into_manifest(self.root.clone(), revision)
            .map_err(ReadError::Rejected)
    }

    fn read_work_tree(&self, git: Option<&Git>, texts: &BTreeMap<PathBuf, String>) -> Result<Manifest, ReadError> {
        let root = self.root.clone();
        let under = &WorkTree { root: root.clone() };
        let gathered = gather(&Edited { under, texts }, self.environment.as_deref())?
            .ok_or_else(|| SourceError::NotFound { start: root.clone() })?;
        let head = git.map(Git::head).transpose()?.flatten();
        let revision = match head {
            Some((revision, tree)) => Revision {
                dirty: !gathered.is_same_in(&tree)?,
                ..revision
            },
            None => Revision::default(),
        };
        gathered.into_manifest(root, revision).map_err(ReadError::Rejected)
    }
}
