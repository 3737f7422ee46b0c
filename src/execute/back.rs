//! What comes of a service's rollout: what was replaced goes, or it stops where it is, or its replicas are taken back to what they were.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::execute::board::Cause;
use crate::execute::op::with_logs;
use crate::execute::outcome::{Event, ServiceEnd};
use crate::execute::rollout::{Rolling, workers};
use crate::execute::run::{Failure, Run};
use crate::execute::stop::{Flag, Urgency};
use crate::execute::undo::{Restored, Undone};
use crate::model::name::Slot;
use crate::model::policy::{FailureAction, RollbackFailure, RollbackPolicy, RollbackScope};
use crate::plan::rollout::{OnFailure, Rollout, Unit};
use crate::plan::step::StepId;

/// Replicas on their way back.
struct Returning<'a> {
    policy: RollbackPolicy,
    /// One permit for each worker.
    workers: Semaphore,
    /// The units that no worker has taken yet, the next one last.
    pending: RefCell<Vec<&'a Unit>>,
    all: usize,
    failures: Cell<usize>,
    halted: Flag,
}

impl Returning<'_> {
    fn failed(&self) {
        self.failures.set(self.failures.get() + 1);
        let over = self.policy.max_failure_ratio.is_exceeded(self.failures.get(), self.all);
        match self.policy.failure_action {
            RollbackFailure::Pause if over => self.halted.raise(),
            RollbackFailure::Pause | RollbackFailure::Continue => {}
        }
    }
}

