//! A cluster as one commit left it, and the next one to be applied to it, cut short in one way or another and done again. What is
//! to hold then is here; which commits are tried is `kills`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::pin::pin;
use std::time::Duration;

use cdk::execute::outcome::Outcome;
use cdk::execute::stop::Stop;
use cdk::flow::{Seen, Settings, plan_from};
use cdk::model::firewall::FirewallSeen;
use cdk::model::host::{HostState, ObservedHost};
use cdk::model::image::{Digest, ImageRef, Resolution};
use cdk::model::name::{HostName, ServiceName, container_name};
use cdk::model::network::is_predefined;
use cdk::observe::Observed;
use cdk::place::asked::Asked;
use cdk::plan::lint::lint;
use cdk::plan::step::Plan;
use cdk::resolve::desired::Desired;
use cdk::sim::world::{Behaviour, Kill, Served};
use tokio::time::{Instant, sleep, timeout};

use crate::full;

use super::fixture::{Lab, cluster, secs};

/// What is done to hosts that stand, and what must hold meanwhile.
pub struct Stage {
    /// The hosts before it.
    pub before: BTreeMap<HostName, HostState>,
    /// What git says.
    pub desired: Desired,
    /// What a person asks for beside it.
    pub asked: Asked,
    /// How containers of images behave, where it matters.
    pub behaviours: Vec<(&'static str, Behaviour)>,
    /// So many replicas of these services serve at every moment.
    pub least: BTreeMap<ServiceName, usize>,
    /// What stands at the end: `web.1 web:2 healthy`.
    pub end: Vec<String>,
    /// Whether something waits for a person then.
    pub waits: bool,
}

/// What becomes of the calls that a process had under way when it was killed, and how soon the next one comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// They come to nothing; the same again follows at once.
    Lost,
    /// The hosts do them all the same; the same again follows when all has settled.
    Done,
}

fn digest(image: &str) -> Digest {
    let seed: u32 = image.bytes().map(u32::from).sum();
    format!("sha256:{seed:064x}").parse().unwrap()
}

/// Every image that a cluster names, as the registry has it.
fn images(desired: &Desired) -> BTreeMap<String, Resolution> {
    let images = desired.services.values().map(|service| service.image.to_string());
    images
        .map(|image| (image.clone(), Resolution::Digest(digest(&image))))
        .collect()
}

fn observe(lab: &Lab, desired: &Desired) -> Observed {
    let hosts = lab.hosts.iter();
    let hosts = hosts.map(|(name, sim)| (name.clone(), ObservedHost::Reachable(Box::new(sim.observe()))));
    Observed {
        hosts: hosts.collect(),
        images: images(desired),
        ..Observed::default()
    }
}

/// The plan, as the command line would have it; why there is none, where it would refuse what is asked for.
fn plan(lab: &Lab, desired: &Desired, asked: &Asked) -> Result<Plan, String> {
    let settings = Settings {
        asked: asked.clone(),
        ..Settings::default()
    };
    let seen = Seen {
        desired: desired.clone(),
        observed: observe(lab, desired),
        took: Duration::ZERO,
    };
    let planned = plan_from(&settings, seen, &BTreeMap::new());
    let plan = planned.map_err(|failure| format!("{failure:?}"))?.plan;
    assert_eq!(lint(&plan), BTreeSet::new());
    Ok(plan)
}

