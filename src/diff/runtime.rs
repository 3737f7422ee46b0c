//! How containers are run and what they may do, compared in the words of the YAML. Comparing only.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use crate::diff::field::Changes;
use crate::model::runtime::{Blkio, Runtime, Security};

/// What differs in what they may do.
pub(super) fn security(changes: &mut Changes, live: &Security, wanted: &Security) {
    let Security {
        cap_add,
        cap_drop,
        security_opt,
        privileged,
        read_only,
        userns_mode,
        group_add,
    } = wanted;
    changes.set("cap_add", &live.cap_add, cap_add);
    changes.set("cap_drop", &live.cap_drop, cap_drop);
    changes.set("security_opt", &live.security_opt, security_opt);
    changes.flag("privileged", live.privileged, *privileged);
    changes.flag("read_only", live.read_only, *read_only);
    changes.given("userns_mode", &live.userns_mode, userns_mode);
    changes.set("group_add", &live.group_add, group_add);
}

/// What differs in how they are run.
pub(super) fn runtime(changes: &mut Changes, live: &Runtime, wanted: &Runtime) {
    let Runtime {
        runtime,
        platform,
        init,
        tty,
        stdin_open,
        stop_signal,
        ipc,
        pid,
        uts,
        cgroup,
        cgroup_parent,
        shm_size,
        sysctls,
        ulimits,
        tmpfs,
        devices,
        device_cgroup_rules,
        device_requests,
        storage_opt,
        annotations,
        oom_kill_disable,
        oom_score_adj,
        mem_swappiness,
        blkio,
    } = wanted;
    changes.given("runtime", &live.runtime, runtime);
    changes.given("platform", &live.platform, platform);
    changes.given("init", &live.init, init);
    changes.flag("tty", live.tty, *tty);
    changes.flag("stdin_open", live.stdin_open, *stdin_open);
    changes.given("stop_signal", &live.stop_signal, stop_signal);
    changes.given("ipc", &live.ipc, ipc);
    changes.given("pid", &live.pid, pid);
    changes.given("uts", &live.uts, uts);
    changes.given("cgroup", &live.cgroup, cgroup);
    changes.given("cgroup_parent", &live.cgroup_parent, cgroup_parent);
    changes.given("shm_size", &live.shm_size, shm_size);
    changes.map("sysctls", &live.sysctls, sysctls);
    changes.map("ulimits", &texts(&live.ulimits), &texts(ulimits));
    changes.map("tmpfs", &live.tmpfs, tmpfs);
    changes.set("devices", &live.devices, devices);
    changes.set("device_cgroup_rules", &live.device_cgroup_rules, device_cgroup_rules);
    changes.set("gpus", &live.device_requests, device_requests);
    changes.map("storage_opt", &live.storage_opt, storage_opt);
    changes.map("annotations", &live.annotations, annotations);
    changes.flag("oom_kill_disable", live.oom_kill_disable, *oom_kill_disable);
    changes.value("oom_score_adj", &live.oom_score_adj, oom_score_adj);
    changes.given("mem_swappiness", &live.mem_swappiness, mem_swappiness);
    changes.map("blkio_config", &blkio_map(&live.blkio), &blkio_map(blkio));
}

impl Changes {
    /// A switch that is off unless given.
    fn flag(&mut self, field: &'static str, old: bool, new: bool) {
        self.text(field, Some(old.to_string()), Some(new.to_string()));
    }

    /// A value that may not be given at all.
    pub(super) fn given<T: Display>(&mut self, field: &'static str, old: &Option<T>, new: &Option<T>) {
        let shown = |value: &Option<T>| value.as_ref().map(ToString::to_string);
        self.text(field, shown(old), shown(new));
    }

    /// A list whose order says nothing.
    fn set<T: Display>(&mut self, field: &'static str, old: &BTreeSet<T>, new: &BTreeSet<T>) {
        let shown = |set: &BTreeSet<T>| {
            let all: Vec<String> = set.iter().map(ToString::to_string).collect();
            (!all.is_empty()).then(|| all.join(", "))
        };
        self.text(field, shown(old), shown(new));
    }
}

fn texts<T: Display>(map: &BTreeMap<String, T>) -> BTreeMap<String, String> {
    map.iter()
        .map(|(key, value)| (key.clone(), value.to_string()))
        .collect()
}

/// `device_read_bps /dev/sda` → `1M`.
fn blkio_map(blkio: &Blkio) -> BTreeMap<String, String> {
    let Blkio {
        weight,
        weight_device,
        device_read_bps,
        device_write_bps,
        device_read_iops,
        device_write_iops,
    } = blkio;
    let mut all = BTreeMap::new();
    if *weight != 0 {
        all.insert("weight".to_owned(), weight.to_string());
    }
    for (key, map) in [
        ("weight_device", texts(weight_device)),
        ("device_read_bps", texts(device_read_bps)),
        ("device_write_bps", texts(device_write_bps)),
        ("device_read_iops", texts(device_read_iops)),
        ("device_write_iops", texts(device_write_iops)),
    ] {
        all.extend(map.into_iter().map(|(path, value)| (format!("{key} {path}"), value)));
    }
    all
}
