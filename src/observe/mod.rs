//! Asks the hosts what is: `Observed`. It reads through `Host` and changes nothing.

mod document;
mod images;
mod look;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::host::ObservedHost;
use crate::model::image::{ImageRef, Resolution};
use crate::model::name::HostName;
use crate::model::policy::PullPolicy;

pub use document::{read_document, schema};
pub use look::observe;

/// The version of the observation's format that this cdk writes; it refuses a newer one.
pub const OBSERVATION_VERSION: u32 = 1;

/// The images that git wants, of which is asked what they stand for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Each, and whom to ask.
    pub images: BTreeMap<ImageRef, PullPolicy>,
    /// The commit, where an earlier version is wanted by its name: then what was recorded for it counts, and nobody is asked.
    pub revision: Option<String>,
}

/// What is live: each host as it was found, and what each wanted image turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Observed {
    /// The hosts that were asked.
    pub hosts: BTreeMap<HostName, ObservedHost>,
    /// By image reference as git writes it; one that is not here stands for itself.
    pub images: BTreeMap<String, Resolution>,
}

/// An observation as it stands in a file, made by `cdk observe -o json` or by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ObservationDocument {
    /// The format's version, [`OBSERVATION_VERSION`].
    #[serde(default = "first_version")]
    pub version: u32,
    /// The cluster; none in a file written by hand.
    #[serde(default)]
    pub cluster: Option<String>,
    /// When it was made, RFC 3339 in UTC.
    #[serde(default)]
    pub at: Option<String>,
    /// What was seen.
    #[serde(flatten)]
    pub observed: Observed,
}

fn first_version() -> u32 {
    OBSERVATION_VERSION
}
