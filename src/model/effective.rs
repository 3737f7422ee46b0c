//! A container's whole configuration as an engine reports it, and how a wanted one becomes it. No engine formats.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::blob::FileRef;
use crate::model::container::ContainerSpec;
use crate::model::image::ImageDefaults;
use crate::model::network::{Networking, exposed};
use crate::model::runtime::{self, Runtime, Security, is_default};
use crate::model::setting::{Healthcheck, Limits, Logging, Mount, PortBinding, Restart};
use crate::model::text::{SharedText, share};
use crate::model::unit::Span;

/// A container's whole configuration as an engine reports it, or would: image defaults included.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EffectiveSpec {
    /// The arguments.
    pub command: Arc<Vec<String>>,
    /// The program.
    pub entrypoint: Arc<Vec<String>>,
    /// All variables.
    pub environment: Arc<BTreeMap<String, String>>,
    /// All labels but cdk's own.
    pub labels: Arc<BTreeMap<String, String>>,
    /// Configs and secrets, by their path in the container.
    pub files: Arc<BTreeMap<String, FileRef>>,
    /// Folders whose files change in place, and the names of the files.
    pub folders: Arc<BTreeMap<String, BTreeSet<String>>>,
    /// Ports bound on the host.
    pub ports: BTreeSet<PortBinding>,
    /// What it sees of networks; of the ports that it says it has, those that are not published.
    pub network: Arc<Networking>,
    /// Volumes and bind mounts that were asked for; not those that the image asks for by itself.
    pub mounts: Arc<BTreeSet<Mount>>,
    /// The health check in force.
    pub healthcheck: Arc<Option<Healthcheck>>,
    /// What the engine does when it ends.
    pub restart: Restart,
    /// Who runs it; empty is root.
    pub user: SharedText,
    /// Where it runs; empty is `/`.
    pub working_dir: SharedText,
    /// Where its output goes.
    pub logging: Arc<Logging>,
    /// From the stop signal to the kill; none is the engine's ten seconds.
    pub stop_grace_period: Option<Span>,
    /// What it may use.
    pub limits: Arc<Limits>,
    /// What it may do.
    #[serde(skip_serializing_if = "is_default")]
    pub security: Arc<Security>,
    /// How it is run.
    #[serde(skip_serializing_if = "is_default")]
    pub runtime: Arc<Runtime>,
}

impl EffectiveSpec {
    /// Makes what is equal in another one and the same, so that it takes no room twice, and the two compare at once.
    pub fn share(&mut self, other: &Self) {
        let Self {
            command,
            entrypoint,
            environment,
            labels,
            files,
            folders,
            ports: _,
            network,
            mounts,
            healthcheck,
            restart: _,
            user,
            working_dir,
            logging,
            stop_grace_period: _,
            limits,
            security,
            runtime,
        } = self;
        share(command, &other.command);
        share(entrypoint, &other.entrypoint);
        share(environment, &other.environment);
        share(labels, &other.labels);
        share(files, &other.files);
        share(folders, &other.folders);
        share(network, &other.network);
        share(mounts, &other.mounts);
        share(healthcheck, &other.healthcheck);
        share(logging, &other.logging);
        share(limits, &other.limits);
        share(security, &other.security);
        share(runtime, &other.runtime);
        share(user, &other.user);
        share(working_dir, &other.working_dir);
    }
}

impl ContainerSpec {
    /// What an engine reports of a container made from this spec and an image with these defaults.
    ///
    /// The rules are Docker's own for merging a container's and an image's configuration
    /// (moby `daemon/commit.go`, `merge`): a given entrypoint discards the image's command, variables and labels
    /// are laid over the image's key by key, a health check field by field, a grace period counts in whole seconds.
    pub fn effective(&self, image: &ImageDefaults) -> EffectiveSpec {
        let Self {
            image: _,
            command,
            entrypoint,
            environment,
            labels,
            stamps: _,
            files,
            folders,
            ports,
            network,
            mounts,
            healthcheck,
            restart,
            user,
            working_dir,
            logging,
            stop_grace_period,
            limits,
            security,
            runtime,
        } = self;
        // An empty command does not clear the image's: to an engine it is the same as none.
        let command = command.as_ref().filter(|words| !words.is_empty());
        let command = match (command, entrypoint) {
            (Some(command), _) => command.clone(),
            (None, Some(_)) => Vec::new(),
            (None, None) => image.command.clone(),
        };
        // An empty entrypoint is sent, and kept, as one empty word.
        let entrypoint = entrypoint.as_ref().map(|words| match words.as_slice() {
            [word] if word.is_empty() => Vec::new(),
            words => words.to_vec(),
        });
        let folders = folders.iter().map(|(at, folder)| (at.clone(), folder.names()));
        EffectiveSpec {
            command: command.into(),
            entrypoint: entrypoint.unwrap_or_else(|| image.entrypoint.clone()).into(),
            environment: laid_over(&image.environment, environment).into(),
            labels: laid_over(&image.labels, labels).into(),
            files: files.clone().into(),
            folders: Arc::new(folders.collect()),
            ports: ports.clone(),
            network: network
                .effective(exposed(&network.expose, &image.exposed, ports))
                .into(),
            mounts: mounts.clone().into(),
            healthcheck: Healthcheck::merged(healthcheck.as_ref(), image.healthcheck.as_ref()).into(),
            restart: *restart,
            user: user.as_ref().unwrap_or(&image.user).as_str().into(),
            working_dir: cleaned(working_dir.as_ref().unwrap_or(&image.working_dir)).into(),
            logging: logging.clone().into(),
            stop_grace_period: stop_grace_period.map(|span| Span::seconds(span.whole_seconds())),
            limits: limits.clone().folded().into(),
            security: security.clone().folded(runtime.shares_host()).into(),
            runtime: Runtime {
                stop_signal: runtime::stop_signal(runtime.stop_signal.as_deref(), image.stop_signal.as_deref()),
                ..runtime.clone()
            }
            .into(),
        }
    }
}

/// A path as an engine keeps it: without `.`, `..`, doubled and trailing slashes.
fn cleaned(path: &str) -> String {
    if path.is_empty() {
        return String::new();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn laid_over(below: &BTreeMap<String, String>, above: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut all = below.clone();
    all.extend(above.iter().map(|(key, value)| (key.clone(), value.clone())));
    all
}
