//! A service's replica as a container spec: its texts rendered, its ports those of its place. No other domain.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::model::blob::{Blob, BlobDigest, FileRef, Folder};
use crate::model::container::ContainerSpec;
use crate::model::endpoint::Address;
use crate::model::name::Slot;
use crate::model::problem::Problem;
use crate::model::replica::ReplicaSpec;
use crate::place::{Assignment, Placement};
use crate::render::network;
use crate::resolve::content::{Content, Endpoint, Endpoints, FileTemplate, HINT};
use crate::resolve::desired::{Desired, Service, ServiceFile};
use crate::resolve::file_use::folder_of;
use crate::resolve::template::{Replica, Text};

/// Renders one service's containers, and collects what goes wrong.
pub(super) struct Renderer<'a> {
    desired: &'a Desired,
    service: &'a Service,
    /// Where all replicas stand, for templates.
    endpoints: &'a Arc<Endpoints>,
    /// Whether it has texts that differ from replica to replica.
    has_own_texts: bool,
    /// What its replicas have in common, once one was rendered, and where no text differs.
    common: Option<Arc<ReplicaSpec>>,
    /// What the files hold.
    pub(super) blobs: BTreeMap<BlobDigest, Arc<Blob>>,
    /// Everything that went wrong, once per field.
    pub(super) problems: BTreeMap<String, Problem>,
}

impl<'a> Renderer<'a> {
    pub(super) fn new(desired: &'a Desired, service: &'a Service, endpoints: &'a Arc<Endpoints>) -> Self {
        Self {
            desired,
            service,
            endpoints,
            has_own_texts: has_own_texts(service),
            common: None,
            blobs: BTreeMap::new(),
            problems: BTreeMap::new(),
        }
    }

    /// The spec of one replica; none where a problem was found.
    pub(super) fn container(&mut self, slot: &Slot, assignment: &Assignment) -> Option<Arc<ReplicaSpec>> {
        let common = match &self.common {
            Some(common) => Arc::clone(common),
            None => {
                let common = Arc::new(ReplicaSpec::from(self.spec(slot, assignment)?));
                self.common = Some(Arc::clone(&common)).filter(|_| !self.has_own_texts);
                common
            }
        };
        let own = common.of(&assignment.ports, slot);
        Some(if own.has_own() { Arc::new(own) } else { common })
    }

    /// What the container of a replica has in common with others, and its own texts.
    fn spec(&mut self, slot: &Slot, assignment: &Assignment) -> Option<ContainerSpec> {
        let service = self.service;
        let host = self.desired.hosts.get(&assignment.host)?;
        let address = match &host.address {
            Address::Local => "localhost",
            Address::Ssh(address) => address,
        };
        let replica = Replica {
            slot,
            host: &assignment.host,
            address,
            labels: &host.labels,
        };
        let mut texts = Texts {
            replica,
            endpoints: self.endpoints,
            blobs: &mut self.blobs,
            problems: &mut self.problems,
        };
        let command = texts.list("command", service.command.as_deref());
        let entrypoint = texts.list("entrypoint", service.entrypoint.as_deref());
        let environment = texts.map("environment", &service.environment);
        let labels = texts.map("labels", &service.labels);
        let (files, folders) = apart(service, texts.files(&service.files)?);
        let hostname = match &service.network.hostname {
            Some(text) => Some(texts.text(&"hostname", text)?),
            None => None,
        };
        Some(ContainerSpec {
            image: service.image.clone(),
            command: command?,
            entrypoint: entrypoint?,
            environment: environment?,
            labels: labels?,
            stamps: service.stamps.clone(),
            files,
            folders,
            // A replica's own, as are its names on networks.
            ports: BTreeSet::new(),
            network: network::networking(&service.network, hostname),
            mounts: service.mounts.clone(),
            healthcheck: service.healthcheck.clone(),
            restart: service.restart,
            user: service.user.clone(),
            working_dir: service.working_dir.clone(),
            logging: service.logging.clone(),
            stop_grace_period: service.stop_grace_period,
            limits: service.limits.clone(),
            security: service.security.clone(),
            runtime: service.runtime.clone(),
        })
    }
}

struct Texts<'a> {
    replica: Replica<'a>,
    endpoints: &'a Arc<Endpoints>,
    blobs: &'a mut BTreeMap<BlobDigest, Arc<Blob>>,
    problems: &'a mut BTreeMap<String, Problem>,
}

