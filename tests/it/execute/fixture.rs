//! A few simulated hosts that run `web:1`, and plans for them made by hand. What is expected of an apply is not here.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use cdk::execute::outcome::{Event, Outcome, StepEnd};
use cdk::execute::stop::Stop;
use cdk::execute::{Lease, Options, execute};
use cdk::host::Host;
use cdk::model::container::{ContainerSpec, ContainerState, LiveContainer, Ownership};
use cdk::model::gate::Gate;
use cdk::model::host::{HostState, ObservedHost};
use cdk::model::image::ImageFacts;
use cdk::model::journal::{JournalRecord, Memory, PlacedSlot};
use cdk::model::name::{ClusterName, HostName, Slot, container_name, retired_name};
use cdk::model::network::Networking;
use cdk::model::op::{ContainerOp, GateOp, ImageOp, Op};
use cdk::model::policy::Order;
use cdk::model::revision::Revision;
use cdk::model::setting::{Healthcheck, Limits, Logging, Restart};
use cdk::model::text::SharedText;
use cdk::model::unit::Span;
use cdk::plan::rollout::{Rollout, Unit};
use cdk::plan::step::{Action, Plan, Precondition, ServiceChange, SlotChange, Step, StepId};
use cdk::sim::host::SimHost;
use cdk::sim::world::{Behaviour, World};
use tokio::time::{Instant, timeout};

pub fn cluster() -> ClusterName {
    "shop".parse().unwrap()
}

pub fn host(text: &str) -> HostName {
    text.parse().unwrap()
}

pub fn slot(text: &str) -> Slot {
    text.parse().unwrap()
}

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// `web:2` with a health check and the engine's restarts.
pub fn spec(image: &str) -> ContainerSpec {
    ContainerSpec {
        image: image.parse().unwrap(),
        command: None,
        entrypoint: None,
        environment: BTreeMap::new(),
        labels: BTreeMap::new(),
        stamps: BTreeMap::new(),
        files: BTreeMap::new(),
        folders: BTreeMap::new(),
        ports: BTreeSet::new(),
        network: Networking::default(),
        mounts: BTreeSet::new(),
        healthcheck: Some(Healthcheck {
            test: vec!["CMD".to_owned(), "true".to_owned()],
            ..Healthcheck::default()
        }),
        restart: Restart::UnlessStopped,
        user: None,
        working_dir: None,
        logging: Logging::default(),
        stop_grace_period: None,
        limits: Limits::default(),
        security: Default::default(),
        runtime: Default::default(),
    }
}

fn owner(of: &Slot, image: &str) -> Ownership {
    Ownership {
        slot: of.clone(),
        fingerprint: None,
        revision: None,
        image: Some(image.parse().unwrap()),
        digest: None,
        job: None,
        reserved: Default::default(),
    }
}

/// Hosts, each with one running replica of `web:1` for each of its slots.
pub struct Lab {
    pub world: Rc<World>,
    pub hosts: BTreeMap<HostName, Rc<SimHost>>,
    pub events: RefCell<Vec<(Duration, Event)>>,
}

impl Lab {
    /// `h1: web.1, web.2` is a host with two replicas. Calls take no time.
    pub fn new(hosts: &[(&str, &[&str])]) -> Self {
        let world = Rc::new(World::new(&cluster()));
        world.set_latency(Duration::ZERO);
        let image = ImageFacts {
            tags: ["web:1", "web:2", "web:3"].map(str::to_owned).to_vec(),
            ..ImageFacts::default()
        };
        let sim = |(name, slots): &(&str, &[&str])| {
            let live = |of: &&str| LiveContainer {
                id: format!("old-{of}"),
                name: String::new(),
                owner: owner(&slot(of), "web:1"),
                image_id: "img".into(),
                state: ContainerState::default(),
                started_at: String::new(),
                restarts: 0,
                network_ids: BTreeMap::new(),
                spec: None,
                masked: false,
            };
            let state = HostState {
                containers: slots.iter().map(live).collect(),
                images: BTreeMap::from([("img".to_owned(), image.clone())]),
                ..HostState::default()
            };
            let found = ObservedHost::Reachable(Box::new(state));
            (host(name), Rc::new(SimHost::new(&host(name), found, &world)))
        };
        Self {
            hosts: hosts.iter().map(sim).collect(),
            world,
            events: RefCell::default(),
        }
    }

