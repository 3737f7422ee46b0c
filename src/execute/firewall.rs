//! A change of a host's firewall: tried, confirmed over a new connection, or taken back. Never left in between.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep, timeout_at};

use crate::execute::outcome::StepEnd;
use crate::execute::run::{Failure, Run};
use crate::host::{Host, HostError, Trial};
use crate::model::firewall::{FirewallChange, Phase, Probe, RuleSet, Way};
use crate::model::gate::Tried;
use crate::model::op::{FirewallOp, Op};
use crate::model::unit::Span;
use crate::plan::step::Step;

/// What is left of the time for the confirmation when cdk gives up and takes the change back itself.
const SPARE: Duration = Duration::from_secs(2);
/// From one try of a port to the next.
const AGAIN: Duration = Duration::from_millis(500);

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
        let (pending, within, probes, scant) = match op {
            FirewallOp::Change(change) => {
                let Trial { pending, way, anew } = firewall.change(change).await?;
                let rules = change.rules.as_ref().zip(way);
                let scant = rules.and_then(|(rules, way)| shut(rules, way, anew));
                (pending, change.confirm_timeout, change.probes.as_slice(), scant)
            }
            FirewallOp::Undo { confirm_timeout } => {
                let pending = firewall.undo(*confirm_timeout).await?;
                (pending, *confirm_timeout, [].as_slice(), None)
            }
        };
        let until = Instant::now() + patience(within);
        let unreached = match scant {
            Some(why) => Some(why),
            None => self.unreached(probes, until).await,
        };
        let why = match unreached {
            Some(why) => why,
            None => match firewall
                .confirm(&pending, until.saturating_duration_since(Instant::now()))
                .await
            {
                Ok(()) => return Ok(()),
                Err(error) => not_anew(&error),
            },
        };
        // The present connection lives on, whatever the rules say. Where it does not, the host needs nobody for this.
        Err(unconfirmed(&why, firewall.retract().await, within))
    }

    /// Tries what must stay open, again and again until then; says what of it was not reached.
    async fn unreached(&self, probes: &[Probe], until: Instant) -> Option<String> {
        let mut work: FuturesUnordered<_> = probes.iter().map(|probe| self.probe(probe, until)).collect();
        let mut failed = None;
        while let Some(tried) = work.next().await {
            failed = failed.or(tried.err());
        }
        failed
    }

    /// Tries one port until it is reached, or until then.
    async fn probe(&self, probe: &Probe, until: Instant) -> Result<(), String> {
        let Probe { from, to, port, rule } = probe;
        let not = |why: &str| {
            format!(
                "the change was not confirmed: {from} does not reach {port}/tcp at {to}, which the rule {rule} probes ({why})"
            )
        };
        let host = self.host(from).map_err(|failure| not(&failure.error))?;
        let address = SocketAddr::new(*to, *port);
        let mut why = "no answer in time".to_owned();
        loop {
            why = match timeout_at(until, host.reaches(address)).await {
                Ok(Ok(Tried::Passed)) => return Ok(()),
                Ok(Ok(Tried::Not(why))) => why,
                Ok(Err(error)) => error.to_string(),
                Err(_) => why,
            };
            if Instant::now() + AGAIN >= until {
                return Err(not(&why));
            }
            sleep(AGAIN).await;
        }
    }
}

/// Why the confirmation would not tell that cdk comes in again: it would be the last that is let in, or needs no new connection.
fn shut(rules: &RuleSet, way: Way, anew: bool) -> Option<String> {
    let from = way.from;
    if let Some(rule) = rules.scant(way) {
        let limit = rule.limit.map(|limit| format!(", at most {limit}")).unwrap_or_default();
        return Some(format!(
            "the change was not confirmed: {from} comes in by SSH only by the rule {}{limit}, and would soon be locked out: add it to `admin`",
            rule.name
        ));
    }
    (!anew && !rules.lets_in(way)).then(|| {
        format!(
            "the change was not confirmed: cdk runs on the host itself, over SSH from {from}, and the rules let nobody in from there: add it \
             to `admin`"
        )
    })
}

/// Why a change was not confirmed, and what became of it.
pub(super) fn unconfirmed(why: &str, retracted: Result<(), HostError>, within: Span) -> Failure {
    let back = match retracted {
        Ok(()) => "it was taken back".to_owned(),
        Err(HostError::NotFound(_)) => "nothing waits there any more: plan again to see what stands".to_owned(),
        Err(_) => format!("the host takes it back by itself within {within}"),
    };
    Failure::replica(format!("{why}, and {back}"))
}

/// That no new connection confirmed a change.
pub(super) fn not_anew(error: &HostError) -> String {
    format!("the change was not confirmed over a new connection ({error})")
}

/// What is waited for before a step begins: the delay between two batches of hosts.
pub(super) fn delay(op: &Op) -> Option<Duration> {
    change(op).map(|change| change.wait.0).filter(|wait| !wait.is_zero())
}

fn phase(op: &Op) -> Option<Phase> {
    change(op).map(|change| change.phase)
}

fn change(op: &Op) -> Option<&FirewallChange> {
    match op {
        Op::Firewall(FirewallOp::Change(change)) => Some(change),
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
