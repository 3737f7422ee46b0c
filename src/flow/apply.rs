//! An apply from its observation to its end, over connections that it holds: guards, the check of a saved plan, execution.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

use crate::execute::outcome::{Event, Outcome};
use crate::execute::stop::Stop;
use crate::execute::{Lease, Options, execute};
use crate::flow::author::{author, build, now};
use crate::flow::credentials::{Passwords, passwords, variables};
use crate::flow::failure::Failure;
use crate::flow::guard::{Allowed, guard};
use crate::flow::lock::{Locks, Wish, this_run};
use crate::flow::plan::{Planned, plan_from};
use crate::flow::{Seen, Settings, check, disk, routes, secret, stale};
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
    options: ConnectOptions,
    locks: Option<Rc<Locks>>,
}

impl Connections {
    /// Connects to the hosts of the cluster.
    pub(super) async fn open(settings: &Settings, desired: &Desired) -> Self {
        let up = desired.hosts.iter();
        let up = up.filter(|(_, host)| host.state != Availability::Down);
        let endpoints: BTreeMap<HostName, Endpoint> = up
            .map(|(name, host)| {
                let (address, ssh) = (host.address.clone(), host.ssh.clone());
                (name.clone(), Endpoint { address, ssh })
            })
            .collect();
        let options = ConnectOptions {
            parallel: settings.parallel.unwrap_or(desired.cluster.parallel),
            keep: settings.keep_connections,
        };
        Self {
            links: connect_all(&endpoints, &options).await,
            passwords: passwords(desired),
            options,
            locks: None,
        }
    }

    /// The hosts, each with its connection or the reason why there is none.
    pub(super) fn links(&self) -> &Hosts {
        &self.links
    }

    /// How many hosts are asked at once.
    pub(super) fn parallel(&self) -> usize {
        self.options.parallel.max(1)
    }

    /// Takes the cluster's lock on every host that answers.
    async fn lock(&mut self, desired: &Desired, wish: &Wish<'_>) -> Result<(), Failure> {
        let (cluster, parallel) = (&desired.cluster.name, self.options.parallel);
        let locks = Locks::take(&mut self.links, cluster, wish, parallel, this_run()).await?;
        self.locks = Some(Rc::new(locks));
        Ok(())
    }

    /// Which run this is.
    fn run(&self) -> String {
        let id = self.locks.as_ref().map(|locks| locks.id().to_owned());
        id.unwrap_or_default()
    }

    /// What the executor asks before it begins something. Without the lock nothing begins.
    fn lease(&self) -> Lease {
        let locks = self.locks.clone();
        Box::new(move |host| match &locks {
            Some(locks) => locks.lease(host),
            None => Err("the cluster's lock was not taken".to_owned()),
        })
    }

    /// Does something while the locks are kept, where there are any.
    async fn holding<T>(&self, work: impl Future<Output = T>) -> T {
        match &self.locks {
            Some(locks) => locks.during(work).await,
            None => work.await,
        }
    }

    /// Locks where that is wished, looks, and plans.
    async fn plan(
        &mut self,
        settings: &Settings,
        desired: Desired,
        wish: Option<&Wish<'_>>,
    ) -> Result<Planned, Failure> {
        if let Some(wish) = wish {
            self.lock(&desired, wish).await?;
        }
        let seen = self.look(settings, desired).await?;
        let mut planned = plan_from(settings, seen, &self.passwords.missing)?;
        self.holding(disk::ask(&planned.plan, &mut planned.observed, &self.links))
            .await;
        let full = disk::notes(&planned.plan, &planned.observed);
        planned.plan.notes.extend(full);
        Ok(planned)
    }