/// Hosts after they were told, one after the other, to be so. All must end well, or wait.
pub async fn after(all: &[&Desired], behaviours: &[(&'static str, Behaviour)]) -> BTreeMap<HostName, HostState> {
    let hosts = all.iter().flat_map(|desired| desired.hosts.keys());
    let walled = all.iter().any(|desired| desired.firewall.is_some());
    let new = || HostState {
        firewall: match walled {
            true => FirewallSeen::Found(Box::default()),
            false => FirewallSeen::NotAsked,
        },
        ..HostState::default()
    };
    let hosts = hosts.map(|name| (name.clone(), new())).collect();
    after_from(hosts, all, behaviours).await
}

/// The same, of hosts that are not bare at first.
pub async fn after_from(
    hosts: BTreeMap<HostName, HostState>,
    all: &[&Desired],
    behaviours: &[(&'static str, Behaviour)],
) -> BTreeMap<HostName, HostState> {
    let lab = Lab::of(hosts);
    behaviours
        .iter()
        .for_each(|(image, one)| lab.behave(image, one.clone()));
    for desired in all {
        publish(&lab, desired);
        let plan = plan(&lab, desired, &Asked::default()).unwrap();
        let outcome = lab.run(&plan, &Stop::never()).await;
        assert!(!outcome.failed(), "{:#?}", steps(&plan));
    }
    let found = lab.hosts.iter().map(|(name, sim)| {
        let mut state = sim.observe();
        // Another world gives the same ids again.
        state
            .containers
            .iter_mut()
            .for_each(|live| live.id.insert_str(0, "found-"));
        (name.clone(), state)
    });
    found.collect()
}

fn publish(lab: &Lab, desired: &Desired) {
    for service in desired.services.values() {
        let image: &ImageRef = &service.image;
        lab.world
            .publish(image, &digest(&image.to_string()), &Default::default());
    }
}

/// An apply of a stage, cut short or not, and the same again.
pub struct Play<'s> {
    stage: &'s Stage,
    pub lab: Lab,
    began: Instant,
}

impl Stage {
    pub fn play(&self) -> Play<'_> {
        let lab = Lab::of(self.before.clone());
        publish(&lab, &self.desired);
        for (image, behaviour) in &self.behaviours {
            lab.behave(image, behaviour.clone());
        }
        Play {
            stage: self,
            lab,
            began: Instant::now(),
        }
    }

    /// The plan of it: always the same.
    pub fn plan(&self) -> Plan {
        plan(&self.play().lab, &self.desired, &self.asked).unwrap()
    }

    /// Killed around every call, it converges (every fourth one, but for the longer proofs). Gives the number of calls. What becomes of other calls takes turns, but for the
    /// longer proofs.
    pub async fn killed_at_every_call(&self) -> u64 {
        let (plan, full) = (self.plan(), full());
        let others = [Others::Lost, Others::Done];
        for call in (1..).step_by(stride()) {
            for (turn, kill) in [(call, Kill::Before(call)), (call + 1, Kill::After(call))] {
                let turn = usize::from(turn % 2 == 0);
                for others in others
                    .into_iter()
                    .skip(if full { 0 } else { turn })
                    .take(if full { 2 } else { 1 })
                {
                    let play = self.play();
                    if !play.killed(&plan, kill, others).await {
                        return call - 1;
                    }
                    play.again(&(kill, others)).await;
                }
            }
        }
        unreachable!("it never ends")
    }

    /// With the way to each of its hosts cut around every call to that one, and then whole again, it converges. Gives the number
    /// of calls.
    pub async fn cut_at_every_call(&self) -> u64 {
        let plan = self.plan();
        let whole = self.play();
        whole.run(&plan).await;
        let mut all = 0;
        for host in self.before.keys() {
            let calls = whole.lab.hosts[host].calls();
            all += calls;
            for call in (1..=calls).step_by(stride()) {
                for cut in [Kill::Before(call), Kill::After(call)] {
                    let play = self.play();
                    play.lab.hosts[host].cut(cut);
                    play.run(&plan).await;
                    play.lab.hosts[host].revive();
                    play.again(&(host.as_str(), cut)).await;
                }
            }
        }
        all
    }
}

/// From one call that is tried to the next: each of them takes minutes.
fn stride() -> usize {
    if full() { 1 } else { 4 }
}

impl Play<'_> {
    pub async fn run(&self, plan: &Plan) -> Outcome {
        self.lab.run(plan, &Stop::never()).await
    }

    /// Does the plan until it is killed there; whether it was.
    async fn killed(&self, plan: &Plan, kill: Kill, others: Others) -> bool {
        self.lab.world.kill(kill);
        let never = Stop::never();
        let mut run = pin!(self.lab.run(plan, &never));
        let killed = tokio::select! {
            biased;
            () = self.lab.world.killed() => true,
            _ = &mut run => false,
        };
        if killed && others == Others::Done {
            assert!(timeout(secs(120), run).await.is_err(), "it lives");
        }
        self.lab.world.next_caller();
        killed
    }

    /// The same command again, and all that must hold then.
    pub async fn again(&self, when: &impl Debug) {
        let Stage { desired, asked, .. } = self.stage;
        let told = || format!("{when:?}\n{:#?}\n{:#?}", self.changes(), self.stands());
        // What was done to its end may not be asked for again: then nothing is left to do.
        if let Ok(again) = plan(&self.lab, desired, asked) {
            let outcome = self.run(&again).await;
            let well = !outcome.failed() || self.stage.waits;
            assert!(well, "{:#?} {outcome:#?} {}", steps(&again), told());
        }
        sleep(secs(10)).await;
        self.holds(&told);
    }

    fn holds(&self, told: &dyn Fn() -> String) {
        let Stage { desired, .. } = self.stage;
        let left = plan(&self.lab, desired, &Asked::default()).unwrap();
        assert!(left.is_empty(), "{:#?} {}", steps(&left), told());
        assert_eq!(left.is_waiting(), self.stage.waits, "{:#?} {}", left.notes, told());
        assert!(!left.is_partial(), "{:#?} {}", left.notes, told());
        assert_eq!(self.stands(), self.stage.end, "{}", told());
        self.no_network_is_left(told);
        self.no_change_waits(told);
        let served = self.lab.world.served();
        for (service, least) in &self.stage.least {
            let fewest = fewest(&served, service, self.began.elapsed());
            assert!(fewest.1 >= *least, "{fewest:?} of {service} serve: {}", told());
        }
        for job in served.iter().filter(|one| one.made && is_job(desired, one)) {
            let runs = served.iter().filter(|one| one.made && one.slot == job.slot).count();
            assert_eq!(runs, 1, "{} ran {runs} times: {}", job.slot, told());
        }
    }

    /// The fewest replicas of a service that served at once so far.
    pub fn fewest(&self, service: &str) -> usize {
        fewest(
            &self.lab.world.served(),
            &service.parse().unwrap(),
            self.began.elapsed(),
        )
        .1
    }

    /// What was asked of the hosts, with the moment.
    fn changes(&self) -> Vec<String> {
        let log = self.lab.world.log().into_iter();
        let log = log.filter(|call| !call.what.starts_with("write journal"));
        log.map(|call| format!("{:?} {} {}", call.at, call.host, call.what))
            .collect()
    }

    /// What stands, wherever it does.
    pub fn stands(&self) -> Vec<String> {
        let mut all = Vec::new();
        for live in self.lab.hosts.values().flat_map(|sim| sim.observe().containers) {
            let name = match live.name == container_name(&cluster(), &live.owner.slot) {
                true => live.owner.slot.to_string(),
                false => live.name,
            };
            all.push(format!("{name} {} {}", live.owner.image.unwrap(), live.state));
        }
        all.sort();
        all
    }

    fn no_change_waits(&self, told: &dyn Fn() -> String) {
        for (host, sim) in &self.lab.hosts {
            if let FirewallSeen::Found(live) = sim.observe().firewall {
                assert_eq!(live.pending, None, "{host}: {}", told());
            }
        }
    }

    fn no_network_is_left(&self, told: &dyn Fn() -> String) {
        for (host, state) in self.lab.hosts.iter().map(|(name, sim)| (name, sim.observe())) {
            let specs = state.containers.iter().filter_map(|live| live.spec.as_deref());
            let used = specs.flat_map(|spec| spec.network.networks.keys());
            let used: BTreeSet<&String> = used.filter(|name| !is_predefined(name)).collect();
            let is: BTreeSet<&String> = state.networks.keys().collect();
            assert_eq!(is, used, "{host}: {}", told());
        }
    }
}

fn is_job(desired: &Desired, served: &Served) -> bool {
    let service = desired.services.get(&served.slot.service);
    service.is_some_and(|service| service.mode.is_job())
}

/// The fewest replicas of a service that served at once, and when.
fn fewest(served: &[Served], service: &ServiceName, end: Duration) -> (Duration, usize) {
    let own: Vec<&Served> = served.iter().filter(|one| one.slot.service == *service).collect();
    let ends = own.iter().filter_map(|one| one.until).filter(|at| *at < end);
    let at = |moment: Duration| {
        let serves = |one: &&&Served| {
            one.from.is_some_and(|from| from <= moment) && one.until.is_none_or(|until| moment < until)
        };
        let slots: BTreeSet<_> = own.iter().filter(serves).map(|one| &one.slot).collect();
        (moment, slots.len())
    };
    // It falls only where one ends.
    let all = ends.chain([Duration::ZERO, end]).map(at);
    all.min_by_key(|(_, count)| *count).unwrap()
}

fn steps(plan: &Plan) -> Vec<String> {
    plan.steps
        .iter()
        .map(|step| format!("{}: {}", step.host, step.op))
        .collect()
}
