//! When what was replaced stops: once its successor is up, or, of a blue-green, once all successors are.

use thin_vec::thin_vec;

use crate::diff::Verdict;
use crate::model::policy::Strategy;
use crate::model::text::SharedText;
use crate::place::live::Standing;
use crate::plan::build::{Builder, blank};
use crate::plan::ops::{start, stop};
use crate::plan::rollout::Unit;
use crate::plan::step::{Step, StepId};
use crate::plan::unit::{Draft, Gone, is};

impl Builder<'_> {
    /// Stops what was replaced once its successor is up; of a blue-green when all successors are.
    pub(super) fn stop_old<'d, 'a>(&mut self, draft: &mut Draft<'d, 'a>, strategy: Strategy) {
        let Verdict::Replace {
            old: Some(old),
            beside: true,
            ..
        } = &draft.diff.verdict
        else {
            return;
        };
        let gone = draft.cleanup.iter().find(|gone| *gone.standing == **old);
        let Some(name) = gone.map(|gone| gone.name.clone()).filter(|_| old.is_live()) else {
            return;
        };
        match strategy {
            Strategy::BlueGreen => self.stop_at_switch(draft, old, &name),
            Strategy::Rolling | Strategy::Canary(_) => self.stop(draft, old, &name),
        }
    }

    fn stop_at_switch(&mut self, draft: &Draft<'_, '_>, old: &Standing<'_>, name: &SharedText) {
        self.olds.push(Step {
            pre: is(name, old),
            undo: thin_vec![start(name)],
            ..blank(old.host, Some(draft.slot), stop(name), draft.why)
        });
    }

    /// Of a blue-green that was cut off, the old ones stop when all successors are up as well; gives what else is to stop.
    pub(super) fn switched<'d, 'a>(
        &mut self,
        draft: &mut Draft<'d, 'a>,
        strategy: Strategy,
        extras: Vec<&'d Standing<'a>>,
    ) -> Vec<&'d Standing<'a>> {
        let (Strategy::BlueGreen, Verdict::Start { here }) = (strategy, &draft.diff.verdict) else {
            return extras;
        };
        let is_old = |one: &&Standing<'_>| one.host == here.host && one.is_live();
        let (olds, others) = extras.into_iter().partition(is_old);
        let olds: Vec<&Standing<'a>> = olds;
        for standing in olds {
            let name = standing.name.as_ref().into();
            self.stop_at_switch(draft, standing, &name);
            draft.cleanup.push(Gone { standing, name });
        }
        others
    }

    /// The switch of a blue-green: all old replicas stop once all new ones are up, and from then on these are watched.
    pub(super) fn switch(&mut self, units: &[Unit], cleanup: &[StepId]) -> Vec<StepId> {
        let olds = std::mem::take(&mut self.olds);
        let up: Vec<StepId> = units.iter().filter_map(|unit| unit.steps.last().copied()).collect();
        let mut stops = Vec::new();
        for old in olds {
            let id = self.append(old);
            self.edit(id, |step| step.after = up.as_slice().into());
            stops.push(id);
        }
        if stops.is_empty() {
            return stops;
        }
        for id in units
            .iter()
            .filter_map(|unit| unit.watch)
            .chain(cleanup.iter().copied())
        {
            self.edit(id, |step| step.after.extend(stops.iter().copied()));
        }
        stops
    }
}
