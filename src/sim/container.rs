//! One simulated container: what becomes of it by itself as time goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::container::{ContainerState, Health, LiveContainer};
use crate::model::effective::EffectiveSpec;
use crate::model::name::HostName;
use crate::model::setting::Restart;
use crate::sim::world::{Behaviour, Served, World};

/// From a container's end to the engine's next start of it.
const BACKOFF: Duration = Duration::from_secs(1);

/// What was last done to a container.
#[derive(Debug, Clone)]
enum Life {
    /// It is as it was observed, for good.
    Observed,
    /// It was started.
    Started(Instant),
    /// It was stopped.
    Stopped,
}

/// A container of the cluster.
#[derive(Debug, Clone)]
pub(super) struct SimContainer {
    /// As it was observed or made; what changes with time is worked out by [`SimContainer::now`].
    live: LiveContainer,
    life: Life,
    /// Whether it was made here, and not found.
    made: bool,
    /// How it behaves, where its image alone does not say.
    manner: Option<Behaviour>,
}

/// A started container at one moment.
struct Moment {
    state: ContainerState,
    restarts: u64,
    started: Duration,
}

impl SimContainer {
    /// A container as it was found, or as it was just made. What was starting then goes on from there.
    pub(super) fn new(live: LiveContainer, host: &HostName, made: bool, world: &World) -> Self {
        let starting = ContainerState::Running {
            health: Some(Health::Starting),
        };
        let life = if live.state == starting {
            Life::Started(Instant::now())
        } else {
            Life::Observed
        };
        let manner = world.manner(&live, host, made);
        let container = Self {
            live,
            life,
            made,
            manner,
        };
        container.tell(host, world);
        container
    }

    /// How it behaves.
    pub(super) fn behaviour(&self, world: &World) -> Behaviour {
        let known = self.manner.clone();
        known.unwrap_or_else(|| world.behaviour(self.live.owner.image.as_ref()))
    }

    /// Tells the world from when on it serves, where it runs.
    fn tell(&self, host: &HostName, world: &World) {
        let Some(at) = self.started(world) else { return };
        let behaviour = self.behaviour(world);
        let from = match self.live.state {
            ContainerState::Running {
                health: None | Some(Health::Healthy),
            } if matches!(self.life, Life::Observed) => Some(Duration::ZERO),
            _ if matches!(self.life, Life::Observed) => None,
            _ if self.is_checked() => behaviour.healthy_after.map(|after| at + after),
            _ => Some(at),
        };
        let lives = behaviour.exits.map(|(lives, _)| at + lives);
        let ends = behaviour.exits_at.map(|ends| ends.max(at));
        world.serves(Served {
            host: host.clone(),
            slot: self.live.owner.slot.clone(),
            id: self.live.id.clone(),
            made: self.made,
            started: at,
            from,
            until: lives.into_iter().chain(ends).min(),
        });
    }

    /// When it was started; none where it does not run.
    fn started(&self, world: &World) -> Option<Duration> {
        match self.life {
            Life::Observed if self.live.state.is_running() => Some(Duration::ZERO),
            Life::Observed | Life::Stopped => None,
            Life::Started(at) => Some(world.since_begin(at)),
        }
    }

    fn is_checked(&self) -> bool {
        let checked = self.live.spec.as_deref().and_then(|spec| (*spec.healthcheck).as_ref());
        checked.is_some_and(|check| !check.is_none())
    }

    /// What it is made of; none where it is as git wants it, whatever that is.
    pub(super) fn spec(&mut self) -> Option<&mut EffectiveSpec> {
        self.live.spec.as_deref_mut()
    }

    /// The ids of the networks that it was last attached to.
    pub(super) fn network_ids(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.live.network_ids
    }

    pub(super) fn rename(&mut self, name: &str) {
        name.clone_into(&mut self.live.name);
    }

    pub(super) fn start(&mut self, at: Instant, host: &HostName, world: &World) {
        self.live.restarts = 0;
        self.life = Life::Started(at);
        self.tell(host, world);
    }

    /// Stops it; what never ran, or has ended already, stays as it is.
    pub(super) fn stop(&mut self, world: &World) {
        let live = self.now(world);
        match live.state {
            ContainerState::Running { .. } | ContainerState::Paused | ContainerState::Restarting => {
                self.live = live;
                self.live.state = ContainerState::Exited { code: 0 };
                self.life = Life::Stopped;
            }
            ContainerState::Created | ContainerState::Exited { .. } | ContainerState::Dead => {}
        }
    }

