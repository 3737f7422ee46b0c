//! What is to happen to one wanted replica, by what stands of it. Comparing fields is `field`'s and `image`'s.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use crate::diff::effective::Effective;
use crate::diff::field::{self, Changes, Difference};
use crate::diff::file::Files;
use crate::diff::{SlotDiff, Verdict, image, plain};
use crate::model::container::{ContainerState, Health, LiveContainer};
use crate::model::effective::EffectiveSpec;
use crate::model::host::HostState;
use crate::model::image::Resolution;
use crate::model::name::{HostName, Slot, retired_name};
use crate::model::replica::ReplicaSpec;
use crate::model::setting::{PortBinding, Protocol};
use crate::model::text::SharedText;
use crate::observe::Observed;
use crate::place::Assignment;
use crate::place::live::Standing;
use crate::place::reason::Reason;
use crate::render::{ServiceTarget, Target};

/// What is told of a replica that is as it should be, thousands of times.
pub(super) static AS_IT_SHOULD_BE: LazyLock<SharedText> = LazyLock::new(|| "as it should be".into());

/// Judges a service's wanted replicas.
pub(super) struct Judge<'t, 'a> {
    target: &'t Target,
    pub(super) service: &'t ServiceTarget,
    /// What its image stands for.
    resolution: Option<&'a Resolution>,
    effective: Effective,
    /// The last reason, and its words.
    told: Option<(Arc<Reason>, SharedText)>,
}

/// A wanted replica while it is judged.
struct Case<'t, 'a> {
    slot: &'t Slot,
    assignment: &'t Assignment,
    spec: &'t Arc<ReplicaSpec>,
    /// Its containers on other hosts.
    elsewhere: Vec<Standing<'a>>,
}

/// What is to happen to a replica, and to others of it that stand too.
type Judged<'a> = (SlotDiff<'a>, Vec<SlotDiff<'a>>);

impl<'t, 'a> Judge<'t, 'a> {
    pub(super) fn new(target: &'t Target, service: &'t ServiceTarget, observed: &'a Observed) -> Self {
        Self {
            target,
            service,
            resolution: observed.images.get(&service.image.to_string()),
            effective: Effective::default(),
            told: None,
        }
    }

    /// What is to happen to a wanted replica with this spec (none where its host does not answer) of which this stands.
    pub(super) fn wanted(
        &mut self,
        slot: &Slot,
        assignment: &Assignment,
        spec: Option<&Arc<ReplicaSpec>>,
        standings: &[Standing<'a>],
    ) -> Judged<'a> {
        let host = &assignment.host;
        let Some(spec) = spec else {
            let why = self.why(&assignment.reason);
            return (entry(slot, host, Verdict::Unknown, why), Vec::new());
        };
        if self.service.job.is_some() {
            return (self.job(slot, assignment, spec, standings.to_vec()), Vec::new());
        }
        let mut case = Case {
            slot,
            assignment,
            spec,
            elsewhere: Vec::new(),
        };
        match standings {
            [] => return (self.absent(case), Vec::new()),
            [here] if here.host == host => return self.present(case, here.clone(), Vec::new()),
            [..] => {}
        }
        let (mut here, elsewhere): (Vec<_>, Vec<_>) = standings.iter().cloned().partition(|one| one.host == host);
        case.elsewhere = elsewhere;
        case.elsewhere.sort_by_key(|one| !one.is_live());
        if here.is_empty() {
            return (self.absent(case), Vec::new());
        }
        let retired = retired_name(&self.target.cluster, slot);
        here.sort_by_key(|one| (!one.in_place, one.name != retired));
        let first = here.remove(0);
        // Two of the slot's own name are one, written down twice by hand.
        here.retain(|one| !one.in_place);
        self.present(case, first, here)
    }

