//! What a service's containers may use, in the words of `deploy.resources` and in Compose's older ones: which must say the same.

use std::fmt::Display;

use crate::model::problem::Problem;
use crate::model::setting::{Limits, Restart, Swap};
use crate::model::unit::{Bytes, Cpus};
use crate::resolve::desired::Mode;
use crate::resolve::problems::locate_key;
use crate::resolve::service::{Reading, path};
use crate::resolve::shape::deploy::{ConditionShape, LimitShape, ReservationShape, ResourcesShape, RestartShape};
use crate::resolve::shape::device::RequestShape;
use crate::resolve::shape::number::{Micros, Within};
use crate::resolve::shape::plain::Plain;
use crate::resolve::shape::runtime::LimitsShape;

/// What a replica is promised.
pub struct Reserved {
    /// CPUs: for placement only.
    pub cpus: Cpus,
    /// Memory: for placement only.
    pub memory: Bytes,
    /// Devices that a driver chooses.
    pub devices: Vec<RequestShape>,
}

impl Reading<'_> {
    /// What a replica may use, and what it is promised.
    pub fn amounts(&mut self, resources: ResourcesShape, shape: LimitsShape) -> (Limits, Reserved) {
        let LimitsShape {
            cpus: old_cpus,
            mem_limit,
            mem_reservation,
            pids_limit,
            memswap_limit,
            cpu_shares,
            cpuset,
            cpu_period,
            cpu_quota,
            cpu_rt_period,
            cpu_rt_runtime,
        } = shape;
        let ResourcesShape { limits, reservations } = resources;
        let LimitShape { cpus, memory, pids } = limits.unwrap_or_default();
        let ReservationShape {
            cpus: reserved_cpus,
            memory: reserved_memory,
            devices,
        } = reservations.unwrap_or_default();
        let micros = |micros: Option<Plain<Micros>>| micros.map_or(0, |micros| micros.0.0);
        let pids_of = |pids: Plain<Within<-1, { i64::MAX }>>| u64::try_from(pids.0.0).unwrap_or(0);
        let at = |section: &'static str, key: &'static str| ["deploy", "resources", section, key];
        let limits = Limits {
            cpus: self.same(
                "cpus",
                old_cpus.map(|it| it.0.0),
                &at("limits", "cpus"),
                cpus.map(|it| it.0.0),
            ),
            memory: self.same(
                "mem_limit",
                mem_limit.map(|it| it.0.0),
                &at("limits", "memory"),
                memory.map(|it| it.0.0),
            ),
            pids: self.same(
                "pids_limit",
                pids_limit.map(pids_of),
                &at("limits", "pids"),
                pids.map(pids_of),
            ),
            memswap: memswap_limit.map(|swap| swap.0.0),
            cpu_shares: cpu_shares.map_or(0, |shares| u64::try_from(shares.0.0).unwrap_or(0)),
            cpuset: cpuset.map(|cpus| cpus.0).unwrap_or_default(),
            cpu_period: micros(cpu_period),
            cpu_quota: micros(cpu_quota),
            cpu_rt_period: micros(cpu_rt_period),
            cpu_rt_runtime: micros(cpu_rt_runtime),
        };
        self.check_limits(&limits);
        let memory = at("reservations", "memory");
        let reserved_memory = reserved_memory.map(|it| it.0.0);
        let reserved = Reserved {
            cpus: reserved_cpus.map_or(Cpus::default(), |it| it.0.0),
            memory: self.same(
                "mem_reservation",
                mem_reservation.map(|it| it.0.0),
                &memory,
                reserved_memory,
            ),
            devices: devices.unwrap_or_default(),
        };
        (limits.folded(), reserved)
    }

    /// One value that may be written at two places.
    pub fn same<T: PartialEq + Default + Display>(&mut self, old: &str, a: Option<T>, new: &[&str], b: Option<T>) -> T {
        if let (Some(a), Some(b)) = (&a, &b)
            && a != b
        {
            let place = locate_key(self.node, &path(new, None));
            let message = format!("`{old}` says {a}, and `{}` {b}", new.join("."));
            let problem = Problem::at(Some(locate_key(self.node, &path(&[old], None))), message);
            self.problems
                .push(problem.hint("write one of them").related(place, "here"));
        }
        b.or(a).unwrap_or_default()
    }

    fn check_limits(&mut self, limits: &Limits) {
        if limits.cpus != Cpus::default() {
            for (key, number) in [("cpu_period", limits.cpu_period), ("cpu_quota", limits.cpu_quota)] {
                if number != 0 {
                    let hint = "a limit of CPUs is a quota by itself: write one of them".to_owned();
                    self.problem(
                        &[key],
                        None,
                        format!("`{key}` can't stand beside a limit of CPUs"),
                        Some(hint),
                    );
                }
            }
        }
        let Some(Swap(swap)) = limits.memswap.filter(|swap| swap.0 > 0) else {
            return;
        };
        let memory = i64::try_from(limits.memory.0).unwrap_or(i64::MAX);
        let wrong = match memory {
            0 => Some("`memswap_limit` says nothing without a limit of memory"),
            memory if swap < memory => Some("`memswap_limit` is memory and swap together: it is less than the memory"),
            _ => None,
        };
        if let Some(message) = wrong {
            let hint = "write deploy.resources.limits.memory, and here that and the swap together".to_owned();
            self.problem(&["memswap_limit"], None, message, Some(hint));
        }
    }

    /// What the engine does when a container ends: `deploy.restart_policy` where it is given, as Compose has it, else `restart`.
    pub fn restart(&mut self, restart: Option<Restart>, policy: Option<RestartShape>, mode: Mode) -> Restart {
        let Some(RestartShape {
            condition,
            max_attempts,
            delay: _,
            window: _,
        }) = policy
        else {
            let unless_given = match mode.is_job() {
                true => Restart::No,
                false => Restart::UnlessStopped,
            };
            return restart.unwrap_or(unless_given);
        };
        let attempts = max_attempts.map_or(0, |count| count.0.0);
        match condition {
            Some(ConditionShape::OnFailure) => Restart::OnFailure(attempts),
            condition => {
                if attempts > 0 {
                    let keys = ["deploy", "restart_policy", "max_attempts"];
                    let hint = "an engine counts failures only: write `condition: on-failure`".to_owned();
                    self.problem(
                        &keys,
                        None,
                        "`max_attempts` goes with `condition: on-failure`",
                        Some(hint),
                    );
                }
                match condition {
                    Some(ConditionShape::None) => Restart::No,
                    Some(ConditionShape::Any | ConditionShape::OnFailure) | None => Restart::Always,
                }
            }
        }
    }
}
