//! Which configs and secrets a service's containers get, and where; a file that changes in place needs a folder of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::blob::{Blob, DEFAULT_MODE, FileKind, Segment};
use crate::model::problem::{Place, Problem};
use crate::model::setting::Mount;
use crate::resolve::content::{Content, FileTemplate};
use crate::resolve::desired::ServiceFile;
use crate::resolve::file::Source;
use crate::resolve::problems::locate;
use crate::resolve::service::Reading;
use crate::resolve::shape::file::UseShape;
use crate::resolve::shape::mount::absolute;
use crate::resolve::suggest;

/// Folders that programs and the engine need as they are.
const SYSTEM: [&str; 15] = [
    "/run/secrets",
    "/usr/bin",
    "/usr/include",
    "/usr/lib",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/local",
    "/usr/local/bin",
    "/usr/local/etc",
    "/usr/local/lib",
    "/usr/sbin",
    "/usr/share",
    "/var/lib",
    "/var/log",
    "/var/run",
];

/// The folder that a path lies in; `/` for what lies at the root.
pub fn folder_of(target: &str) -> &str {
    match target.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((folder, _)) => folder,
    }
}

impl Reading<'_> {
    /// The files that the service's containers get, by target.
    pub fn files(
        &mut self,
        configs: Vec<UseShape>,
        secrets: Vec<UseShape>,
        mounts: &BTreeSet<Mount>,
    ) -> BTreeMap<String, ServiceFile> {
        let mut all: BTreeMap<String, ServiceFile> = BTreeMap::new();
        let mut places: BTreeMap<String, Place> = BTreeMap::new();
        for (kind, shapes) in [(FileKind::Config, configs), (FileKind::Secret, secrets)] {
            for (index, shape) in shapes.into_iter().enumerate() {
                let place = locate(self.node, &[kind.key().into(), index.into()]);
                let Some((target, file)) = self.service_file(kind, index, shape) else {
                    continue;
                };
                if let Some(first) = places.insert(target.clone(), place.clone()) {
                    let problem = Problem::at(Some(place.clone()), format!("there is a file at {target} already"));
                    self.problems.push(problem.related(first, "here"));
                }
                if mounts.iter().any(|mount| mount.target == target) {
                    let problem = Problem::at(Some(place), format!("something is mounted at {target} already"));
                    self.problems
                        .push(problem.hint("`volumes` names it: give one of them another target"));
                }
                all.extend(file.map(|file| (target, file)));
            }
        }
        self.check_folders(&all, &places, mounts);
        all
    }

    /// A file and its target; no file where something is wrong with what it is.
    fn service_file(&mut self, kind: FileKind, index: usize, shape: UseShape) -> Option<(String, Option<ServiceFile>)> {
        let UseShape {
            source: name,
            target,
            uid,
            gid,
            mode,
        } = shape;
        let target = self.target(kind, index, &name, target)?;
        let around = self.around.configs;
        let (content, signal) = match kind {
            FileKind::Config => match around.configs.get(&name) {
                Some(Some(config)) => (self.content(&config.source), config.signal.clone()),
                Some(None) => return Some((target, None)),
                None => {
                    self.unknown(kind, index, &name, around.configs.keys().map(String::as_str));
                    return Some((target, None));
                }
            },
            FileKind::Secret => match around.refs.get(&name) {
                Some(Some(secret)) => (
                    Content::Known(Arc::new(Blob(vec![Segment::Secret(secret.clone())]))),
                    None,
                ),
                Some(None) => return Some((target, None)),
                None => {
                    self.unknown(kind, index, &name, around.secret_names());
                    return Some((target, None));
                }
            },
        };
        let file = ServiceFile {
            kind,
            source: name,
            content,
            uid,
            gid,
            mode: mode.unwrap_or(DEFAULT_MODE),
            signal,
        };
        Some((target, Some(file)))
    }

    fn content(&self, source: &Source) -> Content {
        match source {
            Source::Text(blob) => Content::Known(Arc::clone(blob)),
            Source::Template { path, source } => Content::Template(Arc::new(FileTemplate {
                path: Arc::clone(path),
                source: Arc::clone(source),
                context: Arc::clone(self.names),
                secrets: Arc::clone(&self.around.configs.refs),
            })),
        }
    }

    fn unknown<'n>(&mut self, kind: FileKind, index: usize, name: &str, known: impl Iterator<Item = &'n str>) {
        let hint = match suggest::nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let (section, file) = match kind {
                    FileKind::Config => ("configs", format!("templates/{name}")),
                    FileKind::Secret => ("secrets", format!("secrets/{name}.age")),
                };
                format!("write `{name}: {{file: {file}}}` under the top-level `{section}`")
            }
        };
        let what = match kind {
            FileKind::Config => "config",
            FileKind::Secret => "secret",
        };
        self.problem(
            &[kind.key()],
            Some(index),
            format!("there is no {what} `{name}`"),
            Some(hint),
        );
    }

    /// Where it stands in the container.
    fn target(&mut self, kind: FileKind, index: usize, name: &str, target: Option<String>) -> Option<String> {
        let path = match (kind, target) {
            (FileKind::Config, None) => format!("/{name}"),
            (FileKind::Secret, None) => format!("/run/secrets/{name}"),
            (FileKind::Secret, Some(target)) if !target.starts_with('/') => format!("/run/secrets/{target}"),
            (FileKind::Config | FileKind::Secret, Some(target)) => target,
        };
        match absolute(&path) {
            Ok(path) if path != "/" => Some(path),
            Ok(_) | Err(_) => {
                let hint = "write the file's path in the container, from its root".to_owned();
                self.problem(
                    &[kind.key()],
                    Some(index),
                    format!("{path:?} is no place for a file"),
                    Some(hint),
                );
                None
            }
        }
    }

    /// A file that changes in place needs a folder of its own: a single file that is mounted is always the one that was there first.
    fn check_folders(
        &mut self,
        files: &BTreeMap<String, ServiceFile>,
        places: &BTreeMap<String, Place>,
        mounts: &BTreeSet<Mount>,
    ) {
        let folders = files.iter().filter(|(_, file)| file.signal.is_some());
        for (target, _) in folders {
            let (folder, place) = (folder_of(target), places.get(target).cloned());
            let depth = folder.split('/').filter(|part| !part.is_empty()).count();
            if depth < 2 || SYSTEM.contains(&folder) {
                let message = format!("{target} changes in place, and for that cdk mounts its whole folder {folder}");
                let hint = "give it a folder of its own, that holds nothing of the image's: /etc/NAME/FILE, say";
                self.problems.push(Problem::at(place, message).hint(hint));
                continue;
            }
            let below = |path: &str| path == folder || path.starts_with(&format!("{folder}/"));
            let mounted = mounts.iter().map(|mount| mount.target.as_str());
            let deeper = files
                .keys()
                .map(String::as_str)
                .filter(|other| folder_of(other) != folder);
            if let Some(other) = mounted.chain(deeper).find(|other| below(other)) {
                let message =
                    format!("{target} changes in place in {folder}, and nothing can be mounted at {other} then");
                self.problems
                    .push(Problem::at(place, message).hint("give it a folder of its own"));
            }
        }
    }
}
