//! Waits for a container to be up, and to stay so. It looks and changes nothing.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::execute::board::Cause;
use crate::execute::run::{Failure, Run};
use crate::host::Host;
use crate::model::container::{ContainerState, Health, LiveContainer};
use crate::model::gate::{Gate, Tried};
use crate::model::unit::Span;

/// Between two looks, at least.
const SOONEST_LOOK: Duration = Duration::from_millis(100);
/// Between two looks, at most.
const LATEST_LOOK: Duration = Duration::from_secs(1);
/// Between these, a look comes after this part of the time that was waited already: what is up is seen a tenth later, at most.
const LOOK_SHARE: u32 = 10;
/// How long a host may fail to answer while something is waited for, until it counts as failed: looking again is harmless.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a container looked: from what restarts are counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Seen {
    /// When it was started; empty where that was not seen yet.
    started_at: String,
    restarts: u64,
}

impl Seen {
    pub(super) fn of(container: &LiveContainer) -> Self {
        Self {
            started_at: container.started_at.clone(),
            restarts: container.restarts,
        }
    }

    /// Whether the container has been started anew since.
    fn is_past(&self, now: &Self) -> bool {
        now.restarts > self.restarts || (!self.started_at.is_empty() && now.started_at != self.started_at)
    }
}

/// Looks at one container time and again, at growing distances.
pub(super) struct Looker<'a> {
    host: &'a dyn Host,
    name: &'a str,
    begun: Instant,
    silent_since: Option<Instant>,
}

impl<'a> Looker<'a> {
    pub(super) fn new(host: &'a dyn Host, name: &'a str) -> Self {
        Self {
            host,
            name,
            begun: Instant::now(),
            silent_since: None,
        }
    }

    /// The container as it is; none where the host does not answer just now.
    pub(super) async fn look(&mut self) -> Result<Option<LiveContainer>, Failure> {
        match self.host.container(self.name).await.map_err(Failure::from) {
            Ok(Some(container)) => {
                self.silent_since = None;
                Ok(Some(container))
            }
            Ok(None) => Err(Failure::replica(format!("{} is gone", self.name))),
            Err(failure) if failure.cause == Cause::Host => {
                let since = *self.silent_since.get_or_insert_with(Instant::now);
                if since.elapsed() < PATIENCE {
                    Ok(None)
                } else {
                    Err(failure)
                }
            }
            Err(failure) => Err(failure),
        }
    }

    /// Waits before the next look, never past `until`.
    pub(super) async fn rest(&self, until: Option<Instant>) {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let distance = (self.begun.elapsed() / LOOK_SHARE).clamp(SOONEST_LOOK, LATEST_LOOK);
        let rest = match left {
            Some(left) if !left.is_zero() => distance.min(left),
            Some(_) | None => distance,
        };
        sleep(rest).await;
    }
}

impl Run<'_> {
    /// Until a container is past its gate; without one, until it is healthy or, where it has no health check, has run through
    /// `monitor` without an end. What a gate says before the deadline is no failure: a program takes its time to listen.
    pub(super) async fn up(
        &self,
        host: &dyn Host,
        name: &str,
        (monitor, timeout): (Span, Span),
        gate: Option<&Gate>,
    ) -> Result<(), Failure> {
        let mut looker = Looker::new(host, name);
        let mut said = None;
        let deadline = Instant::now() + timeout.0;
        let key = (host.name().clone(), name.to_owned());
        let mut first = self.seen.borrow().get(&key).cloned();
        let mut running_since = None;
        loop {
            let mut next = deadline;
            let mut doing = "not answering";
            if let Some(container) = looker.look().await? {
                let now = Seen::of(&container);
                if let Some(wrong) = wrong(name, &container.state, first.as_ref(), &now, gate.is_some()) {
                    return Err(wrong.told(host, name).await);
                }
                let watched = match gate {
                    None => health(&container.state),
                    Some(gate) => through(host, &container, gate, &mut said).await,
                };
                match watched {
                    Watched::Well => {
                        self.see(host, name, now);
                        return Ok(());
                    }
                    Watched::Unchecked => {
                        let since: Instant = *running_since.get_or_insert_with(Instant::now);
                        if since.elapsed() >= monitor.0 {
                            self.see(host, name, now);
                            return Ok(());
                        }
                        (doing, next) = ("", since + monitor.0);
                        first = Some(now);
                    }
                    Watched::NotYet(what) => {
                        doing = what;
                        first.get_or_insert(now);
                    }
                }
            }
            if !doing.is_empty() && Instant::now() >= deadline && looker.silent_since.is_none() {
                let wrong = format!("{name} is {doing} within {timeout}");
                return Err(match (said, gate) {
                    (Some(said), _) => Failure::replica(format!("{wrong}: {said}")),
                    (None, Some(_)) => Failure::replica(wrong),
                    (None, None) => Wrong::Unwell(wrong).told(host, name).await,
                });
            }
            looker.rest(Some(next)).await;
        }
    }

    /// That a container which is up stays so through `monitor`.
    pub(super) async fn stays(&self, host: &dyn Host, name: &str, monitor: Span, gated: bool) -> Result<(), Failure> {
        let mut looker = Looker::new(host, name);
        let end = Instant::now() + monitor.0;
        let key = (host.name().clone(), name.to_owned());
        let mut first = self.seen.borrow().get(&key).cloned();
        loop {
            if let Some(container) = looker.look().await? {
                let now = Seen::of(&container);
                if let Some(wrong) = wrong(name, &container.state, first.as_ref(), &now, gated) {
                    return Err(wrong.told(host, name).await);
                }
                first = Some(now);
                if Instant::now() >= end {
                    return Ok(());
                }
            }
            looker.rest(Some(end)).await;
        }
    }
}

