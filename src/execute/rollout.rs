//! One service's replicas on their way forth: workers take them in order, and a watch goes on beside each. What comes of failures is `back`'s.

use std::cell::{Cell, RefCell};

use futures_util::StreamExt as _;
use futures_util::future::join;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

use crate::execute::board::{Cause, Verdict};
use crate::execute::outcome::Event;
use crate::execute::run::Run;
use crate::execute::stop::{Flag, Urgency};
use crate::execute::undo::{Restored, Undone};
use crate::model::name::HostName;
use crate::model::op::{GateOp, Op};
use crate::model::policy::FailureAction;
use crate::plan::rollout::{Rollout, Unit};
use crate::plan::step::StepId;

/// A rollout under way.
pub(super) struct Rolling<'a> {
    pub(super) rollout: &'a Rollout,
    /// One permit for each worker.
    workers: Semaphore,
    /// How many workers there are still: some stay with a replica that could not be taken back.
    hands: Cell<usize>,
    /// The units that no worker has taken yet.
    pending: RefCell<Vec<&'a Unit>>,
    /// Those that workers are on.
    in_work: RefCell<Vec<&'a Unit>>,
    /// No other replica begins.
    halted: Flag,
    /// The replicas that were begun and ended well.
    pub(super) well: RefCell<Vec<&'a Unit>>,
    /// How many replicas failed by themselves.
    failures: Cell<usize>,
    /// Something stood in a replica's way that is not its own fault.
    barred: Cell<bool>,
    /// A replica that failed could not be taken back.
    stuck: Cell<bool>,
}

/// Why a unit came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    /// Another's trouble ended the rollout before it began.
    Halted,
    /// What it needs can't be had, or its host failed, or a signal came.
    Barred(Cause),
    /// It failed by itself.
    Failed,
}

impl<'a> Rolling<'a> {
    pub(super) fn new(rollout: &'a Rollout) -> Self {
        let workers = workers(rollout.parallelism, rollout.units.len());
        Self {
            rollout,
            hands: Cell::new(workers.available_permits()),
            workers,
            pending: RefCell::new(rollout.units.iter().collect()),
            in_work: RefCell::default(),
            halted: Flag::new(),
            well: RefCell::default(),
            failures: Cell::new(0),
            barred: Cell::new(false),
            stuck: Cell::new(false),
        }
    }

    /// Whether there are replicas that nobody began.
    pub(super) fn has_more(&self) -> bool {
        !self.pending.borrow().is_empty()
    }

    /// No other replica begins.
    pub(super) fn halt(&self) {
        self.halted.raise();
    }

    /// Whether more replicas have failed than may.
    pub(super) fn is_over(&self) -> bool {
        let ratio = self.rollout.on_failure.as_ref().map(|it| it.max_failure_ratio);
        let ratio = ratio.unwrap_or_default();
        ratio.is_exceeded(self.failures.get(), self.rollout.units.len())
    }

    /// Whether so many replicas have failed that no other begins.
    pub(super) fn is_ended(&self) -> bool {
        self.is_over() && !self.goes_on()
    }

    fn goes_on(&self) -> bool {
        self.rollout.on_failure.as_ref().is_some_and(|it| match it.action {
            FailureAction::Continue => true,
            FailureAction::Pause | FailureAction::Rollback => false,
        })
    }

    /// Whether every replica was begun, and ended well.
    pub(super) fn is_well(&self) -> bool {
        self.failures.get() == 0 && !self.barred.get() && !self.has_more()
    }

    /// Whether something stood in a replica's way that is not its own fault.
    pub(super) fn is_barred(&self) -> bool {
        self.barred.get()
    }

    /// Whether a replica that failed could not be taken back.
    pub(super) fn is_stuck(&self) -> bool {
        self.stuck.get()
    }

    /// A worker whose replica could not be taken back stays with it: it may be down, and so counts as worked on. With the last one
    /// the rollout ends.
    fn lose(&self, worker: Option<SemaphorePermit<'_>>) {
        let Some(worker) = worker else { return };
        if self.hands.get() > 1 {
            self.hands.set(self.hands.get() - 1);
            worker.forget();
        } else {
            self.halted.raise();
        }
    }

    /// Ends a unit, and perhaps the rollout.
    fn broke(&self, flag: &Flag, broken: Broken) {
        flag.raise();
        match broken {
            Broken::Halted => {}
            Broken::Barred(cause) => {
                self.barred.set(true);
                match cause {
                    Cause::Replica | Cause::Moved => self.halted.raise(),
                    Cause::Host | Cause::Stop => {}
                }
            }
            Broken::Failed => {
                self.failures.set(self.failures.get() + 1);
                if self.is_ended() {
                    self.halted.raise();
                }
            }
        }
    }
}

