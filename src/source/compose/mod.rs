//! A stranger's Compose or stack file made a repository: the text edited where cdk has another word, and a note on each such place.
//! What cdk refuses stays as it is written, for `check` to name. Pure but for the files beside it, which it is given a reader of.

mod mounts;
mod service;
pub mod variables;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::model::name::ClusterName;
use crate::model::problem::{Problem, Rejected};
use crate::model::secret::is_secret_name;
use crate::source::compose::variables::Variables;
use crate::source::edit::{Edits, end_of_node, is_flow};
use crate::source::error::SourceError;
use crate::source::files::Files;
use crate::source::init::{HOSTS, cluster_name};
use crate::source::parse::parse;
use crate::source::yaml::{Kind, Node};

/// The variable that stands for the folder of the Compose file, as Compose calls it.
const PROJECT: &str = "project_directory";

/// A Compose file, and what lies around it.
pub struct Compose<'a> {
    /// Its name in its folder.
    pub file: &'a Path,
    /// What it says.
    pub text: &'a str,
    /// Its folder, absolute.
    pub folder: &'a Path,
    /// The files of that folder.
    pub beside: &'a dyn Files,
    /// The cluster's name; that of the project unless given.
    pub name: Option<&'a ClusterName>,
}

/// Something that is not as it was, or that wants a person's eye.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// The line of the Compose file.
    pub line: usize,
    /// What was done there, and what is left to do.
    pub text: String,
}

/// The repository.
#[derive(Debug)]
pub struct Converted {
    /// Its files, by path from its root.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    /// Those among them that are the user's own, as they lie beside the Compose file.
    pub copied: BTreeSet<PathBuf>,
    /// What there is to know, by line.
    pub notes: Vec<Note>,
}

/// Why there is no repository.
#[derive(Debug)]
pub enum ConvertError {
    /// It is no YAML, or no Compose file.
    Rejected(Rejected),
    /// A file beside it could not be read.
    Source(SourceError),
}

impl From<SourceError> for ConvertError {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

/// The work on one Compose file.
struct Work<'a> {
    compose: &'a Compose<'a>,
    tree: &'a Node,
    project: String,
    edits: Edits,
    variables: Variables,
    notes: BTreeSet<Note>,
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// Configs that are new, by name: the files that were bound.
    configs: BTreeMap<String, PathBuf>,
    uses_project: bool,
}

/// Makes a repository of a Compose file.
///
/// # Errors
/// The text is no Compose file, or a file beside it cannot be read.
pub fn convert(compose: &Compose<'_>) -> Result<Converted, ConvertError> {
    let (tree, mut problems) = parse(&Arc::new(compose.file.to_owned()), compose.text, false);
    if problems.is_empty() && tree.get("services").and_then(Node::map).is_none() {
        let problem = Problem::at(
            Some(tree.place.clone()),
            "this is no Compose file: it has no `services`",
        );
        problems.push(problem.hint("`services` is a map of services, each with its `image`"));
    }
    if !problems.is_empty() {
        let texts = BTreeMap::from([(compose.file.to_owned(), Arc::from(compose.text))]);
        return Err(ConvertError::Rejected(Rejected { problems, texts }));
    }
    let dotenv = compose.beside.read(Path::new(".env"))?;
    let dotenv = dotenv.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let variables = Variables::new(dotenv.as_deref());
    let written = tree.get("name").and_then(Node::text).map(|name| variables.expand(name));
    let folder = compose
        .folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let project = variables
        .env("COMPOSE_PROJECT_NAME")
        .map(str::to_owned)
        .or(written)
        .unwrap_or(folder);
    // As Compose does.
    let project: String = project
        .to_lowercase()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "_-".contains(*c))
        .collect();
    let name = match compose.name {
        Some(name) => name.clone(),
        None => cluster_name(&project).map_err(SourceError::from)?,
    };
    let mut work = Work {
        compose,
        tree: &tree,
        project,
        edits: Edits::default(),
        variables,
        notes: BTreeSet::new(),
        files: BTreeMap::new(),
        configs: BTreeMap::new(),
        uses_project: false,
    };
    let is_kept = |key: &str| !["name", "version"].contains(&key);
    let kept = tree.map().into_iter().flatten().filter(|(key, _)| is_kept(key));
    let flow = is_flow(compose.text, &tree);
    kept.for_each(|(_, entry)| work.scalars(&entry.value, flow));
    work.sections()?;
    let services = work.services_text();
    let cluster = work.cluster_text(&name);
    let copied = work.files.keys().cloned().collect();
    let mut files = work.files;
    files.insert(PathBuf::from("cdk.yaml"), cluster.into_bytes());
    files.insert(PathBuf::from("hosts.yaml"), HOSTS.as_bytes().to_owned());
    files.insert(PathBuf::from(format!("services/{name}.yaml")), services.into_bytes());
    let notes = work.notes.into_iter().collect();
    Ok(Converted { files, copied, notes })
}

