//! Whether a container has the configs and secrets that git wants, and whether they lie on its host as cdk wrote them. Comparing only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diff::Rewrite;
use crate::diff::field::{Changes, Difference};
use crate::model::blob::{Blob, BlobDigest, FileFacts, FileKind, FileRef, FileWrite, folder_name};
use crate::model::container::{ContainerSpec, LiveContainer};
use crate::model::effective::EffectiveSpec;
use crate::model::host::HostState;
use crate::render::Target;

/// A file as a container has it.
enum Live<'a> {
    /// Bound by itself.
    Alone(&'a FileRef),
    /// In a folder whose files change in place: what it holds only its host knows.
    InFolder(Option<Option<FileFacts>>),
}

/// A file as git wants it.
struct Wanted<'a> {
    file: &'a FileRef,
    /// Where it lies in a folder whose files change in place: its path there, and the signal that follows a change.
    place: Option<(String, Option<&'a String>)>,
}

/// A container, compared.
pub(super) struct Files<'a> {
    pub(super) target: &'a Target,
    pub(super) spec: &'a ContainerSpec,
    pub(super) live: &'a LiveContainer,
    pub(super) state: &'a HostState,
}

impl<'a> Files<'a> {
    /// Adds what differs.
    pub(super) fn compare(&self, effective: &'a EffectiveSpec, changes: &mut Changes) {
        let is_bare = effective.files.is_empty() && effective.folders.is_empty();
        if is_bare && self.spec.files.is_empty() && self.spec.folders.is_empty() {
            return;
        }
        let (live, wanted) = (self.live(effective), self.wanted());
        let paths: BTreeSet<&String> = live.keys().chain(wanted.keys()).collect();
        for path in paths {
            match (live.get(path), wanted.get(path)) {
                (None, None) => {}
                (None, Some(wanted)) => replaced(changes, wanted.file.kind, path, None, Some(wanted.text())),
                (Some(Live::Alone(file)), None) => replaced(changes, file.kind, path, Some(file.to_string()), None),
                (Some(Live::InFolder(_)), None) => {
                    replaced(
                        changes,
                        FileKind::Config,
                        path,
                        Some("reloaded in place".to_owned()),
                        None,
                    );
                }
                (Some(Live::Alone(file)), Some(wanted)) => self.alone(path, file, wanted, changes),
                (Some(Live::InFolder(facts)), Some(wanted)) => self.in_folder(path, *facts, wanted, changes),
            }
        }
    }

    fn live(&self, effective: &'a EffectiveSpec) -> BTreeMap<String, Live<'a>> {
        let alone = effective.files.iter();
        let mut all: BTreeMap<String, Live<'a>> = alone.map(|(at, file)| (at.clone(), Live::Alone(file))).collect();
        for (target, names) in effective.folders.iter() {
            let folder = folder_name(&self.live.owner, target);
            for name in names {
                let facts = self.state.files.get(&format!("{folder}/{name}")).copied();
                all.insert(format!("{target}/{name}"), Live::InFolder(facts));
            }
        }
        all
    }

    fn wanted(&self) -> BTreeMap<String, Wanted<'a>> {
        let alone = self.spec.files.iter();
        let mut all: BTreeMap<String, Wanted<'a>> = alone
            .map(|(at, file)| (at.clone(), Wanted { file, place: None }))
            .collect();
        for (target, folder) in &self.spec.folders {
            let on_host = folder_name(&self.live.owner, target);
            for (name, file) in &folder.files {
                let place = Some((format!("{on_host}/{name}"), folder.signals.get(name)));
                all.insert(format!("{target}/{name}"), Wanted { file, place });
            }
        }
        all
    }

