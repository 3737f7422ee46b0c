//! A change of a host's firewall: tried, confirmed over a new connection, or taken back. Never left in between.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::sleep;

use crate::execute::outcome::StepEnd;
use crate::execute::run::{Failure, Run};
use crate::host::{Host, HostError};
use crate::model::firewall::Phase;
use crate::model::op::{FirewallOp, Op};
use crate::model::unit::Span;
use crate::plan::step::Step;

/// What is left of the time for the confirmation when cdk gives up and takes the change back itself.
const SPARE: Duration = Duration::from_secs(2);

impl Run<'_> {
    /// All changes of firewalls, each when it may begin. Where one fails, those of the same phase that were done are taken back: what
    /// comes after them has not begun.
    pub(super) async fn firewalls(&self) {
        let steps: Vec<(&Step, Phase)> = self
            .plan
            .steps
            .iter()
            .filter_map(|step| Some((step, phase(&step.op)?)))
            .collect();
        for phase in [Phase::Open, Phase::Close] {
            let steps = || steps.iter().filter(|(_, of)| *of == phase).map(|(step, _)| *step);
            let mut work: FuturesUnordered<_> = steps().map(|step| self.step(step.id, false)).collect();
            while work.next().await.is_some() {}
            drop(work);
            let has_failed = steps().any(|step| matches!(self.board.end(step.id), StepEnd::Failed(_)));
            let done = steps().filter(|step| has_failed && self.board.end(step.id) == StepEnd::Done);
            let mut back: FuturesUnordered<_> = done.map(|step| self.undo_step(step)).collect();
            while back.next().await.is_some() {}
        }
    }

    pub(super) async fn firewall(&self, host: &dyn Host, op: &FirewallOp) -> Result<(), Failure> {
        let firewall = host.firewall(&self.plan.cluster);
        let (pending, within) = match op {
            FirewallOp::Change(change) => {
                sleep(change.wait.0).await;
                self.leased(host.name())?;
                (firewall.change(change).await?, change.confirm_timeout)
            }
            FirewallOp::Undo { confirm_timeout } => match firewall.undo(*confirm_timeout).await {
                Err(HostError::NotFound(_)) => return Ok(()),
                pending => (pending?, *confirm_timeout),
            },
        };
        let Err(error) = firewall.confirm(&pending, patience(within)).await else {
            return Ok(());
        };
        // The present connection lives on, whatever the rules say. Where it does not, the host needs nobody for this.
        Err(unconfirmed(&error, firewall.retract().await, within))
    }
}

/// That a change was not confirmed, and what became of it.
pub(super) fn unconfirmed(error: &HostError, retracted: Result<(), HostError>, within: Span) -> Failure {
    let back = match retracted {
        Ok(()) => "it was taken back".to_owned(),
        Err(_) => format!("the host takes it back by itself within {within}"),
    };
    let why = format!("the change was not confirmed over a new connection, and {back}: {error}");
    Failure::replica(why)
}

fn phase(op: &Op) -> Option<Phase> {
    match op {
        Op::Firewall(FirewallOp::Change(change)) => Some(change.phase),
        Op::Firewall(FirewallOp::Undo { .. })
        | Op::Image(_)
        | Op::Volume(_)
        | Op::File(_)
        | Op::Network(_)
        | Op::Container(_)
        | Op::Address(_)
        | Op::Gate(_) => None,
    }
}

/// How long the confirmation is waited for.
pub(super) fn patience(within: Span) -> Duration {
    let half = within.0 / 2;
    within.0.saturating_sub(SPARE).max(half)
}