impl<'a> Run<'a> {
    /// Works through a service's replicas, as far as that goes.
    pub(super) async fn forth(&self, rolling: &Rolling<'a>) {
        let turns = rolling.rollout.units.iter().map(|_| self.turn(rolling));
        let mut turns: FuturesUnordered<_> = turns.collect();
        while turns.next().await.is_some() {}
    }

    /// One worker's turn: takes the next replica and sees it through, its watch included. The next turn may begin
    /// when the replica's steps and the delay are over, or, where it failed, when it is taken back.
    async fn turn(&self, rolling: &Rolling<'a>) {
        let Ok(worker) = rolling.workers.acquire().await else {
            return;
        };
        let Some(unit) = self.take(rolling) else {
            return;
        };
        let broken = Flag::new();
        let work = async {
            let worker = self.work(rolling, unit, &broken, worker).await;
            rolling.in_work.borrow_mut().retain(|other| !std::ptr::eq(*other, unit));
            worker
        };
        let (worker, ()) = join(work, self.watch(rolling, unit, &broken)).await;
        if broken.is_up() {
            self.switch_back(rolling.rollout, unit).await;
            let Undone { restored, error } = self.undo(unit).await;
            // Where others follow, it counts as worked on until it serves again.
            let back = match restored.filter(|_| rolling.has_more() && !rolling.halted.is_up()) {
                Some(Restored { host, name }) => self.serves_again(rolling.rollout, &host, &name).await,
                None => true,
            };
            rolling.stuck.set(rolling.stuck.get() || error.is_some());
            if error.is_some() || !back {
                return rolling.lose(worker);
            }
        } else {
            rolling.well.borrow_mut().push(unit);
        }
        drop(worker);
    }

