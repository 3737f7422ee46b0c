//! What an engine says of itself and of its images, in the model's words; and the versions of its API. Only reading.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bollard::models::{DistributionInspect, ImageInspect, ImageSummary, SystemInfo};

use crate::dialect::docker::{Unreadable, container, label, natural};
use crate::model::host::HostFacts;
use crate::model::image::{ImageDefaults, ImageFacts, RegistryImage};
use crate::model::platform::Platform;
use crate::model::unit::Bytes;

/// A version of Docker's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion {
    major: u32,
    minor: u32,
}

impl ApiVersion {
    /// The oldest that cdk works with: Docker 20.10.
    pub const OLDEST: Self = Self { major: 1, minor: 41 };
    /// The newest whose words cdk knows: Docker 26.
    pub const NEWEST: Self = Self { major: 1, minor: 45 };

    /// The oldest that mounts a folder of a volume.
    pub const SUBPATH: Self = Self { major: 1, minor: 45 };
    /// From this one on a container is attached to all its networks as it is made, and has a hardware address on each.
    pub const ALL_NETWORKS: Self = Self { major: 1, minor: 44 };

    /// The version to speak with an engine that knows all versions up to this one.
    ///
    /// # Errors
    /// The engine is too old.
    pub fn agreed(self) -> Result<Self, Unreadable> {
        if self < Self::OLDEST {
            return Err(Unreadable(format!(
                "the Docker engine is too old: it speaks API {self}, cdk needs {} or newer (Docker 20.10)",
                Self::OLDEST
            )));
        }
        Ok(self.min(Self::NEWEST))
    }
}

impl FromStr for ApiVersion {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        text.split_once('.')
            .and_then(|(major, minor)| {
                Some(Self {
                    major: major.parse().ok()?,
                    minor: minor.parse().ok()?,
                })
            })
            .ok_or_else(|| Unreadable(format!("{text:?} is no version of Docker's API")))
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The engine and its machine; `api` is the newest version that it speaks.
pub fn facts(info: SystemInfo, api: ApiVersion) -> HostFacts {
    let labels = info
        .labels
        .unwrap_or_default()
        .into_iter()
        .map(|label| match label.split_once('=') {
            Some((key, value)) => (key.to_owned(), value.to_owned()),
            None => (label, String::new()),
        });
    HostFacts {
        machine_id: info.id.unwrap_or_default(),
        hostname: info.name.unwrap_or_default(),
        os: info.os_type.unwrap_or_default(),
        arch: info.architecture.unwrap_or_default(),
        engine: info.server_version.unwrap_or_default(),
        api: api.to_string(),
        root: info.docker_root_dir.unwrap_or_default(),
        cpus: natural(info.ncpu),
        memory: Bytes(natural(info.mem_total)),
        cgroups: info
            .cgroup_version
            .map(|version| version.to_string())
            .unwrap_or_default(),
        engine_labels: labels.collect(),
    }
}

/// An image in a list: its names, without its defaults. Engines before 26 name what has none `<none>`.
pub fn listed(summary: &ImageSummary) -> ImageFacts {
    ImageFacts {
        tags: named(&summary.repo_tags),
        digests: named(&summary.repo_digests),
        parent: summary.parent_id.clone(),
        size: Bytes(natural(Some(summary.size))),
        created: summary.created,
        platform: None,
        defaults: Arc::default(),
    }
}

/// An image, its defaults included; what a list says besides is not here. Labels of cdk's own (an image committed from one of its containers has them) are
/// not among them: they say nothing of a container made from it.
pub fn image(answer: ImageInspect) -> ImageFacts {
    let config = answer.config.unwrap_or_default();
    let text = |word: &Option<String>| word.clone().unwrap_or_default();
    ImageFacts {
        platform: Platform::new(&text(&answer.os), &text(&answer.architecture), &text(&answer.variant)),
        tags: named(&answer.repo_tags.unwrap_or_default()),
        digests: named(&answer.repo_digests.unwrap_or_default()),
        defaults: Arc::new(ImageDefaults {
            entrypoint: config.entrypoint.unwrap_or_default(),
            command: config.cmd.unwrap_or_default(),
            environment: container::environment(config.env.unwrap_or_default()),
            labels: label::without_own(config.labels.unwrap_or_default()),
            exposed: config.exposed_ports.unwrap_or_default().into_iter().collect(),
            user: config.user.unwrap_or_default(),
            working_dir: config.working_dir.unwrap_or_default(),
            healthcheck: config.healthcheck.map(container::healthcheck),
            stop_signal: config.stop_signal.filter(|signal| !signal.is_empty()),
        }),
        ..ImageFacts::default()
    }
}

/// An image as its registry has it. What is of no known platform (an attestation, say) is no image.
///
/// # Errors
/// The digest does not read as one.
pub fn in_registry(answer: DistributionInspect) -> Result<RegistryImage, Unreadable> {
    let digest = answer.descriptor.digest.unwrap_or_default();
    let text = |word: &Option<String>| word.clone().unwrap_or_default();
    let platforms = answer.platforms.iter().filter_map(|platform| {
        let (os, arch) = (text(&platform.os), text(&platform.architecture));
        Platform::new(&os, &arch, &text(&platform.variant))
    });
    Ok(RegistryImage {
        digest: digest.parse().map_err(|why| Unreadable(format!("{why}")))?,
        platforms: platforms.collect(),
    })
}

fn named(names: &[String]) -> Vec<String> {
    let mut names: Vec<String> = names
        .iter()
        .filter(|name| !name.starts_with("<none>"))
        .cloned()
        .collect();
    names.sort();
    names
}
