//! Writes changed files of the work tree, each whole or not at all, with the permissions that they had.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::source::error::SourceError;

/// A file's new text, and the one that it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What the file holds.
    pub old: String,
    /// What it is to hold.
    pub new: String,
}

/// Writes the new texts of files below `root`. All are written beside the old ones first, so that a full disk changes none of them.
///
/// # Errors
/// Where a file is no longer what the change was made from, or the disk refuses.
pub fn save(root: &Path, changes: &BTreeMap<PathBuf, Change>) -> Result<(), SourceError> {
    let mut beside = Vec::new();
    for (path, change) in changes {
        let path = root.join(path);
        let failed = |source| SourceError::Io {
            path: path.clone(),
            source,
        };
        // Behind a link the file itself is written anew.
        let file = path.canonicalize().map_err(failed)?;
        if std::fs::read(&file).map_err(failed)? != change.old.as_bytes() {
            return Err(SourceError::Moved { path });
        }
        let written = write_beside(&file, &change.new).map_err(failed)?;
        beside.push((path, file, written));
    }
    for (path, file, written) in beside {
        let persisted = written.persist(file);
        persisted.map_err(|error| SourceError::Io {
            path,
            source: error.error,
        })?;
    }
    Ok(())
}

fn write_beside(file: &Path, text: &str) -> io::Result<NamedTempFile> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    let mut written = NamedTempFile::new_in(folder)?;
    written.write_all(text.as_bytes())?;
    let permissions = std::fs::metadata(file)?.permissions();
    written.as_file().set_permissions(permissions)?;
    written.as_file().sync_all()?;
    Ok(written)
}