    /// How long it has run since it was last started, by itself or not; none where it runs as it was found.
    pub(super) fn uptime(&self, world: &World) -> Option<Duration> {
        match self.life {
            Life::Observed | Life::Stopped => None,
            Life::Started(at) => {
                let behaviour = self.behaviour(world);
                let moment = moment(self.live.spec.as_deref(), &behaviour, at.elapsed());
                Some(at.elapsed().saturating_sub(moment.started))
            }
        }
    }

    /// How it is just now.
    pub(super) fn now(&self, world: &World) -> LiveContainer {
        let mut live = self.live.clone();
        match self.life {
            Life::Observed | Life::Stopped => {}
            Life::Started(at) => {
                let mut behaviour = self.behaviour(world);
                if let Some(ends) = behaviour.exits_at {
                    let lives = ends.saturating_sub(world.since_begin(at));
                    let sooner = behaviour.exits.is_none_or(|(other, _)| lives < other);
                    behaviour.exits = if sooner { Some((lives, 1)) } else { behaviour.exits };
                }
                let moment = moment(live.spec.as_deref(), &behaviour, at.elapsed());
                live.state = moment.state;
                live.restarts += moment.restarts;
                live.started_at = timestamp(world.since_begin(at) + moment.started);
            }
        }
        live
    }
}

/// What a container has come to, so long after its start.
fn moment(spec: Option<&EffectiveSpec>, behaviour: &Behaviour, elapsed: Duration) -> Moment {
    let running = |restarts: u64, started: Duration| {
        let checked = spec.and_then(|spec| (*spec.healthcheck).as_ref());
        let health = checked
            .is_some_and(|check| !check.is_none())
            .then(|| health(behaviour, elapsed - started));
        Moment {
            state: ContainerState::Running { health },
            restarts,
            started,
        }
    };
    let Some((lives, code)) = behaviour.exits else {
        return running(0, Duration::ZERO);
    };
    let cycle = lives + BACKOFF;
    let most = match spec.map(|spec| spec.restart).unwrap_or_default() {
        Restart::Always | Restart::UnlessStopped => u64::MAX,
        Restart::OnFailure(0) if code != 0 => u64::MAX,
        Restart::OnFailure(times) if code != 0 => u64::from(times),
        Restart::No | Restart::OnFailure(_) => 0,
    };
    let ended = u64::try_from(elapsed.as_nanos() / cycle.as_nanos()).unwrap_or(u64::MAX);
    let restarts = ended.min(most);
    let started = cycle.saturating_mul(u32::try_from(restarts).unwrap_or(u32::MAX));
    if elapsed.saturating_sub(started) < lives {
        return running(restarts, started);
    }
    let state = if restarts == most {
        ContainerState::Exited { code }
    } else {
        ContainerState::Restarting
    };
    Moment {
        state,
        restarts,
        started,
    }
}

fn health(behaviour: &Behaviour, uptime: Duration) -> Health {
    let past = |after: Option<Duration>| after.is_some_and(|after| uptime >= after);
    if past(behaviour.healthy_after) {
        Health::Healthy
    } else if past(behaviour.unhealthy_after) {
        Health::Unhealthy
    } else {
        Health::Starting
    }
}

/// A moment of the world as RFC 3339; the world begins in 1970.
fn timestamp(since: Duration) -> String {
    let nanos = i128::try_from(since.as_nanos()).unwrap_or(i128::MAX);
    let timestamp = jiff::Timestamp::from_nanosecond(nanos);
    timestamp.map(|timestamp| timestamp.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_that_exits_is_restarted_as_its_policy_says() {
        let behaviour = Behaviour {
            exits: Some((Duration::from_secs(2), 1)),
            ..Behaviour::default()
        };
        let at = |restart, seconds| {
            let spec = EffectiveSpec {
                restart,
                ..EffectiveSpec::default()
            };
            let moment = moment(Some(&spec), &behaviour, Duration::from_secs(seconds));
            format!("{} {}", moment.state, moment.restarts)
        };
        assert_eq!(at(Restart::No, 1), "running 0");
        assert_eq!(at(Restart::No, 2), "exited (1) 0");
        assert_eq!(at(Restart::Always, 2), "restarting 0");
        assert_eq!(at(Restart::Always, 7), "running 2");
        assert_eq!(at(Restart::OnFailure(1), 4), "running 1");
        assert_eq!(at(Restart::OnFailure(1), 60), "exited (1) 1");
    }
}
