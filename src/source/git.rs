//! git as a store of files: which commit is meant, and its tree, read without a checkout. No network; writing is `commit`'s.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use git2::{Commit, ErrorCode, ObjectType, Reference, Tree};

use crate::model::revision::{Relation, Revision};
use crate::source::error::SourceError;
use crate::source::files::{Files, Listed};

/// The git repository that a cluster repository lies in.
pub struct Git {
    pub(super) repository: git2::Repository,
    /// From git's work tree to the cluster repository.
    pub(super) prefix: PathBuf,
}

pub(super) fn failed(error: &git2::Error) -> SourceError {
    let hint = match error.code() {
        ErrorCode::Owner => Some("git config --global --add safe.directory DIR says that this folder may be trusted"),
        _ if error.message().contains("extension") || error.message().contains("repositoryformatversion") => {
            Some("cdk reads repositories with SHA-1 objects and plain refs; it does not know reftable or SHA-256 yet")
        }
        _ => None,
    };
    SourceError::Git {
        message: error.message().to_owned(),
        hint,
    }
}

impl Git {
    /// Opens the git repository around `root`; none where there is none.
    pub fn open(root: &Path) -> Result<Option<Self>, SourceError> {
        let repository = match git2::Repository::discover(root) {
            Ok(repository) => repository,
            Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        let Some(work_tree) = repository.workdir() else {
            return Ok(None);
        };
        let canonical = |path: &Path| {
            path.canonicalize().map_err(|source| SourceError::Io {
                path: path.to_owned(),
                source,
            })
        };
        let prefix = match canonical(root)?.strip_prefix(canonical(work_tree)?) {
            Ok(prefix) => prefix.to_owned(),
            Err(_) => return Ok(None),
        };
        Ok(Some(Self { repository, prefix }))
    }

    /// From git's work tree to the cluster repository.
    pub fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// The commit that is checked out, and what is known of it; none before the first commit.
    pub fn head(&self) -> Result<Option<(Revision, GitTree<'_>)>, SourceError> {
        let head = match self.repository.head() {
            Ok(head) => head,
            Err(error) if [ErrorCode::UnbornBranch, ErrorCode::NotFound].contains(&error.code()) => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        let commit = head.peel_to_commit().map_err(|error| failed(&error))?;
        let branch = branch_of(&head);
        self.at(&commit, branch).map(Some)
    }

    /// A revision as git spells it: a branch, a tag, a commit, `HEAD~1`.
    pub fn revision(&self, rev: &str) -> Result<(Revision, GitTree<'_>), SourceError> {
        let missing = || SourceError::NoRevision {
            rev: rev.to_owned(),
            shallow: self.repository.is_shallow(),
        };
        let object = match self.repository.revparse_single(rev) {
            Ok(object) => object,
            Err(error) if [ErrorCode::NotFound, ErrorCode::InvalidSpec].contains(&error.code()) => {
                return Err(missing());
            }
            Err(error) => return Err(failed(&error)),
        };
        let commit = object.peel_to_commit().map_err(|_| missing())?;
        let named = self.repository.find_branch(rev, git2::BranchType::Local).is_ok();
        let head = self.repository.head().ok();
        let checked_out = head.filter(|head| head.target() == Some(commit.id()));
        let branch = if named {
            Some(rev.to_owned())
        } else {
            checked_out.as_ref().and_then(branch_of)
        };
        self.at(&commit, branch)
    }

    fn at<'a>(&'a self, commit: &Commit<'a>, branch: Option<String>) -> Result<(Revision, GitTree<'a>), SourceError> {
        let tree = commit.tree().map_err(|error| failed(&error))?;
        let id = commit.id();
        let revision = Revision {
            commit: Some(id.to_string()),
            branch,
            tag: self.tag_at(id)?,
            subject: commit.summary().ok().flatten().unwrap_or_default().to_owned(),
            dirty: false,
            committed_at: Some(commit.time().seconds()),
            environment: None,
        };
        let (repository, prefix) = (&self.repository, self.prefix.as_path());
        Ok((
            revision,
            GitTree {
                repository,
                tree,
                prefix,
            },
        ))
    }

    /// How one commit stands to another, both by their whole ids.
    pub fn relation(&self, ours: &str, other: &str) -> Relation {
        let shallow = self.repository.is_shallow();
        let unknown = Relation::Unknown { shallow };
        let commit = |id: &str| Some(self.repository.find_commit(git2::Oid::from_str(id).ok()?).ok()?.id());
        let (Some(ours), Some(other)) = (commit(ours), commit(other)) else {
            return unknown;
        };
        let after = |one, before| self.repository.graph_descendant_of(one, before);
        match (ours == other, after(ours, other), after(other, ours)) {
            (true, _, _) => Relation::Same,
            (false, Ok(true), _) => Relation::Newer,
            (false, _, Ok(true)) => Relation::Older,
            // Where the clone ends, a way from one to the other may be cut off.
            (false, Ok(false), Ok(false)) if !shallow => Relation::Diverged,
            (false, _, _) => unknown,
        }
    }

    /// The first line of a commit's message, by its whole id; none where it is not here.
    pub fn subject(&self, id: &str) -> Option<String> {
        let commit = self.repository.find_commit(git2::Oid::from_str(id).ok()?).ok()?;
        commit.summary().ok().flatten().map(str::to_owned)
    }

    fn tag_at(&self, id: git2::Oid) -> Result<Option<String>, SourceError> {
        let tags = self
            .repository
            .references_glob("refs/tags/*")
            .map_err(|error| failed(&error))?;
        let mut names = Vec::new();
        for tag in tags.flatten() {
            if tag.peel_to_commit().is_ok_and(|commit| commit.id() == id)
                && let Ok(name) = tag.shorthand()
            {
                names.push(name.to_owned());
            }
        }
        Ok(names.into_iter().min())
    }
}

fn branch_of(head: &Reference<'_>) -> Option<String> {
    head.is_branch()
        .then(|| head.shorthand().ok().map(str::to_owned))
        .flatten()
}

/// The files of a commit.
pub struct GitTree<'a> {
    repository: &'a git2::Repository,
    tree: Tree<'a>,
    prefix: &'a Path,
}

