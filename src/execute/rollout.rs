//! One service's replicas: workers take them in order, a watch goes on beside each, and what was replaced goes at the end.

use std::cell::Cell;

use futures_util::StreamExt as _;
use futures_util::future::join;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::sleep;

use crate::execute::board::{Cause, Verdict};
use crate::execute::outcome::Event;
use crate::execute::run::Run;
use crate::execute::stop::{Flag, Urgency};
use crate::model::op::{GateOp, Op};
use crate::plan::step::{Rollout, StepId, Unit};

/// A rollout under way.
struct Rolling<'a> {
    rollout: &'a Rollout,
    /// One permit for each worker.
    workers: Semaphore,
    next: Cell<usize>,
    /// A replica failed: no other begins.
    halted: Flag,
    /// Whether every replica so far ended well.
    well: Cell<bool>,
}

impl<'a> Rolling<'a> {
    fn new(rollout: &'a Rollout) -> Self {
        let workers = match usize::try_from(rollout.parallelism) {
            Ok(0) | Err(_) => rollout.units.len(),
            Ok(workers) => workers,
        };
        Self {
            rollout,
            workers: Semaphore::new(workers.min(Semaphore::MAX_PERMITS)),
            next: Cell::new(0),
            halted: Flag::new(),
            well: Cell::new(true),
        }
    }

    fn take(&self) -> Option<&'a Unit> {
        let unit = self.rollout.units.get(self.next.get())?;
        self.next.set(self.next.get() + 1);
        Some(unit)
    }

    fn has_more(&self) -> bool {
        self.next.get() < self.rollout.units.len()
    }

    /// Ends a unit for this cause, and the rollout too where it is the replica's.
    fn broke(&self, broken: &Flag, cause: Cause) {
        broken.raise();
        self.well.set(false);
        match cause {
            Cause::Replica => self.halted.raise(),
            Cause::Host | Cause::Stop => {}
        }
    }
}

impl Run<'_> {
    /// Works through a service's replicas, then removes what they replaced.
    pub(super) async fn rollout(&self, rollout: &Rollout) {
        let rolling = Rolling::new(rollout);
        let mut turns: FuturesUnordered<_> = rollout.units.iter().map(|_| self.turn(&rolling)).collect();
        while turns.next().await.is_some() {}
        if rolling.well.get() {
            let mut removals: FuturesUnordered<_> = rollout.cleanup.iter().map(|id| self.step(*id, false)).collect();
            while removals.next().await.is_some() {}
        } else {
            let cause = if self.stop.is_asked() {
                Cause::Stop
            } else {
                Cause::Replica
            };
            self.skip_all(&rollout.cleanup, cause);
        }
    }

    /// One worker's turn: takes the next replica and sees it through, its watch included. The next turn may begin
    /// when the replica's steps and the delay are over, or, where it failed, when it is taken back.
    async fn turn(&self, rolling: &Rolling<'_>) {
        let Ok(worker) = rolling.workers.acquire().await else {
            return;
        };
        let Some(unit) = rolling.take() else {
            return;
        };
        let broken = Flag::new();
        let work = self.work(rolling, unit, &broken, worker);
        let (worker, ()) = join(work, self.watch(rolling, unit, &broken)).await;
        if broken.is_up() {
            self.undo(unit).await;
        }
        drop(worker);
    }

    /// Does a replica's steps in order, then waits the delay and lets the worker go; keeps it where the replica failed.
    async fn work<'s>(
        &self,
        rolling: &Rolling<'_>,
        unit: &Unit,
        broken: &Flag,
        worker: SemaphorePermit<'s>,
    ) -> Option<SemaphorePermit<'s>> {
        if let Some(cause) = self.hurdle(rolling, unit).await {
            rolling.broke(broken, cause);
            self.skip_all(&unit.steps, cause);
            return Some(worker);
        }
        for (at, id) in unit.steps.iter().enumerate() {
            let verdict = if broken.is_up() {
                Verdict::Not(Cause::Replica)
            } else {
                self.step(*id, true).await
            };
            if let Verdict::Not(cause) = verdict {
                rolling.broke(broken, cause);
                self.skip_all(unit.steps.get(at..).unwrap_or_default(), cause);
                return Some(worker);
            }
        }
        self.pause(rolling, broken).await;
        broken.is_up().then_some(worker)
    }

    /// Waits until a replica's first step may begin; says why it may not begin at all.
    async fn hurdle(&self, rolling: &Rolling<'_>, unit: &Unit) -> Option<Cause> {
        let first = unit.steps.first().and_then(|id| self.plan.step(*id));
        let ready = async {
            match first {
                Some(first) => self.ready(first).await,
                None => None,
            }
        };
        let cause = tokio::select! {
            biased;
            () = rolling.halted.up() => Some(Cause::Replica),
            cause = ready => cause,
        };
        let mut steps = unit.steps.iter().filter_map(|id| self.plan.step(*id));
        if cause.is_some() {
            cause
        } else if self.stop.is_asked() {
            Some(Cause::Stop)
        } else if self.is_refused(rolling.rollout) {
            Some(Cause::Replica)
        } else if steps.any(|step| self.is_dead(&step.host)) {
            Some(Cause::Host)
        } else {
            None
        }
    }

    /// Whether something that one of the service's replicas needs has been refused already, its image on one host, say:
    /// then no other replica begins either.
    fn is_refused(&self, rollout: &Rollout) -> bool {
        let steps = rollout.units.iter().flat_map(|unit| &unit.steps);
        let mut needed = steps.filter_map(|id| self.plan.step(*id)).flat_map(|step| &step.after);
        needed.any(|id| self.board.verdict(*id) == Some(Verdict::Not(Cause::Replica)))
    }

    /// Waits the delay, where there is a next replica to wait for.
    async fn pause(&self, rolling: &Rolling<'_>, broken: &Flag) {
        let delay = rolling.rollout.delay.0;
        if delay.is_zero() || !rolling.has_more() || rolling.halted.is_up() || self.stop.is_asked() {
            return;
        }
        self.emit(Event::Delay(rolling.rollout.service.clone(), delay));
        tokio::select! {
            biased;
            () = rolling.halted.up() => {}
            () = broken.up() => {}
            () = self.stop.reached(Urgency::Finish) => {}
            () = sleep(delay) => {}
        }
    }

    /// Does the watch over a replica from when it is up. Its failure is the replica's, and the replica's ends it.
    async fn watch(&self, rolling: &Rolling<'_>, unit: &Unit, broken: &Flag) {
        let Some(id) = unit.watch else { return };
        let watch = async {
            if let Some(up) = self.gate(unit) {
                self.board.ended(up).await;
            }
            self.step(id, true).await
        };
        tokio::select! {
            biased;
            () = broken.up() => {
                self.skip(id, Cause::Replica);
            }
            verdict = watch => match verdict {
                Verdict::Done => {}
                Verdict::Not(cause) => rolling.broke(broken, cause),
            },
        }
    }

    /// The step of a unit that waits until its replica is up.
    fn gate(&self, unit: &Unit) -> Option<StepId> {
        unit.steps.iter().copied().find(|id| {
            self.plan.step(*id).is_some_and(|step| match step.op {
                Op::Gate(GateOp::Up { .. }) => true,
                Op::Gate(GateOp::Stays { .. } | GateOp::Completed { .. })
                | Op::Image(_)
                | Op::Volume(_)
                | Op::File(_)
                | Op::Network(_)
                | Op::Container(_) => false,
            })
        })
    }

    fn skip_all(&self, steps: &[StepId], cause: Cause) {
        for id in steps {
            self.skip(*id, cause);
        }
    }
}
