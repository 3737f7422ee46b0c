//! How a container is run and what it may do, as an engine takes and reports it. Both ways; what it may use is `limits`'s.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bollard::models::{
    ContainerConfig, ContainerCreateBody, DeviceMapping, DeviceRequest as EngineRequest, HostConfig,
    HostConfigCgroupnsModeEnum as CgroupMode, ResourcesBlkioWeightDevice, ResourcesUlimits, ThrottleDevice,
};

use crate::dialect::docker::asked::{Asked, kept};
use crate::dialect::docker::{natural, signed};
use crate::model::runtime::{
    Blkio, Device, DeviceRequest, Runtime, Security, UNMASKED, Ulimit, capability, is_default, mount_options,
    permissions, security_option, stop_signal,
};
use crate::model::unit::Bytes;

/// What is left out where it is empty.
fn list(items: &BTreeSet<String>) -> Option<Vec<String>> {
    (!items.is_empty()).then(|| items.iter().cloned().collect())
}

fn map(items: &BTreeMap<String, String>) -> Option<HashMap<String, String>> {
    (!items.is_empty()).then(|| items.clone().into_iter().collect())
}

/// What a container to be made may do.
pub(super) fn write_security(security: &Security, host: &mut HostConfig) {
    let Security {
        cap_add,
        cap_drop,
        security_opt,
        privileged,
        read_only,
        userns_mode,
        group_add,
    } = security;
    host.cap_add = list(cap_add);
    host.cap_drop = list(cap_drop);
    let mut options = security_opt.clone();
    // This one is no option of the API: it means that no path is masked.
    if options.remove(UNMASKED) {
        host.masked_paths = Some(Vec::new());
        host.readonly_paths = Some(Vec::new());
    }
    host.security_opt = list(&options);
    host.privileged = privileged.then_some(true);
    host.readonly_rootfs = read_only.then_some(true);
    host.userns_mode = userns_mode.clone();
    host.group_add = list(group_add);
}

/// How a container to be made is run.
pub(super) fn write(runtime: &Runtime, body: &mut ContainerCreateBody, host: &mut HostConfig) {
    let Runtime {
        runtime,
        // The call asks for it, not what it carries.
        platform: _,
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
    } = runtime;
    body.tty = tty.then_some(true);
    body.open_stdin = stdin_open.then_some(true);
    body.stop_signal = stop_signal.clone();
    host.runtime = runtime.clone();
    host.init = *init;
    host.ipc_mode = ipc.clone();
    host.pid_mode = pid.clone();
    host.uts_mode = uts.clone();
    host.cgroupns_mode = cgroup.as_ref().map(|mode| match mode.as_str() {
        "host" => CgroupMode::HOST,
        _ => CgroupMode::PRIVATE,
    });
    host.cgroup_parent = cgroup_parent.clone();
    host.shm_size = shm_size.map(|size| signed(size.0));
    host.sysctls = map(sysctls);
    let limit = |(name, limit): (&String, &Ulimit)| ResourcesUlimits {
        name: Some(name.clone()),
        soft: Some(limit.soft),
        hard: Some(limit.hard),
    };
    host.ulimits = (!ulimits.is_empty()).then(|| ulimits.iter().map(limit).collect());
    host.tmpfs = map(tmpfs);
    host.devices = (!devices.is_empty()).then(|| devices.iter().map(engine_device).collect());
    host.device_cgroup_rules = list(device_cgroup_rules);
    host.device_requests = (!device_requests.is_empty()).then(|| device_requests.iter().map(engine_request).collect());
    host.storage_opt = map(storage_opt);
    host.annotations = map(annotations);
    host.oom_kill_disable = oom_kill_disable.then_some(true);
    host.oom_score_adj = (*oom_score_adj != 0).then_some(*oom_score_adj);
    host.memory_swappiness = mem_swappiness.map(signed);
    write_blkio(blkio, host);
}

fn engine_device(device: &Device) -> DeviceMapping {
    let Device {
        source,
        target,
        permissions,
    } = device.clone();
    DeviceMapping {
        path_on_host: Some(source),
        path_in_container: Some(target),
        cgroup_permissions: Some(permissions),
    }
}