impl Texts<'_> {
    fn text(&mut self, field: &dyn fmt::Display, text: &Text) -> Option<String> {
        match text.render(self.replica) {
            Ok(text) => Some(text),
            Err(error) => {
                let Replica { slot, host, .. } = self.replica;
                let path = format!("services.{}.{field}", slot.service);
                let message = format!("{path} can't be rendered for {slot} on {host}: {error:#}");
                let hint = "in reach are slot and host.name, host.address, host.labels of the replica's own host";
                let problem = Problem::at(None, message).hint(hint);
                self.problems.entry(path).or_insert(problem);
                None
            }
        }
    }

    /// Files, and what they hold; none where rendering failed.
    fn files(&mut self, files: &BTreeMap<String, ServiceFile>) -> Option<BTreeMap<String, FileRef>> {
        let mut all = BTreeMap::new();
        for (target, file) in files {
            let blob = match &file.content {
                Content::Known(blob) => Arc::clone(blob),
                Content::Template(template) => Arc::new(self.template(&file.source, template)?),
            };
            let digest = blob.digest();
            let found = FileRef {
                kind: file.kind,
                digest: digest.clone(),
                uid: file.uid,
                gid: file.gid,
                mode: file.mode,
            };
            self.blobs.insert(digest, blob);
            all.insert(target.clone(), found);
        }
        Some(all)
    }

    fn template(&mut self, config: &str, template: &FileTemplate) -> Option<Blob> {
        let error = match template.render(self.replica, self.endpoints) {
            Ok(blob) => return Some(blob),
            Err(error) => error,
        };
        let Replica { slot, host, .. } = self.replica;
        let detail = error.detail().map(|detail| detail.replace(HINT, ": "));
        let words = detail.unwrap_or_else(|| error.kind().to_string());
        let line = error.line().map(|line| format!(":{line}")).unwrap_or_default();
        let path = template.path.display();
        let message = format!("{path}{line} can't be rendered for {slot} on {host}: {words}");
        let problem = Problem::at(None, message).hint(format!("the config {config} is made from it"));
        self.problems.entry(path.to_string()).or_insert(problem);
        None
    }

    /// A list that may not be given at all; none where rendering failed.
    fn list(&mut self, field: &str, texts: Option<&[Text]>) -> Option<Option<Vec<String>>> {
        let Some(texts) = texts else {
            return Some(None);
        };
        let rendered: Option<Vec<String>> = texts.iter().map(|text| self.text(&field, text)).collect();
        rendered.map(Some)
    }

    fn map(&mut self, field: &str, texts: &BTreeMap<String, Text>) -> Option<BTreeMap<String, String>> {
        let mut all = BTreeMap::new();
        for (key, text) in texts {
            if let Some(text) = self.text(&format_args!("{field}.{key}"), text) {
                all.insert(key.clone(), text);
            }
        }
        (all.len() == texts.len()).then_some(all)
    }
}

/// The files that are bound by themselves, and the folders of those that change in place.
fn apart(service: &Service, all: BTreeMap<String, FileRef>) -> (BTreeMap<String, FileRef>, BTreeMap<String, Folder>) {
    let signal = |target: &String| service.files.get(target).and_then(|file| file.signal.clone());
    let (mut files, mut folders) = (BTreeMap::new(), BTreeMap::new());
    for (target, _) in all.iter().filter(|(target, _)| signal(target).is_some()) {
        folders.insert(folder_of(target).to_owned(), Folder::default());
    }
    for (target, file) in all {
        let Some(folder) = folders.get_mut(folder_of(&target)) else {
            files.insert(target, file);
            continue;
        };
        let name = target.rsplit('/').next().unwrap_or_default().to_owned();
        if let Some(signal) = signal(&target) {
            folder.signals.insert(name.clone(), signal);
        }
        folder.files.insert(name, file);
    }
    (files, folders)
}

/// Where every replica stands, as templates see it; empty where there are no templates.
pub(super) fn endpoints(desired: &Desired, placement: &Placement) -> Endpoints {
    let files = desired.services.values().flat_map(|service| service.files.values());
    let mut contents = files.map(|file| &file.content);
    let are_asked_for = contents.any(|content| match content {
        Content::Known(_) => false,
        Content::Template(_) => true,
    });
    if !are_asked_for {
        return Endpoints::default();
    }
    let mut all: Endpoints = desired
        .services
        .keys()
        .map(|name| (name.to_string(), Vec::new()))
        .collect();
    for (slot, assignment) in &placement.slots {
        let Some(host) = desired.hosts.get(&assignment.host) else {
            continue;
        };
        let address = match (host.private_address, &host.address) {
            (Some(address), _) => address.to_string(),
            (None, Address::Local) => "localhost".to_owned(),
            (None, Address::Ssh(address)) => address.clone(),
        };
        let ports = assignment.ports.iter();
        all.entry(slot.service.to_string()).or_default().push(Endpoint {
            slot: slot.to_string(),
            host: assignment.host.to_string(),
            address,
            port: ports.clone().next().map(|port| port.host),
            ports: ports.map(|port| (port.container.to_string(), port.host)).collect(),
        });
    }
    all
}

/// Whether a service has texts that differ from replica to replica.
fn has_own_texts(service: &Service) -> bool {
    let lists = service.command.iter().chain(&service.entrypoint).flatten();
    let maps = service.environment.values().chain(service.labels.values());
    let texts = lists
        .chain(maps)
        .chain(&service.network.hostname)
        .any(|text| match text {
            Text::Plain(_) => false,
            Text::PerReplica { .. } => true,
        });
    let files = service.files.values().any(|file| match &file.content {
        Content::Known(_) => false,
        Content::Template(template) => template.is_own(),
    });
    texts || files
}
