//! One step of the plan: when it may begin, what is checked just before, how it ended. What is in hand at once is counted here.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::execute::board::{Board, Cause, Verdict};
use crate::execute::gate::Seen;
use crate::execute::outcome::{Event, ServiceEnd, StepEnd};
use crate::execute::stop::{Stop, Urgency};
use crate::execute::{Lease, Options, firewall};
use crate::host::{Credentials, Host, HostError};
use crate::model::blob::Opened;
use crate::model::name::{HostName, ServiceName};
use crate::model::op::{ImageOp, Op};
use crate::plan::step::{Plan, Precondition, Step, StepId};

/// How many operations one host is given at once.
const OPS_PER_HOST: usize = 8;
/// How many pulls among them.
const PULLS_PER_HOST: usize = 3;
/// And how many changes that must be confirmed: each takes a session and then a handshake of its own, while an sshd opens ten sessions
/// on one connection (`MaxSessions`) and drops handshakes from the tenth at once on (`MaxStartups`).
const CONFIRMED_PER_HOST: usize = 2;

/// Why something could not be done.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) cause: Cause,
    pub(super) error: String,
    pub(super) logs: Vec<String>,
}

impl Failure {
    pub(super) fn replica(error: String) -> Self {
        Self {
            cause: Cause::Replica,
            error,
            logs: Vec::new(),
        }
    }

    fn host(error: String) -> Self {
        Self {
            cause: Cause::Host,
            error,
            logs: Vec::new(),
        }
    }
}

impl Failure {
    fn moved(error: String) -> Self {
        Self {
            cause: Cause::Moved,
            ..Self::replica(error)
        }
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        let cause = match error {
            HostError::Unreachable(_) | HostError::Deadline { .. } => Cause::Host,
            HostError::Denied(_) | HostError::NotFound(_) | HostError::Refused(_) => Cause::Replica,
        };
        Self {
            cause,
            error: error.to_string(),
            logs: Vec::new(),
        }
    }
}

/// What one host may have in work at once.
struct Lane {
    ops: Semaphore,
    pulls: Semaphore,
    confirmed: Semaphore,
}

