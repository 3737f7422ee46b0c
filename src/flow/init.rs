//! `cdk init --from`: a Compose file read, made a repository, written, and checked.

use std::path::{Path, PathBuf};

use crate::flow::{Failure, Settings, check};
use crate::model::name::ClusterName;
use crate::resolve::desired::Desired;
use crate::source::compose::{Compose, ConvertError, Note, convert};
use crate::source::error::SourceError;
use crate::source::files::WorkTree;
use crate::source::init::write_new;

/// A repository that was made of a Compose file.
#[derive(Debug)]
pub struct Made {
    /// The Compose file, by its name.
    pub file: PathBuf,
    /// The files that were written.
    pub written: Vec<PathBuf>,
    /// What was changed, and what is left to do, by line of the Compose file.
    pub notes: Vec<Note>,
    /// What the new repository means, or what `check` says of it.
    pub checked: Result<Desired, Failure>,
}

/// Makes a repository in `dir` out of a Compose file. It is written even where `check` refuses it then: what is left is a person's.
///
/// # Errors
/// The file is none that Compose would read, or the repository would overwrite files.
pub fn init_from(file: &Path, dir: &Path, name: Option<&ClusterName>) -> Result<Made, Failure> {
    let unreadable = |source| SourceError::Io {
        path: file.to_owned(),
        source,
    };
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    let whole = file.canonicalize().map_err(unreadable)?;
    let folder = whole.parent().unwrap_or(Path::new("/"));
    let file = PathBuf::from(file.file_name().unwrap_or_default());
    let compose = Compose {
        file: &file,
        text: &text,
        folder,
        beside: &WorkTree {
            root: folder.to_owned(),
        },
        name,
    };
    let converted = convert(&compose).map_err(|error| match error {
        ConvertError::Rejected(rejected) => Failure::Rejected(rejected),
        ConvertError::Source(error) => error.into(),
    })?;
    let written = write_new(dir, &converted.files).map_err(|error| match error {
        SourceError::Exists(_) => Failure::Guard(format!(
            "{error}\nnothing was written: `cdk init --from FILE DIR` writes elsewhere"
        )),
        other => other.into(),
    })?;
    let settings = Settings {
        directory: dir.to_owned(),
        ..Settings::default()
    };
    Ok(Made {
        file,
        written,
        notes: converted.notes,
        checked: check(&settings),
    })
}
