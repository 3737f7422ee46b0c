//! Commits single files to git, and nothing else that is changed or staged beside them.

use std::path::{Path, PathBuf};

use git2::build::TreeUpdateBuilder;
use git2::{FileMode, RepositoryState, Status};

use crate::source::error::SourceError;
use crate::source::git::{Git, failed};

/// Why files cannot be committed by themselves.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// There is no git repository, or no commit in it.
    #[error("{} is not in a git repository with a commit to add to", .0.display())]
    NotInGit(PathBuf),
    /// A file holds more that is not committed.
    #[error("{} has changes that are not committed, and would be committed with this one", .0.display())]
    NotClean(PathBuf),
    /// Something that ends in a commit of its own.
    #[error("git is in the middle of something here: {0}")]
    Busy(&'static str),
    /// git itself would do more than make a commit.
    #[error("{0}, which only git itself does")]
    OnlyGit(&'static str),
    /// git does not know who commits.
    #[error("git does not know who commits: set user.name and user.email by `git config`")]
    NoName,
    /// git's data could not be read or written.
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl Git {
    /// Whether these files, by their paths from the cluster repository's root, can be committed by themselves once they are changed.
    ///
    /// # Errors
    /// Why they cannot.
    pub fn may_commit(&self, files: &[&Path]) -> Result<(), CommitError> {
        let repository = &self.repository;
        let busy = match repository.state() {
            RepositoryState::Clean => None,
            RepositoryState::Merge => Some("a merge"),
            RepositoryState::Revert | RepositoryState::RevertSequence => Some("a revert"),
            RepositoryState::CherryPick | RepositoryState::CherryPickSequence => Some("a cherry-pick"),
            RepositoryState::Bisect => Some("a bisect"),
            RepositoryState::Rebase | RepositoryState::RebaseInteractive | RepositoryState::RebaseMerge => {
                Some("a rebase")
            }
            RepositoryState::ApplyMailbox | RepositoryState::ApplyMailboxOrRebase => Some("git am"),
        };
        if let Some(busy) = busy {
            return Err(CommitError::Busy(busy));
        }
        if let Some(more) = self.more_than_a_commit()? {
            return Err(CommitError::OnlyGit(more));
        }
        let named = repository.author_from_env().and(repository.committer_from_env());
        named.map_err(|_| CommitError::NoName)?;
        for file in files {
            let status = repository.status_file(&self.prefix.join(file));
            if status.map_err(|error| failed(&error))? != Status::CURRENT {
                return Err(CommitError::NotClean(file.to_path_buf()));
            }
        }
        Ok(())
    }

    /// What `git commit` would do here beside the commit, which libgit2 passes over.
    fn more_than_a_commit(&self) -> Result<Option<&'static str>, SourceError> {
        let config = self.repository.config().map_err(|error| failed(&error))?;
        if config.get_bool("commit.gpgsign").unwrap_or(false) {
            return Ok(Some("commits are signed here (commit.gpgsign)"));
        }
        let own = self.repository.commondir().join("hooks");
        let work_tree = self.repository.workdir().unwrap_or(&own);
        let hooks = config
            .get_path("core.hooksPath")
            .map_or_else(|_| own.clone(), |path| work_tree.join(path));
        let is_there = |name: &&str| hooks.join(name).is_file();
        let has_hooks = ["pre-commit", "prepare-commit-msg", "commit-msg", "post-commit"]
            .iter()
            .any(is_there);
        Ok(has_hooks.then_some("commits here run hooks"))
    }

    /// Commits these files as they lie in the work tree, on top of what is checked out; answers the commit's whole id. What else is
    /// changed or staged stays as it is.
    ///
    /// # Errors
    /// Where git's data cannot be written.
    pub fn commit(&self, files: &[&Path], message: &str) -> Result<String, SourceError> {
        self.add_commit(files, message).map_err(|error| failed(&error))
    }

    fn add_commit(&self, files: &[&Path], message: &str) -> Result<String, git2::Error> {
        let repository = &self.repository;
        let head = repository.head()?.peel_to_commit()?;
        let mut index = repository.index()?;
        let mut tree = TreeUpdateBuilder::new();
        for file in files {
            let path = self.prefix.join(file);
            // By way of the index the content is as git keeps it: with its own line ends, say.
            index.add_path(&path)?;
            if let Some(entry) = index.get_path(&path, 0) {
                let is_executable = entry.mode & 0o111 != 0;
                let mode = if is_executable {
                    FileMode::BlobExecutable
                } else {
                    FileMode::Blob
                };
                tree.upsert(path, entry.id, mode);
            }
        }
        let tree = tree.create_updated(repository, &head.tree()?)?;
        let tree = repository.find_tree(tree)?;
        let (author, committer) = (repository.author_from_env()?, repository.committer_from_env()?);
        let id = repository.commit(Some("HEAD"), &author, &committer, message, &tree, &[&head])?;
        index.write()?;
        Ok(id.to_string())
    }
}
