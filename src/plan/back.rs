//! What brings a replica back to what it was before its update, where that still stands: as a plan's aim, and as the way back of a step.

use thin_vec::thin_vec;

use crate::diff::Verdict;
use crate::model::name::{aborted_name, retired_name};
use crate::model::text::SharedText;
use crate::place::live::Standing;
use crate::plan::build::Builder;
use crate::plan::ops::{remove, rename, start, stop};
use crate::plan::unit::{Draft, Gone, is, up};

impl Builder<'_> {
    /// Lets a unit that goes on with what an update made which was cut off lead back to what was before, where that still stands.
    pub(super) fn leads_back(&mut self, draft: &mut Draft<'_, '_>) {
        let Verdict::Start { here } = &draft.diff.verdict else {
            return;
        };
        let retired = retired_name(&self.input.target.cluster, draft.slot);
        let mut extras = draft.diff.extras.iter();
        let before = extras.find(|one| one.host == here.host && one.name == retired);
        let (Some(before), Some(first)) = (before.filter(|_| here.in_place), draft.steps.first()) else {
            return;
        };
        let (name, retired) = (SharedText::from(here.name.as_ref()), retired.into());
        let mut back = thin_vec![stop(&name), remove(&name), rename(&retired, &name)];
        back.extend((!before.is_live()).then(|| start(&name)));
        // It is walked last, and begins with the stop that would take a start back.
        self.edit(*first, |step| step.undo = back);
        draft.resumes = Some(*first);
    }

    /// Brings back what a replica was before its update, and puts aside what it is.
    pub(super) fn restore<'d, 'a>(
        &mut self,
        draft: &mut Draft<'d, 'a>,
        old: &'d Standing<'a>,
        new: Option<&'d Standing<'a>>,
        beside: bool,
    ) {
        let (name, retired) = (draft.name.clone(), SharedText::from(old.name.as_ref()));
        let begins = |name: &SharedText| (start(name), thin_vec![stop(name)]);
        if beside && !old.is_well() {
            if !old.is_live() {
                let (op, undo) = begins(&retired);
                self.act(draft, old.host, op, is(&retired, old), undo);
            }
            let policy = self.policy(&draft.slot.service).unwrap_or_default();
            let gate = self.asked(&draft.slot.service);
            self.gate(draft, up(&retired, policy, gate));
        }
        if let Some(new) = new {
            let aside: SharedText = aborted_name(&self.input.target.cluster, draft.slot).into();
            if new.is_live() {
                self.stop(draft, new, &name);
            }
            let undo = thin_vec![rename(&aside, &name)];
            self.act(draft, new.host, rename(&name, &aside), is(&name, new), undo);
            draft.cleanup.push(Gone {
                standing: new,
                name: aside,
            });
        }
        if !old.in_place {
            let undo = thin_vec![rename(&name, &retired)];
            self.act(draft, old.host, rename(&retired, &name), is(&retired, old), undo);
        }
        if !beside && !old.is_live() {
            let (op, undo) = begins(&name);
            self.act(draft, old.host, op, is(&name, old), undo);
        }
    }
}
