//! The steps for networks: made before the containers that need them, made anew under those that stay, removed after those that go.

use std::collections::{BTreeMap, BTreeSet};

use crate::diff::field::Difference;
use crate::diff::network::{NetworkDiff, NetworkVerdict};
use crate::diff::{SlotDiff, Verdict};
use crate::model::container::{ContainerState, LiveContainer};
use crate::model::host::{HostState, ObservedHost};
use crate::model::name::{HostName, ServiceName, container_name};
use crate::model::network::{Attachment, NetworkSpec};
use crate::model::op::{ContainerOp, NetworkOp, Op};
use crate::place::live::Standing;
use crate::plan::Input;
use crate::plan::build::Builder;
use crate::plan::change::NetworkChange;
use crate::plan::step::{Action, FieldChange, Note, Precondition, StepId};

/// What is known of networks while a plan is put together.
#[derive(Default)]
pub(super) struct Networks {
    /// The containers that this plan removes: by host and their names then, their names now.
    leaving: BTreeMap<(HostName, String), String>,
    /// What is told of it all.
    pub(super) changes: Vec<NetworkChange>,
}

impl<'i> Builder<'i> {
    /// Makes what a container needs and is not there.
    pub(super) fn make_networks<'n>(
        &mut self,
        host: &'i HostName,
        service: &ServiceName,
        state: &HostState,
        names: impl Iterator<Item = &'n str>,
    ) {
        for name in names.filter(|name| !state.networks.contains_key(*name)) {
            if self.ready_on(host).networks.contains_key(name) {
                continue;
            }
            let target = self.input.target.hosts.get(host);
            let Some(spec) = target.and_then(|target| target.networks.get(name)) else {
                continue;
            };
            let (key, spec) = (name.to_owned(), Box::new(spec.clone()));
            let why = format!("{service} uses it there");
            self.told(host, name, Action::Create, &[], &why);
            let name = name.into();
            let id = self.push(host, None, Op::Network(NetworkOp::Create { name, spec }), &why.into());
            self.ready_on(host).networks.insert(key, vec![id]);
        }
    }

    /// What must be done before a container that stands is touched: its networks.
    pub(super) fn networks_of(&self, standing: &Standing<'_>) -> Vec<StepId> {
        let Some(ready) = self.ready.get(standing.host) else {
            return Vec::new();
        };
        let names = networks(standing.container);
        names
            .filter_map(|name| ready.networks.get(name))
            .flatten()
            .copied()
            .collect()
    }

    /// Remembers that a container will be removed under this name.
    pub(super) fn leaves(&mut self, standing: &Standing<'_>, name: &str) {
        let key = (standing.host.clone(), name.to_owned());
        self.networks.leaving.insert(key, standing.name.clone().into_owned());
    }

    /// Makes networks anew whose words have changed: their containers are parted from the old one and attached to the new
    /// one as they run. One after the other, so that one that cannot be made takes down one host's alone; and since an engine
    /// attaches a container to nothing while another of its networks is gone.
    pub(super) fn renew_networks(&mut self) {
        let mut before: Vec<StepId> = Vec::new();
        let diff = self.input.diff;
        for NetworkDiff {
            host,
            name,
            verdict,
            fields,
        } in &diff.networks
        {
            let NetworkVerdict::Anew { spec, was } = verdict else {
                continue;
            };
            let Some(state) = self.state(host) else { continue };
            let ready = self.renew(host, state, name, (was, spec), before);
            self.told(host, name, Action::Replace, fields, "it differs");
            before = ready.clone();
            let networks = &mut self.ready_on(host).networks;
            networks.insert(name.clone(), ready);
        }
    }

    fn renew(
        &mut self,
        host: &HostName,
        state: &HostState,
        name: &str,
        (was, spec): (&NetworkSpec, &NetworkSpec),
        before: Vec<StepId>,
    ) -> Vec<StepId> {
        let (why, differs) = ("the network is made anew".into(), "it differs".into());
        let on_it = state.containers.iter().filter(|container| {
            container.state != ContainerState::Dead && networks(container).any(|network| network == name)
        });
        let mut on_it: Vec<(&LiveContainer, String)> = on_it.map(|it| (it, self.name_of(it))).collect();
        on_it.sort_by(|a, b| a.1.cmp(&b.1));
        let mut parted = before.clone();
        for (live, container) in &on_it {
            let pre = is(container, live);
            let (name, container) = (name.into(), container.as_str().into());
            let id = self.push(host, None, Op::Network(NetworkOp::Disconnect { name, container }), &why);
            self.edit(id, |step| {
                step.pre = pre;
                step.after = before.as_slice().into();
            });
            parted.push(id);
        }
        let remove = NetworkOp::Remove { name: name.into() };
        let gone = self.push(host, None, Op::Network(remove), &differs);
        let connect = |live: &LiveContainer, container: &str, spec: &NetworkSpec| {
            let attachment = live.spec.iter().find_map(|it| it.network.networks.get(name));
            Op::Network(NetworkOp::Connect {
                name: name.into(),
                attachment: Box::new(fitting(attachment.cloned().unwrap_or_default(), spec)),
                container: container.into(),
            })
        };
        // Where the engine refuses, all are attached again to what was there.
        let attached = on_it.iter().map(|(live, container)| connect(live, container, was));
        let attached: Vec<Op> = attached.collect();
        self.edit(gone, |step| {
            step.after = parted.into();
            step.undo = attached.iter().cloned().collect();
        });
        let create = NetworkOp::Create {
            name: name.into(),
            spec: Box::new(spec.clone()),
        };
        let made = self.push(host, None, Op::Network(create), &differs);
        let back = NetworkOp::Create {
            name: name.into(),
            spec: Box::new(was.clone()),
        };
        self.edit(made, |step| {
            step.after = [gone].as_slice().into();
            step.undo = std::iter::once(Op::Network(back)).chain(attached).collect();
        });
        let mut ready = vec![made];
        for (live, container) in on_it {
            let pre = is(&container, live);
            let id = self.push(host, None, connect(live, &container, spec), &why);
            self.edit(id, |step| {
                step.pre = pre;
                step.after = [made].as_slice().into();
            });
            ready.push(id);
        }
        ready
    }

    /// Removes networks that nobody wants, after the last container that is on them.
    pub(super) fn remove_networks(&mut self) {
        let diff = self.input.diff;
        let unwanted = diff.networks.iter().filter(|it| it.verdict == NetworkVerdict::Remove);
        let unwanted: Vec<&NetworkDiff> = unwanted.collect();
        if unwanted.is_empty() {
            return;
        }
        let removals: BTreeMap<(HostName, String), StepId> = self
            .steps()
            .iter()
            .filter_map(|step| match &step.op {
                Op::Container(ContainerOp::Remove { name }) => {
                    let key = (step.host.clone(), name.to_string());
                    let now = self.networks.leaving.get(&key)?;
                    Some(((step.host.clone(), now.clone()), step.id))
                }
                Op::Container(_)
                | Op::Image(_)
                | Op::Volume(_)
                | Op::File(_)
                | Op::Network(_)
                | Op::Firewall(_)
                | Op::Address(_)
                | Op::Gate(_) => None,
            })
            .collect();
        for NetworkDiff { host, name, .. } in unwanted {
            let Some(state) = self.state(host) else { continue };
            let on_it = state
                .containers
                .iter()
                .filter(|it| networks(it).any(|network| network == name));
            let gone: Option<BTreeSet<StepId>> = on_it
                .map(|it| removals.get(&(host.clone(), self.name_of(it))).copied())
                .collect();
            // Where one stays on it, for whatever reason, the network stays too.
            let Some(gone) = gone else { continue };
            let why = "no container there needs it any more";
            self.told(host, name, Action::Remove, &[], why);
            let remove = NetworkOp::Remove {
                name: name.as_str().into(),
            };
            let id = self.push(host, None, Op::Network(remove), &why.into());
            self.edit(id, |step| step.after = gone.into_iter().collect());
        }
    }

    fn name_of(&self, container: &LiveContainer) -> String {
        if container.name.is_empty() {
            container_name(&self.input.target.cluster, &container.owner.slot)
        } else {
            container.name.clone()
        }
    }

    fn told(&mut self, host: &HostName, name: &str, action: Action, fields: &[Difference], why: &str) {
        self.networks.changes.push(NetworkChange {
            network: name.to_owned(),
            host: host.clone(),
            action,
            fields: fields.iter().map(FieldChange::from).collect(),
            why: why.to_owned(),
        });
    }
}

