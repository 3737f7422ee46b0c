//! A simulated host's firewall: what stands, what waits to be confirmed and until when. Its answers take the host's time.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::host::{Firewall, HostError, Pending, Trial};
use crate::model::firewall::{FirewallChange, FirewallSeen, LiveFirewall, RuleSet};
use crate::model::gate::Tried;
use crate::model::unit::Span;
use crate::sim::host::SimHost;
use crate::sim::pace::FIREWALL;

/// What a host knows of its firewall.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    seen: FirewallSeen,
    /// What the last confirmed change took the place of.
    before: Option<Box<LiveFirewall>>,
    /// The change that waits.
    pending: Option<Waiting>,
    /// How many changes there were: so they get their ids.
    changes: u32,
}

/// A change that waits to be confirmed.
#[derive(Debug, Clone)]
struct Waiting {
    id: String,
    /// Until then.
    until: Instant,
    /// What comes back then.
    before: Box<LiveFirewall>,
}

impl Filter {
    pub(super) fn new(seen: FirewallSeen) -> Self {
        Self {
            seen,
            ..Self::default()
        }
    }

    /// What is known of it now: a change that waits is none yet.
    pub(super) fn now(&self) -> FirewallSeen {
        match &self.pending {
            Some(Waiting { id, until, before }) => {
                let pending = (Instant::now() < *until).then(|| id.clone());
                let before = LiveFirewall::clone(before);
                FirewallSeen::Found(Box::new(LiveFirewall { pending, ..before }))
            }
            None => self.seen.clone(),
        }
    }

    /// Takes back what was not confirmed in time.
    fn settle(&mut self) {
        let late = |waiting: &mut Waiting| Instant::now() >= waiting.until;
        if let Some(Waiting { before, .. }) = self.pending.take_if(late) {
            self.seen = FirewallSeen::Found(before);
        }
    }

    fn read(&self) -> Result<LiveFirewall, HostError> {
        match self.now() {
            FirewallSeen::Found(live) => Ok(*live),
            FirewallSeen::NotAsked => Ok(LiveFirewall::default()),
            FirewallSeen::Unknown(why) => Err(HostError::Denied(why)),
        }
    }

    fn put(&mut self, new: LiveFirewall, within: Span) -> Result<Pending, HostError> {
        let before = Box::new(self.read()?);
        self.changes += 1;
        let id = self.changes.to_string();
        self.seen = FirewallSeen::Found(Box::new(new));
        self.pending = Some(Waiting {
            id: id.clone(),
            until: Instant::now() + within.0,
            before,
        });
        Ok(Pending::of(&id))
    }

    fn change(&mut self, change: &FirewallChange) -> Result<Pending, HostError> {
        self.retract();
        let live = self.read()?;
        if !change.replaces.is(live.hash.as_deref()) {
            let why = "its firewall has changed since the plan was made: plan again";
            return Err(HostError::Refused(why.to_owned()));
        }
        let mut owners = live.owners.clone();
        owners.retain(|owner| live.rules.as_ref().is_none_or(|rules| rules.cluster != *owner));
        owners.extend(change.rules.as_ref().map(|rules| rules.cluster.clone()));
        let new = LiveFirewall {
            rules: change.rules.clone(),
            hash: change.rules.as_ref().map(hash),
            by_hand: Vec::new(),
            owners,
            ..live
        };
        self.put(new, change.confirm_timeout)
    }

    fn undo(&mut self, within: Span) -> Result<Pending, HostError> {
        self.retract();
        match self.before.clone() {
            Some(before) => self.put(*before, within),
            None => Err(HostError::NotFound("there is nothing to go back to".to_owned())),
        }
    }

    fn confirm(&mut self, pending: &Pending) -> Result<(), HostError> {
        self.settle();
        match self.pending.take_if(|waiting| waiting.id == pending.id()) {
            Some(Waiting { before, .. }) => {
                self.before = Some(before);
                Ok(())
            }
            None => Err(HostError::Refused(
                "the host had taken the change back already".to_owned(),
            )),
        }
    }

    fn retract(&mut self) {
        self.settle();
        if let Some(Waiting { before, .. }) = self.pending.take() {
            self.seen = FirewallSeen::Found(before);
        }
    }
}

/// What names a simulated table: not nft's own words, but as good for telling one from another.
fn hash(rules: &RuleSet) -> String {
    let text = serde_json::to_string(rules).unwrap_or_default();
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a simulated host reaches a port elsewhere: it does, unless it was told to [refuse](SimHost::refuse) just that, as
/// `reach 10.0.0.1:80`.
pub(super) async fn reaches(host: &SimHost, to: SocketAddr) -> Result<Tried, HostError> {
    let tried = host
        .change(format!("reach {to}"), FIREWALL, |_| Ok(Tried::Passed))
        .await;
    match tried {
        Err(HostError::Refused(why)) => Ok(Tried::Not(why)),
        tried => tried,
    }
}

/// The way to it.
pub(super) struct SimFirewall<'a>(pub(super) &'a SimHost);

#[async_trait(?Send)]
impl Firewall for SimFirewall<'_> {
    async fn read(&self) -> Result<LiveFirewall, HostError> {
        self.0.read(|state| state.filter.read()).await
    }

    async fn change(&self, change: &FirewallChange) -> Result<Trial, HostError> {
        let what = "change the firewall".to_owned();
        let pending = self
            .0
            .change(what, FIREWALL, |state| state.filter.change(change))
            .await?;
        Ok(Trial {
            pending,
            way: None,
            anew: true,
        })
    }

    async fn undo(&self, confirm_timeout: Span) -> Result<Pending, HostError> {
        let what = "undo the firewall".to_owned();
        self.0
            .change(what, FIREWALL, |state| state.filter.undo(confirm_timeout))
            .await
    }

    async fn confirm(&self, pending: &Pending, _: Duration) -> Result<(), HostError> {
        let what = "confirm the firewall".to_owned();
        self.0
            .change(what, FIREWALL, |state| state.filter.confirm(pending))
            .await
    }

    async fn retract(&self) -> Result<(), HostError> {
        let what = "retract the firewall".to_owned();
        let retract = |state: &mut crate::sim::state::State| {
            state.filter.retract();
            Ok(())
        };
        self.0.change(what, FIREWALL, retract).await
    }
}
