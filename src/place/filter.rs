//! Which hosts fit a replica, one check per filter. No choosing among those that fit.

use crate::model::host::HostState;
use crate::model::image::Resolution;
use crate::model::name::HostName;
use crate::model::platform::Platform;
use crate::model::setting::PortBinding;
use crate::model::unit::{Cpus, Reserved};
use crate::place::kind::Kind;
use crate::place::ports::{Pool, Ports};
use crate::place::reason::Obstacle;
use crate::resolve::constraint::{holds, holds_of};
use crate::resolve::desired::{Availability, Host};
use crate::resolve::wish::{Attribute, Constraint};

/// One host while replicas are placed: what it is, and what it has been given so far.
pub(super) struct Room<'a> {
    pub(super) name: &'a HostName,
    pub(super) host: &'a Host,
    /// None where it does not answer.
    pub(super) state: Option<&'a HostState>,
    /// Replicas placed there, and those that stay though they fit nowhere.
    pub(super) containers: u32,
    /// Containers of others.
    others: u32,
    /// What it has; zero where that was not told.
    pub(super) total: Reserved,
    /// What it has promised to replicas placed there.
    promised: Reserved,
    /// What it runs images for, where it says so.
    platform: Option<Platform>,
    pub(super) ports: Ports<'a>,
}

impl<'a> Room<'a> {
    pub(super) fn new(name: &'a HostName, host: &'a Host, state: Option<&'a HostState>, pool: &Pool) -> Self {
        let total = state.map_or(Reserved::default(), |state| Reserved {
            cpus: Cpus(state.facts.cpus.saturating_mul(Cpus::PER_CPU)),
            memory: state.facts.memory,
        });
        Self {
            name,
            host,
            state,
            containers: 0,
            others: state.map_or(0, |state| state.other_containers),
            total,
            promised: Reserved::default(),
            platform: state.and_then(|state| state.facts.platform()),
            ports: Ports::new(host.private_address, state.map(|state| &state.held_ports), pool),
        }
    }

    /// All containers that count: those placed there, and others' too.
    pub(super) fn containers_in_all(&self) -> u32 {
        self.containers + self.others
    }

    /// All that it has promised, to others too.
    pub(super) fn promised_in_all(&self) -> Reserved {
        let others = self.state.map(|state| state.reserved).unwrap_or_default();
        self.promised.plus(others)
    }

    /// Takes a replica in.
    pub(super) fn take(&mut self, kind: &Kind<'_>, ports: &[PortBinding]) {
        self.containers += 1;
        self.promised = self.promised.plus(kind.reserved);
        self.ports.take(ports);
    }

    /// Lets a replica go that had been taken in.
    pub(super) fn release(&mut self, kind: &Kind<'_>, ports: &[PortBinding]) {
        self.containers = self.containers.saturating_sub(1);
        self.promised = self.promised.less(kind.reserved);
        self.ports.release(ports);
    }

    /// Whether a new replica may come at all: the host's state, then whether it answers.
    pub(super) fn admits(&self) -> Result<(), Obstacle> {
        match self.host.state {
            Availability::Active if self.state.is_none() => Err(Obstacle::Unreachable),
            Availability::Active => Ok(()),
            Availability::Pause => Err(Obstacle::Paused),
            Availability::Drain => Err(Obstacle::Draining),
            Availability::Down => Err(Obstacle::Down),
        }
    }

    /// Whether a replica that is there may stay, by the host's state.
    pub(super) fn keeps(&self) -> Result<(), Obstacle> {
        match self.host.state {
            Availability::Active | Availability::Pause => Ok(()),
            Availability::Drain => Err(Obstacle::Draining),
            Availability::Down => Err(Obstacle::Down),
        }
    }

    /// Whether a constraint holds, by what hosts.yaml says, else by what the host says of itself.
    pub(super) fn holds(&self, constraint: &Constraint) -> bool {
        holds(constraint, self.name, self.host).unwrap_or_else(|| self.says(constraint))
    }

    /// Whether a constraint holds by the host's own facts. What is missing fails `==` and passes `!=`; of a host that does not
    /// answer nobody knows.
    fn says(&self, constraint: &Constraint) -> bool {
        let Some(state) = self.state else { return true };
        let facts = &state.facts;
        let told = |fact: &'a str| Some(fact).filter(|fact| !fact.is_empty());
        match &constraint.attribute {
            Attribute::Id => holds_of(constraint, told(&facts.machine_id)),
            Attribute::Os => holds_of(constraint, told(&facts.os)),
            Attribute::Arch => holds_of(constraint, told(&facts.arch)),
            Attribute::EngineLabel(key) => holds_of(constraint, facts.engine_labels.get(key).map(String::as_str)),
            Attribute::Hostname | Attribute::Role | Attribute::Label(_) | Attribute::Ip => true,
        }
    }

    /// Whether the image can be had there, and runs there: what no registry has must lie there already.
    pub(super) fn image(&self, kind: &Kind<'_>) -> Result<(), Obstacle> {
        let image = &kind.service.image;
        let local = match kind.resolution {
            Some(Resolution::Local) => true,
            Some(Resolution::Digest(_) | Resolution::Kept { .. } | Resolution::Unknown(_)) | None => false,
        };
        let there = |state: &HostState| state.images.values().any(|facts| facts.is_named(image));
        if local && !self.state.is_some_and(there) {
            return Err(Obstacle::Image(image.to_string()));
        }
        match (&kind.platforms, &self.platform) {
            (Some(platforms), Some(own)) if !own.runs_one_of(platforms) => Err(Obstacle::Platform(own.clone())),
            (Some(_) | None, Some(_) | None) => Ok(()),
        }
    }

    /// Whether one more replica fits by numbers; the service has `replicas` there already. What others run counts for a replica
    /// that is `new` there: it never drives out one that stands.
    pub(super) fn fits(&self, kind: &Kind<'_>, replicas: u32, new: bool) -> Result<(), Obstacle> {
        let containers = if new { self.containers_in_all() } else { self.containers };
        if let Some(max) = self.host.max_containers.filter(|max| containers >= *max) {
            return Err(Obstacle::Full(max));
        }
        if let Some(max) = kind.service.max_replicas_per_node.filter(|max| replicas >= *max) {
            return Err(Obstacle::Replicas(max));
        }
        // A fact that is zero was not told: then it is no reason against the host.
        let short = |total: u64, used: u64, wanted: u64| wanted > 0 && total > 0 && used.saturating_add(wanted) > total;
        let (wanted, used) = (kind.reserved, if new { self.promised_in_all() } else { self.promised });
        if short(self.total.cpus.0, used.cpus.0, wanted.cpus.0) {
            return Err(Obstacle::Cpus(wanted.cpus));
        }
        if short(self.total.memory.0, used.memory.0, wanted.memory.0) {
            return Err(Obstacle::Memory(wanted.memory));
        }
        Ok(())
    }
}