/// The containers that stand and that the work on a replica touches.
pub(super) fn touched<'d, 'a>(diff: &'d SlotDiff<'a>) -> impl Iterator<Item = &'d Standing<'a>> {
    let own: Vec<&Standing<'a>> = match &diff.verdict {
        Verdict::Update { here, .. } | Verdict::Start { here } => vec![here],
        Verdict::Replace { old, drop, .. } => old.as_deref().into_iter().chain(drop).collect(),
        Verdict::Remove { gone } => vec![gone],
        Verdict::Restore { old, new, .. } => [&**old].into_iter().chain(new.as_deref()).collect(),
        Verdict::Keep
        | Verdict::Create { .. }
        | Verdict::Move { .. }
        | Verdict::Waits { .. }
        | Verdict::Doubled
        | Verdict::Unknown
        | Verdict::Unplaced => Vec::new(),
        Verdict::Run { here, gone, .. } => here.as_deref().into_iter().chain(gone).collect(),
    };
    own.into_iter().chain(&diff.extras)
}

fn networks(container: &LiveContainer) -> impl Iterator<Item = &str> {
    let specs = container.spec.iter();
    specs.flat_map(|spec| spec.network.networks.keys().map(String::as_str))
}

/// The container of that name is the one that was seen; what was written by hand has no id to hold it to.
pub(super) fn is(name: &str, live: &LiveContainer) -> Precondition {
    if live.id.is_empty() {
        return Precondition::None;
    }
    Precondition::Is {
        name: name.into(),
        id: live.id.as_str().into(),
    }
}