impl Work<'_> {
    fn note(&mut self, line: usize, text: impl Into<String>) {
        self.notes.insert(Note {
            line,
            text: text.into(),
        });
    }

    /// Writes variables as templates, in every text.
    fn scalars(&mut self, node: &Node, flow: bool) {
        match &node.kind {
            Kind::Null | Kind::Bool(_) | Kind::Number { .. } => {}
            Kind::Text(_) => {
                // A block of text reaches to what comes next.
                let range = node.place.start..end_of_node(self.compose.text, node);
                let written = self.compose.text.get(range.clone()).unwrap_or_default();
                if variables::is_swarm_template(written) {
                    self.note(
                        node.place.line,
                        "a template of Swarm's that has no equal here stays as it is: the container gets it as text",
                    );
                }
                let new = self.variables.template(written, node.place.line);
                if new != written {
                    self.edits.replace(range, quoted(new, written, flow));
                }
            }
            Kind::List(items) => {
                let flow = flow || is_flow(self.compose.text, node);
                items.iter().for_each(|item| self.scalars(item, flow));
            }
            Kind::Map(map) => {
                let flow = flow || is_flow(self.compose.text, node);
                map.values().for_each(|entry| self.scalars(&entry.value, flow));
            }
        }
    }

    fn sections(&mut self) -> Result<(), SourceError> {
        let tree = self.tree;
        for (key, entry) in tree.map().into_iter().flatten() {
            let line = entry.key.line;
            match key.as_str() {
                "version" => {
                    self.edits.remove_entry(self.compose.text, entry);
                    self.note(line, "`version` is left out: Compose itself ignores it");
                }
                "name" => {
                    self.edits.remove_entry(self.compose.text, entry);
                    self.note(line, "`name` is `cluster.name` in cdk.yaml");
                }
                "services" => {
                    for (name, service) in entry.value.map().into_iter().flatten() {
                        self.service(name, service)?;
                    }
                }
                "configs" => self.config_files(&entry.value)?,
                "secrets" => self.secret_files(&entry.value),
                _ => {}
            }
        }
        for name in [
            "compose.override.yaml",
            "compose.override.yml",
            "docker-compose.override.yml",
            "docker-compose.override.yaml",
        ] {
            if self.compose.beside.read(Path::new(name))?.is_some() {
                self.note(1, format!("{name} is not read: Compose lays it over this file; give cdk what `docker compose config` prints"));
            }
        }
        Ok(())
    }

    fn config_files(&mut self, section: &Node) -> Result<(), SourceError> {
        for entry in section.map().into_iter().flat_map(|map| map.values()) {
            if let Some(file) = entry.value.get("file") {
                self.copy(file)?;
            }
        }
        Ok(())
    }

    /// What stood in a plain file is to be encrypted.
    fn secret_files(&mut self, section: &Node) {
        for (name, entry) in section.map().into_iter().flatten() {
            let Some(file) = entry.value.get("file") else { continue };
            let Some(path) = file.text().filter(|path| !path.ends_with(".age")) else {
                continue;
            };
            self.edits
                .replace(file.place.start..file.place.end, format!("secrets/{name}.age"));
            self.note(
                file.place.line,
                format!("the secret `{name}` is not copied from {path}, as git keeps no plain text: `cdk secret set {name}` encrypts it"),
            );
        }
    }

    /// Takes a file of the user's into the repository, at the same path.
    fn copy(&mut self, named: &Node) -> Result<(), SourceError> {
        let Some(text) = named.text() else { return Ok(()) };
        let Some(path) = inside(&self.variables.expand(text)) else {
            self.note(
                named.place.line,
                format!("{text} lies outside of this folder: copy it into the repository"),
            );
            return Ok(());
        };
        if let Some(content) = self.compose.beside.read(&path)? {
            let names = String::from_utf8_lossy(&content);
            let secret = names
                .lines()
                .filter_map(|line| line.split_once('='))
                .any(|(name, _)| is_secret_name(name));
            if secret {
                let text = format!(
                    "{} names secrets, and lies in the repository in plain text: move them to `secrets`",
                    path.display()
                );
                self.note(named.place.line, text);
            }
            self.files.insert(path, content);
        }
        Ok(())
    }
}

/// A text as it is to be written in the place of another: quotes around what a brace would begin. An anchor or a tag stays before it.
fn quoted(new: String, written: &str, flow: bool) -> String {
    let begin = after_properties(&new);
    let is_plain = !written[after_properties(written)..].starts_with(['"', '\'', '|', '>']);
    let (properties, text) = new.split_at(begin);
    if is_plain && (flow || text.starts_with('{')) {
        return format!("{properties}\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    }
    new
}

/// Where a node's text begins, behind its anchor and its tag.
fn after_properties(text: &str) -> usize {
    let mut rest = text;
    while rest.starts_with(['&', '!']) {
        let Some(end) = rest.find(char::is_whitespace) else {
            break;
        };
        rest = rest[end..].trim_start();
    }
    text.len() - rest.len()
}

/// A relative path without `.` and `..`; none where it leads out, or is not relative.
fn inside(path: &str) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                if !clean.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(clean)
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn what_a_brace_would_begin_is_quoted_behind_its_anchor() {
        let quoted = |new: &str, written: &str| quoted(new.to_owned(), written, false);
        assert_eq!(quoted("{{ vars.a }}", "$a"), "\"{{ vars.a }}\"");
        assert_eq!(quoted("&b {{ vars.a }}:-", "&b $a:-"), "&b \"{{ vars.a }}:-\"");
        assert_eq!(
            quoted("!!str &b {{ vars.a }}", "!!str &b $a"),
            "!!str &b \"{{ vars.a }}\""
        );
        assert_eq!(quoted("&b \"{{ vars.a }}\"", "&b \"$a\""), "&b \"{{ vars.a }}\"");
        assert_eq!(quoted("x {{ vars.a }}", "x $a"), "x {{ vars.a }}");
    }
}
