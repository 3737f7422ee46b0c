//! How a service's containers are run and what they may do: from the words' shapes to what they mean. What they may use is `limits`'s.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::runtime::{
    Blkio, DeviceRequest, Runtime, Security, capability, mount_options, security_option, signal,
};
use crate::model::unit::Bytes;
use crate::resolve::service::Reading;
use crate::resolve::shape::device::{BlkioShape, CountShape, GpusShape, RateShape, RequestShape, WeightShape};
use crate::resolve::shape::number::{DeviceCount, Within};
use crate::resolve::shape::plain::{Plain, Positive};
use crate::resolve::shape::runtime::{OneOrMore, RuntimeShape, SecurityShape};

/// Why another container's namespace can't be named.
const OTHER: &str = "replicas are placed one by one: what another container shares may be on another host";

impl Reading<'_> {
    /// What its containers may do.
    pub fn security(&mut self, shape: SecurityShape) -> Security {
        let SecurityShape {
            cap_add,
            cap_drop,
            security_opt,
            privileged,
            read_only,
            userns_mode,
            group_add,
        } = shape;
        let capabilities = |list: Option<Vec<String>>| {
            let all = list.unwrap_or_default();
            all.iter().map(|name| capability(name)).collect::<BTreeSet<String>>()
        };
        Security {
            cap_add: capabilities(cap_add),
            cap_drop: capabilities(cap_drop),
            security_opt: self.security_options(security_opt.unwrap_or_default()),
            privileged: privileged.unwrap_or_default(),
            read_only: read_only.unwrap_or_default(),
            userns_mode: self.one_of(
                "userns_mode",
                userns_mode,
                &["host"],
                "leave it out for the engine's own",
            ),
            group_add: group_add.unwrap_or_default().into_iter().map(|group| group.0).collect(),
        }
    }

    fn security_options(&mut self, texts: Vec<String>) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for (index, text) in texts.iter().enumerate() {
            let option = security_option(text);
            let (key, value) = option.split_once('=').unwrap_or((&option, ""));
            let wrong = match (key, value) {
                ("seccomp", value) if !["unconfined", "builtin"].contains(&value) && !value.starts_with('{') => Some((
                    format!("the seccomp profile {value:?} is no file that cdk reads"),
                    "write seccomp=unconfined, seccomp=builtin, or the profile's JSON itself",
                )),
                ("no-new-privileges", value) if !["true", "false"].contains(&value) => Some((
                    format!("expected true or false, not {value:?}"),
                    "write no-new-privileges:true",
                )),
                ("systempaths", value) if value != "unconfined" => Some((
                    format!("expected unconfined, not {value:?}"),
                    "write systempaths=unconfined",
                )),
                ("seccomp" | "no-new-privileges" | "systempaths" | "apparmor" | "label", value)
                    if !value.is_empty() =>
                {
                    None
                }
                _ => Some((
                    format!("{text:?} is no security option"),
                    "write no-new-privileges:true, seccomp=…, apparmor=…, label=… or systempaths=unconfined",
                )),
            };
            match wrong {
                Some((message, hint)) => {
                    self.problem(&["security_opt"], Some(index), message, Some(hint.to_owned()));
                }
                None => drop(all.insert(option)),
            }
        }
        all
    }

    /// A text that must be one of these; none where it is empty.
    fn one_of(&mut self, key: &str, text: Option<String>, known: &[&str], other: &str) -> Option<String> {
        let text = text.filter(|text| !text.is_empty())?;
        if known.contains(&text.as_str()) {
            return Some(text);
        }
        let hint = if text.starts_with("service:") || text.starts_with("container:") {
            OTHER
        } else {
            other
        };
        let message = format!("expected `{}`, not {text:?}", known.join("`, `"));
        self.problem(&[key], None, message, Some(hint.to_owned()));
        None
    }

    /// How its containers are run; `reserved` are devices that `deploy` reserves for it.
    pub fn runtime(&mut self, shape: RuntimeShape, reserved: Vec<RequestShape>) -> Runtime {
        let RuntimeShape {
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
            gpus,
            storage_opt,
            annotations,
            oom_kill_disable,
            oom_score_adj,
            mem_swappiness,
            blkio_config,
        } = shape;
        let own = "leave it out for its own";
        let text = |text: Option<String>| text.filter(|text| !text.is_empty());
        Runtime {
            runtime: text(runtime),
            platform: self.platform(text(platform)),
            init,
            tty: tty.unwrap_or_default(),
            stdin_open: stdin_open.unwrap_or_default(),
            stop_signal: stop_signal.map(|text| signal(&text.0)),
            ipc: self.one_of(
                "ipc",
                ipc,
                &["private", "shareable", "host", "none"],
                "leave it out for the engine's own",
            ),
            pid: self.one_of("pid", pid, &["host"], own),
            uts: self.one_of("uts", uts, &["host"], own),
            cgroup: self.one_of(
                "cgroup",
                cgroup,
                &["host", "private"],
                "leave it out for the engine's own",
            ),
            cgroup_parent: text(cgroup_parent),
            shm_size: shm_size.map(|size| size.0.0),
            sysctls: texts(sysctls),
            ulimits: ulimits
                .unwrap_or_default()
                .into_iter()
                .map(|(name, limit)| (name, limit.0))
                .collect(),
            tmpfs: self.tmpfs(tmpfs.unwrap_or_default()),
            devices: devices.unwrap_or_default().into_iter().map(|device| device.0).collect(),
            device_cgroup_rules: device_cgroup_rules.unwrap_or_default().into_iter().collect(),
            device_requests: self.requests(gpus, reserved),
            storage_opt: texts(storage_opt),
            annotations: texts(annotations),
            oom_kill_disable: oom_kill_disable.unwrap_or_default(),
            oom_score_adj: oom_score_adj.map_or(0, |score| score.0.0),
            mem_swappiness: mem_swappiness.and_then(|number| u64::try_from(number.0.0).ok()),
            blkio: blkio(blkio_config.unwrap_or_default()),
        }
    }

    fn platform(&mut self, platform: Option<String>) -> Option<String> {
        let platform = platform?.to_ascii_lowercase();
        let parts: Vec<&str> = platform.split('/').collect();
        if parts.first() != Some(&"linux") || parts.len() > 3 || parts.iter().any(|part| part.is_empty()) {
            let hint = "write linux/amd64, linux/arm64 or linux/arm/v7; cdk's hosts are Linux".to_owned();
            self.problem(
                &["platform"],
                None,
                format!("{platform:?} is no platform of cdk's"),
                Some(hint),
            );
            return None;
        }
        Some(platform)
    }

    /// `PATH[:OPTIONS]`
    fn tmpfs(&mut self, texts: OneOrMore) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for (index, text) in texts.0.iter().enumerate() {
            let (path, options) = text.split_once(':').unwrap_or((text, ""));
            let message = if !path.starts_with('/') {
                format!("{path:?} is not an absolute path")
            } else if all.insert(path.to_owned(), mount_options(options)).is_some() {
                format!("something is mounted at {path} already")
            } else {
                continue;
            };
            let hint = "write /path or /path:size=64m,mode=1777".to_owned();
            self.problem(&["tmpfs"], Some(index), message, Some(hint));
        }
        all
    }

    fn requests(&mut self, gpus: Option<GpusShape>, reserved: Vec<RequestShape>) -> BTreeSet<DeviceRequest> {
        let mut all = BTreeSet::new();
        let keys = ["deploy", "resources", "reservations", "devices"];
        for (index, shape) in reserved.into_iter().enumerate() {
            if shape.capabilities.as_ref().is_none_or(Vec::is_empty) {
                let hint = "write capabilities: [gpu]".to_owned();
                self.problem(&keys, Some(index), "a device needs `capabilities`", Some(hint));
            }
            all.extend(self.request(shape, &keys, index));
        }
        let gpus = match gpus {
            None => Vec::new(),
            Some(GpusShape::All) => vec![RequestShape::default()],
            Some(GpusShape::These(shapes)) => shapes,
        };
        for (index, mut shape) in gpus.into_iter().enumerate() {
            shape.capabilities.get_or_insert_with(|| vec!["gpu".to_owned()]);
            all.extend(self.request(shape, &["gpus"], index));
        }
        all
    }

    fn request(&mut self, shape: RequestShape, keys: &[&str], index: usize) -> Option<DeviceRequest> {
        let RequestShape {
            capabilities,
            driver,
            count,
            device_ids,
            options,
        } = shape;
        if count.is_some() && device_ids.is_some() {
            let hint = "write one of them".to_owned();
            self.problem(
                keys,
                Some(index),
                "`count` and `device_ids` can't stand together",
                Some(hint),
            );
            return None;
        }
        let device_ids: Vec<String> = device_ids.unwrap_or_default().into_iter().map(|id| id.0).collect();
        let all = if device_ids.is_empty() { -1 } else { 0 };
        Some(DeviceRequest {
            driver: driver.unwrap_or_default(),
            count: count.map_or(all, |Plain(DeviceCount(count))| count),
            device_ids,
            capabilities: vec![capabilities.unwrap_or_default()],
            options: texts(options),
        })
    }
}