/// An attachment without the addresses that the network no longer has: its container is about to be replaced then.
fn fitting(mut attachment: Attachment, spec: &NetworkSpec) -> Attachment {
    let holds = |address: std::net::IpAddr| spec.subnets().any(|subnet| subnet.holds(address));
    attachment.ipv4 = attachment.ipv4.filter(|address| holds((*address).into()));
    attachment.ipv6 = attachment.ipv6.filter(|address| holds((*address).into()));
    attachment
}

/// What a person should know of networks and volumes that are not as git says and stay so.
pub(super) fn notes(input: Input<'_>) -> Vec<Note> {
    let mut notes: Vec<Note> = input.diff.networks.iter().filter_map(used).collect();
    let mut left: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (host, wanted) in &input.target.hosts {
        let Some(state) = input.observed.hosts.get(host).and_then(ObservedHost::state) else {
            continue;
        };
        for (name, spec) in &wanted.volumes {
            let differs = state.volumes.get(name).and_then(|live| spec.differs_from(&live.spec));
            notes.extend(differs.map(|what| Note::Differs {
                host: host.clone(),
                what: format!("volume {name}"),
                why: format!("{what}; a volume can't be changed without losing what is in it, so it stays as it is"),
            }));
        }
        let own = state.volumes.iter().filter(|(_, live)| live.own);
        for (name, _) in own.filter(|(name, _)| !input.target.volumes.contains(*name)) {
            left.entry(name).or_default().push(host.as_str());
        }
        let asked = state.routes.is_some();
        let blind = wanted.networks.iter().filter(|(name, spec)| {
            !asked && spec.is_routed() && !spec.pools.is_empty() && !state.networks.contains_key(*name)
        });
        notes.extend(blind.map(|(name, _)| {
            Note::Text(format!(
                "{host} does not tell its routes: whether {name} overlaps one is not known"
            ))
        }));
    }
    notes.extend(left.into_iter().map(|(name, hosts)| {
        let hosts = hosts.join(", ");
        Note::Text(format!(
            "volume {name} is no longer in git; it stays on {hosts} with all that is in it"
        ))
    }));
    notes
}

fn used(diff: &NetworkDiff) -> Option<Note> {
    let NetworkVerdict::Used { by, wanted } = &diff.verdict else {
        return None;
    };
    let name = &diff.name;
    if !wanted {
        let host = &diff.host;
        return Some(Note::Text(format!(
            "network {name} is no longer needed on {host}; it stays, for {by}, which is not cdk's, is on it"
        )));
    }
    Some(Note::Differs {
        host: diff.host.clone(),
        what: format!("network {name}"),
        why: format!(
            "it should be made anew, but {by}, which is not cdk's, is on it: disconnect that, and apply again"
        ),
    })
}