    /// Hosts as they are. Calls take their time, so that several are under way at once.
    pub fn of(hosts: BTreeMap<HostName, HostState>) -> Self {
        let world = Rc::new(World::new(&cluster()));
        let sim = |(name, state): (HostName, HostState)| {
            let found = ObservedHost::Reachable(Box::new(state));
            let sim = Rc::new(SimHost::new(&name, found, &world));
            (name, sim)
        };
        Self {
            hosts: hosts.into_iter().map(sim).collect(),
            world,
            events: RefCell::default(),
        }
    }

    pub fn behave(&self, image: &str, behaviour: Behaviour) {
        self.world.set_behaviour(&image.parse().unwrap(), behaviour);
    }

    pub fn sim(&self, name: &str) -> &SimHost {
        &self.hosts[&host(name)]
    }

    /// Does a plan. That it ends at all is part of every test.
    pub async fn run(&self, plan: &Plan, stop: &Stop) -> Outcome {
        self.run_with(plan, stop, 16).await
    }

    pub async fn run_with(&self, plan: &Plan, stop: &Stop, parallel: usize) -> Outcome {
        self.run_leased(plan, stop, parallel, Box::new(|_| Ok(()))).await
    }

    /// Does a plan where something may begin on a host only while `lease` says so.
    pub async fn run_leased(&self, plan: &Plan, stop: &Stop, parallel: usize, lease: Lease) -> Outcome {
        let as_host = |(name, sim): (&HostName, &Rc<SimHost>)| (name.clone(), Rc::clone(sim) as Rc<dyn Host>);
        let hosts = self.hosts.iter().map(as_host).collect();
        let options = Options {
            parallel,
            variables: BTreeMap::new(),
            by: "ann@desk".to_owned(),
            run: "one".to_owned(),
            build: None,
            secrets: Default::default(),
            at: Box::new(|| "2026-01-02T03:04:05Z".to_owned()),
            lease,
        };
        let begin = Instant::now();
        let mut events = |event| self.events.borrow_mut().push((begin.elapsed(), event));
        let (credentials, day) = (BTreeMap::new(), secs(86_400));
        let run = execute(plan, &hosts, &credentials, &options, stop, &mut events);
        timeout(day, run).await.expect("it hangs")
    }

    /// What was changed on the hosts, the journal apart.
    pub fn log(&self) -> Vec<String> {
        let calls = self
            .world
            .log()
            .into_iter()
            .filter(|call| !call.what.starts_with("write "));
        calls.map(|call| format!("{} {}", call.host, call.what)).collect()
    }

    /// When each change with this beginning came, in seconds, rounded down.
    pub fn times(&self, what: &str) -> Vec<u64> {
        let calls = self.world.log().into_iter().filter(|call| call.what.starts_with(what));
        calls.map(|call| call.at.as_secs()).collect()
    }

    /// `shop.web.1 web:2 healthy`, for each container of a host.
    pub fn containers(&self, name: &str) -> Vec<String> {
        let live = self.sim(name).observe().containers.into_iter();
        live.map(|live| format!("{} {} {}", live.name, live.owner.image.unwrap(), live.state))
            .collect()
    }

    pub fn journal(&self, name: &str) -> JournalRecord {
        self.sim(name).observe().journal.pop().expect("no journal")
    }

