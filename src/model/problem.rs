//! What is wrong with a repository, and where. How it is shown is `report`'s.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// A place in a file of the repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's path, from the repository's root.
    pub file: Arc<PathBuf>,
    /// Where it begins, in bytes from the start of the file.
    pub start: usize,
    /// Where it ends, in bytes; the end is not in it.
    pub end: usize,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// Where; none where it is in no file (a file that is missing).
    pub place: Option<Place>,
    /// A second place that belongs to it, and what stands there: the first of two equal names.
    pub related: Option<(Place, String)>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether it says that something is nowhere: then it is none where a file could not be read, which may hold that.
    pub is_absence: bool,
}

impl Problem {
    /// A problem at a place.
    pub fn at(place: Option<Place>, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            place,
            related: None,
            hint: None,
            is_absence: false,
        }
    }

    /// The same as something that says that a thing is nowhere.
    #[must_use]
    pub fn absence(mut self) -> Self {
        self.is_absence = true;
        self
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a second place.
    #[must_use]
    pub fn related(mut self, place: Place, label: impl Into<String>) -> Self {
        self.related = Some((place, label.into()));
        self
    }
}

/// A repository that is refused: every problem at once, and the texts that they point into.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rejected {
    /// What is wrong, in the order of the files.
    pub problems: Vec<Problem>,
    /// The files' texts, by path from the repository's root.
    pub texts: BTreeMap<PathBuf, Arc<str>>,
}
