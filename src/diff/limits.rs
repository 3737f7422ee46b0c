//! What containers may use, compared in the words of the YAML; and which of it an engine can change in place. Comparing only.

use std::fmt::Display;

use crate::diff::field::Changes;
use crate::model::runtime::is_default;
use crate::model::setting::Limits;

/// Whether something differs that an engine can't change in place. A limit that goes away altogether is such: a zero is no change
/// to it, but for that of processes. So is swap: what an engine says of it depends on what was asked when the container was made.
pub(super) fn needs_new(live: &Limits, wanted: &Limits) -> bool {
    let Limits {
        cpus,
        memory,
        pids: _,
        memswap,
        cpu_shares,
        cpuset,
        cpu_period,
        cpu_quota,
        cpu_rt_period,
        cpu_rt_runtime,
    } = wanted;
    let counts = [
        (live.cpus.0, cpus.0),
        (live.memory.0, memory.0),
        (live.cpu_shares, *cpu_shares),
        (live.cpu_period, *cpu_period),
        (live.cpu_quota, *cpu_quota),
        (live.cpu_rt_period, *cpu_rt_period),
        (live.cpu_rt_runtime, *cpu_rt_runtime),
    ];
    let goes = counts.iter().any(|(live, wanted)| *wanted == 0 && *live != 0);
    goes || (cpuset.is_empty() && !live.cpuset.is_empty()) || live.memswap != *memswap
}

/// What differs.
pub(super) fn limits(changes: &mut Changes, live: &Limits, wanted: &Limits) {
    let Limits {
        cpus,
        memory,
        pids,
        memswap,
        cpu_shares,
        cpuset,
        cpu_period,
        cpu_quota,
        cpu_rt_period,
        cpu_rt_runtime,
    } = wanted;
    changes.value("deploy.resources.limits.cpus", &live.cpus, cpus);
    changes.value("deploy.resources.limits.memory", &live.memory, memory);
    changes.value("deploy.resources.limits.pids", &live.pids, pids);
    changes.given("memswap_limit", &live.memswap, memswap);
    changes.value("cpu_shares", &live.cpu_shares, cpu_shares);
    changes.value("cpuset", &live.cpuset, cpuset);
    changes.value("cpu_period", &live.cpu_period, cpu_period);
    changes.value("cpu_quota", &live.cpu_quota, cpu_quota);
    changes.value("cpu_rt_period", &live.cpu_rt_period, cpu_rt_period);
    changes.value("cpu_rt_runtime", &live.cpu_rt_runtime, cpu_rt_runtime);
}

impl Changes {
    /// A value that is not shown where it is the default.
    pub(super) fn value<T: Display + Default + PartialEq>(&mut self, field: &'static str, old: &T, new: &T) {
        let shown = |value: &T| (!is_default(value)).then(|| value.to_string());
        self.text(field, shown(old), shown(new));
    }
}
