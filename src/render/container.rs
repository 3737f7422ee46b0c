//! A service's replica as a container spec: its texts rendered, its ports those of its place. No other domain.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::container::ContainerSpec;
use crate::model::endpoint::Address;
use crate::model::name::{ServiceName, Slot};
use crate::model::network::is_predefined;
use crate::model::problem::Problem;
use crate::place::Assignment;
use crate::render::network;
use crate::resolve::desired::{Desired, Service};
use crate::resolve::template::{Replica, Text};

/// Renders containers, and collects what goes wrong.
pub(super) struct Renderer<'a> {
    desired: &'a Desired,
    /// The spec that all replicas of a service share, where nothing in it is a replica's own.
    shared: BTreeMap<&'a ServiceName, Arc<ContainerSpec>>,
    problems: BTreeMap<String, Problem>,
}

impl<'a> Renderer<'a> {
    pub(super) fn new(desired: &'a Desired) -> Self {
        Self {
            desired,
            shared: BTreeMap::new(),
            problems: BTreeMap::new(),
        }
    }

    /// The spec of one replica; none where a problem was found, or where git does not have it.
    pub(super) fn container(&mut self, slot: &Slot, assignment: &Assignment) -> Option<Arc<ContainerSpec>> {
        let (name, service) = self.desired.services.get_key_value(&slot.service)?;
        let alike = assignment.ports.is_empty() && !is_own(service);
        if let Some(spec) = self.shared.get(name).filter(|_| alike) {
            return Some(Arc::clone(spec));
        }
        let spec = Arc::new(self.spec(slot, service, assignment)?);
        if alike {
            self.shared.insert(name, Arc::clone(&spec));
        }
        Some(spec)
    }

    /// Everything that went wrong, once per field.
    pub(super) fn finish(self) -> Result<(), Vec<Problem>> {
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(self.problems.into_values().collect())
    }

    fn spec(&mut self, slot: &Slot, service: &Service, assignment: &Assignment) -> Option<ContainerSpec> {
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
            problems: &mut self.problems,
        };
        let command = texts.list("command", service.command.as_deref());
        let entrypoint = texts.list("entrypoint", service.entrypoint.as_deref());
        let environment = texts.map("environment", &service.environment);
        let labels = texts.map("labels", &service.labels);
        let hostname = match &service.network.hostname {
            Some(text) => Some(texts.text("hostname", text)?),
            None => None,
        };
        Some(ContainerSpec {
            image: service.image.clone(),
            command: command?,
            entrypoint: entrypoint?,
            environment: environment?,
            labels: labels?,
            stamps: service.stamps.clone(),
            ports: assignment.ports.iter().cloned().collect(),
            network: network::networking(&service.network, slot, hostname),
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
    problems: &'a mut BTreeMap<String, Problem>,
}

impl Texts<'_> {
    fn text(&mut self, field: &str, text: &Text) -> Option<String> {
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

    /// A list that may not be given at all; none where rendering failed.
    fn list(&mut self, field: &str, texts: Option<&[Text]>) -> Option<Option<Vec<String>>> {
        let Some(texts) = texts else {
            return Some(None);
        };
        let rendered: Option<Vec<String>> = texts.iter().map(|text| self.text(field, text)).collect();
        rendered.map(Some)
    }

    fn map(&mut self, field: &str, texts: &BTreeMap<String, Text>) -> Option<BTreeMap<String, String>> {
        let mut all = BTreeMap::new();
        for (key, text) in texts {
            if let Some(text) = self.text(&format!("{field}.{key}"), text) {
                all.insert(key.clone(), text);
            }
        }
        (all.len() == texts.len()).then_some(all)
    }
}

/// Whether a service has texts that differ from replica to replica.
fn is_own(service: &Service) -> bool {
    // On a network of one's own each replica has its own name.
    if service.network.rest.networks.keys().any(|name| !is_predefined(name)) {
        return true;
    }
    let lists = service.command.iter().chain(&service.entrypoint).flatten();
    let maps = service.environment.values().chain(service.labels.values());
    lists
        .chain(maps)
        .chain(&service.network.hostname)
        .any(|text| match text {
            Text::Plain(_) => false,
            Text::PerReplica { .. } => true,
        })
}
