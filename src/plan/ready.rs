//! The steps that make hosts ready for their containers: pulls, networks, volumes, files; and who waits for which. No units.

use std::collections::BTreeMap;

use thin_vec::ThinVec;

use crate::model::name::{HostName, ServiceName, Slot};
use crate::model::network::is_predefined;
use crate::model::op::{ImageOp, Op, VolumeOp};
use crate::model::replica::ReplicaSpec;
use crate::plan::build::{Builder, Image, Seen};
use crate::plan::step::{StepId, StepIds};

/// The steps that make one host ready for its containers.
#[derive(Default)]
pub(super) struct Ready {
    /// By name.
    volumes: BTreeMap<String, StepId>,
    /// By path.
    pub(super) writes: BTreeMap<String, StepId>,
    /// The steps after which a network can be used, by its name.
    pub(super) networks: BTreeMap<String, Vec<StepId>>,
}

impl<'i> Builder<'i> {
    /// What a container needs on its host before it is made: its image, its networks, its volumes, its files.
    pub(super) fn prepare(&mut self, host: &'i HostName, slot: &Slot, spec: &ReplicaSpec) {
        let service = &slot.service;
        let (Some(seen), Some(known)) = (self.hosts.get(host).copied(), self.service(service)) else {
            return;
        };
        let state = seen.state;
        self.write_files(host, slot, spec, state);
        let spec = spec.common();
        let pull = self.pulls.get(&(seen.number, known.image.number)).copied();
        let pull = pull.unwrap_or_else(|| self.pull(host, service, seen, known.image));
        if let Some(id) = pull {
            self.pulls_by_service.entry(service.clone()).or_default().insert(id);
        }
        self.make_networks(host, service, state, spec.networks());
        for name in spec.volumes().filter(|name| !state.volumes.contains_key(*name)) {
            let is_made = self.ready_on(host).volumes.contains_key(name);
            let target = self.input.target.hosts.get(host);
            let wanted = target.and_then(|target| target.volumes.get(name));
            if let (Some(wanted), false) = (wanted, is_made) {
                let (key, spec) = (name.to_owned(), Box::new(wanted.clone()));
                let name = name.into();
                let op = Op::Volume(VolumeOp::Create { name, spec });
                let id = self.push(host, None, op, &format!("{service} mounts it there").into());
                self.ready_on(host).volumes.insert(key, id);
            }
        }
    }

    /// What was made ready on a host so far.
    pub(super) fn ready_on(&mut self, host: &HostName) -> &mut Ready {
        self.ready.entry(host.clone()).or_default()
    }

    /// Brings an image to a host where it does not lie there.
    fn pull(&mut self, host: &'i HostName, service: &ServiceName, seen: Seen<'i>, image: Image<'i>) -> Option<StepId> {
        let pull = image.is_missing(seen.state).then(|| {
            let (image, digest) = (image.name.clone(), image.digest().cloned());
            let op = Op::Image(ImageOp::Pull { image, digest });
            self.push(host, None, op, &format!("{service} runs it there").into())
        });
        self.pulls.insert((seen.number, image.number), pull);
        pull
    }

    /// The pull, the volumes, the files and the networks that a container waits for.
    pub(super) fn needs(&self, host: &HostName, slot: &Slot, spec: &ReplicaSpec) -> StepIds {
        let pull = self.hosts.get(host).zip(self.service(&slot.service));
        let pull = pull.and_then(|(seen, known)| self.pulls.get(&(seen.number, known.image.number)).copied()?);
        let mut all: StepIds = pull.into_iter().collect();
        let common = spec.common();
        // What every engine has is never made: then there is only the pull to wait for.
        let is_bare = common.mounts.is_empty() && common.files.is_empty() && common.folders.is_empty();
        if is_bare && common.networks().all(is_predefined) {
            return all;
        }
        let Some(ready) = self.ready.get(host) else {
            return all;
        };
        let volumes = common.volumes().filter_map(|name| ready.volumes.get(name));
        let files = self.files_of(slot, spec);
        let files = files.filter_map(|(path, _)| ready.writes.get(&path));
        let networks = common.networks().filter_map(|name| ready.networks.get(name)).flatten();
        all.extend(volumes.chain(files).chain(networks).copied());
        all
    }

    pub(super) fn pulls_of(&self, service: &ServiceName) -> ThinVec<StepId> {
        let pulls = self.pulls_by_service.get(service);
        pulls.into_iter().flatten().copied().collect()
    }
}