    /// The next replica: the first one whose host and zone no other worker is on, among those that wait for nobody else; where
    /// there is none, the one that is next in the order, which waits for none behind it.
    fn take(&self, rolling: &Rolling<'a>) -> Option<&'a Unit> {
        let mut pending = rolling.pending.borrow_mut();
        let mut in_work = rolling.in_work.borrow_mut();
        let crowded = |unit: &Unit| {
            let same_host = |other: &&Unit| {
                self.hosts_of(other)
                    .any(|host| self.hosts_of(unit).any(|own| own == host))
            };
            let same_zone = |other: &&Unit| unit.zone.is_some() && other.zone == unit.zone;
            2 * u8::from(in_work.iter().any(same_host)) + u8::from(in_work.iter().any(same_zone))
        };
        let mut best = None;
        // Where all begin at once, or nobody is at work, there is nothing to choose.
        let chooses = !in_work.is_empty() && rolling.workers.available_permits() < pending.len();
        for (at, unit) in pending.iter().enumerate().take_while(|_| chooses) {
            let crowded = crowded(unit);
            if best.is_none_or(|(least, _)| crowded < least) && self.is_free(unit) {
                best = Some((crowded, at));
            }
            if best.is_some_and(|(least, _)| least == 0) {
                break;
            }
        }
        let at = best.map_or(0, |(_, at)| at);
        let unit = (at < pending.len()).then(|| pending.remove(at))?;
        in_work.push(unit);
        Some(unit)
    }

    fn hosts_of<'s>(&'s self, unit: &'s Unit) -> impl Iterator<Item = &'s HostName> {
        let steps = unit.steps.iter().filter_map(|id| self.plan.step(*id));
        steps.map(|step| &step.host)
    }

    /// Whether a unit waits for nothing but its own steps.
    fn is_free(&self, unit: &Unit) -> bool {
        let steps = unit.steps.iter().filter_map(|id| self.plan.step(*id));
        let mut before = steps.flat_map(|step| step.after.iter().chain(&step.settled));
        before.all(|id| unit.steps.contains(id) || self.board.verdict(*id).is_some())
    }

    /// Does a replica's steps in order, then waits the delay and lets the worker go; keeps it where the replica failed.
    /// The delay runs from when the replica is up: the old one of start-first stops meanwhile.
    async fn work<'s>(
        &self,
        rolling: &Rolling<'_>,
        unit: &Unit,
        broken: &Flag,
        worker: SemaphorePermit<'s>,
    ) -> Option<SemaphorePermit<'s>> {
        if let Some(hurdle) = self.hurdle(rolling, unit).await {
            let cause = match hurdle {
                Broken::Barred(cause) => cause,
                Broken::Halted | Broken::Failed => Cause::Replica,
            };
            rolling.broke(broken, hurdle);
            self.skip_all(&unit.steps, cause);
            return Some(worker);
        }
        let gate = self.gate(unit);
        let mut up = None;
        for (at, id) in unit.steps.iter().enumerate() {
            let verdict = if broken.is_up() {
                Verdict::Not(Cause::Replica)
            } else {
                self.step(*id, true).await
            };
            if let Verdict::Not(cause) = verdict {
                // Where the watch broke it, that was counted.
                if !broken.is_up() {
                    rolling.broke(broken, of(cause));
                }
                self.skip_all(unit.steps.get(at..).unwrap_or_default(), cause);
                return Some(worker);
            }
            if gate == Some(*id) {
                up = Some(Instant::now());
            }
        }
        self.pause(rolling, broken, up.unwrap_or_else(Instant::now)).await;
        broken.is_up().then_some(worker)
    }

    /// Waits until a replica's first step may begin; says why it may not begin at all.
    async fn hurdle(&self, rolling: &Rolling<'_>, unit: &Unit) -> Option<Broken> {
        let first = unit.steps.first().and_then(|id| self.plan.step(*id));
        let ready = async {
            match first {
                Some(first) => self.ready(first).await.map(Broken::Barred),
                None => None,
            }
        };
        let hurdle = tokio::select! {
            biased;
            () = rolling.halted.up() => Some(Broken::Halted),
            hurdle = ready => hurdle,
        };
        let mut steps = unit.steps.iter().filter_map(|id| self.plan.step(*id));
        if hurdle.is_some() {
            hurdle
        } else if self.stop.is_asked() {
            Some(Broken::Barred(Cause::Stop))
        } else if self.is_refused(rolling.rollout) {
            Some(Broken::Barred(Cause::Replica))
        } else if steps.any(|step| self.is_dead(&step.host)) {
            Some(Broken::Barred(Cause::Host))
        } else {
            None
        }
    }

    /// Whether something that one of the service's replicas needs has been refused already, its image on one host, say:
    /// then no other replica begins either.
    fn is_refused(&self, rollout: &Rollout) -> bool {
        let steps = rollout.units.iter().flat_map(|unit| &unit.steps);
        let steps = steps.filter_map(|id| self.plan.step(*id));
        // What comes after a step of its own replica says nothing to the others.
        let mut needed = steps.flat_map(|step| step.after.iter().map(move |id| (id, step.slot.as_ref())));
        needed.any(|(id, slot)| {
            let is_own = || self.plan.step(*id).is_some_and(|before| before.slot.as_ref() == slot);
            self.board.verdict(*id) == Some(Verdict::Not(Cause::Replica)) && (slot.is_none() || !is_own())
        })
    }

    /// Waits the delay since the replica is up, where there is a next one to wait for.
    async fn pause(&self, rolling: &Rolling<'_>, broken: &Flag, up: Instant) {
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
            () = sleep_until(up + delay) => {}
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
                // The replica itself never came up: that was counted.
                Verdict::Not(_) if broken.is_up() => {}
                Verdict::Not(cause) => rolling.broke(broken, of(cause)),
            },
        }
    }

    /// The step of a unit that waits until its replica is up.
    pub(super) fn gate(&self, unit: &Unit) -> Option<StepId> {
        unit.steps.iter().copied().find(|id| {
            self.plan.step(*id).is_some_and(|step| match step.op {
                Op::Gate(GateOp::Up { .. }) => true,
                Op::Gate(GateOp::Stays { .. } | GateOp::Completed { .. })
                | Op::Image(_)
                | Op::Volume(_)
                | Op::File(_)
                | Op::Network(_)
                | Op::Firewall(_)
                | Op::Address(_)
                | Op::Container(_) => false,
            })
        })
    }

    pub(super) fn skip_all(&self, steps: &[StepId], cause: Cause) {
        for id in steps {
            self.skip(*id, cause);
        }
    }
}

/// One permit for each worker; `parallelism` 0 is one for each unit.
pub(super) fn workers(parallelism: u32, units: usize) -> Semaphore {
    let workers = match usize::try_from(parallelism) {
        Ok(0) | Err(_) => units,
        Ok(workers) => workers,
    };
    Semaphore::new(workers.min(Semaphore::MAX_PERMITS))
}

/// What a step that came to nothing means to its unit.
fn of(cause: Cause) -> Broken {
    match cause {
        Cause::Replica => Broken::Failed,
        Cause::Moved | Cause::Host | Cause::Stop => Broken::Barred(cause),
    }
}