fn engine_request(request: &DeviceRequest) -> EngineRequest {
    let DeviceRequest {
        driver,
        count,
        device_ids,
        capabilities,
        options,
    } = request.clone();
    EngineRequest {
        driver: Some(driver),
        count: Some(count),
        device_ids: (!device_ids.is_empty()).then_some(device_ids),
        capabilities: Some(capabilities),
        options: Some(options.into_iter().collect()),
    }
}

fn write_blkio(blkio: &Blkio, host: &mut HostConfig) {
    let Blkio {
        weight,
        weight_device,
        device_read_bps,
        device_write_bps,
        device_read_iops,
        device_write_iops,
    } = blkio;
    let rate = |path: &String, rate: u64| ThrottleDevice {
        path: Some(path.clone()),
        rate: Some(signed(rate)),
    };
    let bytes = |rates: &BTreeMap<String, Bytes>| {
        let all = rates.iter().map(|(path, bytes)| rate(path, bytes.0));
        (!rates.is_empty()).then(|| all.collect::<Vec<_>>())
    };
    let counts = |rates: &BTreeMap<String, u64>| {
        let all = rates.iter().map(|(path, count)| rate(path, *count));
        (!rates.is_empty()).then(|| all.collect::<Vec<_>>())
    };
    host.blkio_weight = (*weight > 0).then_some(*weight);
    let weights = weight_device.iter().map(|(path, weight)| ResourcesBlkioWeightDevice {
        path: Some(path.clone()),
        weight: Some(usize::from(*weight)),
    });
    host.blkio_weight_device = (!weight_device.is_empty()).then(|| weights.collect());
    host.blkio_device_read_bps = bytes(device_read_bps);
    host.blkio_device_write_bps = bytes(device_write_bps);
    host.blkio_device_read_iops = counts(device_read_iops);
    host.blkio_device_write_iops = counts(device_write_iops);
}

