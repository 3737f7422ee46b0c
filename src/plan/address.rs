//! The steps that change hosts' public addresses: what goes with a replica once that is up, all else by itself. Bound before it is released.

use std::net::IpAddr;

use thin_vec::ThinVec;

use crate::diff::Verdict;
use crate::model::address::{AddressChange, Binding, LiveAddresses};
use crate::model::container::LiveContainer;
use crate::model::name::{HostName, Slot};
use crate::model::op::{ContainerOp, Op};
use crate::model::text::SharedText;
use crate::model::unit::Span;
use crate::place::HostAnswer;
use crate::place::live::newest_record;
use crate::plan::Input;
use crate::plan::build::{Builder, is_unit};
use crate::plan::change::AddressDiff;
use crate::plan::rollout::Rollout;
use crate::plan::step::{Action, Note, Precondition, Step, StepId};
use crate::plan::unit::Draft;
use crate::render::address::Interface;

/// A public address that changes.
#[derive(Debug, Clone)]
pub(super) struct Work {
    address: IpAddr,
    /// The replica that it goes with.
    slot: Option<Slot>,
    /// Where it is bound.
    to: Option<(Interface, Binding)>,
    /// Where it belongs, bound already or not; none where nobody wants it.
    home: Option<HostName>,
    /// Where it is released, and whether it stands there.
    from: Vec<(Interface, bool)>,
    why: String,
}

impl Work {
    /// On which hosts it is changed, in this order, how, and the way back. What did not stand does not come back, nor does what its home has
    /// all the while.
    fn changes(&self, confirm_timeout: Span) -> Vec<(HostName, AddressChange, ThinVec<Op>)> {
        let change = |at: &Interface, to: Binding, comes_back: bool| {
            let change = AddressChange {
                address: self.address,
                interface: at.name.clone(),
                to,
                confirm_timeout,
            };
            let undo = comes_back.then(|| Op::Address(Box::new(change.undo())));
            (at.host.clone(), change, undo.into_iter().collect())
        };
        let bound = self.to.iter().map(|(at, to)| change(at, *to, true));
        let stays = self.to.is_none() && self.home.is_some();
        let released = self.from.iter();
        let released = released.map(|(at, stands)| change(at, Binding::Released, *stands && !stays));
        bound.chain(released).collect()
    }
}

/// What was found of a host's public addresses.
fn found<'i>(input: Input<'i>, host: &HostName) -> Option<&'i LiveAddresses> {
    input.observed.hosts.get(host)?.state()?.addresses.found()
}

/// The hosts that were asked, with what was found there.
fn all_found<'i>(input: Input<'i>) -> impl Iterator<Item = (&'i HostName, &'i LiveAddresses)> {
    let hosts = input.observed.hosts.iter();
    hosts.filter_map(|(name, seen)| Some((name, seen.state()?.addresses.found()?)))
}

