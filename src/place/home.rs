//! Where a wanted replica stands before anything is done: alive, by the journal, by its data, or nowhere. No placing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::host::HostState;
use crate::model::journal::{JournalRecord, PlacedSlot};
use crate::model::name::{HostName, Slot};
use crate::model::setting::{MountSource, PortBinding};
use crate::place::HostAnswer;
use crate::place::choose::Placer;
use crate::place::crowd::Index;
use crate::place::kind::Kind;
use crate::place::live::{Standing, Standings};
use crate::place::reason::Obstacle;
use crate::resolve::desired::{HostPort, Mode, Service};

/// Where a wanted replica stands.
pub(super) enum Home<'a> {
    /// On a host that answers.
    At(Seat<'a>),
    /// By the journal, on a host that does not answer; or on one that is gone from hosts.yaml.
    Held(&'a PlacedSlot),
    /// Its data is on a host that cannot be worked with.
    Lost(&'a PlacedSlot, Option<Obstacle>),
    /// Nowhere; the host that had it may be gone.
    Nowhere(Option<&'a HostName>),
}

impl<'a> Home<'a> {
    /// Where the journal has it that cannot be worked with.
    pub(super) fn placed(&self) -> Option<&'a PlacedSlot> {
        match self {
            Self::Held(placed) | Self::Lost(placed, _) => Some(placed),
            Self::At(_) | Self::Nowhere(_) => None,
        }
    }
}

/// A replica's place on a host that answers.
pub(super) struct Seat<'a> {
    pub(super) slot: Slot,
    pub(super) kind: Arc<Kind<'a>>,
    /// The host.
    pub(super) host: Index,
    /// The ports that it has, or had.
    pub(super) kept: Vec<PortBinding>,
    /// Its container; none where only its data is there.
    pub(super) live: Option<&'a Standing<'a>>,
}

impl Seat<'_> {
    /// Whether the ports that it has are still those that git publishes.
    pub(super) fn keeps_ports(&self) -> bool {
        self.kind.service.ports.iter().all(|port| match &port.host {
            HostPort::Assigned => true,
            HostPort::Published { ports, .. } => self.kept.iter().any(|old| {
                old.container == port.container && old.protocol == port.protocol && ports.ports().contains(&old.host)
            }),
        })
    }

    /// What it was made from is what is wanted, as git writes it: then the image need not be looked for.
    pub(super) fn has_image(&self) -> bool {
        self.live.is_some_and(|live| match &live.container.owner.image {
            Some(image) => *image == self.kind.service.image,
            None => true,
        })
    }
}

/// What tells where a replica stands.
#[derive(Clone, Copy, Default)]
pub(super) struct Traces<'a> {
    /// Its containers.
    pub(super) standings: &'a [Standing<'a>],
    /// What the journal says.
    recorded: Option<&'a PlacedSlot>,
}

impl<'a> Traces<'a> {
    pub(super) fn recorded(placed: &'a PlacedSlot) -> Self {
        Self {
            standings: &[],
            recorded: Some(placed),
        }
    }
}

/// All that tells where replicas stand.
pub(super) struct Known<'a> {
    pub(super) hosts: BTreeMap<HostName, HostAnswer>,
    /// Those of them that do not answer, or are gone from hosts.yaml.
    pub(super) silent: BTreeSet<HostName>,
    pub(super) standing: &'a Standings<'a>,
    pub(super) record: Option<&'a JournalRecord>,
    /// The hosts' places in the order of names.
    pub(super) by_name: BTreeMap<HostName, Index>,
}

