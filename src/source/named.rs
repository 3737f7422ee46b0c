//! The files that the YAML names (variables, templates, encrypted secrets), read from the tree that the YAML was read from. Their
//! meaning is `resolve`'s, which asks here and reads nothing itself.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::model::suggest::nearest;
use crate::source::error::SourceError;
use crate::source::files::{Files, Listed};
use crate::source::yaml::{Kind, Map, Node};

/// Why a file that the YAML names has no content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoContent {
    /// There is none.
    Missing {
        /// Where a file is that was likely meant: beside the file that names it, or of nearly the same name.
        near: Option<String>,
    },
    /// It leads out of the repository, so that no revision holds it.
    Outside,
    /// It, or a folder on the way to it, is a symbolic link.
    Link,
    /// It is a folder.
    Folder,
    /// It stands where no file is read for: the name is a template, or comes from one.
    Template,
}

impl fmt::Display for NoContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing { .. } => "there is no such file in the repository",
            Self::Outside => "this leads out of the repository",
            Self::Link => "this is a symbolic link, or behind one",
            Self::Folder => "this is a folder",
            Self::Template => "the name of a file may not be a template",
        })
    }
}

impl NoContent {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Missing { near: Some(near) } => {
                format!("did you mean `{near}`? Paths are relative to the folder of cdk.yaml")
            }
            Self::Missing { near: None } => "paths are relative to the folder of cdk.yaml".to_owned(),
            Self::Outside => {
                "only what is in the repository can be read at a git revision: put the file there".to_owned()
            }
            Self::Link => {
                "links are not followed, as a git revision cannot be read through them: make it a file".to_owned()
            }
            Self::Folder => "name a file in it".to_owned(),
            Self::Template => "files are read before templates are rendered".to_owned(),
        }
    }
}

/// A file's bytes, or why there are none.
pub type Content = Result<Arc<[u8]>, NoContent>;

/// The files that the YAML names, as one tree has them; a work tree or a git revision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named(BTreeMap<PathBuf, Content>);

impl Named {
    /// The content of a file under the name that the YAML gives it.
    ///
    /// # Errors
    /// Why there is none.
    pub fn get(&self, name: &str) -> Result<&Arc<[u8]>, &NoContent> {
        let Some(path) = inside(name) else {
            return Err(&NoContent::Outside);
        };
        match self.0.get(&path) {
            Some(content) => content.as_ref(),
            None => Err(&NoContent::Template),
        }
    }

    /// The path from the root of a file that is there.
    pub fn path(&self, name: &str) -> Option<&Path> {
        let (path, _) = self.0.get_key_value(&inside(name)?)?;
        Some(path)
    }

    /// The files that are there, by path from the root.
    pub fn found(&self) -> impl Iterator<Item = (&Path, &Arc<[u8]>)> {
        let all = self.0.iter();
        all.filter_map(|(path, content)| Some((path.as_path(), content.as_ref().ok()?)))
    }

