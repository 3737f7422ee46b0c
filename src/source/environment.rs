//! The folder `environments/`: one file for each, which lies over all others. What lying over means is `resolve`'s.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::model::problem::Place;
use crate::source::error::SourceError;
use crate::source::files::{Files, Listed};
use crate::source::yaml::Map;

/// The folder that holds them.
pub const FOLDER: &str = "environments";

/// An environment's own file.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Its name: the file's, without its ending.
    pub name: String,
    /// Where the file begins.
    pub place: Place,
    /// Its sections, with the tags that say what they do to those beneath.
    pub sections: Map,
}

/// The environments that there are, by name, and their files.
pub fn list(files: &dyn Files) -> Result<BTreeMap<String, PathBuf>, SourceError> {
    let folder = Path::new(FOLDER);
    let mut all = BTreeMap::new();
    for (name, listed) in files.list(folder)? {
        let stem = [".yaml", ".yml"].iter().find_map(|ending| name.strip_suffix(ending));
        let Some(stem) = stem.filter(|stem| !stem.is_empty() && !stem.starts_with('.')) else {
            continue;
        };
        let path = folder.join(&name);
        match listed {
            Listed::Folder => {}
            Listed::Link => return Err(SourceError::EnvironmentLink { path }),
            Listed::File => {
                if let Some(other) = all.insert(stem.to_owned(), path.clone()) {
                    return Err(SourceError::EnvironmentTwice { path, other });
                }
            }
        }
    }
    Ok(all)
}

/// The name and the file of the environment that is asked for; none where there are none and none is asked for.
pub fn choose(files: &dyn Files, asked: Option<&str>) -> Result<Option<(String, PathBuf)>, SourceError> {
    let mut all = list(files)?;
    match asked {
        None if all.is_empty() => Ok(None),
        None => Err(SourceError::EnvironmentNeeded {
            known: all.into_keys().collect(),
        }),
        Some(name) => match all.remove(name) {
            Some(path) => Ok(Some((name.to_owned(), path))),
            None => Err(SourceError::NoEnvironment {
                name: name.to_owned(),
                known: all.into_keys().collect(),
            }),
        },
    }
}
