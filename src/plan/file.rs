//! The steps that write configs and secrets: before the containers that bind them are made, or in place, with a signal.

use std::sync::Arc;

use thin_vec::ThinVec;

use crate::diff::{Reload, Rewrite};
use crate::model::blob::{FileRef, FileWrite, folder_name};
use crate::model::host::HostState;
use crate::model::name::{HostName, Slot};
use crate::model::op::{ContainerOp, FileOp, Op};
use crate::model::replica::ReplicaSpec;
use crate::place::live::Standing;
use crate::plan::build::Builder;
use crate::plan::unit::{Draft, is};

impl<'i> Builder<'i> {
    /// Writes what is not known to lie there as it should. A name stands for a content, so that nothing is lost where another
    /// replica has the same.
    pub(super) fn write_files(&mut self, host: &'i HostName, slot: &Slot, spec: &ReplicaSpec, state: &HostState) {
        let files: Vec<(String, FileRef)> = self.files_of(slot, spec).collect();
        for (path, file) in files {
            let lies_there = state.files.get(&path).is_some_and(|facts| file.is(*facts));
            let target = self.input.target;
            let Some(blob) = target.blobs.get(&file.digest) else {
                continue;
            };
            if lies_there || self.ready_on(host).writes.contains_key(&path) {
                continue;
            }
            let (blob, key) = (Arc::clone(blob), path.clone());
            let op = Op::File(FileOp::Write(Box::new(FileWrite { path, file, blob })));
            let id = self.push(host, None, op, &format!("{} reads it there", slot.service).into());
            self.ready_on(host).writes.insert(key, id);
            self.pulls_by_service
                .entry(slot.service.clone())
                .or_default()
                .insert(id);
        }
    }

    /// A new container's files, by path among cdk's files on its host.
    pub(super) fn files_of(&self, slot: &Slot, spec: &ReplicaSpec) -> impl Iterator<Item = (String, FileRef)> {
        let common = spec.common();
        let alone = common.files.values().map(|file| (file.host_name(), file.clone()));
        let folders = common.folders.iter().flat_map(move |(target, folder)| {
            let on_host = folder_name(&self.owner(slot, spec), target);
            let path = move |name: &String| format!("{on_host}/{name}");
            folder.files.iter().map(move |(name, file)| (path(name), file.clone()))
        });
        alone.chain(folders)
    }

    /// Rewrites files in place and tells the program. What was there before is put back the same way, where it is known.
    pub(super) fn reload(&mut self, draft: &mut Draft<'_, '_>, here: &Standing<'_>, reload: &Reload) {
        let signal = |signal: &String| {
            let (name, signal) = (here.name.as_ref().into(), signal.as_str().into());
            Op::Container(ContainerOp::Signal { name, signal })
        };
        let write = |write: &FileWrite| Op::File(FileOp::Write(Box::new(write.clone())));
        for Rewrite { to, back } in &reload.files {
            let undo = match back {
                Some(back) => std::iter::once(write(back))
                    .chain(reload.signals.iter().map(signal))
                    .collect(),
                None => ThinVec::new(),
            };
            self.act(draft, here.host, write(to), is(&here.name, here), undo);
        }
        for one in &reload.signals {
            self.act(draft, here.host, signal(one), is(&here.name, here), ThinVec::new());
        }
    }
}
