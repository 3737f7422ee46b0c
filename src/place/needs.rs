//! What a replica needs to find on a host: networks and volumes that are not cdk's, an engine new enough, volumes of its own. Checks only.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::setting::MountSource;
use crate::place::choose::Placer;
use crate::place::filter::Room;
use crate::place::reason::{Obstacle, Why};
use crate::resolve::desired::{Desired, Service};

/// The API from which an engine takes a hardware address, major and minor.
const MAC_ADDRESSES: (u32, u32) = (1, 44);

/// The names on a host of what git says is there already.
pub(super) struct Outside<'a> {
    networks: BTreeSet<&'a str>,
    volumes: BTreeSet<&'a str>,
}

impl<'a> Outside<'a> {
    pub(super) fn new(desired: &'a Desired) -> Self {
        let networks = desired.networks.values().filter(|network| network.external);
        let volumes = desired.volumes.values().filter(|volume| volume.external);
        Self {
            networks: networks.map(|network| network.name.as_str()).collect(),
            volumes: volumes.map(|volume| volume.name.as_str()).collect(),
        }
    }
}

impl Room<'_> {
    /// Whether everything is there that a replica needs and cdk does not make.
    pub(super) fn has(&self, service: &Service, outside: &Outside<'_>) -> Result<(), Obstacle> {
        let Some(state) = self.state else { return Ok(()) };
        let networks = &service.network.rest.networks;
        let mut missing = networks.keys().filter(|name| outside.networks.contains(name.as_str()));
        if let Some(name) = missing.find(|name| !state.networks.contains_key(*name)) {
            return Err(Obstacle::Network(name.clone()));
        }
        let mut missing = volumes(service).filter(|name| outside.volumes.contains(name));
        if let Some(name) = missing.find(|name| !state.volumes.contains_key(*name)) {
            return Err(Obstacle::Volume(name.to_owned()));
        }
        let wants_mac = networks.values().any(|how| how.mac.is_some());
        if wants_mac && version(&state.facts.api).is_some_and(|api| api < MAC_ADDRESSES) {
            return Err(Obstacle::MacAddress);
        }
        Ok(())
    }

    /// Whether the volumes that a new replica would write to are nobody else's.
    pub(super) fn is_alone(&self, service: &Service) -> Result<(), Obstacle> {
        let Some(state) = self.state else { return Ok(()) };
        for source in service.data() {
            if let MountSource::Volume(name) = source
                && let Some(by) = state.foreign.volumes.get(name)
            {
                return Err(Obstacle::Foreign(name.clone(), by.clone()));
            }
        }
        Ok(())
    }
}

/// A version as numbers; none where it was not told.
fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn volumes(service: &Service) -> impl Iterator<Item = &str> {
    service.mounts.iter().filter_map(|mount| match &mount.source {
        MountSource::Volume(name) => Some(name.as_str()),
        MountSource::Bind(_) | MountSource::Anonymous | MountSource::Tmpfs => None,
    })
}

impl Placer<'_> {
    /// Names the hosts that lack what is not cdk's, where a replica has no place for it.
    pub(super) fn note_missing(&mut self) {
        let mut missing: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for (slot, refusal) in &self.done.unplaced {
            let Some(service) = self.desired.services.get(&slot.service) else {
                continue;
            };
            match &refusal.why {
                Why::NoHost(_) => {}
                // Their hosts are named already.
                Why::Bound { .. } | Why::Global { .. } => continue,
            }
            let fitting = self
                .rooms
                .iter()
                .filter(|room| room.admits().is_ok() && room.meets(service).is_ok());
            for room in fitting {
                let what = match room.has(service, &self.outside).and_then(|()| room.is_alone(service)) {
                    Err(Obstacle::Network(name)) => format!("network {name}, which is external, is not on"),
                    Err(Obstacle::Volume(name)) => format!("volume {name}, which is external, is not on"),
                    Err(Obstacle::Foreign(name, by)) => {
                        format!("volume {name} is mounted by {by} too, which is not cdk's, on")
                    }
                    Ok(()) | Err(_) => continue,
                };
                missing.entry(what).or_default().insert(room.name.as_str());
            }
        }
        let lines = missing.into_iter().map(|(what, hosts)| {
            let hosts: Vec<&str> = hosts.into_iter().collect();
            format!("{what} {}", hosts.join(", "))
        });
        let lines: Vec<String> = lines.collect();
        self.done.notes.extend(lines);
    }
}
