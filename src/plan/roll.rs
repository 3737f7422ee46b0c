//! Each service's rollout, put together: workers, units, what goes at the end, what failures lead to. A unit's steps are `unit`'s.

use std::collections::{BTreeMap, BTreeSet};

use crate::diff::SlotDiff;
use crate::model::name::{HostName, ServiceName, Slot};
use crate::model::policy::{FailureAction, RollbackScope};
use crate::model::text::SharedText;
use crate::model::unit::Span;
use crate::plan::build::Builder;
use crate::plan::rollout::{OnFailure, Rollout};
use crate::plan::step::StepId;
use crate::plan::tell::is_rolled;

/// Replicas that a service has no more.
#[derive(Debug, Default)]
pub(super) struct Removed {
    /// Their stops, and what came before these.
    pub(super) stops: Vec<StepId>,
    /// Their removals.
    pub(super) removals: Vec<StepId>,
}

impl Builder<'_> {
    /// Every service's rollout: its units in order, what it no longer has, and what failures lead to.
    pub(super) fn rollouts(&mut self, units: &[&SlotDiff<'_>], forced: &BTreeSet<&Slot>) -> Vec<Rollout> {
        let mut by_service: BTreeMap<&ServiceName, Vec<&SlotDiff<'_>>> = BTreeMap::new();
        for unit in units {
            by_service.entry(&unit.slot.service).or_default().push(unit);
        }
        let mut rollouts = Vec::new();
        for (service, slots) in by_service {
            let Some(policy) = self.policy(service) else {
                continue;
            };
            let (mut units, mut cleanup) = (Vec::new(), Vec::new());
            for slot in &slots {
                if let Some((unit, after)) = self.unit(slot, forced.contains(&slot.slot)) {
                    units.push(unit);
                    cleanup.extend(after);
                }
            }
            // What is only new takes nothing down; and ports that go round in a circle need everyone to let go at once.
            let in_circle = slots.iter().any(|slot| forced.contains(&slot.slot));
            let rolls = slots.iter().any(|slot| is_rolled(&slot.verdict)) && !in_circle;
            let mut cleanup: Vec<StepId> = cleanup.into_iter().map(|step| self.append(step)).collect();
            let Removed { mut stops, removals } = self.removed.remove(service).unwrap_or_default();
            stops.extend(self.switch(&units, &cleanup));
            cleanup.extend(removals);
            rollouts.push(Rollout {
                service: service.clone(),
                parallelism: if rolls { policy.parallelism } else { 0 },
                delay: policy.delay,
                units,
                cleanup,
                stops,
                canary: self.input.diff.canaries.contains(service),
                on_failure: self.on_failure(service, &slots),
            });
        }
        // What only goes, and is taken back with others.
        for (service, Removed { stops, removals }) in std::mem::take(&mut self.removed) {
            rollouts.push(Rollout {
                service,
                parallelism: 0,
                delay: Span::default(),
                units: Vec::new(),
                cleanup: removals,
                stops,
                canary: false,
                on_failure: None,
            });
        }
        rollouts.sort_by(|a, b| a.service.cmp(&b.service));
        rollouts
    }

    /// What a service's replicas that fail lead to.
    fn on_failure(&self, service: &ServiceName, slots: &[&SlotDiff<'_>]) -> Option<OnFailure> {
        let policy = self.policy(service).filter(|_| self.job(service).is_none())?;
        let waits = self.input.diff.canaries.contains(service);
        let updates = waits || slots.iter().any(|slot| slot.is_update());
        Some(OnFailure {
            strategy: policy.strategy,
            action: policy.failure_action,
            max_failure_ratio: policy.max_failure_ratio,
            rollback: policy.rollback,
            version: self.input.versions.get(service).filter(|_| updates).cloned(),
        })
    }

    /// Whether what a service has no more comes back where it, or another service, is taken back.
    pub(super) fn can_go_back(&self, service: &ServiceName) -> bool {
        let rolls = |name: &ServiceName| {
            let slots = self
                .input
                .diff
                .services
                .get(name)
                .into_iter()
                .flat_map(|one| &one.slots);
            let goes_back = self
                .policy(name)
                .is_some_and(|policy| policy.failure_action == FailureAction::Rollback);
            goes_back && self.job(name).is_none() && slots.into_iter().any(SlotDiff::is_update)
        };
        match self.input.rollback {
            RollbackScope::Service => rolls(service),
            RollbackScope::All => self.input.diff.services.keys().any(rolls),
        }
    }

    /// The zone of a host, as a replica's service sees it.
    pub(super) fn zone(&self, slot: &Slot, host: &HostName) -> Option<SharedText> {
        self.service(&slot.service)?.target.zones.get(host).cloned()
    }
}
