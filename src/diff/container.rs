//! What is to happen to one wanted replica, by what stands of it. Comparing fields is `field`'s and `image`'s.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diff::effective::Effective;
use crate::diff::field::{self, Changes, Difference};
use crate::diff::file::Files;
use crate::diff::{SlotDiff, Verdict, image, plain};
use crate::model::container::{ContainerState, EffectiveSpec, Health, LiveContainer};
use crate::model::host::{HostState, ObservedHost};
use crate::model::name::{HostName, Slot, retired_name};
use crate::model::policy::Order;
use crate::model::replica::ReplicaSpec;
use crate::model::setting::{PortBinding, Protocol};
use crate::model::text::SharedText;
use crate::observe::Observed;
use crate::place::Assignment;
use crate::place::live::Standing;
use crate::render::Target;

/// Judges wanted replicas.
pub(super) struct Judge<'t, 'a> {
    pub(super) target: &'t Target,
    pub(super) observed: &'a Observed,
    effective: Effective,
}

/// A wanted replica while it is judged.
struct Case<'t, 'a> {
    slot: &'t Slot,
    assignment: &'t Assignment,
    spec: &'t Arc<ReplicaSpec>,
    state: &'a HostState,
    /// Its containers on other hosts.
    elsewhere: Vec<Standing<'a>>,
}

impl<'t, 'a> Judge<'t, 'a> {
    pub(super) fn new(target: &'t Target, observed: &'a Observed) -> Self {
        let effective = Effective::default();
        Self {
            target,
            observed,
            effective,
        }
    }

