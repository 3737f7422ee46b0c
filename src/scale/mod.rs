//! A count per service: how many replicas there shall be. Where they stand is `place`'s; load is not looked at yet.

pub mod job;
pub mod version;

use std::collections::BTreeMap;

use crate::model::name::ServiceName;
use crate::observe::Observed;
use crate::resolve::desired::{Desired, Mode};

/// How many replicas each replicated service has. A global service has none here: `place` gives it one per fitting host.
///
/// The observation takes no part yet; a count that follows the load will need it.
pub fn counts(desired: &Desired, _observed: &Observed) -> BTreeMap<ServiceName, u32> {
    desired
        .services
        .iter()
        .filter_map(|(name, service)| match service.mode {
            Mode::Replicated(count) | Mode::ReplicatedJob(count) => Some((name.clone(), count)),
            Mode::Global | Mode::GlobalJob => None,
        })
        .collect()
}
