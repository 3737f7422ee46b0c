//! Labels that take their value from the environment of whoever applies: the build that made a container, say. No reading of it here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A text with variables of the environment in it, filled in when a container is made. It takes no part in comparisons: what the
/// environment holds is not in git, and a different value must not replace what runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Stamp(Vec<Piece>);

/// A piece of such a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Piece {
    /// As it stands.
    Text(String),
    /// A variable's name.
    Env(String),
}

/// Stands on both sides of a variable's name while templates are rendered; YAML does not allow it in a text.
const MARK: char = '\u{2}';

impl Stamp {
    /// What stands for a variable until a text is read.
    pub fn mark(name: &str) -> String {
        format!("{MARK}{name}{MARK}")
    }

    /// Reads a text with marks in it; none where it has none.
    pub fn read(text: &str) -> Option<Self> {
        if !text.contains(MARK) {
            return None;
        }
        let parts = text.split(MARK).enumerate();
        let pieces = parts.map(|(index, part)| match index % 2 {
            0 => Piece::Text(part.to_owned()),
            _ => Piece::Env(part.to_owned()),
        });
        let pieces: Vec<Piece> = pieces.filter(|piece| *piece != Piece::Text(String::new())).collect();
        Some(Self(pieces))
    }

    /// A text, with marks in it or without.
    pub fn of(text: &str) -> Self {
        Self::read(text).unwrap_or_else(|| Self(vec![Piece::Text(text.to_owned())]))
    }

    /// The variables that it names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Env(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// The text with these values; a variable that is not there leaves nothing.
    pub fn fill(&self, values: &BTreeMap<String, String>) -> String {
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Env(name) => values.get(name).map(String::as_str).unwrap_or_default(),
        });
        pieces.collect()
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Env(name) => write!(f, "{{{{ env.{name} }}}}"),
        })
    }
}

/// All variables that the stamps name.
pub fn names(stamps: &BTreeMap<String, Stamp>) -> BTreeSet<&str> {
    stamps.values().flat_map(Stamp::names).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_filled_piece_by_piece() {
        let text = format!("build {} of {}", Stamp::mark("URL"), Stamp::mark("JOB"));
        let stamp = Stamp::read(&text).unwrap_or_default();
        assert_eq!(stamp.to_string(), "build {{ env.URL }} of {{ env.JOB }}");
        assert_eq!(stamp.names().collect::<Vec<_>>(), ["URL", "JOB"]);
        let values = BTreeMap::from([("URL".to_owned(), "x".to_owned())]);
        assert_eq!(stamp.fill(&values), "build x of ");
        assert_eq!(Stamp::read("none"), None);
    }
}