    /// What is to happen to a wanted replica of which this stands; more than one entry where it stands more than once.
    pub(super) fn wanted(
        &mut self,
        slot: &Slot,
        assignment: &Assignment,
        standings: Vec<Standing<'a>>,
    ) -> Vec<SlotDiff<'a>> {
        let host = &assignment.host;
        let spec = self.target.hosts.get(host).and_then(|host| host.containers.get(slot));
        let state = self.observed.hosts.get(host).and_then(ObservedHost::state);
        let (Some(spec), Some(state)) = (spec, state) else {
            return vec![entry(
                slot,
                host,
                Verdict::Unknown,
                assignment.reason.to_string().into(),
            )];
        };
        let is_job = self
            .target
            .services
            .get(&slot.service)
            .is_some_and(|service| service.job.is_some());
        if is_job {
            return vec![self.job(slot, assignment, (spec, state), standings)];
        }
        let (here, mut elsewhere): (Vec<_>, Vec<_>) = standings.into_iter().partition(|one| one.host == host);
        elsewhere.sort_by_key(|one| !one.is_live());
        let case = Case {
            slot,
            assignment,
            spec,
            state,
            elsewhere,
        };
        let retired = retired_name(&self.target.cluster, slot);
        let (in_place, mut others): (Vec<_>, Vec<_>) = here.into_iter().partition(|one| one.in_place);
        others.sort_by_key(|one| one.name != retired);
        match (in_place.into_iter().next(), others.is_empty()) {
            (None, true) => vec![case.absent()],
            (Some(here), true) => self.present(case, here, Vec::new()),
            (Some(here), false) => self.present(case, here, others),
            (None, false) => {
                let here = others.remove(0);
                self.present(case, here, others)
            }
        }
    }

    /// A replica that stands on its host: `here`, and perhaps others beside it that an apply left which was cut off.
    fn present(&mut self, case: Case<'_, 'a>, here: Standing<'a>, others: Vec<Standing<'a>>) -> Vec<SlotDiff<'a>> {
        let changes = self.changes(&case, case.spec, &here);
        let host = &case.assignment.host;
        let doubles: Vec<SlotDiff<'a>> = case.elsewhere.iter().map(|one| doubled(case.slot, host, one)).collect();
        let state = &here.container.state.clone();
        let usable = match state {
            ContainerState::Running { .. }
            | ContainerState::Restarting
            | ContainerState::Created
            | ContainerState::Exited { .. } => true,
            ContainerState::Paused | ContainerState::Dead => false,
        };
        let mut own = if changes.list.is_empty() && usable {
            let (verdict, why) = kept(&here, !others.is_empty() || !case.elsewhere.is_empty());
            let mut own = entry(case.slot, host, verdict, why);
            own.extras = others;
            own
        } else if !changes.needs_new && usable && here.is_live() && here.in_place {
            let (limits, restart) = (Box::new(case.spec.common().limits.clone()), case.spec.common().restart);
            let signals: Vec<&str> = changes.reload.signals.iter().map(String::as_str).collect();
            let why = match signals.is_empty() {
                true => "only what can be changed in place differs".to_owned(),
                false => format!("reload ({})", signals.join(", ")),
            };
            let reload = Box::new(changes.reload);
            let verdict = Verdict::Update {
                here,
                limits,
                restart,
                reload,
            };
            let mut own = entry(case.slot, host, verdict, why.into());
            own.fields = changes.list;
            own.extras = others;
            own
        } else {
            self.replaced(&case, here, others, changes)
        };
        own.state = Some(state.clone());
        own.extras.extend(case.elsewhere);
        if own.verdict == Verdict::Unplaced {
            own.extras.clear();
            return vec![own];
        }
        own.from = None;
        let mut all = vec![own];
        all.extend(doubles);
        all
    }

    fn replaced(
        &mut self,
        case: &Case<'_, 'a>,
        here: Standing<'a>,
        others: Vec<Standing<'a>>,
        mut changes: Changes,
    ) -> SlotDiff<'a> {
        let why = match (&here.container.state, changes.list.is_empty()) {
            (ContainerState::Paused, true) => "it is paused".to_owned(),
            (ContainerState::Dead, true) => "it is dead".to_owned(),
            (state, _) if !here.is_live() => format!("it differs, and is {state}"),
            (_, _) => "it differs".to_owned(),
        };
        // The one that does its work is kept until the new one has proved itself; else the older one, which once did.
        let mut all: Vec<Standing<'a>> = others;
        if here.is_well() || all.is_empty() {
            all.insert(0, here);
        } else {
            all.push(here);
        }
        let dead = |one: &Standing<'_>| one.container.state == ContainerState::Dead;
        let old = all.iter().position(|one| !dead(one)).map(|at| all.remove(at));
        let service = self.target.services.get(&case.slot.service);
        let beside = service.is_some_and(|service| service.policy.order == Order::StartFirst && !service.stateful);
        let mut spec = Arc::clone(case.spec);
        if let Some(old) = old.as_ref().filter(|old| beside && old.is_live())
            && let Some((protocol, port)) = clash(&spec, old, case.assignment)
        {
            let Some(spare) = &case.assignment.spare else {
                let why = format!(
                    "start-first can never fit here: port {port}/{protocol} is held by the container that it replaces; publish a range, or set deploy.update_config.order: stop-first"
                );
                return entry(case.slot, &case.assignment.host, Verdict::Unplaced, why.into());
            };
            spec = Arc::new(spec.with_ports(spare));
            changes = self.changes(case, &spec, old);
        }
        let verdict = Verdict::Replace {
            spec,
            old,
            drop: all,
            beside,
        };
        let mut own = entry(case.slot, &case.assignment.host, verdict, why.into());
        own.fields = changes.list;
        own
    }

    /// What differs between a container and a spec, its image first.
    fn changes(&mut self, case: &Case<'_, 'a>, spec: &ReplicaSpec, live: &Standing<'_>) -> Changes {
        self.compared(spec, live.container, case.state)
    }

    /// The same, of a container on a host in this state.
    pub(super) fn compared(&mut self, spec: &ReplicaSpec, container: &LiveContainer, state: &HostState) -> Changes {
        let wanted = &spec.common().image;
        let resolution = self.observed.images.get(&wanted.to_string());
        let image = image::compare(wanted, resolution, container, state);
        let mut changes = match &container.spec {
            None => Changes::default(),
            Some(live) => self.fields(spec, live, container, state),
        };
        if let Some(live) = &container.spec {
            let files = Files {
                target: self.target,
                spec: spec.common(),
                live: container,
                state,
            };
            files.compare(live, &mut changes);
        }
        changes.list.extend(lost_networks(container, state));
        changes.needs_new |= changes.list.iter().any(|change| change.field == "networks");
        if let Some(image) = image {
            changes.needs_new = true;
            changes.list.insert(0, image);
        }
        changes
    }

    /// What differs of all but the image and the files.
    fn fields(
        &mut self,
        spec: &ReplicaSpec,
        live: &EffectiveSpec,
        container: &LiveContainer,
        state: &HostState,
    ) -> Changes {
        let known = container.image_id.is_empty() || state.images.contains_key(&*container.image_id);
        // What the image brings along is not known once it is gone: then what the container was made from tells.
        if !known && container.owner.fingerprint.as_ref() == Some(&spec.fingerprint()) {
            return Changes::default();
        }
        let facts = state.images.get(&*container.image_id);
        let none = Arc::default();
        let image = facts.map_or(&none, |facts| &facts.defaults);
        let wanted = self.effective.of(spec, image, live);
        let stamps = &spec.common().stamps;
        if stamps.is_empty() && !container.masked {
            return field::compare(live, wanted);
        }
        let mut wanted = wanted.clone();
        for (label, stamp) in stamps {
            // Whatever the environment said when it was made is right; that the label is missing is not.
            let value = live.labels.get(label).cloned();
            Arc::make_mut(&mut wanted.labels).insert(label.clone(), value.unwrap_or_else(|| stamp.to_string()));
        }
        let wanted = if container.masked { wanted.masked() } else { wanted };
        field::compare(live, &wanted)
    }
}

