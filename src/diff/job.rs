//! What is to happen to a replica of a job: it runs once per version and is not compared field by field. Its run's end is what counts.

use std::sync::Arc;

use crate::diff::container::{AS_IT_SHOULD_BE, Judge, entry};
use crate::diff::{SlotDiff, Verdict, plain};
use crate::model::container::{ContainerState, LiveContainer};
use crate::model::name::Slot;
use crate::model::replica::ReplicaSpec;
use crate::place::live::Standing;
use crate::place::{Assignment, Placement};

impl<'a> Judge<'_, 'a> {
    /// A job's replica that has not run in this version.
    pub(super) fn job(
        &mut self,
        slot: &Slot,
        assignment: &Assignment,
        spec: &Arc<ReplicaSpec>,
        mut standings: Vec<Standing<'a>>,
    ) -> SlotDiff<'a> {
        let host = &assignment.host;
        let is_run = |one: &Standing<'_>| one.in_place && one.host == host && self.is_wanted(one.container);
        let usable = |one: &Standing<'_>| match one.container.state {
            ContainerState::Running { .. } | ContainerState::Restarting | ContainerState::Paused => true,
            ContainerState::Created => one.container.owner.fingerprint.as_ref() == Some(&spec.fingerprint()),
            ContainerState::Exited { .. } | ContainerState::Dead => false,
        };
        let at = standings.iter().position(|one| is_run(one) && usable(one));
        let here = at.map(|at| standings.remove(at));
        if here
            .as_ref()
            .is_some_and(|here| here.container.state == ContainerState::Paused)
        {
            let why = "it is paused: unpause it, or remove its container".to_owned();
            return entry(slot, host, Verdict::Waits { stands: true }, why.into());
        }
        // A predecessor that bears another name goes first: then a running one can be given that name.
        standings.sort_by_key(|one| one.in_place);
        let before = standings.iter().find(|one| one.in_place);
        let why = match (&here, before) {
            (Some(here), _) if here.is_live() => "it runs: its end is waited for".to_owned(),
            (None, Some(before)) if self.is_wanted(before.container) => failed(&before.container.state),
            (Some(_) | None, _) => "this version has not run yet".to_owned(),
        };
        let fields = before.filter(|before| here.is_none() && !self.is_wanted(before.container));
        let fields = fields.map(|before| self.compared(spec, before).list);
        let verdict = Verdict::Run {
            spec: Arc::clone(spec),
            here: here.map(Box::new),
            gone: standings,
        };
        let mut own = entry(slot, host, verdict, why.into());
        own.fields = fields.unwrap_or_default().into();
        own
    }

    fn is_wanted(&self, container: &LiveContainer) -> bool {
        let wanted = self.service.job.as_ref();
        wanted
            .zip(container.owner.job.as_ref())
            .is_some_and(|(wanted, run)| run.is(wanted))
    }

    /// A job's replica that has run in this version: the container of its run stays to be looked at, as that of another
    /// version does that has ended. What runs in another version, and what is no job's, goes.
    pub(super) fn finished(&self, slot: &Slot, placement: &Placement, standings: &[Standing<'a>]) -> Vec<SlotDiff<'a>> {
        let mut standings = standings.to_vec();
        let stays = |one: &Standing<'_>| {
            one.in_place
                && one.container.owner.job.is_some()
                && (!one.is_live() || placement.jobs.is_wanted(one.container))
        };
        standings.sort_by_key(|one| !(stays(one) && self.is_wanted(one.container)));
        let at = standings.iter().position(stays);
        let host = at.map(|at| standings.remove(at).host.clone());
        let mut all = vec![plain(slot, Verdict::Keep, host, AS_IT_SHOULD_BE.clone())];
        all.extend(standings.into_iter().map(|gone| {
            let (host, gone) = (Some(gone.host.clone()), Box::new(gone));
            let why = "the version that git wants has run before";
            plain(slot, Verdict::Remove { gone }, host, why.into())
        }));
        all
    }
}

/// How a run of the wanted version ended, so that it runs again.
fn failed(state: &ContainerState) -> String {
    match state {
        ContainerState::Exited { code } => format!("it failed with exit code {code}: it runs again"),
        ContainerState::Created
        | ContainerState::Dead
        | ContainerState::Running { .. }
        | ContainerState::Restarting
        | ContainerState::Paused => "it never came to its end: it runs again".to_owned(),
    }
}
