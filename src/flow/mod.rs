//! One function per use, over all floors: check, observe, plan, apply, rehearse. What is printed is `report`'s, what is asked is `cli`'s.

mod apply;
mod asked;
mod author;
mod check;
mod credentials;
mod disk;
mod draft;
mod edit;
mod failure;
mod firewall;
mod guard;
mod history;
mod hooks;
mod init;
mod lock;
mod locked;
mod past;
mod plan;
mod put;
mod rehearse;
mod rollback;
mod routes;
mod secret;
mod stale;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::model::name::HostName;
use crate::model::scope::Scope;
use crate::observe::{Observed, read_document};
use crate::place::asked::Asked;
use crate::resolve::desired::Desired;

pub use apply::{Session, expect_same};
pub use check::{check, check_all};
pub use edit::{Edited, edit};
pub use failure::Failure;
pub use firewall::{confirm, explain, in_force};
pub use guard::{Allowed, possible};
pub use history::history;
pub use hooks::{Runner, Told};
pub use init::{Made, init_from};
pub use lock::{Locks, Wish, this_run};
pub use locked::{lock_state, release_lock};
pub use plan::{Planned, plan_from};
pub use rehearse::rehearse;
pub use rollback::{Earlier, earlier};
pub use secret::{NewKey, Written, make_key, set as set_secret};

/// What a use is told by its caller.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Where the search for the repository begins, upwards.
    pub directory: PathBuf,
    /// The environment that is meant; none where the repository has none.
    pub environment: Option<String>,
    /// A git revision to read instead of the files as they lie there.
    pub revision: Option<String>,
    /// The part of the cluster that is meant.
    pub scope: Scope,
    /// How many hosts are worked on at once, in place of `cluster.parallel`.
    pub parallel: Option<usize>,
    /// Whether connections are kept for the next run.
    pub keep_connections: bool,
    /// Hosts that are gone from hosts.yaml and given up.
    pub forget: Vec<HostName>,
    /// What a person asks for beside what git says.
    pub asked: Asked,
    /// Whether the revision was named by a person, and not simply is what a saved plan was made from: it may be older.
    pub pinned: bool,
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

/// Reads the repository and asks its hosts what is live.
///
/// # Errors
/// As [`check`]; a host that does not answer is no error but part of what was seen.
pub async fn observe(settings: &Settings) -> Result<Seen, Failure> {
    let desired = check(settings)?;
    let mut connections = apply::Connections::open(settings, &desired).await;
    let seen = connections.look(settings, desired).await;
    connections.close().await;
    seen
}

/// Says what apply would do: against the hosts, or against an observation in a file.
///
/// # Errors
/// As [`check`]; and where the file is no observation.
pub async fn plan(settings: &Settings, live: Option<&Path>) -> Result<Planned, Failure> {
    let Some(path) = live else {
        let session = begin_apply(settings, None).await?;
        return Ok(session.close().await);
    };
    let desired = check(settings)?;
    let began = Instant::now();
    let seen = Seen {
        desired,
        observed: saved(path)?,
        took: began.elapsed(),
    };
    plan_from(settings, seen, &BTreeMap::new())
}

/// A saved observation.
///
/// # Errors
/// Where the file is none.
pub fn saved(path: &Path) -> Result<Observed, Failure> {
    let wrong = |error: &dyn Display| Failure::Other(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    let document = read_document(&text).map_err(|error| wrong(&error))?;
    Ok(document.observed)
}

/// Plans against the hosts and keeps their connections, so that the plan can be applied; under the cluster's lock where that is wished.
///
/// # Errors
/// As [`plan`]; and where another run has the lock.
pub async fn begin_apply(settings: &Settings, wish: Option<&Wish<'_>>) -> Result<Session, Failure> {
    Session::open(settings, wish).await
}
