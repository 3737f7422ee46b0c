//! What a container may use, as an engine takes it when one is made or changed in place, and as it reports it.

use bollard::models::{ContainerUpdateBody, HostConfig};

use crate::dialect::docker::asked::{Asked, kept};
use crate::dialect::docker::{natural, signed};
use crate::model::setting::{Limits, Swap};
use crate::model::unit::{Bytes, Cpus};

fn given(number: u64) -> Option<i64> {
    (number > 0).then_some(signed(number))
}

/// The limits of a container to be made.
pub(super) fn write(limits: &Limits, host: &mut HostConfig) {
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
    } = limits;
    host.nano_cpus = given(cpus.0);
    host.memory = given(memory.0);
    host.pids_limit = given(*pids);
    host.memory_swap = memswap.map(|swap| swap.0);
    host.cpu_shares = given(*cpu_shares);
    host.cpuset_cpus = (!cpuset.is_empty()).then(|| cpuset.clone());
    host.cpu_period = given(*cpu_period);
    host.cpu_quota = given(*cpu_quota);
    host.cpu_realtime_period = given(*cpu_rt_period);
    host.cpu_realtime_runtime = given(*cpu_rt_runtime);
}

/// New limits for a container that exists. A limit of zero leaves what is there: but for that of processes, the API cannot lift
/// one in place.
pub(super) fn update(limits: &Limits) -> ContainerUpdateBody {
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
    } = limits;
    let memory = given(memory.0);
    ContainerUpdateBody {
        nano_cpus: given(cpus.0),
        memory,
        // An engine takes twice the memory where nothing else is asked, and refuses memory above it.
        memory_swap: memswap
            .map(|swap| swap.0)
            .or_else(|| memory.map(|memory| memory.saturating_mul(2))),
        pids_limit: Some(given(*pids).unwrap_or(-1)),
        cpu_shares: given(*cpu_shares),
        cpuset_cpus: (!cpuset.is_empty()).then(|| cpuset.clone()),
        cpu_period: given(*cpu_period),
        cpu_quota: given(*cpu_quota),
        cpu_realtime_period: given(*cpu_rt_period),
        cpu_realtime_runtime: given(*cpu_rt_runtime),
        ..ContainerUpdateBody::default()
    }
}

/// The limits in force.
pub(super) fn read(host: &HostConfig, asked: &Asked) -> Limits {
    let limits = Limits {
        cpus: Cpus(natural(host.nano_cpus)),
        memory: Bytes(natural(host.memory)),
        pids: natural(host.pids_limit),
        memswap: host.memory_swap.map(Swap),
        cpu_shares: natural(host.cpu_shares),
        cpuset: host.cpuset_cpus.clone().unwrap_or_default(),
        cpu_period: natural(host.cpu_period),
        cpu_quota: natural(host.cpu_quota),
        cpu_rt_period: natural(host.cpu_realtime_period),
        cpu_rt_runtime: natural(host.cpu_realtime_runtime),
    };
    let folded = limits.folded();
    // Where the kernel does not account for swap, engines take whatever is asked, or nothing, for -1.
    let memswap = folded.memswap.filter(|swap| swap.0 != -1);
    let memswap = if folded.memswap.is_some() {
        kept(memswap, asked.memswap)
    } else {
        None
    };
    Limits { memswap, ..folded }
}
