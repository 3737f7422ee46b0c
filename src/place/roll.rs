//! The roll of hosts: those of the journal that hosts.yaml no longer has, whether renamed, gone or given up. Pure; nothing is placed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::endpoint::Endpoint;
use crate::model::host::{HostState, ObservedHost};
use crate::model::journal::{JournalEnd, JournalRecord, KnownHost, Memory, PlacedSlot};
use crate::model::name::{HostName, Slot};
use crate::observe::Observed;
use crate::place::HostAnswer;
use crate::place::live::newest_record;
use crate::resolve::desired::{Desired, Service};

/// What the journal says, in the words of today's hosts.yaml.
pub(super) struct Roll<'a> {
    /// The newest record: with new names for hosts that were renamed, and corrected by what gone hosts themselves say.
    pub(super) record: Option<Cow<'a, JournalRecord>>,
    /// Old name → new name.
    pub(super) renamed: BTreeMap<HostName, HostName>,
    /// Hosts that hosts.yaml has no more, and that hold replicas all the same.
    pub(super) gone: BTreeMap<HostName, HostAnswer>,
    /// Those among the gone that were given up.
    pub(super) forgotten: BTreeSet<HostName>,
}

/// How to reach the hosts that hosts.yaml has no more and that must be asked what they hold.
///
/// Where the newest apply ended well and left nothing there, there is nothing to ask for: the machine may be switched off.
pub fn gone_endpoints(desired: &Desired, observed: &Observed) -> BTreeMap<HostName, Endpoint> {
    let Some(record) = newest_record(observed) else {
        return BTreeMap::new();
    };
    let renamed = renamed(desired, observed, record);
    let holds = |host: &HostName| record.placement.values().any(|placed| placed.host == *host);
    let known = record.memory.hosts.iter().filter(|(name, _)| {
        !desired.hosts.contains_key(*name)
            && !renamed.contains_key(*name)
            && !record.memory.forgotten.contains(*name)
            && (record.end != JournalEnd::Done || holds(name))
    });
    known
        .map(|(name, host)| (name.clone(), host.endpoint.clone()))
        .collect()
}

impl<'a> Roll<'a> {
    pub(super) fn new(desired: &Desired, observed: &'a Observed) -> Self {
        let mut roll = Self {
            record: newest_record(observed).map(Cow::Borrowed),
            renamed: BTreeMap::new(),
            gone: BTreeMap::new(),
            forgotten: BTreeSet::new(),
        };
        let Some(record) = &mut roll.record else {
            return roll;
        };
        roll.renamed = renamed(desired, observed, record);
        if !roll.renamed.is_empty() {
            for placed in record.to_mut().placement.values_mut() {
                if let Some(name) = roll.renamed.get(&placed.host) {
                    placed.host = name.clone();
                }
            }
        }
        let forgotten = record.memory.forgotten.iter();
        let is_gone = |name: &HostName| !desired.hosts.contains_key(name) && !roll.renamed.contains_key(name);
        roll.forgotten = forgotten.filter(|name| is_gone(name)).cloned().collect();
        let placed = record.placement.values().map(|placed| &placed.host);
        let names: BTreeSet<HostName> = placed
            .chain(record.memory.hosts.keys())
            .filter(|name| is_gone(name) && !roll.forgotten.contains(*name))
            .cloned()
            .collect();
        for name in names {
            let answer = match observed.hosts.get(&name) {
                Some(ObservedHost::Reachable(state)) => {
                    correct(record.to_mut(), &name, state, desired);
                    HostAnswer::Gone(None)
                }
                Some(ObservedHost::Unreachable(why)) => HostAnswer::Gone(Some(why.clone())),
                None => HostAnswer::Gone(Some("the journal does not say how it was reached".to_owned())),
            };
            if record.placement.values().any(|placed| placed.host == name) {
                roll.gone.insert(name, answer);
            }
        }
        roll
    }

