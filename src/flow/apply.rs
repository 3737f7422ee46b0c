//! An apply from its observation to its end, over connections that it holds: guards, the check of a saved plan, execution.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::rc::Rc;
use std::time::Instant;

use crate::execute::outcome::{Event, Outcome};
use crate::execute::stop::Stop;
use crate::execute::{Options, execute};
use crate::flow::credentials::{Passwords, passwords, variables};
use crate::flow::failure::Failure;
use crate::flow::guard::{Allowed, guard};
use crate::flow::plan::{Planned, plan_from};
use crate::flow::{Seen, Settings, check, disk, routes, secret};
use crate::host::{ConnectOptions, Host, Hosts, Others, close_all, connect_all};
use crate::model::blob::Opened;
use crate::model::endpoint::Endpoint;
use crate::model::image::ImageRef;
use crate::model::name::HostName;
use crate::model::policy::PullPolicy;
use crate::observe::{Wanted, observe};
use crate::place::gone_endpoints;
use crate::plan::step::Plan;
use crate::resolve::desired::{Availability, Desired};

/// Hosts that are connected to.
pub struct Connections {
    links: Hosts,
    passwords: Passwords,
    parallel: usize,
}

impl Connections {
    /// Ends them, or leaves them for the next run.
    pub async fn close(self) {
        close_all(&self.links).await;
    }
}

/// A plan, and the connections over which it can be applied.
pub struct Session {
    planned: Planned,
    connections: Connections,
    /// What the plan's files need decrypted, once the guards have let it pass.
    opened: Opened,
}

/// Asks the desired hosts what is live.
pub(super) async fn look(settings: &Settings, desired: Desired) -> Result<(Seen, Connections), Failure> {
    let began = Instant::now();
    let endpoints: BTreeMap<HostName, Endpoint> = desired
        .hosts
        .iter()
        .filter(|(_, host)| host.state != Availability::Down)
        .map(|(name, host)| {
            (
                name.clone(),
                Endpoint {
                    address: host.address.clone(),
                    ssh: host.ssh.clone(),
                },
            )
        })
        .collect();
    let parallel = settings.parallel.unwrap_or(desired.cluster.parallel);
    let options = ConnectOptions {
        parallel,
        keep: settings.keep_connections,
    };
    let mut links = connect_all(&endpoints, &options).await;
    let passwords = passwords(&desired);
    let wanted = wanted(settings, &desired);
    let cluster = &desired.cluster.name;
    let mut observed = observe(&links, cluster, &wanted, &passwords.known, parallel).await;
    let mut gone = gone_endpoints(&desired, &observed);
    gone.retain(|name, _| !settings.forget.contains(name));
    if !gone.is_empty() {
        let more = connect_all(&gone, &options).await;
        let theirs = observe(&more, cluster, &Wanted::default(), &BTreeMap::new(), parallel).await;
        observed.hosts.extend(theirs.hosts);
        links.extend(more);
    }
    routes::ask(&desired, &mut observed, &links).await;
    let seen = Seen {
        desired,
        observed,
        took: began.elapsed(),
    };
    Ok((
        seen,
        Connections {
            links,
            passwords,
            parallel,
        },
    ))
}

/// The images that git wants. One reference stands for one thing in a cluster: of several policies the most eager one counts.
fn wanted(settings: &Settings, desired: &Desired) -> Wanted {
    let mut images: BTreeMap<ImageRef, PullPolicy> = BTreeMap::new();
    for service in desired.services.values() {
        let policy = images.entry(service.image.clone()).or_insert(service.pull_policy);
        *policy = service.pull_policy.max(*policy);
    }
    let revision = desired.revision.commit.clone().filter(|_| settings.pinned);
    let reserves = desired.services.values().any(|service| service.reserved_memory.0 > 0);
    let others = if reserves { Others::Inspected } else { Others::Listed };
    Wanted {
        images,
        revision,
        others,
        keep: desired.cluster.keep,
    }
}

