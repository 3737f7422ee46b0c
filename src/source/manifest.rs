//! `Manifest`: the repository's files as one marked tree. Gathering and merging; what the sections mean is `resolve`'s.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::map::Entry as Slot;

use crate::model::problem::{Place, Problem, Rejected};
use crate::model::revision::Revision;
use crate::source::error::SourceError;
use crate::source::files::{Files, expand};
use crate::source::named::Named;
use crate::source::parse::parse;
use crate::source::yaml::{Entry, Kind, Map, Node};

/// The file that makes a folder a cluster repository.
pub const ROOT_FILE: &str = "cdk.yaml";

/// A repository as it is written: all its sections, each key and value with its place.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The repository's root; paths in the YAML are relative to it.
    pub root: PathBuf,
    /// The top-level sections of all files together.
    pub sections: Map,
    /// The files' texts, by path from the root.
    pub texts: BTreeMap<PathBuf, Arc<str>>,
    /// The files that the YAML names.
    pub files: Named,
    /// The state of the repository that they were read from.
    pub revision: Revision,
}

/// The files that a repository consists of, as found in one tree.
pub struct Gathered {
    contents: BTreeMap<PathBuf, Vec<u8>>,
    patterns: Vec<String>,
    order: Vec<PathBuf>,
    problems: Vec<Problem>,
    texts: BTreeMap<PathBuf, Arc<str>>,
    sections: Map,
    named: Named,
}

/// Finds cdk.yaml and what it includes; none where there is no cdk.yaml.
pub fn gather(files: &dyn Files) -> Result<Option<Gathered>, SourceError> {
    let root_file = PathBuf::from(ROOT_FILE);
    let Some(content) = files.read(&root_file)? else {
        return Ok(None);
    };
    let mut gathered = Gathered {
        contents: BTreeMap::new(),
        patterns: Vec::new(),
        order: vec![root_file.clone()],
        problems: Vec::new(),
        texts: BTreeMap::new(),
        sections: Map::new(),
        named: Named::default(),
    };
    // Problems of cdk.yaml itself are found when it is parsed with all others; here only `include` matters.
    let (tree, _) = parse(&Arc::new(root_file.clone()), &String::from_utf8_lossy(&content));
    gathered.contents.insert(root_file, content);
    let include = tree.get("cluster").and_then(|cluster| cluster.get("include"));
    for item in include.and_then(Node::list).unwrap_or_default() {
        if let Some(pattern) = item.text() {
            gathered.include(files, pattern, &item.place)?;
        }
    }
    if !files.list(Path::new("environments"))?.is_empty() {
        let message = "the folder `environments/` is not in force yet in this version of cdk";
        gathered
            .problems
            .push(Problem::at(None, message).hint("keep one repository for each environment until then"));
    }
    gathered.parse();
    gathered.named = Named::read(files, [&gathered.sections])?;
    Ok(Some(gathered))
}

impl Gathered {
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
            if !self.contents.contains_key(&file)
                && let Some(content) = files.read(&file)?
            {
                self.contents.insert(file.clone(), content);
                self.order.push(file);
            }
        }
        Ok(())
    }

    /// Whether `files` has the same content in all that was read, no more and no less.
    pub fn is_same_in(&self, files: &dyn Files) -> Result<bool, SourceError> {
        let mut paths = vec![PathBuf::from(ROOT_FILE)];
        for pattern in &self.patterns {
            paths.extend(expand(files, pattern)?.unwrap_or_default().files);
        }
        paths.sort();
        paths.dedup();
        if !paths.iter().eq(self.contents.keys()) {
            return Ok(false);
        }
        for path in &paths {
            if files.read(path)?.as_ref() != self.contents.get(path) {
                return Ok(false);
            }
        }
        self.named.is_same_in(files)
    }

    /// Parses the files and merges them by top-level section.
    fn parse(&mut self) {
        for path in &self.order {
            let content = self.contents.get(path).map(Vec::as_slice).unwrap_or_default();
            let text = match std::str::from_utf8(content) {
                Ok(text) => text,
                Err(error) => {
                    let message = format!(
                        "{} is not UTF-8 text, from byte {} on",
                        path.display(),
                        error.valid_up_to()
                    );
                    self.problems.push(Problem::at(None, message));
                    continue;
                }
            };
            let (tree, found) = parse(&Arc::new(path.clone()), text);
            let sound = found.is_empty();
            self.problems.extend(found);
            self.texts.insert(path.clone(), Arc::from(text));
            if sound {
                merge(&mut self.sections, tree, &mut self.problems);
            }
        }
    }

    /// The manifest, where nothing is wrong so far.
    ///
    /// # Errors
    /// Every problem of every file.
    pub fn into_manifest(self, root: PathBuf, revision: Revision) -> Result<Manifest, Rejected> {
        let Self {
            contents: _,
            patterns: _,
            order: _,
            mut problems,
            texts,
            sections,
            named: files,
        } = self;
        if !problems.is_empty() {
            problems.sort_by(|a, b| a.place.cmp(&b.place));
            return Err(Rejected { problems, texts });
        }
        Ok(Manifest {
            root,
            sections,
            texts,
            files,
            revision,
        })
    }
}

/// Merges a file's sections into those of the files before it.
fn merge(sections: &mut Map, tree: Node, problems: &mut Vec<Problem>) {
    let described = tree.describe();
    let map = match tree.kind {
        Kind::Map(map) => map,
        Kind::Null => return,
        Kind::Bool(_) | Kind::Number { .. } | Kind::Text(_) | Kind::List(_) => {
            let message = format!("a file holds a map of sections, not {described}");
            problems.push(Problem::at(Some(tree.place), message).hint("begin it with `services:`, say"));
            return;
        }
    };
    for (name, section) in map {
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