    /// Asks the hosts what is live, and those that only the journal knows.
    pub(super) async fn look(&mut self, settings: &Settings, desired: Desired) -> Result<Seen, Failure> {
        let began = Instant::now();
        let (cluster, parallel) = (&desired.cluster.name, self.options.parallel);
        let wanted = wanted(settings, &desired);
        let asked = observe(&self.links, cluster, &wanted, &self.passwords.known, parallel);
        let mut observed = self.holding(asked).await;
        let mut gone = gone_endpoints(&desired, &observed);
        gone.retain(|name, _| !settings.forget.contains(name) && !self.links.contains_key(name));
        if !gone.is_empty() {
            let mut more = self.holding(connect_all(&gone, &self.options)).await;
            if let Some(locks) = self.locks.as_mut().and_then(Rc::get_mut) {
                locks.extend(&mut more, cluster, parallel).await?;
            }
            let (nothing, nobody) = (Wanted::default(), BTreeMap::new());
            let theirs = observe(&more, cluster, &nothing, &nobody, parallel);
            observed.hosts.extend(self.holding(theirs).await.hosts);
            self.links.extend(more);
        }
        self.holding(routes::ask(&desired, &mut observed, &self.links)).await;
        Ok(Seen {
            desired,
            observed,
            took: began.elapsed(),
        })
    }

    /// Gives the locks back, and ends the connections or leaves them for the next run.
    pub async fn close(self) {
        if let Some(locks) = &self.locks {
            locks.free().await;
        }
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
        firewall: desired.firewall.is_some(),
        addresses: desired.public_addresses().next().is_some(),
    }
}

impl Session {
    /// Plans; under the cluster's lock where that is wished.
    pub(super) async fn open(settings: &Settings, wish: Option<&Wish<'_>>) -> Result<Self, Failure> {
        let desired = check(settings)?;
        let mut connections = Connections::open(settings, &desired).await;
        match connections.plan(settings, desired, wish).await {
            Ok(planned) => Ok(Self {
                planned,
                connections,
                opened: Opened::default(),
            }),
            Err(failure) => {
                connections.close().await;
                Err(failure)
            }
        }
    }

    /// Takes the lock and plans again, since all may have changed until now. Says whether the same is to be done as before.
    ///
    /// # Errors
    /// As [`crate::flow::begin_apply`].
    pub async fn lock(&mut self, settings: &Settings, wish: &Wish<'_>) -> Result<bool, Failure> {
        let desired = check(settings)?;
        let planned = self.connections.plan(settings, desired, Some(wish)).await?;
        let before = std::mem::replace(&mut self.planned, planned);
        Ok(stale::is_same(&before.plan, &self.planned.plan))
    }

    /// Does something while the lock is kept, where it is ours.
    pub async fn holding<T>(&self, work: impl Future<Output = T>) -> T {
        self.connections.holding(work).await
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

    /// Does the plan, within [`Session::holding`]. How it went, the failures of steps too, is in the outcome.
    pub async fn apply(&self, stop: &Stop, events: &mut dyn FnMut(Event)) -> Outcome {
        let hosts: BTreeMap<HostName, Rc<dyn Host>> = self
            .connections
            .links
            .iter()
            .filter_map(|(name, link)| Some((name.clone(), Rc::clone(link.as_ref().ok()?))))
            .collect();
        let options = Options {
            parallel: self.connections.options.parallel,
            variables: variables(&self.planned.plan).0,
            by: author(),
            run: self.connections.run(),
            build: build(),
            secrets: self.opened.clone(),
            at: Box::new(now),
            lease: self.connections.lease(),
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

/// Whether a saved plan is still what would be done now; both with their secrets masked, as a saved one has them.
///
/// # Errors
/// Where a step differs, but for a pull that was done meanwhile; the words show how the plans differ.
pub fn expect_same(now: &Plan, saved: &Plan) -> Result<(), Failure> {
    if stale::is_same(saved, now) {
        return Ok(());
    }
    let difference = stale::difference(saved, now);
    Err(Failure::Stale(format!(
        "the saved plan is stale, the repository or the hosts have moved since: plan again\n{difference}"
    )))
}