/// The addresses that are not where they should be.
pub(super) fn work(input: Input<'_>) -> Vec<Work> {
    let target = &input.target.addresses;
    let keeping = |address: IpAddr, home: &HostName| -> Vec<(Interface, bool)> {
        let others = all_found(input).filter(|(host, live)| *host != home && live.own.contains(&address));
        others.map(|(host, live)| standing(host, live, address)).collect()
    };
    // Who does not answer may have an address all the same, where its replica stood there last.
    let last = newest_record(input.observed);
    let may_be_silent = |slot: &Slot| {
        let placed = last.and_then(|last| last.placement.get(slot));
        placed.is_some_and(|placed| found(input, &placed.host).is_none())
    };
    let mut all = Vec::new();
    for (address, home) in &target.wanted {
        let Some(at) = &home.at else { continue };
        let Some(live) = found(input, &at.host) else { continue };
        let is_own = live.own.contains(address);
        if home
            .slot
            .as_ref()
            .is_some_and(|slot| !goes_to(input, slot, &at.host, is_own))
        {
            continue;
        }
        let from = keeping(*address, &at.host);
        if from.iter().any(|(from, _)| !target.hosts.contains(&from.host)) {
            // A move has two ends, and is done whole or not at all.
            continue;
        }
        let binds = !live.bound.contains_key(address);
        if !binds && from.is_empty() {
            continue;
        }
        let moves = !from.is_empty() || home.slot.as_ref().is_some_and(may_be_silent);
        let binding = if moves { Binding::TakenOver } else { Binding::Bound };
        all.push(Work {
            address: *address,
            slot: home.slot.clone(),
            to: binds.then(|| (at.clone(), binding)),
            home: Some(at.host.clone()),
            from,
            why: match &home.slot {
                _ if binds && is_own => "taken off by hand".to_owned(),
                Some(slot) => format!("goes with {slot}"),
                None => String::new(),
            },
        });
    }
    // What a service had that is left alone may be among them.
    let releases = target.releases && input.target.halted.is_empty();
    let gone = all_found(input).filter(|(host, _)| releases && target.hosts.contains(*host));
    for (host, live) in gone {
        let unwanted = live.own.iter().filter(|address| !target.wanted.contains_key(*address));
        all.extend(unwanted.map(|address| Work {
            address: *address,
            slot: None,
            to: None,
            home: None,
            from: vec![standing(host, live, *address)],
            why: "nobody needs it any more".to_owned(),
        }));
    }
    all
}

/// Where a host keeps an address, and whether it stands there. One that does not is on no interface: then any will do to let go of it.
fn standing(host: &HostName, live: &LiveAddresses, address: IpAddr) -> (Interface, bool) {
    let bound = live.bound.get(&address).map(|bound| bound.interface.as_str());
    let interface = Interface {
        host: host.clone(),
        name: bound.unwrap_or("lo").to_owned(),
    };
    (interface, bound.is_some())
}

/// Whether a replica is, or comes to be, on a host by this plan. One that is left alone keeps the address that it has there.
fn goes_to(input: Input<'_>, slot: &Slot, host: &HostName, has_it: bool) -> bool {
    let service = input.diff.services.get(&slot.service);
    let mut slots = service.into_iter().flat_map(|service| &service.slots);
    let found = slots.find(|one| one.slot == *slot && one.host.as_ref() == Some(host));
    found.is_some_and(|one| match &one.verdict {
        Verdict::Keep => true,
        Verdict::Waits { stands } => *stands && has_it,
        verdict => is_unit(verdict),
    })
}

/// What changes, address by address.
pub(super) fn changes(input: Input<'_>) -> Vec<AddressDiff> {
    let diff = |work: Work| {
        let from = work.from.first().map(|(from, _)| from.host.clone());
        let (action, host) = match (work.home, &from) {
            (Some(home), Some(_)) => (Action::Move, home),
            (Some(home), None) => (Action::Create, home),
            (None, Some(from)) => (Action::Remove, from.clone()),
            (None, None) => return None,
        };
        Some(AddressDiff {
            address: work.address,
            host,
            action,
            from: from.filter(|_| action == Action::Move),
            interface: work.to.map(|(to, _)| to.name),
            why: work.why,
        })
    };
    work(input).into_iter().filter_map(diff).collect()
}

/// Whether hosts may keep some of the cluster's after this, so that the next plan looks there though git has none any more.
pub(super) fn is_remembered(input: Input<'_>) -> bool {
    let was = newest_record(input.observed).is_some_and(|last| last.memory.addresses);
    let silent = input.observed.hosts.values().any(|host| host.state().is_none());
    let silent = silent || !input.target.addresses.unread.is_empty();
    let stands = all_found(input).any(|(_, live)| !live.own.is_empty());
    !input.target.addresses.wanted.is_empty() || stands || (was && silent)
}

