//! The steps that change hosts' public addresses: what goes with a replica once that is up, all else by itself. Bound before it is released.

use std::collections::BTreeSet;
use std::net::IpAddr;

use thin_vec::thin_vec;

use crate::diff::Verdict;
use crate::model::address::{AddressChange, AddressesSeen, Binding, LiveAddresses};
use crate::model::container::LiveContainer;
use crate::model::host::ObservedHost;
use crate::model::name::{HostName, Slot};
use crate::model::op::{ContainerOp, Op};
use crate::model::text::SharedText;
use crate::model::unit::Span;
use crate::place::live::newest_record;
use crate::plan::Input;
use crate::plan::build::{Builder, is_unit};
use crate::plan::change::AddressDiff;
use crate::plan::step::{Action, Precondition, Step, StepId};
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
    /// Where it is released.
    from: Vec<Interface>,
    why: String,
}

impl Work {
    /// On which hosts it is changed, in this order, and how.
    fn changes(&self, confirm_timeout: Span) -> Vec<(HostName, AddressChange)> {
        let change = |at: &Interface, to: Binding| {
            let change = AddressChange {
                address: self.address,
                interface: at.name.clone(),
                to,
                confirm_timeout,
            };
            (at.host.clone(), change)
        };
        let bound = self.to.iter().map(|(at, to)| change(at, *to));
        let released = self.from.iter().map(|at| change(at, Binding::Released));
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
    let keeping = |address: IpAddr, home: &HostName| -> Vec<Interface> {
        let others = all_found(input).filter(|(host, live)| *host != home && live.own.contains(&address));
        let others = others.filter(|(host, _)| target.hosts.contains(*host));
        others.map(|(host, live)| standing(host, live, address)).collect()
    };
    let is_silent = |host: &ObservedHost| match host {
        ObservedHost::Unreachable(_) => true,
        ObservedHost::Reachable(state) => match &state.addresses {
            AddressesSeen::Found(_) => false,
            AddressesSeen::NotAsked | AddressesSeen::Unknown(_) => true,
        },
    };
    let asked = input.observed.hosts.values();
    let somebody_is_silent =
        input.observed.hosts.len() < input.placement.hosts.len() || asked.into_iter().any(is_silent);
    let mut all = Vec::new();
    for (address, home) in &target.wanted {
        let Some(at) = &home.at else { continue };
        let Some(live) = found(input, &at.host) else { continue };
        if home.slot.as_ref().is_some_and(|slot| !goes_to(input, slot, &at.host)) {
            continue;
        }
        let from = keeping(*address, &at.host);
        let binds = !live.bound.contains_key(address);
        if !binds && from.is_empty() {
            continue;
        }
        let moves = !from.is_empty() || (home.slot.is_some() && somebody_is_silent);
        let binding = if moves { Binding::TakenOver } else { Binding::Bound };
        all.push(Work {
            address: *address,
            slot: home.slot.clone(),
            to: binds.then(|| (at.clone(), binding)),
            home: Some(at.host.clone()),
            from,
            why: match &home.slot {
                _ if binds && live.own.contains(address) => "taken off by hand".to_owned(),
                Some(slot) => format!("goes with {slot}"),
                None => String::new(),
            },
        });
    }
    let gone = all_found(input).filter(|(host, _)| target.releases && target.hosts.contains(*host));
    for (host, live) in gone {
        let unwanted = live.own.iter().filter(|address| !target.wanted.contains_key(*address));
        all.extend(unwanted.map(|address| Work {
            address: *address,
            slot: None,
            to: None,
            home: None,
            from: vec![standing(host, live, *address)],
            why: "no longer in git".to_owned(),
        }));
    }
    all
}

/// Where a host keeps an address. One that does not stand is on no interface: then any will do to let go of it.
fn standing(host: &HostName, live: &LiveAddresses, address: IpAddr) -> Interface {
    let bound = live.bound.get(&address).map(|bound| bound.interface.as_str());
    Interface {
        host: host.clone(),
        name: bound.unwrap_or("lo").to_owned(),
    }
}

/// Whether a replica is, or comes to be, on a host by this plan.
fn goes_to(input: Input<'_>, slot: &Slot, host: &HostName) -> bool {
    let service = input.diff.services.get(&slot.service);
    let mut slots = service.into_iter().flat_map(|service| &service.slots);
    let found = slots.find(|one| one.slot == *slot && one.host.as_ref() == Some(host));
    found.is_some_and(|one| matches!(one.verdict, Verdict::Keep) || is_unit(&one.verdict))
}

/// What changes, address by address.
pub(super) fn changes(input: Input<'_>) -> Vec<AddressDiff> {
    let diff = |work: Work| {
        let from = work.from.first().map(|from| from.host.clone());
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
    let stands = all_found(input).any(|(_, live)| !live.own.is_empty());
    !input.target.addresses.wanted.is_empty() || stands || (was && silent)
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
        for (host, change) in own.iter().flat_map(|work| work.changes(within)) {
            let undo = thin_vec![Op::Address(Box::new(change.undo()))];
            self.act(draft, &host, Op::Address(Box::new(change)), Precondition::None, undo);
        }
    }

    /// All others. What publishes at a host's own address waits for it, and what publishes at one that goes is stopped before.
    pub(super) fn other_addresses(&mut self) {
        let within = self.input.target.addresses.confirm_timeout;
        for work in std::mem::take(&mut self.addresses) {
            let mut before: Vec<StepId> = match &work.home {
                Some(_) => Vec::new(),
                None => self.publishing(work.address, is_stop),
            };
            for (host, change) in work.changes(within) {
                let binds = change.to != Binding::Released;
                let undo = thin_vec![Op::Address(Box::new(change.undo()))];
                let why = SharedText::from(work.why.as_str());
                let id = self.push(&host, work.slot.as_ref(), Op::Address(Box::new(change)), &why);
                self.edit(id, |step| {
                    step.after.extend(before.drain(..));
                    step.undo = undo;
                });
                if binds {
                    let creates = self.creating(&host, work.address);
                    for create in creates {
                        self.edit(create, |step| step.after.push(id));
                    }
                }
                before.push(id);
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

    /// The steps of that kind on containers that publish ports at an address now.
    fn publishing(&self, address: IpAddr, is: impl Fn(&Op) -> Option<&SharedText>) -> Vec<StepId> {
        let publishes = |one: &LiveContainer| {
            let ports = one.spec.iter().flat_map(|spec| &spec.ports);
            ports.into_iter().any(|port| port.address == Some(address))
        };
        let steps = self.steps().iter().filter(|step| {
            let state = self.state(&step.host);
            let named = is(&step.op).zip(state);
            named.is_some_and(|(name, state)| {
                let mut all = state.containers.iter();
                all.any(|one| one.name == **name && publishes(one))
            })
        });
        let ids: BTreeSet<StepId> = steps.map(|step| step.id).collect();
        ids.into_iter().collect()
    }
}

/// The container that an operation stops.
fn is_stop(op: &Op) -> Option<&SharedText> {
    if let Op::Container(ContainerOp::Stop { name }) = op {
        Some(name)
    } else {
        None
    }
}
