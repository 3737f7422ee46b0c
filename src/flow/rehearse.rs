//! Plays an apply: the very same executor on simulated hosts that begin as the real ones were observed, on a virtual clock.
//! No host is touched, no lock is taken, no secret is decrypted, and no hook runs.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::execute::outcome::Event;
use crate::execute::stop::Stop;
use crate::execute::{Options, execute};
use crate::flow::failure::Failure;
use crate::flow::plan::Planned;
use crate::flow::secret::needed;
use crate::host::Host;
use crate::model::blob::Opened;
use crate::model::container::{LiveContainer, Ownership};
use crate::model::fault::{Faults, Slow};
use crate::model::host::ObservedHost;
use crate::model::image::{Digest, ImageDefaults};
use crate::model::name::{HostName, Slot};
use crate::model::op::{ContainerOp, GateOp, ImageOp, Op};
use crate::model::replica::ReplicaSpec;
use crate::observe::Observed;
use crate::plan::step::Plan;
use crate::report::rehearsal::Rehearsal;
use crate::sim::host::SimHost;
use crate::sim::pace::{ASSUMED, JOB, PULL, STOP, first_check, gives_up};
use crate::sim::world::{Behaviour, World};

/// Plays what was planned, with these faults.
///
/// # Errors
/// Where a fault names what this plan does not touch.
pub fn rehearse(planned: &Planned, faults: Faults, parallel: Option<usize>) -> Result<Rehearsal, Failure> {
    let Planned {
        plan,
        observed,
        desired,
        ..
    } = planned;
    let cast = Rc::new(Cast::new(plan, observed));
    cast.check(&faults, observed)?;
    let started = |error: std::io::Error| Failure::Other(format!("the virtual clock could not be started: {error}"));
    let clock = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let options = Options {
        parallel: parallel.unwrap_or(desired.cluster.parallel),
        variables: BTreeMap::new(),
        by: "rehearsal".to_owned(),
        run: String::new(),
        build: None,
        secrets: blank(plan),
        at: Box::new(String::new),
        // Nobody else is in this world.
        lease: Box::new(|_| Ok(())),
    };
    let rehearsal = clock.map_err(started)?.block_on(async {
        let world = world(planned, &cast, &faults);
        let hosts = hosts(observed, &faults, &world);
        let events = RefCell::new(Vec::new());
        let begin = Instant::now();
        let mut told = |event: Event| events.borrow_mut().push((begin.elapsed(), event));
        let outcome = execute(plan, &hosts, &BTreeMap::new(), &options, &Stop::never(), &mut told).await;
        let assumed = if plan.is_empty() {
            Vec::new()
        } else {
            assumed(&cast, &faults)
        };
        Rehearsal {
            plan: plan.clone(),
            hosts: hosts.len(),
            events: events.take(),
            served: world.served(),
            outcome,
            faults,
            assumed,
        }
    });
    Ok(rehearsal)
}

/// What the plan brings onto the stage, as far as the simulation must know it beforehand.
struct Cast {
    /// The containers that are made, by replica.
    made: BTreeMap<Slot, (ReplicaSpec, Ownership)>,
    /// The replicas whose own container is started as it is.
    started: BTreeSet<Slot>,
    /// The replicas whose end is waited for.
    jobs: BTreeSet<Slot>,
    /// What lies on no host and is pulled somewhere: whether anything is, and what its containers' images bring along.
    pulls: bool,
    stops: bool,
    defaults: BTreeMap<Slot, ImageDefaults>,
}

impl Cast {
    fn new(plan: &Plan, observed: &Observed) -> Self {
        let mut cast = Self {
            made: BTreeMap::new(),
            started: BTreeSet::new(),
            jobs: BTreeSet::new(),
            pulls: false,
            stops: false,
            defaults: BTreeMap::new(),
        };
        for step in &plan.steps {
            match (&step.op, &step.slot) {
                (Op::Container(ContainerOp::Create { spec, owner, .. }), _) => {
                    let made = (spec.as_ref().clone(), owner.as_ref().clone());
                    cast.made.insert(owner.slot.clone(), made);
                }
                (Op::Container(ContainerOp::Start { .. }) | Op::Gate(GateOp::Up { .. }), Some(slot)) => {
                    cast.started.insert(slot.clone());
                }
                (Op::Gate(GateOp::Completed { .. }), Some(slot)) => {
                    cast.jobs.insert(slot.clone());
                }
                (Op::Container(ContainerOp::Stop { .. }), _) => cast.stops = true,
                (Op::Image(ImageOp::Pull { .. }), _) => cast.pulls = true,
                (
                    Op::Image(ImageOp::Remove { .. })
                    | Op::Container(_)
                    | Op::Gate(_)
                    | Op::Volume(_)
                    | Op::File(_)
                    | Op::Network(_)
                    | Op::Firewall(_)
                    | Op::Address(_),
                    _,
                ) => {}
            }
        }
        let defaults = cast.made.iter().map(|(slot, (spec, owner))| {
            let known = lies(spec, owner, observed).or_else(|| runs(slot, observed));
            (slot.clone(), known.cloned().unwrap_or_default())
        });
        cast.defaults = defaults.collect();
        cast
    }