    /// The error and the log of a failed step.
    pub fn failure(&self) -> (String, Vec<String>) {
        let events = self.events.borrow();
        let mut failures = events.iter().filter_map(|(_, event)| match event {
            Event::Failed { error, logs, .. } => Some((error.clone(), logs.clone())),
            _ => None,
        });
        failures.next().expect("nothing failed")
    }
}

/// How each step of a plan ended, as `h1 start shop.web.1: done`.
pub fn ends(plan: &Plan, outcome: &Outcome) -> Vec<String> {
    let end = |step: &Step| match &outcome.steps[&step.id] {
        StepEnd::Done => "done",
        StepEnd::Failed(_) => "failed",
        StepEnd::Undone => "undone",
        StepEnd::Skipped => "skipped",
    };
    let line = |step: &Step| format!("{} {}: {}", step.host, step.op, end(step));
    plan.steps.iter().map(line).collect()
}

/// A plan made by hand, with one rollout of `web`.
pub struct Maker {
    pub plan: Plan,
    pub image: &'static str,
    pub order: Order,
    pub monitor: Span,
    pub gate: Option<Arc<Gate>>,
}

impl Maker {
    pub fn new(parallelism: u32, delay: u64) -> Self {
        let service: cdk::model::name::ServiceName = "web".parse().unwrap();
        let rollout = Rollout {
            service: service.clone(),
            parallelism,
            delay: Span::seconds(delay),
            units: Vec::new(),
            cleanup: Vec::new(),
            stops: Vec::new(),
            canary: false,
            on_failure: None,
        };
        let change = ServiceChange {
            service,
            how: String::new(),
            fields: Vec::new(),
            slots: Vec::new(),
        };
        let plan = Plan {
            tidy: Vec::new(),
            cluster: cluster(),
            revision: Revision::default(),
            services: vec![change],
            networks: Vec::new(),
            firewalls: Vec::new(),
            addresses: Vec::new(),
            notes: Vec::new(),
            steps: Vec::new(),
            rollouts: vec![rollout],
            placement: BTreeMap::new(),
            digests: BTreeMap::new(),
            sequence: 19,
            hosts: Vec::new(),
            memory: Memory::default(),
            forgets: BTreeSet::new(),
            asked: Default::default(),
            scope: Default::default(),
            rollback: Default::default(),
            pinned: false,
            jobs: BTreeMap::new(),
            depends_on: BTreeMap::new(),
        };
        Self {
            plan,
            image: "web:2",
            order: Order::StopFirst,
            monitor: Span::seconds(5),
            gate: None,
        }
    }

    /// A step by itself.
    pub fn step(&mut self, on: &str, of: Option<&str>, op: Op, undo: Vec<Op>) -> &mut Step {
        let id = StepId(u32::try_from(self.plan.steps.len()).unwrap());
        if !self.plan.hosts.contains(&host(on)) {
            self.plan.hosts.push(host(on));
        }
        self.plan.steps.push(Step {
            id,
            host: host(on),
            slot: of.map(slot),
            op,
            pre: Precondition::None,
            after: Default::default(),
            settled: Default::default(),
            undo: undo.into_iter().collect(),
            why: "".into(),
        });
        self.plan.steps.last_mut().unwrap()
    }

    pub fn pull(&mut self, on: &str, image: &str) -> StepId {
        let image = image.parse().unwrap();
        self.step(on, None, Op::Image(ImageOp::Pull { image, digest: None }), Vec::new())
            .id
    }