/// One apply under way: what all its parts share.
pub(super) struct Run<'a> {
    pub(super) plan: &'a Plan,
    pub(super) hosts: &'a BTreeMap<HostName, Rc<dyn Host>>,
    pub(super) credentials: &'a BTreeMap<String, Credentials>,
    pub(super) variables: &'a BTreeMap<String, String>,
    pub(super) secrets: &'a Opened,
    pub(super) stop: &'a Stop,
    lease: &'a Lease,
    pub(super) board: Board,
    /// How the containers that were started or found up looked then, by host and name.
    pub(super) seen: RefCell<BTreeMap<(HostName, String), Seen>>,
    /// How the rollouts ended that have.
    pub(super) ended: RefCell<BTreeMap<ServiceName, ServiceEnd>>,
    /// The jobs' runs that are not taken back, by host and name.
    pub(super) left: RefCell<BTreeSet<(HostName, String)>>,
    dead: RefCell<BTreeSet<HostName>>,
    lanes: BTreeMap<HostName, Lane>,
    at_once: Semaphore,
    events: RefCell<&'a mut dyn FnMut(Event)>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        hosts: &'a BTreeMap<HostName, Rc<dyn Host>>,
        credentials: &'a BTreeMap<String, Credentials>,
        options: &'a Options,
        stop: &'a Stop,
        events: &'a mut dyn FnMut(Event),
    ) -> Self {
        let lane = || Lane {
            ops: Semaphore::new(OPS_PER_HOST),
            pulls: Semaphore::new(PULLS_PER_HOST),
            confirmed: Semaphore::new(CONFIRMED_PER_HOST),
        };
        Self {
            plan,
            hosts,
            credentials,
            variables: &options.variables,
            secrets: &options.secrets,
            stop,
            lease: &options.lease,
            board: Board::new(plan),
            seen: RefCell::default(),
            ended: RefCell::default(),
            left: RefCell::default(),
            dead: RefCell::default(),
            lanes: hosts.keys().map(|name| (name.clone(), lane())).collect(),
            at_once: Semaphore::new(options.parallel.clamp(1, Semaphore::MAX_PERMITS)),
            events: RefCell::new(events),
        }
    }

    pub(super) fn emit(&self, event: Event) {
        (self.events.borrow_mut())(event);
    }

    pub(super) fn host(&self, name: &HostName) -> Result<&Rc<dyn Host>, Failure> {
        let none = || Failure::host(format!("there is no connection to {name}"));
        self.hosts.get(name).ok_or_else(none)
    }

    /// That nobody else may be at work on a host. Who changes something there asks this just before.
    pub(super) fn leased(&self, host: &HostName) -> Result<(), Failure> {
        (self.lease)(host).map_err(Failure::host)
    }

    /// Whether a host has failed: nothing begins there any more.
    pub(super) fn is_dead(&self, host: &HostName) -> bool {
        self.dead.borrow().contains(host)
    }

    /// Does one step once it may begin, and says what it came to. A step that is `in_hand` belongs to a replica that is
    /// being worked on: neither a signal nor another replica's trouble with the host keeps it from beginning.
    pub(super) async fn step(&self, id: StepId, in_hand: bool) -> Verdict {
        let Some(step) = self.plan.step(id) else {
            return Verdict::Not(Cause::Replica);
        };
        if let Some(verdict) = self.board.verdict(id) {
            return verdict;
        }
        if let Some(cause) = self.ready(step).await {
            return self.skip(id, cause);
        }
        if let Some(wait) = firewall::delay(&step.op) {
            tokio::select! {
                biased;
                () = self.stop.reached(Urgency::Finish) => return self.skip(id, Cause::Stop),
                () = tokio::time::sleep(wait) => {}
            }
        }
        let _permits = self.permits(&step.host, &step.op).await;
        if !in_hand && self.stop.is_asked() {
            return self.skip(id, Cause::Stop);
        }
        if !in_hand && self.is_dead(&step.host) {
            return self.skip(id, Cause::Host);
        }
        self.board.begin(id);
        self.emit(Event::Started(id));
        let began = Instant::now();
        match self.attempt(step).await {
            Ok(()) => {
                self.board.settle(id, Verdict::Done, StepEnd::Done);
                self.emit(Event::Done(id, began.elapsed()));
                Verdict::Done
            }
            Err(failure) if failure.cause == Cause::Stop => self.leave(id),
            Err(failure) => self.fail(step, failure),
        }
    }

    /// Waits for what a step comes after; says why it cannot begin at all. It does end after a signal too: what is in hand is
    /// finished, and all else is skipped.
    pub(super) async fn ready(&self, step: &Step) -> Option<Cause> {
        for id in &step.after {
            if let Verdict::Not(cause) = self.board.ended(*id).await {
                return Some(cause);
            }
        }
        for id in &step.settled {
            self.board.ended(*id).await;
        }
        None
    }

    /// Waits until the host, and the apply as a whole, may take one more operation. A gate only looks, and takes no place.
    pub(super) async fn permits(&self, host: &HostName, op: &Op) -> Vec<SemaphorePermit<'_>> {
        let lane = self.lanes.get(host);
        let semaphores = match op {
            Op::Gate(_) => [None, None, None],
            Op::Image(ImageOp::Pull { .. }) => [
                lane.map(|lane| &lane.pulls),
                lane.map(|lane| &lane.ops),
                Some(&self.at_once),
            ],
            Op::Image(ImageOp::Remove { .. }) | Op::Volume(_) | Op::File(_) | Op::Network(_) | Op::Container(_) => {
                [None, lane.map(|lane| &lane.ops), Some(&self.at_once)]
            }
            Op::Firewall(_) | Op::Address(_) => [
                lane.map(|lane| &lane.confirmed),
                lane.map(|lane| &lane.ops),
                Some(&self.at_once),
            ],
        };
        let mut permits = Vec::new();
        for semaphore in semaphores.into_iter().flatten() {
            // They are never closed, so there is always a permit in the end.
            permits.extend(semaphore.acquire().await.ok());
        }
        permits
    }

    async fn attempt(&self, step: &Step) -> Result<(), Failure> {
        let host = self.host(&step.host)?;
        check(host.as_ref(), &step.pre).await?;
        self.leased(&step.host)?;
        self.board.set_tried(step.id);
        let result = self.apply(host.as_ref(), &step.op).await;
        if result.as_ref().is_err_and(|failure| failure.cause == Cause::Replica) {
            self.board.set_refused(step.id);
        }
        result
    }

    /// Ends a step that did not begin.
    pub(super) fn skip(&self, id: StepId, cause: Cause) -> Verdict {
        if let Some(verdict) = self.board.verdict(id) {
            return verdict;
        }
        self.board.settle(id, Verdict::Not(cause), StepEnd::Skipped);
        self.emit(Event::Skipped(id));
        Verdict::Not(cause)
    }

    /// Ends a step that failed.
    pub(super) fn fail(&self, step: &Step, failure: Failure) -> Verdict {
        let Failure { cause, error, logs } = failure;
        if cause == Cause::Host {
            self.dead.borrow_mut().insert(step.host.clone());
            if let (true, Some(slot)) = (self.board.is_tried(step.id), &step.slot) {
                self.board.doubt(slot);
            }
        }
        self.board
            .settle(step.id, Verdict::Not(cause), StepEnd::Failed(error.clone()));
        self.emit(Event::Failed {
            step: step.id,
            error,
            logs,
        });
        Verdict::Not(cause)
    }

    /// Ends all of a host's steps, before any began.
    pub(super) fn fail_host(&self, host: &HostName, error: &str) {
        self.dead.borrow_mut().insert(host.clone());
        for step in self.plan.steps.iter().filter(|step| step.host == *host) {
            self.fail(step, Failure::host(error.to_owned()));
        }
    }
}

/// Looks whether the host is still as it was when the plan was made.
async fn check(host: &dyn Host, pre: &Precondition) -> Result<(), Failure> {
    match pre {
        Precondition::None => Ok(()),
        Precondition::Absent { name } => match host.container(name).await? {
            None => Ok(()),
            Some(_) => Err(Failure::moved(format!(
                "{name} on {} was not there when the plan was made: plan again",
                host.name()
            ))),
        },
        Precondition::Is { name, id } => match host.container(name).await? {
            Some(container) if container.id == *id => Ok(()),
            Some(_) => Err(Failure::moved(format!(
                "{name} on {} is not the container that the plan was made for: plan again",
                host.name()
            ))),
            None => Err(Failure::moved(format!(
                "{name} on {} is gone since the plan was made: plan again",
                host.name()
            ))),
        },
    }
}
