//! One function per use, over all floors: check, observe, plan, apply. What is printed is `report`'s, what is asked is `cli`'s.

mod apply;
mod credentials;
mod failure;
mod guard;
mod plan;
mod routes;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::model::name::{HostName, ServiceName};
use crate::observe::{Observed, read_document};
use crate::resolve::desired::Desired;
use crate::resolve::resolve;
use crate::source::Repository;

pub use apply::Session;
pub use failure::Failure;
pub use guard::Allowed;
pub use plan::Planned;

use plan::plan_from;

/// What a use is told by its caller.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Where the search for the repository begins, upwards.
    pub directory: PathBuf,
    /// A git revision to read instead of the files as they lie there.
    pub revision: Option<String>,
    /// Only what happens on these hosts; empty is all.
    pub hosts: Vec<HostName>,
    /// Only what happens to these services; empty is all.
    pub services: Vec<ServiceName>,
    /// How many hosts are worked on at once, in place of `cluster.parallel`.
    pub parallel: Option<usize>,
    /// Whether connections are kept for the next run.
    pub keep_connections: bool,
}

/// What git wants, and what is live.
#[derive(Debug)]
pub struct Seen {
    /// What git wants.
    pub desired: Desired,
    /// What is live.
    pub observed: Observed,
    /// How long the hosts took to say so.
    pub took: Duration,
}

/// Reads the repository and says whether it is right; no host is asked.
///
/// # Errors
/// Every problem of the repository at once, or why it could not be read.
pub fn check(settings: &Settings) -> Result<Desired, Failure> {
    let repository = Repository::find(&settings.directory)?;
    let manifest = repository.read(settings.revision.as_deref())?;
    let desired = resolve(&manifest)?;
    for name in &settings.hosts {
        if !desired.hosts.contains_key(name) {
            return Err(Failure::Usage(format!(
                "--host {name}: there is no such host in the repository"
            )));
        }
    }
    Ok(desired)
}

/// Reads the repository and asks its hosts what is live.
///
/// # Errors
/// As [`check`]; a host that does not answer is no error but part of what was seen.
pub async fn observe(settings: &Settings) -> Result<Seen, Failure> {
    let desired = check(settings)?;
    let (seen, connections) = apply::look(settings, desired).await?;
    connections.close().await;
    Ok(seen)
}

/// Says what apply would do: against the hosts, or against an observation in a file.
///
/// # Errors
/// As [`check`]; and where the file is no observation.
pub async fn plan(settings: &Settings, live: Option<&Path>) -> Result<Planned, Failure> {
    let Some(path) = live else {
        let session = begin_apply(settings).await?;
        return Ok(session.close().await);
    };
    let desired = check(settings)?;
    let began = Instant::now();
    let text = std::fs::read_to_string(path).map_err(|e| Failure::Other(format!("{}: {e}", path.display())))?;
    let document = read_document(&text).map_err(|e| Failure::Other(format!("{}: {e}", path.display())))?;
    let seen = Seen {
        desired,
        observed: document.observed,
        took: began.elapsed(),
    };
    plan_from(settings, seen, Vec::new())
}

/// Plans against the hosts and keeps their connections, so that the plan can be applied.
///
/// # Errors
/// As [`plan`].
pub async fn begin_apply(settings: &Settings) -> Result<Session, Failure> {
    Session::open(settings).await
}