    fn alone(&self, path: &str, live: &FileRef, wanted: &Wanted<'_>, changes: &mut Changes) {
        let file = wanted.file;
        if wanted.place.is_some() {
            return replaced(changes, file.kind, path, Some(live.to_string()), Some(wanted.text()));
        }
        if live.kind != file.kind {
            replaced(changes, live.kind, path, Some(live.to_string()), None);
            replaced(changes, file.kind, path, None, Some(file.to_string()));
        } else if live != file {
            let (old, new) = self.shown(Some(live), file);
            replaced(changes, file.kind, path, Some(old), Some(new));
        } else if let Some(facts) = self.state.files.get(&file.host_name())
            && !file.is(*facts)
        {
            replaced(changes, file.kind, path, Some(altered(*facts)), Some(file.to_string()));
        }
    }

    fn in_folder(&self, path: &str, facts: Option<Option<FileFacts>>, wanted: &Wanted<'_>, changes: &mut Changes) {
        let file = wanted.file;
        let Some((on_host, signal)) = &wanted.place else {
            let old = Some("reloaded in place".to_owned());
            return replaced(changes, file.kind, path, old, Some(file.to_string()));
        };
        let Some(facts) = facts.filter(|facts| !file.is(*facts)) else {
            return;
        };
        let before = facts.and_then(|facts| self.known(file, facts));
        let (old, new) = match &before {
            Some(before) => self.shown(Some(before), file),
            None => (altered(facts), file.to_string()),
        };
        let (Some(signal), Some(_), Some(blob)) = (signal, facts, self.target.blobs.get(&file.digest)) else {
            return replaced(changes, file.kind, path, Some(old), Some(new));
        };
        let write = |file: &FileRef, blob| FileWrite {
            path: on_host.clone(),
            file: file.clone(),
            blob,
        };
        changes.list.push(difference(file.kind, path, Some(old), Some(new)));
        let back = before.and_then(|before| Some(write(&before, self.blob(&before.digest)?.clone())));
        let to = write(file, blob.clone());
        changes.reload.files.push(Rewrite { to, back });
        changes.reload.signals.insert((*signal).clone());
    }

    /// The file that lies on the host, where it is one that git had.
    fn known(&self, wanted: &FileRef, facts: FileFacts) -> Option<FileRef> {
        let all = self.target.past.keys().chain(self.target.blobs.keys());
        let mut files = all.map(|digest| FileRef {
            digest: digest.clone(),
            mode: facts.mode,
            ..wanted.clone()
        });
        files.find(|file| file.stamp() == facts.changed)
    }

    fn blob(&self, digest: &BlobDigest) -> Option<&Arc<Blob>> {
        self.target.blobs.get(digest).or_else(|| self.target.past.get(digest))
    }

    /// Both sides of a change: their texts, where both are known and are a config's; else what can be said from outside.
    fn shown(&self, old: Option<&FileRef>, new: &FileRef) -> (String, String) {
        let outside = || (old.map(ToString::to_string).unwrap_or_default(), new.to_string());
        let Some(old) = old.filter(|old| old.digest != new.digest && new.kind == FileKind::Config) else {
            return outside();
        };
        match (self.blob(&old.digest), self.blob(&new.digest)) {
            (Some(before), Some(after)) => {
                let (before, after) = (before.shown(), after.shown());
                if before == after {
                    return outside();
                }
                (before, after)
            }
            (None, _) | (_, None) => outside(),
        }
    }
}

impl Wanted<'_> {
    fn text(&self) -> String {
        match self.place {
            None => self.file.to_string(),
            Some(_) => format!("{}, reloaded in place", self.file),
        }
    }
}

fn altered(facts: Option<FileFacts>) -> String {
    match facts {
        Some(_) => "altered on the host".to_owned(),
        None => "gone from the host".to_owned(),
    }
}

fn difference(kind: FileKind, path: &str, old: Option<String>, new: Option<String>) -> Difference {
    Difference {
        field: kind.key(),
        key: Some(path.to_owned()),
        old,
        new,
    }
}

fn replaced(changes: &mut Changes, kind: FileKind, path: &str, old: Option<String>, new: Option<String>) {
    changes.list.push(difference(kind, path, old, new));
    changes.needs_new = true;
}