impl GitTree<'_> {
    fn folder(&self, folder: &Path) -> Result<Option<Tree<'_>>, SourceError> {
        let path = self.prefix.join(folder);
        if path.as_os_str().is_empty() {
            return Ok(Some(self.tree.clone()));
        }
        match self.tree.get_path(&path) {
            Ok(entry) if entry.kind() == Some(ObjectType::Tree) => self
                .repository
                .find_tree(entry.id())
                .map(Some)
                .map_err(|error| failed(&error)),
            Ok(_) => Ok(None),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }
}

impl Files for GitTree<'_> {
    fn list(&self, folder: &Path) -> Result<BTreeMap<String, Listed>, SourceError> {
        let mut all = BTreeMap::new();
        for entry in self.folder(folder)?.iter().flatten() {
            let listed = match (entry.kind(), entry.filemode()) {
                (Some(ObjectType::Tree), _) => Listed::Folder,
                (Some(ObjectType::Blob), 0o120_000) => Listed::Link,
                (Some(ObjectType::Blob), _) => Listed::File,
                _ => continue,
            };
            if let Ok(name) = entry.name() {
                all.insert(name.to_owned(), listed);
            }
        }
        Ok(all)
    }

    fn read(&self, file: &Path) -> Result<Option<Vec<u8>>, SourceError> {
        match self.tree.get_path(&self.prefix.join(file)) {
            Ok(entry) if entry.kind() == Some(ObjectType::Blob) => {
                let blob = self.repository.find_blob(entry.id()).map_err(|error| failed(&error))?;
                Ok(Some(blob.content().to_owned()))
            }
            Ok(_) => Ok(None),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }
}