    /// Reads what the sections name.
    pub(super) fn read<'m>(
        files: &dyn Files,
        sections: impl IntoIterator<Item = &'m Map>,
    ) -> Result<Self, SourceError> {
        let mut reader = Reader {
            files,
            folders: BTreeMap::new(),
            all: BTreeMap::new(),
        };
        for sections in sections {
            for name in names(sections) {
                reader.read(name)?;
            }
        }
        Ok(Self(reader.all))
    }

    /// Whether `files` has the same under all these names.
    pub(super) fn is_same_in(&self, files: &dyn Files) -> Result<bool, SourceError> {
        for (path, content) in &self.0 {
            if files.read(path)?.as_deref() != content.as_deref().ok() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A path from the repository's root, without `.` and `..`; none where it leads out.
fn inside(name: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for part in Path::new(name).components() {
        match part {
            Component::CurDir => {}
            Component::Normal(part) => path.push(part),
            Component::ParentDir => path.pop().then_some(())?,
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

/// The texts that name files: `services.*.env_file`, and so on.
fn names(sections: &Map) -> Vec<&Node> {
    let entries = |name: &str| {
        let map = sections.get(name).and_then(|section| section.value.map());
        map.into_iter().flatten().map(|(_, entry)| &entry.value)
    };
    let mut all = Vec::new();
    let cluster = sections.get("cluster").map(|cluster| &cluster.value);
    let defaults = cluster.and_then(|cluster| cluster.get("defaults"));
    for service in entries("services").chain(defaults) {
        for key in ["env_file", "label_file"] {
            let Some(node) = service.get(key) else { continue };
            let items = node.list().unwrap_or(std::slice::from_ref(node));
            all.extend(items.iter().map(|item| item.get("path").unwrap_or(item)));
        }
    }
    for (section, keys) in [
        ("configs", ["file", "template"].as_slice()),
        ("secrets", &["file"]),
        ("ingress", &["template"]),
    ] {
        all.extend(entries(section).flat_map(|entry| keys.iter().filter_map(|key| entry.get(key))));
    }
    all
}

struct Reader<'f> {
    files: &'f dyn Files,
    /// Each folder is listed once.
    folders: BTreeMap<PathBuf, BTreeMap<String, Listed>>,
    all: BTreeMap<PathBuf, Content>,
}

impl Reader<'_> {
    fn read(&mut self, named: &Node) -> Result<(), SourceError> {
        let Kind::Text(name) = &named.kind else { return Ok(()) };
        if name.contains("{{") || name.contains("{%") {
            return Ok(());
        }
        let Some(path) = inside(name) else { return Ok(()) };
        if self.all.contains_key(&path) {
            return Ok(());
        }
        let content = self.content(&path, named.place.file.parent())?;
        self.all.insert(path, content);
        Ok(())
    }

    fn content(&mut self, path: &Path, beside: Option<&Path>) -> Result<Content, SourceError> {
        Ok(match self.listed(path)? {
            Some(Listed::File) => match self.files.read(path)? {
                Some(bytes) => Ok(Arc::from(bytes)),
                None => Err(NoContent::Missing { near: None }),
            },
            Some(Listed::Folder) => Err(NoContent::Folder),
            Some(Listed::Link) => Err(NoContent::Link),
            None => Err(NoContent::Missing {
                near: self.near(path, beside)?,
            }),
        })
    }

    /// What stands at a path; a link where there is one on the way.
    fn listed(&mut self, path: &Path) -> Result<Option<Listed>, SourceError> {
        let mut folder = PathBuf::new();
        let mut last = Some(Listed::Folder);
        for part in path.iter() {
            let part = part.to_string_lossy();
            last = self.folder(&folder)?.get(part.as_ref()).copied();
            if last != Some(Listed::Folder) {
                folder.push(part.as_ref());
                let whole = folder == path || last == Some(Listed::Link);
                return Ok(last.filter(|_| whole));
            }
            folder.push(part.as_ref());
        }
        Ok(last)
    }

    fn folder(&mut self, folder: &Path) -> Result<&BTreeMap<String, Listed>, SourceError> {
        if !self.folders.contains_key(folder) {
            let listed = self.files.list(folder)?;
            self.folders.insert(folder.to_owned(), listed);
        }
        Ok(self.folders.entry(folder.to_owned()).or_default())
    }

    /// The file that was likely meant: as Compose would have it, beside the file that names it; or one with nearly the same name.
    fn near(&mut self, path: &Path, beside: Option<&Path>) -> Result<Option<String>, SourceError> {
        if let Some(folder) = beside.filter(|folder| !folder.as_os_str().is_empty()) {
            let there = folder.join(path);
            if self.listed(&there)? == Some(Listed::File) {
                return Ok(Some(there.display().to_string()));
            }
        }
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Ok(None);
        };
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let files = self
            .folder(&folder)?
            .iter()
            .filter(|(_, listed)| **listed == Listed::File);
        let near = nearest(name, files.map(|(other, _)| other.as_str()));
        Ok(near.map(|other| folder.join(other).display().to_string()))
    }
}
