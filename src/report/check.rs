//! What `check` found, as a sentence or as data. How problems look on a terminal is `problems`'.

use serde::Serialize;

use crate::model::problem::Rejected;
use crate::report::words::count;
use crate::resolve::desired::Desired;

/// A repository that is right, in a sentence.
pub fn text(desired: &Desired) -> String {
    let environment = desired.revision.environment.as_ref();
    format!(
        "{}{}: {}, {}, no problem found\n",
        environment.map(|name| format!("{name}: ")).unwrap_or_default(),
        desired.cluster.name,
        count(desired.services.len(), "service"),
        count(desired.hosts.len(), "host"),
    )
}

/// The answer of `check -o json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Whether there is no problem.
    pub ok: bool,
    /// Every problem, in the order of the files.
    pub problems: Vec<Found>,
}

/// One problem as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// What is wrong.
    pub message: String,
    /// The file, from the repository's root.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The column, from 1, in characters.
    pub column: Option<usize>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// The answer as data; without problems where the repository is right.
pub fn document(rejected: Option<&Rejected>) -> Checked {
    let found = rejected
        .into_iter()
        .flat_map(|rejected| &rejected.problems)
        .map(|problem| {
            let place = problem.place.as_ref();
            Found {
                message: problem.message.clone(),
                file: place.map(|place| place.file.display().to_string()),
                line: place.map(|place| place.line),
                column: place.map(|place| place.column),
                hint: problem.hint.clone(),
            }
        });
    Checked {
        ok: rejected.is_none(),
        problems: found.collect(),
    }
}