impl<'a> Run<'a> {
    /// Every rollout, beside one another, to its end.
    pub(super) fn rollouts(&self) -> Vec<LocalBoxFuture<'_, ()>> {
        let rollouts = &self.plan.rollouts;
        match self.plan.rollback {
            RollbackScope::Service => {
                let each = rollouts.iter().map(|rollout| -> LocalBoxFuture<'_, ()> {
                    Box::pin(async move {
                        let rolling = Rolling::new(rollout);
                        self.forth(&rolling).await;
                        self.finish(&rolling, false).await;
                    })
                });
                each.collect()
            }
            RollbackScope::All => vec![Box::pin(self.together())],
        }
    }

    /// All rollouts, of which one that fails takes the others back. Until all have gone forth nothing that was replaced is removed.
    async fn together(&self) {
        let all: Vec<Rolling<'_>> = self.plan.rollouts.iter().map(Rolling::new).collect();
        let forth = all.iter().map(|rolling| async {
            self.forth(rolling).await;
            if self.goes_back(rolling) {
                all.iter().for_each(Rolling::halt);
            }
        });
        let mut forth: FuturesUnordered<_> = forth.collect();
        while forth.next().await.is_some() {}
        let along = all.iter().any(|rolling| self.goes_back(rolling));
        let mut ends: FuturesUnordered<_> = all.iter().map(|rolling| self.finish(rolling, along)).collect();
        while ends.next().await.is_some() {}
    }

    /// Whether a rollout has failed so that it is taken back. Where nothing stood before there is nothing to go back to.
    fn goes_back(&self, rolling: &Rolling<'_>) -> bool {
        self.meets(rolling, FailureAction::Rollback) && !self.stop.is_asked()
    }

    /// Whether a version has failed, and this is what comes of it.
    fn meets(&self, rolling: &Rolling<'_>, action: FailureAction) -> bool {
        let on_failure = rolling.rollout.on_failure.as_ref();
        on_failure.is_some_and(|it| it.action == action && it.version.is_some()) && rolling.is_over()
    }

    /// Ends a rollout that has gone forth as far as it goes; `along` with another that failed.
    async fn finish(&self, rolling: &Rolling<'a>, along: bool) {
        let rollout = rolling.rollout;
        let is_job = !rollout.units.is_empty() && rollout.on_failure.is_none();
        let end = if self.goes_back(rolling) {
            match self.back(rolling).await {
                true => ServiceEnd::RolledBack,
                false => ServiceEnd::Stuck,
            }
        } else if along && !is_job {
            match self.back(rolling).await {
                true => ServiceEnd::TakenAlong,
                false => ServiceEnd::Stuck,
            }
        } else if self.meets(rolling, FailureAction::Pause) {
            self.emit(Event::Paused(rollout.service.clone()));
            self.skip_all(&rollout.cleanup, Cause::Replica);
            ServiceEnd::Paused
        } else if rolling.is_barred() || rolling.has_more() || rolling.is_ended() {
            let stopped = self.stop.is_asked();
            self.skip_all(&rollout.cleanup, if stopped { Cause::Stop } else { Cause::Replica });
            ServiceEnd::Left
        } else if rollout.canary && rolling.is_well() {
            self.emit(Event::Waits(rollout.service.clone()));
            self.skip_all(&rollout.cleanup, Cause::Replica);
            ServiceEnd::Waiting
        } else {
            self.clean_up(rolling).await;
            match rolling.is_well() {
                true => ServiceEnd::Done,
                false => ServiceEnd::Left,
            }
        };
        self.ended.borrow_mut().insert(rollout.service.clone(), end);
        self.emit(Event::Rolled(rollout.service.clone(), end));
    }

    /// Removes what was replaced, but for what replicas that failed have gone back to.
    async fn clean_up(&self, rolling: &Rolling<'_>) {
        let well: BTreeSet<&Slot> = rolling.well.borrow().iter().map(|unit| &unit.slot).collect();
        let units = rolling.rollout.units.iter();
        let failed: BTreeSet<&Slot> = units
            .map(|unit| &unit.slot)
            .filter(|slot| !well.contains(slot))
            .collect();
        let is_back = |id: &StepId| {
            let slot = self.plan.step(*id).and_then(|step| step.slot.as_ref());
            slot.is_some_and(|slot| failed.contains(slot))
        };
        let (back, gone): (Vec<StepId>, Vec<StepId>) = rolling.rollout.cleanup.iter().copied().partition(is_back);
        self.skip_all(&back, Cause::Replica);
        let mut removals: FuturesUnordered<_> = gone.iter().map(|id| self.step(*id, false)).collect();
        while removals.next().await.is_some() {}
    }

    /// Takes back what was done of a rollout, the last first; whether all of it is what it was.
    async fn back(&self, rolling: &Rolling<'a>) -> bool {
        let rollout = rolling.rollout;
        self.emit(Event::RollingBack(rollout.service.clone()));
        self.skip_all(&rollout.cleanup, Cause::Replica);
        let policy = rollout.on_failure.as_ref().map(|OnFailure { rollback, .. }| *rollback);
        let policy = policy.unwrap_or_default();
        let mut units = rolling.well.borrow().clone();
        units.splice(0..0, self.resumed(rollout));
        let returning = Returning {
            policy,
            workers: workers(policy.parallelism, units.len()),
            all: units.len() + rollout.stops.len(),
            pending: RefCell::new(units),
            failures: Cell::new(0),
            halted: Flag::new(),
        };
        for id in &rollout.stops {
            self.bring_back(*id, &returning).await;
        }
        let turns = returning.pending.borrow().len();
        let mut turns: FuturesUnordered<_> = (0..turns).map(|_| self.returns(&returning)).collect();
        while turns.next().await.is_some() {}
        let stuck = rolling.is_stuck() || returning.failures.get() > 0;
        !stuck && returning.pending.borrow().is_empty()
    }

    /// The units that nobody began with, but an update before this one, which was cut off.
    fn resumed(&self, rollout: &'a Rollout) -> Vec<&'a Unit> {
        let mut resumed = Vec::new();
        for unit in &rollout.units {
            let untouched = unit.steps.iter().all(|id| !self.board.is_tried(*id));
            if let Some(id) = unit.resumes.filter(|_| untouched) {
                self.board.set_tried(id);
                resumed.push(unit);
            }
        }
        resumed
    }

    /// Starts a replica again that was to go.
    async fn bring_back(&self, stop: StepId, returning: &Returning<'_>) {
        // One that is being stopped is waited for.
        self.board.ended(stop).await;
        if let Some(step) = self.plan.step(stop).filter(|_| self.board.is_tried(stop))
            && !self.undo_step(step).await
        {
            returning.failed();
        }
    }

    /// One worker's turn: takes the next replica back, and sees that it is up again and stays so.
    async fn returns(&self, returning: &Returning<'a>) {
        let Ok(worker) = returning.workers.acquire().await else {
            return;
        };
        if returning.halted.is_up() || self.stop.is_asked() {
            return;
        }
        let Some(unit) = returning.pending.borrow_mut().pop() else {
            return;
        };
        let result = self.return_one(unit, returning.policy).await;
        self.tell(unit, returning, result.as_ref().err());
        let delay = returning.policy.delay.0;
        if !delay.is_zero() && !returning.pending.borrow().is_empty() {
            tokio::select! {
                biased;
                () = returning.halted.up() => {}
                () = self.stop.reached(Urgency::Finish) => {}
                () = sleep(delay) => {}
            }
        }
        drop(worker);
        if let Ok(Some(Restored { host, name })) = &result
            && let Ok(host) = self.host(host)
            && let Err(failure) = self.stays(host.as_ref(), name, returning.policy.monitor, false).await
        {
            self.tell(unit, returning, Some(&failure));
        }
    }

    /// Takes one replica back, and waits until what it was before is up.
    async fn return_one(&self, unit: &Unit, policy: RollbackPolicy) -> Result<Option<Restored>, Failure> {
        let Undone { restored, error } = self.undo(unit).await;
        if let Some(error) = error {
            return Err(Failure::replica(error));
        }
        if let Some(Restored { host, name }) = &restored {
            let host = self.host(host)?.as_ref();
            // Its gate is the failed version's, and may ask for what this one never had.
            let up = self.up(host, name, (policy.monitor, policy.timeout), None).await;
            with_logs(host, name, up).await?;
        }
        Ok(restored)
    }

    fn tell(&self, unit: &Unit, returning: &Returning<'_>, failure: Option<&Failure>) {
        if failure.is_some() {
            returning.failed();
        }
        self.emit(Event::Back {
            slot: unit.slot.clone(),
            error: failure.map(|failure| failure.error.clone()),
            logs: failure.map(|failure| failure.logs.clone()).unwrap_or_default(),
        });
    }
}
