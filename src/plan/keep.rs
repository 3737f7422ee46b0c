//! What earlier versions left on the hosts that nobody needs any more: their images and files, removed when all else was done. What a
//! container uses, another cluster speaks of, or cdk did not bring, stays.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::container::LiveContainer;
use crate::model::host::HostState;
use crate::model::image::{Digest, ImageFacts, ImageRef, short_name};
use crate::model::journal::{EarlierVersion, Memory};
use crate::model::name::HostName;
use crate::model::op::{ContainerOp, FileOp, ImageOp, Op};
use crate::model::text::SharedText;
use crate::plan::Input;
use crate::plan::build::blank;
use crate::plan::step::{Precondition, Step, StepId};

/// Adds the removals to a plan's steps, and says which they are.
pub(super) fn tidy(
    input: Input<'_>,
    hosts: &[HostName],
    digests: &BTreeMap<String, Digest>,
    memory: &Memory,
    steps: &mut Vec<Step>,
) -> Vec<StepId> {
    // What was not asked for stays as it is.
    if input.diff.narrowed {
        return Vec::new();
    }
    let old = Old::new(input.target.keep, digests, memory);
    if old.digests.is_empty() && old.files.is_empty() {
        return Vec::new();
    }
    let gone = gone(steps);
    let mut all: Vec<Step> = Vec::new();
    for host in hosts {
        let Some(state) = input.observed.hosts.get(host).and_then(|host| host.state()) else {
            continue;
        };
        let staying = staying(state, &gone);
        let images = old.images(state, &staying).into_iter().map(Op::Image);
        let files = old.files(state, &staying).into_iter().map(Op::File);
        let why = &SharedText::from(format!("older than the last {} versions", input.target.keep));
        all.extend(images.chain(files).map(|op| blank(host, None, op, why)));
    }
    let mut tidy = Vec::new();
    for step in all {
        let id = StepId(u32::try_from(steps.len()).unwrap_or(u32::MAX));
        steps.push(Step { id, ..step });
        tidy.push(id);
    }
    tidy
}

/// The containers that this plan removes, by their ids.
fn gone(steps: &[Step]) -> BTreeSet<&str> {
    let ids = steps.iter().filter_map(|step| match (&step.op, &step.pre) {
        (Op::Container(ContainerOp::Remove { .. }), Precondition::Is { id, .. }) => Some(&**id),
        (
            Op::Container(_)
            | Op::Image(_)
            | Op::Volume(_)
            | Op::File(_)
            | Op::Network(_)
            | Op::Firewall(_)
            | Op::Address(_)
            | Op::Gate(_),
            _,
        ) => None,
    });
    ids.collect()
}

/// The cluster's containers on a host that this plan leaves there.
fn staying<'s>(state: &'s HostState, gone: &BTreeSet<&str>) -> Vec<&'s LiveContainer> {
    let containers = state.containers.iter();
    containers.filter(|live| !gone.contains(live.id.as_str())).collect()
}

/// What only versions used that are older than those to be kept.
struct Old<'a> {
    /// By digest, all references that ever stood for it.
    digests: BTreeMap<&'a Digest, BTreeSet<&'a str>>,
    files: BTreeSet<&'a str>,
}

impl<'a> Old<'a> {
    /// The present version is one of those that are kept.
    fn new(keep: usize, digests: &'a BTreeMap<String, Digest>, memory: &'a Memory) -> Self {
        let (kept, old) = memory
            .versions
            .split_at(memory.versions.len().min(keep.saturating_sub(1)));
        let pairs = |versions: &'a [EarlierVersion]| versions.iter().flat_map(|version| &version.digests);
        let kept_digests: BTreeSet<&Digest> = pairs(kept).chain(digests).map(|(_, digest)| digest).collect();
        let kept_files = kept.iter().flat_map(|version| &version.files);
        let kept_files: BTreeSet<&String> = kept_files.chain(&memory.files).collect();
        let mut gone: BTreeMap<&Digest, BTreeSet<&str>> = BTreeMap::new();
        for (image, digest) in pairs(old).filter(|(_, digest)| !kept_digests.contains(digest)) {
            gone.entry(digest).or_default().insert(image);
        }
        let files = old.iter().flat_map(|version| &version.files);
        Self {
            digests: gone,
            files: files
                .filter(|path| !kept_files.contains(path))
                .map(String::as_str)
                .collect(),
        }
    }

