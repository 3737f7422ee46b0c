//! What was asked of an engine that it may answer otherwise, kept in a label: where nothing is asked some engines fill in a default of their
//! own settings, and some leave out what their kernel or their age does not know. No other labels.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::dialect::docker::label::ASKED;
use crate::model::container::ContainerSpec;
use crate::model::runtime::{Blkio, is_default};
use crate::model::setting::Swap;
use crate::model::unit::{Bytes, Span};

/// What was asked. What is none or empty was not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    // An engine's settings may fill these in.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) runtime: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) ipc: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) cgroup: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) shm_size: Option<Bytes>,
    // Nothing tells this one afterwards.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) platform: Option<String>,
    // An engine may leave these out.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) start_interval: Span,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) annotations: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) oom_kill_disable: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) mem_swappiness: Option<u64>,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) memswap: Option<Swap>,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) blkio: Blkio,
}

impl Asked {
    /// What a spec asks.
    fn of(spec: &ContainerSpec) -> Self {
        let (runtime, limits) = (&spec.runtime, spec.limits.clone().folded());
        Self {
            runtime: runtime.runtime.clone(),
            ipc: runtime.ipc.clone(),
            cgroup: runtime.cgroup.clone(),
            shm_size: runtime.shm_size,
            platform: runtime.platform.clone(),
            start_interval: spec
                .healthcheck
                .as_ref()
                .map(|check| check.start_interval)
                .unwrap_or_default(),
            annotations: runtime.annotations.clone(),
            oom_kill_disable: runtime.oom_kill_disable,
            mem_swappiness: runtime.mem_swappiness,
            memswap: limits.memswap,
            blkio: runtime.blkio.clone(),
        }
    }

    /// What was asked when the container with these labels was made.
    pub(super) fn read(labels: &HashMap<String, String>) -> Self {
        let text = labels.get(ASKED);
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }
}

/// The label; none where nothing was asked.
pub(super) fn label(spec: &ContainerSpec) -> Option<(String, String)> {
    let asked = Asked::of(spec);
    (!is_default(&asked)).then(|| (ASKED.to_owned(), serde_json::to_string(&asked).unwrap_or_default()))
}

/// What is in force of something that an engine may leave out: what it says, or, where it says nothing, what was asked.
pub(super) fn kept<T: Default + PartialEq>(reported: T, asked: T) -> T {
    if is_default(&reported) { asked } else { reported }
}
