//! The steps that change hosts' firewalls: batch after batch; open before replicas come, closed after others have gone.

use std::collections::{BTreeMap, BTreeSet};

use crate::diff::firewall::{begins_to_deny, differences, differs, is_as_wanted};
use crate::model::firewall::{FirewallChange, FirewallSeen, Listener, LiveFirewall, Phase, Replaced, Verdict};
use crate::model::host::ObservedHost;
use crate::model::name::{HostName, ServiceName};
use crate::model::op::{ContainerOp, FirewallOp, Op};
use crate::model::setting::Protocol;
use crate::model::traffic::Traffic;
use crate::place::live::newest_record;
use crate::plan::Input;
use crate::plan::build::Builder;
use crate::plan::change::FirewallDiff;
use crate::plan::step::{Action, FieldChange, Note, StepId};
use crate::render::firewall::{FirewallTarget, Firewalls, Wall, found};

/// A host's firewall that changes.
struct Work<'i> {
    host: &'i HostName,
    live: &'i LiveFirewall,
    /// What is to stand in between, and in the end; none where nothing is.
    to: Option<&'i FirewallTarget>,
}

impl Work<'_> {
    /// What stands while replicas go from here to there, where that is another than what stands now.
    fn opening(&self) -> Option<Option<&Wall>> {
        match self.to {
            None => Some(None),
            Some(to) => (!is_as_wanted(self.live, &to.open.rules)).then_some(Some(&to.open)),
        }
    }

    /// What stands in the end, where that is another than what stands in between.
    fn closing(&self) -> Option<&Wall> {
        let to = self.to?;
        (to.open.rules != to.wanted.rules).then_some(&to.wanted)
    }

    fn why(&self) -> String {
        if self.live.by_hand.is_empty() {
            return String::new();
        }
        let lines: Vec<&str> = self.live.by_hand.iter().take(3).map(String::as_str).collect();
        let more = self.live.by_hand.len().saturating_sub(lines.len());
        let more = if more == 0 {
            String::new()
        } else {
            format!(", and {more} more")
        };
        format!("changed by hand: {}{more}", lines.join("; "))
    }
}

/// The hosts whose firewall is not as it should be.
fn work<'i>(input: Input<'i>) -> Vec<Work<'i>> {
    let firewalls = &input.target.firewalls;
    let differing = found(input.observed).filter(|(host, live)| differs(firewalls, &input.target.cluster, host, live));
    let works = differing.map(|(host, live)| Work {
        host,
        live,
        to: firewalls.hosts.get(host),
    });
    works.collect()
}

/// What changes, host by host.
pub(super) fn changes(input: Input<'_>) -> Vec<FirewallDiff> {
    let works = work(input).into_iter();
    let diffs = works.map(|work| {
        let wanted = work.to.map(|to| &to.wanted.rules);
        // What was changed by hand is told by itself.
        let live = work.live.rules.as_ref();
        let differences = differences(live, wanted);
        FirewallDiff {
            host: work.host.clone(),
            action: match (live, wanted) {
                (_, None) => Action::Remove,
                (None, Some(_)) => Action::Create,
                (Some(_), Some(_)) => Action::Update,
            },
            fields: differences.iter().map(FieldChange::from).collect(),
            why: work.why(),
        }
    });
    diffs.collect()
}

/// Whether hosts may have a table of the cluster's after this, so that the next plan looks there though git has no rules any more.
pub(super) fn is_remembered(input: Input<'_>) -> bool {
    let was = newest_record(input.observed).is_some_and(|last| last.memory.firewall);
    let tells = |host: &ObservedHost| {
        host.state()
            .is_some_and(|state| !matches!(state.firewall, FirewallSeen::Unknown(_)))
    };
    let silent = !input.observed.hosts.values().all(tells);
    let stands = found(input.observed).any(|(_, live)| live.owned_by().contains(&input.target.cluster));
    !input.target.firewalls.hosts.is_empty() || stands || (was && silent)
}

/// What a person should know of the rules that will stand.
pub(super) fn notes(input: Input<'_>) -> Vec<Note> {
    let targets = &input.target.firewalls.hosts;
    let mut open: BTreeMap<(&ServiceName, Traffic), BTreeSet<&HostName>> = BTreeMap::new();
    for (slot, assignment) in &input.placement.slots {
        let Some(to) = targets.get(&assignment.host) else {
            continue;
        };
        for port in assignment
            .ports
            .iter()
            .filter(|port| port.address.is_none_or(|address| address.is_unspecified()))
        {
            let traffic = Traffic::port(port.protocol, port.host);
            if let Some(traffic) = traffic.filter(|traffic| to.wanted.rules.strangers(*traffic) == Verdict::Allow) {
                open.entry((&slot.service, traffic))
                    .or_default()
                    .insert(&assignment.host);
            }
        }
    }
    let published = open.into_iter().map(|((service, traffic), hosts)| {
        let hosts: Vec<&str> = hosts.into_iter().map(HostName::as_str).collect();
        let on = hosts.join(", ");
        Note::Text(format!(
            "{service} is published at {traffic} on all addresses of {on}, and the firewall lets in any"
        ))
    });
    let closed = found(input.observed).filter_map(|(host, live)| {
        let to = &targets.get(host)?.wanted.rules;
        let closes = |one: &&Listener| {
            let traffic = Traffic::port(one.protocol, one.port);
            let is_outside = one.address.is_none_or(|address| !address.is_loopback()) && !hears_dhcp(one);
            is_outside && traffic.is_some_and(|traffic| to.names_nobody(traffic))
        };
        let listeners = live.listeners.iter().filter(closes);
        let listeners: BTreeSet<String> = listeners.map(ToString::to_string).collect();
        (begins_to_deny(live, to) && !listeners.is_empty()).then(|| {
            let listeners: Vec<String> = listeners.into_iter().collect();
            Note::Text(format!(
                "{host}: no rule lets anybody in to what listens there: {}",
                listeners.join(", ")
            ))
        })
    });
    let pending = found(input.observed).filter(|(_, live)| live.pending.is_some());
    let pending = pending.map(|(host, _)| {
        Note::Text(format!(
            "{host}: a change of its firewall waits to be confirmed or taken back, and is planned for as if it had been taken back \
             (`cdk firewall confirm` confirms it)"
        ))
    });
    let untried = work(input).into_iter().filter_map(|work| {
        let untried = &work.to?.untried;
        let all: Vec<&str> = untried.iter().map(String::as_str).collect();
        (!all.is_empty()).then(|| {
            Note::Text(format!(
                "{}: nobody tries {} before the change is confirmed: no other host that they let in answers",
                work.host,
                all.join(", ")
            ))
        })
    });
    let unasked = input.target.firewalls.unasked.iter().map(|host| Note::Differs {
        host: host.clone(),
        what: "the firewall".to_owned(),
        why: "the observation was made where git had none, and does not tell it: observe again with this revision"
            .to_owned(),
    });
    let notes = published.chain(closed).chain(pending).chain(untried);
    notes.chain(unasked).collect()
}

