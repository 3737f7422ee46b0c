//! Which hosts fit a replica, one check per filter. No choosing among those that fit.

use crate::model::host::HostState;
use crate::model::image::Resolution;
use crate::model::name::HostName;
use crate::model::setting::PortBinding;
use crate::model::unit::Cpus;
use crate::place::kind::Kind;
use crate::place::ports::{Pool, Ports};
use crate::place::reason::Obstacle;
use crate::resolve::constraint::{holds, holds_of};
use crate::resolve::desired::{Availability, Host};
use crate::resolve::wish::{Attribute, Constraint};

/// CPU time in billionths of one CPU, and bytes of memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) cpus: u64,
    pub(super) memory: u64,
}

impl Amount {
    /// What one replica is promised.
    pub(super) fn of(kind: &Kind<'_>) -> Self {
        Self {
            cpus: kind.service.reserved_cpus.0,
            memory: kind.service.reserved_memory.0,
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.cpus = self.cpus.saturating_add(other.cpus);
        self.memory = self.memory.saturating_add(other.memory);
    }

    fn subtract(&mut self, other: Self) {
        self.cpus = self.cpus.saturating_sub(other.cpus);
        self.memory = self.memory.saturating_sub(other.memory);
    }
}

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
    pub(super) total: Amount,
    /// What it has promised.
    pub(super) promised: Amount,
    pub(super) ports: Ports<'a>,
}

impl<'a> Room<'a> {
    pub(super) fn new(name: &'a HostName, host: &'a Host, state: Option<&'a HostState>, pool: &Pool) -> Self {
        let total = state.map_or(Amount::default(), |state| Amount {
            cpus: state.facts.cpus.saturating_mul(Cpus::PER_CPU),
            memory: state.facts.memory.0,
        });
        Self {
            name,
            host,
            state,
            containers: 0,
            others: state.map_or(0, |state| state.other_containers),
            total,
            promised: Amount::default(),
            ports: Ports::new(host.private_address, state.map(|state| &state.held_ports), pool),
        }
    }

    /// All containers that count: those placed there, and others' too.
    pub(super) fn containers_in_all(&self) -> u32 {
        self.containers + self.others
    }

    /// Takes a replica in.
    pub(super) fn take(&mut self, kind: &Kind<'_>, ports: &[PortBinding]) {
        self.containers += 1;
        self.promised.add(Amount::of(kind));
        self.ports.take(ports);
    }

    /// Lets a replica go that had been taken in.
    pub(super) fn release(&mut self, kind: &Kind<'_>, ports: &[PortBinding]) {
        self.containers = self.containers.saturating_sub(1);
        self.promised.subtract(Amount::of(kind));
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

    /// Whether a constraint holds by the host's own facts. A fact that was not told is no reason against the host.
    fn says(&self, constraint: &Constraint) -> bool {
        let Some(state) = self.state else { return true };
        let facts = &state.facts;
        match &constraint.attribute {
            Attribute::Os => facts.os.is_empty() || holds_of(constraint, Some(&facts.os)),
            Attribute::Arch => {
                let wanted = Constraint {
                    value: architecture(&constraint.value).to_owned(),
                    ..constraint.clone()
                };
                facts.arch.is_empty() || holds_of(&wanted, Some(architecture(&facts.arch)))
            }
            Attribute::EngineLabel(key) => holds_of(constraint, facts.engine_labels.get(key).map(String::as_str)),
            Attribute::Hostname | Attribute::Role | Attribute::Label(_) | Attribute::Ip => true,
        }
    }

    /// Whether the image can be had there: what no registry has must lie there already.
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
        Ok(())
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
        let wanted = Amount::of(kind);
        if short(self.total.cpus, self.promised.cpus, wanted.cpus) {
            return Err(Obstacle::Cpus(kind.service.reserved_cpus));
        }
        if short(self.total.memory, self.promised.memory, wanted.memory) {
            return Err(Obstacle::Memory(kind.service.reserved_memory));
        }
        Ok(())
    }
}

/// An architecture by one of its two names: images are built for Go's, engines report the kernel's.
fn architecture(name: &str) -> &str {
    match name.to_lowercase().as_str() {
        "amd64" | "x86_64" => "amd64",
        "arm64" | "aarch64" => "arm64",
        "386" | "i386" | "i686" => "386",
        _ => name,
    }
}
