//! One function per use. (This branch's stand-in, so that the cli compiles; the founder's replaces it.)
#![allow(missing_docs, clippy::unused_async, reason = "a stand-in that the merge drops")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;

use crate::execute::outcome::{Event, Outcome};
use crate::model::name::{HostName, ServiceName};
use crate::model::problem::Rejected;
use crate::observe::Observed;
use crate::plan::step::Plan;
use crate::resolve::desired::Desired;

#[derive(Debug)]
pub enum Failure {
    Rejected(Rejected),
    Guard(String),
    Unreachable(String),
    Stale(String),
    Usage(String),
    Other(String),
}

#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub directory: PathBuf,
    pub revision: Option<String>,
    pub hosts: Vec<HostName>,
    pub services: Vec<ServiceName>,
    pub parallel: Option<usize>,
    pub keep_connections: bool,
}

#[derive(Debug)]
pub struct Seen {
    pub desired: Desired,
    pub observed: Observed,
    pub took: Duration,
}

#[derive(Debug)]
pub struct Planned {
    pub desired: Desired,
    pub observed: Observed,
    pub plan: Plan,
    pub took: Duration,
}

pub struct Session(Planned);

fn none<T>() -> Result<T, Failure> {
    Err(Failure::Other("flow is not here yet".to_owned()))
}

pub fn check(_: &Settings) -> Result<Desired, Failure> {
    none()
}

pub async fn observe(_: &Settings) -> Result<Seen, Failure> {
    none()
}

pub async fn plan(_: &Settings, _live: Option<&Path>) -> Result<Planned, Failure> {
    none()
}

pub async fn begin_apply(_: &Settings) -> Result<Session, Failure> {
    none()
}

impl Session {
    pub fn planned(&self) -> &Planned {
        &self.0
    }

    pub fn guard(&self, _dirty: bool) -> Result<(), Failure> {
        none()
    }

    pub async fn expect_same(&self, _saved: &Plan) -> Result<(), Failure> {
        none()
    }

    pub async fn apply(
        self,
        _stop: watch::Receiver<bool>,
        _events: &mut dyn FnMut(&Plan, &Event),
    ) -> Result<Outcome, Failure> {
        none()
    }

    pub async fn close(self) {}
}