/// Whether this hears the answers of DHCP, which always come in.
fn hears_dhcp(one: &Listener) -> bool {
    one.protocol == Protocol::Udp && matches!(one.port, 68 | 546)
}

impl Builder<'_> {
    /// Adds the steps, and what comes before and after them.
    pub(super) fn firewalls(&mut self) {
        let works = work(self.input);
        let target = &self.input.target.firewalls;
        let removals = self.of_followed(target, |op| match op {
            Op::Container(ContainerOp::Remove { .. }) => true,
            Op::Container(_)
            | Op::Image(_)
            | Op::Volume(_)
            | Op::File(_)
            | Op::Network(_)
            | Op::Firewall(_)
            | Op::Address(_)
            | Op::Gate(_) => false,
        });
        let begins = self.of_followed(target, |op| match op {
            Op::Container(_) => true,
            Op::Image(_)
            | Op::Volume(_)
            | Op::File(_)
            | Op::Network(_)
            | Op::Firewall(_)
            | Op::Address(_)
            | Op::Gate(_) => false,
        });
        let opening = works.iter().filter_map(|work| Some((work, work.opening()?)));
        let last = self.batches(target, (opening.collect(), Phase::Open), &[]);
        for id in begins {
            self.edit(id, |step| step.after.extend(last.iter().copied()));
        }
        // An address comes to where the rules are in force.
        let addresses = self.steps().iter();
        let addresses = addresses.filter(|step| matches!(step.op, Op::Address(_)));
        let addresses: Vec<StepId> = addresses.map(|step| step.id).collect();
        for id in addresses {
            self.edit(id, |step| step.after.extend(last.iter().copied()));
        }
        let closing = works.iter().filter_map(|work| Some((work, Some(work.closing()?))));
        let first: Vec<StepId> = removals.into_iter().chain(last).collect();
        self.batches(target, (closing.collect(), Phase::Close), &first);
    }

    /// The steps of services that rules follow.
    fn of_followed(&self, target: &Firewalls, is: impl Fn(&Op) -> bool) -> Vec<StepId> {
        let steps = self.steps().iter().filter(|step| is(&step.op));
        let steps = steps.filter(|step| {
            step.slot
                .as_ref()
                .is_some_and(|slot| target.follows_service(&slot.service))
        });
        steps.map(|step| step.id).collect()
    }

    /// The steps of one phase, `parallelism` hosts at once; gives back those of the last batch.
    fn batches(
        &mut self,
        target: &Firewalls,
        (works, phase): (Vec<(&Work<'_>, Option<&Wall>)>, Phase),
        first: &[StepId],
    ) -> Vec<StepId> {
        let size = match usize::try_from(target.parallelism) {
            Ok(0) | Err(_) => works.len().max(1),
            Ok(size) => size,
        };
        let mut before: Vec<StepId> = first.to_vec();
        for (number, batch) in works.chunks(size).enumerate() {
            let ids = batch.iter().map(|(work, wall)| {
                let confirm_timeout = target.confirm_timeout;
                let change = FirewallChange {
                    rules: wall.map(|wall| wall.rules.clone()),
                    replaces: match (phase, work.opening(), &work.live.hash) {
                        (Phase::Close, Some(_), _) => Replaced::Any,
                        (_, _, Some(hash)) => Replaced::Table(hash.clone()),
                        (_, _, None) => Replaced::Nothing,
                    },
                    confirm_timeout,
                    phase,
                    wait: if number == 0 { Default::default() } else { target.delay },
                    probes: wall.map(|wall| wall.probes.clone()).unwrap_or_default(),
                };
                let op = Op::Firewall(FirewallOp::Change(Box::new(change)));
                let why = match (phase, work.why()) {
                    (Phase::Close, _) => "what is no longer needed is closed".to_owned(),
                    (Phase::Open, why) => why,
                };
                let id = self.push(work.host, None, op, &why.as_str().into());
                let after = before.clone();
                self.edit(id, |step| {
                    step.after.extend(after);
                    step.undo.push(Op::Firewall(FirewallOp::Undo { confirm_timeout }));
                });
                id
            });
            before = ids.collect();
        }
        if works.is_empty() { Vec::new() } else { before }
    }
}