    /// Whether a container is the one whose coming up the plan waits for.
    fn is_new(&self, live: &LiveContainer, made: bool) -> bool {
        let slot = &live.owner.slot;
        made || (self.started.contains(slot) && !self.made.contains_key(slot))
    }

    /// The replicas that something new begins for.
    fn new_ones(&self) -> BTreeSet<&Slot> {
        self.made.keys().chain(&self.started).chain(&self.jobs).collect()
    }

    fn is_checked(&self, slot: &Slot) -> bool {
        let Some((spec, _)) = self.made.get(slot) else {
            return true;
        };
        let defaults = self.defaults.get(slot).cloned().unwrap_or_default();
        let healthcheck = &spec.whole().effective(&defaults).healthcheck;
        (**healthcheck).as_ref().is_some_and(|check| !check.is_none())
    }

    /// Refuses what names nothing that this plan brings up, and hosts that were not seen.
    fn check(&self, faults: &Faults, observed: &Observed) -> Result<(), Failure> {
        let Faults { fails, silences, slows } = faults;
        let new = self.new_ones();
        let there = || match new.is_empty() {
            true => "this plan brings no replica up".to_owned(),
            false => format!("it brings up {}", list(&new)),
        };
        for fail in fails {
            if !new.contains(&fail.slot) {
                let words = format!("{fail}: this plan has no new container for {}; {}", fail.slot, there());
                return Err(Failure::Usage(words));
            }
        }
        for silence in silences {
            match observed.hosts.get(&silence.host) {
                Some(ObservedHost::Reachable(_)) => {}
                Some(ObservedHost::Unreachable(_)) => {
                    let words = format!("{silence}: {} does not answer as it is", silence.host);
                    return Err(Failure::Usage(words));
                }
                None => {
                    let hosts: BTreeSet<&HostName> = observed.hosts.keys().collect();
                    let words = format!("{silence}: there is no such host; there is {}", list(&hosts));
                    return Err(Failure::Usage(words));
                }
            }
        }
        for slow in slows {
            let of: Vec<&&Slot> = new.iter().filter(|slot| matches(slow, slot)).collect();
            if of.is_empty() {
                let words = format!("{slow}: no replica of this plan matches; {}", there());
                return Err(Failure::Usage(words));
            }
            if !of
                .iter()
                .any(|slot| self.jobs.contains(**slot) || self.is_checked(slot))
            {
                let words = format!("{slow}: none of these replicas has a health check: each is up once it has run");
                return Err(Failure::Usage(words));
            }
        }
        Ok(())
    }
}

fn matches(slow: &Slow, slot: &Slot) -> bool {
    slow.pattern.matches(&slot.to_string())
}

/// Names, the first twelve of them.
fn list<T: ToString>(names: &BTreeSet<T>) -> String {
    const NAMED: usize = 12;
    let named: Vec<String> = names.iter().take(NAMED).map(ToString::to_string).collect();
    match names.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// What the image brings along, where it lies on some host already.
fn lies<'o>(spec: &ReplicaSpec, owner: &Ownership, observed: &'o Observed) -> Option<&'o ImageDefaults> {
    let image = &spec.common().image;
    let digest = owner.digest.as_ref().or(image.digest());
    let states = observed.hosts.values().filter_map(ObservedHost::state);
    let mut images = states.flat_map(|state| state.images.values());
    let found = images.find(|facts| match digest {
        Some(digest) => facts.has_digest(digest),
        None => facts.is_named(image),
    });
    found.map(|facts| facts.defaults.as_ref())
}

/// What the image of the service's running version brings along.
fn runs<'o>(slot: &Slot, observed: &'o Observed) -> Option<&'o ImageDefaults> {
    let mut states = observed.hosts.values().filter_map(ObservedHost::state);
    states.find_map(|state| {
        let of = |live: &&LiveContainer| live.owner.slot.service == slot.service;
        let live = state.containers.iter().find(of)?;
        state.images.get(&*live.image_id).map(|facts| facts.defaults.as_ref())
    })
}

/// Every secret, empty: what is written to a simulated host is read by nobody.
fn blank(plan: &Plan) -> Opened {
    let (there, back) = needed(plan);
    let mut opened = Opened::default();
    for secret in there.into_iter().chain(back) {
        opened.insert(secret, Zeroizing::default());
    }
    opened
}

