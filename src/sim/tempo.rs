//! How long the calls of one simulated host take: each its own time, an engine's work one after another, and none is answered by a
//! host that has fallen silent.

use std::cell::Cell;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep};

use crate::model::name::HostName;
use crate::sim::world::World;

/// Until ssh gives a silent host up: it asks each 5 s, and three questions stay without an answer.
const NOTICED: Duration = Duration::from_secs(20);

/// One host's time.
pub(super) struct Tempo {
    /// From when on it is silent, by the world's time.
    silent: Cell<Option<Duration>>,
    /// An engine that is told to make or start several containers at once is as slow as if it did one after another.
    engine: Semaphore,
}

impl Default for Tempo {
    fn default() -> Self {
        Self {
            silent: Cell::default(),
            engine: Semaphore::new(1),
        }
    }
}

impl Tempo {
    pub(super) fn fall_silent(&self, at: Option<Duration>) {
        self.silent.set(at);
    }

    /// Waits until the engine has made and started what it was told to before, where that takes any time.
    pub(super) async fn turn(&self, takes: Duration) -> Option<SemaphorePermit<'_>> {
        match takes.is_zero() {
            true => None,
            // It is never closed, so there is always a permit in the end.
            false => self.engine.acquire().await.ok(),
        }
    }

    /// Lets a call take its time; says why it has no answer, where the host falls silent before it is over. Nobody waits longer
    /// than `patience` for one.
    pub(super) async fn take(
        &self,
        (takes, patience): (Duration, Duration),
        host: &HostName,
        world: &World,
    ) -> Option<String> {
        let now = world.since_begin(Instant::now());
        match self.silent.get().filter(|silent| *silent < now + takes) {
            Some(silent) => {
                sleep((silent + NOTICED).saturating_sub(now).min(patience)).await;
                Some(format!("{host}: it does not answer any more"))
            }
            None => {
                sleep(takes).await;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_engine_works_on_one_after_another_and_what_takes_no_time_waits_for_nobody() {
        let (tempo, begin) = (Tempo::default(), Instant::now());
        let work = async |takes| {
            let _turn = tempo.turn(takes).await;
            sleep(takes).await;
            begin.elapsed()
        };
        let second = Duration::from_secs(1);
        let (first, next, none) = tokio::join!(work(second), work(2 * second), work(Duration::ZERO));
        let near = |at: Duration, seconds: u128| at.as_millis() / 100 == seconds * 10;
        assert!(
            near(first, 1) && near(next, 3) && near(none, 0),
            "{first:?} {next:?} {none:?}"
        );
    }
}