    /// The images of a host that go.
    fn images(&self, state: &HostState, staying: &[&LiveContainer]) -> Vec<ImageOp> {
        let used = staying.iter().map(|live| &*live.image_id);
        let foreign = state.foreign.images.iter().map(String::as_str);
        let parents = state.images.values().map(|facts| facts.parent.as_str());
        let used: BTreeSet<&str> = used.chain(foreign).chain(parents).collect();
        let free = state.images.iter().filter(|(id, _)| !used.contains(id.as_str()));
        let images = free.filter_map(|(id, facts)| {
            let image = self.whose(state, facts)?;
            let several = facts.tags.len() > 1 || repositories(&facts.digests).len() > 1;
            let names = facts.tags.iter().chain(&facts.digests).filter(|_| several);
            Some(ImageOp::Remove {
                id: id.as_str().into(),
                image,
                names: names.cloned().collect(),
            })
        });
        images.collect()
    }

    /// The reference under which cdk brought an image that goes; none where somebody gave it a name of their own, or another cluster
    /// speaks of it.
    fn whose(&self, state: &HostState, facts: &ImageFacts) -> Option<ImageRef> {
        let mut images: BTreeSet<ImageRef> = BTreeSet::new();
        for pinned in &facts.digests {
            let (_, digest) = pinned.split_once('@')?;
            let digest: Digest = digest.parse().ok()?;
            let known = self
                .digests
                .get(&digest)
                .filter(|_| !state.foreign.digests.contains(&digest))?;
            images.extend(known.iter().filter_map(|image| image.parse().ok()));
        }
        let names: BTreeSet<&str> = images.iter().map(|image| short_name(image.name())).collect();
        let tagged: BTreeSet<String> = images.iter().filter_map(ImageRef::tagged).collect();
        let tagged: BTreeSet<&str> = tagged.iter().map(|tag| short_name(tag)).collect();
        let ours = facts.tags.iter().all(|tag| tagged.contains(short_name(tag)))
            && repositories(&facts.digests).is_subset(&names);
        images.into_iter().next().filter(|_| ours)
    }

    /// The files of a host that go.
    fn files(&self, state: &HostState, staying: &[&LiveContainer]) -> Vec<FileOp> {
        let used: BTreeSet<String> = staying.iter().flat_map(|live| live.files()).map(top).collect();
        let lying = self
            .files
            .iter()
            .filter(|path| matches!(state.files.get(**path), Some(Some(_))));
        let free = lying.filter(|path| !used.contains(**path));
        free.map(|path| FileOp::Remove { path: (*path).into() }).collect()
    }
}

/// The repositories that an image's digests name.
fn repositories(digests: &[String]) -> BTreeSet<&str> {
    let names = digests.iter().filter_map(|pinned| pinned.split_once('@'));
    names.map(|(name, _)| short_name(name)).collect()
}

/// A file by itself, or the folder that it lies in.
fn top(path: String) -> String {
    match path.split_once('/') {
        Some((folder, _)) => folder.to_owned(),
        None => path,
    }
}

/// The files that this version's containers have, those that stay as they are and those that are made.
pub(super) fn files(input: Input<'_>, steps: &[Step]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for spec in input.target.containers.values() {
        let files = spec.common().files.values();
        all.extend(files.map(|file| file.host_name()));
    }
    let gone = gone(steps);
    for found in input.observed.hosts.values() {
        if let Some(state) = found.state() {
            let staying = staying(state, &gone);
            all.extend(staying.iter().flat_map(|live| live.files()).map(top));
        }
    }
    for step in steps {
        if let Op::File(FileOp::Write(write)) = &step.op {
            all.insert(top(write.path.clone()));
        }
    }
    all
}