fn world(planned: &Planned, cast: &Rc<Cast>, faults: &Faults) -> Rc<World> {
    let world = World::new(&planned.plan.cluster);
    world.set_pace(ASSUMED);
    for step in &planned.plan.steps {
        if let Op::Image(ImageOp::Pull { image, .. }) = &step.op {
            let behaviour = Behaviour {
                pull: PULL,
                ..Behaviour::default()
            };
            world.set_behaviour(image, behaviour);
        }
    }
    for (slot, (spec, owner)) in &cast.made {
        let image = &spec.common().image;
        let digest: Option<&Digest> = owner.digest.as_ref().or(image.digest());
        if let (Some(digest), Some(defaults)) = (digest, cast.defaults.get(slot)) {
            world.publish(image, digest, defaults);
        }
    }
    let states = planned.observed.hosts.iter();
    let engines: BTreeMap<HostName, String> = states
        .filter_map(|(name, host)| Some((name.clone(), host.state()?.facts.engine.clone())))
        .collect();
    let (cast, faults) = (Rc::clone(cast), faults.clone());
    world.set_manner(Box::new(move |live, host, made| {
        let engine = engines.get(host).map(String::as_str).unwrap_or_default();
        behaviour(&cast, &faults, live, made, engine)
    }));
    Rc::new(world)
}

/// How one container behaves.
fn behaviour(cast: &Cast, faults: &Faults, live: &LiveContainer, made: bool, engine: &str) -> Behaviour {
    let slot = &live.owner.slot;
    let is_new = cast.is_new(live, made);
    let slow = faults.slows.iter().rev().find(|slow| is_new && matches(slow, slot));
    let fails = faults.fails.iter().filter(|fail| is_new && fail.slot == *slot);
    let check = live.spec.as_deref().and_then(|spec| (*spec.healthcheck).as_ref());
    let checked = check.map(|check| first_check(check, engine)).unwrap_or_default();
    let slow = slow.map(|slow| slow.takes.0);
    let is_job = live.owner.job.is_some() || cast.jobs.contains(slot);
    Behaviour {
        healthy_after: Some(slow.unwrap_or(checked)),
        unhealthy_after: check.map(|check| gives_up(check, engine)),
        exits: is_job.then(|| (slow.unwrap_or(JOB), 0)),
        exits_at: fails.map(|fail| fail.at.0).min(),
        stops_after: STOP,
        ..Behaviour::default()
    }
}

fn hosts(observed: &Observed, faults: &Faults, world: &Rc<World>) -> BTreeMap<HostName, Rc<dyn Host>> {
    let answering = observed.hosts.iter().filter(|(_, host)| host.state().is_some());
    let simulated = answering.map(|(name, found)| {
        let host = SimHost::new(name, found.clone(), world);
        let silences = faults.silences.iter().filter(|silence| silence.host == *name);
        if let Some(at) = silences.map(|silence| silence.at.0).min() {
            host.fall_silent(at);
        }
        (name.clone(), Rc::new(host) as Rc<dyn Host>)
    });
    simulated.collect()
}

/// What the answer takes for granted, as far as this plan meets it.
fn assumed(cast: &Cast, faults: &Faults) -> Vec<String> {
    let seconds = |time: Duration| format!("{} s", time.as_secs_f64());
    let made = cast.made.keys().filter(|slot| !cast.jobs.contains(slot));
    let (checked, unchecked): (Vec<&Slot>, Vec<&Slot>) = made.partition(|slot| cast.is_checked(slot));
    let mut all = Vec::new();
    if cast.pulls {
        all.push(format!("each pull of an image takes {}", seconds(PULL)));
        all.push("an image that lies nowhere yet has the health check of the version that runs".to_owned());
    }
    if cast.stops {
        let stop = seconds(STOP);
        all.push(format!(
            "a container ends {stop} after its stop signal, or when its grace is over"
        ));
    }
    if !checked.is_empty() {
        all.push("a replica is healthy at its first health check, unless --slow says otherwise".to_owned());
    }
    if checked
        .iter()
        .any(|slot| faults.slows.iter().any(|slow| matches(slow, slot)))
    {
        all.push("the health checks of one that is slow fail until then, and its engine counts them".to_owned());
    }
    if !unchecked.is_empty() {
        all.push("a replica without a health check serves as soon as it runs".to_owned());
    }
    if !cast.jobs.is_empty() {
        all.push(format!(
            "a run of a job succeeds after {}, unless --slow says otherwise",
            seconds(JOB)
        ));
    }
    if !faults.silences.is_empty() {
        all.push("what stands on a silent host serves no longer; cdk waits 10 s for what it asks there, and 20 s for what it changes".to_owned());
    }
    all.push("all other calls take what they take on small hosts: 0.05 s to 0.4 s".to_owned());
    all
}