impl<'a> Known<'a> {
    /// What the journal says of a slot.
    pub(super) fn recorded(&self, slot: &Slot) -> Option<&'a PlacedSlot> {
        self.record.and_then(|record| record.placement.get(slot))
    }

    /// What the journal says of a slot, where that is a host which does not answer, or is gone.
    pub(super) fn unseen(&self, slot: &Slot) -> Option<&'a PlacedSlot> {
        if self.silent.is_empty() {
            return None;
        }
        self.recorded(slot).filter(|placed| self.is_silent(&placed.host))
    }

    /// The host of hosts.yaml that does not answer, but by the journal holds a slot, and its ports there.
    pub(super) fn runs_unseen(&self, slot: &Slot) -> Option<(Index, &'a [PortBinding])> {
        let placed = self.unseen(slot)?;
        let host = self.by_name.get(&placed.host)?;
        Some((*host, &placed.ports))
    }

    /// The ports that a slot has or had on a host: as seen, else by the journal.
    pub(super) fn ports(&self, slot: &Slot, host: &HostName, live: Option<&Standing<'_>>) -> Vec<PortBinding> {
        match live.and_then(|live| live.ports) {
            Some(ports) => ports.iter().cloned().collect(),
            None => self
                .recorded(slot)
                .filter(|placed| placed.host == *host)
                .map(|placed| placed.ports.clone())
                .unwrap_or_default(),
        }
    }

    /// Where a wanted replica of this service stands.
    pub(super) fn home(&self, slot: Slot, kind: &Arc<Kind<'a>>, placer: &Placer<'a>) -> Home<'a> {
        let traces = Traces {
            standings: self.standing.of(&slot),
            recorded: self.recorded(&slot),
        };
        self.home_of(slot, traces, kind, placer)
    }

    /// The same, of one with these traces.
    pub(super) fn home_of(
        &self,
        slot: Slot,
        traces: Traces<'a>,
        kind: &Arc<Kind<'a>>,
        placer: &Placer<'a>,
    ) -> Home<'a> {
        let Traces { standings, recorded } = traces;
        let host = |host: &HostName| self.by_name.get(host).copied();
        let fits = |standing: &Standing<'_>| host(standing.host).is_some_and(|at| placer.may_keep(at, kind));
        // Of several, one that fits, is well, runs, stands where the journal says, and bears the right name; then by name.
        let rank = |standing: &&Standing<'_>| {
            (
                fits(standing),
                standing.is_well(),
                standing.is_live(),
                recorded.is_some_and(|placed| placed.host == *standing.host),
                standing.in_place,
            )
        };
        let best = match standings {
            [one] => Some(one),
            several => several.iter().rev().max_by_key(rank),
        };
        if let Some(silent) = recorded.filter(|placed| self.is_silent(&placed.host))
            && !best.is_some_and(fits)
            && !self.fails_over(&silent.host, kind, placer)
        {
            return Home::Held(silent);
        }
        if let Some((live, at)) = best.and_then(|live| Some((live, host(live.host)?))) {
            let kept = self.ports(&slot, live.host, Some(live));
            return Home::At(Seat {
                slot,
                kind: Arc::clone(kind),
                host: at,
                kept,
                live: Some(live),
            });
        }
        self.absent(slot, kind, placer, recorded)
    }

    fn absent(
        &self,
        slot: Slot,
        kind: &Arc<Kind<'a>>,
        placer: &Placer<'a>,
        recorded: Option<&'a PlacedSlot>,
    ) -> Home<'a> {
        let Some(placed) = recorded else {
            return Home::Nowhere(None);
        };
        let bound = kind.is_stateful;
        match self.hosts.get(&placed.host) {
            None if bound => Home::Lost(placed, None),
            Some(HostAnswer::Down) if bound => Home::Lost(placed, Some(Obstacle::Down)),
            None | Some(HostAnswer::Down) => Home::Nowhere(Some(&placed.host)),
            Some(HostAnswer::Silent(_)) if self.fails_over(&placed.host, kind, placer) => {
                Home::Nowhere(Some(&placed.host))
            }
            Some(HostAnswer::Silent(_) | HostAnswer::Gone(_)) => Home::Held(placed),
            Some(HostAnswer::Answers) => {
                let at = self.by_name.get(&placed.host).copied();
                let state = at.and_then(|at| placer.rooms.get(at)).and_then(|room| room.state);
                match (at, state) {
                    (Some(host), Some(state)) if has_data(kind.service, state) => Home::At(Seat {
                        kept: placed.ports.clone(),
                        slot,
                        kind: Arc::clone(kind),
                        host,
                        live: None,
                    }),
                    (Some(_) | None, Some(_) | None) => Home::Nowhere(None),
                }
            }
        }
    }

    /// Whether what this host holds of a service is made elsewhere, as a person asked, because it does not answer. What writes to it
    /// is not: the data stays there.
    fn fails_over(&self, host: &HostName, kind: &Kind<'_>, placer: &Placer<'_>) -> bool {
        let silent = match self.hosts.get(host) {
            Some(HostAnswer::Silent(_)) => true,
            Some(HostAnswer::Answers | HostAnswer::Down | HostAnswer::Gone(_)) | None => false,
        };
        let bound = match kind.service.mode {
            Mode::Replicated(_) => kind.is_stateful,
            // A run may have ended there, and must not be done twice.
            Mode::ReplicatedJob(_) | Mode::Global | Mode::GlobalJob => true,
        };
        silent && placer.asked.failover && !bound
    }

    pub(super) fn is_silent(&self, host: &HostName) -> bool {
        self.silent.contains(host)
    }
}

/// Whether a replica that once stood there has left data: a volume that it writes to, or perhaps a path.
fn has_data(service: &Service, state: &HostState) -> bool {
    let written = service.mounts.iter().filter(|mount| !mount.read_only);
    written.into_iter().any(|mount| match &mount.source {
        MountSource::Bind(_) => true,
        MountSource::Volume(volume) => state.volumes.contains_key(volume),
        MountSource::Anonymous | MountSource::Tmpfs => false,
    })
}

/// What a service writes to on its host, for people.
pub(super) fn data(service: &Service) -> String {
    let names = service.data().filter_map(|source| match source {
        MountSource::Bind(path) => Some(path.clone()),
        MountSource::Volume(volume) => Some(format!("volume {volume}")),
        MountSource::Anonymous | MountSource::Tmpfs => None,
    });
    let names: BTreeSet<String> = names.collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}
