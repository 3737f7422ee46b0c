//! Services whose update failed are left alone, until they change in git or a person says otherwise. Which these are is `scale`'s.

use std::collections::BTreeMap;

use crate::diff::depends::hold_back;
use crate::diff::{Diff, Verdict};
use crate::model::journal::Halted;
use crate::model::name::ServiceName;
use crate::model::text::SharedText;

/// Takes out what would be done to these services. What is as git says already stays so, and is no longer told.
pub(super) fn leave(diff: &mut Diff<'_>, halted: &BTreeMap<ServiceName, Halted>) {
    for (name, halted) in halted {
        let Some(service) = diff.services.get_mut(name) else {
            continue;
        };
        let why = halted.how.to_string();
        hold_back(&mut service.slots, &why);
        for slot in &mut service.slots {
            if let Verdict::Remove { .. } = slot.verdict {
                slot.verdict = Verdict::Waits { stands: true };
                slot.why = SharedText::from(why.as_str());
            }
        }
    }
}
