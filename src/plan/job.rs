//! The steps of a job's run. Those of other replicas are `unit`'s.

use std::sync::Arc;

use thin_vec::{ThinVec, thin_vec};

use crate::model::name::retired_name;
use crate::model::op::{GateOp, Op};
use crate::model::replica::ReplicaSpec;
use crate::model::text::SharedText;
use crate::model::unit::Span;
use crate::place::live::Standing;
use crate::plan::build::Builder;
use crate::plan::ops::{remove, rename, start, stop};
use crate::plan::step::Precondition;
use crate::plan::unit::{Draft, is};

impl Builder<'_> {
    /// A job's run: what stands of others goes first, for two versions never run side by side. Nothing of that is taken back.
    pub(super) fn run<'a>(
        &mut self,
        draft: &mut Draft<'_, 'a>,
        spec: &Arc<ReplicaSpec>,
        here: Option<&Standing<'a>>,
        gone: &[Standing<'a>],
    ) {
        let Some(version) = self.job(&draft.slot.service).cloned() else {
            return;
        };
        for one in gone {
            let mut name = SharedText::from(one.name.as_ref());
            if one.is_live() && one.in_place {
                // One that is stopped may end with code 0: under another name nobody takes that for success.
                let retired = retired_name(&self.input.target.cluster, draft.slot).into();
                self.act(draft, one.host, rename(&name, &retired), is(&name, one), ThinVec::new());
                name = retired;
            }
            if one.is_live() {
                let stopped = self.act(draft, one.host, stop(&name), is(&name, one), ThinVec::new());
                self.release(one, stopped);
            }
            self.leaves(one, &name);
            self.act(draft, one.host, remove(&name), is(&name, one), ThinVec::new());
        }
        let name = draft.name.clone();
        match here {
            None => self.create(draft, spec, None),
            Some(here) if here.is_live() => {}
            Some(here) => {
                self.act(draft, draft.host, start(&name), is(&name, here), thin_vec![stop(&name)]);
            }
        }
        let timeout = self.policy(&draft.slot.service).map(|policy| policy.timeout);
        let gate = Op::Gate(GateOp::Completed {
            name: name.clone(),
            version,
            timeout: timeout.filter(|timeout| *timeout != Span::default()),
        });
        // Taken back only where the deadline passed; what ended by itself, or may still run, is left.
        self.act(
            draft,
            draft.host,
            gate,
            Precondition::None,
            thin_vec![stop(&name), remove(&name)],
        );
    }
}