/// What hosts keep that are in git no more: they are only asked.
pub(super) fn notes(input: Input<'_>) -> impl Iterator<Item = Note> {
    let gone = all_found(input).filter(move |(host, _)| input.placement.hosts.get(*host) != Some(&HostAnswer::Answers));
    let gone = gone.flat_map(|(host, live)| {
        live.own.iter().map(move |address| Note::Differs {
            host: host.clone(),
            what: format!("public address {address}"),
            why: format!(
                "it is kept there, and git has no such host: put {host} back without it and apply, or give the host up with --forget {host}"
            ),
        })
    });
    let target = &input.target.addresses;
    let unasked = target.unasked.iter().map(|host| Note::Differs {
        host: host.clone(),
        what: "public addresses".to_owned(),
        why: "the observation was made where git had none, and does not tell them: observe again with this revision"
            .to_owned(),
    });
    // Where git wants none any more, nobody can say whether some are left.
    let unread = target.unread.iter().filter(|_| target.wanted.is_empty());
    let unread = unread.map(|(host, why)| Note::Text(format!("{host}: {why}")));
    gone.chain(unasked).chain(unread)
}

impl Builder<'_> {
    /// What goes with a replica: bound where that is up now, then released where it was.
    pub(super) fn bring_addresses(&mut self, draft: &mut Draft<'_, '_>) {
        let (own, others) = std::mem::take(&mut self.addresses)
            .into_iter()
            .partition(|work| work.slot.as_ref() == Some(draft.slot));
        self.addresses = others;
        let own: Vec<Work> = own;
        let within = self.input.target.addresses.confirm_timeout;
        for (host, change, undo) in own.iter().flat_map(|work| work.changes(within)) {
            self.act(draft, &host, Op::Address(Box::new(change)), Precondition::None, undo);
        }
    }

    /// All others. What publishes at a host's own address waits for it. One that nobody needs goes once all replicas are as they should be,
    /// and what publishes at it is removed: it may be what they go back to.
    pub(super) fn other_addresses(&mut self, rollouts: &[Rollout]) {
        let within = self.input.target.addresses.confirm_timeout;
        let units = rollouts.iter().flat_map(|rollout| &rollout.units);
        let ends = units.flat_map(|unit| unit.steps.last().into_iter().chain(&unit.watch));
        let ends: Vec<StepId> = ends.copied().collect();
        for work in std::mem::take(&mut self.addresses) {
            let mut bound = Vec::new();
            for (host, change, undo) in work.changes(within) {
                let releases = change.to == Binding::Released;
                let why = SharedText::from(work.why.as_str());
                let id = self.push(&host, work.slot.as_ref(), Op::Address(Box::new(change)), &why);
                let mut before: Vec<StepId> = std::mem::take(&mut bound);
                if releases {
                    before.extend(self.removing(work.address));
                    before.extend(ends.iter().filter(|_| work.home.is_none()));
                } else {
                    bound.push(id);
                    for create in self.creating(&host, work.address) {
                        self.edit(create, |step| step.after.push(id));
                    }
                }
                self.edit(id, |step| {
                    step.after.extend(before);
                    step.undo = undo;
                });
            }
        }
    }

    /// The steps that make containers which publish ports at an address of a host.
    fn creating(&self, host: &HostName, address: IpAddr) -> Vec<StepId> {
        let makes = |step: &&Step| {
            let spec = if let Op::Container(ContainerOp::Create { spec, .. }) = &step.op {
                Some(spec.whole())
            } else {
                None
            };
            let mut ports = spec.iter().flat_map(|spec| &spec.ports);
            step.host == *host && ports.any(|port| port.address == Some(address))
        };
        self.steps().iter().filter(makes).map(|step| step.id).collect()
    }

    /// The steps that remove containers which publish ports at an address.
    fn removing(&self, address: IpAddr) -> Vec<StepId> {
        let publishes = |one: &LiveContainer| {
            let mut ports = one.spec.iter().flat_map(|spec| &spec.ports);
            ports.any(|port| port.address == Some(address))
        };
        let steps = self.steps().iter().filter(|step| match (&step.op, &step.pre) {
            (Op::Container(ContainerOp::Remove { .. }), Precondition::Is { id, .. }) => {
                let state = self.state(&step.host);
                let mut all = state.into_iter().flat_map(|state| &state.containers);
                all.any(|one| one.id == **id && publishes(one))
            }
            (_, Precondition::None | Precondition::Absent { .. } | Precondition::Is { .. }) => false,
        });
        steps.map(|step| step.id).collect()
    }
}
