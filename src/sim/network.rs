//! What Docker's verbs do to a simulated host's networks, at once. Time and faults are `host`'s.

use std::sync::Arc;

use crate::host::HostError;
use crate::model::container::ContainerSpec;
use crate::model::network::{Attachment, LiveNetwork, NetworkSpec, is_predefined};
use crate::sim::state::State;
use crate::sim::world::World;

impl State {
    pub(super) fn create_network(&mut self, name: &str, spec: &NetworkSpec, world: &World) -> Result<(), HostError> {
        if self.networks.contains_key(name) {
            let words = format!("network with name {name} already exists");
            return Err(HostError::Refused(words));
        }
        let mut subnets = self.networks.values().flat_map(|network| &network.subnets);
        if spec.subnets().any(|own| subnets.any(|other| own.overlaps(*other))) {
            let words = "Pool overlaps with other one on this address space".to_owned();
            return Err(HostError::Refused(words));
        }
        let live = LiveNetwork {
            id: world.next_id(),
            made_from: Some(spec.clone()),
            subnets: spec.subnets().collect(),
            interface: String::new(),
        };
        self.networks.insert(name.to_owned(), live);
        Ok(())
    }

    pub(super) fn remove_network(&mut self, name: &str, world: &World) -> Result<(), HostError> {
        let attached = self.own(world).into_iter().find(|container| {
            let networks = container.spec.iter().map(|spec| &spec.network.networks);
            container.state.is_live() && networks.into_iter().any(|networks| networks.contains_key(name))
        });
        if let Some(container) = attached {
            let words = format!("network {name} has active endpoints: {}", container.name);
            return Err(HostError::Refused(words));
        }
        self.networks.remove(name);
        Ok(())
    }

    pub(super) fn connect(&mut self, network: &str, container: &str, how: &Attachment) -> Result<(), HostError> {
        let found = self.networks.get(network).map(|network| network.id.clone());
        let id = found.ok_or_else(|| missing(network))?;
        let container = self.existing(container)?;
        container.network_ids().insert(network.to_owned(), id);
        if let Some(spec) = container.spec() {
            Arc::make_mut(&mut spec.network)
                .networks
                .insert(network.to_owned(), how.clone());
        }
        Ok(())
    }

    pub(super) fn disconnect(&mut self, network: &str, container: &str) -> Result<(), HostError> {
        let container = self.existing(container)?;
        container.network_ids().remove(network);
        if let Some(spec) = container.spec() {
            Arc::make_mut(&mut spec.network).networks.remove(network);
        }
        Ok(())
    }

    /// Whether all of a container's networks are there.
    pub(super) fn check_networks(&self, spec: &ContainerSpec) -> Result<(), HostError> {
        let lost = spec
            .networks()
            .find(|name| !is_predefined(name) && !self.networks.contains_key(*name));
        lost.map_or(Ok(()), |name| Err(missing(name)))
    }

    /// Attaches a container that starts: to the very networks that it was made with.
    pub(super) fn join_networks(&mut self, name: &str, world: &World) -> Result<(), HostError> {
        let live = self.existing(name)?.now(world);
        let networks = live.spec.iter().flat_map(|spec| spec.network.networks.keys());
        for network in networks.filter(|network| !is_predefined(network)) {
            let id = self.networks.get(network).map(|network| network.id.clone());
            let id = id.ok_or_else(|| missing(network))?;
            let before = live.network_ids.get(network).filter(|before| !before.is_empty());
            if before.is_some_and(|before| *before != id) {
                return Err(missing(network));
            }
            self.existing(name)?.network_ids().insert(network.clone(), id);
        }
        Ok(())
    }
}

fn missing(network: &str) -> HostError {
    HostError::NotFound(format!("network {network} not found"))
}