    /// What a person should know, in sentences.
    pub(super) fn notes(&self) -> Vec<String> {
        let renamed = self.renamed.iter();
        renamed
            .map(|(old, new)| format!("{old} is now called {new}: the same machine"))
            .collect()
    }

    /// What later applies must know of hosts: how each is reached, and which were given up.
    pub(super) fn memory(&self, desired: &Desired, observed: &Observed) -> Memory {
        let before = |name: &HostName| {
            let old = self.renamed.iter().find(|(_, new)| *new == name).map(|(old, _)| old);
            self.record.as_ref()?.memory.hosts.get(old.unwrap_or(name))
        };
        let known = desired.hosts.iter().map(|(name, host)| {
            let seen = observed.hosts.get(name).and_then(ObservedHost::state);
            let machine_id = match seen {
                Some(state) => state.facts.machine_id.clone(),
                None => before(name).map(|known| known.machine_id.clone()).unwrap_or_default(),
            };
            let endpoint = Endpoint {
                address: host.address.clone(),
                ssh: host.ssh.clone(),
            };
            (name.clone(), KnownHost { endpoint, machine_id })
        });
        let gone = self.gone.keys().chain(self.keeping(desired, observed));
        let gone = gone.filter_map(|name| Some((name.clone(), before(name)?.clone())));
        Memory {
            hosts: known.chain(gone).collect(),
            forgotten: self.forgotten.clone(),
            halted: BTreeMap::new(),
            versions: Vec::new(),
            platforms: BTreeMap::new(),
            files: BTreeSet::new(),
            partial: false,
            firewall: false,
            addresses: false,
        }
    }
}

impl Roll<'_> {
    /// The hosts that are in git no more, and keep public addresses, or may: they do not answer.
    fn keeping<'r>(&'r self, desired: &Desired, observed: &Observed) -> impl Iterator<Item = &'r HostName> {
        let memory = self.record.as_ref().map(|record| &record.memory);
        let known = memory.into_iter().flat_map(|memory| memory.hosts.keys());
        let gone = known.filter(|name| {
            let is_known = desired.hosts.contains_key(*name) || self.renamed.contains_key(*name);
            !is_known && !self.forgotten.contains(*name)
        });
        gone.filter(
            move |name| match observed.hosts.get(*name).and_then(ObservedHost::state) {
                Some(state) => state.addresses.found().is_some_and(|live| !live.own.is_empty()),
                None => memory.is_some_and(|memory| memory.addresses),
            },
        )
    }
}

/// A gone host that answers says itself what it holds: what was removed there by hand is there no more.
/// What it wrote is there all the same.
fn correct(record: &mut JournalRecord, name: &HostName, state: &HostState, desired: &Desired) {
    let writes = |slot: &Slot| desired.services.get(&slot.service).is_some_and(Service::is_stateful);
    let live: BTreeSet<&Slot> = state.containers.iter().map(|container| &container.owner.slot).collect();
    record
        .placement
        .retain(|slot, placed| placed.host != *name || live.contains(slot) || writes(slot));
    for slot in live {
        record.placement.entry(slot.clone()).or_insert_with(|| PlacedSlot {
            host: name.clone(),
            ports: Vec::new(),
        });
    }
}

/// The hosts that bear another name now: the same machine, by its engine's id, under a name that the journal does not know.
fn renamed(desired: &Desired, observed: &Observed, record: &JournalRecord) -> BTreeMap<HostName, HostName> {
    let known = &record.memory.hosts;
    let new = desired.hosts.keys().filter(|name| !known.contains_key(*name));
    let machine = |name: &HostName| Some(observed.hosts.get(name)?.state()?.facts.machine_id.clone());
    let new: BTreeMap<String, &HostName> = new.filter_map(|name| Some((machine(name)?, name))).collect();
    let old = known
        .iter()
        .filter(|(name, host)| !desired.hosts.contains_key(*name) && !host.machine_id.is_empty());
    old.filter_map(|(name, host)| Some((name.clone(), (*new.get(&host.machine_id)?).clone())))
        .collect()
}