fn texts(map: Option<BTreeMap<String, Plain<String>>>) -> BTreeMap<String, String> {
    let pairs = map.unwrap_or_default().into_iter();
    pairs.map(|(key, value)| (key, value.0)).collect()
}

fn blkio(shape: BlkioShape) -> Blkio {
    let BlkioShape {
        weight,
        weight_device,
        device_read_bps,
        device_write_bps,
        device_read_iops,
        device_write_iops,
    } = shape;
    let weight_of = |Plain(Within(weight)): Plain<Within<10, 1000>>| u16::try_from(weight).unwrap_or(0);
    let weights = weight_device.unwrap_or_default().into_iter();
    let bytes = |rates: Option<Vec<RateShape>>| -> BTreeMap<String, Bytes> {
        let rates = rates.unwrap_or_default().into_iter();
        rates
            .map(
                |RateShape {
                     path,
                     rate: Plain(Positive(rate)),
                 }| (path, rate),
            )
            .collect()
    };
    let counts = |rates: Option<Vec<CountShape>>| -> BTreeMap<String, u64> {
        let rates = rates.unwrap_or_default().into_iter();
        rates
            .map(|CountShape { path, rate }| (path, u64::from(rate.0.0)))
            .collect()
    };
    Blkio {
        weight: weight.map_or(0, weight_of),
        weight_device: weights
            .map(|WeightShape { path, weight }| (path, weight_of(weight)))
            .collect(),
        device_read_bps: bytes(device_read_bps),
        device_write_bps: bytes(device_write_bps),
        device_read_iops: counts(device_read_iops),
        device_write_iops: counts(device_write_iops),
    }
}
