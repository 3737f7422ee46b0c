//! One call to a simulated host: it takes its time, may be refused or lost on the way, and is counted. What it does is the caller's.

use std::time::Duration;

use crate::host::HostError;
use crate::host::call::SMALL;
use crate::sim::host::SimHost;
use crate::sim::reach::Lost;
use crate::sim::state::State;
use crate::sim::world::Kill;

impl SimHost {
    pub(super) async fn read<T>(&self, effect: impl FnOnce(&State) -> Result<T, HostError>) -> Result<T, HostError> {
        self.call((Duration::ZERO, SMALL), |state| effect(state)).await
    }

    pub(super) async fn change<T>(
        &self,
        what: String,
        takes: Duration,
        effect: impl FnOnce(&mut State) -> Result<T, HostError>,
    ) -> Result<T, HostError> {
        self.world.note(&self.name, &what);
        let refused = self.refused.borrow().get(&what).cloned();
        self.call((takes, Duration::MAX), |state| match refused {
            Some(words) => Err(HostError::Refused(words)),
            None => effect(state),
        })
        .await
    }

    async fn call<T>(
        &self,
        (takes, patience): (Duration, Duration),
        effect: impl FnOnce(&mut State) -> Result<T, HostError>,
    ) -> Result<T, HostError> {
        let number = self.world.count();
        let lost = self.reach.count();
        self.world.pass(Kill::Before(number)).await;
        let times = (self.world.latency() + takes, patience);
        let silent = self.tempo.take(times, &self.name, &self.world).await;
        let lost = lost.or(silent.map(|why| Lost { why, unheard: false }));
        let result = match lost {
            Some(lost) => {
                if lost.unheard {
                    let _ = effect(&mut self.state.borrow_mut());
                }
                Err(HostError::Unreachable(lost.why))
            }
            None => effect(&mut self.state.borrow_mut()),
        };
        self.world.pass(Kill::After(number)).await;
        result
    }
}
