//! Where a repository's files come from: the work tree, or anything else that lists and reads. git's trees are `git`'s.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

use crate::source::error::SourceError;

/// What a name in a folder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
}

/// A tree of files. All paths are from the repository's root; the root itself is the empty path.
pub trait Files {
    /// What is in a folder, by name; nothing where there is no such folder. Names that are not UTF-8 are left out.
    fn list(&self, folder: &Path) -> Result<BTreeMap<String, Listed>, SourceError>;
    /// A file's content; none where there is no such file.
    fn read(&self, file: &Path) -> Result<Option<Vec<u8>>, SourceError>;
}

/// The files as they lie on the disk.
pub struct WorkTree {
    /// The repository's root.
    pub root: PathBuf,
}

impl Files for WorkTree {
    fn list(&self, folder: &Path) -> Result<BTreeMap<String, Listed>, SourceError> {
        let path = self.root.join(folder);
        let failed = |source| SourceError::Io {
            path: path.clone(),
            source,
        };
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => {
                return Ok(BTreeMap::new());
            }
            Err(error) => return Err(failed(error)),
        };
        let mut all = BTreeMap::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            if let Ok(name) = entry.file_name().into_string() {
                let listed = if kind.is_symlink() {
                    Listed::Link
                } else if kind.is_dir() {
                    Listed::Folder
                } else {
                    Listed::File
                };
                all.insert(name, listed);
            }
        }
        Ok(all)
    }

    fn read(&self, file: &Path) -> Result<Option<Vec<u8>>, SourceError> {
        let path = self.root.join(file);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SourceError::Io { path, source }),
        }
    }
}

/// A tree with other texts in some of its files.
pub struct Edited<'a> {
    /// The tree.
    pub under: &'a dyn Files,
    /// The texts, by path.
    pub texts: &'a BTreeMap<PathBuf, String>,
}

impl Files for Edited<'_> {
    fn list(&self, folder: &Path) -> Result<BTreeMap<String, Listed>, SourceError> {
        self.under.list(folder)
    }

    fn read(&self, file: &Path) -> Result<Option<Vec<u8>>, SourceError> {
        match self.texts.get(file) {
            Some(text) => Ok(Some(text.clone().into_bytes())),
            None => self.under.read(file),
        }
    }
}

/// What an `include` pattern found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Files, sorted.
    pub files: Vec<PathBuf>,
    /// Symbolic links, which are not followed: a git revision could not be read through them.
    pub links: Vec<PathBuf>,
}

/// The files that a pattern matches: `*`, `?` and `[…]` within a name, `**` for any folders.
///
/// # Errors
/// What is wrong with the pattern, in words, as the inner error.
pub fn expand(files: &dyn Files, pattern: &str) -> Result<Result<Found, String>, SourceError> {
    let parts: Vec<&str> = pattern
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if pattern.starts_with('/') || parts.contains(&"..") {
        return Ok(Err(format!("`{pattern}` leads out of the repository")));
    }
    let mut compiled = Vec::new();
    for part in parts {
        match Pattern::new(part) {
            Ok(compiled_part) => compiled.push(compiled_part),
            Err(error) => return Ok(Err(format!("`{pattern}` is not a pattern: {}", error.msg))),
        }
    }
    let mut found = Found::default();
    walk(files, Path::new(""), &compiled, &mut found)?;
    for list in [&mut found.files, &mut found.links] {
        list.sort();
        list.dedup();
    }
    Ok(Ok(found))
}

fn walk(files: &dyn Files, folder: &Path, parts: &[Pattern], found: &mut Found) -> Result<(), SourceError> {
    let Some((part, rest)) = parts.split_first() else {
        return Ok(());
    };
    let anywhere = part.as_str() == "**";
    if anywhere {
        walk(files, folder, rest, found)?;
    }
    // A name that begins with a dot is meant only by a pattern that says so; `.git` is one of them.
    let options = MatchOptions {
        require_literal_leading_dot: true,
        ..MatchOptions::new()
    };
    for (name, listed) in files.list(folder)? {
        let path = folder.join(&name);
        let matches = if anywhere {
            !name.starts_with('.')
        } else {
            part.matches_with(&name, options)
        };
        match listed {
            _ if !matches => {}
            Listed::Folder if anywhere => walk(files, &path, parts, found)?,
            Listed::Folder => walk(files, &path, rest, found)?,
            Listed::File if rest.is_empty() => found.files.push(path),
            Listed::Link if !anywhere => found.links.push(path),
            Listed::File | Listed::Link => {}
        }
    }
    Ok(())
}
