//! `Manifest`: the repository's files as one marked tree. Gathering and merging; what the sections mean is `resolve`'s.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexSet;
use indexmap::map::Entry as Slot;

use crate::model::problem::{Place, Problem, Rejected};
use crate::model::revision::Revision;
use crate::source::environment::{self, Environment};
use crate::source::error::SourceError;
use crate::source::files::{Files, expand};
use crate::source::named::Named;
use crate::source::parse::{at_start, parse};
use crate::source::yaml::{Entry, Kind, Map, Node};

/// The file that makes a folder a cluster repository.
pub const ROOT_FILE: &str = "cdk.yaml";

/// A repository as it is written: all its sections, each key and value with its place.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The repository's root; paths in the YAML are relative to it.
    pub root: PathBuf,
    /// The top-level sections of all files together, but for the environment's.
    pub sections: Map,
    /// What lies over them; none where the repository has no environments.
    pub environment: Option<Environment>,
    /// The files' texts, by path from the root.
    pub texts: BTreeMap<PathBuf, Arc<str>>,
    /// The files that the YAML names.
    pub files: Named,
    /// The state of the repository that they were read from.
    pub revision: Revision,
}

/// The files that a repository consists of, as found in one tree.
#[derive(Default)]
pub struct Gathered {
    contents: BTreeMap<PathBuf, Vec<u8>>,
    patterns: Vec<String>,
    /// What is included, in its order.
    included: IndexSet<PathBuf>,
    problems: Vec<Problem>,
    texts: BTreeMap<PathBuf, Arc<str>>,
    sections: Map,
    environment: Option<Environment>,
    files: Named,
}

/// Finds cdk.yaml, what it includes, and the file of the environment that is asked for; none where there is no cdk.yaml.
pub fn gather(files: &dyn Files, environment: Option<&str>) -> Result<Option<Gathered>, SourceError> {
    let root_file = PathBuf::from(ROOT_FILE);
    let Some(content) = files.read(&root_file)? else {
        return Ok(None);
    };
    let chosen = environment::choose(files, environment)?;
    let mut gathered = Gathered::default();
    let head = gathered.parse(root_file, content, false);
    let over = match chosen {
        Some((name, path)) => {
            let content = files.read(&path)?.unwrap_or_default();
            Some((name, gathered.parse(path, content, true)))
        }
        None => None,
    };
    for tree in [Some(&head), over.as_ref().map(|(_, tree)| tree)].into_iter().flatten() {
        let include = tree.get("cluster").and_then(|cluster| cluster.get("include"));
        for item in include.and_then(Node::list).unwrap_or_default() {
            if let Some(pattern) = item.text() {
                gathered.include(files, pattern, &item.place)?;
            }
        }
    }
    let mut trees = vec![head];
    for path in gathered.included.clone() {
        let content = files.read(&path)?.unwrap_or_default();
        trees.push(gathered.parse(path, content, false));
    }
    for tree in trees {
        merge(&mut gathered.sections, tree, &mut gathered.problems);
    }
    gathered.environment = over.map(|(name, tree)| Environment {
        name,
        place: tree.place.clone(),
        sections: sections_of(tree, &mut gathered.problems),
    });
    if gathered.problems.is_empty() {
        let over = gathered.environment.as_ref().map(|environment| &environment.sections);
        gathered.files = Named::read(files, over.into_iter().chain([&gathered.sections]))?;
    }
    Ok(Some(gathered))
}

impl Gathered {
    /// Reads a file's text as YAML, and keeps both.
    fn parse(&mut self, path: PathBuf, content: Vec<u8>, may_override: bool) -> Node {
        let file = Arc::new(path.clone());
        let (tree, problems) = match std::str::from_utf8(&content) {
            Ok(text) => {
                self.texts.insert(path.clone(), Arc::from(text));
                parse(&file, text, may_override)
            }
            Err(error) => {
                let message = format!(
                    "{} is not UTF-8 text, from byte {} on",
                    path.display(),
                    error.valid_up_to()
                );
                (Node::new(at_start(&file), Kind::Null), vec![Problem::at(None, message)])
            }
        };
        self.contents.insert(path, content);
        self.problems.extend(problems);
        tree
    }