/// What is in force of a text that is empty where nothing was asked.
fn text(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// What a container may do.
pub(super) fn read_security(host: &mut HostConfig) -> Security {
    let capabilities = |list: Option<Vec<String>>| {
        let all = list.unwrap_or_default();
        all.iter().map(|name| capability(name)).collect::<BTreeSet<String>>()
    };
    let options = host.security_opt.take().unwrap_or_default();
    let mut security_opt: BTreeSet<String> = options.iter().map(|text| security_option(text)).collect();
    let is_empty = |paths: &Option<Vec<String>>| paths.as_ref().is_some_and(Vec::is_empty);
    if is_empty(&host.masked_paths) && is_empty(&host.readonly_paths) {
        security_opt.insert(UNMASKED.to_owned());
    }
    Security {
        cap_add: capabilities(host.cap_add.take()),
        cap_drop: capabilities(host.cap_drop.take()),
        security_opt,
        privileged: host.privileged.unwrap_or(false),
        read_only: host.readonly_rootfs.unwrap_or(false),
        userns_mode: text(host.userns_mode.take()),
        group_add: host.group_add.take().unwrap_or_default().into_iter().collect(),
    }
}

/// How a container is run.
pub(super) fn read(config: &ContainerConfig, host: &mut HostConfig, asked: &Asked) -> Runtime {
    let ipc = text(host.ipc_mode.take());
    // Of what the engine's settings may fill in, only what they cannot have filled in counts where nothing was asked.
    let is_preset = |mode: &String| mode == "private" || mode == "shareable";
    let cgroup = host.cgroupns_mode.filter(|_| asked.cgroup.is_some());
    let pairs = |map: Option<HashMap<String, String>>| map.unwrap_or_default().into_iter().collect::<BTreeMap<_, _>>();
    let tmpfs = host.tmpfs.take().unwrap_or_default().into_iter();
    Runtime {
        runtime: text(host.runtime.take()).filter(|_| asked.runtime.is_some()),
        platform: asked.platform.clone(),
        init: host.init,
        tty: config.tty.unwrap_or(false),
        stdin_open: config.open_stdin.unwrap_or(false),
        stop_signal: stop_signal(config.stop_signal.as_deref(), None),
        ipc: ipc.filter(|mode| asked.ipc.is_some() || !is_preset(mode)),
        pid: text(host.pid_mode.take()),
        uts: text(host.uts_mode.take()),
        cgroup: text(cgroup.map(|mode| mode.to_string())),
        cgroup_parent: text(host.cgroup_parent.take()),
        shm_size: asked.shm_size.and(host.shm_size).map(|size| Bytes(natural(Some(size)))),
        sysctls: pairs(host.sysctls.take()),
        ulimits: host
            .ulimits
            .take()
            .unwrap_or_default()
            .into_iter()
            .filter_map(ulimit)
            .collect(),
        tmpfs: tmpfs.map(|(path, options)| (path, mount_options(&options))).collect(),
        devices: host
            .devices
            .take()
            .unwrap_or_default()
            .into_iter()
            .map(device)
            .collect(),
        device_cgroup_rules: host
            .device_cgroup_rules
            .take()
            .unwrap_or_default()
            .into_iter()
            .collect(),
        device_requests: host
            .device_requests
            .take()
            .unwrap_or_default()
            .into_iter()
            .map(request)
            .collect(),
        storage_opt: pairs(host.storage_opt.take()),
        annotations: kept(pairs(host.annotations.take()), asked.annotations.clone()),
        oom_kill_disable: kept(host.oom_kill_disable.unwrap_or(false), asked.oom_kill_disable),
        oom_score_adj: host.oom_score_adj.unwrap_or(0),
        mem_swappiness: kept(
            // Engines of old say -1 for none.
            host.memory_swappiness.and_then(|number| u64::try_from(number).ok()),
            asked.mem_swappiness,
        ),
        blkio: read_blkio(host, &asked.blkio),
    }
}

fn ulimit(limit: ResourcesUlimits) -> Option<(String, Ulimit)> {
    let ResourcesUlimits { name, soft, hard } = limit;
    let (soft, hard) = (soft.unwrap_or(0), hard.unwrap_or(0));
    Some((name?, Ulimit { soft, hard }))
}

fn device(device: DeviceMapping) -> Device {
    let DeviceMapping {
        path_on_host,
        path_in_container,
        cgroup_permissions,
    } = device;
    let source = path_on_host.unwrap_or_default();
    Device {
        target: text(path_in_container).unwrap_or_else(|| source.clone()),
        source,
        permissions: permissions(&cgroup_permissions.unwrap_or_default()),
    }
}

fn request(request: EngineRequest) -> DeviceRequest {
    let EngineRequest {
        driver,
        count,
        device_ids,
        capabilities,
        options,
    } = request;
    DeviceRequest {
        driver: driver.unwrap_or_default(),
        count: count.unwrap_or(0),
        device_ids: device_ids.unwrap_or_default(),
        capabilities: capabilities.unwrap_or_default(),
        options: options.unwrap_or_default().into_iter().collect(),
    }
}

fn read_blkio(host: &mut HostConfig, asked: &Blkio) -> Blkio {
    let weights = host.blkio_weight_device.take().unwrap_or_default().into_iter();
    let weights = weights.filter_map(|one| Some((one.path?, u16::try_from(one.weight?).ok()?)));
    let rates = |all: Option<Vec<ThrottleDevice>>| {
        let all = all.unwrap_or_default().into_iter();
        all.filter_map(|one| Some((one.path?, natural(one.rate))))
            .collect::<BTreeMap<_, _>>()
    };
    let bytes = |all: Option<Vec<ThrottleDevice>>| {
        let all = rates(all).into_iter();
        all.map(|(path, rate)| (path, Bytes(rate))).collect::<BTreeMap<_, _>>()
    };
    let found = Blkio {
        weight: host.blkio_weight.unwrap_or(0),
        weight_device: weights.collect(),
        device_read_bps: bytes(host.blkio_device_read_bps.take()),
        device_write_bps: bytes(host.blkio_device_write_bps.take()),
        device_read_iops: rates(host.blkio_device_read_iops.take()),
        device_write_iops: rates(host.blkio_device_write_iops.take()),
    };
    if is_default(&found) {
        return asked.clone();
    }
    Blkio {
        weight: kept(found.weight, asked.weight),
        weight_device: kept(found.weight_device, asked.weight_device.clone()),
        ..found
    }
}
