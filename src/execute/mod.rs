//! Does a plan's steps on the hosts and says how it went: `Outcome`, and a stream of `Event`s. Time is `tokio::time`; it spawns and prints nothing.
//!
//! `run` does one step, `op`, `gate` and `job` what a step asks of a host; `rollout` works through a service's replicas, `undo` takes
//! one back, `back` says what comes of them all. `board` is how they wait for each other, `stop` how they are told to end, `journal`
//! what the hosts remember, and `record` in which words.

pub mod outcome;
pub mod stop;

mod address;
mod again;
mod back;
mod board;
mod firewall;
mod gate;
mod job;
mod journal;
mod op;
mod record;
mod rollout;
mod run;
mod undo;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use futures_util::StreamExt as _;
use futures_util::future::{FutureExt as _, LocalBoxFuture};
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use crate::execute::board::{Cause, Verdict};
use crate::execute::outcome::{Event, Outcome, StepEnd};
use crate::execute::run::Run;
use crate::execute::stop::{Stop, Urgency};
use crate::host::{Credentials, Host};
use crate::model::blob::Opened;
use crate::model::name::HostName;
use crate::model::op::Op;
use crate::plan::step::{Plan, Step, StepId};

/// Answers whether something may begin on a host, else why not.
pub type Lease = Box<dyn Fn(&HostName) -> Result<(), String>>;

/// What an apply goes by besides its plan.
pub struct Options {
    /// How many steps are in work at once over all hosts, at most; waits for a container do not count.
    pub parallel: usize,
    /// The variables of the environment that labels name.
    pub variables: BTreeMap<String, String>,
    /// Who applies: user and machine, for the journal.
    pub by: String,
    /// Which run this is, for the journal: no two have the same.
    pub run: String,
    /// The page of the CI's build, for the journal.
    pub build: Option<String>,
    /// What the plan's files need decrypted.
    pub secrets: Opened,
    /// The time for the journal, RFC 3339 in UTC: it has no clock of its own.
    pub at: Box<dyn Fn() -> String>,
    /// Whether the cluster's lock is ours on a host, by an answer fresh enough for something to begin there; else why not.
    pub lease: Lease,
}

/// Does a plan. It ends when nothing more can be done, when `stop` says so, and leaves a record on every host.
///
/// `credentials` are by the registry's host and port as images name it, `docker.io` for those that name none.
pub async fn execute(
    plan: &Plan,
    hosts: &BTreeMap<HostName, Rc<dyn Host>>,
    credentials: &BTreeMap<String, Credentials>,
    options: &Options,
    stop: &Stop,
    events: &mut dyn FnMut(Event),
) -> Outcome {
    if plan.is_empty() {
        return Outcome::default();
    }
    let began = Instant::now();
    let run = Run::new(plan, hosts, credentials, options, stop, events);
    let mut outcome = tokio::select! {
        biased;
        () = stop.reached(Urgency::Abort) => outcome(&run, true),
        outcome = whole(&run, options) => outcome,
    };
    outcome.took = began.elapsed();
    outcome
}

async fn whole(run: &Run<'_>, options: &Options) -> Outcome {
    let (begun, journal) = run.journal_begin(options).await;
    {
        let mut work = std::pin::pin!(steps(run));
        let work = async {
            tokio::select! {
                biased;
                () = run.stop.reached(Urgency::Finish) => {
                    run.emit(Event::Stopping);
                    work.await;
                }
                () = &mut work => {}
            }
        };
        tokio::select! {
            biased;
            () = work => {}
            never = run.journal_goes_on(&begun, &journal, options) => match never {},
        }
    }
    let outcome = outcome(run, false);
    run.journal_end(begun, journal, &outcome, options).await;
    outcome
}

/// Every step that stands alone and every rollout, beside one another.
async fn steps(run: &Run<'_>) {
    let rolled: BTreeSet<StepId> = run
        .plan
        .rollouts
        .iter()
        .flat_map(|rollout| {
            let units = rollout
                .units
                .iter()
                .flat_map(|unit| unit.steps.iter().chain(&unit.watch));
            units.chain(&rollout.cleanup)
        })
        .chain(&run.plan.tidy)
        .copied()
        .collect();
    let is_alone = |step: &&Step| !rolled.contains(&step.id) && !matches!(step.op, Op::Firewall(_));
    let alone = run.plan.steps.iter().filter(is_alone);
    let alone = alone.map(|step| run.alone(step).boxed_local());
    let rollouts = run.rollouts();
    let firewalls = std::iter::once(run.firewalls().boxed_local());
    let mut all: FuturesUnordered<LocalBoxFuture<'_, ()>> = alone.chain(rollouts).chain(firewalls).collect();
    while all.next().await.is_some() {}
    tidy(run).await;
}

/// Removes what earlier versions left, where all else was done.
async fn tidy(run: &Run<'_>) {
    let tidy = &run.plan.tidy;
    let mut others = run.plan.steps.iter().filter(|step| !tidy.contains(&step.id));
    let well = others.all(|step| run.board.verdict(step.id) == Some(Verdict::Done));
    if well {
        let removals = tidy.iter().map(|id| run.step(*id, false));
        let mut removals: FuturesUnordered<_> = removals.collect();
        while removals.next().await.is_some() {}
    } else {
        for id in tidy {
            run.skip(*id, Cause::Replica);
        }
    }
}

fn outcome(run: &Run<'_>, aborted: bool) -> Outcome {
    let steps = run.board.ends();
    let cut = run.stop.is_asked() && steps.values().any(|end| *end == StepEnd::Skipped);
    Outcome {
        steps,
        services: run.ended.borrow().clone(),
        interrupted: aborted || cut,
        took: std::time::Duration::ZERO,
    }
}