impl<'a> Case<'_, 'a> {
    /// A replica that does not stand on its host.
    fn absent(self) -> SlotDiff<'a> {
        let spec = Arc::clone(self.spec);
        let from = self.elsewhere.first().map(|one| one.host.clone());
        let (verdict, why) = match from {
            None => (Verdict::Create { spec }, self.assignment.reason.to_string().into()),
            Some(_) => (Verdict::Move { spec }, self.assignment.reason.to_string().into()),
        };
        let mut own = entry(self.slot, &self.assignment.host, verdict, why);
        own.from = from;
        own.extras = self.elsewhere;
        own
    }
}

/// What is to happen to a replica that is as it should be, and the words for it.
fn kept<'a>(here: &Standing<'a>, has_extras: bool) -> (Verdict<'a>, SharedText) {
    let state = &here.container.state;
    let start = || Verdict::Start { here: here.clone() };
    if !here.in_place {
        return (start(), format!("it is named {}", here.container.name).into());
    }
    if !here.is_live() {
        return (start(), format!("it is {state}").into());
    }
    if has_extras {
        return (start(), "it takes the place of another that still stands".into());
    }
    let why = match state {
        ContainerState::Running { health } => match health {
            Some(Health::Unhealthy) => "as it should be, but unhealthy",
            Some(Health::Starting) => "as it should be; not yet healthy",
            Some(Health::Healthy) | None => "as it should be",
        },
        ContainerState::Restarting => "as it should be, but it keeps ending and is restarted",
        ContainerState::Paused | ContainerState::Created | ContainerState::Exited { .. } | ContainerState::Dead => {
            "as it should be"
        }
    };
    (Verdict::Keep, why.into())
}

pub(super) fn entry<'a>(slot: &Slot, host: &HostName, verdict: Verdict<'a>, why: SharedText) -> SlotDiff<'a> {
    plain(slot, verdict, Some(host.clone()), why)
}

fn doubled<'a>(slot: &Slot, host: &HostName, one: &Standing<'a>) -> SlotDiff<'a> {
    let why = format!("doubled: it stands on {host} too");
    SlotDiff {
        state: Some(one.container.state.clone()),
        ..entry(slot, one.host, Verdict::Doubled, why.into())
    }
}

/// Networks that were made anew by hand since the container was attached: it could not even start any more.
fn lost_networks(container: &LiveContainer, state: &HostState) -> Vec<Difference> {
    let ids = container.network_ids.iter().filter(|(name, id)| {
        let now = state.networks.get(*name).map(|network| &network.id);
        now.is_none_or(|now| !now.is_empty() && now != *id)
    });
    ids.map(|(name, _)| Difference {
        field: "networks",
        key: Some(name.clone()),
        old: Some("a network that is gone".to_owned()),
        new: Some("attached".to_owned()),
    })
    .collect()
}

/// A port that both a spec and a running container want; of one whose ports nobody told, those that it should have.
fn clash(spec: &ReplicaSpec, old: &Standing<'_>, assignment: &Assignment) -> Option<(Protocol, u16)> {
    let key = |binding: &PortBinding| (binding.protocol, binding.host);
    let held: BTreeSet<(Protocol, u16)> = match &old.container.spec {
        Some(spec) => spec.ports.iter().map(key).collect(),
        None => assignment.ports.iter().map(key).collect(),
    };
    spec.ports().map(key).find(|port| held.contains(port))
}