/// Tries the gate of a container that runs, and keeps what it said.
async fn through(host: &dyn Host, container: &LiveContainer, gate: &Gate, said: &mut Option<String>) -> Watched {
    if !container.state.is_running() {
        return health(&container.state);
    }
    // A host that does not answer is the next look's matter; so is a container that has ended meanwhile.
    let why = match host.probe(&container.name, gate).await {
        Ok(Tried::Passed) => return Watched::Well,
        Ok(Tried::Not(why)) => why,
        Err(error) => error.to_string(),
    };
    *said = Some(why);
    Watched::NotYet("not past its gate")
}

/// What a container that has not ended says of its health.
enum Watched {
    Well,
    Unchecked,
    NotYet(&'static str),
}

fn health(state: &ContainerState) -> Watched {
    match state {
        ContainerState::Running { health: None } => Watched::Unchecked,
        ContainerState::Running {
            health: Some(Health::Healthy),
        } => Watched::Well,
        ContainerState::Running {
            health: Some(Health::Starting | Health::Unhealthy),
        } => Watched::NotYet("not healthy"),
        ContainerState::Created
        | ContainerState::Paused
        | ContainerState::Restarting
        | ContainerState::Exited { .. }
        | ContainerState::Dead => Watched::NotYet("not running"),
    }
}

/// What is wrong with a container that is to be up.
enum Wrong {
    /// It has ended, if only once.
    Ended(String),
    /// It is not well; its health check knows more.
    Unwell(String),
}

impl Wrong {
    /// The failure that it is, with what the health check last said. That it can't be asked says nothing new.
    async fn told(self, host: &dyn Host, name: &str) -> Failure {
        Failure::replica(match self {
            Self::Ended(what) => what,
            Self::Unwell(what) => match host.health(name).await {
                Ok(Some(said)) => format!("{what}: {said}"),
                Ok(None) | Err(_) => what,
            },
        })
    }
}

/// Whether the container has ended, was started anew, or is not well: that is the health check's to say, unless a gate does.
fn wrong(name: &str, state: &ContainerState, first: Option<&Seen>, now: &Seen, gated: bool) -> Option<Wrong> {
    match state {
        ContainerState::Exited { code } => Some(Wrong::Ended(format!("{name} exited with code {code}"))),
        ContainerState::Restarting => Some(Wrong::Ended(format!("{name} exited and is being restarted"))),
        ContainerState::Dead => Some(Wrong::Ended(format!("{name} is dead"))),
        ContainerState::Running {
            health: Some(Health::Unhealthy),
        } if !gated => Some(Wrong::Unwell(format!("{name} is unhealthy"))),
        ContainerState::Running {
            health: None | Some(Health::Starting | Health::Healthy | Health::Unhealthy),
        }
        | ContainerState::Created
        | ContainerState::Paused => first
            .is_some_and(|first| first.is_past(now))
            .then(|| Wrong::Ended(format!("{name} exited and was started again"))),
    }
}
