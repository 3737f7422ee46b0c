//! Asks the hosts what is: `Observed`. It reads through `Host` and changes nothing.

mod document;
mod images;
mod look;
mod share;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::host::Others;
use crate::model::host::{HostState, ObservedHost};
use crate::model::image::{ImageFacts, ImageRef, Resolution};
use crate::model::name::HostName;
use crate::model::platform::Platform;
use crate::model::policy::PullPolicy;

pub use document::{read_document, schema};
pub use look::{journals, observe};
pub use share::Sharing;

/// The version of the observation's format that this cdk writes; it refuses a newer one.
pub const OBSERVATION_VERSION: u32 = 1;

/// The images that git wants, of which is asked what they stand for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Each, and whom to ask.
    pub images: BTreeMap<ImageRef, PullPolicy>,
    /// The commit, where an earlier version is wanted by its name: then what was recorded for it counts, and nobody is asked.
    pub revision: Option<String>,
    /// How closely the containers that are not the cluster's are looked at: only where memory is reserved does it matter what others
    /// reserved.
    pub others: Others,
    /// How many versions' files stay on the hosts: those of older ones are looked at, whether they still lie there. 0: they are not.
    pub keep: usize,
    /// Whether the hosts' firewalls are wanted.
    pub firewall: bool,
    /// Whether their public addresses are.
    pub addresses: bool,
}

/// What is live: each host as it was found, and what each wanted image turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Observed {
    /// The hosts that were asked.
    pub hosts: BTreeMap<HostName, ObservedHost>,
    /// By image reference as git writes it; one that is not here stands for itself.
    pub images: BTreeMap<String, Resolution>,
    /// Likewise, the platforms that its registry has it for. One that is not here may be there for any.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub platforms: BTreeMap<String, BTreeSet<Platform>>,
}

impl Observed {
    /// The platforms that an image is there for, as its registry said; none where nobody knows, which is no reason against a host.
    pub fn platforms(&self, image: &ImageRef) -> Option<&BTreeSet<Platform>> {
        self.platforms.get(&image.to_string()).filter(|known| !known.is_empty())
    }

    /// The image of this reference that lies on a host: the one that a new container there would be made from, pulled or not.
    pub fn lying<'h>(&self, image: &ImageRef, host: &'h HostState) -> Option<&'h ImageFacts> {
        host.image(image, self.images.get(&image.to_string()))
    }

    /// Whether a host runs an image without emulation, as far as is known: by the platforms that the registry has it for, else by
    /// the image that lies there already. What lies on another host says nothing: that engine chose what fits it.
    pub fn runs(&self, image: &ImageRef, host: &HostState) -> bool {
        match self.platforms(image) {
            Some(platforms) => host.facts.runs_one_of(platforms),
            None => {
                let lying = self.lying(image, host).and_then(|facts| facts.platform.clone());
                lying.is_none_or(|platform| host.facts.runs_one_of(&BTreeSet::from([platform])))
            }
        }
    }
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