    fn include(&mut self, files: &dyn Files, pattern: &str, place: &Place) -> Result<(), SourceError> {
        self.patterns.push(pattern.to_owned());
        let mut wrong = |message: String, hint: &str| {
            self.problems.push(Problem::at(Some(place.clone()), message).hint(hint));
        };
        if pattern.contains("{{") || pattern.contains("{%") {
            wrong(
                "`include` takes no templates".to_owned(),
                "files are read before templates are rendered",
            );
            return Ok(());
        }
        let found = match expand(files, pattern)? {
            Ok(found) => found,
            Err(message) => {
                wrong(message, "a pattern is relative to the folder of cdk.yaml");
                return Ok(());
            }
        };
        for link in &found.links {
            let message = format!("{} is a symbolic link", link.display());
            wrong(
                message,
                "links are not followed, as a git revision cannot be read through them: make it a file",
            );
        }
        if found.files.is_empty() && found.links.is_empty() {
            wrong(
                format!("no file matches `{pattern}`"),
                "leave the pattern out, or add the file",
            );
        }
        for file in found.files {
            // `**/*.yaml` finds the environments' files too, but one of them is chosen by its name.
            let is_other = !file.starts_with(environment::FOLDER) && file != Path::new(ROOT_FILE);
            if is_other {
                self.included.insert(file);
            }
        }
        Ok(())
    }

    /// Whether `files` has the same content in all that was read, no more and no less.
    pub fn is_same_in(&self, files: &dyn Files) -> Result<bool, SourceError> {
        for pattern in &self.patterns {
            let found = expand(files, pattern)?.unwrap_or_default().files;
            if found
                .iter()
                .any(|path| !path.starts_with(environment::FOLDER) && !self.contents.contains_key(path))
            {
                return Ok(false);
            }
        }
        for (path, content) in &self.contents {
            if files.read(path)?.as_ref() != Some(content) {
                return Ok(false);
            }
        }
        self.files.is_same_in(files)
    }

    /// The manifest, where nothing is wrong so far.
    ///
    /// # Errors
    /// Every problem of every file.
    pub fn into_manifest(self, root: PathBuf, revision: Revision) -> Result<Manifest, Rejected> {
        let Self {
            contents: _,
            patterns: _,
            included: _,
            mut problems,
            texts,
            sections,
            environment,
            files,
        } = self;
        if !problems.is_empty() {
            problems.sort_by(|a, b| a.place.cmp(&b.place));
            return Err(Rejected { problems, texts });
        }
        let revision = Revision {
            environment: environment.as_ref().map(|environment| environment.name.clone()),
            ..revision
        };
        Ok(Manifest {
            root,
            sections,
            environment,
            texts,
            files,
            revision,
        })
    }
}

/// The sections of a file.
fn sections_of(tree: Node, problems: &mut Vec<Problem>) -> Map {
    let described = tree.describe();
    match tree.kind {
        Kind::Map(map) => map,
        Kind::Null => Map::new(),
        Kind::Bool(_) | Kind::Number { .. } | Kind::Text(_) | Kind::List(_) => {
            let message = format!("a file holds a map of sections, not {described}");
            problems.push(Problem::at(Some(tree.place), message).hint("begin it with `services:`, say"));
            Map::new()
        }
    }
}

/// Merges a file's sections into those of the files before it.
fn merge(sections: &mut Map, tree: Node, problems: &mut Vec<Problem>) {
    for (name, section) in sections_of(tree, problems) {
        match sections.entry(name) {
            Slot::Vacant(slot) => {
                slot.insert(section);
            }
            Slot::Occupied(slot) if slot.key().starts_with("x-") => {}
            Slot::Occupied(mut slot) => {
                let name = slot.key().clone();
                merge_section(&name, slot.get_mut(), section, problems);
            }
        }
    }
}

fn merge_section(name: &str, into: &mut Entry, from: Entry, problems: &mut Vec<Problem>) {
    if from.value.is_null() {
        return;
    }
    if into.value.is_null() {
        *into = from;
        return;
    }
    let (Kind::Map(known), Kind::Map(more)) = (&mut into.value.kind, from.value.kind) else {
        let problem = Problem::at(
            Some(from.key),
            format!("`{name}` stands in two files, and is not a map in both"),
        );
        problems.push(problem.related(into.key.clone(), "the other one"));
        return;
    };
    for (key, entry) in more {
        match known.entry(key) {
            Slot::Vacant(slot) => {
                slot.insert(entry);
            }
            Slot::Occupied(slot) => {
                let message = format!("`{}` is there twice under `{name}`", slot.key());
                problems.push(Problem::at(Some(entry.key), message).related(slot.get().key.clone(), "first here"));
            }
        }
    }
}