impl Session {
    pub(super) async fn open(settings: &Settings) -> Result<Self, Failure> {
        let desired = check(settings)?;
        let (seen, connections) = look(settings, desired).await?;
        match plan_from(settings, seen, &connections.passwords.missing) {
            Ok(mut planned) => {
                disk::ask(&planned.plan, &mut planned.observed, &connections.links).await;
                let full = disk::notes(&planned.plan, &planned.observed);
                planned.plan.notes.extend(full);
                Ok(Self {
                    planned,
                    connections,
                    opened: Opened::default(),
                })
            }
            Err(failure) => {
                connections.close().await;
                Err(failure)
            }
        }
    }

    /// The plan, and what it was made from.
    pub fn planned(&self) -> &Planned {
        &self.planned
    }

    /// Whether apply may go on.
    ///
    /// # Errors
    /// Where it would do what nobody allowed, or needs a key that nobody has.
    pub fn guard(&mut self, allowed: Allowed) -> Result<(), Failure> {
        guard(&self.planned.plan, allowed)?;
        self.opened = secret::open(&self.planned.plan, &self.planned.encrypted)?;
        Ok(())
    }

    /// Whether a saved plan is still what would be done.
    ///
    /// # Errors
    /// Where a step differs.
    pub fn expect_same(&self, saved: &Plan) -> Result<(), Failure> {
        expect_same(&self.planned.plan, saved)
    }

    /// Does the plan. How it went, the failures of steps too, is in the outcome.
    pub async fn apply(&self, stop: &Stop, events: &mut dyn FnMut(Event)) -> Outcome {
        let hosts: BTreeMap<HostName, Rc<dyn Host>> = self
            .connections
            .links
            .iter()
            .filter_map(|(name, link)| Some((name.clone(), Rc::clone(link.as_ref().ok()?))))
            .collect();
        let options = Options {
            parallel: self.connections.parallel,
            variables: variables(&self.planned.plan).0,
            by: author(),
            secrets: self.opened.clone(),
            at: Box::new(now),
        };
        let known = &self.connections.passwords.known;
        execute(&self.planned.plan, &hosts, known, &options, stop, events).await
    }

    /// Ends the connections, or leaves them for the next run, and gives the plan back.
    pub async fn close(self) -> Planned {
        self.connections.close().await;
        self.planned
    }
}

/// Whether a saved plan is still what would be done now.
///
/// # Errors
/// Where a step differs.
pub fn expect_same(now: &Plan, saved: &Plan) -> Result<(), Failure> {
    if now.steps == saved.steps && now.rollouts == saved.rollouts && now.forgets == saved.forgets {
        return Ok(());
    }
    let first = now.steps.iter().zip(&saved.steps).find(|(now, then)| now != then);
    let difference = match first {
        Some((now, then)) => format!(
            "step {} was \"{} on {}\" and would now be \"{} on {}\"",
            then.id, then.op, then.host, now.op, now.host
        ),
        None => format!(
            "it had {} steps and would now have {}",
            saved.steps.len(),
            now.steps.len()
        ),
    };
    Err(Failure::Stale(format!(
        "the saved plan is stale, the repository or the hosts have moved since: {difference}; plan again"
    )))
}

/// The time, RFC 3339 in UTC, to the second.
pub(crate) fn now() -> String {
    jiff::Timestamp::now()
        .round(jiff::Unit::Second)
        .unwrap_or_else(|_| jiff::Timestamp::now())
        .to_string()
}

/// Who applies: `user@machine`, as far as the system says.
fn author() -> String {
    let user = std::env::var("USER")
        .or_else(|_| std::env::var("LOGNAME"))
        .unwrap_or_else(|_| {
            let uid = std::fs::metadata("/proc/self").map(|process| process.uid());
            uid.map_or_else(|_| "somebody".into(), |uid| format!("uid {uid}"))
        });
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{user}@{}", machine.trim())
}
