//! A simulated host's public addresses: which stand, which are kept, what waits to be confirmed and until when.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::host::{Addresses, HostError, Pending};
use crate::model::address::{AddressChange, AddressesSeen, Binding, LiveAddresses};
use crate::sim::host::SimHost;
use crate::sim::pace::FIREWALL;
use crate::sim::state::State;

/// What a host knows of its public addresses.
#[derive(Debug, Clone, Default)]
pub(super) struct Interfaces {
    seen: AddressesSeen,
    /// What is tried, by address, and until when: it is taken back then.
    pending: BTreeMap<IpAddr, (Instant, AddressChange)>,
}

impl Interfaces {
    pub(super) fn new(seen: AddressesSeen) -> Self {
        let pending = BTreeMap::new();
        Self { seen, pending }
    }

    /// What stands there; what is only tried does not count.
    pub(super) fn now(&self) -> AddressesSeen {
        self.seen.clone()
    }

    fn read(&self) -> Result<LiveAddresses, HostError> {
        match &self.seen {
            AddressesSeen::Found(live) => Ok(live.as_ref().clone()),
            AddressesSeen::NotAsked => Ok(LiveAddresses::default()),
            AddressesSeen::Unknown(why) => Err(HostError::Denied(why.clone())),
        }
    }

    fn change(&mut self, change: &AddressChange) -> Result<Pending, HostError> {
        self.pending.remove(&change.address);
        let live = self.read()?;
        let is_there = live.own.contains(&change.address) || live.bound.contains_key(&change.address);
        if change.to == Binding::Released && !is_there {
            return Err(HostError::NotFound("there is nothing to go back to".to_owned()));
        }
        let until = Instant::now() + change.confirm_timeout.0;
        self.pending.insert(change.address, (until, change.clone()));
        Ok(Pending::of(&change.address.to_string()))
    }

    fn confirm(&mut self, id: &str) -> Result<(), HostError> {
        let waits = self.pending.iter();
        let waits = waits.filter(|(_, (until, _))| Instant::now() < *until);
        let mut waits = waits.filter(|(address, _)| address.to_string() == id);
        let Some(address) = waits.next().map(|(address, _)| *address) else {
            return Err(HostError::Refused(
                "the host had taken the change back already".to_owned(),
            ));
        };
        let mut live = self.read()?;
        if let Some((_, change)) = self.pending.remove(&address) {
            live.take(&change);
        }
        self.seen = AddressesSeen::Found(Box::new(live));
        Ok(())
    }
}

/// The way to them.
pub(super) struct SimAddresses<'a>(pub(super) &'a SimHost);

#[async_trait(?Send)]
impl Addresses for SimAddresses<'_> {
    async fn read(&self) -> Result<LiveAddresses, HostError> {
        self.0.read(|state| state.interfaces.read()).await
    }

    async fn change(&self, change: &AddressChange) -> Result<Pending, HostError> {
        let effect = |state: &mut State| state.interfaces.change(change);
        self.0.change(change.to_string(), FIREWALL, effect).await
    }

    async fn confirm(&self, pending: &Pending, _: Duration) -> Result<(), HostError> {
        let what = "confirm the address".to_owned();
        self.0
            .change(what, FIREWALL, |state| state.interfaces.confirm(pending.id()))
            .await
    }

    async fn retract(&self, address: IpAddr) -> Result<(), HostError> {
        let effect = |state: &mut State| {
            state.interfaces.pending.remove(&address);
            Ok(())
        };
        self.0.change(format!("retract {address}"), FIREWALL, effect).await
    }
}
