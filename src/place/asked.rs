//! What a person asks for beside what git says, for one plan: fail over, move, even out. Plain data; doing it is the rest of `place`.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::name::{HostName, ServiceName, Slot};

/// What a person asks for beside what git says. The hosts keep what came of it: the next plan leaves it so.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Asked {
    /// Whether replicas on hosts that do not answer are made elsewhere.
    pub failover: bool,
    /// Replicas that go to a host.
    pub moves: BTreeMap<Slot, MoveTo>,
    /// At most so many moves that even the cluster out; none where that was not asked for.
    pub rebalance: Option<u32>,
    /// Services whose update failed, and which are tried again.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub retry: BTreeSet<ServiceName>,
    /// Services whose canary goes on.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub promote: BTreeSet<ServiceName>,
    /// Services whose update goes back, as far as it went.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub abort: BTreeSet<ServiceName>,
}

/// Where a replica goes that a person moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MoveTo {
    /// The host.
    pub host: HostName,
    /// Whether what it wrote on its host stays behind there.
    pub without_data: bool,
}

impl Asked {
    /// Whether only what is asked for is done, and what git changed beside it waits: it is moves.
    pub fn is_alone(&self) -> bool {
        !self.moves.is_empty() || self.rebalance.is_some()
    }

    /// The services that are to be touched though their update has stopped.
    pub fn taken_up(&self) -> BTreeSet<ServiceName> {
        let all = self.retry.iter().chain(&self.promote).chain(&self.abort);
        all.cloned().collect()
    }

    /// Whether nothing is asked for.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}