    /// A replica that stands on its host: `here`, and perhaps others beside it that an apply left which was cut off.
    fn present(&mut self, case: Case<'_, 'a>, here: Standing<'a>, others: Vec<Standing<'a>>) -> Judged<'a> {
        let changes = self.compared(case.spec, &here);
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
        let as_wanted = |one: &Standing<'a>| {
            let retired = retired_name(&self.target.cluster, case.slot);
            // One that another started beside has other ports than that one.
            let is_good =
                |ports: &&BTreeSet<PortBinding>| self.service.are_as_good(ports.iter(), case.assignment.ports.iter());
            let spec = match one.ports.filter(is_good) {
                Some(ports) => Cow::Owned(case.spec.with_ports(&ports.iter().cloned().collect::<Vec<_>>())),
                None => Cow::Borrowed(&**case.spec),
            };
            one.name == retired && self.compared(&spec, one).list.is_empty()
        };
        let before = match changes.list.is_empty() || !here.in_place || others.is_empty() {
            true => None,
            false => others.iter().position(as_wanted),
        };
        let mut own = if let Some(at) = before {
            self.restored(&case, here, others, at, changes)
        } else if changes.list.is_empty() && usable {
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
                here: Box::new(here),
                limits,
                restart,
                reload,
            };
            let mut own = entry(case.slot, host, verdict, why.into());
            own.fields = changes.list.into();
            own.extras = others;
            own
        } else {
            self.replaced(&case, here, others, changes)
        };
        own.state = Some(state.clone());
        own.extras.extend(case.elsewhere);
        if own.verdict == Verdict::Unplaced {
            own.extras.clear();
            return (own, Vec::new());
        }
        own.from = None;
        (own, doubles)
    }

    /// A replica that is as git wants it by what it was before an update that did not end well, and which still stands.
    fn restored(
        &self,
        case: &Case<'_, 'a>,
        here: Standing<'a>,
        mut others: Vec<Standing<'a>>,
        at: usize,
        changes: Changes,
    ) -> SlotDiff<'a> {
        let verdict = Verdict::Restore {
            old: Box::new(others.remove(at)),
            new: Some(Box::new(here)),
            beside: self.service.starts_first(),
        };
        let why = "what it was before still stands";
        let mut own = entry(case.slot, &case.assignment.host, verdict, why.into());
        own.fields = changes.list.into();
        own.extras = others;
        own
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
        // What was before an update that did not end well is kept until the new one has proved itself. Where that starts beside what
        // runs, this is what is kept.
        let mut all: Vec<Standing<'a>> = others;
        if (here.is_well() && self.service.starts_first()) || all.is_empty() {
            all.insert(0, here);
        } else {
            all.push(here);
        }
        let dead = |one: &Standing<'_>| one.container.state == ContainerState::Dead;
        let old = all.iter().position(|one| !dead(one)).map(|at| all.remove(at));
        let beside = self.service.starts_first();
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
            changes = self.compared(&spec, old);
        }
        let verdict = Verdict::Replace {
            spec,
            old: old.map(Box::new),
            drop: all,
            beside,
        };
        let mut own = entry(case.slot, &case.assignment.host, verdict, why.into());
        own.fields = changes.list.into();
        own
    }

    /// A replica that does not stand on its host.
    fn absent(&mut self, case: Case<'_, 'a>) -> SlotDiff<'a> {
        let spec = Arc::clone(case.spec);
        let from = case.elsewhere.first().map(|one| one.host.clone());
        let verdict = match from {
            None => Verdict::Create { spec },
            Some(_) => Verdict::Move { spec },
        };
        let why = self.why(&case.assignment.reason);
        let mut own = entry(case.slot, &case.assignment.host, verdict, why);
        own.from = from;
        own.extras = case.elsewhere;
        own
    }

    /// Why a replica is where it is, in words; those of a service mostly share them.
    fn why(&mut self, reason: &Arc<Reason>) -> SharedText {
        if let Some((_, why)) = self.told.as_ref().filter(|(last, _)| Arc::ptr_eq(last, reason)) {
            return why.clone();
        }
        let why = SharedText::from(reason.to_string());
        self.told = Some((Arc::clone(reason), why.clone()));
        why
    }

    /// What differs between a container and a spec, its image first.
    pub(super) fn compared(&mut self, spec: &ReplicaSpec, live: &Standing<'_>) -> Changes {
        let (container, common) = (live.container, spec.common());
        let image = image::compare(&common.image, self.resolution, live);
        let mut changes = Changes::default();
        if let Some(effective) = &container.spec {
            changes = self.fields(spec, effective, live);
            let files = Files {
                target: self.target,
                spec: common,
                live: container,
                state: live.state,
            };
            files.compare(effective, &mut changes);
        }
        changes.list.extend(lost_networks(container, live.state));
        changes.needs_new |= changes.list.iter().any(|change| change.field == "networks");
        if let Some(image) = image {
            changes.needs_new = true;
            changes.list.insert(0, image);
        }
        changes
    }

    /// What differs of all but the image and the files.
    fn fields(&mut self, spec: &ReplicaSpec, effective: &EffectiveSpec, live: &Standing<'_>) -> Changes {
        let container = live.container;
        // What the image brings along is not known once it is gone: then what the container was made from tells.
        let is_gone = live.image.is_none() && !container.image_id.is_empty();
        if is_gone && container.owner.fingerprint.as_ref() == Some(&spec.fingerprint()) {
            return Changes::default();
        }
        let none = Arc::default();
        let image = live.image.map_or(&none, |facts| &facts.defaults);
        let wanted = self.effective.of(spec, image, effective);
        let stamps = &spec.common().stamps;
        if stamps.is_empty() && !container.masked {
            return field::compare(effective, wanted);
        }
        let mut wanted = wanted.clone();
        for (label, stamp) in stamps {
            // Whatever the environment said when it was made is right; that the label is missing is not.
            let value = effective.labels.get(label).cloned();
            Arc::make_mut(&mut wanted.labels).insert(label.clone(), value.unwrap_or_else(|| stamp.to_string()));
        }
        let wanted = if container.masked { wanted.masked() } else { wanted };
        field::compare(effective, &wanted)
    }
}

/// What is to happen to a replica that is as it should be, and the words for it.
fn kept<'a>(here: &Standing<'a>, has_extras: bool) -> (Verdict<'a>, SharedText) {
    let state = &here.container.state;
    let start = || Verdict::Start {
        here: Box::new(here.clone()),
    };
    if !here.in_place {
        return (start(), format!("it is named {}", here.container.name).into());
    }
    if !here.is_live() {
        return (start(), format!("it is {state}").into());
    }
    if has_extras {
        return (start(), "it takes the place of another that still stands".into());
    }
    let why: SharedText = match state {
        ContainerState::Running { health } => match health {
            Some(Health::Unhealthy) => "as it should be, but unhealthy".into(),
            Some(Health::Starting) => "as it should be; not yet healthy".into(),
            Some(Health::Healthy) | None => AS_IT_SHOULD_BE.clone(),
        },
        ContainerState::Restarting => "as it should be, but it keeps ending and is restarted".into(),
        ContainerState::Paused | ContainerState::Created | ContainerState::Exited { .. } | ContainerState::Dead => {
            AS_IT_SHOULD_BE.clone()
        }
    };
    (Verdict::Keep, why)
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
    let held: BTreeSet<(Protocol, u16)> = match old.ports {
        Some(ports) => ports.iter().map(key).collect(),
        None => assignment.ports.iter().map(key).collect(),
    };
    spec.ports().map(key).find(|port| held.contains(port))
}
