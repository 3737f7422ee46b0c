//! What a replica needs to find on a host: networks and volumes that are not cdk's, an engine new enough, volumes of its own. Checks only.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::setting::MountSource;
use crate::place::choose::Placer;
use crate::place::filter::Room;
use crate::place::kind::Kind;
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

    /// Those that a service is attached to.
    pub(super) fn networks<'s>(&self, service: &'s Service) -> impl Iterator<Item = &'s str> {
        let all = service.network.rest.networks.keys().map(String::as_str);
        all.filter(|name| self.networks.contains(name))
    }

    /// Those that a service mounts.
    pub(super) fn volumes<'s>(&self, service: &'s Service) -> impl Iterator<Item = &'s str> {
        let all = service.mounts.iter().filter_map(|mount| match &mount.source {
            MountSource::Volume(name) => Some(name.as_str()),
            MountSource::Bind(_) | MountSource::Anonymous | MountSource::Tmpfs => None,
        });
        all.filter(|name| self.volumes.contains(name))
    }
}

impl Room<'_> {
    /// Whether everything is there that a replica needs and cdk does not make.
    pub(super) fn has(&self, kind: &Kind<'_>) -> Result<(), Obstacle> {
        let Some(state) = self.state else { return Ok(()) };
        if let Some(name) = kind.networks.iter().find(|name| !state.networks.contains_key(**name)) {
            return Err(Obstacle::Network((*name).to_owned()));
        }
        if let Some(name) = kind.volumes.iter().find(|name| !state.volumes.contains_key(**name)) {
            return Err(Obstacle::Volume((*name).to_owned()));
        }
        if kind.wants_mac && version(&state.facts.api).is_some_and(|api| api < MAC_ADDRESSES) {
            return Err(Obstacle::MacAddress);
        }
        Ok(())
    }

    /// Whether the volumes that a new replica would write to are nobody else's.
    pub(super) fn is_alone(&self, kind: &Kind<'_>) -> Result<(), Obstacle> {
        let Some(state) = self.state else { return Ok(()) };
        let foreign = &state.foreign.volumes;
        match kind.data.iter().find_map(|name| foreign.get_key_value(*name)) {
            Some((name, by)) => Err(Obstacle::Foreign(name.clone(), by.clone())),
            None => Ok(()),
        }
    }
}

/// A version as numbers; none where it was not told.
fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

impl Placer<'_> {
    /// Names the hosts that lack what is not cdk's, where a replica has no place for it.
    pub(super) fn note_missing(&mut self) {
        let mut missing: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for (slot, refusal) in &self.done.unplaced {
            let Some(kind) = self.kind(&slot.service) else {
                continue;
            };
            match &refusal.why {
                Why::NoHost(_) => {}
                // Their hosts are named already.
                Why::Bound { .. } | Why::Global { .. } => continue,
            }
            let rooms = self.rooms.iter().enumerate();
            let fitting = rooms.filter(|(at, _)| self.may_take(*at, &kind));
            for (_, room) in fitting {
                let what = match room.has(&kind).and_then(|()| room.is_alone(&kind)) {
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
