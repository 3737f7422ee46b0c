//! Where each replica goes: `Placement`, slot → host and ports, with the reason for each and for each refusal. Pure.

pub mod asked;
pub mod live;
pub mod reason;

mod choose;
mod crowd;
mod even;
mod filter;
mod fresh;
mod home;
mod kind;
mod moves;
mod near;
mod needs;
mod ports;
mod roll;
mod score;
mod settle;
mod survey;
mod tree;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::journal::Memory;
use crate::model::name::{HostName, ServiceName, Slot};
use crate::model::setting::PortBinding;
use crate::observe::Observed;
use crate::place::asked::Asked;
use crate::place::choose::Placer;
use crate::place::live::Standings;
use crate::place::reason::{Obstacle, Reason, Refusal};
use crate::place::roll::Roll;
use crate::place::survey::answers;
use crate::resolve::desired::Desired;
use crate::scale::job::Jobs;

pub use roll::gone_endpoints;

/// Whether a host of hosts.yaml can be worked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostAnswer {
    /// It answered.
    Answers,
    /// It did not, and why: what it holds is unknown.
    Silent(String),
    /// hosts.yaml says that it is down: it is not asked, and holds nothing that counts.
    Down,
    /// hosts.yaml has it no more, but it holds replicas, by its own word or by the journal's; and why it does not answer, where
    /// it does not. What it holds stays there until the host was drained, or is given up.
    Gone(Option<String>),
}

/// Where one replica stands, or will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The host.
    pub host: HostName,
    /// Its ports there, sorted.
    pub ports: Vec<PortBinding>,
    /// Ports for a successor that starts beside it, all of them free; none where there are not enough, or where no
    /// successor ever does.
    pub spare: Option<Vec<PortBinding>>,
    /// Why there.
    pub reason: Arc<Reason>,
}

/// Where every replica stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The wanted replicas that have a host.
    pub slots: BTreeMap<Slot, Assignment>,
    /// The wanted replicas that have none, or that stay where they no longer fit.
    pub unplaced: BTreeMap<Slot, Refusal>,
    /// Why a global service has no replica on a host that could once hold one.
    pub unwanted: BTreeMap<Slot, Obstacle>,
    /// How many replicas each replicated service has; those that are not here are global.
    pub counts: BTreeMap<ServiceName, u32>,
    /// The hosts of hosts.yaml, and those that are gone from it but hold replicas.
    pub hosts: BTreeMap<HostName, HostAnswer>,
    /// The replicas of jobs that have run in the version that git wants: they need no place any more.
    pub finished: BTreeSet<Slot>,
    /// The jobs, and what of them has run.
    pub jobs: Jobs,
    /// What the newest journal record says that hosts which do not answer, or are gone, hold; wanted or not.
    pub held: BTreeMap<HostName, Vec<Slot>>,
    /// What a person should know, in sentences.
    pub notes: Vec<String>,
    /// What a person asked for that can't be: why, and what to do.
    pub denied: Vec<Denial>,
    /// Hosts that bear another name now: the old one → the new one.
    pub renamed: BTreeMap<HostName, HostName>,
    /// What the journal is told of the hosts.
    pub memory: Memory,
}

impl Placement {
    /// The replicas of one service that have a host.
    pub fn slots_of<'p>(&'p self, service: &ServiceName) -> impl Iterator<Item = (&'p Slot, &'p Assignment)> {
        let own = self.slots.range(Slot::first(service)..);
        let service = service.clone();
        own.take_while(move |(slot, _)| slot.service == service)
    }
}

/// What a person asked for that can't be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Why, in a sentence.
    pub why: String,
    /// What to do.
    pub cure: String,
}

/// Gives each replica its host and its ports, and says what stands already. What stands and still fits is left where it is, but for
/// what a person `asked`.
pub fn place<'a>(
    desired: &Desired,
    observed: &'a Observed,
    counts: &BTreeMap<ServiceName, u32>,
    asked: &Asked,
) -> (Placement, Standings<'a>) {
    let roll = Roll::new(desired, observed);
    let hosts = answers(desired, observed, &roll);
    let standing = Standings::new(&desired.cluster.name, &hosts, observed);
    let placement = Placer::new(desired, observed, counts, &roll, asked, hosts).place(&standing);
    (placement, standing)
}