    /// The replacement of a running replica; the old one is removed at the end.
    pub fn replace(&mut self, on: &str, of: &str) -> &mut Unit {
        let (name, old) = (
            container_name(&cluster(), &slot(of)),
            retired_name(&cluster(), &slot(of)),
        );
        let is = Precondition::Is {
            name: name.as_str().into(),
            id: format!("old-{of}").into(),
        };
        let rename = |name: &str, to: &str| {
            Op::Container(ContainerOp::Rename {
                name: name.into(),
                to: to.into(),
            })
        };
        let start = |name: &str| Op::Container(ContainerOp::Start { name: name.into() });
        let stop = |name: &str| Op::Container(ContainerOp::Stop { name: name.into() });
        let mut steps = Vec::new();
        if self.order == Order::StopFirst {
            steps.push((stop(&name), vec![start(&name)]));
        }
        steps.push((rename(&name, &old), vec![rename(&old, &name)]));
        steps.extend(self.fresh(of));
        if self.order == Order::StartFirst {
            steps.push((stop(&old), vec![start(&old)]));
        }
        self.unit(on, of, steps, Some(is));
        let cleanup = Op::Container(ContainerOp::Remove { name: old.into() });
        let cleanup = self.step(on, Some(of), cleanup, Vec::new()).id;
        self.plan.rollouts[0].cleanup.push(cleanup);
        self.change(on, of, Action::Replace);
        self.plan.rollouts[0].units.last_mut().unwrap()
    }

    /// A new replica.
    pub fn create(&mut self, on: &str, of: &str) {
        let steps = self.fresh(of);
        self.unit(on, of, steps, None);
        self.change(on, of, Action::Create);
    }

    fn fresh(&self, of: &str) -> Vec<(Op, Vec<Op>)> {
        let name = SharedText::from(container_name(&cluster(), &slot(of)));
        let create = ContainerOp::Create {
            name: name.clone(),
            spec: Arc::new(spec(self.image).into()),
            owner: Box::new(owner(&slot(of), self.image)),
        };
        let gate = GateOp::Up {
            name: name.clone(),
            monitor: self.monitor,
            timeout: Span::seconds(120),
            gate: self.gate.clone(),
        };
        let start = ContainerOp::Start { name: name.clone() };
        let stop = ContainerOp::Stop { name: name.clone() };
        let remove = ContainerOp::Remove { name };
        vec![
            (Op::Container(create), vec![Op::Container(remove)]),
            (Op::Container(start), vec![Op::Container(stop)]),
            (Op::Gate(gate), Vec::new()),
        ]
    }

    fn unit(&mut self, on: &str, of: &str, steps: Vec<(Op, Vec<Op>)>, first: Option<Precondition>) {
        let (mut ids, mut gate) = (Vec::new(), None);
        for (op, undo) in steps {
            let last: Option<StepId> = ids.last().copied();
            let is_gate = matches!(op, Op::Gate(_));
            let pre = match (&op, &first) {
                (Op::Container(ContainerOp::Create { name, .. }), _) => Precondition::Absent { name: name.clone() },
                (_, Some(first)) if ids.is_empty() => first.clone(),
                _ => Precondition::None,
            };
            let step = self.step(on, Some(of), op, undo);
            (step.after, step.pre) = (last.into_iter().collect(), pre);
            ids.push(step.id);
            if is_gate {
                gate = Some(step.id);
            }
        }
        let name = container_name(&cluster(), &slot(of)).into();
        let monitor = self.monitor;
        let gated = self.gate.is_some();
        let watch = Op::Gate(GateOp::Stays { name, monitor, gated });
        let watch = self.step(on, Some(of), watch, Vec::new());
        watch.after = gate.into_iter().collect();
        let watch = Some(watch.id);
        let unit = Unit {
            slot: slot(of),
            steps: ids.into_iter().collect(),
            watch,
            resumes: None,
            zone: None,
        };
        self.plan.rollouts[0].units.push(unit);
    }

    fn change(&mut self, on: &str, of: &str, action: Action) {
        let placed = PlacedSlot {
            host: host(on),
            ports: Vec::new(),
        };
        self.plan.placement.insert(slot(of), placed);
        self.plan.services[0].slots.push(SlotChange {
            slot: slot(of),
            action,
            host: Some(host(on)),
            from: None,
            fields: Vec::new(),
            why: "".into(),
            state: None,
        });
    }
}
